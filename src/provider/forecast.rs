//! How many requests a sweep will need, from the catalogue and the counts of last time. Pure.

use crate::base::key::Kind;
use crate::catalog::{KindSpec, Paging, Provider};
use crate::provider::order::anchors;

/// Requests that a sweep of this kind needs, where there are `count` resources of each kind.
/// Conditions are taken to hold, so this is the upper end.
#[must_use]
pub fn forecast(catalog: &Provider, spec: &KindSpec, count: &dyn Fn(&Kind) -> u64) -> u64 {
    if !spec.is_asked_for() {
        return 0;
    }
    let rows = count(&spec.kind);
    let mut requests = 0;
    for read in spec.read.iter().filter(|read| !read.inside && !read.is_fallback()) {
        let mut passes: u64 = match anchors(spec, read).next() {
            None => 1,
            Some(_) => anchors(spec, read).map(count).sum(),
        };
        // Each value in a body is asked for, and at the most each body has one.
        passes *= read.values_of.values().map(|source| count(&source.of)).product::<u64>();
        passes *= read.values.values().map(|choices| choices.len() as u64).product::<u64>();
        let paging = read.paging.as_ref().and_then(|name| catalog.paging.get(name));
        requests += passes + paging.and_then(size).map_or(0, |size| rows / size);
        let children = read.tree.as_ref().map_or(0, |tree| 1 + u64::from(tree.to.is_some()));
        let for_each_row =
            u64::from(read.detail) + read.join.len() as u64 + children + u64::from(read.below.is_some());
        requests += rows * for_each_row;
    }
    requests
}

fn size(paging: &Paging) -> Option<u64> {
    match paging {
        Paging::Whole { .. } => None,
        Paging::Offset { size, .. } | Paging::Page { size, .. } => Some(u64::from(*size)),
        Paging::Cursor { size, .. } | Paging::LinkHeader { size, .. } | Paging::BodyLink { size, .. } => {
            size.map(u64::from)
        }
    }
    .filter(|size| *size > 0)
}
