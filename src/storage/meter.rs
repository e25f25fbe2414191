//! Counts what goes through a storage: a bucket bills by the call, and tests assert the sums.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::storage::{Entry, Got, Path, Span, Storage, StorageError, Version};

/// Calls of one verb and the bytes they moved; failed calls count as calls.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Count {
    /// Calls made.
    pub calls: u64,
    /// Bytes of objects read or written; 0 for listings and deletions.
    pub bytes: u64,
}

/// The sums of all verbs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// [`Storage::put_new`].
    pub put_new: Count,
    /// [`Storage::get`].
    pub get: Count,
    /// [`Storage::list`].
    pub list: Count,
    /// [`Storage::replace_if`].
    pub replace_if: Count,
    /// [`Storage::delete`].
    pub delete: Count,
}

#[derive(Default)]
struct Cell {
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Cell {
    fn add(&self, bytes: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self) -> Count {
        Count { calls: self.calls.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

/// Wraps a storage and counts.
pub struct Meter {
    inner: Arc<dyn Storage>,
    put_new: Cell,
    get: Cell,
    list: Cell,
    replace_if: Cell,
    delete: Cell,
}

impl Meter {
    /// Starts at zero.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self {
            inner,
            put_new: Cell::default(),
            get: Cell::default(),
            list: Cell::default(),
            replace_if: Cell::default(),
            delete: Cell::default(),
        }
    }

    /// The sums so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            put_new: self.put_new.read(),
            get: self.get.read(),
            list: self.list.read(),
            replace_if: self.replace_if.read(),
            delete: self.delete.read(),
        }
    }
}

impl Storage for Meter {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        let done = self.inner.put_new(path, bytes);
        self.put_new.add(if done.is_ok() { bytes.len() } else { 0 });
        done
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        let got = self.inner.get(path, span, seen);
        self.get.add(got.as_ref().map_or(0, |got| got.bytes.len()));
        got
    }

    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.list.add(0);
        self.inner.list(folder, after, max)
    }

    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError> {
        let done = self.inner.replace_if(path, seen, bytes);
        self.replace_if.add(if done.is_ok() { bytes.len() } else { 0 });
        done
    }

    fn delete(&self, path: &Path) -> Result<(), StorageError> {
        self.delete.add(0);
        self.inner.delete(path)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, conformance};

    #[test]
    fn keeps_the_contract() {
        conformance::all(&Meter::new(Arc::new(Memory::new())), &Path::new("scratch").unwrap()).unwrap();
    }

    #[test]
    fn counts_calls_and_bytes() {
        let meter = Meter::new(Arc::new(Memory::new()));
        let a = Path::new("a").unwrap();
        meter.put_new(&a, b"12345").unwrap();
        assert!(meter.put_new(&a, b"12345").is_err());
        meter.get(&a, Span::Last(2), None).unwrap();
        meter.list(None, None, 1).unwrap();
        meter.delete(&a).unwrap();
        let counts = meter.counts();
        assert_eq!(counts.put_new, Count { calls: 2, bytes: 5 });
        assert_eq!(counts.get, Count { calls: 1, bytes: 2 });
        assert_eq!((counts.list.calls, counts.delete.calls, counts.replace_if.calls), (1, 1, 0));
    }
}
