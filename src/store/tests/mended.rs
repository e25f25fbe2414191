//! Damage that a later session meets: it stores anew what it is given, and goes on past what it is not.

use super::damage::{objects, opened, rich};
use super::scenario::small;
use super::*;

#[test]
fn what_is_lost_behind_a_whole_id_is_stored_anew_when_the_index_is_lost_too() {
    // The newest state comes from a checkpoint, which names bodies by their whole ids.
    let (whole, snapshots) = rich();
    let last = snapshots.values().next_back().unwrap();
    let (mut tried, mut mended) = (0, 0);
    for (path, size) in objects(&whole).into_iter().filter(|(path, _)| path.as_str().contains(".d/")) {
        for at in (180..size - 200).step_by(397) {
            let case = format!("byte {at} of {path}");
            let memory = Arc::new(whole.copy());
            assert!(memory.damage(&path, |bytes| bytes[at as usize] ^= 1));
            let repository = opened(&memory).unwrap();
            let next = snapshot(&repository, last).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((next.added, next.removed), (0, 0), "{case}");
            assert!(read(&repository, next.seq).unwrap() == *last, "{case}");
            let again = snapshot(&opened(&memory).unwrap(), last).unwrap();
            assert_eq!(again.changed, 0, "{case}: all is whole now");
            tried += 1;
            mended += u64::from(next.changed > 0);
        }
    }
    assert!(mended * 3 > tried, "{mended} of {tried} met a body of the newest state");
}

#[test]
fn a_lost_body_puts_off_a_checkpoint_and_no_snapshot() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), Arc::new(Memory::new()));
    let repository = init(memory.clone(), Some(folder.path())).unwrap().tuned(small());
    snapshot(&repository, &state_of(&[("user/1", "ann"), ("user/2", "bob")])).unwrap();
    drop(repository);
    let (record, _) =
        objects(&memory).into_iter().find(|(path, _)| path.as_str().ends_with("/000000000001")).unwrap();
    assert!(memory.damage(&record, |bytes| bytes[180] ^= 1));
    let repository = open(memory.clone(), Some(folder.path()), 5).unwrap().tuned(small());
    for round in 2..7 {
        let body = format!("bob {round}");
        let mut session = repository.session(TENANT).unwrap();
        session.put(&key("user/2"), parts(body.as_bytes())).unwrap();
        let taken = session.commit(meta(2)).unwrap();
        assert!(!taken.flags.contain(Flags::CHECKPOINT), "its line of user/1 cannot be written");
        let entry = repository.entry(TENANT, taken.seq, &key("user/2")).unwrap().unwrap();
        assert_eq!(repository.read(&entry, Part::Main).unwrap().unwrap(), body.as_bytes());
    }
    let model = state_of(&[("user/1", "ann"), ("user/2", "bob 7")]);
    let taken = snapshot(&repository, &model).unwrap();
    assert!(taken.flags.contain(Flags::CHECKPOINT), "a sweep brought what was lost");
    assert_eq!(read(&repository, taken.seq).unwrap(), model);
    assert_eq!(read(&opened(&memory).unwrap(), taken.seq).unwrap(), model);
}

#[test]
fn lost_raw_bytes_are_stored_anew_with_a_changed_secret() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), Arc::new(Memory::new()));
    let whole = |secret: &[u8]| Parts {
        secret: Some(secret.to_vec()),
        raw: Some(b"{ \"raw\": true }".to_vec()),
        ..parts(b"ann")
    };
    let take = |repository: &Repository, secret: &[u8]| {
        let mut session = repository.session(TENANT).unwrap();
        session.put(&key("user/1"), whole(secret)).unwrap();
        session.commit(meta(1)).unwrap().seq
    };
    let repository = init(memory.clone(), Some(folder.path())).unwrap();
    take(&repository, b"one");
    drop(repository);
    let (record, _) =
        objects(&memory).into_iter().find(|(path, _)| path.as_str().ends_with("/000000000001")).unwrap();
    assert!(memory.damage(&record, |bytes| bytes[180] ^= 1));
    let repository = open(memory.clone(), Some(folder.path()), 5).unwrap();
    let seq = take(&repository, b"two");
    let entry = repository.entry(TENANT, seq, &key("user/1")).unwrap().unwrap();
    for (part, body) in [(Part::Main, &b"ann"[..]), (Part::Raw, b"{ \"raw\": true }"), (Part::Secret, b"two")]
    {
        assert_eq!(repository.read(&entry, part).unwrap().unwrap(), body, "{part:?}");
    }
}
