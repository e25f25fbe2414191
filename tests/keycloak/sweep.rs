//! What a full sweep asks a server for, by the catalogue: the proofs of all vendors go by it.

use lastgood::catalog::{KindSpec, Template};

/// The paths that a full sweep must ask for; `get` is for looking at one resource.
pub(crate) fn sweep_paths(spec: &KindSpec) -> Vec<String> {
    let mut paths = Vec::new();
    for read in &spec.read {
        paths.extend(read.path.iter().chain(&read.below).map(Template::bare));
        paths.extend(read.tree.iter().map(|tree| tree.path.bare()));
        paths.extend(read.join.values().map(Template::bare));
        if read.detail || read.tree.as_ref().is_some_and(|tree| tree.to.is_some()) {
            paths.extend(spec.get.iter().map(Template::bare));
        }
    }
    paths
}
