//! Audit events that were heard after the snapshot that they belong to: told in records of their own,
//! before the snapshot of the run that heard them, so that a run that is cut off tells them again.
//!
//! Telling twice is harmless: whoever reads them goes by the event's own id.

use std::sync::Arc;

use jiff::Timestamp;

use crate::base::key::ResourceKey;
use crate::format::payload::{Annotation, Sort as About};
use crate::store::StoreError;
use crate::store::core::{Core, lock};
use crate::store::entry::Change;
use crate::store::held::HeldLedger;
use crate::store::session::WriteSession;
use crate::store::snapshot::{Rec, Snapshot};
use crate::store::tenant::Tenant;

/// Snapshots that are looked at for what an event may have changed, at the most.
const SNAPSHOTS_MAX: usize = 200;

/// An audit event that belongs to a snapshot of before it was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LateEvent {
    /// The snapshot's number.
    pub seq: u64,
    /// The path of the resource that it is about.
    pub path: String,
    /// What is stored with a change that an event explains.
    pub event: Vec<u8>,
    /// It explains the change that the snapshot found; otherwise it came after that snapshot, and there is no body
    /// in which a change could show.
    pub explains: bool,
}

impl LateEvent {
    fn of(annotation: Annotation) -> Option<Self> {
        let explains = match annotation.sort()? {
            About::LateEvent => true,
            About::Unseen => false,
            _ => return None,
        };
        Some(Self { seq: annotation.sequence, path: annotation.key, event: annotation.value, explains })
    }

    fn annotation(&self) -> Annotation {
        let about = if self.explains { About::LateEvent } else { About::Unseen };
        Annotation::new(about, self.seq, &self.path, self.event.clone())
    }
}

/// All of them up to a record of this number.
pub(super) type Told = (u64, Arc<Vec<LateEvent>>);

impl Core {
    /// Every event that was told late, in the order of the sequence.
    pub(super) fn late_events(
        &self,
        tenant: &Tenant,
        newest: &Arc<Rec>,
    ) -> Result<Arc<Vec<LateEvent>>, StoreError> {
        if let Some((to, known)) = lock(&self.late).get(&tenant.prefix)
            && *to == newest.sequence
        {
            return Ok(known.clone());
        }
        let mut found = Vec::new();
        for rec in self.all_records(tenant, newest.clone())? {
            for mut event in self.annotations(tenant, &rec)?.into_iter().filter_map(LateEvent::of) {
                // What it explains shows at the next snapshot that was kept.
                event.seq = self.shown_at(tenant, event.seq)?;
                found.push(event);
            }
        }
        let found = Arc::new(found);
        lock(&self.late).insert(tenant.prefix, (newest.sequence, found.clone()));
        Ok(found)
    }
}

impl WriteSession {
    /// The snapshots before this one, newest first, back to the last that had ended by a time: it and none
    /// before it is the last.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn earlier(&self, until: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        let mut found = Vec::new();
        let mut at = self.parent.as_ref().map(|(_, rec)| rec.clone());
        while let Some(rec) = at {
            let ledger = self.core.ledger(&self.tenant, &rec)?;
            let Some(snapshot) = rec.to_snapshot(HeldLedger::new(ledger)) else { break };
            let ended = snapshot.finished < until;
            found.push(snapshot);
            if ended || found.len() >= SNAPSHOTS_MAX {
                break;
            }
            at = self.core.snapshot_before(&self.tenant, &rec)?;
        }
        Ok(found)
    }

    /// What one of them changed.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn changes_of(&self, seq: u64) -> Result<Vec<Change>, StoreError> {
        let rec = self.core.snapshot_record(&self.tenant, seq)?;
        self.core.changes(&self.tenant, &rec)
    }

    /// Whether an event came with a change of one of them.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_explained(&self, seq: u64, key: &ResourceKey) -> Result<bool, StoreError> {
        let rec = self.core.snapshot_record(&self.tenant, seq)?;
        Ok(self.core.event(&self.tenant, &rec, &key.to_path())?.is_some())
    }

    /// What was told so far.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn told(&self) -> Result<Arc<Vec<LateEvent>>, StoreError> {
        let newest = self.newest.0.as_ref();
        newest.map_or_else(|| Ok(Arc::default()), |newest| self.core.late_events(&self.tenant, newest))
    }

    /// Tells of events that belong to earlier snapshots, at once and in a record of its own.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Contended`], or the storage failed.
    pub fn tell(&mut self, events: &[LateEvent]) -> Result<(), StoreError> {
        if events.is_empty() || !self.tenant.opens() {
            return Ok(());
        }
        let annotations: Vec<Annotation> = events.iter().map(LateEvent::annotation).collect();
        let told = self.core.annotate(&self.tenant, &annotations)?;
        // Nobody else came between: the snapshot follows what was told. Else the commit finds out.
        if told.sequence == self.newest.1 + 1 {
            self.newest = (Some(told.clone()), told.sequence);
        }
        Ok(())
    }
}
