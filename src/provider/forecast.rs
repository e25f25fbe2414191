//! Which requests a sweep will make, from the catalogue and the counts of last time. Pure.
//!
//! How long they take is for [`Outlook`](crate::provider::Outlook) to say, which knows the windows.

use crate::base::key::Kind;
use crate::catalog::{KindSpec, Paging, Provider, Template};
use crate::http::Ahead;
use crate::provider::order::anchors;

/// Requests that a sweep of this kind needs, where there are `count` resources of each kind.
/// Conditions are taken to hold, so this is the upper end.
#[must_use]
pub fn forecast(catalog: &Provider, spec: &KindSpec, count: &dyn Fn(&Kind) -> u64) -> u64 {
    ahead(catalog, spec, count).iter().map(|group| group.requests).sum()
}

/// The same by the form of the path, as the vendor counts them.
#[must_use]
pub fn ahead(catalog: &Provider, spec: &KindSpec, count: &dyn Fn(&Kind) -> u64) -> Vec<Ahead> {
    let mut out = Vec::new();
    if !spec.is_asked_for() {
        return out;
    }
    let mut add = |path: Option<&Template>, requests: u64| {
        let path = path.map(Template::bare).unwrap_or_default();
        out.extend((requests > 0).then_some(Ahead { path, requests }));
    };
    let rows = count(&spec.kind);
    for read in spec.read.iter().filter(|read| !read.inside && !read.is_fallback()) {
        let mut passes: u64 = match anchors(spec, read).next() {
            None => 1,
            Some(_) => anchors(spec, read).map(count).sum(),
        };
        // Each value in a body is asked for, and at the most each body has one.
        passes *= read.values_of.values().map(|source| count(&source.of)).product::<u64>();
        passes *= read.values.values().map(|choices| choices.len() as u64).product::<u64>();
        let paging = read.paging.as_ref().and_then(|name| catalog.paging.get(name));
        add(read.path.as_ref(), passes + paging.and_then(size).map_or(0, |size| rows / size));
        if let Some(tree) = &read.tree {
            add(Some(&tree.path), rows);
            add(spec.get.as_ref(), if tree.to.is_some() { rows } else { 0 });
        }
        add(spec.get.as_ref(), if read.detail { rows } else { 0 });
        add(read.below.as_ref(), if read.below.is_some() { rows } else { 0 });
        read.join.values().for_each(|path| add(Some(path), rows));
    }
    out
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
