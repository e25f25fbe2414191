//! A folder on a local disk.
//!
//! Write order of a new object: temporary file in the same folder → write → sync the file → rename
//! without overwrite → sync the folder; folders on the way are made and synced first. A crash
//! between any two steps leaves at most a file whose name begins with `.tmp-`, which no listing
//! shows. A failed sync poisons the handle for good: after it the page cache may show what the disk
//! does not have, so even reading back would lie.
//!
//! Every folder on the way is opened without following links, from a root that is held open, so a
//! link planted in the repository leads nowhere. Files have mode 0600, folders 0700. The calls
//! themselves are in [`disk`](super::disk).

use std::collections::HashSet;
use std::path::{Component, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use rustix::io::Errno;

use crate::base::entropy::{Entropy, draw};
use crate::storage::disk::{Facts, Folder, Open, Sort, system};
use crate::storage::path::is_part;
use crate::storage::{Entry, Got, Path, Span, Storage, StorageError, Version};

const TEMPORARY: &str = ".tmp-";
const LOCK: &str = ".lock";

/// Objects as files below a folder.
pub struct Local {
    place: PathBuf,
    root: Box<dyn Folder>,
    entropy: Arc<dyn Entropy>,
    poisoned: AtomicBool,
    durable_folders: Mutex<HashSet<String>>,
}

impl Local {
    /// Opens a folder that exists. The folder itself may be reached by a link; nothing below it may.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when it does not exist, and as the system fails.
    pub fn open(folder: &std::path::Path, entropy: Arc<dyn Entropy>) -> Result<Self, StorageError> {
        let root =
            system(folder).map_err(|errno| fault(errno, "open the folder", &folder.display().to_string()))?;
        Ok(Self::over(root, folder.to_path_buf(), entropy))
    }

    /// Makes the folder with mode 0700 if it does not exist, and those on the way to it; makes that
    /// durable, and opens it.
    ///
    /// # Errors
    /// As the system fails.
    pub fn create(folder: &std::path::Path, entropy: Arc<dyn Entropy>) -> Result<Self, StorageError> {
        let here = std::path::Path::new(".");
        let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(here);
        let missing = folder.strip_prefix(existing).unwrap_or(folder);
        let existing = if existing.as_os_str().is_empty() { here } else { existing };
        let made = system(existing).and_then(|start| make_folders(start, missing));
        let root = made.map_err(|errno| fault(errno, "make the folder", &folder.display().to_string()))?;
        Ok(Self::over(root, folder.to_path_buf(), entropy))
    }

    /// Objects below a folder of whatever disk.
    pub(super) fn over(root: Box<dyn Folder>, place: PathBuf, entropy: Arc<dyn Entropy>) -> Self {
        let poisoned = AtomicBool::new(false);
        Self { place, root, entropy, poisoned, durable_folders: Mutex::default() }
    }

    /// Removes temporary files that a crash left behind and that are older than `age`; returns how many.
    ///
    /// # Errors
    /// As the system fails.
    pub fn remove_leftovers(&self, now: Timestamp, age: Duration) -> Result<usize, StorageError> {
        let mut removed = 0;
        let mut folders = vec![(String::new(), self.folder(&[], false, "the repository")?)];
        while let Some((prefix, folder)) = folders.pop() {
            for (name, sort) in folder.rows().map_err(|errno| fault(errno, "list", &prefix))? {
                let path = format!("{prefix}{name}");
                if sort == Sort::Folder && is_part(&name) {
                    let below = folder.open_folder(name.as_ref());
                    let below = below.map_err(|errno| fault(errno, "open the folder", &path))?;
                    folders.push((format!("{path}/"), below));
                } else if sort == Sort::File && name.starts_with(TEMPORARY) {
                    let facts = folder.facts(&name).map_err(|errno| fault(errno, "look at", &path))?;
                    let old = now.duration_since(modified(&facts)).unsigned_abs() >= age;
                    if old && folder.unlink(&name).is_ok() {
                        removed += 1;
                    }
                }
            }
        }
        Ok(removed)
    }

    fn usable(&self) -> Result<(), StorageError> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(StorageError::Poisoned { place: self.place() });
        }
        Ok(())
    }

    /// What a sync gave; a failure is final for this handle.
    fn synced(&self, done: Result<(), Errno>, doing: &'static str, path: &str) -> Result<(), StorageError> {
        done.map_err(|errno| {
            self.poisoned.store(true, Ordering::SeqCst);
            // Whatever its number: the caller must not take it for a write that did nothing.
            StorageError::Io { doing, path: path.to_owned(), source: errno.into() }
        })
    }

    /// Opens the folder of an object, step by step from the root and without following links.
    fn folder(&self, parts: &[&str], create: bool, path: &str) -> Result<Box<dyn Folder>, StorageError> {
        let opening = |errno| fault(errno, "open the folder of", path);
        let mut folder = self.root.open_folder(".".as_ref()).map_err(opening)?;
        let mut so_far = String::new();
        for part in parts {
            so_far.push_str(part);
            let known = create && self.known_durable(&so_far);
            if create && !known {
                match folder.make_folder(part.as_ref()) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(fault(errno, "make the folder of", path)),
                }
            }
            let below = folder.open_folder(part.as_ref()).map_err(opening)?;
            if create && !known {
                // Made now, or by a process that may have died before its own sync.
                self.synced(folder.sync(), "sync the folder of", path)?;
                self.remember_durable(&so_far);
            }
            folder = below;
            so_far.push('/');
        }
        Ok(folder)
    }

    fn known_durable(&self, folder: &str) -> bool {
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    fn remember_durable(&self, folder: &str) {
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    }

    /// Writes and syncs a temporary file; gives its name and the version it will be known by.
    fn write_temporary(
        &self,
        folder: &dyn Folder,
        path: &Path,
        bytes: &[u8],
        newer_than: Option<SystemTime>,
    ) -> Result<(String, Version), StorageError> {
        let random: [u8; 16] = draw(self.entropy.as_ref()).map_err(|error| StorageError::Io {
            doing: "name a temporary file for",
            path: path.to_string(),
            source: std::io::Error::other(error),
        })?;
        let name = format!("{TEMPORARY}{}", data_encoding::HEXLOWER.encode(&random));
        let mut file = folder.create(&name).map_err(|errno| fault(errno, "create", path.as_str()))?;
        let written = file
            .write(bytes)
            .and_then(|()| newer_than.map_or(Ok(()), |old| after(file.as_mut(), old)))
            .map_err(|errno| fault(errno, "write", path.as_str()))
            .and_then(|()| self.synced(file.sync(), "sync", path.as_str()))
            .and_then(|()| file.facts().map_err(|errno| fault(errno, "look at", path.as_str())));
        match written {
            Ok(facts) => Ok((name, version(&facts))),
            Err(error) => {
                discard(folder, &name);
                Err(error)
            }
        }
    }

    fn finish(&self, folder: &dyn Folder, path: &Path) -> Result<(), StorageError> {
        self.synced(folder.sync(), "sync the folder of", path.as_str())
    }

    fn walk(
        &self,
        folder: &dyn Folder,
        prefix: &str,
        after: &str,
        found: &mut Vec<Entry>,
    ) -> Result<(), StorageError> {
        for (name, sort) in folder.rows().map_err(|errno| fault(errno, "list", prefix))? {
            if !is_part(&name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            match sort {
                Sort::Folder => {
                    let inside = format!("{path}/");
                    if inside.as_str() < after && !after.starts_with(&inside) {
                        continue;
                    }
                    match folder.open_folder(name.as_ref()) {
                        Ok(below) => self.walk(below.as_ref(), &inside, after, found)?,
                        Err(Errno::NOENT) => {}
                        Err(errno) => return Err(fault(errno, "list", &path)),
                    }
                }
                Sort::File if path.as_str() > after => match folder.facts(&name) {
                    Ok(facts) => found.push(Entry {
                        path: Path::new(&path)?,
                        size: facts.size,
                        modified: modified(&facts),
                    }),
                    Err(Errno::NOENT) => {}
                    Err(errno) => return Err(fault(errno, "look at", &path)),
                },
                _ => {}
            }
        }
        Ok(())
    }
}

impl Storage for Local {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        self.usable()?;
        let (parts, name) = path.split();
        let folder = self.folder(&parts, true, path.as_str())?;
        let (temporary, version) = self.write_temporary(folder.as_ref(), path, bytes, None)?;
        if let Err(errno) = folder.rename_new(&temporary, name) {
            discard(folder.as_ref(), &temporary);
            return Err(fault(errno, "name", path.as_str()));
        }
        self.finish(folder.as_ref(), path)?;
        Ok(version)
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        self.usable()?;
        let (parts, name) = path.split();
        let folder = self.folder(&parts, false, path.as_str())?;
        let (mut file, facts) = open_object(folder.as_ref(), name, path)?;
        let found = version(&facts);
        if seen.is_some_and(|seen| *seen != found) {
            return Err(StorageError::Precondition { path: path.to_string() });
        }
        let range = span.within(facts.size);
        let bytes = file.read(range).map_err(|errno| fault(errno, "read", path.as_str()))?;
        Ok(Got { bytes: Bytes::from(bytes), size: facts.size, version: found })
    }

    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.usable()?;
        let parts: Vec<&str> = folder.map_or_else(Vec::new, |f| f.as_str().split('/').collect());
        let prefix: String = parts.iter().flat_map(|part| [*part, "/"]).collect();
        let mut found = Vec::new();
        match self.folder(&parts, false, &prefix) {
            Ok(start) => self.walk(start.as_ref(), &prefix, after.map_or("", Path::as_str), &mut found)?,
            Err(StorageError::NotFound { .. }) => return Ok(found),
            Err(error) => return Err(error),
        }
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        found.truncate(max);
        Ok(found)
    }

    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError> {
        self.usable()?;
        let (parts, name) = path.split();
        let folder = self.folder(&parts, false, path.as_str())?;
        let _lock = lock(folder.as_ref(), path)?;
        let (_, facts) = open_object(folder.as_ref(), name, path)?;
        if version(&facts) != *seen {
            return Err(StorageError::Precondition { path: path.to_string() });
        }
        let (temporary, version) =
            self.write_temporary(folder.as_ref(), path, bytes, Some(facts.modified))?;
        if let Err(errno) = folder.rename(&temporary, name) {
            discard(folder.as_ref(), &temporary);
            return Err(fault(errno, "replace", path.as_str()));
        }
        self.finish(folder.as_ref(), path)?;
        Ok(version)
    }

    fn delete(&self, path: &Path) -> Result<(), StorageError> {
        self.usable()?;
        let (parts, name) = path.split();
        let folder = match self.folder(&parts, false, path.as_str()) {
            Ok(folder) => folder,
            Err(StorageError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let _lock = lock(folder.as_ref(), path)?;
        match folder.unlink(name) {
            // Not there: somebody may have deleted it and died before his sync.
            Ok(()) | Err(Errno::NOENT) => self.finish(folder.as_ref(), path),
            Err(errno) => Err(fault(errno, "delete", path.as_str())),
        }
    }

    fn place(&self) -> String {
        self.place.display().to_string()
    }
}

/// Makes the folders of a path below another one, each durable before the next.
fn make_folders(mut at: Box<dyn Folder>, path: &std::path::Path) -> Result<Box<dyn Folder>, Errno> {
    for part in path.components().filter(|part| *part != Component::CurDir) {
        let name = part.as_os_str();
        match at.make_folder(name) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let below = at.open_folder(name)?;
        at.sync()?;
        at = below;
    }
    Ok(at)
}

/// Holds off other replacements and deletions in the same folder, in this and other processes.
fn lock(folder: &dyn Folder, path: &Path) -> Result<Box<dyn Send>, StorageError> {
    folder.lock(LOCK).map_err(|errno| fault(errno, "lock", path.as_str()))
}

fn open_object(folder: &dyn Folder, name: &str, path: &Path) -> Result<(Box<dyn Open>, Facts), StorageError> {
    let file = folder.open(name).map_err(|errno| fault(errno, "open", path.as_str()))?;
    let facts = file.facts().map_err(|errno| fault(errno, "look at", path.as_str()))?;
    if facts.sort == Sort::File {
        Ok((file, facts))
    } else {
        Err(StorageError::Obstructed { path: path.to_string() })
    }
}

/// A file that stays has no other effect than its place on the disk until it is swept up.
fn discard(folder: &dyn Folder, temporary: &str) {
    let _ = folder.unlink(temporary);
}

/// Moves the file's time past the replaced one's, so that two states never have one version.
fn after(file: &mut dyn Open, old: SystemTime) -> Result<(), Errno> {
    let now = file.facts()?.modified;
    if now <= old { file.set_modified(old + Duration::from_micros(1)) } else { Ok(()) }
}

fn version(facts: &Facts) -> Version {
    let (sign, since) = match facts.modified.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    Version::new(format!("{:x}-{sign}{:x}-{:x}", facts.number, since.as_nanos(), facts.size))
}

fn modified(facts: &Facts) -> Timestamp {
    Timestamp::try_from(facts.modified).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn fault(errno: Errno, doing: &'static str, path: &str) -> StorageError {
    let path = path.to_owned();
    match errno {
        Errno::NOENT => StorageError::NotFound { path },
        Errno::EXIST => StorageError::AlreadyExists { path },
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => StorageError::NoSpace { path },
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            StorageError::Denied { doing, path, source: errno.into() }
        }
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO => StorageError::Obstructed { path },
        errno => StorageError::Io { doing, path, source: errno.into() },
    }
}

#[cfg(test)]
mod tests;
