//! `docs/FORMAT.md` names every context that a hash, a key or a signature has.

use std::collections::BTreeSet;
use std::path::Path;

/// The contexts in the sources of a room, its tests left out.
fn contexts(room: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for part in code.split("Purpose::new(\"lastgood/1 ").skip(1) {
            found.extend(part.split('"').next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn the_page_names_every_context_and_no_other() {
    let page = include_str!("../../../docs/FORMAT.md");
    let table = page.split("| of | contexts |").nth(1).unwrap().split("\n\n").next().unwrap();
    let named: BTreeSet<String> = table
        .lines()
        .filter_map(|row| row.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned))
        .collect();
    assert_eq!(named, &contexts("crypto") | &contexts("format"));
}
