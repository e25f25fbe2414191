//! Links between things of the directory, written through `$ref` and read as their far ends.

use crate::json::Value;
use crate::sim::entra::{directory_object, object, set, text};
use crate::sim::form::Stage;
use crate::sim::handle::{Ask, Work, sent};
use crate::sim::log;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// The kinds of links, by the last word of their path and the kind that they hang on.
const LINKS: [(&str, &str, &str); 7] = [
    ("user", "manager", "user_manager"),
    ("group", "members", "group_member"),
    ("group", "owners", "group_owner"),
    ("application", "owners", "application_owner"),
    ("service_principal", "owners", "service_principal_owner"),
    ("administrative_unit", "members", "administrative_unit_member"),
    ("device", "registeredOwners", "device_registered_owner"),
];

/// The kind of links of this word that hang on this kind.
fn kind_of(world: &World, near: usize, word: &str) -> Option<usize> {
    let near = world.provider().kinds[near].kind.as_str();
    let found = LINKS.iter().find(|(kind, name, _)| *kind == near && *name == word)?;
    world.kind(found.2)
}

fn refused(said: &str) -> Refusal {
    Refusal::new(400, "Request_BadRequest", said)
}

/// The id in which a link ends: `https://…/directoryObjects/{id}`.
fn end_of(link: &Value) -> Result<String, Refusal> {
    let found = link.as_str().and_then(|url| url.trim_end_matches('/').rsplit('/').next());
    found.map(str::to_owned).ok_or_else(|| refused("A link needs the URL of what it leads to."))
}

/// Puts in a link from one thing of the directory to another.
///
/// # Errors
/// What it leads to must be there; a link that is there is not made again; a rule alone fills a dynamic group.
pub(super) fn link(world: &mut World, near: (usize, &str), word: &str, far: &str) -> Result<(), Refusal> {
    let kind = kind_of(world, near.0, word).ok_or_else(|| refused("It has no such links."))?;
    let (_, name, _) = directory_object(world, far).ok_or_else(|| Refusal::absent(far, "DirectoryObject"))?;
    let body = world.copy(near.0, &[], near.1).unwrap_or_default();
    let dynamic = body.get("groupTypes").and_then(Value::as_array);
    if word == "members" && dynamic.is_some_and(|types| types.contains(&"DynamicMembership".into())) {
        return Err(refused("A rule fills this group: its members cannot be written."));
    }
    let parents = [near.1.to_owned()];
    if world.has(kind, &parents, far) {
        return Err(refused(
            "One or more added object references already exist for the following modified properties: they are there.",
        ));
    }
    let row = object([("@odata.type", format!("#microsoft.graph.{name}").into()), ("id", far.into())]);
    world.put(kind, &parents, far, row);
    Ok(())
}

/// `POST …/members/$ref`.
pub(super) fn linked(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let near = ask.own.clone().unwrap_or_default();
    let word = ask.route.path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    let far = end_of(sent(ask)?.get("@odata.id").unwrap_or(&Value::Null))?;
    link(world, (ask.route.kind, &near), &word, &far)?;
    let body = world.copy(ask.route.kind, &[], &near).unwrap_or_default();
    let work = Work { id: near, body, old: Value::Null, stage: Stage::Update, made: false, stays: false };
    log::note_verb(world, ask, &work, &format!("add_{word}"));
    Ok(Response::empty(204))
}

/// `GET …/manager`: the one that there is, as it is now.
///
/// # Errors
/// There is none.
pub(super) fn manager(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let near = ask.own.clone().unwrap_or_default();
    let absent = || Refusal::absent(&near, "Manager");
    let kind = world.kind("user_manager").ok_or_else(absent)?;
    let far = world.rows(kind, std::slice::from_ref(&near), None).next().map(|(_, id, _)| id.to_owned());
    let id = far.ok_or_else(absent)?;
    let mut work =
        Work { id, body: Value::Null, old: Value::Null, stage: Stage::Row, made: false, stays: false };
    far_end(world, ask, &mut work)?;
    Ok(Response::json(200, work.body))
}

/// `PUT …/manager/$ref`: in the place of the one before.
///
/// # Errors
/// It must be there.
pub(super) fn manager_set(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let near = ask.own.clone().unwrap_or_default();
    let far = end_of(sent(ask)?.get("@odata.id").unwrap_or(&Value::Null))?;
    let absent = || Refusal::absent(&far, "DirectoryObject");
    let kind = world.kind("user_manager").ok_or_else(absent)?;
    let (_, name, _) = directory_object(world, &far).ok_or_else(absent)?;
    let parents = [near];
    let old: Vec<String> = world.rows(kind, &parents, None).map(|(_, id, _)| id.to_owned()).collect();
    for id in old {
        world.remove(kind, &parents, &id);
    }
    let row =
        object([("@odata.type", format!("#microsoft.graph.{name}").into()), ("id", far.as_str().into())]);
    world.put(kind, &parents, &far, row);
    Ok(Response::empty(204))
}

/// Links that a body brings along: `members@odata.bind`.
///
/// # Errors
/// As for any link.
pub(super) fn brought(world: &mut World, near: (usize, &str), body: &mut Value) -> Result<(), Refusal> {
    for word in ["members", "owners"] {
        let member = format!("{word}@odata.bind");
        let bound = body.as_object_mut().and_then(|members| members.remove(&member));
        for url in bound.as_ref().and_then(Value::as_array).unwrap_or_default() {
            link(world, near, word, &end_of(url)?)?;
        }
    }
    Ok(())
}

/// A link shows what it leads to as it is now.
pub(super) fn far_end(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if let Some((kind, name, mut body)) = directory_object(world, &work.id) {
        set(&mut body, "@odata.type", format!("#microsoft.graph.{name}"));
        if let (Some(form), Some(members)) = (world.vendor.form(kind), body.as_object_mut()) {
            let unasked = &form.unasked;
            members.retain(|name, _| {
                unasked.is_empty() || name == "@odata.type" || unasked.iter().any(|kept| kept == name)
            });
        }
        work.body = body;
    }
    Ok(())
}

/// Takes out every link that leads to what is gone.
pub(super) fn cut(world: &mut World, far: &str) {
    for (_, _, name) in LINKS {
        let Some(kind) = world.kind(name) else { continue };
        let leading: Vec<Vec<String>> =
            world.all(kind).filter(|(_, id, _)| *id == far).map(|(above, _, _)| above.to_vec()).collect();
        for above in leading {
            world.remove(kind, &above, far);
        }
    }
}

/// The name of a thing, for people.
pub(super) fn shown_name(body: &Value) -> &str {
    text(body, "displayName")
}
