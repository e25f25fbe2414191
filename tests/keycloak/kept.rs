//! What is proven of a catalogue, kept as data: `src/catalog/proof/PROVIDER.toml`. With `LASTGOOD_WRITE_DOCS=1` the
//! tests write it, otherwise they compare. `docs/CATALOG.md` is printed from it, see `tests/catalogues.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Keeps a part of what is proven of a provider, or compares it with what was kept.
pub(crate) fn keep(provider: &str, head: &str, part: &str, kinds: &BTreeSet<String>) {
    let file = format!("src/catalog/proof/{provider}.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut kept: BTreeMap<String, BTreeSet<String>> = toml::from_str(&text).unwrap();
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        kept.insert(part.into(), kinds.clone());
        let mut out = head.to_owned();
        for (part, kinds) in &kept {
            let lines: String = kinds.iter().map(|kind| format!("  \"{kind}\",\n")).collect();
            write!(out, "{part} = [\n{lines}]\n").unwrap();
        }
        return std::fs::write(&path, out).unwrap();
    }
    assert_eq!(
        kept.get(part),
        Some(kinds),
        "{file} is not what this run proved; write it with LASTGOOD_WRITE_DOCS=1"
    );
}
