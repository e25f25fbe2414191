//! One version of one resource as a row: when, what was before, where its bodies lie.

use crate::base::ids::ObjectId;
use crate::crypto::identity::Leaf;
use crate::format::bytes::{Reader, Writer};
use crate::format::entry::Mark;
use crate::store::entry::{Entry, Part, Place, Target};
use crate::store::index::{Fault, damaged};
use std::sync::Arc;

/// A row without its check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    /// The record that made this version.
    pub(super) sequence: u64,
    /// The record that made the version before; 0: there is none.
    pub(super) previous: u64,
    /// The version; `None`: the resource is gone from here on.
    pub(super) entry: Option<Packed>,
}

/// An entry whose segments are numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Packed {
    places: Vec<(Part, u32, u32, u32, Mark)>,
    erased: Option<Leaf>,
}

impl Packed {
    /// An entry with its segments numbered by `number`.
    pub(super) fn new(
        entry: &Entry,
        mut number: impl FnMut(&Arc<Target>) -> Result<u32, Fault>,
    ) -> Result<Self, Fault> {
        let mut places = Vec::with_capacity(entry.places.len());
        for (part, place) in &entry.places {
            places.push((*part, number(&place.target)?, place.frame, place.slot, place.mark));
        }
        Ok(Self { places, erased: entry.erased })
    }

    /// The entry again.
    pub(super) fn entry(
        &self,
        mut target: impl FnMut(u32) -> Result<Arc<Target>, Fault>,
    ) -> Result<Entry, Fault> {
        let mut places = Vec::with_capacity(self.places.len());
        for (part, number, frame, slot, mark) in &self.places {
            let place = Place { target: target(*number)?, frame: *frame, slot: *slot, mark: *mark };
            places.push((*part, place));
        }
        Ok(Entry { places, erased: self.erased })
    }
}

impl Row {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.vu(self.sequence).vu(self.previous);
        match &self.entry {
            None => {
                out.u8(0);
            }
            Some(Packed { erased: Some(leaf), .. }) => {
                out.u8(0xff).raw(&leaf.0);
            }
            Some(Packed { places, .. }) => {
                out.size(places.len());
                for (part, target, frame, slot, mark) in places {
                    out.u8(part.number() << 1 | u8::from(matches!(mark, Mark::Id(_))));
                    out.vu((*target).into()).vu((*frame).into()).vu((*slot).into());
                    match mark {
                        Mark::Id(id) => out.raw(id.as_bytes()),
                        Mark::Check(check) => out.raw(check),
                    };
                }
            }
        }
        out.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        Self::parse(bytes).map_err(|_| damaged("row"))
    }

    fn parse(bytes: &[u8]) -> Result<Self, crate::format::FormatError> {
        let mut input = Reader::new(bytes, "index row");
        let (sequence, previous) = (input.vu()?, input.vu()?);
        let entry = match input.u8()? {
            0 => None,
            0xff => Some(Packed { places: Vec::new(), erased: Some(Leaf(input.array()?)) }),
            count => {
                let mut places = Vec::with_capacity(count.into());
                for _ in 0..count {
                    let head = input.u8()?;
                    let part = Part::from_number(head >> 1).ok_or_else(|| input.damaged("unknown part"))?;
                    let (target, frame, slot) = (input.vu32()?, input.vu32()?, input.vu32()?);
                    let mark = if head & 1 == 1 {
                        Mark::Id(ObjectId(input.array()?))
                    } else {
                        Mark::Check(input.array()?)
                    };
                    places.push((part, target, frame, slot, mark));
                }
                Some(Packed { places, erased: None })
            }
        };
        input.end()?;
        Ok(Self { sequence, previous, entry })
    }
}
