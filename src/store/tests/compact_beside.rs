//! Folding beside everything else: sessions under way, other machines, writers that open nothing, applies and
//! what people say of snapshots that are folded.

use super::pruned::{World, compare, hour, last};
use super::writers::put_only;
use super::*;
use crate::base::ids::PlanId;
use crate::base::time::Clock;
use crate::storage::list_all;
use crate::store::{LateEvent, Phase};

fn hours(world: &World, repository: &Repository, numbers: std::ops::Range<u64>) -> BTreeMap<u64, Model> {
    let mut all = BTreeMap::new();
    for n in numbers {
        all.insert(world.take(repository, &hour(n)).seq, hour(n));
        world.pass(1);
    }
    all
}

/// Folds, waits and deletes what that replaced.
fn fold(world: &World, repository: &Repository) -> u64 {
    let folded = world.compact(repository).days.iter().map(|day| day.replaced.count).sum();
    world.pass(73);
    assert_eq!(world.compact(repository).deleted.count, folded);
    folded
}

#[test]
fn a_session_under_way_commits_against_what_was_folded() {
    let (world, repository) = World::new();
    let mut all = hours(&world, &repository, 0..30);
    let other = world.open(8, None);
    let mut session = other.session(TENANT).unwrap();
    let mut next = all.values().next_back().unwrap().clone();
    // Nearly what it was: a delta on a body that lies in a segment which is folded meanwhile.
    let body = [next["user/9"].0.clone(), b"!".to_vec()].concat();
    next.insert("user/9".into(), (body.clone(), None));
    session.put(&key("user/9"), parts(&body)).unwrap();
    assert_eq!(world.compact(&repository).days.len(), 1);
    let made = session.commit(meta(11)).unwrap();
    all.insert(made.seq, next);
    compare(&other, &all);
    world.pass(73);
    world.compact(&repository);
    compare(&other, &all);
    compare(&world.open(9, None), &all);
}

#[test]
fn another_machine_that_saw_the_days_before_goes_on() {
    let (world, repository) = World::new();
    let folder = tempfile::tempdir().unwrap();
    let mut all = hours(&world, &repository, 0..30);
    assert_eq!(world.open(7, Some(folder.path())).snapshots(TENANT).unwrap().len(), 30);
    let back = world.memory.copy();
    assert_eq!(fold(&world, &repository), 23);
    let there = world.open(8, Some(folder.path()));
    compare(&there, &all);
    all.insert(world.take(&there, &hour(40)).seq, hour(40));
    compare(&there, &all);
    drop(there);
    let rolled = open(Arc::new(back), Some(folder.path()), 9).unwrap();
    assert!(matches!(rolled.snapshots(TENANT), Err(StoreError::RolledBack { .. })));
}

#[test]
fn what_a_writer_that_opens_nothing_names_by_its_bytes_stays() {
    let (world, repository) = World::new();
    let mut all = hours(&world, &repository, 0..4);
    let writer = put_only(world.memory.clone(), &repository, 30).unwrap();
    let mut session = writer.session(TENANT).unwrap();
    for (path, (main, secret)) in &hour(4) {
        session.put(&key(path), Parts { secret: secret.clone(), ..parts(main) }).unwrap();
    }
    let now = world.clock.now();
    let made = session.commit(Meta { started: now, finished: now, ..meta(11) }).unwrap();
    all.insert(made.seq, hour(4));
    world.pass(1);
    all.extend(hours(&world, &repository, 5..8));
    world.pass(24);
    // Whole states are two of the eight, one before its own is named by its bytes, one is the newest.
    assert_eq!(fold(&world, &repository), 4);
    compare(&repository, &all);
    compare(&world.open(12, None), &all);
    assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
}

#[test]
fn tags_holds_events_and_applies_are_found_as_before() {
    let (world, repository) = World::new();
    let mut all = hours(&world, &repository, 0..3);
    repository.tag(TENANT, 2, "before the night").unwrap();
    repository.hold(TENANT, 3, "a case").unwrap();
    let plan = PlanId([5; 32]);
    let mut lease = repository.lease(TENANT).unwrap();
    lease.append(plan, Phase::Accepted, 0, b"{\"plan\":1}".to_vec()).unwrap();
    lease.append(plan, Phase::Finished, 0, b"{\"ids\":{}}".to_vec()).unwrap();
    drop(lease);
    let mut session = repository.session(TENANT).unwrap();
    let late =
        LateEvent { seq: 2, path: "user/1".into(), event: b"{\"event\":\"late\"}".to_vec(), explains: true };
    session.tell(std::slice::from_ref(&late)).unwrap();
    drop(session);
    all.extend(hours(&world, &repository, 3..6));
    world.pass(24);
    let tells = |repository: &Repository| {
        let applies = repository.apply_records(TENANT).unwrap();
        let payloads: Vec<Vec<u8>> =
            applies.iter().map(|record| repository.apply_payload(TENANT, record).unwrap()).collect();
        let late = repository.past(TENANT).unwrap().late_events().unwrap().as_ref().clone();
        (repository.snapshots(TENANT).unwrap(), applies, payloads, late)
    };
    let before = tells(&repository);
    assert_eq!((before.1.len(), before.3.as_slice()), (2, std::slice::from_ref(&late)));
    assert_eq!(fold(&world, &repository), 9);
    for repository in [&repository, &world.open(9, None)] {
        assert_eq!(tells(repository), before);
        compare(repository, &all);
    }
    // A hold and a tag still keep what they were put on, wherever it stands.
    world.take(&repository, &hour(7));
    world.prune(&repository, &last(1));
    let kept: Vec<u64> = repository.snapshots(TENANT).unwrap().iter().map(|snapshot| snapshot.seq).collect();
    assert_eq!(kept.iter().take(2).collect::<Vec<_>>(), [&2, &3], "{kept:?}");
}

#[test]
fn damage_in_a_folded_day_is_named_with_what_it_takes() {
    let (world, repository) = World::new();
    hours(&world, &repository, 0..30);
    fold(&world, &repository);
    let rows = list_all(world.memory.as_ref(), None, None).unwrap();
    let folded = rows.iter().find(|row| row.path.as_str().ends_with("000000000031")).unwrap();
    let (mut unnamed, mut bits) = (0, 0);
    for at in (0..usize::try_from(folded.size).unwrap()).step_by(61) {
        let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1;
        assert!(world.memory.damage(&folded.path, flip));
        let report = world.open(20, None).check(true, &|_, _| {}).unwrap();
        world.memory.damage(&folded.path, flip);
        unnamed += u64::from(!report.faults.iter().any(|fault| fault.object == folded.path.as_str()));
        bits += 1;
    }
    assert_eq!(unnamed, 0, "of {bits} changed bits");
}
