//! Applies in the sequence: one holder a tenant, records that cannot be written by one who lost it,
//! and snapshots that know during which apply they were taken.

use jiff::SignedDuration;

use super::*;
use crate::base::ids::PlanId;
use crate::storage::{Path, Span};
use crate::store::Phase;

const PLAN: PlanId = PlanId([1; 32]);
const OTHER: PlanId = PlanId([2; 32]);

/// A storage and a clock that the storage and every holder share.
struct World {
    clock: Arc<FixedClock>,
    memory: Arc<Memory>,
}

impl World {
    fn new() -> (Self, Repository) {
        let clock = Arc::new(FixedClock::new("2026-11-03T14:00:00Z".parse().unwrap()));
        let memory = Arc::new(Memory::with_clock(clock.clone()));
        init(memory.clone(), None).unwrap();
        let world = Self { clock, memory };
        let repository = world.open(2, None);
        snapshot(&repository, &state_of(&[("user/1", "ann")])).unwrap();
        (world, repository)
    }

    fn open(&self, seed: u64, folder: Option<&FilePath>) -> Repository {
        let env = Environment { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
        Repository::open(self.memory.clone(), &words("horse"), env, folder.map(FilePath::to_path_buf))
            .unwrap()
    }

    fn pass(&self, seconds: i64) {
        self.clock.set(crate::base::time::Clock::now(&*self.clock) + SignedDuration::from_secs(seconds));
    }

    fn lease_path(&self) -> Path {
        let all = crate::storage::list_all(self.memory.as_ref(), None, None).unwrap();
        all.into_iter().find(|row| row.path.as_str().ends_with(".lease")).unwrap().path
    }
}

fn held(taken: Result<crate::store::Lease, StoreError>) -> (String, Timestamp) {
    match taken {
        Err(StoreError::Locked { holder, until, .. }) => (holder, until),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("nobody holds it"),
    }
}

fn phases(repository: &Repository) -> Vec<(u8, Phase, u64)> {
    let records = repository.apply_records(TENANT).unwrap();
    records.iter().map(|record| (record.plan.0[0], record.phase, record.step)).collect()
}

#[test]
fn one_holder_a_tenant_until_it_gives_the_lease_back_or_lets_it_end() {
    let (world, one) = World::new();
    let two = world.open(3, None);
    let mut lease = one.lease(TENANT).unwrap();
    let (holder, until) = held(two.lease(TENANT));
    assert!(holder.ends_with("which is not known to this machine"), "{holder}");
    assert_eq!(until.to_string(), "2026-11-03T14:00:30Z");
    world.pass(29);
    lease.keep().unwrap();
    world.pass(29);
    held(two.lease(TENANT));
    drop(lease);
    let mut lease = two.lease(TENANT).unwrap();
    lease.append(PLAN, Phase::Accepted, 0, b"{}".to_vec()).unwrap();
    std::mem::forget(lease);
    world.pass(29);
    held(one.lease(TENANT));
    world.pass(1);
    drop(one.lease(TENANT).unwrap());
    let probes = crate::storage::list_all(world.memory.as_ref(), Some(&Path::new("probe").unwrap()), None);
    assert!(probes.unwrap().is_empty());
}

#[test]
fn who_lost_the_lease_writes_nothing_more_whatever_his_clock_says() {
    let (world, one) = World::new();
    let mut slow = one.lease(TENANT).unwrap();
    slow.append(PLAN, Phase::Accepted, 0, b"{}".to_vec()).unwrap();
    // The other sees the lease as ended, and the first one's clock stands still.
    let ahead = Arc::new(FixedClock::new("2026-11-03T14:01:00Z".parse().unwrap()));
    let mut elsewhere = {
        let env = Environment { clock: ahead, entropy: Arc::new(SeededEntropy::new(9)) };
        let two = Repository::open(world.memory.clone(), &words("horse"), env, None).unwrap();
        world.pass(60);
        let lease = two.lease(TENANT).unwrap();
        world.pass(-60);
        lease
    };
    elsewhere.append(PLAN, Phase::Accepted, 0, b"{}".to_vec()).unwrap();
    let lost = slow.append(PLAN, Phase::Intent, 0, b"{}".to_vec());
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    world.pass(15);
    let lost = slow.keep();
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    drop(slow);
    elsewhere.append(PLAN, Phase::Intent, 0, b"{}".to_vec()).unwrap();
    let all = phases(&one);
    assert_eq!(all, [(1, Phase::Accepted, 0), (1, Phase::Accepted, 0), (1, Phase::Intent, 0)]);
}

#[test]
fn on_its_own_machine_a_dead_holder_blocks_nobody() {
    let (world, _) = World::new();
    let folder = tempfile::tempdir().unwrap();
    let one = world.open(3, Some(folder.path()));
    let two = world.open(4, Some(folder.path()));
    let lease = one.lease(TENANT).unwrap();
    let (holder, _) = held(two.lease(TENANT));
    assert_eq!(holder, format!("process {} on this machine", std::process::id()));
    let bytes = world.memory.get(&world.lease_path(), Span::All, None).unwrap().bytes;
    drop(lease);
    // As after a kill: the lease is not given back, and nobody holds the file's lock.
    std::fs::create_dir_all(folder.path().join("holders")).unwrap();
    world.memory.damage(&world.lease_path(), |there| *there = bytes.to_vec());
    held(two.lease(TENANT));
    let holder = data_encoding::HEXLOWER.encode(&bytes[9..25]);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    std::fs::write(folder.path().join("holders").join(holder), format!("1 {}", boot.trim())).unwrap();
    drop(two.lease(TENANT).unwrap());
}

#[test]
fn half_of_a_lease_blocks_for_as_long_as_a_whole_one_and_no_number_comes_twice() {
    let (world, one) = World::new();
    let mut lease = one.lease(TENANT).unwrap();
    lease.append(PLAN, Phase::Accepted, 0, b"{}".to_vec()).unwrap();
    drop(lease);
    world.memory.damage(&world.lease_path(), |bytes| bytes.truncate(20));
    let (holder, _) = held(one.lease(TENANT));
    assert_eq!(holder, "a holder that cannot be read");
    world.pass(31);
    let mut lease = one.lease(TENANT).unwrap();
    lease.append(PLAN, Phase::Intent, 0, b"{}".to_vec()).unwrap();
    drop(lease);
    // Somebody deleted it: the number still grows, or the new records would be void.
    crate::storage::Storage::delete(world.memory.as_ref(), &world.lease_path()).unwrap();
    one.lease(TENANT).unwrap().append(PLAN, Phase::Outcome, 0, b"{}".to_vec()).unwrap();
    assert_eq!(phases(&one).len(), 3);
}

#[test]
fn apply_records_survive_rebuild_and_check_and_change_no_state() {
    let (world, one) = World::new();
    let mut lease = one.lease(TENANT).unwrap();
    let payload = |n: u64| format!("{{\"n\":{n}}}").into_bytes();
    for (step, phase) in [(0, Phase::Accepted), (0, Phase::Intent), (0, Phase::Outcome), (0, Phase::Finished)]
    {
        lease.append(PLAN, phase, step, payload(phase as u64)).unwrap();
    }
    drop(lease);
    let last = snapshot(&one, &state_of(&[("user/1", "ann"), ("user/2", "bob")])).unwrap();
    assert_eq!((last.seq, last.added), (6, 1));
    let folder = tempfile::tempdir().unwrap();
    let again = world.open(5, Some(folder.path()));
    for repository in [&one, &again, &world.open(6, Some(folder.path()))] {
        let records = repository.apply_records(TENANT).unwrap();
        assert_eq!(records.len(), 4);
        for record in &records {
            assert_eq!(repository.apply_payload(TENANT, record).unwrap(), payload(record.phase as u64));
        }
        assert_eq!(read(repository, 6).unwrap().len(), 2);
        assert_eq!(repository.stats().unwrap().tenants[TENANT].applies, 1);
    }
    again.rebuild_index(&|_, _| {}).unwrap();
    assert_eq!(again.apply_records(TENANT).unwrap(), one.apply_records(TENANT).unwrap());
    let report = one.check(true, &|_, _| {}).unwrap();
    assert!(report.is_clean());
    assert_eq!((report.snapshots, report.applies), (2, 4));
    // A flipped bit in a payload is found without reading every body.
    let path = Path::new(&format!("{}/000000000003", world.lease_path().as_str().trim_end_matches(".lease")))
        .unwrap();
    world.memory.damage(&path, |bytes| bytes[180] ^= 1);
    assert!(!world.open(7, None).check(false, &|_, _| {}).unwrap().is_clean());
}

#[test]
fn a_snapshot_says_during_which_apply_it_was_taken() {
    let (world, one) = World::new();
    let take = || {
        world.pass(120);
        let mut session = one.session(TENANT).unwrap();
        session.put(&key("user/1"), parts(b"ann")).unwrap();
        let now = crate::base::time::Clock::now(&*world.clock);
        session.commit(Meta { started: now, finished: now, ..meta(1) }).unwrap()
    };
    let append = |plan, phase| {
        world.pass(120);
        one.lease(TENANT).unwrap().append(plan, phase, 0, b"{}".to_vec()).unwrap();
    };
    let during = || -> Vec<u8> {
        let all = one.snapshots(TENANT).unwrap();
        all.iter().skip(1).map(|snapshot| snapshot.applying.map_or(0, |plan| plan.0[0])).collect()
    };
    take();
    append(PLAN, Phase::Accepted);
    take();
    append(PLAN, Phase::Intent);
    take();
    assert_eq!(during(), [0, 1, 1], "cut off, it is under way");
    append(PLAN, Phase::Stopped);
    take();
    assert_eq!(during(), [0, 1, 1, 0], "who stopped it knows");
    append(PLAN, Phase::Accepted);
    take();
    assert_eq!(during(), [0, 1, 1, 1, 1], "taken up again");
    append(OTHER, Phase::Accepted);
    take();
    append(OTHER, Phase::Finished);
    take();
    assert_eq!(during(), [0, 1, 1, 1, 1, 2, 0]);
    // Begun while the apply ran, committed when it had ended.
    append(PLAN, Phase::Accepted);
    let mut session = one.session(TENANT).unwrap();
    session.put(&key("user/1"), parts(b"ann")).unwrap();
    let started = crate::base::time::Clock::now(&*world.clock);
    append(PLAN, Phase::Finished);
    session.commit(Meta { started, finished: started, ..meta(1) }).unwrap();
    take();
    assert_eq!(during(), [0, 1, 1, 1, 1, 2, 0, 1, 0]);
}
