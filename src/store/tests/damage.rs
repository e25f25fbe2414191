//! Bytes that change after they were written: the right body or an error, and `check` names it.

use super::*;
use crate::storage::{Path, Span};
use crate::store::CheckReport;

/// A repository with a full base, data segments, deltas, secrets and a checkpoint.
pub(super) fn rich() -> (Arc<Memory>, BTreeMap<u64, Model>) {
    let (memory, repository) = memory();
    let repository = repository.tuned(super::scenario::small());
    let mut model = Model::new();
    let mut snapshots = BTreeMap::new();
    for round in 0..5_u8 {
        for n in 0..5_u8 {
            if round == 0 || n == round {
                let text: String =
                    (0..60).map(|i| format!("\"field {i} of {n}\": {}, ", blake3::hash(&[n, i]))).collect();
                let secret = (n == 2).then(|| vec![b's', round]);
                model.insert(format!("user/{n}"), (format!("{text}{round}").into_bytes(), secret));
            }
        }
        let seq = snapshot(&repository, &model).unwrap().seq;
        snapshots.insert(seq, model.clone());
    }
    (memory, snapshots)
}

pub(super) fn objects(memory: &Memory) -> Vec<(Path, u64)> {
    memory.list(None, None, 99).unwrap().into_iter().map(|row| (row.path, row.size)).collect()
}

pub(super) fn opened(memory: &Arc<Memory>) -> Result<Repository, StoreError> {
    open(memory.clone(), None, 77)
}

/// Whatever is asked gives the right answer or an error; gives the errors.
pub(super) fn wrongs(memory: &Arc<Memory>, snapshots: &BTreeMap<u64, Model>, case: &str) -> Vec<StoreError> {
    let repository = match opened(memory) {
        Ok(repository) => repository,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    match repository.snapshots(TENANT) {
        Ok(listed) => assert!(listed.iter().all(|s| snapshots.contains_key(&s.seq)), "{case}"),
        Err(error) => errors.push(error),
    }
    for (seq, model) in snapshots {
        let state = match repository.state(TENANT, *seq) {
            Ok(state) => state,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let keys: Vec<String> = state.iter().map(|(key, _)| key.to_path()).collect();
        assert!(keys.iter().eq(model.keys()), "{case}: state {seq}");
        for (key, entry) in state.iter() {
            let (main, secret) = &model[&key.to_path()];
            match repository.read(&entry, Part::Main) {
                Ok(body) => assert_eq!(body.as_ref(), Some(main), "{case}: {key} at {seq}"),
                Err(error) => errors.push(error),
            }
            match repository.read(&entry, Part::Secret) {
                Ok(body) => assert_eq!(&body, secret, "{case}: secret of {key} at {seq}"),
                Err(error) => errors.push(error),
            }
        }
    }
    errors
}

pub(super) fn check(memory: &Arc<Memory>) -> Option<CheckReport> {
    opened(memory).ok().map(|repository| repository.check(true, &|_, _| {}).unwrap())
}

#[test]
fn the_whole_is_clean() {
    let (memory, snapshots) = rich();
    assert!(wrongs(&memory, &snapshots, "undamaged").is_empty());
    let report = check(&memory).unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report:?}");
    assert_eq!((report.snapshots, report.objects), (5, objects(&memory).len() as u64));
    assert!(report.bodies > 9, "{report:?}");
    let sizes: u64 = objects(&memory).iter().map(|(_, size)| size).sum();
    assert_eq!(report.bytes, sizes);
}

#[test]
fn a_cut_grown_or_missing_object_is_found() {
    let (whole, snapshots) = rich();
    for (path, size) in objects(&whole) {
        for keep in [0, 1, 175, 200, size / 2, size - 1] {
            let memory = Arc::new(whole.copy());
            memory.damage(&path, |bytes| bytes.truncate(keep as usize));
            expect_named(&memory, &snapshots, path.as_str(), &format!("{path} cut to {keep}"));
        }
        let memory = Arc::new(whole.copy());
        memory.damage(&path, |bytes| bytes.push(0));
        expect_named(&memory, &snapshots, path.as_str(), &format!("{path} grown"));
    }
    for (path, _) in objects(&whole).into_iter().filter(|(path, _)| path.as_str().contains(".d/")) {
        let memory = Arc::new(whole.copy());
        memory.delete(&path).unwrap();
        let report = expect_named(&memory, &snapshots, path.as_str(), &format!("{path} deleted")).unwrap();
        let fault = report.faults.iter().find(|fault| fault.object == path.as_str()).unwrap();
        // Named by resource and time, with and without reading all.
        assert!(fault.affected.iter().any(|a| a.key.is_some() && a.at.is_some()), "{report:?}");
        let quick = opened(&memory).unwrap().check(false, &|_, _| {}).unwrap();
        let fault = quick.faults.iter().find(|fault| fault.object == path.as_str()).unwrap();
        assert!(fault.affected.iter().any(|a| a.key.is_some()), "{quick:?}");
    }
}

fn expect_named(
    memory: &Arc<Memory>,
    snapshots: &BTreeMap<u64, Model>,
    object: &str,
    case: &str,
) -> Option<CheckReport> {
    wrongs(memory, snapshots, case);
    let report = check(memory)?;
    assert!(report.faults.iter().any(|fault| fault.object == object), "{case}: {report:?}");
    Some(report)
}

#[test]
fn swapped_objects_are_found() {
    let (whole, snapshots) = rich();
    let all = objects(&whole);
    for (one, _) in &all {
        for (two, _) in all.iter().filter(|(two, _)| two > one) {
            if one.as_str().starts_with("keys/") || two.as_str().starts_with("keys/") {
                continue;
            }
            let memory = Arc::new(whole.copy());
            let bytes = |path| whole.get(path, Span::All, None).unwrap().bytes.to_vec();
            memory.damage(one, |object| *object = bytes(two));
            memory.damage(two, |object| *object = bytes(one));
            let case = format!("{one} and {two} swapped");
            assert!(!wrongs(&memory, &snapshots, &case).is_empty(), "{case}: nobody noticed");
            assert!(!check(&memory).unwrap().is_clean(), "{case}");
        }
    }
}

#[test]
fn a_lost_body_is_stored_anew_by_the_sweep_that_brings_it() {
    let (memory, repository) = memory();
    let model = state_of(&[("user/1", "ann"), ("user/2", "bob")]);
    assert_eq!(snapshot(&repository, &model).unwrap().seq, 1);
    drop(repository);
    let (record, _) =
        objects(&memory).into_iter().find(|(path, _)| path.as_str().ends_with("/000000000001")).unwrap();
    // The first frame holds the bodies.
    assert!(memory.damage(&record, |bytes| bytes[180] ^= 1));
    let repository = opened(&memory).unwrap();
    assert!(matches!(read(&repository, 1), Err(StoreError::Damaged { .. })));
    let next = snapshot(&repository, &model).unwrap();
    assert_eq!((next.added, next.changed, next.removed), (0, 2, 0));
    for repository in [repository, opened(&memory).unwrap()] {
        assert_eq!(read(&repository, 2).unwrap(), model);
        assert!(matches!(read(&repository, 1), Err(StoreError::Damaged { .. })));
        let report = repository.check(true, &|_, _| {}).unwrap();
        let faults: Vec<&str> = report.faults.iter().map(|fault| fault.object.as_str()).collect();
        assert_eq!(faults, [record.as_str()], "what was lost is still said to be");
        assert!(report.faults[0].affected.iter().all(|affected| affected.seq == 1), "{report:?}");
    }
}
