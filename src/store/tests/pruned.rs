//! What retention lets go is gone, what it keeps is whole, and nothing else has changed.

#![expect(clippy::print_stdout, reason = "a person reads the figures")]

use jiff::SignedDuration;

use super::*;
use crate::base::time::Clock;
use crate::storage::list_all;
use crate::store::{Fate, Keep, PruneAsked, Retention, TenantCompacted, TenantPruned};

/// A storage and a clock that the storage and every program share.
pub(super) struct World {
    pub(super) clock: Arc<FixedClock>,
    pub(super) memory: Arc<Memory>,
}

impl World {
    pub(super) fn new() -> (Self, Repository) {
        let clock = Arc::new(FixedClock::new("2026-11-03T00:00:00Z".parse().unwrap()));
        let memory = Arc::new(Memory::with_clock(clock.clone()));
        init(memory.clone(), None).unwrap();
        let world = Self { clock, memory };
        let repository = world.open(2, None);
        (world, repository)
    }

    pub(super) fn open(&self, seed: u64, folder: Option<&FilePath>) -> Repository {
        let env = Environment { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
        let index = folder.map(FilePath::to_path_buf);
        Repository::open(self.memory.clone(), &words("horse"), env, index).unwrap()
    }

    pub(super) fn pass(&self, hours: i64) {
        self.clock.set(self.clock.now() + SignedDuration::from_hours(hours));
    }

    /// A snapshot that says to be of now.
    pub(super) fn take(&self, repository: &Repository, wanted: &Model) -> Snapshot {
        let mut session = repository.session(TENANT).unwrap();
        let there: Vec<ResourceKey> = session.parent_state().iter().map(|(key, _)| key).collect();
        for (path, (main, secret)) in wanted {
            session.put(&key(path), Parts { secret: secret.clone(), ..parts(main) }).unwrap();
        }
        for known in there.iter().filter(|known| !wanted.contains_key(&known.to_path())) {
            session.gone(known).unwrap();
            session.explain(known, b"{\"event\":\"gone\"}").unwrap();
        }
        let now = self.clock.now();
        session.commit(Meta { started: now, finished: now, ..meta(wanted.len() as u64) }).unwrap()
    }

    pub(super) fn prune(&self, repository: &Repository, policy: &Retention) -> TenantPruned {
        repository.prune_tenant(TENANT, &asked(policy, self.clock.now())).unwrap()
    }

    pub(super) fn compact(&self, repository: &Repository) -> TenantCompacted {
        repository.compact_tenant(TENANT, self.clock.now(), false, &|_, _| {}).unwrap()
    }

    pub(super) fn bytes(&self) -> u64 {
        let all = list_all(self.memory.as_ref(), None, None).unwrap();
        all.iter().filter(|row| !row.path.as_str().ends_with(".lease")).map(|row| row.size).sum()
    }
}

/// A prune of now, where no apply names a snapshot.
pub(super) fn asked(policy: &Retention, now: Timestamp) -> PruneAsked<'_> {
    PruneAsked { policy, needs: |_| Ok(Vec::new()), now, dry_run: false }
}

pub(super) fn last(count: u64) -> Retention {
    Retention { last: count, ..Retention::default() }
}

/// A state in which some of ten users change each hour, and one comes and goes.
pub(super) fn hour(n: u64) -> Model {
    let mut state = Model::new();
    for user in 0..10 {
        // User k changes every k-th hour, so some bodies live on through many snapshots.
        let body = format!(
            "{{\"login\":\"user{user}\",\"since\":{},\"pad\":\"{}\"}}",
            n / (user + 1),
            "x".repeat(300)
        );
        state.insert(
            format!("user/{user}"),
            (body.into_bytes(), (user == 3).then(|| n.to_le_bytes().to_vec())),
        );
    }
    if n.is_multiple_of(3) {
        state.insert("group/1".into(), (format!("group of {n}").into_bytes(), None));
    }
    state
}

fn clean(repository: &Repository) -> crate::store::CheckReport {
    let report = repository.check(true, &|_, _| {}).unwrap();
    assert!(report.is_clean() && report.orphans.is_empty() && report.strangers.is_empty(), "{report:?}");
    report
}

/// Everything that can be asked, where these snapshots are all there is.
pub(super) fn compare(repository: &Repository, kept: &BTreeMap<u64, Model>) {
    let listed = repository.snapshots(TENANT).unwrap();
    assert!(listed.iter().map(|s| s.seq).eq(kept.keys().copied()), "{:?}", kept.keys());
    let mut before = Model::new();
    for (seq, model) in kept {
        assert_eq!(&read(repository, *seq).unwrap(), model, "snapshot {seq}");
        let told = model::told(repository, &repository.changes(TENANT, *seq).unwrap());
        assert_eq!(told, model::differences(&before, model), "changes of {seq}");
        before = model.clone();
    }
    between::as_the_states_tell(repository, kept);
    let paths: std::collections::BTreeSet<&String> = kept.values().flat_map(BTreeMap::keys).collect();
    for path in paths {
        let history = repository.history(TENANT, &key(path)).unwrap();
        let mut right = Vec::new();
        let mut held: Option<&Bodies> = None;
        for (seq, model) in kept {
            if held != model.get(path) {
                right.push((*seq, (path.clone(), held.cloned(), model.get(path).cloned())));
                held = model.get(path);
            }
            let entry = repository.entry(TENANT, *seq, &key(path)).unwrap();
            let body = entry.map(|entry| repository.read(&entry, Part::Main).unwrap().unwrap());
            assert_eq!(body.as_ref(), model.get(path).map(|(main, _)| main), "{path} at {seq}");
        }
        right.reverse();
        let (seqs, changes): (Vec<u64>, Vec<crate::store::Change>) = history.into_iter().unzip();
        let told: Vec<_> = seqs.into_iter().zip(model::told(repository, &changes)).collect();
        assert_eq!(told, right, "history of {path}");
    }
}

#[test]
fn what_goes_is_marked_then_waits_then_is_deleted() {
    let (world, repository) = World::new();
    let mut all = BTreeMap::new();
    for n in 0..30 {
        all.insert(world.take(&repository, &hour(n)).seq, hour(n));
        world.pass(1);
    }
    let kept: BTreeMap<u64, Model> = all.iter().skip(24).map(|(seq, model)| (*seq, model.clone())).collect();
    let before = world.bytes();
    let dry = {
        let policy = last(6);
        let asked = PruneAsked { dry_run: true, ..asked(&policy, world.clock.now()) };
        repository.prune_tenant(TENANT, &asked).unwrap()
    };
    assert_eq!((dry.dropped(), dry.record, world.bytes()), (24, None, before));
    compare(&repository, &all);

    let report = world.prune(&repository, &last(6));
    assert_eq!(report.fates, dry.fates);
    assert_eq!((report.record, report.dropped()), (Some(31), 24));
    assert_eq!((report.marked.count, report.needed.count), (24, 0), "what is needed of them moved");
    assert!(matches!(&report.fates[29].1, Fate::Kept(why) if why.contains(&Keep::LastGood)));
    assert_eq!(world.bytes(), before + report.written, "nothing is deleted yet");
    compare(&repository, &kept);
    compare(&world.open(5, None), &kept);
    assert_eq!(clean(&repository).dying, report.marked.count);
    assert!(matches!(repository.state(TENANT, 5), Err(StoreError::Pruned { .. })));
    assert_eq!(repository.gaps(TENANT).unwrap(), [crate::store::Gap { from: 1, to: 24, snapshots: 24 }]);

    world.pass(71);
    let early = world.prune(&repository, &last(6));
    assert_eq!((early.record, early.deleted.count, early.waiting), (None, 0, report.marked));
    world.pass(1);
    let due = world.prune(&repository, &last(6));
    assert_eq!((due.deleted, due.waiting.count), (report.marked, 0));
    assert_eq!(world.bytes(), before + report.written - report.marked.bytes, "freed is what was told");
    for repository in [repository, world.open(6, None)] {
        compare(&repository, &kept);
        assert_eq!(clean(&repository).dying, 0);
    }
}

#[test]
fn days_stay_of_hours_and_months_of_days_run_after_run() {
    let (world, repository) = World::new();
    let policy = Retention {
        hourly: Some("12h".parse().unwrap()),
        daily: Some("4d".parse().unwrap()),
        monthly: Some("forever".parse().unwrap()),
        ..Retention::default()
    };
    let mut all = BTreeMap::new();
    for n in 0..60 {
        all.insert(world.take(&repository, &hour(n)).seq, hour(n));
        world.pass(4);
        if n % 7 == 6 {
            let report = world.prune(&repository, &policy);
            let stays = |seq: &u64| {
                report.fates.iter().any(|(s, fate)| s.seq == *seq && matches!(fate, Fate::Kept(_)))
            };
            all.retain(|seq, _| stays(seq));
            compare(&repository, &all);
            compare(&world.open(100 + n, None), &all);
            clean(&repository);
        }
    }
    assert!(all.len() < 12, "{:?}", all.keys());
}

#[test]
fn what_a_small_tenant_s_hours_took_is_freed() {
    let (world, repository) = World::new();
    let person = |user: u64, seen: u64| {
        let body = format!("{{\"login\":\"user{user}\",\"seen\":{seen},\"pad\":\"{}\"}}", "y".repeat(500));
        (body.into_bytes(), None)
    };
    let mut state: Model = (0..200).map(|user| (format!("user/{user}"), person(user, 0))).collect();
    let mut all = BTreeMap::new();
    for n in 0..24 * 20_u64 {
        for change in 0..2 {
            let user =
                blake3::hash(&[n.to_le_bytes(), u64::to_le_bytes(change)].concat()).as_bytes()[0] % 200;
            state.insert(format!("user/{user}"), person(u64::from(user), n));
        }
        all.insert(world.take(&repository, &state).seq, state.clone());
        world.pass(1);
    }
    let policy = Retention {
        hourly: Some("2d".parse().unwrap()),
        daily: Some("1y".parse().unwrap()),
        ..Retention::default()
    };
    let before = world.bytes();
    let report = world.prune(&repository, &policy);
    assert_eq!((report.dropped(), report.marked.count), (24 * 20 - 66, 24 * 20 - 66));
    world.pass(73);
    world.prune(&repository, &Retention { last: 999, ..policy });
    let after = world.bytes();
    println!("{before} B in {} snapshots, {after} B in 66, {} B of them the mark", all.len(), report.written);
    assert!(after * 4 < before, "{before} B became {after} B");
    all.retain(|seq, _| report.fates.iter().any(|(s, fate)| s.seq == *seq && matches!(fate, Fate::Kept(_))));
    for repository in [repository, world.open(9, None)] {
        assert_eq!(read(&repository, *all.keys().next().unwrap()).unwrap(), *all.values().next().unwrap());
        let (newest, state) = all.iter().next_back().unwrap();
        assert_eq!(&read(&repository, *newest).unwrap(), state);
        clean(&repository);
    }
}

#[test]
fn a_large_object_stays_whole_for_as_long_as_it_is_needed() {
    let (world, repository) = World::new();
    let large = super::scenario::noise(7, 1_400_000);
    let mut all = BTreeMap::new();
    for n in 0..4 {
        let mut state = hour(n);
        state.insert("blob/1".into(), (large.clone(), None));
        all.insert(world.take(&repository, &state).seq, state);
        world.pass(1);
    }
    let kept: BTreeMap<u64, Model> = all.into_iter().skip(3).collect();
    let report = world.prune(&repository, &last(1));
    assert_eq!((report.marked.count, report.needed.count), (2, 1));
    assert!(report.needed.bytes > 1_400_000 && report.written < 100_000, "{report:?}");
    for waited in [0, 73] {
        world.pass(waited);
        world.prune(&repository, &last(1));
        compare(&world.open(3, None), &kept);
        clean(&repository);
    }
    let next = state_of(&[("user/1", "nothing of all that")]);
    let made = world.take(&repository, &next);
    let report = world.prune(&repository, &last(1));
    assert!(report.needed.count == 0 && report.marked.bytes > 1_400_000, "{report:?}");
    world.pass(73);
    assert!(world.prune(&repository, &last(1)).deleted.bytes > 1_400_000);
    compare(&world.open(4, None), &[(made.seq, next)].into());
    clean(&repository);
}
