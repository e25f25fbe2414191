//! How often a sweep that changes nothing opens what is stored.

use std::path::Path;

use super::*;
use crate::storage::Meter;

/// Resources, each with a secret.
const COUNT: u64 = 3_000;

/// Bytes of one of its bodies that do not compress.
fn noise(number: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// Puts all of it in an order that has nothing to do with the first time's, and says that it is as it was.
/// Returns how often the storage was read for that.
fn sweep(meter: &Arc<Meter>, index: &Path) -> u64 {
    let repository = open(meter.clone(), Some(index), 7).unwrap();
    let mut session = repository.session(TENANT).unwrap();
    let before = meter.counts().get.calls;
    for step in 0..COUNT {
        let number = step * 1_237 % COUNT;
        let bodies = Parts { secret: Some(noise(!number, 60)), ..parts(&noise(number, 200)) };
        assert_eq!(session.put(&key(&format!("user/{number}")), bodies).unwrap(), Put::Same);
    }
    let asked = meter.counts().get.calls - before;
    assert_eq!(session.commit(meta(COUNT)).unwrap().changed, 0);
    asked
}

#[test]
fn a_sweep_opens_each_frame_once_in_whatever_order_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Arc::new(Meter::new(Arc::new(Memory::new())));
    let repository = init(meter.clone(), Some(folder.path())).unwrap();
    let body = |number| (noise(number, 200), Some(noise(!number, 60)));
    let model: Model = (0..COUNT).map(|number| (format!("user/{number}"), body(number))).collect();
    let taken = snapshot(&repository, &model).unwrap();
    drop(repository);
    // Some 13 frames of 64 KiB: one read for each, and a few for the object that they lie in.
    let frames = COUNT * 270 / (64 << 10) + 2;
    assert!(taken.bytes > 10 * (64 << 10), "{} bytes are fetched at once", taken.bytes);
    let asked = sweep(&meter, folder.path());
    assert!(asked <= frames, "{asked} reads for {frames} frames");
    // Without an index every body is looked at, for the state's root.
    let asked = sweep(&meter, tempfile::tempdir().unwrap().path());
    assert!(asked <= frames, "{asked} reads for {frames} frames");
}

#[test]
fn one_question_asks_for_the_newest_record_once_however_much_changed() {
    let lists = |changes: u64| {
        let meter = Arc::new(Meter::new(Arc::new(Memory::new())));
        let repository = init(meter.clone(), None).unwrap();
        snapshot(&repository, &state_of(&[("user/0", "{}")])).unwrap();
        let mut session = repository.session(TENANT).unwrap();
        for number in 1..=changes {
            let key = key(&format!("user/{number}"));
            session.put(&key, parts(b"{}")).unwrap();
            session.explain(&key, b"made by eve").unwrap();
        }
        let taken = session.commit(meta(changes)).unwrap();
        let before = meter.counts();
        let past = repository.past(TENANT).unwrap();
        for change in past.changes(taken.seq).unwrap() {
            assert!(past.event(taken.seq, &change.key).unwrap().is_some());
            assert!(past.entry(taken.seq, &change.key).unwrap().is_some());
            assert!(past.late_events().unwrap().is_empty());
        }
        let after = meter.counts();
        (after.list.calls - before.list.calls, after.get.calls - before.get.calls)
    };
    assert_eq!(lists(1), lists(300));
    assert_eq!(lists(300).0, 1);
}

/// What a fresh process reads of the storage to answer what one resource was at a snapshot: calls, bytes and
/// listings.
fn asks(storage: &Arc<Memory>, index: &Path, seq: u64, path: &str) -> (u64, u64, u64) {
    let meter = Arc::new(Meter::new(storage.clone()));
    let repository = open(meter.clone(), Some(index), 40).unwrap();
    let entry = repository.entry(TENANT, seq, &key(path)).unwrap().unwrap();
    assert!(repository.read(&entry, Part::Main).unwrap().is_some());
    let counts = meter.counts();
    (counts.get.calls, counts.get.bytes, counts.list.calls)
}

#[test]
fn one_question_reads_no_more_of_a_long_history_than_of_a_short_one() {
    let (storage, folder) = (Arc::new(Memory::new()), tempfile::tempdir().unwrap());
    let mut repository = init(storage.clone(), Some(folder.path())).unwrap();
    let mut model: Model = (0..400).map(|n| (format!("user/{n}"), (noise(n, 300), None))).collect();
    let mut asked = Vec::new();
    for hour in 1..=60_u64 {
        model.insert("user/7".to_owned(), (noise(1_000 + hour, 300), None));
        model.insert(format!("user/{}", hour % 300 + 20), (noise(2_000 + hour, 300), None));
        snapshot(&repository, &model).unwrap();
        if hour == 10 || hour == 60 {
            // An index is for one process at a time.
            drop(repository);
            asked.push(asks(&storage, folder.path(), 5, "user/7"));
            repository = open(storage.clone(), Some(folder.path()), 50 + hour).unwrap();
        }
    }
    assert_eq!(asked.first(), asked.last());
    // The key file, the newest record, and of one segment its head, its tail and a frame.
    assert!(
        asked.iter().all(|(calls, bytes, lists)| *calls <= 3 && *bytes <= 16 << 10 && *lists <= 2),
        "{asked:?}"
    );
}
