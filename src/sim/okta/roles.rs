//! Roles: the vendor's own names, what a custom role and a resource set are made with.

use std::collections::BTreeSet;

use crate::json::{Object, Pointer, Value};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::ways::CURSOR;
use crate::sim::okta::{link, object, own, set, show, text};
use crate::sim::page;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// Rows of a page of those who have a role.
const ASSIGNEES: usize = 100;

/// What the vendor calls its standard roles.
const LABELS: [(&str, &str); 13] = [
    ("SUPER_ADMIN", "Super Administrator"),
    ("ORG_ADMIN", "Organization Administrator"),
    ("APP_ADMIN", "Application Administrator"),
    ("USER_ADMIN", "Group Administrator"),
    ("HELP_DESK_ADMIN", "Help Desk Administrator"),
    ("READ_ONLY_ADMIN", "Read Only Administrator"),
    ("MOBILE_ADMIN", "Mobile Administrator"),
    ("API_ACCESS_MANAGEMENT_ADMIN", "API Access Management Administrator"),
    ("REPORT_ADMIN", "Report Administrator"),
    ("GROUP_MEMBERSHIP_ADMIN", "Group Membership Administrator"),
    ("WORKFLOWS_ADMIN", "Workflows Administrator"),
    ("ACCESS_CERTIFICATIONS_ADMIN", "Access Certifications Administrator"),
    ("ACCESS_REQUESTS_ADMIN", "Access Requests Administrator"),
];

/// The label of a standard role.
pub(super) fn label(_: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let kind = text(&work.body, "/type").to_owned();
    let label = LABELS.iter().find(|(name, _)| *name == kind).map_or("Custom Role", |(_, label)| label);
    set(&mut work.body, "/label", label);
    Ok(())
}

/// A custom role is made with its permissions, which are instances of their own.
pub(super) fn permissions(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let Some(members) = work.body.as_object_mut() else { return Ok(()) };
    let given = members.remove("permissions").unwrap_or_default();
    for permission in given.as_array().into_iter().flatten().filter_map(Value::as_str) {
        put_permission(world, &work.id, permission);
    }
    tell(world, &work.id);
    Ok(())
}

/// A custom role takes along what its holders are told of, and where it is bound.
pub(super) fn gone(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let (kind, role) = (world.number("role_subscription"), [work.id.clone()]);
    clear(world, kind, &role);
    let (bindings, members) = (world.number("role_binding"), world.number("role_binding_member"));
    let sets = world.all(bindings).filter(|(_, id, _)| *id == work.id);
    let sets: Vec<Vec<String>> = sets.map(|(above, _, _)| above.to_vec()).collect();
    for set in sets {
        clear(world, members, &[set.clone(), role.to_vec()].concat());
        world.remove(bindings, &set, &work.id);
    }
    Ok(())
}

fn clear(world: &mut World, kind: usize, above: &[String]) {
    let ids: Vec<String> = world.rows(kind, above, None).map(|(_, id, _)| id.to_owned()).collect();
    for id in ids {
        world.remove(kind, above, &id);
    }
}

/// What the holders of a role can be told of.
const TOLD: [&str; 14] = [
    "AD_AGENT",
    "AGENT_AUTO_UPDATE_NOTIFICATION",
    "AGENT_AUTO_UPDATE_NOTIFICATION_LDAP",
    "APP_IMPORT",
    "CONNECTOR_AGENT",
    "IWA_AGENT",
    "LDAP_AGENT",
    "OKTA_ANNOUNCEMENT",
    "OKTA_ISSUE",
    "OKTA_UPDATE",
    "RATELIMIT_NOTIFICATION",
    "REPORT_SUSPICIOUS_ACTIVITY",
    "USER_DEPROVISION",
    "USER_LOCKED_OUT",
];

/// A new role's holders are told of nothing.
fn tell(world: &mut World, role: &str) {
    for of in TOLD {
        let body = object([
            ("notificationType", of.into()),
            ("channels", vec![Value::from("email")].into()),
            ("status", "unsubscribed".into()),
        ]);
        world.put(world.number("role_subscription"), &[role.to_owned()], of, body);
    }
}

fn put_permission(world: &mut World, role: &str, label: &str) {
    let now = world.time();
    let body = object([
        ("label", label.into()),
        ("created", now.clone()),
        ("lastUpdated", now),
        ("conditions", Value::Null),
    ]);
    world.put(world.number("custom_role_permission"), &[role.to_owned()], label, body);
}

/// One more permission.
pub(super) fn permission_added(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let label = ask.params.get("permissionType").cloned().unwrap_or_default();
    put_permission(world, &own(ask), &label);
    Ok(Response::empty(204))
}

/// A role is held to an app, or to all apps of one name.
pub(super) fn app_target(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let part = |name: &str| ask.params.get(name).cloned().unwrap_or_default();
    let holder = match ask.route.kind {
        kind if kind == world.number("user") => "user_role_app_target",
        kind if kind == world.number("app") => "client_role_app_target",
        _ => "group_role_app_target",
    };
    let kind = world.kind(holder).unwrap_or(usize::MAX);
    let parents = [own(ask), part("roleAssignmentId")];
    let (name, app) = (part("appName"), part("appId"));
    let body = match world.get(world.number("app"), &[], &app) {
        Some(found) => {
            let itself = object([("href", format!("{}/api/v1/apps/{app}", world.org.url).into())]);
            object([
                ("name", text(&found, "/label").into()),
                ("id", app.as_str().into()),
                ("status", text(&found, "/status").into()),
                ("_links", object([("self", itself)])),
            ])
        }
        None => {
            let itself = object([("href", format!("{}/api/v1/catalog/apps/{name}", world.org.url).into())]);
            object([
                ("name", name.as_str().into()),
                ("displayName", name.as_str().into()),
                ("status", "ACTIVE".into()),
                ("_links", object([("self", itself)])),
            ])
        }
    };
    let id = if app.is_empty() { name } else { app };
    match ask.request.method.as_str() {
        "DELETE" => {
            world.remove(kind, &parents, &id);
        }
        _ => world.put(kind, &parents, &id, body),
    }
    Ok(Response::empty(204))
}

/// Who has any role, in pages of a hundred; what a recording showed of it goes before.
pub(super) fn assignees(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    if let Some(found) = world.aside.get(&ask.request.path) {
        return Ok(Response::json(200, found.clone()));
    }
    let roles = world.number("user_role_assignment");
    let holders: BTreeSet<&String> = world.all(roles).filter_map(|(above, _, _)| above.first()).collect();
    let after = page::after(ask.request, CURSOR)?.unwrap_or(0);
    let url = &world.org.url;
    let row = |user: &String| {
        let itself = format!("{url}/api/v1/users/{user}");
        let links = object([("roles", link(format!("{itself}/roles"))), ("self", link(itself))]);
        let orn = format!("orn:okta:directory:{}:users:{user}", world.org.id);
        object([("id", user.as_str().into()), ("orn", orn.into()), ("_links", links)])
    };
    let rows = (1..).zip(holders).filter(|(place, _)| *place > after);
    let rows = rows.map(|(place, user)| (place, user.clone(), row(user))).take(ASSIGNEES + 1).collect();
    let (rows, next) = page::cut(rows, ASSIGNEES);
    let mut body = object([("value", rows.into_iter().map(|(_, _, row)| row).collect())]);
    if let Some(place) = next {
        page::put_next(&mut body, &next_link(), &page::link(url, ask.request, CURSOR, place));
    }
    Ok(Response::json(200, body))
}

/// Where an answer with a member for its rows has the link to what follows.
fn next_link() -> Pointer {
    Pointer::from_segments(["_links", "next", "href"])
}

/// A resource set is made with its resources.
pub(super) fn resources(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let Some(members) = work.body.as_object_mut() else { return Ok(()) };
    let given = members.remove("resources").unwrap_or_default();
    add(world, &work.id, &given);
    Ok(())
}

/// More resources for a set.
pub(super) fn resources_added(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let given = ask.request.body.as_ref().and_then(|body| body.get("additions")).cloned().unwrap_or_default();
    add(world, &own(ask), &given);
    show(world, ask, 200)
}

fn add(world: &mut World, set: &str, given: &Value) {
    for name in given.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let (id, now) = (world.fresh("ire"), world.time());
        let last = name.rsplit([':', '/']).next().unwrap_or_default();
        let collection = name.split(':').nth_back(1).filter(|part| *part == "users" || *part == "groups");
        let url = match name.starts_with("http") {
            true => name.to_owned(),
            false => format!("{}/api/v1/{}/{last}", world.org.url, collection.unwrap_or("apps")),
        };
        let mut body = Object::from_pairs([("id", Value::from(id.as_str()))]);
        body.insert("created", now.clone());
        body.insert("lastUpdated", now);
        let itself = format!("{}/api/v1/iam/resource-sets/{set}/resources/{id}", world.org.url);
        body.insert("_links", object([("self", link(url)), ("resource", link(itself))]));
        if !name.starts_with("http") {
            body.insert("orn", name);
        }
        world.put(world.number("resource_set_resource"), &[set.to_owned()], &id, body.into());
    }
}

/// A binding is made with its members.
pub(super) fn members(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let Some(body) = work.body.as_object_mut() else { return Ok(()) };
    let given = body.remove("members").unwrap_or_default();
    let role = text(&work.body, "/id").to_owned();
    bind(world, &[ask.parents.clone(), vec![role]].concat(), &given);
    Ok(())
}

/// More members for a binding.
pub(super) fn members_added(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let role = ask.params.get("roleIdOrLabel").cloned().unwrap_or_default();
    let found = world.resolve(world.number("custom_role"), &[], &role);
    let role = found.ok_or_else(|| Refusal::absent(&role, "CustomRole"))?;
    let binding = [own(ask), role.clone()];
    if world.get(world.number("role_binding"), &binding[..1], &role).is_none() {
        return Err(Refusal::absent(&role, "RoleBinding"));
    }
    let given = ask.request.body.as_ref().and_then(|body| body.get("additions")).cloned().unwrap_or_default();
    bind(world, &binding, &given);
    Ok(Response::json(200, object([("id", role.into())])))
}

fn bind(world: &mut World, binding: &[String], given: &Value) {
    for url in given.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let (id, now) = (world.fresh("irb"), world.time());
        let member = object([
            ("id", id.as_str().into()),
            ("created", now.clone()),
            ("lastUpdated", now),
            ("_links", object([("self", link(url.to_owned()))])),
        ]);
        world.put(world.number("role_binding_member"), binding, &id, member);
    }
}
