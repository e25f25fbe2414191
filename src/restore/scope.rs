//! What a person chose of a tenant, and what is wished of each resource of it.

use std::collections::BTreeMap;

use crate::base::key::ResourceKey;
use crate::json::{FieldChange, Pointer};
use crate::restore::form::{Conflict, Refusal, Told};
use crate::restore::rewind::Decisions;

/// What is wanted of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// As it was.
    Whole,
    /// Only these fields as they were.
    Fields(Vec<Pointer>),
    /// Only these changes undone, and everything since kept.
    Revert(Vec<FieldChange>),
}

/// What a person chose.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    wishes: BTreeMap<ResourceKey, Wish>,
    refused: Vec<Refusal>,
    conflicts: Vec<Conflict>,
    decisions: Decisions,
    /// The changes that are undone, where such were chosen.
    pub undoes: Vec<Told>,
    /// Changes of that time that nobody is named for, and that stay.
    pub unexplained: Vec<Told>,
}

impl Scope {
    /// These resources, whole.
    #[must_use]
    pub fn whole(keys: impl IntoIterator<Item = ResourceKey>) -> Self {
        Self { wishes: keys.into_iter().map(|key| (key, Wish::Whole)).collect(), ..Self::default() }
    }

    /// Adds a wish; two for one resource are joined, and a whole resource holds all its fields.
    pub fn add(&mut self, key: ResourceKey, wish: Wish) {
        join(&mut self.wishes, key, wish);
    }

    /// Names something that is left as it is, and why: the plan says so.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refused.push(refusal);
    }

    /// Tells of a conflict that was found before the tenant was asked.
    pub fn conflict(&mut self, conflict: Conflict) {
        self.conflicts.push(conflict);
    }

    /// Takes in what a person has decided about conflicts.
    pub fn decide(&mut self, decisions: Decisions) {
        self.decisions = decisions;
    }

    /// What is left as it is, with the reason.
    pub(crate) fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// What was found before the tenant was asked.
    pub(crate) fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// What a person has decided about conflicts.
    pub(crate) fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Keeps only what is chosen among these.
    pub fn retain(&mut self, mut chosen: impl FnMut(&ResourceKey) -> bool) {
        self.wishes.retain(|key, _| chosen(key));
        self.refused.retain(|refusal| chosen(&refusal.key));
    }

    /// All that the plan will say something of.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.wishes.keys().chain(self.refused.iter().map(|refusal| &refusal.key))
    }

    /// What was chosen, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&ResourceKey, &Wish)> {
        self.wishes.iter()
    }
}

pub(crate) fn join(wishes: &mut BTreeMap<ResourceKey, Wish>, key: ResourceKey, wish: Wish) -> bool {
    let Some(known) = wishes.get_mut(&key) else {
        wishes.insert(key, wish);
        return true;
    };
    let before = known.clone();
    match (&mut *known, wish) {
        (Wish::Whole, _) => {}
        (Wish::Fields(fields), Wish::Fields(more)) => {
            fields.extend(more.into_iter().filter(|at| !before.names(at)));
        }
        (Wish::Revert(changes), Wish::Revert(more)) => {
            let new: Vec<_> = more.into_iter().filter(|change| !changes.contains(change)).collect();
            changes.extend(new);
        }
        (known, wish) => *known = wish,
    }
    *known != before
}

impl Wish {
    fn names(&self, at: &Pointer) -> bool {
        matches!(self, Self::Fields(fields) if fields.contains(at))
    }
}
