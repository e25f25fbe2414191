//! A snapshot of the repository as the goal of a plan.

use std::collections::BTreeSet;

use zeroize::Zeroize;

use crate::base::coverage::Ledger;
use crate::base::key::{Kind, ResourceKey};
use crate::base::secret::Secret;
use crate::history::body::BODIES_AT_ONCE;
use crate::json::{self, Limits, Value};
use crate::restore::observe::Mark;
use crate::restore::{Marked, Recorded, RestoreError};
use crate::store::{Entry, Part, Repository, Snapshot, State, StoreError};

/// One snapshot of one tenant.
pub struct Stored<'a> {
    repository: &'a Repository,
    snapshot: Snapshot,
    state: State,
    mark: Option<&'a Mark<'a>>,
}

impl<'a> Stored<'a> {
    /// The state after a snapshot. Its id is what a plan names as its base.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn new(repository: &'a Repository, snapshot: Snapshot) -> Result<Self, StoreError> {
        let state = repository.state(&snapshot.tenant, snapshot.seq)?;
        Ok(Self { repository, snapshot, state, mark: None })
    }

    /// The same, able to say how its secrets are marked in the tenant that a plan is for.
    #[must_use]
    pub fn marking(self, mark: &'a Mark<'a>) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// The resources of a kind that are not the same in another snapshot.
    pub(crate) fn differing(&self, other: &Self, kind: &Kind) -> BTreeSet<ResourceKey> {
        let of = |one: &State, other: &State| {
            let unlike = |(key, entry): &(ResourceKey, Entry)| other.get(key).as_ref() != Some(entry);
            one.kind(kind).filter(unlike).map(|(key, _)| key).collect::<BTreeSet<_>>()
        };
        &of(&self.state, &other.state) | &of(&other.state, &self.state)
    }

    /// Reads body after body; one that was erased counts as not there.
    fn read_each(
        &self,
        rows: &mut dyn Iterator<Item = (ResourceKey, Entry)>,
        each: &mut dyn FnMut(&ResourceKey, &Value),
    ) -> Result<(), RestoreError> {
        loop {
            let (keys, entries): (Vec<ResourceKey>, Vec<Entry>) = rows.take(BODIES_AT_ONCE).unzip();
            let Some(first) = keys.first() else { return Ok(()) };
            let read = self.repository.read_many(&entries, Part::Main);
            let all =
                read.map_err(|error| RestoreError::Recorded { key: first.clone(), why: error.to_string() })?;
            for (key, bytes) in keys.iter().zip(all).filter(|(_, bytes)| bytes.is_some()) {
                each(key, &parsed(key, bytes)?);
            }
        }
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// The values of a resource's secrets, by mark.
///
/// # Errors
/// In words: they cannot be read.
pub(crate) fn sealed(repository: &Repository, entry: &Entry) -> Result<Option<Secret<Value>>, String> {
    let read = repository.read(entry, Part::Secret).map_err(|error| error.to_string())?;
    let Some(mut bytes) = read else { return Ok(None) };
    let values = json::parse(&bytes, &Limits::body()).map(Secret::new);
    bytes.zeroize();
    values.map(Some).map_err(|error| error.to_string())
}

fn parsed(key: &ResourceKey, bytes: Option<Vec<u8>>) -> Result<Value, RestoreError> {
    let unreadable = |why: String| RestoreError::Recorded { key: key.clone(), why };
    let bytes = bytes.ok_or_else(|| unreadable("its body was erased".into()))?;
    json::parse(&bytes, &Limits::body()).map_err(|error| unreadable(error.to_string()))
}

impl Recorded for Stored<'_> {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        let mut keys: Vec<ResourceKey> = self.state.kind(kind).map(|(key, _)| key).collect();
        // The state is in order of addresses, where ids are encoded.
        keys.sort();
        keys
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, RestoreError> {
        let Some(entry) = self.state.get(key) else { return Ok(None) };
        let read = self.repository.read(&entry, Part::Main);
        let bytes =
            read.map_err(|error| RestoreError::Recorded { key: key.clone(), why: error.to_string() })?;
        parsed(key, bytes).map(Some)
    }

    fn bodies(&self, kind: &Kind) -> Result<Vec<(ResourceKey, Value)>, RestoreError> {
        let (keys, entries): (Vec<ResourceKey>, Vec<Entry>) = self.state.kind(kind).unzip();
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        let read = self.repository.read_many(&entries, Part::Main);
        let all =
            read.map_err(|error| RestoreError::Recorded { key: first.clone(), why: error.to_string() })?;
        let pairs = keys.into_iter().zip(all);
        let mut found = pairs
            .map(|(key, bytes)| parsed(&key, bytes).map(|body| (key, body)))
            .collect::<Result<Vec<_>, _>>()?;
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn each_key(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        self.state.kind(kind).for_each(|(key, _)| each(&key));
    }

    fn each_body(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey, &Value)) -> Result<(), RestoreError> {
        self.read_each(&mut self.state.kind(kind), each)
    }

    fn some_bodies(
        &self,
        keys: &[ResourceKey],
        each: &mut dyn FnMut(&ResourceKey, &Value),
    ) -> Result<(), RestoreError> {
        let there = keys.iter().filter_map(|key| Some((key.clone(), self.state.get(key)?)));
        self.read_each(&mut there.into_iter(), each)
    }

    fn ledger(&self) -> &Ledger {
        &self.snapshot.ledger
    }

    fn mark_at(&self, secret: &Marked<'_>, at: &ResourceKey) -> Result<Option<String>, RestoreError> {
        let Some(mark) = self.mark else { return Ok(None) };
        let unreadable = |why| RestoreError::Recorded { key: secret.key.clone(), why };
        let Some(entry) = self.state.get(secret.key) else { return Ok(None) };
        let values = sealed(self.repository, &entry).map_err(unreadable)?;
        let value = values.as_ref().and_then(|values| values.expose().get(secret.mark));
        Ok(value.map(|value| mark(&at.to_path(), secret.place, &value.to_canonical())))
    }
}
