//! How far the vendor's log was heard for a snapshot, and what it named: the ground for saying that
//! nothing happened between two readings.
//!
//! Kept as notes of the snapshot. Silence is worth something only where the log was read whole, so a
//! log that names more than fits is not kept at all: the answer is then "unknown", never a guess.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// The vendor's clock and ours may differ by this much.
pub const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Note with the span of the log.
const SPAN_NOTE: &str = "heard.span";
/// Notes with what it named.
const NAMED_NOTE: &str = "heard.named.";
/// Bytes of one note, below the format's limit for a text.
const NOTE_BYTES_MAX: usize = 4000;
/// Notes that the names may take; a record has room for a few dozen in all.
const NOTES_MAX: usize = 24;

/// What the vendor's log said for a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// The log was read from here …
    pub since: Timestamp,
    /// … to here, whole.
    pub until: Timestamp,
    /// Addresses that events name, `KIND/REF` or `KIND/REF/*` for every child, and when that was last.
    pub named: BTreeMap<String, Timestamp>,
}

impl Heard {
    /// As notes of a snapshot; none where they would not hold everything.
    #[must_use]
    pub fn to_notes(&self) -> BTreeMap<String, String> {
        let mut parts = vec![String::new()];
        for (name, at) in &self.named {
            let line = format!("{} {name}\n", at.as_millisecond());
            let last = parts.last().map_or(0, String::len);
            if last > 0 && last + line.len() > NOTE_BYTES_MAX {
                parts.push(String::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push_str(&line);
            }
        }
        if parts.len() > NOTES_MAX || parts.iter().any(|part| part.len() > NOTE_BYTES_MAX + 1) {
            return BTreeMap::new();
        }
        let named = parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty());
        let mut notes: BTreeMap<String, String> =
            named.map(|(number, part)| (format!("{NAMED_NOTE}{number:02}"), part)).collect();
        notes.insert(SPAN_NOTE.into(), format!("{}/{}", self.since, self.until));
        notes
    }

    /// From the notes of a snapshot; `None` where the log was not read whole.
    #[must_use]
    pub fn from_notes(notes: &BTreeMap<String, String>) -> Option<Self> {
        let (since, until) = notes.get(SPAN_NOTE)?.split_once('/')?;
        let named = notes.iter().filter(|(name, _)| name.starts_with(NAMED_NOTE));
        let line = |line: &str| {
            let (at, name) = line.split_once(' ')?;
            Some((name.to_owned(), Timestamp::from_millisecond(at.parse().ok()?).ok()?))
        };
        Some(Self {
            since: since.parse().ok()?,
            until: until.parse().ok()?,
            named: named.flat_map(|(_, text)| text.lines().map(line)).collect::<Option<_>>()?,
        })
    }

    /// When events named this address, all children of something that it hangs on, or that itself:
    /// whoever deletes a thing and makes it anew leaves an event about the thing alone.
    pub fn names<'h>(&'h self, path: &'h str) -> impl Iterator<Item = Timestamp> + 'h {
        let ids = path.split_once('/').map(|(_, ids)| ids).unwrap_or_default();
        let above = move |named: &str| ids.strip_prefix(named).is_some_and(|rest| rest.starts_with('/'));
        let about = move |named: &str| {
            named == path
                || named.strip_suffix('*').is_some_and(|start| path.starts_with(start))
                || named.split_once('/').is_some_and(|(_, of)| above(of))
        };
        self.named.iter().filter(move |(named, _)| about(named)).map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(named: impl IntoIterator<Item = String>) -> Heard {
        let at = |second| Timestamp::from_second(second).unwrap();
        let named = named.into_iter().map(|name| (name, at(15))).collect();
        Heard { since: at(10), until: at(20), named }
    }

    #[test]
    fn notes_hold_all_or_nothing() {
        for count in [0, 1, 500] {
            let all = heard((0..count).map(|number| format!("user/{number:040}")));
            assert_eq!(Heard::from_notes(&all.to_notes()), Some(all));
        }
        let many = heard((0..5000).map(|number| format!("user/{number:040}")));
        assert_eq!(Heard::from_notes(&many.to_notes()), None, "what does not fit is not half kept");
        assert_eq!(Heard::from_notes(&BTreeMap::new()), None);
    }

    #[test]
    fn a_child_is_named_with_all_children() {
        let some = heard(["client/c1".to_owned(), "client_role/c1/*".to_owned(), "realm_role/*".to_owned()]);
        for (path, named) in [
            ("client/c1", true),
            ("client/c2", false),
            ("client_role/c1/r", true),
            ("authz_scope/c1/s", true),
            ("client_role/c10/r", false),
            ("realm_role/r", true),
        ] {
            assert_eq!(some.names(path).next().is_some(), named, "{path}");
        }
    }
}
