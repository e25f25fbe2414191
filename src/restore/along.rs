//! What comes and goes with a resource by the vendor's doing: what a delete takes with it, what is made
//! along with something else, and what lies in a place of the vendor's own.
//!
//! A part of [`reach`](crate::restore::reach), which decides how far a restore goes.

use std::collections::BTreeSet;

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{Condition, KindSpec, RefBy, Shape};
use crate::json::Value;
use crate::restore::RestoreError;
use crate::restore::links::holds;
use crate::restore::reach::{Case, Item, Reach};
use crate::restore::scope::Wish;

impl Reach<'_> {
    /// Whether what a resource lies in is no instance of its kind: a place of the vendor's own, which the
    /// body of one that is made does not name.
    pub(crate) fn is_outermost(&self, spec: &KindSpec, key: &ResourceKey, body: &Value) -> bool {
        let outer = self.atlas.outer(spec, key, body);
        let referred = spec
            .refs
            .iter()
            .any(|reference| !reference.free && reference.at.as_pointer().as_ref() == spec.within.as_ref());
        !referred && outer.is_some_and(|outer| !self.atlas.has(&outer))
    }

    /// What a resource refers to and takes with it when it is deleted: a step takes the flow inside it.
    pub(crate) fn push_taken_along(&mut self, key: &ResourceKey) -> Result<(), RestoreError> {
        let spec = self.atlas.spec(&key.kind)?;
        let Some(body) = self.atlas.body(key)? else { return Ok(()) };
        for reference in spec.refs.iter().filter(|reference| reference.by == RefBy::Id) {
            for kind in reference.to.iter().filter(|kind| spec.restore.cascades.contains(kind)) {
                let ids = reference.at.find(&body).into_iter().filter_map(|(_, value)| value.as_str());
                for target in ids.flat_map(|id| self.atlas.by_id(kind, id)).collect::<Vec<_>>() {
                    self.push(target, Wish::Whole);
                }
            }
        }
        Ok(())
    }

    /// What the vendor made along with a resource went when it was switched off there, and comes with it
    /// when it is switched on again.
    pub(crate) fn push_switched_on(
        &mut self,
        key: &ResourceKey,
        goal: &Value,
        live: &Value,
    ) -> Result<(), RestoreError> {
        for along in self.atlas.made_along(key)? {
            let spec = self.atlas.spec(&along.kind)?;
            let only = spec.comes_with.iter().filter(|with| with.of == key.kind).flat_map(|with| &with.only);
            let holds = |body: &Value| only.clone().all(|condition| condition.holds(body));
            if holds(goal) && !holds(live) {
                self.push(along, Wish::Whole);
            }
        }
        Ok(())
    }

    /// What goes with a resource when it is deleted, and with that in turn.
    pub(crate) fn along(&mut self, spec: &KindSpec, key: &ResourceKey) -> Result<(), RestoreError> {
        let mut gone = BTreeSet::new();
        let name = self.seen.body(key).and_then(|body| spec.name_of(body)).unwrap_or_default();
        for kind in &spec.restore.cascades {
            let below = self.atlas.spec(kind)?;
            let parent = if below.parent.contains(&key.kind) { key.ids.clone() } else { Vec::new() };
            if !below.is_asked_for() {
                continue;
            }
            if !self.seen.is_whole(kind, &parent) {
                if self.seen.is_closed(kind, &parent) {
                    self.unseen_along.entry(key.clone()).or_default().insert(kind.clone());
                } else {
                    self.wants.along.insert((kind.clone(), parent));
                }
                continue;
            }
            for (other, body) in self.seen.of_kind(kind) {
                let inside = other.ids.starts_with(&key.ids) && other != key;
                let lies_in = self.atlas.outer(below, other, body).as_ref() == Some(key);
                let refers = below.refs.iter().any(|reference| {
                    let means = if reference.by == RefBy::Name { name.as_str() } else { key.id() };
                    let found = reference.at.find(body);
                    reference.to.contains(&key.kind)
                        && found.iter().any(|(_, value)| holds(reference.by, value, means))
                });
                if inside || lies_in || (below.shape == Shape::Edge && refers) {
                    gone.insert(other.clone());
                }
            }
        }
        self.takes_along.insert(key.clone(), gone.clone());
        for other in
            gone.into_iter().filter(|other| !self.takes_along.contains_key(other)).collect::<Vec<_>>()
        {
            let spec = self.atlas.spec(&other.kind)?;
            if !spec.restore.cascades.is_empty() {
                self.along(spec, &other)?;
            }
        }
        Ok(())
    }

    /// Everything that goes with a resource, however far down.
    pub(crate) fn all_along(&self, key: &ResourceKey) -> BTreeSet<ResourceKey> {
        let mut all = BTreeSet::new();
        let mut waiting = vec![key.clone()];
        while let Some(key) = waiting.pop() {
            for other in self.takes_along.get(&key).into_iter().flatten() {
                if all.insert(other.clone()) {
                    waiting.push(other.clone());
                }
            }
        }
        all.remove(key);
        all
    }

    /// The kinds of which something may go with a resource that nobody has seen.
    pub(crate) fn unseen_along(&self, key: &ResourceKey) -> BTreeSet<Kind> {
        let all = std::iter::once(key.clone()).chain(self.all_along(key));
        all.filter_map(|key| self.unseen_along.get(&key)).flatten().cloned().collect()
    }

    /// Leaves to the vendor what it makes by itself. What brings that about may have been looked at later.
    pub(crate) fn leave_to_the_vendor(&mut self) -> Result<(), RestoreError> {
        let made: Vec<(ResourceKey, Value)> = self
            .items
            .iter()
            .filter(|(_, item)| item.case == Case::Create)
            .filter_map(|(key, item)| Some((key.clone(), item.goal.clone()?)))
            .collect();
        for (key, goal) in made {
            let spec = self.atlas.spec(&key.kind)?;
            if self.is_brought(spec, &key, &goal)?
                && let Some(item) = self.items.get_mut(&key)
            {
                item.case = Case::Brought;
            }
        }
        Ok(())
    }

    /// Whether the vendor makes it by itself when something else of this restore is made.
    fn is_brought(&self, spec: &KindSpec, key: &ResourceKey, goal: &Value) -> Result<bool, RestoreError> {
        if spec.shape == Shape::Edge {
            return Ok(false);
        }
        let mut makers: Vec<ResourceKey> = self.atlas.parent(key).into_iter().collect();
        for reference in spec.refs.iter().filter(|reference| reference.by == RefBy::Id) {
            for (_, value) in reference.at.find(goal) {
                let Some(id) = value.as_str() else { continue };
                makers.extend(reference.to.iter().flat_map(|kind| self.atlas.by_id(kind, id)));
            }
        }
        let makes = |maker: &ResourceKey, only: &[Condition]| {
            let Some(item) = self.items.get(maker) else { return false };
            let holds = |body: &Option<Value>| {
                body.as_ref().is_some_and(|body| only.iter().all(|condition| condition.holds(body)))
            };
            holds(&item.goal) && (item.case == Case::Create || !holds(&item.live))
        };
        let along = self.atlas.makers(spec, key, goal)?.iter().any(|(maker, only)| makes(maker, only));
        let made = |item: &Item| item.case == Case::Create;
        let brings = |maker: &ResourceKey| {
            let kinds = self.catalog().kind(&maker.kind).map(|spec| spec.restore.brings.as_slice());
            kinds.unwrap_or_default().contains(&key.kind) && self.items.get(maker).is_some_and(made)
        };
        let alone = spec.shape == Shape::Singleton && spec.create.is_empty();
        Ok(alone || along || makers.iter().any(brings))
    }
}
