//! What stands in a plan for a value that is not there yet: a secret, an input, an id to come.
//!
//! | in a body | means |
//! | --- | --- |
//! | `{"$secret": {"blob", "pointer"}}` | the value that the named sealed body holds there |
//! | `{"$input": NAME}` | what a person gives under this name |
//! | `{"$id": "KIND/REF"}` | the id that the resource of that address gets in this apply |
//! | `{"$text": [PART, …]}` | one text of these parts, each a text or an id to come |
//! | `{"$literal": VALUE}` | the value as it stands, whatever it looks like |
//!
//! A tenant can hold text that looks like one of these. [`escape`] wraps it before anything is put
//! in, so that nobody who can write a field of a tenant can have a secret written into it.
//! In a path an id to come stands between braces, which an encoded path never holds.

use crate::base::key::ResourceKey;
use crate::json::redact::{SECRET, is_marker};
use crate::json::{JsonError, Object, Pointer, Value};

/// The member of a value that a person gives.
pub(crate) const INPUT: &str = "$input";
/// The member of an id to come.
pub(crate) const ID: &str = "$id";
const LITERAL: &str = "$literal";
/// The member of a text with ids to come in it.
const TEXT: &str = "$text";

/// Where a secret's value is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretAt {
    /// The sealed body: `SNAPSHOT/KIND/REF`.
    pub blob: String,
    /// Where in it.
    pub pointer: String,
}

impl SecretAt {
    /// The snapshot's id, and the path of the resource in it.
    pub(crate) fn within(&self) -> Option<(&str, &str)> {
        self.blob.split_once('/')
    }
}

/// A placeholder that was found in a body.
pub(crate) enum Found<'a> {
    Secret(SecretAt),
    Input(&'a str),
    Id(ResourceKey),
    Text(&'a [Value]),
    Literal(&'a Value),
}

pub(crate) fn secret(at: &SecretAt) -> Value {
    let inner = [("blob", Value::from(at.blob.as_str())), ("pointer", Value::from(at.pointer.as_str()))];
    single(SECRET, Object::from_pairs(inner).into())
}

pub(crate) fn input(name: &str) -> Value {
    single(INPUT, name.into())
}

pub(crate) fn id(of: &ResourceKey) -> Value {
    single(ID, of.to_path().into())
}

/// A text, or a text with placeholders, in which a word stands as something else: an id within a URL, an
/// expression or a name of a resource.
pub(crate) fn replace_word(value: &Value, word: &str, with: &Value) -> Value {
    let parts = match (value, found(value)) {
        (Value::String(text), _) => split_at(text, word, with),
        (_, Some(Found::Text(parts))) => {
            let split = |part: &Value| match part {
                Value::String(text) => split_at(text, word, with),
                other => vec![other.clone()],
            };
            parts.iter().flat_map(split).collect()
        }
        _ => return value.clone(),
    };
    let mut joined: Vec<Value> = Vec::new();
    for part in parts {
        match (joined.last_mut(), &part) {
            (Some(Value::String(before)), Value::String(text)) => *before = format!("{before}{text}"),
            _ => joined.push(part),
        }
    }
    match joined.as_slice() {
        [text @ Value::String(_)] => text.clone(),
        _ => single(TEXT, Value::Array(joined)),
    }
}

/// A text in parts, with another value wherever the word stands alone.
fn split_at(text: &str, word: &str, with: &Value) -> Vec<Value> {
    let (mut parts, mut rest, mut kept) = (Vec::new(), text, String::new());
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        kept.push_str(before);
        let alone = !kept.ends_with(in_word) && !after.starts_with(in_word);
        if alone {
            parts.extend([Value::from(std::mem::take(&mut kept)), with.clone()]);
        } else {
            kept.push_str(word);
        }
        rest = after;
    }
    kept.push_str(rest);
    parts.push(kept.into());
    parts.retain(|part| part.as_str() != Some(""));
    parts
}

/// Whether a sign can be a part of an id.
pub(crate) fn in_word(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '-' | '_')
}

fn single(name: &str, value: Value) -> Value {
    Object::from_pairs([(name, value)]).into()
}

/// Reads one value as a placeholder.
pub(crate) fn found(value: &Value) -> Option<Found<'_>> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, inner) = object.iter().next()?;
    match name {
        SECRET => {
            let text = |name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Found::Secret(SecretAt { blob: text("blob")?, pointer: text("pointer")? }))
        }
        INPUT => Some(Found::Input(inner.as_str()?)),
        ID => Some(Found::Id(ResourceKey::from_path(inner.as_str()?)?)),
        TEXT => Some(Found::Text(inner.as_array()?)),
        LITERAL => Some(Found::Literal(inner)),
        _ => None,
    }
}

/// Wraps everything in a body that looks like a placeholder and is none. Markers of secrets stay.
#[must_use]
pub(crate) fn escape(value: &Value) -> Value {
    match value {
        Value::Object(_) if !is_marker(value) && found(value).is_some() => single(LITERAL, value.clone()),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name, escape(member))).collect::<Object>().into()
        }
        Value::Array(items) => items.iter().map(escape).collect(),
        other => other.clone(),
    }
}

/// Gives the value for a placeholder at a place, or none to leave it.
pub(crate) type Filler<'f, E> = dyn FnMut(&Pointer, Found<'_>) -> Result<Option<Value>, E> + 'f;

/// Replaces every placeholder for which `fill` gives a value and unwraps literals.
///
/// # Errors
/// The first that `fill` reports, with the place of the placeholder.
pub(crate) fn fill<E>(value: &Value, at: &mut Pointer, fill_one: &mut Filler<'_, E>) -> Result<Value, E> {
    match found(value) {
        Some(Found::Literal(inner)) => return Ok(inner.clone()),
        Some(Found::Text(parts)) => {
            let parts: Result<Vec<Value>, E> = parts.iter().map(|part| fill(part, at, fill_one)).collect();
            let parts = parts?;
            let text: Option<String> = parts.iter().map(Value::as_str).collect();
            return Ok(text.map_or_else(|| single(TEXT, Value::Array(parts)), Value::from));
        }
        Some(other) => {
            return Ok(fill_one(at, other)?.unwrap_or_else(|| value.clone()));
        }
        None => {}
    }
    match value {
        Value::Object(members) => {
            let mut out = Object::new();
            for (name, member) in members.iter() {
                at.push(name);
                out.insert(name, fill(member, at, fill_one)?);
                at.pop();
            }
            Ok(out.into())
        }
        Value::Array(items) => {
            let mut out = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                out.push(fill(item, at, fill_one)?);
                at.pop();
            }
            Ok(Value::Array(out))
        }
        other => Ok(other.clone()),
    }
}

/// Every placeholder in a body.
pub(crate) fn all(value: &Value) -> Vec<(Pointer, Found<'_>)> {
    fn walk<'v>(value: &'v Value, at: &mut Pointer, out: &mut Vec<(Pointer, Found<'v>)>) {
        if let Some(one) = found(value) {
            out.push((at.clone(), one));
            return;
        }
        let children: Vec<(String, &'v Value)> = match value {
            Value::Object(members) => {
                members.iter().map(|(name, member)| (name.to_owned(), member)).collect()
            }
            Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
            }
            _ => Vec::new(),
        };
        for (name, child) in children {
            at.push(name);
            walk(child, at, out);
            at.pop();
        }
    }
    let mut out = Vec::new();
    walk(value, &mut Pointer::root(), &mut out);
    out
}

/// An id to come as it stands in a path.
#[must_use]
pub(crate) fn in_path(of: &ResourceKey) -> String {
    format!("{{{}}}", data_encoding::BASE64URL_NOPAD.encode(of.to_path().as_bytes()))
}

/// Puts ids into a path in place of those to come.
///
/// # Errors
/// The address whose id `id` does not know, or the text between braces that is no address.
pub(crate) fn fill_path(
    path: &str,
    mut id: impl FnMut(&ResourceKey) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = tail.split_once('}').ok_or_else(|| path.to_owned())?;
        let of = path_address(name).ok_or_else(|| name.to_owned())?;
        percent_encode(&id(&of).ok_or_else(|| of.to_path())?, &mut out);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The addresses whose ids a path waits for.
pub(crate) fn awaited(path: &str) -> Vec<ResourceKey> {
    path.split('{').skip(1).filter_map(|part| path_address(part.split('}').next()?)).collect()
}

fn path_address(text: &str) -> Option<ResourceKey> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    ResourceKey::from_path(std::str::from_utf8(&bytes).ok()?)
}

/// Encodes all but RFC 3986's unreserved characters, and a part that is only dots.
fn percent_encode(text: &str, out: &mut String) {
    let dots = text.bytes().all(|byte| byte == b'.');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && !dots) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
}

/// Sets the value at a pointer, making the objects above it where they are missing.
pub(crate) fn set_deep(document: &mut Value, at: &Pointer, value: Value) -> Result<(), JsonError> {
    let mut here = Pointer::root();
    for name in at.segments().take(at.len().saturating_sub(1)) {
        here.push(name);
        if here.get(document).is_none_or(Value::is_null) {
            here.set(document, Value::Object(Object::new()))?;
        }
    }
    at.set(document, value).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::key::Kind;
    use crate::json::{Limits, parse};

    fn value(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn what_a_tenant_wrote_is_never_a_placeholder() {
        let hostile = value(
            r#"{"a":{"$input":"X"},"b":[{"$secret":{"blob":"s/client/1","pointer":"/f"}}],"c":{"$id":"role/1"},
                "d":{"$literal":{"$input":"Y"}},"e":{"$secret":"mark"}}"#,
        );
        let escaped = escape(&hostile);
        let mut seen = 0;
        let back = fill(&escaped, &mut Pointer::root(), &mut |_, _| {
            seen += 1;
            Ok::<_, ()>(Some(Value::from("LEAK")))
        })
        .unwrap();
        assert_eq!((seen, back), (0, hostile));
    }

    #[test]
    fn placeholders_are_filled_in_bodies_and_paths() {
        let role = ResourceKey::new(&Kind::new("role"), vec!["a/b".into(), "}".into()]);
        let body = Value::Array(vec![id(&role), input("N")]);
        let filled = fill(&body, &mut Pointer::root(), &mut |_, found| match found {
            Found::Id(of) => Ok::<_, ()>(Some(Value::from(of.id()))),
            _ => Ok(None),
        });
        assert_eq!(filled.unwrap().to_canonical(), br#"["}",{"$input":"N"}]"#);
        let path = format!("/x/{}/y", in_path(&role));
        assert_eq!(fill_path(&path, |of| (*of == role).then(|| "n/1".into())).unwrap(), "/x/n%2F1/y");
        assert_eq!(fill_path(&path, |_| None).unwrap_err(), "role/a%2Fb/}");
        assert_eq!(awaited(&path), [role]);
    }
}
