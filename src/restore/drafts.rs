//! What each resource within reach shall look like, with its references resolved.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::base::key::ResourceKey;
use crate::catalog::{KindSpec, Shape, secret_place, settle};
use crate::json::redact::{UNKNOWN, fingerprint};
use crate::json::{FieldChange, Pattern, Value};
use crate::restore::guard;
use crate::restore::links::{Found, Link, put};
use crate::restore::reach::{Case, Item, Reach};
use crate::restore::scope::Wish;
use crate::restore::steps::{Draft, Drafts, held};
use crate::restore::wish::{desired, same, without};
use crate::restore::{Marked, RestoreError, placeholder};

/// Drafts everything within reach; what more must be read is noted in the reach.
pub(crate) fn all<'a>(reach: &mut Reach<'a>) -> Result<Drafts<'a>, RestoreError> {
    let mut by_key = BTreeMap::new();
    let made_anew = |(key, item): (&ResourceKey, &Item)| {
        reach.catalog().kind(&key.kind).is_some_and(|spec| item.gets_new_id(spec))
    };
    // Only then can a reference be wrong in a body that is otherwise as it was.
    let ids_change = reach.elsewhere || !reach.moved.is_empty() || reach.items.iter().any(made_anew);
    for (key, mut item) in reach.items.clone() {
        let spec = reach.atlas.spec(&key.kind)?;
        let another = reach.elsewhere || item.live_key != key;
        if let (true, Some(goal), Some(live)) = (another, &item.goal, &mut item.live) {
            recognise(reach, spec, [&key, &item.live_key], goal, live)?;
        }
        let (mut body, conflicts) = desired(&item, &reach.decisions);
        let live = item.live.as_ref().map(placeholder::escape);
        if let Some(live) = live.as_ref().filter(|_| another && spec.shape != Shape::Edge) {
            let named_there = spec.shape == Shape::Singleton || reach.appointed(spec, &key)?.is_some();
            keep_identity(spec, live, &mut body, named_there);
        }
        if item.case == Case::Create
            && item.gets_new_id(spec)
            && let Some(at) = spec.id.as_ref().filter(|at| at.get(&body).is_some())
            && !spec.is_made_of_references(at)
        {
            // The place was found a moment ago.
            let _ = at.set(&mut body, placeholder::id(&key));
        }
        let same = |body: &Value| live.as_ref().is_some_and(|live| same(spec, live, body));
        let mut links = Vec::new();
        if item.case != Case::Delete && (ids_change || !same(&body)) {
            links = reach.links(spec, &body, live.as_ref())?;
            links.iter().for_each(|found| put(&mut body, found));
            name_far_end(reach, spec, &links, &mut body);
            if let Wish::Revert(changes) = &item.wish {
                changes.iter().for_each(|change| once(spec, &mut body, change, live.as_ref()));
            }
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
    let held = held(reach, &mut by_key)?;
    Ok(Drafts { by_key, held, privileged: RefCell::default() })
}

/// An element that was put back, and is there already under what its references mean now, is not put there twice.
/// What the server sets in it by itself tells no element from another.
fn once(spec: &KindSpec, body: &mut Value, change: &FieldChange, live: Option<&Value>) {
    let Some(list) = change.pointer.parent() else { return };
    let bare = |body: &Value| {
        let bare = without(body, &spec.beyond_calls());
        list.get(&bare).and_then(Value::as_array).map(<[Value]>::to_vec).unwrap_or_default()
    };
    let (plain, held) = (bare(body), live.map(bare).unwrap_or_default());
    let Some(Value::Array(items)) = list.get_mut(body) else { return };
    if plain.len() != items.len() {
        return;
    }
    let count = |among: &[&Value], item: &Value| among.iter().filter(|other| **other == item).count();
    let held: Vec<&Value> = held.iter().collect();
    let mut kept: Vec<&Value> = Vec::new();
    let mut places = plain.iter().map(|item| {
        let times = count(&kept, item);
        let stays = times == 0 || times < count(&held, item);
        kept.extend(stays.then_some(item));
        stays
    });
    items.retain(|_| places.next().unwrap_or(true));
}

/// What an edge keeps of its far end's name is that of the far end that it leads to now.
fn name_far_end(reach: &Reach<'_>, spec: &KindSpec, links: &[Found], body: &mut Value) {
    let far = links.iter().find_map(|found| match &found.link {
        Link::Rewritten { rests_on, .. } if Some(&found.at) == spec.id.as_ref() => reach.seen.body(rests_on),
        _ => None,
    });
    let Some(far) = far.filter(|_| spec.shape == Shape::Edge) else { return };
    for at in &spec.name {
        if let Some(name) = at.get(far).filter(|_| at.get(body).is_some()) {
            // The field is there.
            let _ = at.set(body, name.clone());
        }
    }
}

/// Puts the recorded marks into a body of the tenant where they stand for the same secrets, so that a secret
/// that is as recorded is no difference.
pub(crate) fn recognise(
    reach: &Reach<'_>,
    spec: &KindSpec,
    [key, at]: [&ResourceKey; 2],
    goal: &Value,
    live: &mut Value,
) -> Result<(), RestoreError> {
    let everywhere = Pattern::parse("/**/*").expect("a constant pattern");
    for (pointer, was) in everywhere.find(goal) {
        let known = |value| fingerprint(value).filter(|mark| *mark != UNKNOWN);
        let (Some(mark), Some(now)) = (known(was), pointer.get(live).and_then(known)) else { continue };
        let secret = Marked { key, mark, place: &secret_place(spec, &pointer) };
        if reach.atlas.recorded.mark_at(&secret, at)?.as_deref() == Some(now) {
            // The place was read a moment ago.
            let _ = pointer.set(live, was.clone());
        }
    }
    Ok(())
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
        if catalog.kind(&kind).is_some_and(KindSpec::is_asked_for) && !reach.seen.is_whole(&kind, &[]) {
            reach.wants.lists.insert((kind, Vec::new()));
        }
    }
}

/// The counterpart keeps the id that it has, in each field that is a part of it, and its name where it was not
/// found by that.
fn keep_identity(spec: &KindSpec, live: &Value, body: &mut Value, named_there: bool) {
    let name = spec.name.iter().filter(|_| named_there);
    for at in spec.id.iter().chain(&spec.also_id).chain(name) {
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
