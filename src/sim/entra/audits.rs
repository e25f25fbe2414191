//! The directory's log: who did what, newest first, in pages.

use jiff::Timestamp;

use crate::json::{Object, Value};
use crate::sim::entra::{directory_object, links, object, odata, text, ways};
use crate::sim::fill::{time_text, uuid};
use crate::sim::handle::{Ask, Work};
use crate::sim::page;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// Rows of a page where the request does not say, and at the most.
const PAGE: (usize, usize) = (100, 1000);

/// The instance, and before it the one that it hangs on.
pub(super) fn targets(world: &World, ask: &Ask, work: &Work) -> Vec<Value> {
    let kind = world.provider().kinds[ask.route.kind].kind.as_str();
    // Of a link the near end stands first, and its far end is what it shows.
    let mut targets = Vec::new();
    if let Some((number, above, id)) = world.parent_of(ask.route.kind, &ask.parents) {
        let parent = world.copy(number, &above, &id).unwrap_or_default();
        targets.push(target(world.provider().kinds[number].kind.as_str(), &id, &parent));
    }
    targets.push(match directory_object(world, &work.id) {
        Some((number, _, body)) => target(world.provider().kinds[number].kind.as_str(), &work.id, &body),
        None => target(kind, &work.id, &work.body),
    });
    targets
}

fn target(kind: &str, id: &str, body: &Value) -> Value {
    let word = match kind {
        "user" => "User",
        "group" => "Group",
        "application" => "Application",
        "service_principal" => "ServicePrincipal",
        "conditional_access_policy" | "named_location" => "Policy",
        _ => "Other",
    };
    object([
        ("id", id.into()),
        ("displayName", links::shown_name(body).into()),
        ("type", word.into()),
        ("userPrincipalName", body.get("userPrincipalName").cloned().unwrap_or_default()),
        ("groupType", Value::Null),
        ("modifiedProperties", Value::Array(Vec::new())),
    ])
}

/// An event as the log shows it.
pub(super) fn event(world: &World, targets: Vec<Value>, name: &str) -> Value {
    let acting = world.acting.as_ref().map(|person| {
        object([
            ("id", person.id.as_str().into()),
            ("displayName", person.name.as_str().into()),
            ("userPrincipalName", person.login.as_str().into()),
            ("ipAddress", person.address.as_str().into()),
        ])
    });
    let app =
        world.app.as_ref().filter(|_| acting.is_none()).map(|app| {
            object([("appId", app.client_id.as_str().into()), ("displayName", "Lastgood".into())])
        });
    let by = Object::from_pairs([("user", acting.unwrap_or_default()), ("app", app.unwrap_or_default())]);
    object([
        ("id", format!("Directory_{}", uuid(&world.entropy)).into()),
        ("category", "DirectoryManagement".into()),
        ("correlationId", uuid(&world.entropy).into()),
        ("result", "success".into()),
        ("resultReason", "".into()),
        ("activityDisplayName", name.into()),
        ("activityDateTime", time_text(world.now).into()),
        ("loggedByService", "Core Directory".into()),
        ("operationType", name.split(' ').next().unwrap_or_default().into()),
        ("initiatedBy", by.into()),
        ("targetResources", targets.into()),
        ("additionalDetails", Value::Array(Vec::new())),
    ])
}

/// `GET /auditLogs/directoryAudits`.
pub(super) fn read(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let filter = odata::filter(ask.request).map_err(|said| Refusal::query(&said))?;
    let asked = ask.request.asked("$top").and_then(|text| text.parse().ok());
    let size = asked.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let after = page::after(ask.request, ways::CURSOR)?;
    let told: Vec<(Timestamp, &Value)> = world.log.told(world.now).collect();
    let numbered: Vec<(u64, &(Timestamp, &Value))> = (0..).zip(&told).collect();
    let rows = numbered.into_iter().rev().filter(|(place, _)| after.is_none_or(|after| *place < after));
    let rows = rows.filter(|(_, (_, body))| filter.holds(body));
    let rows = rows.map(|(place, (_, body))| (place, text(body, "id").to_owned(), (*body).clone()));
    let (rows, next) = page::cut(rows.take(size + 1).collect(), size);
    let mut body = object([("value", rows.into_iter().map(|(_, _, body)| body).collect())]);
    odata::around(world, ask, &mut body);
    if let Some(place) = next {
        let url = page::link(&world.org.url, ask.request, ways::CURSOR, place);
        super::set(&mut body, "@odata.nextLink", url);
    }
    Ok(Response::json(200, body))
}
