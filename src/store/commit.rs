//! The commit: log, ledger and record into one segment, created under the next number.
//!
//! That create is the commit; before it nothing is there, after it everything is. Where its outcome
//! is not known the number is read back: own bytes mean committed, nothing means the same number
//! again, another record means to lay the changes over it and take the next number. Index and trust
//! file come after, and losing them loses nothing.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::ids::RecordId;
use crate::format::builder::{SealedSegment, SegmentBuilder};
use crate::format::entry::{Entry as Line, Mark, Op, Part as LinePart, Put as LinePut};
use crate::format::fields::{self, Fields, Flags};
use crate::format::ledger;
use crate::format::log::LogWriter;
use crate::format::names::Name;
use crate::format::record::{self, Draft};
use crate::format::references::{Location, Place as SegmentPlace, SegmentRef};
use crate::storage::{Path, Span, StorageError};
use crate::store::core::Core;
use crate::store::entry::{Entry, Part, Place, Target};
use crate::store::held::HeldLedger;
use crate::store::index::Head;
use crate::store::replay::Loaded;
use crate::store::roots::Roots;
use crate::store::segments::object_path;
use crate::store::session::{Fresh, FreshPart, Pending, Where, WriteSession};
use crate::store::snapshot::{Meta, Rec, Snapshot};
use crate::store::state::{State, stamp_of};
use crate::store::tenant::Tenant;
use crate::store::{StoreError, indexing};

/// Numbers that are tried before other writers are called too many.
const ATTEMPTS: usize = 8;

/// About what a resource takes in a checkpoint: its id does not compress.
const CHECKPOINT_BYTES_EACH: u64 = 44;

/// A session refuses to commit when it is older: half the grace of a prune.
const AGE_HOURS_MAX: i64 = 36;

/// Where in the sequence an attempt goes.
struct Next {
    sequence: u64,
    previous: RecordId,
}

/// What an attempt would publish.
struct Built {
    roots: Roots,
    state: State,
    fields: fields::Snapshot,
}

/// What became of a create.
enum Outcome {
    Committed,
    Absent,
    Taken,
}

pub(super) fn commit(mut session: WriteSession, meta: &Meta) -> Result<Snapshot, StoreError> {
    let age = session.core.clock.now().duration_since(session.began);
    if age.as_hours() >= AGE_HOURS_MAX {
        return Err(StoreError::TooOld { hours: AGE_HOURS_MAX });
    }
    let signer = session.core.ring.signer.clone().ok_or(StoreError::ReadOnly)?;
    let tenant = session.tenant.clone();
    let mut tried: Vec<RecordId> = Vec::new();
    for _ in 0..ATTEMPTS {
        let next = session.next()?;
        let mut built = session.build(meta)?;
        let draft = session.draft(meta, &next, built.fields.clone());
        let domain = tenant.newest()?;
        let mut sealed =
            session.builder.seal(domain, session.core.entropy.as_ref(), Some((&draft, &signer)))?;
        tried.extend(sealed.record);
        let path = object_path(Name::Record(tenant.prefix, next.sequence))?;
        let outcome = match session.core.storage.put_new(&path, &sealed.bytes) {
            Ok(_) => Outcome::Committed,
            Err(StorageError::AlreadyExists { .. }) => Outcome::Taken,
            Err(error) if error.outcome_unknown() => {
                read_back(&session.core, &path, &sealed, next.sequence, error)?
            }
            Err(error) => return Err(error.into()),
        };
        match outcome {
            Outcome::Committed => return session.published(meta, &next, &mut built, &mut sealed),
            Outcome::Absent => {}
            Outcome::Taken => {
                // An earlier try of this very commit may have landed late.
                if tenant.opens()
                    && let Ok((record, _)) = session.core.segments.open_record(&tenant, next.sequence)
                    && tried.contains(&record.id)
                {
                    return session.late(&next);
                }
                session.rebase()?;
            }
        }
    }
    Err(StoreError::Contended { tenant: session.name.clone() })
}

fn read_back(
    core: &Core,
    path: &Path,
    sealed: &SealedSegment,
    sequence: u64,
    why: StorageError,
) -> Result<Outcome, StoreError> {
    match core.storage.get(path, Span::All, None) {
        Ok(got) if got.bytes == sealed.bytes => Ok(Outcome::Committed),
        Ok(got) if got.bytes.len() as u64 == got.size => Ok(Outcome::Taken),
        Err(StorageError::NotFound { .. }) => Ok(Outcome::Absent),
        Ok(_) | Err(_) => Err(StoreError::Unknown { sequence, source: why }),
    }
}

impl WriteSession {
    /// The number to take, and what stands before it, as of when the parent was found. If another
    /// writer was faster since, the create fails and the session is rebased.
    fn next(&self) -> Result<Next, StoreError> {
        if !self.tenant.opens() {
            return self.next_blind();
        }
        let (newest, highest) = &self.newest;
        let previous = newest.as_ref().map_or(RecordId([0; 32]), |rec| rec.id);
        Ok(Next { sequence: highest + 1, previous })
    }

    /// A writer that opens nothing names the record before its own by the bytes of its object.
    fn next_blind(&self) -> Result<Next, StoreError> {
        let numbers = self.core.numbers_now(&self.tenant)?;
        let Some(highest) = numbers.last().copied() else {
            return Ok(Next { sequence: 1, previous: RecordId([0; 32]) });
        };
        let path = object_path(Name::Record(self.tenant.prefix, highest))?;
        let previous = record::unopened(&self.core.segments.object(&path)?);
        Ok(Next { sequence: highest + 1, previous })
    }

    /// Lays the session's changes over what another writer committed.
    fn rebase(&mut self) -> Result<(), StoreError> {
        self.find_parent()?;
        let mut settled = Vec::new();
        for (path, pending) in &self.pending {
            let there = self.loaded.state.get_path(path);
            let same = match (pending, &there) {
                (Pending::Gone, there) => there.is_none(),
                (Pending::Put(_), None) => false,
                (Pending::Put(fresh), Some(there)) => {
                    self.is_body(there, Part::Main, fresh.id(Part::Main))?
                        && self.is_body(there, Part::Secret, fresh.id(Part::Secret))?
                }
            };
            if same {
                settled.push(path.clone());
            }
        }
        for path in settled {
            self.pending.remove(&path);
        }
        Ok(())
    }

    /// Puts log, checkpoint and ledger into the builder.
    fn build(&mut self, meta: &Meta) -> Result<Built, StoreError> {
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        let base = self.loaded.state.clone();
        let parent = self.parent.as_ref().map(|(_, rec)| (rec, base.as_ref()));
        let paths = self.pending.keys().map(|path| &**path);
        let mut roots = core.roots(&tenant, parent, paths, self.leaves.as_ref())?;
        let proof = &tenant.newest()?.proof;
        let (mut added, mut changed, mut removed) = (0, 0, 0);
        let mut log = LogWriter::new();
        for (path, pending) in &self.pending {
            match pending {
                Pending::Gone => {
                    removed += 1;
                    roots.set(proof, path, None);
                    let event = match self.farewells.get(path) {
                        Some((at, id)) => {
                            Some(LinePart::new(location(at, &mut self.builder, &self.data)?, id))
                        }
                        None => None,
                    };
                    log.push(&Line { key: path.to_string(), op: Op::Gone, event })?;
                }
                Pending::Put(fresh) => {
                    if base.contains(path) {
                        changed += 1
                    } else {
                        added += 1
                    }
                    roots.set(proof, path, Some(fresh.leaf));
                    log.push(&fresh_line(path, fresh, &mut self.builder, &self.data)?)?;
                }
            }
        }
        let encoded = log.finish()?;
        self.builder.set_log(encoded)?;
        let mut flags = meta.flags;
        let full_base = self.parent.is_none();
        if full_base {
            flags = flags.and(Flags::FULL_BASE);
        } else if !meta.full_sweep {
            flags = flags.and(Flags::INCREMENTAL);
        }
        let rules_moved = self.parent().is_some_and(|parent| parent.rules != meta.rules);
        let epoch = tenant.newest()?.epoch;
        if rules_moved || self.parent().is_some_and(|parent| parent.epoch != epoch) {
            flags = flags.and(Flags::REBASE);
        }
        let total = base.len() as u64 + added - removed;
        if !full_base && self.checkpoint_is_due(meta, total) && self.adds_checkpoint()? {
            flags = flags.and(Flags::CHECKPOINT);
        }
        self.set_ledger(meta)?;
        let fields = fields::Snapshot {
            tenant: self.name.clone(),
            started_ms: meta.started.as_millisecond(),
            finished_ms: meta.finished.as_millisecond(),
            identity: meta.identity,
            root: roots.finish(),
            added,
            changed,
            removed,
            total,
            log_hash: [0; 32],
            ledger_hash: [0; 32],
            ledger_depth: 0,
            flags,
            requests: meta.requests,
            permission: meta.permission,
        };
        Ok(Built { roots, state: Arc::unwrap_or_clone(base), fields })
    }

    fn set_ledger(&mut self, meta: &Meta) -> Result<(), StoreError> {
        let previous = self
            .parent
            .as_ref()
            .and_then(|(snapshot, rec)| Some((snapshot.ledger.clone(), rec.snapshot()?.ledger_depth)));
        let previous = previous.as_ref().map(|(ledger, depth)| (&**ledger, *depth));
        Ok(self.builder.set_ledger(&meta.ledger, previous)?)
    }

    /// A checkpoint is due when replaying costs more than it does: after [`Tuning`](crate::store::core::Tuning)'s 64 logs, once they
    /// take more bytes than it would, or after 1,024. A session that was no full sweep leaves it to one that is,
    /// up to twice as long.
    fn checkpoint_is_due(&self, meta: &Meta, total: u64) -> bool {
        let Loaded { logs, log_bytes, .. } = &self.loaded;
        let (min, max) = (self.core.tuning.logs_min, self.core.tuning.logs_max);
        let patience = if meta.full_sweep { 1 } else { 2 };
        let cost = total * CHECKPOINT_BYTES_EACH;
        *logs >= min * patience && (*log_bytes >= cost * patience || *logs >= max * patience)
    }

    /// Adds a checkpoint, where it can be made: one of its bodies may be lost. The logs say all that it
    /// would, and the next session tries again.
    fn adds_checkpoint(&mut self) -> Result<bool, StoreError> {
        match self.add_checkpoint() {
            Ok(()) => Ok(true),
            Err(error) if error.is_loss() => {
                tracing::warn!(%error, "no checkpoint was written; `lastgood check` says what is lost");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The whole state after this session, as a second log.
    fn add_checkpoint(&mut self) -> Result<(), StoreError> {
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        let base = self.loaded.state.clone();
        let mut writer = LogWriter::new();
        let mut pending = self.pending.iter().peekable();
        let put = |path: &str, fresh: &Pending, builder: &mut SegmentBuilder, data: &[SegmentRef]| match fresh
        {
            Pending::Gone => Ok::<_, StoreError>(None),
            Pending::Put(fresh) => fresh_line(path, fresh, builder, data).map(Some),
        };
        for (path, entry) in base.paths() {
            while let Some((new, fresh)) = pending.next_if(|(new, _)| ***new < *path) {
                if let Some(line) = put(new, fresh, &mut self.builder, &self.data)? {
                    writer.push(&line)?;
                }
            }
            let line = match pending.next_if(|(new, _)| ***new == *path) {
                Some((_, fresh)) => put(path, fresh, &mut self.builder, &self.data)?,
                None => Some(core.old_line(&tenant, path, &entry, &mut self.builder)?),
            };
            if let Some(line) = line {
                writer.push(&line)?;
            }
        }
        for (new, fresh) in pending {
            if let Some(line) = put(new, fresh, &mut self.builder, &self.data)? {
                writer.push(&line)?;
            }
        }
        let encoded = writer.finish()?;
        Ok(self.builder.set_checkpoint(encoded)?)
    }

    fn draft(&self, meta: &Meta, next: &Next, fields: fields::Snapshot) -> Draft {
        Draft {
            repository: self.core.ring.repository,
            sequence: next.sequence,
            previous: next.previous,
            written_ms: self.core.clock.now().as_millisecond(),
            rules: meta.rules,
            fields: Fields::Snapshot(fields),
            notes: meta.notes.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// After the commit: memory, index, trust file. The first two may fail, and are only caches.
    fn published(
        mut self,
        meta: &Meta,
        next: &Next,
        built: &mut Built,
        sealed: &mut SealedSegment,
    ) -> Result<Snapshot, StoreError> {
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        let ledger = Arc::new(meta.ledger.clone());
        if !tenant.opens() {
            let rec = self.rec(meta, next, sealed, built.fields.clone());
            return rec
                .to_snapshot(HeldLedger::new(ledger))
                .ok_or(StoreError::Contended { tenant: self.name });
        }
        let object = Bytes::from(std::mem::take(&mut sealed.bytes));
        self.builder.clear();
        let (record, open) = core.segments.adopt_record(&tenant, next.sequence, object)?;
        let rec = Rec::new(&record, open.segment.id(), open.size, self.data_bytes);
        let rec = core.keep_record(&tenant, rec);
        core.keep_ledger(&tenant, rec.sequence, ledger.clone());
        let seen = Seen::new(&self, &rec);
        self.keep_raw(&seen);
        // The state of a full base would stand beside all that the session holds of it: whoever asks for it
        // next reads it.
        if self.parent.is_some() {
            let fresh = built.fields.flags.contain(Flags::CHECKPOINT);
            let loaded = Loaded {
                state: Arc::new(seen.state(&self, std::mem::take(&mut built.state))),
                logs: if fresh { 0 } else { self.loaded.logs + 1 },
                log_bytes: if fresh { 0 } else { self.loaded.log_bytes + rec.size },
            };
            core.remember_state(rec.clone(), loaded);
        }
        self.index(&rec, &ledger::encode(&ledger)?, &seen, &built.roots);
        // The snapshot is there whatever becomes of this; the next command meets a folder that cannot
        // be written.
        if let Err(error) = core.trust.see(tenant.prefix, rec.sequence, rec.id) {
            tracing::debug!(%error, "the trust file was not written");
        }
        rec.to_snapshot(HeldLedger::new(ledger)).ok_or(StoreError::Contended { tenant: self.name })
    }

    /// Keeps what raw bytes made of what was put, now that it is known where that lies.
    fn keep_raw(&mut self, seen: &Seen) {
        let Some(keeping) = self.keeping.take() else { return };
        let changed = self.pending.iter().filter_map(|(path, pending)| {
            Some((self.tenant.short.of(path), stamp_of(&seen.entry(pending)?)?))
        });
        keeping.keep(&self.core, &self.tenant, &self.loaded.state, changed);
    }

    fn rec(&self, meta: &Meta, next: &Next, sealed: &SealedSegment, fields: fields::Snapshot) -> Rec {
        Rec {
            sequence: next.sequence,
            id: sealed.record.unwrap_or(RecordId([0; 32])),
            previous: next.previous,
            written_ms: self.core.clock.now().as_millisecond(),
            rules: meta.rules,
            epoch: self.tenant.domains.first().map_or(0, |domain| domain.epoch),
            writer: self.core.ring.signer.as_ref().map_or_else(String::new, |signer| {
                signer.certificate.as_ref().map_or_else(String::new, |certificate| certificate.name.clone())
            }),
            segment: sealed.id,
            table: sealed.table,
            size: sealed.bytes.len() as u64,
            data_bytes: self.data_bytes,
            notes: meta.notes.clone().into_iter().collect(),
            sort: crate::store::snapshot::Sort::Snapshot(Box::new(fields)),
        }
    }

    /// Adds the snapshot to the index where the index ends at its parent; else the next question
    /// brings it up.
    fn index(&self, rec: &Rec, ledger: &[u8], seen: &Seen, roots: &Roots) {
        let keys = &self.tenant.index_keys;
        let head = Head { sequence: rec.sequence, record: rec.id };
        self.core.ask(|index| {
            let ends = index.head(keys)?.map_or(RecordId([0; 32]), |head| head.record);
            if ends != rec.previous {
                return Ok(());
            }
            let mut update = index.update(keys)?;
            let steps = self.pending.iter().map(|(path, pending)| (path, seen.entry(pending)));
            indexing::add(&mut update, rec, Some(ledger), steps)?;
            update.buckets(head, roots.is_whole(), roots.loaded(), &roots.hashes())?;
            update.commit(head)
        });
    }

    /// The commit was there already: an earlier try of it had landed.
    fn late(self, next: &Next) -> Result<Snapshot, StoreError> {
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        let rec = core.stored_record(&tenant, next.sequence)?;
        let ledger = core.ledger(&tenant, &rec)?;
        core.trust.see(tenant.prefix, rec.sequence, rec.id)?;
        rec.to_snapshot(HeldLedger::new(ledger)).ok_or(StoreError::Contended { tenant: self.name })
    }
}

/// What a session changed, as a reader of its record sees it, with whole ids.
struct Seen {
    own: Arc<Target>,
    data: Vec<Arc<Target>>,
}

impl Seen {
    fn new(session: &WriteSession, rec: &Rec) -> Self {
        let prefix = session.tenant.prefix;
        let data = session.data.iter().map(|row| {
            let reference = SegmentRef { place: SegmentPlace::Data, ..*row };
            Arc::new(Target { prefix, reference })
        });
        Self { own: Arc::new(Target { prefix, reference: rec.reference() }), data: data.collect() }
    }

    fn entry(&self, pending: &Pending) -> Option<Entry> {
        let Pending::Put(fresh) = pending else { return None };
        let place = |part: &FreshPart| match &part.at {
            Where::Old(place) => Place { mark: Mark::Id(part.id), ..Place::clone(place) },
            Where::Here { segment, frame, slot } => Place {
                target: self.data.get(*segment as usize).unwrap_or(&self.own).clone(),
                frame: *frame,
                slot: *slot,
                mark: Mark::Id(part.id),
            },
        };
        let places = fresh.parts.iter().map(|part| (part.part, place(part))).collect();
        Some(Entry { places, erased: None })
    }

    /// The state after the session.
    fn state(&self, session: &WriteSession, mut state: State) -> State {
        for (path, pending) in &session.pending {
            match self.entry(pending) {
                Some(entry) => state.put(path, &entry),
                None => state.gone(path),
            }
        }
        state.settled()
    }
}

/// The log line of a resource that was put.
fn fresh_line(
    path: &str,
    fresh: &Fresh,
    builder: &mut SegmentBuilder,
    data: &[SegmentRef],
) -> Result<Line, StoreError> {
    let mut parts = Vec::with_capacity(fresh.parts.len());
    for FreshPart { part, at, id } in &fresh.parts {
        parts.push((*part, LinePart::new(location(at, builder, data)?, id)));
    }
    line(path, &parts)
}

/// A body's place as a log of the record's segment names it.
fn location(at: &Where, builder: &mut SegmentBuilder, data: &[SegmentRef]) -> Result<Location, StoreError> {
    Ok(match at {
        Where::Old(place) => Location {
            segment: builder.refer(&place.target.reference)?,
            frame: place.frame,
            slot: place.slot,
        },
        Where::Here { segment, frame, slot } => {
            let number = match data.get(*segment as usize) {
                Some(reference) => builder.refer(reference)?,
                None => 0,
            };
            Location { segment: number, frame: *frame, slot: *slot }
        }
    })
}

fn line(path: &str, parts: &[(Part, LinePart)]) -> Result<Line, StoreError> {
    let find = |wanted: Part| parts.iter().find(|(part, _)| *part == wanted).map(|(_, line)| *line);
    let main = find(Part::Main).ok_or_else(|| StoreError::Damaged {
        object: path.to_owned(),
        what: "its log entry has no main body".to_owned(),
    })?;
    let put =
        LinePut { main, secret: find(Part::Secret), volatile: find(Part::Volatile), raw: find(Part::Raw) };
    Ok(Line { key: path.to_owned(), op: Op::Put(put), event: find(Part::Event) })
}

impl Core {
    /// The line, in a checkpoint or a log that is made anew, of a resource that lies where it lay.
    pub(super) fn old_line(
        &self,
        tenant: &Tenant,
        path: &str,
        entry: &Entry,
        builder: &mut SegmentBuilder,
    ) -> Result<Line, StoreError> {
        if let Some(leaf) = entry.erased {
            return Ok(Line { key: path.to_owned(), op: Op::Erased(leaf), event: None });
        }
        let mut parts = Vec::with_capacity(entry.places.len());
        for (part, place) in &entry.places {
            let segment = builder.refer(&place.target.reference)?;
            let location = Location { segment, frame: place.frame, slot: place.slot };
            let id = match place.mark {
                Mark::Id(id) => id,
                Mark::Check(_) => self.bodies(tenant).id(place)?,
            };
            parts.push((*part, LinePart::new(location, &id)));
        }
        line(path, &parts)
    }
}
