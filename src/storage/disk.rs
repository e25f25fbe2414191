//! The system calls that [`Local`](super::Local) is made of, as two small traits: a folder that is
//! held open, and a file in it.
//!
//! They are the only door from `local` to the disk, so that a test can fail any one call, or cut the
//! power between any two and see what the disk would hold afterwards (`crash`, in tests only). Nothing
//! here syncs unasked or follows a link below a root: which calls make a write durable, and in which
//! order, is `local`'s to say.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o700);

/// What stands under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    File,
    Folder,
    /// A link, pipe, socket or device.
    Other,
}

/// What the system tells of a file without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    pub(super) sort: Sort,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    /// Which file it is, whatever its name.
    pub(super) number: u64,
}

/// A folder that is held open. Names are single parts; no call follows a link.
pub(super) trait Folder: Send + Sync {
    fn open_folder(&self, name: &OsStr) -> Result<Box<dyn Folder>, Errno>;
    fn make_folder(&self, name: &OsStr) -> Result<(), Errno>;
    /// Names and what stands under them, ours or not; those that are no text are left out.
    fn rows(&self) -> Result<Vec<(String, Sort)>, Errno>;
    fn facts(&self, name: &str) -> Result<Facts, Errno>;
    /// A new file, for writing.
    fn create(&self, name: &str) -> Result<Box<dyn Open>, Errno>;
    /// A file, for reading.
    fn open(&self, name: &str) -> Result<Box<dyn Open>, Errno>;
    /// Gives a file another name that must be free.
    fn rename_new(&self, from: &str, to: &str) -> Result<(), Errno>;
    /// Gives a file another name, in place of what has it.
    fn rename(&self, from: &str, to: &str) -> Result<(), Errno>;
    fn unlink(&self, name: &str) -> Result<(), Errno>;
    /// Makes durable which names there are.
    fn sync(&self) -> Result<(), Errno>;
    /// Holds off everybody else who locks this name, until the answer is dropped.
    fn lock(&self, name: &str) -> Result<Box<dyn Send>, Errno>;
}

/// A file that is held open.
pub(super) trait Open {
    fn facts(&self) -> Result<Facts, Errno>;
    fn write(&mut self, bytes: &[u8]) -> Result<(), Errno>;
    /// The bytes of a range, fewer where the file ends.
    fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, Errno>;
    fn set_modified(&mut self, at: SystemTime) -> Result<(), Errno>;
    /// Makes durable what the file holds, not under which name.
    fn sync(&self) -> Result<(), Errno>;
}

/// A folder of the running system; the way to it may hold links.
pub(super) fn system(folder: &Path) -> Result<Box<dyn Folder>, Errno> {
    let root = rustix::fs::open(folder, folder_flags() - OFlags::NOFOLLOW, Mode::empty())?;
    Ok(Box::new(SystemFolder(root)))
}

struct SystemFolder(OwnedFd);

impl SystemFolder {
    fn stat(&self, name: &str) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

impl Folder for SystemFolder {
    fn open_folder(&self, name: &OsStr) -> Result<Box<dyn Folder>, Errno> {
        let below = rustix::fs::openat(&self.0, name, folder_flags(), Mode::empty())?;
        Ok(Box::new(Self(below)))
    }

    fn make_folder(&self, name: &OsStr) -> Result<(), Errno> {
        rustix::fs::mkdirat(&self.0, name, FOLDER_MODE)
    }

    fn rows(&self) -> Result<Vec<(String, Sort)>, Errno> {
        let mut rows = Vec::new();
        for row in Dir::read_from(&self.0)? {
            let row = row?;
            let Ok(name) = row.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            let kind = match row.file_type() {
                FileType::Unknown => match self.stat(name) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(errno),
                },
                kind => kind,
            };
            rows.push((name.to_owned(), sort(kind)));
        }
        Ok(rows)
    }

    fn facts(&self, name: &str) -> Result<Facts, Errno> {
        Ok(facts(&self.stat(name)?))
    }

    fn create(&self, name: &str) -> Result<Box<dyn Open>, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Box::new(File::from(rustix::fs::openat(&self.0, name, flags, FILE_MODE)?)))
    }

    fn open(&self, name: &str) -> Result<Box<dyn Open>, Errno> {
        // NONBLOCK: opening a planted pipe must not hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(Box::new(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?)))
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<(), Errno> {
        match rustix::fs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE) {
            // By a second link where the file system cannot do it in one step.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())?;
                self.unlink(from)
            }
            other => other,
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.0, from, &self.0, to)
    }

    fn unlink(&self, name: &str) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.0, name, AtFlags::empty())
    }

    fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.0)
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send>, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::openat(&self.0, name, flags, FILE_MODE)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Box::new(lock))
    }
}

impl Open for File {
    fn facts(&self) -> Result<Facts, Errno> {
        Ok(facts(&rustix::fs::fstat(self.as_fd())?))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.write_all(bytes).map_err(errno)
    }

    fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, Errno> {
        let length = range.end - range.start;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        self.seek(SeekFrom::Start(range.start))
            .and_then(|_| self.take(length).read_to_end(&mut bytes))
            .map_err(errno)?;
        Ok(bytes)
    }

    fn set_modified(&mut self, at: SystemTime) -> Result<(), Errno> {
        File::set_modified(self, at).map_err(errno)
    }

    fn sync(&self) -> Result<(), Errno> {
        self.sync_all().map_err(errno)
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn facts(stat: &Stat) -> Facts {
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let nanoseconds = Duration::new(0, u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
    let epoch = SystemTime::UNIX_EPOCH;
    let second = if stat.st_mtime < 0 { epoch.checked_sub(seconds) } else { epoch.checked_add(seconds) };
    Facts {
        sort: sort(FileType::from_raw_mode(stat.st_mode)),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: second.and_then(|second| second.checked_add(nanoseconds)).unwrap_or(epoch),
        number: stat.st_ino,
    }
}

fn sort(kind: FileType) -> Sort {
    match kind {
        FileType::RegularFile => Sort::File,
        FileType::Directory => Sort::Folder,
        _ => Sort::Other,
    }
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
