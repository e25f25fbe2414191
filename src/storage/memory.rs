//! Objects in memory, for tests: with a live image and the durable one that a power cut leaves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use crate::base::time::{Clock, SystemClock};
use crate::storage::{Entry, Got, Path, Span, Storage, StorageError, Version};

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    version: u64,
    modified: Timestamp,
}

#[derive(Default)]
struct Images {
    live: BTreeMap<Path, Object>,
    durable: BTreeMap<Path, Object>,
    versions: u64,
    losing: bool,
    capacity: Option<u64>,
}

/// Objects in memory. Never for a repository that anyone needs.
pub struct Memory {
    images: Mutex<Images>,
    clock: Arc<dyn Clock>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty storage with the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty storage whose objects are dated by this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { images: Mutex::default(), clock }
    }

    /// While on, what is acknowledged is seen by readers but not kept over [`Self::after_crash`]: a
    /// disk that lies about syncing.
    pub fn lose_syncs(&self, on: bool) {
        self.images().losing = on;
    }

    /// Refuses writes that would take the total over this many bytes.
    pub fn limit_bytes(&self, capacity: Option<u64>) {
        self.images().capacity = capacity;
    }

    /// What a power cut now would leave, as a storage of its own.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        let images = self.images();
        let kept = Images {
            live: images.durable.clone(),
            durable: images.durable.clone(),
            versions: images.versions,
            losing: false,
            capacity: images.capacity,
        };
        Self { images: Mutex::new(kept), clock: self.clock.clone() }
    }

    /// A second storage with the same objects.
    #[must_use]
    pub fn copy(&self) -> Self {
        let images = self.images();
        let copied = Images {
            live: images.live.clone(),
            durable: images.durable.clone(),
            versions: images.versions,
            losing: images.losing,
            capacity: images.capacity,
        };
        Self { images: Mutex::new(copied), clock: self.clock.clone() }
    }

    /// Changes an object's bytes behind everybody's back, as a failing disk does. `false` when there
    /// is no such object.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut images = self.images();
        let Some(object) = images.live.get_mut(path) else { return false };
        let mut bytes = object.bytes.to_vec();
        change(&mut bytes);
        object.bytes = Bytes::from(bytes);
        let object = object.clone();
        images.durable.insert(path.clone(), object);
        true
    }

    fn images(&self) -> MutexGuard<'_, Images> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Images {
    fn room_for(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let used: usize = self.live.iter().filter(|(p, _)| *p != path).map(|(_, o)| o.bytes.len()).sum();
        if (used + bytes.len()) as u64 > capacity {
            return Err(StorageError::NoSpace { path: path.to_string() });
        }
        Ok(())
    }

    fn store(&mut self, path: &Path, bytes: &[u8], modified: Timestamp) -> Version {
        self.versions += 1;
        let object = Object { bytes: Bytes::copy_from_slice(bytes), version: self.versions, modified };
        let version = object.version();
        if !self.losing {
            self.durable.insert(path.clone(), object.clone());
        }
        self.live.insert(path.clone(), object);
        version
    }
}

impl Object {
    fn version(&self) -> Version {
        Version::new(self.version.to_string())
    }
}

impl Storage for Memory {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        let now = self.clock.now();
        let mut images = self.images();
        if images.live.contains_key(path) {
            return Err(StorageError::AlreadyExists { path: path.to_string() });
        }
        images.room_for(path, bytes)?;
        Ok(images.store(path, bytes, now))
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        let images = self.images();
        let object =
            images.live.get(path).ok_or_else(|| StorageError::NotFound { path: path.to_string() })?;
        let version = object.version();
        if seen.is_some_and(|seen| *seen != version) {
            return Err(StorageError::Precondition { path: path.to_string() });
        }
        let size = object.bytes.len() as u64;
        let range = span.within(size);
        let offsets = usize::try_from(range.start).unwrap_or(0)..usize::try_from(range.end).unwrap_or(0);
        Ok(Got { bytes: object.bytes.slice(offsets), size, version })
    }

    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        Ok(self
            .images()
            .live
            .iter()
            .filter(|(path, _)| folder.is_none_or(|folder| path.is_below(folder)))
            .filter(|(path, _)| after.is_none_or(|after| *path > after))
            .take(max)
            .map(|(path, object)| Entry {
                path: path.clone(),
                size: object.bytes.len() as u64,
                modified: object.modified,
            })
            .collect())
    }

    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError> {
        let now = self.clock.now();
        let mut images = self.images();
        let object =
            images.live.get(path).ok_or_else(|| StorageError::NotFound { path: path.to_string() })?;
        if object.version() != *seen {
            return Err(StorageError::Precondition { path: path.to_string() });
        }
        images.room_for(path, bytes)?;
        Ok(images.store(path, bytes, now))
    }

    fn delete(&self, path: &Path) -> Result<(), StorageError> {
        let mut images = self.images();
        images.live.remove(path);
        if !images.losing {
            images.durable.remove(path);
        }
        Ok(())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance;

    #[test]
    fn keeps_the_contract() {
        conformance::all(&Memory::new(), &Path::new("scratch").unwrap()).unwrap();
    }

    #[test]
    fn a_crash_keeps_what_was_durable() {
        let memory = Memory::new();
        let (kept, lost) = (Path::new("kept").unwrap(), Path::new("lost").unwrap());
        memory.put_new(&kept, b"1").unwrap();
        memory.lose_syncs(true);
        memory.put_new(&lost, b"2").unwrap();
        memory.delete(&kept).unwrap();
        assert!(memory.get(&lost, Span::All, None).is_ok());
        let after = memory.after_crash();
        assert!(after.get(&kept, Span::All, None).is_ok());
        assert!(matches!(after.get(&lost, Span::All, None), Err(StorageError::NotFound { .. })));
    }

    #[test]
    fn a_full_storage_refuses_and_keeps() {
        let memory = Memory::new();
        memory.limit_bytes(Some(3));
        memory.put_new(&Path::new("a").unwrap(), b"123").unwrap();
        let refused = memory.put_new(&Path::new("b").unwrap(), b"4");
        assert!(matches!(refused, Err(StorageError::NoSpace { .. })));
        assert_eq!(memory.list(None, None, 9).unwrap().len(), 1);
    }
}
