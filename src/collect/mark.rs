//! What a snapshot notes so that the next run, on whatever machine, can go on from it: the place in
//! the vendor's log, the last full sweep, and what that sweep went by.
//!
//! The notes are part of the signed record. Without them, or with any that does not fit, the next run
//! reads everything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::base::key::Kind;

const PLACE_NOTE: &str = "feed.place";
const READ_NOTE: &str = "feed.read_to";
const SWEPT_NOTE: &str = "feed.full_sweep";
const CATALOG_NOTE: &str = "feed.catalogue";
const PART_NOTE: &str = "feed.part.";

/// Bytes of one note, below the format's limit for a text.
const NOTE_BYTES_MAX: usize = 4000;

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
        if self.place.len() > NOTE_BYTES_MAX {
            return BTreeMap::new();
        }
        let mut parts = vec![String::new()];
        for kind in &self.part {
            if parts.last().is_some_and(|last| last.len() + kind.as_str().len() >= NOTE_BYTES_MAX) {
                parts.push(String::new());
            }
            if let Some(last) = parts.last_mut() {
                last.push_str(kind.as_str());
                last.push(' ');
            }
        }
        let named = parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty());
        let mut notes: BTreeMap<String, String> =
            named.map(|(number, part)| (format!("{PART_NOTE}{number}"), part)).collect();
        notes.insert(PLACE_NOTE.into(), self.place.clone());
        notes.insert(READ_NOTE.into(), self.read_to.to_string());
        notes.insert(SWEPT_NOTE.into(), self.swept.to_string());
        notes.insert(CATALOG_NOTE.into(), self.catalog.clone());
        notes
    }

    /// From the notes of a snapshot; `None` where they are not all there.
    #[must_use]
    pub fn from_notes(notes: &BTreeMap<String, String>) -> Option<Self> {
        let part = notes.iter().filter(|(name, _)| name.starts_with(PART_NOTE));
        Some(Self {
            place: notes.get(PLACE_NOTE)?.clone(),
            read_to: notes.get(READ_NOTE)?.parse().ok()?,
            swept: notes.get(SWEPT_NOTE)?.parse().ok()?,
            catalog: notes.get(CATALOG_NOTE)?.clone(),
            part: part.flat_map(|(_, text)| text.split_whitespace()).map(Kind::new).collect(),
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
        assert!(notes.values().all(|note| note.len() <= NOTE_BYTES_MAX));
        assert_eq!(Mark::from_notes(&notes), Some(mark.clone()));
        let mut torn = notes;
        torn.remove(SWEPT_NOTE);
        assert_eq!(Mark::from_notes(&torn), None);
        let long = Mark { place: "x".repeat(NOTE_BYTES_MAX + 1), ..mark };
        assert_eq!(Mark::from_notes(&long.to_notes()), None, "half a place is none");
    }
}
