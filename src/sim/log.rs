//! The System Log: who did what, as far as the vendor tells.
//!
//! A call that the vendor writes no event for writes none here either. Events may come late, out
//! of order or not at all, when somebody asks for that.

use jiff::{SignedDuration, Timestamp};

use crate::json::Value;
use crate::sim::wire::{Request, Response};
use crate::sim::world::World;

/// The events of a tenant, in the order in which they become visible.
#[derive(Default)]
pub struct Log {
    events: Vec<Event>,
    /// How long after the deed an event becomes visible.
    pub delay: SignedDuration,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it can be read.
    pub visible: Timestamp,
    /// As the vendor shows it.
    pub body: Value,
}

impl Log {
    /// Adds an event.
    pub fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The events that can be read at a time, in the order in which they became visible.
    pub fn visible(&self, now: Timestamp) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.visible <= now)
    }
}

/// Writes down what a request did.
pub(super) fn note(_world: &mut World, _request: &Request, _answer: &Response) {}
