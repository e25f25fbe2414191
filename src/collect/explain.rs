//! Who changed it: audit events joined to the changes that they explain.
//!
//! Events name the actor and narrow the time; they are never the only source of a change, as
//! vendors emit none for some kinds, deliver late and let admins delete them. A change without an
//! event stays unexplained and says so.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::base::key::ResourceKey;
use crate::catalog::{Context, Provider};
use crate::collect::CollectError;
use crate::collect::run::Run;
use crate::json::{Object, Value};
use crate::provider::{Event, Known};
use crate::store::{Snapshot, WriteSession};

/// Events are asked for from this much before the last snapshot's start: they can come late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// Joins the events since the last snapshot to the changed resources and records them.
///
/// # Errors
/// The audit log could not be read; the changes are then unexplained, and the caller notes why.
pub(crate) async fn join(
    run: &Run<'_>,
    session: &mut WriteSession,
    known: &Known,
    changed: &[ResourceKey],
    previous: Option<&Snapshot>,
    until: Timestamp,
) -> Result<(), CollectError> {
    let (Some(audit), Some(previous)) = (&run.catalog.audit, previous) else { return Ok(()) };
    if changed.is_empty() || !audit_is_on(run.catalog, known, &audit.only) {
        return Ok(());
    }
    let since = previous.started.checked_sub(OVERLAP).unwrap_or(previous.started);
    let events = run.live.events(since, until).await?;
    for (key, event) in best(&events, changed, previous.started) {
        session.explain(key, &event.to_canonical())?;
    }
    Ok(())
}

fn audit_is_on(catalog: &Provider, known: &Known, conditions: &[crate::catalog::Condition]) -> bool {
    let settings = BTreeMap::new();
    let mut context = Context::new(catalog, &settings);
    for kind in conditions.iter().filter_map(|condition| condition.of.as_ref()) {
        if let Some((_, body)) = known.of_kind(kind).next() {
            context = context.with(kind, body);
        }
    }
    context.satisfies(conditions)
}

/// The event that explains each change: the newest that names it exactly, else the newest that
/// names what it hangs on.
fn best<'a>(
    events: &[Event],
    changed: &'a [ResourceKey],
    since: Timestamp,
) -> impl Iterator<Item = (&'a ResourceKey, Value)> {
    let mut newest: Vec<&Event> = events.iter().filter(|event| event.time >= since - OVERLAP).collect();
    newest.sort_by_key(|event| std::cmp::Reverse(event.time));
    let explained: Vec<_> = changed
        .iter()
        .filter_map(|key| {
            let path = key.to_path();
            let exact = newest.iter().find(|event| event.means.contains(&path));
            let near = || newest.iter().find(|event| event.means.iter().any(|means| covers(means, &path)));
            let (event, confidence) =
                exact.map(|event| (event, "exact")).or_else(|| near().map(|event| (event, "likely")))?;
            Some((key, record(event, confidence)))
        })
        .collect();
    explained.into_iter()
}

/// `KIND/a/*` covers what lies below; an address covers the resources that have it as a parent.
fn covers(means: &str, path: &str) -> bool {
    match means.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path.split_once('/').zip(means.split_once('/')).is_some_and(|((_, ids), (_, parent))| {
            ids.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
        }),
    }
}

/// What is stored with the change: who, when, through what, and how sure that is.
fn record(event: &Event, confidence: &str) -> Value {
    let text = |value: &str| Value::String(value.to_owned());
    let mut object = Object::default();
    object.insert("event", text(&event.id));
    object.insert("at", text(&event.time.to_string()));
    object.insert("operation", text(&event.operation));
    object.insert("confidence", text(confidence));
    let optional = [
        ("id", &event.actor_id),
        ("name", &event.actor_name),
        ("client", &event.client),
        ("address", &event.address),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            object.insert(name, text(value));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_covers() {
        assert!(covers("group_member/g1/*", "group_member/g1/u1"));
        assert!(covers("client/c1", "client_role/c1/r1"));
        assert!(!covers("client/c1", "client_role/c10/r1"));
        assert!(!covers("client/c1", "client/c1"));
    }
}
