//! Bytes that change after they were written: the right body or an error, and `check` names it.

use super::*;
use crate::storage::{Path, Span};
use crate::store::CheckReport;

/// A repository with a full base, data segments, deltas, secrets and a checkpoint.
fn rich() -> (Arc<Memory>, BTreeMap<u64, Model>) {
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

fn objects(memory: &Memory) -> Vec<(Path, u64)> {
    memory.list(None, None, 99).unwrap().into_iter().map(|row| (row.path, row.size)).collect()
}

fn opened(memory: &Arc<Memory>) -> Result<Repository, StoreError> {
    open(memory.clone(), None, 77)
}

/// Whatever is asked gives the right answer or an error; says whether there was an error.
fn never_wrong(memory: &Arc<Memory>, snapshots: &BTreeMap<u64, Model>, case: &str) -> bool {
    let Ok(repository) = opened(memory) else { return true };
    let mut failed = false;
    match repository.snapshots(TENANT) {
        Ok(listed) => assert!(listed.iter().all(|s| snapshots.contains_key(&s.seq)), "{case}"),
        Err(_) => failed = true,
    }
    for (seq, model) in snapshots {
        match repository.state(TENANT, *seq) {
            Err(_) => failed = true,
            Ok(state) => {
                let keys: Vec<String> = state.iter().map(|(key, _)| key.to_path()).collect();
                assert!(keys.iter().eq(model.keys()), "{case}: state {seq}");
                for (key, entry) in state.iter() {
                    let (main, secret) = &model[&key.to_path()];
                    match repository.read(&entry, Part::Main) {
                        Ok(body) => assert_eq!(body.as_ref(), Some(main), "{case}: {key} at {seq}"),
                        Err(_) => failed = true,
                    }
                    match repository.read(&entry, Part::Secret) {
                        Ok(body) => assert_eq!(&body, secret, "{case}: secret of {key} at {seq}"),
                        Err(_) => failed = true,
                    }
                }
            }
        }
    }
    failed
}

fn check(memory: &Arc<Memory>) -> Option<CheckReport> {
    opened(memory).ok().map(|repository| repository.check(true, &|_, _| {}).unwrap())
}

#[test]
fn the_whole_is_clean() {
    let (memory, snapshots) = rich();
    assert!(!never_wrong(&memory, &snapshots, "undamaged"));
    let report = check(&memory).unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report:?}");
    assert_eq!((report.snapshots, report.objects), (5, objects(&memory).len() as u64));
    assert!(report.bodies > 9, "{report:?}");
    let sizes: u64 = objects(&memory).iter().map(|(_, size)| size).sum();
    assert_eq!(report.bytes, sizes);
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (whole, snapshots) = rich();
    for (path, size) in objects(&whole) {
        // Every region of a file: ends, and steps that are no divisor of anything.
        let offsets = [0, 9, 60, 175, 176, size - 1, size - 20, size - 40].into_iter();
        for at in offsets.chain((0..size).step_by(797)) {
            let case = format!("bit of byte {at} of {path}");
            let memory = Arc::new(whole.copy());
            assert!(memory.damage(&path, |bytes| bytes[at as usize] ^= 1 << (at % 8)));
            never_wrong(&memory, &snapshots, &case);
            if let Some(report) = check(&memory) {
                assert!(
                    report.faults.iter().any(|fault| fault.object == path.as_str()),
                    "{case}: {report:?}"
                );
            }
        }
    }
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
    never_wrong(memory, snapshots, case);
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
            assert!(never_wrong(&memory, &snapshots, &case), "{case}: nobody noticed");
            assert!(!check(&memory).unwrap().is_clean(), "{case}");
        }
    }
}

#[test]
fn a_flipped_bit_in_the_index_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, repository) = memory();
    drop(repository);
    let (file, mut models) = (folder.path().join("index.redb"), BTreeMap::new());
    let repository = open(memory.clone(), Some(folder.path()), 3).unwrap();
    for round in 0..8 {
        let model = state_of(&[
            ("user/1", "same"),
            ("user/2", &"x".repeat(round)),
            ("user/3", &"y".repeat(round / 2)),
        ]);
        models.insert(snapshot(&repository, &model).unwrap().seq, model);
    }
    let history = |repository: &Repository, path: &str| -> Vec<u64> {
        repository.history(TENANT, &key(path)).unwrap().into_iter().map(|(seq, _)| seq).collect()
    };
    let right: Vec<Vec<u64>> =
        ["user/1", "user/2", "user/3", "user/4"].map(|path| history(&repository, path)).into();
    drop(repository);
    let whole = std::fs::read(&file).unwrap();
    // Most of a small file is empty pages, which nobody reads.
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let (mut faults, step) = (0, used.len() / 150);
    for at in used.into_iter().step_by(step) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&file, bytes).unwrap();
        let repository = open(memory.clone(), Some(folder.path()), 4).unwrap();
        for (path, right) in ["user/1", "user/2", "user/3", "user/4"].iter().zip(&right) {
            assert_eq!(&history(&repository, path), right, "byte {at}: {path}");
        }
        for (seq, model) in &models {
            assert_eq!(&read(&repository, *seq).unwrap(), model, "byte {at}");
            for path in ["user/1", "user/2", "user/3"] {
                let entry = repository.entry(TENANT, *seq, &key(path)).unwrap();
                let body = entry.map(|entry| repository.read(&entry, Part::Main).unwrap().unwrap());
                assert_eq!(body.as_ref(), model.get(path).map(|(main, _)| main), "byte {at}: {path}");
            }
        }
        assert_eq!(repository.snapshots(TENANT).unwrap().len(), models.len(), "byte {at}");
        faults += usize::from(matches!(repository.index_status(), crate::store::IndexStatus::Faulty(_)));
    }
    assert!(faults > 0, "no flip reached a row that was asked for");
}
