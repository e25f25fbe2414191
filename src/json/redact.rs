//! Taking secrets out of a document, and the marker that stands in their place.
//!
//! A marker is `{"$secret": FINGERPRINT}`: an object with that one member, a text. The fingerprint
//! is the caller's (a keyed hash), so that a rotation shows in a diff and the value does not; it is
//! `unknown` where the provider shows a mask or nothing instead of the value. This room has no key
//! and makes no fingerprint.
//!
//! A tenant can hold an object of that very form as its own content. It is kept as it is; whoever
//! resolves markers must look the pointer up among the secrets of that body and, finding none,
//! must not invent one.

use crate::base::secret::Secret;
use crate::json::secrets::recognise;
use crate::json::walk::places_where;
use crate::json::{Object, Pattern, Pointer, Value};

/// The member name that makes an object a marker.
pub const SECRET: &str = "$secret";

/// The fingerprint of a value that nobody has seen.
pub const UNKNOWN: &str = "unknown";

/// A secret that was taken out of a document.
#[derive(Debug)]
pub struct Taken {
    /// Where it stood, and where its marker stands now.
    pub pointer: Pointer,
    /// The value; wiped when dropped.
    pub value: Secret<Value>,
}

/// The marker for a secret with this fingerprint.
pub fn marker(fingerprint: &str) -> Value {
    Object::from_pairs([(SECRET, fingerprint.into())]).into()
}

/// The marker for a secret whose value is not known.
pub fn unknown_marker() -> Value {
    marker(UNKNOWN)
}

/// The fingerprint, if this value is a marker.
pub fn fingerprint(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(SECRET)?.as_str()
}

/// True for a marker, known or not.
pub fn is_marker(value: &Value) -> bool {
    fingerprint(value).is_some()
}

/// Where markers stand below the root, whoever put them there.
pub fn markers(document: &Value) -> Vec<Pointer> {
    places_where(document, &mut |_, value| is_marker(value))
}

/// True for a text that a provider shows instead of a secret: only asterisks or dots (at least
/// three), or one of the fixed texts that providers use.
pub fn is_masked(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let only = |mask: char| text.chars().all(|c| c == mask);
    let dotted = text.chars().nth(2).is_some() && (only('*') || only('•') || only('●'));
    dotted || matches!(text, "_VALUE_NOT_SHOWN_" | "_VALUE_REDACTED_" | "[REDACTED]")
}

/// Replaces every value that a pattern covers by a marker and returns the values.
///
/// `null` stays: there is no secret. A mask and an empty text become the unknown marker, since a
/// provider shows either where it has a value. A marker stays. Of a secret inside a secret only the
/// outer one is taken. `fingerprint` is asked once for each value that is taken.
pub fn redact(
    document: &mut Value,
    secrets: &[Pattern],
    mut fingerprint: impl FnMut(&Pointer, &Value) -> String,
) -> Vec<Taken> {
    let mut taken = Vec::new();
    for pattern in secrets {
        let places = pattern.find(document).into_iter().map(|(pointer, _)| pointer);
        for pointer in places.collect::<Vec<_>>() {
            let value = outside_markers(&pointer, document);
            taken.extend(value.and_then(|value| take(&pointer, value, &mut fingerprint)));
        }
    }
    taken
}

/// Does the same with everything that [`crate::json::looks_secret`] calls a secret: the safety net
/// behind the catalogue. Whatever it takes deserves a mention in the coverage ledger.
pub fn redact_recognised(
    document: &mut Value,
    mut fingerprint: impl FnMut(&Pointer, &Value) -> String,
) -> Vec<Taken> {
    let places = recognise(document).into_iter();
    places
        .filter_map(|pointer| {
            let value = pointer.get_mut(document)?;
            take(&pointer, value, &mut fingerprint)
        })
        .collect()
}

/// The value at this place, unless it now stands inside a marker or is gone with an outer secret.
fn outside_markers<'v>(pointer: &Pointer, document: &'v mut Value) -> Option<&'v mut Value> {
    let above = pointer.parent();
    if above.is_some_and(|above| above.get(document).is_some_and(is_marker)) {
        return None;
    }
    pointer.get_mut(document)
}

/// Puts a marker in the value's place; none if there was nothing to take.
fn take(
    pointer: &Pointer,
    value: &mut Value,
    fingerprint: &mut dyn FnMut(&Pointer, &Value) -> String,
) -> Option<Taken> {
    if value.is_null() || is_marker(value) {
        return None;
    }
    if is_masked(value) || value.as_str() == Some("") {
        *value = unknown_marker();
        return None;
    }
    let mark = marker(&fingerprint(pointer, value));
    Some(Taken { pointer: pointer.clone(), value: Secret::new(std::mem::replace(value, mark)) })
}
