//! Whatever breaks while days are folded, at whichever call, also the power: every answer stays, a day is
//! folded or not, and the next run ends it.

#![expect(clippy::print_stdout, reason = "a person reads the counts")]

use jiff::SignedDuration;

use super::power::every_cut;
use super::pruned::{World, compare, hour};
use super::*;
use crate::base::time::Clock;
use crate::storage::crash::{Disk, Kept};
use crate::storage::{Fault, FaultKind};
use crate::store::TenantCompacted;

/// Microseconds of an hour, which are the ticks of the disk's clock.
const HOUR: u64 = 3_600_000_000;

/// Two days of a few hours with a note; perhaps folded, and the grace of what that replaced over.
fn before(folded: bool) -> (World, BTreeMap<u64, Model>) {
    let (world, repository) = World::new();
    let mut all = BTreeMap::new();
    for n in 0..6 {
        all.insert(world.take(&repository, &hour(n)).seq, hour(n));
        if n == 1 {
            repository.annotate(TENANT, 1, BTreeMap::from([("n".to_owned(), "v".to_owned())])).unwrap();
        }
        world.pass(if n == 2 { 22 } else { 1 });
    }
    world.pass(24);
    if folded {
        assert_eq!(world.compact(&repository).days.len(), 2);
        world.pass(73);
    }
    (world, all)
}

fn open_at(world: &World, storage: Arc<dyn Storage>, seed: u64) -> Result<Repository, StoreError> {
    let env = Environment { clock: world.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
    Repository::open(storage, &words("horse"), env, None)
}

fn run(world: &World, storage: Arc<dyn Storage>, seed: u64) -> Result<TenantCompacted, StoreError> {
    open_at(world, storage, seed)?.compact_tenant(TENANT, world.clock.now(), false, &|_, _| {})
}

fn clean(repository: &Repository, torn: bool, case: &str) {
    let report = repository.check(true, &|_, _| {}).unwrap();
    assert!(report.is_clean() || torn, "{case}: {report:?}");
}

fn after((base, all): &(World, BTreeMap<u64, Model>), folded: bool, kind: FaultKind, at: u64) {
    let case = format!("{kind:?} at operation {at}, folded before: {folded}");
    let world = World { clock: base.clock.clone(), memory: Arc::new(base.memory.copy()) };
    let fault = Arc::new(Fault::with_memory(world.memory.clone(), at, kind));
    // Whether it was told to have been done makes no difference to what is there.
    let _ = run(&world, fault, 40);
    let image = Arc::new(world.memory.after_crash());
    let torn = kind == FaultKind::Torn;
    let repository = open_at(&world, image.clone(), 41).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    // A disk that lies about a sync can lose the first of two days that it acknowledged, and the second names
    // it; nothing can help that but saying so.
    let lied = kind == FaultKind::LostSync;
    if lied && matches!(repository.snapshots(TENANT), Err(StoreError::Damaged { .. })) {
        return;
    }
    for (seq, model) in all {
        assert_eq!(&read(&repository, *seq).unwrap(), model, "{case}: snapshot {seq}");
    }

    // Whoever had the lease is dead: it ends by itself.
    world.pass(1);
    run(&world, image.clone(), 44).unwrap_or_else(|error| panic!("{case}: again: {error:?}"));
    world.pass(73);
    let ended = run(&world, image.clone(), 45).unwrap_or_else(|error| panic!("{case}: the end: {error:?}"));
    assert_eq!((ended.waiting.count, ended.days.len()), (0, 0), "{case}");
    let repository = open_at(&world, image, 43).unwrap();
    compare(&repository, all);
    clean(&repository, torn, &case);
    let next = state_of(&[("user/9", "next")]);
    let made = snapshot(&repository, &next).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert_eq!(read(&repository, made.seq).unwrap(), next, "{case}");
}

#[test]
fn a_fault_anywhere_while_days_are_folded_loses_nothing() {
    for folded in [false, true] {
        let base = before(folded);
        let start = base.0.clock.now();
        let copy: Arc<dyn Storage> = Arc::new(base.0.memory.copy());
        let quiet = Arc::new(Fault::new(copy, 0, FaultKind::Slow(0)));
        let done = run(&base.0, quiet.clone(), 40).unwrap();
        assert_eq!((done.days.len(), done.deleted.count > 0), (if folded { 0 } else { 2 }, folded));
        let operations = quiet.operations();
        assert!(operations > 15, "{operations}");
        for kind in FaultKind::ALL {
            for at in 1..=operations {
                base.0.clock.set(start);
                after(&base, folded, kind, at);
            }
        }
        println!("compact: {} kinds at each of {operations} operations", FaultKind::ALL.len());
    }
}

/// Three snapshots of a day that is over, perhaps folded, and the grace of what that replaced over.
fn disk_before(folded: bool) -> (Disk, BTreeMap<u64, Model>) {
    let disk = Disk::new();
    let repository = init(Arc::new(disk.storage()), None).unwrap();
    let states = (0..4).map(|n| (snapshot(&repository, &hour(n)).unwrap().seq, hour(n))).collect();
    disk.pass(48 * HOUR);
    if folded {
        fold(&disk, 5).unwrap();
        disk.pass(73 * HOUR);
    }
    (disk.after_power_cut(Kept::All), states)
}

fn fold(disk: &Disk, seed: u64) -> Result<TenantCompacted, StoreError> {
    let now = env(seed).clock.now() + SignedDuration::from_hours(48);
    open(Arc::new(disk.storage()), None, seed)?.compact_tenant(TENANT, now, false, &|_, _| {})
}

fn holds(disk: &Disk, all: &BTreeMap<u64, Model>, case: &str) {
    let opened = open(Arc::new(disk.storage()), None, 50);
    compare(&opened.unwrap_or_else(|error| panic!("{case}: {error:?}")), all);
    // Whoever had the lease is dead: it ends by itself.
    disk.pass(HOUR);
    fold(disk, 51).unwrap_or_else(|error| panic!("{case}: again: {error:?}"));
    disk.pass(73 * HOUR);
    fold(disk, 52).unwrap_or_else(|error| panic!("{case}: the end: {error:?}"));
    let repository = open(Arc::new(disk.storage()), None, 53).unwrap();
    compare(&repository, all);
    let report = repository.check(true, &|_, _| {}).unwrap();
    let clean = report.is_clean() && report.orphans.is_empty() && report.strangers.is_empty();
    assert!(clean && report.dying == 0, "{case}: {report:?}");
}

#[test]
fn a_power_cut_anywhere_while_days_are_folded_loses_nothing() {
    for folded in [false, true] {
        let (base, all) = disk_before(folded);
        let quiet = base.after_power_cut(Kept::All);
        let done = fold(&quiet, 40).unwrap();
        assert_eq!((done.days.len(), done.deleted.count), if folded { (0, 2) } else { (1, 0) });
        // Whether it was told to have been done makes no difference to what must hold.
        let run = |disk: &Disk| drop(fold(disk, 40));
        every_cut("compact", (&base, 1), run, |disk, (), case| holds(disk, &all, case));
    }
}
