//! The System Log: who did what, as far as the vendor tells.
//!
//! A deed for which the vendor documents no event writes none here either; `okta/events.toml` says
//! which. An event becomes readable some time after the deed, and when somebody asks for it, later
//! than its successors or never: a collector must not believe that a silent log means no change.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::base::entropy::Entropy;
use crate::json::{Object, Value};
use crate::sim::fill::{fresh_id, time_text, uuid};
use crate::sim::form::Stage;
use crate::sim::handle::{Ask, Work};
use crate::sim::page;
use crate::sim::people::Person;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// Rows of a page where the request does not say, and at the most.
const PAGE: (usize, usize) = (100, 1000);

/// The type of an event of which no document tells.
const STRANGE: &str = "glitter.strewn";

/// The events of a tenant.
#[derive(Default)]
pub struct Log {
    /// By the time at which they can be read, then in the order in which they happened.
    events: Vec<Event>,
    /// How it misbehaves.
    pub habits: Habits,
    count: u64,
}

/// How events reach the log.
#[derive(Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Habits {
    /// How long after the deed an event can be read, in seconds.
    pub delay_seconds: u32,
    /// By how much the delay varies, in seconds: events overtake each other.
    pub jitter_seconds: u32,
    /// Every so many-th event is lost; 0: none.
    pub lose_every: u64,
    /// Every so many-th event is of a type that no list of the vendor has; 0: none.
    pub strange_every: u64,
}

/// One event.
#[derive(Clone, Debug)]
struct Event {
    visible: Timestamp,
    body: Value,
}

/// Which event a deed writes: by kind, then by what was done.
pub type EventNames = std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>;

impl Log {
    /// How many events were written, lost ones not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True without events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        self.events.clear();
        self.count = 0;
    }

    fn push(&mut self, event: Event) {
        let place = self.events.partition_point(|other| other.visible <= event.visible);
        self.events.insert(place, event);
    }
}

/// Writes down what a request did to an instance.
pub(super) fn note(world: &mut World, ask: &Ask, work: &Work, stage: Stage) {
    let verb = match stage {
        Stage::Created => "create",
        Stage::Updated => "update",
        Stage::Delete => "delete",
        _ => ask.route.path.rsplit('/').next().unwrap_or_default(),
    };
    // Some words of switches stand in the path in capitals.
    let verb = if verb.chars().all(char::is_uppercase) { verb.to_ascii_lowercase() } else { verb.to_owned() };
    note_verb(world, ask, work, &verb);
}

/// Writes down a deed that a name of its own says.
pub(super) fn note_verb(world: &mut World, ask: &Ask, work: &Work, verb: &str) {
    let kind = &world.provider().kinds[ask.route.kind].kind;
    let named = world.vendor.forms.events.get(kind.as_str()).and_then(|verbs| verbs.get(verb));
    let Some(event_type) = named.cloned() else { return };
    let targets = targets(world, ask, work);
    note_event(world, event_type, targets);
}

/// Writes down that something was done to these.
pub(super) fn note_event(world: &mut World, event_type: String, targets: Vec<Value>) {
    world.log.count += 1;
    let habits = world.log.habits;
    if habits.lose_every > 0 && world.log.count.is_multiple_of(habits.lose_every) {
        return;
    }
    let strange = habits.strange_every > 0 && world.log.count.is_multiple_of(habits.strange_every);
    let event_type = if strange { STRANGE.to_owned() } else { event_type };
    let mut chance = [0; 4];
    world.entropy.fill(&mut chance).expect("a seeded stream does not end");
    let jitter = u32::from_be_bytes(chance) % habits.jitter_seconds.saturating_add(1);
    let wait = i64::from(habits.delay_seconds) + i64::from(jitter);
    let visible = world.now + SignedDuration::from_secs(wait);
    let body = event(world, targets, &event_type);
    world.log.push(Event { visible, body });
}

/// The instance, and the one that it hangs on.
fn targets(world: &World, ask: &Ask, work: &Work) -> Vec<Value> {
    let kind = &world.provider().kinds[ask.route.kind];
    let mut targets = vec![target(kind.kind.as_str(), &work.id, &name_of(&work.body))];
    if let Some((number, above, id)) = world.parent_of(ask.route.kind, &ask.parents) {
        let parent = world.get(number, &above, &id).map(|body| name_of(&body)).unwrap_or_default();
        targets.push(target(world.provider().kinds[number].kind.as_str(), &id, &parent));
    }
    targets
}

fn event(world: &World, targets: Vec<Value>, event_type: &str) -> Value {
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

pub(super) fn target(kind: &str, id: &str, name: &str) -> Value {
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
    let after = page::after(ask.request)?;
    let mut rows: Vec<(u64, &Event)> =
        (0..).zip(world.log.events.iter().filter(|event| event.visible <= world.now)).collect();
    if !ascending {
        rows.reverse();
    }
    let published = |event: &Event| {
        let text = event.body.get("published").and_then(Value::as_str);
        text.and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(event.visible)
    };
    let fits = |event: &Event| {
        let at = published(event);
        since.is_none_or(|since| at >= since || after.is_some())
            && until.is_none_or(|until| at < until)
            && filter.holds(&event.body)
    };
    let past = |place: u64| after.is_none_or(|after| if ascending { place > after } else { place < after });
    let left: Vec<(u64, Value)> = rows
        .iter()
        .filter(|(place, event)| past(*place) && fits(event))
        .take(size.min(PAGE.1) + 1)
        .map(|(place, event)| (*place, event.body.clone()))
        .collect();
    let more = left.len() > size.min(PAGE.1);
    let shown: Vec<(u64, Value)> = left.into_iter().take(size.min(PAGE.1)).collect();
    let polling = ascending && until.is_none();
    let last = shown.last().map(|(place, _)| *place).or(after);
    let mut answer = Response::json(200, shown.into_iter().map(|(_, body)| body).collect());
    let own = page::own(&world.org.url, ask.request);
    answer.headers.push(("link".into(), format!("<{own}>; rel=\"self\"")));
    let next = match last {
        Some(place) => Some(page::link(&world.org.url, ask.request, place)),
        None => Some(own),
    };
    if let Some(url) = next.filter(|_| more || polling) {
        answer.headers.push(("link".into(), format!("<{url}>; rel=\"next\"")));
    }
    Ok(answer)
}
