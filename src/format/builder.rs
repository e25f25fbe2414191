//! Building a segment: bodies in, locations out; then log, ledger, record; then the sealed bytes.
//!
//! [`SegmentBuilder::seal`] may be called again after a lost race: the compressed frames are kept,
//! while id, keys and signature are fresh for every attempt, so no key ever seals two things.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::base::coverage::Ledger;
use crate::base::entropy::Entropy;
use crate::base::ids::{RecordId, SegmentId};
use crate::base::limits::{BODY_BYTES_MAX, PIECE_BYTES};
use crate::base::secret::Secret;
use crate::crypto::aead::{SealKey, TAG_BYTES};
use crate::crypto::hash::{self, Hash};
use crate::crypto::hierarchy::Domain;
use crate::format::FormatError;
use crate::format::body::{Delta, FrameWriter};
use crate::format::certificate::Signer;
use crate::format::codec::{self, Packer};
use crate::format::envelope::{self, Bound, ROLE_FOOTER, ROLE_RECORD, SegmentKeys, TRAILER_BYTES};
use crate::format::footer::{Footer, FrameRow, Role, frame_digest};
use crate::format::ledger;
use crate::format::limits::{
    FOOTER_BYTES_MAX, FRAME_PLAIN_MAX, FRAME_PLAIN_TARGET, FRAMES_MAX, KINDS_MAX, LEDGER_DEPTH_MAX,
    RECORD_BYTES_MAX, SEGMENT_BYTES_MAX, SLOTS_MAX, STREAM_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::format::log::{EncodedLog, LogSum};
use crate::format::padding::padded;
use crate::format::record::{self, Draft, Sums};
use crate::format::references::{Location, Place, References, SegmentRef};

/// Plain bytes of one frame of a ledger or payload.
const STREAM_FRAME_BYTES: usize = 1 << 20;

/// A frame, compressed where that helps, not yet sealed.
struct Stored {
    role: Role,
    kind: u32,
    slots: u32,
    plain: u32,
    packed: bool,
    bytes: Vec<u8>,
}

/// A segment, ready to be stored.
pub struct SealedSegment {
    /// Its id.
    pub id: SegmentId,
    /// Its table hash.
    pub table: Hash,
    /// Its bytes, padded.
    pub bytes: Vec<u8>,
    /// How many of the bytes are not padding.
    pub used: usize,
    /// The record that it holds.
    pub record: Option<RecordId>,
}

impl SealedSegment {
    /// How other segments name this one.
    #[must_use]
    pub fn reference(&self, place: Place) -> SegmentRef {
        SegmentRef { place, id: self.id, table: hash::first_half(&self.table) }
    }
}

/// Gathers what a segment will hold.
pub struct SegmentBuilder {
    packer: Packer,
    kinds: Vec<String>,
    kind_numbers: HashMap<String, u32>,
    frames: Vec<Option<Stored>>,
    open: BTreeMap<(Role, u32), (u32, FrameWriter)>,
    references: References,
    /// Head and blocks.
    log: Option<Vec<Stored>>,
    checkpoint: Option<Vec<Stored>>,
    ledger: Option<(Vec<Stored>, Hash, u8)>,
    payload: Vec<u8>,
    extra: Vec<Stored>,
    stored_bytes: usize,
}

impl SegmentBuilder {
    /// A builder that compresses at this level.
    ///
    /// # Errors
    /// The level is not one of zstd's.
    pub fn new(level: i32) -> Result<Self, FormatError> {
        Ok(Self {
            packer: Packer::new(level)?,
            kinds: Vec::new(),
            kind_numbers: HashMap::new(),
            frames: Vec::new(),
            open: BTreeMap::new(),
            references: References::default(),
            log: None,
            checkpoint: None,
            ledger: None,
            payload: Vec::new(),
            extra: Vec::new(),
            stored_bytes: 0,
        })
    }

    /// Takes a body of a kind; says where it will lie in this segment. A body over 1 MiB is cut.
    ///
    /// # Errors
    /// The body, or the number of kinds or frames, is over its limit.
    pub fn add(&mut self, kind: &str, body: &[u8]) -> Result<Location, FormatError> {
        self.add_body(Role::Bodies, kind, body)
    }

    /// Takes a secret body: it lies apart, uncompressed, under the secrets key.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_secret(&mut self, kind: &str, body: &Secret<Vec<u8>>) -> Result<Location, FormatError> {
        self.add_body(Role::Secrets, kind, body.expose())
    }

    /// Takes a body that was coded against an earlier version of itself.
    ///
    /// # Errors
    /// As [`Self::add`], or the chain is too long, or the base has no reference here.
    pub fn add_delta(&mut self, kind: &str, delta: &Delta<'_>) -> Result<Location, FormatError> {
        let known = delta.base.segment == 0 || self.references.get(delta.base.segment).is_some();
        if !known || !(1..=crate::format::limits::DELTA_DEPTH_MAX).contains(&delta.depth) {
            return Err(FormatError::Invalid { what: "delta", why: "its base or its depth is not allowed" });
        }
        self.push(Role::Bodies, kind, delta.coded.len(), |frame| frame.delta(delta))
    }

    /// The number by which locations of this segment name another one.
    ///
    /// # Errors
    /// There are too many.
    pub fn refer(&mut self, to: &SegmentRef) -> Result<u32, FormatError> {
        self.references.number(to)
    }

    /// The segments that were referred to so far.
    #[must_use]
    pub fn references(&self) -> &References {
        &self.references
    }

    /// Sets the log; replaces an earlier one.
    ///
    /// # Errors
    /// Too many frames.
    pub fn set_log(&mut self, log: EncodedLog) -> Result<(), FormatError> {
        self.log = Some(self.pack_log(log, Role::LogHead, Role::LogBlock)?);
        Ok(())
    }

    /// Sets the checkpoint; replaces an earlier one.
    ///
    /// # Errors
    /// Too many frames.
    pub fn set_checkpoint(&mut self, checkpoint: EncodedLog) -> Result<(), FormatError> {
        self.checkpoint = Some(self.pack_log(checkpoint, Role::CheckpointHead, Role::CheckpointBlock)?);
        Ok(())
    }

    /// Sets the ledger; replaces an earlier one. It is coded against `previous` (the ledger of the
    /// record before it, and that one's depth) where the kinds are the same and the chain is short.
    ///
    /// # Errors
    /// A text or the whole is over its limit.
    pub fn set_ledger(
        &mut self,
        ledger: &Ledger,
        previous: Option<(&Ledger, u8)>,
    ) -> Result<(), FormatError> {
        let whole = ledger::encode(ledger)?;
        let coded = match previous {
            Some((previous, depth)) if depth < LEDGER_DEPTH_MAX => {
                ledger::encode_against(ledger, previous)?.map(|coded| (coded, depth + 1))
            }
            _ => None,
        };
        let hash = ledger::hash_of(&whole);
        let (bytes, depth) = coded.unwrap_or((whole, 0));
        let frames = self.pack_stream(Role::Ledger, &bytes)?;
        self.ledger = Some((frames, hash, depth));
        Ok(())
    }

    /// Sets the payload of a record that is no snapshot; replaces an earlier one.
    pub fn set_payload(&mut self, payload: Vec<u8>) {
        self.payload = payload;
    }

    /// Adds a frame that maintenance brings: a carried log or relocations. Returns its number among
    /// the frames of its role.
    ///
    /// # Errors
    /// Another role, or over the limit of a frame.
    pub fn add_extra(&mut self, role: Role, plain: &[u8]) -> Result<u32, FormatError> {
        if !matches!(role, Role::Carried | Role::Relocations) {
            return Err(FormatError::Invalid { what: "frame", why: "its role is not maintenance's" });
        }
        let number = self.extra.iter().filter(|frame| frame.role == role).count() as u32;
        let frame = self.pack(role, 0, 0, plain)?;
        self.extra.push(frame);
        Ok(number)
    }

    /// About how many bytes the closed and open frames of bodies would take; for cutting segments.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.stored_bytes + self.open.values().map(|(_, frame)| frame.len()).sum::<usize>()
    }

    /// Lets go of what was taken, once it is sealed and stored.
    pub fn clear(&mut self) {
        self.frames = Vec::new();
        (self.log, self.checkpoint) = (None, None);
    }

    /// Whether no body was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    fn kind(&mut self, kind: &str) -> Result<u32, FormatError> {
        if let Some(number) = self.kind_numbers.get(kind) {
            return Ok(*number);
        }
        if kind.len() > TEXT_BYTES_MAX || self.kinds.len() >= KINDS_MAX {
            return Err(FormatError::TooLarge { what: "kinds of a segment", limit: KINDS_MAX as u64 });
        }
        self.kinds.push(kind.to_owned());
        let number = self.kinds.len() as u32;
        self.kind_numbers.insert(kind.to_owned(), number);
        Ok(number)
    }

    fn reserve(&mut self) -> Result<u32, FormatError> {
        if self.frames.len() >= FRAMES_MAX {
            return Err(FormatError::TooLarge { what: "frames of a segment", limit: FRAMES_MAX as u64 });
        }
        self.frames.push(None);
        Ok(self.frames.len() as u32 - 1)
    }

    fn add_body(&mut self, role: Role, kind: &str, body: &[u8]) -> Result<Location, FormatError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(FormatError::TooLarge { what: "body", limit: BODY_BYTES_MAX as u64 });
        }
        if body.len() <= PIECE_BYTES {
            return self.push(role, kind, body.len(), |frame| frame.whole(body));
        }
        let number = self.kind(kind)?;
        let first_frame = self.frames.len() as u32;
        for piece in body.chunks(PIECE_BYTES) {
            let mut frame = FrameWriter::default();
            frame.whole(piece);
            let at = self.reserve()?;
            self.close(role, number, at, frame)?;
        }
        let count = self.frames.len() as u32 - first_frame;
        self.push(role, kind, 0, |frame| frame.pieces(body.len(), first_frame, count))
    }

    fn push(
        &mut self,
        role: Role,
        kind: &str,
        bytes: usize,
        into: impl FnOnce(&mut FrameWriter) -> u32,
    ) -> Result<Location, FormatError> {
        let number = self.kind(kind)?;
        let full = |frame: &FrameWriter| {
            frame.count() as usize >= SLOTS_MAX || frame.len() + bytes > FRAME_PLAIN_TARGET
        };
        if let Some((at, frame)) = self.open.remove(&(role, number)) {
            if full(&frame) && !frame.is_empty() {
                self.close(role, number, at, frame)?;
            } else {
                self.open.insert((role, number), (at, frame));
            }
        }
        if !self.open.contains_key(&(role, number)) {
            let at = self.reserve()?;
            self.open.insert((role, number), (at, FrameWriter::default()));
        }
        let (at, frame) = self.open.get_mut(&(role, number)).expect("it was just made sure of");
        Ok(Location { segment: 0, frame: *at, slot: into(frame) })
    }

    fn close(&mut self, role: Role, kind: u32, at: u32, frame: FrameWriter) -> Result<(), FormatError> {
        let slots = frame.count();
        let plain = Secret::new(frame.finish());
        let stored = self.pack(role, kind, slots, plain.expose())?;
        self.stored_bytes += stored.bytes.len() + TAG_BYTES;
        if let Some(place) = self.frames.get_mut(at as usize) {
            *place = Some(stored);
        }
        Ok(())
    }

    fn pack(&mut self, role: Role, kind: u32, slots: u32, plain: &[u8]) -> Result<Stored, FormatError> {
        if plain.len() > FRAME_PLAIN_MAX {
            return Err(FormatError::TooLarge { what: "frame", limit: FRAME_PLAIN_MAX as u64 });
        }
        let packed = if role == Role::Secrets { None } else { self.packer.pack(plain)? };
        let (packed, bytes) = match packed {
            Some(bytes) => (true, bytes),
            None => (false, plain.to_vec()),
        };
        Ok(Stored { role, kind, slots, plain: plain.len() as u32, packed, bytes })
    }

    /// Compresses a log, letting go of each block: the log of a first snapshot is as large as the tenant.
    fn pack_log(&mut self, log: EncodedLog, head: Role, block: Role) -> Result<Vec<Stored>, FormatError> {
        let mut frames = vec![self.pack(head, 0, 0, &log.head)?];
        for part in log.blocks {
            frames.push(self.pack(block, 0, part.entries, &part.plain)?);
        }
        Ok(frames)
    }

    fn pack_stream(&mut self, role: Role, bytes: &[u8]) -> Result<Vec<Stored>, FormatError> {
        if bytes.len() > STREAM_BYTES_MAX {
            return Err(FormatError::TooLarge { what: "ledger or payload", limit: STREAM_BYTES_MAX as u64 });
        }
        bytes.chunks(STREAM_FRAME_BYTES).map(|part| self.pack(role, 0, 0, part)).collect()
    }

    /// Seals everything for a domain's readers, with fresh id and keys; with a record, signs it.
    ///
    /// # Errors
    /// Over a limit, no randomness, or a draft that is not a valid record.
    pub fn seal(
        &mut self,
        domain: &Domain,
        entropy: &dyn Entropy,
        record: Option<(&Draft, &Signer)>,
    ) -> Result<SealedSegment, FormatError> {
        for ((role, kind), (at, frame)) in std::mem::take(&mut self.open) {
            self.close(role, kind, at, frame)?;
        }
        let references = self.references.encode();
        let mut late = Vec::new();
        if !references.is_empty() {
            late.push(self.pack(Role::References, 0, 0, &references)?);
        }
        let payload = std::mem::take(&mut self.payload);
        let payload_frames = self.pack_stream(Role::Payload, &payload);
        self.payload = payload;
        let payload_frames = payload_frames?;

        let (keys, mut bytes) = envelope::begin(domain, entropy)?;
        let mut table = self.seal_frames(&keys, domain, entropy, &late, &payload_frames, &mut bytes)?;
        let table_hash = table.table_hash();
        let mut record_id = None;
        if let Some((draft, signer)) = record {
            let sums = self.sums(domain, table_hash, &references)?;
            let (id, message) = record::sign(draft, &sums, signer)?;
            table.record_sealed = append_record(&keys, message, &mut bytes)?;
            record_id = Some(id);
        }
        let used = finish(&keys, &table, &mut bytes)?;
        Ok(SealedSegment { id: keys.identity.id, table: table_hash, bytes, used, record: record_id })
    }

    fn sums(&self, domain: &Domain, table: Hash, references: &[u8]) -> Result<Sums, FormatError> {
        let log = match &self.log {
            Some(log) => {
                let mut sum = LogSum::new(references);
                for block in log.iter().filter(|frame| frame.role == Role::LogBlock) {
                    sum.block(&block.plain()?);
                }
                sum.finish()
            }
            None => [0; 32],
        };
        let (ledger, ledger_depth) =
            self.ledger.as_ref().map_or(([0; 32], 0), |(_, hash, depth)| (*hash, *depth));
        let payload = record::payload_hash(&self.payload);
        let (prefix, epoch, checkpoint) = (domain.prefix, domain.epoch, self.checkpoint.is_some());
        Ok(Sums { prefix, epoch, table, log, ledger, ledger_depth, checkpoint, payload })
    }

    fn seal_frames(
        &self,
        keys: &SegmentKeys,
        domain: &Domain,
        entropy: &dyn Entropy,
        references: &[Stored],
        payload: &[Stored],
        bytes: &mut Vec<u8>,
    ) -> Result<Footer, FormatError> {
        let secret_bodies = self.frames.iter().flatten().any(|frame| frame.role == Role::Secrets);
        let secrets = if secret_bodies {
            Some(envelope::begin_secrets(&keys.identity, domain, entropy)?)
        } else {
            None
        };
        let (secrets_key, secrets) = secrets.unzip();
        let log_frames = [&self.log, &self.checkpoint].into_iter().flatten().flatten();
        let ledger_frames = self.ledger.iter().flat_map(|(frames, _, _)| frames);
        let all = self
            .frames
            .iter()
            .flatten()
            .chain(references)
            .chain(log_frames)
            .chain(ledger_frames)
            .chain(payload)
            .chain(&self.extra);
        let mut frames = Vec::new();
        for (position, stored) in all.enumerate() {
            if position >= FRAMES_MAX {
                return Err(FormatError::TooLarge { what: "frames of a segment", limit: FRAMES_MAX as u64 });
            }
            frames.push(seal_frame(keys, secrets_key.as_ref(), stored, position as u32, bytes)?);
        }
        Ok(Footer { kinds: self.kinds.clone(), frames, secrets, record_sealed: 0 })
    }
}

fn seal_frame(
    keys: &SegmentKeys,
    secrets: Option<&SealKey>,
    stored: &Stored,
    position: u32,
    bytes: &mut Vec<u8>,
) -> Result<FrameRow, FormatError> {
    let mut row = FrameRow {
        role: stored.role,
        packed: stored.packed,
        kind: stored.kind,
        slots: stored.slots,
        plain: stored.plain,
        sealed: (stored.bytes.len() + TAG_BYTES) as u32,
        digest: [0; 16],
    };
    let mut sealed = Vec::with_capacity(stored.bytes.len() + TAG_BYTES);
    sealed.extend_from_slice(&stored.bytes);
    match (stored.role, secrets) {
        (Role::Secrets, Some(key)) => {
            envelope::seal_with(key, &keys.identity, &row.bound(position), &mut sealed)?;
        }
        _ => keys.seal(&row.bound(position), &mut sealed)?,
    }
    row.digest = frame_digest(&sealed);
    bytes.extend_from_slice(&sealed);
    Ok(row)
}

fn append_record(keys: &SegmentKeys, mut message: Vec<u8>, bytes: &mut Vec<u8>) -> Result<u32, FormatError> {
    let bound = Bound::as_is(ROLE_RECORD, 0, message.len())?;
    keys.seal_end(&bound, &mut message)?;
    if message.len() > RECORD_BYTES_MAX {
        return Err(FormatError::TooLarge { what: "record", limit: RECORD_BYTES_MAX as u64 });
    }
    bytes.extend_from_slice(&message);
    Ok(bound.sealed)
}

/// Appends footer, padding and trailer; returns the length without padding.
fn finish(keys: &SegmentKeys, table: &Footer, bytes: &mut Vec<u8>) -> Result<usize, FormatError> {
    let mut footer = table.encode();
    let bound = Bound::as_is(ROLE_FOOTER, 0, footer.len())?;
    keys.seal_end(&bound, &mut footer)?;
    if footer.len() > FOOTER_BYTES_MAX {
        return Err(FormatError::TooLarge { what: "footer", limit: FOOTER_BYTES_MAX as u64 });
    }
    let start = bytes.len() as u64;
    bytes.extend_from_slice(&footer);
    let used = bytes.len() + TRAILER_BYTES;
    let length = padded(used as u64);
    if length > SEGMENT_BYTES_MAX {
        return Err(FormatError::TooLarge { what: "segment", limit: SEGMENT_BYTES_MAX });
    }
    bytes.extend_from_slice(&keys.padding(length as usize - used));
    bytes.extend_from_slice(&keys.trailer(start, bound.sealed, length)?);
    Ok(used)
}

impl Stored {
    fn plain(&self) -> Result<Cow<'_, [u8]>, FormatError> {
        if self.packed {
            codec::unpack(&self.bytes, self.plain as usize).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(&self.bytes))
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.role == Role::Secrets {
            zeroize::Zeroize::zeroize(&mut self.bytes);
        }
    }
}
