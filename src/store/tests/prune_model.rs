//! Whatever is committed, tagged, held, pinned, pruned, folded, reopened and waited for: the answers are a
//! map's, less what a plain reading of the rules lets go.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::pruned::{World, compare};
use super::*;
use crate::base::time::Clock;
use crate::store::{Period, Retention};

#[derive(Clone, Debug)]
enum Step {
    /// A snapshot with these changes, so many hours later: `None` is gone.
    Commit(BTreeMap<u8, Option<u8>>, u8),
    /// Of the snapshots that are there, one.
    Tag(u8, bool),
    Hold(u8, bool),
    Pin(u8),
    Prune(u8, u8, u8),
    Compact,
    Wait,
    Reopen,
    DeleteIndex,
}

fn step() -> impl Strategy<Value = Step> {
    let body = proptest::option::weighted(0.8, 0..6_u8);
    let changes = proptest::collection::btree_map(0..8_u8, body, 0..5);
    prop_oneof![
        10 => (changes, 0..20_u8).prop_map(|(changes, hours)| Step::Commit(changes, hours)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(of, on)| Step::Tag(of, on)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(of, on)| Step::Hold(of, on)),
        1 => any::<u8>().prop_map(Step::Pin),
        4 => (0..3_u8, 0..40_u8, 0..5_u8).prop_map(|(last, hours, days)| Step::Prune(last, hours, days)),
        4 => Just(Step::Compact),
        2 => Just(Step::Wait),
        1 => Just(Step::Reopen),
        1 => Just(Step::DeleteIndex),
    ]
}

/// A snapshot as the map knows it.
#[derive(Clone, Default)]
struct Known {
    at: Timestamp,
    state: Model,
    tag: bool,
    hold: bool,
    pin: bool,
}

struct Pair {
    world: World,
    folder: tempfile::TempDir,
    repository: Option<Repository>,
    seed: u64,
    tuning: Tuning,
    known: BTreeMap<u64, Known>,
}

impl Pair {
    fn new(tuning: Tuning) -> Self {
        let (world, _) = World::new();
        let mut pair = Self {
            world,
            folder: tempfile::tempdir().unwrap(),
            repository: None,
            seed: 10,
            tuning,
            known: BTreeMap::new(),
        };
        pair.reopen(false);
        pair
    }

    fn repository(&self) -> &Repository {
        self.repository.as_ref().unwrap()
    }

    fn reopen(&mut self, delete_index: bool) {
        self.repository = None;
        if delete_index {
            std::fs::remove_file(self.folder.path().join("index.redb")).unwrap();
        }
        self.seed += 1;
        self.repository = Some(self.world.open(self.seed, Some(self.folder.path())).tuned(self.tuning));
    }

    fn run(&mut self, step: &Step) {
        let number = |of: u8| self.known.keys().nth(usize::from(of) % self.known.len().max(1)).copied();
        match step {
            Step::Commit(changes, hours) => {
                self.world.pass(i64::from(*hours));
                let mut state =
                    self.known.values().next_back().map(|known| known.state.clone()).unwrap_or_default();
                for (n, change) in changes {
                    let path = format!("user/{n}");
                    match change {
                        None => drop(state.remove(&path)),
                        // Of one size and nearly alike, so that each is a delta on the one before.
                        Some(body) => {
                            let body = format!("{{\"is\":{body},\"pad\":\"{}\"}}", "abcdefgh".repeat(60));
                            state.insert(path, (body.into_bytes(), (*n == 0).then(|| vec![*n; 5])));
                        }
                    }
                }
                let made = self.world.take(self.repository(), &state);
                let at = self.world.clock.now();
                self.known.insert(made.seq, Known { at, state, ..Known::default() });
            }
            Step::Tag(of, on) => {
                let Some(seq) = number(*of) else { return };
                let say = if *on { Repository::tag } else { Repository::untag };
                say(self.repository(), TENANT, seq, "t").unwrap();
                self.known.get_mut(&seq).unwrap().tag = *on;
            }
            Step::Hold(of, on) => {
                let Some(seq) = number(*of) else { return };
                match on {
                    true => self.repository().hold(TENANT, seq, "case").unwrap(),
                    false => self.repository().end_hold(TENANT, seq).unwrap(),
                }
                self.known.get_mut(&seq).unwrap().hold = *on;
            }
            Step::Pin(of) => {
                let Some(seq) = number(*of) else { return };
                self.repository().set_baseline(TENANT, seq).unwrap();
                self.known.iter_mut().for_each(|(number, known)| known.pin = *number == seq);
            }
            Step::Prune(last, hours, days) => self.prune(*last, *hours, *days),
            Step::Compact if self.known.is_empty() => {}
            Step::Compact => drop(self.world.compact(self.repository())),
            Step::Wait => self.world.pass(73),
            Step::Reopen => self.reopen(false),
            Step::DeleteIndex => self.reopen(true),
        }
    }

    fn prune(&mut self, last: u8, hours: u8, days: u8) {
        if self.known.is_empty() || (last, hours, days) == (0, 0, 0) {
            return;
        }
        let period = |count: u8, unit: &str| -> Option<Period> {
            (count > 0).then(|| format!("{count}{unit}").parse().unwrap())
        };
        let policy = Retention {
            last: u64::from(last),
            hourly: period(hours, "h"),
            daily: period(days, "d"),
            ..Retention::default()
        };
        self.world.prune(self.repository(), &policy);
        let now = self.world.clock.now();
        let rows: Vec<(u64, Known)> = self.known.iter().map(|(seq, known)| (*seq, known.clone())).collect();
        let hour = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%F %H").to_string();
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%F").to_string();
        for (place, (seq, known)) in rows.iter().enumerate() {
            let later = &rows[place + 1..];
            let age = now.duration_since(known.at).as_hours();
            let stays = later.len() < usize::from(last).max(1)
                || known.tag
                || known.hold
                || known.pin
                || (age <= i64::from(hours)
                    && hours > 0
                    && later.iter().all(|(_, o)| hour(o.at) != hour(known.at)))
                || (age <= 24 * i64::from(days)
                    && days > 0
                    && later.iter().all(|(_, o)| day(o.at) != day(known.at)));
            if !stays {
                self.known.remove(seq);
            }
        }
    }

    fn compare(&self, repository: &Repository) {
        if self.known.is_empty() {
            return;
        }
        compare(repository, &self.known.iter().map(|(seq, known)| (*seq, known.state.clone())).collect());
        for snapshot in repository.snapshots(TENANT).unwrap() {
            let known = &self.known[&snapshot.seq];
            let marks = (!snapshot.tags.is_empty(), snapshot.held.is_some(), snapshot.baseline);
            assert_eq!(marks, (known.tag, known.hold, known.pin), "marks of {}", snapshot.seq);
        }
        let report = repository.check(true, &|_, _| {}).unwrap();
        assert!(report.is_clean() && report.orphans.is_empty(), "{report:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_pruned_store_is_a_smaller_map_of_maps(
        steps in proptest::collection::vec(step(), 1..40),
        // With a whole state after every other hour, which is not folded; and with none.
        checkpoints in any::<bool>(),
    ) {
        let mut pair = Pair::new(if checkpoints { scenario::small() } else { Tuning::default() });
        for step in &steps {
            pair.run(step);
        }
        pair.compare(pair.repository());
        // Without any index, and with one in memory; and when everything that was marked is gone.
        pair.compare(&pair.world.open(98, None));
        pair.run(&Step::Wait);
        pair.run(&Step::Prune(200, 0, 0));
        pair.run(&Step::Compact);
        pair.compare(pair.repository());
        pair.compare(&pair.world.open(99, None));
        pair.run(&Step::Wait);
        pair.run(&Step::Compact);
        pair.compare(&pair.world.open(100, None));
    }
}
