//! Holds a storage to a rate: a shared link, a bucket that bills bursts, a slow disk in a test.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::base::time::Clock;
use crate::storage::{Entry, Got, Path, Span, Storage, StorageError, Version};

/// What may go through in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rates {
    /// Calls of any verb; 0 is no limit.
    pub calls_per_second: u64,
    /// Bytes of objects, both ways; 0 is no limit.
    pub bytes_per_second: u64,
}

/// Wraps a storage and waits before a call until the calls before it are paid for.
pub struct Throttle {
    inner: Arc<dyn Storage>,
    rates: Rates,
    clock: Arc<dyn Clock>,
    wait: Box<dyn Fn(Duration) + Send + Sync>,
    free_at: Mutex<Timestamp>,
}

impl Throttle {
    /// Waits by sleeping the calling thread.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, rates: Rates, clock: Arc<dyn Clock>) -> Self {
        Self::with_wait(inner, rates, clock, Box::new(std::thread::sleep))
    }

    /// Waits by calling `wait`, so that a test can move its clock instead.
    #[must_use]
    pub fn with_wait(
        inner: Arc<dyn Storage>,
        rates: Rates,
        clock: Arc<dyn Clock>,
        wait: Box<dyn Fn(Duration) + Send + Sync>,
    ) -> Self {
        Self { inner, rates, clock, wait, free_at: Mutex::new(Timestamp::UNIX_EPOCH) }
    }

    /// Takes a place in the queue and waits for it.
    fn pay(&self, calls: u64, bytes: usize) {
        let cost = cost(calls, self.rates.calls_per_second) + cost(bytes as u64, self.rates.bytes_per_second);
        let now = self.clock.now();
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*free_at).max(now);
        *free_at = start.checked_add(cost).unwrap_or(start);
        drop(free_at);
        if start > now {
            (self.wait)(start.duration_since(now).unsigned_abs());
        }
    }
}

fn cost(amount: u64, per_second: u64) -> SignedDuration {
    if per_second == 0 {
        return SignedDuration::ZERO;
    }
    let nanos = u128::from(amount) * 1_000_000_000 / u128::from(per_second);
    SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

impl Storage for Throttle {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        self.pay(1, bytes.len());
        self.inner.put_new(path, bytes)
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        self.pay(1, 0);
        let got = self.inner.get(path, span, seen)?;
        self.pay(0, got.bytes.len());
        Ok(got)
    }

    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.pay(1, 0);
        self.inner.list(folder, after, max)
    }

    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError> {
        self.pay(1, bytes.len());
        self.inner.replace_if(path, seen, bytes)
    }

    fn delete(&self, path: &Path) -> Result<(), StorageError> {
        self.pay(1, 0);
        self.inner.delete(path)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::FixedClock;
    use crate::storage::{Memory, conformance};

    /// A throttle whose waiting moves the clock.
    fn throttle(rates: Rates) -> (Throttle, Arc<FixedClock>) {
        let clock = Arc::new(FixedClock::new(Timestamp::from_second(1_000).unwrap()));
        let moved = clock.clone();
        let wait = Box::new(move |time: Duration| {
            let step = SignedDuration::try_from(time).unwrap();
            moved.set(moved.now().checked_add(step).unwrap());
        });
        (Throttle::with_wait(Arc::new(Memory::new()), rates, clock.clone(), wait), clock)
    }

    #[test]
    fn keeps_the_contract() {
        let (throttle, _) = throttle(Rates { calls_per_second: 0, bytes_per_second: 0 });
        conformance::all(&throttle, &Path::new("scratch").unwrap()).unwrap();
    }

    #[test]
    fn time_passes_as_the_rates_say() {
        let (throttle, clock) = throttle(Rates { calls_per_second: 10, bytes_per_second: 1_000 });
        let start = clock.now();
        for name in ["a", "b", "c"] {
            throttle.put_new(&Path::new(name).unwrap(), &[0; 500]).unwrap();
        }
        // Two calls are paid for when the third begins: 2 × (0.1 s + 0.5 s).
        assert_eq!(clock.now().duration_since(start), SignedDuration::from_millis(1_200));
    }
}
