//! What the runs over a tenant came to: kept in the repository, so that any process on any machine goes
//! on where the last one stopped. Pure but for its form.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::daemon::schedule::{Schedule, patience};
use crate::daemon::written;
use crate::http::Taken;
use crate::provider::Live;
use crate::store::{Repository, StoreError};

/// Version of the form.
const FORMAT: &str = "lastgood.book/1";

/// The book of one tenant.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Book {
    /// When the last run began, whatever came of it.
    pub begun: Option<Timestamp>,
    /// How the last run that came to an end ended.
    pub ended: Option<Ended>,
    /// The last run that left a snapshot.
    pub good: Option<Good>,
    /// When the last full sweep began that left a snapshot.
    pub swept: Option<Timestamp>,
    /// Runs since the last snapshot that left none, those included that nobody saw the end of.
    pub tries: u32,
    /// Since when runs fail, and as what; empty when the last one was good.
    pub failing_since: Option<Timestamp>,
    /// Counts over all runs, for metrics.
    pub totals: Totals,
    /// What the last run and the snapshots since then took of the vendor's windows at the most, by bucket.
    pub budget: BTreeMap<String, Budget>,
}

/// The window of a bucket of which most was taken.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Budget {
    /// Requests that the vendor allows in it.
    pub limit: u64,
    /// Requests of them that we may make.
    pub share: u64,
    /// Requests that we made.
    pub used: u64,
    /// What was left of it to everybody.
    pub left: u64,
}

impl Budget {
    fn of(taken: Taken) -> (String, Self) {
        let Taken { bucket, limit, share, ours, left } = taken;
        (bucket, Self { limit, share, used: ours, left })
    }

    /// A part of the window: the same for windows of different sizes.
    #[must_use]
    pub fn part(&self, of: u64) -> f64 {
        of as f64 / self.limit.max(1) as f64
    }
}

/// What a run cost, whatever came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// Requests sent.
    pub requests: u64,
    /// Answers that asked us to slow down.
    pub throttled: u64,
    /// What it took of the vendor's windows.
    pub budget: BTreeMap<String, Budget>,
}

impl Spent {
    /// What was spent of a connection so far.
    #[must_use]
    pub fn of(live: &Live) -> Self {
        Self {
            requests: live.requests(),
            throttled: live.tally().throttled,
            budget: live.taken().into_iter().map(Budget::of).collect(),
        }
    }
}

/// The end of a run.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// Why no snapshot came of it, in words for people; `None` where one did.
    pub failure: Option<String>,
}

/// What a run that left a snapshot found.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Good {
    /// The snapshot's id.
    pub snapshot: String,
    /// When its first request was sent.
    pub started: Timestamp,
    /// When its last answer was read.
    pub finished: Timestamp,
    /// Resources in the state after it.
    pub resources: u64,
    /// Resources added, changed and removed.
    pub changes: u64,
    /// Requests that it took.
    pub requests: u64,
    /// Bytes that it added to the repository.
    pub bytes: u64,
    /// Kinds that should have been read and were not.
    pub gaps: Vec<String>,
    /// Kinds whose disappearance from the vendor's answers is not believed.
    pub suspect: Vec<String>,
    /// Whether everything was read.
    pub full: bool,
}

/// Counts since the book was begun.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Totals {
    /// Runs that left a snapshot.
    pub good: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Requests sent.
    pub requests: u64,
    /// Answers that asked us to slow down.
    pub throttled: u64,
    /// Resources added, changed and removed.
    pub changes: u64,
}

impl Book {
    /// Reads what [`Self::to_bytes`] wrote. What is no such thing is a new book: nothing in it is history.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        written::from_bytes(FORMAT, bytes).unwrap_or_default()
    }

    /// As kept in the repository.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        written::to_bytes(FORMAT, self)
    }

    /// That of a tenant as it was left last; a new one where there was no run yet.
    ///
    /// # Errors
    /// It is damaged, or the storage failed.
    pub fn read(repository: &Repository, tenant: &str) -> Result<Self, StoreError> {
        Ok(repository.book(tenant)?.map(|bytes| Self::from_bytes(&bytes)).unwrap_or_default())
    }

    /// Whether a run began of which nobody saw the end.
    fn is_open(&self) -> bool {
        self.begun.is_some() && self.begun != self.ended.as_ref().map(|ended| ended.began)
    }

    /// Whether the last run failed, and the book knows it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.is_open() && self.ended.as_ref().is_some_and(|ended| ended.failure.is_some())
    }

    /// When the next run is due.
    #[must_use]
    pub fn due(&self, schedule: &Schedule, now: Timestamp) -> Timestamp {
        let Some(begun) = self.begun else { return now };
        let planned = schedule.due_after(begun, now);
        if self.tries == 0 {
            return planned;
        }
        // One that was cut off is made up for at once, unless that happens again and again.
        let (since, tries) = match &self.ended {
            Some(ended) if !self.is_open() => (ended.at, self.tries),
            _ if self.tries == 1 => return begun.min(now),
            _ => (begun, self.tries - 1),
        };
        planned.min(since.min(now).checked_add(patience(tries)).unwrap_or(Timestamp::MAX))
    }

    /// Whether everything is to be read, by a schedule of its own.
    #[must_use]
    pub fn is_sweep_due(&self, schedule: &Schedule, now: Timestamp) -> bool {
        self.swept.is_none_or(|swept| schedule.due_after(swept, now) <= now)
    }

    /// Notes that a run begins.
    pub fn begin(&mut self, now: Timestamp) {
        // One run that nobody saw the end of is a restart. Two are a process that its runs end.
        if self.is_open() && self.tries > 1 {
            self.failing_since = self.failing_since.or(self.begun);
        }
        self.begun = Some(now);
        self.tries = self.tries.saturating_add(1);
    }

    /// Notes that the run that began last left a snapshot.
    pub fn end_well(&mut self, good: Good, now: Timestamp) {
        self.tries = 0;
        self.failing_since = None;
        self.totals.good += 1;
        self.ended = self.begun.map(|began| Ended { began, at: now, failure: None });
        self.between(good);
    }

    /// Notes a snapshot between two runs.
    pub fn between(&mut self, good: Good) {
        if good.full {
            self.swept = Some(good.started);
        }
        self.totals.changes += good.changes;
        self.good = Some(good);
    }

    /// Notes what a run cost: one of the schedule begins the figures of windows anew, others add to them.
    pub fn spend(&mut self, spent: Spent, is_scheduled: bool) {
        self.totals.requests += spent.requests;
        self.totals.throttled += spent.throttled;
        // One that sent nothing says nothing of them.
        if is_scheduled && spent.requests > 0 {
            self.budget.clear();
        }
        for (bucket, budget) in spent.budget {
            let known = self.budget.get(&bucket);
            if known.is_none_or(|known| known.part(known.used) <= budget.part(budget.used)) {
                self.budget.insert(bucket, budget);
            }
        }
    }

    /// Notes that the run that began last left none, and why.
    pub fn end_badly(&mut self, why: &str, now: Timestamp) {
        self.totals.failed += 1;
        self.failing_since = self.failing_since.or(self.begun);
        self.ended = self.begun.map(|began| Ended { began, at: now, failure: Some(why.to_owned()) });
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn hourly() -> Schedule {
        Schedule::parse("0 * * * *", &TimeZone::UTC).unwrap()
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_mins(minutes)
    }

    fn good(started: Timestamp, full: bool) -> Good {
        Good { started, finished: started, full, ..Good::default() }
    }

    fn spent(used: u64) -> Spent {
        let budget = Budget { limit: 100, share: 20, used, left: 100 - used };
        Spent { requests: used, throttled: 0, budget: [("apps".to_owned(), budget)].into() }
    }

    #[test]
    fn what_was_taken_of_windows_is_that_of_the_last_run_and_of_what_came_after() {
        let mut book = Book::default();
        let used = |book: &Book| book.budget["apps"].used;
        book.spend(spent(20), true);
        book.spend(spent(3), false);
        assert_eq!(used(&book), 20, "what is read between two runs does not hide what the run took");
        book.spend(Spent::default(), true);
        assert_eq!(used(&book), 20, "a run that came to no request says nothing");
        book.spend(spent(7), true);
        book.spend(spent(9), false);
        assert_eq!((used(&book), book.totals.requests), (9, 39));
        assert_eq!(Book::from_bytes(&book.to_bytes()), book);
    }

    #[test]
    fn a_book_reads_back_and_another_thing_is_a_new_one() {
        let mut book = Book::default();
        book.begin(at(0));
        book.end_badly("no answer", at(1));
        book.begin(at(2));
        book.end_well(good(at(2), true), at(4));
        book.spend(Spent { throttled: 3, ..spent(2) }, true);
        let read = Book::from_bytes(&book.to_bytes());
        assert_eq!(read.ended, book.ended);
        assert_eq!((read.totals.good, read.totals.failed, read.totals.throttled), (1, 1, 3));
        let newer = String::from_utf8(book.to_bytes()).unwrap().replace("book/1", "book/2");
        assert_eq!(Book::from_bytes(newer.as_bytes()), Book::default());
        assert_eq!(Book::from_bytes(b"\x00"), Book::default());
    }

    #[test]
    fn the_first_run_is_due_at_once_and_the_next_by_the_schedule() {
        let mut book = Book::default();
        assert_eq!(book.due(&hourly(), at(5)), at(5));
        book.begin(at(5));
        book.end_well(good(at(5), true), at(6));
        assert_eq!(book.due(&hourly(), at(7)), at(60));
        assert!(book.due(&hourly(), at(400)) <= at(400), "what was missed is made up for");
    }

    #[test]
    fn a_failed_run_is_tried_again_later_and_later_but_not_later_than_planned() {
        let mut book = Book::default();
        let mut waits = Vec::new();
        let mut now = at(61);
        for _ in 0..5 {
            book.begin(now);
            book.end_badly("no answer", now);
            let due = book.due(&hourly(), now);
            waits.push(due.duration_since(now).as_secs() / 60);
            now = due;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16]);
        assert_eq!(book.failing_since, Some(at(61)));
        book.begin(at(110));
        book.end_badly("no answer", at(110));
        assert_eq!(book.due(&hourly(), at(110)), at(120), "the schedule comes first");
    }

    #[test]
    fn a_run_that_was_cut_off_is_made_up_for_at_once() {
        let mut book = Book::default();
        book.begin(at(0));
        book.end_well(good(at(0), true), at(1));
        book.begin(at(60));
        assert!(book.due(&hourly(), at(61)) <= at(61));
        // A run that ends the process each time does not do so without a pause.
        book.begin(at(61));
        assert_eq!(book.due(&hourly(), at(61)), at(62));
        book.begin(at(62));
        assert_eq!(book.due(&hourly(), at(62)), at(64));
        assert_eq!(book.failing_since, Some(at(61)), "a process that its runs end fails");
    }

    #[test]
    fn full_sweeps_have_their_own_schedule() {
        let nightly = Schedule::parse("0 3 * * *", &TimeZone::UTC).unwrap();
        let mut book = Book::default();
        assert!(book.is_sweep_due(&nightly, at(0)));
        book.begin(at(0));
        book.end_well(good(at(0), true), at(1));
        book.begin(at(60));
        book.end_well(good(at(60), false), at(61));
        assert_eq!(book.swept, Some(at(0)));
        let due = nightly.due_after(at(0), at(0));
        assert!(!book.is_sweep_due(&nightly, due - SignedDuration::from_secs(1)));
        assert!(book.is_sweep_due(&nightly, due));
    }

    proptest! {
        /// Whatever happens, and however the clock jumps, the next run is due within the schedule's step.
        #[test]
        fn nothing_holds_a_tenant_up(deeds in proptest::collection::vec((0u8..4, -5000_i64..5000), 1..40)) {
            let mut book = Book::default();
            let mut now = at(0);
            for (deed, jump) in deeds {
                match deed {
                    0 => book.begin(now),
                    1 => { book.begin(now); book.end_badly("why", now); }
                    2 => { book.begin(now); book.end_well(good(now, true), now); }
                    _ => now += SignedDuration::from_mins(jump),
                }
                let wait = book.due(&hourly(), now).duration_since(now);
                prop_assert!(wait <= SignedDuration::from_mins(65), "{wait}");
            }
        }
    }
}
