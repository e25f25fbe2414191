//! Opened segments and frames: the only place where the store fetches stored bytes to look into.
//!
//! A small object is fetched once and kept whole; of a large one head, tail and single frames are
//! fetched. Opened tables and decoded frames are cached within bounds, and of frames whose bodies were
//! hashed the ids. Frames of secrets are never cached.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::base::ids::{ObjectId, SegmentId};
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::FormatError;
use crate::format::body::{BodyFrame, Slot};
use crate::format::envelope::HEADER_BYTES;
use crate::format::footer::Role;
use crate::format::names::Name;
use crate::format::reader::{Opening, Segment, SegmentReader};
use crate::format::record::{Record, SignedRecord};
use crate::format::references::References;
use crate::format::relocations::Relocations;
use crate::storage::{Path, Span, Storage, StorageError};
use crate::store::StoreError;
use crate::store::entry::Target;
use crate::store::tenant::Tenant;

/// How much of an object's end the first read asks for; nearly every hourly segment is smaller.
const FIRST_READ_BYTES: u64 = 64 << 10;

/// Bytes of decoded frames that are kept.
const FRAME_CACHE_BYTES: usize = 16 << 20;

/// Opened segments that are kept, by the bytes of their objects that they hold; each counts for its
/// table too.
const SEGMENT_CACHE_BYTES: usize = 8 << 20;

/// Bytes of ids that are kept: a quarter of a million bodies.
const IDS_CACHE_BYTES: usize = 12 << 20;

/// How often a body may have moved.
const MOVES_MAX: usize = 8;

/// What an opened segment without kept bytes counts for.
const TABLE_BYTES: usize = 8 << 10;

/// A segment whose table somebody vouched for.
pub(super) struct OpenSegment {
    /// The object's name.
    pub(super) path: Path,
    /// The object's size in bytes.
    pub(super) size: u64,
    pub(super) segment: Segment,
    object: Option<Bytes>,
    references: OnceLock<References>,
}

/// An object that was unlocked, before anything of it is trusted.
struct Unlocked {
    path: Path,
    size: u64,
    reader: SegmentReader,
    object: Option<Bytes>,
}

/// The door to stored bytes, with its caches.
pub(super) struct Segments {
    storage: Arc<dyn Storage>,
    opened: Mutex<Cache<SegmentId, Arc<OpenSegment>>>,
    frames: Mutex<Cache<(SegmentId, u32), Arc<BodyFrame>>>,
    ids: Mutex<Cache<(SegmentId, u32), Ids>>,
    /// Segments that die, each with the one that holds what was moved out of it: they may lie there
    /// still, and nobody reads them.
    refused: Mutex<HashMap<SegmentId, Option<Arc<Target>>>>,
    /// What those others say of where bodies lie now.
    maps: Mutex<HashMap<SegmentId, Arc<Vec<Relocations>>>>,
}

/// The ids of a frame's bodies by slot; of one that does not lie there whole there is none.
type Ids = Arc<[Option<ObjectId>]>;

impl Segments {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            opened: Mutex::new(Cache::new(SEGMENT_CACHE_BYTES)),
            frames: Mutex::new(Cache::new(FRAME_CACHE_BYTES)),
            ids: Mutex::new(Cache::new(IDS_CACHE_BYTES)),
            refused: Mutex::default(),
            maps: Mutex::default(),
        }
    }

    /// The segment that a trusted place names.
    ///
    /// # Errors
    /// It is missing, damaged, or not the one that was meant.
    pub(super) fn open(&self, tenant: &Tenant, target: &Target) -> Result<Arc<OpenSegment>, StoreError> {
        let id = target.reference.id;
        if lock(&self.refused).contains_key(&id) {
            return Err(pruned(target));
        }
        if let Some(found) = lock(&self.opened).get(&id) {
            return Ok(found);
        }
        let path = object_path(target.reference.name(target.prefix))?;
        let unlocked = self.unlock(tenant, path)?;
        let place = unlocked.path.clone();
        let segment = unlocked.reader.trust_reference(&target.reference).map_err(|e| broken(&place, e))?;
        Ok(self.keep(unlocked.path, unlocked.size, segment, unlocked.object))
    }

    /// The record of a number, verified, and the segment that it vouches for.
    ///
    /// # Errors
    /// It is missing, damaged, or nobody who may write wrote it.
    pub(super) fn open_record(
        &self,
        tenant: &Tenant,
        sequence: u64,
    ) -> Result<(Record, Arc<OpenSegment>), StoreError> {
        let path = object_path(Name::Record(tenant.prefix, sequence))?;
        let unlocked = self.unlock(tenant, path)?;
        self.verified(tenant, sequence, unlocked)
    }

    /// The same of an object that was just written, from its bytes.
    ///
    /// # Errors
    /// None for what this program sealed.
    pub(super) fn adopt_record(
        &self,
        tenant: &Tenant,
        sequence: u64,
        object: Bytes,
    ) -> Result<(Record, Arc<OpenSegment>), StoreError> {
        let path = object_path(Name::Record(tenant.prefix, sequence))?;
        let reader =
            SegmentReader::open_whole(&tenant.domains, &object).map_err(|error| broken(&path, error))?;
        let unlocked = Unlocked { path, size: object.len() as u64, reader, object: Some(object) };
        self.verified(tenant, sequence, unlocked)
    }

    fn verified(
        &self,
        tenant: &Tenant,
        sequence: u64,
        mut unlocked: Unlocked,
    ) -> Result<(Record, Arc<OpenSegment>), StoreError> {
        let path = unlocked.path.clone();
        let signed = self.signed_record(&unlocked)?;
        unlocked.object = unlocked.object.filter(|_| unlocked.size <= FIRST_READ_BYTES);
        let record = signed
            .verify(&tenant.owner, &tenant.repository, tenant.prefix)
            .map_err(|error| broken(&path, error))?;
        if record.header.sequence != sequence {
            return Err(damaged(&path, "it holds the record of another number"));
        }
        let segment = unlocked.reader.trust_record(&record).map_err(|error| broken(&path, error))?;
        Ok((record, self.keep(unlocked.path, unlocked.size, segment, unlocked.object)))
    }

    fn signed_record(&self, unlocked: &Unlocked) -> Result<SignedRecord, StoreError> {
        let Unlocked { path, reader, object, .. } = unlocked;
        let range = reader.record_range().ok_or_else(|| damaged(path, "it holds no record"))?;
        let bytes = self.bytes(path, object.as_ref(), range)?;
        reader.record(&bytes).map_err(|error| broken(path, error))
    }

    fn keep(&self, path: Path, size: u64, segment: Segment, object: Option<Bytes>) -> Arc<OpenSegment> {
        let id = segment.id();
        let cost = TABLE_BYTES + object.as_ref().map_or(0, Bytes::len);
        let opened = Arc::new(OpenSegment { path, size, segment, object, references: OnceLock::new() });
        lock(&self.opened).put(id, opened.clone(), cost);
        opened
    }

    fn unlock(&self, tenant: &Tenant, path: Path) -> Result<Unlocked, StoreError> {
        let tail = self.storage.get(&path, Span::Last(FIRST_READ_BYTES), None)?;
        let size = tail.size;
        let whole = size <= FIRST_READ_BYTES;
        if tail.bytes.len() as u64 != size.min(FIRST_READ_BYTES) {
            return Err(cut(&path));
        }
        let head = if whole { tail.bytes.clone() } else { self.fetch(&path, 0..HEADER_BYTES as u64)? };
        let opening = SegmentReader::open(&tenant.domains, size, &head, &tail.bytes);
        let reader = match opening.map_err(|error| broken(&path, error))? {
            Opening::Ready(reader) => *reader,
            Opening::Footer(pending) => {
                let footer = self.fetch(&path, pending.range())?;
                pending.finish(&footer).map_err(|error| broken(&path, error))?
            }
        };
        Ok(Unlocked { path, size, reader, object: whole.then_some(tail.bytes) })
    }

    fn fetch(&self, path: &Path, range: Range<u64>) -> Result<Bytes, StoreError> {
        let wanted = range.end - range.start;
        let got = self.storage.get(path, Span::Range(range), None)?;
        if got.bytes.len() as u64 == wanted { Ok(got.bytes) } else { Err(cut(path)) }
    }

    fn bytes(&self, path: &Path, object: Option<&Bytes>, range: Range<u64>) -> Result<Bytes, StoreError> {
        let Some(object) = object else { return self.fetch(path, range) };
        let within = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        match within.filter(|(start, end)| start <= end && *end <= object.len()) {
            Some((start, end)) => Ok(object.slice(start..end)),
            None => Err(cut(path)),
        }
    }

    /// A frame of bodies, decoded.
    ///
    /// # Errors
    /// It is damaged, or holds secrets that this key does not open.
    pub(super) fn bodies(&self, open: &OpenSegment, frame: u32) -> Result<Arc<BodyFrame>, StoreError> {
        let key = (open.segment.id(), frame);
        if let Some(found) = lock(&self.frames).get(&key) {
            return Ok(found);
        }
        let sealed = self.sealed(open, frame)?;
        let decoded = open.segment.open_bodies(frame, &sealed).map_err(|error| broken(&open.path, error))?;
        let decoded = Arc::new(decoded);
        let row = open.segment.frames().get(frame as usize);
        if let Some(row) = row.filter(|row| row.role == Role::Bodies) {
            lock(&self.frames).put(key, decoded.clone(), row.plain as usize);
        }
        Ok(decoded)
    }

    /// What `hash` gives for each body that lies whole in a frame. It must be the same function
    /// each time.
    ///
    /// # Errors
    /// As [`Self::bodies`].
    pub(super) fn ids(
        &self,
        open: &OpenSegment,
        frame: u32,
        hash: &dyn Fn(&[u8]) -> ObjectId,
    ) -> Result<Ids, StoreError> {
        let key = (open.segment.id(), frame);
        if let Some(found) = lock(&self.ids).get(&key) {
            return Ok(found);
        }
        let bodies = self.bodies(open, frame)?;
        let slots = open.segment.frames().get(frame as usize).map_or(0, |row| row.slots);
        // What does not read as a body is for whoever asks for that slot to meet.
        let ids: Ids = (0..slots)
            .map(|slot| match bodies.slot(slot) {
                Ok(Slot::Whole(body)) => Some(hash(body)),
                _ => None,
            })
            .collect();
        lock(&self.ids).put(key, ids.clone(), std::mem::size_of_val(&*ids));
        Ok(ids)
    }

    /// The plain bytes of a frame that holds no bodies.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn plain(&self, open: &OpenSegment, frame: u32) -> Result<Vec<u8>, StoreError> {
        let sealed = self.sealed(open, frame)?;
        open.segment.open(frame, &sealed).map_err(|error| broken(&open.path, error))
    }

    fn sealed(&self, open: &OpenSegment, frame: u32) -> Result<Bytes, StoreError> {
        let range = open.segment.range(frame).map_err(|error| broken(&open.path, error))?;
        self.bytes(&open.path, open.object.as_ref(), range)
    }

    /// The frames of a role, joined: a ledger or a payload.
    ///
    /// # Errors
    /// One of them is damaged.
    pub(super) fn stream(&self, open: &OpenSegment, role: Role) -> Result<Vec<u8>, StoreError> {
        open.segment
            .open_stream(role, |range| {
                Ok::<_, StoreError>(self.bytes(&open.path, open.object.as_ref(), range)?.to_vec())
            })
            .map_err(|error| match error {
                StoreError::Format(error) => broken(&open.path, error),
                other => other,
            })
    }

    /// The segments that this one's locations name.
    ///
    /// # Errors
    /// The frame of references is damaged.
    pub(super) fn references<'o>(&self, open: &'o OpenSegment) -> Result<&'o References, StoreError> {
        if let Some(references) = open.references.get() {
            return Ok(references);
        }
        let plain = match open.segment.frames_of(Role::References).next() {
            Some(frame) => self.plain(open, frame)?,
            None => Vec::new(),
        };
        let references = References::decode(&plain).map_err(|error| broken(&open.path, error))?;
        Ok(open.references.get_or_init(|| references))
    }

    /// The plain bytes of a log's references, as its hash is over them.
    ///
    /// # Errors
    /// The frame of references is damaged.
    pub(super) fn references_bytes(&self, open: &OpenSegment) -> Result<Vec<u8>, StoreError> {
        match open.segment.frames_of(Role::References).next() {
            Some(frame) => self.plain(open, frame),
            None => Ok(Vec::new()),
        }
    }

    /// A whole object: for `check`, and where its hash or its every byte counts.
    ///
    /// # Errors
    /// The storage failed, or gave fewer bytes than the object has.
    pub(super) fn object(&self, path: &Path) -> Result<Bytes, StoreError> {
        let got = self.storage.get(path, Span::All, None)?;
        if got.bytes.len() as u64 == got.size { Ok(got.bytes) } else { Err(cut(path)) }
    }

    /// Opens these no more; what was moved out of one, the other has.
    pub(super) fn refuse(&self, dead: impl Iterator<Item = (SegmentId, Option<Arc<Target>>)>) {
        lock(&self.refused).extend(dead);
    }

    /// Where a body lies now that was written there.
    ///
    /// # Errors
    /// It was pruned; or what says where it lies is missing or damaged.
    pub(super) fn resolve(
        &self,
        tenant: &Tenant,
        target: &Arc<Target>,
        frame: u32,
        slot: u32,
    ) -> Result<(Arc<Target>, u32, u32), StoreError> {
        let mut at = (target.clone(), frame, slot);
        for _ in 0..=MOVES_MAX {
            let id = at.0.reference.id;
            let Some(now) = lock(&self.refused).get(&id).cloned() else { return Ok(at) };
            let Some(now) = now else { break };
            let maps = self.maps(tenant, &now)?;
            let found = maps.iter().find_map(|map| map.find(&id, at.1, at.2)).flatten();
            let Some((frame, slot)) = found else { break };
            at = (now, frame, slot);
        }
        Err(pruned(&at.0))
    }

    fn maps(&self, tenant: &Tenant, of: &Arc<Target>) -> Result<Arc<Vec<Relocations>>, StoreError> {
        if let Some(known) = lock(&self.maps).get(&of.reference.id) {
            return Ok(known.clone());
        }
        let open = self.open(tenant, of)?;
        let mut maps = Vec::new();
        for frame in open.segment.frames_of(Role::Relocations) {
            let plain = self.plain(&open, frame)?;
            maps.push(Relocations::decode(&plain).map_err(|error| broken(&open.path, error))?);
        }
        let maps = Arc::new(maps);
        lock(&self.maps).insert(of.reference.id, maps.clone());
        Ok(maps)
    }

    /// Forgets what is cached, so that the next read sees the storage.
    pub(super) fn forget(&self) {
        lock(&self.opened).clear();
        lock(&self.frames).clear();
        lock(&self.ids).clear();
        lock(&self.maps).clear();
    }
}

/// The storage's name for an object of the format.
///
/// # Errors
/// None: the format's names are names of the storage.
pub(super) fn object_path(name: Name) -> Result<Path, StorageError> {
    Path::new(&name.path())
}

/// The folder of a tenant's records.
///
/// # Errors
/// None, as for [`object_path`].
pub(super) fn records_folder(prefix: TenantPrefix) -> Result<Path, StorageError> {
    Path::new(&prefix.to_string())
}

/// The folder of a tenant's data segments.
///
/// # Errors
/// None, as for [`object_path`].
pub(super) fn data_folder(prefix: TenantPrefix) -> Result<Path, StorageError> {
    Path::new(&format!("{prefix}.d"))
}

/// What the format said about an object, with the object's name.
pub(super) fn broken(path: &Path, error: FormatError) -> StoreError {
    match error {
        FormatError::NoKey(what) => StoreError::NoKey { what: what.to_owned() },
        FormatError::Newer { .. } => {
            StoreError::NewerObject { object: path.to_string(), what: error.to_string() }
        }
        FormatError::Crypto(_) => StoreError::Format(error),
        error => damaged(path, &error.to_string()),
    }
}

fn pruned(target: &Target) -> StoreError {
    let object = target.reference.name(target.prefix).path();
    let what = "it was pruned, and something that was kept still refers to it".to_owned();
    StoreError::Damaged { object, what }
}

/// An object that does not hold what it should.
pub(super) fn damaged(path: &Path, what: &str) -> StoreError {
    StoreError::Damaged { object: path.to_string(), what: what.to_owned() }
}

fn cut(path: &Path) -> StoreError {
    damaged(path, "fewer bytes came than it has")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bounded cache: when it is over its bytes, the half that was not used lately goes.
struct Cache<K, V> {
    rows: HashMap<K, (u64, usize, V)>,
    bytes: usize,
    bytes_max: usize,
    tick: u64,
}

impl<K: Hash + Eq + Copy, V: Clone> Cache<K, V> {
    fn new(bytes_max: usize) -> Self {
        Self { rows: HashMap::new(), bytes: 0, bytes_max, tick: 0 }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        self.tick += 1;
        let (used, _, value) = self.rows.get_mut(key)?;
        *used = self.tick;
        Some(value.clone())
    }

    fn put(&mut self, key: K, value: V, cost: usize) {
        self.tick += 1;
        self.bytes += cost;
        if let Some((_, old, _)) = self.rows.insert(key, (self.tick, cost, value)) {
            self.bytes -= old;
        }
        if self.bytes > self.bytes_max {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut used: Vec<u64> = self.rows.values().map(|(used, ..)| *used).collect();
        used.sort_unstable();
        let median = used.get(used.len() / 2).copied().unwrap_or(0);
        self.rows.retain(|_, (used, ..)| *used >= median);
        self.bytes = self.rows.values().map(|(_, cost, _)| cost).sum();
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.bytes = 0;
    }
}
