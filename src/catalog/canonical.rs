//! A resource's body brought to the form that is hashed: DESIGN.md §4.
//!
//! Derived fields go, volatile fields and secrets move to bodies of their own, sets are sorted.
//! What is left is the main body, whose canonical bytes are the resource's identity: two reads of
//! an untouched resource must give equal bytes, whatever order the vendor answered in.
//!
//! Pure: the fingerprint of a secret is asked of the caller, who holds the key.

use crate::catalog::spec::{KindSpec, Provider, Set};
use crate::json::{Object, Pointer, Value, redact, secrets};

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
    let news = |members: &Object, known: &[String], word: &str| -> Vec<String> {
        let names = members.iter().map(|(name, _)| name).filter(|name| !known.iter().any(|one| one == name));
        names.map(|name| format!("{}: {word} `{name}`", spec.kind)).collect()
    };
    let mut unknown = news(members, &spec.fields, "field");
    if let (false, Some(Value::Object(links))) = (spec.links.is_empty(), members.get("_links")) {
        unknown.extend(news(links, &spec.links, "link"));
    }
    unknown
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
    let mut mark = |place: &str, value: &mut Value| {
        let name = fingerprint(place, &value.to_canonical());
        let clear = std::mem::replace(value, redact::marker(&name));
        kept.insert(name, clear);
    };
    // A tenant can write what looks like a marker. It is content: marked as a whole, so that every
    // marker in a main body is ours.
    for at in redact::markers(body) {
        if let Some(forged) = at.get_mut(body).filter(|value| redact::is_marker(value)) {
            mark(&place_of(&at), forged);
        }
    }
    let mut hide = |place: &str, value: &mut Value| {
        if matches!(value, Value::Null) || redact::is_marker(value) {
            return;
        }
        if is_masked(provider, value) {
            *value = redact::unknown_marker();
        } else {
            mark(place, value);
        }
    };
    for field in &spec.secret {
        field.at.visit_mut(body, |_, value| hide(&field.at.to_string(), value));
    }
    // Found first and replaced afterwards: a walk that replaces would walk into its own markers.
    for at in secrets::texts_where(body, &|value| is_masked(provider, value)) {
        if let Some(value) = at.get_mut(body) {
            hide(&place_of(&at), value);
        }
    }
    kept
}

/// The name of a secret's place, for its fingerprint: the pattern by which it is declared, else one made of its
/// pointer.
#[must_use]
pub fn secret_place(spec: &KindSpec, at: &Pointer) -> String {
    let declared = spec.secret.iter().find(|field| field.at.matches(at));
    declared.map_or_else(|| place_of(at), |field| field.at.to_string())
}

/// The pattern that stands for a pointer: array positions say nothing about a secret's place.
fn place_of(at: &Pointer) -> String {
    at.segments()
        .map(
            |part| {
                if part.bytes().all(|byte| byte.is_ascii_digit()) { "/*".into() } else { format!("/{part}") }
            },
        )
        .collect()
}

fn is_masked(provider: &Provider, value: &Value) -> bool {
    match value {
        Value::String(text) => provider.masked.contains(text),
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| is_masked(provider, item)),
        _ => false,
    }
}

/// Brings the sets of a body into order again, after a value in one was replaced.
pub fn settle(spec: &KindSpec, body: &mut Value) {
    sort_sets(&spec.set, body);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    const CATALOG: &str = r#"
        format = 1
        provider = "test"
        title = "Test"
        source = "made for this test"
        rules = 1
        auth = { forms = ["token"] }
        identity = { path = "/", at = "/id" }
        masked = ["**********"]
        volatile = ["/**/_links"]

        [[kind]]
        kind = "thing"
        what = "A thing"
        id = "/id"
        read = [{ path = "/things" }]
        fields = ["id", "tags", "rows", "secret", "nested", "token", "seen", "_links"]
        links = ["self"]
        set = [{ at = "/tags" }, { at = "/rows", by = "/name" }]
        volatile = ["/seen"]
        derived = ["/count"]
        secret = [{ at = "/secret", returned = "clear" }, { at = "/rows/*/key", returned = "clear" }]
        restore = { class = "never", reason = "a test" }
    "#;

    fn split(body: &str) -> Canonical {
        let catalog = crate::catalog::parse("test", CATALOG).unwrap();
        let body = parse(body.as_bytes(), &Limits::default()).unwrap();
        // A stand-in for the keyed fingerprint: equal values at equal places have equal marks.
        let mark = |place: &str, value: &[u8]| {
            blake3::hash(&[place.as_bytes(), value].concat()).to_hex().as_str()[..8].to_owned()
        };
        canonicalize(&catalog, &catalog.kinds[0], body, &mark)
    }

    fn main_of(body: &str) -> String {
        String::from_utf8(split(body).main.to_canonical()).unwrap()
    }

    #[test]
    fn order_of_sets_and_volatile_fields_do_not_matter() {
        let a = r#"{"id":1,"tags":["b","a","b"],"rows":[{"name":"y"},{"name":"x","key":"k"}],"seen":1,"count":5}"#;
        let b =
            r#"{"seen":2,"rows":[{"name":"x","key":"k"},{"name":"y"}],"tags":["a","b"],"id":1,"_links":{}}"#;
        assert_eq!(main_of(a), main_of(b));
        assert!(main_of(a).starts_with(r#"{"id":1,"rows":[{"key":{"$secret":"#), "{}", main_of(a));
    }

    #[test]
    fn secrets_leave_a_mark_and_masks_are_unknown() {
        let clear = split(r#"{"id":1,"secret":"canary","token":"**********"}"#);
        let text = String::from_utf8(clear.main.to_canonical()).unwrap();
        assert!(!text.contains("canary") && !text.contains("***"), "{text}");
        assert!(text.contains(r#""token":{"$secret":"unknown"}"#), "{text}");
        let kept = clear.secret.unwrap();
        assert!(String::from_utf8(kept.to_canonical()).unwrap().contains("canary"));
        assert_ne!(main_of(r#"{"id":1,"secret":"one"}"#), main_of(r#"{"id":1,"secret":"two"}"#));
    }

    #[test]
    fn a_forged_marker_is_content() {
        let forged = split(r#"{"id":1,"nested":{"a":{"$secret":"unknown"},"b":[{"$secret":"0011"}]}}"#);
        let text = String::from_utf8(forged.main.to_canonical()).unwrap();
        assert!(!text.contains("unknown") && !text.contains("0011"), "{text}");
        assert_eq!(forged.secret.unwrap().as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_secret_in_an_undeclared_field_is_recognised() {
        let pem =
            r#"{"id":1,"nested":{"x":"-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----"}}"#;
        assert!(!main_of(pem).contains("MIIabc"));
    }

    #[test]
    fn unknown_members_are_reported() {
        assert_eq!(split(r#"{"id":1,"new":2}"#).unknown, ["thing: field `new`"]);
        let links = r#"{"id":1,"_links":{"self":{"href":"x"},"next":{"href":"y"}}}"#;
        assert_eq!(split(links).unknown, ["thing: link `next`"], "volatile, and looked at all the same");
    }
}
