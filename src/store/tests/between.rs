//! What lies between two snapshots is what their states differ by, whichever way it was found.

use super::*;
use crate::storage::Meter;

/// Snapshots against each other, neighbours and some far apart, in both directions: what the logs between them tell is what the two maps
/// differ by. Only without an index, or over the whole state of a writer that opens nothing, they do not tell.
pub(super) fn as_the_states_tell(repository: &Repository, kept: &BTreeMap<u64, Model>) {
    let past = repository.past(TENANT).unwrap();
    let locked = repository.index_status() == crate::store::IndexStatus::Locked;
    let mut whole = repository.snapshots(TENANT).unwrap();
    whole.retain(|snapshot| snapshot.flags.contain(Flags::FULL_BASE));
    let far = kept.len() / 4 + 1;
    for (at, (from, before)) in kept.iter().enumerate() {
        let other =
            |place: usize| place.abs_diff(at) <= 1 || (place.is_multiple_of(far) && at.is_multiple_of(far));
        for (_, (to, after)) in kept.iter().enumerate().filter(|(place, _)| other(*place)) {
            let changes = past.between_at_any_cost(*from, *to).unwrap();
            let between = (*from).min(*to) + 1..=(*from).max(*to);
            if locked || whole.iter().any(|whole| between.contains(&whole.seq)) {
                assert_eq!(changes, None, "from {from} to {to}");
                continue;
            }
            let changes = changes.expect("the logs tell");
            let mut told = model::told(repository, &changes);
            told.retain(|(_, before, after)| before != after);
            assert_eq!(told, model::differences(before, after), "from {from} to {to}");
        }
    }
}

/// Snapshots of 3,000 resources, of which each changes two and takes one away.
fn hours(repository: &Repository, count: u64) -> BTreeMap<u64, Model> {
    let mut model: Model = (0..3_000).map(|n| (format!("user/{n}"), (vec![1; 9], None))).collect();
    let mut kept = BTreeMap::new();
    for hour in 0..count {
        model.insert("user/1".to_owned(), (vec![2; hour as usize], None));
        model.insert(format!("user/{}", 100 + hour), (vec![3; 9], None));
        model.remove(&format!("user/{}", 200 + hour));
        kept.insert(snapshot(repository, &model).unwrap().seq, model.clone());
    }
    kept
}

#[test]
fn a_few_hours_are_compared_by_their_logs_and_many_by_their_states() {
    let (_, repository) = memory();
    let kept = hours(&repository, 70);
    let past = repository.past(TENANT).unwrap();
    let seqs: Vec<u64> = kept.keys().copied().collect();
    assert_eq!(past.between(seqs[40], seqs[40]).unwrap(), Some(Vec::new()));
    for (from, to) in [(40, 41), (41, 40), (40, 60)] {
        let (from, to) = (seqs[from], seqs[to]);
        let told = model::told(&repository, &past.between(from, to).unwrap().unwrap());
        assert_eq!(told, model::differences(&kept[&from], &kept[&to]));
    }
    assert_eq!(past.between(seqs[0], seqs[69]).unwrap(), None);
    as_the_states_tell(&repository, &kept.into_iter().step_by(9).collect());
}

#[test]
fn the_difference_of_neighbours_reads_one_log() {
    let (storage, folder) = (Arc::new(Memory::new()), tempfile::tempdir().unwrap());
    let repository = init(storage.clone(), Some(folder.path())).unwrap();
    let seqs: Vec<u64> = hours(&repository, 8).into_keys().collect();
    drop(repository);
    let meter = Arc::new(Meter::new(storage));
    let repository = open(meter.clone(), Some(folder.path()), 3).unwrap();
    let past = repository.past(TENANT).unwrap();
    let before = meter.counts().get;
    assert_eq!(past.between(seqs[4], seqs[5]).unwrap().unwrap().len(), 3);
    let after = meter.counts().get;
    // Of one object its head, its tail and the log.
    assert!(after.calls - before.calls <= 3, "{} reads", after.calls - before.calls);
    assert!(after.bytes - before.bytes <= 12 << 10, "{} bytes", after.bytes - before.bytes);
}

#[test]
fn without_an_index_the_states_tell() {
    let (storage, folder) = (Arc::new(Memory::new()), tempfile::tempdir().unwrap());
    let _holds_the_index = init(storage.clone(), Some(folder.path())).unwrap();
    let repository = open(storage, Some(folder.path()), 3).unwrap();
    let seqs: Vec<u64> = hours(&repository, 2).into_keys().collect();
    assert_eq!(repository.index_status(), crate::store::IndexStatus::Locked);
    assert_eq!(repository.past(TENANT).unwrap().between(seqs[0], seqs[1]).unwrap(), None);
    assert_eq!(repository.past(TENANT).unwrap().known(seqs[0], &key("user/1")).unwrap(), None);
}
