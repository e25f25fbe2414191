//! What has been read already and other kinds need as surroundings: parents, resources that are
//! iterated over, singletons that conditions ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Provider, Shape};
use crate::json::{self, JsonError, Limits, Object, Value};
use crate::provider::given::kept_of;
use crate::provider::ident;
use crate::provider::live::Live;
use crate::provider::order::{Need, needs, own_id};
use crate::provider::sweep::Item;

/// Bodies by key, in key order, and how far each kind was read.
#[derive(Default)]
pub struct Known {
    bodies: Arc<BTreeMap<ResourceKey, Value>>,
    states: BTreeMap<Kind, (State, String)>,
    needs: Option<Arc<BTreeMap<Kind, Need>>>,
    /// Of these kinds only these resources are gone over.
    only: Option<(BTreeSet<Kind>, BTreeSet<ResourceKey>)>,
}

impl Known {
    /// Keeps of each body only what the catalogue's paths, conditions and rows ask of it, and
    /// nothing of a kind that is never asked. A plain `Known::default()` keeps all.
    #[must_use]
    pub fn lean(catalog: &Provider) -> Self {
        Self { needs: Some(Arc::new(needs(catalog, None))), ..Self::default() }
    }

    /// The same, and nothing for kinds that this tenant's configuration leaves out: they may be the only
    /// ones to ask for each user.
    #[must_use]
    pub fn lean_for(live: &Live) -> Self {
        let needs = needs(live.catalog(), Some(&live.costly));
        Self { needs: Some(Arc::new(needs)), ..Self::default() }
    }

    /// True if others need this kind's bodies, so that they are kept.
    #[must_use]
    pub fn keeps(&self, kind: &Kind) -> bool {
        self.needs.as_ref().is_none_or(|needs| needs.contains_key(kind))
    }

    /// True if others need more of this kind's bodies than the ids that their keys hold.
    #[must_use]
    pub fn keeps_more_than_ids(&self, spec: &KindSpec) -> bool {
        match self.needs.as_ref().map(|needs| needs.get(&spec.kind)) {
            Some(None) => false,
            None | Some(Some(Need::Whole)) => true,
            Some(Some(Need::Members(names))) => {
                let own = own_id(spec);
                names.iter().any(|name| own.as_ref() != Some(name))
            }
        }
    }

    /// Takes a resource in; a later one of the same key replaces it. It is one that the engine read:
    /// a body out of the store lacks the members in which other kinds lie, and these would look
    /// deleted.
    pub fn insert(&mut self, item: Item) {
        if self.keeps(&item.key.kind) {
            let Item { key, body, .. } = self.trimmed(item);
            Arc::make_mut(&mut self.bodies).insert(key, body);
        }
    }

    /// What [`Self::insert`] would keep of a resource: of a kind that is kept.
    #[must_use]
    pub fn trimmed(&self, item: Item) -> Item {
        match self.needs.as_ref().and_then(|needs| needs.get(&item.key.kind)) {
            Some(need) => Item { body: trim(item.body, need), ..item },
            None => item,
        }
    }

    /// The same of a resource that came as the vendor sent it: only what is needed of it is read.
    ///
    /// # Errors
    /// What is needed of it cannot be read.
    pub fn trimmed_sent(&self, spec: &KindSpec, key: &ResourceKey, sent: &[u8]) -> Result<Item, JsonError> {
        let needs = self.needs.as_ref().and_then(|needs| needs.get(&key.kind));
        let item = |body| Item { key: key.clone(), body, raw_len: sent.len() };
        match needs {
            Some(Need::Members(names)) if spec.shape != Shape::Edge => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let texts = json::members(sent, &names, &Limits::body())?;
                let mut kept = Vec::with_capacity(names.len());
                for (name, text) in names.into_iter().zip(texts) {
                    kept.extend(
                        text.map(|text| Ok((name, json::parse(text, &Limits::body())?))).transpose()?,
                    );
                }
                Ok(item(Object::from_pairs(kept).into()))
            }
            _ => Ok(self.trimmed(item(kept_of(spec, sent)?))),
        }
    }

    /// Takes in a resource that was not read this time and of which others need no more than its id.
    pub fn insert_id(&mut self, catalog: &Provider, key: ResourceKey) {
        if let Some(spec) = catalog.kind(&key.kind).filter(|_| !self.bodies.contains_key(&key)) {
            let body = ident::stub(spec, key.id());
            Arc::make_mut(&mut self.bodies).insert(key, body);
        }
    }

    /// Takes out a resource that is gone.
    pub fn remove(&mut self, key: &ResourceKey) {
        if self.bodies.contains_key(key) {
            Arc::make_mut(&mut self.bodies).remove(key);
        }
    }

    /// The same, but whoever goes over one of these kinds meets these resources alone. As surroundings
    /// the others are still there.
    #[must_use]
    pub fn narrowed(&self, kinds: BTreeSet<Kind>, to: BTreeSet<ResourceKey>) -> Self {
        let (bodies, needs) = (self.bodies.clone(), self.needs.clone());
        Self { bodies, needs, states: self.states.clone(), only: Some((kinds, to)) }
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
        let only = self.only.as_ref().filter(|(kinds, _)| kinds.contains(&kind)).map(|(_, keys)| keys);
        self.bodies
            .range(first..)
            .take_while(move |(key, _)| key.kind == kind)
            .filter(move |(key, _)| only.is_none_or(|keys| keys.contains(key)))
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
            // A new object: the old one's place for all its members would be kept with it.
            let mut kept = Vec::with_capacity(names.len());
            kept.extend(members.into_iter().filter(|(name, _)| names.contains(&**name)));
            Object::from_pairs(kept).into()
        }
        (body, _) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

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
    fn a_narrowed_view_goes_over_less_and_still_knows_all() {
        let mut known = Known::default();
        for path in ["a/1", "a/2", "b/1"] {
            let key = ResourceKey::from_path(path).unwrap();
            known.insert(Item { key, body: Value::Null, raw_len: 0 });
        }
        let two = ResourceKey::from_path("a/2").unwrap();
        let narrowed = known.narrowed([Kind::new("a")].into(), [two.clone()].into());
        let keys =
            |kind| narrowed.of_kind(&Kind::new(kind)).map(|(key, _)| key.to_path()).collect::<Vec<_>>();
        assert_eq!((keys("a"), keys("b")), (vec!["a/2".to_owned()], vec!["b/1".to_owned()]));
        assert!(narrowed.get(&ResourceKey::from_path("a/1").unwrap()).is_some());
    }

    #[test]
    fn only_needed_members_stay() {
        let body = parse(br#"{"id":1,"name":"x","mappers":[{"a":1}]}"#, &Limits::default()).unwrap();
        let need = Need::Members(["id".to_owned(), "mappers".to_owned()].into());
        assert_eq!(trim(body.clone(), &need).to_canonical(), br#"{"id":1,"mappers":[{"a":1}]}"#);
        assert_eq!(trim(body.clone(), &Need::Whole), body);
    }
}
