//! Care of the repository as a whole, by schedules of its own: is all of it still there, what does retention
//! let go, and which days are over and can be folded.
//!
//! It has a turn and a book like a tenant, under the name that no tenant has. Being cut off harms nothing: a
//! check only reads, and a prune or a fold may stop anywhere.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::base::time::Clock;
use crate::daemon::kept::{Kept, book_of};
use crate::daemon::schedule::Schedule;
use crate::daemon::written;
use crate::restore::stored_journal;
use crate::store::{CheckReport, PruneAsked, Repository, Retention, StoreError};

/// The name of the repository's own turn and book: no tenant can be called so.
pub(super) const NAMELESS: &str = "";
/// Version of the book's form.
const FORMAT: &str = "lastgood.care/1";
/// How long after it began a piece of work is begun again that failed or was cut off.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// What is done when.
#[derive(Clone)]
pub struct Care {
    /// When everything is checked.
    pub check: Schedule,
    /// Whether every body is read and hashed in a check, and not only what says where it lies.
    pub read_data: bool,
    /// When what retention lets go is pruned; nothing is, without rules.
    pub prune: Option<(Schedule, Retention)>,
    /// When the days that are over are folded, if they are.
    pub compact: Option<Schedule>,
}

/// A piece of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chore {
    /// Is all of it still there?
    Check,
    /// What retention lets go.
    Prune,
    /// The days that are over.
    Compact,
}

/// When a piece of work was done.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Times {
    /// When it began last.
    pub begun: Option<Timestamp>,
    /// When what ended last had begun.
    pub ended: Option<Timestamp>,
    /// Why it came to no end, in words for people.
    pub failure: Option<String>,
    /// How many came to no end, one after the other.
    pub failures: u32,
}

impl Times {
    fn due(&self, schedule: &Schedule, now: Timestamp) -> Timestamp {
        let Some(begun) = self.begun else { return now };
        let planned = schedule.due_after(begun, now);
        if self.begun == self.ended {
            return planned;
        }
        planned.min(begun.checked_add(AGAIN_AFTER).unwrap_or(Timestamp::MAX))
    }

    pub(super) fn end(&mut self, failure: Option<String>) {
        if failure.is_none() {
            self.ended = self.begun;
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
        }
        self.failure = failure;
    }
}

/// The repository's own book.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct CareBook {
    /// When it was checked.
    pub check: Times,
    /// What the last check found, in numbers.
    pub checked: Option<Checked>,
    /// When it was pruned.
    pub prune: Times,
    /// When days were folded.
    pub compact: Times,
}

/// What a check found, in numbers.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Checked {
    /// Objects, and their bytes.
    pub objects: u64,
    /// Bytes of all objects.
    pub bytes: u64,
    /// Damaged or missing objects.
    pub faults: u64,
}

impl CareBook {
    /// Reads what [`Self::to_bytes`] wrote; what is no such thing is a new book.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        written::from_bytes(FORMAT, bytes).unwrap_or_default()
    }

    fn to_bytes(&self) -> Vec<u8> {
        written::to_bytes(FORMAT, self)
    }

    /// As it was left last.
    ///
    /// # Errors
    /// The storage failed. A damaged book is a new one.
    pub fn read(repository: &Repository) -> Result<Self, StoreError> {
        match repository.book(NAMELESS) {
            Err(error @ StoreError::Storage(_)) => Err(error),
            book => Ok(book.ok().flatten().map(|bytes| Self::from_bytes(&bytes)).unwrap_or_default()),
        }
    }
}

/// What came of a piece of work.
pub struct Done {
    /// What it was.
    pub chore: Chore,
    /// What it came to.
    pub came: Result<Came, StoreError>,
}

/// What a piece of work came to.
pub enum Came {
    /// What a check found.
    Checked(Box<CheckReport>),
    /// How many snapshots of each tenant went, and bytes deleted in all; and the tenants that could not be
    /// pruned, with why.
    Pruned {
        /// Snapshots that went.
        dropped: u64,
        /// Bytes that were deleted.
        deleted: u64,
        /// Who could not be pruned.
        left: Vec<(String, StoreError)>,
    },
    /// Objects that stand in others' now, and bytes deleted in all; and the tenants whose days could not be
    /// folded, with why.
    Compacted {
        /// Objects that were replaced.
        folded: u64,
        /// Bytes that were deleted.
        deleted: u64,
        /// Whose days could not be folded.
        left: Vec<(String, StoreError)>,
    },
}

impl Care {
    /// What is due next, and when.
    #[must_use]
    pub fn due(&self, book: &CareBook, now: Timestamp) -> (Chore, Timestamp) {
        let check = (Chore::Check, book.check.due(&self.check, now));
        let prune = self.prune.as_ref().map(|(at, _)| (Chore::Prune, book.prune.due(at, now)));
        let compact = self.compact.as_ref().map(|at| (Chore::Compact, book.compact.due(at, now)));
        // Of those that are due at once the first in this order.
        prune
            .into_iter()
            .chain(compact)
            .fold(check, |first, next| if next.1 < first.1 { next } else { first })
    }

    /// Does what is due, in the repository's own turn; `None` where another process has done it. Blocks.
    ///
    /// # Errors
    /// The turn cannot be had, or the book not be written.
    pub fn do_due(
        &self,
        repository: &Repository,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Done>, StoreError> {
        let mut turn = repository.turn(NAMELESS)?;
        let mut book = book_of(&mut turn)?.map(|bytes| CareBook::from_bytes(&bytes)).unwrap_or_default();
        let now = clock.now();
        let (chore, due) = self.due(&book, now);
        if due > now {
            return Ok(None);
        }
        book.times(chore).begun = Some(now);
        let (turn, _) = Kept::new(turn);
        turn.write(&book.to_bytes())?;
        let came = match (chore, &self.prune) {
            (Chore::Prune, Some((_, rules))) => prune(repository, rules, now),
            (Chore::Compact, _) => compact(repository, now),
            _ => repository.check(self.read_data, &|_, _| {}).map(|found| Came::Checked(Box::new(found))),
        };
        let failure = match &came {
            Err(error) => Some(error.to_string()),
            Ok(Came::Pruned { left, .. } | Came::Compacted { left, .. }) => {
                left.first().map(|(tenant, error)| format!("{tenant}: {error}"))
            }
            Ok(Came::Checked(found)) => {
                let (objects, bytes) = (found.objects, found.bytes);
                book.checked = Some(Checked { objects, bytes, faults: found.faults.len() as u64 });
                None
            }
        };
        book.times(chore).end(failure);
        turn.write(&book.to_bytes())?;
        Ok(Some(Done { chore, came }))
    }
}

impl CareBook {
    fn times(&mut self, chore: Chore) -> &mut Times {
        match chore {
            Chore::Check => &mut self.check,
            Chore::Prune => &mut self.prune,
            Chore::Compact => &mut self.compact,
        }
    }
}

/// Prunes every tenant that can be: one that somebody restores waits until the next time.
fn prune(repository: &Repository, rules: &Retention, now: Timestamp) -> Result<Came, StoreError> {
    let (dropped, deleted, left) = each(repository, |tenant| {
        let asked = PruneAsked { policy: rules, needs: stored_journal::needs, now, dry_run: false };
        let pruned = repository.prune_tenant(tenant, &asked)?;
        Ok((pruned.dropped() as u64, pruned.deleted.bytes))
    })?;
    Ok(Came::Pruned { dropped, deleted, left })
}

/// Folds the days of every tenant for which that can be done now.
fn compact(repository: &Repository, now: Timestamp) -> Result<Came, StoreError> {
    let (folded, deleted, left) = each(repository, |tenant| {
        let done = repository.compact_tenant(tenant, now, false, &|_, _| {})?;
        Ok((done.days.iter().map(|day| day.replaced.count).sum(), done.deleted.bytes))
    })?;
    Ok(Came::Compacted { folded, deleted, left })
}

/// The sums of what was done to each tenant, and those to which it could not be done, with why.
type Sums = (u64, u64, Vec<(String, StoreError)>);

fn each(
    repository: &Repository,
    does: impl Fn(&str) -> Result<(u64, u64), StoreError>,
) -> Result<Sums, StoreError> {
    let mut sums = Sums::default();
    for tenant in repository.tenants()? {
        match does(&tenant) {
            Ok((count, bytes)) => (sums.0, sums.1) = (sums.0 + count, sums.1 + bytes),
            Err(error) => sums.2.push((tenant, error)),
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
    }

    #[test]
    fn what_is_due_first_is_done_first_and_what_failed_comes_again() {
        let schedule = |text| Schedule::parse(text, &TimeZone::UTC).unwrap();
        // 2026-11-01 is a Sunday.
        let care = Care {
            check: schedule("0 5 * * 0"),
            read_data: true,
            prune: Some((schedule("0 3 * * *"), Retention::default())),
            compact: Some(schedule("0 4 * * *")),
        };
        let mut book = CareBook::default();
        assert_eq!(care.due(&book, at(0)), (Chore::Check, at(0)));
        book.check.begun = Some(at(0));
        assert_eq!(care.due(&book, at(0)), (Chore::Prune, at(0)));
        book.prune.begun = Some(at(0));
        book.prune.end(None);
        assert_eq!(care.due(&book, at(0)), (Chore::Compact, at(0)));
        assert_eq!(
            Care { compact: None, ..care.clone() }.due(&book, at(0)),
            (Chore::Check, at(1)),
            "it was cut off"
        );
        book.check.end(None);
        assert_eq!(care.due(&book, at(0)), (Chore::Compact, at(0)));
        book.compact.begun = Some(at(0));
        book.compact.end(None);
        assert_eq!(care.due(&book, at(0)), (Chore::Prune, at(3)));
        book.prune.begun = Some(at(3));
        book.prune.end(Some("held".into()));
        assert_eq!(care.due(&book, at(3)), (Chore::Prune, at(4)), "it failed");
        let read = CareBook::from_bytes(&book.to_bytes());
        assert_eq!((read.prune, read.check, read.compact), (book.prune, book.check, book.compact));
    }
}
