//! What applies left in a tenant's sequence: which plan, how far, and the payloads.
//!
//! A record of a holder that had lost its lease, with a lower fencing number than one before it, is
//! void: it is not among these.

use std::sync::Arc;

use jiff::Timestamp;

use crate::base::ids::PlanId;
use crate::format::fields::Phase;
use crate::store::core::Core;
use crate::store::snapshot::{Rec, time};
use crate::store::tenant::Tenant;
use crate::store::{Repository, Snapshot, StoreError};

/// One record about an apply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyRecord {
    /// Its number in the tenant's sequence.
    pub seq: u64,
    /// When it was committed, by the writer's clock.
    pub written: Timestamp,
    /// Of which plan.
    pub plan: PlanId,
    /// What it says.
    pub phase: Phase,
    /// About which step, from 0.
    pub step: u64,
    /// The writer's name.
    pub writer: String,
}

impl ApplyRecord {
    pub(super) fn new(rec: &Rec) -> Option<Self> {
        let applying = rec.applying()?;
        Some(Self {
            seq: rec.sequence,
            written: time(rec.written_ms),
            plan: applying.plan,
            phase: applying.phase,
            step: applying.step,
            writer: rec.writer.clone(),
        })
    }
}

impl Repository {
    /// The records of a tenant's applies, in the order of the sequence.
    ///
    /// # Errors
    /// As [`Self::snapshots`].
    pub fn apply_records(&self, tenant: &str) -> Result<Vec<ApplyRecord>, StoreError> {
        let (tenant, newest) = self.at_newest(tenant)?;
        Ok(valid(&self.core.all_records(&tenant, newest)?)
            .iter()
            .filter_map(|rec| ApplyRecord::new(rec))
            .collect())
    }

    /// The payload of such a record: canonical JSON, without any secret value.
    ///
    /// # Errors
    /// The record is not there, or damaged.
    pub fn apply_payload(&self, tenant: &str, record: &ApplyRecord) -> Result<Vec<u8>, StoreError> {
        let tenant = self.core.tenant(tenant)?;
        let rec = self.core.record(&tenant, record.seq)?;
        self.core.payload(&tenant, &rec)
    }
}

impl Core {
    /// Every record up to the newest, in order.
    ///
    /// # Errors
    /// One is damaged or missing, or must be understood and is not.
    pub(super) fn all_records(&self, tenant: &Tenant, newest: Arc<Rec>) -> Result<Vec<Arc<Rec>>, StoreError> {
        self.recall_records(tenant, newest.sequence);
        let mut records = vec![newest];
        while let Some(rec) = records.last() {
            self.must_understand(tenant, rec)?;
            match self.before(tenant, rec)? {
                Some(before) => records.push(before),
                None => break,
            }
        }
        records.reverse();
        Ok(records)
    }

    /// The highest fencing number in a tenant's sequence; 0 for none.
    ///
    /// # Errors
    /// As [`Self::all_records`].
    pub(super) fn fencing(&self, (tenant, newest): (Arc<Tenant>, Arc<Rec>)) -> Result<u64, StoreError> {
        let records = self.all_records(&tenant, newest)?;
        Ok(records.iter().filter_map(|rec| rec.fencing()).max().unwrap_or(0))
    }
}

/// The records about applies that count.
pub(super) fn valid(records: &[Arc<Rec>]) -> Vec<&Arc<Rec>> {
    let mut highest = 0;
    let mut valid = Vec::new();
    for rec in records {
        let Some(fencing) = rec.fencing().filter(|fencing| *fencing >= highest) else { continue };
        highest = fencing;
        if rec.applying().is_some() {
            valid.push(rec);
        }
    }
    valid
}

/// Says of each snapshot during which apply it was taken. An apply that was cut off is under way
/// until it is taken up again and ends, or another one begins.
pub(super) fn mark(records: &[Arc<Rec>], snapshots: &mut [Snapshot]) {
    let valid = valid(records);
    let mut spans: Vec<(PlanId, u64, Option<&Rec>)> = Vec::new();
    for rec in valid {
        let Some(applying) = rec.applying() else { continue };
        let ends = matches!(applying.phase, Phase::Finished | Phase::Stopped);
        match spans.last_mut() {
            Some((plan, _, end)) if *plan == applying.plan => *end = ends.then_some(rec),
            last => {
                // Cut off, and left so.
                if let Some((_, _, end @ None)) = last {
                    *end = Some(rec);
                }
                spans.push((applying.plan, rec.sequence, ends.then_some(rec)));
            }
        }
    }
    for snapshot in snapshots {
        let during = |(_, from, end): &&(PlanId, u64, Option<&Rec>)| {
            snapshot.seq > *from
                && end
                    .is_none_or(|end| snapshot.seq < end.sequence || snapshot.started <= time(end.written_ms))
        };
        snapshot.applying = spans.iter().find(during).map(|(plan, ..)| *plan);
    }
}
