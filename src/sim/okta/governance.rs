//! Governance: what an entitlement brings with it, and the calls that set something of several instances at
//! once: who owns resources, whom a person appoints in his place.

use crate::json::{Object, Value};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{at, object, own, set, text};
use crate::sim::reading;
use crate::sim::routes::Route;
use crate::sim::wire::{Body, Refusal, Response};
use crate::sim::world::World;

/// The values of an entitlement are instances of their own, which only a change of it makes and takes away.
pub(super) fn values(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let (kind, above) = (world.number("entitlement_value"), [work.id.clone()]);
    let given: Vec<Value> =
        work.body.get("values").and_then(Value::as_array).into_iter().flatten().cloned().collect();
    let kept: Vec<&str> = given.iter().map(|value| text(value, "/id")).collect();
    let gone: Vec<String> = world
        .rows(kind, &above, None)
        .map(|(_, id, _)| id.to_owned())
        .filter(|id| !kept.contains(&id.as_str()))
        .collect();
    for id in gone {
        world.remove(kind, &above, &id);
    }
    for mut value in given {
        let id = text(&value, "/id").to_owned();
        set(&mut value, "/entitlementId", work.id.as_str());
        for (from, to) in [("/parent", "/parent"), ("/parentResourceOrn", "/parentResourceOrn")] {
            set(&mut value, to, at(&work.body, from).cloned().unwrap_or_else(|| Object::new().into()));
        }
        world.put(kind, &above, &id, value);
    }
    Ok(())
}

/// What a body that was sent holds in a list.
fn listed(ask: &Ask, pointer: &str) -> Vec<Value> {
    let sent = ask.request.body.as_ref().and_then(|body| at(body, pointer));
    sent.and_then(Value::as_array).into_iter().flatten().cloned().collect()
}

/// Of which sort the thing is that an ORN names.
fn sort_of(orn: &str) -> &str {
    orn.split(':').nth(4).unwrap_or_default()
}

/// The name of the application that something belongs to: an application is its own.
fn parent_orn(world: &World, orn: &str) -> Option<String> {
    let id = orn.rsplit(':').next()?;
    let within = |kind: &str, pointer: &str| {
        let body = world.all(world.number(kind)).find(|(_, own, _)| *own == id)?.2;
        Some(text(&body, pointer).to_owned())
    };
    let app = match sort_of(orn) {
        "entitlement-bundles" => within("entitlement_bundle", "/target/externalId")?,
        "entitlement-values" => within("entitlement_value", "/parent/externalId")?,
        "collections" => return Some(orn.to_owned()),
        _ => id.to_owned(),
    };
    Some(text(&world.copy(world.number("app"), &[], &app)?, "/orn").to_owned())
}

/// Sets who owns resources, whoever did before; without any of them a resource has none.
pub(super) fn owners_set(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let kind = world.number("governance_resource_owner");
    let resources = listed(ask, "/resourceOrns");
    if resources.is_empty() {
        return Err(Refusal::invalid("resourceOrns", vec!["resourceOrns: must not be empty".into()]));
    }
    let principal = |world: &World, orn: &Value| {
        let (id, orn) = (world.fresh("pri"), orn.as_str().unwrap_or_default());
        object([("id", id.into()), ("type", sort_of(orn).into()), ("orn", orn.into())])
    };
    let mut rows = Vec::new();
    for orn in resources.iter().filter_map(Value::as_str) {
        let parent = parent_orn(world, orn).ok_or_else(|| Refusal::absent(orn, "Resource"))?;
        let owners: Vec<Value> =
            listed(ask, "/principalOrns").iter().map(|owner| principal(world, owner)).collect();
        let id = orn.rsplit(':').next().unwrap_or_default();
        let resource = object([("id", id.into()), ("type", sort_of(orn).into()), ("orn", orn.into())]);
        let row = object([
            ("parentResourceOrn", parent.into()),
            ("resource", resource),
            ("principals", owners.clone().into()),
        ]);
        match owners.is_empty() {
            true => drop(world.remove(kind, &[], orn)),
            false => world.put(kind, &[], orn, row.clone()),
        }
        rows.push(row);
    }
    Ok(Response::json(200, object([("data", rows.into())])))
}

/// Those of an application itself are told only when that is asked for.
pub(super) fn owners_listed(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let kind = world.number("governance_resource_owner");
    let route = Route { kind, ..ask.route.clone() };
    let params = ask.params.clone();
    let other = Ask { request: ask.request, route, params, parents: Vec::new(), own: None };
    let mut answer = reading::list(world, &other, 0)?;
    if ask.request.asked("include") != Some("parent_resource_owner")
        && let Body::Json(body) = &mut answer.body
        && let Some(rows) = body.get_mut("data").and_then(Value::as_array_mut)
    {
        rows.retain(|row| text(row, "/resource/orn") != text(row, "/parentResourceOrn"));
    }
    Ok(answer)
}

/// A person's settings hold the one whom he appoints, or nobody.
pub(super) fn principal_settings(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (kind, person, now) = (world.number("delegate_appointment"), own(ask), world.time());
    let before =
        world.rows(kind, &[], None).find(|(_, _, body)| text(body, "/delegator/externalId") == person);
    let before = before.map(|(_, id, body)| (id.to_owned(), body.into_owned()));
    let given = listed(ask, "/delegates/appointments");
    let (Some(sent), true) = (given.first(), given.len() == 1) else {
        if !given.is_empty() {
            return Err(Refusal::invalid("appointments", vec!["appointments: one at most".into()]));
        }
        before.into_iter().for_each(|(id, _)| drop(world.remove(kind, &[], &id)));
        let nobody = object([("delegates", object([("appointments", Vec::<Value>::new().into())]))]);
        return Ok(Response::json(200, nobody));
    };
    let whom = text(sent, "/delegate/externalId").to_owned();
    world.resolve(world.number("user"), &[], &whom).ok_or_else(|| Refusal::absent(&whom, "User"))?;
    let me = Value::from(world.org.me.as_str());
    let (id, first) = match &before {
        Some((id, body)) => (id.clone(), at(body, "/created").cloned().unwrap_or_default()),
        None => (world.fresh("gda"), now.clone()),
    };
    let mut body = object([
        ("id", id.as_str().into()),
        ("delegator", object([("externalId", person.into()), ("type", "OKTA_USER".into())])),
        ("created", first),
        ("createdBy", me.clone()),
        ("lastUpdated", now),
        ("lastUpdatedBy", me),
    ]);
    for name in ["delegate", "note", "startTime", "endTime"] {
        if let Some(value) = sent.get(name) {
            set(&mut body, &format!("/{name}"), value.clone());
        }
    }
    world.put(kind, &[], &id, body.clone());
    Ok(Response::json(200, object([("delegates", object([("appointments", vec![body].into())]))])))
}

/// Puts resources into a collection.
pub(super) fn collection_filled(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (kind, above) = (world.number("collection_resource"), [own(ask)]);
    let mut rows = Vec::new();
    for row in listed(ask, "") {
        let orn = text(&row, "/resourceOrn");
        parent_orn(world, orn).ok_or_else(|| Refusal::absent(orn, "Resource"))?;
        let id = orn.rsplit(':').next().unwrap_or_default().to_owned();
        let entitlements = row.get("entitlements").cloned().unwrap_or_else(|| Vec::<Value>::new().into());
        let held = object([
            ("resourceId", id.as_str().into()),
            ("resourceOrn", orn.into()),
            ("entitlements", entitlements),
        ]);
        world.put(kind, &above, &id, held.clone());
        rows.push(held);
    }
    Ok(Response::json(200, object([("data", rows.into())])))
}

/// The label and the value that an id of a value names.
fn label_value(world: &World, id: &str) -> Option<(Value, Value)> {
    let labels = world.rows(world.number("governance_label"), &[], None);
    labels.map(|(_, _, body)| body.into_owned()).find_map(|label| {
        let values = at(&label, "/values").and_then(Value::as_array)?;
        let value = values.iter().find(|value| text(value, "/labelValueId") == id)?.clone();
        Some((label, value))
    })
}

/// What a call about labels is of: resources, and values of labels. All must be there.
fn labelled(world: &World, ask: &Ask) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let texts = |at: &str| -> Vec<String> {
        listed(ask, at).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (orns, values) = (texts("/resourceOrns"), texts("/labelValueIds"));
    for (name, list) in [("resourceOrns", &orns), ("labelValueIds", &values)] {
        if !(1..=10).contains(&list.len()) {
            return Err(Refusal::invalid(name, vec![format!("{name}: between 1 and 10")]));
        }
    }
    for orn in &orns {
        parent_orn(world, orn).ok_or_else(|| Refusal::absent(orn, "Resource"))?;
    }
    for id in &values {
        label_value(world, id).ok_or_else(|| Refusal::absent(id, "LabelValue"))?;
    }
    Ok((orns, values))
}

/// The labels of a resource without some values; a label without values is none.
fn without_values(row: &Value, values: &[String]) -> Vec<Value> {
    let labels = at(row, "/labels").and_then(Value::as_array).into_iter().flatten();
    let left = labels.filter_map(|label| {
        let mut label = label.clone();
        let held = label.get_mut("values").and_then(Value::as_array_mut)?;
        held.retain(|value| !values.iter().any(|id| id == text(value, "/labelValueId")));
        (!held.is_empty()).then_some(label)
    });
    left.collect()
}

/// Puts values of labels on resources, beside those that they have.
pub(super) fn labels_assigned(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (orns, values) = labelled(world, ask)?;
    let kind = world.number("governance_resource_label");
    let mut rows = Vec::new();
    for orn in &orns {
        let id = orn.rsplit(':').next().unwrap_or_default();
        let mut row = world.copy(kind, &[], orn).unwrap_or_else(|| {
            let profile = object([("id", id.into()), ("name", id.into())]);
            object([("orn", orn.as_str().into()), ("profile", profile)])
        });
        let mut labels = without_values(&row, &values);
        for (label, value) in values.iter().filter_map(|id| label_value(world, id)) {
            let own = labels.iter_mut().find(|held| text(held, "/labelId") == text(&label, "/labelId"));
            match own.and_then(|own| own.get_mut("values")).and_then(Value::as_array_mut) {
                Some(held) => held.push(value),
                None => labels.push(object([
                    ("labelId", text(&label, "/labelId").into()),
                    ("name", text(&label, "/name").into()),
                    ("values", vec![value].into()),
                ])),
            }
        }
        set(&mut row, "/labels", labels);
        world.put(kind, &[], orn, row.clone());
        rows.push(row);
    }
    Ok(Response::json(200, object([("data", rows.into())])))
}

/// Takes values of labels off resources.
pub(super) fn labels_taken(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (orns, values) = labelled(world, ask)?;
    let kind = world.number("governance_resource_label");
    for orn in &orns {
        let Some(mut row) = world.copy(kind, &[], orn) else { continue };
        let left = without_values(&row, &values);
        if left.is_empty() {
            world.remove(kind, &[], orn);
            continue;
        }
        set(&mut row, "/labels", left);
        world.put(kind, &[], orn, row);
    }
    Ok(Response::empty(204))
}

/// A label of which a resource has a value stays.
pub(super) fn label_held(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let own = work.id.clone();
    let mut rows = world.rows(world.number("governance_resource_label"), &[], None);
    let has = |row: &Value| {
        let labels = at(row, "/labels").and_then(Value::as_array).into_iter().flatten();
        labels.into_iter().any(|label| text(label, "/labelId") == own)
    };
    if rows.any(|(_, _, row)| has(&row)) {
        return Err(Refusal::invalid("label", vec!["label: its values are assigned to resources".into()]));
    }
    Ok(())
}

/// Opting in and out takes its time: a first look within the minute finds it under way, and any other one done.
pub(super) fn opting(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    const SINCE: &str = "/since";
    let since = at(&work.body, SINCE).and_then(Value::as_i64);
    if let Value::Object(body) = &mut work.body {
        body.remove("since");
    }
    let comes_to = match text(&work.body, "/optInStatus") {
        "OPTING_IN" => "OPTED_IN",
        "OPTING_OUT" => "OPTED_OUT",
        _ => return Ok(()),
    };
    let mut next = work.body.clone();
    let now = world.now.as_second();
    if ask.request.method == "GET" {
        set(&mut next, "/optInStatus", comes_to);
        if since.is_some_and(|since| now >= since + 60) {
            set(&mut work.body, "/optInStatus", comes_to);
        }
    } else {
        set(&mut next, SINCE, now);
    }
    world.put(ask.route.kind, &ask.parents, &work.id, next);
    Ok(())
}
