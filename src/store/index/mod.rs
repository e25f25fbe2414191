//! The index: a redb file beside the repository that answers without reading logs.
//!
//! It is a cache. Deleting it loses nothing, and it is never believed: redb does not notice a bit
//! that flipped in its file, so every row carries a keyed check over table, key and value, names the
//! version before it, and a missing row means "ask the repository", not "there is none". Any fault
//! ([`Fault`]) ends the index's use for this process; the answers then come from logs.
//!
//! Plain on disk are only keyed hashes and places. Records and ledgers, which hold names, are sealed.
//! One file serves all tenants of one repository; tables are named by tenant prefix. Read
//! [`versions`] next.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Once};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, TableDefinition};

use crate::base::entropy::Entropy;
use crate::base::ids::{RecordId, RepositoryId};
use crate::base::secret::Secret;
use crate::crypto::aead::SealKey;
use crate::crypto::hash::MacKey;
use crate::crypto::hierarchy::{Domain, TenantPrefix};

mod leaves;
mod records;
mod row;
mod versions;

pub(super) use versions::{Known, Version};

/// Memory that redb may use for pages.
const CACHE_BYTES: usize = 16 << 20;

/// The file's name in the index folder.
pub(super) const FILE: &str = "index.redb";

/// The tables that questions are answered from.
const ANSWERS: [char; 5] =
    [versions::TABLE, versions::TARGETS, records::RECORDS, records::LEDGERS, records::MAINTENANCE];

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const HEADS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("heads");
const FORMAT: &str = "lastgood index 1";

/// Why the index did not answer. Never shown as an error: the repository answers instead.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into().to_string())
    }
}

/// A row or page is not what was written.
fn damaged(what: &str) -> Fault {
    Fault(format!("a {what} of the index is damaged"))
}

/// Whether the index helps in this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexStatus {
    /// It is used.
    Ready,
    /// It lives in memory and ends with the process.
    InMemory,
    /// Another process has it open; answers come from the repository and take longer.
    Locked,
    /// It did not answer as it should; answers come from the repository. The text says why.
    Faulty(String),
}

/// One tenant's keys for the index.
#[derive(Clone)]
pub(super) struct Keys {
    prefix: TenantPrefix,
    check: MacKey,
    names: MacKey,
    seal: SealKey,
}

impl Keys {
    /// Derived from the oldest domain that the holder has, so that a new epoch does not blind it.
    pub(super) fn new(oldest: &Domain) -> Self {
        let key = |purpose: &str| -> Secret<[u8; 32]> { oldest.ids.local(purpose) };
        Self {
            prefix: oldest.prefix,
            check: MacKey::new(key("index rows")),
            names: MacKey::new(key("index names")),
            seal: SealKey::new(key("index pages")),
        }
    }

    fn table(&self, letter: char) -> String {
        format!("{letter}-{}", self.prefix)
    }

    /// The keyed name of a resource.
    fn name(&self, path: &str) -> [u8; 16] {
        first16(&self.names.mac(path.as_bytes()))
    }

    fn check(&self, table: &str, key: &[u8], value: &[u8]) -> [u8; 16] {
        first16(&self.check.mac_parts(&[table.as_bytes(), key, value]))
    }

    /// A value with its check behind it.
    fn checked(&self, table: &str, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
        let check = self.check(table, key, &value);
        value.extend_from_slice(&check);
        value
    }

    /// The value before its check, if the check holds.
    fn verified<'v>(&self, table: &str, key: &[u8], value: &'v [u8]) -> Result<&'v [u8], Fault> {
        let (value, check) = value.split_last_chunk::<16>().ok_or_else(|| damaged("row"))?;
        if self.check(table, key, value) == *check { Ok(value) } else { Err(damaged("row")) }
    }
}

fn first16(hash: &[u8; 32]) -> [u8; 16] {
    *hash.first_chunk().expect("32 bytes hold 16")
}

/// How far the index goes for a tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The last record that is in it.
    pub(super) sequence: u64,
    /// That record's id.
    pub(super) record: RecordId,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        [self.sequence.to_le_bytes().as_slice(), self.record.as_bytes()].concat()
    }

    fn decode(value: &[u8]) -> Result<Self, Fault> {
        let (sequence, record) = value.split_first_chunk::<8>().ok_or_else(|| damaged("head"))?;
        let record = record.try_into().map_err(|_| damaged("head"))?;
        Ok(Self { sequence: u64::from_le_bytes(*sequence), record: RecordId(record) })
    }
}

/// An open index.
pub(super) struct Index {
    database: Open,
    entropy: Arc<dyn Entropy>,
}

/// The database, until it is dropped: redb writes when it closes, and may panic on a damaged file.
struct Open(Option<Database>);

impl Open {
    const HELD: &'static str = "it is held until it is dropped";
}

impl Deref for Open {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().expect(Self::HELD)
    }
}

impl DerefMut for Open {
    fn deref_mut(&mut self) -> &mut Database {
        self.0.as_mut().expect(Self::HELD)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let database = self.0.take();
        // Whatever it was that went wrong, the next one to open the file meets it.
        let _ = caught(|| {
            drop(database);
            Ok(())
        });
    }
}

impl Index {
    /// Opens or makes the index of this repository; one of another repository or format is made anew.
    ///
    /// # Errors
    /// The status that says why there is none.
    pub(super) fn open(
        folder: Option<&Path>,
        repository: &RepositoryId,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, IndexStatus), IndexStatus> {
        let faulty = |fault: Fault| IndexStatus::Faulty(fault.0);
        let Some(folder) = folder else {
            let database = Builder::new()
                .set_cache_size(CACHE_BYTES)
                .create_with_backend(InMemoryBackend::new())
                .map_err(|error| faulty(error.into()))?;
            let index = Self { database: Open(Some(database)), entropy };
            index.claim(repository).map_err(faulty)?;
            return Ok((index, IndexStatus::InMemory));
        };
        make_folder(folder).map_err(|error| IndexStatus::Faulty(error.to_string()))?;
        let file = folder.join(FILE);
        for last in [false, true] {
            match Self::open_file(&file, repository, entropy.clone()) {
                Ok(Some(index)) => return Ok((index, IndexStatus::Ready)),
                Ok(None) => {}
                Err(Opening::Locked) => return Err(IndexStatus::Locked),
                Err(Opening::Fault(fault)) if last => return Err(faulty(fault)),
                Err(Opening::Fault(_)) => {}
            }
            // Not ours, or not whole: it is a cache, so a new one takes its place.
            std::fs::remove_file(&file).map_err(|error| IndexStatus::Faulty(error.to_string()))?;
        }
        Err(IndexStatus::Faulty("a new index file is not readable".to_owned()))
    }

    /// `None`: the file is readable and belongs to something else.
    fn open_file(
        file: &Path,
        repository: &RepositoryId,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Option<Self>, Opening> {
        let opened = caught(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES);
            Ok(builder.create(file))
        });
        let database = match opened.map_err(Opening::Fault)? {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(Opening::Locked),
            Err(error) => return Err(Opening::Fault(error.into())),
        };
        let index = Self { database: Open(Some(database)), entropy };
        let ours = caught(|| index.is_ours(repository)).map_err(Opening::Fault)?;
        match ours {
            Some(true) => Ok(Some(index)),
            Some(false) => Ok(None),
            None => {
                index.claim(repository).map_err(Opening::Fault)?;
                Ok(Some(index))
            }
        }
    }

    fn is_ours(&self, repository: &RepositoryId) -> Result<Option<bool>, Fault> {
        let read = self.database.begin_read()?;
        let table = match read.open_table(META) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = table.get(FORMAT)?;
        Ok(Some(found.is_some_and(|value| value.value() == repository.as_bytes())))
    }

    fn claim(&self, repository: &RepositoryId) -> Result<(), Fault> {
        let write = self.database.begin_write()?;
        write.open_table(META)?.insert(FORMAT, repository.as_bytes().as_slice())?;
        Ok(write.commit()?)
    }

    /// Checks every page's checksum; `false` when something was wrong.
    pub(super) fn is_whole(&mut self) -> bool {
        caught(|| Ok(self.database.check_integrity()?)).unwrap_or(false)
    }

    /// How far the index goes for a tenant; `None` when it has nothing of it.
    pub(super) fn head(&self, keys: &Keys) -> Result<Option<Head>, Fault> {
        caught(|| {
            let read = self.database.begin_read()?;
            let Some(table) = present(read.open_table(HEADS))? else { return Ok(None) };
            let Some(value) = table.get(keys.prefix.0)? else { return Ok(None) };
            Head::decode(keys.verified("heads", &keys.prefix.0, value.value())?).map(Some)
        })
    }

    /// Begins a change of a tenant's rows; nothing of it is seen before [`Update::commit`].
    pub(super) fn update<'i>(&'i self, keys: &'i Keys) -> Result<Update<'i>, Fault> {
        Ok(Update { write: self.database.begin_write()?, keys, entropy: self.entropy.as_ref() })
    }

    /// Forgets a tenant.
    pub(super) fn forget(&self, keys: &Keys) -> Result<(), Fault> {
        self.forget_tables(keys, &[ANSWERS.as_slice(), &[leaves::TABLE]].concat())
    }

    /// Forgets what it would answer of a tenant, and keeps the leaves of its newest state.
    pub(super) fn forget_answers(&self, keys: &Keys) -> Result<(), Fault> {
        self.forget_tables(keys, &ANSWERS)
    }

    fn forget_tables(&self, keys: &Keys, tables: &[char]) -> Result<(), Fault> {
        let write = self.database.begin_write()?;
        for table in tables.iter().copied() {
            let name = keys.table(table);
            let found = write.list_tables()?.any(|handle| redb::TableHandle::name(&handle) == name);
            if found {
                write.delete_table(TableDefinition::<&[u8], &[u8]>::new(&name))?;
            }
        }
        write.open_table(HEADS)?.remove(keys.prefix.0)?;
        Ok(write.commit()?)
    }
}

enum Opening {
    Locked,
    Fault(Fault),
}

/// Rows of one tenant that are being changed together.
pub(super) struct Update<'i> {
    write: redb::WriteTransaction,
    keys: &'i Keys,
    entropy: &'i dyn Entropy,
}

impl Update<'_> {
    /// Makes the rows durable, and the tenant's head this one.
    pub(super) fn commit(self, head: Head) -> Result<(), Fault> {
        let Self { write, keys, .. } = self;
        caught(|| {
            let value = keys.checked("heads", &keys.prefix.0, head.encode());
            write.open_table(HEADS)?.insert(keys.prefix.0, value.as_slice())?;
            Ok(write.commit()?)
        })
    }
}

/// A row, read and written again.
#[cfg(fuzzing)]
pub(super) fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
    row::Row::decode(bytes).ok().map(|row| row.encode())
}

thread_local! {
    /// Whether a panic on this thread is about the index, and nobody's business.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// redb may panic on a file that was changed under it; that too is a fault of a cache, of which nothing
/// is told but the status.
fn caught<T>(ask: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                told(panic);
            }
        }));
    });
    let outer = CATCHING.replace(true);
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask));
    CATCHING.set(outer);
    asked.unwrap_or_else(|_| Err(Fault("the index file is damaged".to_owned())))
}

/// A table that does not exist yet is an empty one.
fn present<T>(opened: Result<T, redb::TableError>) -> Result<Option<T>, Fault> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the folder for index and trust file, for its owner only.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_database_is_told_nobody_and_any_other_is() {
        const INSIDE: &str = "LASTGOOD_TEST_PANICS";
        if std::env::var_os(INSIDE).is_some() {
            assert!(caught::<()>(|| panic!("of the database")).is_err());
            assert!(std::panic::catch_unwind(|| panic!("of our own")).is_err());
            return;
        }
        // What a hook prints goes to the process: this test runs itself in one of its own.
        let test = "store::index::tests::a_panic_of_the_database_is_told_nobody_and_any_other_is";
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{told}");
        assert!(!told.contains("of the database") && told.contains("of our own"), "{told}");
    }
}
