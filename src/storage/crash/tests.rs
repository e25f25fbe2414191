//! The disk itself, and the local storage on it: what was acknowledged is there whatever a power cut
//! keeps, and what was not is there whole or not at all.

#![expect(clippy::print_stdout, reason = "a person reads the counts")]

use super::*;
use crate::storage::{Local, Path, Span, Storage, StorageError, conformance};

fn path(text: &str) -> Path {
    Path::new(text).unwrap()
}

fn found(disk: &Disk, name: &str) -> Option<Vec<u8>> {
    match disk.storage().get(&path(name), Span::All, None) {
        Ok(got) => Some(got.bytes.to_vec()),
        Err(StorageError::NotFound { .. }) => None,
        Err(error) => panic!("{name}: {error:?}"),
    }
}

#[test]
fn the_local_storage_keeps_its_contract_on_it() {
    conformance::all(&Disk::new().storage(), &path("scratch/deep")).unwrap();
}

#[test]
fn what_is_not_synced_is_lost_or_torn_and_what_is_synced_stays() {
    let disk = Disk::new();
    let root = disk.root();
    let mut file = root.create("a").unwrap();
    file.write(b"1234").unwrap();
    let kept = |kept| disk.after_power_cut(kept).files().get("/a").cloned();
    let text = |bytes: &[u8]| Some(bytes.to_vec());
    assert_eq!(kept(Kept::Nothing), None);
    assert_eq!(kept(Kept::Bytes), None);
    assert_eq!(kept(Kept::Names), text(b""));
    assert_eq!(kept(Kept::Half), text(b"12"));
    assert_eq!(kept(Kept::Zeros), text(&[0; 4]));
    assert_eq!(kept(Kept::All), text(b"1234"));
    file.sync().unwrap();
    assert_eq!((kept(Kept::Nothing), kept(Kept::Names)), (None, text(b"1234")));
    root.sync().unwrap();
    root.rename("a", "b").unwrap();
    assert_eq!((kept(Kept::Nothing), kept(Kept::All)), (text(b"1234"), None));
    let ways: BTreeSet<bool> = (1..20).map(|seed| kept(Kept::Some(seed)).is_some()).collect();
    assert_eq!(ways.len(), 2, "a coin falls on both sides");
}

#[test]
fn a_call_breaks_in_its_own_way() {
    let write = |how: Strike, at: u64| {
        let disk = Disk::new();
        disk.strike(at, how);
        let root = disk.root();
        let written = root.create("a").and_then(|mut file| file.write(b"1234").and_then(|()| file.sync()));
        let again = root.open("a").and_then(|file| file.sync()).and_then(|()| root.sync());
        (written, again, disk.after_power_cut(Kept::Nothing).files().remove("/a"))
    };
    let text = |bytes: &[u8]| Some(bytes.to_vec());
    assert_eq!(write(Strike::Fail, 0), (Ok(()), Ok(()), text(b"1234")));
    assert_eq!(write(Strike::Fail, 2), (Err(Errno::IO), Ok(()), text(b"")));
    assert_eq!(write(Strike::Tear, 2), (Err(Errno::IO), Ok(()), text(b"12")));
    assert_eq!(write(Strike::Full, 2), (Err(Errno::NOSPC), Ok(()), text(b"")));
    assert_eq!(write(Strike::Cut, 2), (Err(Errno::IO), Err(Errno::IO), None));
    // A later sync does not bring back what a failed one lost, and does not say so.
    assert_eq!(write(Strike::Fail, 3), (Err(Errno::IO), Ok(()), text(b"")));
}

/// What became of a verb, as far as its caller was told.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Told {
    Done,
    Failed,
}

/// Puts, replaces and deletes, one after the other, until one fails.
fn verbs(storage: &Local) -> Vec<Told> {
    let run = |told: &mut Vec<Told>| -> Result<(), StorageError> {
        storage.put_new(&path("a/b"), b"object")?;
        told.push(Told::Done);
        let first = storage.put_new(&path("a/lease"), b"first")?;
        told.push(Told::Done);
        storage.replace_if(&path("a/lease"), &first, b"second")?;
        told.push(Told::Done);
        storage.delete(&path("a/b"))?;
        told.push(Told::Done);
        Ok(())
    };
    let mut told = Vec::new();
    if run(&mut told).is_err() {
        told.push(Told::Failed);
    }
    told
}

/// What a reader finds of object and lease.
type Seen<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// What he may find after so many verbs were done, and one was under way.
fn allowed(told: &[Told]) -> Vec<Seen<'static>> {
    let (object, first, second) = (Some(&b"object"[..]), Some(&b"first"[..]), Some(&b"second"[..]));
    let after = [(None, None), (object, None), (object, first), (object, second), (None, second)];
    let done = told.iter().filter(|told| **told == Told::Done).count();
    after[done..=told.len().min(4)].to_vec()
}

#[test]
fn a_power_cut_anywhere_leaves_each_verb_done_or_not_begun() {
    let quiet = Disk::new();
    assert_eq!(verbs(&quiet.storage()), [Told::Done; 4]);
    let mut cases = 0;
    for how in Strike::ALL {
        for at in 1..=quiet.calls() + 1 {
            let disk = Disk::new();
            disk.strike(at, how);
            let told = verbs(&disk.storage());
            for kept in Kept::every_way(8) {
                let left = disk.after_power_cut(kept);
                let seen = (found(&left, "a/b"), found(&left, "a/lease"));
                let allowed = allowed(&told);
                let right = allowed
                    .iter()
                    .any(|(object, lease)| (*object, *lease) == (seen.0.as_deref(), seen.1.as_deref()));
                assert!(right, "{how:?} at call {at}, {kept:?} kept, {told:?}: {seen:?}");
                cases += 1;
            }
        }
    }
    println!("verbs of the local storage: {cases} power cuts, {} calls", quiet.calls());
}
