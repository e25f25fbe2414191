//! Reading a segment by ranges: head and tail, then the footer, then only the frames that are needed.
//!
//! [`SegmentReader`] has unlocked the segment and read its table, and can give the record. It gives no
//! frame: for that somebody must vouch for the table, a verified record or a reference from a segment
//! that is trusted already. [`Segment`] is what is left after that.

use std::ops::Range;
use std::sync::OnceLock;

use crate::base::ids::SegmentId;
use crate::crypto::aead::{SealKey, TAG_BYTES};
use crate::crypto::hash::{self, Hash};
use crate::crypto::hierarchy::Domain;
use crate::format::FormatError;
use crate::format::body::BodyFrame;
use crate::format::codec;
use crate::format::envelope::{
    self, Bound, HEADER_BYTES, Header, ROLE_FOOTER, ROLE_RECORD, SegmentKeys, TRAILER_BYTES, check_length,
};
use crate::format::footer::{Footer, FrameRow, Role, frame_digest};
use crate::format::limits::STREAM_BYTES_MAX;
use crate::format::record::{Record, SignedRecord};
use crate::format::references::SegmentRef;

/// How many bytes of an object's end are worth reading at once: trailer and nearly every footer.
pub const TAIL_BYTES: usize = 16 << 10;

/// What the head and the tail of an object were enough for.
pub enum Opening {
    /// The table was in the tail.
    Ready(Box<SegmentReader>),
    /// The table must be read first.
    Footer(Box<Pending>),
}

/// A segment whose footer is still to be read.
pub struct Pending {
    keys: SegmentKeys,
    domain: Domain,
    length: u64,
    footer: Range<u64>,
}

impl Pending {
    /// Where the footer lies in the object.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.footer.clone()
    }

    /// Goes on with the footer's bytes.
    ///
    /// # Errors
    /// They are damaged, or the table does not fit the object.
    pub fn finish(self, sealed: &[u8]) -> Result<SegmentReader, FormatError> {
        let damaged = |why| FormatError::Damaged { what: "footer", why };
        let plain = sealed.len().checked_sub(TAG_BYTES).ok_or(damaged("it ends too early"))?;
        let plain = self.keys.open_end(&Bound::as_is(ROLE_FOOTER, 0, plain)?, sealed, "footer")?;
        let footer = Footer::decode(&plain)?;
        let mut offsets = Vec::with_capacity(footer.frames.len() + 1);
        let mut at = HEADER_BYTES as u64;
        for row in &footer.frames {
            offsets.push(at);
            at += u64::from(row.sealed);
        }
        offsets.push(at);
        if at + u64::from(footer.record_sealed) != self.footer.start {
            return Err(damaged("its frames do not add up to the object"));
        }
        let table = footer.table_hash();
        Ok(SegmentReader {
            keys: self.keys,
            domain: self.domain,
            length: self.length,
            footer,
            offsets,
            table,
        })
    }
}

/// A segment that was unlocked, whose content nobody has vouched for yet.
pub struct SegmentReader {
    keys: SegmentKeys,
    domain: Domain,
    length: u64,
    footer: Footer,
    offsets: Vec<u64>,
    table: Hash,
}

impl SegmentReader {
    /// Unlocks an object of `length` bytes with the first of the tenant's `domains` that fits (newest
    /// epoch first). `head` is its first [`HEADER_BYTES`] at least, `tail` its last [`TAIL_BYTES`], or all
    /// of it.
    ///
    /// # Errors
    /// [`FormatError::WrongKey`] where it is whole and another key's, [`FormatError::NoKey`] where the
    /// holder opens nothing, else damage.
    pub fn open(domains: &[Domain], length: u64, head: &[u8], tail: &[u8]) -> Result<Opening, FormatError> {
        check_length(length)?;
        let header = Header::parse(head)?;
        let (keys, domain) = header.unlock(domains)?;
        let short = FormatError::Damaged { what: "trailer", why: "it was not read" };
        let (rest, trailer) = tail.split_last_chunk::<TRAILER_BYTES>().ok_or(short)?;
        let footer = keys.open_trailer(trailer, length)?;
        let pending = Pending { keys, domain: domain.clone(), length, footer: footer.clone() };
        let rest_start = length - (rest.len() as u64 + TRAILER_BYTES as u64).min(length);
        let in_tail = footer.start.checked_sub(rest_start).and_then(|from| {
            let from = usize::try_from(from).ok()?;
            rest.get(from..from + usize::try_from(footer.end - footer.start).ok()?)
        });
        Ok(match in_tail {
            Some(sealed) => Opening::Ready(Box::new(pending.finish(sealed)?)),
            None => Opening::Footer(Box::new(pending)),
        })
    }

    /// Unlocks an object that is in memory.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_whole(domains: &[Domain], bytes: &[u8]) -> Result<Self, FormatError> {
        match Self::open(domains, bytes.len() as u64, bytes, bytes)? {
            Opening::Ready(reader) => Ok(*reader),
            Opening::Footer(_) => {
                Err(FormatError::Damaged { what: "trailer", why: "the footer is out of range" })
            }
        }
    }

    /// The segment's id.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        self.keys.identity.id
    }

    /// The hash by which it is trusted.
    #[must_use]
    pub fn table_hash(&self) -> Hash {
        self.table
    }

    /// Where its record lies, if it has one.
    #[must_use]
    pub fn record_range(&self) -> Option<Range<u64>> {
        let start = self.offsets.last().copied().unwrap_or(HEADER_BYTES as u64);
        (self.footer.record_sealed > 0).then(|| start..start + u64::from(self.footer.record_sealed))
    }

    /// Opens its record from the bytes at [`Self::record_range`]. Nothing of it is verified yet.
    ///
    /// # Errors
    /// It has none, or it is damaged.
    pub fn record(&self, sealed: &[u8]) -> Result<SignedRecord, FormatError> {
        let missing = FormatError::Damaged { what: "record", why: "the segment has none" };
        let plain = sealed.len().checked_sub(TAG_BYTES).ok_or(missing)?;
        let bound = Bound::as_is(ROLE_RECORD, 0, plain)?;
        SignedRecord::decode(&self.keys.open_end(&bound, sealed, "record")?)
    }

    /// Trusts the table because a verified record signs it.
    ///
    /// # Errors
    /// It signs another one.
    pub fn trust_record(self, record: &Record) -> Result<Segment, FormatError> {
        if hash::same(&record.header.table, &self.table) {
            Ok(Segment { reader: self, secrets: OnceLock::new() })
        } else {
            Err(FormatError::Untrusted { what: "segment", why: "its record signs another table" })
        }
    }

    /// Trusts the table because a trusted segment refers to it.
    ///
    /// # Errors
    /// The reference is to another segment or table.
    pub fn trust_reference(self, reference: &SegmentRef) -> Result<Segment, FormatError> {
        if reference.id == self.id() && reference.table == hash::first_half(&self.table) {
            Ok(Segment { reader: self, secrets: OnceLock::new() })
        } else {
            Err(FormatError::Untrusted { what: "segment", why: "it is not the one that is referred to" })
        }
    }
}

/// A segment that may be read.
pub struct Segment {
    reader: SegmentReader,
    secrets: OnceLock<SealKey>,
}

impl Segment {
    /// The segment's id.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        self.reader.id()
    }

    /// The table of frames, by number.
    #[must_use]
    pub fn frames(&self) -> &[FrameRow] {
        &self.reader.footer.frames
    }

    /// The numbers of the frames of a role, in order.
    pub fn frames_of(&self, role: Role) -> impl Iterator<Item = u32> + '_ {
        self.frames().iter().zip(0u32..).filter(move |(row, _)| row.role == role).map(|(_, number)| number)
    }

    /// The kind of a frame of bodies.
    #[must_use]
    pub fn kind(&self, frame: u32) -> Option<&str> {
        let row = self.frames().get(frame as usize)?;
        self.reader.footer.kinds.get((row.kind as usize).checked_sub(1)?).map(String::as_str)
    }

    fn row(&self, frame: u32) -> Result<&FrameRow, FormatError> {
        let missing = FormatError::Damaged { what: "location", why: "the segment has no such frame" };
        self.frames().get(frame as usize).ok_or(missing)
    }

    /// Where a frame lies in the object.
    ///
    /// # Errors
    /// There is no such frame.
    pub fn range(&self, frame: u32) -> Result<Range<u64>, FormatError> {
        let row = self.row(frame)?;
        let start = self.reader.offsets.get(frame as usize).copied().unwrap_or_default();
        Ok(start..start + u64::from(row.sealed))
    }

    /// A frame's bytes out of the whole object.
    ///
    /// # Errors
    /// There is no such frame, or the object was cut.
    pub fn slice<'a>(&self, object: &'a [u8], frame: u32) -> Result<&'a [u8], FormatError> {
        let range = self.range(frame)?;
        object
            .get(range.start as usize..range.end as usize)
            .ok_or(FormatError::Damaged { what: "segment", why: "it was cut" })
    }

    fn opened(&self, frame: u32, sealed: &[u8]) -> Result<Vec<u8>, FormatError> {
        let row = self.row(frame)?;
        if sealed.len() != row.sealed as usize || frame_digest(sealed) != row.digest {
            return Err(FormatError::Damaged { what: "frame", why: "its digest does not fit" });
        }
        let bound = row.bound(frame);
        let stored = if row.role == Role::Secrets {
            envelope::open_with(self.secrets_key()?, &self.reader.keys.identity, &bound, sealed, "frame")?
        } else {
            self.reader.keys.open(&bound, sealed, "frame")?
        };
        if row.packed { codec::unpack(&stored, row.plain as usize) } else { Ok(stored) }
    }

    fn secrets_key(&self) -> Result<&SealKey, FormatError> {
        if let Some(key) = self.secrets.get() {
            return Ok(key);
        }
        let damaged = FormatError::Damaged { what: "footer", why: "it has no secrets key" };
        let wrapped = self.reader.footer.secrets.as_ref().ok_or(damaged)?;
        let key = envelope::open_secrets(wrapped, &self.reader.keys.identity, &self.reader.domain)?;
        Ok(self.secrets.get_or_init(|| key))
    }

    /// Opens a frame that holds no bodies: its plain bytes.
    ///
    /// # Errors
    /// Damage, or the frame holds bodies.
    pub fn open(&self, frame: u32, sealed: &[u8]) -> Result<Vec<u8>, FormatError> {
        if self.row(frame)?.role.holds_bodies() {
            return Err(FormatError::Damaged { what: "location", why: "the frame holds bodies" });
        }
        self.opened(frame, sealed)
    }

    /// Opens a frame of bodies.
    ///
    /// # Errors
    /// Damage, the frame holds none, or it holds secrets and the holder has no key for them.
    pub fn open_bodies(&self, frame: u32, sealed: &[u8]) -> Result<BodyFrame, FormatError> {
        let row = self.row(frame)?;
        if !row.role.holds_bodies() {
            return Err(FormatError::Damaged { what: "location", why: "the frame holds no bodies" });
        }
        BodyFrame::decode(self.opened(frame, sealed)?, row.slots)
    }

    /// Opens all frames of a ledger or payload and joins them; `fetch` gives a frame's bytes.
    ///
    /// # Errors
    /// Damage, or what `fetch` gives.
    pub fn open_stream<E: From<FormatError>>(
        &self,
        role: Role,
        mut fetch: impl FnMut(Range<u64>) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let frames = || self.frames().iter().filter(|row| row.role == role);
        if frames().map(|row| row.plain as usize).sum::<usize>() > STREAM_BYTES_MAX {
            return Err(FormatError::TooLarge { what: "stream", limit: STREAM_BYTES_MAX as u64 }.into());
        }
        let mut joined = Vec::new();
        for frame in self.frames_of(role) {
            let sealed = fetch(self.range(frame)?)?;
            joined.extend_from_slice(&self.open(frame, &sealed)?);
        }
        Ok(joined)
    }

    /// Checks every byte of the object: each frame opens, and the padding is what it must be. Frames of
    /// secrets are opened where the holder can, else their digests stand for them.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify_whole(&self, object: &[u8]) -> Result<(), FormatError> {
        if object.len() as u64 != self.reader.length {
            return Err(FormatError::Damaged { what: "segment", why: "it has another length" });
        }
        for (row, frame) in self.frames().iter().zip(0u32..) {
            let sealed = self.slice(object, frame)?;
            if row.role == Role::Secrets && self.reader.domain.secrets_secret.is_none() {
                if frame_digest(sealed) != row.digest {
                    return Err(FormatError::Damaged { what: "frame", why: "its digest does not fit" });
                }
            } else if row.role.holds_bodies() {
                self.open_bodies(frame, sealed)?;
            } else {
                self.open(frame, sealed)?;
            }
        }
        self.verify_padding(object)
    }

    fn verify_padding(&self, object: &[u8]) -> Result<(), FormatError> {
        let damaged = FormatError::Damaged { what: "padding", why: "it is not what was written" };
        let Some((rest, trailer)) = object.split_last_chunk::<TRAILER_BYTES>() else { return Err(damaged) };
        let footer = self.reader.keys.open_trailer(trailer, self.reader.length)?;
        let padding = rest.get(footer.end as usize..).unwrap_or_default();
        if padding == self.reader.keys.padding(padding.len()) { Ok(()) } else { Err(damaged) }
    }
}
