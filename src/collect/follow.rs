//! Following the vendor's log through a run: what it says before anything is read, what it says after,
//! and what its events mean once the run knows what there is.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::base::key::{Kind, ResourceKey, encode_part};
use crate::collect::CollectError;
use crate::collect::explain::{LATE, Log};
use crate::collect::naming::{Held, Namer};
use crate::collect::run::{Gathering, Run};
use crate::collect::window::WINDOW_ROUNDS_MAX;
use crate::provider::From;

impl Held for Gathering {
    fn knows(&self, key: &ResourceKey) -> bool {
        self.gone.holds(key) || self.session.is_changed(key) || self.session.parent_state().has(key)
    }

    fn ending_in(&self, kind: &Kind, ids: &BTreeSet<&str>) -> Vec<ResourceKey> {
        let encoded = |id: &&str| {
            let mut out = String::new();
            encode_part(id, &mut out);
            out
        };
        let ends: HashSet<String> = ids.iter().map(encoded).collect();
        let fits = |path: &&str| path.rsplit('/').next().is_some_and(|end| ends.contains(end));
        let before = self.session.parent_state().texts(kind).filter(fits).filter_map(ResourceKey::from_path);
        let here = self.session.changed_below(kind, &[]).chain(self.gone.of(kind));
        let here = here.filter(|key| ids.contains(key.id()));
        let found: BTreeSet<ResourceKey> = before.chain(here).collect();
        found.into_iter().collect()
    }

    fn went(&self, id: &str) -> bool {
        self.passed.contains(id) || self.gone.ids().any(|gone| gone == id)
    }
}

impl Run<'_> {
    /// Reads the log on. Returns whether that could be done.
    pub(crate) async fn hear(&self, log: &mut Log, gathering: &mut Gathering) -> bool {
        let until = self.clock.now();
        let from = log.place.clone().map_or(From::Time(log.begun), From::Place);
        let read = match (self.live.follow(&from).await, &from) {
            // The vendor does not know the place any more.
            (Err(_), From::Place(_)) => self.live.follow(&From::Time(log.begun - LATE)).await,
            (read, _) => read,
        };
        match read {
            Ok((events, place)) => {
                let heard: HashSet<String> = log.events.iter().map(|event| event.id.clone()).collect();
                log.events.extend(events.into_iter().filter(|event| !heard.contains(&event.id)));
                (log.place, log.whole_to) = (Some(place), Some(until));
                true
            }
            Err(why) => {
                // A change without an actor is still a change; that nobody can say who is stated.
                gathering.unknown.insert(format!("audit: {why}"));
                log.whole_to = None;
                false
            }
        }
    }

    /// Reads what the log says was done while the run read, and what hung on what it found gone, until
    /// there is nothing more.
    pub(crate) async fn follow_up(
        &self,
        gathering: &mut Gathering,
        log: &mut Log,
    ) -> Result<(), CollectError> {
        let mut followed = 0;
        for _ in 0..WINDOW_ROUNDS_MAX {
            if log.whole_to.is_none() {
                break;
            }
            let heard = log.events.len();
            if !self.hear(log, gathering).await {
                break;
            }
            let new = log.events.get(heard..).unwrap_or_default();
            let gone = gathering.gone.len();
            if new.is_empty() && gone == followed {
                break;
            }
            followed = gone;
            self.round(gathering, None, new).await?;
        }
        Ok(())
    }

    /// Writes into the events what they mean.
    pub(crate) fn name_events(&self, gathering: &Gathering, log: &mut Log) {
        let mut touching: BTreeMap<&Kind, Vec<usize>> = BTreeMap::new();
        let kinds: Vec<Vec<Kind>> = log.events.iter().map(|event| event.kinds.clone()).collect();
        for (place, kinds) in kinds.iter().enumerate() {
            for kind in kinds {
                touching.entry(kind).or_default().push(place);
            }
        }
        for (kind, places) in touching {
            let spec = self.catalog.kind(kind).filter(|spec| spec.is_asked_for());
            let Some(spec) = spec else { continue };
            let namer = Namer::new(spec, &gathering.known);
            for place in places {
                if let Some(event) = log.events.get_mut(place) {
                    let means = namer.addresses(event, gathering);
                    event.means.extend(means);
                }
            }
        }
    }
}
