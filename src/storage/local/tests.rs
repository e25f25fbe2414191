//! The local disk against faults.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{FileType, Mode};

use super::*;
use crate::base::entropy::SystemEntropy;
use crate::storage::conformance;
use crate::storage::crash::{Disk, Kept, Strike};

fn name(text: &str) -> Path {
    Path::new(text).unwrap()
}

fn local() -> (tempfile::TempDir, Local) {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::create(&folder.path().join("repo"), Arc::new(SystemEntropy)).unwrap();
    (folder, local)
}

#[test]
fn keeps_the_contract() {
    let (_folder, local) = local();
    conformance::all(&local, &name("scratch/deep")).unwrap();
}

#[test]
fn two_handles_see_each_other() {
    let (folder, one) = local();
    let two = Local::open(&folder.path().join("repo"), Arc::new(SystemEntropy)).unwrap();
    one.put_new(&name("a/b"), b"1").unwrap();
    assert!(matches!(two.put_new(&name("a/b"), b"2"), Err(StorageError::AlreadyExists { .. })));
    assert_eq!(two.list(None, None, 9).unwrap().len(), 1);
}

#[test]
fn only_the_owner_may_read() {
    let (folder, local) = local();
    local.put_new(&name("a/b"), b"1").unwrap();
    let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("repo"), 0o700);
    assert_eq!(mode("repo/a"), 0o700);
    assert_eq!(mode("repo/a/b"), 0o600);
}

#[test]
fn a_missing_repository_is_not_made_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Local::open(&folder.path().join("none"), Arc::new(SystemEntropy));
    assert!(matches!(opened, Err(StorageError::NotFound { .. })));
}

#[test]
fn links_lead_nowhere() {
    let (folder, local) = local();
    let (outside, repo) = (folder.path().join("outside"), folder.path().join("repo"));
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), b"s").unwrap();
    symlink(&outside, repo.join("link")).unwrap();
    symlink(outside.join("secret"), repo.join("file")).unwrap();
    let obstructed = |result: Result<(), StorageError>| {
        assert!(matches!(result, Err(StorageError::Obstructed { .. })), "{result:?}");
    };
    obstructed(local.get(&name("link/secret"), Span::All, None).map(|_| ()));
    obstructed(local.get(&name("file"), Span::All, None).map(|_| ()));
    obstructed(local.put_new(&name("link/new"), b"x").map(|_| ()));
    obstructed(local.delete(&name("link/secret")));
    assert!(local.list(None, None, 9).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert!(matches!(local.put_new(&name("file"), b"x"), Err(StorageError::AlreadyExists { .. })));
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"s");
}

#[test]
fn a_folder_or_pipe_is_no_object() {
    let (folder, local) = local();
    local.put_new(&name("a/b"), b"1").unwrap();
    assert!(matches!(local.get(&name("a"), Span::All, None), Err(StorageError::Obstructed { .. })));
    let pipe = folder.path().join("repo/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert!(matches!(local.get(&name("pipe"), Span::All, None), Err(StorageError::Obstructed { .. })));
}

#[test]
fn a_crash_leaves_only_what_no_listing_shows() {
    let (folder, local) = local();
    local.put_new(&name("a/b"), b"1").unwrap();
    let left = folder.path().join("repo/a/.tmp-0123");
    std::fs::write(&left, b"half").unwrap();
    std::fs::write(folder.path().join("repo/a/notes~"), b"not ours").unwrap();
    assert_eq!(local.list(None, None, 9).unwrap().len(), 1);
    let now = Timestamp::now();
    assert_eq!(local.remove_leftovers(now, Duration::from_secs(3600)).unwrap(), 0);
    let tomorrow = now.checked_add(jiff::SignedDuration::from_hours(25)).unwrap();
    assert_eq!(local.remove_leftovers(tomorrow, Duration::from_secs(3600)).unwrap(), 1);
    assert!(!left.exists());
    assert!(folder.path().join("repo/a/notes~").exists());
}

#[test]
fn a_failed_sync_is_final() {
    // The sync of the file, and that of its folder.
    for call in [4, 7] {
        let disk = Disk::new();
        let local = disk.storage();
        local.put_new(&name("a"), b"1").unwrap();
        disk.strike(disk.calls() + call, Strike::Fail);
        let failed = local.put_new(&name("b"), b"1");
        assert!(
            matches!(&failed, Err(StorageError::Io { doing, .. }) if doing.starts_with("sync")),
            "{failed:?}"
        );
        assert!(matches!(local.put_new(&name("c"), b"1"), Err(StorageError::Poisoned { .. })));
        assert!(matches!(local.get(&name("a"), Span::All, None), Err(StorageError::Poisoned { .. })));
        assert!(matches!(local.list(None, None, 1), Err(StorageError::Poisoned { .. })));
        assert!(matches!(local.delete(&name("a")), Err(StorageError::Poisoned { .. })));
    }
}

#[test]
fn every_folder_on_the_way_is_made_and_made_durable() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    Local::create(&deep, Arc::new(SystemEntropy)).unwrap().put_new(&name("x"), b"1").unwrap();
    assert_eq!(Local::create(&deep, Arc::new(SystemEntropy)).unwrap().list(None, None, 9).unwrap().len(), 1);
    let made = Disk::new();
    make_folders(made.root(), std::path::Path::new("a/./b/c")).unwrap();
    let below = made.after_power_cut(Kept::Nothing).root();
    let below = below.open_folder("a".as_ref()).unwrap().open_folder("b".as_ref()).unwrap();
    assert!(below.open_folder("c".as_ref()).is_ok());
}

#[test]
fn the_system_s_errors_say_what_to_do() {
    let kind = |errno| fault(errno, "write", "a");
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
        assert!(matches!(kind(errno), StorageError::NoSpace { .. }));
    }
    for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
        let error = kind(errno);
        assert!(matches!(error, StorageError::Denied { .. }) && !error.outcome_unknown());
    }
    let error = kind(Errno::IO);
    assert!(matches!(error, StorageError::Io { .. }) && error.outcome_unknown() && error.hint().is_some());
}

#[test]
fn an_equal_time_still_gives_a_new_version() {
    let (folder, local) = local();
    let path = name("lease");
    let first = local.put_new(&path, b"1").unwrap();
    // A state from the future, as a coarse or stepped clock makes it.
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    File::options().write(true).open(folder.path().join("repo/lease")).unwrap().set_modified(ahead).unwrap();
    let seen = local.get(&path, Span::All, None).unwrap().version;
    assert_ne!(seen, first);
    let next = local.replace_if(&path, &seen, b"2").unwrap();
    let again = local.replace_if(&path, &next, b"1").unwrap();
    assert!(again != seen && again != next && again != first);
}
