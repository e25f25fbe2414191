//! From an answer to rows, and from a row to a key. Pure.

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Shape};
use crate::json::{Object, Pattern, Pointer, Value};

/// Takes the rows out of an answer.
///
/// # Errors
/// In words, where the answer has not the form in which rows come.
pub(crate) fn take(shape: Shape, items: &[Pattern], mut answer: Value) -> Result<Vec<Value>, String> {
    if items.is_empty() {
        return match (shape, answer) {
            (Shape::Singleton, Value::Null) => Ok(Vec::new()),
            (Shape::Singleton, answer) => Ok(vec![answer]),
            (_, Value::Array(rows)) => Ok(rows),
            (_, other) => Err(format!("a list is expected and {} came", name_of(&other))),
        };
    }
    if !matches!(answer, Value::Object(_) | Value::Array(_)) {
        return Err(format!("an object with rows is expected and {} came", name_of(&answer)));
    }
    let mut rows = Vec::new();
    let mut places = 0;
    for pattern in items {
        match whole_array(pattern).and_then(|at| at.get_mut(&mut answer).map(|found| (found.take(), at))) {
            Some((Value::Array(found), _)) => {
                places += 1;
                rows.extend(found);
            }
            Some((Value::Null, _)) => places += 1,
            Some((other @ Value::Object(_), at)) => {
                places += 1;
                at.set(&mut answer, other).map_err(|error| error.to_string())?;
                rows.extend(pattern.find(&answer).into_iter().map(|(_, row)| row.clone()));
            }
            Some((other, at)) => {
                return Err(format!("rows are expected at `{at}` and {} stands there", name_of(&other)));
            }
            None => rows.extend(pattern.find(&answer).into_iter().map(|(_, row)| row.clone())),
        }
    }
    let empty = match &answer {
        Value::Object(members) => {
            members.is_empty() || items.iter().any(|pattern| starts_in(pattern, members))
        }
        _ => true,
    };
    if rows.is_empty() && places == 0 && !empty {
        return Err("the answer has none of the members in which rows stand".into());
    }
    Ok(rows)
}

/// The array that a pattern covers element by element, if it is one array only.
fn whole_array(pattern: &Pattern) -> Option<Pointer> {
    let text = pattern.to_string();
    Pattern::parse(text.strip_suffix("/*")?).ok()?.as_pointer()
}

fn starts_in(pattern: &Pattern, members: &Object) -> bool {
    members.iter().any(|(name, _)| {
        let text = pattern.to_string();
        let first = text.split('/').nth(1).unwrap_or_default();
        first == "*" || first == "**" || first == name.replace('~', "~0").replace('/', "~1")
    })
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A row that is a text as the object that the catalogue makes of it.
pub(crate) fn wrapped(wrap: Option<&String>, row: Value) -> Value {
    match (wrap, &row) {
        (Some(member), Value::String(_) | Value::Number(_)) => {
            let mut object = Object::new();
            object.insert(member.as_str(), row);
            object.into()
        }
        _ => row,
    }
}

/// Of each element of a list one value, where it has it.
pub(crate) fn picked(list: Value, at: &Pointer) -> Value {
    match list {
        Value::Array(elements) => elements.iter().filter_map(|element| at.get(element).cloned()).collect(),
        other => other,
    }
}

/// What an edge keeps of the far end's body: all of it where the row is the link's own.
pub(crate) fn prune(body: &Value, keep: &[Pattern]) -> Value {
    if is_whole(keep) {
        return body.clone();
    }
    let mut kept = Value::Object(Object::new());
    for (at, _) in keep.iter().flat_map(|pattern| pattern.find(body)) {
        put(&mut kept, body, &at);
    }
    kept
}

fn is_whole(keep: &[Pattern]) -> bool {
    keep.iter().any(|pattern| pattern.as_pointer().is_some_and(|at| at.is_empty()))
}

/// The body of a resource, from what the vendor sent for it: of an edge what the catalogue keeps.
pub(crate) fn kept(spec: &KindSpec, body: Value) -> Value {
    if spec.shape == Shape::Edge && !is_whole(&spec.keep) { prune(&body, &spec.keep) } else { body }
}

/// Puts a value where it stood, with the objects above it. An array is kept whole: an element
/// alone would lose its place.
fn put(kept: &mut Value, body: &Value, at: &Pointer) {
    let mut here = Pointer::root();
    for name in at.segments() {
        here.push(name);
        let Some(found) = here.get(body) else { return };
        let value = match found {
            Value::Object(_) if here.len() < at.len() => Value::Object(Object::new()),
            found => found.clone(),
        };
        if here.get(kept).is_none() && here.set(kept, value).is_err() {
            return;
        }
        if matches!(found, Value::Array(_)) {
            return;
        }
    }
}

/// The key of a row: the ids of its parents, then its own.
pub(crate) fn key(kind: &Kind, parents: &[String], own: String) -> ResourceKey {
    let mut ids = parents.to_vec();
    ids.push(own);
    ResourceKey::new(kind, ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn value(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn taken(items: &[&str], text: &str) -> Result<usize, String> {
        let items: Vec<_> = items.iter().map(|item| Pattern::parse(item).unwrap()).collect();
        take(Shape::Object, &items, value(text)).map(|rows| rows.len())
    }

    #[test]
    fn rows_are_found_where_the_catalogue_says() {
        assert_eq!(taken(&[], "[1,2]"), Ok(2));
        assert_eq!(taken(&["/value/*"], r#"{"value":[1,2],"next":"x"}"#), Ok(2));
        assert_eq!(taken(&["/value/*"], r#"{"value":{"a":1,"b":2}}"#), Ok(2));
        assert_eq!(
            taken(&["/realm/*", "/clients/*/mappings/*"], r#"{"clients":{"a":{"mappings":[1,2]}}}"#),
            Ok(2)
        );
        assert_eq!(taken(&["/value/*"], "{}"), Ok(0));
        assert_eq!(taken(&["/value/*"], r#"{"value":null}"#), Ok(0));
        assert_eq!(taken(&["/clients/*/mappings/*"], r#"{"clients":{}}"#), Ok(0));
    }

    #[test]
    fn another_form_is_not_an_empty_list() {
        assert!(taken(&[], r#"{"error":"x"}"#).is_err());
        assert!(taken(&[], "null").is_err());
        assert!(taken(&["/value/*"], r#"{"error":"x"}"#).is_err());
        assert!(taken(&["/value/*"], r#"{"value":"x"}"#).is_err());
        assert!(taken(&["/value/*"], r#""x""#).is_err());
    }

    #[test]
    fn an_edge_keeps_what_is_named() {
        let keep = ["/id", "/a/b", "/l/*/x"].map(|text| Pattern::parse(text).unwrap());
        let body = value(r#"{"a":{"b":[1],"c":2},"id":"x","l":[{"x":1,"y":2}],"secret":"y"}"#);
        assert_eq!(prune(&body, &keep).to_canonical(), br#"{"a":{"b":[1]},"id":"x","l":[{"x":1,"y":2}]}"#);
        assert_eq!(prune(&body, &[]).to_canonical(), b"{}");
    }
}
