//! One flipped bit in any file of a small repository, its index and its trust file: each question gets
//! the right answer or an error that names the damaged file, never a wrong body; and `check` names it.
//!
//! The suite tries some bytes of each file; with `LASTGOOD_FLIPS=N` every byte is tried, N of its bits.

#![expect(clippy::print_stdout, reason = "a person reads the counts")]

use super::damage::{check, objects, opened, rich, wrongs};
use super::*;
use crate::store::IndexStatus;

/// Which bytes are tried, and which bits of each.
struct Choice {
    bits: Option<u8>,
}

impl Choice {
    fn new() -> Self {
        Self { bits: std::env::var("LASTGOOD_FLIPS").ok().map(|bits| bits.parse().unwrap()) }
    }

    /// Of a file of `size` bytes: its ends and fields, and steps that are no divisor of anything.
    fn of_object(&self, size: usize) -> Vec<(usize, u8)> {
        if self.bits.is_some() {
            return self.every((0..size).collect());
        }
        let ends = [0, 9, 60, 175, 176, size - 40, size - 20, size - 1];
        ends.into_iter().chain((0..size).step_by(797)).map(|at| (at, (at % 8) as u8)).collect()
    }

    /// Of the index: most of a small one is empty pages, which nobody reads.
    fn of_index(&self, bytes: &[u8]) -> Vec<(usize, u8)> {
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        if self.bits.is_some() {
            let empty = (0..bytes.len()).filter(|at| bytes[*at] == 0).step_by(509);
            return self.every(used.iter().copied().chain(empty).collect());
        }
        let step = used.len() / 150;
        used.into_iter().step_by(step).map(|at| (at, (at % 8) as u8)).collect()
    }

    fn every(&self, places: Vec<usize>) -> Vec<(usize, u8)> {
        let bits = self.bits.unwrap_or(1);
        places
            .into_iter()
            .flat_map(|at| (0..bits).map(move |bit| (at, (at as u8).wrapping_add(bit) % 8)))
            .collect()
    }
}

#[test]
fn a_flipped_bit_in_an_object_is_found_wherever_it_is() {
    let (whole, snapshots) = rich();
    // All that there is, as a sweep reads it, and one thing more.
    let mut next = snapshots.values().next_back().unwrap().clone();
    next.insert("user/9".to_owned(), (b"next".to_vec(), None));
    let (mut tried, mut answered, mut written) = (0, 0, 0);
    for (path, size) in objects(&whole) {
        for (at, bit) in Choice::new().of_object(size as usize) {
            let case = format!("bit {bit} of byte {at} of {path}");
            let memory = Arc::new(whole.copy());
            assert!(memory.damage(&path, |bytes| bytes[at] ^= 1 << bit));
            let errors = wrongs(&memory, &snapshots, &case);
            for error in &errors {
                assert!(error.to_string().contains(path.as_str()), "{case}: `{error}` does not name it");
            }
            if let Some(report) = check(&memory) {
                let named = report.faults.iter().any(|fault| fault.object == path.as_str());
                assert!(named, "{case}: {report:?}");
            }
            // A writer goes on or says what is in his way.
            match opened(&memory).and_then(|repository| Ok((snapshot(&repository, &next)?.seq, repository))) {
                Ok((seq, repository)) => {
                    written += 1;
                    match read(&repository, seq) {
                        Ok(found) => assert!(found == next, "{case}: what was written after it is another"),
                        Err(error) => assert!(error.to_string().contains(path.as_str()), "{case}: `{error}`"),
                    }
                }
                Err(error) => assert!(error.to_string().contains(path.as_str()), "{case}: `{error}`"),
            }
            tried += 1;
            answered += usize::from(errors.is_empty());
        }
    }
    println!(
        "flips: {tried} bits of {} objects: {answered} where every answer was right, {written} where a snapshot followed",
        objects(&whole).len()
    );
    assert!(answered < tried, "some damage is met by a question");
}

/// A repository with an index and a trust file, and what it must answer.
struct Indexed {
    memory: Arc<Memory>,
    folder: tempfile::TempDir,
    models: BTreeMap<u64, Model>,
    histories: BTreeMap<&'static str, Vec<u64>>,
}

const PATHS: [&str; 4] = ["user/1", "user/2", "user/3", "user/4"];

impl Indexed {
    fn new() -> Self {
        let (folder, (memory, repository)) = (tempfile::tempdir().unwrap(), memory());
        let mut models = BTreeMap::new();
        for round in 0..8 {
            let model = state_of(&[
                ("user/1", "same"),
                ("user/2", &"x".repeat(round)),
                ("user/3", &"y".repeat(round / 2)),
            ]);
            models.insert(snapshot(&repository, &model).unwrap().seq, model);
        }
        drop(repository);
        // Built by a question, it holds what answers questions: a commit adds the leaves of the state root,
        // many times as many bytes.
        let repository = open(memory.clone(), Some(folder.path()), 3).unwrap();
        let histories = PATHS.map(|path| (path, history(&repository, path))).into();
        Self { memory, folder, models, histories }
    }

    fn open(&self) -> Result<Repository, StoreError> {
        open(self.memory.clone(), Some(self.folder.path()), 4)
    }

    fn answers(&self, repository: &Repository, case: &str) {
        for (path, right) in &self.histories {
            assert_eq!(&history(repository, path), right, "{case}: {path}");
        }
        for (seq, model) in &self.models {
            assert_eq!(&read(repository, *seq).unwrap(), model, "{case}");
            for path in PATHS {
                let entry = repository.entry(TENANT, *seq, &key(path)).unwrap();
                let body = entry.map(|entry| repository.read(&entry, Part::Main).unwrap().unwrap());
                assert_eq!(body.as_ref(), model.get(path).map(|(main, _)| main), "{case}: {path}");
            }
        }
        assert_eq!(repository.snapshots(TENANT).unwrap().len(), self.models.len(), "{case}");
    }
}

fn history(repository: &Repository, path: &str) -> Vec<u64> {
    repository.history(TENANT, &key(path)).unwrap().into_iter().map(|(seq, _)| seq).collect()
}

#[test]
fn a_flipped_bit_in_the_index_changes_no_answer() {
    let small = Indexed::new();
    let file = small.folder.path().join("index.redb");
    let whole = std::fs::read(&file).unwrap();
    let (mut tried, mut given_up) = (0, 0);
    for (at, bit) in Choice::new().of_index(&whole) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        std::fs::write(&file, bytes).unwrap();
        let repository = small.open().unwrap();
        small.answers(&repository, &format!("bit {bit} of byte {at} of the index"));
        tried += 1;
        given_up += usize::from(matches!(repository.index_status(), IndexStatus::Faulty(_)));
        drop(repository);
    }
    println!("flips: {tried} bits of the index: every answer right; {given_up} times it was given up");
    assert!(given_up > 0, "no flip reached a row that was asked for");
}

#[test]
fn a_flipped_bit_in_the_trust_file_is_named() {
    let small = Indexed::new();
    let file = small.folder.path().join("trust");
    let whole = std::fs::read(&file).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&file, bytes).unwrap();
            let error = small.open().map(drop).unwrap_err();
            let named = error.to_string().contains(&file.display().to_string());
            assert!(named && error.hint().is_some(), "bit {bit} of byte {at}: {error}");
        }
    }
    println!("flips: all {} bits of the trust file: named", whole.len() * 8);
}

/// A bit that flips in a file seldom meets a row that is asked for; here each row of versions and of
/// segments is changed by itself, as redb would give it back.
#[test]
fn a_changed_row_of_the_index_is_not_believed() {
    use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableHandle};
    let small = Indexed::new();
    let file = small.folder.path().join("index.redb");
    let whole = std::fs::read(&file).unwrap();
    let database = redb::Database::open(&file).unwrap();
    let read = database.begin_read().unwrap();
    let names: Vec<String> = read.list_tables().unwrap().map(|table| table.name().to_owned()).collect();
    let versions = names.iter().find(|name| name.starts_with("v-")).unwrap();
    let definition: TableDefinition<'_, [u8; 24], &[u8]> = TableDefinition::new(versions);
    let table = read.open_table(definition).unwrap();
    let rows: Vec<([u8; 24], Vec<u8>)> = table
        .iter()
        .unwrap()
        .map(Result::unwrap)
        .map(|(key, value)| (key.value(), value.value().to_vec()))
        .collect();
    drop((table, read, database));
    let (mut tried, mut given_up) = (0, 0);
    for (key, value) in &rows {
        for at in 0..value.len() - 16 {
            std::fs::write(&file, &whole).unwrap();
            let mut changed = value.clone();
            changed[at] ^= 1;
            let database = redb::Database::open(&file).unwrap();
            let write = database.begin_write().unwrap();
            write.open_table(definition).unwrap().insert(*key, changed.as_slice()).unwrap();
            write.commit().unwrap();
            drop(database);
            let repository = small.open().unwrap();
            small.answers(&repository, &format!("byte {at} of row {key:?}"));
            tried += 1;
            given_up += usize::from(matches!(repository.index_status(), IndexStatus::Faulty(_)));
        }
    }
    println!(
        "flips: {tried} bytes of {} rows of the index: every answer right; {given_up} times it was given up",
        rows.len()
    );
    assert!(given_up * 2 > tried, "a changed row was met: {given_up} of {tried}");
}
