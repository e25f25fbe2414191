//! The vendor's record of who did what, and how its texts name resources.

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::condition::Condition;
use crate::catalog::template::Template;
use crate::json::{Pattern, Pointer};

/// The vendor's record of who did what.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The GET path.
    pub path: Template,
    /// Rights to read it, by the vendor's names.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Page form.
    pub paging: Option<String>,
    /// Where the events stand in an answer. Default: each element of the root.
    #[serde(default)]
    pub items: Vec<Pattern>,
    /// Query parameter of the lower bound, in the unit of `unit`.
    pub since: String,
    /// How the bound is written in that parameter, `{since}` being the bound itself. Default: the
    /// bound alone.
    pub since_value: Option<String>,
    /// What the bound is.
    #[serde(default)]
    pub bound: Bound,
    /// Unit of times in queries and events.
    pub unit: TimeUnit,
    /// Where it is switched on; without it nobody can say who.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Event id.
    pub id: Pointer,
    /// Time.
    pub time: Pointer,
    /// What was done.
    pub operation: Pointer,
    /// What sort of thing it was done to.
    pub resource_type: Option<Pointer>,
    /// Path or id of what it was done to.
    pub resource: Pointer,
    /// The name of what it was done to, where the event has one.
    pub resource_name: Option<Pointer>,
    /// Who: id.
    pub actor_id: Pointer,
    /// Who: name, where the event has one.
    pub actor_name: Option<Pointer>,
    /// The kind whose id stands at `actor_id`: names the actor where the event does not.
    pub actor_kind: Option<Kind>,
    /// Through which client.
    pub client: Option<Pointer>,
    /// The kind whose id stands at `client`.
    pub client_kind: Option<Kind>,
    /// From which address.
    pub address: Option<Pointer>,
    /// By which token of the vendor's.
    pub token: Option<Pointer>,
    /// How the text at `resource` names resources, most specific first.
    #[serde(default)]
    pub names: Vec<EventName>,
    /// Kinds whose changes leave no event: silence proves nothing for them.
    #[serde(default)]
    pub silent: Vec<Kind>,
    /// Kinds of which every change leaves an event. Empty: all but the silent ones.
    #[serde(default)]
    pub told: Vec<Kind>,
    /// Where an event holds the ids of what it touched, where `resource` is no text with a form.
    #[serde(default)]
    pub ids: Vec<Pattern>,
    /// What the words at `operation` say, where kinds are told apart by them.
    #[serde(default)]
    pub deeds: Vec<Deed>,
    /// How reading goes on where it ended. Without it a tenant is read whole every time.
    pub follow: Option<Follow>,
}

/// Words for what was done, and the kinds that it touches.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// Kinds of which something has to be read again; none for what touches nothing that is kept.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// The vendor's words.
    pub words: Vec<String>,
    /// Why they touch nothing that is kept, where their names sound as if they did.
    pub why: Option<String>,
}

/// How the record is read on from where it was read to.
#[derive(Deserialize, Debug, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// What the place is told by.
    pub by: FollowBy,
    /// How many days back the vendor keeps events.
    pub kept_days: u32,
}

/// What tells the place to read on from.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum FollowBy {
    /// The link to the page after the last one. The vendor names one after the newest event too, and
    /// what comes late stands after it.
    NextPage,
}

/// What the lower bound of a request for events is.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// A time.
    #[default]
    Time,
    /// The id of the last event seen.
    Event,
}

/// Unit of times in queries and events.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Milliseconds since the epoch.
    EpochMs,
    /// RFC 3339 text.
    Rfc3339,
}

/// A form of the text by which an event names what it touched.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct EventName {
    /// The path form: `clients/{client}/roles/{name}`.
    pub path: String,
    /// Resource types of the event for which it holds; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Addresses that it means, as `KIND/{a}/{b}`; `KIND/{a}/*` for every child.
    pub means: Vec<String>,
}

impl Audit {
    /// Whether every change of this kind leaves an event, so that silence says something.
    #[must_use]
    pub fn tells(&self, kind: &Kind) -> bool {
        !self.silent.contains(kind) && (self.told.is_empty() || self.told.contains(kind))
    }

    /// The kinds that a deed touches; `None` for a word that the catalogue does not know.
    #[must_use]
    pub fn touched_by(&self, word: &str) -> Option<&[Kind]> {
        let deed = self.deeds.iter().find(|deed| deed.words.iter().any(|known| known == word))?;
        Some(&deed.kinds)
    }
}
