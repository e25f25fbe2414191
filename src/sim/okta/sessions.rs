//! Sessions of people and of imports: state that no backup holds.

use crate::json::Value;
use crate::sim::handle::Ask;
use crate::sim::okta::{object, set, text};
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

fn absent(id: &str) -> Refusal {
    Refusal::absent(id, "AppSession")
}

fn named(ask: &Ask) -> String {
    ask.params.get("sessionId").cloned().unwrap_or_default()
}

fn links(world: &World, id: &str) -> Value {
    let base = format!("{}/api/v1/sessions/{id}", world.org.url);
    let hints = |methods: &[&str]| object([("allow", methods.iter().copied().collect())]);
    object([
        ("self", object([("href", base.as_str().into()), ("hints", hints(&["GET", "DELETE"]))])),
        (
            "refresh",
            object([("href", format!("{base}/lifecycle/refresh").into()), ("hints", hints(&["POST"]))]),
        ),
        (
            "user",
            object([
                ("name", "A person".into()),
                ("href", format!("{}/api/v1/users/me", world.org.url).into()),
                ("hints", hints(&["GET"])),
            ]),
        ),
    ])
}

/// A session for a session token. The simulator signs nobody in, so it takes any token but one
/// that says that it is invalid.
pub(super) fn made(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let sent = ask.request.body.clone().unwrap_or_default();
    let token = text(&sent, "/sessionToken");
    if token.is_empty() {
        return Err(Refusal::new(400, "E0000003", "The request body was not well-formed."));
    }
    if !world.knows_session_token(token) {
        return Err(Refusal::new(401, "E0000004", "Authentication failed"));
    }
    let (id, now) = (format!("102{}", world.random(22)), world.time());
    let body = object([
        ("id", id.as_str().into()),
        ("userId", world.org.me.as_str().into()),
        ("login", "person@example.com".into()),
        ("createdAt", now.clone()),
        ("expiresAt", now.clone()),
        ("status", "ACTIVE".into()),
        ("lastPasswordVerification", now),
        ("lastFactorVerification", Value::Null),
        ("amr", ["pwd"].into_iter().collect()),
        ("idp", object([("id", world.org.id.as_str().into()), ("type", "OKTA".into())])),
        ("mfaActive", true.into()),
        ("_links", links(world, &id)),
    ]);
    world.aside.insert(id, body.clone());
    Ok(Response::json(200, body))
}

/// A session, which a refresh shows as well.
pub(super) fn shown(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = named(ask);
    world.aside.get(&id).cloned().map(|body| Response::json(200, body)).ok_or_else(|| absent(&id))
}

/// The end of a session.
pub(super) fn closed(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = named(ask);
    world.aside.remove(&id).map(|_| Response::empty(204)).ok_or_else(|| absent(&id))
}

/// A session of an import from an identity source.
pub(super) fn import_made(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let source = ask.params.get("identitySourceId").cloned().unwrap_or_default();
    let (id, now) = (world.fresh("aps"), world.time());
    let body = object([
        ("id", id.as_str().into()),
        ("identitySourceId", source.into()),
        ("status", "CREATED".into()),
        ("importType", "INCREMENTAL".into()),
        ("created", now.clone()),
        ("lastUpdated", now),
    ]);
    world.aside.insert(id, body.clone());
    Ok(Response::json(201, body))
}

/// What the vendor keeps and no backup reads: shown as it was put there.
pub(super) fn kept(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let found = world.aside.get(&ask.request.path).cloned();
    let id = ask.request.path.rsplit('/').next().unwrap_or_default();
    found.map(|body| Response::json(200, body)).ok_or_else(|| Refusal::absent(id, "Resource"))
}

/// A session of an import.
pub(super) fn import_shown(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = named(ask);
    let found = world.aside.get(&id).cloned();
    found.map(|body| Response::json(200, body)).ok_or_else(|| Refusal::absent(&id, "ImportSession"))
}

/// Begins an import.
pub(super) fn import_started(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = named(ask);
    let body = world.aside.get_mut(&id).ok_or_else(|| Refusal::absent(&id, "ImportSession"))?;
    set(body, "/status", "TRIGGERED");
    Ok(Response::json(200, body.clone()))
}

/// A user or group of an identity source, known by the source's own id.
pub(super) fn import_put(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let mut body = ask.request.body.clone().unwrap_or_default();
    set(&mut body, "/id", world.fresh("0ua"));
    if ask.request.path.ends_with("/users") {
        set(&mut body, "/created", world.time());
        set(&mut body, "/lastUpdated", world.time());
    }
    for name in ["/externalId", "/id"] {
        world.aside.insert(format!("{}/{}", ask.request.path, text(&body, name)), body.clone());
    }
    Ok(Response::json(200, body))
}

/// Ends an import that has not begun, or begins it.
pub(super) fn import_closed(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = named(ask);
    let body = world.aside.get_mut(&id).ok_or_else(|| Refusal::absent(&id, "ImportSession"))?;
    if !matches!(text(body, "/status"), "CREATED" | "IN_PROGRESS") {
        let cause = "Only a session that is in CREATED or IN_PROGRESS status can be canceled.";
        return Err(Refusal::invalid("importSessionId", vec![cause.into()]));
    }
    set(body, "/status", "CLOSED");
    Ok(Response::empty(204))
}
