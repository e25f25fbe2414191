//! What the steps of a plan leave of the resources that they touch, one after the other: a later step of a
//! resource finds what an earlier one left.
//!
//! Pure. [`guard`](crate::restore::guard) asks it who can still administer, [`access`](crate::restore::access)
//! who still gets in.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::base::key::ResourceKey;
use crate::json::{Pointer, Value};
use crate::restore::form::{Op, Step};
use crate::restore::placeholder::{self, Found};
use crate::restore::sides::Seen;
use crate::restore::wish::set_or_remove;

/// The body that is left of each resource, `None` where none is. What gets its id in the apply is known by the
/// id that it had.
pub(crate) fn left(steps: &[Step], seen: &Seen) -> BTreeMap<ResourceKey, Option<Value>> {
    let mut over: BTreeMap<ResourceKey, Option<Value>> = BTreeMap::new();
    for step in steps {
        let key = step.known_target().unwrap_or_else(|| step.key.clone());
        step.takes_along.iter().for_each(|gone| drop(over.insert(gone.clone(), None)));
        if step.op == Op::Delete {
            over.insert(key, None);
            continue;
        }
        let held = match over.get(&key) {
            Some(left) => left.clone(),
            None => seen.body(&key).cloned(),
        };
        let whole = step.whole().and_then(|change| change.to.clone());
        let mut body = whole.or(held).unwrap_or_else(|| crate::json::Object::new().into());
        for change in step.fields.iter().filter(|change| !change.pointer.is_empty()) {
            // A field that has no place in the body is none that anything here depends on.
            let _ = set_or_remove(&mut body, &change.pointer, change.to.clone());
        }
        over.insert(key, Some(with_old_ids(&body)));
    }
    over
}

/// The body with old ids for those that are still to come.
fn with_old_ids(body: &Value) -> Value {
    let mut old = |_: &Pointer, found: Found<'_>| -> Result<Option<Value>, Infallible> {
        Ok(match found {
            Found::Id(of) => Some(of.id().into()),
            _ => None,
        })
    };
    let Ok(filled) = placeholder::fill(body, &mut Pointer::root(), &mut old);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{FieldChange, Limits, parse};

    fn value(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn step(op: Op, pointer: &str, to: &str) -> Step {
        let pointer = Pointer::parse(pointer).unwrap();
        let key = ResourceKey::from_path("user/u1").unwrap();
        Step {
            op,
            target: vec![crate::restore::form::Part::Coming(key.clone())],
            key,
            name: String::new(),
            requests: Vec::new(),
            fields: vec![FieldChange { pointer, from: None, to: Some(value(to)) }],
            loose: Vec::new(),
            found_by_name: false,
            off: None,
            needs: Vec::new(),
            after: Vec::new(),
            notes: Vec::new(),
            takes_along: Vec::new(),
        }
    }

    /// Made switched off, and switched on last of all: what was made is not forgotten by then.
    #[test]
    fn a_later_step_finds_what_an_earlier_one_left() {
        let made = step(Op::Create, "", r#"{"name":"lars","status":"STAGED"}"#);
        let switched = step(Op::Update, "/status", r#""ACTIVE""#);
        let over = left(&[made, switched], &Seen::default());
        let body = over.into_values().next().flatten();
        assert_eq!(body, Some(value(r#"{"name":"lars","status":"ACTIVE"}"#)));
    }

    /// Deleted, and begun anew: nothing comes back of what it was.
    #[test]
    fn what_was_deleted_is_not_found_by_a_later_step() {
        let deleted = Step { fields: Vec::new(), ..step(Op::Delete, "", "null") };
        let begun = step(Op::Update, "/status", r#""ACTIVE""#);
        let mut seen = Seen::default();
        seen.insert(begun.key.clone(), Some(value(r#"{"name":"lars","status":"STAGED"}"#)));
        let body = |steps: &[Step]| left(steps, &seen).into_values().next().flatten();
        assert_eq!(body(std::slice::from_ref(&begun)), Some(value(r#"{"name":"lars","status":"ACTIVE"}"#)));
        assert_eq!(body(&[deleted, begun]), Some(value(r#"{"status":"ACTIVE"}"#)));
    }
}
