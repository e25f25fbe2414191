//! A resource's body brought to the form that is hashed: DESIGN.md §4.
//!
//! Derived fields go, volatile fields and secrets move to bodies of their own, sets are sorted.
//! What is left is the main body, whose canonical bytes are the resource's identity: two reads of
//! an untouched resource must give equal bytes, whatever order the vendor answered in.
//!
//! Pure: the fingerprint of a secret is asked of the caller, who holds the key.

use crate::catalog::spec::{KindSpec, Provider, Set};
use crate::json::{self, Object, Pattern, Pointer, Value};

/// A body taken apart.
pub struct Canonical {
    /// What is hashed; secrets are markers in it.
    pub main: Value,
    /// Fingerprint → value, for each secret that the vendor gave in clear.
    pub secret: Option<Value>,
    /// Pointer → value, for each volatile field.
    pub volatile: Option<Value>,
    /// Members that the catalogue does not know.
    pub unknown: Vec<String>,
}

/// Takes a body apart by the kind's rules. `fingerprint` is given the name of the secret's place
/// (the pattern, so that an element keeps its fingerprint when an array is sorted) and its value.
#[must_use]
pub fn canonicalize(
    provider: &Provider,
    spec: &KindSpec,
    mut body: Value,
    fingerprint: &dyn Fn(&str, &[u8]) -> String,
) -> Canonical {
    let unknown = unknown_members(spec, &body);
    for pattern in &spec.derived {
        pattern.remove_all(&mut body);
    }
    let mut volatile = Object::default();
    for pattern in provider.volatile.iter().chain(&spec.volatile) {
        for (at, value) in pattern.remove_all(&mut body) {
            volatile.insert(at.to_string(), value);
        }
    }
    let secret = split_secrets(provider, spec, &mut body, fingerprint);
    sort_sets(&spec.set, &mut body);
    Canonical { main: body, secret: non_empty(secret), volatile: non_empty(volatile), unknown }
}

fn non_empty(object: Object) -> Option<Value> {
    (!object.is_empty()).then_some(Value::Object(object))
}

fn unknown_members(spec: &KindSpec, body: &Value) -> Vec<String> {
    let Value::Object(members) = body else { return Vec::new() };
    if spec.fields.is_empty() {
        return Vec::new();
    }
    members.iter().map(|(name, _)| name).filter(|name| !spec.fields.iter().any(|field| field == name)).map(
        |name| format!("{}: field `{name}`", spec.kind),
    ).collect()
}

/// Replaces each secret by its marker and returns fingerprint → value.
///
/// A declared place is a secret whatever stands there; elsewhere the shape of a value decides, so
/// that a secret in a field that nobody declared does not end up in a diff.
fn split_secrets(
    provider: &Provider,
    spec: &KindSpec,
    body: &mut Value,
    fingerprint: &dyn Fn(&str, &[u8]) -> String,
) -> Object {
    let mut kept = Object::default();
    let mut hide = |place: &str, value: &mut Value| {
        if matches!(value, Value::Null) || json::is_marker(value) {
            return;
        }
        if is_masked(provider, value) {
            *value = json::marker(json::UNKNOWN_SECRET);
            return;
        }
        let name = fingerprint(place, &value.to_canonical());
        let clear = std::mem::replace(value, json::marker(&name));
        kept.insert(name, clear);
    };
    for field in &spec.secret {
        let place = field.at.to_string();
        field.at.visit_mut(body, |_, value| hide(&place, value));
    }
    everywhere().visit_mut(body, |at, value| {
        if matches!(value, Value::String(_)) && (is_masked(provider, value) || json::looks_secret(at, value)) {
            hide(&place_of(at), value);
        }
    });
    kept
}

/// The pattern that stands for a pointer: array positions say nothing about a secret's place.
fn place_of(at: &Pointer) -> String {
    at.segments()
        .map(|part| if part.bytes().all(|byte| byte.is_ascii_digit()) { "/*".into() } else { format!("/{part}") })
        .collect()
}

fn everywhere() -> Pattern {
    Pattern::parse("/**").expect("a constant pattern")
}

fn is_masked(provider: &Provider, value: &Value) -> bool {
    match value {
        Value::String(text) => provider.masked.contains(text),
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| is_masked(provider, item)),
        _ => false,
    }
}

/// Sorts each set, inner ones first, so that an outer set is sorted by settled bytes.
fn sort_sets(sets: &[Set], body: &mut Value) {
    let mut by_depth: Vec<&Set> = sets.iter().collect();
    by_depth.sort_by_key(|set| std::cmp::Reverse(set.at.to_string().matches('/').count()));
    for set in by_depth {
        set.at.visit_mut(body, |_, value| {
            if let Value::Array(items) = value {
                sort_one(items, set.by.as_ref());
            }
        });
    }
}

fn sort_one(items: &mut Vec<Value>, by: Option<&Pointer>) {
    items.sort_by_cached_key(|item| {
        let key = by.and_then(|at| at.get(item)).map(Value::to_canonical);
        (key, item.to_canonical())
    });
    if by.is_none() {
        items.dedup();
    }
}
