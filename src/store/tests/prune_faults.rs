//! Whatever breaks while pruning, at whichever call: what is kept is whole, the mark is there or not, and
//! the next run ends it.

#![expect(clippy::print_stdout, reason = "a person reads the counts")]

use super::pruned::{World, asked, compare, hour, last};
use super::scenario::{noise, small};
use super::*;
use crate::base::time::Clock;
use crate::storage::{Fault, FaultKind};

const KEPT: u64 = 2;

/// Six hours with data segments, checkpoints, deltas and a note; then perhaps a mark whose grace is over.
fn before(marked: bool) -> (World, BTreeMap<u64, Model>) {
    let (world, _) = World::new();
    let repository = world.open(3, None).tuned(small());
    let mut all = BTreeMap::new();
    for n in 0..6 {
        let mut state = hour(n);
        for part in 0..4_u8 {
            let seed = if part < 2 { part } else { part + 4 * n as u8 };
            state.insert(format!("blob/{part}"), (noise(seed, 1_300), None));
        }
        all.insert(world.take(&repository, &state).seq, state);
        world.pass(1);
        if n == 1 {
            repository.annotate(TENANT, 1, BTreeMap::from([("n".to_owned(), "v".to_owned())])).unwrap();
        }
    }
    if marked {
        assert!(world.prune(&repository, &last(KEPT)).marked.count > 2);
        world.pass(73);
    }
    (world, all)
}

fn open_at(world: &World, storage: Arc<dyn Storage>, seed: u64) -> Result<Repository, StoreError> {
    let env = Environment { clock: world.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
    Ok(Repository::open(storage, &words("horse"), env, None)?.tuned(small()))
}

fn run(
    world: &World,
    storage: Arc<dyn Storage>,
    seed: u64,
) -> Result<crate::store::TenantPruned, StoreError> {
    open_at(world, storage, seed)?.prune_tenant(TENANT, &asked(&last(KEPT), world.clock.now()))
}

fn after((base, all): &(World, BTreeMap<u64, Model>), marked: bool, kind: FaultKind, at: u64) {
    let case = format!("{kind:?} at operation {at}, marked before: {marked}");
    let world = World { clock: base.clock.clone(), memory: Arc::new(base.memory.copy()) };
    let kept: BTreeMap<u64, Model> =
        all.iter().skip(all.len() - KEPT as usize).map(|(seq, model)| (*seq, model.clone())).collect();
    let fault = Arc::new(Fault::with_memory(world.memory.clone(), at, kind));
    let told = run(&world, fault, 40);
    let image = Arc::new(world.memory.after_crash());
    let repository = open_at(&world, image.clone(), 41).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    let there = repository.snapshots(TENANT).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    let done = there.len() == kept.len();
    // A disk that lies about a sync loses what it acknowledged, and that is the mark, not what it marks.
    assert!(done || (!marked && (told.is_err() || kind == FaultKind::LostSync)), "{case}");
    compare(&repository, if done { &kept } else { all });
    let report = repository.check(true, &|_, _| {}).unwrap();
    assert!(report.is_clean() || kind == FaultKind::Torn, "{case}: {report:?}");

    // Whoever had the lease is dead: it ends by itself.
    world.pass(1);
    run(&world, image.clone(), 44).unwrap_or_else(|error| panic!("{case}: again: {error:?}"));
    compare(&open_at(&world, image.clone(), 42).unwrap(), &kept);
    world.pass(73);
    run(&world, image.clone(), 45).unwrap_or_else(|error| panic!("{case}: the end: {error:?}"));
    let repository = open_at(&world, image, 43).unwrap();
    compare(&repository, &kept);
    let report = repository.check(true, &|_, _| {}).unwrap();
    assert!(report.dying == 0 && (report.is_clean() || kind == FaultKind::Torn), "{case}: {report:?}");
    let next = state_of(&[("user/9", "next")]);
    let made = snapshot(&repository, &next).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert_eq!(read(&repository, made.seq).unwrap(), next, "{case}");
}

#[test]
fn a_fault_anywhere_in_a_prune_loses_nothing_that_is_kept() {
    for marked in [false, true] {
        let base = before(marked);
        let start = base.0.clock.now();
        let copy: Arc<dyn Storage> = Arc::new(base.0.memory.copy());
        let quiet = Arc::new(Fault::new(copy, 0, FaultKind::Slow(0)));
        run(&base.0, quiet.clone(), 40).unwrap();
        let operations = quiet.operations();
        assert!(operations > 15, "{operations}");
        for kind in FaultKind::ALL {
            for at in 1..=operations {
                base.0.clock.set(start);
                after(&base, marked, kind, at);
            }
        }
        println!("prune: {} kinds at each of {operations} operations", FaultKind::ALL.len());
    }
}
