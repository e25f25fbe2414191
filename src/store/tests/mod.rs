//! Tests over the whole room, and the small world that they share.

mod applies;
mod basics;
mod between;
mod compact_beside;
mod compact_faults;
mod compacted;
mod damage;
mod faults;
mod flips;
mod golden;
mod mended;
mod model;
mod power;
mod prune_beside;
mod prune_faults;
mod prune_model;
mod prune_notes;
mod prune_power;
mod pruned;
mod reads;
mod repeats;
mod scenario;
mod turns;
mod writers;

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::coverage::{Ledger, Row, State as Covered};
use crate::base::entropy::SeededEntropy;
use crate::base::key::{Kind, ResourceKey};
use crate::base::secret::Secret;
use crate::base::time::FixedClock;
use crate::storage::{Memory, Storage};
use crate::store::core::Tuning;
use crate::store::{
    Environment, Flags, KdfCost, Meta, Part, Parts, Put, Repository, Snapshot, StoreError, Unlock,
};

/// What a test says a resource is: main body and secret body.
pub(super) type Bodies = (Vec<u8>, Option<Vec<u8>>);

/// What a test says a state is, by `KIND/REF`.
pub(super) type Model = BTreeMap<String, Bodies>;

pub(super) const TENANT: &str = "acme";

pub(super) fn env(seed: u64) -> Environment {
    let clock = FixedClock::new("2026-11-03T14:00:00Z".parse::<Timestamp>().unwrap());
    Environment { clock: Arc::new(clock), entropy: Arc::new(SeededEntropy::new(seed)) }
}

pub(super) fn words(text: &str) -> Unlock {
    Unlock::Passphrase(Secret::new(text.as_bytes().to_vec()))
}

/// A new repository in memory, for tests of other rooms.
pub(crate) fn in_memory(env: Environment) -> Repository {
    let held = Arc::new(Memory::new());
    Repository::init(held, &words("horse"), KdfCost::CHEAP_FOR_TESTS, env, None).unwrap()
}

pub(super) fn init(storage: Arc<dyn Storage>, index: Option<&FilePath>) -> Result<Repository, StoreError> {
    let index = index.map(FilePath::to_path_buf);
    Repository::init(storage, &words("horse"), KdfCost::CHEAP_FOR_TESTS, env(1), index)
}

pub(super) fn open(
    storage: Arc<dyn Storage>,
    index: Option<&FilePath>,
    seed: u64,
) -> Result<Repository, StoreError> {
    Repository::open(storage, &words("horse"), env(seed), index.map(FilePath::to_path_buf))
}

pub(super) fn memory() -> (Arc<Memory>, Repository) {
    let memory = Arc::new(Memory::new());
    let repository = init(memory.clone(), None).unwrap();
    (memory, repository)
}

pub(super) fn key(path: &str) -> ResourceKey {
    ResourceKey::from_path(path).unwrap()
}

pub(super) fn parts(main: &[u8]) -> Parts {
    Parts { main: main.to_vec(), secret: None, volatile: None, raw: None }
}

pub(super) fn meta(count: u64) -> Meta {
    let at = "2026-11-03T13:59:00Z".parse::<Timestamp>().unwrap();
    let row = Row {
        state: Covered::Complete,
        reason: String::new(),
        count,
        read: Some((at, at)),
        exceptions: vec![],
    };
    Meta {
        started: at,
        finished: at,
        ledger: Ledger { rows: [(Kind::new("user"), row)].into(), unknown: vec![] },
        identity: [7; 32],
        permission: [8; 32],
        requests: 3,
        full_sweep: true,
        flags: Flags::default(),
        rules: 1,
        notes: BTreeMap::new(),
    }
}

/// Makes the newest state this one: puts all of it, and says that the rest is gone.
pub(super) fn snapshot(repository: &Repository, wanted: &Model) -> Result<Snapshot, StoreError> {
    let mut session = repository.session(TENANT)?;
    let there: Vec<ResourceKey> = session.parent_state().iter().map(|(key, _)| key).collect();
    for (path, (main, secret)) in wanted {
        session.put(&key(path), Parts { secret: secret.clone(), ..parts(main) })?;
    }
    for known in there.iter().filter(|known| !wanted.contains_key(&known.to_path())) {
        session.gone(known)?;
    }
    session.commit(meta(wanted.len() as u64))
}

/// The state at a snapshot, read whole.
pub(super) fn read(repository: &Repository, seq: u64) -> Result<Model, StoreError> {
    let mut model = Model::new();
    for (key, entry) in repository.state(TENANT, seq)?.iter() {
        let main = repository.read(&entry, Part::Main)?.expect("a resource has a main body");
        model.insert(key.to_path(), (main, repository.read(&entry, Part::Secret)?));
    }
    Ok(model)
}

pub(super) fn state_of(rows: &[(&str, &str)]) -> Model {
    rows.iter().map(|(path, body)| ((*path).to_owned(), (body.as_bytes().to_vec(), None))).collect()
}

/// Of put and model: what the first puts said.
pub(super) fn put_all(repository: &Repository, wanted: &Model) -> Vec<Put> {
    let mut session = repository.session(TENANT).unwrap();
    wanted.iter().map(|(path, (main, _))| session.put(&key(path), parts(main)).unwrap()).collect()
}

impl Repository {
    /// The same repository, writing objects of other sizes. Before its first session only.
    pub(super) fn tuned(mut self, tuning: Tuning) -> Self {
        Arc::get_mut(&mut self.core).expect("nobody else uses it yet").tuning = tuning;
        self
    }
}
