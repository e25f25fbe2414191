//! What a snapshot notes so that the next run, on whatever machine, can go on from it: the place in
//! the vendor's log, the last full sweep, and what that sweep went by.
//!
//! The notes are part of the signed record. Without them, or with any that does not fit, the next run
//! reads everything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::base::key::Kind;
use crate::collect::notes;
use crate::store::Snapshot;

const PLACE_NOTE: &str = "feed.place";
const READ_NOTE: &str = "feed.read_to";
const SWEPT_NOTE: &str = "feed.full_sweep";
const CATALOG_NOTE: &str = "feed.catalogue";
const PART_NOTE: &str = "feed.part.";
/// Of a snapshot that read less than an ordinary run, or files: when the last one began that did. The name is
/// that of the files that first needed it.
pub(crate) const AFTER_NOTE: &str = "imported.after";

/// When the tenant was last read: what has happened since then is news to the next run.
#[must_use]
pub fn read_began(snapshot: &Snapshot) -> Timestamp {
    let after = snapshot.notes.get(AFTER_NOTE).and_then(|note| note.parse().ok());
    after.unwrap_or(snapshot.started)
}

/// The notes of one snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The place in the vendor's log that comes after everything this snapshot took account of.
    pub place: String,
    /// When the log was read to there.
    pub read_to: Timestamp,
    /// When the last full sweep began.
    pub swept: Timestamp,
    /// The fingerprint of the catalogue that the full sweep went by.
    pub catalog: String,
    /// Kinds of which only a part was asked for in this snapshot; what else it did not read whole it
    /// carried.
    pub part: BTreeSet<Kind>,
}

impl Mark {
    /// As notes of a snapshot; none where the place is too long to keep.
    #[must_use]
    pub fn to_notes(&self) -> BTreeMap<String, String> {
        if self.place.len() > notes::BYTES_MAX {
            return BTreeMap::new();
        }
        let mut notes = match self.part.is_empty() {
            true => BTreeMap::new(),
            false => notes::pack(PART_NOTE, self.part.iter().map(Kind::as_str)),
        };
        notes.insert(PLACE_NOTE.into(), self.place.clone());
        notes.insert(READ_NOTE.into(), self.read_to.to_string());
        notes.insert(SWEPT_NOTE.into(), self.swept.to_string());
        notes.insert(CATALOG_NOTE.into(), self.catalog.clone());
        notes
    }

    /// From the notes of a snapshot; `None` where they are not all there.
    #[must_use]
    pub fn from_notes(notes: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            place: notes.get(PLACE_NOTE)?.clone(),
            read_to: notes.get(READ_NOTE)?.parse().ok()?,
            swept: notes.get(SWEPT_NOTE)?.parse().ok()?,
            catalog: notes.get(CATALOG_NOTE)?.clone(),
            part: notes::unpack(notes, PART_NOTE).map(Kind::new).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_hold_a_mark() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mark = Mark {
            place: "/api/v1/logs?after=7".into(),
            read_to: at(20),
            swept: at(10),
            catalog: "c0ffee".into(),
            part: (0..400).map(|number| Kind::new(&format!("kind_of_some_length_{number}"))).collect(),
        };
        let notes = mark.to_notes();
        assert!(notes.values().all(|note| note.len() <= notes::BYTES_MAX));
        assert_eq!(Mark::from_notes(&notes), Some(mark.clone()));
        let mut torn = notes;
        torn.remove(SWEPT_NOTE);
        assert_eq!(Mark::from_notes(&torn), None);
        let long = Mark { place: "x".repeat(notes::BYTES_MAX + 1), ..mark };
        assert_eq!(Mark::from_notes(&long.to_notes()), None, "half a place is none");
    }
}
