//! Users: the status machine, passwords, links by status, groups of one.

use crate::json::{Object, Value};
use crate::sim::fill::merge;
use crate::sim::form::Stage;
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{at, link, object, own, set, show, text};
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// Which links a user of each status shows, beside those to itself, its schema and its type.
const LINKS: [(&str, &[&str]); 6] = [
    ("STAGED", &["activate"]),
    ("PROVISIONED", &["suspend", "reset_password", "reactivate", "deactivate"]),
    ("ACTIVE", ACTIVE),
    ("PASSWORD_EXPIRED", ACTIVE),
    ("RECOVERY", ACTIVE),
    ("SUSPENDED", &["unsuspend", "deactivate"]),
];

const ACTIVE: &[&str] = &[
    "suspend",
    "reset_password",
    "forgot_password",
    "expire_password",
    "change_recovery_question",
    "change_password",
    "deactivate",
];

/// Status and password of a new user.
pub(super) fn born(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let active = ask.request.asked("activate") != Some("false");
    let sent = ask.request.body.clone().unwrap_or_default();
    let password = has_password(&sent);
    let status = match (active, password) {
        (false, _) => "STAGED",
        (true, true) => "ACTIVE",
        (true, false) => "PROVISIONED",
    };
    let now = world.time();
    let or_null = |yes: bool| if yes { now.clone() } else { Value::Null };
    set(&mut work.body, "/status", status);
    set(&mut work.body, "/activated", or_null(active));
    set(
        &mut work.body,
        "/statusChanged",
        or_null(active || password && !world.trait_is("statusChanged", "null")),
    );
    set(&mut work.body, "/passwordChanged", or_null(password));
    tidy(world, &mut work.body, password);
    if let Some(kind) = world.vendor.kind(&crate::base::key::Kind::new("user_type")) {
        let default = world.resolve(kind, &[], "default").unwrap_or_default();
        if at(&work.body, "/type/id").is_none() && !world.trait_is("userType", "absent") {
            set(&mut work.body, "/type", object([("id", default.into())]));
        }
    }
    if !world.trait_is("userRealm", "absent") {
        let realm = world.number("realm");
        let found = world
            .rows(realm, &[], None)
            .find(|(_, _, body)| body.get("isDefault").and_then(Value::as_bool) == Some(true))
            .map_or_else(String::new, |(_, id, _)| id.to_owned());
        if at(&work.body, "/realmId").is_none() {
            set(&mut work.body, "/realmId", found);
        }
    }
    Ok(())
}

/// A password, however it comes.
fn has_password(sent: &Value) -> bool {
    let password = at(sent, "/credentials/password").and_then(Value::as_object);
    password.is_some_and(|password| !password.is_empty())
}

/// Profile fields without a value are not kept, but for two; a password shows as an empty object.
fn tidy(world: &World, body: &mut Value, password: bool) {
    if let Some(profile) = body.get_mut("profile").and_then(Value::as_object_mut) {
        profile.retain(|name, value| !value.is_null() || matches!(name, "mobilePhone" | "secondEmail"));
    }
    let login = text(body, "/profile/email").to_owned();
    let Some(credentials) = body.get_mut("credentials").and_then(Value::as_object_mut) else { return };
    credentials.remove("password");
    if password {
        credentials.insert("password", Object::new());
        if !world.trait_is("credentialEmails", "absent") {
            let email =
                object([("value", login.into()), ("status", "VERIFIED".into()), ("type", "PRIMARY".into())]);
            credentials.insert("emails", vec![email]);
        }
    }
}

/// A replacement keeps what it cannot change.
pub(super) fn changed(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let sent = ask.request.body.clone().unwrap_or_default();
    let had = at(&work.old, "/credentials/password").is_some();
    let gives = has_password(&sent);
    for member in ["type", "realmId"] {
        if let (None, Some(value)) = (work.body.get(member), work.old.get(member)) {
            set(&mut work.body, &format!("/{member}"), value.clone());
        }
    }
    let now = world.time();
    set(&mut work.body, "/lastUpdated", now.clone());
    for name in ["mobilePhone", "secondEmail"] {
        let pointer = format!("/profile/{name}");
        if at(&work.body, &pointer).is_none() {
            set(&mut work.body, &pointer, Value::Null);
        }
    }
    if gives {
        set(&mut work.body, "/passwordChanged", now.clone());
        set(&mut work.body, "/statusChanged", now);
    }
    if at(&work.body, "/credentials").is_none() {
        set(&mut work.body, "/credentials", Object::new());
    }
    let provider = object([("type", "OKTA".into()), ("name", "OKTA".into())]);
    if at(&work.body, "/credentials/provider").is_none() {
        set(&mut work.body, "/credentials/provider", provider);
    }
    tidy(world, &mut work.body, had || gives);
    Ok(())
}

/// A call that changes the status.
pub(super) fn switched(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let password = at(&work.old, "/credentials/password").is_some();
    let verb = ask.route.path.rsplit('/').next().unwrap_or_default();
    let status = match verb {
        "activate" | "reactivate" if password => "ACTIVE",
        "activate" | "reactivate" => "PROVISIONED",
        "deactivate" => "DEPROVISIONED",
        "suspend" => "SUSPENDED",
        "unsuspend" | "unlock" => "ACTIVE",
        "reset_password" => "RECOVERY",
        "expire_password" | "expire_password_with_temp_password" => "PASSWORD_EXPIRED",
        _ => return Ok(()),
    };
    let now = world.time();
    set(&mut work.body, "/status", status);
    if verb == "activate" {
        set(&mut work.body, "/activated", now.clone());
    }
    set(&mut work.body, "/statusChanged", now.clone());
    set(&mut work.body, "/lastUpdated", now);
    Ok(())
}

/// The first DELETE deactivates, the second removes.
pub(super) fn deleted(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if text(&work.body, "/status") == "DEPROVISIONED" {
        let links = ["group_membership", "group_owner", "app_user_assignment", "idp_user_link"]
            .map(|kind| world.kind(kind));
        unlink(world, links, &work.id);
        named_no_more(world, &work.id);
        return Ok(());
    }
    let now = world.time();
    set(&mut work.body, "/status", "DEPROVISIONED");
    set(&mut work.body, "/statusChanged", now.clone());
    set(&mut work.body, "/lastUpdated", now);
    world.put(ask.route.kind, &ask.parents, &work.id, work.body.clone());
    work.stays = true;
    Ok(())
}

/// Nobody appoints, or is appointed by, who is gone, and nobody's linked object is him.
fn named_no_more(world: &mut World, id: &str) {
    let places = [
        (world.number("delegate_appointment"), "/delegator/externalId"),
        (world.number("delegate_appointment"), "/delegate/externalId"),
        (world.number("user_linked_object"), "/_links/self/href"),
        (world.number("api_token"), "/userId"),
        (world.number("collection_assignment"), "/principal/externalId"),
        (world.number("entitlement_grant"), "/targetPrincipal/externalId"),
    ];
    for (kind, pointer) in places {
        let names = |body: &Value| text(body, pointer).rsplit('/').next() == Some(id);
        let gone: Vec<(Vec<String>, String)> = world
            .all(kind)
            .filter(|(_, _, body)| names(body))
            .map(|(above, own, _)| (above.to_vec(), own.to_owned()))
            .collect();
        gone.into_iter().for_each(|(above, own)| drop(world.remove(kind, &above, &own)));
    }
}

/// Takes away what links to something that is gone.
fn unlink<const N: usize>(world: &mut World, kinds: [Option<usize>; N], far: &str) {
    for kind in kinds.into_iter().flatten() {
        let above: Vec<Vec<String>> =
            world.all(kind).filter(|(_, id, _)| *id == far).map(|(parents, _, _)| parents.to_vec()).collect();
        for parents in above {
            world.remove(kind, &parents, far);
        }
    }
}

/// A group takes along what it was assigned to and what it was a target of.
pub(super) fn group_gone(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let links = [
        "app_group_assignment",
        "group_owner",
        "user_role_group_target",
        "group_role_group_target",
        "client_role_group_target",
    ];
    unlink(world, links.map(|kind| world.kind(kind)), &work.id);
    Ok(())
}

/// Links by status.
pub(super) fn links(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if work.body.get("_links").is_some() {
        return Ok(());
    }
    let base = format!("{}/api/v1/users/{}", world.org.url, work.id);
    let status = text(&work.body, "/status").to_owned();
    let kind = text(&work.body, "/type/id").to_owned();
    let known = LINKS.iter().find(|(name, _)| *name == status).map_or(&[][..], |(_, links)| links);
    let password = at(&work.body, "/credentials/password").is_some();
    let question = at(&work.body, "/credentials/recovery_question").is_some();
    let mut out = Object::from_pairs([("self", link(base.clone()))]);
    out.insert("type", link(format!("{}/api/v1/meta/types/user/{kind}", world.org.url)));
    out.insert(
        "schema",
        link(format!("{}/api/v1/meta/schemas/user/{}", world.org.url, kind.replacen("oty", "osc", 1))),
    );
    for verb in known {
        let credential = matches!(*verb, "forgot_password" | "change_recovery_question" | "change_password");
        if credential && !password
            || *verb == "forgot_password" && world.trait_is("forgotPassword", "absent") && !question
        {
            continue;
        }
        let place = if credential { "credentials" } else { "lifecycle" };
        let url = format!("{base}/{place}/{verb}");
        out.insert(camel(verb), object([("href", url.into()), ("method", "POST".into())]));
    }
    if !status.is_empty() && status != "DEPROVISIONED" && !world.trait_is("resetFactors", "absent") {
        let url = format!("{base}/lifecycle/reset_factors");
        out.insert("resetFactors", object([("href", url.into()), ("method", "POST".into())]));
    }
    set(&mut work.body, "/_links", out);
    Ok(())
}

/// `reset_password` → `resetPassword`.
fn camel(verb: &str) -> String {
    let mut words = verb.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |out, word| out + &word[..1].to_uppercase() + &word[1..])
}

/// A row of a list links to itself only.
pub(super) fn row(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let url = format!("{}/api/v1/users/{}", world.org.url, work.id);
    set(&mut work.body, "/_links", object([("self", link(url))]));
    Ok(())
}

/// A change of members moves the time that the group tells.
pub(super) fn group_touched(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let (group, now) = (world.number("group"), world.time());
    let id = ask.parents.first().cloned().unwrap_or_default();
    if let Some(body) = world.get_mut(group, &[], &id) {
        set(body, "/lastMembershipUpdated", now);
    }
    if work.stage == Stage::Create {
        work.body = object([("id", work.id.as_str().into())]);
    }
    Ok(())
}

/// `POST /users/{id}`: a partial change.
pub(super) fn patched(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = own(ask);
    let mut sent = ask.request.body.clone().unwrap_or_default();
    if let Some(credentials) = sent.get_mut("credentials").and_then(Value::as_object_mut) {
        credentials.remove("password");
    }
    let now = world.time();
    if let Some(body) = world.get_mut(ask.route.kind, &[], &id) {
        if sent.as_object().is_some() {
            merge(body, sent);
        }
        set(body, "/lastUpdated", now);
        if let Some(members) = body.as_object_mut() {
            members.remove("_links");
        }
    }
    show(world, ask, 200)
}

/// The groups of a user: those it was put in, and the one that holds everybody.
pub(super) fn groups(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = own(ask);
    let (group, member) = (world.number("group"), world.number("group_membership"));
    let mut found: Vec<String> = world
        .rows(group, &[], None)
        .filter(|(_, _, body)| text(body, "/type") == "BUILT_IN" && text(body, "/profile/name") == "Everyone")
        .map(|(_, id, _)| id.to_owned())
        .collect();
    for (_, group, _) in world.rows(group, &[], None) {
        if world.get(member, &[group.to_owned()], &id).is_some() {
            found.push(group.to_owned());
        }
    }
    let mut rows = Vec::new();
    let route = crate::sim::routes::Route { kind: group, ..ask.route.clone() };
    let other =
        Ask { route, params: ask.params.clone(), parents: Vec::new(), own: None, request: ask.request };
    for group_id in found {
        let body = world.copy(group, &[], &group_id).unwrap_or_default();
        rows.push(world.shown(&other, &group_id, &[Stage::Show], body)?);
    }
    Ok(Response::json(200, rows.into()))
}

/// A new recovery question.
pub(super) fn recovery_question(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let sent = ask.request.body.clone().unwrap_or_default();
    let question = object([("question", text(&sent, "/recovery_question/question").into())]);
    if let Some(body) = world.get_mut(ask.route.kind, &[], &own(ask)) {
        set(body, "/credentials/recovery_question", question);
    }
    credentials(world, ask)
}

/// A new password.
pub(super) fn password(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let now = world.time();
    if let Some(body) = world.get_mut(ask.route.kind, &[], &own(ask)) {
        set(body, "/passwordChanged", now);
    }
    credentials(world, ask)
}

fn credentials(world: &World, ask: &Ask) -> Result<Response, Refusal> {
    let body = world.get(ask.route.kind, &[], &own(ask));
    let mut shown = body.and_then(|body| body.get("credentials").cloned()).unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.remove("emails");
    }
    Ok(Response::json(200, shown))
}

/// The one whose token is used. The first administrator of a new organisation is in no list.
pub(super) fn me(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (kind, me) = (world.number("user"), world.org.me.clone());
    let id = world.acting.as_ref().map_or(me, |person| person.id.clone());
    let route = crate::sim::routes::Route { kind, ..ask.route.clone() };
    let params = ask.params.clone();
    let other = Ask { request: ask.request, route, params, parents: Vec::new(), own: Some(id.clone()) };
    if world.has(kind, &[], &id) {
        return crate::sim::okta::show(world, &other, 200);
    }
    let login = format!("admin@{}", world.org.host());
    let profile = object([("login", login.as_str().into()), ("email", login.as_str().into())]);
    let body = object([("id", id.into()), ("status", "ACTIVE".into()), ("profile", profile)]);
    Ok(Response::json(200, body))
}
