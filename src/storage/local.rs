//! A folder on a local disk.
//!
//! Write order of a new object: temporary file in the same folder → write → sync the file → rename
//! without overwrite → sync the folder; folders on the way are made and synced first. A crash
//! between any two steps leaves at most a file whose name begins with `.tmp-`, which no listing
//! shows. A failed sync poisons the handle for good: after it the page cache may show what the disk
//! does not have, so even reading back would lie.
//!
//! Every folder on the way is opened without following links, from a root that is held open, so a
//! link planted in the repository leads nowhere. Files have mode 0600, folders 0700.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use crate::base::entropy::{Entropy, draw};
use crate::storage::path::is_part;
use crate::storage::{Entry, Got, Path, Span, Storage, StorageError, Version};

const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o700);
const TEMPORARY: &str = ".tmp-";
const LOCK: &str = ".lock";

/// Objects as files below a folder.
pub struct Local {
    place: PathBuf,
    root: OwnedFd,
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
        let place = folder.display().to_string();
        let root = rustix::fs::open(folder, folder_flags() - OFlags::NOFOLLOW, Mode::empty())
            .map_err(|errno| fault(errno, "open the folder", &place))?;
        Ok(Self {
            place: folder.to_path_buf(),
            root,
            entropy,
            poisoned: AtomicBool::new(false),
            durable_folders: Mutex::new(HashSet::new()),
        })
    }

    /// Makes the folder with mode 0700 if it does not exist, makes that durable, and opens it.
    ///
    /// # Errors
    /// As the system fails.
    pub fn create(folder: &std::path::Path, entropy: Arc<dyn Entropy>) -> Result<Self, StorageError> {
        use std::os::unix::fs::DirBuilderExt;
        let place = folder.display().to_string();
        let io = |source| StorageError::Io { doing: "make the folder", path: place.clone(), source };
        if !folder.exists() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
            if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
                File::open(parent).and_then(|dir| dir.sync_all()).map_err(io)?;
            }
        }
        Self::open(folder, entropy)
    }

    /// Removes temporary files that a crash left behind and that are older than `age`; returns how many.
    ///
    /// # Errors
    /// As the system fails.
    pub fn remove_leftovers(&self, now: Timestamp, age: Duration) -> Result<usize, StorageError> {
        let mut removed = 0;
        let mut folders = vec![(String::new(), self.folder(&[], false, "the repository")?)];
        while let Some((prefix, folder)) = folders.pop() {
            for (name, kind) in self.read_folder(&folder, &prefix)? {
                let path = format!("{prefix}{name}");
                if kind == FileType::Directory && is_part(&name) {
                    let below =
                        open_folder(&folder, &name).map_err(|e| fault(e, "open the folder", &path))?;
                    folders.push((format!("{path}/"), below));
                } else if kind == FileType::RegularFile && name.starts_with(TEMPORARY) {
                    let stat = rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW)
                        .map_err(|e| fault(e, "look at", &path))?;
                    let old = now.duration_since(modified(&stat)).unsigned_abs() >= age;
                    if old && rustix::fs::unlinkat(&folder, &name, AtFlags::empty()).is_ok() {
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

    /// Syncs a file or folder; a failure is final for this handle.
    fn sync(&self, file: &File, doing: &'static str, path: &str) -> Result<(), StorageError> {
        file.sync_all().map_err(|source| {
            self.poisoned.store(true, Ordering::SeqCst);
            StorageError::Io { doing, path: path.to_owned(), source }
        })
    }

    /// Opens the folder of an object, step by step from the root and without following links.
    fn folder(&self, parts: &[&str], create: bool, path: &str) -> Result<OwnedFd, StorageError> {
        let mut folder =
            open_folder(&self.root, ".").map_err(|errno| fault(errno, "open the folder of", path))?;
        let mut so_far = String::new();
        for part in parts {
            so_far.push_str(part);
            let known = create && self.known_durable(&so_far);
            if create && !known {
                match rustix::fs::mkdirat(&folder, *part, FOLDER_MODE) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(fault(errno, "make the folder of", path)),
                }
            }
            let below =
                open_folder(&folder, part).map_err(|errno| fault(errno, "open the folder of", path))?;
            if create && !known {
                // Made now, or by a process that may have died before its own sync.
                self.sync(&File::from(folder), "sync the folder of", path)?;
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
        folder: &OwnedFd,
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
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(folder, name.as_str(), flags, FILE_MODE)
            .map_err(|errno| fault(errno, "create", path.as_str()))?;
        let mut file = File::from(fd);
        let written = file
            .write_all(bytes)
            .and_then(|()| newer_than.map_or(Ok(()), |old| after(&file, old)))
            .map_err(|source| io_fault(source, "write", path.as_str()))
            .and_then(|()| self.sync(&file, "sync", path.as_str()))
            .and_then(|()| rustix::fs::fstat(&file).map_err(|errno| fault(errno, "look at", path.as_str())));
        match written {
            Ok(stat) => Ok((name, version(&stat))),
            Err(error) => {
                discard(folder, &name);
                Err(error)
            }
        }
    }

    fn finish(&self, folder: OwnedFd, path: &Path) -> Result<(), StorageError> {
        self.sync(&File::from(folder), "sync the folder of", path.as_str())
    }

    fn open_object(&self, folder: &OwnedFd, path: &Path) -> Result<(File, Stat), StorageError> {
        let (_, name) = path.split();
        // NONBLOCK: opening a planted pipe must not hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(folder, name, flags, Mode::empty())
            .map_err(|errno| fault(errno, "open", path.as_str()))?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| fault(errno, "look at", path.as_str()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(StorageError::Obstructed { path: path.to_string() });
        }
        Ok((File::from(fd), stat))
    }

    /// Names and types in a folder, ours or not.
    fn read_folder(&self, folder: &OwnedFd, prefix: &str) -> Result<Vec<(String, FileType)>, StorageError> {
        let failed = |errno| fault(errno, "list", prefix);
        let mut rows = Vec::new();
        for row in Dir::read_from(folder).map_err(failed)? {
            let row = row.map_err(failed)?;
            let Ok(name) = row.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            let kind = match row.file_type() {
                FileType::Unknown => match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(failed(errno)),
                },
                kind => kind,
            };
            rows.push((name.to_owned(), kind));
        }
        Ok(rows)
    }

    fn walk(
        &self,
        folder: &OwnedFd,
        prefix: &str,
        after: &str,
        found: &mut Vec<Entry>,
    ) -> Result<(), StorageError> {
        for (name, kind) in self.read_folder(folder, prefix)? {
            if !is_part(&name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            match kind {
                FileType::Directory => {
                    let inside = format!("{path}/");
                    if inside.as_str() < after && !after.starts_with(&inside) {
                        continue;
                    }
                    match open_folder(folder, &name) {
                        Ok(below) => self.walk(&below, &inside, after, found)?,
                        Err(Errno::NOENT) => {}
                        Err(errno) => return Err(fault(errno, "list", &path)),
                    }
                }
                FileType::RegularFile if path.as_str() > after => {
                    match rustix::fs::statat(folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) => found.push(Entry {
                            path: Path::new(&path)?,
                            size: u64::try_from(stat.st_size).unwrap_or(0),
                            modified: modified(&stat),
                        }),
                        Err(Errno::NOENT) => {}
                        Err(errno) => return Err(fault(errno, "look at", &path)),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Holds off other replacements and deletions in the same folder, in this and other processes.
    fn lock(&self, folder: &OwnedFd, path: &Path) -> Result<OwnedFd, StorageError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let failed = |errno| fault(errno, "lock", path.as_str());
        let lock = rustix::fs::openat(folder, LOCK, flags, FILE_MODE).map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(failed)?;
        Ok(lock)
    }
}

impl Storage for Local {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        self.usable()?;
        let (parts, name) = path.split();
        let folder = self.folder(&parts, true, path.as_str())?;
        let (temporary, version) = self.write_temporary(&folder, path, bytes, None)?;
        if let Err(errno) = rename_new(&folder, &temporary, name) {
            discard(&folder, &temporary);
            return Err(fault(errno, "name", path.as_str()));
        }
        self.finish(folder, path)?;
        Ok(version)
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        self.usable()?;
        let (parts, _) = path.split();
        let folder = self.folder(&parts, false, path.as_str())?;
        let (mut file, stat) = self.open_object(&folder, path)?;
        let found = version(&stat);
        if seen.is_some_and(|seen| *seen != found) {
            return Err(StorageError::Precondition { path: path.to_string() });
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let range = span.within(size);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(range.start))
            .and_then(|_| {
                bytes.reserve_exact(usize::try_from(range.end - range.start).unwrap_or(0));
                file.take(range.end - range.start).read_to_end(&mut bytes)
            })
            .map_err(|source| io_fault(source, "read", path.as_str()))?;
        Ok(Got { bytes: Bytes::from(bytes), size, version: found })
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
            Ok(fd) => self.walk(&fd, &prefix, after.map_or("", Path::as_str), &mut found)?,
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
        let _lock = self.lock(&folder, path)?;
        let (file, stat) = self.open_object(&folder, path)?;
        if version(&stat) != *seen {
            return Err(StorageError::Precondition { path: path.to_string() });
        }
        let old = file
            .metadata()
            .and_then(|data| data.modified())
            .map_err(|source| io_fault(source, "look at", path.as_str()))?;
        let (temporary, version) = self.write_temporary(&folder, path, bytes, Some(old))?;
        if let Err(errno) = rustix::fs::renameat(&folder, temporary.as_str(), &folder, name) {
            discard(&folder, &temporary);
            return Err(fault(errno, "replace", path.as_str()));
        }
        self.finish(folder, path)?;
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
        let _lock = self.lock(&folder, path)?;
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => self.finish(folder, path),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(fault(errno, "delete", path.as_str())),
        }
    }

    fn place(&self) -> String {
        self.place.display().to_string()
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn open_folder(at: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(at, name, folder_flags(), Mode::empty())
}

/// Renames without overwriting; by a second link where the file system cannot do it in one step.
fn rename_new(folder: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            rustix::fs::linkat(folder, from, folder, to, AtFlags::empty())?;
            rustix::fs::unlinkat(folder, from, AtFlags::empty())
        }
        other => other,
    }
}

/// A file that stays has no other effect than its place on the disk until it is swept up.
fn discard(folder: &OwnedFd, temporary: &str) {
    let _ = rustix::fs::unlinkat(folder, temporary, AtFlags::empty());
}

/// Moves the file's time past the replaced one's, so that two states never have one version.
fn after(file: &File, old: SystemTime) -> std::io::Result<()> {
    let now = file.metadata()?.modified()?;
    if now <= old { file.set_modified(old + Duration::from_micros(1)) } else { Ok(()) }
}

fn version(stat: &Stat) -> Version {
    Version::new(format!("{:x}-{:x}-{:x}-{:x}", stat.st_ino, stat.st_mtime, stat.st_mtime_nsec, stat.st_size))
}

fn modified(stat: &Stat) -> Timestamp {
    Timestamp::new(stat.st_mtime, i32::try_from(stat.st_mtime_nsec).unwrap_or(0))
        .unwrap_or(Timestamp::UNIX_EPOCH)
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

fn io_fault(source: std::io::Error, doing: &'static str, path: &str) -> StorageError {
    match source.raw_os_error() {
        Some(code) => fault(Errno::from_raw_os_error(code), doing, path),
        None => StorageError::Io { doing, path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests;
