//! What must be allowed by hand. What is never allowed: [`own`](crate::restore::own).

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{self, strength};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{Context, KindSpec, Provider, Shape};
use crate::json::Value;
use crate::restore::form::{Guard, Op, Step};
use crate::restore::left::left;
use crate::restore::own::Holding;
use crate::restore::sides::Seen;

/// Why a step hands out power; empty where it does not.
pub(crate) fn privileged(
    spec: &KindSpec,
    context: &Context<'_>,
    op: Op,
    before: Option<&Value>,
    after: &Value,
) -> Vec<String> {
    let after = (op != Op::Delete).then_some(after);
    let hits = spec
        .restore
        .privileged
        .iter()
        .filter(|rule| strength::grows_weaker(rule, before, after) && context.satisfies(&rule.only));
    let mut reasons: Vec<String> = Vec::new();
    for rule in hits {
        if !reasons.contains(&rule.why) {
            reasons.push(rule.why.clone());
        }
    }
    reasons
}

/// The kinds that say who can administer the tenant: those who can, what gives it to them, and who
/// belongs to whom it is given.
pub(crate) fn governing(catalog: &Provider) -> BTreeSet<Kind> {
    let giving = access::granting_kinds(catalog);
    let gives = catalog.kinds.iter().filter(|spec| giving.contains(&spec.kind));
    let holders: BTreeSet<Kind> = gives.flat_map(|spec| spec.parent.iter().cloned()).collect();
    let joins = catalog.kinds.iter().filter(|spec| {
        spec.shape == Shape::Edge
            && spec.parent.iter().any(|kind| holders.contains(kind))
            && spec.refs.iter().flat_map(|reference| &reference.to).any(|kind| holders.contains(kind))
    });
    let joins: BTreeSet<Kind> = joins.map(|spec| spec.kind.clone()).collect();
    giving.into_iter().chain(joins).chain(holders).collect()
}

/// Whether a change can take somebody's power away: something goes, or is switched off.
pub(crate) fn takes_power(catalog: &Provider, key: &ResourceKey, off: Option<&Value>) -> bool {
    let Some(spec) = catalog.kind(&key.kind) else { return false };
    let switched_off = off.is_some_and(|body| spec.restore.is_off(body));
    let everybody = spec.shape == Shape::Singleton && switched_off;
    everybody || ((off.is_none() || switched_off) && governing(catalog).contains(&key.kind))
}

/// Whether nobody might be left who can administer the tenant, Lastgood's own accounts not counted.
pub(crate) fn lockout(catalog: &Provider, seen: &Seen, own: &Holding, steps: &[Step]) -> Option<Guard> {
    let end = left(steps, seen);
    let shut = end.iter().find(|(key, body)| {
        let spec = catalog.kind(&key.kind);
        let alone = spec.is_some_and(|spec| spec.shape == Shape::Singleton && spec.parent.is_empty());
        alone && body.is_some() && takes_power(catalog, key, body.as_ref())
    });
    if let Some((key, _)) = shut {
        let why = format!("it switches `{}` off, and nobody can sign in then", key.kind);
        return Some(Guard::Lockout { why });
    }
    if !end.iter().any(|(key, body)| takes_power(catalog, key, body.as_ref())) {
        return None;
    }
    let mut all: BTreeMap<ResourceKey, Value> = catalog
        .kinds
        .iter()
        .flat_map(|spec| seen.of_kind(&spec.kind))
        .map(|(key, body)| (key.clone(), body.clone()))
        .collect();
    let before = people(catalog, own, &all);
    for (key, body) in end {
        match body {
            Some(body) => drop(all.insert(key, body)),
            None => drop(all.remove(&key)),
        }
    }
    let after = people(catalog, own, &all);
    (!before.is_empty() && after.is_empty()).then(|| Guard::Lockout {
        why: format!(
            "of the {} who can administer the tenant now, Lastgood's own accounts not counted, none can afterwards",
            before.len()
        ),
    })
}

/// Who can sign in and administer.
fn people(catalog: &Provider, own: &Holding, bodies: &BTreeMap<ResourceKey, Value>) -> BTreeSet<ResourceKey> {
    let named: BTreeSet<&Kind> = catalog.auth.own.iter().map(|identity| &identity.kind).collect();
    let can = |key: &ResourceKey| {
        let off = |body: &Value| catalog.kind(&key.kind).is_some_and(|spec| spec.restore.is_off(body));
        let person = named.is_empty() || named.contains(&key.kind);
        person && !own.is_own(key) && !bodies.get(key).is_none_or(off)
    };
    access::administrators(catalog, bodies.iter()).into_iter().filter(can).collect()
}
