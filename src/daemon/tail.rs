//! The vendor's log between two runs: whether it names something that is to be read at once, so that what is
//! made and put back within the hour is seen, and seen when it was.

use jiff::{SignedDuration, Timestamp};

use crate::base::time::Clock;
use crate::collect::mark::Mark;
use crate::provider::{From, Live, ProviderError};
use crate::store::{Repository, StoreError};

/// How far back a log is looked into that can only be asked for a span: what comes late stands there.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);

/// A log that is read on and on.
pub struct Tail {
    live: Live,
    from: From,
    /// Ids of events that were seen in a span that is asked for again; none before the first question.
    seen: Option<Vec<String>>,
}

impl Tail {
    /// Goes on after what the newest snapshot took account of, or from now where there is none.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn after_newest(
        repository: &Repository,
        tenant: &str,
        live: Live,
        clock: &dyn Clock,
    ) -> Result<Self, StoreError> {
        let newest = match repository.snapshots(tenant) {
            Err(StoreError::UnknownTenant { .. }) => None,
            snapshots => snapshots?.pop(),
        };
        let follows = live.catalog().can_be_followed();
        let mark = newest.as_ref().filter(|_| follows).and_then(|newest| Mark::from_notes(&newest.notes));
        let from = match (mark, newest) {
            (Some(mark), _) => From::Place(mark.place),
            (None, newest) => From::Time(newest.map_or_else(|| clock.now(), |newest| newest.finished)),
        };
        Ok(Self { live, from, seen: None })
    }

    /// Whether something was done since it was asked last that leads to a kind that is read.
    ///
    /// # Errors
    /// The log cannot be read; the next question begins at the same place.
    pub async fn has_news(&mut self, now: Timestamp) -> Result<bool, ProviderError> {
        let events = if self.live.catalog().can_be_followed() {
            let (events, place) = self.live.follow(&self.from).await?;
            self.from = From::Place(place);
            events
        } else {
            let From::Time(since) = self.from else { return Ok(false) };
            let mut events = self.live.events(since - OVERLAP, now).await?;
            let all = events.iter().map(|event| event.id.clone()).collect();
            match &self.seen {
                // What comes late has an earlier time, and is news all the same.
                Some(seen) => events.retain(|event| !seen.contains(&event.id)),
                None => events.retain(|event| event.time >= since),
            }
            (self.seen, self.from) = (Some(all), From::Time(now));
            events
        };
        Ok(events.iter().any(|event| !event.kinds.is_empty()))
    }
}
