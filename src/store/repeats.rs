//! What a vendor's bytes were when a resource was last taken, so that what repeats is not brought to
//! canonical form again.
//!
//! A row says of a resource: the keyed hash of its raw bytes, added to a stamp of where its bodies lie.
//! Bytes that give the same sum for the entry as it is now are what made that entry; a resource that was
//! changed, undone, moved or gone between has another stamp or none, and is compared in full. The hash is
//! cryptographic, 128 bits of it, under a key that is of the tenant's epoch and of the rules' text: nobody
//! without the key can make bytes that pass for others, and no row outlives the rules that it was made under.
//!
//! The rows are a cache of this machine (`docs/FORMAT.md` §11, `docs/adr/0022`): deleting them costs one slow
//! sweep. What it must never do: answer for a key that the parent's state has not, or where bodies must be
//! read anyway. Read `session` next.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::ids::ObjectId;
use crate::base::key::ResourceKey;
use crate::crypto::hash::{HalfHash, MacKey, first_half};
use crate::crypto::identity::{IdsKey, Leaf, ProofKey};
use crate::format::local;
use crate::store::core::Core;
use crate::store::entry::Put;
use crate::store::index::make_folder;
use crate::store::session::{AS_IT_WAS, WriteSession};
use crate::store::short::{Quick, ShortNames};
use crate::store::state::State;
use crate::store::tenant::Tenant;
use crate::store::{Parts, StoreError};

/// Bytes of a row in the file: a short name, a sum.
const ROW_BYTES: usize = 8 + 16;

/// Rows of resources that are no longer there are dropped when there are so many times as many rows as resources.
const STALE_SHARE: usize = 2;

/// What is known of the raw bytes of a tenant's resources, by short name of their key.
type Rows = HashMap<u64, HalfHash, Quick>;

/// What a session compares raw bytes with. Cheap to clone, for threads.
#[derive(Clone)]
pub struct Repeats {
    state: Arc<State>,
    rows: Arc<Rows>,
    key: MacKey,
    short: ShortNames,
    ids: IdsKey,
    proof: ProofKey,
}

/// What the raw bytes of one resource are found to be.
#[derive(Clone, Debug)]
pub struct Repeat {
    path: String,
    short: u64,
    raw: HalfHash,
    /// Where its bodies lie in the parent's state, if it is there.
    stamp: Option<u64>,
    is_same: bool,
    is_kept: bool,
}

/// The bodies of one resource with their ids, ready to be put.
#[derive(Debug)]
pub struct Ready {
    pub(super) parts: Parts,
    pub(super) main: ObjectId,
    pub(super) secret: Option<ObjectId>,
    /// The leaf, where it will be needed.
    pub(super) leaf: Option<Leaf>,
}

impl Repeat {
    /// Whether these bytes made the resource what it is in the parent's state.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.is_same
    }

    /// The `KIND/REF` text of the resource.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same, and nothing is remembered of it.
    #[must_use]
    pub fn passing(self) -> Self {
        Self { is_kept: false, ..self }
    }
}

impl Repeats {
    /// Looks at the raw bytes of a resource. `near` is kept from one to the next: resources that come in order of
    /// their keys are found at once.
    #[must_use]
    pub fn look(&self, key: &ResourceKey, raw: &[u8], near: &mut usize) -> Repeat {
        let path = key.to_path();
        let short = self.short.of(&path);
        let raw = first_half(&self.key.mac(raw));
        let stamp = self.state.stamp(&path, near);
        let is_same = stamp.is_some_and(|stamp| self.rows.get(&short) == Some(&sum(raw, stamp)));
        Repeat { path, short, raw, stamp, is_same, is_kept: true }
    }

    /// Hashes the bodies of a resource, so that this need not be done where they are put.
    #[must_use]
    pub fn ready(&self, repeat: &Repeat, parts: Parts) -> Ready {
        Ready {
            main: self.ids.id(&parts.main),
            secret: parts.secret.as_ref().map(|body| self.ids.id(body)),
            leaf: repeat.stamp.is_none().then(|| self.proof.leaf(&repeat.path, &parts.main)),
            parts,
        }
    }
}

fn sum(raw: HalfHash, stamp: u64) -> HalfHash {
    u128::from_le_bytes(raw).wrapping_add(stamp.into()).to_le_bytes()
}

/// What a session keeps for the rows after it.
pub(super) struct Keeping {
    repeats: Repeats,
    file: PathBuf,
    rules: [u8; 32],
    /// Raw hashes of what was put, by short name: rows as soon as their stamps are known.
    put: Rows,
    /// Rows of what was compared in full and is as it was.
    fresh: Vec<(u64, HalfHash)>,
}

impl WriteSession {
    /// What raw bytes can be compared with, for bodies that are brought to canonical form under these rules: a
    /// text that is another one whenever the same bytes could become another body. Unless it `remembers`, nothing
    /// repeats and nothing is kept: for a session that gets few bodies.
    ///
    /// # Errors
    /// None that a tenant can have.
    pub fn repeats(&mut self, rules: &str, remembers: bool) -> Result<Repeats, StoreError> {
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        let domain = tenant.newest()?;
        let key = MacKey::new(domain.ids.local(&format!("raw bytes\n{rules}")));
        let rules = key.mac(b"rules");
        let file = core.folder().filter(|_| remembers && tenant.opens());
        let file = file.map(|folder| folder.join(format!("raw-{}", tenant.prefix)));
        // Where nobody keeps the leaves, every body is needed for the root.
        let known = file.as_ref().filter(|_| self.leaves.is_none());
        let rows = known.and_then(|file| read(&core, &tenant, file, &rules)).unwrap_or_default();
        let repeats = Repeats {
            state: self.loaded.state.clone(),
            rows: Arc::new(rows),
            key,
            short: tenant.short.clone(),
            ids: domain.ids.clone(),
            proof: domain.proof.clone(),
        };
        let keeping = |file| Keeping {
            repeats: repeats.clone(),
            file,
            rules,
            put: HashMap::default(),
            fresh: Vec::new(),
        };
        self.keeping = file.map(keeping);
        if remembers {
            // Of everything something will be said.
            self.said.reserve(self.loaded.state.len());
        }
        Ok(repeats)
    }

    /// Says that a resource is as it was: its raw bytes are those that made it.
    ///
    /// # Errors
    /// As [`Self::put`] of the bodies that it has.
    pub fn put_same(&mut self, repeat: &Repeat) -> Result<Put, StoreError> {
        debug_assert!(repeat.is_same, "only what repeats is as it was");
        self.say(&repeat.path, repeat.short, AS_IT_WAS)?;
        Ok(Put::Same)
    }

    /// As [`Self::put`], and remembers the raw bytes that the bodies were made of.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_made(&mut self, key: &ResourceKey, ready: Ready, repeat: &Repeat) -> Result<Put, StoreError> {
        let put = self.put_ready(key, &repeat.path, repeat.short, ready)?;
        if let Some(keeping) = self.keeping.as_mut().filter(|_| repeat.is_kept) {
            match (put, repeat.stamp) {
                (Put::Same, Some(stamp)) => keeping.fresh.push((repeat.short, sum(repeat.raw, stamp))),
                (Put::Same, None) => {}
                (Put::New | Put::Changed, _) => drop(keeping.put.insert(repeat.short, repeat.raw)),
            }
        }
        Ok(put)
    }
}

impl Keeping {
    /// Keeps the rows for the state after the session. A file that cannot be written costs the next sweep time
    /// and nothing else.
    pub(super) fn keep(
        self,
        core: &Core,
        tenant: &Tenant,
        state: &State,
        changed: impl Iterator<Item = (u64, u64)>,
    ) {
        let Self { repeats, file, rules, mut put, fresh } = self;
        let Repeats { rows, state: before, .. } = repeats;
        drop(before);
        if put.is_empty() && fresh.is_empty() {
            return;
        }
        let mut rows = Arc::unwrap_or_clone(rows);
        if rows.len() > state.len() * STALE_SHARE {
            let there: HashSet<u64, Quick> = state.paths().map(|(path, _)| tenant.short.of(path)).collect();
            rows.retain(|short, _| there.contains(short));
        }
        rows.extend(fresh);
        rows.extend(changed.filter_map(|(short, stamp)| Some((short, sum(put.remove(&short)?, stamp)))));
        if let Err(error) = write(core, tenant, &file, &rules, &rows) {
            tracing::debug!(%error, "the hashes of raw bytes were not kept");
        }
    }
}

impl Core {
    /// Forgets the raw bytes of every tenant: the next sweep compares each body with what is stored, and what is
    /// lost is stored anew.
    pub(super) fn forget_raw(&self) {
        let Some(files) = self.folder().and_then(|folder| std::fs::read_dir(folder).ok()) else { return };
        for file in files.flatten().filter(|file| file.file_name().as_encoded_bytes().starts_with(b"raw-")) {
            if let Err(error) = std::fs::remove_file(file.path()) {
                tracing::debug!(%error, "hashes of raw bytes were not forgotten");
            }
        }
    }
}

/// The rows of a file; `None` where there is none, or it is another rules', epoch's or tenant's, or damaged.
fn read(core: &Core, tenant: &Tenant, file: &Path, rules: &[u8; 32]) -> Option<Rows> {
    let bytes = std::fs::read(file).ok()?;
    let plain = local::open_raw(tenant.newest().ok()?, &core.ring.repository, tenant.prefix, &bytes).ok()?;
    let (made_under, rest) = plain.split_first_chunk::<32>()?;
    let (packed, rest) = rest.as_chunks::<ROW_BYTES>();
    if made_under != rules || !rest.is_empty() {
        return None;
    }
    let mut rows = Rows::with_capacity_and_hasher(packed.len(), Quick);
    for row in packed {
        let (short, sum) = row.split_first_chunk::<8>()?;
        rows.insert(u64::from_le_bytes(*short), *sum.first_chunk()?);
    }
    Some(rows)
}

fn write(core: &Core, tenant: &Tenant, file: &Path, rules: &[u8; 32], rows: &Rows) -> Result<(), StoreError> {
    let mut plain = Vec::with_capacity(32 + rows.len() * ROW_BYTES + 64);
    plain.extend_from_slice(rules);
    for (short, sum) in rows {
        plain.extend_from_slice(&short.to_le_bytes());
        plain.extend_from_slice(sum);
    }
    let entropy = core.entropy.as_ref();
    let sealed = local::seal_raw(tenant.newest()?, &core.ring.repository, tenant.prefix, plain, entropy)?;
    let local = |source| StoreError::Local { path: file.display().to_string(), source };
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder).map_err(local)?;
    // Not synced: a file that a power cut tore does not open, and is no loss.
    let mut there = tempfile::NamedTempFile::new_in(folder).map_err(local)?;
    there.write_all(&sealed).map_err(local)?;
    there.persist(file).map_err(|error| local(error.error))?;
    Ok(())
}
