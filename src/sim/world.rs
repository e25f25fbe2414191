//! A tenant in memory: every instance by kind, parents and id.
//!
//! The order of a list is the order in which instances were made. Nothing here knows what a
//! request is; `handle` does.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::entropy::SeededEntropy;
use crate::base::key::{Kind, SINGLETON};
use crate::catalog::{KindSpec, Provider};
use crate::json::{Pointer, Value};
use crate::sim::door::Door;
use crate::sim::entra::Registration;
use crate::sim::faults::Faults;
use crate::sim::fill::{Org, Scope, fresh_id, uuid};
use crate::sim::form::{Form, Stage};
use crate::sim::log::Log;
use crate::sim::people::Person;
use crate::sim::rate::Windows;
use crate::sim::shelf::Shelf;
use crate::sim::vendor::Vendor;
use crate::sim::workflows::Workflows;

/// A tenant, its clock and its randomness.
pub struct World {
    /// Catalogue, forms, calls and calculations of the vendor.
    pub vendor: &'static Vendor,
    /// The organisation.
    pub org: Org,
    /// The time of the request at hand; whoever drives the world sets it.
    pub now: Timestamp,
    /// The token that requests must bring; `None`: they are not asked.
    pub token: Option<String>,
    /// Others with a token of their own, by it; what they may is not bounded.
    pub people: BTreeMap<String, Person>,
    /// Who sent the request at hand, where it is one of these.
    pub(super) acting: Option<Person>,
    /// The service app that may come in with tokens of its own.
    pub door: Option<Door>,
    /// The app registration that may come in with its secret.
    pub app: Option<Registration>,
    /// How fast it may be asked.
    pub windows: Windows,
    /// Who did what.
    pub log: Log,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Paths, as the catalogue writes them, of features that the organisation does not have.
    pub lacking: Vec<String>,
    /// State that no backup holds, by id: sessions of people and of imports.
    pub aside: BTreeMap<String, Value>,
    /// Flows, on a host of their own.
    pub workflows: Workflows,
    /// Session tokens that are taken; empty: any is.
    pub session_tokens: Vec<String>,
    pub(super) entropy: SeededEntropy,
    shelves: HashMap<ShelfKey, Shelf>,
    next: u64,
}

/// Instances of one kind below one parent.
type ShelfKey = (usize, Vec<String>);

impl World {
    /// A tenant without anything in it, not even what a new one holds.
    #[must_use]
    pub fn bare(vendor: &'static Vendor, url: &str, seed: u64, now: Timestamp) -> Self {
        let entropy = SeededEntropy::new(seed);
        let org = Org {
            url: url.trim_end_matches('/').into(),
            id: if vendor.ways.uuids { uuid(&entropy) } else { fresh_id(&entropy, "00o") },
            me: if vendor.ways.uuids { uuid(&entropy) } else { fresh_id(&entropy, "00u") },
            pipeline: "idx".into(),
            traits: BTreeMap::new(),
        };
        Self {
            vendor,
            org,
            now,
            token: None,
            people: BTreeMap::new(),
            acting: None,
            door: None,
            app: None,
            windows: Windows::default(),
            log: Log::default(),
            faults: Faults::default(),
            lacking: Vec::new(),
            aside: BTreeMap::new(),
            workflows: Workflows::default(),
            session_tokens: Vec::new(),
            entropy,
            shelves: HashMap::new(),
            next: 0,
        }
    }

    /// A new organisation, with what the vendor puts in it.
    #[must_use]
    pub fn new(vendor: &'static Vendor, url: &str, seed: u64, now: Timestamp) -> Self {
        let mut world = Self::bare(vendor, url, seed, now);
        for number in 0..vendor.provider.kinds.len() {
            let Some(form) = vendor.form(number) else { continue };
            for template in &form.initial {
                world.found(number, form, &template.0);
            }
        }
        world
    }

    fn found(&mut self, number: usize, form: &Form, template: &Value) {
        let spec = &self.vendor.provider.kinds[number];
        let id = self.new_id(Some(form));
        let none = BTreeMap::new();
        let documents = BTreeMap::from([("org", self.org.as_document())]);
        let scope = Scope {
            org: &self.org,
            now: self.now,
            entropy: &self.entropy,
            id: &id,
            params: &none,
            documents: &documents,
        };
        let Some(mut body) = scope.render(template, &Value::Null) else { return };
        if let (Some(at), None) = (&spec.id, id_in(spec, &body)) {
            let _ = at.set(&mut body, id.as_str());
        }
        scope.apply(&form.layer, Stage::Create, &mut body);
        let id = id_in(spec, &body).unwrap_or(id);
        self.put(number, &[], &id, body);
    }

    /// The id of a new instance, of the form that the kind's have.
    pub(super) fn new_id(&self, form: Option<&Form>) -> String {
        match form {
            Some(form) if form.uuid => uuid(&self.entropy),
            _ if self.vendor.ways.uuids => uuid(&self.entropy),
            _ => fresh_id(&self.entropy, form.map_or("", |form| form.prefix.as_str())),
        }
    }

    /// Whether a session token is taken.
    pub(super) fn knows_session_token(&self, token: &str) -> bool {
        self.session_tokens.is_empty() || self.session_tokens.iter().any(|known| known == token)
    }

    /// The catalogue.
    #[must_use]
    pub fn provider(&self) -> &'static Provider {
        self.vendor.provider
    }

    /// A kind's place in the catalogue.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<usize> {
        self.vendor.kind(&Kind::new(name))
    }

    /// Puts an instance in, in the place of one of the same id.
    pub fn put(&mut self, kind: usize, parents: &[String], id: &str, body: Value) {
        let place = self.next;
        self.shelf(kind, parents).put(place, id, body);
    }

    /// The same of one that has much in common with others: `over` is laid over what they share.
    pub(super) fn put_alike(
        &mut self,
        (kind, parents): (usize, &[String]),
        id: &str,
        form: &Arc<Value>,
        over: &Value,
    ) {
        let place = self.next;
        self.shelf(kind, parents).put_alike(place, id, form, over);
    }

    /// Where instances are put, of which the next has a place of its own.
    fn shelf(&mut self, kind: usize, parents: &[String]) -> &mut Shelf {
        self.next += 1;
        self.shelves.entry((kind, parents.to_vec())).or_default()
    }

    /// An instance.
    #[must_use]
    pub fn get(&self, kind: usize, parents: &[String], id: &str) -> Option<Cow<'_, Value>> {
        self.shelves.get(&(kind, parents.to_vec()))?.get(id)
    }

    /// The body of an instance, for oneself.
    #[must_use]
    pub(super) fn copy(&self, kind: usize, parents: &[String], id: &str) -> Option<Value> {
        self.get(kind, parents, id).map(Cow::into_owned)
    }

    /// Whether there is such an instance.
    #[must_use]
    pub fn has(&self, kind: usize, parents: &[String], id: &str) -> bool {
        self.shelves.get(&(kind, parents.to_vec())).is_some_and(|shelf| shelf.has(id))
    }

    /// An instance, to change it.
    pub fn get_mut(&mut self, kind: usize, parents: &[String], id: &str) -> Option<&mut Value> {
        self.shelves.get_mut(&(kind, parents.to_vec()))?.get_mut(id)
    }

    /// Takes an instance out, with all that lies below it.
    pub fn remove(&mut self, kind: usize, parents: &[String], id: &str) -> Option<Value> {
        let body = self.shelves.get_mut(&(kind, parents.to_vec()))?.remove(id)?;
        self.remove_below(kind, parents, id);
        Some(body)
    }

    fn remove_below(&mut self, kind: usize, parents: &[String], id: &str) {
        let mut path = parents.to_vec();
        path.push(id.to_owned());
        let name = &self.provider().kinds[kind].kind;
        let kinds = &self.vendor.provider.kinds;
        let below = |key: &ShelfKey| key.1.starts_with(&path) && kinds[key.0].parent.contains(name);
        let dead: Vec<ShelfKey> = self.shelves.keys().filter(|key| below(key)).cloned().collect();
        for key in dead {
            let ids: Vec<String> = self.shelves[&key].ids().map(str::to_owned).collect();
            for id in ids {
                self.remove(key.0, &key.1, &id);
            }
        }
    }

    /// The instances below a parent: their place in the order, id and body, after a place.
    pub fn rows(
        &self,
        kind: usize,
        parents: &[String],
        after: Option<u64>,
    ) -> impl Iterator<Item = (u64, &str, Cow<'_, Value>)> {
        let from = after.map_or(0, |place| place + 1);
        let shelf = self.shelves.get(&(kind, parents.to_vec()));
        shelf.into_iter().flat_map(move |shelf| shelf.from(from))
    }

    /// Every instance of a kind: its parents, id and body.
    pub fn all(&self, kind: usize) -> impl Iterator<Item = (&[String], &str, Cow<'_, Value>)> {
        let shelves = self.shelves.iter().filter(move |(key, _)| key.0 == kind);
        shelves.flat_map(|(key, shelf)| shelf.from(0).map(move |(_, id, body)| (key.1.as_slice(), id, body)))
    }

    /// The id of the instance that a part of a path names: by id, by a word, or by a field that
    /// names it as well.
    #[must_use]
    pub fn resolve(&self, kind: usize, parents: &[String], part: &str) -> Option<String> {
        if self.has(kind, parents, part) {
            return Some(part.to_owned());
        }
        let form = self.vendor.form(kind)?;
        let word = form.word.get(part);
        let named = |body: &Value| {
            let holds = |at: &Pointer| at.get(body).and_then(Value::as_str) == Some(part);
            word.is_some_and(|condition| condition.holds(body)) || form.also.iter().any(holds)
        };
        if word.is_none() && form.also.is_empty() {
            return None;
        }
        self.rows(kind, parents, None).find(|(_, _, body)| named(body)).map(|(_, id, _)| id.to_owned())
    }

    /// The kind of the instances that hold this one, with the ids that lead to it, where the
    /// path's ids reach so far.
    #[must_use]
    pub fn parent_of(&self, kind: usize, parents: &[String]) -> Option<(usize, Vec<String>, String)> {
        let spec = &self.provider().kinds[kind];
        let (id, above) = parents.split_last()?;
        let candidates = spec.parent.iter().filter_map(|name| self.vendor.kind(name));
        let mut fallback = None;
        for number in candidates {
            if self.resolve(number, above, id).is_some() {
                return Some((number, above.to_vec(), id.clone()));
            }
            fallback.get_or_insert((number, above.to_vec(), id.clone()));
        }
        fallback
    }
}

/// The id that a body holds, or the singleton's.
#[must_use]
pub fn id_in(spec: &KindSpec, body: &Value) -> Option<String> {
    if spec.shape == crate::catalog::Shape::Singleton {
        return Some(SINGLETON.into());
    }
    let text = match spec.id.as_ref()?.get(body)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_str().to_owned(),
        _ => return None,
    };
    Some(text)
}
