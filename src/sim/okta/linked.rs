//! Linked objects: a user names another as the primary of a relationship, and both ends can be asked.

use crate::json::Value;
use crate::sim::handle::Ask;
use crate::sim::okta::{at, link, object, own, text};
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

fn part(ask: &Ask, name: &str) -> String {
    ask.params.get(name).cloned().unwrap_or_default()
}

/// A definition that has this name at one of its ends, as the names of both: primary, associated.
fn definition(world: &World, name: &str) -> Result<(String, String), Refusal> {
    let ends =
        |body: &Value| (text(body, "/primary/name").to_owned(), text(body, "/associated/name").to_owned());
    let mut all =
        world.rows(world.number("linked_object_definition"), &[], None).map(|(_, _, body)| ends(&body));
    let found = all.find(|(primary, associated)| primary == name || associated == name);
    found.ok_or_else(|| Refusal::absent(name, "LinkedObjectDefinition"))
}

fn user_link(world: &World, user: &str) -> Value {
    object([("_links", object([("self", link(format!("{}/api/v1/users/{user}", world.org.url)))]))])
}

/// Names the primary of a user; the one before is replaced.
pub(super) fn named(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (name, primary) = (part(ask, "primaryRelationshipName"), part(ask, "primaryUserId"));
    definition(world, &name)?;
    let user = world.number("user");
    let primary = world.resolve(user, &[], &primary).ok_or_else(|| Refusal::absent(&primary, "User"))?;
    let body = user_link(world, &primary);
    world.put(world.number("user_linked_object"), &[own(ask)], &name, body);
    Ok(Response::empty(204))
}

/// The other ends: of the associated name, all who name this user; of the primary name, whom he names.
pub(super) fn shown(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let name = part(ask, "relationshipName");
    let (primary, associated) = definition(world, &name)?;
    let (kind, user) = (world.number("user_linked_object"), own(ask));
    if name == primary {
        let rows: Vec<Value> = world.copy(kind, &[user], &name).into_iter().collect();
        return Ok(Response::json(200, rows.into()));
    }
    debug_assert_eq!(name, associated);
    let end = format!("/{user}");
    let names_him = |id: &str, body: &Value| {
        id == primary
            && at(body, "/_links/self/href").and_then(Value::as_str).is_some_and(|url| url.ends_with(&end))
    };
    let who =
        world.all(kind).filter(|(_, id, body)| names_him(id, body)).filter_map(|(above, _, _)| above.first());
    let mut who: Vec<&String> = who.collect();
    who.sort();
    let rows: Vec<Value> = who.into_iter().map(|user| user_link(world, user)).collect();
    Ok(Response::json(200, rows.into()))
}

/// Takes the name away.
pub(super) fn taken(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (primary, _) = definition(world, &part(ask, "relationshipName"))?;
    world.remove(world.number("user_linked_object"), &[own(ask)], &primary);
    Ok(Response::empty(204))
}
