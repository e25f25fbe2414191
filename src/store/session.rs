//! Writing a snapshot: put what is there, say what is gone, commit.
//!
//! A session starts from its parent's state; what is neither put nor gone stays as it was. Bodies go
//! into frames as they come; when enough have come, a data segment is written, so memory stays
//! bounded. Nothing of it is seen by anybody before [`WriteSession::commit`], and an abandoned
//! session leaves at most data segments that nobody refers to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::ids::{ObjectId, SegmentId};
use crate::base::key::ResourceKey;
use crate::base::limits::{BODY_BYTES_MAX, KEY_BYTES_MAX};
use crate::base::secret::Secret;
use crate::crypto::identity::Leaf;
use crate::format::builder::SegmentBuilder;
use crate::format::codec::LEVEL;
use crate::format::entry::Mark;
use crate::format::names::Name;
use crate::format::references::{Place as SegmentPlace, SegmentRef};
use crate::store::core::Core;
use crate::store::entry::{Entry, Part, Parts, Place, Put};
use crate::store::held::HeldLedger;
use crate::store::repeats::{Keeping, Ready};
use crate::store::replay::Loaded;
use crate::store::rooting::Leaves;
use crate::store::segments::object_path;
use crate::store::short::Quick;
use crate::store::snapshot::{Rec, Snapshot};
use crate::store::state::State;
use crate::store::tenant::Tenant;
use crate::store::{StoreError, commit};

/// Where a body of this session lies.
#[derive(Clone, Debug)]
pub(super) enum Where {
    /// In the session's data segment of this number, or, past the last, in the record's own.
    Here {
        /// Which of the session's segments.
        segment: u32,
        /// Which frame.
        frame: u32,
        /// Which body of the frame.
        slot: u32,
    },
    /// In an older segment, unchanged.
    Old(Box<Place>),
}

/// A resource that was put and is not what it was.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    /// As many as there are: a first snapshot holds one of these for every resource.
    pub(super) parts: Box<[FreshPart]>,
    pub(super) leaf: Leaf,
}

/// One of its bodies.
#[derive(Clone, Debug)]
pub(super) struct FreshPart {
    pub(super) part: Part,
    pub(super) at: Where,
    pub(super) id: ObjectId,
}

impl Fresh {
    pub(super) fn id(&self, part: Part) -> Option<ObjectId> {
        self.parts.iter().find(|has| has.part == part).map(|has| has.id)
    }
}

/// What a session changes of one resource.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Gone,
    Put(Fresh),
}

/// A snapshot in the making.
pub struct WriteSession {
    pub(super) core: Arc<Core>,
    pub(super) tenant: Arc<Tenant>,
    pub(super) name: String,
    pub(super) parent: Option<(Snapshot, Arc<Rec>)>,
    /// Every snapshot that was the parent so far: what was stored may lie on its bodies.
    pub(super) built_on: Vec<u64>,
    /// The newest record, of whatever sort, and the highest number that is taken.
    pub(super) newest: (Option<Arc<Rec>>, u64),
    pub(super) loaded: Loaded,
    pub(super) builder: SegmentBuilder,
    pub(super) data: Vec<SegmentRef>,
    pub(super) data_bytes: u64,
    pub(super) pending: BTreeMap<Box<str>, Pending>,
    /// Audit events that explain removals; those of other changes are parts of what was put.
    pub(super) farewells: BTreeMap<Box<str>, (Where, ObjectId)>,
    pub(super) began: Timestamp,
    /// The segments that the builder refers to already.
    pub(super) referred: HashSet<SegmentId>,
    /// What was said of each key so far: its short name, then [`GONE`], [`AS_IT_WAS`] or a short hash of its bodies.
    pub(super) said: HashMap<u64, u64, Quick>,
    /// The leaves of what is as it was, where nobody keeps those of the parent's state: every stored
    /// body is needed then, and compared as it is put.
    pub(super) leaves: Option<Leaves>,
    /// The raw bytes that are remembered, where somebody compares them.
    pub(super) keeping: Option<Keeping>,
}

/// What `said` holds of a key that is gone; no body's short hash is likely to be it.
const GONE: u64 = 0;

/// What it holds of a key whose bodies are the parent's.
pub(super) const AS_IT_WAS: u64 = 1;

impl WriteSession {
    pub(super) fn begin(core: Arc<Core>, name: &str) -> Result<Self, StoreError> {
        if core.ring.signer.is_none() {
            return Err(StoreError::ReadOnly);
        }
        let tenant = core.tenant(name)?;
        let began = core.clock.now();
        let mut session = Self {
            core,
            tenant,
            name: name.to_owned(),
            parent: None,
            built_on: Vec::new(),
            newest: (None, 0),
            loaded: Loaded { state: Arc::new(State::default()), logs: 0, log_bytes: 0 },
            builder: SegmentBuilder::new(LEVEL)?,
            data: Vec::new(),
            data_bytes: 0,
            pending: BTreeMap::new(),
            farewells: BTreeMap::new(),
            began,
            referred: HashSet::new(),
            said: HashMap::default(),
            leaves: None,
            keeping: None,
        };
        session.find_parent()?;
        Ok(session)
    }

    /// Makes the newest snapshot the parent. A writer that opens nothing has none.
    pub(super) fn find_parent(&mut self) -> Result<(), StoreError> {
        if !self.tenant.opens() {
            return Ok(());
        }
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        let newest = core.newest(&tenant)?;
        self.newest = (newest.clone(), core.highest(&tenant));
        let pruned = core.pruned(&tenant);
        if self.built_on.iter().any(|number| pruned.void(*number).is_some())
            || self.data.iter().any(|data| pruned.is_dead(&data.id))
        {
            return Err(StoreError::Overtaken { tenant: self.name.clone() });
        }
        let Some(newest) = newest else { return Ok(()) };
        core.bring_index_up(&tenant, &newest, &|_, _| {})?;
        core.must_understand(&tenant, &newest)?;
        let parent = match newest.snapshot() {
            Some(_) => Some(newest),
            None => core.snapshot_before(&tenant, &newest)?,
        };
        let Some(parent) = parent else { return Ok(()) };
        self.loaded = core.state(&tenant, &parent)?;
        self.leaves = (!core.keeps_leaves(&tenant, &parent)?).then(Leaves::default);
        let ledger = core.ledger(&tenant, &parent)?;
        self.built_on.push(parent.sequence);
        self.parent = parent.to_snapshot(HeldLedger::new(ledger)).map(|snapshot| (snapshot, parent));
        Ok(())
    }

    /// The snapshot that this one comes after; `None` for the first, and for a writer that cannot
    /// read.
    #[must_use]
    pub fn parent(&self) -> Option<&Snapshot> {
        self.parent.as_ref().map(|(snapshot, _)| snapshot)
    }

    /// The state of the parent; empty for the first.
    #[must_use]
    pub fn parent_state(&self) -> &State {
        &self.loaded.state
    }

    /// Reads a body of the parent's state; as
    /// [`Repository::read`](crate::store::Repository::read).
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn read(&self, entry: &Entry, part: Part) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.core.bodies(&self.tenant).read(entry, part)?.map(|body| body.bytes))
    }

    /// Says what a resource is now. Where main and secret body are what they were, nothing is stored:
    /// the volatile and raw parts stay those that came with the last change.
    ///
    /// # Errors
    /// [`StoreError::Twice`] when the key was put with other bodies, or gone, before;
    /// [`StoreError::TooLarge`]; or the storage failed.
    pub fn put(&mut self, key: &ResourceKey, parts: Parts) -> Result<Put, StoreError> {
        let path = key.to_path();
        let ids = &self.tenant.newest()?.ids;
        let (main, secret) = (ids.id(&parts.main), parts.secret.as_ref().map(|body| ids.id(body)));
        let short = self.tenant.short.of(&path);
        self.put_ready(key, &path, short, Ready { parts, main, secret, leaf: None })
    }

    /// The same with what was hashed elsewhere.
    pub(super) fn put_ready(
        &mut self,
        key: &ResourceKey,
        path: &str,
        short: u64,
        ready: Ready,
    ) -> Result<Put, StoreError> {
        let Ready { mut parts, main, secret, leaf } = ready;
        // Wiped when dropped, whatever comes of the put.
        let secret_body = parts.secret.take().map(Secret::new);
        check_limits(path, &parts, secret_body.as_ref())?;
        let tenant = self.tenant.clone();
        let leaf_of = || Ok::<_, StoreError>(tenant.newest()?.proof.leaf(path, &parts.main));
        let before = self.loaded.state.get_path(path);
        let same_main = match &before {
            Some(before) => self.is_body(before, Part::Main, Some(main))?,
            None => false,
        };
        if let Some(before) = &before
            && same_main
            && self.is_body(before, Part::Secret, secret)?
        {
            self.say(path, short, AS_IT_WAS)?;
            if let Some(leaves) = &mut self.leaves {
                leaves.insert(short, leaf_of()?);
            }
            return Ok(Put::Same);
        }
        if !self.say(path, short, short_of(&main, secret.as_ref()))? {
            return Ok(if before.is_some() { Put::Changed } else { Put::New });
        }
        let leaf = leaf.map_or_else(leaf_of, Ok)?;
        let put = if before.is_some() { Put::Changed } else { Put::New };
        let parts = self.store(
            key,
            parts,
            before.as_ref().map(|entry| (entry, same_main)),
            main,
            secret_body.zip(secret),
        )?;
        self.pending.insert(path.into(), Pending::Put(Fresh { parts: parts.into_boxed_slice(), leaf }));
        if self.builder.stored_bytes() >= self.core.tuning.data_segment_bytes {
            self.write_data()?;
        }
        Ok(put)
    }

    /// Says that a resource is no longer there. One that was not there is gone already.
    ///
    /// # Errors
    /// [`StoreError::Twice`] when the key was put in this session.
    pub fn gone(&mut self, key: &ResourceKey) -> Result<(), StoreError> {
        let path = key.to_path();
        if self.say(&path, self.tenant.short.of(&path), GONE)? && self.loaded.state.contains(&path) {
            self.pending.insert(path.into_boxed_str(), Pending::Gone);
        }
        Ok(())
    }

    /// Adds the audit event that explains the change or the removal of a resource; one that is as it
    /// was takes none.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], or the storage failed.
    pub fn explain(&mut self, key: &ResourceKey, event: &[u8]) -> Result<(), StoreError> {
        let path = key.to_path();
        if !self.pending.contains_key(path.as_str()) {
            return Ok(());
        }
        let id = self.tenant.newest()?.ids.id(event);
        let at = self.add(key.kind.as_str(), event)?;
        match self.pending.get_mut(path.as_str()) {
            Some(Pending::Put(fresh)) => {
                let others = fresh.parts.iter().filter(|known| known.part != Part::Event).cloned();
                fresh.parts = others.chain([FreshPart { part: Part::Event, at, id }]).collect();
            }
            _ => drop(self.farewells.insert(path.into_boxed_str(), (at, id))),
        }
        Ok(())
    }

    /// Takes back what was said of a key, so that a later reading of it can say it anew. What was
    /// stored for it meanwhile stays where it is and is not referred to.
    ///
    /// Returns whether anything had been said.
    pub fn withdraw(&mut self, key: &ResourceKey) -> bool {
        let path = key.to_path();
        self.pending.remove(path.as_str());
        self.farewells.remove(path.as_str());
        self.said.remove(&self.tenant.short.of(&path)).is_some()
    }

    /// Notes what is said of a key; `false` when the same was said before.
    pub(super) fn say(&mut self, path: &str, short: u64, what: u64) -> Result<bool, StoreError> {
        match self.said.insert(short, what) {
            None => Ok(true),
            Some(before) if before == what => Ok(false),
            Some(_) => Err(StoreError::Twice { key: path.to_owned() }),
        }
    }

    /// Whether a part of an entry is the body of this id. What only a short check tells is read, and all
    /// where all is needed.
    pub(super) fn is_body(
        &self,
        entry: &Entry,
        part: Part,
        id: Option<ObjectId>,
    ) -> Result<bool, StoreError> {
        let (place, id) = match (entry.place(part), id) {
            (None, None) => return Ok(!entry.is_erased()),
            (Some(place), Some(id)) => (place, id),
            _ => return Ok(false),
        };
        let one_epoch = self.tenant.domains.len() == 1;
        match place.mark {
            Mark::Id(known) if known == id && self.leaves.is_none() => return Ok(true),
            Mark::Id(_) | Mark::Check(_) if one_epoch && !place.mark.fits(&id) => return Ok(false),
            Mark::Id(_) | Mark::Check(_) => {}
        }
        match self.core.bodies(&self.tenant).id(place) {
            Ok(there) => Ok(there == id),
            // Whoever may not open secrets has the check only.
            Err(StoreError::NoKey { .. }) => Ok(one_epoch),
            // It is lost, and a whole one is at hand: that is stored anew.
            Err(error) if error.is_loss() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores the parts of a resource that are new. `before` is what it was, and whether its main body
    /// is the same.
    fn store(
        &mut self,
        key: &ResourceKey,
        mut parts: Parts,
        before: Option<(&Entry, bool)>,
        main: ObjectId,
        secret: Option<(Secret<Vec<u8>>, ObjectId)>,
    ) -> Result<Vec<FreshPart>, StoreError> {
        let kind = key.kind.as_str();
        let mut stored = Vec::with_capacity(1);
        let mut keep = |part, at, id| stored.push(FreshPart { part, at, id });
        let old = before.and_then(|(entry, same_main)| same_main.then_some(entry));
        let at = match before.and_then(|(entry, same_main)| Some((entry.place(Part::Main)?, same_main))) {
            Some((place, true)) => Where::Old(Box::new(place.clone())),
            Some((place, false)) => match self.delta(kind, place, &parts.main)? {
                Some(at) => at,
                None => self.add(kind, &parts.main)?,
            },
            None => self.add(kind, &parts.main)?,
        };
        keep(Part::Main, at, main);
        if let Some((body, id)) = secret {
            let at = self.builder.add_secret(kind, &body)?;
            keep(Part::Secret, self.here(at.frame, at.slot), id);
        }
        let tenant = self.tenant.clone();
        let ids = &tenant.newest()?.ids;
        if let Some(body) = parts.volatile.take() {
            keep(Part::Volatile, self.add(kind, &body)?, ids.id(&body));
        }
        if old.is_none()
            && let Some(body) = parts.raw.take()
        {
            keep(Part::Raw, self.add(kind, &body)?, ids.id(&body));
        } else if let Some((old, place)) = old.and_then(|old| Some((old, old.place(Part::Raw)?))) {
            // The raw bytes belong to the main body, which stays; lost ones are stored anew.
            let known = match old.known_id(Part::Raw) {
                Some(id) => Ok(id),
                None => self.core.bodies(&tenant).at(place).map(|body| body.id),
            };
            match (known, parts.raw.take()) {
                (Ok(id), _) => keep(Part::Raw, Where::Old(Box::new(place.clone())), id),
                (Err(error), Some(body)) if error.is_loss() => {
                    keep(Part::Raw, self.add(kind, &body)?, ids.id(&body));
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(stored)
    }

    fn add(&mut self, kind: &str, body: &[u8]) -> Result<Where, StoreError> {
        let at = self.builder.add(kind, body)?;
        Ok(self.here(at.frame, at.slot))
    }

    pub(super) fn here(&self, frame: u32, slot: u32) -> Where {
        let segment = u32::try_from(self.data.len()).expect("a session has fewer segments than 2^32");
        Where::Here { segment, frame, slot }
    }

    /// Writes what has come so far as a data segment and begins the next.
    fn write_data(&mut self) -> Result<(), StoreError> {
        /// A failed write whose outcome is unknown is tried under another name; more would not help.
        const ATTEMPTS: u32 = 2;
        let tenant = self.tenant.clone();
        let mut attempt = 1;
        let sealed = loop {
            let sealed = self.builder.seal(tenant.newest()?, self.core.entropy.as_ref(), None)?;
            let path = object_path(Name::Data(tenant.prefix, sealed.id))?;
            match self.core.storage.put_new(&path, &sealed.bytes) {
                Ok(_) => break sealed,
                Err(error) if attempt < ATTEMPTS && error.outcome_unknown() => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        };
        self.data_bytes += sealed.bytes.len() as u64;
        self.data.push(sealed.reference(SegmentPlace::OwnData));
        self.builder = SegmentBuilder::new(LEVEL)?;
        self.referred.clear();
        Ok(())
    }

    /// Publishes the snapshot; the only way to.
    ///
    /// Where another writer was faster, the session's changes are laid over his snapshot: what this
    /// session put or called gone holds, all else is as he left it.
    ///
    /// # Errors
    /// Nothing is published, except with [`StoreError::Unknown`], where nobody knows.
    pub fn commit(self, meta: crate::store::Meta) -> Result<Snapshot, StoreError> {
        commit::commit(self, &meta)
    }
}

fn check_limits(path: &str, parts: &Parts, secret: Option<&Secret<Vec<u8>>>) -> Result<(), StoreError> {
    if path.len() > KEY_BYTES_MAX {
        let start: String = path.chars().take(80).collect();
        return Err(StoreError::TooLarge { what: format!("the key {start}…"), limit: KEY_BYTES_MAX });
    }
    let others = [&parts.volatile, &parts.raw].into_iter().flatten().chain(secret.map(Secret::expose));
    if std::iter::once(&parts.main).chain(others).any(|body| body.len() > BODY_BYTES_MAX) {
        return Err(StoreError::TooLarge { what: format!("a body of {path}"), limit: BODY_BYTES_MAX });
    }
    Ok(())
}

/// A short hash of what was put: equal bodies, equal hash.
fn short_of(main: &ObjectId, secret: Option<&ObjectId>) -> u64 {
    let first = |id: &ObjectId| u64::from_le_bytes(*id.0.first_chunk().expect("32 bytes hold 8"));
    let secret = secret.map_or(1, first).rotate_left(17);
    (first(main) ^ secret).max(AS_IT_WAS + 1)
}
