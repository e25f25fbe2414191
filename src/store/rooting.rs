//! Where the state root's leaves come from: the index, what changed since, else every body once.

use std::sync::Arc;

use crate::crypto::hierarchy::Domain;
use crate::crypto::identity::Leaf;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Entry, Part};
use crate::store::index::{Fault, Head};
use crate::store::roots::Roots;
use crate::store::snapshot::Rec;
use crate::store::state::State;
use crate::store::tenant::Tenant;

impl Core {
    /// The buckets of a parent's state, with those of `paths` loaded.
    ///
    /// # Errors
    /// A body that must be read for it is missing or damaged.
    pub(super) fn roots<'p>(
        &self,
        tenant: &Tenant,
        parent: Option<(&Arc<Rec>, &State)>,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<Roots, StoreError> {
        let Some((rec, state)) = parent else { return Ok(Roots::empty()) };
        let domain = tenant.newest()?;
        let mut wanted: Vec<u16> = paths.map(|path| domain.proof.bucket(path)).collect();
        if rec.epoch == domain.epoch {
            let changed = self.changed_since_leaves(tenant, rec)?;
            if let Some((head, changed)) = changed
                && let Some(mut roots) = self.kept_roots(tenant, head)
            {
                wanted.extend(changed.iter().map(|path| domain.proof.bucket(path)));
                if self.load(tenant, &mut roots, wanted.clone()) {
                    for path in &changed {
                        let leaf = state.get_path(path).map(|entry| self.leaf(tenant, domain, path, &entry));
                        roots.set(&domain.proof, path, leaf.transpose()?);
                    }
                    if Some(roots.finish()) == rec.snapshot().map(|snapshot| snapshot.root) {
                        return Ok(roots);
                    }
                }
            }
        }
        self.roots_from_bodies(tenant, state)
    }

    /// The buckets of a state, from all its bodies.
    ///
    /// # Errors
    /// One of them is missing or damaged.
    pub(super) fn roots_from_bodies(&self, tenant: &Tenant, state: &State) -> Result<Roots, StoreError> {
        let domain = tenant.newest()?;
        let mut roots = Roots::empty();
        for (path, entry) in state.paths() {
            roots.set(&domain.proof, path, Some(self.leaf(tenant, domain, path, &entry)?));
        }
        Ok(roots)
    }

    fn leaf(&self, tenant: &Tenant, domain: &Domain, path: &str, entry: &Entry) -> Result<Leaf, StoreError> {
        if let Some(leaf) = entry.erased {
            return Ok(leaf);
        }
        let body = self.bodies(tenant).read(entry, Part::Main)?.ok_or_else(|| StoreError::Damaged {
            object: path.to_owned(),
            what: "its log entry has no main body".to_owned(),
        })?;
        Ok(domain.proof.leaf(path, &body.bytes))
    }

    /// For which record the index has leaves, and the paths that changed from there to `rec`; `None`
    /// when it has none on the way.
    fn changed_since_leaves(
        &self,
        tenant: &Tenant,
        rec: &Arc<Rec>,
    ) -> Result<Option<(Head, Vec<String>)>, StoreError> {
        /// Further back than this, reading every body is no slower.
        const RECORDS_MAX: usize = 512;
        let Some(head) = self.ask(|index| index.leaves_of(&tenant.index_keys)).flatten() else {
            return Ok(None);
        };
        let mut changed = Vec::new();
        let mut at = Some(rec.clone());
        for _ in 0..RECORDS_MAX {
            match at {
                Some(here) if here.id == head.record => return Ok(Some((head, changed))),
                Some(here) if here.sequence > head.sequence => {
                    changed.extend(self.steps(tenant, &here)?.into_iter().map(|(path, _)| path));
                    at = self.before(tenant, &here)?;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn kept_roots(&self, tenant: &Tenant, head: Head) -> Option<Roots> {
        let signed = self.record(tenant, head.sequence).ok()?.snapshot()?.root;
        let hashes = self.ask(|index| index.bucket_hashes(&tenant.index_keys)).flatten()?;
        let mut roots = Roots::with_hashes(hashes);
        (roots.finish() == signed).then_some(roots)
    }

    /// Loads buckets from the index; `false` when it does not give what their hashes say.
    fn load(&self, tenant: &Tenant, roots: &mut Roots, wanted: Vec<u16>) -> bool {
        let missing = roots.missing(wanted);
        let Some(found) = self.ask(|index| {
            let found = index.buckets(&tenant.index_keys, &missing)?;
            if found.len() == missing.len() {
                Ok(found)
            } else {
                Err(Fault("a bucket is missing".to_owned()))
            }
        }) else {
            return false;
        };
        missing.into_iter().zip(found).all(|(bucket, leaves)| roots.load(bucket, leaves))
    }
}
