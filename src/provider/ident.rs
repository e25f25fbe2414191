//! The own id of a resource: one field, several fields, or the values that its path was filled
//! with. Several parts become one text from which they can be had again. Pure.

use crate::base::key::{Kind, SINGLETON};
use crate::catalog::mention::last_of;
use crate::catalog::{KindSpec, RefBy, Shape, Source};
use crate::json::{Object, Pointer, Value};

/// Stands between the parts of an id of several fields; within a part it is encoded.
const BETWEEN: char = ':';

/// A scalar as an id; `None` where there is none, or an empty one.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_str().to_owned(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The own id of a row of a kind. `None` where the row does not hold it.
pub(crate) fn of_row(spec: &KindSpec, row: &Value) -> Option<String> {
    if spec.shape == Shape::Singleton {
        return Some(SINGLETON.into());
    }
    let first = match (text(spec.id.as_ref()?.get(row)?)?, spec.id_by) {
        (url, RefBy::Url) => last_of(&url).to_owned(),
        (id, _) => id,
    };
    if spec.also_id.is_empty() {
        return Some(first);
    }
    let more = spec.also_id.iter().map(|at| at.get(row).and_then(text).unwrap_or_default());
    Some(joined(std::iter::once(first).chain(more)))
}

/// Whether a path's values come before what the row holds.
fn is_mixed(spec: &KindSpec) -> bool {
    spec.id.is_some() && !spec.id_of.is_empty()
}

/// The values of a path that are parts of the id.
fn parts(spec: &KindSpec, values: &[(&str, String)]) -> Option<Vec<String>> {
    let value =
        |name: &String| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    spec.id_of.iter().map(value).collect::<Option<Vec<String>>>().filter(|parts| !parts.is_empty())
}

/// The own id of a row that came for these values.
pub(crate) fn under(spec: &KindSpec, values: &[(&str, String)], row: String) -> String {
    match parts(spec, values).filter(|_| is_mixed(spec)) {
        Some(parts) => joined(parts.into_iter().chain([row])),
        None => row,
    }
}

/// What of an own id the row itself holds.
pub(crate) fn in_row(spec: &KindSpec, own: &str) -> String {
    if is_mixed(spec) { split(own).pop().unwrap_or_default() } else { own.to_owned() }
}

/// The id that a path's values make, for a kind whose rows do not hold it.
pub(crate) fn of_values(spec: &KindSpec, values: &[(&str, String)]) -> Option<String> {
    parts(spec, values).filter(|_| !is_mixed(spec)).map(|parts| match parts.as_slice() {
        [one] => one.clone(),
        _ => joined(parts.into_iter()),
    })
}

/// The values that made an id, by placeholder.
pub(crate) fn values<'s>(spec: &'s KindSpec, own: &str) -> Vec<(&'s str, String)> {
    let parts = match spec.id_of.len() {
        1 if !is_mixed(spec) => vec![own.to_owned()],
        _ => split(own),
    };
    spec.id_of.iter().map(String::as_str).zip(parts).collect()
}

/// By way of what a resource was found that does not lie below it: each value of its id that was taken from a
/// resource of a kind, with that kind.
#[must_use]
pub fn found_by<'s>(spec: &'s KindSpec, own: &str) -> Vec<(&'s Kind, String)> {
    let values = values(spec, own);
    let sources = spec.read.iter().flat_map(|read| &read.values_of);
    let of = |(name, source): (&String, &'s Source)| {
        let value = values.iter().find(|(known, _)| known == name)?;
        Some((&source.of, value.1.clone()))
    };
    sources.filter_map(of).collect()
}

/// A body that holds nothing but an id, for paths that need no more.
pub(crate) fn stub(spec: &KindSpec, own: &str) -> Value {
    let Some(at) = spec.id.as_ref().filter(|at| !at.is_empty()) else { return Value::from(own) };
    let mut body = Value::Object(Object::new());
    if spec.also_id.is_empty() {
        put(&mut body, at, &in_row(spec, own));
        return body;
    }
    for (at, part) in std::iter::once(at).chain(&spec.also_id).zip(split(own)) {
        if !part.is_empty() {
            put(&mut body, at, &part);
        }
    }
    body
}

/// Puts a text at a place of members, with the objects above it.
fn put(body: &mut Value, at: &Pointer, text: &str) {
    let mut here = Pointer::root();
    for name in at.segments() {
        here.push(name);
        let value = if here.len() == at.len() { Value::from(text) } else { Value::Object(Object::new()) };
        if here.len() == at.len() || here.get(body).is_none() {
            here.set(body, value).ok();
        }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let encoded = parts.map(|part| part.replace('%', "%25").replace(BETWEEN, "%3A"));
    encoded.collect::<Vec<_>>().join(&BETWEEN.to_string())
}

fn split(own: &str) -> Vec<String> {
    own.split(BETWEEN).map(|part| part.replace("%3A", ":").replace("%25", "%")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_come_apart_as_they_were(parts in proptest::collection::vec("[a:%3A25é]{0,6}", 2..4)) {
            prop_assert_eq!(split(&joined(parts.clone().into_iter())), parts);
        }
    }
}
