//! Which snapshots are kept: a pure function of a policy, two clocks and the sequence.
//!
//! Order is that of the sequence, never that of any clock. Age and period are asked of two clocks, what
//! the writer said and when the storage took the object in, and a snapshot goes only where both agree
//! that it may: a writer whose clock is wrong cannot make anything go, and neither can a copy of the
//! repository, which the storage dates all of one day. It must never drop the newest, the last good, a
//! tagged, held or pinned one, or one around an apply that has not ended. It does no I/O; `prune` does
//! what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// How long something is kept: `30d`, `1y`, `forever`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// So many units of the calendar, in UTC.
    Of(u16, Unit),
    /// Without an end.
    Forever,
}

/// A unit of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Weeks.
    Weeks,
    /// Months.
    Months,
    /// Years.
    Years,
}

/// A text that says no period.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no period; write `12h`, `30d`, `8w`, `6mo`, `7y` or `forever`")]
pub struct NotAPeriod(pub String);

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let wrong = || NotAPeriod(text.to_owned());
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = text.split_at(digits);
        let unit = match unit {
            "h" => Unit::Hours,
            "d" => Unit::Days,
            "w" => Unit::Weeks,
            "mo" => Unit::Months,
            "y" => Unit::Years,
            _ => return Err(wrong()),
        };
        let count = count.parse().ok().filter(|count| (1..=9_999).contains(count)).ok_or_else(wrong)?;
        Ok(Self::Of(count, unit))
    }
}

impl Period {
    /// The time from which on something is young enough.
    fn since(self, now: Timestamp) -> Timestamp {
        let Self::Of(count, unit) = self else { return Timestamp::MIN };
        let span = match unit {
            Unit::Hours => Span::new().try_hours(count),
            Unit::Days => Span::new().try_days(count),
            Unit::Weeks => Span::new().try_weeks(count),
            Unit::Months => Span::new().try_months(count),
            Unit::Years => Span::new().try_years(count),
        };
        let since = span.ok().and_then(|span| now.to_zoned(TimeZone::UTC).checked_sub(span).ok());
        since.map_or(Timestamp::MIN, |since| since.timestamp())
    }
}

/// The rules: of each hour, day, month and year the last snapshot is kept for so long.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Retention {
    /// So many of the newest, however near to each other.
    pub last: u64,
    /// How long the last one of each hour is kept.
    pub hourly: Option<Period>,
    /// How long the last one of each day.
    pub daily: Option<Period>,
    /// How long the last one of each month.
    pub monthly: Option<Period>,
    /// How long the last one of each year.
    pub yearly: Option<Period>,
}

impl Retention {
    /// Whether no rule says anything: then everything is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn rules(&self) -> [(Keep, Option<Period>); 4] {
        [
            (Keep::Hourly, self.hourly),
            (Keep::Daily, self.daily),
            (Keep::Monthly, self.monthly),
            (Keep::Yearly, self.yearly),
        ]
    }
}

/// What is asked of one snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its number in the sequence.
    pub seq: u64,
    /// When it was finished, as its writer said.
    pub stated: Timestamp,
    /// When the storage took it in.
    pub stored: Timestamp,
    /// Every kind was read as far as it can be, and no apply was under way.
    pub good: bool,
    /// It bears a tag.
    pub tagged: bool,
    /// It is under a legal hold.
    pub held: bool,
    /// Drift is told against it.
    pub baseline: bool,
    /// It lies around an apply that has not ended.
    pub applying: bool,
}

/// Why a snapshot is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Keep {
    /// There is no rule.
    NoRule,
    /// Nothing is newer.
    Newest,
    /// The last one that is whole.
    LastGood,
    /// Among the newest that are kept by number.
    Last,
    /// The last of its hour.
    Hourly,
    /// The last of its day.
    Daily,
    /// The last of its month.
    Monthly,
    /// The last of its year.
    Yearly,
    /// It bears a tag.
    Tagged,
    /// It is under a legal hold.
    Held,
    /// It is the baseline.
    Baseline,
    /// An apply that has not ended may need it.
    Apply,
}

impl Keep {
    /// The word in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRule => "no rule",
            Self::Newest => "newest",
            Self::LastGood => "last good",
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Tagged => "tag",
            Self::Held => "hold",
            Self::Baseline => "baseline",
            Self::Apply => "apply",
        }
    }
}

/// Why a snapshot goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Go {
    /// A later one of the same period stays in its place.
    Thinned,
    /// It is older than every rule.
    Expired,
}

impl Go {
    /// The word in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Thinned => "a later one of the same period is kept",
            Self::Expired => "older than every rule",
        }
    }
}

/// What becomes of a snapshot: every reason to keep it, or the one why it goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is kept.
    Kept(BTreeSet<Keep>),
    /// It goes.
    Goes(Go),
}

/// The same moment by the two clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// By this machine's clock, to which what writers stated is compared.
    pub stated: Timestamp,
    /// By the storage's.
    pub stored: Timestamp,
}

/// What one clock says of a snapshot.
type Clock = fn(&Candidate) -> Timestamp;

/// Decides of every snapshot, in the order of the sequence, whether it is kept.
#[must_use]
pub fn decide(policy: &Retention, now: Now, rows: &[Candidate]) -> Vec<Fate> {
    let mut kept: Vec<BTreeSet<Keep>> = rows.iter().map(|row| set_apart(policy, row)).collect();
    let mut keep = |at: Option<usize>, why: Keep| {
        if let Some(reasons) = at.and_then(|at| kept.get_mut(at)) {
            reasons.insert(why);
        }
    };
    keep(rows.len().checked_sub(1), Keep::Newest);
    keep(rows.iter().rposition(|row| row.good), Keep::LastGood);
    let last = usize::try_from(policy.last).unwrap_or(usize::MAX);
    (rows.len().saturating_sub(last)..rows.len()).for_each(|at| keep(Some(at), Keep::Last));
    let clocks: [(Timestamp, Clock); 2] = [(now.stated, |row| row.stated), (now.stored, |row| row.stored)];
    let mut young = vec![false; rows.len()];
    for (rule, period) in policy.rules() {
        let Some(period) = period else { continue };
        for (now, clock) in clocks {
            let since = period.since(now);
            let mut lasts = BTreeMap::new();
            for (at, row) in rows.iter().enumerate().filter(|(_, row)| clock(row) >= since) {
                lasts.insert(slot(rule, clock(row)), at);
                young.iter_mut().skip(at).take(1).for_each(|young| *young = true);
            }
            lasts.into_values().for_each(|at| keep(Some(at), rule));
        }
    }
    kept.into_iter()
        .zip(young)
        .map(|(reasons, young)| match (reasons.is_empty(), young) {
            (false, _) => Fate::Kept(reasons),
            (true, true) => Fate::Goes(Go::Thinned),
            (true, false) => Fate::Goes(Go::Expired),
        })
        .collect()
}

/// What keeps a snapshot whatever its age.
fn set_apart(policy: &Retention, row: &Candidate) -> BTreeSet<Keep> {
    let reasons = [
        (Keep::NoRule, policy.is_empty()),
        (Keep::Tagged, row.tagged),
        (Keep::Held, row.held),
        (Keep::Baseline, row.baseline),
        (Keep::Apply, row.applying),
    ];
    reasons.into_iter().filter(|(_, holds)| *holds).map(|(why, _)| why).collect()
}

/// The hour, day, month or year in which a time lies, in UTC.
fn slot(rule: Keep, at: Timestamp) -> (i16, i8, i8, i8) {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    match rule {
        Keep::Yearly => (at.year(), 0, 0, 0),
        Keep::Monthly => (at.year(), at.month(), 0, 0),
        Keep::Daily => (at.year(), at.month(), at.day(), 0),
        _ => (at.year(), at.month(), at.day(), at.hour()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + hours * 3600).unwrap()
    }

    fn row(seq: u64, hours: i64) -> Candidate {
        Candidate {
            seq,
            stated: at(hours),
            stored: at(hours),
            good: true,
            tagged: false,
            held: false,
            baseline: false,
            applying: false,
        }
    }

    fn now(hours: i64) -> Now {
        Now { stated: at(hours), stored: at(hours) }
    }

    fn policy() -> Retention {
        Retention {
            last: 0,
            hourly: Some("30d".parse().unwrap()),
            daily: Some("1y".parse().unwrap()),
            monthly: Some("7y".parse().unwrap()),
            yearly: None,
        }
    }

    fn kept(fates: &[Fate]) -> Vec<usize> {
        fates.iter().enumerate().filter(|(_, f)| matches!(f, Fate::Kept(_))).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_year_of_hours_becomes_hours_days_and_months() {
        let year: Vec<Candidate> = (0..365 * 24).map(|hour| row(hour as u64 + 1, hour)).collect();
        let fates = decide(&policy(), now(365 * 24), &year);
        let count = |why: Keep| {
            fates.iter().filter(|fate| matches!(fate, Fate::Kept(reasons) if reasons.contains(&why))).count()
        };
        assert_eq!((count(Keep::Hourly), count(Keep::Daily), count(Keep::Monthly)), (720, 366, 13));
        assert_eq!(kept(&fates).len(), 720 + 366 - 31);
        assert_eq!(fates[5], Fate::Goes(Go::Thinned));
        // Eight years later without another snapshot, only the last good one is left.
        let late = decide(&policy(), now(9 * 365 * 24), &year);
        assert_eq!(kept(&late), [365 * 24 - 1]);
        assert_eq!(late[0], Fate::Goes(Go::Expired));
    }

    #[test]
    fn what_came_from_one_copy_or_under_one_stopped_clock_is_not_one_hour() {
        let copied: Vec<Candidate> =
            (0..48).map(|hour| Candidate { stored: at(48), ..row(hour as u64 + 1, hour) }).collect();
        assert_eq!(kept(&decide(&policy(), now(48), &copied)).len(), 48);
        let stopped: Vec<Candidate> = (0..48)
            .map(|hour| Candidate { stated: Timestamp::UNIX_EPOCH, ..row(hour as u64 + 1, hour) })
            .collect();
        assert_eq!(kept(&decide(&policy(), now(48), &stopped)).len(), 48);
        // This machine's clock is ten years ahead.
        let ahead = Now { stated: at(10 * 365 * 24), stored: at(48) };
        let hours: Vec<Candidate> = (0..48).map(|hour| row(hour as u64 + 1, hour)).collect();
        assert_eq!(kept(&decide(&policy(), ahead, &hours)).len(), 48);
    }

    #[test]
    fn the_last_good_one_stays_however_many_bad_ones_follow() {
        let mut rows: Vec<Candidate> = (0..20).map(|n| row(n as u64 + 1, n)).collect();
        rows.iter_mut().skip(4).for_each(|row| row.good = false);
        let fates = decide(&Retention { last: 2, ..Retention::default() }, now(20), &rows);
        assert_eq!(kept(&fates), [3, 18, 19]);
        assert_eq!(fates[3], Fate::Kept([Keep::LastGood].into()));
    }

    #[test]
    fn periods_are_read_and_refused() {
        assert_eq!("30d".parse(), Ok(Period::Of(30, Unit::Days)));
        assert_eq!("6mo".parse(), Ok(Period::Of(6, Unit::Months)));
        assert_eq!("forever".parse(), Ok(Period::Forever));
        for text in ["", "d", "0d", "10000y", "-1d", "1m", "1 d", "30", "1.5y"] {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod(text.to_owned())));
        }
    }

    fn any_row() -> impl Strategy<Value = Candidate> {
        // Each flag on one snapshot in eight.
        let flags = (0..8_u8, 0..8_u8, 0..8_u8, 0..8_u8, 0..8_u8);
        (-9_000..200_i64, -9_000..200_i64, flags).prop_map(|(stated, stored, flags)| Candidate {
            stated: at(stated),
            good: flags.0 < 5,
            tagged: flags.1 == 0,
            held: flags.2 == 0,
            baseline: flags.3 == 0,
            applying: flags.4 == 0,
            ..row(0, stored)
        })
    }

    fn any_rows() -> impl Strategy<Value = Vec<Candidate>> {
        proptest::collection::vec(any_row(), 0..60).prop_map(|mut rows| {
            rows.iter_mut().zip(1..).for_each(|(row, seq)| row.seq = seq);
            rows
        })
    }

    fn any_policy() -> impl Strategy<Value = Retention> {
        let period = || {
            let unit = (0..5_usize)
                .prop_map(|at| [Unit::Hours, Unit::Days, Unit::Weeks, Unit::Months, Unit::Years][at]);
            proptest::option::of((1..40_u16, unit).prop_map(|(count, unit)| Period::Of(count, unit)))
        };
        (0..4_u64, period(), period(), period(), period()).prop_map(
            |(last, hourly, daily, monthly, yearly)| Retention { last, hourly, daily, monthly, yearly },
        )
    }

    proptest! {
        #[test]
        fn what_must_stay_stays(policy in any_policy(), rows in any_rows()) {
            let kept = kept(&decide(&policy, now(0), &rows));
            prop_assert!(rows.is_empty() || kept.contains(&(rows.len() - 1)));
            if let Some(good) = rows.iter().rposition(|row| row.good) {
                prop_assert!(kept.contains(&good));
            }
            for (at, row) in rows.iter().enumerate() {
                let apart = row.tagged || row.held || row.baseline || row.applying;
                prop_assert!(!apart || kept.contains(&at));
            }
        }

        #[test]
        fn neither_clock_alone_makes_anything_go(policy in any_policy(), rows in any_rows()) {
            let both = kept(&decide(&policy, now(0), &rows));
            let storage_only: Vec<_> = rows.iter().map(|row| Candidate { stated: row.stored, ..*row }).collect();
            let writer_only: Vec<_> = rows.iter().map(|row| Candidate { stored: row.stated, ..*row }).collect();
            for one in [storage_only, writer_only] {
                for at in kept(&decide(&policy, now(0), &one)) {
                    prop_assert!(both.contains(&at), "{at} is kept by one clock and went");
                }
            }
        }

        #[test]
        fn what_was_kept_is_kept_again(policy in any_policy(), rows in any_rows()) {
            let first = kept(&decide(&policy, now(0), &rows));
            let left: Vec<Candidate> = first.iter().map(|at| rows[*at]).collect();
            prop_assert_eq!(kept(&decide(&policy, now(0), &left)).len(), left.len());
        }

        #[test]
        fn another_rule_keeps_no_less(policy in any_policy(), more in any_policy(), rows in any_rows()) {
            prop_assume!(!policy.is_empty());
            let with = Retention {
                last: policy.last.max(more.last),
                hourly: policy.hourly.or(more.hourly),
                daily: policy.daily.or(more.daily),
                monthly: policy.monthly.or(more.monthly),
                yearly: policy.yearly.or(more.yearly),
            };
            let kept_with = kept(&decide(&with, now(0), &rows));
            for at in kept(&decide(&policy, now(0), &rows)) {
                prop_assert!(kept_with.contains(&at));
            }
        }

        #[test]
        fn every_period_that_is_young_enough_has_its_last(policy in any_policy(), rows in any_rows()) {
            let kept = kept(&decide(&policy, now(0), &rows));
            for (rule, period) in policy.rules() {
                let Some(period) = period else { continue };
                let since = period.since(at(0));
                let young: Vec<(usize, &Candidate)> =
                    rows.iter().enumerate().filter(|(_, row)| row.stored >= since).collect();
                for (_, row) in &young {
                    let mut same = young.iter().filter(|(_, other)| slot(rule, other.stored) == slot(rule, row.stored));
                    prop_assert!(same.next_back().is_some_and(|(last, _)| kept.contains(last)));
                }
            }
        }
    }
}
