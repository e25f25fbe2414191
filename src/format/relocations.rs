//! Where the bodies of replaced segments lie now.
//!
//! Maintenance keeps logs as they were signed; their locations are mapped by this. One map covers
//! some segments, sorted by id; a segment with many bodies stands alone in a frame.

use crate::base::ids::SegmentId;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::{FRAMES_MAX, REFERENCES_MAX, SLOTS_MAX};

/// Where one body lies now: frame and slot in the new segment, or `None` where it was not kept.
pub type Moved = Option<(u32, u32)>;

/// The bodies of one replaced segment: by frame, by slot. Frames without bodies are empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relocated {
    /// The segment that was replaced.
    pub segment: SegmentId,
    /// For each of its frames, where each body lies now.
    pub frames: Vec<Vec<Moved>>,
}

/// The relocations of one frame.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Relocations {
    segments: Vec<Relocated>,
}

impl Relocations {
    /// A map of these segments.
    #[must_use]
    pub fn new(mut segments: Vec<Relocated>) -> Self {
        segments.sort_by_key(|relocated| relocated.segment);
        Self { segments }
    }

    /// Where a body of a replaced segment lies now. The outer `None`: this map does not know it.
    #[must_use]
    pub fn find(&self, segment: &SegmentId, frame: u32, slot: u32) -> Option<Moved> {
        let at = self.segments.binary_search_by_key(segment, |relocated| relocated.segment).ok()?;
        self.segments.get(at)?.frames.get(frame as usize)?.get(slot as usize).copied()
    }

    /// The segments that this map covers.
    pub fn segments(&self) -> impl Iterator<Item = &SegmentId> {
        self.segments.iter().map(|relocated| &relocated.segment)
    }

    /// The bytes of a relocations frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.size(self.segments.len());
        for relocated in &self.segments {
            w.raw(&relocated.segment.0).size(relocated.frames.len());
            let (mut last_frame, mut last_slot) = (0i64, -1i64);
            for slots in &relocated.frames {
                w.size(slots.len());
                for moved in slots {
                    let (frame, slot) =
                        moved.map_or((-1, 0), |(frame, slot)| (i64::from(frame), i64::from(slot)));
                    w.vz(frame - last_frame).vz(slot - last_slot - 1);
                    (last_frame, last_slot) = (frame, slot);
                }
            }
        }
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Not such bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "relocations");
        let count = r.count(REFERENCES_MAX, 33)?;
        let mut segments: Vec<Relocated> = Vec::with_capacity(count);
        for _ in 0..count {
            let segment = SegmentId(r.array()?);
            if segments.last().is_some_and(|last| last.segment >= segment) {
                return Err(r.damaged("its segments are not sorted"));
            }
            let number = r.count(FRAMES_MAX, 1)?;
            let mut near = (0i64, -1i64);
            let frames = (0..number).map(|_| read_frame(&mut r, &mut near)).collect::<Result<_, _>>()?;
            segments.push(Relocated { segment, frames });
        }
        r.end()?;
        Ok(Self { segments })
    }
}

fn read_frame(r: &mut Reader<'_>, near: &mut (i64, i64)) -> Result<Vec<Moved>, FormatError> {
    let count = r.count(SLOTS_MAX, 2)?;
    let mut slots = Vec::with_capacity(count);
    for _ in 0..count {
        let wrong = r.damaged("a location is out of range");
        let frame = near.0.checked_add(r.vz()?);
        let slot = near.1.checked_add(1).and_then(|slot| slot.checked_add(r.vz().ok()?));
        let (Some(frame), Some(slot)) = (frame, slot) else { return Err(wrong) };
        slots.push(match (frame, u32::try_from(frame), u32::try_from(slot)) {
            (-1, _, Ok(0)) => None,
            (_, Ok(frame), Ok(slot)) => Some((frame, slot)),
            _ => return Err(wrong),
        });
        *near = (frame, slot);
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn relocations_round_trip(
            segments in proptest::collection::btree_map(
                any::<[u8; 32]>(),
                proptest::collection::vec(proptest::collection::vec(any::<Option<(u32, u32)>>(), 0..5), 0..5),
                0..4,
            ),
        ) {
            let map = Relocations::new(
                segments.iter().rev().map(|(id, frames)| Relocated { segment: SegmentId(*id), frames: frames.clone() }).collect(),
            );
            let bytes = map.encode();
            prop_assert_eq!(&Relocations::decode(&bytes).unwrap(), &map);
            for (id, frames) in &segments {
                for (frame, slots) in frames.iter().enumerate() {
                    for (slot, moved) in slots.iter().enumerate() {
                        prop_assert_eq!(map.find(&SegmentId(*id), frame as u32, slot as u32), Some(*moved));
                    }
                }
                prop_assert_eq!(map.find(&SegmentId(*id), 99, 0), None);
            }
            for cut in 0..bytes.len() {
                prop_assert!(Relocations::decode(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(map) = Relocations::decode(&bytes) {
                prop_assert_eq!(map.encode(), bytes);
            }
        }
    }
}
