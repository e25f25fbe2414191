//! When a read is tried again, and how long to wait. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// Tries of one read, the first included, where nothing else is said: about 12 s in all, so that
/// a sweep lives through the restart of a server.
pub const TRIES_MAX: u32 = 7;

/// Tries of a read that was only told to slow down.
pub const THROTTLED_TRIES_MAX: u32 = 10;

/// Longest wait that a server may ask for; beyond it the answer stands as it is.
pub const WAIT_MAX: Duration = Duration::from_secs(600);

/// The status by which a server says that it did nothing, because somebody else is at it.
pub const LOCKED: u16 = 423;

const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(20);

/// True for a status by which a server says "not now".
#[must_use]
pub fn passes(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// The wait before try number `tries + 1`: doubling, and spread over its upper half, so that
/// several readers do not come back at the same instant. `jitter` is any number.
#[must_use]
pub fn backoff(tries: u32, jitter: u32) -> Duration {
    let doubled =
        BACKOFF_FIRST.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
    let full = doubled.min(BACKOFF_MAX);
    let share = f64::from(jitter) / f64::from(u32::MAX);
    full.mul_f64(0.5 + share / 2.0)
}

/// What `Retry-After` asks for: seconds, or a date.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = at.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_is_bounded() {
        assert_eq!(backoff(1, 0), Duration::from_millis(125));
        assert_eq!(backoff(1, u32::MAX), Duration::from_millis(250));
        assert_eq!(backoff(3, u32::MAX), Duration::from_millis(1000));
        assert_eq!(backoff(40, u32::MAX), BACKOFF_MAX);
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Tue, 24 Nov 2026 10:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Tue, 24 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
