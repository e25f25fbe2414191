//! What differs between two snapshots, from what was changed between them: neither state is read.
//!
//! The logs between the two name every resource that can differ, and the index knows what each of these was at
//! either end. Where that would be more work than two states, or not all of it is known, there is no answer and
//! the states tell. It must never say anything else than they do (`tests/between.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::format::fields::Flags;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Change, Entry};
use crate::store::index::Known;
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;

/// Whether so many logs with so many changes are less work than two states of so many resources. A log is an object
/// of its own, and a resource that changed is looked up twice.
pub(super) fn are_less_work(logs: u64, changes: u64, total: u64) -> bool {
    20 * logs + changes <= total / 16 + 1_000
}

impl Core {
    /// What differs between two snapshots, in order of the keys: every resource whose entry is another at either
    /// end, though its bodies may be the same. `None` where the states are to be compared, because `worth` says
    /// so of logs, changes and resources, or because they alone can tell.
    ///
    /// # Errors
    /// A log that is needed is missing or damaged.
    pub(super) fn between(
        &self,
        tenant: &Tenant,
        from: &Arc<Rec>,
        to: &Arc<Rec>,
        worth: fn(u64, u64, u64) -> bool,
    ) -> Result<Option<Vec<Change>>, StoreError> {
        let (low, high) = if from.sequence <= to.sequence { (from, to) } else { (to, from) };
        if self.indexed(tenant) < high.sequence {
            return Ok(None);
        }
        let Some(records) = self.records_between(tenant, low, high, worth)? else { return Ok(None) };
        let mut paths = BTreeSet::new();
        for rec in &records {
            paths.extend(self.touched(tenant, rec)?.into_iter().map(|(path, _)| path));
        }
        let mut changes = Vec::new();
        for path in paths {
            let (Some(before), Some(after)) =
                (self.known(tenant, &path, from.sequence), self.known(tenant, &path, to.sequence))
            else {
                return Ok(None);
            };
            if before != after {
                changes.push(self.change(tenant, &path, before, after)?);
            }
        }
        Ok(Some(changes))
    }

    /// The snapshots after one and up to another; `None` where they are not worth it, or one is a whole state.
    fn records_between(
        &self,
        tenant: &Tenant,
        low: &Arc<Rec>,
        high: &Arc<Rec>,
        worth: fn(u64, u64, u64) -> bool,
    ) -> Result<Option<Vec<Arc<Rec>>>, StoreError> {
        let mut found: Vec<Arc<Rec>> = Vec::new();
        let mut changes = 0;
        let mut at = Some(high.clone());
        while let Some(here) = at.filter(|here| here.sequence > low.sequence) {
            self.must_understand(tenant, &here)?;
            let before = self.before(tenant, &here)?;
            if let Some(snapshot) = here.snapshot() {
                changes += snapshot.added + snapshot.changed + snapshot.removed;
                let whole = snapshot.flags.contain(Flags::FULL_BASE);
                found.push(here.clone());
                if whole || !worth(found.len() as u64, changes, snapshot.total) {
                    return Ok(None);
                }
            }
            at = before;
        }
        Ok(Some(found))
    }

    /// What the index knows of a resource at a record that it covers; `None` where it has never heard of it.
    pub(super) fn known(&self, tenant: &Tenant, path: &str, sequence: u64) -> Option<Option<Entry>> {
        match self.ask(|index| index.lookup(&tenant.index_keys, path, sequence))? {
            Known::Entry(entry) => Some(Some(entry)),
            Known::Absent => Some(None),
            Known::Unknown => None,
        }
    }
}
