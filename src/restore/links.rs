//! References: what a body's fields point at, and what they must hold after the restore.
//!
//! A reference that leads nowhere stops its step by name. It never becomes an empty list.

use crate::base::key::ResourceKey;
use crate::catalog::mention::plain_text;
use crate::catalog::{KindSpec, RefBy, Reference, Shape};
use crate::json::{Pointer, Value};
use crate::restore::reach::{Case, Look, Now, Reach};
use crate::restore::sides::{Sight, gap};
use crate::restore::wish::desired;
use crate::restore::{RestoreError, placeholder};

/// What a reference turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// It stays as it is; `rests_on` is the resource in the tenant that it means.
    Same { rests_on: Option<ResourceKey> },
    /// It stays as it is, and what it means is made in this plan.
    Made { goal: ResourceKey },
    /// It must hold this instead.
    Rewritten { value: Value, goal: ResourceKey, rests_on: ResourceKey },
    /// It must hold the id that this resource gets.
    Coming { value: Value, goal: ResourceKey },
    /// It leads nowhere.
    Broken { why: String },
    /// Nobody can say; why.
    Unchecked { why: String },
    /// More must be read first.
    Later,
}

/// One reference of one body.
pub(crate) struct Found {
    pub(crate) at: Pointer,
    /// What the recorded body holds there.
    pub(crate) was: Value,
    pub(crate) link: Link,
    pub(crate) second_pass: bool,
    /// What it names takes effect through it at once.
    pub(crate) binds: bool,
    /// The word in a longer text that is the reference: in a URL, an expression.
    pub(crate) word: Option<String>,
}

/// Whether a field holds a reference to the resource that is known by this text.
pub(crate) fn holds(by: RefBy, value: &Value, text: &str) -> bool {
    by.names_in(value).iter().any(|name| name == text)
}

impl Reach<'_> {
    /// Resolves every reference of a body. `before` is the body in the tenant: what it holds at the
    /// same place already is not asked for again, unless the target has moved.
    pub(crate) fn links(
        &mut self,
        spec: &KindSpec,
        body: &Value,
        before: Option<&Value>,
    ) -> Result<Vec<Found>, RestoreError> {
        let mut found = Vec::new();
        let unset = spec.beyond_calls();
        for reference in &spec.refs {
            for (at, value) in reference.at.find(body) {
                // What the server sets cannot be wrong; where a resource lies is said by the call that makes it.
                let mut above = std::iter::successors(Some(at.clone()), Pointer::parent);
                let by_server = spec.within.as_ref() != Some(&at)
                    && above.any(|at| unset.iter().any(|pattern| pattern.matches(&at)));
                let held = before.and_then(|before| at.get(before)) == Some(value);
                let within = matches!(reference.by, RefBy::Url | RefBy::Expression);
                for text in reference.by.names_in(value) {
                    let means = if within { Value::from(text.as_str()) } else { value.clone() };
                    let nothing =
                        reference.by == RefBy::Expression && self.targets(reference, body, &text)?.is_empty();
                    if text.is_empty() || reference.except.contains(&text) || nothing {
                        continue;
                    }
                    let link = match self.resolve(reference, body, &means, &text, held)? {
                        Link::Broken { .. } | Link::Unchecked { .. } if held || by_server => {
                            Link::Same { rests_on: None }
                        }
                        link => link,
                    };
                    let (second_pass, binds) = (reference.second_pass, reference.binds);
                    let word = within.then_some(text);
                    found.push(Found { at: at.clone(), was: value.clone(), link, second_pass, binds, word });
                }
            }
        }
        Ok(found)
    }

    /// Where a name is made of references, puts the present ids of what they lead to into it. False: more must be
    /// read first.
    pub(crate) fn name_as_now(
        &mut self,
        spec: &KindSpec,
        key: &ResourceKey,
        named: &mut Value,
    ) -> Result<bool, RestoreError> {
        if !self.naming.insert(key.clone()) {
            return Ok(true);
        }
        let known = self.name_by_ids(spec, named);
        self.naming.remove(key);
        known
    }

    fn name_by_ids(&mut self, spec: &KindSpec, named: &mut Value) -> Result<bool, RestoreError> {
        let in_name = |at: &Pointer| spec.name.contains(at);
        let by_id = |by| matches!(by, RefBy::Id | RefBy::Url | RefBy::Expression);
        for reference in spec.refs.iter().filter(|reference| by_id(reference.by)) {
            let found = reference.at.find(named).into_iter().filter(|(at, _)| in_name(at));
            for (at, value) in found.map(|(at, value)| (at, value.clone())).collect::<Vec<_>>() {
                for text in reference.by.names_in(&value) {
                    let Some(goal) = self.targets(reference, named, &text)?.into_iter().next() else {
                        continue;
                    };
                    let now = match self.now(&goal)? {
                        Now::Unread => return Ok(false),
                        Now::AsRecorded => continue,
                        Now::Elsewhere(now) => Value::from(now.id()),
                    };
                    let value = at.get(named).map(|held| placeholder::replace_word(held, &text, &now));
                    // The place was found in this very body.
                    let _ = value.map(|value| at.set(named, value));
                }
            }
        }
        Ok(true)
    }

    fn resolve(
        &mut self,
        reference: &Reference,
        body: &Value,
        value: &Value,
        text: &str,
        held: bool,
    ) -> Result<Link, RestoreError> {
        let targets = self.targets(reference, body, text)?;
        if targets.is_empty() && reference.free {
            return Ok(Link::Same { rests_on: None });
        }
        let Some(goal) = targets.first().cloned() else {
            return Ok(self.unrecorded(reference, text, held));
        };
        let made = self.items.get(&goal).filter(|item| matches!(item.case, Case::Create | Case::Brought));
        if let Some(item) = made {
            let spec = self.atlas.spec(&goal.kind)?;
            let keeps = !item.gets_new_id(spec);
            let at_id = reference.target_at.as_ref().is_none_or(|at| at.as_pointer() == spec.id);
            let by_id = matches!(reference.by, RefBy::Id | RefBy::Url | RefBy::Expression) && at_id;
            // Which of several the vendor gives anew, nobody knows before.
            let several = reference.target_at.as_ref().filter(|at| at.as_pointer().is_none());
            if several.is_some_and(|at| spec.assigned.contains(at)) {
                let why =
                    format!("it names a part of `{goal}`, which is made anew and whose parts get other ids");
                return Ok(Link::Broken { why });
            }
            return Ok(match by_id && !keeps {
                true => Link::Coming { value: value.clone(), goal },
                false => Link::Made { goal },
            });
        }
        if held && !self.moved.contains_key(&goal) {
            return Ok(Link::Same { rests_on: None });
        }
        if matches!(self.now(&goal)?, Now::Unread) {
            return Ok(Link::Later);
        }
        match self.look(&goal)? {
            Look::Unread => Ok(Link::Later),
            Look::Here(live, there) => self.lead_to(reference, value, &goal, live, there),
            Look::Absent(_) => Ok(Link::Broken {
                why: format!("it refers to `{goal}`, which is not there; add that address to the restore"),
            }),
        }
    }

    /// A reference to something that is there, under its present id or name.
    fn lead_to(
        &self,
        reference: &Reference,
        value: &Value,
        goal: &ResourceKey,
        live: ResourceKey,
        there: &Value,
    ) -> Result<Link, RestoreError> {
        let spec = self.atlas.spec(&goal.kind)?;
        let now = match reference.by {
            _ if let Some(field) = &reference.target_at => {
                let held = field.find(there);
                if field.as_pointer().is_none() && held.iter().all(|(_, now)| *now != value) {
                    let why = format!("it names a part of `{goal}` that is not there any more under that id");
                    return Ok(Link::Broken { why });
                }
                let first = held.first().map(|(_, now)| (*now).clone());
                first.filter(|_| held.iter().all(|(_, now)| *now != value))
            }
            RefBy::Id | RefBy::Url | RefBy::Expression => {
                (live.id() != goal.id()).then(|| Value::from(live.id()))
            }
            // It gets its name back in this plan.
            RefBy::Name if self.is_renamed(goal, value) => return Ok(Link::Made { goal: goal.clone() }),
            RefBy::Name => spec.name_of(there).map(Value::from).filter(|name| name != value),
            RefBy::Path => None,
        };
        Ok(match now {
            Some(value) => Link::Rewritten { value, goal: goal.clone(), rests_on: live },
            None => Link::Same { rests_on: Some(live) },
        })
    }

    /// Whether a resource that is there under another name is given this one.
    fn is_renamed(&self, goal: &ResourceKey, name: &Value) -> bool {
        let Some(item) = self.items.get(goal).filter(|item| item.case == Case::Update) else { return false };
        let Some(spec) = self.catalog().kind(&goal.kind) else { return false };
        let now = item.live.as_ref().and_then(|live| spec.name_of(live));
        let then = spec.name_of(&desired(item, &self.decisions).0);
        then.as_deref() == name.as_str() && now != then
    }

    /// The recorded resources that a reference can mean, the likeliest first.
    fn targets(
        &self,
        reference: &Reference,
        body: &Value,
        text: &str,
    ) -> Result<Vec<ResourceKey>, RestoreError> {
        let mut found = Vec::new();
        for kind in &reference.to {
            if let Some(field) = &reference.target_at {
                found.extend(self.atlas.by_field(kind, field, text)?);
                continue;
            }
            match reference.by {
                RefBy::Id | RefBy::Url | RefBy::Expression => found.extend(self.atlas.by_id(kind, text)),
                RefBy::Name => found.extend(self.atlas.by_name(kind, text)?),
                RefBy::Path => found.extend(self.atlas.by_path(kind, text)?),
            }
        }
        if let Some(parent) = reference.parent_at.as_ref().and_then(|at| at.get(body)).and_then(plain_text) {
            found.retain(|key| key.ids.iter().rev().nth(1) == Some(&parent));
        }
        Ok(found)
    }

    /// A reference that the recorded state cannot explain: the tenant may.
    fn unrecorded(&mut self, reference: &Reference, text: &str, held: bool) -> Link {
        if held {
            return Link::Same { rests_on: None };
        }
        let by_id = matches!(reference.by, RefBy::Id | RefBy::Url) && reference.target_at.is_none();
        for kind in &reference.to {
            let nested = self.catalog().kind(kind).is_none_or(|spec| !spec.parent.is_empty());
            let singleton = self.catalog().kind(kind).is_some_and(|spec| spec.shape == Shape::Singleton);
            // In another tenant such an id would be somebody else's.
            if !by_id || nested || singleton || self.elsewhere {
                continue;
            }
            let key = ResourceKey::new(kind, vec![text.to_owned()]);
            match self.seen.sight(self.catalog(), &key) {
                Sight::Here(_) => return Link::Same { rests_on: Some(key) },
                Sight::Unread => {
                    self.wants.keys.insert(key);
                    return Link::Later;
                }
                Sight::Absent => {}
            }
        }
        let ledger = self.atlas.recorded.ledger();
        let gaps: Vec<String> = reference
            .to
            .iter()
            .filter_map(|kind| gap(ledger, &ResourceKey::new(kind, vec![text.to_owned()])))
            .collect();
        let kinds: Vec<&str> = reference.to.iter().map(|kind| kind.as_str()).collect();
        match gaps.first() {
            Some(why) => {
                Link::Unchecked { why: format!("where `{}` leads was not checked: {why}", reference.at) }
            }
            None => Link::Broken {
                why: format!(
                    "`{}` names a {} that neither the recorded state nor the tenant has",
                    reference.at,
                    kinds.join(" or ")
                ),
            },
        }
    }
}

/// Puts what a link must hold where it stands.
pub(crate) fn put(body: &mut Value, found: &Found) {
    let value = match &found.link {
        Link::Rewritten { value, .. } => value.clone(),
        Link::Coming { goal, .. } => placeholder::id(goal),
        _ => return,
    };
    let value = match (&found.word, found.at.get(body)) {
        (Some(word), Some(now)) => placeholder::replace_word(now, word, &value),
        _ => value,
    };
    // The place was found in this very body.
    let _ = found.at.set(body, value);
}
