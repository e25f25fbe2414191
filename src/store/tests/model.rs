//! Whatever is put, taken out, committed, reopened and lost of caches: the answers are a map's.

use proptest::prelude::*;

use super::*;
use crate::store::Change;

/// One thing that happens between two snapshots.
#[derive(Clone, Debug)]
enum Step {
    /// A snapshot with these changes: `None` is gone.
    Commit(BTreeMap<u8, Option<(u8, Option<u8>)>>),
    Reopen,
    DeleteIndex,
    RebuildIndex,
    Note,
}

fn step() -> impl Strategy<Value = Step> {
    let body = proptest::option::weighted(0.8, (0..6_u8, proptest::option::weighted(0.2, 0..3_u8)));
    prop_oneof![
        6 => proptest::collection::btree_map(0..12_u8, body, 0..6).prop_map(Step::Commit),
        1 => Just(Step::Reopen),
        1 => Just(Step::DeleteIndex),
        1 => Just(Step::RebuildIndex),
        1 => Just(Step::Note),
    ]
}

fn path(n: u8) -> String {
    ["user", "group", "app"][usize::from(n % 3)].to_owned() + "/" + &n.to_string()
}

/// A repository beside the map that it must equal.
struct Pair {
    storage: Arc<Memory>,
    folder: tempfile::TempDir,
    repository: Option<Repository>,
    seed: u64,
    snapshots: BTreeMap<u64, Model>,
    notes: BTreeMap<u64, usize>,
}

impl Pair {
    fn new() -> Self {
        let (storage, folder) = (Arc::new(Memory::new()), tempfile::tempdir().unwrap());
        let repository = Some(init(storage.clone(), Some(folder.path())).unwrap());
        Self { storage, folder, repository, seed: 1, snapshots: BTreeMap::new(), notes: BTreeMap::new() }
    }

    fn repository(&self) -> &Repository {
        self.repository.as_ref().unwrap()
    }

    fn reopen(&mut self, delete_index: bool) {
        self.repository = None;
        if delete_index {
            std::fs::remove_file(self.folder.path().join("index.redb")).unwrap();
        }
        self.seed += 1;
        self.repository = Some(open(self.storage.clone(), Some(self.folder.path()), self.seed).unwrap());
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Commit(changes) => self.commit(changes),
            Step::Reopen => self.reopen(false),
            Step::DeleteIndex => self.reopen(true),
            Step::RebuildIndex => self.repository().rebuild_index(&|_, _| {}).unwrap(),
            Step::Note => {
                if let Some(seq) = self.snapshots.keys().next_back() {
                    let count = self.notes.entry(*seq).or_default();
                    *count += 1;
                    let note = BTreeMap::from([(format!("n{count}"), "x".to_owned())]);
                    self.repository().annotate(TENANT, *seq, note).unwrap();
                }
            }
        }
    }

    fn commit(&mut self, changes: &BTreeMap<u8, Option<(u8, Option<u8>)>>) {
        let mut model = self.snapshots.values().next_back().cloned().unwrap_or_default();
        let mut session = self.repository().session(TENANT).unwrap();
        for (n, change) in changes {
            let key = key(&path(*n));
            match change {
                None => {
                    session.gone(&key).unwrap();
                    model.remove(&path(*n));
                }
                Some((body, secret)) => {
                    let main = vec![*body; usize::from(*body) * 40];
                    let secret = secret.map(|secret| vec![secret; 9]);
                    let before = model.insert(path(*n), (main.clone(), secret.clone()));
                    let right = match before {
                        None => Put::New,
                        Some(before) if before == (main.clone(), secret.clone()) => Put::Same,
                        Some(_) => Put::Changed,
                    };
                    let put = session.put(&key, Parts { secret, ..parts(&main) }).unwrap();
                    assert_eq!(put, right);
                }
            }
        }
        let snapshot = session.commit(meta(model.len() as u64)).unwrap();
        self.snapshots.insert(snapshot.seq, model);
    }

    /// Everything that can be asked, of a repository in whatever condition.
    fn compare(&self, repository: &Repository) {
        if self.snapshots.is_empty() {
            return;
        }
        let listed = repository.snapshots(TENANT).unwrap();
        assert!(listed.iter().map(|s| s.seq).eq(self.snapshots.keys().copied()));
        let mut before = Model::new();
        for (seq, model) in &self.snapshots {
            assert_eq!(&read(repository, *seq).unwrap(), model);
            let snapshot = listed.iter().find(|s| s.seq == *seq).unwrap();
            assert_eq!(snapshot.total, model.len() as u64);
            assert_eq!(snapshot.notes.len(), self.notes.get(seq).copied().unwrap_or(0));
            let changes = repository.changes(TENANT, *seq).unwrap();
            assert_eq!(told(repository, &changes), differences(&before, model));
            before = model.clone();
        }
        between::as_the_states_tell(repository, &self.snapshots);
        for n in 0..12 {
            let path = path(n);
            let history = repository.history(TENANT, &key(&path)).unwrap();
            let (seqs, changes): (Vec<u64>, Vec<Change>) = history.into_iter().unzip();
            let mut right = Vec::new();
            let mut held: Option<&Bodies> = None;
            for (seq, model) in &self.snapshots {
                if held != model.get(&path) {
                    right.push((*seq, (path.clone(), held.cloned(), model.get(&path).cloned())));
                    held = model.get(&path);
                }
                let entry = repository.entry(TENANT, *seq, &key(&path)).unwrap();
                let body = entry.map(|entry| repository.read(&entry, Part::Main).unwrap().unwrap());
                assert_eq!(body.as_ref(), model.get(&path).map(|(main, _)| main));
            }
            right.reverse();
            assert!(seqs.into_iter().zip(told(repository, &changes)).eq(right));
        }
    }
}

pub(super) type Told = (String, Option<Bodies>, Option<Bodies>);

pub(super) fn told(repository: &Repository, changes: &[Change]) -> Vec<Told> {
    let bodies = |entry: &crate::store::Entry| {
        let main = repository.read(entry, Part::Main).unwrap().unwrap();
        (main, repository.read(entry, Part::Secret).unwrap())
    };
    let both = |c: &Change| (c.key.to_path(), c.before.as_ref().map(bodies), c.after.as_ref().map(bodies));
    changes.iter().map(both).collect()
}

pub(super) fn differences(before: &Model, after: &Model) -> Vec<Told> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| (key.clone(), before.get(key).cloned(), after.get(key).cloned()))
        .filter(|(_, before, after)| before != after)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_store_is_a_map_of_maps(steps in proptest::collection::vec(step(), 1..12)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.run(step);
        }
        pair.compare(pair.repository());
        // Without any index, and with one in memory: the same answers.
        pair.compare(&open(pair.storage.clone(), Some(pair.folder.path()), 99).unwrap());
        pair.compare(&open(pair.storage.clone(), None, 98).unwrap());
    }
}
