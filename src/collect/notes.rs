//! Long lists as notes of a snapshot: a note holds so many bytes and no more.

use std::collections::BTreeMap;

/// Bytes of one note, below the format's limit for a text.
pub(crate) const BYTES_MAX: usize = 4000;

/// Lines as notes whose names begin with `prefix`, at least one; a line that fits into none is left out.
pub(crate) fn pack<'a>(prefix: &str, lines: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::new();
    let mut part = String::new();
    for line in lines.into_iter().filter(|line| line.len() < BYTES_MAX) {
        if part.len() + line.len() + 1 > BYTES_MAX {
            notes.insert(format!("{prefix}{:02}", notes.len()), std::mem::take(&mut part));
        }
        part.push_str(line);
        part.push('\n');
    }
    notes.insert(format!("{prefix}{:02}", notes.len()), part);
    notes
}

/// The lines that [`pack`] put into notes.
pub(crate) fn unpack<'n>(
    notes: &'n BTreeMap<String, String>,
    prefix: &'n str,
) -> impl Iterator<Item = &'n str> {
    notes.iter().filter(move |(name, _)| name.starts_with(prefix)).flat_map(|(_, text)| text.lines())
}
