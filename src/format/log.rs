//! The log of a record and the checkpoint of a state: sorted entries in blocks.
//!
//! A block stands alone, in columns, so that keys compress and hashes do not stand in their way. The
//! head says how many entries there are and with which separator each block begins; a lookup reads
//! only blocks that can hold its key.

use std::ops::Range;

use crate::base::ids::ObjectId;
use crate::base::limits::KEY_BYTES_MAX;
use crate::crypto::hash::{Hash, Hasher, Purpose};
use crate::crypto::identity::Leaf;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::entry::{Entry, Mark, Op, Part, Put};
use crate::format::limits::{BLOCKS_MAX, FRAME_PLAIN_TARGET, SEPARATOR_BYTES_MAX, SLOTS_MAX};
use crate::format::references::Location;

const LOG: Purpose = Purpose::new("lastgood/1 log");

const OP_GONE: u8 = 1;
const OP_ERASED: u8 = 2;
const OP_MASK: u8 = 3;
const SECRET: u8 = 4;
const VOLATILE: u8 = 8;
const RAW: u8 = 16;
const EVENT: u8 = 32;

/// A block as it is written.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its plain bytes.
    pub plain: Vec<u8>,
    /// How many entries it has.
    pub entries: u32,
}

/// A whole log, ready to be put into a segment.
#[derive(Clone, Default, Debug)]
pub struct EncodedLog {
    /// The plain bytes of the head.
    pub head: Vec<u8>,
    /// The blocks in order.
    pub blocks: Vec<Block>,
}

/// The hash that a record signs: of the references' and the blocks' plain bytes.
pub struct LogSum(Hasher);

impl LogSum {
    /// Begins with the plain bytes of the references.
    #[must_use]
    pub fn new(references: &[u8]) -> Self {
        let mut hasher = Hasher::new(LOG);
        hasher.part(references);
        Self(hasher)
    }

    /// Takes the next block's plain bytes.
    pub fn block(&mut self, plain: &[u8]) {
        self.0.part(plain);
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> Hash {
        self.0.finish()
    }
}

/// The same, of blocks that are at hand.
#[must_use]
pub fn log_hash<'a>(references: &[u8], blocks: impl Iterator<Item = &'a [u8]>) -> Hash {
    let mut sum = LogSum::new(references);
    blocks.for_each(|block| sum.block(block));
    sum.finish()
}

/// Takes entries in order and cuts them into blocks.
#[derive(Default)]
pub struct LogWriter {
    blocks: Vec<Block>,
    separators: Vec<Vec<u8>>,
    total: u64,
    last: Option<String>,
    open: Columns,
}

#[derive(Default)]
struct Columns {
    entries: u32,
    first: Vec<u8>,
    previous: String,
    keys: Writer,
    flags: Writer,
    locations: Writer,
    marks: Writer,
    near: Near,
}

impl LogWriter {
    /// A writer without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries were taken.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.total
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The key is too long or not above the one before; a part's mark does not fit its place; there
    /// are too many blocks.
    pub fn push(&mut self, entry: &Entry) -> Result<(), FormatError> {
        let invalid = |why| FormatError::Invalid { what: "log", why };
        if entry.key.len() > KEY_BYTES_MAX {
            return Err(FormatError::TooLarge { what: "key", limit: KEY_BYTES_MAX as u64 });
        }
        if self.last.as_ref().is_some_and(|last| *last >= entry.key) {
            return Err(invalid("keys are not sorted, or one stands twice"));
        }
        if entry.parts().any(|part| (part.at.segment == 0) != matches!(part.mark, Mark::Check(_))) {
            return Err(invalid("a part's mark does not fit its place"));
        }
        self.open.push(entry);
        self.last = Some(entry.key.clone());
        self.total += 1;
        if self.open.len() >= FRAME_PLAIN_TARGET || self.open.entries as usize >= SLOTS_MAX {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), FormatError> {
        let columns = std::mem::take(&mut self.open);
        if columns.entries == 0 {
            return Ok(());
        }
        if self.blocks.len() >= BLOCKS_MAX {
            return Err(FormatError::TooLarge { what: "log", limit: BLOCKS_MAX as u64 });
        }
        self.separators.push(columns.first.clone());
        self.blocks.push(columns.finish());
        Ok(())
    }

    /// The blocks and their head.
    ///
    /// # Errors
    /// There are too many blocks.
    pub fn finish(mut self) -> Result<EncodedLog, FormatError> {
        self.close()?;
        let mut head = Writer::new();
        head.vu(self.total).size(self.blocks.len());
        for (block, separator) in self.blocks.iter().zip(&self.separators) {
            head.vu(block.entries.into()).vb(separator);
        }
        Ok(EncodedLog { head: head.finish(), blocks: self.blocks })
    }
}

impl Columns {
    fn len(&self) -> usize {
        self.keys.len() + self.flags.len() + self.locations.len() + self.marks.len()
    }

    fn push(&mut self, entry: &Entry) {
        if self.entries == 0 {
            self.first = separator(&entry.key).to_vec();
        }
        let shared = shared_prefix(self.previous.as_bytes(), entry.key.as_bytes());
        let (_, rest) = entry.key.as_bytes().split_at(shared);
        self.keys.size(shared).vb(rest);
        self.previous.clone_from(&entry.key);
        self.flags.u8(flags(entry));
        for part in entry.parts() {
            self.near.write(part.at, &mut self.locations);
            match &part.mark {
                Mark::Check(check) => self.marks.raw(check),
                Mark::Id(id) => self.marks.raw(&id.0),
            };
        }
        if let Op::Erased(leaf) = &entry.op {
            self.marks.raw(&leaf.0);
        }
        self.entries += 1;
    }

    fn finish(self) -> Block {
        let mut w = Writer::new();
        w.vu(self.entries.into());
        for column in [&self.keys, &self.flags, &self.locations, &self.marks] {
            w.raw(column.as_slice());
        }
        Block { plain: w.finish(), entries: self.entries }
    }
}

fn separator(key: &str) -> &[u8] {
    key.as_bytes().get(..SEPARATOR_BYTES_MAX).unwrap_or(key.as_bytes())
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn flags(entry: &Entry) -> u8 {
    let op = match &entry.op {
        Op::Put(put) => {
            let bit = |part: &Option<Part>, bit| if part.is_some() { bit } else { 0 };
            bit(&put.secret, SECRET) | bit(&put.volatile, VOLATILE) | bit(&put.raw, RAW)
        }
        Op::Gone => OP_GONE,
        Op::Erased(_) => OP_ERASED,
    };
    op | if entry.event.is_some() { EVENT } else { 0 }
}

/// Codes locations against the one before, since neighbours lie beside each other.
struct Near {
    frame: i64,
    slot: i64,
}

impl Default for Near {
    fn default() -> Self {
        Self { frame: 0, slot: -1 }
    }
}

impl Near {
    fn write(&mut self, at: Location, w: &mut Writer) {
        let (frame, slot) = (i64::from(at.frame), i64::from(at.slot));
        w.vu(at.segment.into()).vz(frame - self.frame).vz(slot - self.slot - 1);
        *self = Self { frame, slot };
    }

    fn read(&mut self, r: &mut Reader<'_>) -> Result<Location, FormatError> {
        let segment = r.vu32()?;
        let step = |from: i64, by: i64| from.checked_add(by).and_then(|n| u32::try_from(n).ok());
        let frame = step(self.frame, r.vz()?).ok_or(r.damaged("a frame number is out of range"))?;
        let slot = step(self.slot + 1, r.vz()?).ok_or(r.damaged("a slot number is out of range"))?;
        *self = Self { frame: frame.into(), slot: slot.into() };
        Ok(Location { segment, frame, slot })
    }
}

/// Reads a block's entries.
///
/// # Errors
/// Anything but what [`LogWriter`] writes: order, unknown flags, counts, trailing bytes.
pub fn decode_block(plain: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut r = Reader::new(plain, "log block");
    let count = r.count(SLOTS_MAX, 3)?;
    let keys = read_keys(&mut r, count)?;
    let flags = r.take(count)?;
    let mut near = Near::default();
    let mut drafts = Vec::with_capacity(count);
    for flags in flags {
        drafts.push(read_locations(&mut r, *flags, &mut near)?);
    }
    let mut entries = Vec::with_capacity(count);
    for (key, draft) in keys.into_iter().zip(drafts) {
        entries.push(read_marks(&mut r, key, &draft)?);
    }
    r.end()?;
    Ok(entries)
}

fn read_keys(r: &mut Reader<'_>, count: usize) -> Result<Vec<String>, FormatError> {
    let mut keys: Vec<String> = Vec::with_capacity(count);
    let mut key: Vec<u8> = Vec::new();
    for n in 0..count {
        let shared = r.up_to(key.len())?;
        let rest = r.vb(KEY_BYTES_MAX - shared.min(KEY_BYTES_MAX))?;
        // The first byte that differs says both that the key is above the last one and that no more is shared.
        if n > 0 && rest.first() <= key.get(shared) {
            return Err(r.damaged("its keys are not sorted"));
        }
        key.truncate(shared);
        key.extend_from_slice(rest);
        let text = std::str::from_utf8(&key).map_err(|_| r.damaged("a key is not UTF-8"))?;
        keys.push(text.to_owned());
    }
    Ok(keys)
}

/// An entry's flags and its locations in order; the marks come later in the block.
struct Draft {
    flags: u8,
    at: [Option<Location>; 5],
}

fn read_locations(r: &mut Reader<'_>, flags: u8, near: &mut Near) -> Result<Draft, FormatError> {
    let put = flags & OP_MASK == 0;
    let known = if put { SECRET | VOLATILE | RAW | EVENT } else { EVENT | OP_MASK };
    if flags & !known != 0 || flags & OP_MASK == OP_MASK {
        return Err(r.damaged("an entry has unknown flags"));
    }
    let mut at = [None; 5];
    let wanted = [put, flags & SECRET != 0, flags & VOLATILE != 0, flags & RAW != 0, flags & EVENT != 0];
    for (at, wanted) in at.iter_mut().zip(wanted) {
        if wanted {
            *at = Some(near.read(r)?);
        }
    }
    Ok(Draft { flags, at })
}

fn read_marks(r: &mut Reader<'_>, key: String, draft: &Draft) -> Result<Entry, FormatError> {
    let mut mark = |at: Option<Location>| -> Result<Option<Part>, FormatError> {
        let Some(at) = at else { return Ok(None) };
        let mark = if at.segment == 0 { Mark::Check(r.array()?) } else { Mark::Id(ObjectId(r.array()?)) };
        Ok(Some(Part { at, mark }))
    };
    let [main, secret, volatile, raw, event] = draft.at;
    let (main, secret, volatile, raw) = (mark(main)?, mark(secret)?, mark(volatile)?, mark(raw)?);
    let event = mark(event)?;
    let op = match main {
        Some(main) => Op::Put(Put { main, secret, volatile, raw }),
        None if draft.flags & OP_MASK == OP_GONE => Op::Gone,
        None => Op::Erased(Leaf(r.array()?)),
    };
    Ok(Entry { key, op, event })
}

/// What a log says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogHead {
    /// Entries in all blocks.
    pub entries: u64,
    blocks: Vec<(u32, Vec<u8>)>,
}

impl LogHead {
    /// Reads a head.
    ///
    /// # Errors
    /// Not a head, separators out of order, or counts that do not add up.
    pub fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(plain, "log head");
        let entries = r.vu()?;
        let count = r.count(BLOCKS_MAX, 2)?;
        let mut blocks: Vec<(u32, Vec<u8>)> = Vec::with_capacity(count);
        for _ in 0..count {
            let (number, separator) = (r.vu32()?, r.vb(SEPARATOR_BYTES_MAX)?);
            if blocks.last().is_some_and(|(_, last)| last.as_slice() > separator) {
                return Err(r.damaged("its blocks are not sorted"));
            }
            blocks.push((number, separator.to_vec()));
        }
        r.end()?;
        let sum = blocks.iter().map(|(number, _)| u64::from(*number)).sum::<u64>();
        if sum != entries || blocks.iter().any(|(number, _)| *number == 0 || *number as usize > SLOTS_MAX) {
            return Err(r.damaged("its counts do not add up"));
        }
        Ok(Self { entries, blocks })
    }

    /// How many blocks there are.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// How many entries a block has.
    #[must_use]
    pub fn entries_of(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).map(|(entries, _)| *entries)
    }

    /// The blocks that can hold a key; nearly always one.
    #[must_use]
    pub fn blocks_for(&self, key: &str) -> Range<usize> {
        let cut = separator(key);
        let below = self.blocks.partition_point(|(_, separator)| separator.as_slice() < cut);
        let end = self.blocks.partition_point(|(_, separator)| separator.as_slice() <= cut);
        below.saturating_sub(1)..end
    }

    /// The blocks that can hold keys which begin with `prefix`.
    #[must_use]
    pub fn blocks_under(&self, prefix: &str) -> Range<usize> {
        let cut = separator(prefix);
        let below = self.blocks.partition_point(|(_, separator)| separator.as_slice() < cut);
        let end = self
            .blocks
            .partition_point(|(_, separator)| separator.as_slice() <= cut || separator.starts_with(cut));
        below.saturating_sub(1)..end
    }
}
