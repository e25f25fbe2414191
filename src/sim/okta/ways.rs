//! What Okta does its own way: tokens of two sorts, errors by number, cursors, the words of its log.

use std::collections::BTreeSet;

use crate::json::{Object, Value};
use crate::sim::door::TOKEN_PATH;
use crate::sim::fill::fresh_id;
use crate::sim::filter::Filter;
use crate::sim::okta::log;
use crate::sim::rate::Windows;
use crate::sim::ways::Ways;
use crate::sim::wire::{Refusal, Request, Response};
use crate::sim::world::World;

/// The query parameter that carries a cursor.
pub(super) const CURSOR: &str = "after";

/// Okta's ways.
pub(in crate::sim) static WAYS: Ways = Ways {
    token,
    admit,
    refused,
    filter,
    limit: "limit",
    cursor: CURSOR,
    show: |_, _, _| {},
    around: |_, _, _| {},
    made: 200,
    shows_changed: true,
    links: true,
    singletons: true,
    uuids: false,
    tells_windows: true,
    windows: Windows::of,
    targets: log::targets,
    event: log::event,
    settings: |_| Vec::new(),
    populate: crate::sim::population::organisation,
};

/// A token for a service app.
fn token(world: &mut World, request: &Request) -> Option<Response> {
    let door = world.door.as_mut().filter(|_| request.method == "POST" && request.path == TOKEN_PATH)?;
    Some(door.token(request, &world.org.url, world.now, &world.entropy))
}

fn admit(world: &mut World, request: &Request) -> Result<Option<BTreeSet<String>>, Refusal> {
    let brought = request.headers.get("authorization").map(String::as_str);
    // The vendor's own Python client sends the scheme and the token without a space between them.
    let brought = brought.and_then(|text| text.strip_prefix("SSWS")).map(str::trim_start);
    world.acting = brought.and_then(|token| world.people.get(token)).cloned();
    match &mut world.door {
        _ if world.acting.is_some() => Ok(None),
        _ if world.token.is_none() || brought.is_some() && brought == world.token.as_deref() => Ok(None),
        Some(door) => door.admit(request, &world.org.url, world.now).map(Some),
        None => Err(Refusal::unknown()),
    }
}

/// A refusal as an answer, with an id that the vendor's support would ask for.
fn refused(world: &World, refusal: Refusal) -> Response {
    let cause = |text: &String| Value::from(Object::from_pairs([("errorSummary", text.as_str().into())]));
    let body = Object::from_pairs([
        ("errorCode", Value::from(refusal.code.as_str())),
        ("errorSummary", refusal.summary.into()),
        ("errorLink", refusal.code.into()),
        ("errorId", fresh_id(&world.entropy, "oae").into()),
        ("errorCauses", refusal.causes.iter().map(cause).collect()),
    ]);
    Response::json(refusal.status, body.into())
}

/// What the query asks of a row.
fn filter(request: &Request) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for name in ["filter", "search"] {
        if let Some(text) = request.asked(name).filter(|text| !text.is_empty()) {
            filter.and(Filter::parse(text)?);
        }
    }
    Ok(filter)
}
