//! Which version of a resource held from which record on.
//!
//! The newest version of a resource lies at (name, [`NEWEST`]), older ones at (name, sequence). Each
//! names the one before it, so a row that redb lost is noticed: the versions around a wanted time
//! must be neighbours. What the index has never heard of is [`Known::Unknown`], since a missing row
//! proves nothing.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use crate::base::ids::SegmentId;
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::bytes::{Reader, Writer};
use crate::format::references::{self as segment, SegmentRef};
use crate::store::entry::{Entry, Target};
use crate::store::index::row::{Packed, Row};
use crate::store::index::{Fault, Index, Keys, Update, caught, damaged, present};

pub(super) const TABLE: char = 'v';
pub(super) const TARGETS: char = 't';

/// Versions that are sorted together before they are inserted.
const RUN: usize = 1 << 14;

/// The place of a resource's newest version.
const NEWEST: u64 = u64::MAX;

type Definition<'a> = TableDefinition<'a, [u8; 24], &'static [u8]>;
type TargetDefinition<'a> = TableDefinition<'a, u32, &'static [u8]>;

/// What the index knows of a resource at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// It was there.
    Entry(Entry),
    /// It was not there, but has been before or came later.
    Absent,
    /// The index has no row of it; only the repository can tell.
    Unknown,
}

/// One version in a resource's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    /// The record that made it.
    pub(crate) sequence: u64,
    /// The version; `None`: gone.
    pub(crate) entry: Option<Entry>,
}

fn place(name: &[u8; 16], sequence: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(name);
    key[16..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// Reads rows of one tenant within one transaction.
struct Rows<'k, T> {
    table: T,
    name: String,
    keys: &'k Keys,
}

impl<T: ReadableTable<[u8; 24], &'static [u8]>> Rows<'_, T> {
    fn get(&self, key: [u8; 24]) -> Result<Option<Row>, Fault> {
        self.table.get(key)?.map(|value| self.decode(&key, value.value())).transpose()
    }

    fn decode(&self, key: &[u8; 24], value: &[u8]) -> Result<Row, Fault> {
        let row = Row::decode(self.keys.verified(&self.name, key, value)?)?;
        let (_, sequence) = key.split_last_chunk::<8>().ok_or_else(|| damaged("key"))?;
        let sequence = u64::from_be_bytes(*sequence);
        if sequence == NEWEST || sequence == row.sequence { Ok(row) } else { Err(damaged("row")) }
    }

    /// The version of a resource that held at a record.
    fn at(&self, name: &[u8; 16], sequence: u64) -> Result<Option<Option<Row>>, Fault> {
        let Some(newest) = self.get(place(name, NEWEST))? else { return Ok(None) };
        if newest.sequence <= sequence {
            return Ok(Some(Some(newest)));
        }
        let older = (Bound::Included(place(name, 0)), Bound::Included(place(name, sequence)));
        let held = match self.table.range(older)?.next_back() {
            Some(found) => {
                let (key, value) = found?;
                Some(self.decode(&key.value(), value.value())?)
            }
            None => None,
        };
        let newer = (Bound::Excluded(place(name, sequence)), Bound::Included(place(name, NEWEST)));
        let (key, value) = self.table.range(newer)?.next().ok_or_else(|| damaged("row"))??;
        let next = self.decode(&key.value(), value.value())?;
        if next.previous != held.as_ref().map_or(0, |row| row.sequence) {
            return Err(damaged("chain of versions"));
        }
        Ok(Some(held))
    }

    /// All versions of a resource, newest first; `None` when there is no row of it.
    fn all(&self, name: &[u8; 16]) -> Result<Option<Vec<Row>>, Fault> {
        let Some(newest) = self.get(place(name, NEWEST))? else { return Ok(None) };
        let mut rows = vec![newest];
        while let Some(previous) = rows.last().map(|row| row.previous).filter(|n| *n != 0) {
            let row = self.get(place(name, previous))?.ok_or_else(|| damaged("chain of versions"))?;
            if row.previous >= previous {
                return Err(damaged("chain of versions"));
            }
            rows.push(row);
        }
        Ok(Some(rows))
    }
}

/// The segments of a tenant by number.
struct Numbered<'k, T> {
    table: Option<T>,
    name: String,
    keys: &'k Keys,
    read: RefCell<HashMap<u32, Arc<Target>>>,
}

impl<T: ReadableTable<u32, &'static [u8]>> Numbered<'_, T> {
    fn get(&self, number: u32) -> Result<Arc<Target>, Fault> {
        if let Some(target) = self.read.borrow().get(&number) {
            return Ok(target.clone());
        }
        let lost = || damaged("segment number");
        let value = self.table.as_ref().ok_or_else(lost)?.get(number)?.ok_or_else(lost)?;
        let bytes = self.keys.verified(&self.name, &number.to_le_bytes(), value.value())?;
        let target = Arc::new(decode_target(self.keys.prefix, bytes)?);
        self.read.borrow_mut().insert(number, target.clone());
        Ok(target)
    }
}

fn encode_target(target: &Target) -> Vec<u8> {
    let SegmentRef { place, id, table } = &target.reference;
    let mut out = Writer::new();
    out.vu(if let segment::Place::Record(sequence) = place { *sequence } else { 0 });
    out.raw(id.as_bytes()).raw(table);
    out.finish()
}

fn decode_target(prefix: TenantPrefix, bytes: &[u8]) -> Result<Target, Fault> {
    let read = || {
        let mut input = Reader::new(bytes, "index row");
        let place = match input.vu()? {
            0 => segment::Place::Data,
            sequence => segment::Place::Record(sequence),
        };
        let reference = SegmentRef { place, id: SegmentId(input.array()?), table: input.array()? };
        input.end()?;
        Ok::<_, crate::format::FormatError>(Target { prefix, reference })
    };
    read().map_err(|_| damaged("segment number"))
}

impl Index {
    /// What held of a resource at a record that the index covers.
    pub(crate) fn lookup(&self, keys: &Keys, path: &str, sequence: u64) -> Result<Known, Fault> {
        self.with_rows(keys, |rows, targets| {
            Ok(match rows.at(&keys.name(path), sequence)? {
                None => Known::Unknown,
                Some(Some(Row { entry: Some(packed), .. })) => Known::Entry(packed.entry(targets)?),
                Some(_) => Known::Absent,
            })
        })
        .map(|known| known.unwrap_or(Known::Unknown))
    }

    /// Every version of a resource, newest first; `None` when the index has no row of it.
    pub(crate) fn versions(&self, keys: &Keys, path: &str) -> Result<Option<Vec<Version>>, Fault> {
        let found = self.with_rows(keys, |rows, targets| {
            let Some(rows) = rows.all(&keys.name(path))? else { return Ok(None) };
            let version = |row: Row| {
                let entry = row.entry.map(|packed| packed.entry(targets)).transpose()?;
                Ok(Version { sequence: row.sequence, entry })
            };
            rows.into_iter().map(version).collect::<Result<Vec<_>, Fault>>().map(Some)
        })?;
        Ok(found.flatten())
    }

    /// Runs a question over the rows of a tenant; `None` when there is no table of it.
    fn with_rows<A>(
        &self,
        keys: &Keys,
        ask: impl FnOnce(
            Rows<'_, redb::ReadOnlyTable<[u8; 24], &'static [u8]>>,
            &dyn Fn(u32) -> Result<Arc<Target>, Fault>,
        ) -> Result<A, Fault>,
    ) -> Result<Option<A>, Fault> {
        caught(|| {
            let read = self.database.begin_read()?;
            let name = keys.table(TABLE);
            let Some(table) = present(read.open_table(Definition::new(&name)))? else { return Ok(None) };
            let targets_name = keys.table(TARGETS);
            let targets = present(read.open_table(TargetDefinition::new(&targets_name)))?;
            let numbered = Numbered { table: targets, name: targets_name, keys, read: RefCell::default() };
            ask(Rows { table, name, keys }, &|number| numbered.get(number)).map(Some)
        })
    }
}

impl Update<'_> {
    /// Adds what one record changed: for each resource the new version, `None` where it is gone. A
    /// change that is in already is left as it is.
    pub(crate) fn versions<P: AsRef<str>, E: Borrow<Entry>>(
        &mut self,
        sequence: u64,
        mut changes: impl Iterator<Item = (P, Option<E>)>,
    ) -> Result<(), Fault> {
        let Self { write, keys, .. } = self;
        caught(|| {
            let name = keys.table(TABLE);
            let mut numbers = Numbers::open(write, keys)?;
            let mut rows = Rows { table: write.open_table(Definition::new(&name))?, name, keys };
            let mut run = Vec::with_capacity(RUN);
            loop {
                for (path, entry) in changes.by_ref().take(RUN) {
                    let entry = entry.map(|entry| Packed::new(entry.borrow(), |t| numbers.number(t)));
                    run.push((keys.name(path.as_ref()), entry.transpose()?));
                }
                if run.is_empty() {
                    return Ok(());
                }
                // In order of the table, redb inserts twice as fast.
                run.sort_unstable_by_key(|(name, _)| *name);
                for (resource, entry) in run.drain(..) {
                    rows.add(&resource, sequence, entry)?;
                }
            }
        })
    }
}

impl Rows<'_, redb::Table<'_, [u8; 24], &'static [u8]>> {
    fn add(&mut self, resource: &[u8; 16], sequence: u64, entry: Option<Packed>) -> Result<(), Fault> {
        let newest = self.get(place(resource, NEWEST))?;
        let previous = newest.as_ref().map_or(0, |row| row.sequence);
        if previous >= sequence {
            return Ok(());
        }
        if let Some(old) = newest {
            self.insert(place(resource, old.sequence), &old)?;
        }
        self.insert(place(resource, NEWEST), &Row { sequence, previous, entry })
    }

    fn insert(&mut self, key: [u8; 24], row: &Row) -> Result<(), Fault> {
        let value = self.keys.checked(&self.name, &key, row.encode());
        self.table.insert(key, value.as_slice())?;
        Ok(())
    }
}

/// Gives numbers to segments while rows are written.
struct Numbers<'t, 'k> {
    table: redb::Table<'t, u32, &'static [u8]>,
    name: String,
    keys: &'k Keys,
    known: HashMap<SegmentId, u32>,
    next: u32,
}

impl<'t, 'k> Numbers<'t, 'k> {
    fn open(write: &'t redb::WriteTransaction, keys: &'k Keys) -> Result<Self, Fault> {
        let name = keys.table(TARGETS);
        let table = write.open_table(TargetDefinition::new(&name))?;
        let next = table.last()?.map_or(0, |(number, _)| number.value() + 1);
        Ok(Self { table, name, keys, known: HashMap::new(), next })
    }

    /// The segment's number. One that an earlier transaction numbered gets a second number: that
    /// costs a row, and looking for the first would cost a scan.
    fn number(&mut self, target: &Arc<Target>) -> Result<u32, Fault> {
        if let Some(number) = self.known.get(&target.reference.id) {
            return Ok(*number);
        }
        let number = self.next;
        let value = self.keys.checked(&self.name, &number.to_le_bytes(), encode_target(target));
        self.table.insert(number, value.as_slice())?;
        self.known.insert(target.reference.id, number);
        self.next += 1;
        Ok(number)
    }
}
