//! One thing at a time.

use super::*;
use crate::store::IndexStatus;

#[test]
fn what_was_put_is_there_and_stays() {
    let (memory, repository) = memory();
    let one = state_of(&[("user/1", "ann"), ("user/2", "bob"), ("group/1", "staff")]);
    let first = snapshot(&repository, &one).unwrap();
    assert_eq!((first.seq, first.added, first.changed, first.removed, first.total), (1, 3, 0, 0, 3));
    let two = state_of(&[("user/1", "ann"), ("user/2", "BOB"), ("user/3", "cid")]);
    let second = snapshot(&repository, &two).unwrap();
    assert_eq!((second.seq, second.added, second.changed, second.removed, second.total), (2, 1, 1, 1, 3));

    for repository in [&repository, &open(memory, None, 2).unwrap()] {
        assert_eq!(repository.tenants().unwrap(), [TENANT]);
        assert_eq!(read(repository, 1).unwrap(), one);
        assert_eq!(read(repository, 2).unwrap(), two);
        let snapshots = repository.snapshots(TENANT).unwrap();
        assert_eq!(snapshots, [first.clone(), second.clone()]);
        assert_eq!(snapshots[1].ledger.rows[&Kind::new("user")].count, 3);
        let changes = repository.changes(TENANT, 2).unwrap();
        let told: Vec<_> =
            changes.iter().map(|c| (c.key.to_path(), c.before.is_some(), c.after.is_some())).collect();
        assert_eq!(
            told,
            [
                ("group/1".to_owned(), true, false),
                ("user/2".to_owned(), true, true),
                ("user/3".to_owned(), false, true)
            ]
        );
        let before = changes[1].before.as_ref().unwrap();
        assert_eq!(repository.read(before, Part::Main).unwrap().unwrap(), b"bob");
        let history = repository.history(TENANT, &key("user/2")).unwrap();
        assert_eq!(history.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(repository.entry(TENANT, 1, &key("user/3")).unwrap(), None);
        let entry = repository.entry(TENANT, 2, &key("user/3")).unwrap().unwrap();
        assert_eq!(repository.read(&entry, Part::Main).unwrap().unwrap(), b"cid");
    }
}

#[test]
fn an_equal_put_is_no_change_and_a_volatile_part_alone_neither() {
    let (_, repository) = memory();
    let first = Parts { volatile: Some(b"monday".to_vec()), raw: Some(b"{ }".to_vec()), ..parts(b"{}") };
    let mut session = repository.session(TENANT).unwrap();
    assert_eq!(session.put(&key("user/1"), first).unwrap(), Put::New);
    session.commit(meta(1)).unwrap();

    let mut session = repository.session(TENANT).unwrap();
    let again = Parts { volatile: Some(b"tuesday".to_vec()), ..parts(b"{}") };
    assert_eq!(session.put(&key("user/1"), again).unwrap(), Put::Same);
    let second = session.commit(meta(1)).unwrap();
    assert_eq!((second.changed, second.total), (0, 1));
    let entry = repository.state(TENANT, 2).unwrap().get(&key("user/1")).unwrap();
    assert_eq!(repository.read(&entry, Part::Volatile).unwrap().unwrap(), b"monday");
    assert_eq!(repository.read(&entry, Part::Raw).unwrap().unwrap(), b"{ }");
    assert_eq!(repository.read(&entry, Part::Secret).unwrap(), None);
}

#[test]
fn a_secret_alone_is_a_change_and_the_rest_stays_where_it_was() {
    let (_, repository) = memory();
    let with = |secret: &str| Parts {
        secret: Some(secret.as_bytes().to_vec()),
        raw: Some(b"raw".to_vec()),
        ..parts(b"app")
    };
    for (secret, put) in [("one", Put::New), ("two", Put::Changed), ("two", Put::Same)] {
        let mut session = repository.session(TENANT).unwrap();
        assert_eq!(session.put(&key("app/1"), with(secret)).unwrap(), put);
        session.commit(meta(1)).unwrap();
    }
    let entry = |seq| repository.state(TENANT, seq).unwrap().get(&key("app/1")).unwrap();
    let secret = |seq| repository.read(&entry(seq), Part::Secret).unwrap().unwrap();
    assert_eq!((secret(1), secret(2), secret(3)), (b"one".to_vec(), b"two".to_vec(), b"two".to_vec()));
    assert_eq!(entry(1).place(Part::Main), entry(2).place(Part::Main));
    assert_eq!(entry(1).place(Part::Raw), entry(2).place(Part::Raw));
    assert!(!repository.same_body(&entry(1), &entry(2)).unwrap());
    assert!(repository.same_body(&entry(2), &entry(3)).unwrap());
}

#[test]
fn a_key_is_said_once_or_twice_the_same() {
    let (_, repository) = memory();
    snapshot(&repository, &state_of(&[("user/1", "ann"), ("user/2", "bob")])).unwrap();
    let mut session = repository.session(TENANT).unwrap();
    assert_eq!(session.put(&key("user/1"), parts(b"ann")).unwrap(), Put::Same);
    assert_eq!(session.put(&key("user/1"), parts(b"ann")).unwrap(), Put::Same);
    let twice = session.put(&key("user/1"), parts(b"anna"));
    assert!(matches!(twice, Err(StoreError::Twice { .. })), "{twice:?}");
    let mut session = repository.session(TENANT).unwrap();
    assert_eq!(session.put(&key("user/3"), parts(b"cid")).unwrap(), Put::New);
    assert_eq!(session.put(&key("user/3"), parts(b"cid")).unwrap(), Put::New);
    session.gone(&key("user/2")).unwrap();
    session.gone(&key("user/2")).unwrap();
    session.gone(&key("user/9")).unwrap();
    assert!(matches!(session.put(&key("user/2"), parts(b"bob")), Err(StoreError::Twice { .. })));
    assert!(matches!(session.gone(&key("user/3")), Err(StoreError::Twice { .. })));
}

#[test]
fn what_is_not_there_is_said_so() {
    let memory = Arc::new(Memory::new());
    assert!(matches!(open(memory.clone(), None, 1), Err(StoreError::NoRepository { .. })));
    let repository = init(memory.clone(), None).unwrap();
    assert!(matches!(init(memory.clone(), None), Err(StoreError::Exists { .. })));
    let wrong = Repository::open(memory, &words("house"), env(2), None);
    assert!(matches!(wrong, Err(StoreError::WrongKey { .. })));
    assert_eq!(repository.tenants().unwrap(), Vec::<String>::new());
    assert!(matches!(repository.snapshots(TENANT), Err(StoreError::UnknownTenant { .. })));
    snapshot(&repository, &state_of(&[("user/1", "ann")])).unwrap();
    for seq in [0, 2, 99] {
        assert!(matches!(repository.state(TENANT, seq), Err(StoreError::UnknownSnapshot { .. })), "{seq}");
    }
    assert_eq!(repository.history(TENANT, &key("user/9")).unwrap(), []);
}

#[test]
fn a_large_first_snapshot_goes_into_data_segments() {
    let (memory, repository) = memory();
    let repository = repository.tuned(Tuning { data_segment_bytes: 100_000, ..Tuning::default() });
    let mut session = repository.session(TENANT).unwrap();
    let mut model = Model::new();
    let mut bytes = blake3::Hasher::new().finalize_xof();
    for n in 0..12 {
        // Bodies that do not compress; one is over the size of a piece.
        let mut body = vec![0; if n == 5 { 2_500_000 } else { 30_000 }];
        bytes.fill(&mut body);
        session.put(&key(&format!("logo/{n}")), parts(&body)).unwrap();
        model.insert(format!("logo/{n}"), (body, None));
    }
    let first = session.commit(meta(12)).unwrap();
    let stats = repository.stats().unwrap();
    assert!(stats.tenants[TENANT].data_segments >= 2, "{stats:?}");
    assert_eq!(first.bytes, stats.tenants[TENANT].data_bytes + stats.tenants[TENANT].record_bytes);
    assert_eq!(read(&repository, 1).unwrap(), model);
    let cold = open(memory, None, 2).unwrap();
    assert_eq!(read(&cold, 1).unwrap(), model);
    assert_eq!(cold.snapshots(TENANT).unwrap()[0].bytes, first.bytes);
    let entries: Vec<_> = cold.state(TENANT, 1).unwrap().iter().map(|(_, entry)| entry).collect();
    let many = cold.read_many(&entries, Part::Main).unwrap();
    assert!(many.into_iter().map(Option::unwrap).eq(model.into_values().map(|(main, _)| main)));
}

#[test]
fn two_tenants_do_not_meet() {
    let (_, repository) = memory();
    for tenant in ["b", "a"] {
        let mut session = repository.session(tenant).unwrap();
        session.put(&key("user/1"), parts(tenant.as_bytes())).unwrap();
        session.commit(meta(1)).unwrap();
    }
    assert_eq!(repository.tenants().unwrap(), ["a", "b"]);
    for tenant in ["a", "b"] {
        let entry = repository.state(tenant, 1).unwrap().get(&key("user/1")).unwrap();
        assert_eq!(repository.read(&entry, Part::Main).unwrap().unwrap(), tenant.as_bytes());
    }
    let mark = |tenant: &str| repository.fingerprints(tenant).unwrap().mark("app/1", "/secret", b"s");
    assert_ne!(mark("a"), mark("b"));
    assert_eq!(mark("a"), mark("a"));
}

#[test]
fn a_note_comes_later_and_the_next_snapshot_follows_it() {
    let (memory, repository) = memory();
    snapshot(&repository, &state_of(&[("user/1", "ann")])).unwrap();
    repository.annotate(TENANT, 1, BTreeMap::from([("tag".to_owned(), "good \"one\"".to_owned())])).unwrap();
    let next = snapshot(&repository, &state_of(&[("user/1", "anna")])).unwrap();
    assert_eq!(next.seq, 3);
    for repository in [repository, open(memory, None, 2).unwrap()] {
        let snapshots = repository.snapshots(TENANT).unwrap();
        assert_eq!(snapshots.iter().map(|s| s.seq).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(snapshots[0].notes["tag"], "good \"one\"");
        assert!(matches!(repository.state(TENANT, 2), Err(StoreError::UnknownSnapshot { .. })));
        assert_eq!(repository.changes(TENANT, 3).unwrap().len(), 1);
    }
}

#[test]
fn an_index_in_use_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let first = init(memory.clone(), Some(folder.path())).unwrap();
    assert_eq!(first.index_status(), IndexStatus::Ready);
    let one = state_of(&[("user/1", "ann")]);
    snapshot(&first, &one).unwrap();
    let second = open(memory, Some(folder.path()), 2).unwrap();
    assert_eq!(second.index_status(), IndexStatus::Locked);
    assert_eq!(read(&second, 1).unwrap(), one);
    snapshot(&second, &state_of(&[("user/1", "anna")])).unwrap();
    assert_eq!(first.history(TENANT, &key("user/1")).unwrap().len(), 2);
    assert_eq!(put_all(&first, &state_of(&[("user/1", "anna")])), [Put::Same]);
}

#[test]
fn events_go_with_changes_and_with_removals() {
    let (memory, repository) = memory();
    snapshot(&repository, &state_of(&[("user/1", "ann"), ("user/2", "bob"), ("user/3", "cid")])).unwrap();
    let mut session = repository.session(TENANT).unwrap();
    session.put(&key("user/1"), parts(b"ANN")).unwrap();
    session.gone(&key("user/2")).unwrap();
    session.explain(&key("user/1"), b"changed by eve").unwrap();
    session.explain(&key("user/2"), b"removed by eve").unwrap();
    session.explain(&key("user/3"), b"nothing happened").unwrap();
    session.commit(meta(2)).unwrap();

    for repository in [&repository, &open(memory, None, 2).unwrap()] {
        let event = |path: &str| repository.past(TENANT).unwrap().event(2, &key(path)).unwrap();
        assert_eq!(event("user/1").as_deref(), Some(&b"changed by eve"[..]));
        assert_eq!(event("user/2").as_deref(), Some(&b"removed by eve"[..]));
        assert_eq!(event("user/3"), None);
        assert_eq!(repository.past(TENANT).unwrap().event(1, &key("user/1")).unwrap(), None);
        assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    }
}

#[test]
fn tags_holds_and_the_baseline_are_what_was_said_last() {
    let (memory, repository) = memory();
    for body in ["one", "two", "three"] {
        snapshot(&repository, &state_of(&[("user/1", body)])).unwrap();
    }
    repository.tag(TENANT, 1, "before go-live").unwrap();
    repository.tag(TENANT, 1, "audit").unwrap();
    repository.untag(TENANT, 1, "audit").unwrap();
    repository.untag(TENANT, 2, "never given").unwrap();
    repository.hold(TENANT, 2, "case 7").unwrap();
    repository.hold(TENANT, 3, "case 8").unwrap();
    repository.end_hold(TENANT, 3).unwrap();
    repository.set_baseline(TENANT, 1).unwrap();
    repository.set_baseline(TENANT, 2).unwrap();
    repository.annotate(TENANT, 2, BTreeMap::from([("n".to_owned(), "v".to_owned())])).unwrap();
    let again = open(memory, None, 7).unwrap();
    let all = again.snapshots(TENANT).unwrap();
    let tags: Vec<Vec<&str>> = all.iter().map(|s| s.tags.iter().map(String::as_str).collect()).collect();
    assert_eq!(tags, [vec!["before go-live"], vec![], vec![]]);
    assert_eq!(all.iter().map(|s| s.held.as_deref()).collect::<Vec<_>>(), [None, Some("case 7"), None]);
    assert_eq!(again.baseline(TENANT).unwrap().unwrap().seq, 2);
    assert_eq!(all[1].notes["n"], "v");
    let long = "x".repeat(300);
    assert!(matches!(again.tag(TENANT, 1, &long), Err(StoreError::TooLarge { .. })));
    assert!(matches!(again.tag(TENANT, 4, "x"), Err(StoreError::UnknownSnapshot { .. })), "4 is no snapshot");
}
