//! How fast the tenant may be asked: never faster than it allows, and never above our share.
//!
//! Three bounds hold together: requests under way, requests a second, and a share of the vendor's
//! own window as its headers describe it. The last one stops us before the 429 comes, and leaves
//! a tenth of the window alone even where others have used up the rest. One window is kept for a
//! tenant: where a vendor has several, the narrowest that was seen last holds, which errs on the
//! slow side.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::http::answer::Answer;

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
        }
    }
}

/// Numbers above this in a reset header are seconds since the epoch, below it seconds from now.
const EPOCH_FROM: u64 = 100_000_000;

/// Two ends of a window that lie closer than this are the same end.
const SAME_END: Duration = Duration::from_secs(2);

/// The vendor's window as last described.
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
    window: Option<Window>,
}

impl Book {
    /// Takes a place at `now`, or says how long to wait before asking again.
    fn take(&mut self, rules: &PaceRules, now: Instant) -> Option<Duration> {
        for until in [self.held_until, self.next_slot].into_iter().flatten() {
            if until > now {
                return Some(until - now);
            }
        }
        if let Some(window) = &mut self.window {
            if window.ends <= now {
                self.window = None;
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
    fn learn(&mut self, limit: u64, remaining: u64, left: Duration, now: Instant) {
        let ends = now + left;
        let ours = match &self.window {
            Some(old) if ends < old.ends + SAME_END => old.ours,
            _ => 1,
        };
        self.window = Some(Window { limit, remaining, ends, ours });
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
    under_way: Semaphore,
    book: Mutex<Book>,
}

impl Pace {
    pub(crate) fn new(rules: PaceRules) -> Self {
        let under_way = Semaphore::new(rules.concurrent.max(1) as usize);
        Self { rules, under_way, book: Mutex::default() }
    }

    pub(crate) fn concurrent(&self) -> usize {
        self.rules.concurrent.max(1) as usize
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place; returns it with the time waited.
    pub(crate) async fn enter(&self) -> (SemaphorePermit<'_>, Duration) {
        let since = Instant::now();
        let permit = self.under_way.acquire().await.expect("the gate is never closed");
        loop {
            let wait = self.book().take(&self.rules, Instant::now());
            let Some(wait) = wait else { return (permit, since.elapsed()) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Holds every request back for this long.
    pub(crate) fn hold(&self, wait: Duration) {
        self.book().hold(Instant::now() + wait);
    }

    /// Learns from the headers of an answer.
    pub(crate) fn learn(&self, answer: &Answer, now: Timestamp) {
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
        let left = if reset >= EPOCH_FROM {
            reset.saturating_sub(u64::try_from(now.as_second()).unwrap_or(0))
        } else {
            reset
        };
        self.book().learn(limit, remaining, Duration::from_secs(left), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn takes(book: &mut Book, rules: &PaceRules, now: Instant) -> usize {
        (0..1000).take_while(|_| book.take(rules, now).is_none()).count()
    }

    #[test]
    fn our_share_of_a_window_is_not_passed() {
        let (rules, now) = (PaceRules::default(), Instant::now());
        let mut book = Book::default();
        book.learn(100, 99, MINUTE, now);
        assert_eq!(takes(&mut book, &rules, now), 19, "one of 20 is the request that was answered");
        assert_eq!(book.take(&rules, now), Some(MINUTE));
        book.learn(100, 60, MINUTE, now);
        assert!(book.take(&rules, now).is_some(), "the same window, told again, gives no new share");
        let later = now + MINUTE;
        book.learn(100, 99, MINUTE, later);
        assert_eq!(takes(&mut book, &rules, later), 19);
    }

    #[test]
    fn a_tenth_is_left_to_others() {
        let (rules, now) = (PaceRules { budget_percent: 100, ..PaceRules::default() }, Instant::now());
        let mut book = Book::default();
        book.learn(100, 13, MINUTE, now);
        assert_eq!(takes(&mut book, &rules, now), 3);
    }

    #[test]
    fn requests_a_second_are_spread() {
        let (rules, now) = (PaceRules { per_second: 10, ..PaceRules::default() }, Instant::now());
        let mut book = Book::default();
        assert_eq!(book.take(&rules, now), None);
        assert_eq!(book.take(&rules, now), Some(Duration::from_millis(100)));
        assert_eq!(book.take(&rules, now + Duration::from_millis(100)), None);
    }

    #[test]
    fn the_longest_hold_counts() {
        let (rules, now) = (PaceRules::default(), Instant::now());
        let mut book = Book::default();
        book.hold(now + MINUTE);
        book.hold(now + Duration::from_secs(1));
        assert_eq!(book.take(&rules, now), Some(MINUTE));
        assert_eq!(book.take(&rules, now + MINUTE), None);
    }
}
