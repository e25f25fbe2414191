//! Who can administer a tenant, as far as its bodies say. Pure: no network, no disk, no clock.
//!
//! Power is a fact of the catalogue: an edge that matches a `privileged` rule for the resource
//! itself is a grant, and what it hangs on holds it. A grant to a group is a grant to its members.
//! Nothing here decides; [`restore`] and the policy rules ask.
//!
//! [`strength`] says whether a change makes what a resource guards weaker. [`blast`] says who gains and
//! who loses which application between two states; [`report`] is what it says.
//!
//! [`restore`]: ../restore/index.html

pub mod blast;
pub mod report;
pub mod source;
pub mod strength;
pub mod words;

mod book;
mod console;
mod crowd;
mod decide;
mod document;
mod expression;
mod filling;
mod outcome;
mod people;
mod reach;
mod verdict;

pub use blast::{Later, compare};
pub use report::Blast;
pub use source::Source;

use std::collections::BTreeSet;

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Privileged, Provider, Shape};
use crate::json::{Pattern, Value};

/// A resource that hands out power.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Grant {
    /// The edge that says so.
    pub by: ResourceKey,
    /// What it hangs on: a user, a group, a client.
    pub holder: ResourceKey,
}

/// The rules by which a kind's very existence hands out power.
pub fn rules(spec: &KindSpec) -> impl Iterator<Item = &Privileged> {
    spec.restore.privileged.iter().filter(|rule| is_root(&rule.at))
}

/// Whether a rule is about the resource itself and not about one of its fields.
#[must_use]
pub fn is_root(at: &Pattern) -> bool {
    at.as_pointer().is_some_and(|at| at.is_empty())
}

/// The kinds whose edges can be grants.
#[must_use]
pub fn granting_kinds(catalog: &Provider) -> BTreeSet<Kind> {
    let granting = |spec: &&KindSpec| spec.shape == Shape::Edge && rules(spec).next().is_some();
    catalog.kinds.iter().filter(granting).map(|spec| spec.kind.clone()).collect()
}

/// The grants among these resources.
#[must_use]
pub fn grants<'a>(
    catalog: &Provider,
    bodies: impl IntoIterator<Item = (&'a ResourceKey, &'a Value)>,
) -> Vec<Grant> {
    let mut found = Vec::new();
    for (key, body) in bodies {
        let Some(spec) = catalog.kind(&key.kind).filter(|spec| spec.shape == Shape::Edge) else { continue };
        // A condition on another body cannot be asked here; it is taken to hold, so that a grant is
        // rather seen once too often.
        let granted = rules(spec)
            .any(|rule| rule.only.iter().all(|condition| condition.of.is_some() || condition.holds(body)));
        let above = key.above().to_vec();
        if granted && !above.is_empty() {
            let holders = spec.parent.iter().map(|kind| ResourceKey::new(kind, above.clone()));
            found.extend(holders.map(|holder| Grant { by: key.clone(), holder }));
        }
    }
    found
}

/// Who holds power by these bodies: holders of grants, those who hold what holds it, and the members
/// of those that are groups.
#[must_use]
pub fn administrators<'a>(
    catalog: &Provider,
    bodies: impl IntoIterator<Item = (&'a ResourceKey, &'a Value)> + Clone,
) -> BTreeSet<ResourceKey> {
    let giving = granting_kinds(catalog);
    let given = |spec: &&KindSpec| giving.contains(&spec.kind);
    let principals: BTreeSet<&Kind> =
        catalog.kinds.iter().filter(given).flat_map(|spec| &spec.parent).collect();
    let mut holders: BTreeSet<ResourceKey> =
        grants(catalog, bodies.clone()).into_iter().map(|grant| grant.holder).collect();
    let edges: Vec<(&KindSpec, &ResourceKey)> = bodies
        .into_iter()
        .filter_map(|(key, _)| Some((catalog.kind(&key.kind).filter(|spec| spec.shape == Shape::Edge)?, key)))
        .filter(|(_, key)| key.ids.len() > 1)
        .collect();
    loop {
        // What an edge names is known by its own id alone; what it hangs on, by all of them.
        let ids: BTreeSet<&str> = holders.iter().map(ResourceKey::id).collect();
        let mut more = Vec::new();
        for (spec, key) in &edges {
            let above = key.above().to_vec();
            let near = spec.parent.iter().map(|kind| ResourceKey::new(kind, above.clone()));
            if giving.contains(&spec.kind) && ids.contains(key.id()) {
                more.extend(near.filter(|holder| !holders.contains(holder)));
            } else if near.clone().any(|holder| holders.contains(&holder)) {
                let far = spec.refs.iter().flat_map(|reference| &reference.to);
                let members = far.filter(|kind| principals.contains(kind) && !giving.contains(&spec.kind));
                let members = members.map(|kind| ResourceKey::new(kind, vec![key.id().to_owned()]));
                more.extend(members.filter(|member| !holders.contains(member)));
            }
        }
        if more.is_empty() {
            return holders;
        }
        holders.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    const CATALOG: &str = r#"
        format = 1
        provider = "test"
        title = "Test"
        source = "made for this test"
        rules = 1
        auth = { forms = ["token"] }
        identity = { path = "/", at = "/id" }

        [[kind]]
        kind = "user"
        what = "A user"
        id = "/id"
        read = [{ path = "/users" }]
        restore = { class = "never", reason = "a test" }

        [[kind]]
        kind = "group"
        what = "A group"
        id = "/id"
        read = [{ path = "/groups" }]
        restore = { class = "never", reason = "a test" }

        [[kind]]
        kind = "member"
        what = "A user in a group"
        shape = "edge"
        parent = ["group"]
        id = "/id"
        refs = [{ at = "/id", to = ["user"] }]
        params = { group = ["group:/id"] }
        read = [{ path = "/groups/{group}/members" }]
        restore = { class = "never", reason = "a test" }

        [[kind]]
        kind = "mapping"
        what = "A role of a user or group"
        shape = "edge"
        parent = ["user", "group"]
        id = "/id"
        params = { holder = ["user:/id", "group:/id"] }
        read = [{ path = "/holders/{holder}/mappings" }]
        [kind.restore]
        class = "never"
        reason = "a test"
        privileged = [{ only = [{ at = "/name", is = ["admin"] }], why = "makes an administrator" }]
    "#;

    fn key(path: &str) -> ResourceKey {
        ResourceKey::from_path(path).unwrap()
    }

    #[test]
    fn a_grant_to_a_group_reaches_its_members() {
        let catalog = crate::catalog::parse("test", CATALOG).unwrap();
        let value = |text: &str| parse(text.as_bytes(), &Limits::default()).unwrap();
        let bodies = [
            (key("mapping/g1/r"), value(r#"{"id":"r","name":"admin"}"#)),
            (key("mapping/u9/q"), value(r#"{"id":"q","name":"reader"}"#)),
            (key("member/g1/u1"), value(r#"{"id":"u1"}"#)),
            (key("member/g2/u2"), value(r#"{"id":"u2"}"#)),
        ];
        let found =
            administrators(&catalog, bodies.iter().map(|(key, body)| (key, body)).collect::<Vec<_>>());
        assert!(found.contains(&key("group/g1")) && found.contains(&key("user/u1")), "{found:?}");
        assert!(!found.contains(&key("user/u2")) && !found.contains(&key("user/u9")), "{found:?}");
    }
}
