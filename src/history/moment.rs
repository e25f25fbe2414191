//! How a time becomes a snapshot.
//!
//! The state at a time is what the last snapshot that had ended by then saw. A snapshot is a
//! window: when a kind was really read stands in its ledger, and answers say it.
//!
//! A question about few resources never reads the whole state: [`Moment::entry`] asks the index, and
//! [`Moment::differences`] what was changed between two moments.

use std::sync::OnceLock;

use jiff::Timestamp;

use crate::base::coverage::{Row, State as Coverage};
use crate::base::key::{Kind, ResourceKey};
use crate::base::when::When;
use crate::history::{History, HistoryError};
use crate::store::{self, Entry, Flags, Gap, Snapshot, State};

/// A snapshot that answers for a time.
pub struct Moment {
    /// Which one.
    pub snapshot: Snapshot,
    /// The one after it, if any: what lies between the two nobody read.
    pub next: Option<Snapshot>,
    /// Snapshots that were taken between the two and that retention let go.
    pub pruned: u64,
    past: store::Past,
    state: OnceLock<State>,
}

impl Moment {
    /// All that it saw; read when it is first asked for.
    ///
    /// # Errors
    /// Something that it is read from is damaged.
    pub fn state(&self) -> Result<&State, HistoryError> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let state = self.past.state(self.snapshot.seq)?;
        Ok(self.state.get_or_init(|| state))
    }

    /// One resource as it saw it, without the others where the index knows it.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn entry(&self, key: &ResourceKey) -> Result<Option<Entry>, HistoryError> {
        if self.state.get().is_none()
            && let Some(known) = self.past.known(self.snapshot.seq, key)?
        {
            return Ok(known);
        }
        Ok(self.state()?.get(key))
    }

    /// What lies elsewhere at a later or earlier moment of the same tenant; `None` where the two states are to be
    /// compared.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn differences(&self, other: &Self) -> Result<Option<Vec<store::Change>>, HistoryError> {
        Ok(self.past.between(self.snapshot.seq, other.snapshot.seq)?)
    }

    /// When the kind was read for this state: the end of its window.
    #[must_use]
    pub fn read_at(&self, kind: &Kind) -> Timestamp {
        read_end(&self.snapshot, kind)
    }

    /// When the kind was read next.
    #[must_use]
    pub fn next_read_at(&self, kind: &Kind) -> Option<Timestamp> {
        self.next.as_ref().map(|next| read_end(next, kind))
    }

    /// The kind's row of the coverage ledger.
    #[must_use]
    pub fn coverage(&self, kind: &Kind) -> Option<&Row> {
        self.snapshot.ledger.rows.get(kind)
    }
}

fn read_end(snapshot: &Snapshot, kind: &Kind) -> Timestamp {
    snapshot.ledger.row(kind).and_then(|row| row.read).map_or(snapshot.finished, |(_, end)| end)
}

/// When a snapshot read a kind whole; `None` where it carried the kind's state, or most of it, forward.
/// A span that began before the snapshot did is that of the reading which is carried.
#[must_use]
pub fn read_whole(snapshot: &Snapshot, kind: &Kind) -> Option<Timestamp> {
    let Some(row) = snapshot.ledger.row(kind) else { return Some(snapshot.finished) };
    match row.read {
        _ if row.state != Coverage::Complete => None,
        None => Some(snapshot.finished),
        Some((begun, end)) => (begun >= snapshot.started).then_some(end),
    }
}

/// When a snapshot read a resource that it found changed: with its kind, or by itself.
#[must_use]
pub fn changed_at(snapshot: &Snapshot, kind: &Kind) -> Timestamp {
    let row = snapshot.ledger.row(kind);
    let read = row.as_ref().and_then(|row| row.read);
    // What no API gives is of the time of the file that it came from.
    if let (Some((of, _)), Some(Coverage::NoApi)) = (read, row.map(|row| row.state)) {
        return of;
    }
    read.filter(|(begun, _)| *begun >= snapshot.started).map_or(snapshot.finished, |(_, end)| end)
}

impl History<'_> {
    /// The snapshot that answers for a time. [`When::Live`] is not a moment of the past; the
    /// caller reads the tenant.
    ///
    /// # Errors
    /// No snapshot is old enough, or a prefix names none or several.
    pub fn moment(&self, when: &When) -> Result<Moment, HistoryError> {
        self.moment_among(when, &|_| true)
    }

    /// The same for a restore: a snapshot that was taken while an apply was under way is never the
    /// `latest` that is gone back to. One that is named is.
    ///
    /// # Errors
    /// As [`Self::moment`].
    pub fn moment_to_restore(&self, when: &When) -> Result<Moment, HistoryError> {
        self.moment_among(when, &|snapshot| {
            !snapshot.flags.contain(Flags::APPLY) && snapshot.applying.is_none()
        })
    }

    fn moment_among(&self, when: &When, latest: &dyn Fn(&Snapshot) -> bool) -> Result<Moment, HistoryError> {
        let snapshots = self.repository.snapshots(self.tenant)?;
        let position = match when {
            When::Latest | When::Live => snapshots.iter().rposition(latest),
            When::At(at) => snapshots.iter().rposition(|snapshot| snapshot.finished <= *at),
            When::Snapshot(prefix) => Some(self.by_prefix(&snapshots, prefix)?),
        };
        let position = position.ok_or_else(|| HistoryError::NothingYet {
            tenant: self.tenant.into(),
            at: match when {
                When::At(at) => at.to_string(),
                _ => "any time".into(),
            },
        })?;
        let mut rest = snapshots.into_iter().skip(position);
        let snapshot = rest.next().ok_or_else(|| HistoryError::NotFound { address: self.tenant.into() })?;
        let next = rest.next();
        let between =
            |gap: &Gap| gap.from > snapshot.seq && next.as_ref().is_some_and(|next| gap.to < next.seq);
        let gaps = self.repository.gaps(self.tenant)?;
        let pruned = gaps.iter().filter(|gap| between(gap)).map(|gap| gap.snapshots).sum();
        let past = self.repository.past(self.tenant)?;
        Ok(Moment { snapshot, next, pruned, past, state: OnceLock::new() })
    }

    fn by_prefix(&self, snapshots: &[Snapshot], prefix: &str) -> Result<usize, HistoryError> {
        let matches = |snapshot: &Snapshot| snapshot.id.to_string().starts_with(prefix);
        let count = snapshots.iter().filter(|snapshot| matches(snapshot)).count();
        match (count, snapshots.iter().position(matches)) {
            (1, Some(position)) => Ok(position),
            _ => Err(HistoryError::Prefix { tenant: self.tenant.into(), prefix: prefix.into(), count }),
        }
    }
}
