//! A snapshot with some resources as they shall be: the goal of a plan that undoes chosen changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::coverage::Ledger;
use crate::base::key::{Kind, ResourceKey};
use crate::json::redact::{UNKNOWN, fingerprint};
use crate::json::{Pattern, Value};
use crate::restore::kept::Kept;
use crate::restore::{Marked, Recorded, RestoreError, Stored};
use crate::store::Repository;

/// A snapshot, and what shall be otherwise.
pub struct Composed<'a> {
    recorded: &'a Stored<'a>,
    /// `None`: it shall not be there.
    goals: BTreeMap<ResourceKey, Option<Value>>,
    /// By mark, the snapshot that holds a secret of one of these.
    homes: BTreeMap<(ResourceKey, String), String>,
}

impl<'a> Composed<'a> {
    /// A recorded state and what shall be otherwise; nothing, where a plan goes back to that state.
    ///
    /// # Errors
    /// A secret of one of them cannot be read.
    pub fn new(
        repository: &'a Repository,
        recorded: &'a Stored<'a>,
        goals: BTreeMap<ResourceKey, Option<Value>>,
    ) -> Result<Self, RestoreError> {
        let everywhere = Pattern::parse("/**/*").expect("a constant pattern");
        let mut homes = BTreeMap::new();
        let mut kept = None;
        for (key, body) in goals.iter().filter_map(|(key, goal)| goal.as_ref().map(|body| (key, body))) {
            let places = everywhere.find(body);
            let marks = places.iter().filter_map(|(_, value)| fingerprint(value));
            for mark in marks.filter(|mark| *mark != UNKNOWN) {
                let unreadable = |why: String| RestoreError::Recorded { key: key.clone(), why };
                let kept = match &mut kept {
                    Some(kept) => kept,
                    none => {
                        let all = Kept::any(repository, &recorded.snapshot().tenant);
                        none.insert(all.map_err(|error| unreadable(error.to_string()))?)
                    }
                };
                let home = kept.holding(key, mark).map_err(unreadable)?;
                homes.extend(home.map(|home| ((key.clone(), mark.to_owned()), home)));
            }
        }
        Ok(Self { recorded, goals, homes })
    }
}

impl Recorded for Composed<'_> {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        let mut keys: BTreeSet<ResourceKey> = self.recorded.keys(kind).into_iter().collect();
        for (key, goal) in self.goals.iter().filter(|(key, _)| key.kind == *kind) {
            match goal {
                Some(_) => drop(keys.insert(key.clone())),
                None => drop(keys.remove(key)),
            }
        }
        keys.into_iter().collect()
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, RestoreError> {
        match self.goals.get(key) {
            Some(goal) => Ok(goal.clone()),
            None => self.recorded.body(key),
        }
    }

    fn bodies(&self, kind: &Kind) -> Result<Vec<(ResourceKey, Value)>, RestoreError> {
        let mut bodies: BTreeMap<ResourceKey, Value> = self.recorded.bodies(kind)?.into_iter().collect();
        for (key, goal) in self.goals.iter().filter(|(key, _)| key.kind == *kind) {
            match goal {
                Some(body) => drop(bodies.insert(key.clone(), body.clone())),
                None => drop(bodies.remove(key)),
            }
        }
        Ok(bodies.into_iter().collect())
    }

    fn each_key(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        self.recorded.each_key(kind, &mut |key| {
            if !self.goals.contains_key(key) {
                each(key);
            }
        });
        let made = self.goals.iter().filter(|(key, goal)| key.kind == *kind && goal.is_some());
        made.for_each(|(key, _)| each(key));
    }

    fn mark_at(&self, secret: &Marked<'_>, at: &ResourceKey) -> Result<Option<String>, RestoreError> {
        self.recorded.mark_at(secret, at)
    }

    fn ledger(&self) -> &Ledger {
        self.recorded.ledger()
    }

    fn kept_in(&self, key: &ResourceKey, mark: &str) -> Option<&str> {
        self.homes.get(&(key.clone(), mark.to_owned())).map(String::as_str)
    }
}
