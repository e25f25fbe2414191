//! When something is due: a cron expression in a time zone, and what was done last. Pure.
//!
//! Nothing is remembered here, so nothing goes wrong when the machine sleeps, restarts or its clock is
//! set: whether a moment was missed follows from when the last run began and what time it is now. Many
//! missed moments are made up for by one run.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What stands before an expression that is not in the machine's own zone, as cron daemons have it.
const ZONE: &str = "CRON_TZ=";
/// By how much the clocks of machines that share a repository may differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The moments of a cron expression.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    /// How long after each moment it is due.
    offset: SignedDuration,
}

/// Why a text is no schedule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The zone is none that is known.
    #[error("`{0}` is no time zone: write one of the IANA names, as `CRON_TZ=Europe/Berlin 0 3 * * *`")]
    Zone(String),
    /// The expression is none.
    #[error("`{text}` is no cron expression of five fields: {why}")]
    Expression {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// No moment fits it.
    #[error("`{0}` never comes")]
    Never(String),
}

impl Schedule {
    /// Reads `MINUTE HOUR DAY MONTH WEEKDAY`, with `CRON_TZ=ZONE` before it for another zone than `zone`.
    ///
    /// # Errors
    /// It is not of the form, or no moment fits it.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let (zone, expression) = match text.trim().strip_prefix(ZONE) {
            None => (zone.clone(), text.trim()),
            Some(rest) => {
                let (name, expression) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let zone = TimeZone::get(name).map_err(|_| ScheduleError::Zone(name.to_owned()))?;
                (zone, expression.trim())
            }
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| ScheduleError::Expression {
            text: expression.to_owned(),
            why: error.to_string(),
        })?;
        let schedule = Self { cron, zone, offset: SignedDuration::ZERO };
        match schedule.moment_after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never(text.trim().to_owned())),
        }
    }

    /// The same, each moment put off by a share of `most` that is always the same for one name: tenants
    /// of one schedule do not all begin in the same second, and each keeps its rhythm.
    #[must_use]
    pub fn spread(mut self, name: &str, most: SignedDuration) -> Self {
        let hash = blake3::derive_key("lastgood/1 spread of schedules", name.as_bytes());
        let share = u64::from(u16::from_le_bytes([hash[0], hash[1]]));
        let most = u64::try_from(most.as_millis()).unwrap_or_default();
        let offset = i64::try_from(most * share / u64::from(u16::MAX)).unwrap_or_default();
        self.offset = SignedDuration::from_millis(offset);
        self
    }

    fn moment_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&at.to_zoned(self.zone.clone()), false).ok()?;
        Some(next.timestamp())
    }

    /// When it is due after something that began at `last`. What began in the future, as it looks once a clock
    /// is right again, says nothing: it is due now. Clocks of several machines may differ by a little.
    #[must_use]
    pub fn due_after(&self, last: Timestamp, now: Timestamp) -> Timestamp {
        if last.duration_since(now) > SKEW {
            return now;
        }
        // What began after a moment's own beginning is that moment's, however far moments are put off.
        let moment = self.moment_after(last.checked_sub(self.offset).unwrap_or(last));
        moment.and_then(|moment| moment.checked_add(self.offset).ok()).unwrap_or(Timestamp::MAX)
    }
}

/// The longest that anything waits for its next try.
pub const PATIENCE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Whether something that was to be left alone for at most so long still is. An end that is further away was set
/// by a clock that has been put back since, and holds nothing up.
#[must_use]
pub fn is_left_alone(until: Timestamp, most: SignedDuration, now: Timestamp) -> bool {
    until > now && until.duration_since(now) <= most
}

/// How long to wait before the next try after so many that came to nothing, one after the other.
#[must_use]
pub fn patience(tries: u32) -> SignedDuration {
    let minutes = 1_i64.checked_shl(tries.saturating_sub(1)).unwrap_or(i64::MAX);
    SignedDuration::from_secs(minutes.saturating_mul(60)).min(PATIENCE_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn moments(text: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(text, &TimeZone::UTC).unwrap();
        let mut last = at(from);
        let next = |last: &mut Timestamp| {
            *last = schedule.due_after(*last, Timestamp::MAX);
            last.to_string()
        };
        (0..count).map(|_| next(&mut last)).collect()
    }

    #[test]
    fn moments_are_those_of_the_zone() {
        assert_eq!(moments("0 * * * *", "2026-11-03T14:00:00Z", 1), ["2026-11-03T15:00:00Z"]);
        assert_eq!(moments("*/15 9-17 * * 1-5", "2026-11-06T17:46:00Z", 1), ["2026-11-09T09:00:00Z"]);
        let berlin = "CRON_TZ=Europe/Berlin 0 3 * * *";
        assert_eq!(moments(berlin, "2026-11-03T00:00:00Z", 1), ["2026-11-03T02:00:00Z"]);
    }

    #[test]
    fn an_hour_that_comes_twice_or_not_at_all_is_one_night_all_the_same() {
        // Clocks went forward on 2026-03-29 at 2:00 and back on 2026-10-25 at 3:00.
        let spring = moments("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", 3);
        assert_eq!(spring.len(), 3);
        let days: Vec<&str> = spring.iter().map(|text| &text[..10]).collect();
        assert_eq!(days, ["2026-03-29", "2026-03-30", "2026-03-31"]);
        let autumn = moments("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let hourly = moments("CRON_TZ=Europe/Berlin 0 * * * *", "2026-10-24T23:30:00Z", 4);
        let all =
            ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"];
        assert_eq!(hourly, all, "an hourly run is not left out in the hour that comes twice");
    }

    #[test]
    fn many_missed_moments_are_one_run() {
        let schedule = Schedule::parse("0 * * * *", &TimeZone::UTC).unwrap();
        let (slept, now) = (at("2026-11-03T14:00:00Z"), at("2026-11-05T09:20:00Z"));
        assert!(schedule.due_after(slept, now) <= now);
        assert_eq!(schedule.due_after(now, now), at("2026-11-05T10:00:00Z"));
    }

    #[test]
    fn a_clock_that_was_ahead_holds_nothing_up() {
        let schedule = Schedule::parse("0 * * * *", &TimeZone::UTC).unwrap();
        let (ahead, now) = (at("2031-01-01T00:00:00Z"), at("2026-11-05T09:20:00Z"));
        assert_eq!(schedule.due_after(ahead, now), now);
        let (skewed, ten) = (at("2026-11-05T09:23:00Z"), at("2026-11-05T10:00:00Z"));
        assert_eq!(schedule.due_after(skewed, now), ten, "another machine's clock is a little ahead");
    }

    #[test]
    fn what_is_no_schedule_is_refused_by_name() {
        let fault = |text| Schedule::parse(text, &TimeZone::UTC).unwrap_err().to_string();
        insta::assert_snapshot!(
            ["hourly-ish", "0 25 * * *", "0 0 31 2 *", "CRON_TZ=Mars/Base 0 * * * *", "0 * * * * *", ""]
                .map(fault)
                .join("\n"),
            @r"
        `hourly-ish` is no cron expression of five fields: Invalid pattern: Pattern must have 5 fields when seconds are disallowed.
        `0 25 * * *` is no cron expression of five fields: Component error: Number out of bounds.
        `0 0 31 2 *` never comes
        `Mars/Base` is no time zone: write one of the IANA names, as `CRON_TZ=Europe/Berlin 0 3 * * *`
        `0 * * * * *` is no cron expression of five fields: Invalid pattern: Pattern must have 5 fields when seconds are disallowed.
        `` is no cron expression of five fields: CronPattern cannot be an empty string.
        "
        );
    }

    #[test]
    fn tries_wait_longer_and_longer() {
        let minutes: Vec<i64> = [1, 2, 3, 6, 7, 40, u32::MAX].map(|n| patience(n).as_secs() / 60).into();
        assert_eq!(minutes, [1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn a_clock_that_was_put_back_leaves_nothing_alone() {
        let (now, minute) = (at("2026-11-05T09:20:00Z"), SignedDuration::from_mins(1));
        assert!(is_left_alone(now + minute, minute, now));
        assert!(!is_left_alone(now, minute, now), "it is over");
        assert!(!is_left_alone(now + minute * 2, minute, now), "nobody waits so long");
    }

    proptest! {
        #[test]
        fn a_spread_moment_stays_within_its_bound(name in "[a-z]{1,8}", most in 0_i64..20_000) {
            let plain = Schedule::parse("0 * * * *", &TimeZone::UTC).unwrap();
            let spread = plain.clone().spread(&name, SignedDuration::from_secs(most));
            let now = at("2026-11-05T09:20:00Z");
            let waits = spread.due_after(now, now).duration_since(now);
            prop_assert!(waits <= SignedDuration::from_hours(1), "never longer than a period: {waits}");
            let on_the_hour = plain.due_after(now, now).duration_since(now);
            prop_assert!(most > 0 || waits == on_the_hour);
            // It keeps its rhythm.
            let next = spread.due_after(spread.due_after(now, now), Timestamp::MAX);
            prop_assert_eq!(next.duration_since(spread.due_after(now, now)).as_secs(), 3600);
        }
    }
}
