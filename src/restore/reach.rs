//! How far a restore reaches: from what a person chose to everything that must come with it.
//!
//! A resource that is gone brings its children, its edges and what referred to it, all from the
//! same recorded state. A resource that somebody has made anew under the same name is not made a
//! second time: it is matched, and its id takes the place of the old one.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Provider, RefBy, RestoreClass, Shape};
use crate::json::redact::fingerprint;
use crate::json::{FieldChange, Pointer, Value};
use crate::restore::RestoreError;
use crate::restore::atlas::{Atlas, Mention};
use crate::restore::drafts::recognise;
use crate::restore::elsewhere::nameless;
use crate::restore::form::{Mode, Refusal};
use crate::restore::rewind::Decisions;
use crate::restore::scope::{Scope, Wish, join};
use crate::restore::sides::{Seen, Sight, Wants, gap, natural_name, parents_of};

/// What is to be done with a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Case {
    Create,
    Update,
    /// Made by the vendor in an earlier step; found then.
    Brought,
    Delete,
}

/// A resource within reach.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) wish: Wish,
    pub(crate) case: Case,
    pub(crate) goal: Option<Value>,
    /// Its address in the tenant; for what is to be made, the one that it had.
    pub(crate) live_key: ResourceKey,
    pub(crate) live: Option<Value>,
}

impl Item {
    /// Whether it will have an id that nobody knows yet.
    pub(crate) fn gets_new_id(&self, spec: &KindSpec) -> bool {
        spec.shape == Shape::Object
            && match self.case {
                Case::Create => !spec.restore.keeps_id,
                // What the vendor makes by itself has whatever id the vendor gives it, unless that is its name.
                Case::Brought => !(spec.restore.keeps_id && spec.is_known_by_name()),
                Case::Update | Case::Delete => false,
            }
    }
}

/// Everything within reach.
pub(crate) struct Reach<'a> {
    pub(crate) atlas: &'a Atlas<'a>,
    pub(crate) seen: &'a Seen,
    pub(crate) mode: Mode,
    /// The tenant is another one than was recorded: see [`elsewhere`](crate::restore::elsewhere).
    pub(crate) elsewhere: bool,
    pub(crate) items: BTreeMap<ResourceKey, Item>,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) wants: Wants,
    /// Recorded addresses whose resource is known under another one now.
    pub(crate) moved: BTreeMap<ResourceKey, ResourceKey>,
    pub(crate) takes_along: BTreeMap<ResourceKey, BTreeSet<ResourceKey>>,
    /// Kinds of which something may go with a resource, and that cannot be read.
    pub(crate) unseen_along: BTreeMap<ResourceKey, BTreeSet<Kind>>,
    /// What a person has decided about conflicts.
    pub(crate) decisions: Decisions,
    wishes: BTreeMap<ResourceKey, Wish>,
    /// What the vendor may have deleted along with something that is gone.
    cascaded: BTreeSet<ResourceKey>,
    /// Whose names are being brought up to date: two that name each other are not gone round.
    pub(crate) naming: BTreeSet<ResourceKey>,
    queue: Vec<ResourceKey>,
}

/// What is known of a recorded resource in the tenant.
pub(crate) enum Look<'a> {
    Here(ResourceKey, &'a Value),
    Absent(ResourceKey),
    Unread,
}

/// Under which address a recorded resource is known.
pub(crate) enum Now {
    /// Under its own, whether it is there or not.
    AsRecorded,
    /// Under this one: somebody made it anew.
    Elsewhere(ResourceKey),
    /// More must be read first.
    Unread,
}

impl<'a> Reach<'a> {
    pub(crate) fn new(atlas: &'a Atlas<'a>, seen: &'a Seen, mode: Mode, elsewhere: bool) -> Self {
        Self {
            atlas,
            seen,
            mode,
            elsewhere,
            items: BTreeMap::new(),
            refused: Vec::new(),
            wants: Wants::default(),
            moved: BTreeMap::new(),
            takes_along: BTreeMap::new(),
            unseen_along: BTreeMap::new(),
            decisions: Decisions::default(),
            wishes: BTreeMap::new(),
            cascaded: BTreeSet::new(),
            naming: BTreeSet::new(),
            queue: Vec::new(),
        }
    }

    /// Walks from the scope to everything that comes with it.
    pub(crate) fn walk(&mut self, scope: &Scope) -> Result<(), RestoreError> {
        for mut refusal in scope.refused().iter().cloned() {
            if refusal.name == refusal.key.id() {
                refusal.name = self.atlas.full_name(&refusal.key, &Value::Null);
            }
            self.refused.push(refusal);
        }
        self.decisions = scope.decisions().clone();
        for (key, wish) in scope.iter() {
            self.push(key.clone(), wish.clone());
        }
        // Parents first: whether a child is there may depend on its parent.
        self.queue.sort_by_key(|key| std::cmp::Reverse(key.ids.len()));
        while let Some(key) = self.queue.pop() {
            self.visit(&key)?;
        }
        self.keep_stand_ins();
        self.leave_to_the_vendor()
    }

    pub(crate) fn push(&mut self, key: ResourceKey, wish: Wish) {
        if join(&mut self.wishes, key.clone(), wish) {
            self.queue.push(key);
        }
    }

    pub(crate) fn catalog(&self) -> &'a Provider {
        self.atlas.catalog
    }

    fn visit(&mut self, key: &ResourceKey) -> Result<(), RestoreError> {
        let spec = self.atlas.spec(&key.kind)?;
        if !spec.is_asked_for() {
            return Ok(());
        }
        let wish = self.wishes.get(key).cloned().unwrap_or(Wish::Whole);
        let Some(goal) = self.atlas.body(key)? else { return self.visit_later(spec, key) };
        match self.look(key)? {
            Look::Unread => {}
            Look::Here(live_key, live) => {
                self.push_switched_on(key, &goal, live)?;
                let item =
                    Item { wish, case: Case::Update, goal: Some(goal), live: Some(live.clone()), live_key };
                self.items.insert(key.clone(), item);
                if self.elsewhere {
                    self.push_what_hangs_on(key)?;
                } else if self.moved.contains_key(key) {
                    // Another's reference led to it first: what hung on the old one is as gone as it would be.
                    self.push_dependents(key)?;
                }
            }
            Look::Absent(live_key) => self.visit_gone(spec, key, wish, goal, live_key)?,
        }
        Ok(())
    }

    fn visit_gone(
        &mut self,
        spec: &KindSpec,
        key: &ResourceKey,
        wish: Wish,
        goal: Value,
        live_key: ResourceKey,
    ) -> Result<(), RestoreError> {
        let parent_is_made = match self.atlas.parent(key) {
            Some(parent) => matches!(self.look(&parent)?, Look::Absent(_)),
            None => false,
        };
        if !parent_is_made && let Some(there) = self.counterpart(spec, key, &goal, live_key.above())? {
            let Some(live_key) = there else { return Ok(()) };
            self.moved.insert(key.clone(), live_key.clone());
            let live = self.seen.body(&live_key).cloned();
            self.items
                .insert(key.clone(), Item { wish, case: Case::Update, goal: Some(goal), live, live_key });
            return self.push_dependents(key);
        }
        // What went with something else comes back with it, whole; of what a person chose fields of,
        // and which is gone for another reason, fields cannot come back.
        let wish = if self.cascaded.contains(key) { Wish::Whole } else { wish };
        if wish != Wish::Whole {
            self.refuse(key, &goal, "it is not there any more: restore it whole, without choosing fields");
            return Ok(());
        }
        let mut goal = goal;
        if self.is_outermost(spec, key, &goal)
            && let Some(within) = &spec.within
        {
            if let Some(why) = gap(self.atlas.recorded.ledger(), key) {
                self.refuse(
                    key,
                    &goal,
                    &format!("what it lies in cannot be said: in the recorded state {why}"),
                );
                return Ok(());
            }
            within.remove(&mut goal);
        }
        if self.elsewhere
            && !parent_is_made
            && let Some(why) = nameless(spec, &goal)
        {
            self.refuse(key, &goal, why);
            return Ok(());
        }
        // It may have been refused when only a field of it was asked for.
        self.refused.retain(|refusal| refusal.key != *key);
        self.items
            .insert(key.clone(), Item { wish, case: Case::Create, goal: Some(goal), live: None, live_key });
        if spec.restore.class == RestoreClass::Never {
            return Ok(());
        }
        self.push_dependents(key)
    }

    fn push_what_hangs_on(&mut self, key: &ResourceKey) -> Result<(), RestoreError> {
        for child in self.atlas.children(key)? {
            self.push(child, Wish::Whole);
        }
        for along in self.atlas.made_along(key)? {
            self.push(along, Wish::Whole);
        }
        self.push_taken_along(key)
    }

    fn push_dependents(&mut self, key: &ResourceKey) -> Result<(), RestoreError> {
        self.push_what_hangs_on(key)?;
        if self.elsewhere {
            // Nothing there has lost its reference, so nobody there is given anything unasked.
            return Ok(());
        }
        let cascades = &self.atlas.spec(&key.kind)?.restore.cascades;
        for (referrer, wish) in self.referrers(key)? {
            if cascades.contains(&referrer.kind) {
                self.cascaded.insert(referrer.clone());
            }
            self.push(referrer, wish);
        }
        Ok(())
    }

    /// What the state does not have: removed where that is asked for, and where the state knows it.
    fn visit_later(&mut self, spec: &KindSpec, key: &ResourceKey) -> Result<(), RestoreError> {
        if self.mode == Mode::Merge {
            if let Some(why) = gap(self.atlas.recorded.ledger(), key) {
                self.refuse(
                    key,
                    &Value::Null,
                    &format!("what it was like cannot be said: in the recorded state {why}"),
                );
            }
            return Ok(());
        }
        match self.seen.sight(self.catalog(), key) {
            Sight::Absent => {}
            Sight::Unread => {
                self.wants.keys.insert(key.clone());
            }
            Sight::Here(live) => {
                if let Some(why) = gap(self.atlas.recorded.ledger(), key) {
                    self.refuse(
                        key,
                        live,
                        &format!("whether it was there cannot be said: in the recorded state {why}"),
                    );
                } else if !self.seen.is_whole(&key.kind, key.above()) {
                    self.wants.lists.insert((key.kind.clone(), key.above().to_vec()));
                } else if spec.shape == Shape::Singleton {
                    self.refuse(key, live, "there is always one of it; it cannot be removed");
                } else {
                    let item = Item {
                        wish: Wish::Whole,
                        case: Case::Delete,
                        goal: None,
                        live: Some(live.clone()),
                        live_key: key.clone(),
                    };
                    self.items.insert(key.clone(), item);
                    self.along(spec, key)?;
                }
            }
        }
        Ok(())
    }

    /// Where a recorded resource is now. What is needed and was not read is noted.
    pub(crate) fn look(&mut self, key: &ResourceKey) -> Result<Look<'a>, RestoreError> {
        if let Some(moved) = self.moved.get(key) {
            return Ok(self.seen.body(moved).map_or(Look::Unread, |body| Look::Here(moved.clone(), body)));
        }
        let mut ids = key.above().to_vec();
        if let Some(parent) = self.atlas.parent(key) {
            // Somebody may have made the parent anew, and nothing else of this restore have led there yet.
            if matches!(self.now(&parent)?, Now::Unread) {
                return Ok(Look::Unread);
            }
            match self.look(&parent)? {
                Look::Here(at, _) => ids = at.ids,
                Look::Absent(_) => return Ok(Look::Absent(key.clone())),
                Look::Unread => return Ok(Look::Unread),
            }
        }
        let Some(own) = self.own_id(key)? else { return Ok(Look::Unread) };
        ids.push(own);
        let live_key = ResourceKey::new(&key.kind, ids);
        if self.elsewhere && !self.atlas.spec(&key.kind)?.is_known_by_name() {
            return self.look_by_name(key, live_key);
        }
        match self.seen.sight(self.catalog(), &live_key) {
            Sight::Here(body) => Ok(Look::Here(live_key, body)),
            Sight::Absent => Ok(Look::Absent(live_key)),
            Sight::Unread => {
                self.wants.keys.insert(live_key);
                Ok(Look::Unread)
            }
        }
    }

    /// The own id of a resource now; that of an edge is its far end's. `None`: not known yet.
    fn own_id(&mut self, key: &ResourceKey) -> Result<Option<String>, RestoreError> {
        let spec = self.atlas.spec(&key.kind)?;
        let kinds = spec.far_ends().flat_map(|reference| &reference.to).filter(|_| spec.shape == Shape::Edge);
        for far in kinds.flat_map(|kind| self.atlas.by_id(kind, key.id())).collect::<Vec<_>>() {
            match self.now(&far)? {
                Now::Elsewhere(now) => return Ok(Some(now.id().to_owned())),
                Now::Unread => return Ok(None),
                Now::AsRecorded => {}
            }
        }
        Ok(Some(key.id().to_owned()))
    }

    /// Under which address a recorded resource is known now.
    pub(crate) fn now(&mut self, key: &ResourceKey) -> Result<Now, RestoreError> {
        if let Some(moved) = self.moved.get(key) {
            return Ok(Now::Elsewhere(moved.clone()));
        }
        match self.look(key)? {
            Look::Unread => Ok(Now::Unread),
            Look::Here(..) => Ok(self.moved.get(key).cloned().map_or(Now::AsRecorded, Now::Elsewhere)),
            // In another tenant it was looked for by its name; below a recorded id there is nothing.
            Look::Absent(_) if self.elsewhere => Ok(Now::AsRecorded),
            Look::Absent(live_key) => {
                let Some(goal) = self.atlas.body(key)? else { return Ok(Now::AsRecorded) };
                let spec = self.atlas.spec(&key.kind)?;
                Ok(match self.counterpart(spec, key, &goal, live_key.above())? {
                    None => Now::AsRecorded,
                    Some(None) => Now::Unread,
                    Some(Some(now)) => {
                        self.moved.insert(key.clone(), now.clone());
                        Now::Elsewhere(now)
                    }
                })
            }
        }
    }

    /// Another resource that carries the name. `None`: there is none; `Some(None)`: not known yet.
    #[allow(clippy::option_option)]
    pub(crate) fn counterpart(
        &mut self,
        spec: &KindSpec,
        key: &ResourceKey,
        goal: &Value,
        parent: &[String],
    ) -> Result<Option<Option<ResourceKey>>, RestoreError> {
        if spec.shape != Shape::Object {
            return Ok(None);
        }
        let mut named = goal.clone();
        let outer = self.atlas.outer(spec, key, goal);
        // The outermost of its kind lies in something of another, or in a place of the vendor's own.
        let outermost = outer.as_ref().is_some_and(|outer| !self.atlas.has(outer));
        if outermost {
            spec.within.as_ref().map(|within| within.remove(&mut named));
        } else if let Some(outer) = outer {
            // What it lies in may have been made anew itself.
            if matches!(self.now(&outer)?, Now::Unread) {
                return Ok(Some(None));
            }
            match self.look(&outer)? {
                Look::Here(at, _) => {
                    let within = spec.within.as_ref().expect("it lies within another");
                    // The pointer was read a moment ago, so there is a place.
                    let _ = within.set(&mut named, at.id());
                }
                // In what is not there, nothing is.
                Look::Absent(_) => return Ok(None),
                Look::Unread => return Ok(Some(None)),
            }
        }
        if !self.name_as_now(spec, key, &mut named)? {
            return Ok(Some(None));
        }
        let Some(name) = natural_name(spec, &named) else { return Ok(None) };
        if !self.seen.is_whole(&key.kind, parent) {
            self.wants.lists.insert((key.kind.clone(), parent.to_vec()));
            return Ok(Some(None));
        }
        // A secret is marked for its own address: a name with one in it is compared by the secret.
        let marked =
            spec.name.iter().any(|at| at.get(&named).is_some_and(|value| fingerprint(value).is_some()));
        for (other, body) in self.seen.of_kind(&key.kind) {
            if other.above() != parent || self.atlas.has(other) {
                continue;
            }
            let mut body = body.clone();
            if outermost
                && let Some(within) = &spec.within
                && self.atlas.outer(spec, other, &body).is_some_and(|outer| self.seen.body(&outer).is_none())
            {
                within.remove(&mut body);
            }
            if marked {
                recognise(self, spec, [key, other], goal, &mut body)?;
            }
            if natural_name(spec, &body).as_ref() == Some(&name) {
                return Ok(Some(Some(other.clone())));
            }
        }
        Ok(None)
    }

    /// What referred to a resource in the recorded state: edges whole, of others the one field.
    fn referrers(&self, of: &ResourceKey) -> Result<Vec<(ResourceKey, Wish)>, RestoreError> {
        let mentions = self.atlas.mentions(&of.kind)?;
        if mentions.is_empty() {
            return Ok(Vec::new());
        }
        let body = self.atlas.body(of)?.unwrap_or_default();
        let name = self.atlas.spec(&of.kind)?.name_of(&body);
        let path = self.atlas.path(of, &body)?;
        let ways: [(Option<&str>, &[RefBy]); 3] = [
            (Some(of.id()), &[RefBy::Id, RefBy::Url, RefBy::Expression]),
            (name.as_deref(), &[RefBy::Name]),
            (path.as_deref(), &[RefBy::Path]),
        ];
        let mut found = Vec::new();
        for (text, by) in ways {
            let named = text.and_then(|text| mentions.get(text)).into_iter().flatten();
            let meant = |mention: &&Mention| {
                mention.field.is_none() && by.contains(&mention.by) && mention.key != *of
            };
            for mention in named.filter(meant) {
                let spec = self.atlas.spec(&mention.key.kind)?;
                found.push((mention.key.clone(), self.wish_for(spec, mention)?));
            }
        }
        for mention in mentions.values().flatten().filter(|mention| mention.key != *of) {
            let Some(field) = &mention.field else { continue };
            if field.find(&body).iter().any(|(_, value)| **value == mention.value) {
                let spec = self.atlas.spec(&mention.key.kind)?;
                found.push((mention.key.clone(), self.wish_for(spec, mention)?));
            }
        }
        Ok(found)
    }

    /// Of an edge all of it comes back; of anything else the reference that was lost, and where it
    /// stands in an element of an array, that element: the id alone would be half of it.
    fn wish_for(&self, spec: &KindSpec, mention: &Mention) -> Result<Wish, RestoreError> {
        if spec.shape == Shape::Edge {
            return Ok(Wish::Whole);
        }
        let body = self.atlas.body(&mention.key)?.unwrap_or_default();
        let pointer = element_of(&body, &mention.at).unwrap_or_else(|| mention.at.clone());
        let from = pointer.get(&body).cloned().or_else(|| Some(mention.value.clone()));
        Ok(Wish::Revert(vec![FieldChange { pointer, from, to: None }]))
    }

    pub(crate) fn refuse(&mut self, key: &ResourceKey, body: &Value, reason: &str) {
        let name = self.atlas.full_name(key, body);
        self.refused.push(Refusal { key: key.clone(), name, reason: reason.to_owned() });
    }

    /// Adds the resources of whole lists that are in reach only through the tenant.
    pub(crate) fn want_parents(&mut self, key: &ResourceKey) {
        if self.elsewhere {
            // They were looked for by name.
            return;
        }
        for parent in parents_of(self.catalog(), key) {
            if self.atlas.has(&parent) && self.seen.sight(self.catalog(), &parent) == Sight::Unread {
                self.wants.keys.insert(parent);
            }
        }
    }
}

/// The element of the outermost array in which a place lies.
fn element_of(body: &Value, at: &Pointer) -> Option<Pointer> {
    let mut here = Pointer::root();
    for part in at.segments() {
        let in_array = matches!(here.get(body), Some(Value::Array(_)));
        here.push(part);
        if in_array {
            return Some(here);
        }
    }
    None
}
