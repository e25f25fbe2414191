//! Where bodies lie: locations, and the references that name other segments.
//!
//! A location's segment number is 0 for the segment itself, else the row of that segment's
//! references. A row finds the object and carries its table hash, so what it names can be trusted.

use std::collections::HashMap;

use crate::base::ids::SegmentId;
use crate::crypto::hash::HalfHash;
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::REFERENCES_MAX;
use crate::format::names::{Name, SEQUENCE_MAX};

/// Where a body lies, as seen from one segment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Location {
    /// 0: this segment; n: row n of its references.
    pub segment: u32,
    /// Which frame.
    pub frame: u32,
    /// Which body of the frame.
    pub slot: u32,
}

impl Location {
    pub(crate) fn write(self, w: &mut Writer) {
        w.vu(self.segment.into()).vu(self.frame.into()).vu(self.slot.into());
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self { segment: r.vu32()?, frame: r.vu32()?, slot: r.vu32()? })
    }
}

/// Which object a segment is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A data segment of an earlier record.
    Data,
    /// A data segment that the referring record brings with it.
    OwnData,
    /// The segment of the record with this sequence number.
    Record(u64),
}

/// A segment as another one names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SegmentRef {
    /// Which object it is.
    pub place: Place,
    /// Its id, which stands in its header.
    pub id: SegmentId,
    /// The first half of its table hash.
    pub table: HalfHash,
}

/// Bytes of a row at least.
const ROW_BYTES: usize = 1 + 32 + 16;

impl SegmentRef {
    /// The name of the object.
    #[must_use]
    pub fn name(&self, prefix: TenantPrefix) -> Name {
        match self.place {
            Place::Data | Place::OwnData => Name::Data(prefix, self.id),
            Place::Record(sequence) => Name::Record(prefix, sequence),
        }
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.vu(match self.place {
            Place::Data => 0,
            Place::OwnData => 1,
            Place::Record(sequence) => sequence.saturating_add(2),
        });
        w.raw(&self.id.0).raw(&self.table);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let place = match r.vu()? {
            0 => Place::Data,
            1 => Place::OwnData,
            n if n - 2 <= SEQUENCE_MAX => Place::Record(n - 2),
            _ => return Err(r.damaged("a sequence number is over the limit")),
        };
        Ok(Self { place, id: SegmentId(r.array()?), table: r.array()? })
    }

    pub(crate) fn read_list(r: &mut Reader<'_>) -> Result<Vec<Self>, FormatError> {
        let count = r.count(REFERENCES_MAX, ROW_BYTES)?;
        (0..count).map(|_| Self::read(r)).collect()
    }

    pub(crate) fn write_list(rows: &[Self], w: &mut Writer) {
        w.size(rows.len());
        for row in rows {
            row.write(w);
        }
    }
}

/// The references of one segment.
#[derive(Clone, Default, Debug)]
pub struct References {
    rows: Vec<SegmentRef>,
    numbers: HashMap<SegmentId, u32>,
}

impl References {
    /// The number by which locations name this segment; the same for the same id.
    ///
    /// # Errors
    /// There are too many rows.
    pub fn number(&mut self, to: &SegmentRef) -> Result<u32, FormatError> {
        if let Some(number) = self.numbers.get(&to.id) {
            return Ok(*number);
        }
        if self.rows.len() >= REFERENCES_MAX {
            return Err(FormatError::TooLarge { what: "references", limit: REFERENCES_MAX as u64 });
        }
        self.rows.push(*to);
        let number = self.rows.len() as u32;
        self.numbers.insert(to.id, number);
        Ok(number)
    }

    /// What a location's segment number means; `None` for 0 and for numbers without a row.
    #[must_use]
    pub fn get(&self, segment: u32) -> Option<&SegmentRef> {
        self.rows.get(usize::try_from(segment.checked_sub(1)?).ok()?)
    }

    /// All rows; row n has number n + 1.
    #[must_use]
    pub fn rows(&self) -> &[SegmentRef] {
        &self.rows
    }

    /// The bytes of a references frame; empty where there is no row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        if !self.rows.is_empty() {
            SegmentRef::write_list(&self.rows, &mut w);
        }
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Not such bytes, or one id twice.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut r = Reader::new(bytes, "references");
        let rows = SegmentRef::read_list(&mut r)?;
        r.end()?;
        let numbers: HashMap<_, _> = rows.iter().zip(1u32..).map(|(row, number)| (row.id, number)).collect();
        if rows.is_empty() || numbers.len() != rows.len() {
            return Err(r.damaged("a segment stands twice or there is none"));
        }
        Ok(Self { rows, numbers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn references_round_trip(ids in proptest::collection::btree_map(any::<[u8; 32]>(), 0..1_000_000u64, 0..20)) {
            let mut references = References::default();
            for (id, n) in &ids {
                let place = match n % 3 { 0 => Place::Data, 1 => Place::OwnData, _ => Place::Record(*n) };
                let row = SegmentRef { place, id: SegmentId(*id), table: [*n as u8; 16] };
                let number = references.number(&row).unwrap();
                prop_assert_eq!(references.number(&row).unwrap(), number);
                prop_assert_eq!(references.get(number), Some(&row));
            }
            prop_assert_eq!(references.get(0), None);
            let bytes = references.encode();
            let back = References::decode(&bytes).unwrap();
            prop_assert_eq!(back.rows(), references.rows());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(references) = References::decode(&bytes) {
                prop_assert_eq!(references.encode(), bytes);
            }
        }
    }
}
