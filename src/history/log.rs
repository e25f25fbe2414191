//! Changes, newest first, with who made them.

use jiff::Timestamp;

use crate::base::key::ResourceKey;
use crate::history::change::{Actor, Change};
use crate::history::{History, HistoryError};
use crate::store::{Past, Snapshot};

/// Which changes are asked for.
#[derive(Default, Clone)]
pub struct Filter {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// By this actor: id, name, client, address or token; also where he was not the only one.
    pub actor: Option<String>,
}

impl Filter {
    pub(crate) fn admits_snapshot(&self, snapshot: &Snapshot) -> bool {
        // An event can lie before the snapshot that found its change, so only the lower bound is
        // decided by the snapshot alone.
        self.since.is_none_or(|since| snapshot.finished >= since)
    }

    /// Whether a change that was found at this time and was made by this actor is asked for.
    pub(crate) fn admits(&self, found: Timestamp, actor: Option<&Actor>) -> bool {
        let in_time = |actor: Option<&Actor>| {
            let at = actor.and_then(|actor| actor.at).unwrap_or(found);
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
        };
        let Some(wanted) = &self.actor else { return in_time(actor) };
        actor.into_iter().flat_map(Actor::all).any(|actor| actor.is(wanted) && in_time(Some(actor)))
    }
}

impl History<'_> {
    /// The changes of the whole tenant, or of the resources that `keep` admits.
    ///
    /// The first snapshot is where the history begins: what it found is not a change, unless
    /// `from_first` asks for it.
    ///
    /// # Errors
    /// A change log or a body could not be read.
    pub fn log(
        &self,
        filter: &Filter,
        from_first: bool,
        keep: &dyn Fn(&ResourceKey) -> bool,
    ) -> Result<Vec<Change>, HistoryError> {
        let snapshots = self.repository.snapshots(self.tenant)?;
        let first = snapshots.first().map(|snapshot| snapshot.seq);
        let past = self.repository.past(self.tenant)?;
        let mut out = Vec::new();
        for snapshot in snapshots.iter().rev().filter(|snapshot| filter.admits_snapshot(snapshot)) {
            if Some(snapshot.seq) == first && !from_first {
                continue;
            }
            for stored in past.changes(snapshot.seq)? {
                if keep(&stored.key) {
                    out.push(self.told(&past, snapshot, &stored)?);
                }
            }
        }
        out.retain(|change| filter.admits(change.at, change.actor.as_ref()));
        Ok(out)
    }

    /// The changes of one resource, newest first; the index knows where they are.
    ///
    /// # Errors
    /// As [`Self::log`].
    pub fn log_of(&self, key: &ResourceKey, filter: &Filter) -> Result<Vec<Change>, HistoryError> {
        let snapshots = self.repository.snapshots(self.tenant)?;
        let past = self.repository.past(self.tenant)?;
        let mut out = Vec::new();
        for (seq, stored) in self.repository.history(self.tenant, key)? {
            let Some(snapshot) = snapshots.iter().find(|snapshot| snapshot.seq == seq) else { continue };
            out.push(self.told(&past, snapshot, &stored)?);
        }
        out.retain(|change| filter.admits(change.at, change.actor.as_ref()));
        Ok(out)
    }

    fn told(
        &self,
        past: &Past,
        snapshot: &Snapshot,
        stored: &crate::store::Change,
    ) -> Result<Change, HistoryError> {
        let mut change = self.change(snapshot, &stored.key, stored.before.as_ref(), stored.after.as_ref())?;
        change.actor = self.actor(past, snapshot, &stored.key)?;
        Ok(change)
    }
}
