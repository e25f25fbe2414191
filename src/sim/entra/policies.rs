//! Conditional access: what a policy names must be there, and what a policy names cannot go.

use crate::json::Value;
use crate::sim::entra::{at, text};
use crate::sim::handle::{Ask, Work};
use crate::sim::wire::Refusal;
use crate::sim::world::World;

/// Where a policy names others: the list, their kind, and the words that name nobody.
const NAMES: [(&str, &str, &[&str]); 8] = [
    ("/conditions/users/includeUsers", "user", &["All", "None", "GuestsOrExternalUsers"]),
    ("/conditions/users/excludeUsers", "user", &["GuestsOrExternalUsers"]),
    ("/conditions/users/includeGroups", "group", &[]),
    ("/conditions/users/excludeGroups", "group", &[]),
    ("/conditions/users/includeRoles", "role_definition", &["All", "None"]),
    ("/conditions/users/excludeRoles", "role_definition", &[]),
    ("/conditions/locations/includeLocations", "named_location", &["All", "AllTrusted"]),
    ("/conditions/locations/excludeLocations", "named_location", &["AllTrusted"]),
];

fn refused(said: String) -> Refusal {
    Refusal::new(400, "BadRequest", said)
}

fn named<'v>(body: &'v Value, pointer: &str) -> impl Iterator<Item = &'v str> {
    let list = at(body, pointer).and_then(Value::as_array).unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

/// Refuses a policy that names what is not there, or nobody at all.
pub(super) fn checked(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    for (pointer, kind, words) in NAMES {
        let Some(kind) = world.kind(kind) else { continue };
        for id in named(&work.body, pointer).filter(|id| !words.contains(id)) {
            if !world.has(kind, &[], id) {
                return Err(refused(format!("{pointer} names {id}, which is not in this directory.")));
            }
        }
    }
    let users = NAMES.iter().filter(|(pointer, ..)| pointer.starts_with("/conditions/users/include"));
    let whom = at(&work.body, "/conditions/users/includeGuestsOrExternalUsers")
        .is_some_and(|found| !found.is_null())
        || at(&work.body, "/conditions/clientApplications").is_some_and(|found| !found.is_null());
    if !whom && users.into_iter().all(|(pointer, ..)| named(&work.body, pointer).next().is_none()) {
        return Err(refused("A policy says for whom it is.".into()));
    }
    Ok(())
}

/// A location that is trusted, or that a policy names, stays.
pub(super) fn location_held(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if work.body.get("isTrusted").and_then(Value::as_bool) == Some(true) {
        return Err(refused("A trusted location cannot be deleted: take the trust away first.".into()));
    }
    let Some(kind) = world.kind("conditional_access_policy") else { return Ok(()) };
    let lists = ["/conditions/locations/includeLocations", "/conditions/locations/excludeLocations"];
    let holder = world
        .rows(kind, &[], None)
        .find(|(_, _, body)| lists.iter().any(|pointer| named(body, pointer).any(|id| id == work.id)));
    match holder {
        Some((_, _, policy)) => {
            Err(refused(format!("The policy {} names it.", text(&policy, "displayName"))))
        }
        None => Ok(()),
    }
}
