//! The vendor's log: who did what, as far as the vendor tells.
//!
//! A deed for which the vendor documents no event writes none here either; its forms say
//! which (`okta/events.toml`). An event becomes readable some time after the deed, and when somebody asks for it, later
//! than its successors or never: a collector must not believe that a silent log means no change.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::base::entropy::Entropy;
use crate::json::Value;
use crate::sim::form::Stage;
use crate::sim::handle::{Ask, Work};
use crate::sim::world::World;

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

    /// The events that can be read by now, the first that could be first.
    pub(super) fn told(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = (Timestamp, &Value)> {
        let told = self.events.iter().filter(move |event| event.visible <= now);
        told.map(|event| (event.visible, &event.body))
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
    let targets = (world.vendor.ways.targets)(world, ask, work);
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
    let body = (world.vendor.ways.event)(world, targets, &event_type);
    world.log.push(Event { visible, body });
}
