//! A power cut, a failed call and a full disk at every single system call of the local storage: what
//! was acknowledged is there afterwards, whatever the disk kept of what was not synced.

#![expect(clippy::print_stdout, reason = "a person reads the counts")]

use std::collections::HashSet;

use super::scenario::{Told, run, small, states};
use super::*;
use crate::storage::crash::{Disk, Kept, Strike};

/// How many throws of the coin for each call; the campaign gives more.
const COINS: &str = "LASTGOOD_POWER_COINS";

/// Strikes at every system call that `run` makes on a disk as `base`, in every way, and cuts the power: `holds` looks at
/// each disk that differs, with what its owner had been told. Gives how many differed, by the way of striking.
pub(super) fn every_cut<T: Copy + std::fmt::Debug>(
    what: &str,
    (base, coins): (&Disk, u64),
    run: impl Fn(&Disk) -> T,
    holds: impl Fn(&Disk, T, &str),
) -> Vec<usize> {
    let quiet = base.after_power_cut(Kept::All);
    run(&quiet);
    let calls = quiet.calls();
    let ways = Strike::ALL.into_iter().map(|how| {
        let (mut cases, mut seen) = (0, HashSet::new());
        for at in 1..=calls + 1 {
            let disk = base.after_power_cut(Kept::All);
            disk.strike(at, how);
            let told = run(&disk);
            for kept in Kept::every_way(coins) {
                let case = format!("{how:?} at call {at} of {calls}, {kept:?} kept, {told:?}");
                let after = disk.after_power_cut(kept);
                cases += 1;
                if seen.insert(fingerprint(&after, told)) {
                    holds(&after, told, &case);
                }
            }
        }
        println!("{what}: {how:?} at each of {calls} calls: {cases} cases, {} different disks", seen.len());
        seen.len()
    });
    ways.collect()
}

/// Equal images with equal promises need to be looked at once.
fn fingerprint(disk: &Disk, told: impl std::fmt::Debug) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{told:?}").as_bytes());
    for (path, bytes) in disk.files() {
        hasher.update(path.as_bytes()).update(&[0]).update(blake3::hash(&bytes).as_bytes());
    }
    hasher.finalize()
}

/// One disk after the power came back, and what its owner had been told.
struct After<'a> {
    disk: &'a Disk,
    told: Told,
    case: &'a str,
}

impl After<'_> {
    fn holds(&self) {
        let (told, case) = (self.told, self.case);
        let storage: Arc<dyn Storage> = Arc::new(self.disk.storage());
        let repository = match open(storage.clone(), None, 50) {
            Ok(repository) => repository.tuned(small()),
            Err(StoreError::NoRepository { .. }) if !told.made => return self.begins_anew(&storage),
            Err(error) => panic!("{case}: {error:?}"),
        };
        told.holds(&repository, case);
        told.holds_lease(storage.as_ref(), &repository, case);
        // Life goes on, over whatever the dead one left.
        let next = state_of(&[("user/9", "next")]);
        let made = snapshot(&repository, &next).unwrap_or_else(|error| panic!("{case}: {error:?}"));
        assert_eq!(read(&repository, made.seq).unwrap(), next, "{case}");
        let report = repository.check(true, &|_, _| {}).unwrap();
        assert!(report.is_clean() && report.strangers.is_empty(), "{case}: {report:?}");
    }

    /// What `init` left half done does not stand in the way of the next one.
    fn begins_anew(&self, storage: &Arc<dyn Storage>) {
        let again =
            Repository::init(storage.clone(), &words("horse"), KdfCost::CHEAP_FOR_TESTS, env(51), None);
        again.map(drop).unwrap_or_else(|error| panic!("{}: init again: {error:?}", self.case));
    }
}

#[test]
fn a_power_cut_anywhere_loses_nothing_that_was_acknowledged() {
    let coins = std::env::var(COINS).map_or(2, |coins| coins.parse().unwrap());
    let quiet = Disk::new();
    let run = |disk: &Disk| run(&(Arc::new(disk.storage()) as Arc<dyn Storage>));
    let told = run(&quiet);
    assert!(told.whole && told.snapshots == states().len(), "{told:?}");
    let holds = |disk: &Disk, told: Told, case: &str| After { disk, told, case }.holds();
    for different in every_cut("power", (&Disk::new(), coins), run, holds) {
        assert!(different > 10, "the disk makes a difference: {different}");
    }
}
