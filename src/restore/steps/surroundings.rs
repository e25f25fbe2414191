//! What surrounds a resource when its calls are shaped: the bodies that paths and conditions are asked of.

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{Context, Shape};
use crate::json::Value;
use crate::restore::links::Link;
use crate::restore::placeholder::{self, replace_word};
use crate::restore::reach::Case;
use crate::restore::shape::Stand;
use crate::restore::sides::natural_name;
use crate::restore::steps::{Draft, Work};

impl Draft<'_> {
    /// A body of it with the id that it will have, where that is still to come.
    fn with_own_id(&self, body: &Value) -> Value {
        let mut body = body.clone();
        if self.item.gets_new_id(self.spec)
            && let Some(at) = self.spec.id.as_ref()
        {
            let id = placeholder::id(&self.key);
            let _ = at.set(&mut body, id.clone());
            // What the vendor makes of the id (a name of the resource, a URL) has the new one in it.
            let told = self.spec.assigned.iter().flat_map(|pattern| pattern.find(&body));
            let told: Vec<_> =
                told.map(|(at, value)| (at, replace_word(value, self.key.id(), &id))).collect();
            for (at, value) in told {
                let _ = at.set(&mut body, value);
            }
        }
        body
    }
}

impl Work<'_, '_> {
    pub(super) fn stand(&self) -> Stand {
        Stand::new(&format!("{} {}", self.inputs.base, self.inputs.now))
    }

    pub(super) fn context<'c>(&'c self, bodies: &'c [(Kind, Value)]) -> Context<'c> {
        let mut base = Context::new(self.inputs.catalog, self.inputs.settings);
        // What no row holds, the id does.
        let known = self.draft.item.live_key.id().split(':');
        for (name, part) in self.draft.spec.id_of.iter().zip(known) {
            base = base.with_value(name, part);
        }
        bodies.iter().fold(base, |context, (kind, body)| context.with(kind, body))
    }

    /// The bodies that paths and conditions are asked of, the nearest last: the tenant's singletons,
    /// what an edge leads to, the parents, the resource itself.
    pub(super) fn surroundings(&self, stand: &mut Stand, own: &Value) -> Vec<(Kind, Value)> {
        let draft = self.draft;
        let catalog = self.inputs.catalog;
        let mut bodies = Vec::new();
        for spec in
            catalog.kinds.iter().filter(|spec| spec.shape == Shape::Singleton && spec.parent.is_empty())
        {
            bodies.extend(
                self.inputs.live.of_kind(&spec.kind).map(|(_, body)| (spec.kind.clone(), body.clone())),
            );
        }
        for found in &draft.links {
            let (goal, live) = match &found.link {
                Link::Made { goal } | Link::Coming { goal, .. } => (Some(goal), None),
                Link::Same { rests_on } => (None, rests_on.as_ref()),
                Link::Rewritten { rests_on, .. } => (None, Some(rests_on)),
                _ => continue,
            };
            let body = goal
                .and_then(|goal| self.body_of(stand, goal))
                .or_else(|| self.inputs.live.body(live?).cloned());
            bodies.extend(goal.or(live).map(|key| key.kind.clone()).zip(body));
        }
        let mut parents = Vec::new();
        let mut at = draft.key.clone();
        while let Some(parent) = self.reach.atlas.parent(&at).or_else(|| self.live_parent(&at)) {
            parents.extend(self.body_of(stand, &parent).map(|body| (parent.kind.clone(), body)));
            at = parent;
        }
        parents.reverse();
        bodies.extend(parents);
        bodies.push((draft.spec.kind.clone(), stand.plain(&draft.with_own_id(own))));
        bodies
    }

    fn live_parent(&self, key: &ResourceKey) -> Option<ResourceKey> {
        let parents = crate::restore::sides::parents_of(self.inputs.catalog, key);
        parents.into_iter().find(|parent| self.inputs.live.body(parent).is_some())
    }

    /// A resource that this plan gives another name before this step: paths name it by the new one.
    pub(super) fn renamed(&self, key: &ResourceKey) -> Option<&Draft<'_>> {
        let other = self.drafts.by_key.get(key).filter(|other| other.item.case == Case::Update)?;
        let earlier = other.spec.restore.order < self.draft.spec.restore.order;
        let live = other.live.as_ref().filter(|_| earlier)?;
        (natural_name(other.spec, live) != natural_name(other.spec, &other.desired)).then_some(other)
    }

    /// A resource's body as it will be when the step is done, as far as a path needs it.
    fn body_of(&self, stand: &mut Stand, key: &ResourceKey) -> Option<Value> {
        if let Some(draft) = self.drafts.by_key.get(key).filter(|draft| draft.is_made()) {
            return Some(stand.plain(&draft.with_own_id(&draft.desired)));
        }
        if let Some(renamed) = self.renamed(key) {
            return Some(stand.plain(&renamed.desired));
        }
        let live = self.reach.moved.get(key).unwrap_or(key);
        self.inputs.live.body(live).cloned()
    }
}
