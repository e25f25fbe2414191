//! A power cut, a failed call and a full disk at every single system call of a prune: what is kept is
//! whole, the mark is there or not, and the next run ends it.

use super::power::every_cut;
use super::pruned::{asked, compare, hour, last};
use super::scenario::small;
use super::*;
use crate::storage::crash::{Disk, Kept};

/// Microseconds of an hour, which are the ticks of the disk's clock.
const HOUR: u64 = 3_600_000_000;

/// A disk with three snapshots, perhaps with a mark whose grace is over.
fn before(marked: bool) -> (Disk, BTreeMap<u64, Model>) {
    let disk = Disk::new();
    let repository = init(Arc::new(disk.storage()), None).unwrap().tuned(small());
    let states = (0..3).map(|n| (snapshot(&repository, &hour(n)).unwrap().seq, hour(n))).collect();
    if marked {
        prune(&disk, 5).unwrap();
        disk.pass(73 * HOUR);
    }
    (disk.after_power_cut(Kept::All), states)
}

fn opened(disk: &Disk, seed: u64) -> Result<Repository, StoreError> {
    Ok(open(Arc::new(disk.storage()), None, seed)?.tuned(small()))
}

fn prune(disk: &Disk, seed: u64) -> Result<crate::store::TenantPruned, StoreError> {
    opened(disk, seed)?.prune_tenant(TENANT, &asked(&last(1), env(seed).clock.now()))
}

fn holds(disk: &Disk, all: &BTreeMap<u64, Model>, marked: bool, case: &str) {
    let kept: BTreeMap<u64, Model> = all.iter().skip(2).map(|(seq, model)| (*seq, model.clone())).collect();
    let repository = opened(disk, 50).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    let there = repository.snapshots(TENANT).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert!(there.len() == 1 || (!marked && there.len() == 3), "{case}: {} there", there.len());
    compare(&repository, if there.len() == 1 { &kept } else { all });
    drop(repository);
    // Whoever had the lease is dead: it ends by itself.
    disk.pass(HOUR);
    prune(disk, 51).unwrap_or_else(|error| panic!("{case}: again: {error:?}"));
    disk.pass(73 * HOUR);
    prune(disk, 52).unwrap_or_else(|error| panic!("{case}: the end: {error:?}"));
    let repository = opened(disk, 53).unwrap();
    compare(&repository, &kept);
    let report = repository.check(true, &|_, _| {}).unwrap();
    let clean = report.is_clean() && report.orphans.is_empty() && report.strangers.is_empty();
    assert!(clean && report.dying == 0, "{case}: {report:?}");
}

#[test]
fn a_power_cut_anywhere_in_a_prune_loses_nothing_that_is_kept() {
    for marked in [false, true] {
        let (base, all) = before(marked);
        let quiet = base.after_power_cut(Kept::All);
        let report = prune(&quiet, 40).unwrap();
        assert_eq!((report.record.is_some(), report.deleted.count > 0), (!marked, marked));
        // Whether it was told to have been done makes no difference to what must hold.
        let run = |disk: &Disk| drop(prune(disk, 40));
        every_cut("prune", (&base, 1), run, |disk, (), case| holds(disk, &all, marked, case));
    }
}
