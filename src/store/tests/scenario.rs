//! What a repository lives through while faults strike: every sort of write there is, one after the
//! other, and what must be found afterwards.

use super::writers::put_only;
use super::*;
use crate::storage::{Path, Span, StorageError};
use crate::store::segments::object_path;

/// Data segments after a few bodies, a checkpoint after two logs.
pub(super) fn small() -> Tuning {
    Tuning { data_segment_bytes: 4_000, logs_min: 2, logs_max: 2 }
}

/// Bodies that do not compress, so that a session writes data segments too.
pub(super) fn noise(seed: u8, bytes: usize) -> Vec<u8> {
    let mut body = vec![0; bytes];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut body);
    body
}

/// What the snapshots hold.
pub(super) fn states() -> Vec<Model> {
    let mut one = Model::new();
    for n in 0..6 {
        one.insert(format!("user/{n}"), (noise(n, 1_500), (n == 0).then(|| b"secret".to_vec())));
    }
    let mut two = one.clone();
    two.remove("user/5");
    two.insert("user/1".into(), (b"changed".to_vec(), None));
    let mut three = two.clone();
    three.insert("group/1".into(), (noise(9, 500), None));
    let mut last = three.clone();
    last.insert("group/1".into(), (noise(10, 5_000), None));
    vec![one, two, three.clone(), three, last]
}

/// The two states of the lease.
const LEASE: [&[u8]; 2] = [b"held by one", b"held by two, until later"];

/// How much of the scenario its caller was told is done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Told {
    pub(super) made: bool,
    pub(super) snapshots: usize,
    notes: usize,
    lease: usize,
    /// Nothing failed.
    pub(super) whole: bool,
}

/// Runs the scenario until something fails: a repository is made; a first state, a change, a note, a
/// change, a lease, a checkpoint, the lease replaced, and a whole base by a writer that opens nothing.
pub(super) fn run(storage: &Arc<dyn Storage>) -> Told {
    let mut told = Told::default();
    told.whole = steps(storage, &mut told).is_ok();
    told
}

fn steps(storage: &Arc<dyn Storage>, told: &mut Told) -> Result<(), StoreError> {
    let repository = init(storage.clone(), None)?.tuned(small());
    told.made = true;
    let states = states();
    let take = |told: &mut Told| -> Result<(), StoreError> {
        snapshot(&repository, &states[told.snapshots])?;
        told.snapshots += 1;
        Ok(())
    };
    take(told)?;
    take(told)?;
    repository.annotate(TENANT, 1, BTreeMap::from([("tag".to_owned(), "good".to_owned())]))?;
    told.notes += 1;
    take(told)?;
    let lease = lease(&repository);
    let seen = storage.put_new(&lease, LEASE[0])?;
    told.lease += 1;
    take(told)?;
    storage.replace_if(&lease, &seen, LEASE[1])?;
    told.lease += 1;
    let writer = put_only(storage.clone(), &repository, 30)?.tuned(small());
    let mut session = writer.session(TENANT)?;
    for (path, (main, secret)) in &states[told.snapshots] {
        session.put(&key(path), Parts { secret: secret.clone(), ..parts(main) })?;
    }
    session.commit(meta(6))?;
    told.snapshots += 1;
    Ok(())
}

fn lease(repository: &Repository) -> Path {
    let prefix = repository.core.tenant(TENANT).unwrap().prefix;
    object_path(crate::format::names::Name::Lease(prefix)).unwrap()
}

impl Told {
    /// What was told is there, what was not is there whole or not at all.
    pub(super) fn holds(&self, repository: &Repository, case: &str) {
        let under_way = usize::from(!self.whole);
        let within = |told: usize, found: usize| (told..=told + under_way).contains(&found);
        let listed = match repository.snapshots(TENANT) {
            Ok(listed) => listed,
            Err(StoreError::UnknownTenant { .. }) => Vec::new(),
            Err(error) => panic!("{case}: {error:?}"),
        };
        assert!(within(self.snapshots, listed.len()), "{case}: {self:?} and {} snapshots", listed.len());
        for (snapshot, model) in listed.iter().zip(&states()) {
            let found = read(repository, snapshot.seq).unwrap_or_else(|error| panic!("{case}: {error:?}"));
            assert!(found == *model, "{case}: snapshot {} differs", snapshot.seq);
        }
        let notes = listed.first().map_or(0, |first| first.notes.len());
        assert!(within(self.notes, notes), "{case}: {self:?} and {notes} notes");
    }

    /// The same of the lease.
    pub(super) fn holds_lease(&self, storage: &dyn Storage, repository: &Repository, case: &str) {
        let found = match storage.get(&lease(repository), Span::All, None) {
            Ok(got) => LEASE.iter().position(|state| got.bytes == *state).map(|state| state + 1),
            Err(StorageError::NotFound { .. }) => Some(0),
            Err(error) => panic!("{case}: {error:?}"),
        };
        let allowed = self.lease..=self.lease + usize::from(!self.whole);
        assert!(found.is_some_and(|found| allowed.contains(&found)), "{case}: {self:?} and lease {found:?}");
    }
}

#[test]
fn the_scenario_has_every_sort_of_object() {
    let memory: Arc<dyn Storage> = Arc::new(Memory::new());
    let told = run(&memory);
    assert!(told.whole && told.snapshots == states().len(), "{told:?}");
    let repository = open(memory.clone(), None, 2).unwrap();
    told.holds(&repository, "nothing struck");
    told.holds_lease(memory.as_ref(), &repository, "nothing struck");
    let stats = repository.stats().unwrap().tenants[TENANT];
    assert!(stats.data_segments >= 3, "{stats:?}");
    let flags: Vec<Flags> = repository.snapshots(TENANT).unwrap().iter().map(|s| s.flags).collect();
    assert!(flags[0].contain(Flags::FULL_BASE) && flags[4].contain(Flags::FULL_BASE), "{flags:?}");
    assert!(flags[3].contain(Flags::CHECKPOINT), "{flags:?}");
}
