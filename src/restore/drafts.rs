//! What each resource within reach shall look like, with its references resolved.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::base::key::ResourceKey;
use crate::catalog::{KindSpec, Shape, settle};
use crate::json::Value;
use crate::restore::RestoreError;
use crate::restore::guard;
use crate::restore::links::put;
use crate::restore::reach::{Case, Item, Reach};
use crate::restore::steps::{Draft, Drafts};
use crate::restore::wish::{desired, differences, without};

/// Drafts everything within reach; what more must be read is noted in the reach.
pub(crate) fn all<'a>(reach: &mut Reach<'a>) -> Result<Drafts<'a>, RestoreError> {
    let mut by_key = BTreeMap::new();
    let made_anew = |(key, item): (&ResourceKey, &Item)| {
        reach.catalog().kind(&key.kind).is_some_and(|spec| item.gets_new_id(spec))
    };
    // Only then can a reference be wrong in a body that is otherwise as it was.
    let ids_change = !reach.moved.is_empty() || reach.items.iter().any(made_anew);
    for (key, item) in reach.items.clone() {
        let spec = reach.atlas.spec(&key.kind)?;
        let (mut body, conflicts) = desired(&item);
        let live = item.live.as_ref().map(crate::restore::placeholder::escape);
        if let Some(live) = live.as_ref().filter(|_| item.live_key != key && spec.shape == Shape::Object) {
            keep_id(spec, live, &mut body);
        }
        let same = |body: &Value| {
            let same = |live: &Value| {
                differences(spec, &without(live, &spec.assigned), &without(body, &spec.assigned)).is_empty()
            };
            live.as_ref().is_some_and(same)
        };
        let mut links = Vec::new();
        if item.case != Case::Delete && (ids_change || !same(&body)) {
            links = reach.links(spec, &body, live.as_ref())?;
            links.iter().for_each(|found| put(&mut body, found));
            // Another id can have another place in its set. What is taken out again later is found by its
            // place, so such a body keeps its order.
            if links.iter().all(|found| !found.second_pass) {
                settle(spec, &mut body);
            }
        }
        if item.case == Case::Delete || !same(&body) {
            want_surroundings(reach, &key)?;
        }
        by_key.insert(key.clone(), Draft { key, spec, item, live, desired: body, links, conflicts });
    }
    want_governing(reach, &by_key);
    Ok(Drafts { by_key, privileged: RefCell::default() })
}

/// Who is left to administer the tenant can be said only of those who were read.
fn want_governing(reach: &mut Reach<'_>, drafts: &BTreeMap<ResourceKey, Draft<'_>>) {
    let catalog = reach.catalog();
    let taking = drafts.values().any(|draft| match draft.item.case {
        Case::Delete => guard::takes_power(catalog, &draft.key, None),
        Case::Update if draft.live.as_ref() != Some(&draft.desired) => {
            guard::takes_power(catalog, &draft.key, Some(&draft.desired))
        }
        _ => false,
    });
    for kind in guard::governing(catalog).into_iter().filter(|_| taking) {
        let unread =
            catalog.kind(&kind).is_none_or(|spec| spec.carried_by.is_some() || spec.unread.is_some());
        if !unread && !reach.seen.is_whole(&kind, &[]) {
            reach.wants.lists.insert((kind, Vec::new()));
        }
    }
}

/// The counterpart keeps the id that it has, in each field that is a part of it.
fn keep_id(spec: &KindSpec, live: &Value, body: &mut Value) {
    for at in spec.id.iter().chain(&spec.also_id) {
        if let Some(own) = at.get(live).filter(|_| at.get(body).is_some()) {
            // The field is there in both.
            let _ = at.set(body, own.clone());
        }
    }
}

/// The bodies that paths and conditions of a resource's calls are asked of.
fn want_surroundings(reach: &mut Reach<'_>, key: &ResourceKey) -> Result<(), RestoreError> {
    let mut at = key.clone();
    while let Some(parent) = reach.atlas.parent(&at) {
        // Noted as wanted where it was not read.
        reach.look(&parent)?;
        at = parent;
    }
    reach.want_parents(key);
    let spec = reach.atlas.spec(&key.kind)?;
    let writes = spec.create.iter().chain(&spec.update).chain(&spec.delete);
    let asked: Vec<_> =
        writes.flat_map(|write| &write.only).filter_map(|condition| condition.of.clone()).collect();
    for kind in asked {
        let lone = reach
            .catalog()
            .kind(&kind)
            .is_some_and(|spec| spec.shape == Shape::Singleton && spec.parent.is_empty());
        if lone {
            reach.look(&ResourceKey::new(&kind, vec![crate::base::key::SINGLETON.to_owned()]))?;
        }
    }
    Ok(())
}
