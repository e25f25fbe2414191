//! Bringing the index up to the repository.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::format::ledger;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::Entry;
use crate::store::index::{Fault, Head, Index, Update};
use crate::store::replay::Step;
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;

/// Records that are put into the index in one transaction.
const BATCH: usize = 128;

/// A record with what it changed, ready for the index.
struct Read {
    rec: Arc<Rec>,
    ledger: Option<Vec<u8>>,
    maintenance: Option<Vec<u8>>,
    steps: Vec<Step>,
}

impl Core {
    /// Up to which record the index answers for a tenant; 0 for none.
    pub(super) fn indexed(&self, tenant: &Tenant) -> u64 {
        self.ask(|index| index.head(&tenant.index_keys)).flatten().map_or(0, |head| head.sequence)
    }

    /// Adds every record up to `newest` that the index does not have. What cannot be read ends it
    /// there: the index then covers what is before, and the question itself meets the damage.
    ///
    /// # Errors
    /// The storage failed.
    pub(super) fn bring_index_up(
        &self,
        tenant: &Tenant,
        newest: &Arc<Rec>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), StoreError> {
        let Some(head) = self.ask(|index| index.head(&tenant.index_keys)) else { return Ok(()) };
        let head = head.unwrap_or(Head { sequence: 0, record: crate::base::ids::RecordId([0; 32]) });
        if (head.sequence, head.record) == (newest.sequence, newest.id) {
            return Ok(());
        }
        // It answers from what was pruned since: all of it is made anew from what stays.
        let head = match head.sequence > 0 && self.pruned(tenant).voided() > head.sequence {
            true => {
                self.ask(|index| index.forget_answers(&tenant.index_keys));
                Head { sequence: 0, record: crate::base::ids::RecordId([0; 32]) }
            }
            false => head,
        };
        let mut waiting = vec![newest.clone()];
        while let Some(last) = waiting.last() {
            if last.previous == head.record {
                break;
            }
            let before = match self.before(tenant, last) {
                Ok(before) => before,
                Err(StoreError::Storage(error)) => return Err(error.into()),
                // Not to be told from here; answers come from the logs, which name the damage.
                Err(_) => return Ok(()),
            };
            match before {
                Some(before) if before.sequence > head.sequence => waiting.push(before),
                Some(before) if before.id == head.record => break,
                _ if head.sequence == 0 => break,
                _ => {
                    // Another history than the one in the index.
                    self.ask(|index| index.forget(&tenant.index_keys));
                    self.forget_chain(tenant);
                    return Ok(());
                }
            }
        }
        let (total, mut done) = (waiting.len() as u64, 0);
        while !waiting.is_empty() {
            let batch = waiting.split_off(waiting.len().saturating_sub(BATCH));
            let (read, whole) = self.read_batch(tenant, batch)?;
            done += read.len() as u64;
            self.ask(|index| add_batch(index, tenant, &read));
            progress(done, total);
            if !whole {
                break;
            }
        }
        Ok(())
    }

    /// Reads records in ascending order; `false` when one of them could not be read.
    fn read_batch(&self, tenant: &Tenant, batch: Vec<Arc<Rec>>) -> Result<(Vec<Read>, bool), StoreError> {
        let mut read = Vec::with_capacity(batch.len());
        for rec in batch.into_iter().rev() {
            match self.read_one(tenant, &rec) {
                Ok(one) => read.push(one),
                Err(StoreError::Storage(error)) => return Err(error.into()),
                Err(_) => return Ok((read, false)),
            }
        }
        Ok((read, true))
    }

    fn read_one(&self, tenant: &Tenant, rec: &Arc<Rec>) -> Result<Read, StoreError> {
        self.must_understand(tenant, rec)?;
        let ledger = match rec.snapshot() {
            Some(_) => Some(ledger::encode(self.ledger(tenant, rec)?.as_ref())?),
            None => None,
        };
        let maintenance = match rec.maintains() {
            true => Some(self.payload(tenant, rec)?),
            false => None,
        };
        Ok(Read { rec: rec.clone(), ledger, maintenance, steps: self.steps(tenant, rec)? })
    }
}

fn add_batch(index: &Index, tenant: &Tenant, batch: &[Read]) -> Result<(), Fault> {
    let Some(last) = batch.last() else { return Ok(()) };
    let mut update = index.update(&tenant.index_keys)?;
    for Read { rec, ledger, maintenance, steps } in batch {
        let steps = steps.iter().map(|(path, entry)| (path.as_str(), entry.as_ref()));
        add(&mut update, rec, ledger.as_deref(), steps)?;
        if let Some(payload) = maintenance {
            update.maintenance(rec.sequence, payload)?;
        }
    }
    update.commit(Head { sequence: last.rec.sequence, record: last.rec.id })
}

/// Adds one record and what it changed.
pub(super) fn add<P: AsRef<str>, E: Borrow<Entry>>(
    update: &mut Update<'_>,
    rec: &Rec,
    ledger: Option<&[u8]>,
    steps: impl Iterator<Item = (P, Option<E>)>,
) -> Result<(), Fault> {
    update.record(rec.sequence, &rec.encode())?;
    if let Some(ledger) = ledger {
        update.ledger(rec.sequence, ledger)?;
    }
    update.versions(rec.sequence, steps)
}
