//! A storage that breaks at a chosen operation, to learn what the layers above make of it.
//!
//! A test runs its scenario once with a fault that never comes to learn the number of operations,
//! then once for every operation and every kind of fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::storage::{Entry, Got, Memory, Path, Span, Storage, StorageError, Version};

/// How an operation breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// An error, and nothing was done.
    Before,
    /// An error, but it was done.
    After,
    /// A write leaves the first half of its bytes under the final name, and an error.
    Torn,
    /// A write is acknowledged and seen, but a crash loses it. Needs [`Fault::with_memory`].
    LostSync,
    /// A write is seen, its sync fails, a crash loses it; every later operation is refused, as by a
    /// poisoned handle. Needs [`Fault::with_memory`].
    FailedSync,
    /// A read gives the first half of its bytes and no error.
    ShortRead,
    /// A listing lacks its last row, the newest where names are in order of time.
    StaleList,
    /// From here on there is no space: writes fail, reads and deletions work.
    NoSpace,
    /// The operation takes this many milliseconds longer.
    Slow(u64),
}

impl FaultKind {
    /// Every kind, for tests that try them all.
    pub const ALL: [Self; 9] = [
        Self::Before,
        Self::After,
        Self::Torn,
        Self::LostSync,
        Self::FailedSync,
        Self::ShortRead,
        Self::StaleList,
        Self::NoSpace,
        Self::Slow(1),
    ];
}

/// Wraps a storage and breaks its operation number `at`, counted from 1.
pub struct Fault {
    inner: Arc<dyn Storage>,
    memory: Option<Arc<Memory>>,
    at: u64,
    kind: FaultKind,
    writes_only: bool,
    operations: AtomicU64,
    struck: AtomicBool,
    dead: AtomicBool,
}

impl Fault {
    /// Breaks operation `at` of this storage; 0 never.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, at: u64, kind: FaultKind) -> Self {
        Self {
            inner,
            memory: None,
            at,
            kind,
            writes_only: false,
            operations: AtomicU64::new(0),
            struck: AtomicBool::new(false),
            dead: AtomicBool::new(false),
        }
    }

    /// The same over memory, whose durable image lost syncs leave out.
    #[must_use]
    pub fn with_memory(memory: Arc<Memory>, at: u64, kind: FaultKind) -> Self {
        Self { memory: Some(memory.clone()), ..Self::new(memory, at, kind) }
    }

    /// Breaks the first write that is operation `at` or a later one.
    #[must_use]
    pub fn at_a_write(memory: Arc<Memory>, at: u64, kind: FaultKind) -> Self {
        Self { writes_only: true, ..Self::with_memory(memory, at, kind) }
    }

    /// Whether it has come.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// How many operations there were so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::SeqCst)
    }

    /// Counts the operation; the fault that strikes it, if one does.
    fn strike(&self, is_write: bool) -> Result<Option<FaultKind>, StorageError> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(StorageError::Poisoned { place: self.place() });
        }
        let number = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let late = self.at != 0 && number > self.at;
        let struck = match self.writes_only {
            true => is_write && (late || number == self.at) && !self.has_struck(),
            false => number == self.at || (self.kind == FaultKind::NoSpace && late),
        };
        self.struck.fetch_or(struck, Ordering::SeqCst);
        if let (true, FaultKind::Slow(milliseconds)) = (struck, self.kind) {
            std::thread::sleep(Duration::from_millis(milliseconds));
        }
        Ok(struck.then_some(self.kind))
    }

    /// A write under the fault that strikes it.
    fn write<T>(
        &self,
        path: &Path,
        bytes: &[u8],
        doing: impl Fn(&[u8]) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        match self.strike(true)? {
            Some(FaultKind::Before) => Err(broken(path)),
            Some(FaultKind::After) => doing(bytes).and(Err(broken(path))),
            Some(FaultKind::Torn) => doing(half).and(Err(broken(path))),
            Some(FaultKind::LostSync) => self.unsynced(|| doing(bytes)),
            Some(FaultKind::FailedSync) => {
                self.dead.store(true, Ordering::SeqCst);
                self.unsynced(|| doing(bytes)).and(Err(broken(path)))
            }
            Some(FaultKind::NoSpace) => Err(StorageError::NoSpace { path: path.to_string() }),
            Some(FaultKind::ShortRead | FaultKind::StaleList | FaultKind::Slow(_)) | None => doing(bytes),
        }
    }

    fn unsynced<T>(&self, doing: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
        if let Some(memory) = &self.memory {
            memory.lose_syncs(true);
        }
        let done = doing();
        if let Some(memory) = &self.memory {
            memory.lose_syncs(false);
        }
        done
    }
}

impl Storage for Fault {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        self.write(path, bytes, |bytes| self.inner.put_new(path, bytes))
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        let struck = self.strike(false)?;
        if matches!(struck, Some(FaultKind::Before | FaultKind::After)) {
            return Err(broken(path));
        }
        let mut got = self.inner.get(path, span, seen)?;
        if struck == Some(FaultKind::ShortRead) {
            got.bytes.truncate(got.bytes.len() / 2);
        }
        Ok(got)
    }

    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        let struck = self.strike(false)?;
        if matches!(struck, Some(FaultKind::Before | FaultKind::After)) {
            let path = folder.map_or_else(|| self.place(), Path::to_string);
            return Err(StorageError::Io { doing: "list", path, source: injected() });
        }
        let mut rows = self.inner.list(folder, after, max)?;
        if struck == Some(FaultKind::StaleList) {
            rows.pop();
        }
        Ok(rows)
    }

    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError> {
        self.write(path, bytes, |bytes| self.inner.replace_if(path, seen, bytes))
    }

    fn delete(&self, path: &Path) -> Result<(), StorageError> {
        match self.strike(false)? {
            Some(FaultKind::Before | FaultKind::Torn) => Err(broken(path)),
            Some(FaultKind::After) => self.inner.delete(path).and(Err(broken(path))),
            Some(FaultKind::LostSync) => self.unsynced(|| self.inner.delete(path)),
            Some(FaultKind::FailedSync) => {
                self.dead.store(true, Ordering::SeqCst);
                self.unsynced(|| self.inner.delete(path)).and(Err(broken(path)))
            }
            _ => self.inner.delete(path),
        }
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

fn injected() -> std::io::Error {
    std::io::Error::other("injected fault")
}

fn broken(path: &Path) -> StorageError {
    StorageError::Io { doing: "reach", path: path.to_string(), source: injected() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance;

    fn name(text: &str) -> Path {
        Path::new(text).unwrap()
    }

    #[test]
    fn without_a_fault_it_keeps_the_contract() {
        let fault = Fault::new(Arc::new(Memory::new()), 0, FaultKind::NoSpace);
        conformance::all(&fault, &name("scratch")).unwrap();
        assert!(fault.operations() > 10);
    }

    #[test]
    fn each_kind_breaks_a_write_in_its_own_way() {
        for (kind, fails, seen, after_crash) in [
            (FaultKind::Before, true, None, None),
            (FaultKind::After, true, Some(4), Some(4)),
            (FaultKind::Torn, true, Some(2), Some(2)),
            (FaultKind::LostSync, false, Some(4), None),
            (FaultKind::FailedSync, true, Some(4), None),
            (FaultKind::ShortRead, false, Some(4), Some(4)),
            (FaultKind::StaleList, false, Some(4), Some(4)),
            (FaultKind::NoSpace, true, None, None),
            (FaultKind::Slow(1), false, Some(4), Some(4)),
        ] {
            let memory = Arc::new(Memory::new());
            let fault = Fault::with_memory(memory.clone(), 1, kind);
            assert_eq!(fault.put_new(&name("a"), b"1234").is_err(), fails, "{kind:?}");
            let size = |m: &Memory| m.get(&name("a"), Span::All, None).ok().map(|got| got.size);
            assert_eq!(size(&memory), seen, "{kind:?}");
            assert_eq!(size(&memory.after_crash()), after_crash, "{kind:?}");
        }
    }

    #[test]
    fn reads_and_listings_break_too() {
        let memory = Arc::new(Memory::new());
        memory.put_new(&name("a"), b"1234").unwrap();
        let struck = |kind| Fault::with_memory(memory.clone(), 1, kind);
        assert_eq!(&struck(FaultKind::ShortRead).get(&name("a"), Span::All, None).unwrap().bytes[..], b"12");
        assert!(struck(FaultKind::StaleList).list(None, None, 9).unwrap().is_empty());
        assert!(struck(FaultKind::Before).list(None, None, 9).is_err());
    }

    #[test]
    fn a_full_disk_stays_full_and_a_failed_sync_is_final() {
        let full = Fault::new(Arc::new(Memory::new()), 1, FaultKind::NoSpace);
        assert!(full.put_new(&name("a"), b"").is_err());
        assert!(full.put_new(&name("a"), b"").is_err());
        assert!(full.list(None, None, 9).is_ok());
        let dead = Fault::new(Arc::new(Memory::new()), 1, FaultKind::FailedSync);
        assert!(dead.put_new(&name("a"), b"").is_err());
        assert!(matches!(dead.get(&name("a"), Span::All, None), Err(StorageError::Poisoned { .. })));
    }
}
