//! Points in time as people write them: RFC 3339, `2026-11-03 14:00`, `yesterday 14:00`,
//! `2h ago`, a snapshot's id or its prefix, `latest`, `live`.
//!
//! Pure: "now" and the local zone are given. A time without a zone is local, and the caller echoes
//! it in UTC so that nobody has to guess.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Shortest prefix that is taken for a snapshot's id: eight hexadecimal digits are never a date.
const PREFIX_MIN: usize = 6;

/// What a person asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum When {
    /// A point in time.
    At(Timestamp),
    /// A snapshot, by the beginning of its id.
    Snapshot(String),
    /// The newest snapshot.
    Latest,
    /// The tenant itself, now.
    Live,
}

/// A text that is no time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a time; write `2026-11-03 14:00`, `2026-11-03T14:00:00Z`, `yesterday 14:00`, `2h ago`, `latest`, `live` or a snapshot's id"
)]
pub struct NotATime(pub String);

impl When {
    /// Reads a text.
    ///
    /// # Errors
    /// [`NotATime`] names the forms that are read.
    pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Self, NotATime> {
        let text = text.trim();
        match text {
            "latest" => return Ok(Self::Latest),
            "live" => return Ok(Self::Live),
            "now" => return Ok(Self::At(now)),
            _ => {}
        }
        let here = now.to_zoned(zone.clone());
        if let Some(at) = absolute(text, zone).or_else(|| ago(text, &here)).or_else(|| day_word(text, &here))
        {
            return Ok(Self::At(at));
        }
        let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex && (PREFIX_MIN..=64).contains(&text.len()) {
            return Ok(Self::Snapshot(text.to_ascii_lowercase()));
        }
        Err(NotATime(text.into()))
    }
}

fn absolute(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local = |at: civil::DateTime| zone.to_ambiguous_zoned(at).compatible().ok().map(|at| at.timestamp());
    if let Ok(at) = text.parse::<civil::DateTime>() {
        return local(at);
    }
    local(text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0))
}

/// `2h ago`, `30 min ago`, `3 days ago`.
fn ago(text: &str, now: &Zoned) -> Option<Timestamp> {
    let span = text.strip_suffix("ago")?.trim();
    let digits = span.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = span.split_at(digits);
    let count: i64 = count.parse().ok().filter(|count| *count <= 1_000_000)?;
    let span = match unit.trim() {
        "s" | "sec" | "second" | "seconds" => Span::new().try_seconds(count),
        "m" | "min" | "minute" | "minutes" => Span::new().try_minutes(count),
        "h" | "hour" | "hours" => Span::new().try_hours(count),
        "d" | "day" | "days" => Span::new().try_days(count),
        "w" | "week" | "weeks" => Span::new().try_weeks(count),
        "month" | "months" => Span::new().try_months(count),
        "y" | "year" | "years" => Span::new().try_years(count),
        _ => return None,
    };
    Some(now.checked_sub(span.ok()?).ok()?.timestamp())
}

/// `today 09:00`, `yesterday 14:00`, `yesterday`.
fn day_word(text: &str, now: &Zoned) -> Option<Timestamp> {
    let (word, clock) = text.split_once(' ').unwrap_or((text, "00:00"));
    let date = match word {
        "today" => now.date(),
        "yesterday" => now.date().yesterday().ok()?,
        _ => return None,
    };
    let clock: civil::Time = clock.trim().parse().ok()?;
    let at = now.time_zone().to_ambiguous_zoned(date.to_datetime(clock)).compatible().ok()?;
    Some(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<When, NotATime> {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        When::parse(text, now, &TimeZone::fixed(jiff::tz::offset(1)))
    }

    fn time(text: &str) -> When {
        When::At(text.parse().unwrap())
    }

    #[test]
    fn forms_of_people() {
        assert_eq!(at("2026-11-03T14:00:00Z").unwrap(), time("2026-11-03T14:00:00Z"));
        assert_eq!(at("2026-11-03T14:00:00+02:00").unwrap(), time("2026-11-03T12:00:00Z"));
        assert_eq!(at("2026-11-03 14:00").unwrap(), time("2026-11-03T13:00:00Z"));
        assert_eq!(at("2026-11-03").unwrap(), time("2026-11-02T23:00:00Z"));
        assert_eq!(at("yesterday 14:00").unwrap(), time("2026-11-23T13:00:00Z"));
        assert_eq!(at("2h ago").unwrap(), time("2026-11-24T08:00:00Z"));
        assert_eq!(at("3 days ago").unwrap(), time("2026-11-21T10:00:00Z"));
        assert_eq!(at("latest").unwrap(), When::Latest);
        assert_eq!(at("live").unwrap(), When::Live);
        assert_eq!(at("9F31ab").unwrap(), When::Snapshot("9f31ab".into()));
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "soon", "2h", "99999999999h ago", "abc", "2026-13-01", "yesterday 25:00"] {
            assert_eq!(at(text), Err(NotATime(text.into())), "{text}");
        }
    }
}
