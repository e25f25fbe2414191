//! What was heard after the snapshot that it belongs to: who made a change that nothing explained then,
//! and what was done to things of which no body is held.

use std::collections::BTreeSet;

use crate::base::key::ResourceKey;
use crate::history::body::parse;
use crate::history::change::{Actor, Change, Op, actor_of};
use crate::history::log::Filter;
use crate::history::moment::changed_at;
use crate::history::{History, HistoryError};
use crate::json::{Object, Value};
use crate::store::{LateEvent, Past, Snapshot};

/// The word for an event that names a thing and not the change.
const LIKELY: &str = "likely";

/// An event that was told late, read.
struct Told {
    key: ResourceKey,
    actor: Actor,
    operation: String,
    target: Option<String>,
}

fn read(event: &LateEvent) -> Result<Option<Told>, HistoryError> {
    let Some(key) = ResourceKey::from_path(&event.path) else { return Ok(None) };
    let value = parse(&key, &event.event)?;
    let Some(record) = value.as_object() else { return Ok(None) };
    let text = |record: &Object, name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Some(Told {
        actor: actor_of(record),
        operation: text(record, "operation").unwrap_or_default(),
        target: text(record, "target"),
        key,
    }))
}

impl History<'_> {
    /// Who made a change, by an event that came after the snapshot that found it.
    ///
    /// # Errors
    /// A record could not be read.
    pub(crate) fn late_actor(
        &self,
        past: &Past,
        snapshot: &Snapshot,
        key: &ResourceKey,
    ) -> Result<Option<Actor>, HistoryError> {
        let path = key.to_path();
        let events = past.late_events()?;
        let own =
            events.iter().filter(|event| event.explains && event.seq == snapshot.seq && event.path == path);
        let mut found: Vec<Actor> = Vec::new();
        for event in own {
            found.extend(read(event)?.map(|told| told.actor));
        }
        // The surest, and of those the newest.
        let sure = |actor: &Actor| (actor.confidence.as_deref() != Some(LIKELY), actor.at);
        match found.into_iter().max_by_key(sure) {
            None if self.catalog.kind(&key.kind).is_some_and(|spec| spec.unread.is_some()) => {
                self.unseen_actor(snapshot, key, &events)
            }
            actor => Ok(actor),
        }
    }

    /// Who did last what a file shows: the event names the resource by its id or by its name, and the change not
    /// at all.
    fn unseen_actor(
        &self,
        snapshot: &Snapshot,
        key: &ResourceKey,
        events: &[LateEvent],
    ) -> Result<Option<Actor>, HistoryError> {
        let of = changed_at(snapshot, &key.kind);
        let entry = self.repository.entry(self.tenant, snapshot.seq, key)?;
        let body = entry.map(|entry| self.main(key, &entry)).transpose()?;
        let name = body.zip(self.catalog.kind(&key.kind)).and_then(|(body, spec)| spec.shown_name(&body));
        let mut found: Option<Actor> = None;
        for event in events.iter().filter(|event| !event.explains) {
            let Some(told) = read(event)?.filter(|told| told.key.kind == key.kind) else { continue };
            let is_it = told.key == *key || (name.is_some() && told.target == name);
            let newer = found.as_ref().is_none_or(|known| known.at < told.actor.at);
            if is_it && newer && told.actor.at.is_some_and(|at| at <= of) {
                found = Some(Actor { confidence: Some(LIKELY.into()), ..told.actor });
            }
        }
        Ok(found)
    }

    /// What the vendor's log told of things of which no body is held, newest first. `keep` is asked with the
    /// key that the event makes and with the name that it gives.
    ///
    /// # Errors
    /// A record could not be read.
    pub fn heard_of(
        &self,
        filter: &Filter,
        keep: &dyn Fn(&ResourceKey, Option<&str>) -> bool,
    ) -> Result<Vec<Change>, HistoryError> {
        let mut out = Vec::new();
        let mut seen = BTreeSet::new();
        for event in self.repository.past(self.tenant)?.late_events()?.iter().filter(|event| !event.explains)
        {
            let Some(told) = read(event)?.filter(|told| keep(&told.key, told.target.as_deref())) else {
                continue;
            };
            // A run that was cut off tells again.
            let (Some(at), true) = (told.actor.at, seen.insert(told.actor.event.clone())) else { continue };
            out.push(Change {
                id: String::new(),
                op: Op::Change,
                key: told.key,
                name: told.target,
                at,
                actor: Some(told.actor),
                told: Some(told.operation),
                fields: Vec::new(),
            });
        }
        out.retain(|change| filter.admits(change.at, change.actor.as_ref()));
        out.sort_by_key(|change| std::cmp::Reverse(change.at));
        Ok(out)
    }
}
