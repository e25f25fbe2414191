//! A fault of every kind at every storage operation: what was acknowledged stays, what was not is
//! there whole or not at all, and the next snapshot works.

use super::*;
use crate::storage::{Fault, FaultKind};

/// Bodies that do not compress, so that a session writes data segments too.
fn noise(seed: u8, bytes: usize) -> Vec<u8> {
    let mut body = vec![0; bytes];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut body);
    body
}

/// What the scenario's snapshots hold.
fn plan() -> Vec<Model> {
    let mut one = Model::new();
    for n in 0..6 {
        one.insert(format!("user/{n}"), (noise(n, 1_500), (n == 0).then(|| b"secret".to_vec())));
    }
    let mut two = one.clone();
    two.remove("user/5");
    two.insert("user/1".into(), (b"changed".to_vec(), None));
    let mut three = two.clone();
    three.insert("group/1".into(), (noise(9, 500), None));
    vec![one, two, three.clone(), three]
}

/// Runs the scenario until something fails; gives how many snapshots were acknowledged.
fn run(storage: Arc<dyn Storage>) -> usize {
    let Ok(repository) = init(storage, None) else { return 0 };
    let repository = repository.tuned(small());
    let plan = plan();
    plan.iter().position(|model| snapshot(&repository, model).is_err()).unwrap_or(plan.len())
}

/// Data segments after a few bodies, a checkpoint after two logs.
pub(super) fn small() -> Tuning {
    Tuning { data_segment_bytes: 4_000, logs_min: 2, logs_max: 2 }
}

/// Which snapshots read back right; a damaged one may say so only where `lied`.
fn survivors(repository: &Repository, acknowledged: usize, lied: bool, case: &str) -> usize {
    let listed = match repository.snapshots(TENANT) {
        Ok(listed) => listed,
        Err(StoreError::UnknownTenant { .. }) if acknowledged == 0 || lied => return 0,
        Err(StoreError::Damaged { .. }) if lied => return 0,
        Err(error) => panic!("{case}: {error:?}"),
    };
    let plan = plan();
    if !lied {
        assert!((acknowledged..=acknowledged + 1).contains(&listed.len()), "{case}: {listed:?}");
    }
    for (snapshot, model) in listed.iter().zip(&plan) {
        match read(repository, snapshot.seq) {
            Ok(found) => assert!(lied || found == *model, "{case}: snapshot {} differs", snapshot.seq),
            Err(StoreError::Damaged { .. } | StoreError::Storage(_)) if lied => {}
            Err(error) => panic!("{case}: snapshot {}: {error:?}", snapshot.seq),
        }
    }
    listed.len()
}

fn after(kind: FaultKind, at: u64) {
    let case = format!("{kind:?} at operation {at}");
    let memory = Arc::new(Memory::new());
    let fault = Arc::new(Fault::with_memory(memory.clone(), at, kind));
    let acknowledged = run(fault);
    let image = Arc::new(memory.after_crash());
    let repository = match open(image.clone(), None, 50) {
        Ok(repository) => repository.tuned(small()),
        Err(StoreError::NoRepository { .. } | StoreError::Damaged { .. }) if acknowledged == 0 => return,
        // The key file itself was acknowledged and lost.
        Err(StoreError::NoRepository { .. }) if kind == FaultKind::LostSync => return,
        Err(error) => panic!("{case}: {error:?}"),
    };
    // A disk that lies about a sync can lose what was acknowledged; nothing can help that but saying so.
    let lied = kind == FaultKind::LostSync;
    survivors(&repository, acknowledged, lied, &case);

    let report = repository.check(true, &|_, _| {}).unwrap();
    let torn = kind == FaultKind::Torn;
    assert!(report.is_clean() || torn || lied, "{case}: {report:?}");
    if torn {
        // The torn object may be named; no snapshot hangs on it.
        let listed = repository.snapshots(TENANT).unwrap_or_default();
        for affected in report.faults.iter().flat_map(|fault| &fault.affected) {
            assert!(
                affected.key.is_none() && listed.iter().all(|s| s.seq != affected.seq),
                "{case}: {report:?}"
            );
        }
    }
    let next = state_of(&[("user/9", "next")]);
    match snapshot(&repository, &next) {
        Ok(made) => assert_eq!(read(&repository, made.seq).unwrap(), next, "{case}"),
        Err(StoreError::Damaged { .. } | StoreError::Storage(_)) if lied => {}
        Err(error) => panic!("{case}: the next snapshot: {error:?}"),
    }
}

#[test]
fn a_fault_anywhere_loses_nothing_that_was_acknowledged() {
    let quiet = Arc::new(Fault::new(Arc::new(Memory::new()), 0, FaultKind::Slow(0)));
    assert_eq!(run(quiet.clone()), plan().len());
    let operations = quiet.operations();
    assert!(operations > 15, "{operations}");
    for kind in FaultKind::ALL {
        for at in 1..=operations {
            after(kind, at);
        }
    }
}

#[test]
fn the_scenario_has_every_sort_of_object() {
    let memory = Arc::new(Memory::new());
    assert_eq!(run(memory.clone()), 4);
    let repository = open(memory, None, 2).unwrap();
    let stats = repository.stats().unwrap().tenants[TENANT];
    assert!(stats.data_segments >= 2, "{stats:?}");
    let flags: Vec<Flags> = repository.snapshots(TENANT).unwrap().iter().map(|s| s.flags).collect();
    assert!(flags[0].contain(Flags::FULL_BASE));
    assert!(flags[3].contain(Flags::CHECKPOINT), "{flags:?}");
}

#[test]
fn a_full_disk_reads_on_and_recovers_with_space() {
    let memory = Arc::new(Memory::new());
    let repository = init(memory.clone(), None).unwrap();
    let plan = plan();
    snapshot(&repository, &plan[0]).unwrap();
    let used: u64 = memory.list(None, None, 99).unwrap().iter().map(|row| row.size).sum();
    memory.limit_bytes(Some(used + 100));
    let error = snapshot(&repository, &plan[1]).unwrap_err();
    assert!(matches!(error, StoreError::Storage(crate::storage::StorageError::NoSpace { .. })), "{error:?}");
    assert!(error.hint().is_some());
    assert_eq!(read(&repository, 1).unwrap(), plan[0]);
    assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    memory.limit_bytes(None);
    assert_eq!(snapshot(&repository, &plan[1]).unwrap().seq, 2);
    assert_eq!(read(&repository, 2).unwrap(), plan[1]);
}
