//! What was asked, counted and, within a bound, remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many requests are remembered; older ones are only counted.
const RECORD_MAX: usize = 20_000;

/// One request that was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// The HTTP method.
    pub method: &'static str,
    /// Path and query from the server's root, as sent. Bodies are never remembered.
    pub target: String,
    /// The status, or 0 where no answer came.
    pub status: u16,
}

/// Counts since the client was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Requests sent, those for tokens and repeated ones included.
    pub requests: u64,
    /// Requests for a token.
    pub tokens: u64,
    /// Bytes of answers, as unpacked.
    pub bytes: u64,
    /// Answers that asked us to slow down.
    pub throttled: u64,
    /// Requests repeated after a failure.
    pub retries: u64,
    /// Time spent waiting for the pace, over all requests.
    pub waited: Duration,
    /// Time from sending to the answer, over all requests.
    pub answering: Duration,
    /// Answers by status; 0 where none came.
    pub by_status: BTreeMap<u16, u64>,
}

/// Counts and the last requests.
#[derive(Default)]
pub(crate) struct Journal {
    inner: Mutex<(Tally, VecDeque<Made>)>,
}

impl Journal {
    fn with<T>(&self, work: impl FnOnce(&mut Tally, &mut VecDeque<Made>) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (tally, record) = &mut *inner;
        work(tally, record)
    }

    pub(crate) fn made(&self, made: Made, bytes: usize) {
        self.with(|tally, record| {
            tally.requests += 1;
            tally.bytes += bytes as u64;
            tally.throttled += u64::from(made.status == 429);
            *tally.by_status.entry(made.status).or_default() += 1;
            if record.len() == RECORD_MAX {
                record.pop_front();
            }
            record.push_back(made);
        });
    }

    pub(crate) fn add(&self, change: impl FnOnce(&mut Tally)) {
        self.with(|tally, _| change(tally));
    }

    pub(crate) fn tally(&self) -> Tally {
        self.with(|tally, _| tally.clone())
    }

    pub(crate) fn record(&self) -> Vec<Made> {
        self.with(|_, record| record.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_bounded_and_the_count_is_not() {
        let journal = Journal::default();
        for n in 0..RECORD_MAX + 5 {
            journal.made(Made { method: "GET", target: n.to_string(), status: 200 }, 1);
        }
        assert_eq!(journal.tally().requests, RECORD_MAX as u64 + 5);
        assert_eq!(journal.record().len(), RECORD_MAX);
        assert_eq!(journal.record()[0].target, "5");
    }
}
