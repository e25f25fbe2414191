//! What maintenance took out of a tenant's sequence, and what stands in its place.
//!
//! A prune record says which numbers are void, which segments die, and holds a log for each snapshot
//! that is kept while the one before it is not. Later records say more, never less, so what they say is
//! put together whatever the order in which they are read. It is learnt with the newest record, before
//! anything is asked. From then on a number that is void is answered by nobody and a segment that dies
//! is opened by nobody, though both may lie there for days: what is wrong shows before it is deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ids::SegmentId;
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::entry::Entry as Line;
use crate::format::footer::Role;
use crate::format::log::decode_block;
use crate::format::names::Name;
use crate::format::payload::{CarriedLog, Maintenance, Void};
use crate::format::references::{References, SegmentRef};
use crate::store::StoreError;
use crate::store::core::{Core, lock};
use crate::store::entry::Target;
use crate::store::replay::{Meaning, Step, step};
use crate::store::repository::Repository;
use crate::store::segments::{OpenSegment, broken, damaged, object_path};
use crate::store::snapshot::{Rec, Sort};
use crate::store::tenant::Tenant;

/// Snapshots that are no longer there, between two that are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The first number that is void.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// How many snapshots there were.
    pub snapshots: u64,
}

/// Where the log of a snapshot lies that was made for it when the ones before it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rewritten {
    /// The prune record.
    pub(super) at: u64,
    first_frame: u32,
    frames: u32,
}

/// A segment that dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dying {
    /// The prune record that says so.
    pub(super) at: u64,
    pub(super) reference: SegmentRef,
}

/// What all prune records of a tenant say together.
#[derive(Clone, Default, Debug)]
pub(super) struct Pruned {
    /// By their last number; none lies in another.
    voids: BTreeMap<u64, Void>,
    logs: BTreeMap<u64, Rewritten>,
    dead: BTreeMap<SegmentId, Dying>,
    /// The highest prune record, and the highest that made numbers void.
    newest: u64,
    voided: u64,
}

/// Whose log it is: the snapshot's number, then that of the prune record.
pub(super) type NetLogKey = (TenantPrefix, u64, u64);

/// What was learnt of a tenant, and up to which record.
pub(super) type Learnt = (u64, Arc<Pruned>);

/// A segment that dies, and the one that holds what was moved out of it.
type Refused = (SegmentId, Option<Arc<Target>>);

impl Pruned {
    /// The run of void numbers in which this one lies.
    pub(super) fn void(&self, number: u64) -> Option<&Void> {
        self.voids.range(number..).next().map(|(_, void)| void).filter(|void| void.from <= number)
    }

    pub(super) fn voids(&self) -> impl Iterator<Item = &Void> {
        self.voids.values()
    }

    /// The log that was made for a snapshot.
    pub(super) fn rewritten(&self, sequence: u64) -> Option<Rewritten> {
        self.logs.get(&sequence).copied()
    }

    /// The snapshots whose logs a record holds, as far as they are kept and nothing newer holds them.
    pub(super) fn rewritten_by(&self, at: u64) -> impl Iterator<Item = u64> + '_ {
        self.logs.iter().filter(move |(_, log)| log.at == at).map(|(sequence, _)| *sequence)
    }

    pub(super) fn is_dead(&self, segment: &SegmentId) -> bool {
        self.dead.contains_key(segment)
    }

    pub(super) fn dead(&self) -> impl Iterator<Item = &Dying> {
        self.dead.values()
    }

    /// The highest prune record; 0 for none.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// The highest prune record that made numbers void; 0 for none.
    pub(super) fn voided(&self) -> u64 {
        self.voided
    }

    /// Takes what one record says.
    fn add(&mut self, at: u64, payload: &Maintenance) {
        self.newest = self.newest.max(at);
        if !payload.voids.is_empty() {
            self.voided = self.voided.max(at);
        }
        for void in payload.voids.iter().filter(|void| void.to < at) {
            let inside = |outer: &Void, inner: &Void| outer.from <= inner.from && inner.to <= outer.to;
            if self.voids.range(void.to..).next().is_some_and(|(_, known)| inside(known, void)) {
                continue;
            }
            self.voids.retain(|_, known| !inside(void, known));
            self.voids.insert(void.to, *void);
        }
        for row in &payload.carried {
            let log = Rewritten { at, first_frame: row.first_frame, frames: row.frames };
            let known = self.logs.entry(row.sequence).or_insert(log);
            if known.at < at {
                *known = log;
            }
        }
        for reference in &payload.dies {
            let dying = Dying { at, reference: *reference };
            let known = self.dead.entry(reference.id).or_insert(dying);
            known.at = known.at.max(at);
        }
        let voids = std::mem::take(&mut self.voids);
        self.logs.retain(|sequence, _| {
            voids.range(*sequence..).next().is_none_or(|(_, void)| void.from > *sequence)
        });
        self.voids = voids;
    }
}

/// A log that a prune record holds for a snapshot: what it changed against the kept one before it, or
/// a whole state where there is none.
pub(super) struct NetLog {
    pub(super) open: Arc<OpenSegment>,
    pub(super) meaning: Meaning,
    pub(super) references: References,
    pub(super) ledger: Vec<u8>,
    blocks: Vec<Vec<u8>>,
}

impl NetLog {
    pub(super) fn lines(&self) -> Result<Vec<Line>, StoreError> {
        let mut lines = Vec::new();
        for block in &self.blocks {
            lines.extend(decode_block(block).map_err(|error| broken(&self.open.path, error))?);
        }
        Ok(lines)
    }

    pub(super) fn steps(&self) -> Result<Vec<Step>, StoreError> {
        self.lines()?.into_iter().map(|line| step(line, &self.meaning, &self.open)).collect()
    }
}

impl Core {
    /// What is known to be pruned of a tenant.
    pub(super) fn pruned(&self, tenant: &Tenant) -> Arc<Pruned> {
        lock(&self.learnt).get(&tenant.prefix).map(|(_, pruned)| pruned.clone()).unwrap_or_default()
    }

    /// Learns what the records up to the newest say was pruned. What does not read says nothing here:
    /// whoever needs it meets the damage.
    ///
    /// # Errors
    /// The storage failed.
    pub(super) fn learn(&self, tenant: &Tenant, newest: &Rec) -> Result<(), StoreError> {
        let (to, known) = lock(&self.learnt).get(&tenant.prefix).cloned().unwrap_or_default();
        if to >= newest.sequence {
            return Ok(());
        }
        let mut pruned = Pruned::clone(&known);
        let head = self.indexed(tenant);
        let told = match head > to {
            true => self.ask(|index| index.maintenance(&tenant.index_keys)),
            false => None,
        };
        let from = if told.is_some() { head } else { to };
        for (at, payload) in told.unwrap_or_default() {
            if let Ok(payload) = Maintenance::decode(&payload) {
                pruned.add(at, &payload);
            }
        }
        let mut numbers = self.numbers_after(tenant, from)?;
        numbers.retain(|number| *number <= newest.sequence);
        for number in numbers.into_iter().rev() {
            // The newest first: what it calls void need not be read.
            if pruned.void(number).is_some() {
                continue;
            }
            match self.maintenance(tenant, number) {
                Ok(Some(payload)) => pruned.add(number, &payload),
                Ok(None) => {}
                Err(error) if error.is_loss() => {}
                Err(error) => return Err(error),
            }
        }
        let anew = pruned.newest != known.newest;
        let refused = if anew { self.refused(tenant, &pruned)? } else { Vec::new() };
        let mut learnt = lock(&self.learnt);
        let there = learnt.entry(tenant.prefix).or_default();
        // Another thread may have learnt more meanwhile.
        if there.0 < newest.sequence {
            self.segments.refuse(refused.into_iter());
            *there = (newest.sequence, Arc::new(pruned));
        }
        drop(learnt);
        if anew {
            self.forget_state();
        }
        Ok(())
    }

    /// The segments that die, each with the record that holds what was moved out of it: with none where
    /// that went itself or is lost.
    fn refused(&self, tenant: &Tenant, pruned: &Pruned) -> Result<Vec<Refused>, StoreError> {
        let mut by: BTreeMap<u64, Option<Arc<Target>>> = BTreeMap::new();
        let mut refused = Vec::new();
        for dying in pruned.dead.values() {
            let says = match by.get(&dying.at) {
                Some(says) => says.clone(),
                None => match self.record(tenant, dying.at) {
                    Ok(rec) => Some(Arc::new(Target { prefix: tenant.prefix, reference: rec.reference() })),
                    Err(StoreError::Pruned { .. }) => None,
                    Err(error) if error.is_loss() => None,
                    // It is kept for the life of the process: what only failed now must not be.
                    Err(error) => return Err(error),
                },
            };
            by.insert(dying.at, says.clone());
            refused.push((dying.reference.id, says));
        }
        Ok(refused)
    }

    /// What a prune record says; `None` for another record.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn maintenance(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<Option<Maintenance>, StoreError> {
        let rec = self.record(tenant, number)?;
        if !matches!(rec.sort, Sort::Prune { .. }) {
            return Ok(None);
        }
        let payload = self.payload(tenant, &rec)?;
        let path = object_path(Name::Record(tenant.prefix, number))?;
        Maintenance::decode(&payload).map(Some).map_err(|error| broken(&path, error))
    }

    /// The log that was made for a snapshot when those before it went.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn net_log(&self, tenant: &Tenant, sequence: u64) -> Result<Option<Arc<NetLog>>, StoreError> {
        let Some(rewritten) = self.pruned(tenant).rewritten(sequence) else { return Ok(None) };
        let key = (tenant.prefix, sequence, rewritten.at);
        if let Some((known, log)) = lock(&self.net_log).as_ref()
            && *known == key
        {
            return Ok(Some(log.clone()));
        }
        let rec = self.record(tenant, rewritten.at)?;
        let open = self.record_segment(tenant, &rec)?;
        let frames = open.segment.frames_of(Role::Carried);
        let mut joined = Vec::new();
        let mut count = 0;
        for frame in frames.skip(rewritten.first_frame as usize).take(rewritten.frames as usize) {
            joined.extend(self.segments.plain(&open, frame)?);
            count += 1;
        }
        if count != rewritten.frames {
            return Err(damaged(&open.path, "a log that it holds for a kept snapshot is not all there"));
        }
        let carried = CarriedLog::decode(&joined).map_err(|error| broken(&open.path, error))?;
        let references =
            References::decode(&carried.references).map_err(|error| broken(&open.path, error))?;
        let meaning = Meaning::new(tenant, rec.reference(), references.rows());
        let log = NetLog { open, meaning, references, ledger: carried.ledger, blocks: carried.blocks };
        let log = Arc::new(log);
        *lock(&self.net_log) = Some((key, log.clone()));
        Ok(Some(log))
    }

    /// The record before a void run, which the one after the run follows.
    ///
    /// # Errors
    /// The run is not the one between the two, or the record is missing.
    pub(super) fn before_void(
        &self,
        tenant: &Tenant,
        rec: &Rec,
        void: &Void,
    ) -> Result<Option<Arc<Rec>>, StoreError> {
        let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
        if !follows_void(rec, void) {
            return Err(damaged(&path, "it does not follow what was pruned before it"));
        }
        let Some(number) = void.from.checked_sub(1).filter(|number| *number > 0) else { return Ok(None) };
        let before = self.record(tenant, number)?;
        if before.id != void.before {
            return Err(damaged(&path, "what was pruned before it followed another record"));
        }
        Ok(Some(before))
    }

    /// The snapshot at which what happened in a void number shows: the next one that is kept.
    ///
    /// # Errors
    /// A record is damaged.
    pub(super) fn shown_at(&self, tenant: &Tenant, number: u64) -> Result<u64, StoreError> {
        let pruned = self.pruned(tenant);
        let Some(void) = pruned.void(number) else { return Ok(number) };
        let mut at = void.to + 1;
        while at <= self.highest(tenant) {
            match (pruned.void(at), self.record(tenant, at)) {
                (Some(void), _) => at = void.to,
                (None, Ok(rec)) if rec.snapshot().is_some() => return Ok(at),
                (None, Err(error)) if !error.is_loss() => return Err(error),
                _ => {}
            }
            at += 1;
        }
        Ok(number)
    }
}

/// Whether a record is the one that stood after a void run.
pub(super) fn follows_void(rec: &Rec, void: &Void) -> bool {
    void.to + 1 == rec.sequence && void.last == rec.previous
}

impl Repository {
    /// Where snapshots were pruned, in the order of the sequence.
    ///
    /// # Errors
    /// [`StoreError::UnknownTenant`], [`StoreError::RolledBack`], or the storage failed.
    pub fn gaps(&self, tenant: &str) -> Result<Vec<Gap>, StoreError> {
        let (tenant, _) = self.at_newest(tenant)?;
        let pruned = self.core.pruned(&tenant);
        let gaps = pruned.voids().filter(|void| void.snapshots > 0);
        Ok(gaps.map(|void| Gap { from: void.from, to: void.to, snapshots: void.snapshots }).collect())
    }
}
