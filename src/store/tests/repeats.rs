//! Bytes that repeat: with what is remembered of them the history is what it is without, whatever happens between.

use std::path::Path;

use proptest::prelude::*;

use super::*;

/// What a vendor sends: the body, a secret, and behind it what moves by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Sent {
    body: u8,
    secret: Option<u8>,
    moves: u8,
}

impl Sent {
    fn raw(&self) -> Vec<u8> {
        format!("{}|{:?}|{}", self.body, self.secret, self.moves).into_bytes()
    }

    fn parts(&self) -> Parts {
        let secret = self.secret.map(|secret| vec![secret; 9]);
        let volatile = Some(format!("moves {}", self.moves).into_bytes());
        Parts { secret, volatile, ..parts(format!("body {}", self.body).as_bytes()) }
    }
}

/// What happens to a tenant in one hour, and who looks at it how.
#[derive(Clone, Debug)]
struct Hour {
    /// What changed; nothing: it is gone.
    changes: Vec<(u8, Option<Sent>)>,
    /// Whether everything is read; else only what changed is put, by somebody who remembers nothing.
    full: bool,
    /// Whether the remembered bytes are lost before.
    forgets: bool,
    /// Under which rules bodies are made.
    rules: u8,
}

fn hour() -> impl Strategy<Value = Hour> {
    let sent = (0..3_u8, prop::option::of(0..2_u8), 0..2_u8);
    let sent = sent.prop_map(|(body, secret, moves)| Sent { body, secret, moves });
    let changes = prop::collection::vec((0..6_u8, prop::option::weighted(0.8, sent)), 0..6);
    let rare = prop::bool::weighted(0.15);
    (changes, prop::bool::weighted(0.7), rare, rare).prop_map(|(changes, full, forgets, rules)| Hour {
        changes,
        full,
        forgets,
        rules: rules.into(),
    })
}

/// One side of the comparison.
struct Side {
    storage: Arc<Memory>,
    folder: tempfile::TempDir,
    remembers: bool,
    repeated: usize,
}

impl Side {
    fn new(remembers: bool) -> Self {
        let (storage, folder) = (Arc::new(Memory::new()), tempfile::tempdir().unwrap());
        drop(init(storage.clone(), Some(folder.path())).unwrap());
        Self { storage, folder, remembers, repeated: 0 }
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        raw_files(self.folder.path())
    }

    /// Takes a snapshot as the hour says.
    fn take(&mut self, number: u64, hour: &Hour, tenant: &BTreeMap<u8, Sent>) -> (Snapshot, Vec<Put>) {
        if hour.forgets {
            self.files().iter().for_each(|file| std::fs::remove_file(file).unwrap());
        }
        let repository = open(self.storage.clone(), Some(self.folder.path()), 100 + number).unwrap();
        let mut session = repository.session(TENANT).unwrap();
        let looks = self.remembers && hour.full;
        let repeats = looks.then(|| session.repeats(&format!("rules {}", hour.rules), true).unwrap());
        let mut told = Vec::new();
        let touched = |n: &u8| hour.full || hour.changes.iter().any(|(changed, _)| changed == n);
        for (n, sent) in tenant.iter().filter(|(n, _)| touched(n)) {
            let key = key(&format!("user/{n}"));
            let Some(repeats) = &repeats else {
                told.push(session.put(&key, sent.parts()).unwrap());
                continue;
            };
            let repeat = repeats.look(&key, &sent.raw(), &mut 0);
            self.repeated += usize::from(repeat.is_same());
            told.push(match repeat.is_same() {
                true => session.put_same(&repeat).unwrap(),
                false => session.put_made(&key, repeats.ready(&repeat, sent.parts()), &repeat).unwrap(),
            });
        }
        let there: Vec<ResourceKey> = session.parent_state().iter().map(|(key, _)| key).collect();
        for gone in there.iter().filter(|key| !tenant.contains_key(&key.id().parse().unwrap())) {
            session.gone(gone).unwrap();
        }
        let snapshot = session.commit(meta(tenant.len() as u64)).unwrap();
        (snapshot, told)
    }
}

fn raw_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("raw-")).collect()
}

/// Both sides over the same hours; how much of it was not looked at twice.
fn compare(hours: &[Hour]) -> usize {
    let (mut with, mut without) = (Side::new(true), Side::new(false));
    let mut tenant = BTreeMap::new();
    for (number, hour) in (1..).zip(hours) {
        for (n, sent) in &hour.changes {
            match sent {
                Some(sent) => drop(tenant.insert(*n, sent.clone())),
                None => drop(tenant.remove(n)),
            }
        }
        let (mine, mine_told) = with.take(number, hour, &tenant);
        let (other, other_told) = without.take(number, hour, &tenant);
        assert_eq!(mine_told, other_told, "hour {number}");
        // The same keys, seeds and clock: an equal record is an equal log, ledger and root.
        assert_eq!(mine, other, "hour {number}");
    }
    with.repeated
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_history_is_the_same_whether_bytes_are_remembered(hours in prop::collection::vec(hour(), 1..7)) {
        compare(&hours);
    }
}

fn plain(changes: &[(u8, Option<Sent>)], full: bool) -> Hour {
    Hour { changes: changes.to_vec(), full, forgets: false, rules: 0 }
}

#[test]
fn what_repeats_is_not_compared_again() {
    let sent = |body, moves| Some(Sent { body, secret: Some(1), moves });
    let first: Vec<_> = (0..6).map(|n| (n, sent(n, 0))).collect();
    // All repeat; then one moves by itself and is remembered as it is now; then all repeat.
    assert_eq!(compare(&[plain(&first, true), plain(&[], true)]), 6);
    assert_eq!(compare(&[plain(&first, true), plain(&[(2, sent(2, 1))], true), plain(&[], true)]), 5 + 6);
    // Changed and changed back while nobody remembered: the old bytes do not pass for the new entry.
    let there_and_back = [
        plain(&first, true),
        plain(&[(3, sent(9, 0))], false),
        plain(&[(3, sent(3, 0))], true),
        plain(&[], true),
    ];
    assert_eq!(compare(&there_and_back), 5 + 6);
    let lost = Hour { forgets: true, ..plain(&[], true) };
    assert_eq!(compare(&[plain(&first, true), lost, plain(&[], true)]), 6);
    let ruled = Hour { rules: 1, ..plain(&[], true) };
    assert_eq!(compare(&[plain(&first, true), ruled.clone(), ruled, plain(&[], true)]), 6);
}

#[test]
fn a_damaged_file_is_not_believed() {
    let sent = Sent { body: 1, secret: None, moves: 0 };
    let tenant: BTreeMap<u8, Sent> = (0..6).map(|n| (n, sent.clone())).collect();
    let mut side = Side::new(true);
    side.take(1, &plain(&[], true), &tenant);
    let file = side.files().pop().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(5) {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        std::fs::write(&file, &broken).unwrap();
        side.repeated = 0;
        let (snapshot, told) = side.take(2 + at as u64, &plain(&[], true), &tenant);
        assert_eq!((side.repeated, snapshot.changed), (0, 0), "byte {at}");
        assert!(told.iter().all(|put| *put == Put::Same));
    }
    assert!(bytes.len() < 400 && !bytes.windows(4).any(|part| part == b"body"));
}

#[test]
fn damage_that_a_check_finds_is_mended_by_the_next_sweep() {
    let sent = Sent { body: 1, secret: None, moves: 0 };
    let tenant: BTreeMap<u8, Sent> = (0..6).map(|n| (n, sent.clone())).collect();
    let mut side = Side::new(true);
    side.take(1, &plain(&[], true), &tenant);
    assert_eq!(side.files().len(), 1);
    let repository = open(side.storage.clone(), Some(side.folder.path()), 9).unwrap();
    assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    assert_eq!(side.files().len(), 1, "what is whole needs no slow sweep");
    let path = crate::storage::list_all(side.storage.as_ref(), None, None).unwrap();
    let record = path.iter().find(|row| row.path.as_str().ends_with("000000000001")).unwrap();
    let mut bytes = side.storage.get(&record.path, crate::storage::Span::All, None).unwrap().bytes.to_vec();
    bytes[200] ^= 1;
    side.storage.delete(&record.path).unwrap();
    side.storage.put_new(&record.path, &bytes).unwrap();
    let repository = open(side.storage.clone(), Some(side.folder.path()), 10).unwrap();
    assert!(!repository.check(true, &|_, _| {}).unwrap().is_clean());
    assert!(side.files().is_empty(), "every body is compared with what is stored at the next sweep");
}
