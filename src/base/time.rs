//! Time behind a trait. Stored times are milliseconds since the epoch in UTC.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; unlike [`Self::now`] it never goes back and nobody sets it.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        floor_ms(Timestamp::now())
    }

    fn elapsed(&self) -> Duration {
        static STARTED: OnceLock<Instant> = OnceLock::new();
        STARTED.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that stands where it is put, for tests and simulated years.
pub struct FixedClock(std::sync::Mutex<Timestamp>);

impl FixedClock {
    /// A clock at this time.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(std::sync::Mutex::new(at))
    }

    /// Moves the clock.
    pub fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = at;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::MIN).unsigned_abs()
    }
}

/// The time cut to whole milliseconds, which is what is stored: a time must survive being written.
#[must_use]
pub fn floor_ms(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
