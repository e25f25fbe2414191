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
use lastgood::store::{Environment, Flags, KdfCost, Meta, Parts, Repository, Snapshot, StoreError, Unlock};
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
