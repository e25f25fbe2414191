//! Where the values of secrets come from that a plan names: the sealed bodies of the repository.

use crate::base::key::ResourceKey;
use crate::base::secret::Secret;
use crate::json::{Pointer, Value};
use crate::restore::stored::sealed;
use crate::restore::{Mode, Plan, SecretAt, Vault};
use crate::store::{Repository, Snapshot, StoreError};

/// The sealed bodies of a tenant, by the snapshot that holds them.
pub struct Kept<'a> {
    repository: &'a Repository,
    tenant: String,
    /// All of the tenant's, in order.
    snapshots: Vec<Snapshot>,
    /// The only snapshot that may be named; `None`: any of the tenant.
    base: Option<String>,
}

impl<'a> Kept<'a> {
    /// What a plan may name: what its base holds, and, where it undoes changes, what any snapshot of the
    /// tenant does.
    ///
    /// # Errors
    /// The tenant's snapshots cannot be read.
    pub fn of(repository: &'a Repository, plan: &Plan) -> Result<Self, StoreError> {
        match plan.mode {
            Mode::ThreeWay => Self::any(repository, plan.source()),
            Mode::Merge | Mode::Rollback => Self::only(repository, plan.source(), &plan.base),
        }
    }

    /// What any snapshot of a tenant holds.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn any(repository: &'a Repository, tenant: &str) -> Result<Self, StoreError> {
        let snapshots = repository.snapshots(tenant)?;
        Ok(Self { repository, tenant: tenant.to_owned(), snapshots, base: None })
    }

    /// What one snapshot of a tenant holds, by its id.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn only(repository: &'a Repository, tenant: &str, base: &str) -> Result<Self, StoreError> {
        Ok(Self { base: Some(base.to_owned()), ..Self::any(repository, tenant)? })
    }

    /// The snapshot of this id.
    #[must_use]
    pub fn snapshot(&self, id: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|known| known.id.to_string() == id)
    }

    /// The newest snapshot that holds the value behind a mark.
    pub(crate) fn holding(&self, key: &ResourceKey, mark: &str) -> Result<Option<String>, String> {
        let said = |error: StoreError| error.to_string();
        for (seq, change) in self.repository.history(&self.tenant, key).map_err(said)?.into_iter().rev() {
            let known = self.snapshots.iter().position(|snapshot| snapshot.seq == seq);
            let Some(place) = known else { continue };
            let before = place.checked_sub(1).and_then(|place| self.snapshots.get(place));
            for (entry, snapshot) in [(change.after, self.snapshots.get(place)), (change.before, before)] {
                let (Some(entry), Some(snapshot)) = (entry, snapshot) else { continue };
                let values = sealed(self.repository, &entry)?;
                if values.is_some_and(|values| values.expose().get(mark).is_some()) {
                    return Ok(Some(snapshot.id.to_string()));
                }
            }
        }
        Ok(None)
    }
}

impl Vault for Kept<'_> {
    fn open(&self, at: &SecretAt) -> Result<Secret<Value>, String> {
        let missing = || format!("`{}` has no such secret", at.blob);
        let (id, path) = at.within().ok_or_else(missing)?;
        if self.base.as_ref().is_some_and(|base| base != id) {
            return Err(format!("`{}` is of another snapshot than the plan's base", at.blob));
        }
        let key = ResourceKey::from_path(path).ok_or_else(missing)?;
        let snapshot = self.snapshot(id).ok_or_else(missing)?;
        let entry = self.repository.entry(&self.tenant, snapshot.seq, &key);
        let entry = entry.map_err(|error| error.to_string())?.ok_or_else(missing)?;
        let values = sealed(self.repository, &entry)?.ok_or_else(missing)?;
        let pointer = Pointer::parse(&at.pointer).map_err(|error| error.to_string())?;
        let found = pointer.get(values.expose()).cloned();
        found.map(Secret::new).ok_or_else(missing)
    }
}
