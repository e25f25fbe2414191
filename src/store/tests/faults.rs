//! A fault of every kind at every storage operation: what was acknowledged stays, what was not is
//! there whole or not at all, and the next snapshot works.

#![expect(clippy::print_stdout, reason = "a person reads the counts")]

use super::scenario::{run, small, states};
use super::*;
use crate::storage::{Fault, FaultKind};

/// Which snapshots read back right; a damaged one may say so only where `lied`.
fn survivors(repository: &Repository, acknowledged: usize, lied: bool, case: &str) -> usize {
    let listed = match repository.snapshots(TENANT) {
        Ok(listed) => listed,
        Err(StoreError::UnknownTenant { .. }) if acknowledged == 0 || lied => return 0,
        Err(StoreError::Damaged { .. }) if lied => return 0,
        Err(error) => panic!("{case}: {error:?}"),
    };
    if !lied {
        assert!((acknowledged..=acknowledged + 1).contains(&listed.len()), "{case}: {listed:?}");
    }
    for (snapshot, model) in listed.iter().zip(&states()) {
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
    let told = run(&(fault as Arc<dyn Storage>));
    let image = Arc::new(memory.after_crash());
    let repository = match open(image.clone(), None, 50) {
        Ok(repository) => repository.tuned(small()),
        Err(StoreError::NoRepository { .. } | StoreError::Damaged { .. }) if !told.made => return,
        // The key file itself was acknowledged and lost.
        Err(StoreError::NoRepository { .. }) if kind == FaultKind::LostSync => return,
        Err(error) => panic!("{case}: {error:?}"),
    };
    // A disk that lies about a sync can lose what was acknowledged; nothing can help that but saying so.
    let lied = kind == FaultKind::LostSync;
    survivors(&repository, told.snapshots, lied, &case);

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
    assert!(run(&(quiet.clone() as Arc<dyn Storage>)).whole);
    let operations = quiet.operations();
    assert!(operations > 15, "{operations}");
    for kind in FaultKind::ALL {
        for at in 1..=operations {
            after(kind, at);
        }
    }
    println!("faults: {} kinds at each of {operations} operations", FaultKind::ALL.len());
}

#[test]
fn a_full_disk_reads_on_and_recovers_with_space() {
    let memory = Arc::new(Memory::new());
    let repository = init(memory.clone(), None).unwrap();
    let plan = states();
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
