//! The recorded state, indexed as far as it is asked: by id, by name, by parent.
//!
//! A kind's bodies are read once, and only when a question needs them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::base::key::{Kind, ResourceKey, encode_part};
use crate::catalog::{Condition, KindSpec, Provider, RefBy, Shape};
use crate::json::{Pattern, Pointer, Value};
use crate::restore::RestoreError;
use crate::restore::sides::Recorded;

/// How deep resources may lie in each other before a loop is assumed.
const DEPTH_MAX: usize = 64;

/// The keys of a kind, and where each id stands among them.
struct Shelf {
    keys: Vec<ResourceKey>,
    by_id: HashMap<String, Vec<usize>>,
}

/// The bodies of a kind, in key order.
type Bodies = Rc<Vec<(ResourceKey, Value)>>;

/// A field that names a resource.
#[derive(Clone)]
pub(crate) struct Mention {
    pub(crate) key: ResourceKey,
    pub(crate) at: Pointer,
    pub(crate) value: Value,
    pub(crate) by: RefBy,
    /// The target's field that the reference holds, where it is not the id.
    pub(crate) field: Option<Pattern>,
}

/// The fields that name resources of one kind, by the text that they name them with.
type Mentions = Rc<HashMap<String, Vec<Mention>>>;

/// A recorded state with its indexes.
pub(crate) struct Atlas<'a> {
    pub(crate) catalog: &'a Provider,
    pub(crate) recorded: &'a dyn Recorded,
    shelves: RefCell<BTreeMap<Kind, Rc<Shelf>>>,
    bodies: RefCell<BTreeMap<Kind, Bodies>>,
    mentions: RefCell<BTreeMap<Kind, Mentions>>,
}

impl<'a> Atlas<'a> {
    pub(crate) fn new(catalog: &'a Provider, recorded: &'a dyn Recorded) -> Self {
        Self {
            catalog,
            recorded,
            shelves: RefCell::default(),
            bodies: RefCell::default(),
            mentions: RefCell::default(),
        }
    }

    pub(crate) fn spec(&self, kind: &Kind) -> Result<&'a KindSpec, RestoreError> {
        self.catalog.kind(kind).ok_or_else(|| RestoreError::NoKind(kind.clone()))
    }

    pub(crate) fn body(&self, key: &ResourceKey) -> Result<Option<Value>, RestoreError> {
        self.recorded.body(key)
    }

    fn shelf(&self, kind: &Kind) -> Rc<Shelf> {
        if let Some(shelf) = self.shelves.borrow().get(kind) {
            return Rc::clone(shelf);
        }
        let keys = self.recorded.keys(kind);
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, key) in keys.iter().enumerate() {
            by_id.entry(key.id().to_owned()).or_default().push(place);
        }
        let shelf = Rc::new(Shelf { keys, by_id });
        self.shelves.borrow_mut().insert(kind.clone(), Rc::clone(&shelf));
        shelf
    }

    /// Every body of a kind.
    pub(crate) fn all(&self, kind: &Kind) -> Result<Bodies, RestoreError> {
        if let Some(bodies) = self.bodies.borrow().get(kind) {
            return Ok(Rc::clone(bodies));
        }
        let bodies = Rc::new(self.recorded.bodies(kind)?);
        self.bodies.borrow_mut().insert(kind.clone(), Rc::clone(&bodies));
        Ok(bodies)
    }

    /// Every address of a kind, without the bodies.
    pub(crate) fn each_key(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        self.recorded.each_key(kind, each);
    }

    /// The fields that name resources of a kind.
    pub(crate) fn mentions(&self, of: &Kind) -> Result<Mentions, RestoreError> {
        if let Some(mentions) = self.mentions.borrow().get(of) {
            return Ok(Rc::clone(mentions));
        }
        let mut found: HashMap<String, Vec<Mention>> = HashMap::new();
        for spec in self.catalog.kinds.iter().filter(|spec| spec.is_asked_for()) {
            let references: Vec<_> = spec.refs.iter().filter(|reference| reference.to.contains(of)).collect();
            if references.is_empty() {
                continue;
            }
            for (key, body) in self.all(&spec.kind)?.iter() {
                for reference in &references {
                    for (at, value) in reference.at.find(body) {
                        for text in reference.by.names_in(value) {
                            let mention = Mention {
                                key: key.clone(),
                                at: at.clone(),
                                value: value.clone(),
                                by: reference.by,
                                field: reference.target_at.clone(),
                            };
                            found.entry(text).or_default().push(mention);
                        }
                    }
                }
            }
        }
        let found = Rc::new(found);
        self.mentions.borrow_mut().insert(of.clone(), Rc::clone(&found));
        Ok(found)
    }

    pub(crate) fn has(&self, key: &ResourceKey) -> bool {
        let shelf = self.shelf(&key.kind);
        let places = shelf.by_id.get(key.id()).map(Vec::as_slice).unwrap_or_default();
        places.iter().any(|place| shelf.keys.get(*place) == Some(key))
    }

    /// The resources of a kind whose own id this is.
    pub(crate) fn by_id(&self, kind: &Kind, id: &str) -> Vec<ResourceKey> {
        let shelf = self.shelf(kind);
        let places = shelf.by_id.get(id).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| shelf.keys.get(*place).cloned()).collect()
    }

    /// The resources of a kind of this name.
    pub(crate) fn by_name(&self, kind: &Kind, name: &str) -> Result<Vec<ResourceKey>, RestoreError> {
        let spec = self.spec(kind)?;
        let all = self.all(kind)?;
        let named = all.iter().filter(|(_, body)| spec.name_of(body).as_deref() == Some(name));
        Ok(named.map(|(key, _)| key.clone()).collect())
    }

    /// The resources of a kind in which this text stands at a place.
    pub(crate) fn by_field(
        &self,
        kind: &Kind,
        field: &Pattern,
        text: &str,
    ) -> Result<Vec<ResourceKey>, RestoreError> {
        let all = self.all(kind)?;
        let holds = |body: &Value| field.find(body).iter().any(|(_, value)| value.as_str() == Some(text));
        Ok(all.iter().filter(|(_, body)| holds(body)).map(|(key, _)| key.clone()).collect())
    }

    /// The resources of a kind at this path of names, outermost first.
    pub(crate) fn by_path(&self, kind: &Kind, path: &str) -> Result<Vec<ResourceKey>, RestoreError> {
        let all = self.all(kind)?;
        let mut found = Vec::new();
        for (key, body) in all.iter() {
            if self.path(key, body)?.as_deref() == Some(path) {
                found.push(key.clone());
            }
        }
        Ok(found)
    }

    /// The path of names by which a resource is known: `/eng/backend`.
    pub(crate) fn path(&self, key: &ResourceKey, body: &Value) -> Result<Option<String>, RestoreError> {
        let spec = self.spec(&key.kind)?;
        let mut names = Vec::new();
        let mut here = Some((key.clone(), body.clone()));
        while let Some((key, body)) = here.take().filter(|_| names.len() < DEPTH_MAX) {
            let Some(name) = spec.name_of(&body) else { return Ok(None) };
            names.push(name);
            if let Some(outer) = self.outer(spec, &key, &body) {
                here = self.body(&outer)?.map(|body| (outer, body));
            }
        }
        names.reverse();
        Ok(Some(format!("/{}", names.join("/"))))
    }

    /// What a person knows a resource by: names, parents before children, as in an address.
    pub(crate) fn full_name(&self, key: &ResourceKey, body: &Value) -> String {
        let mut parts = Vec::new();
        let mut here = Some((key.clone(), body.clone()));
        while let Some((key, body)) = here.take().filter(|_| parts.len() < DEPTH_MAX) {
            let spec = self.catalog.kind(&key.kind);
            let own = spec.and_then(|spec| spec.shown_name(&body).or_else(|| self.far_name(spec, &key)));
            let mut part = String::new();
            encode_part(own.as_deref().unwrap_or(key.id()), &mut part);
            parts.push(part);
            let outer = spec.and_then(|spec| self.outer(spec, &key, &body)).filter(|outer| self.has(outer));
            let above = outer.or_else(|| self.parent(&key));
            // A name that cannot be read is shown as the part that can.
            here = above.and_then(|above| Some((above.clone(), self.body(&above).ok().flatten()?)));
        }
        parts.reverse();
        parts.join("/")
    }

    /// The name of what a link leads to, which is what a person knows the link by.
    fn far_name(&self, spec: &KindSpec, key: &ResourceKey) -> Option<String> {
        let kinds = spec.far_ends().flat_map(|reference| &reference.to).filter(|_| spec.shape == Shape::Edge);
        kinds.flat_map(|kind| self.by_id(kind, key.id())).find_map(|far| {
            let body = self.body(&far).ok().flatten()?;
            self.catalog.kind(&far.kind)?.shown_name(&body)
        })
    }

    /// What a resource lies in, of its own kind.
    pub(crate) fn outer(&self, spec: &KindSpec, key: &ResourceKey, body: &Value) -> Option<ResourceKey> {
        let id = spec.within.as_ref()?.get(body)?.as_str().filter(|id| !id.is_empty())?;
        let mut ids = key.above().to_vec();
        ids.push(id.to_owned());
        Some(ResourceKey::new(&key.kind, ids))
    }

    /// The recorded parent: of the kinds that the catalogue allows, the one that is there.
    pub(crate) fn parent(&self, key: &ResourceKey) -> Option<ResourceKey> {
        crate::restore::sides::parents_of(self.catalog, key).into_iter().find(|parent| self.has(parent))
    }

    /// What the vendor makes along with a resource.
    pub(crate) fn made_along(&self, of: &ResourceKey) -> Result<Vec<ResourceKey>, RestoreError> {
        let mut found = Vec::new();
        let Some(maker) = self.body(of)? else { return Ok(found) };
        let Some(name) = self.spec(&of.kind)?.name_of(&maker) else { return Ok(found) };
        for spec in &self.catalog.kinds {
            for with in spec.comes_with.iter().filter(|with| with.of == of.kind) {
                let all = self.all(&spec.kind)?;
                let along = |key: &ResourceKey, body: &Value| {
                    with.other(body).is_some_and(|other| is_called(&name, other))
                        || (with.is_named(body) && self.parent(key).as_ref() == Some(of))
                };
                found.extend(all.iter().filter(|(key, body)| along(key, body)).map(|(key, _)| key.clone()));
            }
        }
        Ok(found)
    }

    /// What a resource is made along with, and which conditions hold then.
    pub(crate) fn makers<'s>(
        &self,
        spec: &'s KindSpec,
        key: &ResourceKey,
        body: &Value,
    ) -> Result<Vec<(ResourceKey, &'s [Condition])>, RestoreError> {
        let mut found = Vec::new();
        for with in &spec.comes_with {
            if with.is_named(body) {
                found.extend(self.parent(key).map(|parent| (parent, with.only.as_slice())));
            }
            let Some(other) = with.other(body) else { continue };
            let of = self.spec(&with.of)?;
            let all = self.all(&with.of)?;
            let named = |body: &Value| of.name_of(body).is_some_and(|name| is_called(&name, other));
            let makers = all.iter().filter(|(_, body)| named(body));
            found.extend(makers.map(|(key, _)| (key.clone(), with.only.as_slice())));
        }
        Ok(found)
    }

    /// What hangs on a resource directly: its children, its edges, and what lies in it.
    pub(crate) fn children(&self, of: &ResourceKey) -> Result<Vec<ResourceKey>, RestoreError> {
        let mut found = Vec::new();
        for spec in self.catalog.kinds.iter().filter(|spec| spec.parent.contains(&of.kind)) {
            let shelf = self.shelf(&spec.kind);
            // Keys come in order, so those below one parent stand together.
            let first = shelf.keys.partition_point(|key| key.ids < of.ids);
            let near = shelf.keys.iter().skip(first).take_while(|key| key.ids.starts_with(&of.ids));
            let below = near.filter(|key| key.above() == of.ids.as_slice());
            found.extend(below.filter(|key| self.parent(key).as_ref() == Some(of)).cloned());
        }
        let spec = self.spec(&of.kind)?;
        if spec.within.is_some() {
            let all = self.all(&of.kind)?;
            let inside = all.iter().filter(|(key, body)| self.outer(spec, key, body).as_ref() == Some(of));
            found.extend(inside.map(|(key, _)| key.clone()));
        }
        Ok(found)
    }
}

/// Whether a name that the vendor made of another's is that other's: it may have lost its capitals.
fn is_called(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.to_lowercase()
}
