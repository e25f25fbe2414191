//! From a wish to a body: what a resource shall look like, and how much of that a call can do.
//!
//! All bodies here are escaped ([`placeholder::escape`](crate::restore::placeholder::escape)).

use crate::catalog::{Body, Context, KindSpec, Write};
use crate::history::change::array_rules;
use crate::json::{FieldChange, JsonError, Pattern, Pointer, Value, diff_with};
use crate::restore::form::{Conflict, Resolution};
use crate::restore::placeholder::{escape, set_deep};
use crate::restore::reach::Item;
use crate::restore::rewind::Decisions;
use crate::restore::scope::Wish;

/// The differences between two bodies of a kind.
pub(crate) fn differences(spec: &KindSpec, from: &Value, to: &Value) -> Vec<FieldChange> {
    diff_with(from, to, &array_rules(Some(spec)))
}

/// Whether two bodies differ in nothing that a call can change.
pub(crate) fn same(spec: &KindSpec, from: &Value, to: &Value) -> bool {
    let unset = spec.beyond_calls();
    differences(spec, &without(from, &unset), &without(to, &unset)).is_empty()
}

/// A body without these fields.
pub(crate) fn without(body: &Value, patterns: &[Pattern]) -> Value {
    let mut out = body.clone();
    for pattern in patterns {
        pattern.remove_all(&mut out);
    }
    out
}

/// The body that a wish asks for, and what of the wish has been overtaken.
pub(crate) fn desired(item: &Item, decisions: &Decisions) -> (Value, Vec<Conflict>) {
    let goal = item.goal.as_ref().map(escape).unwrap_or_default();
    let Some(live) = item.live.as_ref().map(escape) else { return (goal, Vec::new()) };
    let mut conflicts = Vec::new();
    let mut refuse = |at: &Pointer, reason: &str, was: Option<&Value>, now: Option<&Value>| {
        let resolution = decisions.about(&item.live_key, at);
        conflicts.push(Conflict {
            key: item.live_key.clone(),
            pointer: at.clone(),
            reason: reason.to_owned(),
            was: was.cloned(),
            now: now.cloned(),
            resolution,
        });
        resolution == Some(Resolution::Take)
    };
    let mut out = live;
    match &item.wish {
        Wish::Whole => out = goal,
        Wish::Fields(fields) => {
            for at in fields {
                let was = at.get(&goal).cloned();
                if set_or_remove(&mut out, at, was.clone()).is_err() {
                    refuse(at, "the place above this field is not there any more", was.as_ref(), None);
                }
            }
        }
        Wish::Revert(changes) => {
            for change in changes {
                let now = change.pointer.get(&out).cloned();
                if let Err(reason) = revert(&mut out, change)
                    && refuse(&change.pointer, reason, change.from.as_ref(), now.as_ref())
                {
                    // Where it has no place any more, there is nothing to take it back to.
                    let _ = set_or_remove(&mut out, &change.pointer, change.from.as_ref().map(escape));
                }
            }
        }
    }
    (out, conflicts)
}

pub(crate) fn set_or_remove(body: &mut Value, at: &Pointer, value: Option<Value>) -> Result<(), JsonError> {
    match value {
        Some(value) => set_deep(body, at, value),
        None => {
            at.remove(body);
            Ok(())
        }
    }
}

/// Undoes one change where the field still is as the change left it.
fn revert(body: &mut Value, change: &FieldChange) -> Result<(), &'static str> {
    turn(body, &change.pointer, change.to.as_ref().map(escape), change.from.as_ref().map(escape))
}

/// Makes one change where the field still is as the change found it.
pub(crate) fn put(body: &mut Value, change: &FieldChange) -> Result<(), &'static str> {
    turn(body, &change.pointer, change.from.clone(), change.to.clone())
}

/// Brings a field from one value to another.
fn turn(body: &mut Value, at: &Pointer, old: Option<Value>, new: Option<Value>) -> Result<(), &'static str> {
    let parent = at.parent();
    if let Some(Value::Array(items)) = parent.as_ref().and_then(|at| at.get_mut(body)) {
        let place = at.segments().last().and_then(|place| place.parse().ok());
        return turn_element(items, place.unwrap_or(items.len()), old, new);
    }
    let now = at.get(body);
    if now == new.as_ref() {
        return Ok(());
    }
    if now != old.as_ref() {
        return Err("the field was changed again since; it is left as it is");
    }
    set_or_remove(body, at, new).map_err(|_| "the place above this field is not there any more")
}

/// In an array an element is what it is, wherever it stands; a new one stands where it stood.
fn turn_element(
    items: &mut Vec<Value>,
    at: usize,
    old: Option<Value>,
    new: Option<Value>,
) -> Result<(), &'static str> {
    let place = old.as_ref().map(|old| items.iter().position(|item| item == old));
    match (new, place) {
        (Some(new), _) if items.contains(&new) => Ok(()),
        (Some(new), Some(Some(place))) => {
            items.splice(place..=place, [new]);
            Ok(())
        }
        (Some(new), None) => {
            items.insert(at.min(items.len()), new);
            Ok(())
        }
        (None, Some(Some(place))) => {
            items.remove(place);
            Ok(())
        }
        (None, _) => Ok(()),
        (Some(_), Some(None)) => Err("the element was changed again since; it is left as it is"),
    }
}

/// The fields that a call does not set.
pub(crate) fn blocked(spec: &KindSpec, write: &Write, creates: bool) -> Vec<Pattern> {
    let fixed = if creates { &[][..] } else { spec.fixed.as_slice() };
    let switched = spec.switched();
    // What a switch sets is nothing for a body.
    let switched = switched.iter().filter_map(|at| Pattern::parse(&at.to_string()).ok());
    let unsent = spec.assigned.iter().chain(fixed).cloned().chain(switched);
    let unsent = unsent.filter(|pattern| !write.send.contains(pattern));
    unsent.chain(write.omit.iter().cloned()).chain(write.ignores.iter().cloned()).collect()
}

/// What a resource looks like after a call that was asked for `wanted`, coming from `current`.
pub(crate) fn after(spec: &KindSpec, write: &Write, creates: bool, current: &Value, wanted: &Value) -> Value {
    match write.body {
        Body::None => {
            let mut out = current.clone();
            for condition in write.only.iter().filter(|condition| condition.of.is_none()) {
                put_from(&mut out, wanted, &condition.at);
            }
            out
        }
        Body::Field => {
            let mut out = current.clone();
            if let Some(at) = &write.field {
                put_from(&mut out, wanted, at);
            }
            out
        }
        Body::Whole | Body::List | Body::Envelope => {
            let mut out = wanted.clone();
            for pattern in blocked(spec, write, creates) {
                let held = pattern.find(current);
                if pattern.find(&out) == held {
                    continue;
                }
                pattern.remove_all(&mut out);
                for (at, value) in held {
                    // Where the object around it is gone, so is the field.
                    let _ = at.set(&mut out, value.clone());
                }
            }
            for at in &write.emptied {
                if at.get(current).is_some() && at.get(&out).is_none() {
                    put_empty(&mut out, at);
                }
            }
            for merge in write.merges.iter().filter(|merge| merge.remove_with.is_none()) {
                for (at, map) in merge.at.find(current) {
                    let kept = map.as_object().into_iter().flat_map(|map| map.iter());
                    for (name, value) in kept {
                        let at = at.join(name);
                        if at.get(&out).is_none() {
                            let _ = at.set(&mut out, value.clone());
                        }
                    }
                }
            }
            out
        }
    }
}

/// Empties a text; where there is no place for one, it is gone as wanted.
pub(crate) fn put_empty(out: &mut Value, at: &Pointer) {
    let _ = set_or_remove(out, at, Some(Value::from("")));
}

fn put_from(out: &mut Value, wanted: &Value, at: &Pointer) {
    // A place that cannot be made stays as it is, and the comparison afterwards says so.
    let _ = set_or_remove(out, at, at.get(wanted).cloned());
}

/// The calls of a list that apply, for a body in its surroundings.
pub(crate) fn applicable<'s>(writes: &'s [Write], context: &Context<'_>) -> Vec<&'s Write> {
    writes.iter().filter(|write| context.satisfies(&write.only)).collect()
}

/// The calls among these that bring `current` nearer to `wanted`, each with the body after it.
pub(crate) fn needed<'s>(
    spec: &KindSpec,
    writes: &[&'s Write],
    current: &Value,
    wanted: &Value,
) -> Vec<(&'s Write, Value)> {
    let mut current = current.clone();
    let mut calls = Vec::new();
    for write in writes {
        let next = after(spec, write, false, &current, wanted);
        if !same(spec, &current, &next) {
            calls.push((*write, next.clone()));
            current = next;
        }
    }
    calls
}
