//! Pruning beside everything else: sessions under way, other machines, writers that open nothing, applies,
//! people who say something at the last moment.

use std::sync::Mutex;

use super::pruned::{World, asked, compare, hour, last};
use super::scenario::{noise, small};
use super::writers::put_only;
use super::*;
use crate::base::ids::PlanId;
use crate::base::time::Clock;
use crate::storage::{Entry as Listed, Got, Path, Span, StorageError, Version, list_all};
use crate::store::{Fate, Keep, LateEvent, Phase, PruneAsked, PruneNeeds};

fn hours(world: &World, repository: &Repository, count: u64) -> BTreeMap<u64, Model> {
    let mut all = BTreeMap::new();
    for n in 0..count {
        all.insert(world.take(repository, &hour(n)).seq, hour(n));
        world.pass(1);
    }
    all
}

fn newest(all: &BTreeMap<u64, Model>, count: usize) -> BTreeMap<u64, Model> {
    all.iter().skip(all.len() - count).map(|(seq, model)| (*seq, model.clone())).collect()
}

#[test]
fn a_session_on_what_stays_commits_and_one_on_what_went_does_not() {
    let (world, repository) = World::new();
    let mut all = hours(&world, &repository, 4);
    let other = world.open(8, None);
    let mut late = other.session(TENANT).unwrap();
    late.put(&key("user/7"), parts(b"built on what goes")).unwrap();
    all.extend([(world.take(&repository, &hour(5)).seq, hour(5))]);
    let mut good = other.session(TENANT).unwrap();
    let mut next = hour(5);
    // Nearly what it was: a delta on a body that lies in a segment whose own snapshot goes.
    let body = [next["user/9"].0.clone(), b"!".to_vec()].concat();
    next.insert("user/9".into(), (body.clone(), None));
    good.put(&key("user/9"), parts(&body)).unwrap();
    assert_eq!(world.prune(&repository, &last(1)).dropped(), 4);

    let error = late.commit(meta(1)).unwrap_err();
    assert!(matches!(error, StoreError::Overtaken { .. }) && error.hint().is_some(), "{error:?}");
    let made = good.commit(meta(1)).unwrap();
    world.pass(73);
    assert!(world.prune(&repository, &last(1)).deleted.count > 0);
    let kept = [(made.seq, next)].into();
    compare(&repository, &kept);
    compare(&world.open(9, None), &kept);
}

#[test]
fn what_a_session_left_behind_goes_when_no_session_can_be_so_old() {
    let (world, repository) = World::new();
    let repository = repository.tuned(small());
    let kept = hours(&world, &repository, 1);
    let mut session = repository.session(TENANT).unwrap();
    for n in 0..9_u8 {
        session.put(&key(&format!("blob/{n}")), parts(&noise(n, 1_500))).unwrap();
    }
    let left = repository.stats().unwrap().tenants[TENANT].data_segments;
    assert!(left > 1);
    world.pass(71);
    assert!(world.prune(&repository, &last(1)).record.is_none(), "it may be under way");
    world.pass(2);
    let report = world.prune(&repository, &last(1));
    assert_eq!((report.marked.count, report.dropped()), (left, 0));
    assert!(matches!(session.commit(meta(9)), Err(StoreError::TooOld { .. })));
    world.pass(73);
    assert_eq!(world.prune(&repository, &last(1)).deleted.count, left);
    assert_eq!(repository.stats().unwrap().tenants[TENANT].data_segments, 0);
    compare(&repository, &kept);
}

#[test]
fn another_machine_that_saw_what_went_goes_on_and_still_refuses_a_rollback() {
    let (world, repository) = World::new();
    let folder = tempfile::tempdir().unwrap();
    let mut all = hours(&world, &repository, 3);
    assert_eq!(world.open(7, Some(folder.path())).snapshots(TENANT).unwrap().len(), 3);
    let back = world.memory.copy();
    all.extend([(world.take(&repository, &hour(8)).seq, hour(8))]);
    world.prune(&repository, &last(1));
    for waited in [0, 73] {
        world.pass(waited);
        world.prune(&repository, &last(1));
        compare(&world.open(8, Some(folder.path())), &newest(&all, 1));
    }
    let rolled = open(Arc::new(back), Some(folder.path()), 9).unwrap();
    assert!(matches!(rolled.snapshots(TENANT), Err(StoreError::RolledBack { .. })));
}

#[test]
fn snapshots_of_a_writer_that_opens_nothing_are_pruned_too() {
    let (world, repository) = World::new();
    let mut all = hours(&world, &repository, 2);
    let writer = put_only(world.memory.clone(), &repository, 30).unwrap();
    for n in 3..8 {
        let mut session = writer.session(TENANT).unwrap();
        for (path, (main, secret)) in &hour(n) {
            session.put(&key(path), Parts { secret: secret.clone(), ..parts(main) }).unwrap();
        }
        let now = world.clock.now();
        let made = session.commit(Meta { started: now, finished: now, ..meta(11) }).unwrap();
        all.insert(made.seq, hour(n));
        world.pass(1);
        all.extend([(world.take(&repository, &hour(n + 20)).seq, hour(n + 20))]);
        world.pass(1);
    }
    repository.tag(TENANT, 3, "a whole base").unwrap();
    repository.tag(TENANT, 6, "one after").unwrap();
    world.prune(&repository, &last(2));
    let mut kept = newest(&all, 2);
    kept.extend([3, 6].map(|seq| (seq, all[&seq].clone())));
    for waited in [0, 73] {
        world.pass(waited);
        world.prune(&repository, &last(2));
        compare(&repository, &kept);
        compare(&world.open(12, None), &kept);
        assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    }
}

#[test]
fn what_an_apply_that_has_not_ended_may_need_stays() {
    let (world, repository) = World::new();
    let all = hours(&world, &repository, 3);
    let plan = PlanId([5; 32]);
    let mut lease = repository.lease(TENANT).unwrap();
    lease.append(plan, Phase::Accepted, 0, b"{}".to_vec()).unwrap();
    let held = repository.prune_tenant(TENANT, &asked(&last(1), world.clock.now()));
    assert!(matches!(held, Err(StoreError::Locked { .. })), "an apply is under way");
    let during = world.take(&repository, &hour(9));
    lease.append(plan, Phase::Intent, 0, b"{}".to_vec()).unwrap();
    drop(lease);
    world.pass(1);
    hours(&world, &repository, 3);
    let report = world.prune(&repository, &last(1));
    let why = |seq: u64| report.fates.iter().find(|(s, _)| s.seq == seq).unwrap().1.clone();
    let before = *all.keys().next_back().unwrap();
    for seq in [before, during.seq] {
        assert!(matches!(why(seq), Fate::Kept(why) if why.contains(&Keep::Apply)), "{seq}");
    }
    assert!(matches!(why(1), Fate::Goes(_)));

    // It is taken up again and ends: then nothing needs them.
    let mut lease = repository.lease(TENANT).unwrap();
    lease.append(plan, Phase::Accepted, 0, b"{}".to_vec()).unwrap();
    lease.append(plan, Phase::Finished, 1, b"{}".to_vec()).unwrap();
    drop(lease);
    world.pass(1);
    let last_taken = world.take(&repository, &hour(12));
    world.prune(&repository, &last(1));
    compare(&repository, &[(last_taken.seq, hour(12))].into());
    assert_eq!(repository.apply_records(TENANT).unwrap().len(), 4, "what was done stays told");
}

#[test]
fn events_that_came_late_show_at_what_is_kept() {
    let (world, repository) = World::new();
    let mut all = hours(&world, &repository, 3);
    let mut session = repository.session(TENANT).unwrap();
    let event =
        |seq| LateEvent { seq, path: "user/1".into(), event: b"{\"who\":1}".to_vec(), explains: true };
    session.tell(&[event(2), event(3)]).unwrap();
    drop(session);
    repository.annotate(TENANT, 2, BTreeMap::from([("n".to_owned(), "v".to_owned())])).unwrap();
    all.extend([(world.take(&repository, &hour(4)).seq, hour(4))]);
    let (told, noted, newest_seq) = (4, 5, 6);
    world.prune(&repository, &last(1));
    for waited in [0, 73] {
        world.pass(waited);
        world.prune(&repository, &last(1));
        let told = repository.past(TENANT).unwrap().late_events().unwrap();
        let seqs: Vec<u64> = told.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [newest_seq, newest_seq]);
        compare(&world.open(20, None), &newest(&all, 1));
    }
    let there = |number: u64| {
        let ending = format!("/{number:012}");
        list_all(world.memory.as_ref(), None, None)
            .unwrap()
            .iter()
            .any(|row| row.path.as_str().ends_with(&ending))
    };
    assert!(there(told), "it says who did what");
    assert!(!there(noted), "it was about nothing but a snapshot that went");
}

/// A storage in which something happens just before an object of a given ending is written.
struct Meddled {
    inner: Arc<Memory>,
    before: String,
    happens: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Storage for Meddled {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError> {
        if path.as_str().ends_with(&self.before) {
            let happens = self.happens.lock().unwrap().take();
            happens.into_iter().for_each(|happens| happens());
        }
        self.inner.put_new(path, bytes)
    }

    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError> {
        self.inner.get(path, span, seen)
    }

    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Listed>, StorageError> {
        self.inner.list(folder, after, max)
    }

    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError> {
        self.inner.replace_if(path, seen, bytes)
    }

    fn delete(&self, path: &Path) -> Result<(), StorageError> {
        self.inner.delete(path)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

/// One to whom this happens just before he writes the record of a number.
fn meddled(world: &World, number: u64, happens: impl FnOnce() + Send + 'static) -> Repository {
    let meddled = Meddled {
        inner: world.memory.clone(),
        before: format!("/{number:012}"),
        happens: Mutex::new(Some(Box::new(happens))),
    };
    let env = Environment { clock: world.clock.clone(), entropy: Arc::new(SeededEntropy::new(32)) };
    Repository::open(Arc::new(meddled), &words("horse"), env, None).unwrap()
}

#[test]
fn a_tag_at_the_last_moment_still_keeps_its_snapshot() {
    let (world, repository) = World::new();
    let all = hours(&world, &repository, 4);
    let other = world.open(31, None);
    let pruner = meddled(&world, 5, move || other.tag(TENANT, 2, "wait").unwrap());
    let report = world.prune(&pruner, &last(1));
    assert_eq!((report.record, report.dropped()), (Some(6), 2));
    compare(&repository, &[2, 4].map(|seq| (seq, all[&seq].clone())).into());
}

#[test]
fn a_tag_that_comes_too_late_is_not_said_to_hold() {
    let (world, repository) = World::new();
    hours(&world, &repository, 4);
    let (other, now) = (world.open(31, None), world.clock.now());
    let happens = move || drop(other.prune_tenant(TENANT, &asked(&last(1), now)).unwrap());
    let tagger = meddled(&world, 5, happens);
    let told = tagger.hold(TENANT, 2, "the court");
    assert!(matches!(told, Err(StoreError::Pruned { sequence: 2, .. })), "{told:?}");
    tagger.hold(TENANT, 4, "the court").unwrap();
}

#[test]
fn what_was_deleted_before_a_plan_failed_is_told() {
    let (world, repository) = World::new();
    hours(&world, &repository, 4);
    let marked = world.prune(&repository, &last(3));
    assert_eq!((marked.record, marked.marked.count), (Some(5), 1));
    world.pass(73);
    let other = world.open(31, None);
    let pruner = meddled(&world, 6, move || other.tag(TENANT, 3, "wait").unwrap());
    let report = world.prune(&pruner, &last(1));
    assert_eq!((report.record, report.dropped(), report.deleted), (Some(7), 1, marked.marked));
}

#[test]
fn whoever_listed_what_another_deleted_still_checks_and_goes_on() {
    let (world, repository) = World::new();
    let all = hours(&world, &repository, 6);
    let other = world.open(31, None);
    assert_eq!(other.snapshots(TENANT).unwrap().len(), 6);
    world.prune(&repository, &last(2));
    world.pass(73);
    assert!(world.prune(&repository, &last(2)).deleted.count > 0);
    for repository in [other, repository] {
        assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
        compare(&repository, &newest(&all, 2));
    }
}

#[test]
fn an_apply_that_was_cut_off_keeps_what_it_needs_though_another_ended_since() {
    let (world, repository) = World::new();
    hours(&world, &repository, 3);
    let applied = |plan: u8, phase: Phase| {
        let mut lease = repository.lease(TENANT).unwrap();
        lease.append(PlanId([plan; 32]), Phase::Accepted, 0, b"{}".to_vec()).unwrap();
        lease.append(PlanId([plan; 32]), phase, 0, b"{}".to_vec()).unwrap();
        drop(lease);
        world.pass(1);
    };
    applied(5, Phase::Intent);
    let after = world.take(&repository, &hour(9));
    world.pass(1);
    hours(&world, &repository, 2);
    applied(6, Phase::Finished);
    hours(&world, &repository, 2);
    let kept = |report: crate::store::TenantPruned| -> Vec<u64> {
        let for_apply = |fate: &Fate| matches!(fate, Fate::Kept(why) if why.contains(&Keep::Apply));
        report.fates.iter().filter(|(_, fate)| for_apply(fate)).map(|(snapshot, _)| snapshot.seq).collect()
    };
    assert_eq!(kept(world.prune(&repository, &last(1)))[..2], [3, after.seq]);
    applied(5, Phase::Finished);
    hours(&world, &repository, 1);
    assert!(kept(world.prune(&repository, &last(1))).is_empty());
}

/// Here the payload of the first record of an apply is the id of the snapshot that its plan names, of this tenant.
const NAMED: PruneNeeds =
    |payload| Ok(vec![(TENANT.to_owned(), String::from_utf8(payload.to_vec()).unwrap())]);

#[test]
fn what_a_plan_goes_back_to_stays_until_it_ends_or_is_given_up() {
    // Also where its records and snapshots were folded, and their own objects are gone.
    for (ends, days, folded) in [
        (false, 29, false),
        (false, 31, false),
        (true, 9, false),
        (false, 29, true),
        (false, 31, true),
        (true, 9, true),
    ] {
        let (world, repository) = World::new();
        let mut all = hours(&world, &repository, 6);
        let base = repository.snapshots(TENANT).unwrap()[1].clone();
        let plan = PlanId([5; 32]);
        let mut lease = repository.lease(TENANT).unwrap();
        lease.append(plan, Phase::Accepted, 0, base.id.to_string().into_bytes()).unwrap();
        lease.append(plan, if ends { Phase::Finished } else { Phase::Stopped }, 0, b"{}".to_vec()).unwrap();
        drop(lease);
        all.insert(world.take(&repository, &hour(8)).seq, hour(8));
        world.pass(48);
        if folded {
            let count: u64 = world.compact(&repository).days.iter().map(|day| day.replaced.count).sum();
            world.pass(73);
            assert_eq!((count, world.compact(&repository).deleted.count), (7, 7));
        }
        world.pass(24 * days - 48 - if folded { 73 } else { 0 });
        let later = [9, 10, 11].map(|n| world.take(&repository, &hour(n)).seq);
        all.extend(later.into_iter().zip([9, 10, 11].map(hour)));
        let policy = last(1);
        let asked = PruneAsked { needs: NAMED, ..asked(&policy, world.clock.now()) };
        repository.prune_tenant(TENANT, &asked).unwrap();
        let kept = repository.snapshots(TENANT).unwrap();
        let kept: Vec<u64> = kept.iter().map(|snapshot| snapshot.seq).collect();
        // The base, the one before it began, the one after, the newest.
        let wanted = if !ends && days < 30 { vec![base.seq, 6, 9, later[2]] } else { vec![later[2]] };
        assert_eq!(kept, wanted, "ends: {ends}, {days} days, folded: {folded}");
        compare(&repository, &all.into_iter().filter(|(seq, _)| kept.contains(seq)).collect());
    }
}

#[test]
fn a_process_that_has_read_no_snapshot_yet_can_say_what_would_go() {
    let (world, repository) = World::new();
    drop(repository);
    let folder = tempfile::tempdir().unwrap();
    let open = |seed| world.open(seed, Some(folder.path()));
    hours(&world, &open(8), 4);
    open(9).tag(TENANT, 2, "before").unwrap();
    open(10).snapshots(TENANT).unwrap();
    let policy = last(1);
    let asked = PruneAsked { dry_run: true, ..asked(&policy, world.clock.now()) };
    assert_eq!(open(11).prune_tenant(TENANT, &asked).unwrap().dropped(), 2);
}

#[test]
fn nothing_goes_while_it_cannot_be_told_what_a_plan_needs() {
    let (world, repository) = World::new();
    hours(&world, &repository, 3);
    let mut lease = repository.lease(TENANT).unwrap();
    lease.append(PlanId([5; 32]), Phase::Accepted, 0, b"?".to_vec()).unwrap();
    drop(lease);
    let policy = last(1);
    let now = world.clock.now();
    let needs: PruneNeeds = |_| Err("no plan".to_owned());
    let refused = repository.prune_tenant(TENANT, &PruneAsked { needs, ..asked(&policy, now) });
    assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
    assert_eq!(repository.snapshots(TENANT).unwrap().len(), 3);
}

#[test]
fn what_a_plan_of_another_tenant_goes_back_to_stays_too() {
    let (world, repository) = World::new();
    hours(&world, &repository, 4);
    let base = repository.snapshots(TENANT).unwrap()[1].clone();
    let mut session = repository.session("other").unwrap();
    session.put(&key("user/1"), parts(b"x")).unwrap();
    session.commit(meta(1)).unwrap();
    let mut lease = repository.lease("other").unwrap();
    let plan = PlanId([6; 32]);
    lease.append(plan, Phase::Accepted, 0, base.id.to_string().into_bytes()).unwrap();
    drop(lease);
    let policy = last(1);
    let prune = || {
        let asked = PruneAsked { needs: NAMED, ..asked(&policy, world.clock.now()) };
        repository.prune_tenant(TENANT, &asked).unwrap();
        let left = repository.snapshots(TENANT).unwrap();
        left.iter().map(|snapshot| snapshot.seq).collect::<Vec<u64>>()
    };
    assert_eq!(prune(), [base.seq, 4]);
    repository.lease("other").unwrap().append(plan, Phase::Finished, 0, b"{}".to_vec()).unwrap();
    assert_eq!(prune(), [4]);
}

#[test]
fn where_nothing_goes_nothing_is_written_and_old_marks_do_not_pile_up() {
    let (world, repository) = World::new();
    hours(&world, &repository, 3);
    assert_eq!(world.prune(&repository, &last(9)).record, None);
    assert_eq!(repository.stats().unwrap().tenants[TENANT].records, 3);
    for n in 0..30 {
        world.take(&repository, &hour(n));
        world.pass(80);
        world.prune(&repository, &last(2));
    }
    // Two snapshots, and the marks of the last runs.
    let records = repository.stats().unwrap().tenants[TENANT].records;
    assert!(records < 12, "{records}");
    let empty =
        repository.prune_tenant(TENANT, &asked(&crate::store::Retention::default(), world.clock.now()));
    assert_eq!(empty.unwrap().dropped(), 0, "no rule lets nothing go");
}

#[test]
fn nothing_is_deleted_while_something_that_is_kept_cannot_be_read() {
    let (world, repository) = World::new();
    let all = hours(&world, &repository, 6);
    world.prune(&repository, &last(2));
    world.pass(73);
    let objects = || list_all(world.memory.as_ref(), None, None).unwrap();
    let count = objects().iter().filter(|row| !row.path.as_str().ends_with(".lease")).count();
    let whole = world.memory.copy();
    // The newest snapshot, the one before it, and the mark that holds the log and bodies of both.
    for number in 5..=7 {
        let memory = Arc::new(whole.copy());
        let ending = format!("/{number:012}");
        let path = objects().into_iter().find(|row| row.path.as_str().ends_with(&ending)).unwrap().path;
        // This one has read all of it while it was whole.
        let warm = World { clock: world.clock.clone(), memory: memory.clone() }.open(42, None);
        compare(&warm, &newest(&all, 2));
        // Somewhere in the first frame.
        assert!(memory.damage(&path, |bytes| bytes[200] ^= 1));
        let hurt = World { clock: world.clock.clone(), memory: memory.clone() };
        for pruner in [hurt.open(40, None), warm] {
            let report = pruner.prune_tenant(TENANT, &asked(&last(2), world.clock.now()));
            assert!(matches!(report, Err(StoreError::Damaged { .. })), "{number}: {report:?}");
        }
        let after = list_all(memory.as_ref(), None, None).unwrap();
        assert_eq!(after.iter().filter(|row| !row.path.as_str().ends_with(".lease")).count(), count);
        let found = hurt.open(41, None).check(true, &|_, _| {}).unwrap();
        assert!(!found.is_clean(), "{number}");
    }
    assert!(world.prune(&repository, &last(2)).deleted.count > 0);
    compare(&repository, &newest(&all, 2));
}
