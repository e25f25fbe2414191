//! What maintenance records hold in place of others: whole records whose objects go, and new logs.
//!
//! A record that is carried is the same record: its message with the signature is there byte for byte, and its
//! log, ledger and payload are. Only where they lie is another, and the bodies that its log names are found by
//! the map of what moved (`segments`). It must never be read from its old object, which may lie there still or
//! be somebody's by now. Read `pruned` for which records are carried.

use std::sync::Arc;

use crate::base::ids::SegmentId;
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::entry::Entry as Line;
use crate::format::footer::Role;
use crate::format::log::{decode_block, log_hash};
use crate::format::names::Name;
use crate::format::payload::{CarriedLog, MovedRecord};
use crate::format::record::{SignedRecord, payload_hash};
use crate::format::references::References;
use crate::store::StoreError;
use crate::store::core::{Core, lock};
use crate::store::replay::{Meaning, Step, step};
use crate::store::segments::{OpenSegment, broken, damaged, object_path};
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;

/// Frames of carried logs in a maintenance record's segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frames {
    /// The maintenance record.
    pub(super) at: u64,
    /// The first, among the frames of that role.
    pub(super) first: u32,
    pub(super) count: u32,
}

/// A record that stands in another's segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    /// The segment that it was committed in, and that its locations name.
    pub(super) segment: SegmentId,
    pub(super) moved: Arc<MovedRecord>,
    pub(super) frames: Frames,
}

/// Whose log it is: the snapshot's number, then that of the record that holds it.
pub(super) type NetLogKey = (TenantPrefix, u64, u64);

/// A snapshot's log that a maintenance record holds: its own, or what it changed against the kept one before
/// it, or a whole state where there is none.
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
    /// A record out of the message that is carried of it; verified as any other.
    ///
    /// # Errors
    /// It is not the record of that number, or nobody who may write wrote it.
    pub(super) fn carried_record(
        &self,
        tenant: &Tenant,
        number: u64,
        carried: &Carried,
    ) -> Result<Rec, StoreError> {
        let path = object_path(Name::Record(tenant.prefix, carried.frames.at))?;
        let record = SignedRecord::decode(&carried.moved.message)
            .and_then(|signed| signed.verify(&tenant.owner, &tenant.repository, tenant.prefix))
            .map_err(|error| broken(&path, error))?;
        if record.header.sequence != number {
            return Err(damaged(&path, "a record that it carries has another number"));
        }
        Ok(Rec::new(&record, carried.segment, carried.moved.size, 0))
    }

    /// The log that a maintenance record holds of a snapshot; `None` where the snapshot's own segment has it.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn net_log(&self, tenant: &Tenant, sequence: u64) -> Result<Option<Arc<NetLog>>, StoreError> {
        let pruned = self.pruned(tenant);
        let (frames, made) = match (pruned.rewritten(sequence), pruned.carried(sequence)) {
            (Some(frames), _) => (frames, true),
            (None, Some(carried)) => (carried.frames, false),
            (None, None) => return Ok(None),
        };
        let key = (tenant.prefix, sequence, frames.at);
        if let Some((known, log)) = lock(&self.net_log).as_ref()
            && *known == key
        {
            return Ok(Some(log.clone()));
        }
        let (open, parts) = self.held(tenant, frames)?;
        let references = References::decode(&parts.references).map_err(|error| broken(&open.path, error))?;
        // Whose segment it means by its own: a log that was made is of where it lies.
        let of = self.record(tenant, if made { frames.at } else { sequence })?;
        if !made {
            let signed = of.snapshot().map(|snapshot| snapshot.log_hash);
            if signed != Some(log_hash(&parts.references, parts.blocks.iter().map(Vec::as_slice))) {
                return Err(damaged(&open.path, "a log that it carries is not the one that was signed"));
            }
        }
        let meaning = Meaning::new(tenant, of.reference(), references.rows());
        let log = NetLog { open, meaning, references, ledger: parts.ledger, blocks: parts.blocks };
        let log = Arc::new(log);
        *lock(&self.net_log) = Some((key, log.clone()));
        Ok(Some(log))
    }

    /// What some frames of carried logs hold.
    fn held(&self, tenant: &Tenant, frames: Frames) -> Result<(Arc<OpenSegment>, CarriedLog), StoreError> {
        let rec = self.record(tenant, frames.at)?;
        let open = self.record_segment(tenant, &rec)?;
        let mut joined = Vec::new();
        let mut count = 0;
        let of_role = open.segment.frames_of(Role::Carried);
        for frame in of_role.skip(frames.first as usize).take(frames.count as usize) {
            joined.extend(self.segments.plain(&open, frame)?);
            count += 1;
        }
        if count != frames.count {
            return Err(damaged(&open.path, "a log that it holds of another record is not all there"));
        }
        let parts = CarriedLog::decode(&joined).map_err(|error| broken(&open.path, error))?;
        Ok((open, parts))
    }

    /// The payload of a record; empty where it has none.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn payload(&self, tenant: &Tenant, rec: &Rec) -> Result<Vec<u8>, StoreError> {
        let pruned = self.pruned(tenant);
        let Some(carried) = pruned.carried(rec.sequence) else {
            let open = self.record_segment(tenant, rec)?;
            return self.segments.stream(&open, Role::Payload);
        };
        let (open, parts) = self.held(tenant, carried.frames)?;
        let payload = parts.blocks.concat();
        if payload_hash(&payload) != carried.signed_payload() {
            return Err(damaged(&open.path, "a payload that it carries is not the one that was signed"));
        }
        Ok(payload)
    }

    /// A record's message, byte for byte, wherever it lies now.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn message(&self, tenant: &Tenant, rec: &Rec) -> Result<Vec<u8>, StoreError> {
        match self.pruned(tenant).carried(rec.sequence) {
            Some(carried) => Ok(carried.moved.message.clone()),
            None => Ok(self.segments.open_record(tenant, rec.sequence)?.0.message().to_vec()),
        }
    }

    /// What is to be carried of a record beside its message, byte for byte, wherever it lies now.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn to_carry(&self, tenant: &Tenant, rec: &Rec) -> Result<CarriedLog, StoreError> {
        if let Some(carried) = self.pruned(tenant).carried(rec.sequence) {
            return Ok(self.held(tenant, carried.frames)?.1);
        }
        let open = self.record_segment(tenant, rec)?;
        let references = self.segments.references_bytes(&open)?;
        if rec.snapshot().is_none() {
            let payload = self.segments.stream(&open, Role::Payload)?;
            return Ok(CarriedLog::of_payload(references, &payload));
        }
        let blocks = open.segment.frames_of(Role::LogBlock);
        let blocks = blocks.map(|block| self.segments.plain(&open, block)).collect::<Result<_, _>>()?;
        let ledger = self.segments.stream(&open, Role::Ledger)?;
        Ok(CarriedLog { references, ledger, blocks })
    }
}

impl Carried {
    /// The payload's hash that its message states; the message was verified when the record was read.
    fn signed_payload(&self) -> crate::crypto::hash::Hash {
        SignedRecord::decode(&self.moved.message).map(|signed| signed.claims().payload).unwrap_or_default()
    }
}
