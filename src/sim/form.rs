//! What a simulator needs beside the catalogue, as data: ids, defaults, links, refusals, statuses.
//!
//! One file for each area of the API lies beside the vendor's hooks (`okta/*.toml`). Values are
//! JSON texts, because TOML has no `null`. A text in them may hold placeholders, which
//! [`crate::sim::fill`] lists. Nothing here repeats a path, an id field or a reference that the
//! catalogue states.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::{Call, Condition};
use crate::json::{Limits, Pattern, Pointer, Value, parse};

/// One file.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Forms {
    /// The kinds, by the catalogue's names.
    #[serde(default, rename = "kind")]
    pub kinds: Vec<Form>,
    /// Calls that the catalogue leaves out, because they read nothing that is kept.
    #[serde(default, rename = "route")]
    pub routes: Vec<Extra>,
    /// Which event a deed writes.
    #[serde(default)]
    pub events: crate::sim::log::EventNames,
}

/// JSON written as a text.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(text.as_bytes(), &Limits::default()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// How the server treats one kind.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The catalogue's name.
    pub kind: Kind,
    /// What its ids begin with.
    #[serde(default)]
    pub prefix: String,
    /// Its ids are UUIDs.
    #[serde(default)]
    pub uuid: bool,
    /// What the vendor calls it in `E0000007`.
    #[serde(default)]
    pub title: String,
    /// Fields whose value names an instance in a path as well as its id does.
    #[serde(default)]
    pub also: Vec<Pointer>,
    /// In paths that begin with this only the id itself names an instance.
    pub plain: Option<String>,
    /// Words that name one instance in a path, whatever its id: word → what holds for it.
    #[serde(default)]
    pub word: BTreeMap<String, Condition>,
    /// What a change does to members that it does not name.
    #[serde(default)]
    pub update: Update,
    /// Members filled in, set or dropped, in this order.
    #[serde(default)]
    pub layer: Vec<Layer>,
    /// Requests that are refused.
    #[serde(default)]
    pub refuse: Vec<Refuse>,
    /// Answers of calls that differ from the rule.
    #[serde(default)]
    pub answer: Vec<Answer>,
    /// What a new organisation holds.
    #[serde(default)]
    pub initial: Vec<Json>,
    /// What stands round the rows of a list; `"{rows}"` is the rows.
    pub envelope: Option<Json>,
    /// A list shows the bodies of this kind, whose ids the rows hold.
    pub far: Option<Kind>,
    /// There is one at most, and none until somebody makes it.
    #[serde(default)]
    pub absent: bool,
    /// What is made comes in a list, and so does the answer.
    #[serde(default)]
    pub several: bool,
    /// A change is a list of operations on members: `op`, `path`, `value`.
    #[serde(default)]
    pub operations: bool,
    /// A body may be put where there was none.
    #[serde(default)]
    pub upsert: bool,
    /// The status of a change that makes an instance.
    pub made: Option<u16>,
    /// Members that a request may bring although the catalogue says that the server sets them.
    #[serde(default)]
    pub takes: Vec<Pattern>,
    /// An instance tells when it was made and changed last.
    #[serde(default = "yes")]
    pub timed: bool,
    /// Instances are made by the server: one that a path names and that nobody made is there too.
    #[serde(default)]
    pub always: bool,
    /// Instances that no switch is shown for.
    #[serde(default)]
    pub held: Vec<Condition>,
    /// How an instance shows its links.
    #[serde(default)]
    pub links: Links,
    /// The methods that the link to itself names, where they are not those of the catalogue.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Calculations, by the point at which they are made.
    #[serde(default)]
    pub hook: BTreeMap<Stage, Vec<String>>,
    /// Query parameters that a list must be given.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Query parameters that select rows by a field: name → where it stands.
    #[serde(default)]
    pub select: BTreeMap<String, Pointer>,
    /// Fields in which `q` looks for the beginning of a text.
    #[serde(default)]
    pub quick: Vec<Pointer>,
    /// The field by whose number or text a list is sorted; default: the order in which they were made.
    pub sort: Option<Pointer>,
    /// Members that come where the query does not say which; empty: all.
    #[serde(default)]
    pub unasked: Vec<String>,
    /// Members that come only where the query expands them.
    #[serde(default)]
    pub expands: Vec<String>,
    /// Rows of a page where the request does not say; 0: all.
    #[serde(default)]
    pub page: usize,
}

/// What a change does to members that it does not name.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// They go, but for what the server assigns.
    #[default]
    Replace,
    /// They stay.
    Merge,
}

/// How an instance shows its links.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// To itself, with the methods it takes, and to the switch that it can be given.
    #[default]
    Standard,
    /// Only what its layers and calculations say.
    Own,
}

/// When something happens to a body.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is switched by a call of its own.
    Action,
    /// It is removed.
    Delete,
    /// The answer to its creation: what is shown once.
    Created,
    /// The answer to its change.
    Updated,
    /// The answer to a call that switched it.
    Switched,
    /// It is shown.
    Show,
    /// It is shown as a row of a list.
    Row,
    /// The whole answer of a list.
    List,
}

/// Members filled in, set or dropped.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// When. Default: when it is made or changed.
    #[serde(default = "writing")]
    pub on: Vec<Stage>,
    /// Only where this holds; `of` may be `query`, `params`, `old`, `parent` or `sent`.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// Each value at this place instead of the whole body.
    pub within: Option<Pattern>,
    /// Members that are `null` count as missing.
    #[serde(default)]
    pub null_is_missing: bool,
    /// Goes in where the body lacks it.
    pub fill: Option<Json>,
    /// Goes in, whatever the body has.
    pub set: Option<Json>,
    /// Goes out.
    #[serde(default)]
    pub drop: Vec<Pattern>,
}

fn writing() -> Vec<Stage> {
    vec![Stage::Create, Stage::Update]
}

/// A request that is refused.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    /// At which stages.
    pub on: Vec<Stage>,
    /// Only for this call.
    pub call: Option<Call>,
    /// Where this holds of the body sent, or for `action` and `delete` of the one stored.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// Where one of these is missing from the body.
    #[serde(default)]
    pub lacks: Vec<Pointer>,
    /// Where another instance has the same value here.
    pub taken: Option<Pointer>,
    /// Where the body names, here, an instance of this kind that is not there.
    #[serde(default)]
    pub dangling: BTreeMap<Pointer, Kind>,
    /// Where there are that many already.
    pub most: Option<usize>,
    /// The HTTP status.
    pub status: u16,
    /// The vendor's code.
    pub code: String,
    /// What it says; placeholders as in a layer.
    pub summary: String,
    /// The single faults.
    #[serde(default)]
    pub causes: Vec<String>,
}

/// The answer of a call, where it differs from the rule.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// `METHOD /path`, as the catalogue has it.
    pub call: Call,
    /// Only where this holds of the stored body.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What is in it.
    pub gives: Option<Gives>,
    /// With `gives = "this"`: what.
    pub this: Option<Json>,
    /// What the call sets in the stored body.
    pub set: Option<Json>,
    /// The body sent takes the place of the one stored.
    #[serde(default)]
    pub takes: bool,
}

/// What an answer holds.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Gives {
    /// The body as it is now.
    Body,
    /// Nothing.
    Nothing,
    /// An object without members.
    Empty,
    /// What `this` says.
    This,
}

/// A call that is in no kind of the catalogue.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// `METHOD /path`; `GET` is allowed here.
    pub call: String,
    /// The kind that it belongs to: its instance, named by the path, must be there.
    pub of: Option<Kind>,
    /// The HTTP status.
    #[serde(default = "ok")]
    pub status: u16,
    /// What is in the answer; placeholders as in a layer, with the instance as the body.
    pub gives: Option<Json>,
    /// What the call sets in the instance.
    pub set: Option<Json>,
    /// The calculation that makes the answer.
    pub hook: Option<String>,
    /// What it does, in the words of the events.
    pub deed: Option<String>,
    /// The vendor's code, where the call is always refused.
    pub code: Option<String>,
    /// What it says then.
    #[serde(default)]
    pub summary: String,
}

fn yes() -> bool {
    true
}

fn ok() -> u16 {
    200
}
