//! What lasts: told once when it begins and once when it is over. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::base::coverage::{Ledger, State};
use crate::base::key::Kind;
use crate::daemon::alert::{Alert, Class, Outbox, Phase, Subject, id_of};
use crate::daemon::book::Book;
use crate::daemon::care::CareBook;
use crate::daemon::schedule::Schedule;

/// How old the last good snapshot may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// So many moments of the schedule may pass.
    Periods(u32),
    /// So long.
    After(SignedDuration),
}

impl Default for Stale {
    fn default() -> Self {
        Self::Periods(3)
    }
}

impl Stale {
    /// Whether what was good last at this time is too old.
    fn is(self, last: Timestamp, schedule: &Schedule, now: Timestamp) -> bool {
        let bound = match self {
            Self::Periods(periods) => (0..periods).fold(last, |at, _| schedule.due_after(at, at)),
            Self::After(age) => last.checked_add(age).unwrap_or(Timestamp::MAX),
        };
        now > bound
    }
}

/// What may last: a sort of state, and of what, where several of one sort may last at once.
#[derive(Clone, Copy)]
struct Lasting<'a> {
    tenant: &'a str,
    class: Class,
    /// A kind, say; empty where there is but one.
    about: &'a str,
}

impl Lasting<'_> {
    fn key(&self) -> String {
        let class = self.class.as_str();
        if self.about.is_empty() { class.to_owned() } else { format!("{class}/{}", self.about) }
    }

    fn is_open(&self, outbox: &Outbox) -> bool {
        outbox.open.contains_key(&self.key())
    }

    /// What there is to tell when it begins, with `says` as its words and `id` as what it began with, or is over.
    /// Both name one state, so that a receiver closes what it opened.
    fn turned(self, outbox: &mut Outbox, id: &str, now: Timestamp, says: Option<String>) -> Option<Alert> {
        let Self { tenant, class, .. } = self;
        let key = self.key();
        let (phase, id, says) = match (says, outbox.open.get(&key)) {
            (Some(says), None) => {
                outbox.open.insert(key.clone(), id.to_owned());
                (Phase::Begun, id.to_owned(), says)
            }
            (None, Some(open)) => {
                let id = open.clone();
                outbox.open.remove(&key);
                (Phase::Over, id, format!("it is over: {}", over(class)))
            }
            _ => return None,
        };
        let state = id_of(&[tenant, &key, &id]);
        let id = id_of(&[tenant, &key, &id, phase.as_str()]);
        Some(Alert { state, ..Alert::of(class, tenant, id, phase, now, says) })
    }
}

/// A state that began, or is over.
pub fn turned(
    outbox: &mut Outbox,
    tenant: &str,
    class: Class,
    id: &str,
    now: Timestamp,
    says: Option<String>,
) {
    if let Some(alert) = (Lasting { tenant, class, about: "" }).turned(outbox, id, now, says) {
        outbox.push(alert);
    }
}

fn over(class: Class) -> &'static str {
    match class {
        Class::RunFailed => "a run has left a snapshot again",
        Class::BackupStale => "the last good snapshot is young enough again",
        Class::CheckFailed => "the repository was checked and is whole",
        Class::PruneFailed => "the repository was pruned",
        Class::Drift => "nothing differs from the baseline any more",
        Class::CoverageShrank => "the kind is read whole again, or not to be read",
        Class::Suspect => "what the tenant shows is believed again",
        Class::BaselineLost => "a baseline is pinned again",
        Class::RuleFailed => "the rule came to an end, or is there no more",
        other => other.as_str(),
    }
}

/// The states that a book tells of.
pub fn of_book(
    outbox: &mut Outbox,
    tenant: &str,
    book: &Book,
    schedule: &Schedule,
    stale: Stale,
    now: Timestamp,
) {
    let why = book.ended.as_ref().and_then(|ended| ended.failure.clone()).unwrap_or_default();
    let failing = book.failing_since;
    let id = failing.map(|since| since.to_string()).unwrap_or_default();
    turned(outbox, tenant, Class::RunFailed, &id, now, failing.map(|_| format!("the run failed: {why}")));
    // Before the first good one, the age counts from when runs began to fail.
    let good = book.good.as_ref().map(|good| good.finished);
    let Some(last) = good.or(failing) else { return };
    let old = stale.is(last, schedule, now).then(|| match good {
        Some(at) => format!("the last good snapshot is of {at}"),
        None => format!("there is no good snapshot; runs fail since {last}"),
    });
    turned(outbox, tenant, Class::BackupStale, &last.to_string(), now, old);
}

/// The states of the repository itself: the last check found damage, or came to no end, or prunes
/// and folds do.
pub fn of_care(outbox: &mut Outbox, book: &CareBook, now: Timestamp) {
    of_prune(outbox, book, now);
    let faults = book.checked.as_ref().map_or(0, |checked| checked.faults);
    let says = match &book.check.failure {
        Some(why) => Some(format!("the check of the repository came to no end: {why}")),
        None if faults > 0 => {
            Some(format!("{faults} objects are damaged or missing; `lastgood check` names them"))
        }
        // A book that was lost, or is of another form, does not say that all is well.
        None if book.checked.is_none() => return,
        None => None,
    };
    let id = book.check.begun.map(|begun| begun.to_string()).unwrap_or_default();
    turned(outbox, "", Class::CheckFailed, &id, now, says);
}

/// One run that finds a tenant held by an apply is nothing to tell: it comes again within the hour. Two are.
fn of_prune(outbox: &mut Outbox, book: &CareBook, now: Timestamp) {
    let both = [("pruning", &book.prune), ("folding days that are over", &book.compact)];
    let says = both.iter().filter(|(_, times)| times.failures >= 2).find_map(|(what, times)| {
        let why = times.failure.as_deref()?;
        Some((format!("{what} failed again: {why}"), times.begun))
    });
    // A first failure begins nothing and ends nothing, and a book that knows of neither is no good news.
    let unsure = both.iter().any(|(_, times)| times.failure.is_some())
        || both.iter().all(|(_, times)| times.ended.is_none());
    if says.is_none() && unsure {
        return;
    }
    let (says, begun) = says.map_or((None, book.prune.begun), |(says, begun)| (Some(says), begun));
    let id = begun.map(|begun| begun.to_string()).unwrap_or_default();
    turned(outbox, "", Class::PruneFailed, &id, now, says);
}

/// A rule was asked of a snapshot's changes, and came to its end, or did not at this one and why.
pub fn of_rule(
    outbox: &mut Outbox,
    tenant: &str,
    snapshot: (&str, Timestamp),
    rule: &str,
    gave_up: Option<(Subject, String)>,
) {
    let lasting = Lasting { tenant, class: Class::RuleFailed, about: rule };
    let says = gave_up.as_ref().map(|(_, why)| {
        format!("the rule `{rule}` comes to no end: {why}; what it would have told is not known, mend it")
    });
    if let Some(alert) = lasting.turned(outbox, snapshot.0, snapshot.1, says) {
        let subjects: Vec<Subject> = gave_up.into_iter().map(|(subject, _)| subject).collect();
        let count = subjects.len() as u64;
        outbox.push(Alert { subjects, count, snapshot: Some(snapshot.0.to_owned()), ..alert });
    }
}

/// The rules that came to no end, as far as an outbox knows.
#[must_use]
pub fn failed_rules(outbox: &Outbox) -> Vec<String> {
    let start = format!("{}/", Class::RuleFailed.as_str());
    outbox.open.keys().filter_map(|key| key.strip_prefix(&start)).map(str::to_owned).collect()
}

/// What of alerts themselves a person has to mend, as far as an outbox knows.
#[must_use]
pub fn troubles(outbox: &Outbox, tenant: &str) -> Vec<String> {
    let rules = failed_rules(outbox).into_iter();
    let mut troubles: Vec<String> =
        rules.map(|rule| format!("rule {rule} comes to no end over {tenant}")).collect();
    if outbox.open.contains_key(Class::BaselineLost.as_str()) {
        troubles.push(format!("the baseline of {tenant} is gone"));
    }
    troubles
}

/// Whether a kind counts as read less than it should be. What is left out on purpose does not.
fn is_short(state: State) -> bool {
    matches!(state, State::Partial | State::Failed | State::NotPermitted | State::NotEntitled)
}

/// The states of kinds that a snapshot's ledger tells of, against the one before it: one alert a kind, as each may
/// end by itself.
pub fn of_ledger(
    outbox: &mut Outbox,
    tenant: &str,
    snapshot: (&str, Timestamp),
    before: &Ledger,
    after: &Ledger,
) {
    let was_whole = |kind: &Kind| before.rows.get(kind).is_some_and(|row| row.state == State::Complete);
    for class in [Class::CoverageShrank, Class::Suspect] {
        for (kind, row) in &after.rows {
            let lasting = Lasting { tenant, class, about: kind.as_str() };
            let open = lasting.is_open(outbox);
            let says = match class {
                Class::Suspect => (row.state == State::Suspect).then(|| {
                    format!("so much of `{kind}` vanished that it is not believed; the old state is kept")
                }),
                // One that cannot be believed says nothing about whether it is read whole.
                _ if row.state == State::Suspect => continue,
                _ => (is_short(row.state) && (open || was_whole(kind)))
                    .then(|| format!("`{kind}` was read whole and is not any more")),
            };
            let subject = Subject {
                address: format!("{tenant}/{kind}"),
                name: kind.to_string(),
                op: row.state.as_str().to_owned(),
                why: row.reason.clone(),
                ..Subject::default()
            };
            if let Some(alert) = lasting.turned(outbox, snapshot.0, snapshot.1, says) {
                let snapshot = Some(snapshot.0.to_owned());
                outbox.push(Alert { subjects: vec![subject], count: 1, snapshot, ..alert });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::base::coverage::Row;
    use crate::daemon::alert::form::Form;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn ledger(states: &[(&str, State)]) -> Ledger {
        let row = |state| Row { state, reason: "403".into(), count: 1, read: None, exceptions: Vec::new() };
        let rows = states.iter().map(|(kind, state)| (Kind::new(kind), row(*state))).collect();
        Ledger { rows, unknown: Vec::new() }
    }

    fn told(outbox: &mut Outbox) -> Vec<String> {
        let word = |alert: Alert| {
            let phase = if alert.phase == Phase::Begun { "begun" } else { "over" };
            let subjects: Vec<String> = alert.subjects.into_iter().map(|subject| subject.name).collect();
            [alert.rule.as_str(), phase, &subjects.join(",")].join(" ").trim().to_owned()
        };
        std::mem::take(&mut outbox.queue).into_iter().map(word).collect()
    }

    #[test]
    fn a_state_of_the_book_is_told_once_at_each_end() {
        let hourly = Schedule::parse("0 * * * *", &TimeZone::UTC).unwrap();
        let (mut outbox, mut book) = (Outbox::default(), Book::default());
        let mut look = |book: &Book, now| {
            of_book(&mut outbox, "org", book, &hourly, Stale::default(), now);
            told(&mut outbox)
        };
        assert!(look(&book, at(0)).is_empty(), "nothing was tried yet");
        book.begin(at(0));
        book.end_well(crate::daemon::book::Good { finished: at(1), ..Default::default() }, at(1));
        assert!(look(&book, at(120)).is_empty());
        book.begin(at(60));
        book.end_badly("no answer", at(61));
        assert_eq!(look(&book, at(61)), ["run_failed begun"]);
        book.begin(at(62));
        book.end_badly("no answer", at(63));
        assert!(look(&book, at(63)).is_empty(), "told once");
        assert_eq!(look(&book, at(181)), ["backup_stale begun"]);
        book.begin(at(182));
        book.end_well(crate::daemon::book::Good { finished: at(183), ..Default::default() }, at(183));
        assert_eq!(look(&book, at(184)), ["run_failed over", "backup_stale over"]);
    }

    #[test]
    fn a_check_that_finds_damage_is_told_until_one_finds_none() {
        let mut outbox = Outbox::default();
        let mut book = CareBook::default();
        let mut look = |book: &CareBook| {
            of_care(&mut outbox, book, at(0));
            told(&mut outbox)
        };
        assert!(look(&book).is_empty());
        book.checked = Some(crate::daemon::care::Checked { faults: 2, ..Default::default() });
        assert_eq!(look(&book), ["check_failed begun"]);
        book.checked = None;
        book.check.failure = Some("the storage failed".into());
        assert!(look(&book).is_empty(), "it still lasts");
        book.check.failure = None;
        assert!(look(&book).is_empty(), "a book that knows of no check is no good news");
        book.checked = Some(crate::daemon::care::Checked::default());
        assert_eq!(look(&book), ["check_failed over"]);
    }

    #[test]
    fn the_end_of_a_state_names_the_one_that_began() {
        let mut outbox = Outbox::default();
        for (id, says) in [("1", Some("x")), ("2", None), ("3", Some("x"))] {
            turned(&mut outbox, "org", Class::RunFailed, id, at(0), says.map(str::to_owned));
        }
        let [begun, over, again] = outbox.queue.as_slice() else { panic!("three are told") };
        assert!(!begun.state.is_empty() && begun.state == over.state && begun.id != over.id);
        assert_ne!(again.state, begun.state);
    }

    #[test]
    fn a_prune_that_fails_twice_is_told_until_one_does_not() {
        let mut outbox = Outbox::default();
        let mut book = CareBook::default();
        let mut look = |book: &CareBook| {
            of_care(&mut outbox, book, at(0));
            told(&mut outbox)
        };
        book.prune.begun = Some(at(0));
        book.prune.end(Some("org: held".into()));
        assert!(look(&book).is_empty(), "an apply may have been under way");
        book.prune.begun = Some(at(60));
        book.prune.end(Some("org: held".into()));
        assert_eq!(look(&book), ["prune_failed begun"]);
        book.prune.begun = Some(at(120));
        assert!(look(&book).is_empty(), "one is under way");
        book.prune.end(None);
        assert_eq!(look(&book), ["prune_failed over"]);
    }

    #[test]
    fn an_age_of_its_own_may_be_said() {
        let daily = Schedule::parse("0 3 * * *", &TimeZone::UTC).unwrap();
        let stale = Stale::After(SignedDuration::from_hours(2));
        assert!(!stale.is(at(0), &daily, at(119)) && stale.is(at(0), &daily, at(121)));
        assert!(!Stale::Periods(3).is(at(0), &daily, at(2 * 24 * 60)));
        assert!(Stale::Periods(3).is(at(0), &daily, at(3 * 24 * 60 + 1)));
    }

    #[test]
    fn a_kind_is_told_of_once_when_it_shrinks_and_once_when_it_is_whole() {
        let mut outbox = Outbox::default();
        let whole = ledger(&[("user", State::Complete), ("app", State::Complete), ("x", State::Failed)]);
        let short = ledger(&[("user", State::NotPermitted), ("app", State::Suspect), ("x", State::Failed)]);
        let mut step = |id, before: &Ledger, after: &Ledger| {
            of_ledger(&mut outbox, "org", (id, at(0)), before, after);
            told(&mut outbox)
        };
        assert_eq!(step("s1", &whole, &short), ["coverage_shrank begun user", "suspect begun app"]);
        assert!(step("s2", &short, &short).is_empty());
        assert_eq!(step("s3", &short, &whole), ["coverage_shrank over user", "suspect over app"]);
    }

    #[test]
    fn kinds_that_shrink_together_and_come_back_apart_close_what_they_opened() {
        let states = |a, b, c| ledger(&[("app", a), ("group", b), ("user", c)]);
        let whole = states(State::Complete, State::Complete, State::Complete);
        let steps = [
            states(State::Partial, State::Failed, State::Suspect),
            states(State::Complete, State::Failed, State::Suspect),
            states(State::Complete, State::Complete, State::Complete),
            states(State::Partial, State::Complete, State::Complete),
        ];
        let (mut outbox, mut before) = (Outbox::default(), &whole);
        for (number, after) in steps.iter().enumerate() {
            of_ledger(&mut outbox, "org", (&format!("s{number}"), at(0)), before, after);
            before = after;
        }
        let uid = |alert: &Alert| {
            let body: serde_json::Value = serde_json::from_slice(&Form::Ocsf.body(alert)).unwrap();
            let status = if body["status_id"] == 4 { "closes" } else { "opens" };
            let name = body["resources"][0]["name"].as_str().unwrap().to_owned();
            (status, name, body["finding_info"]["uid"].as_str().unwrap().to_owned())
        };
        let told: Vec<_> = outbox.queue.iter().map(uid).collect();
        let words: Vec<String> = told.iter().map(|(status, name, _)| format!("{status} {name}")).collect();
        let expected =
            ["opens app", "opens group", "opens user", "closes app", "closes group", "closes user"];
        assert_eq!(words, [&expected[..], &["opens app"]].concat());
        let (opened, closed) = (&told[..3], &told[3..6]);
        for ((_, kind, opens), (_, _, closes)) in opened.iter().zip(closed) {
            assert_eq!(opens, closes, "{kind}");
        }
        let mut uids: Vec<&String> = told.iter().map(|(_, _, uid)| uid).collect();
        uids.sort();
        uids.dedup();
        assert_eq!(uids.len(), 4, "another kind, and the same kind another time, are other findings");
        let mut ids: Vec<&String> = outbox.queue.iter().map(|alert| &alert.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 7, "each is a message of its own");
    }
}
