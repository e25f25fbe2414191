//! In which order kinds are read, and which of them others need.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::Kind;
use crate::catalog::{Condition, KindSpec, Provider, Read, Shape, Template};
use crate::json::{Pattern, Pointer};

/// What other kinds ask of a kind's bodies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// These members of the root.
    Members(BTreeSet<String>),
    /// Everything.
    Whole,
}

impl Need {
    fn member(&mut self, name: Option<&str>) {
        match (self, name) {
            (Self::Members(names), Some(name)) => {
                names.insert(name.to_owned());
            }
            (this, None) => *this = Self::Whole,
            (Self::Whole, _) => {}
        }
    }
}

/// The kinds that a read makes one pass each for: those of `each`, else the parents, unless the
/// rows, or the parents that have any, come in one list.
pub(crate) fn anchors<'a>(spec: &'a KindSpec, read: &'a Read) -> impl Iterator<Item = &'a Kind> {
    let kinds: &[Kind] = match () {
        () if !read.each.is_empty() => &read.each,
        () if read.parent_at.is_some() || read.below.is_some() => &[],
        () => &spec.parent,
    };
    kinds.iter().filter(move |kind| **kind != spec.kind)
}

/// Kinds in levels: what a kind needs to be read lies in an earlier level, and within a level the
/// order is the catalogue's. A cycle, which no embedded catalogue has, is cut at its first kind.
#[must_use]
pub fn order(catalog: &Provider) -> Vec<Vec<&KindSpec>> {
    let mut left: Vec<&KindSpec> = catalog.kinds.iter().collect();
    let mut done: BTreeSet<&Kind> = BTreeSet::new();
    let mut levels = Vec::new();
    while !left.is_empty() {
        let ready = |spec: &&KindSpec| before(catalog, spec).iter().all(|kind| done.contains(kind));
        let (mut level, mut rest): (Vec<_>, Vec<_>) = left.into_iter().partition(ready);
        if level.is_empty() {
            level.push(rest.remove(0));
        }
        done.extend(level.iter().map(|spec| &spec.kind));
        levels.push(level);
        left = rest;
    }
    levels
}

/// True if other kinds need this one's bodies: the caller of a sweep keeps them in `Known`.
#[must_use]
pub fn is_context(catalog: &Provider, kind: &Kind) -> bool {
    catalog.kinds.iter().any(|spec| asked_of(catalog, spec).iter().any(|(of, _)| of == kind))
        || audit_conditions(catalog).any(|condition| condition.of.as_ref() == Some(kind))
}

/// The kinds that a kind's reads go over one by one: those they make a pass each for, and those whose
/// bodies hold the values that stand in paths.
#[must_use]
pub fn guides(spec: &KindSpec) -> BTreeSet<Kind> {
    // Another way to the same is taken whole or not at all.
    let reads = || spec.read.iter().filter(|read| !read.is_fallback());
    let sources = reads().flat_map(|read| read.values_of.values()).map(|source| source.of.clone());
    reads().flat_map(|read| anchors(spec, read)).cloned().chain(sources).collect()
}

/// True if a kind can be read for some of its guides alone: each of its reads goes over one.
#[must_use]
pub fn is_divisible(spec: &KindSpec) -> bool {
    let guided = |read: &Read| anchors(spec, read).next().is_some() || !read.values_of.is_empty();
    !spec.read.is_empty() && spec.read.iter().all(|read| guided(read) && !read.flip && !read.inside)
}

/// True if a read is made, where of those that cost a request for each of many resources these kinds' are.
pub(crate) fn is_made(spec: &KindSpec, read: &Read, costly: &BTreeSet<Kind>) -> bool {
    !read.costly || costly.contains(&spec.kind)
}

/// The read for which a kind is left out.
pub(crate) fn left_out_for<'s>(spec: &'s KindSpec, costly: &BTreeSet<Kind>) -> Option<&'s Read> {
    spec.read.iter().find(|read| !is_made(spec, read, costly) && !read.is_fallback())
}

/// The kinds whose resources a read goes through: those it makes a pass for, those whose bodies hold values,
/// and the parents that its rows name.
fn over<'a>(spec: &'a KindSpec, read: &'a Read) -> impl Iterator<Item = &'a Kind> {
    let named: &[Kind] = if read.parent_at.is_some() { &spec.parent } else { &[] };
    anchors(spec, read).chain(read.values_of.values().map(|source| &source.of)).chain(named)
}

/// For each kind that others need: what of it. `costly`: of the kinds that cost a request for each of many
/// resources only these; none given: all.
pub(crate) fn needs(catalog: &Provider, costly: Option<&BTreeSet<Kind>>) -> BTreeMap<Kind, Need> {
    let mut out: BTreeMap<Kind, Need> = BTreeMap::new();
    let mut add = |kind: &Kind, member: Option<&str>| {
        out.entry(kind.clone()).or_insert_with(|| Need::Members(BTreeSet::new())).member(member);
    };
    let is_read = |spec: &&KindSpec| costly.is_none_or(|costly| left_out_for(spec, costly).is_none());
    for spec in catalog.kinds.iter().filter(is_read) {
        let reads =
            || spec.read.iter().filter(|read| costly.is_none_or(|costly| is_made(spec, read, costly)));
        let gone_over: BTreeSet<Kind> = reads().flat_map(|read| over(spec, read)).cloned().collect();
        for (kind, at) in asked_by(catalog, spec, reads()) {
            // Whoever only names what it hangs on can do so from its own key.
            let named = costly.is_some() && spec.parent.len() < 2 && !gone_over.contains(&kind);
            if !named || at.is_none() || at != catalog.kind(&kind).and_then(own_id) {
                add(&kind, at.as_deref());
            }
        }
    }
    for condition in audit_conditions(catalog) {
        if let Some(kind) = &condition.of {
            add(kind, condition.at.segments().next());
        }
    }
    out
}

fn audit_conditions(catalog: &Provider) -> impl Iterator<Item = &Condition> {
    catalog.audit.iter().flat_map(|audit| &audit.only)
}

/// The kinds that must be read before this one.
fn before(catalog: &Provider, spec: &KindSpec) -> BTreeSet<Kind> {
    let asked = asked_of(catalog, spec).into_iter().map(|(kind, _)| kind);
    let known = |kind: &Kind| *kind != spec.kind && catalog.kind(kind).is_some();
    asked.chain(spec.parent.iter().cloned()).filter(known).collect()
}

/// What reading this kind asks of the bodies of others: kind and member of its root, `None` for
/// the whole body.
fn asked_of(catalog: &Provider, spec: &KindSpec) -> Vec<(Kind, Option<String>)> {
    asked_by(catalog, spec, spec.read.iter())
}

/// The same of some of its reads.
fn asked_by<'s>(
    catalog: &Provider,
    spec: &'s KindSpec,
    reads: impl Iterator<Item = &'s Read>,
) -> Vec<(Kind, Option<String>)> {
    let mut out = Vec::new();
    for read in reads {
        for kind in anchors(spec, read) {
            out.push((kind.clone(), catalog.kind(kind).and_then(own_id)));
            let members: Vec<&Pattern> = if read.inside {
                read.items.iter().collect()
            } else if read.flip {
                spec.keep.iter().collect()
            } else {
                Vec::new()
            };
            out.extend(members.into_iter().map(|pattern| (kind.clone(), first_member(pattern))));
            let plain = read.only.iter().filter(|condition| condition.of.is_none());
            out.extend(plain.map(|condition| (kind.clone(), member(&condition.at))));
        }
        for condition in read.only.iter().chain(read.tree.iter().flat_map(|tree| &tree.only)) {
            out.extend(condition.of.iter().map(|kind| (kind.clone(), member(&condition.at))));
        }
        out.extend(read.values_of.values().map(|source| (source.of.clone(), first_member(&source.at))));
        let paths = read.path.iter().chain(&read.below).chain(read.join.values());
        let paths = paths.chain(read.tree.iter().map(|tree| &tree.path));
        out.extend(paths.flat_map(|path| filled_from(catalog, spec, path)));
    }
    out.extend(spec.get.iter().flat_map(|path| filled_from(catalog, spec, path)));
    out.retain(|(kind, _)| *kind != spec.kind && catalog.kind(kind).is_some());
    out
}

/// The kinds whose fields fill a path.
fn filled_from(catalog: &Provider, spec: &KindSpec, path: &Template) -> Vec<(Kind, Option<String>)> {
    let params =
        path.placeholders().filter_map(|name| spec.params.get(name).or_else(|| catalog.params.get(name)));
    params.flatten().map(|param| (param.of.clone(), member(&param.at))).collect()
}

/// The member that holds a kind's id; for a singleton any, as it has none.
pub(crate) fn own_id(spec: &KindSpec) -> Option<String> {
    match (&spec.id, spec.shape) {
        (Some(id), _) => member(id),
        (None, Shape::Singleton) => Some(String::new()),
        (None, _) => None,
    }
}

fn member(at: &Pointer) -> Option<String> {
    at.segments().next().map(str::to_owned)
}

/// The member in which a pattern starts; `None` where that may be any.
fn first_member(pattern: &Pattern) -> Option<String> {
    let text = pattern.to_string();
    let first = text.strip_prefix('/')?.split('/').next()?.to_owned();
    let first = Pattern::parse(&format!("/{first}")).ok()?.as_pointer()?;
    member(&first)
}
