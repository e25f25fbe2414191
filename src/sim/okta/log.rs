//! The System Log as it is asked for, and the form of its events.

use jiff::Timestamp;

use crate::json::{Object, Value};
use crate::sim::fill::{fresh_id, time_text, uuid};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::ways::CURSOR;
use crate::sim::page;
use crate::sim::people::Person;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// Rows of a page where the request does not say, and at the most.
const PAGE: (usize, usize) = (100, 1000);

/// The instance, and the one that it hangs on.
pub(super) fn targets(world: &World, ask: &Ask, work: &Work) -> Vec<Value> {
    let kind = &world.provider().kinds[ask.route.kind];
    let mut targets = vec![target(kind.kind.as_str(), &work.id, &name_of(&work.body))];
    if let Some((number, above, id)) = world.parent_of(ask.route.kind, &ask.parents) {
        let parent = world.get(number, &above, &id).map(|body| name_of(&body)).unwrap_or_default();
        targets.push(target(world.provider().kinds[number].kind.as_str(), &id, &parent));
    }
    targets
}

/// An event as the log shows it.
pub(super) fn event(world: &World, targets: Vec<Value>, event_type: &str) -> Value {
    let object = |members: Vec<(&str, Value)>| Value::from(Object::from_pairs(members));
    let acting = world.acting.as_ref();
    let said = |of: fn(&Person) -> &str, otherwise: &str| Value::from(acting.map_or(otherwise, of));
    // A request by token says which; one from the console has no detail.
    let token = acting.map(|person| ("requestApiTokenId", Value::from(person.token.as_str())));
    object(vec![
        (
            "actor",
            object(vec![
                ("id", said(|person| &person.id, &world.org.me)),
                ("type", "User".into()),
                ("alternateId", said(|person| &person.login, "admin@example.com")),
                ("displayName", said(|person| &person.name, "Org Admin")),
                ("detailEntry", Value::Null),
            ]),
        ),
        (
            "client",
            object(vec![
                ("ipAddress", said(|person| &person.address, "192.0.2.10")),
                ("zone", "null".into()),
                ("device", "Computer".into()),
                ("id", Value::Null),
            ]),
        ),
        ("displayMessage", event_type.replace(['.', '_'], " ").into()),
        ("eventType", event_type.into()),
        ("outcome", object(vec![("result", "SUCCESS".into()), ("reason", Value::Null)])),
        ("published", time_text(world.now).into()),
        ("severity", "INFO".into()),
        ("target", targets.into()),
        (
            "transaction",
            object(vec![
                ("type", "WEB".into()),
                ("id", fresh_id(&world.entropy, "").into()),
                ("detail", Object::from_pairs(token).into()),
            ]),
        ),
        ("uuid", uuid(&world.entropy).into()),
        ("version", "0".into()),
    ])
}

/// Something that was done to, as events name it.
pub(in crate::sim) fn target(kind: &str, id: &str, name: &str) -> Value {
    let word = match kind {
        "user" | "group_membership" => "User".to_owned(),
        "group" => "UserGroup".to_owned(),
        "app" => "AppInstance".to_owned(),
        other => other.split('_').map(capital).collect(),
    };
    Object::from_pairs([
        ("id", Value::from(id)),
        ("type", word.into()),
        ("alternateId", name.into()),
        ("displayName", name.into()),
        ("detailEntry", Value::Null),
    ])
    .into()
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(usize::from(!word.is_empty()));
    first.to_uppercase() + rest
}

fn name_of(body: &Value) -> String {
    let places = [&["profile", "login"][..], &["profile", "name"], &["label"], &["name"]];
    let found = places.iter().find_map(|path| {
        let at = crate::json::Pointer::from_segments(path.iter().copied());
        at.get(body).and_then(Value::as_str)
    });
    found.unwrap_or("unknown").to_owned()
}

/// `GET /logs`: a span, oldest or newest first; oldest first without an end goes on for ever.
pub(super) fn read(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let time = |name: &str| match ask.request.asked(name) {
        None => Ok(None),
        Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| {
            let cause = format!("{name}: The time must be in ISO 8601 format.");
            Refusal::invalid(name, vec![cause])
        }),
    };
    let (since, until) = (time("since")?, time("until")?);
    let ascending = ask.request.asked("sortOrder").is_none_or(|order| order == "ASCENDING");
    let filter = match ask.request.asked("filter") {
        Some(text) => crate::sim::filter::Filter::parse(text)
            .map_err(|message| Refusal::new(400, "E0000053", format!("Invalid filter: {message}")))?,
        None => crate::sim::filter::Filter::default(),
    };
    let size = ask.request.asked("limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE.0);
    let after = page::after(ask.request, CURSOR)?;
    let mut rows: Vec<(u64, (Timestamp, &Value))> = (0..).zip(world.log.told(world.now)).collect();
    if !ascending {
        rows.reverse();
    }
    let fits = |(visible, body): (Timestamp, &Value)| {
        let text = body.get("published").and_then(Value::as_str);
        let at = text.and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(visible);
        since.is_none_or(|since| at >= since || after.is_some())
            && until.is_none_or(|until| at < until)
            && filter.holds(body)
    };
    let past = |place: u64| after.is_none_or(|after| if ascending { place > after } else { place < after });
    let left: Vec<(u64, Value)> = rows
        .iter()
        .filter(|(place, event)| past(*place) && fits(*event))
        .take(size.min(PAGE.1) + 1)
        .map(|(place, (_, body))| (*place, (*body).clone()))
        .collect();
    let more = left.len() > size.min(PAGE.1);
    let shown: Vec<(u64, Value)> = left.into_iter().take(size.min(PAGE.1)).collect();
    let polling = ascending && until.is_none();
    let last = shown.last().map(|(place, _)| *place).or(after);
    let mut answer = Response::json(200, shown.into_iter().map(|(_, body)| body).collect());
    let own = page::own(&world.org.url, ask.request);
    answer.headers.push(("link".into(), format!("<{own}>; rel=\"self\"")));
    let next = match last {
        Some(place) => Some(page::link(&world.org.url, ask.request, CURSOR, place)),
        None => Some(own),
    };
    if let Some(url) = next.filter(|_| more || polling) {
        answer.headers.push(("link".into(), format!("<{url}>; rel=\"next\"")));
    }
    Ok(answer)
}
