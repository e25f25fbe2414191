//! A clock that is put where the story is, and runs with the machine's once it is told.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::base::time::{Clock, SystemClock};

/// The clock of a story.
pub struct StoryClock(Mutex<Option<Timestamp>>);

impl StoryClock {
    /// A clock that stands at this time.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(Some(at)))
    }

    /// Puts it to another time.
    pub fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// From now on it runs with the machine's.
    pub fn run(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        let put = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        put.unwrap_or_else(|| SystemClock.now())
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }
}
