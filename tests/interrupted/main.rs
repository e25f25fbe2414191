//! An apply whose storage fails at any operation, in any way: reopened from what a power cut leaves,
//! it is gone on with, ends where it would have ended, and no call is sent twice.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod tenant;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use lastgood::base::coverage::{Ledger, Row, State};
use lastgood::base::entropy::SeededEntropy;
use lastgood::base::secret::Secret;
use lastgood::base::time::{Clock as _, FixedClock};
use lastgood::restore::{
    Allow, Apply, Inputs, Journal as _, Kept, Mode, Own, Plan, RestoreError, Scope, Seen, Start, Stored,
    StoredJournal, Summary, plan, survey,
};
use lastgood::storage::{Fault, FaultKind, Memory, Storage};
use lastgood::store::{
    Environment, Flags, KdfCost, Meta, Parts, PruneAsked, Repository, Retention, Snapshot, StoreError, Unlock,
};
use tenant::{Bodies, InMemory, catalog, key};

const TENANT: &str = "t";

/// What lives through a crash: the tenant, the clock, and what the storage has kept.
struct World {
    tenant: InMemory,
    clock: Arc<FixedClock>,
    memory: Arc<Memory>,
    seeds: std::cell::Cell<u64>,
}

impl World {
    /// A tenant that was recorded and then damaged, and the plan to mend it with four calls.
    fn damaged() -> (Self, Plan) {
        let clock = Arc::new(FixedClock::new("2026-11-03T14:00:00Z".parse().unwrap()));
        let memory = Arc::new(Memory::with_clock(clock.clone()));
        let good = InMemory::with(&[
            ("team/t1", r#"{"id":"t1","name":"red"}"#),
            ("app/a1", r#"{"id":"a1","name":"shop","team":"t1"}"#),
            ("app/a2", r#"{"id":"a2","name":"bill","url":"https://bill.test"}"#),
        ]);
        let tenant = InMemory::with(&[
            ("app/a2", r#"{"id":"a2","name":"bill","url":"https://evil.test"}"#),
            ("app/a3", r#"{"id":"a3","name":"later"}"#),
        ]);
        let mut world = Self { tenant: good, clock, memory, seeds: 1.into() };
        let env = world.environment();
        let init = Repository::init(world.memory.clone(), &words(), KdfCost::CHEAP_FOR_TESTS, env, None);
        let repository = init.unwrap();
        let base = world.snapshot(&repository, Flags::default()).unwrap();
        world.tenant = tenant;
        let made = world.plan(&Stored::new(&repository, base).unwrap());
        (world, made)
    }

    fn environment(&self) -> Environment {
        self.seeds.set(self.seeds.get() + 1);
        Environment { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(self.seeds.get())) }
    }

    fn plan(&self, goal: &Stored<'_>) -> Plan {
        let keys = ["team/t1", "app/a1", "app/a2", "app/a3"];
        let (settings, own, scope) = (BTreeMap::new(), Own::default(), Scope::whole(keys.map(key)));
        let base = goal.snapshot().id.to_string();
        let outlook = lastgood::provider::outlook(catalog(), 20);
        let inputs = |live| Inputs {
            catalog: catalog(),
            settings: &settings,
            tenant: TENANT,
            from: None,
            base: &base,
            goal,
            live,
            scope: &scope,
            mode: Mode::Rollback,
            own: &own,
            outlook: &outlook,
            now: self.clock.now(),
            valid_for: SignedDuration::from_hours(24),
        };
        let empty = Seen::new(self.clock.now());
        let seen = runtime().block_on(survey(&self.tenant, &inputs(&empty), empty.clone())).unwrap();
        plan(&inputs(&seen)).unwrap()
    }

    /// The tenant as it is now, committed.
    fn snapshot(&self, repository: &Repository, flags: Flags) -> Result<Snapshot, StoreError> {
        let mut session = repository.session(TENANT)?;
        let bodies = self.tenant.bodies();
        let there: Vec<_> = session.parent_state().iter().map(|(key, _)| key).collect();
        for (key, body) in &bodies {
            let main = body.to_canonical();
            session.put(key, Parts { main, secret: None, volatile: None, raw: None })?;
        }
        for gone in there.iter().filter(|key| !bodies.contains_key(key)) {
            session.gone(gone)?;
        }
        let row =
            Row { state: State::Complete, reason: String::new(), count: 0, read: None, exceptions: vec![] };
        let rows = catalog().kinds.iter().map(|spec| (spec.kind.clone(), row.clone())).collect();
        session.commit(Meta {
            started: self.clock.now(),
            finished: self.clock.now(),
            ledger: Ledger { rows, unknown: Vec::new() },
            identity: [7; 32],
            permission: [8; 32],
            requests: 1,
            full_sweep: true,
            flags,
            rules: 1,
            notes: BTreeMap::new(),
        })
    }

    /// Opens the repository, and begins with the plan or goes on with it, as the command does.
    fn apply(&self, storage: Arc<dyn Storage>, plan: &Plan) -> Result<Summary, RestoreError> {
        let stored = |error: StoreError| RestoreError::Journal(error.into());
        let repository = Repository::open(storage, &words(), self.environment(), None).map_err(stored)?;
        let mut journal = StoredJournal::open(&repository, TENANT, plan.id)?;
        let begun = !journal.entries()?.is_empty();
        let before = match begun {
            true => None,
            false => {
                let taken = self.snapshot(&repository, Flags::APPLY).map_err(stored)?;
                Some(Stored::new(&repository, taken).map_err(stored)?)
            }
        };
        let before_id = before.as_ref().map(|state| state.snapshot().id.to_string()).unwrap_or_default();
        let vault = Kept::of(&repository, plan).map_err(stored)?;
        let apply = Apply {
            catalog: catalog(),
            plan,
            tenant: &self.tenant,
            journal: &mut journal,
            vault: &vault,
            inputs: &BTreeMap::new(),
            allow: Allow {
                deletes: 9,
                privileged: true,
                lockout: true,
                without_secrets: false,
                rotate: false,
            },
            own: &Own::default(),
            clock: &*self.clock,
            start: match &before {
                Some(state) => Start::Begin { before: &before_id, state },
                None => Start::Resume,
            },
            stopped: &|| false,
        };
        runtime().block_on(apply.run(&mut |_| {}))
    }
}

fn words() -> Unlock {
    Unlock::Passphrase(Secret::new(b"horse".to_vec()))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Bodies without the ids that are new each time.
fn named(bodies: &Bodies) -> Vec<String> {
    let mut rows: Vec<String> = bodies.values().map(lastgood::json::Value::to_line).collect();
    for (key, body) in bodies.iter().filter(|(key, _)| key.kind.as_str() == "team") {
        let name = body.get("name").unwrap().as_str().unwrap();
        rows = rows.iter().map(|row| row.replace(key.id(), name)).collect();
    }
    rows.sort();
    rows
}

#[test]
fn at_any_operation_of_the_storage_it_is_gone_on_with_and_no_call_comes_twice() {
    let (world, plan) = World::damaged();
    let counting = Arc::new(Fault::with_memory(world.memory.clone(), 0, FaultKind::Before));
    let whole = world.apply(counting.clone(), &plan).unwrap();
    assert!(whole.is_good(), "{:#?}", whole.lines);
    let right = named(&world.tenant.bodies());
    let (operations, calls) = (counting.operations(), world.tenant.calls().len());
    assert_eq!(calls, 4, "{:#?}", world.tenant.calls());
    let kinds = [
        FaultKind::Before,
        FaultKind::After,
        FaultKind::Torn,
        FaultKind::FailedSync,
        FaultKind::NoSpace,
        FaultKind::ShortRead,
        FaultKind::StaleList,
    ];
    let cut_off: usize = std::thread::scope(|scope| {
        let (right, all) = (&right, 1..=operations);
        let one = |kind| {
            let all = all.clone();
            scope.spawn(move || all.filter(|at| cut_off_at(kind, *at, right, calls)).count())
        };
        kinds.map(one).into_iter().map(|kind| kind.join().unwrap()).sum()
    });
    let cases = operations as usize * kinds.len();
    assert!(cut_off * 3 > cases, "most of them matter: {cut_off} of {cases}");
    #[expect(clippy::print_stderr, reason = "the counts are a part of what the test shows")]
    {
        eprintln!("{operations} storage operations, {calls} calls: {cases} cases, {cut_off} of them cut off");
    }
}

/// Applies with a storage that fails so, then goes on; whether the first run was cut off.
fn cut_off_at(kind: FaultKind, at: u64, right: &[String], calls: usize) -> bool {
    let case = format!("{kind:?} at operation {at}");
    let (world, plan) = World::damaged();
    let fault = Arc::new(Fault::with_memory(world.memory.clone(), at, kind));
    let first = world.apply(fault, &plan);
    // The power comes back: what was not durable is gone, and so is the holder of the lease.
    let image = Arc::new(world.memory.after_crash());
    world.clock.set(world.clock.now() + SignedDuration::from_secs(60));
    let again = world.apply(image.clone(), &plan).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert!(again.is_good(), "{case}: {:#?}", again.lines);
    assert_eq!(named(&world.tenant.bodies()), right, "{case}");
    let sent = world.tenant.calls();
    let once: BTreeSet<&String> = sent.iter().collect();
    assert_eq!((sent.len(), once.len()), (calls, calls), "{case}: {sent:#?}");
    let repository = Repository::open(image, &words(), world.environment(), None).unwrap();
    let report = repository.check(true, &|_, _| {}).unwrap();
    assert!(report.is_clean() || kind == FaultKind::Torn, "{case}: {:#?}", report.faults);
    let lost = report.faults.iter().any(|fault| !fault.affected.is_empty());
    assert!(!lost, "{case}: {:#?}", report.faults);
    first.is_err()
}

/// A plan that was cut off between its calls, what the storage kept of it, and the state that it was to end in.
fn cut_off_midway() -> (World, Plan, Arc<Memory>, Vec<String>) {
    let (whole, plan) = World::damaged();
    let counting = Arc::new(Fault::with_memory(whole.memory.clone(), 0, FaultKind::Before));
    assert!(whole.apply(counting.clone(), &plan).unwrap().is_good());
    let midway = (1..=2 * counting.operations()).find_map(|at| {
        let (world, plan) = World::damaged();
        // Others lie between the base and the apply, so that only the plan itself names the base.
        let repository = Repository::open(world.memory.clone(), &words(), world.environment(), None).unwrap();
        for _ in 0..3 {
            world.snapshot(&repository, Flags::default()).unwrap();
        }
        let fault = Arc::new(Fault::with_memory(world.memory.clone(), at, FaultKind::FailedSync));
        let stopped = world.apply(fault, &plan).is_err() && world.tenant.calls().len() == 2;
        let image = Arc::new(world.memory.after_crash());
        stopped.then_some((world, plan, image))
    });
    let (world, plan, image) = midway.expect("a fault stops it after its second call");
    (world, plan, image, named(&whole.tenant.bodies()))
}

/// Whether the snapshot that a plan goes back to is still there, after hours with snapshots and two prunes of which the
/// second deletes what the first has marked.
fn base_outlives(world: &World, image: &Arc<Memory>, plan: &Plan, hours: i64) -> bool {
    let repository = Repository::open(image.clone(), &words(), world.environment(), None).unwrap();
    let policy = Retention { last: 1, ..Retention::default() };
    for pass in [hours, 80] {
        world.clock.set(world.clock.now() + SignedDuration::from_hours(pass));
        world.snapshot(&repository, Flags::default()).unwrap();
        let needs = lastgood::restore::stored_journal::needs;
        let asked = PruneAsked { policy: &policy, needs, now: world.clock.now(), dry_run: false };
        repository.prune_tenant(TENANT, &asked).unwrap();
    }
    assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    repository.snapshots(TENANT).unwrap().iter().any(|snapshot| snapshot.id.to_string() == plan.base)
}

#[test]
fn a_prune_between_a_stop_and_the_way_on_takes_nothing_that_the_apply_needs() {
    let (world, plan, image, right) = cut_off_midway();
    assert!(base_outlives(&world, &image, &plan, 1), "the apply has not ended");
    let again = world.apply(image.clone(), &plan).unwrap();
    assert!(again.is_good(), "{:#?}", again.lines);
    assert_eq!(named(&world.tenant.bodies()), right);
    assert_eq!(world.tenant.calls().len(), 4, "{:#?}", world.tenant.calls());
    assert!(!base_outlives(&world, &image, &plan, 1), "now it has ended, and nothing else keeps it");
}

#[test]
fn an_apply_that_nobody_takes_up_again_keeps_nothing_after_its_days() {
    let (world, plan, image, _) = cut_off_midway();
    assert!(!base_outlives(&world, &image, &plan, 31 * 24));
}
