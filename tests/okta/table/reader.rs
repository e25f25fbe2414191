//! What is there, as an administrator reads it: by the paths of the vendor's document, and not by the product.

use std::collections::BTreeMap;

use lastgood::base::key::{ResourceKey, SINGLETON};
use lastgood::catalog::{KindSpec, Provider, Shape};
use lastgood::json::{Limits, Pattern, Value, parse};

use crate::org::Org;

/// Bodies by address.
pub(super) type Dump = BTreeMap<ResourceKey, Value>;

/// A path with these ids in place of its placeholders, in order; one too few is the last one again.
pub(super) fn filled(path: &str, ids: &[String]) -> String {
    let mut ids = ids.iter().filter(|id| *id != SINGLETON);
    let mut out = String::new();
    for (place, part) in path.split('{').enumerate() {
        if place == 0 {
            out.push_str(part);
            continue;
        }
        let (_, rest) = part.split_once('}').unwrap();
        let id = ids.next().cloned().unwrap_or_default();
        out.push_str(&id.replace('%', "%25").replace(' ', "%20").replace(':', "%3A").replace('/', "%2F"));
        out.push_str(rest);
    }
    out
}

fn asked(org: &Org, path: &str) -> Option<Value> {
    let (status, text) = org.answer("GET", path, "");
    (status == 200).then(|| parse(text.as_bytes(), &Limits::default()).unwrap())
}

/// The ids that stand in the paths of a resource: an id of several parts in parts.
pub(super) fn ids(spec: &KindSpec, key: &ResourceKey) -> Vec<String> {
    let mut ids = key.ids.clone();
    if !spec.also_id.is_empty() || !spec.id_of.is_empty() {
        let own = ids.pop().unwrap_or_default();
        ids.extend(own.split(':').filter(|part| !part.is_empty()).map(str::to_owned));
    }
    ids
}

/// The body of one resource as the vendor shows it.
pub(super) fn raw(org: &Org, spec: &KindSpec, key: &ResourceKey) -> Option<Value> {
    let ids = ids(spec, key);
    if let Some(get) = &spec.get {
        return asked(org, &filled(get.as_str(), &ids));
    }
    let alone = spec.shape == Shape::Singleton || spec.id.is_none();
    for read in &spec.read {
        let path = read.below.as_ref().or(read.path.as_ref())?;
        let answer = asked(org, &filled(path.as_str(), &ids));
        if alone {
            // The one row of a list whose rows do not say which they are.
            return match answer {
                Some(Value::Array(rows)) if spec.shape == Shape::Object => rows.into_iter().next(),
                answer => answer,
            };
        }
        let id = spec.id.as_ref()?;
        let items = read.items.first().cloned().unwrap_or_default();
        let rows = answer.as_ref().map(|answer| items.find(answer)).unwrap_or_default();
        let rows = rows.into_iter().flat_map(|(_, row)| match row {
            Value::Array(rows) => rows.iter().collect(),
            row => vec![row],
        });
        let wanted = key.id();
        let found = rows.into_iter().find(|row| {
            let own = id.get(row).or(Some(row)).and_then(Value::as_str).unwrap_or_default();
            let parts = wanted.split(':').filter(|part| !part.is_empty());
            own == wanted || parts.clone().next() == Some(own) || parts.clone().next_back() == Some(own)
        });
        if let Some(found) = found {
            return Some(match found {
                Value::String(_) => lastgood::json::Object::from_pairs([("id", found.clone())]).into(),
                row => row.clone(),
            });
        }
    }
    None
}

/// A body without what the server sets by itself.
pub(super) fn bare(spec: &KindSpec, body: &Value) -> Value {
    let mut out = body.clone();
    let dropped: Vec<Pattern> =
        spec.beyond_calls().into_iter().chain(spec.volatile.iter().cloned()).collect();
    for pattern in dropped.iter().chain(&spec.derived) {
        pattern.remove_all(&mut out);
    }
    if spec.shape == Shape::Edge {
        let kept = spec.keep.iter().flat_map(|keep| keep.find(&out)).map(|(_, value)| value.clone());
        return Value::Array(kept.collect());
    }
    lastgood::catalog::settle(spec, &mut out);
    out
}

/// Every resource that has one of these addresses, with all that is shown of it.
pub(super) fn shown(org: &Org, catalog: &Provider, keys: &[ResourceKey]) -> Dump {
    let spec = |key: &ResourceKey| catalog.kinds.iter().find(|spec| spec.kind == key.kind).unwrap();
    keys.iter().filter_map(|key| Some((key.clone(), raw(org, spec(key), key)?))).collect()
}

/// Every resource that has one of these addresses, without what the server sets.
pub(super) fn dump(org: &Org, catalog: &Provider, keys: &[ResourceKey]) -> Dump {
    let mut found = Dump::new();
    for key in keys {
        let spec = catalog.kinds.iter().find(|spec| spec.kind == key.kind).unwrap();
        if let Some(body) = raw(org, spec, key) {
            found.insert(key.clone(), bare(spec, &body));
        }
    }
    found
}

/// A body in which ids stand as they were before.
pub(super) fn with_ids(body: &Value, ids: &BTreeMap<String, String>) -> Value {
    let mut text = String::from_utf8(body.to_canonical()).unwrap();
    for (new, old) in ids {
        text = text.replace(new.as_str(), old);
    }
    parse(text.as_bytes(), &Limits::default()).unwrap()
}
