//! What is still to be told, and how far each receiver has got: kept in the repository and replaced as a
//! whole, so that what was found and what was told never disagree. Pure but for its form.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::daemon::alert::{Alert, Class, Phase, id_of};
use crate::daemon::written;

/// Version of the form.
const FORMAT: &str = "lastgood.outbox/1";
/// Alerts that are kept for a receiver that is away: months of an ordinary tenant.
pub const QUEUE_MAX: usize = 4096;
/// A receiver that no process has had for so long is not waited for.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The alerts of one tenant.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Outbox {
    /// The snapshot whose changes were worked through last; `None` before the first.
    pub through: Option<u64>,
    /// States that began and are not over, by their key, and the id that they began with.
    pub open: BTreeMap<String, String>,
    /// What differs from the baseline.
    pub drift: Drift,
    /// The number that the next alert gets.
    pub next: u64,
    /// What not every receiver has got yet, oldest first.
    pub queue: Vec<Alert>,
    /// By name.
    pub receivers: BTreeMap<String, Cursor>,
}

/// Resources that differ from a baseline.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub struct Drift {
    /// The baseline's snapshot.
    pub baseline: String,
    /// The snapshot up to which that was looked at.
    pub seen: u64,
    /// Their paths.
    pub paths: BTreeSet<String>,
}

/// How far a receiver has got.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The first alert that it has not got.
    pub next: u64,
    /// When a process had it last.
    pub seen: Timestamp,
}

impl Outbox {
    /// Reads what [`Self::to_bytes`] wrote; `None` where it is of another form, not to be written over.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        written::from_bytes(FORMAT, bytes)
    }

    /// As kept in the repository.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        written::to_bytes(FORMAT, self)
    }

    /// Makes a receiver known; one that is new gets what comes from now on.
    pub fn meet(&mut self, name: &str, now: Timestamp) {
        let next = self.next;
        let cursor = self.receivers.entry(name.to_owned()).or_insert(Cursor { next, seen: now });
        // An hour is fine enough to forget by, and saves writes.
        if now.duration_since(cursor.seen).unsigned_abs() >= std::time::Duration::from_secs(3600) {
            cursor.seen = now;
        }
    }

    /// Puts an alert at the end.
    pub fn push(&mut self, mut alert: Alert) {
        alert.number = self.next;
        self.next += 1;
        self.queue.push(alert);
    }

    /// What a receiver has not got, oldest first.
    #[must_use]
    pub fn waiting(&self, receiver: &str) -> Vec<Alert> {
        let Some(cursor) = self.receivers.get(receiver) else { return Vec::new() };
        self.queue.iter().filter(|alert| alert.number >= cursor.next).cloned().collect()
    }

    /// Notes that a receiver has got everything before `next`.
    pub fn got(&mut self, receiver: &str, next: u64) {
        if let Some(cursor) = self.receivers.get_mut(receiver) {
            cursor.next = cursor.next.max(next);
        }
    }

    /// Lets go what everybody has got, and what is too much; then one alert says so.
    pub fn tidy(&mut self, tenant: &str, now: Timestamp) {
        self.receivers.retain(|_, cursor| now.duration_since(cursor.seen) < FORGET_AFTER);
        let least = self.receivers.values().map(|cursor| cursor.next).min().unwrap_or(self.next);
        self.queue.retain(|alert| alert.number >= least);
        let Some(many) = self.queue.len().checked_sub(QUEUE_MAX).filter(|many| *many > 0) else { return };
        // Half at once, or each alert from now on would bring another that tells of it.
        let gone: Vec<Alert> = self.queue.drain(..many + QUEUE_MAX / 2).collect();
        let (Some(first), Some(last)) = (gone.first(), gone.last()) else { return };
        let says = format!(
            "{} alerts found from {} to {} were too many to keep; `lastgood log` shows what changed",
            gone.len(),
            first.at,
            last.at
        );
        let number = last.number;
        self.queue.insert(
            0,
            Alert {
                number,
                count: gone.len() as u64,
                ..Alert::of(
                    Class::AlertsDropped,
                    tenant,
                    id_of(&[tenant, Class::AlertsDropped.as_str(), &first.id, &last.id]),
                    Phase::Event,
                    now,
                    says,
                )
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::alert::Severity;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
    }

    fn alert(text: &str) -> Alert {
        Alert {
            id: id_of(&[text]),
            state: String::new(),
            number: 0,
            tenant: "org".into(),
            rule: "r".into(),
            classes: vec![Class::Test],
            severity: Severity::Low,
            phase: Phase::Event,
            at: at(0),
            says: text.into(),
            subjects: Vec::new(),
            count: 0,
            snapshot: None,
        }
    }

    fn said(outbox: &Outbox, receiver: &str) -> Vec<String> {
        outbox.waiting(receiver).into_iter().map(|alert| alert.says).collect()
    }

    #[test]
    fn each_receiver_gets_what_came_since_it_was_known_and_nothing_goes_before_all_have_it() {
        let mut outbox = Outbox::default();
        outbox.meet("a", at(0));
        outbox.push(alert("one"));
        outbox.meet("b", at(1));
        outbox.push(alert("two"));
        let mut outbox = Outbox::from_bytes(&outbox.to_bytes()).unwrap();
        assert_eq!(
            (said(&outbox, "a"), said(&outbox, "b")),
            (vec!["one".into(), "two".into()], vec!["two".into()])
        );
        outbox.got("b", 2);
        outbox.tidy("org", at(2));
        assert_eq!((said(&outbox, "a").len(), said(&outbox, "b").len()), (2, 0));
        outbox.got("a", 1);
        outbox.tidy("org", at(2));
        assert_eq!(outbox.queue.len(), 1);
        // A receiver that nobody has any more is not waited for.
        outbox.meet("b", at(24 * 40));
        outbox.tidy("org", at(24 * 40));
        assert!(outbox.queue.is_empty() && outbox.receivers.len() == 1);
    }

    #[test]
    fn what_is_too_much_is_said() {
        let mut outbox = Outbox::default();
        outbox.meet("a", at(0));
        for number in 0..=QUEUE_MAX {
            outbox.push(alert(&format!("number {number}")));
        }
        outbox.tidy("org", at(1));
        let said = said(&outbox, "a");
        assert!(said[0].starts_with("2049 alerts found from"), "{}", said[0]);
        assert_eq!((said[1].as_str(), said.len()), ("number 2049", 1 + QUEUE_MAX / 2));
    }
}
