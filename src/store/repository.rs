//! A repository: opening it, and asking it about the past.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use crate::base::entropy::draw;
use crate::base::key::ResourceKey;
use crate::base::secret::Secret;
use crate::crypto::hierarchy::Domain;
use crate::crypto::passphrase::Cost;
use crate::crypto::wrap::WrapSecret;
use crate::format::FormatError;
use crate::format::key_file::{self, Opener};
use crate::format::key_ring::KeyRing;
use crate::format::names::Name;
use crate::storage::{Path, Span, Storage, StorageError, conformance, list_all};
use crate::store::core::Core;
use crate::store::entry::{Change, Entry, Part};
use crate::store::index::IndexStatus;
use crate::store::segments::object_path;
use crate::store::session::WriteSession;
use crate::store::snapshot::{Rec, Snapshot};
use crate::store::state::State;
use crate::store::tenant::Tenant;
use crate::store::{Environment, StoreError, annotations, applies, marks};

/// What somebody opens a repository with.
#[derive(Clone)]
pub enum Unlock {
    /// A passphrase.
    Passphrase(Secret<Vec<u8>>),
    /// A recipient's secret key.
    Key(WrapSecret),
    /// The keys themselves, out of a key file of their own: a put-only writer's, a reader's of one
    /// tenant.
    Ring(Box<KeyRing>),
}

/// What a guess of a passphrase costs.
pub type KdfCost = Cost;

/// The history of tenants at one place. Cheap to share by reference among threads.
pub struct Repository {
    pub(super) core: Arc<Core>,
    /// The number of the key file that opened it; `None` where other keys did.
    pub(super) key_number: Option<u64>,
}

/// Marks secret values of one tenant, so that a change of one shows and the value does not.
#[derive(Clone)]
pub struct Fingerprints {
    domain: Domain,
}

impl Fingerprints {
    /// The mark of a value at a JSON pointer of the resource at an address (`KIND/REF`): 32
    /// hexadecimal digits that say nothing about it to whoever lacks the key.
    #[must_use]
    pub fn mark(&self, address: &str, pointer: &str, value: &[u8]) -> String {
        self.domain.fingerprint(address, pointer, value).to_hex()
    }
}

/// What a repository holds, in numbers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// By tenant.
    pub tenants: BTreeMap<String, TenantStats>,
    /// Objects in all, key files included.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What it holds of one tenant.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TenantStats {
    /// Snapshots.
    pub snapshots: u64,
    /// Plans that were applied, whole or in part.
    pub applies: u64,
    /// Resources in the newest state.
    pub resources: u64,
    /// Record objects, and their bytes.
    pub records: u64,
    /// Bytes of record objects.
    pub record_bytes: u64,
    /// Data segments.
    pub data_segments: u64,
    /// Bytes of data segments.
    pub data_bytes: u64,
}

impl Repository {
    /// Makes a repository in an empty place and opens it. `index` is the folder for the index and the
    /// trust file; without one both last as long as the process.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; [`StoreError::Overwrites`] when the storage lets an object be created
    /// twice; or the storage failed.
    pub fn init(
        storage: Arc<dyn Storage>,
        unlock: &Unlock,
        cost: KdfCost,
        env: Environment,
        index: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let place = storage.place();
        if !key_files(storage.as_ref())?.is_empty() {
            return Err(StoreError::Exists { place });
        }
        let entropy = env.entropy.as_ref();
        // Under a name of its own: an `init` that was cut off may have left its probe behind.
        let probe = object_path(Name::Probe(draw(entropy)?))?;
        if !conformance::refuses_second_create(storage.as_ref(), &probe)? {
            return Err(StoreError::Overwrites { place });
        }
        let mut ring = KeyRing::init("owner", env.clock.now().as_millisecond(), entropy)?;
        match unlock {
            Unlock::Passphrase(words) => ring.add_passphrase("passphrase", words, cost, entropy)?,
            Unlock::Key(secret) => ring.add_recipient("recipient", secret.public()?, entropy)?,
            Unlock::Ring(_) => {
                return Err(FormatError::Invalid {
                    what: "key file",
                    why: "a new repository is opened by a passphrase or a recipient",
                }
                .into());
            }
        };
        let bytes = key_file::seal(&ring, entropy)?;
        match storage.put_new(&key_path(1)?, &bytes) {
            Ok(_) => {}
            Err(StorageError::AlreadyExists { .. }) => return Err(StoreError::Exists { place }),
            Err(error) => return Err(error.into()),
        }
        Ok(Self { core: Arc::new(Core::new(storage, ring, env, index)?), key_number: Some(1) })
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// [`StoreError::NoRepository`], [`StoreError::WrongKey`], [`StoreError::Replaced`] when this
    /// machine knows another one here, damage, or the storage failed.
    pub fn open(
        storage: Arc<dyn Storage>,
        unlock: &Unlock,
        env: Environment,
        index: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let place = storage.place();
        let files = match key_files(storage.as_ref()) {
            Err(StoreError::Storage(StorageError::NotFound { .. })) => Vec::new(),
            other => other?,
        };
        let newest = files.last().ok_or_else(|| StoreError::NoRepository { place: place.clone() })?;
        let bytes = storage.get(newest, Span::All, None)?.bytes;
        let opened = match unlock {
            Unlock::Passphrase(words) => key_file::open(&bytes, &Opener::Passphrase(words)),
            Unlock::Key(secret) => key_file::open(&bytes, &Opener::Secret(secret)),
            Unlock::Ring(ring) => key_file::repository_of(&bytes).and_then(|found| {
                let ours = found == ring.repository;
                if ours { Ok(ring.as_ref().clone()) } else { Err(FormatError::WrongKey("key file")) }
            }),
        };
        let ring = opened.map_err(|error| match error {
            FormatError::WrongKey(_) => StoreError::WrongKey { place },
            error => crate::store::segments::broken(newest, error),
        })?;
        let key_number = match (unlock, Name::parse(newest.as_str())) {
            (Unlock::Passphrase(_) | Unlock::Key(_), Some(Name::KeyFile(number))) => Some(number),
            _ => None,
        };
        Ok(Self { core: Arc::new(Core::new(storage, ring, env, index)?), key_number })
    }

    /// The keys in use; for managing recipients and writers.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.core.ring
    }

    /// Whether the index helps, and why not.
    #[must_use]
    pub fn index_status(&self) -> IndexStatus {
        self.core.index_status()
    }

    /// The tenants that the holder has keys for and that have a snapshot, by name.
    ///
    /// # Errors
    /// The storage failed, or a tenant's newest record is not to be trusted.
    pub fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for prefix in self.core.prefixes()? {
            let Ok(tenant) = self.core.tenant_of(prefix) else { continue };
            if !tenant.opens() {
                names.extend(self.granted_name(&tenant));
                continue;
            }
            let Some(newest) = self.core.newest(&tenant)? else { continue };
            let snapshot = match newest.snapshot() {
                Some(_) => Some(newest),
                None => self.core.snapshot_before(&tenant, &newest)?,
            };
            names.extend(snapshot.as_ref().and_then(|rec| Some(rec.snapshot()?.tenant.clone())));
        }
        names.sort();
        Ok(names)
    }

    /// Objects at the end of a tenant's sequence that are damaged and that this machine has never seen
    /// whole, as far as anything has been read: what is taken for the newest lies before them.
    #[must_use]
    pub fn passed_over(&self) -> Vec<String> {
        let passed = self.core.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        passed.iter().cloned().collect()
    }

    fn granted_name(&self, tenant: &Tenant) -> Option<String> {
        match &self.core.ring.access {
            crate::format::key_ring::Access::Full { .. } => None,
            crate::format::key_ring::Access::Grants(grants) => {
                let grant = grants.iter().find(|grant| grant.domain.prefix == tenant.prefix)?;
                Some(grant.name.clone())
            }
        }
    }

    /// A tenant's keys and its newest record, with the index brought up to it.
    pub(super) fn at_newest(&self, name: &str) -> Result<(Arc<Tenant>, Arc<Rec>), StoreError> {
        let tenant = self.core.tenant(name)?;
        if !tenant.opens() {
            return Err(StoreError::NoKey { what: format!("the history of tenant {name}") });
        }
        let newest = self.core.newest(&tenant)?;
        let newest = newest.ok_or_else(|| StoreError::UnknownTenant { tenant: name.to_owned() })?;
        self.core.bring_index_up(&tenant, &newest, &|_, _| {})?;
        Ok((tenant, newest))
    }

    /// All snapshots of a tenant, in the order of the sequence.
    ///
    /// # Errors
    /// [`StoreError::UnknownTenant`], [`StoreError::RolledBack`], or a record is damaged.
    pub fn snapshots(&self, tenant: &str) -> Result<Vec<Snapshot>, StoreError> {
        let (tenant, newest) = self.at_newest(tenant)?;
        self.snapshots_among(&tenant, &self.core.all_records(&tenant, newest)?)
    }

    /// The snapshots among all records of a tenant.
    pub(super) fn snapshots_among(
        &self,
        tenant: &Tenant,
        records: &[Arc<Rec>],
    ) -> Result<Vec<Snapshot>, StoreError> {
        let mut snapshots = BTreeMap::new();
        let mut ledgers = self.core.ledgers(tenant, records)?.into_iter();
        for rec in records {
            if rec.snapshot().is_some()
                && let Some(ledger) = ledgers.next()
            {
                snapshots.extend(rec.to_snapshot(ledger).map(|snapshot| (snapshot.seq, snapshot)));
            }
            marks::mark(&self.core.annotations(tenant, rec)?, &mut snapshots);
        }
        let mut snapshots: Vec<Snapshot> = snapshots.into_values().collect();
        applies::mark(records, &mut snapshots);
        Ok(snapshots)
    }

    /// The state of a tenant at a snapshot.
    ///
    /// # Errors
    /// [`StoreError::UnknownSnapshot`], or something that it is read from is damaged.
    pub fn state(&self, tenant: &str, seq: u64) -> Result<State, StoreError> {
        let (tenant, rec) = self.at(tenant, seq)?;
        Ok(State::clone(&self.core.state(&tenant, &rec)?.state))
    }

    /// One resource at a snapshot, without loading the state.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn entry(&self, tenant: &str, seq: u64, key: &ResourceKey) -> Result<Option<Entry>, StoreError> {
        self.past(tenant)?.entry(seq, key)
    }

    /// A body, re-hashed; `None` when the entry has no such part.
    ///
    /// # Errors
    /// It is missing, damaged or not the one that was written; or it is secret and this key does not
    /// open secrets.
    pub fn read(&self, entry: &Entry, part: Part) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(place) = entry.place(part) else { return Ok(None) };
        let tenant = self.core.tenant_of(place.target.prefix)?;
        Ok(Some(self.core.bodies(&tenant).at(place)?.bytes))
    }

    /// Many bodies of one part, in the order of the entries; each stored frame is decoded once, on
    /// all cores.
    ///
    /// # Errors
    /// As [`Self::read`], for the first that fails.
    pub fn read_many(&self, entries: &[Entry], part: Part) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        use rayon::prelude::*;
        let mut order: Vec<usize> = (0..entries.len()).collect();
        let frame = |at: &usize| {
            let place = entries.get(*at).and_then(|entry| entry.place(part));
            place.map(|place| (place.target.reference.id, place.frame, place.slot))
        };
        order.sort_by_key(frame);
        let runs: Vec<&[usize]> = order
            .chunk_by(|a, b| frame(a).map(|at| (at.0, at.1)) == frame(b).map(|at| (at.0, at.1)))
            .collect();
        let read: Vec<Vec<(usize, Option<Vec<u8>>)>> = runs
            .into_par_iter()
            .map(|run| run.iter().map(|at| Ok((*at, self.read_at(entries, *at, part)?))).collect())
            .collect::<Result<_, StoreError>>()?;
        let mut bodies: Vec<Option<Vec<u8>>> = vec![None; entries.len()];
        for (at, body) in read.into_iter().flatten() {
            if let Some(place) = bodies.get_mut(at) {
                *place = body;
            }
        }
        Ok(bodies)
    }

    fn read_at(&self, entries: &[Entry], at: usize, part: Part) -> Result<Option<Vec<u8>>, StoreError> {
        match entries.get(at) {
            Some(entry) => self.read(entry, part),
            None => Ok(None),
        }
    }

    /// Whether two entries of one tenant have equal main and secret bodies, wherever they lie.
    ///
    /// # Errors
    /// As [`Self::read`], where a body must be read to tell.
    pub fn same_body(&self, a: &Entry, b: &Entry) -> Result<bool, StoreError> {
        match a.places.first() {
            Some((_, place)) => {
                let tenant = self.core.tenant_of(place.target.prefix)?;
                self.core.same_body(&tenant, a, b)
            }
            None => Ok(a == b),
        }
    }

    /// What a snapshot changed against the one before it: [`Past::changes`](crate::store::Past::changes) of now.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn changes(&self, tenant: &str, seq: u64) -> Result<Vec<Change>, StoreError> {
        self.past(tenant)?.changes(seq)
    }

    /// Every change of a resource with the snapshot that brought it, newest first.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn history(&self, tenant: &str, key: &ResourceKey) -> Result<Vec<(u64, Change)>, StoreError> {
        let (tenant, newest) = self.at_newest(tenant)?;
        self.core.history(&tenant, &newest, key)
    }

    /// What marks this tenant's secret values.
    ///
    /// # Errors
    /// The holder has no keys for the tenant.
    pub fn fingerprints(&self, tenant: &str) -> Result<Fingerprints, StoreError> {
        Ok(Fingerprints { domain: self.core.tenant(tenant)?.newest()?.clone() })
    }

    /// Begins a snapshot of a tenant; the first one makes the tenant.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::RolledBack`], or its parent cannot be read.
    pub fn session(&self, tenant: &str) -> Result<WriteSession, StoreError> {
        WriteSession::begin(self.core.clone(), tenant)
    }

    /// Notes about a snapshot what was learnt later: commits an annotation record. A note replaces an
    /// earlier one of its name.
    ///
    /// # Errors
    /// [`StoreError::UnknownSnapshot`], [`StoreError::ReadOnly`], or the storage failed.
    pub fn annotate(
        &self,
        tenant: &str,
        seq: u64,
        notes: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let (tenant, rec) = self.at(tenant, seq)?;
        let note = |(name, value): (&String, &String)| annotations::note(rec.sequence, name, value);
        self.core.annotate(&tenant, &notes.iter().map(note).collect::<Vec<_>>()).map(drop)
    }

    /// Deletes the index and builds it from the repository; `progress` hears records done and to do.
    ///
    /// # Errors
    /// The storage failed, or a record is damaged.
    pub fn rebuild_index(&self, progress: &dyn Fn(u64, u64)) -> Result<(), StoreError> {
        self.core.renew_index();
        for prefix in self.core.prefixes()? {
            let Ok(tenant) = self.core.tenant_of(prefix) else { continue };
            if !tenant.opens() {
                continue;
            }
            if let Some(newest) = self.core.newest(&tenant)? {
                self.core.bring_index_up(&tenant, &newest, progress)?;
            }
        }
        Ok(())
    }

    /// What the repository holds, in numbers.
    ///
    /// # Errors
    /// The storage failed, or a newest record is damaged.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let mut stats = Stats::default();
        let mut by_prefix: BTreeMap<_, TenantStats> = BTreeMap::new();
        for object in list_all(self.core.storage.as_ref(), None, None)? {
            stats.objects += 1;
            stats.bytes += object.size;
            match Name::parse(object.path.as_str()) {
                Some(Name::Record(prefix, _)) => {
                    let tenant = by_prefix.entry(prefix).or_default();
                    tenant.records += 1;
                    tenant.record_bytes += object.size;
                }
                Some(Name::Data(prefix, _)) => {
                    let tenant = by_prefix.entry(prefix).or_default();
                    tenant.data_segments += 1;
                    tenant.data_bytes += object.size;
                }
                _ => {}
            }
        }
        for name in self.tenants()? {
            let (tenant, _) = self.at_newest(&name)?;
            let mut numbers = by_prefix.remove(&tenant.prefix).unwrap_or_default();
            let snapshots = self.snapshots(&name)?;
            numbers.snapshots = snapshots.len() as u64;
            let plans: BTreeSet<_> = self.apply_records(&name)?.iter().map(|record| record.plan).collect();
            numbers.applies = plans.len() as u64;
            numbers.resources = snapshots.last().map_or(0, |snapshot| snapshot.total);
            stats.tenants.insert(name, numbers);
        }
        Ok(stats)
    }
}

pub(super) fn key_path(number: u64) -> Result<Path, StorageError> {
    Path::new(&Name::KeyFile(number).path())
}

/// The key files, the one in force last.
fn key_files(storage: &dyn Storage) -> Result<Vec<Path>, StoreError> {
    let rows = list_all(storage, Some(&Path::new("keys")?), None)?;
    let ours = |path: &Path| matches!(Name::parse(path.as_str()), Some(Name::KeyFile(_)));
    Ok(rows.into_iter().map(|row| row.path).filter(ours).collect())
}
