//! Folded days answer as they did, with fewer objects and bytes; and prune takes them apart again.

#![expect(clippy::print_stdout, reason = "a person reads the figures")]

use super::pruned::{World, compare, hour, last};
use super::*;
use crate::base::time::Clock;
use crate::storage::list_all;

/// Days of hourly snapshots, with a note in each, and for a while a body over 1 MiB that is small where it is
/// compressed: it lies in pieces.
fn days(world: &World, repository: &Repository, count: u64) -> BTreeMap<u64, Model> {
    let mut all = BTreeMap::new();
    for n in 0..24 * count {
        let mut state = hour(n);
        if (30..34).contains(&n) {
            let large: String = (0..90_000 + n).map(|line| format!("{{\"line\":{line}}}")).collect();
            assert!(large.len() > 1 << 20);
            state.insert("report/large".into(), (large.into_bytes(), None));
        }
        let made = world.take(repository, &state);
        all.insert(made.seq, state);
        if n % 24 == 7 {
            let notes = BTreeMap::from([("hour".to_owned(), n.to_string())]);
            repository.annotate(TENANT, made.seq, notes).unwrap();
        }
        world.pass(1);
    }
    all
}

fn records(world: &World) -> usize {
    let all = list_all(world.memory.as_ref(), None, None).unwrap();
    let record = |path: &str| {
        matches!(crate::format::names::Name::parse(path), Some(crate::format::names::Name::Record(..)))
    };
    all.iter().filter(|row| record(row.path.as_str())).count()
}

/// Checks every byte, and that nothing is left over.
fn clean(repository: &Repository) -> crate::store::CheckReport {
    let report = repository.check(true, &|_, _| {}).unwrap();
    assert!(report.is_clean() && report.orphans.is_empty() && report.strangers.is_empty(), "{report:?}");
    report
}

#[test]
fn folded_days_answer_as_before_and_take_less() {
    let (world, repository) = World::new();
    let all = days(&world, &repository, 4);
    let listed = repository.snapshots(TENANT).unwrap();
    let (objects, bytes) = (records(&world), world.bytes());

    let seen = repository.compact_tenant(TENANT, world.clock.now(), true, &|_, _| {}).unwrap();
    assert_eq!((seen.days.len(), records(&world)), (4, objects), "a dry run writes nothing: {seen:?}");
    let done = world.compact(&repository);
    // Whole states stay, one of the first day and one of the third; and so does the newest record.
    assert_eq!(done.days.iter().map(|day| day.replaced.count).collect::<Vec<_>>(), [24, 25, 24, 24]);
    assert_eq!(clean(&repository).dying, 97);
    compare(&repository, &all);
    compare(&world.open(8, None), &all);
    assert_eq!(repository.snapshots(TENANT).unwrap(), listed, "not even what they say of themselves");

    world.pass(73);
    let swept = world.compact(&repository);
    assert_eq!((swept.deleted.count, swept.days.len()), (97, 0), "{swept:?}");
    assert_eq!(records(&world), 3 + 4);
    for repository in [&repository, &world.open(9, None)] {
        compare(repository, &all);
        assert_eq!(repository.snapshots(TENANT).unwrap(), listed);
        assert_eq!(clean(repository).dying, 0);
    }
    println!("{objects} records in {bytes} B became {} in {} B", records(&world), world.bytes());
    // The large body is most of both; beside it the hours take less than a fifth.
    assert!(world.bytes() * 2 < bytes);

    // It goes on from there: what was written against folded bodies, and the next fold.
    let more = days(&world, &repository, 2);
    let all: BTreeMap<u64, Model> = all.into_iter().chain(more).collect();
    assert_eq!(world.compact(&repository).days.len(), 2);
    world.pass(73);
    world.compact(&repository);
    compare(&world.open(10, None), &all);
    assert_eq!(clean(&world.open(11, None)).dying, 0);
}

#[test]
fn prune_takes_a_folded_day_apart() {
    let (world, repository) = World::new();
    let mut all = days(&world, &repository, 3);
    world.compact(&repository);
    world.pass(73);
    world.compact(&repository);
    all.insert(world.take(&repository, &hour(72)).seq, hour(72));
    let before = world.bytes();
    let kept: BTreeMap<u64, Model> = all.iter().skip(60).map(|(seq, model)| (*seq, model.clone())).collect();
    let mut marked = 0;
    for _ in 0..2 {
        let pruned = world.prune(&repository, &last(13));
        marked += pruned.marked.count;
        world.pass(73);
    }
    compare(&repository, &kept);
    compare(&world.open(9, None), &kept);
    assert_eq!(clean(&repository).dying, 0);
    println!("{marked} objects marked; {before} B became {} in {} records", world.bytes(), records(&world));
    // Half of a day is carried by the mark, and beside it stand a whole state, the last hour of that day, which
    // was the newest record when it was folded, and the newest.
    assert_eq!((marked, records(&world)), (4, 4));
    // What was carried twice is folded no more, and later days are.
    let more = days(&world, &repository, 2);
    world.compact(&repository);
    world.pass(73);
    world.compact(&repository);
    compare(&world.open(10, None), &kept.into_iter().chain(more).collect());
    clean(&world.open(11, None));
}

#[test]
fn an_index_from_before_goes_on_and_one_made_anew_is_the_same() {
    let (world, repository) = World::new();
    drop(repository);
    let folder = tempfile::tempdir().unwrap();
    let repository = world.open(3, Some(folder.path()));
    let all = days(&world, &repository, 3);
    world.compact(&repository);
    compare(&repository, &all);
    world.pass(73);
    world.compact(&repository);
    drop(repository);
    let repository = world.open(4, Some(folder.path()));
    compare(&repository, &all);
    let listed = repository.snapshots(TENANT).unwrap();
    repository.rebuild_index(&|_, _| {}).unwrap();
    compare(&repository, &all);
    assert_eq!(repository.snapshots(TENANT).unwrap(), listed);
    clean(&repository);
}
