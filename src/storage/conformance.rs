//! The contract of [`Storage`] as a list of functions, run for every back end and every wrapper.
//!
//! They are part of the binary: `init` runs [`refuses_second_create`] on the storage it is given,
//! because a bucket that overwrites silently would lose a commit. Each function works below a
//! scratch folder of its caller and removes what it made.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::storage::{Path, Span, Storage, StorageError};

/// A rule of the contract that a back end broke.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    /// It answered, and the answer is wrong.
    #[error("the storage breaks a rule: {rule}; it gave {saw}")]
    Rule {
        /// The rule.
        rule: &'static str,
        /// What was seen instead.
        saw: String,
    },
    /// It failed where it should have answered.
    #[error("the storage failed while it was tried")]
    Failed(#[from] StorageError),
}

fn expect(holds: bool, rule: &'static str, saw: impl std::fmt::Debug) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach::Rule { rule, saw: format!("{saw:?}") }) }
}

/// Runs every rule.
///
/// # Errors
/// The first breach.
pub fn all(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    gives_back_what_it_took(storage, scratch)?;
    expect(
        refuses_second_create(storage, &scratch.join("second-create")?)?,
        "a second create is refused",
        "an overwrite",
    )?;
    reads_ranges(storage, scratch)?;
    says_what_is_missing(storage, scratch)?;
    lists_in_order_and_in_pages(storage, scratch)?;
    replaces_only_what_was_seen(storage, scratch)?;
    deletes_twice(storage, scratch)?;
    one_of_many_creates_wins(storage, scratch)?;
    one_of_many_replacements_wins(storage, scratch)?;
    expect(storage.list(Some(scratch), None, 10)?.is_empty(), "the trial leaves nothing", "leftovers")
}

/// Empty, small and large objects come back byte for byte.
///
/// # Errors
/// A breach.
pub fn gives_back_what_it_took(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    for (name, size) in [("empty", 0_usize), ("small", 5), ("large", 3 << 20)] {
        let path = scratch.join(name)?;
        let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let version = storage.put_new(&path, &bytes)?;
        let got = storage.get(&path, Span::All, None)?;
        expect(got.bytes == bytes, "an object comes back as it was put", got.bytes.len())?;
        expect(got.size == size as u64, "the size is the object's", got.size)?;
        expect(got.version == version, "a put gives the version that a get sees", &got.version)?;
        storage.delete(&path)?;
    }
    Ok(())
}

/// Whether creating a name twice is refused and leaves the first object as it was. A repository's
/// commits rest on this. The name must be free; what a trial that was cut off left under it would be
/// in the way of the next one.
///
/// # Errors
/// As the storage fails otherwise.
pub fn refuses_second_create(storage: &dyn Storage, path: &Path) -> Result<bool, StorageError> {
    storage.put_new(path, b"first")?;
    let refused = match storage.put_new(path, b"second") {
        Ok(_) => false,
        Err(StorageError::AlreadyExists { .. }) => true,
        Err(other) => return Err(other),
    };
    let kept = storage.get(path, Span::All, None)?.bytes == b"first".as_slice();
    storage.delete(path)?;
    Ok(refused && kept)
}

/// Ranges inside, across and past the end.
///
/// # Errors
/// A breach.
pub fn reads_ranges(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let path = scratch.join("ranges")?;
    storage.put_new(&path, b"0123456789")?;
    let cases: [(Span, &[u8]); 7] = [
        (Span::Range(2..5), b"234"),
        (Span::Range(8..99), b"89"),
        (Span::Range(10..12), b""),
        (Span::Range(99..120), b""),
        (Span::Range(4..4), b""),
        (Span::Last(3), b"789"),
        (Span::Last(99), b"0123456789"),
    ];
    for (span, right) in cases {
        let got = storage.get(&path, span.clone(), None)?;
        expect(got.bytes == right, "a range gives exactly its bytes", (&span, &got.bytes))?;
        expect(got.size == 10, "a range tells the whole size", (&span, got.size))?;
    }
    Ok(storage.delete(&path)?)
}

/// A missing object is [`StorageError::NotFound`], a missing folder an empty listing.
///
/// # Errors
/// A breach.
pub fn says_what_is_missing(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let other = scratch.join("other")?;
    let version = storage.put_new(&other, b"x")?;
    let missing = scratch.join("missing")?.join("deep")?;
    let got = storage.get(&missing, Span::All, None);
    expect(matches!(got, Err(StorageError::NotFound { .. })), "reading a missing object", &got)?;
    let replaced = storage.replace_if(&scratch.join("gone")?, &version, b"y");
    expect(matches!(replaced, Err(StorageError::NotFound { .. })), "replacing a missing object", &replaced)?;
    let listed = storage.list(Some(&missing), None, 10)?;
    expect(listed.is_empty(), "a missing folder lists nothing", &listed)?;
    Ok(storage.delete(&other)?)
}

/// Byte order, folders by whole parts, `after` exclusive, `max` kept.
///
/// # Errors
/// A breach.
pub fn lists_in_order_and_in_pages(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let folder = scratch.join("list")?;
    let names = ["a", "a-b", "a.b", "aa/x", "ab/y", "b/1", "b/2", "b/3/deep"];
    let mut paths = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let path = Path::new(&format!("{folder}/{name}"))?;
        storage.put_new(&path, &vec![0; i])?;
        paths.push(path);
    }
    let beside = scratch.join("list2")?;
    storage.put_new(&beside, b"")?;
    let listed = |after: Option<&Path>, max| -> Result<Vec<(Path, u64)>, StorageError> {
        Ok(storage.list(Some(&folder), after, max)?.into_iter().map(|e| (e.path, e.size)).collect())
    };
    let mut right: Vec<(Path, u64)> = paths.iter().cloned().zip(0..).collect();
    right.sort();
    let whole = listed(None, 100)?;
    expect(whole == right, "a listing is whole and in byte order", &whole)?;
    for (i, (path, _)) in right.iter().enumerate() {
        let rest = listed(Some(path), 2)?;
        let want: Vec<_> = right.iter().skip(i + 1).take(2).cloned().collect();
        expect(rest == want, "a page begins after its mark and keeps its size", (path, &rest))?;
    }
    expect(listed(None, 0)?.is_empty(), "a page of none is empty", "rows")?;
    for path in paths.iter().chain([&beside]) {
        storage.delete(path)?;
    }
    Ok(())
}

/// A stale version is refused and changes nothing; a fresh one replaces.
///
/// # Errors
/// A breach.
pub fn replaces_only_what_was_seen(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let path = scratch.join("replace")?;
    let first = storage.put_new(&path, b"1")?;
    let second = storage.replace_if(&path, &first, b"2")?;
    expect(first != second, "a replacement has a new version", &second)?;
    let stale = storage.replace_if(&path, &first, b"3");
    expect(matches!(stale, Err(StorageError::Precondition { .. })), "a stale version is refused", &stale)?;
    let got = storage.get(&path, Span::All, Some(&second))?;
    expect(got.bytes == b"2".as_slice(), "a refused replacement changes nothing", &got.bytes)?;
    let old = storage.get(&path, Span::All, Some(&first));
    expect(matches!(old, Err(StorageError::Precondition { .. })), "an old version is not read", &old)?;
    // The first bytes again: a version must not come back with them.
    let third = storage.replace_if(&path, &second, b"1")?;
    expect(third != first, "a version never returns", &third)?;
    Ok(storage.delete(&path)?)
}

/// Deleting what is not there is no error, and a deleted name is free.
///
/// # Errors
/// A breach.
pub fn deletes_twice(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let path = scratch.join("delete")?;
    storage.put_new(&path, b"1")?;
    storage.delete(&path)?;
    storage.delete(&path)?;
    storage.delete(&scratch.join("never")?.join("there")?)?;
    storage.put_new(&path, b"2")?;
    let got = storage.get(&path, Span::All, None)?;
    expect(got.bytes == b"2".as_slice(), "a deleted name is free", &got.bytes)?;
    Ok(storage.delete(&path)?)
}

const RIVALS: u8 = 8;

/// Of many creates of one name at once exactly one succeeds, and its bytes stand there.
///
/// # Errors
/// A breach.
pub fn one_of_many_creates_wins(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let path = scratch.join("race")?.join("create")?;
    let winners = AtomicU64::new(0);
    let wrong = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for rival in 0..RIVALS {
            let (path, winners, wrong) = (&path, &winners, &wrong);
            scope.spawn(move || match storage.put_new(path, &[rival; 1000]) {
                Ok(_) => winners.fetch_or(1 << rival, Ordering::SeqCst),
                Err(StorageError::AlreadyExists { .. }) => 0,
                Err(_) => wrong.fetch_add(1, Ordering::SeqCst),
            });
        }
    });
    let winners = winners.into_inner();
    expect(winners.count_ones() == 1, "one of many creates wins", winners)?;
    expect(wrong.into_inner() == 0, "the others learn that it exists", "another error")?;
    let got = storage.get(&path, Span::All, None)?.bytes;
    let winner = u8::try_from(winners.trailing_zeros()).unwrap_or(u8::MAX);
    expect(got == [winner; 1000].as_slice(), "the winner's bytes stand", got.first())?;
    Ok(storage.delete(&path)?)
}

/// Of many replacements of one version at once exactly one succeeds.
///
/// # Errors
/// A breach.
pub fn one_of_many_replacements_wins(storage: &dyn Storage, scratch: &Path) -> Result<(), Breach> {
    let path = scratch.join("race")?.join("replace")?;
    let seen = storage.put_new(&path, b"start")?;
    let winners = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for rival in 0..RIVALS {
            let (path, seen, winners) = (&path, &seen, &winners);
            scope.spawn(move || {
                if storage.replace_if(path, seen, &[rival; 10]).is_ok() {
                    winners.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    expect(winners.load(Ordering::SeqCst) == 1, "one of many replacements wins", winners)?;
    Ok(storage.delete(&path)?)
}
