//! Deleting what was marked long enough ago, once it is proved that nobody misses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::crypto::hierarchy::Domain;
use crate::crypto::identity::Leaf;
use crate::format::fields::Flags;
use crate::format::names::Name;
use crate::format::references::SegmentRef;
use crate::storage::Entry as Listed;
use crate::store::StoreError;
use crate::store::core::{Core, lock};
use crate::store::entry::{Entry, Part};
use crate::store::lease::Lease;
use crate::store::prune::{GRACE, TenantPruned};
use crate::store::pruned::Pruned;
use crate::store::replay::Which;
use crate::store::roots::Roots;
use crate::store::segments::{damaged, object_path};
use crate::store::snapshot::{Rec, Sort};
use crate::store::stored::Stored;
use crate::store::tenant::Tenant;

impl Core {
    /// Deletes what is due under a lease, of what was listed; without one, says what would be.
    ///
    /// # Errors
    /// A state that is kept is not the one that was signed: then nothing is deleted; or the
    /// storage failed.
    pub(in crate::store) fn sweep(
        &self,
        (tenant, newest): (&Tenant, &Arc<Rec>),
        stored: &mut Stored,
        now: Timestamp,
        mut lease: Option<&mut Lease>,
    ) -> Result<TenantPruned, StoreError> {
        let (mut report, mut fresh, mut proved) = (TenantPruned::default(), false, false);
        let pruned = self.pruned(tenant);
        let mut marks: BTreeMap<u64, Vec<SegmentRef>> = BTreeMap::new();
        for dying in pruned.dead() {
            marks.entry(dying.at).or_default().push(dying.reference);
        }
        for (at, dies) in marks {
            let there: Vec<(SegmentRef, Listed)> =
                dies.into_iter().filter_map(|one| Some((one, stored.of(&one)?.clone()))).collect();
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
            if !std::mem::replace(&mut fresh, true) {
                // What memory still holds says nothing of what lies there.
                self.segments.forget();
                self.forget_state();
                *lock(&self.net_log) = None;
            }
            if matches!(self.record(tenant, at)?.sort, Sort::Compact { .. }) {
                self.prove_carried(tenant, &pruned, at)?;
            } else if !std::mem::replace(&mut proved, true) {
                self.prove(tenant, newest)?;
            }
            for (reference, row) in there {
                if let Some(lease) = lease.as_deref_mut() {
                    lease.keep()?;
                    self.storage.delete(&row.path)?;
                    stored.forget(&reference);
                }
                report.deleted.add(row.size);
            }
        }
        if lease.is_some() && report.deleted.count > 0 {
            self.relist(tenant)?;
        }
        Ok(report)
    }

    /// Reads every record that a compact record carries, and every body that one of them names: nothing else
    /// was ever read from the objects that it replaced.
    ///
    /// # Errors
    /// One of them is missing or damaged.
    fn prove_carried(&self, tenant: &Tenant, pruned: &Pruned, at: u64) -> Result<(), StoreError> {
        for number in pruned.carried_by(at) {
            let rec = match pruned.carried(number) {
                Some(carried) => self.carried_record(tenant, number, carried)?,
                None => continue,
            };
            if rec.snapshot().is_none() {
                self.payload(tenant, &rec)?;
                continue;
            }
            self.ledger(tenant, &rec)?;
            let named = self.log(tenant, &rec, Which::Log)?.into_iter().filter_map(|(_, entry)| entry);
            let farewells = self.touched(tenant, &rec)?.into_iter().filter_map(|(_, event)| event);
            for place in named.flat_map(|entry| entry.places).map(|(_, place)| place).chain(farewells) {
                match self.bodies(tenant).at(&place) {
                    Ok(_) | Err(StoreError::NoKey { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Reads every state that is kept, from what stays, and compares its root with the one that was
    /// signed. Secret and other bodies, over which no root is, are read too.
    ///
    /// # Errors
    /// A body is missing or damaged, or a root is another one.
    pub(in crate::store) fn prove(&self, tenant: &Tenant, newest: &Arc<Rec>) -> Result<(), StoreError> {
        let mut roots: Option<(u32, Roots)> = None;
        for rec in self.all_records(tenant, newest.clone())? {
            let Some(snapshot) = rec.snapshot() else { continue };
            let whole = snapshot.flags.contain(Flags::FULL_BASE);
            // Each epoch has its proof key; whoever does not hold it reads, and compares nothing.
            let own = tenant.domains.iter().find(|domain| domain.epoch == rec.epoch);
            let domain = own.map_or_else(|| tenant.newest(), Ok)?;
            let known = roots.take().filter(|(epoch, _)| !whole && *epoch == domain.epoch);
            let mut now = match known {
                Some((_, mut roots)) => {
                    for (path, entry) in self.log(tenant, &rec, Which::Log)? {
                        let entry = entry.as_ref();
                        let leaf =
                            entry.map(|entry| self.proved(tenant, domain, &path, entry)).transpose()?;
                        roots.set(&domain.proof, &path, leaf);
                    }
                    roots
                }
                None => {
                    let mut roots = Roots::empty();
                    for (path, entry) in self.state(tenant, &rec)?.state.paths() {
                        roots.set(&domain.proof, path, Some(self.proved(tenant, domain, path, &entry)?));
                    }
                    roots
                }
            };
            if own.is_some() && now.finish() != snapshot.root {
                let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
                return Err(damaged(&path, "the root that it signs is not that of what is kept for it"));
            }
            roots = Some((domain.epoch, now));
        }
        Ok(())
    }

    /// The leaf of a resource, once all of its bodies were read.
    fn proved(
        &self,
        tenant: &Tenant,
        domain: &Domain,
        path: &str,
        entry: &Entry,
    ) -> Result<Leaf, StoreError> {
        for (_, place) in entry.places.iter().filter(|(part, _)| *part != Part::Main) {
            match self.bodies(tenant).id(place) {
                Ok(_) | Err(StoreError::NoKey { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.leaf(tenant, domain, path, entry)
    }
}
