//! Names for people: natural keys, parents before children.
//!
//! A name is a view. It may be shared by several resources and may change; the address by id is
//! what is unique. Names are read from the bodies of one moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::{Kind, ResourceKey, encode_part};
use crate::catalog::{KindSpec, Shape};
use crate::history::{History, HistoryError, Moment};
use crate::json::Value;

/// How deep groups may lie in groups before a loop is assumed.
const NESTING_MAX: usize = 64;

/// The names of some resources at one moment.
#[derive(Default)]
pub struct Names {
    full: BTreeMap<ResourceKey, String>,
}

/// What a body says of its own name.
struct Own {
    text: String,
    within: Option<String>,
    /// What a link without a name of its own leads to: it is called as that.
    far: Vec<ResourceKey>,
}

impl Names {
    /// The name of a resource, parents first; `None` where it is not among those asked for.
    #[must_use]
    pub fn of(&self, key: &ResourceKey) -> Option<&str> {
        self.full.get(key).map(String::as_str)
    }

    /// Takes the names of `other` where this has none.
    pub fn merge(&mut self, other: Self) {
        for (key, name) in other.full {
            self.full.entry(key).or_insert(name);
        }
    }
}

impl History<'_> {
    /// The names of all resources of these kinds.
    ///
    /// # Errors
    /// A body could not be read.
    pub fn names_of_kinds(&self, moment: &Moment, kinds: &[Kind]) -> Result<Names, HistoryError> {
        let state = moment.state()?;
        let keys: Vec<ResourceKey> =
            kinds.iter().flat_map(|kind| state.kind(kind).map(|(key, _)| key)).collect();
        self.names_of(moment, &keys)
    }

    /// The names of these resources. What is not there at the moment has none.
    ///
    /// # Errors
    /// A body could not be read.
    pub fn names_of(&self, moment: &Moment, keys: &[ResourceKey]) -> Result<Names, HistoryError> {
        let mut own: BTreeMap<ResourceKey, Own> = BTreeMap::new();
        let mut wanted: BTreeSet<ResourceKey> = keys.iter().cloned().collect();
        // Parents, and what a resource lies within, are named too, until nothing new is asked for.
        for _ in 0..NESTING_MAX {
            let mut next = BTreeSet::new();
            for (key, body) in self.bodies(moment, &wanted)? {
                let Some(spec) = self.catalog.kind(&key.kind) else { continue };
                let found = own_name(spec, &key, &body);
                next.extend(found.within.as_ref().map(|id| sibling(&key, id)));
                for parent in parents(spec, &key) {
                    if moment.entry(&parent)?.is_some() {
                        next.insert(parent);
                        break;
                    }
                }
                for far in &found.far {
                    if moment.entry(far)?.is_some() {
                        next.insert(far.clone());
                    }
                }
                own.insert(key, found);
            }
            wanted = next.into_iter().filter(|key| !own.contains_key(key)).collect();
            if wanted.is_empty() {
                break;
            }
        }
        // Whatever is there of what they lie below was read above.
        let there = |key: &ResourceKey| own.contains_key(key);
        let full = own.keys().map(|key| (key.clone(), self.full_name(&there, key, &own))).collect();
        Ok(Names { full })
    }

    /// The names of resources of the tenant as it is now; a parent that is not among them counts with
    /// its id.
    #[must_use]
    pub fn names_among(&self, bodies: &BTreeMap<ResourceKey, Value>) -> Names {
        let own: BTreeMap<ResourceKey, Own> = bodies
            .iter()
            .filter_map(|(key, body)| Some((key.clone(), own_name(self.catalog.kind(&key.kind)?, key, body))))
            .collect();
        let there = |key: &ResourceKey| bodies.contains_key(key);
        let full = own.keys().map(|key| (key.clone(), self.full_name(&there, key, &own))).collect();
        Names { full }
    }

    /// What a body says of its own name, as a part of a path of names.
    #[must_use]
    pub fn own_name(&self, key: &ResourceKey, body: &Value) -> String {
        let own = self.catalog.kind(&key.kind).map(|spec| own_name(spec, key, body).text);
        let mut part = String::new();
        encode_part(own.as_deref().unwrap_or(key.id()), &mut part);
        part
    }

    fn full_name(
        &self,
        there: &dyn Fn(&ResourceKey) -> bool,
        key: &ResourceKey,
        own: &BTreeMap<ResourceKey, Own>,
    ) -> String {
        let mut parts = Vec::new();
        let mut here = Some(key.clone());
        while let Some(key) = here.take().filter(|_| parts.len() < NESTING_MAX) {
            let found = own.get(&key);
            let far = found.and_then(|found| found.far.iter().find_map(|far| own.get(far)));
            let mut part = String::new();
            encode_part(far.or(found).map_or(key.id(), |own| own.text.as_str()), &mut part);
            parts.push(part);
            let within = found.and_then(|own| own.within.as_ref()).map(|id| sibling(&key, id));
            here = within.filter(|outer| own.contains_key(outer)).or_else(|| {
                let spec = self.catalog.kind(&key.kind)?;
                parent_of(there, spec, &key)
            });
        }
        parts.reverse();
        parts.join("/")
    }
}

/// The parent by key: the kind of the catalogue's alternatives that is there.
fn parent_of(
    there: &dyn Fn(&ResourceKey) -> bool,
    spec: &KindSpec,
    key: &ResourceKey,
) -> Option<ResourceKey> {
    parents(spec, key).find(|parent| there(parent))
}

/// What a resource may lie below by its key: one of these.
fn parents(spec: &KindSpec, key: &ResourceKey) -> impl Iterator<Item = ResourceKey> {
    let above = key.ids.split_last().map_or(&[][..], |(_, above)| above);
    let kinds = if above.is_empty() { &[][..] } else { spec.parent.as_slice() };
    kinds.iter().map(move |kind| ResourceKey::new(kind, above.to_vec()))
}

fn sibling(key: &ResourceKey, id: &str) -> ResourceKey {
    let mut ids = key.ids.clone();
    if let Some(last) = ids.last_mut() {
        id.clone_into(last);
    }
    ResourceKey::new(&key.kind, ids)
}

fn own_name(spec: &KindSpec, key: &ResourceKey, body: &Value) -> Own {
    let name = spec.shown_name(body);
    let ends = spec.far_ends().flat_map(|reference| &reference.to);
    let ends = ends.filter(|_| name.is_none() && spec.shape == Shape::Edge);
    let far = ends.map(|kind| ResourceKey::new(kind, vec![key.id().to_owned()])).collect();
    let text = name.unwrap_or_else(|| key.id().to_owned());
    let within = spec.within.as_ref().and_then(|at| at.get(body)).and_then(Value::as_str);
    Own { text, within: within.filter(|id| !id.is_empty()).map(str::to_owned), far }
}
