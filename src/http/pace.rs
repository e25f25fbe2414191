//! How fast the tenant may be asked: never faster than it allows, and never above our share.
//!
//! Three bounds hold together: requests under way, requests a second, and a share of the vendor's
//! own window as its headers describe it. The last one stops us before the 429 comes, and leaves
//! a tenth of the window alone even where others have used up the rest. A vendor has several
//! windows: a lane's is known from its first answer on, and lanes of one bucket that tell the same
//! limit are taken to share it, which errs on the slow side.
//!
//! Read `book.rs` next, which counts.

use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::http::answer::Answer;
use crate::http::book::{Book, Most, Name, Place, Told, Turn};
use crate::http::lanes::{Lane, Lanes};
use crate::http::outlook::Outlook;

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

impl PaceRules {
    /// Whether answers tell of their window.
    pub(super) fn tells(&self) -> bool {
        self.limit_header.is_some() && self.remaining_header.is_some() && self.reset_header.is_some()
    }

    /// Requests that we may make in a window of this size.
    pub(super) fn share(&self, limit: u64) -> u64 {
        (limit * u64::from(self.budget_percent.min(100)) / 100).max(1)
    }
}

/// How much of one of the vendor's windows was taken at the most.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The bucket, as the catalogue calls it; empty for what the catalogue knows no bucket of.
    pub bucket: String,
    /// Requests that the vendor allows in the window.
    pub limit: u64,
    /// Requests of them that we may make.
    pub share: u64,
    /// Requests that we made in one window.
    pub ours: u64,
    /// What was left of one to everybody.
    pub left: u64,
}

/// Numbers above this in a reset header are seconds since the epoch, below it seconds from now.
const EPOCH_FROM: u64 = 100_000_000;

/// The gate that every request goes through.
pub(crate) struct Pace {
    rules: PaceRules,
    lanes: Lanes,
    under_way: Semaphore,
    book: Mutex<Book>,
    /// Told whenever a request is over.
    over: Notify,
}

/// A request's place. Whoever drops it without an answer gives it back.
pub(crate) struct Entered<'a> {
    pace: &'a Pace,
    place: Place,
    counted: Vec<Name>,
    /// How long it was waited for.
    pub(crate) waited: Duration,
    answer: Option<Option<Told>>,
    /// None only where the gate is closed, which nobody does.
    _permit: Option<SemaphorePermit<'a>>,
}

impl Pace {
    pub(crate) fn new(rules: PaceRules) -> Self {
        let under_way = Semaphore::new(rules.concurrent.max(1) as usize);
        let lanes = Lanes::new(&rules.lanes);
        Self { rules, lanes, under_way, book: Mutex::default(), over: Notify::new() }
    }

    pub(crate) fn concurrent(&self) -> usize {
        self.rules.concurrent.max(1) as usize
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place for a request to this target.
    pub(crate) async fn enter(&self, target: &str) -> Entered<'_> {
        let since = Instant::now();
        let place = self.lanes.of(target);
        let permit = self.under_way.acquire().await.ok();
        loop {
            let mut over = std::pin::pin!(self.over.notified());
            // An answer between the look into the book and the waiting must not be missed.
            over.as_mut().enable();
            let turn = self.book().take(&self.rules, place, Instant::now());
            match turn {
                Turn::Go(counted) => {
                    let waited = since.elapsed();
                    return Entered { pace: self, place, counted, waited, answer: None, _permit: permit };
                }
                Turn::Wait(wait) => tokio::time::sleep(wait).await,
                Turn::Ask => over.await,
            }
        }
    }

    /// Holds every request back for this long.
    pub(crate) fn hold(&self, wait: Duration) {
        self.book().hold(Instant::now() + wait);
    }

    /// How long requests will take, by what has been told so far. `latency` is that of one request.
    pub(crate) fn outlook(&self, latency: Option<Duration>) -> Outlook {
        let book = self.book();
        let outlook = Outlook::new(&self.rules);
        outlook.learnt(book.limits(), book.length(), latency)
    }

    /// What was taken of the vendor's windows so far: of each bucket the one that we took most of, by the order of
    /// names.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let mut all: Vec<Taken> = {
            let of = |((bucket, limit), most): (Name, Most)| Taken {
                bucket: self.lanes.name(bucket).to_owned(),
                limit,
                share: self.rules.share(limit),
                ours: most.ours,
                left: most.left,
            };
            self.book().most().map(of).collect()
        };
        let part = |taken: &Taken| (taken.ours as f64 / taken.limit as f64, taken.limit);
        all.sort_by(|a, b| {
            a.bucket.cmp(&b.bucket).then_with(|| part(b).partial_cmp(&part(a)).unwrap_or(Ordering::Equal))
        });
        all.dedup_by(|next, first| next.bucket == first.bucket);
        all
    }

    fn told(&self, answer: &Answer, now: Timestamp) -> Option<Told> {
        let number = |header: &Option<String>| -> Option<u64> {
            answer.header(header.as_deref()?)?.trim().split(['.', ',', ';']).next()?.trim().parse().ok()
        };
        let rules = &self.rules;
        Some(Told {
            // A window of no requests at all would never let anybody learn of another one.
            limit: number(&rules.limit_header).filter(|limit| *limit > 0)?,
            remaining: number(&rules.remaining_header)?,
            left: until_end(number(&rules.reset_header)?, now),
        })
    }
}

impl Entered<'_> {
    /// Learns from the headers of the answer. A fault of the server without any says nothing of the lane.
    pub(crate) fn learn(&mut self, answer: &Answer, now: Timestamp) {
        let told = self.pace.told(answer, now);
        self.answer = (told.is_some() || answer.status < 500).then_some(told);
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.pace.book().give_back(self.place, &self.counted, self.answer, Instant::now());
        self.pace.over.notify_waiters();
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
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_window_is_over_when_its_last_second_is() {
        let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap();
        let left = |ms| until_end(1_800_000_007, at(ms));
        assert_eq!(left(0), Duration::from_secs(8));
        assert_eq!(left(7_400), Duration::from_millis(600), "it may end at 7.9");
        assert_eq!(left(9_000), Duration::ZERO);
        assert_eq!(until_end(7, at(0)), Duration::from_secs(8), "seconds from now");
    }

    fn answer(limit: u64, remaining: u64) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, number) in [("x-limit", limit), ("x-left", remaining), ("x-reset", 3600)] {
            headers.insert(name, number.into());
        }
        Answer { status: 200, headers, body: bytes::Bytes::new() }
    }

    fn pace(lanes: Vec<Lane>) -> Pace {
        let header = |name: &str| Some(name.to_owned());
        Pace::new(PaceRules {
            concurrent: 100,
            limit_header: header("x-limit"),
            remaining_header: header("x-left"),
            reset_header: header("x-reset"),
            lanes,
            ..PaceRules::default()
        })
    }

    #[test]
    fn a_window_of_nothing_is_no_window() {
        let pace = pace(Vec::new());
        for n in 0..3 {
            let mut entered = pace.enter("/apps").now_or_never().unwrap_or_else(|| panic!("{n} waits"));
            entered.learn(&answer(0, 0), Timestamp::UNIX_EPOCH);
        }
    }

    /// Polled by hand: what waits for an answer goes on when that has come, and not before.
    #[test]
    fn many_at_once_wait_for_the_first_answer_and_share_what_it_tells() {
        let lane = |path: &str| Lane { path: path.into(), bucket: "apps".into(), limit: 0 };
        let pace = pace(vec![lane("/apps/{id}/users"), lane("/apps/{id}/groups")]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let targets: Vec<String> =
            (0..60).map(|n| format!("/apps/{n}/{}", ["users", "groups"][n % 2])).collect();
        let mut waiting: Vec<_> = targets.iter().map(|target| Box::pin(pace.enter(target))).collect();
        let mut under_way = Vec::new();
        let mut sent = 0;
        let mut rounds = Vec::new();
        loop {
            waiting.retain_mut(|one| match one.as_mut().now_or_never() {
                Some(entered) => {
                    under_way.push(entered);
                    false
                }
                None => true,
            });
            rounds.push(under_way.len());
            if under_way.is_empty() {
                break;
            }
            for mut entered in under_way.drain(..) {
                sent += 1;
                entered.learn(&answer(100, 100 - sent), Timestamp::UNIX_EPOCH);
            }
        }
        let taken = Taken { bucket: "apps".into(), limit: 100, share: 20, ours: 20, left: 80 };
        assert_eq!(pace.taken(), [taken]);
        assert_eq!(rounds[0], 1, "one of both lanes, though 60 want to");
        assert_eq!(sent, 20, "a fifth of 100: {rounds:?}");
    }
}
