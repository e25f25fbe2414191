//! What maintenance took out of a tenant's sequence, and what stands in its place.
//!
//! A prune record says which numbers are void, which segments die, and holds a log for each snapshot
//! that is kept while the one before it is not. A compact record holds whole records whose segments die.
//! Later records say more, never less, so what they say is put together whatever the order in which they
//! are read. It is learnt with the newest record, before anything is asked. From then on a number that is
//! void is answered by nobody and a segment that dies is opened by nobody, though both may lie there for
//! days: what is wrong shows before it is deleted. How what stands in their place is read: `carried`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::ids::SegmentId;
use crate::format::names::Name;
use crate::format::payload::{Maintenance, Void};
use crate::format::references::SegmentRef;
use crate::storage::Entry as Listed;
use crate::store::StoreError;
use crate::store::carried::{Carried, Frames};
use crate::store::core::{Core, lock};
use crate::store::entry::Target;
use crate::store::repository::Repository;
use crate::store::segments::{broken, damaged, object_path};
use crate::store::snapshot::Rec;
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

/// A segment that dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dying {
    /// The maintenance record that says so.
    pub(super) at: u64,
    pub(super) reference: SegmentRef,
}

/// What all maintenance records of a tenant say together.
#[derive(Clone, Default, Debug)]
pub(super) struct Pruned {
    /// By their last number; none lies in another.
    voids: BTreeMap<u64, Void>,
    /// The logs that were made for snapshots.
    logs: BTreeMap<u64, Frames>,
    /// The records that stand in others' segments.
    carried: BTreeMap<u64, Carried>,
    dead: BTreeMap<SegmentId, Dying>,
    /// The highest maintenance record, and the highest that made numbers void.
    newest: u64,
    voided: u64,
}

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
    pub(super) fn rewritten(&self, sequence: u64) -> Option<Frames> {
        self.logs.get(&sequence).copied()
    }

    /// What carries a record that stands in another's segment.
    pub(super) fn carried(&self, sequence: u64) -> Option<&Carried> {
        self.carried.get(&sequence)
    }

    /// When the storage took a record in: of one that is carried, whoever carried it says so.
    pub(super) fn taken_in(&self, listed: &BTreeMap<u64, Listed>, sequence: u64) -> Option<Timestamp> {
        match self.carried(sequence) {
            Some(carried) => Timestamp::from_millisecond(carried.moved.stored_ms).ok(),
            None => listed.get(&sequence).map(|row| row.modified),
        }
    }

    /// The numbers of all such records, in order.
    pub(super) fn carried_numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.carried.keys().copied()
    }

    /// The numbers of those that a record carries.
    pub(super) fn carried_by(&self, at: u64) -> impl Iterator<Item = u64> + '_ {
        self.carried.iter().filter(move |(_, carried)| carried.frames.at == at).map(|(sequence, _)| *sequence)
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
            let frames = Frames { at, first: row.first_frame, count: row.frames };
            if let Some(moved) = &row.moved {
                let carried = Carried { segment: row.segment, moved: Arc::new(moved.clone()), frames };
                let known = self.carried.entry(row.sequence).or_insert_with(|| carried.clone());
                if known.frames.at < at {
                    *known = carried;
                }
                continue;
            }
            let known = self.logs.entry(row.sequence).or_insert(frames);
            if known.at < at {
                *known = frames;
            }
        }
        for reference in &payload.dies {
            let dying = Dying { at, reference: *reference };
            let known = self.dead.entry(reference.id).or_insert(dying);
            known.at = known.at.max(at);
        }
        let voids = &self.voids;
        let stays = |sequence: &u64| voids.range(*sequence..).next().is_none_or(|(_, v)| v.from > *sequence);
        self.logs.retain(|sequence, _| stays(sequence));
        self.carried.retain(|sequence, _| stays(sequence));
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
        let mut pruned = known.clone();
        let head = self.indexed(tenant);
        let told = match head > to {
            true => self.ask(|index| index.maintenance(&tenant.index_keys)),
            false => None,
        };
        let from = if told.is_some() { head } else { to };
        for (at, payload) in told.unwrap_or_default() {
            if let Ok(payload) = Maintenance::decode(&payload) {
                Arc::make_mut(&mut pruned).add(at, &payload);
            }
        }
        let mut numbers = self.numbers_after(tenant, from)?;
        numbers.retain(|number| *number <= newest.sequence);
        for number in numbers.into_iter().rev() {
            // The newest first: what it calls void or carries need not be read.
            if pruned.void(number).is_some() || pruned.carried(number).is_some() {
                continue;
            }
            match self.maintenance(tenant, number) {
                Ok(Some(payload)) => Arc::make_mut(&mut pruned).add(number, &payload),
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
            *there = (newest.sequence, pruned);
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

    /// What a maintenance record says; `None` for another record.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn maintenance(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<Option<Maintenance>, StoreError> {
        let rec = self.record(tenant, number)?;
        if !rec.maintains() {
            return Ok(None);
        }
        let payload = self.payload(tenant, &rec)?;
        let path = object_path(Name::Record(tenant.prefix, number))?;
        Maintenance::decode(&payload).map(Some).map_err(|error| broken(&path, error))
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
