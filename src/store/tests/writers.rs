//! Several writers, writers that open nothing, and repositories that go back in time.

use super::*;
use crate::format::key_file::{self, Opener};
use crate::storage::Local;

#[test]
fn two_writers_both_commit() {
    let (memory, one) = memory();
    let start = state_of(&[("user/1", "ann"), ("user/2", "bob"), ("user/3", "cid")]);
    snapshot(&one, &start).unwrap();
    let two = open(memory, None, 2).unwrap();
    let mut first = one.session(TENANT).unwrap();
    let mut second = two.session(TENANT).unwrap();
    first.put(&key("user/1"), parts(b"ANN")).unwrap();
    first.put(&key("user/4"), parts(b"dan")).unwrap();
    first.gone(&key("user/3")).unwrap();
    second.put(&key("user/2"), parts(b"BOB")).unwrap();
    second.put(&key("user/4"), parts(b"dan")).unwrap();
    second.gone(&key("user/3")).unwrap();
    assert_eq!(first.commit(meta(3)).unwrap().seq, 2);
    let late = second.commit(meta(3)).unwrap();
    // What both said is said once; the rest of each holds.
    assert_eq!((late.seq, late.added, late.changed, late.removed), (3, 0, 1, 0));
    let right = state_of(&[("user/1", "ANN"), ("user/2", "BOB"), ("user/4", "dan")]);
    for repository in [&one, &two] {
        assert_eq!(read(repository, 3).unwrap(), right);
        assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    }
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = || Arc::new(crate::base::entropy::SystemEntropy);
    let place = folder.path().join("repo");
    init(Arc::new(Local::create(&place, entropy()).unwrap()), None).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..3_u64 {
            let place = &place;
            scope.spawn(move || {
                let storage = Arc::new(Local::open(place, entropy()).unwrap());
                let repository = open(storage, None, 10 + writer).unwrap();
                for round in 0..3 {
                    let mut session = repository.session(TENANT).unwrap();
                    session.put(&key(&format!("user/{writer}-{round}")), parts(b"x")).unwrap();
                    session.commit(meta(1)).unwrap();
                }
            });
        }
    });
    let repository = open(Arc::new(Local::open(&place, entropy()).unwrap()), None, 9).unwrap();
    let snapshots = repository.snapshots(TENANT).unwrap();
    assert_eq!(snapshots.iter().map(|s| s.seq).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    assert_eq!(read(&repository, 9).unwrap().len(), 9);
    assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
}

/// A repository opened with a put-only writer's own key file.
pub(super) fn put_only(
    storage: Arc<dyn Storage>,
    owner: &Repository,
    seed: u64,
) -> Result<Repository, StoreError> {
    let entropy = SeededEntropy::new(seed);
    let mut ring = owner.keys().put_only("collector", &[TENANT], 0, &entropy).unwrap();
    let words = Secret::new(b"machine".to_vec());
    ring.add_passphrase("machine", &words, KdfCost::CHEAP_FOR_TESTS, &entropy).unwrap();
    let bytes = key_file::seal(&ring, &entropy).unwrap();
    let ring = key_file::open(&bytes, &Opener::Passphrase(&words)).unwrap();
    Repository::open(storage, &Unlock::Ring(Box::new(ring)), env(seed), None)
}

#[test]
fn a_put_only_writer_writes_what_only_readers_open() {
    let (memory, owner) = memory();
    let one = state_of(&[("user/1", "ann"), ("user/2", "bob")]);
    snapshot(&owner, &one).unwrap();

    let writer = put_only(memory.clone(), &owner, 30).unwrap();
    assert!(matches!(writer.snapshots(TENANT), Err(StoreError::NoKey { .. })));
    assert!(matches!(writer.state(TENANT, 1), Err(StoreError::NoKey { .. })));
    assert_eq!(writer.tenants().unwrap(), [TENANT]);
    let two: Model = [
        ("user/1".to_owned(), (b"ann".to_vec(), None)),
        ("user/3".to_owned(), (b"cid".to_vec(), Some(b"secret".to_vec()))),
    ]
    .into();
    for _ in 0..2 {
        let mut session = writer.session(TENANT).unwrap();
        assert!(session.parent().is_none() && session.parent_state().is_empty());
        for (path, (main, secret)) in &two {
            session.put(&key(path), Parts { secret: secret.clone(), ..parts(main) }).unwrap();
        }
        let made = session.commit(meta(2)).unwrap();
        assert!(made.flags.contain(Flags::FULL_BASE));
        assert_eq!(made.writer, "collector");
    }
    let three = state_of(&[("user/3", "cid")]);
    let last = snapshot(&owner, &three).unwrap();
    assert_eq!(last.seq, 4);
    for reader in [&owner, &open(memory, None, 31).unwrap()] {
        assert_eq!(read(reader, 1).unwrap(), one);
        assert_eq!(read(reader, 2).unwrap(), two);
        assert_eq!(read(reader, 3).unwrap(), two);
        assert_eq!(read(reader, 4).unwrap(), three);
        let paths = |seq| -> Vec<String> {
            reader.changes(TENANT, seq).unwrap().iter().map(|change| change.key.to_path()).collect()
        };
        // A full base changes only what differs.
        assert_eq!(paths(2), ["user/2", "user/3"]);
        assert_eq!(paths(3), Vec::<String>::new());
        let history = reader.history(TENANT, &key("user/1")).unwrap();
        assert_eq!(history.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [4, 1]);
        let report = reader.check(true, &|_, _| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}

#[test]
fn a_reader_without_a_writer_s_key_cannot_write() {
    let (memory, owner) = memory();
    snapshot(&owner, &state_of(&[("user/1", "ann")])).unwrap();
    let mut ring = owner.keys().clone();
    (ring.signer, ring.owner_secret) = (None, None);
    let reader = Repository::open(memory, &Unlock::Ring(Box::new(ring)), env(40), None).unwrap();
    assert_eq!(read(&reader, 1).unwrap().len(), 1);
    assert!(matches!(reader.session(TENANT), Err(StoreError::ReadOnly)));
    let note = BTreeMap::from([("tag".to_owned(), "x".to_owned())]);
    assert!(matches!(reader.annotate(TENANT, 1, note), Err(StoreError::ReadOnly)));
}

#[test]
fn a_repository_that_went_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, _) = memory();
    let repository = open(memory.clone(), Some(folder.path()), 3).unwrap();
    snapshot(&repository, &state_of(&[("user/1", "ann")])).unwrap();
    let old = Arc::new(memory.copy());
    snapshot(&repository, &state_of(&[("user/1", "anna")])).unwrap();
    drop(repository);

    let behind = open(old.clone(), Some(folder.path()), 4).unwrap();
    for error in [
        behind.tenants().unwrap_err(),
        behind.snapshots(TENANT).unwrap_err(),
        behind.state(TENANT, 1).err().unwrap(),
        behind.session(TENANT).err().unwrap(),
    ] {
        assert!(matches!(error, StoreError::RolledBack { .. }) && error.hint().is_some(), "{error:?}");
    }
    drop(behind);
    // Another history of the same length is no better.
    let elsewhere = open(old.clone(), None, 5).unwrap();
    snapshot(&elsewhere, &state_of(&[("user/1", "eve")])).unwrap();
    let beside = open(old.clone(), Some(folder.path()), 6).unwrap();
    assert!(matches!(beside.snapshots(TENANT), Err(StoreError::RolledBack { .. })));
    drop(beside);
    snapshot(&elsewhere, &state_of(&[("user/1", "mallory")])).unwrap();
    let longer = open(old, Some(folder.path()), 7).unwrap();
    assert!(matches!(longer.snapshots(TENANT), Err(StoreError::RolledBack { .. })));
    drop(longer);
    // Who has seen nothing, and who has seen this one, reads on.
    assert_eq!(open(memory.clone(), Some(folder.path()), 8).unwrap().snapshots(TENANT).unwrap().len(), 2);
    assert_eq!(open(memory, None, 9).unwrap().snapshots(TENANT).unwrap().len(), 2);
}

#[test]
fn another_repository_at_a_known_place_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = memory();
    let repository = open(first, Some(folder.path()), 3).unwrap();
    snapshot(&repository, &state_of(&[("user/1", "ann")])).unwrap();
    drop(repository);
    let other = Arc::new(Memory::new());
    let made = Repository::init(other.clone(), &words("horse"), KdfCost::CHEAP_FOR_TESTS, env(20), None);
    drop(made.unwrap());
    assert!(matches!(open(other, Some(folder.path()), 4), Err(StoreError::Replaced { .. })));
}

#[test]
fn an_old_session_does_not_commit() {
    let memory = Arc::new(Memory::new());
    let clock = Arc::new(FixedClock::new("2026-11-03T14:00:00Z".parse::<Timestamp>().unwrap()));
    let env = Environment { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(1)) };
    let repository = Repository::init(memory, &words("horse"), KdfCost::CHEAP_FOR_TESTS, env, None).unwrap();
    let mut session = repository.session(TENANT).unwrap();
    session.put(&key("user/1"), parts(b"ann")).unwrap();
    clock.set("2026-11-05T03:00:00Z".parse::<Timestamp>().unwrap());
    assert!(matches!(session.commit(meta(1)), Err(StoreError::TooOld { .. })));
    assert!(repository.tenants().unwrap().is_empty());
}

#[test]
fn a_changed_body_is_stored_against_its_previous_version() {
    let (memory, repository) = memory();
    let body = |round: u32, n: u8| {
        let fields: String = (0..40).map(|i| format!("\"{}\":\"{i}\",", blake3::hash(&[i, n]))).collect();
        format!("{{{fields}\"round\":{round}}}").into_bytes()
    };
    let mut bytes = Vec::new();
    for round in 0..24 {
        let model: Model = (0..20).map(|n| (format!("user/{n}"), (body(round, n), None))).collect();
        bytes.push(snapshot(&repository, &model).unwrap().bytes);
    }
    // A chain ends after eight links with a whole body, and begins again.
    assert!(bytes.iter().filter(|size| **size < 5_500).count() >= 18, "{bytes:?}");
    assert!(bytes[0] > 5_500);
    let cold = open(memory, None, 2).unwrap();
    for round in [0, 7, 8, 9, 23_u32] {
        let state = cold.state(TENANT, u64::from(round) + 1).unwrap();
        for n in 0..20 {
            let entry = state.get(&key(&format!("user/{n}"))).unwrap();
            assert_eq!(cold.read(&entry, Part::Main).unwrap().unwrap(), body(round, n));
        }
    }
    assert!(cold.check(true, &|_, _| {}).unwrap().is_clean());
}
