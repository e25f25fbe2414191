//! Whether the holder of a lease on this machine is still alive.
//!
//! A holder keeps a file named by its id locked. The system lets go of the lock when the process
//! ends, however it ends, so a file that can be locked proves that its holder is dead. The file also
//! names the machine's boot: on a folder that machines share, a lock may mean nothing to the others,
//! and there nothing is proved.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::store::{StoreError, index};

const FOLDER: &str = "holders";
/// Where Linux says which boot this is; elsewhere nothing is proved.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A file that is locked as long as the process lives.
pub(super) struct Alive {
    path: PathBuf,
    _locked: File,
}

impl Alive {
    /// Marks a holder as alive.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn mark(folder: &Path, holder: &[u8; 16]) -> Result<Self, StoreError> {
        let path = path(folder, holder);
        let marked = || {
            index::make_folder(folder)?;
            index::make_folder(&folder.join(FOLDER))?;
            let mut file = File::create_new(&path)?;
            file.try_lock().map_err(std::io::Error::from)?;
            write!(file, "{} {}", std::process::id(), boot())?;
            Ok(file)
        };
        match marked() {
            Ok(locked) => Ok(Self { path, _locked: locked }),
            Err(source) => Err(StoreError::Local { path: path.display().to_string(), source }),
        }
    }

    /// Takes the mark away, once the lease was given back.
    pub(super) fn remove(self) {
        // A file that stays is locked by nobody and says only that its holder is dead.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What the machine can say of a holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    /// It runs here, under this process id.
    Runs(u32),
    /// It ran here and has ended.
    Dead,
    /// Nothing is known here.
    Unknown,
}

/// Looks a holder up; the mark of a dead one is taken away.
pub(super) fn look(folder: Option<&Path>, holder: &[u8; 16]) -> Holder {
    let Some(path) = folder.map(|folder| path(folder, holder)) else { return Holder::Unknown };
    let Ok(mut file) = OpenOptions::new().read(true).write(true).open(&path) else { return Holder::Unknown };
    let mut text = String::new();
    let known = file.read_to_string(&mut text).ok().and_then(|_| text.split_once(' '));
    let Some((process, booted)) = known else { return Holder::Unknown };
    let Ok(process) = process.parse() else { return Holder::Unknown };
    if booted.is_empty() || booted != boot() {
        return Holder::Unknown;
    }
    match file.try_lock() {
        Ok(()) => {
            let _ = std::fs::remove_file(&path);
            Holder::Dead
        }
        Err(TryLockError::WouldBlock) => Holder::Runs(process),
        Err(TryLockError::Error(_)) => Holder::Unknown,
    }
}

fn path(folder: &Path, holder: &[u8; 16]) -> PathBuf {
    folder.join(FOLDER).join(data_encoding::HEXLOWER.encode(holder))
}

fn boot() -> String {
    std::fs::read_to_string(BOOT).map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_runs_until_it_ends_and_another_boot_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = Some(folder.path());
        assert_eq!(look(at, &[1; 16]), Holder::Unknown);
        assert_eq!(look(None, &[1; 16]), Holder::Unknown);
        let alive = Alive::mark(folder.path(), &[1; 16]).unwrap();
        assert_eq!(look(at, &[1; 16]), Holder::Runs(std::process::id()));
        drop(alive);
        assert_eq!(look(at, &[1; 16]), Holder::Dead);
        assert_eq!(look(at, &[1; 16]), Holder::Unknown, "the proof is used once");
        drop(Alive::mark(folder.path(), &[2; 16]).unwrap());
        std::fs::write(path(folder.path(), &[2; 16]), "7 another-boot").unwrap();
        assert_eq!(look(at, &[2; 16]), Holder::Unknown);
    }
}
