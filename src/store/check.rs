//! Whether everything is there and is what was written, and what is lost where it is not.
//!
//! A check reads the storage and believes no cache. It goes on after each fault, so that one run
//! names all of them: the object, and every resource and snapshot that cannot be read because of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::coverage::Ledger;
use crate::base::ids::RecordId;
use crate::base::key::ResourceKey;
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::fields::Flags;
use crate::format::footer::Role;
use crate::format::key_file;
use crate::format::log::log_hash;
use crate::format::names::Name;
use crate::format::record;
use crate::format::references::SegmentRef;
use crate::storage::{StorageError, list_all};
use crate::store::core::Core;
use crate::store::entry::{Entry, Part, Target};
use crate::store::held::HeldLedger;
use crate::store::pruned::follows_void;
use crate::store::replay::Which;
use crate::store::segments::{broken, damaged, object_path};
use crate::store::snapshot::{Rec, Snapshot};
use crate::store::tenant::Tenant;
use crate::store::{Repository, StoreError};

/// What a check found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CheckReport {
    /// Objects looked at.
    pub objects: u64,
    /// Their bytes, as listed.
    pub bytes: u64,
    /// Snapshots whose record, log, ledger and state are whole.
    pub snapshots: u64,
    /// Records about applies that are whole.
    pub applies: u64,
    /// Bodies that were read and re-hashed; 0 without `read_data`.
    pub bodies: u64,
    /// Bodies that this key does not open, so that only their frames were checked.
    pub closed: u64,
    /// What is damaged or missing, by object.
    pub faults: Vec<CheckFault>,
    /// Objects that a prune marked and whose grace is not over, or that nobody deleted yet.
    pub dying: u64,
    /// Data segments that no record refers to: left behind by a session that did not commit.
    pub orphans: Vec<String>,
    /// Objects whose names are none of the repository's.
    pub strangers: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is damaged or missing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// One object that is not what it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckFault {
    /// The object.
    pub object: String,
    /// What does not hold, each said once.
    pub what: Vec<String>,
    /// What cannot be read because of it.
    pub affected: BTreeSet<Affected>,
}

/// Something that cannot be read any more.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Affected {
    /// Whose.
    pub tenant: String,
    /// The snapshot that brought it; the body held from there until the resource's next change.
    pub seq: u64,
    /// When that snapshot was finished.
    pub at: Option<Timestamp>,
    /// The resource; `None`: the snapshot itself, with its whole state.
    pub key: Option<ResourceKey>,
    /// Which of its bodies.
    pub part: Option<Part>,
}

/// A check under way.
struct Check<'c> {
    core: &'c Core,
    read_data: bool,
    progress: &'c dyn Fn(u64, u64),
    total: u64,
    report: CheckReport,
    faults: BTreeMap<String, CheckFault>,
}

impl Repository {
    /// Checks every object; with `read_data` also every stored byte and every body. `progress` hears
    /// objects done and in all.
    ///
    /// # Errors
    /// The storage failed. Damage is no error here but what the report is about.
    pub fn check(&self, read_data: bool, progress: &dyn Fn(u64, u64)) -> Result<CheckReport, StoreError> {
        let core = self.core.as_ref();
        core.segments.forget();
        if !core.index_is_whole() {
            core.renew_index();
        }
        let mut check = Check {
            core,
            read_data,
            progress,
            total: 0,
            report: CheckReport::default(),
            faults: BTreeMap::new(),
        };
        let tenants = check.objects()?;
        for (prefix, data) in tenants {
            if let Ok(tenant) = core.tenant_of(prefix)
                && tenant.opens()
            {
                check.tenant(&tenant, data)?;
            }
        }
        check.report.faults = check.faults.into_values().collect();
        if !check.report.is_clean() {
            // What repeats is not read: after a fault the next sweep compares each body with what is stored.
            self.core.forget_raw();
        }
        Ok(check.report)
    }
}

impl Check<'_> {
    fn fault(&mut self, error: StoreError, affected: Option<Affected>) -> Result<(), StoreError> {
        let (object, what) = match error {
            StoreError::Damaged { object, what } | StoreError::NewerObject { object, what } => (object, what),
            StoreError::Storage(StorageError::NotFound { path }) => (path, "it is missing".to_owned()),
            StoreError::Storage(error) => return Err(error.into()),
            other => ("the repository".to_owned(), other.to_string()),
        };
        let empty = || CheckFault { object: object.clone(), what: Vec::new(), affected: BTreeSet::new() };
        let fault = self.faults.entry(object.clone()).or_insert_with(empty);
        if !fault.what.contains(&what) {
            fault.what.push(what);
        }
        fault.affected.extend(affected);
        Ok(())
    }

    fn done(&mut self) {
        self.report.objects += 1;
        (self.progress)(self.report.objects, self.total);
    }

    /// Lists everything; gives each tenant's data segments by name.
    fn objects(&mut self) -> Result<BTreeMap<TenantPrefix, BTreeSet<String>>, StoreError> {
        let mut tenants: BTreeMap<TenantPrefix, BTreeSet<String>> = BTreeMap::new();
        let rows = list_all(self.core.storage.as_ref(), None, None)?;
        self.total = rows.len() as u64;
        for row in rows {
            self.report.bytes += row.size;
            match Name::parse(row.path.as_str()) {
                Some(Name::Record(prefix, _)) => {
                    tenants.entry(prefix).or_default();
                }
                Some(Name::Data(prefix, _)) => {
                    tenants.entry(prefix).or_default().insert(row.path.to_string());
                }
                Some(Name::KeyFile(_)) => {
                    let bytes = self.core.segments.object(&row.path)?;
                    match key_file::repository_of(&bytes) {
                        Ok(found) if found == self.core.ring.repository => {}
                        Ok(_) => self.fault(damaged(&row.path, "it is another repository's"), None)?,
                        Err(error) => self.fault(broken(&row.path, error), None)?,
                    }
                    self.done();
                }
                Some(Name::Book(prefix)) => {
                    let read = self.core.tenant_of(prefix).and_then(|tenant| self.core.book(&tenant));
                    if let Err(error) = read {
                        self.fault(error, None)?;
                    }
                    self.done();
                }
                Some(Name::Lease(_) | Name::Turn(_) | Name::Probe(_)) => self.done(),
                None => {
                    self.report.strangers.push(row.path.to_string());
                    self.done();
                }
            }
        }
        Ok(tenants)
    }

    fn tenant(&mut self, tenant: &Arc<Tenant>, mut unreferred: BTreeSet<String>) -> Result<(), StoreError> {
        let core = self.core;
        let mut last: Option<Arc<Rec>> = None;
        let mut bad = BTreeSet::new();
        // Unreadable objects since the last readable record, until the next one says what they were.
        let mut unreadable: Vec<(u64, StoreError)> = Vec::new();
        let listed: BTreeSet<u64> = core.listed(tenant, 1)?.into_keys().collect();
        // What was pruned is learnt with the newest record; damage there is named below.
        if let Err(StoreError::Storage(error)) = core.newest(tenant) {
            return Err(error.into());
        }
        let pruned = core.pruned(tenant);
        let numbers: BTreeSet<u64> = listed.iter().copied().chain(pruned.carried_numbers()).collect();
        for number in numbers {
            if pruned.void(number).is_some() {
                self.outlasting(tenant, number)?;
                continue;
            }
            let found = match pruned.carried(number) {
                Some(carried) => core.carried_record(tenant, number, carried),
                None => core
                    .segments
                    .open_record(tenant, number)
                    .map(|(record, open)| Rec::new(&record, open.segment.id(), open.size, 0)),
            };
            let rec = match found {
                Ok(found) => Arc::new(found),
                Err(error) => {
                    unreadable.push((number, error));
                    self.done();
                    continue;
                }
            };
            let passed_over = follows(tenant, core, &rec, last.as_deref());
            self.unreadable(tenant, &mut unreadable, passed_over)?;
            let name = core.name_of(tenant);
            let name = rec.snapshot().map_or(name, |snapshot| snapshot.tenant.clone());
            if let Err(error) = self.record(tenant, &rec, last.as_deref(), &mut unreferred, &mut bad) {
                let affected = self.affected_by(&name, &rec, None, None);
                self.fault(error, Some(affected))?;
            } else {
                self.report.snapshots += u64::from(rec.snapshot().is_some());
                self.report.applies += u64::from(rec.applying().is_some());
            }
            self.bodies(tenant, &name, &rec, &bad)?;
            last = Some(rec);
            if listed.contains(&number) {
                self.report.dying += u64::from(pruned.carried(number).is_some());
                self.done();
            }
        }
        self.unreadable(tenant, &mut unreadable, false)?;
        if let Some(newest) = last.filter(|_| self.read_data)
            && let Err(error) = self.root(tenant, &newest)
        {
            self.fault(error, None)?;
        }
        let dying: BTreeSet<String> = pruned
            .dead()
            .filter_map(|dying| object_path(dying.reference.name(tenant.prefix)).ok())
            .map(|path| path.to_string())
            .collect();
        let (gone, orphans): (BTreeSet<_>, BTreeSet<_>) =
            unreferred.into_iter().partition(|path| dying.contains(path));
        self.report.dying += gone.len() as u64;
        self.report.orphans.extend(orphans);
        Ok(())
    }

    /// An object whose record was pruned: it waits to be deleted, stays for bodies that it
    /// holds, or is deleted by now.
    fn outlasting(&mut self, tenant: &Tenant, number: u64) -> Result<(), StoreError> {
        let core = self.core;
        match core.segments.open_record(tenant, number) {
            Ok((_, open)) if core.pruned(tenant).is_dead(&open.segment.id()) => self.report.dying += 1,
            Ok((_, open)) if self.read_data => {
                let object = match core.segments.object(&open.path) {
                    Err(StoreError::Storage(StorageError::NotFound { .. })) => return Ok(()),
                    object => object?,
                };
                if let Err(error) = open.segment.verify_whole(&object) {
                    self.fault(broken(&open.path, error), None)?;
                }
            }
            // Somebody's prune deleted it since it was listed.
            Err(StoreError::Storage(StorageError::NotFound { .. })) => return Ok(()),
            Err(StoreError::Storage(error)) => return Err(error.into()),
            // What is needed of it is met where it is needed.
            Ok(_) | Err(_) => {}
        }
        self.done();
        Ok(())
    }

    /// Objects that are no readable records. Where the record after them passes them over, they never
    /// were: a write that failed half-way.
    fn unreadable(
        &mut self,
        tenant: &Tenant,
        objects: &mut Vec<(u64, StoreError)>,
        passed_over: bool,
    ) -> Result<(), StoreError> {
        for (seq, error) in objects.drain(..) {
            let tenant = self.core.name_of(tenant);
            let lost = Affected { tenant, seq, at: None, key: None, part: None };
            self.fault(error, (!passed_over).then_some(lost))?;
        }
        Ok(())
    }

    fn affected_by(&self, tenant: &str, rec: &Rec, key: Option<ResourceKey>, part: Option<Part>) -> Affected {
        let at =
            rec.to_snapshot(HeldLedger::from(Ledger::default())).map(|snapshot: Snapshot| snapshot.finished);
        Affected { tenant: tenant.to_owned(), seq: rec.sequence, at, key, part }
    }

    /// A record that opens: its place in the chain, its log, ledger and state, and the segments that
    /// it refers to.
    fn record(
        &mut self,
        tenant: &Tenant,
        rec: &Arc<Rec>,
        last: Option<&Rec>,
        unreferred: &mut BTreeSet<String>,
        bad: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let core = self.core;
        if core.pruned(tenant).carried(rec.sequence).is_some() {
            return self.carried(tenant, rec, last, unreferred, bad);
        }
        let open = core.record_segment(tenant, rec)?;
        if self.read_data {
            let object = core.segments.object(&open.path)?;
            open.segment.verify_whole(&object).map_err(|error| broken(&open.path, error))?;
        }
        self.chain(tenant, rec, last)?;
        self.segments(tenant, core.segments.references(&open)?.rows(), unreferred, bad)?;
        let Some(snapshot) = rec.snapshot() else {
            core.payload(tenant, rec)?;
            return if rec.maintains() { self.made_anew(tenant, rec, unreferred, bad) } else { Ok(()) };
        };
        let references = core.segments.references_bytes(&open)?;
        let blocks = open.segment.frames_of(Role::LogBlock);
        let blocks = blocks.map(|block| core.segments.plain(&open, block)).collect::<Result<Vec<_>, _>>()?;
        if log_hash(&references, blocks.iter().map(Vec::as_slice)) != snapshot.log_hash {
            return Err(damaged(&open.path, "its log is not the one that was signed"));
        }
        core.ledger(tenant, rec)?;
        core.state(tenant, rec)?;
        Ok(())
    }

    /// A record that another's segment holds: the same, wherever it lies.
    fn carried(
        &mut self,
        tenant: &Tenant,
        rec: &Arc<Rec>,
        last: Option<&Rec>,
        unreferred: &mut BTreeSet<String>,
        bad: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let core = self.core;
        self.chain(tenant, rec, last)?;
        if rec.snapshot().is_none() {
            return core.payload(tenant, rec).map(drop);
        }
        // Its log was compared with the hash that was signed when it was read.
        if let Some(log) = core.net_log(tenant, rec.sequence)? {
            self.segments(tenant, log.references.rows(), unreferred, bad)?;
        }
        core.ledger(tenant, rec)?;
        core.state(tenant, rec).map(drop)
    }

    /// The logs that a maintenance record made.
    fn made_anew(
        &mut self,
        tenant: &Tenant,
        rec: &Rec,
        unreferred: &mut BTreeSet<String>,
        bad: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let core = self.core;
        let made: Vec<u64> = core.pruned(tenant).rewritten_by(rec.sequence).collect();
        for sequence in made {
            if let Some(log) = core.net_log(tenant, sequence)? {
                self.segments(tenant, log.references.rows(), unreferred, bad)?;
            }
        }
        Ok(())
    }

    /// That a record comes after the one that it names, wherever either stands.
    fn chain(&self, tenant: &Tenant, rec: &Rec, last: Option<&Rec>) -> Result<(), StoreError> {
        let full_base = rec.snapshot().is_some_and(|snapshot| snapshot.flags.contain(Flags::FULL_BASE));
        if follows(tenant, self.core, rec, last) || (full_base && self.follows_unopened(tenant, rec)?) {
            return Ok(());
        }
        let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
        Err(damaged(&path, "the record before it is missing or another one than it names"))
    }

    fn follows_unopened(&self, tenant: &Tenant, rec: &Rec) -> Result<bool, StoreError> {
        let Some(below) = rec.sequence.checked_sub(1).filter(|below| *below > 0) else { return Ok(false) };
        let object = self.core.segments.object(&object_path(Name::Record(tenant.prefix, below))?)?;
        Ok(record::unopened(&object) == rec.previous)
    }

    /// The segments that a record refers to: there, and what it says they are.
    fn segments(
        &mut self,
        tenant: &Tenant,
        rows: &[SegmentRef],
        unreferred: &mut BTreeSet<String>,
        bad: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let pruned = self.core.pruned(tenant);
        // What a record still names of a segment that dies, nothing that was kept needs.
        for reference in rows.iter().filter(|reference| !pruned.is_dead(&reference.id)) {
            let path = object_path(reference.name(tenant.prefix))?;
            let first = unreferred.remove(path.as_str());
            let target = Target { prefix: tenant.prefix, reference: *reference };
            if let Err(error) = self.segment(tenant, &target, first) {
                bad.insert(path.to_string());
                self.fault(error, None)?;
            }
            if first {
                self.done();
            }
        }
        Ok(())
    }

    fn segment(&self, tenant: &Tenant, target: &Target, first: bool) -> Result<(), StoreError> {
        let open = self.core.segments.open(tenant, target)?;
        if first && self.read_data {
            let object = self.core.segments.object(&open.path)?;
            open.segment.verify_whole(&object).map_err(|error| broken(&open.path, error))?;
        }
        Ok(())
    }

    /// The bodies that a record's log names: read and re-hashed, or at least not in a segment that is
    /// known to be bad.
    fn bodies(
        &mut self,
        tenant: &Tenant,
        name: &str,
        rec: &Arc<Rec>,
        bad: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        // A log that does not read was named with its record.
        let Ok(steps) = self.core.log(tenant, rec, Which::Log) else { return Ok(()) };
        for (path, entry) in steps {
            let Some(entry) = entry else { continue };
            for part in Part::ALL {
                if let Err(error) = self.body(tenant, &entry, part, bad) {
                    let affected = self.affected_by(name, rec, ResourceKey::from_path(&path), Some(part));
                    self.fault(error, Some(affected))?;
                }
            }
        }
        Ok(())
    }

    fn body(
        &mut self,
        tenant: &Tenant,
        entry: &Entry,
        part: Part,
        bad: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let Some(place) = entry.place(part) else { return Ok(()) };
        let path = object_path(place.target.reference.name(tenant.prefix))?;
        if !self.read_data {
            return match bad.contains(path.as_str()) {
                true => Err(damaged(&path, "bodies in it cannot be read")),
                false => Ok(()),
            };
        }
        match self.core.bodies(tenant).at(place) {
            Ok(_) => self.report.bodies += 1,
            Err(StoreError::NoKey { .. }) => self.report.closed += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The newest state's root, from all its bodies; where anything was pruned, every state's.
    fn root(&self, tenant: &Tenant, newest: &Arc<Rec>) -> Result<(), StoreError> {
        let core = self.core;
        if core.pruned(tenant).voided() > 0 {
            return core.prove(tenant, newest);
        }
        let rec = match newest.snapshot() {
            Some(_) => Some(newest.clone()),
            None => core.snapshot_before(tenant, newest)?,
        };
        let Some(rec) = rec else { return Ok(()) };
        let state = core.state(tenant, &rec)?.state;
        let mut roots = core.roots_from_bodies(tenant, &state, &HashSet::new(), None)?;
        let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
        let signed = rec.snapshot().map(|snapshot| snapshot.root);
        if signed == Some(roots.finish()) || tenant.newest()?.epoch != rec.epoch {
            return Ok(());
        }
        Err(damaged(&path, "the root that it signs is not that of its state"))
    }
}

/// Whether a record comes after another, or after what was pruned between the two.
fn follows(tenant: &Tenant, core: &Core, rec: &Rec, last: Option<&Rec>) -> bool {
    let last = last.map_or(RecordId([0; 32]), |last| last.id);
    match core.pruned(tenant).void(rec.sequence - 1) {
        Some(void) => follows_void(rec, void) && void.before == last,
        None => rec.previous == last,
    }
}
