//! Events that a run hears too late: what they explain was found by an earlier snapshot; or they are
//! about something of which no reading holds a body. Both are told beside the snapshots
//! (`store::LateEvent`), so that `log` says who.
//!
//! An event explains only a change that nothing explained, between the reading that found it and the
//! one before; one that names all of a kind explains nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::base::coverage::State;
use crate::base::heard::SKEW;
use crate::base::key::{Kind, ResourceKey};
use crate::collect::CollectError;
use crate::collect::explain::{Log, People, record};
use crate::collect::mark::read_began;
use crate::collect::run::{Gathering, Run};
use crate::provider::Event;
use crate::store::{LateEvent, Snapshot};

/// Events that are told late in one run at the most: a flood of them says nothing of anyone.
const TOLD_MAX: usize = 5_000;

/// Tells what the log said of earlier snapshots.
///
/// # Errors
/// The repository could not be read or written.
pub(crate) fn tell(
    run: &Run<'_>,
    gathering: &mut Gathering,
    previous: &Snapshot,
    log: &Log,
) -> Result<(), CollectError> {
    let mut people = People::new(run.catalog);
    let mut told = unseen(run, gathering, previous, log, &mut people)?;
    told.extend(explained(gathering, previous, log, &mut people)?);
    told.truncate(TOLD_MAX);
    if !told.is_empty() {
        // Where a log is read again for some minutes before the last snapshot, an event comes again.
        let known = gathering.session.told()?;
        told.retain(|event| !known.contains(event));
    }
    gathering.session.tell(&told)?;
    Ok(())
}

/// Events about kinds that no request is made for: that something was done, and by whom, is all there is.
fn unseen(
    run: &Run<'_>,
    gathering: &Gathering,
    previous: &Snapshot,
    log: &Log,
    people: &mut People<'_>,
) -> Result<Vec<LateEvent>, CollectError> {
    let unread = |kind: &&Kind| run.catalog.kind(kind).is_some_and(|spec| spec.unread.is_some());
    let mut told = Vec::new();
    for event in &log.events {
        let Some(kind) = event.kinds.first().filter(unread).filter(|_| !event.resource.is_empty()) else {
            continue;
        };
        let path = ResourceKey::new(kind, vec![event.resource.clone()]).to_path();
        let event = people.introduce(&gathering.session, event)?;
        let event = record(&event, "exact", &[]).to_canonical();
        told.push(LateEvent { seq: previous.seq, path, event, explains: false });
    }
    Ok(told)
}

/// Events that explain what an earlier snapshot found.
fn explained(
    gathering: &Gathering,
    previous: &Snapshot,
    log: &Log,
    people: &mut People<'_>,
) -> Result<Vec<LateEvent>, CollectError> {
    let session = &gathering.session;
    let late: Vec<&Event> =
        log.events.iter().filter(|event| event.time <= previous.finished + SKEW).collect();
    let Some(oldest) = late.iter().map(|event| event.time).min() else { return Ok(Vec::new()) };
    let earlier = session.earlier(oldest - SKEW)?;
    let mut told = Vec::new();
    for pair in earlier.windows(2) {
        let [snapshot, before] = pair else { continue };
        let (from, to) = (read_began(before) - SKEW, snapshot.finished + SKEW);
        let inside: Vec<&Event> =
            late.iter().filter(|event| event.time > from && event.time <= to).copied().collect();
        if inside.is_empty() {
            continue;
        }
        let named: BTreeSet<&str> = inside.iter().flat_map(|event| names(event)).collect();
        for change in session.changes_of(snapshot.seq)? {
            let key = &change.key;
            // What changed again since then has its event now.
            let again = session.is_changed(key) || gathering.gone.holds(key);
            let may = key.ids.iter().any(|id| named.contains(id.as_str())) && !again;
            let Some((event, sure)) = (if may { best(&inside, key, from) } else { None }) else { continue };
            if snapshot.ledger.rows.get(&key.kind).is_some_and(|row| row.state == State::Failed)
                || session.is_explained(snapshot.seq, key)?
            {
                continue;
            }
            let event = people.introduce(session, event)?;
            let event = record(&event, sure, &[]).to_canonical();
            told.push(LateEvent { seq: snapshot.seq, path: key.to_path(), event, explains: true });
        }
    }
    Ok(told)
}

/// The ids that an event holds, itself or in the addresses that it means.
fn names(event: &Event) -> impl Iterator<Item = &str> {
    event.means.iter().flat_map(|means| means.split('/').skip(1)).chain(event.ids.iter().map(String::as_str))
}

/// The event that explains a change best: the newest that names the resource, else the newest that
/// names what it hangs on.
fn best<'e>(events: &[&'e Event], key: &ResourceKey, since: Timestamp) -> Option<(&'e Event, &'static str)> {
    let newest = |sure: &'static str| {
        let found = events.iter().filter(|event| event.time > since && fit(event, key) == Some(sure));
        found.max_by_key(|event| event.time).map(|event| (*event, sure))
    };
    newest("exact").or_else(|| newest("likely"))
}

/// How surely an event is about a resource.
fn fit(event: &Event, key: &ResourceKey) -> Option<&'static str> {
    let path = key.to_path();
    let has = |id: &String| event.ids.contains(id);
    let touched = event.kinds.contains(&key.kind);
    if event.means.contains(&path) || touched && key.ids.iter().all(has) {
        return Some("exact");
    }
    let below = |means: &String| {
        let above = means.strip_suffix('*').filter(|above| above.matches('/').count() > 1);
        above.is_some_and(|above| path.starts_with(above))
    };
    (event.means.iter().any(below) || touched && key.ids.iter().any(has)).then_some("likely")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, second: i64, kinds: &[&str], ids: &[&str], means: &[&str]) -> Event {
        Event {
            time: Timestamp::from_second(second).unwrap(),
            kinds: kinds.iter().map(|kind| Kind::new(kind)).collect(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            means: means.iter().map(|means| (*means).to_owned()).collect(),
            ..Event::bare(id)
        }
    }

    fn found(events: &[Event], path: &str, since: i64) -> Option<(String, &'static str)> {
        let events: Vec<&Event> = events.iter().collect();
        let key = ResourceKey::from_path(path).unwrap();
        best(&events, &key, Timestamp::from_second(since).unwrap())
            .map(|(event, sure)| (event.id.clone(), sure))
    }

    #[test]
    fn what_names_a_resource_goes_before_what_names_its_parent() {
        let events = [
            event("own", 10, &["user"], &["u1", "g1"], &[]),
            event("edge", 20, &["group_membership"], &["u1", "g1"], &[]),
            event("parent", 30, &["group", "group_membership"], &["g1"], &[]),
        ];
        assert_eq!(found(&events, "user/u1", 0), Some(("own".into(), "exact")));
        assert_eq!(found(&events, "group_membership/g1/u1", 0), Some(("edge".into(), "exact")));
        assert_eq!(found(&events, "group_membership/g1/u1", 25), Some(("parent".into(), "likely")));
        assert_eq!(found(&events, "user/u2", 0), None);
        assert_eq!(found(&events, "app/u1", 0), None, "an id alone is not enough");
        assert_eq!(found(&events, "user/u1", 10), None, "that was seen before");
    }

    #[test]
    fn an_event_of_a_whole_kind_explains_nothing() {
        let events = [event("all", 10, &[], &[], &["user/*", "client_role/c1/*"])];
        assert_eq!(found(&events, "user/u1", 0), None);
        assert_eq!(found(&events, "client_role/c1/r", 0), Some(("all".into(), "likely")));
    }
}
