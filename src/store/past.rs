//! A tenant's history up to the record that was its newest when it was first asked for.
//!
//! One question of a person is many questions of the store, and each would ask the storage for the newest
//! record again. They are asked of a [`Past`] instead, which asks once: what is committed meanwhile is not in
//! the answer. It must not be held over time, as what was pruned since is still looked for.

use std::sync::Arc;

use crate::base::key::ResourceKey;
use crate::store::core::Core;
use crate::store::entry::{Change, Entry, Part};
use crate::store::repository::Repository;
use crate::store::snapshot::Rec;
use crate::store::state::State;
use crate::store::tenant::Tenant;
use crate::store::told::LateEvent;
use crate::store::{StoreError, between};

/// The history of one tenant, as it is at one time.
pub struct Past {
    core: Arc<Core>,
    name: String,
    tenant: Arc<Tenant>,
    newest: Arc<Rec>,
}

impl Past {
    /// What a snapshot changed against the one before it, in order of the keys.
    ///
    /// # Errors
    /// [`StoreError::UnknownSnapshot`], or it is damaged.
    pub fn changes(&self, seq: u64) -> Result<Vec<Change>, StoreError> {
        self.core.changes(&self.tenant, &self.record(seq)?)
    }

    /// What a resource was like at a snapshot; `None` when it was not there.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn entry(&self, seq: u64, key: &ResourceKey) -> Result<Option<Entry>, StoreError> {
        self.core.entry(&self.tenant, &self.record(seq)?, &key.to_path())
    }

    /// The state at a snapshot.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn state(&self, seq: u64) -> Result<State, StoreError> {
        let loaded = self.core.state(&self.tenant, &self.record(seq)?)?;
        Ok(State::clone(&loaded.state))
    }

    /// What the index alone says of a resource at a snapshot, and whether it says anything: else
    /// [`Self::entry`] or the whole state tell, and of several resources the state does so sooner.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn known(&self, seq: u64, key: &ResourceKey) -> Result<Option<Option<Entry>>, StoreError> {
        let rec = self.record(seq)?;
        if self.core.indexed(&self.tenant) < rec.sequence {
            return Ok(None);
        }
        Ok(self.core.known(&self.tenant, &key.to_path(), rec.sequence))
    }

    /// What differs between two snapshots, in order of the keys, without reading a state: every resource that lies
    /// elsewhere at either end, though its bodies may be the same. `None` where the two states are less work, or
    /// alone can tell.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn between(&self, from: u64, to: u64) -> Result<Option<Vec<Change>>, StoreError> {
        self.core.between(&self.tenant, &self.record(from)?, &self.record(to)?, between::are_less_work)
    }

    /// The same, however much work it is.
    #[cfg(test)]
    pub(super) fn between_at_any_cost(&self, from: u64, to: u64) -> Result<Option<Vec<Change>>, StoreError> {
        self.core.between(&self.tenant, &self.record(from)?, &self.record(to)?, |_, _, _| true)
    }

    /// The audit event that was recorded with the change, or the removal, that a snapshot brought.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn event(&self, seq: u64, key: &ResourceKey) -> Result<Option<Vec<u8>>, StoreError> {
        let rec = self.record(seq)?;
        let entry = self.core.event(&self.tenant, &rec, &key.to_path())?;
        let body = entry.map(|entry| self.core.bodies(&self.tenant).read(&entry, Part::Event)).transpose()?;
        Ok(body.flatten().map(|body| body.bytes))
    }

    /// The audit events that were heard after the snapshots that they belong to, in the order of the sequence.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn late_events(&self) -> Result<Arc<Vec<LateEvent>>, StoreError> {
        self.core.late_events(&self.tenant, &self.newest)
    }

    fn record(&self, seq: u64) -> Result<Arc<Rec>, StoreError> {
        if seq > self.newest.sequence {
            // Something may stand there that cannot be read: then that is the answer.
            if seq <= self.core.highest(&self.tenant) {
                self.core.stored_record(&self.tenant, seq)?;
            }
            return Err(StoreError::UnknownSnapshot { tenant: self.name.clone(), sequence: seq });
        }
        self.core.snapshot_record(&self.tenant, seq)
    }
}

impl Repository {
    /// A tenant's history, as far as it goes now.
    ///
    /// # Errors
    /// [`StoreError::UnknownTenant`], [`StoreError::RolledBack`], [`StoreError::NoKey`], or the storage failed.
    pub fn past(&self, tenant: &str) -> Result<Past, StoreError> {
        let name = tenant.to_owned();
        let (tenant, newest) = self.at_newest(tenant)?;
        Ok(Past { core: self.core.clone(), name, tenant, newest })
    }

    pub(super) fn at(&self, tenant: &str, seq: u64) -> Result<(Arc<Tenant>, Arc<Rec>), StoreError> {
        let past = self.past(tenant)?;
        let rec = past.record(seq)?;
        Ok((past.tenant, rec))
    }
}
