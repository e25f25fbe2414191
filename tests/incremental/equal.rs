//! The heart: after any changes an hourly snapshot is what a full one would be.

use std::collections::BTreeMap;

use lastgood::base::coverage::State;
use lastgood::collect::due::{FULL_SWEEP_EVERY, Full};
use lastgood::collect::mark::Mark;
use lastgood::sim::log::Habits;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::changes::{Deed, Draw, make};
use crate::tenant::{Held, Tenant, faults};

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Where two states differ, in words.
pub(crate) fn differences(found: &Held, truth: &Held) -> Vec<String> {
    let mut out = Vec::new();
    for (path, body) in truth {
        match found.get(path) {
            None => out.push(format!("missing: {path}")),
            Some(other) if other != body => {
                out.push(format!("stale: {path}\n  has   {other}\n  is    {body}"))
            }
            Some(_) => {}
        }
    }
    out.extend(found.keys().filter(|path| !truth.contains_key(*path)).map(|path| format!("gone: {path}")));
    out
}

#[test]
fn an_hour_without_changes_reads_little_and_finds_nothing() {
    runtime().block_on(async {
        let tenant = Tenant::start(12, 5).await;
        let first = tenant.snapshot().await;
        assert_eq!(first.full, Some(Full::First));
        tenant.wait(3600);
        let hour = tenant.snapshot().await;
        assert_eq!(hour.full, None);
        let counts = (hour.snapshot.added, hour.snapshot.changed, hour.snapshot.removed);
        assert_eq!(counts, (0, 0, 0));
        assert!(hour.snapshot.requests * 2 < first.snapshot.requests);
        assert_eq!(differences(&tenant.held(), &tenant.truth().await.0), Vec::<String>::new());
        let counts = |ledger: &lastgood::base::coverage::Ledger| -> BTreeMap<_, _> {
            ledger.rows.iter().map(|(kind, row)| (kind.clone(), (row.state, row.count))).collect()
        };
        assert_eq!(counts(&hour.snapshot.ledger), counts(&tenant.truth().await.1));
    });
}

pub(crate) fn draws(most: usize) -> impl Strategy<Value = Vec<Draw>> {
    let deed = prop_oneof![
        4 => Just(Deed::Change),
        3 => Just(Deed::Copy),
        2 => Just(Deed::Remove),
        1 => Just(Deed::ThereAndBack),
        1 => Just(Deed::Replace),
        2 => Just(Deed::Switch),
    ];
    let draw = (any::<u32>(), any::<u32>(), deed, 1i64..120).prop_map(|(kind, instance, deed, after)| Draw {
        kind,
        instance,
        deed,
        after,
    });
    proptest::collection::vec(draw, 1..most)
}

pub(crate) fn cases(default: u32) -> u32 {
    std::env::var("LASTGOOD_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn check(tenant: &Tenant, done: &[String], truth: &Held) -> Result<(), TestCaseError> {
    let found = differences(&tenant.held(), truth);
    prop_assert!(found.is_empty(), "after\n{}\n{}", done.join("\n"), found.join("\n"));
    Ok(())
}

async fn hours(seed: u64, rounds: Vec<Vec<Draw>>, habits: Habits) -> Result<(), TestCaseError> {
    let tenant = Tenant::start(8, seed).await;
    tenant.world().log.habits = habits;
    tenant.snapshot().await;
    let mut number = 0;
    for draws in rounds {
        tenant.wait(600);
        let mut done = Vec::new();
        for draw in draws {
            number += 1;
            done.extend(make(&tenant, draw, number));
            // Whoever follows the log reads what it named so far, in the midst of the changes.
            if number % 3 == 0 {
                let collected = tenant.named().await;
                prop_assert!(collected.is_none_or(|collected| collected.full.is_none()));
            }
        }
        // Half of it is in the log by now, or none; the rest of it comes late.
        tenant.snapshot().await;
        tenant.wait(i64::from(habits.delay_seconds + habits.jitter_seconds) + 1);
        let collected = tenant.snapshot().await;
        prop_assert!(collected.full.is_none(), "{:?}", collected.full);
        prop_assert!(
            faults(&collected.snapshot.ledger).is_empty(),
            "{:?}",
            faults(&collected.snapshot.ledger)
        );
        let (truth, ledger) = tenant.truth().await;
        check(&tenant, &done, &truth)?;
        for (kind, row) in &ledger.rows {
            let own = &collected.snapshot.ledger.rows[kind];
            // A feature that nothing has is no feature to one who knows nothing from before.
            let state = |state| if state == State::NotEntitled { State::Complete } else { state };
            prop_assert_eq!((state(own.state), own.count), (state(row.state), row.count), "{}", kind);
        }
    }
    Ok(())
}

#[test]
fn an_hourly_snapshot_is_a_full_one() {
    let mut runner = TestRunner::new(Config { cases: cases(12), max_shrink_iters: 60, ..Config::default() });
    let habits = (0u32..400, 0u32..400).prop_map(|(delay_seconds, jitter_seconds)| Habits {
        delay_seconds,
        jitter_seconds,
        ..Habits::default()
    });
    let input = (any::<u64>(), proptest::collection::vec(draws(12), 1..4), habits);
    let result = runner.run(&input, |(seed, rounds, habits)| runtime().block_on(hours(seed, rounds, habits)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A log that loses events: what it hides is found by the next full sweep, which comes within a day.
async fn lossy(seed: u64, draws: Vec<Draw>, lose_every: u64) -> Result<(), TestCaseError> {
    let tenant = Tenant::start(8, seed).await;
    tenant.world().log.habits = Habits { lose_every, ..Habits::default() };
    tenant.snapshot().await;
    tenant.wait(600);
    let done: Vec<String> =
        draws.into_iter().enumerate().filter_map(|(number, draw)| make(&tenant, draw, number)).collect();
    tenant.wait(60);
    let hour = tenant.snapshot().await;
    prop_assert!(hour.full.is_none(), "{:?}", hour.full);
    let mark = Mark::from_notes(&hour.snapshot.notes).unwrap();
    tenant.clock.set(mark.swept + FULL_SWEEP_EVERY);
    let day = tenant.snapshot().await;
    prop_assert_eq!(day.full, Some(Full::Old), "the time that is stated");
    let (truth, _) = tenant.truth().await;
    check(&tenant, &done, &truth)
}

#[test]
fn what_a_lost_event_hides_is_found_within_a_day() {
    let mut runner = TestRunner::new(Config { cases: cases(4), max_shrink_iters: 60, ..Config::default() });
    let input = (any::<u64>(), draws(10), 1u64..4);
    let result = runner.run(&input, |(seed, draws, every)| runtime().block_on(lossy(seed, draws, every)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A role goes, and its event comes after the next reading; what hung on it goes with it then.
#[test]
fn what_hung_on_something_goes_with_the_late_word_of_it() {
    let draw = |kind, instance, deed, after| Draw { kind, instance, deed, after };
    let role = draw(2_723_600_224, 239_704_780, Deed::Replace, 69);
    let habits = Habits { delay_seconds: 367, jitter_seconds: 148, ..Habits::default() };
    let found = runtime().block_on(hours(9, vec![vec![role]], habits));
    assert!(found.is_ok(), "{found:?}");
}
