//! Deleting what was marked long enough ago, once it is proved that nobody misses it.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use crate::format::fields::Flags;
use crate::format::names::Name;
use crate::format::references::SegmentRef;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::lease::Lease;
use crate::store::prune::plan::Stored;
use crate::store::prune::{GRACE, TenantPruned};
use crate::store::replay::Which;
use crate::store::roots::Roots;
use crate::store::segments::{damaged, object_path};
use crate::store::tenant::Tenant;

impl Core {
    /// Deletes what is due under a lease; without one, says what would be.
    ///
    /// # Errors
    /// A state whose log was written anew is not the one that was signed: then nothing is deleted; or the
    /// storage failed.
    pub(super) fn sweep(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        mut lease: Option<&mut Lease>,
    ) -> Result<TenantPruned, StoreError> {
        let mut report = TenantPruned::default();
        let stored = Stored::list(self, tenant)?;
        let pruned = self.pruned(tenant);
        let mut marks: BTreeMap<u64, Vec<SegmentRef>> = BTreeMap::new();
        for dying in pruned.dead() {
            marks.entry(dying.at).or_default().push(dying.reference);
        }
        for (at, dies) in marks {
            let there: Vec<_> = dies.iter().filter_map(|one| stored.of(one).map(|row| (one, row))).collect();
            // The record that marked them is never older than what it marks, and goes after all of it.
            let Some(marked) = stored.records.get(&at).map(|row| row.modified).filter(|_| !there.is_empty())
            else {
                continue;
            };
            let due = marked.saturating_add(GRACE).unwrap_or(Timestamp::MAX);
            if now < due {
                there.iter().for_each(|(_, row)| report.waiting.add(row.size));
                report.due = Some(report.due.map_or(due, |first| first.min(due)));
                continue;
            }
            self.prove(tenant, at)?;
            for (_, row) in there {
                if let Some(lease) = lease.as_deref_mut() {
                    lease.keep()?;
                    self.storage.delete(&row.path)?;
                }
                report.deleted.add(row.size);
            }
        }
        if lease.is_some() && report.deleted.count > 0 {
            self.relist(tenant)?;
        }
        Ok(report)
    }

    /// Reads every state whose log a prune record holds, from what stays, and compares its root with the
    /// one that was signed.
    ///
    /// # Errors
    /// A body is missing or damaged, or a root is another one.
    pub(in crate::store) fn prove(&self, tenant: &Tenant, at: u64) -> Result<(), StoreError> {
        let pruned = self.pruned(tenant);
        let rewritten: Vec<u64> = pruned.rewritten_by(at).collect();
        let (Some(first), Some(last)) = (rewritten.first(), rewritten.last()) else { return Ok(()) };
        let domain = tenant.newest()?;
        let mut chain = vec![self.snapshot_record(tenant, *last)?];
        while let Some(rec) = chain.last().filter(|rec| rec.sequence > *first) {
            let Some(before) = self.snapshot_before(tenant, rec)? else { break };
            chain.push(before);
        }
        let mut roots: Option<Roots> = None;
        for rec in chain.iter().rev() {
            let Some(snapshot) = rec.snapshot() else { continue };
            // An older epoch's leaves need its proof key, and `rebase` begins each epoch anew.
            if rec.epoch != domain.epoch {
                roots = None;
                self.state(tenant, rec)?;
                continue;
            }
            let whole = snapshot.flags.contain(Flags::FULL_BASE);
            let mut now = match roots.take().filter(|_| !whole) {
                Some(mut roots) => {
                    for (path, entry) in self.log(tenant, rec, Which::Log)? {
                        let leaf = entry.map(|entry| self.leaf(tenant, domain, &path, &entry)).transpose()?;
                        roots.set(&domain.proof, &path, leaf);
                    }
                    roots
                }
                None => {
                    let state = self.state(tenant, rec)?.state;
                    self.roots_from_bodies(tenant, &state, &HashSet::new(), None)?
                }
            };
            if now.finish() != snapshot.root {
                let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
                return Err(damaged(&path, "the root that it signs is not that of what is kept for it"));
            }
            roots = Some(now);
        }
        Ok(())
    }
}
