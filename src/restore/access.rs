//! Who gains and who loses access by a plan, and whether anybody is left who can get into the vendor's
//! console.
//!
//! That takes the whole tenant, of which a plan reads only what it touches. So the newest snapshot
//! stands for the rest, with everything laid over it that was read for the plan; the plan says which
//! snapshot that was.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::source::EachBody;
use crate::access::{Blast, Later, Source, compare};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::Provider;
use crate::json::Value;
use crate::restore::form::{Guard, Plan};
use crate::restore::left::left;
use crate::restore::sides::{Recorded, Seen, gap_of};
use crate::restore::{RestoreError, Stored};

/// What a plan does to who gets into what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessChange {
    /// The snapshot that stands for what was not read for the plan.
    pub newest: String,
    /// Who gains and who loses what.
    pub blast: Blast,
}

/// A recorded state with some resources laid over it: `None` is one that is not there.
struct Overlaid<'a> {
    base: &'a dyn Recorded,
    seen: Option<&'a Seen>,
    over: BTreeMap<ResourceKey, Option<Value>>,
}

impl Overlaid<'_> {
    /// What lies over a resource of the base; `None` where nothing does.
    fn above(&self, key: &ResourceKey) -> Option<Option<&Value>> {
        let over = self.over.get(key).map(Option::as_ref);
        over.or_else(|| self.seen.and_then(|seen| seen.says(key)))
    }

    /// Whether anything at all lies over this kind.
    fn is_covered(&self, kind: &Kind) -> bool {
        let first = ResourceKey { kind: kind.clone(), ids: Vec::new() };
        let over = self.over.range(&first..).next().is_some_and(|(key, _)| key.kind == *kind);
        over || self.seen.is_some_and(|seen| seen.knows(kind))
    }

    /// What lies over a kind and is there.
    fn laid<'s>(&'s self, kind: &Kind) -> BTreeMap<&'s ResourceKey, &'s Value> {
        let mut laid: BTreeMap<&ResourceKey, &Value> =
            self.seen.into_iter().flat_map(|seen| seen.of_kind(kind)).collect();
        let first = ResourceKey { kind: kind.clone(), ids: Vec::new() };
        for (key, body) in self.over.range(&first..).take_while(|(key, _)| key.kind == *kind) {
            match body {
                Some(body) => drop(laid.insert(key, body)),
                None => drop(laid.remove(key)),
            }
        }
        laid
    }
}

impl Source for Overlaid<'_> {
    type Error = RestoreError;

    fn keys(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        let covered = self.is_covered(kind);
        self.base.each_key(kind, &mut |key| {
            if !covered || self.above(key).is_none() {
                each(key);
            }
        });
        if covered {
            self.laid(kind).into_keys().for_each(each);
        }
    }

    fn bodies(&self, kind: &Kind, each: &mut EachBody<'_>) -> Result<(), Self::Error> {
        let covered = self.is_covered(kind);
        self.base.each_body(kind, &mut |key, body| {
            if !covered || self.above(key).is_none() {
                each(key, body);
            }
        })?;
        if covered {
            self.laid(kind).into_iter().for_each(|(key, body)| each(key, body));
        }
        Ok(())
    }

    fn some(&self, keys: &[ResourceKey], each: &mut EachBody<'_>) -> Result<(), Self::Error> {
        let mut rest = Vec::new();
        for key in keys {
            match self.above(key) {
                Some(Some(body)) => each(key, body),
                Some(None) => {}
                None => rest.push(key.clone()),
            }
        }
        self.base.some_bodies(&rest, each)
    }

    fn gap(&self, kind: &Kind) -> Option<String> {
        gap_of(self.base.ledger(), kind)
    }
}

/// Puts into a plan what it does to who gets into what, and what must be allowed because of that.
/// `newest` is the newest recorded state of the tenant that the plan is for, `seen` what was read of it.
///
/// # Errors
/// A recorded body could not be read.
pub fn weigh(
    mut plan: Plan,
    catalog: &Provider,
    (id, newest): (&str, &dyn Recorded),
    seen: &Seen,
) -> Result<Plan, RestoreError> {
    let Some(facts) = &catalog.access else { return Ok(plan) };
    let kinds: BTreeSet<&Kind> = facts.kinds().into_iter().collect();
    if !plan.steps.iter().any(|step| kinds.contains(&step.key.kind)) {
        return Ok(plan);
    }
    let before = Overlaid { base: newest, seen: Some(seen), over: BTreeMap::new() };
    let after = Overlaid { base: newest, seen: Some(seen), over: left(&plan.steps, seen) };
    let touched: BTreeSet<ResourceKey> = after.over.keys().cloned().collect();
    let Some(blast) = compare(catalog, &before, &after, Later::Planned, &touched)? else { return Ok(plan) };
    let known = plan.guards.iter().any(|guard| matches!(guard, Guard::Lockout { .. }));
    if let (Some(why), false) = (blast.console.as_ref().and_then(|console| console.lockout()), known) {
        plan.guards.push(Guard::Lockout { why });
    }
    plan.access = Some(AccessChange { newest: id.to_owned(), blast });
    plan.id = plan.content_id();
    Ok(plan)
}

/// Who gains and who loses what between two snapshots; `None` where the catalogue does not say how
/// access works.
///
/// # Errors
/// A recorded body could not be read.
pub fn between(
    catalog: &Provider,
    from: &Stored<'_>,
    to: &Stored<'_>,
) -> Result<Option<Blast>, RestoreError> {
    let Some(facts) = &catalog.access else { return Ok(None) };
    let touched = from.differing(to, &facts.app.people);
    let side = |base| Overlaid { base, seen: None, over: BTreeMap::new() };
    compare(catalog, &side(from), &side(to), Later::Recorded, &touched)
}

/// The same between a snapshot and the tenant as far as it was just read: the snapshot stands for the rest.
///
/// # Errors
/// A recorded body could not be read.
pub fn since(catalog: &Provider, from: &Stored<'_>, now: &Seen) -> Result<Option<Blast>, RestoreError> {
    let Some(facts) = &catalog.access else { return Ok(None) };
    let mut touched = BTreeSet::new();
    if now.knows(&facts.app.people) {
        from.each_key(&facts.app.people, &mut |key| touched.extend([key.clone()]));
        touched.extend(now.of_kind(&facts.app.people).map(|(key, _)| key.clone()));
    }
    let before = Overlaid { base: from, seen: None, over: BTreeMap::new() };
    let after = Overlaid { base: from, seen: Some(now), over: BTreeMap::new() };
    compare(catalog, &before, &after, Later::Recorded, &touched)
}
