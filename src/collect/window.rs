//! A snapshot is a window, not an instant: what the vendor's log says was changed after its list had
//! been read is read again before the window closes.
//!
//! Only what an event names exactly is asked for. Where it names all children of a parent, an
//! exception in the ledger says that they moved while they were read. What is gone by now stays as it
//! was read: the next sweep finds it missing and judges it ([`absence`](crate::collect::absence)).

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::base::coverage::{Exception, Ledger, State};
use crate::base::heard::SKEW;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::Provider;
use crate::collect::explain::Log;
use crate::collect::ledger::join_reasons;
use crate::collect::run::{Gathering, Run};
use crate::collect::{CollectError, explain};
use crate::provider::Event;
use crate::store::{Put, Snapshot};

/// Resources that are read again at most; a tenant in which more changes is read by the next sweep.
const AGAIN_MAX: usize = 200;
/// Readings of the log at the end of a run: changes that come during the last are the next run's.
pub(crate) const WINDOW_ROUNDS_MAX: usize = 3;

/// What moved while it was read.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Moved {
    /// Resources that an event names.
    pub(crate) resources: BTreeSet<ResourceKey>,
    /// Kinds and parents of which an event names all children.
    pub(crate) below: BTreeSet<(Kind, Vec<String>)>,
}

impl Moved {
    /// What these events say, of kinds that were read and only from when that began.
    pub(crate) fn of(events: &[Event], catalog: &Provider, ledger: &Ledger) -> Self {
        let mut moved = Self::default();
        for event in events {
            for path in &event.means {
                // All of a kind (`KIND/*`) names nothing that could be asked for.
                let (named, below) =
                    path.strip_suffix("/*").map_or((path.as_str(), false), |above| (above, true));
                let Some(key) = ResourceKey::from_path(named) else { continue };
                if !read_before(catalog, ledger, &key.kind, event.time) {
                    continue;
                }
                if below {
                    moved.below.insert((key.kind, key.ids));
                } else {
                    moved.resources.insert(key);
                }
            }
        }
        moved
    }
}

/// Whether the kind's reading had begun when the event happened, so that it may have missed it.
fn read_before(catalog: &Provider, ledger: &Ledger, kind: &Kind, at: Timestamp) -> bool {
    let own = catalog.kind(kind).is_some_and(|spec| spec.is_asked_for());
    let row = ledger.rows.get(kind).filter(|row| matches!(row.state, State::Complete | State::Partial));
    own && row.and_then(|row| row.read).is_some_and(|(begun, _)| at >= begun - SKEW)
}

impl Run<'_> {
    /// Reads the vendor's log, and again what it says was changed meanwhile, until it is silent.
    pub(crate) async fn close_window(
        &self,
        gathering: &mut Gathering,
        previous: Option<&Snapshot>,
        started: Timestamp,
    ) -> Result<Log, CollectError> {
        let begun = explain::since(previous, started);
        let mut log = Log { begun, whole_to: None, events: Vec::new(), place: None };
        for _ in 0..WINDOW_ROUNDS_MAX {
            let since = log.whole_to.unwrap_or(begun);
            let until = self.clock.now();
            let new = match explain::events(self, &gathering.known, since, until).await {
                Ok(None) => break,
                Ok(Some(new)) => new,
                Err(why) => {
                    // A change without an actor is still a change; that nobody can say who is stated.
                    gathering.unknown.insert(format!("audit: {why}"));
                    log.whole_to = None;
                    break;
                }
            };
            let asked = self.read_again(gathering, &new).await?;
            log.events.extend(new);
            log.whole_to = Some(until);
            if !asked {
                break;
            }
        }
        Ok(log)
    }

    /// Reads again what moved. Returns whether anything was asked for.
    ///
    /// # Errors
    /// The repository could not be written. A tenant that does not answer is a state of the kind.
    pub(crate) async fn read_again(
        &self,
        gathering: &mut Gathering,
        events: &[Event],
    ) -> Result<bool, CollectError> {
        let moved = Moved::of(events, self.catalog, &gathering.ledger);
        for (kind, parent) in moved.below {
            let spec = self.catalog.kind(&kind);
            for of in spec.into_iter().flat_map(|spec| &spec.parent) {
                let at = ResourceKey::new(of, parent.clone()).to_path();
                let reason = "changed while it was read".to_owned();
                if let Some(row) = gathering.ledger.rows.get_mut(&kind)
                    && row.exceptions.iter().all(|known| known.at != at)
                {
                    row.exceptions.push(Exception { at, state: State::Partial, reason });
                }
            }
        }
        let asked = !moved.resources.is_empty();
        let late = moved.resources.len().saturating_sub(AGAIN_MAX);
        for key in moved.resources.into_iter().take(AGAIN_MAX) {
            self.read_one_again(&key, gathering).await?;
        }
        if late > 0 {
            gathering
                .unknown
                .insert(format!("{late} resources changed while they were read and were not read again"));
        }
        Ok(asked)
    }

    async fn read_one_again(&self, key: &ResourceKey, gathering: &mut Gathering) -> Result<(), CollectError> {
        let Some(spec) = self.catalog.kind(&key.kind) else { return Ok(()) };
        let fault = match self.live.read_one(spec, key, &gathering.known).await {
            Ok(None) => return Ok(()),
            Ok(Some(item)) => {
                let said = gathering.session.withdraw(key);
                let put = self.take(spec, &item, gathering)?;
                if put == Put::New
                    && !said
                    && let Some(row) = gathering.ledger.rows.get_mut(&key.kind)
                {
                    row.count += 1;
                }
                return Ok(());
            }
            Err(error) => error,
        };
        if let Some(row) = gathering.ledger.rows.get_mut(&key.kind) {
            let reason =
                format!("`{key}` changed while it was read and could not be asked for again: {fault}");
            row.state = State::Partial;
            row.reason = join_reasons(&row.reason, &reason);
            row.exceptions.push(Exception { at: key.to_path(), state: State::Failed, reason });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::coverage::Row;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(second: i64, means: &str) -> Event {
        Event { time: at(second), operation: "UPDATE".into(), means: vec![means.into()], ..Event::bare("e") }
    }

    fn moved(event: Event, state: State) -> Moved {
        let catalog = crate::catalog::provider("keycloak").unwrap();
        let row = Row {
            state,
            reason: String::new(),
            count: 1,
            read: Some((at(1000), at(1010))),
            exceptions: vec![],
        };
        let kinds = ["client", "client_role", "client_secret"];
        let rows = kinds.map(|kind| (Kind::new(kind), row.clone()));
        Moved::of(&[event], catalog, &Ledger { rows: rows.into(), unknown: vec![] })
    }

    #[test]
    fn only_what_may_have_been_missed_is_read_again() {
        let of = |second, means: &str| moved(event(second, means), State::Complete);
        let key = ResourceKey::from_path("client/c1").unwrap();
        assert_eq!(of(1005, "client/c1").resources, [key.clone()].into());
        assert_eq!(of(980, "client/c1").resources, [key].into(), "the vendor's clock may be behind");
        assert_eq!(of(900, "client/c1"), Moved::default(), "the list was read after it");
        assert_eq!(of(1005, "client_secret/c1"), Moved::default(), "its carrier is asked");
        assert_eq!(of(1005, "user/u1"), Moved::default(), "nothing was read of that kind");
        assert_eq!(of(1005, "client_role/*"), Moved::default(), "nobody can say which");
        let below = of(1005, "client_role/c1/*").below;
        assert_eq!(below, [(Kind::new("client_role"), vec!["c1".to_owned()])].into());
        assert_eq!(moved(event(1005, "client/c1"), State::Failed), Moved::default());
    }
}
