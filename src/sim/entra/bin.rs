//! The recycle bin: what was deleted of the directory lies there for a while, and can be put back as it was.

use crate::json::Value;
use crate::sim::entra::{TYPES, links, object, set, text};
use crate::sim::fill::time_text;
use crate::sim::form::Stage;
use crate::sim::handle::{Ask, Work};
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// What lies in it, by the vendor's name of the type.
fn lying(world: &World, word: &str) -> Vec<Value> {
    let Some(kind) = world.kind("deleted_item") else { return Vec::new() };
    let named = format!("#microsoft.graph.{word}");
    let rows = world.rows(kind, &[], None).map(|(_, _, body)| body.into_owned());
    rows.filter(|body| text(body, "@odata.type") == named).collect()
}

/// Puts what is deleted into the bin. A security group or an application takes with it what hangs on it; the
/// principal of an application goes with it.
pub(super) fn binned(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let name = world.provider().kinds[ask.route.kind].kind.as_str();
    put_in(world, name, &work.id, &work.body);
    links::cut(world, &work.id);
    if let ("application", Some(kind)) = (name, world.kind("service_principal")) {
        let app_id = text(&work.body, "appId");
        let its = world.rows(kind, &[], None).find(|(_, _, body)| text(body, "appId") == app_id);
        if let Some((id, body)) = its.map(|(_, id, body)| (id.to_owned(), body.into_owned())) {
            put_in(world, "service_principal", &id, &body);
            links::cut(world, &id);
            world.remove(kind, &[], &id);
        }
    }
    Ok(())
}

fn put_in(world: &mut World, kind: &str, id: &str, body: &Value) {
    let word = TYPES.iter().find(|(known, _)| *known == kind).map(|(_, word)| *word);
    let (Some(bin), Some(word)) = (world.kind("deleted_item"), word) else { return };
    let mut body = body.clone();
    set(&mut body, "@odata.type", format!("#microsoft.graph.{word}"));
    set(&mut body, "deletedDateTime", time_text(world.now));
    world.put(bin, &[], id, body);
}

/// `GET /directory/deletedItems/graph.user`: those of one type.
pub(super) fn listed(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let word = ask.route.path.rsplit('.').next().unwrap_or_default();
    let mut body = object([("value", lying(world, word).into())]);
    super::odata::around(world, ask, &mut body);
    Ok(Response::json(200, body))
}

/// `POST /directory/deletedItems/{id}/restore`: with the id that it had, and without its links.
pub(super) fn restored(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = ask.params.get("directoryObject-id").cloned().unwrap_or_default();
    let absent = || Refusal::absent(&id, "DirectoryObject");
    let bin = world.kind("deleted_item").ok_or_else(absent)?;
    let mut body = world.remove(bin, &[], &id).ok_or_else(absent)?;
    let word = text(&body, "@odata.type").rsplit('.').next().unwrap_or_default().to_owned();
    let (name, _) = TYPES.iter().find(|(_, known)| *known == word).ok_or_else(absent)?;
    let kind = world.kind(name).ok_or_else(absent)?;
    if let Some(members) = body.as_object_mut() {
        members.remove("@odata.type");
        members.insert("deletedDateTime", Value::Null);
    }
    world.put(kind, &[], &id, body.clone());
    let work =
        Work { id, body: body.clone(), old: Value::Null, stage: Stage::Create, made: true, stays: false };
    let route = crate::sim::routes::Route { kind, ..ask.route.clone() };
    let of = Ask { request: ask.request, route, params: ask.params.clone(), parents: Vec::new(), own: None };
    crate::sim::log::note_verb(world, &of, &work, "restore");
    set(&mut body, "@odata.type", format!("#microsoft.graph.{word}"));
    Ok(Response::json(200, body))
}
