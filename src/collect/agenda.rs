//! What an hourly run reads of each kind before any event is looked at. Pure.
//!
//! A kind of which every change leaves an event, or which has a filter by time, is left to these. All
//! others are read whole, unless that takes a request for each of many parents: these wait for the full
//! sweep, which comes every day and reads them anyway. Where the last one could not read them all, a 24th
//! part of the parents has its turn in each hour of the day.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::base::coverage::{Row, State};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Provider};
use crate::collect::due::FULL_SWEEP_EVERY;
use crate::provider::{self, changed, forecast};

/// Requests that a kind may take for its being read whole every time.
pub(crate) const WHOLE_REQUESTS_MAX: u64 = 20;

/// How much of a kind is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// Nothing: its state is carried forward.
    Carry,
    /// Everything.
    Whole,
    /// What changed by the vendor's own filter, as well as what events name.
    Changed,
    /// Below the guides whose turn it is, as well as what events name.
    Turn,
    /// What could not be read last time, as well as what events name.
    Again(BTreeSet<ResourceKey>),
}

/// What is known when it is decided.
pub(crate) struct Case<'a> {
    pub(crate) catalog: &'a Provider,
    pub(crate) spec: &'a KindSpec,
    /// Others need more of its bodies than the ids that their keys hold.
    pub(crate) needed: bool,
    /// The row of the last snapshot.
    pub(crate) row: Option<&'a Row>,
    /// Now.
    pub(crate) now: Timestamp,
    /// Resources of a kind, by the last snapshot.
    pub(crate) count: &'a dyn Fn(&Kind) -> u64,
}

/// How much of a kind an hourly run reads.
pub(crate) fn reading(case: &Case<'_>) -> Reading {
    let Case { catalog, spec, needed, row, now, count } = case;
    if !spec.is_asked_for() {
        return Reading::Carry;
    }
    let Some(row) = row else { return Reading::Whole };
    let cheap = !provider::is_divisible(spec) || forecast(catalog, spec, count) <= WHOLE_REQUESTS_MAX;
    match row.state {
        State::Failed | State::Suspect => return Reading::Whole,
        // There was something, and the vendor now says that there is no such feature.
        State::NotEntitled if row.count > 0 && cheap => return Reading::Whole,
        State::NotPermitted | State::NotEntitled | State::NoApi | State::Excluded => return Reading::Carry,
        State::Partial if row.exceptions.is_empty() && cheap => return Reading::Whole,
        State::Partial | State::Complete => {}
    }
    if *needed {
        return Reading::Whole;
    }
    let again: BTreeSet<ResourceKey> = row
        .exceptions
        .iter()
        .filter(|exception| {
            matches!(exception.state, State::Partial | State::Failed | State::Suspect | State::NotPermitted)
        })
        .filter_map(|exception| ResourceKey::from_path(&exception.at))
        .collect();
    if !again.is_empty() && provider::is_divisible(spec) {
        return Reading::Again(again);
    }
    if changed::filter_of(spec).is_some() {
        return Reading::Changed;
    }
    let told = catalog.audit.as_ref().is_some_and(|audit| audit.tells(&spec.kind));
    match (told, cheap) {
        (true, _) => Reading::Carry,
        (false, true) => Reading::Whole,
        (false, false) => {
            let whole = row.read.filter(|_| row.state == State::Complete);
            let rests = whole.is_some_and(|(_, end)| now.duration_since(end) < FULL_SWEEP_EVERY);
            if rests { Reading::Carry } else { Reading::Turn }
        }
    }
}

/// The parts of the day, of 24, that have come since the last snapshot began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Turns(BTreeSet<i64>);

const HOUR: i64 = 3600;
/// How many parts of a day there are.
pub(crate) const PARTS: i64 = 24;

impl Turns {
    pub(crate) fn between(last: Timestamp, now: Timestamp) -> Self {
        let (from, to) = (last.as_second().div_euclid(HOUR), now.as_second().div_euclid(HOUR));
        let from = from.max(to - PARTS);
        Self((from + 1..=to).map(|hour| hour.rem_euclid(PARTS)).collect())
    }

    /// Whether it is this resource's turn: the same part of every day.
    pub(crate) fn have_come_to(&self, key: &ResourceKey) -> bool {
        let hash = blake3::hash(key.to_path().as_bytes());
        let part = hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        self.0.contains(&i64::try_from(part % PARTS.unsigned_abs()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn hours(from: i64, to: i64) -> Turns {
        let at = |hour: i64| Timestamp::from_second(hour * HOUR + 60).unwrap();
        Turns::between(at(from), at(to))
    }

    #[test]
    fn everybody_comes_once_a_day_whatever_the_rhythm() {
        let keys: Vec<ResourceKey> =
            (0..500).map(|n| ResourceKey::new(&Kind::new("app"), vec![format!("0oa{n}")])).collect();
        for steps in [vec![1; 24], vec![5, 5, 5, 5, 4], vec![24], vec![0, 3, 0, 21]] {
            let mut at = 4711;
            let mut times = vec![0; keys.len()];
            for step in steps {
                let turns = hours(at, at + step);
                at += step;
                for (key, times) in keys.iter().zip(&mut times) {
                    *times += usize::from(turns.have_come_to(key));
                }
            }
            assert!(times.iter().all(|times| *times == 1), "{times:?}");
        }
        let share = keys.iter().filter(|key| hours(10, 11).have_come_to(key)).count();
        assert!((5..50).contains(&share), "{share} of {} in one hour", keys.len());
        assert!(keys.iter().all(|key| hours(10, 300).have_come_to(key)), "after a long time all have come");
    }

    fn how(kind: &str, state: State, exceptions: &[&str], parents: u64) -> Reading {
        let catalog = crate::catalog::provider("okta").unwrap();
        let exception = |at: &&str| crate::base::coverage::Exception {
            at: (*at).to_owned(),
            state: State::Failed,
            reason: String::new(),
        };
        let exceptions = exceptions.iter().map(exception).collect();
        let row = Row { state, reason: String::new(), count: 1, read: None, exceptions };
        let spec = catalog.kind(&Kind::new(kind)).unwrap();
        let needed = crate::provider::Known::lean(catalog).keeps_more_than_ids(spec);
        reading(&Case {
            catalog,
            spec,
            needed,
            row: Some(&row),
            now: Timestamp::UNIX_EPOCH,
            count: &|_| parents,
        })
    }

    #[test]
    fn what_an_hour_reads() {
        let complete = |kind, parents| how(kind, State::Complete, &[], parents);
        assert_eq!(complete("user", 10_000), Reading::Changed);
        assert_eq!(complete("group_membership", 10_000), Reading::Carry, "an event tells");
        assert_eq!(complete("app", 500), Reading::Whole, "others need its bodies");
        assert_eq!(complete("sms_template", 3), Reading::Whole, "no event tells");
        assert_eq!(complete("group_owner", 1000), Reading::Turn, "no event tells, and there are many");
        assert_eq!(complete("group_owner", 5), Reading::Whole);
        assert_eq!(complete("opa_group", 5), Reading::Carry, "nothing is read of it at all");
    }

    #[test]
    fn what_was_read_whole_in_the_last_day_rests() {
        let catalog = crate::catalog::provider("okta").unwrap();
        let spec = catalog.kind(&Kind::new("group_owner")).unwrap();
        let read = Timestamp::from_second(1_800_000_000).unwrap();
        let after = |hours, state| {
            let (now, reason) = (read + SignedDuration::from_hours(hours), String::new());
            let row = Row { state, reason, count: 1, read: Some((read, read)), exceptions: vec![] };
            reading(&Case { catalog, spec, needed: false, row: Some(&row), now, count: &|_| 1000 })
        };
        let complete = |hours| after(hours, State::Complete);
        assert_eq!((complete(23), complete(24)), (Reading::Carry, Reading::Turn));
        assert_eq!(after(1, State::Partial), Reading::Turn, "the full sweep did not read all of it");
    }

    #[test]
    fn what_failed_is_tried_again() {
        assert_eq!(how("group_membership", State::Failed, &[], 1000), Reading::Whole);
        assert_eq!(how("group_membership", State::Suspect, &[], 1000), Reading::Whole);
        assert_eq!(how("group_membership", State::NotEntitled, &[], 1000), Reading::Carry);
        assert_eq!(how("sms_template", State::NotEntitled, &[], 3), Reading::Whole, "it is there no more");
        let again = [ResourceKey::from_path("group/g7").unwrap()];
        let partial = how("group_membership", State::Partial, &["group/g7"], 1000);
        assert_eq!(partial, Reading::Again(again.into()));
        assert_eq!(how("sms_template", State::Partial, &[], 3), Reading::Whole);
    }
}
