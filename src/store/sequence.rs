//! A tenant's sequence of records: which there are, which is the newest, which stood before which.
//!
//! A record is read from the storage and verified once; after that the index and the memory of the
//! process know it. What stands under a number and is no readable record is passed over only where
//! the record after it says that it was not there (a torn write on a poor storage); otherwise it is
//! damage and named.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use crate::base::coverage::Ledger;
use crate::base::ids::{RecordId, SegmentId};
use crate::format::fields::Flags;
use crate::format::footer::Role;
use crate::format::ledger;
use crate::format::limits::LEDGER_DEPTH_MAX;
use crate::format::names::Name;
use crate::format::record;
use crate::format::references::Place;
use crate::storage::{Entry as Listed, Path, Span, list_all};
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::held::HeldLedger;
use crate::store::segments::{OpenSegment, damaged, object_path, records_folder};
use crate::store::snapshot::{Rec, Sort};
use crate::store::tenant::Tenant;

/// What the process knows of a tenant's sequence.
#[derive(Default)]
pub(super) struct Chain {
    /// Sizes of the record objects, by number, from `floor` on.
    sizes: BTreeMap<u64, u64>,
    /// The lowest number from which `sizes` is complete; 0: nothing was listed yet.
    floor: u64,
    records: BTreeMap<u64, Arc<Rec>>,
    ledgers: BTreeMap<u64, Arc<Ledger>>,
    births: HashMap<SegmentId, i64>,
    /// Whether all records that the index has were taken into memory.
    recalled: bool,
}

impl Chain {
    /// When the record was written that brought this data segment.
    pub(super) fn born(&self, segment: &SegmentId) -> Option<i64> {
        self.births.get(segment).copied()
    }

    /// Remembers it.
    pub(super) fn keep_birth(&mut self, segment: SegmentId, written_ms: i64) {
        self.births.insert(segment, written_ms);
    }
}

impl Core {
    /// The newest readable record, from the storage as it is now; checked against what this machine
    /// has seen before.
    ///
    /// # Errors
    /// [`StoreError::RolledBack`] when it is behind or beside that.
    pub(super) fn newest(&self, tenant: &Tenant) -> Result<Option<Arc<Rec>>, StoreError> {
        self.list_new(tenant)?;
        let numbers: Vec<u64> = self.chain(tenant, |chain| chain.sizes.keys().rev().copied().collect());
        let seen = self.trust.seen(tenant.prefix);
        let mut newest = None;
        for number in numbers {
            if seen.is_some_and(|(seen, _)| number < seen) {
                break;
            }
            match self.stored_record(tenant, number) {
                Ok(rec) => {
                    newest = Some(rec);
                    break;
                }
                // Never seen whole, so it may never have been: the one before it is the newest.
                Err(StoreError::Damaged { object, .. }) if seen.is_none_or(|(seen, _)| number > seen) => {
                    self.passed_over.lock().unwrap_or_else(PoisonError::into_inner).insert(object);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(newest) = newest.as_deref().filter(|_| tenant.opens()) {
            self.learn(tenant, newest)?;
        }
        self.compare_with_trust(tenant, newest.as_deref(), seen)?;
        Ok(newest)
    }

    fn compare_with_trust(
        &self,
        tenant: &Tenant,
        newest: Option<&Rec>,
        seen: Option<(u64, RecordId)>,
    ) -> Result<(), StoreError> {
        if let Some((number, id)) = seen {
            let back = |why: String| StoreError::RolledBack { tenant: self.name_of(tenant), why };
            let Some(newest) = newest else {
                return Err(back(format!("record {number}, which was there, is not")));
            };
            let known = match (newest.sequence == number, self.pruned(tenant).void(number)) {
                (true, _) => newest.id,
                // It was let go since, by a record that whoever wrote it signed.
                (false, Some(_)) => id,
                (false, None) => self.stored_record(tenant, number)?.id,
            };
            if known != id {
                return Err(back(format!("record {number} is another one than it was")));
            }
        }
        match newest {
            Some(newest) => self.trust.see(tenant.prefix, newest.sequence, newest.id),
            None => Ok(()),
        }
    }

    /// The tenant's name, or its prefix where no record tells it.
    pub(super) fn name_of(&self, tenant: &Tenant) -> String {
        let known = self.chain(tenant, |chain| {
            chain.records.values().find_map(|rec| rec.snapshot().map(|snapshot| snapshot.tenant.clone()))
        });
        known.unwrap_or_else(|| tenant.prefix.to_string())
    }

    /// Lists what came since the last listing; the first one begins where the index ends.
    fn list_new(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let (highest, listed) =
            self.chain(tenant, |chain| (chain.sizes.keys().next_back().copied(), chain.floor != 0));
        let known = highest.or_else(|| {
            let head = self.ask(|index| index.head(&tenant.index_keys)).flatten();
            head.filter(|_| !listed).map(|head| head.sequence)
        });
        self.list_from(tenant, known.unwrap_or(1))
    }

    /// Lists every number, where that was not done yet.
    fn list_whole(&self, tenant: &Tenant) -> Result<(), StoreError> {
        if self.chain(tenant, |chain| chain.floor == 1) { Ok(()) } else { self.list_from(tenant, 1) }
    }

    /// What stands from a number on, from the storage as it is now.
    ///
    /// # Errors
    /// As the storage fails.
    pub(super) fn listed(&self, tenant: &Tenant, from: u64) -> Result<BTreeMap<u64, Listed>, StoreError> {
        let folder = records_folder(tenant.prefix)?;
        let after = match from {
            0 | 1 => None,
            from => Some(object_path(Name::Record(tenant.prefix, from - 1))?),
        };
        let mut listed = BTreeMap::new();
        for row in list_all(self.storage.as_ref(), Some(&folder), after.as_ref())? {
            if let Some(Name::Record(_, number)) = Name::parse(row.path.as_str()) {
                listed.insert(number, row);
            }
        }
        Ok(listed)
    }

    fn sizes(&self, tenant: &Tenant, from: u64) -> Result<BTreeMap<u64, u64>, StoreError> {
        Ok(self.listed(tenant, from)?.into_iter().map(|(number, row)| (number, row.size)).collect())
    }

    fn list_from(&self, tenant: &Tenant, from: u64) -> Result<(), StoreError> {
        let listed = self.sizes(tenant, from)?;
        self.chain(tenant, |chain| {
            chain.sizes.extend(listed);
            chain.floor = if chain.floor == 0 { from.max(1) } else { chain.floor.min(from.max(1)) };
        });
        Ok(())
    }

    /// Forgets a tenant's sequence, so that the next question lists it anew.
    pub(super) fn forget_chain(&self, tenant: &Tenant) {
        self.chain(tenant, |chain| *chain = Chain::default());
    }

    /// All numbers under which something stands or stood: one that was deleted since it was listed is
    /// among them until [`Self::relist`], and those of records that others carry are.
    ///
    /// # Errors
    /// As the storage fails.
    pub(super) fn numbers(&self, tenant: &Tenant) -> Result<BTreeSet<u64>, StoreError> {
        self.list_whole(tenant)?;
        let mut numbers: BTreeSet<u64> = self.pruned(tenant).carried_numbers().collect();
        self.chain(tenant, |chain| numbers.extend(chain.sizes.keys()));
        Ok(numbers)
    }

    /// The numbers above one under which something stands.
    ///
    /// # Errors
    /// As the storage fails.
    pub(super) fn numbers_after(&self, tenant: &Tenant, number: u64) -> Result<Vec<u64>, StoreError> {
        if self.chain(tenant, |chain| chain.floor == 0 || chain.floor > number + 1) {
            self.list_from(tenant, number + 1)?;
        }
        Ok(self.chain(tenant, |chain| chain.sizes.range(number + 1..).map(|(number, _)| *number).collect()))
    }

    /// Lists every number anew and lets go of those under which nothing stands any more. Others may ask
    /// for the highest one meanwhile, and one that they commit may be above all that was listed: until
    /// the new listing is whole the old one stays, and what lies above it stays in any case.
    ///
    /// # Errors
    /// As the storage fails; then all is as it was.
    pub(super) fn relist(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let mut listed = self.sizes(tenant, 1)?;
        self.chain(tenant, |chain| {
            let above = listed.keys().next_back().map_or(0, |highest| highest + 1);
            listed.append(&mut chain.sizes.split_off(&above));
            (chain.sizes, chain.floor) = (listed, 1);
        });
        Ok(())
    }

    /// As [`Self::numbers`], with all that the storage has now.
    ///
    /// # Errors
    /// As the storage fails.
    pub(super) fn numbers_now(&self, tenant: &Tenant) -> Result<BTreeSet<u64>, StoreError> {
        self.list_from(tenant, 1)?;
        self.numbers(tenant)
    }

    /// The highest number under which something stands, readable or not.
    pub(super) fn highest(&self, tenant: &Tenant) -> u64 {
        self.chain(tenant, |chain| chain.sizes.keys().next_back().copied().unwrap_or(0))
    }

    /// A record, from memory, index or storage.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn record(&self, tenant: &Tenant, number: u64) -> Result<Arc<Rec>, StoreError> {
        if self.pruned(tenant).void(number).is_some() {
            return Err(StoreError::Pruned { tenant: self.name_of(tenant), sequence: number });
        }
        if let Some(rec) = self.chain(tenant, |chain| chain.records.get(&number).cloned()) {
            return Ok(rec);
        }
        let rows = self.ask(|index| index.records(&tenant.index_keys, number, number)).unwrap_or_default();
        let known = rows.first().and_then(|(_, row)| Rec::decode(row).ok());
        match known.filter(|rec| rec.sequence == number) {
            Some(rec) => Ok(self.keep_record(tenant, rec)),
            None => self.stored_record(tenant, number),
        }
    }

    /// A record, from memory or storage.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub(super) fn stored_record(&self, tenant: &Tenant, number: u64) -> Result<Arc<Rec>, StoreError> {
        if let Some(rec) = self.chain(tenant, |chain| chain.records.get(&number).cloned()) {
            return Ok(rec);
        }
        if let Some(carried) = self.pruned(tenant).carried(number) {
            let rec = self.carried_record(tenant, number, carried)?;
            return Ok(self.keep_record(tenant, rec));
        }
        let (record, open) = self.segments.open_record(tenant, number)?;
        let data_bytes = self.data_bytes(&open)?;
        let rec = Rec::new(&record, open.segment.id(), open.size, data_bytes);
        Ok(self.keep_record(tenant, rec))
    }

    /// Takes all records that the index has into memory at once, for who needs all of them.
    pub(super) fn recall_records(&self, tenant: &Tenant, newest: u64) {
        if self.chain(tenant, |chain| std::mem::replace(&mut chain.recalled, true)) {
            return;
        }
        let rows = self.ask(|index| index.records(&tenant.index_keys, 1, newest)).unwrap_or_default();
        let pruned = self.pruned(tenant);
        for (number, row) in rows {
            let unknown = self.chain(tenant, |chain| !chain.records.contains_key(&number));
            if unknown
                && pruned.void(number).is_none()
                && let Ok(rec) = Rec::decode(&row)
                && rec.sequence == number
            {
                self.keep_record(tenant, rec);
            }
        }
    }

    pub(super) fn keep_record(&self, tenant: &Tenant, rec: Rec) -> Arc<Rec> {
        let rec = Arc::new(rec);
        self.chain(tenant, |chain| {
            chain.sizes.insert(rec.sequence, rec.size);
            chain.records.insert(rec.sequence, rec.clone());
        });
        rec
    }

    /// The bytes of the data segments that a record brought with it.
    fn data_bytes(&self, open: &OpenSegment) -> Result<u64, StoreError> {
        let prefix = match Name::parse(open.path.as_str()) {
            Some(Name::Record(prefix, _)) => prefix,
            _ => return Ok(0),
        };
        let mut sum = 0;
        for reference in self.segments.references(open)?.rows() {
            if reference.place == Place::OwnData {
                let path: Path = object_path(reference.name(prefix))?;
                sum += match self.storage.get(&path, Span::Range(0..0), None) {
                    Ok(got) => got.size,
                    // The record is whole all the same; reading and `check` name what is lost.
                    Err(crate::storage::StorageError::NotFound { .. }) => 0,
                    Err(error) => return Err(error.into()),
                };
            }
        }
        Ok(sum)
    }

    /// The record that stood before this one; `None` before the first.
    ///
    /// # Errors
    /// It is damaged or missing.
    pub(super) fn before(&self, tenant: &Tenant, rec: &Rec) -> Result<Option<Arc<Rec>>, StoreError> {
        if rec.previous == RecordId([0; 32]) {
            return Ok(None);
        }
        if let Some(void) = self.pruned(tenant).void(rec.sequence.saturating_sub(1)) {
            return self.before_void(tenant, rec, void);
        }
        let full_base = rec.snapshot().is_some_and(|snapshot| snapshot.flags.contain(Flags::FULL_BASE));
        // Nearly always the number below; then nothing needs to be listed.
        if let Some(below) = rec.sequence.checked_sub(1).filter(|number| *number > 0) {
            match self.record(tenant, below) {
                Ok(found) if found.id == rec.previous => return Ok(Some(found)),
                Ok(_) | Err(StoreError::Damaged { .. }) => {}
                Err(StoreError::Storage(crate::storage::StorageError::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let mut unreadable = None;
        let mut by_bytes = false;
        for number in self.numbers(tenant)?.into_iter().rev().filter(|number| *number < rec.sequence) {
            by_bytes = by_bytes || (full_base && self.is_unopened(tenant, number, &rec.previous)?);
            match self.record(tenant, number) {
                Ok(found) if by_bytes || found.id == rec.previous => return Ok(Some(found)),
                Ok(_) => break,
                Err(error @ StoreError::Damaged { .. }) => unreadable = unreadable.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if by_bytes {
            return Ok(None);
        }
        let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
        Err(unreadable.unwrap_or_else(|| damaged(&path, "the record before it is missing or another one")))
    }

    /// Whether a writer that cannot open records named this object as the one before its own.
    fn is_unopened(&self, tenant: &Tenant, number: u64, previous: &RecordId) -> Result<bool, StoreError> {
        // One that is named so is never carried, and of one that is the object may be gone.
        if self.pruned(tenant).carried(number).is_some() {
            return Ok(false);
        }
        let path = object_path(Name::Record(tenant.prefix, number))?;
        Ok(record::unopened(&self.segments.object(&path)?) == *previous)
    }

    /// The snapshot before a record; other records between are passed over.
    ///
    /// # Errors
    /// One of them is damaged or missing.
    pub(super) fn snapshot_before(&self, tenant: &Tenant, rec: &Rec) -> Result<Option<Arc<Rec>>, StoreError> {
        let mut at = self.before(tenant, rec)?;
        while let Some(found) = at {
            if found.snapshot().is_some() {
                return Ok(Some(found));
            }
            at = self.before(tenant, &found)?;
        }
        Ok(None)
    }

    /// The snapshot of a number.
    ///
    /// # Errors
    /// [`StoreError::UnknownSnapshot`], or it is damaged.
    pub(super) fn snapshot_record(&self, tenant: &Tenant, number: u64) -> Result<Arc<Rec>, StoreError> {
        let unknown = || StoreError::UnknownSnapshot { tenant: self.name_of(tenant), sequence: number };
        let rec = match self.record(tenant, number) {
            Err(StoreError::Storage(crate::storage::StorageError::NotFound { .. })) => return Err(unknown()),
            other => other?,
        };
        match &rec.sort {
            Sort::Snapshot(_) => Ok(rec),
            Sort::Other { critical: true } => {
                Err(StoreError::Newer { tenant: self.name_of(tenant), sequence: number })
            }
            _ => Err(unknown()),
        }
    }

    /// The coverage ledgers of these records, of those that are snapshots, in their order.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub(super) fn ledgers(
        &self,
        tenant: &Tenant,
        records: &[Arc<Rec>],
    ) -> Result<Vec<HeldLedger>, StoreError> {
        let (first, last) = match (records.first(), records.last()) {
            (Some(first), Some(last)) => (first.sequence, last.sequence),
            _ => return Ok(Vec::new()),
        };
        let rows = self.ask(|index| index.ledgers(&tenant.index_keys, first, last)).unwrap_or_default();
        let mut kept: HashMap<u64, Vec<u8>> = rows.into_iter().collect();
        let mut found = Vec::with_capacity(records.len());
        for rec in records {
            let Some(snapshot) = rec.snapshot() else { continue };
            let bytes = kept.remove(&rec.sequence);
            found.push(match bytes.and_then(|bytes| HeldLedger::whole(bytes, snapshot.ledger_hash)) {
                Some(held) => held,
                None => HeldLedger::new(self.ledger(tenant, rec)?),
            });
        }
        Ok(found)
    }

    /// The coverage ledger of a snapshot.
    ///
    /// # Errors
    /// It is damaged, or one that it is coded against is.
    pub(super) fn ledger(&self, tenant: &Tenant, rec: &Rec) -> Result<Arc<Ledger>, StoreError> {
        if let Some(known) = self.chain(tenant, |chain| chain.ledgers.get(&rec.sequence).cloned()) {
            return Ok(known);
        }
        let mut waiting: Vec<(Arc<Rec>, Vec<u8>)> = Vec::new();
        let mut at = Arc::new(rec.clone());
        let mut ledger: Option<Arc<Ledger>> = None;
        for _ in 0..=LEDGER_DEPTH_MAX {
            if let Some(known) = self.known_ledger(tenant, &at) {
                ledger = Some(known);
                break;
            }
            let bytes = match self.net_log(tenant, at.sequence)? {
                Some(made) => made.ledger.clone(),
                None => {
                    let (_, open) = self.segments.open_record(tenant, at.sequence)?;
                    self.segments.stream(&open, Role::Ledger)?
                }
            };
            let alone = !ledger::needs_previous(&bytes);
            waiting.push((at.clone(), bytes));
            if alone {
                break;
            }
            at = self.snapshot_before(tenant, &at)?.ok_or_else(|| self.no_ledger(rec))?;
        }
        for (rec, bytes) in waiting.into_iter().rev() {
            let signed = rec.snapshot().map(|snapshot| snapshot.ledger_hash).unwrap_or_default();
            let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
            let decoded = ledger::decode(&bytes, ledger.as_deref(), &signed)
                .map_err(|error| damaged(&path, &error.to_string()))?;
            ledger = Some(Arc::new(decoded));
        }
        let ledger = ledger.ok_or_else(|| self.no_ledger(rec))?;
        self.keep_ledger(tenant, rec.sequence, ledger.clone());
        Ok(ledger)
    }

    fn no_ledger(&self, rec: &Rec) -> StoreError {
        StoreError::Damaged {
            object: format!("record {}", rec.sequence),
            what: "its coverage ledger is coded against one that is not there".to_owned(),
        }
    }

    /// A few ledgers are kept for the next one, which is coded against them.
    pub(super) fn keep_ledger(&self, tenant: &Tenant, number: u64, ledger: Arc<Ledger>) {
        self.chain(tenant, |chain| {
            chain.ledgers.insert(number, ledger);
            while chain.ledgers.len() > 4 {
                chain.ledgers.pop_first();
            }
        });
    }

    fn known_ledger(&self, tenant: &Tenant, rec: &Rec) -> Option<Arc<Ledger>> {
        if let Some(known) = self.chain(tenant, |chain| chain.ledgers.get(&rec.sequence).cloned()) {
            return Some(known);
        }
        let rows = self.ask(|index| index.ledgers(&tenant.index_keys, rec.sequence, rec.sequence))?;
        let (_, bytes) = rows.first()?;
        ledger::decode(bytes, None, &rec.snapshot()?.ledger_hash).ok().map(Arc::new)
    }
}
