//! Where the state root's leaves come from: the index, what changed since, else every body once.
//!
//! Where every body is needed, a session that is given one compares it with the stored one as it comes
//! and remembers its leaf: what is lost is then stored anew, and nothing is read a second time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::crypto::hierarchy::Domain;
use crate::crypto::identity::Leaf;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Entry, Part};
use crate::store::index::{Fault, Head};
use crate::store::roots::Roots;
use crate::store::short::Quick;
use crate::store::snapshot::Rec;
use crate::store::state::State;
use crate::store::tenant::Tenant;

/// The leaves of resources that a session found to be as they were, by short name of their key.
pub(super) type Leaves = HashMap<u64, Leaf, Quick>;

/// Resources whose bodies are read together.
const TOGETHER: usize = 1 << 15;

impl Core {
    /// Whether the leaves of a record's state are kept, so that few bodies must be read for the root.
    pub(super) fn keeps_leaves(&self, tenant: &Tenant, rec: &Arc<Rec>) -> Result<bool, StoreError> {
        if rec.epoch != tenant.newest()?.epoch {
            return Ok(false);
        }
        match self.changed_since_leaves(tenant, rec) {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.is_loss() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The buckets of a parent's state, with those of `paths` loaded. The leaves of `paths` themselves are
    /// about to be set, and may lack: a body that is lost does not stand in the way of the one that takes
    /// its place.
    ///
    /// # Errors
    /// Another body that must be read for it is missing or damaged.
    pub(super) fn roots<'p>(
        &self,
        tenant: &Tenant,
        parent: Option<(&Arc<Rec>, &State)>,
        paths: impl Iterator<Item = &'p str> + Clone,
        known: Option<&Leaves>,
    ) -> Result<Roots, StoreError> {
        let Some((rec, state)) = parent else { return Ok(Roots::empty()) };
        match self.roots_from_index(tenant, rec, state, paths.clone()) {
            Ok(Some(roots)) => Ok(roots),
            Ok(None) => self.roots_from_bodies(tenant, state, &paths.collect(), known),
            Err(error) if error.is_loss() => self.roots_from_bodies(tenant, state, &paths.collect(), known),
            Err(error) => Err(error),
        }
    }

    /// The same from what the index keeps and the bodies that came since; `None` where that does not give
    /// the root that was signed.
    fn roots_from_index<'p>(
        &self,
        tenant: &Tenant,
        rec: &Arc<Rec>,
        state: &State,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<Option<Roots>, StoreError> {
        let domain = tenant.newest()?;
        if rec.epoch != domain.epoch {
            return Ok(None);
        }
        let Some((head, changed)) = self.changed_since_leaves(tenant, rec)? else { return Ok(None) };
        let Some(mut roots) = self.kept_roots(tenant, head) else { return Ok(None) };
        let mut wanted: Vec<u16> = paths.map(|path| domain.proof.bucket(path)).collect();
        wanted.extend(changed.iter().map(|path| domain.proof.bucket(path)));
        if !self.load(tenant, &mut roots, wanted) {
            return Ok(None);
        }
        for path in &changed {
            let leaf = state.get_path(path).map(|entry| self.leaf(tenant, domain, path, &entry));
            roots.set(&domain.proof, path, leaf.transpose()?);
        }
        let signed = rec.snapshot().map(|snapshot| snapshot.root);
        Ok((Some(roots.finish()) == signed).then_some(roots))
    }

    /// The buckets of a state, from all its bodies but those of some paths and those whose leaves are
    /// known.
    ///
    /// # Errors
    /// One of them is missing or damaged.
    pub(super) fn roots_from_bodies(
        &self,
        tenant: &Tenant,
        state: &State,
        without: &HashSet<&str>,
        known: Option<&Leaves>,
    ) -> Result<Roots, StoreError> {
        let domain = tenant.newest()?;
        let mut roots = Roots::empty();
        let mut unread = Vec::new();
        for (path, entry) in state.paths().filter(|(path, _)| !without.contains(&**path)) {
            match known.and_then(|known| known.get(&tenant.short.of(path))) {
                Some(leaf) => roots.set(&domain.proof, path, Some(*leaf)),
                None => unread.push((path.to_owned(), entry)),
            }
            if unread.len() == TOGETHER {
                self.read_leaves(tenant, domain, &mut unread, &mut roots)?;
            }
        }
        self.read_leaves(tenant, domain, &mut unread, &mut roots)?;
        Ok(roots)
    }

    /// Takes the leaves of some resources from their bodies, in the order in which these lie: in that of the
    /// keys a frame would be opened for nearly every body.
    fn read_leaves(
        &self,
        tenant: &Tenant,
        domain: &Domain,
        unread: &mut Vec<(String, Entry)>,
        roots: &mut Roots,
    ) -> Result<(), StoreError> {
        unread.sort_by_key(|(_, entry)| {
            entry.place(Part::Main).map(|at| (at.target.reference.id, at.frame, at.slot))
        });
        for (path, entry) in unread.drain(..) {
            let leaf = self.leaf(tenant, domain, &path, &entry)?;
            roots.set(&domain.proof, &path, Some(leaf));
        }
        Ok(())
    }

    pub(super) fn leaf(
        &self,
        tenant: &Tenant,
        domain: &Domain,
        path: &str,
        entry: &Entry,
    ) -> Result<Leaf, StoreError> {
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
