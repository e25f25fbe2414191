//! How fast the tenant may be asked: never faster than it allows, and never above our share.
//!
//! Three bounds hold together: requests under way, requests a second, and a share of the vendor's
//! own window as its headers describe it. The last one stops us before the 429 comes, and leaves
//! a tenth of the window alone even where others have used up the rest. A vendor has several
//! windows: a lane's is known from its first answer on, and lanes of one bucket that tell the same
//! limit are taken to share it, which errs on the slow side.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::http::answer::Answer;
use crate::http::lanes::{Lane, Lanes};

/// What holds for a tenant.
#[derive(Clone, Debug)]
pub struct PaceRules {
    /// Requests under way at once; at least 1.
    pub concurrent: u32,
    /// Requests a second; 0 for no bound of our own.
    pub per_second: u32,
    /// Our share of the vendor's window, in percent.
    pub budget_percent: u32,
    /// Header with the size of the window.
    pub limit_header: Option<String>,
    /// Header with what is left of it.
    pub remaining_header: Option<String>,
    /// Header with its end: seconds from now, or seconds since the epoch.
    pub reset_header: Option<String>,
    /// What the vendor counts apart; empty where it counts all together.
    pub lanes: Vec<Lane>,
}

impl Default for PaceRules {
    fn default() -> Self {
        Self {
            concurrent: 4,
            per_second: 0,
            budget_percent: 20,
            limit_header: None,
            remaining_header: None,
            reset_header: None,
            lanes: Vec::new(),
        }
    }
}

/// Numbers above this in a reset header are seconds since the epoch, below it seconds from now.
const EPOCH_FROM: u64 = 100_000_000;

/// Two ends of a window that lie closer than this are the same end.
const SAME_END: Duration = Duration::from_secs(2);

/// A request's lane and bucket, as [`Lanes`] numbers them.
type Place = (usize, usize);

/// One of the vendor's windows as last described.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u64,
    remaining: u64,
    ends: Instant,
    /// Requests that we made in it.
    ours: u64,
}

/// The state behind the bounds, without a clock of its own.
#[derive(Debug, Default)]
struct Book {
    held_until: Option<Instant>,
    next_slot: Option<Instant>,
    /// The limit that a lane's answers told last.
    limits: HashMap<usize, u64>,
    /// By bucket and limit.
    windows: HashMap<(usize, u64), Window>,
}

impl Book {
    /// Takes a place at `now`, or says how long to wait before asking again.
    fn take(&mut self, rules: &PaceRules, (lane, bucket): Place, now: Instant) -> Option<Duration> {
        for until in [self.held_until, self.next_slot].into_iter().flatten() {
            if until > now {
                return Some(until - now);
            }
        }
        let window = self.limits.get(&lane).map(|limit| (bucket, *limit));
        if let Some((name, window)) = window.and_then(|name| Some((name, self.windows.get_mut(&name)?))) {
            if window.ends <= now {
                self.windows.remove(&name);
            } else if window.is_spent(rules) {
                return Some(window.ends - now);
            } else {
                window.ours += 1;
                window.remaining = window.remaining.saturating_sub(1);
            }
        }
        if rules.per_second > 0 {
            self.next_slot = Some(now + Duration::from_secs(1) / rules.per_second);
        }
        None
    }

    /// Learns what an answer's headers say. `left` is the time until the window ends.
    fn learn(&mut self, (lane, bucket): Place, limit: u64, remaining: u64, left: Duration, now: Instant) {
        let ends = now + left;
        // A lane whose window was not known took its place uncounted.
        let uncounted = u64::from(self.limits.insert(lane, limit) != Some(limit));
        let ours = match self.windows.get(&(bucket, limit)) {
            Some(old) if ends < old.ends + SAME_END => old.ours + uncounted,
            _ => 1,
        };
        self.windows.insert((bucket, limit), Window { limit, remaining, ends, ours });
    }

    fn hold(&mut self, until: Instant) {
        self.held_until = Some(self.held_until.map_or(until, |old| old.max(until)));
    }
}

impl Window {
    fn is_spent(&self, rules: &PaceRules) -> bool {
        let share = (self.limit * u64::from(rules.budget_percent.min(100)) / 100).max(1);
        self.ours >= share || self.remaining <= self.limit / 10
    }
}

/// The gate that every request goes through.
pub(crate) struct Pace {
    rules: PaceRules,
    lanes: Lanes,
    under_way: Semaphore,
    book: Mutex<Book>,
}

impl Pace {
    pub(crate) fn new(rules: PaceRules) -> Self {
        let under_way = Semaphore::new(rules.concurrent.max(1) as usize);
        let lanes = Lanes::new(&rules.lanes);
        Self { rules, lanes, under_way, book: Mutex::default() }
    }

    pub(crate) fn concurrent(&self) -> usize {
        self.rules.concurrent.max(1) as usize
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place for a request to this target; returns it with the time waited.
    pub(crate) async fn enter(&self, target: &str) -> (SemaphorePermit<'_>, Duration) {
        let since = Instant::now();
        let place = self.lanes.of(target);
        let permit = self.under_way.acquire().await.expect("the gate is never closed");
        loop {
            let wait = self.book().take(&self.rules, place, Instant::now());
            let Some(wait) = wait else { return (permit, since.elapsed()) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Holds every request back for this long.
    pub(crate) fn hold(&self, wait: Duration) {
        self.book().hold(Instant::now() + wait);
    }

    /// Learns from the headers of an answer.
    pub(crate) fn learn(&self, target: &str, answer: &Answer, now: Timestamp) {
        let number = |header: &Option<String>| -> Option<u64> {
            answer.header(header.as_deref()?)?.trim().split(['.', ',', ';']).next()?.trim().parse().ok()
        };
        let (Some(limit), Some(remaining), Some(reset)) = (
            number(&self.rules.limit_header),
            number(&self.rules.remaining_header),
            number(&self.rules.reset_header),
        ) else {
            return;
        };
        let place = self.lanes.of(target);
        self.book().learn(place, limit, remaining, until_end(reset, now), Instant::now());
    }
}

/// How long a window lasts whose end the vendor tells in whole seconds: to the end of that second. To its
/// begin would be up to a second too early, and whoever asks between the two is told of a window that is
/// over, and held back by nothing.
fn until_end(reset: u64, now: Timestamp) -> Duration {
    let past_ms = if reset < EPOCH_FROM { 0 } else { u64::try_from(now.as_millisecond()).unwrap_or(0) };
    Duration::from_millis((reset.saturating_add(1)).saturating_mul(1000).saturating_sub(past_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const ONE: Place = (0, 0);

    fn takes(book: &mut Book, rules: &PaceRules, now: Instant) -> usize {
        (0..1000).take_while(|_| book.take(rules, ONE, now).is_none()).count()
    }

    #[test]
    fn our_share_of_a_window_is_not_passed() {
        let (rules, now) = (PaceRules::default(), Instant::now());
        let mut book = Book::default();
        book.learn(ONE, 100, 99, MINUTE, now);
        assert_eq!(takes(&mut book, &rules, now), 19, "one of 20 is the request that was answered");
        assert_eq!(book.take(&rules, ONE, now), Some(MINUTE));
        book.learn(ONE, 100, 60, MINUTE, now);
        assert!(book.take(&rules, ONE, now).is_some(), "the same window, told again, gives no new share");
        let later = now + MINUTE;
        book.learn(ONE, 100, 99, MINUTE, later);
        assert_eq!(takes(&mut book, &rules, later), 19);
    }

    #[test]
    fn a_tenth_is_left_to_others() {
        let (rules, now) = (PaceRules { budget_percent: 100, ..PaceRules::default() }, Instant::now());
        let mut book = Book::default();
        book.learn(ONE, 100, 13, MINUTE, now);
        assert_eq!(takes(&mut book, &rules, now), 3);
    }

    #[test]
    fn windows_of_one_bucket_are_told_apart_by_their_limits() {
        let (rules, now) = (PaceRules::default(), Instant::now());
        let mut book = Book::default();
        let (narrow, wide, twin, fresh) = ((1, 0), (2, 0), (3, 0), (4, 0));
        book.learn(narrow, 50, 49, MINUTE, now);
        book.learn(wide, 1000, 999, MINUTE, now);
        book.learn(twin, 50, 48, MINUTE, now);
        let taken = (0..100).take_while(|_| book.take(&rules, narrow, now).is_none()).count();
        assert_eq!(taken, 8, "two of the ten that are ours were used by the lanes' first requests");
        assert!(book.take(&rules, twin, now).is_some(), "the twin shares the window");
        assert!(book.take(&rules, wide, now).is_none(), "the wide one does not");
        assert!(
            book.take(&rules, fresh, now).is_none(),
            "nothing is known of a lane before its first answer"
        );
    }

    #[test]
    fn a_window_is_over_when_its_last_second_is() {
        let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap();
        let left = |ms| until_end(1_800_000_007, at(ms));
        assert_eq!(left(0), Duration::from_secs(8));
        assert_eq!(left(7_400), Duration::from_millis(600), "it may end at 7.9");
        assert_eq!(left(9_000), Duration::ZERO);
        assert_eq!(until_end(7, at(0)), Duration::from_secs(8), "seconds from now");
    }

    #[test]
    fn requests_a_second_are_spread() {
        let (rules, now) = (PaceRules { per_second: 10, ..PaceRules::default() }, Instant::now());
        let mut book = Book::default();
        assert_eq!(book.take(&rules, ONE, now), None);
        assert_eq!(book.take(&rules, ONE, now), Some(Duration::from_millis(100)));
        assert_eq!(book.take(&rules, ONE, now + Duration::from_millis(100)), None);
    }

    #[test]
    fn the_longest_hold_counts() {
        let (rules, now) = (PaceRules::default(), Instant::now());
        let mut book = Book::default();
        book.hold(now + MINUTE);
        book.hold(now + Duration::from_secs(1));
        assert_eq!(book.take(&rules, ONE, now), Some(MINUTE));
        assert_eq!(book.take(&rules, ONE, now + MINUTE), None);
    }
}
