//! What this machine has already seen of a repository, so that nobody shows it less.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::base::ids::{RecordId, RepositoryId};
use crate::crypto::hierarchy::TenantPrefix;
use crate::crypto::sign::SignPublic;
use crate::format::local::Trust;
use crate::store::{StoreError, index};

/// The file's name in the index folder.
const FILE: &str = "trust";
const LOCK: &str = "trust.lock";

/// The trust file, or its stand-in for the life of the process.
pub(super) struct TrustFile {
    folder: Option<PathBuf>,
    trust: Mutex<Trust>,
}

impl TrustFile {
    /// Reads the trust file, or begins one.
    ///
    /// # Errors
    /// It is damaged, or another repository was seen here.
    pub(super) fn open(
        folder: Option<&Path>,
        repository: RepositoryId,
        owner: SignPublic,
        place: &str,
    ) -> Result<Self, StoreError> {
        let fresh = Trust { repository, owner, seen: std::collections::BTreeMap::new() };
        let known = folder.map(read).transpose()?.flatten();
        if known.as_ref().is_some_and(|known| known.repository != repository || known.owner != owner) {
            return Err(StoreError::Replaced { place: place.to_owned() });
        }
        let trust = known.unwrap_or(fresh);
        Ok(Self { folder: folder.map(Path::to_path_buf), trust: Mutex::new(trust) })
    }

    /// The highest record that was seen of a tenant.
    pub(super) fn seen(&self, prefix: TenantPrefix) -> Option<(u64, RecordId)> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).seen.get(&prefix).copied()
    }

    /// Remembers a record as seen. A file that cannot be written makes the next run trust less, so it
    /// is an error.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn see(&self, prefix: TenantPrefix, sequence: u64, id: RecordId) -> Result<(), StoreError> {
        let mut trust = self.trust.lock().unwrap_or_else(PoisonError::into_inner);
        if trust.seen.get(&prefix).is_some_and(|(seen, _)| *seen >= sequence) {
            return Ok(());
        }
        trust.seen.insert(prefix, (sequence, id));
        let Some(folder) = &self.folder else { return Ok(()) };
        let local = |source| StoreError::Local { path: folder.join(FILE).display().to_string(), source };
        index::make_folder(folder).map_err(local)?;
        let lock = File::create(folder.join(LOCK)).map_err(local)?;
        lock.lock().map_err(local)?;
        // Another process may have seen more of another tenant meanwhile.
        for (other, seen) in read(folder)?.map(|known| known.seen).unwrap_or_default() {
            let mine = trust.seen.entry(other).or_insert(seen);
            if seen.0 > mine.0 {
                *mine = seen;
            }
        }
        write(folder, &trust.encode()).map_err(local)
    }
}

fn read(folder: &Path) -> Result<Option<Trust>, StoreError> {
    let path = folder.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => Trust::decode(&bytes).map(Some).map_err(|error| StoreError::Damaged {
            object: path.display().to_string(),
            what: error.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Local { path: path.display().to_string(), source }),
    }
}

fn write(folder: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(FILE)).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
