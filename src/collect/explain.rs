//! Who changed it: audit events joined to the changes that they explain.
//!
//! Events name the actor and narrow the time; they are never the only source of a change, as
//! vendors emit none for some kinds, deliver late and let admins delete them. A change without an
//! event stays unexplained and says so.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::base::coverage::State;
use crate::base::heard::{Heard, SKEW};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{Context, Provider};
use crate::collect::mark::{Mark, read_began};
use crate::collect::run::Run;
use crate::collect::{CollectError, main_of};
use crate::json::{Object, Value};
use crate::provider::{Event, Known, ProviderError};
use crate::store::{Snapshot, WriteSession};

/// Events are asked for from this much before the last snapshot's start: they can come late.
pub(crate) const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// In a log that is read on from its last place, an event of this long before the last snapshot may still
/// explain a change: it became readable after it.
pub(crate) const LATE: SignedDuration = SignedDuration::from_hours(1);

/// Most actors that are named beside the one whose event explains a change.
const OTHERS_MAX: usize = 8;

/// From when on events are of interest to a run.
pub(crate) fn since(previous: Option<&Snapshot>, started: Timestamp) -> Timestamp {
    previous.map_or(started - SKEW, |previous| read_began(previous) - OVERLAP)
}

/// What the vendor's log said in a run.
pub(crate) struct Log {
    /// From when on it was asked for.
    pub(crate) begun: Timestamp,
    /// Until when it was read whole, if it was.
    pub(crate) whole_to: Option<Timestamp>,
    pub(crate) events: Vec<Event>,
    /// Where to read on from, in a log that can be followed.
    pub(crate) place: Option<String>,
}

impl Log {
    /// A log that is read on from where the last run left it.
    pub(crate) fn following(mark: Option<&Mark>, previous: Option<&Snapshot>, started: Timestamp) -> Self {
        Self {
            begun: mark.map_or_else(|| since(previous, started), |mark| mark.read_to),
            whole_to: None,
            events: Vec::new(),
            place: mark.map(|mark| mark.place.clone()),
        }
    }

    /// Events of which the catalogue cannot say what they are about, for the ledger.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = String> {
        let nameless = self.events.iter().filter(|event| !event.known);
        nameless.map(|event| {
            let sort = event.resource_type.as_deref().unwrap_or("no type");
            format!("audit event `{}` of `{sort}`", event.operation)
        })
    }

    /// What later questions may rest on: nothing where the log was not read whole, says something that
    /// nobody understands, or was itself switched on or off meanwhile.
    pub(crate) fn heard(&self, catalog: &Provider) -> Option<Heard> {
        let until = self.whole_to.filter(|_| self.unknown().next().is_none())?;
        let mut named: BTreeMap<String, Timestamp> = BTreeMap::new();
        for event in &self.events {
            for means in &event.means {
                let last = named.entry(means.clone()).or_insert(event.time);
                *last = event.time.max(*last);
            }
        }
        let heard = Heard { since: self.begun, until, named };
        let switches = catalog.audit.iter().flat_map(|audit| &audit.only).filter_map(|only| only.of.as_ref());
        let switched = |kind: &Kind| heard.named.keys().any(|path| path.starts_with(&format!("{kind}/")));
        (!switches.into_iter().any(switched)).then_some(heard)
    }
}

/// The vendor's log of a span; `None` where it has none or it is switched off.
///
/// # Errors
/// The log could not be read.
pub(crate) async fn events(
    run: &Run<'_>,
    known: &Known,
    since: Timestamp,
    until: Timestamp,
) -> Result<Option<Vec<Event>>, ProviderError> {
    match &run.catalog.audit {
        Some(audit) if audit_is_on(run.catalog, known, &audit.only) => {
            run.live.events(since, until).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Joins events to what the session changes, and records them.
///
/// # Errors
/// The repository could not be written.
pub(crate) fn join(
    run: &Run<'_>,
    session: &mut WriteSession,
    previous: &Snapshot,
    events: &[Event],
) -> Result<(), CollectError> {
    let follows = run.catalog.can_be_followed();
    let late = if follows { LATE } else { OVERLAP };
    let named = Named::new(events);
    let mut people = People::new(run.catalog);
    let explained = session.changed().filter_map(|key| {
        let (path, since) = (key.to_path(), unseen_since(previous, &key.kind, late));
        let (event, sure) = named.explains(&path, since)?;
        // What lies before the last reading was seen by it: only what is after had a hand in this change.
        Some((key, event, sure, named.others(&path, since + SKEW, event)))
    });
    for (key, event, sure, others) in explained.collect::<Vec<_>>() {
        let others = others.into_iter().map(|other| people.introduce(session, other));
        let others = others.collect::<Result<Vec<_>, _>>()?;
        let event = people.introduce(session, event)?;
        session.explain(&key, &record(&event, sure, &others).to_canonical())?;
    }
    Ok(())
}

/// Who the ids in events are, as the last snapshot knew them: a vendor's log may name nobody.
pub(crate) struct People<'a> {
    catalog: &'a Provider,
    names: BTreeMap<ResourceKey, Option<String>>,
}

impl<'a> People<'a> {
    pub(crate) fn new(catalog: &'a Provider) -> Self {
        Self { catalog, names: BTreeMap::new() }
    }

    /// The event with the names of its actor and its client, where the tenant has them. Whoever
    /// came from elsewhere, such as another realm, keeps his id.
    pub(crate) fn introduce(&mut self, session: &WriteSession, event: &Event) -> Result<Event, CollectError> {
        let mut event = event.clone();
        let Some(audit) = &self.catalog.audit else { return Ok(event) };
        if event.actor_name.is_none() {
            event.actor_name = self.name(session, audit.actor_kind.as_ref(), event.actor_id.as_deref())?;
        }
        let client = self.name(session, audit.client_kind.as_ref(), event.client.as_deref())?;
        event.client = client.or(event.client);
        Ok(event)
    }

    fn name(
        &mut self,
        session: &WriteSession,
        kind: Option<&Kind>,
        id: Option<&str>,
    ) -> Result<Option<String>, CollectError> {
        let Some((kind, id)) = kind.zip(id) else { return Ok(None) };
        let key = ResourceKey::new(kind, vec![id.to_owned()]);
        if let Some(known) = self.names.get(&key) {
            return Ok(known.clone());
        }
        let body = main_of(session, &key)?;
        let name = body.zip(self.catalog.kind(kind)).and_then(|(body, spec)| spec.name_of(&body));
        self.names.insert(key, name.clone());
        Ok(name)
    }
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

/// Events by what they name, each list newest first, so that a change is looked up and not searched.
#[derive(Default)]
struct Named<'a> {
    exact: HashMap<&'a str, Vec<&'a Event>>,
    /// By the text up to and with the last `/` of `KIND/a/*`.
    below: HashMap<&'a str, Vec<&'a Event>>,
    /// By the ids of an address, which may be a parent's of any kind.
    parents: HashMap<&'a str, Vec<&'a Event>>,
}

impl<'a> Named<'a> {
    fn new(events: &'a [Event]) -> Self {
        let mut newest: Vec<&Event> = events.iter().collect();
        newest.sort_by_key(|event| std::cmp::Reverse(event.time));
        let mut named = Self::default();
        for event in newest {
            for means in &event.means {
                if let Some(prefix) = means.strip_suffix('*') {
                    named.below.entry(prefix).or_default().push(event);
                } else {
                    named.exact.entry(means).or_default().push(event);
                    if let Some((_, ids)) = means.split_once('/') {
                        named.parents.entry(ids).or_default().push(event);
                    }
                }
            }
        }
        named
    }

    /// The event that explains a change found after `since`, and how sure that is: the newest that
    /// names the resource, else the newest that names what it hangs on. An event from before
    /// `since` belongs to what was already seen then.
    fn explains(&self, path: &str, since: Timestamp) -> Option<(&'a Event, &'static str)> {
        let newest = |events: Option<&Vec<&'a Event>>| {
            events.and_then(|events| events.first().copied()).filter(|event| event.time >= since)
        };
        if let Some(event) = newest(self.exact.get(path)) {
            return Some((event, "exact"));
        }
        let below = path.match_indices('/').filter_map(|(at, _)| newest(self.below.get(path.get(..=at)?)));
        let (_, ids) = path.split_once('/')?;
        let parents = ids.match_indices('/').filter_map(|(at, _)| newest(self.parents.get(ids.get(..at)?)));
        below.chain(parents).max_by_key(|event| event.time).map(|event| (event, "likely"))
    }

    /// Who else had a hand in a change between the two readings, the newest event of each: what was read is
    /// what all of them left together.
    fn others(&self, path: &str, since: Timestamp, event: &Event) -> Vec<&'a Event> {
        let mut others: Vec<&Event> = Vec::new();
        for other in self.exact.get(path).into_iter().flatten().filter(|other| other.time >= since) {
            let known = others.iter().any(|known| known.actor_id == other.actor_id);
            if other.actor_id != event.actor_id && !known && others.len() < OTHERS_MAX {
                others.push(other);
            }
        }
        others
    }
}

/// From when on an event can explain a change of this kind: since its last whole reading began.
fn unseen_since(previous: &Snapshot, kind: &Kind, late: SignedDuration) -> Timestamp {
    let row = previous.ledger.rows.get(kind);
    let read = row.filter(|row| row.state == State::Complete).and_then(|row| row.read);
    // Read only in part, a change of before may be found now.
    let since = read.map_or(read_began(previous) - late, |(begun, _)| begun - SKEW);
    since.max(read_began(previous) - late)
}

/// What is stored with the change: who, when, through what, how sure that is, and who else.
pub(crate) fn record(event: &Event, confidence: &str, others: &[Event]) -> Value {
    let mut object = deed(event);
    object.insert("confidence", confidence);
    if !others.is_empty() {
        object.insert("others", others.iter().map(|other| Value::from(deed(other))).collect::<Value>());
    }
    Value::Object(object)
}

fn deed(event: &Event) -> Object {
    let mut object = Object::default();
    object.insert("event", event.id.as_str());
    object.insert("at", event.time.to_string());
    object.insert("operation", event.operation.as_str());
    let optional = [
        ("id", &event.actor_id),
        ("name", &event.actor_name),
        ("client", &event.client),
        ("address", &event.address),
        ("token", &event.token),
        ("target", &event.resource_name),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            object.insert(name, value.as_str());
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, second: i64, means: &str) -> Event {
        Event {
            time: Timestamp::from_second(second).unwrap(),
            operation: "UPDATE".into(),
            means: vec![means.into()],
            ..Event::bare(id)
        }
    }

    fn found(events: &[Event], path: &str, since: i64) -> Option<(String, &'static str)> {
        let since = Timestamp::from_second(since).unwrap();
        Named::new(events).explains(path, since).map(|(event, sure)| (event.id.clone(), sure))
    }

    #[test]
    fn what_an_event_explains() {
        let events = [event("below", 30, "group_member/g1/*"), event("parent", 20, "client/c1")];
        assert_eq!(found(&events, "group_member/g1/u1", 0), Some(("below".into(), "likely")));
        assert_eq!(found(&events, "client_role/c1/r1", 0), Some(("parent".into(), "likely")));
        assert_eq!(found(&events, "client_role/c10/r1", 0), None);
        assert_eq!(found(&events, "client/c1", 0), Some(("parent".into(), "exact")));
    }

    #[test]
    fn whoever_else_had_a_hand_in_it_is_named_once() {
        let by = |id: &str, second, actor: &str| Event {
            actor_id: Some(actor.into()),
            ..event(id, second, "client/c1")
        };
        let events = [by("1", 10, "ann"), by("2", 20, "bob"), by("3", 30, "bob"), by("4", 40, "cid")];
        let named = Named::new(&events);
        let of = |since| {
            let (event, _) = named.explains("client/c1", since).unwrap();
            named.others("client/c1", since, event).iter().map(|event| event.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(Timestamp::UNIX_EPOCH), ["3", "1"]);
        assert_eq!(of(Timestamp::from_second(15).unwrap()), ["3"], "before that it was read");
    }

    #[test]
    fn the_newest_explains_and_never_one_that_was_seen_before() {
        let events = [event("old", 10, "client/c1"), event("new", 20, "client/c1")];
        assert_eq!(found(&events, "client/c1", 0), Some(("new".into(), "exact")));
        assert_eq!(found(&events, "client/c1", 21), None, "nobody is blamed for a later change");
        let events = [event("own", 10, "client_role/c1/r1"), event("parent", 40, "client/c1")];
        assert_eq!(found(&events, "client_role/c1/r1", 30), Some(("parent".into(), "likely")));
    }
}
