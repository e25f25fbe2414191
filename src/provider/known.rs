//! What has been read already and other kinds need as surroundings: parents, resources that are
//! iterated over, singletons that conditions ask.

use std::collections::BTreeMap;

use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::Provider;
use crate::json::{Object, Value};
use crate::provider::order::{Need, needs};
use crate::provider::sweep::Item;

/// Bodies by key, in key order, and how far each kind was read.
#[derive(Default)]
pub struct Known {
    bodies: BTreeMap<ResourceKey, Value>,
    states: BTreeMap<Kind, (State, String)>,
    needs: Option<BTreeMap<Kind, Need>>,
}

impl Known {
    /// Keeps of each body only what the catalogue's paths, conditions and rows ask of it, and
    /// nothing of a kind that is never asked. A plain `Known::default()` keeps all.
    #[must_use]
    pub fn lean(catalog: &Provider) -> Self {
        Self { needs: Some(needs(catalog)), ..Self::default() }
    }

    /// Takes a resource in; a later one of the same key replaces it. It is one that the engine read:
    /// a body out of the store lacks the members in which other kinds lie, and these would look
    /// deleted.
    pub fn insert(&mut self, item: Item) {
        let body = match &self.needs {
            None => item.body,
            Some(needs) => match needs.get(&item.key.kind) {
                None => return,
                Some(need) => trim(item.body, need),
            },
        };
        self.bodies.insert(item.key, body);
    }

    /// Notes how far a kind was read, so that what hangs on it is not taken to be whole when it
    /// is not. A kind of which nothing is noted counts as read whole.
    pub fn note(&mut self, kind: &Kind, state: State, reason: &str) {
        self.states.insert(kind.clone(), (state, reason.into()));
    }

    /// All bodies of a kind, in key order.
    pub fn of_kind<'k>(
        &'k self,
        kind: &Kind,
    ) -> impl Iterator<Item = (&'k ResourceKey, &'k Value)> + use<'k> {
        let kind = kind.clone();
        let first = ResourceKey { kind: kind.clone(), ids: Vec::new() };
        self.bodies.range(first..).take_while(move |(key, _)| key.kind == kind)
    }

    /// The body of one resource.
    #[must_use]
    pub fn get(&self, key: &ResourceKey) -> Option<&Value> {
        self.bodies.get(key)
    }

    /// True if the kind was noted as read whole.
    pub(crate) fn is_whole(&self, kind: &Kind) -> bool {
        self.states.get(kind).is_some_and(|(state, _)| *state == State::Complete)
    }

    /// How far a kind was read, if anything but whole.
    pub(crate) fn gap(&self, kind: &Kind) -> Option<(State, &str)> {
        let (state, reason) = self.states.get(kind)?;
        (*state != State::Complete).then_some((*state, reason.as_str()))
    }
}

/// The members of a body that are needed.
fn trim(body: Value, need: &Need) -> Value {
    match (body, need) {
        (Value::Object(members), Need::Members(names)) => {
            let kept = members.into_iter().filter(|(name, _)| names.contains(&**name));
            Value::Object(kept.collect::<Object>())
        }
        (body, _) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn kinds_are_kept_apart() {
        let mut known = Known::default();
        for (kind, id) in [("a", "1"), ("ab", "1"), ("b", "2"), ("a", "0")] {
            let key = ResourceKey::new(&Kind::new(kind), vec![id.into()]);
            known.insert(Item { key, body: Value::Null, raw_len: 0 });
        }
        let ids: Vec<_> = known.of_kind(&Kind::new("a")).map(|(key, _)| key.id().to_owned()).collect();
        assert_eq!(ids, ["0", "1"]);
    }

    #[test]
    fn only_needed_members_stay() {
        let body = parse(br#"{"id":1,"name":"x","mappers":[{"a":1}]}"#, &Limits::default()).unwrap();
        let need = Need::Members(["id".to_owned(), "mappers".to_owned()].into());
        assert_eq!(trim(body.clone(), &need).to_canonical(), br#"{"id":1,"mappers":[{"a":1}]}"#);
        assert_eq!(trim(body.clone(), &Need::Whole), body);
    }
}
