//! Lists where other calls take a body: several instances at once, and operations on the members of one.
//!
//! It reads what a request brought and never the world. Read [`crate::sim::writing`] for what becomes of it.

use crate::json::{Pointer, Value};
use crate::sim::handle::Ask;
use crate::sim::wire::Refusal;

/// The elements of a body that is a list of objects.
///
/// # Errors
/// Any other body is not well-formed.
pub(super) fn listed(ask: &Ask) -> Result<Vec<Value>, Refusal> {
    let malformed = Refusal::malformed;
    let items = ask.request.body.as_ref().and_then(Value::as_array).ok_or_else(malformed)?;
    match items.iter().all(|item| item.as_object().is_some()) && !items.is_empty() {
        true => Ok(items.to_vec()),
        false => Err(malformed()),
    }
}

/// A body after operations on its members.
///
/// # Errors
/// An operation that is none, or that has no place.
pub(super) fn applied(mut body: Value, operations: &[Value]) -> Result<Value, Refusal> {
    for operation in operations {
        let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
        let refused = |what: &str| Refusal::invalid("operations", vec![format!("{what}: {}", text("path"))]);
        let mut place = located(&body, text("path")).ok_or_else(|| refused("path"))?;
        let value = operation.get("value").cloned();
        match (text("op"), value) {
            ("REMOVE", _) => {
                place.remove(&mut body).ok_or_else(|| refused("nothing to remove"))?;
            }
            ("ADD", Some(value)) if place.last() == Some("-") => {
                place.pop();
                let Some(Value::Array(items)) = place.get_mut(&mut body) else { return Err(refused("path")) };
                items.push(value);
            }
            ("ADD" | "REPLACE", Some(value)) => {
                place.set(&mut body, value).map_err(|_| refused("path"))?;
            }
            _ => return Err(refused("op")),
        }
    }
    Ok(body)
}

/// The place that a path names; an element of a list is named by a member of it, such as its id.
fn located(body: &Value, path: &str) -> Option<Pointer> {
    let mut place = Pointer::root();
    for part in Pointer::parse(path).ok()?.segments() {
        match place.get(body) {
            Some(Value::Array(items)) if part != "-" => {
                let named = |item: &Value| {
                    item.as_object()
                        .is_some_and(|item| item.iter().any(|(_, value)| value.as_str() == Some(part)))
                };
                place.push(items.iter().position(named)?.to_string());
            }
            _ => place.push(part),
        }
    }
    Some(place)
}
