//! The damage: as an administrator does it, by the calls that the catalogue names.

use lastgood::base::key::ResourceKey;
use lastgood::catalog::{Action, Body, KindSpec, Shape, Write};
use lastgood::json::{Limits, Object, Pattern, Pointer, Value, parse};

use super::case::KindCase;
use super::others::Others;
use super::reader::{filled, ids, raw};
use super::writable::Fields;
use crate::org::Org;

/// Sends a call; the words of a refusal.
fn send(org: &Org, method: &str, path: &str, body: Option<&Value>) -> Result<String, String> {
    let text = body.map(|body| String::from_utf8(body.to_canonical()).unwrap()).unwrap_or_default();
    match org.answer(method, path, &text) {
        (200..300, answer) => Ok(answer),
        (status, answer) => Err(format!("{method} {path} answers {status} {answer} to {text}")),
    }
}

/// The path of a call about an instance: its ids in order, but for those that only its body tells.
fn path_of(write: &Write, spec: &KindSpec, case: &KindCase, key: &ResourceKey, body: &Value) -> String {
    let mut own = ids(spec, key).into_iter();
    let told =
        |at: &Pointer| last_part(at.get(body).and_then(Value::as_str).unwrap_or_default()).1.to_owned();
    let each = write.call.path.placeholders();
    let ids: Vec<String> =
        each.filter_map(|name| case.named_by.get(name).map(told).or_else(|| own.next())).collect();
    filled(write.call.path.as_str().split('?').next().unwrap(), &ids)
}

/// A URL or an ORN, and the id in which it ends.
fn last_part(text: &str) -> (&str, &str) {
    let place = text.rfind(['/', ':']).map_or(0, |place| place + 1);
    text.split_at(place)
}

/// Places that name something name something else of that kind.
fn name_others(case: &KindCase, key: &ResourceKey, keys: &[ResourceKey], body: &mut Value) {
    for (at, kind) in &case.another {
        let text = at.get(body).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (before, id) = last_part(&text);
        let fits = |other: &&ResourceKey| {
            other.kind.as_str() == kind && other.id() != id && !key.ids.iter().any(|own| own == other.id())
        };
        let other = keys.iter().find(fits).unwrap_or_else(|| panic!("there is no other {kind}"));
        at.set(body, format!("{before}{}", other.id())).unwrap();
    }
}

/// What is sent about a body: itself, or what the call wraps it in.
fn sent(write: &Write, body: &Value) -> Option<Value> {
    fn wrapped(around: &Value, body: &Value) -> Value {
        match around {
            Value::String(text) => match text.strip_prefix("$body") {
                Some(at) if at.contains('*') => Pattern::parse(at)
                    .unwrap()
                    .find(body)
                    .into_iter()
                    .map(|(_, value)| value.clone())
                    .collect(),
                Some(at) => Pointer::parse(at).unwrap().get(body).cloned().unwrap_or_default(),
                None => around.clone(),
            },
            Value::Array(items) => items.iter().map(|item| wrapped(item, body)).collect(),
            Value::Object(members) => {
                let kept = members.iter().map(|(name, member)| (name.to_owned(), wrapped(member, body)));
                Object::from_pairs(kept.filter(|(_, member)| !member.is_null())).into()
            }
            other => other.clone(),
        }
    }
    match write.body {
        Body::None => None,
        Body::Envelope => Some(wrapped(write.envelope.as_ref().unwrap(), body)),
        _ => Some(body.clone()),
    }
}

/// Changes every field that a call changes; what was refused.
pub(super) fn change(
    org: &Org,
    spec: &KindSpec,
    case: &KindCase,
    key: &ResourceKey,
    keys: &[ResourceKey],
    fields: &Fields,
) -> Result<bool, String> {
    let Some(before) = raw(org, spec, key) else { return Err(format!("{key} is not there")) };
    let write = spec.update.iter().find(|write| {
        (write.body != Body::None || !case.another.is_empty())
            && write.only.iter().all(|condition| condition.of.is_some() || condition.holds(&before))
    });
    let mut changed = false;
    let taken = write.is_none_or(|write| write.state.iter().all(|condition| condition.holds(&before)));
    let switch = other_switch(spec, &before);
    if let Some(action) = switch.filter(|_| !taken) {
        flip(org, spec, action, key)?;
        changed = true;
    }
    if let Some(write) = write {
        let mut body = before.clone();
        let unset = spec.assigned.iter().chain(&spec.volatile).chain(&spec.derived);
        for pattern in unset.filter(|pattern| !write.send.contains(pattern)).chain(&write.omit) {
            pattern.remove_all(&mut body);
        }
        for at in spec.switched() {
            at.remove(&mut body);
        }
        let mut other = body.clone();
        Others::of(spec, case, key, keys, fields).mutate(&mut other, &mut Pointer::root());
        for (at, value) in &case.changed {
            let value = with_others(value.0.clone(), at.get(&body), keys);
            lastgood_set(&mut other, at, value);
        }
        name_others(case, key, keys, &mut other);
        for at in &case.sent_whole {
            at.remove(&mut other);
        }
        if let Some(sent) = &case.sent {
            let text = sent.0.to_line().replace("{id}", key.id());
            let sent = parse(text.as_bytes(), &Limits::default()).unwrap();
            other = with_others(sent, Some(&body), keys);
        }
        if other != body {
            let path = path_of(write, spec, case, key, &other);
            let body = if case.sent.is_some() { Some(other) } else { sent(write, &other) };
            send(org, write.call.method.as_str(), &path, body.as_ref())?;
            changed = true;
        }
    }
    if let Some(action) = switch.filter(|_| taken) {
        flip(org, spec, action, key)?;
        changed = true;
    }
    Ok(changed)
}

fn lastgood_set(body: &mut Value, at: &Pointer, value: Value) {
    if value.is_null() {
        at.remove(body);
    } else {
        // An instance that has no such part stays without.
        let _ = at.set(body, value);
    }
}

/// With the id of another instance of the kind in place of each text `{other:KIND}`.
fn with_others(value: Value, now: Option<&Value>, keys: &[ResourceKey]) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("{other:").and_then(|rest| rest.strip_suffix('}')) {
            Some(kind) => {
                let now = now.map(Value::to_line).unwrap_or_default();
                let other = |key: &&ResourceKey| key.kind.as_str() == kind && !now.contains(key.id());
                keys.iter().find(other).unwrap_or_else(|| panic!("no other {kind}")).id().into()
            }
            None => text.into(),
        },
        Value::Array(items) => {
            items.into_iter().map(|item| with_others(item, now, keys)).collect::<Vec<_>>().into()
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| (name, with_others(member.clone(), now, keys)));
            lastgood::json::Object::from_pairs(members).into()
        }
        other => other,
    }
}

fn other_switch<'s>(spec: &'s KindSpec, body: &Value) -> Option<&'s Action> {
    let fits = |action: &&Action| {
        let from = action.from.iter().all(|condition| condition.holds(body));
        from && action.sets().is_some_and(|(at, value)| at.get(body) != Some(value))
    };
    spec.action.iter().find(fits)
}

fn flip(org: &Org, spec: &KindSpec, action: &Action, key: &ResourceKey) -> Result<(), String> {
    let path = filled(action.call.path.as_str().split('?').next().unwrap(), &ids(spec, key));
    send(org, action.call.method.as_str(), &path, action.body.as_ref()).map(drop)
}

/// Deletes it; `false` where no call does.
pub(super) fn delete(org: &Org, spec: &KindSpec, case: &KindCase, key: &ResourceKey) -> Result<bool, String> {
    let Some(before) = raw(org, spec, key) else { return Ok(true) };
    let fits = |write: &&lastgood::catalog::Write| {
        write.only.iter().all(|condition| condition.of.is_some() || condition.holds(&before))
    };
    let Some(write) = spec.delete.iter().find(fits) else { return Ok(false) };
    if !write.state.iter().all(|condition| condition.holds(&before)) {
        let way = spec.way(&before, &|body| write.state.iter().all(|condition| condition.holds(body)));
        for action in way.ok_or_else(|| format!("{key}: no way to a state in which it can be deleted"))? {
            flip(org, spec, action, key)?;
        }
    }
    let path = path_of(write, spec, case, key, &before);
    send(org, write.call.method.as_str(), &path, sent(write, &before).as_ref())?;
    match raw(org, spec, key) {
        None => Ok(true),
        // What there is always one of is as it was in the beginning.
        Some(after) if spec.shape == Shape::Singleton => Ok(after != before),
        Some(_) => Err(format!("{key} is still there after {path}")),
    }
}
