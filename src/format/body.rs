//! A frame's content: bodies of one kind, one after another.

use std::ops::Range;

use crate::base::limits::{BODY_BYTES_MAX, PIECE_BYTES};
use crate::base::secret::Secret;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::codec;
use crate::format::limits::{DELTA_DEPTH_MAX, SLOTS_MAX};
use crate::format::references::Location;

const IN_FRAME: u8 = 0;
const DELTA: u8 = 1;
const PIECES: u8 = 2;

/// A body as it lies in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot<'a> {
    /// The body itself.
    Whole(&'a [u8]),
    /// The body against another one.
    Delta(Delta<'a>),
    /// The body lies in slot 0 of `count` frames from `first_frame` on.
    Pieces {
        /// Bytes of the whole body.
        length: usize,
        /// The first of the frames.
        first_frame: u32,
        /// How many frames.
        count: u32,
    },
}

/// A body coded against an earlier version of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delta<'a> {
    /// Bytes of the whole body.
    pub length: usize,
    /// How many deltas lie between it and a whole body, itself counted.
    pub depth: u8,
    /// Where the earlier version lies, as seen from this frame's segment.
    pub base: Location,
    /// The coded bytes.
    pub coded: &'a [u8],
}

impl Delta<'_> {
    /// The whole body, from its base's whole body.
    ///
    /// # Errors
    /// Another base, or damage.
    pub fn apply(&self, base: &[u8]) -> Result<Vec<u8>, FormatError> {
        codec::undelta(base, self.coded, self.length)
    }
}

/// A frame of bodies that was opened. Its bytes are wiped when it is dropped.
pub struct BodyFrame {
    plain: Secret<Vec<u8>>,
    slots: Vec<(u8, Range<usize>)>,
}

impl BodyFrame {
    /// Reads a frame's content.
    ///
    /// # Errors
    /// Its slots do not add up to its bytes, or have an unknown codec.
    pub fn decode(plain: Vec<u8>, count: u32) -> Result<Self, FormatError> {
        let mut r = Reader::new(&plain, "frame of bodies");
        let count = count as usize;
        if count > SLOTS_MAX || count > r.left() / 2 {
            return Err(r.damaged("it claims more bodies than it has bytes"));
        }
        let mut slots = Vec::with_capacity(count);
        let mut end = 0usize;
        for _ in 0..count {
            let (codec, length) = (r.u8()?, r.up_to(BODY_BYTES_MAX)?);
            if codec > PIECES {
                return Err(r.damaged("a body has an unknown codec"));
            }
            slots.push((codec, end..end + length));
            end += length;
        }
        let start = plain.len() - r.left();
        if r.left() != end {
            return Err(r.damaged("its bodies do not add up to its length"));
        }
        for (_, range) in &mut slots {
            *range = range.start + start..range.end + start;
        }
        Ok(Self { plain: Secret::new(plain), slots })
    }

    /// How many bodies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A body as it lies here.
    ///
    /// # Errors
    /// No such slot, or what the slot holds is not well-formed.
    pub fn slot(&self, slot: u32) -> Result<Slot<'_>, FormatError> {
        let missing = FormatError::Damaged { what: "location", why: "the frame has no such body" };
        let (codec, range) = usize::try_from(slot).ok().and_then(|n| self.slots.get(n)).ok_or(missing)?;
        let bytes = self.plain.expose().get(range.clone()).unwrap_or_default();
        match *codec {
            IN_FRAME => Ok(Slot::Whole(bytes)),
            DELTA => read_delta(bytes),
            _ => read_pieces(bytes),
        }
    }
}

fn read_delta(bytes: &[u8]) -> Result<Slot<'_>, FormatError> {
    let mut r = Reader::new(bytes, "delta");
    let (length, depth) = (r.up_to(PIECE_BYTES)?, r.u8()?);
    if !(1..=DELTA_DEPTH_MAX).contains(&depth) {
        return Err(r.damaged("its chain is too long"));
    }
    let base = Location::read(&mut r)?;
    let coded = r.take(r.left())?;
    Ok(Slot::Delta(Delta { length, depth, base, coded }))
}

fn read_pieces(bytes: &[u8]) -> Result<Slot<'_>, FormatError> {
    let mut r = Reader::new(bytes, "pieces of a body");
    let (length, first_frame, count) = (r.up_to(BODY_BYTES_MAX)?, r.vu32()?, r.vu32()?);
    r.end()?;
    if length <= PIECE_BYTES || length.div_ceil(PIECE_BYTES) != count as usize {
        return Err(r.damaged("its pieces do not add up to its length"));
    }
    Ok(Slot::Pieces { length, first_frame, count })
}

/// Gathers the bodies of a frame that is not closed yet.
#[derive(Default)]
pub struct FrameWriter {
    table: Writer,
    bytes: Vec<u8>,
    count: u32,
}

impl FrameWriter {
    /// Takes a body; returns its slot.
    pub fn whole(&mut self, body: &[u8]) -> u32 {
        self.push(IN_FRAME, body)
    }

    /// Takes a coded body; returns its slot.
    pub fn delta(&mut self, delta: &Delta<'_>) -> u32 {
        let mut w = Writer::new();
        w.size(delta.length).u8(delta.depth);
        delta.base.write(&mut w);
        w.raw(delta.coded);
        self.push(DELTA, w.as_slice())
    }

    /// Takes a body whose pieces lie in frames of their own; returns its slot.
    pub fn pieces(&mut self, length: usize, first_frame: u32, count: u32) -> u32 {
        let mut w = Writer::new();
        w.size(length).vu(first_frame.into()).vu(count.into());
        self.push(PIECES, w.as_slice())
    }

    fn push(&mut self, codec: u8, bytes: &[u8]) -> u32 {
        self.table.u8(codec).size(bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.count += 1;
        self.count - 1
    }

    /// How many bodies were taken.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many plain bytes the frame has so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len() + self.bytes.len()
    }

    /// Whether no body was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The frame's plain content.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut plain = std::mem::take(&mut self.table).finish();
        plain.extend_from_slice(&self.bytes);
        plain
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Location = Location { segment: 1, frame: 2, slot: 3 };

    proptest! {
        #[test]
        fn bodies_round_trip(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut writer = FrameWriter::default();
            for (n, body) in bodies.iter().enumerate() {
                prop_assert_eq!(writer.whole(body) as usize, n);
            }
            let delta = Delta { length: 9, depth: 8, base: BASE, coded: b"coded" };
            let delta_slot = writer.delta(&delta);
            let pieces_slot = writer.pieces(PIECE_BYTES + 1, 7, 2);
            let frame = BodyFrame::decode(writer.finish(), pieces_slot + 1).unwrap();
            for (n, body) in bodies.iter().enumerate() {
                prop_assert_eq!(frame.slot(n as u32).unwrap(), Slot::Whole(body));
            }
            prop_assert_eq!(frame.slot(delta_slot).unwrap(), Slot::Delta(delta));
            let pieces = Slot::Pieces { length: PIECE_BYTES + 1, first_frame: 7, count: 2 };
            prop_assert_eq!(frame.slot(pieces_slot).unwrap(), pieces);
            prop_assert!(frame.slot(pieces_slot + 1).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100), count in 0u32..60) {
            if let Ok(frame) = BodyFrame::decode(bytes, count) {
                for slot in 0..count {
                    let _ = frame.slot(slot);
                }
            }
        }
    }

    #[test]
    fn too_deep_or_uneven_is_refused() {
        let mut writer = FrameWriter::default();
        writer.delta(&Delta { length: 9, depth: 9, base: BASE, coded: b"" });
        writer.delta(&Delta { length: 9, depth: 0, base: BASE, coded: b"" });
        writer.pieces(PIECE_BYTES, 0, 1);
        writer.pieces(PIECE_BYTES + 1, 0, 3);
        let frame = BodyFrame::decode(writer.finish(), 4).unwrap();
        assert!((0..4).all(|slot| frame.slot(slot).is_err()));
    }
}
