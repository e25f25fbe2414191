//! Okta Workflows, which has no API: a person's console, as calls of our own, and the helper flow that a customer
//! may install (`docs/WORKFLOWS.md`), behind a token for invoking flows.
//!
//! It lies on a host of its own. Flows are held as exports hold them; every deed in the console is in the
//! System Log, as the vendor's are.

use std::collections::BTreeMap;

use crate::json::{Object, Value};
use crate::sim::fill::time_text;
use crate::sim::log::note_event;
use crate::sim::okta::log::target;
use crate::sim::wire::{Refusal, Request, Response};
use crate::sim::world::World;

/// Below this lies everything of the host.
pub const ROOT: &str = "/api/flo/";
/// The helper flow, as an endpoint.
pub const INVOKE: &str = "/api/flo/00helper/invoke";
/// What a person does in the console: `PUT` saves a flow, `DELETE` takes it away.
const CONSOLE: &str = "/api/flo/console/";
/// The right to invoke a flow by its endpoint.
pub const SCOPE: &str = "okta.workflows.invoke.manage";

/// Flows of one answer.
const PAGE: usize = 2;

/// The flows of an organisation.
#[derive(Default)]
pub struct Workflows {
    /// Where the host is, without a path; empty where there is none.
    pub url: String,
    /// By id, as in an export.
    flows: BTreeMap<String, Value>,
}

impl Workflows {
    /// Whether a request came to this host and not to the organisation's. One that names no host did where its
    /// path is of this host.
    pub(super) fn is_asked(&self, request: &Request) -> bool {
        let Some((_, own)) = self.url.split_once("://") else { return false };
        let named = request.headers.get("host").map(String::as_str);
        named.map_or_else(|| request.path.starts_with(ROOT), |named| named == own)
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Object::from_pairs(members).into()
}

/// Answers a request to the host.
pub(super) fn handle(world: &mut World, request: &Request) -> Result<Response, Refusal> {
    if let Some(id) = request.path.strip_prefix(CONSOLE) {
        return console(world, request, id);
    }
    let now = world.now;
    let url = world.workflows.url.clone();
    let scopes = world.door.as_mut().ok_or_else(Refusal::unknown)?.admit(request, &url, now)?;
    if !scopes.contains(SCOPE) {
        return Err(Refusal::denied());
    }
    if request.path != INVOKE || request.method != "GET" {
        return Err(Refusal::new(404, "E0000007", "Not found: Resource not found"));
    }
    Ok(Response::json(200, listed(world, request.asked("after").unwrap_or_default())))
}

/// Exports of the flows whose ids come after this one.
fn listed(world: &World, after: &str) -> Value {
    let mut rest = world.workflows.flows.iter().filter(|(id, _)| id.as_str() > after);
    let page: Vec<(&String, &Value)> = rest.by_ref().take(PAGE).collect();
    let next = page.last().filter(|_| rest.next().is_some()).map(|(id, _)| Value::from(id.as_str()));
    let exports: Vec<Value> = page.iter().map(|(id, flow)| export(world, id, flow)).collect();
    object([("exports", exports.into()), ("next", next.unwrap_or(Value::Null))])
}

/// What the card `Export Flow` gives.
fn export(world: &World, id: &str, flow: &Value) -> Value {
    let folder = flow.get("data").and_then(|data| data.get("group")).and_then(Value::as_str).unwrap_or("f0");
    let group = object([
        ("id", folder.into()),
        (
            "data",
            object([
                ("name", format!("Folder {folder}").into()),
                ("description", "".into()),
                ("media_uri", "".into()),
                ("path", "".into()),
            ]),
        ),
    ]);
    let one = |id: &str, row: Value| object([(id, row)]);
    object([
        ("type", "flow".into()),
        ("version", "1.5.0".into()),
        ("created", time_text(world.now).into()),
        ("flags", object([])),
        (
            "data",
            object([
                ("flos", one(id, flow.clone())),
                ("groups", one(folder, group)),
                ("tables", object([])),
                ("configs", object([])),
            ]),
        ),
    ])
}

/// What a person does: whoever has the organisation's token.
fn console(world: &mut World, request: &Request, id: &str) -> Result<Response, Refusal> {
    super::handle::admitted(world, request)?;
    let absent = || Refusal::absent(id, "Flow");
    let (deed, flow) = match (request.method.as_str(), &request.body) {
        ("PUT", Some(body @ Value::Object(_))) => {
            let mut flow = body.clone();
            if let Some(members) = flow.as_object_mut() {
                members.insert("id", id);
            }
            let known = world.workflows.flows.insert(id.to_owned(), flow.clone()).is_some();
            (if known { "save" } else { "create" }, flow)
        }
        ("DELETE", _) => ("delete", world.workflows.flows.remove(id).ok_or_else(absent)?),
        _ => return Err(absent()),
    };
    let name = flow.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    note_event(world, format!("workflows.user.flow.{deed}"), vec![target("flow", id, &name)]);
    Ok(Response::json(200, flow))
}
