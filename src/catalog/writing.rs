//! How a kind is written, and whether it comes back at all.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::condition::Condition;
use crate::catalog::template::Call;
use crate::json::{Pattern, Pointer, Value};

/// What the vendor does with a mask that is written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum MaskEffect {
    /// Stores it in place of the secret. Also what is assumed where nobody tried.
    #[default]
    Stored,
    /// Keeps the old secret, on an update in place.
    Kept,
}

/// Whether and how a kind comes back.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Full, partial or never.
    pub class: RestoreClass,
    /// What is lost, or why not; empty only for `full`.
    #[serde(default)]
    pub reason: String,
    /// Lower comes first.
    #[serde(default)]
    pub order: u32,
    /// Which create call keeps the id.
    #[serde(default)]
    pub keeps_id: bool,
    /// Fields beside the id that no two tenants of one server may share.
    #[serde(default)]
    pub unique: Vec<Pattern>,
    /// Resources that the server makes when this one is created: kinds to match, not to create.
    #[serde(default)]
    pub brings: Vec<Kind>,
    /// There is one for each parent, so it is found without a name.
    #[serde(default)]
    pub lone: bool,
    /// The kind whose writes carry this one's fields, where it has no call of its own.
    pub through: Option<Kind>,
    /// What a delete of this one takes with it.
    #[serde(default)]
    pub cascades: Vec<Kind>,
    /// Kinds of which resources read otherwise after a write of this one, though nobody wrote them: what
    /// a user profile does not know is not shown of users.
    #[serde(default)]
    pub reshapes: Vec<Kind>,
    /// Where it stands among its siblings, if they are in an order: whoever takes a place moves the others.
    pub ranked: Option<Ranked>,
    /// What a new one has in fields that only a switch sets.
    #[serde(default)]
    pub born: BTreeMap<Pointer, Value>,
    /// It acts on others by itself: it is switched on after everything else.
    #[serde(default)]
    pub switched_last: bool,
    /// What happens outside the tenant when it is written.
    #[serde(default)]
    pub effects: Vec<String>,
    /// Fields whose change needs `--allow-privileged`.
    #[serde(default)]
    pub privileged: Vec<Privileged>,
    /// What it is written with to have no effect: how it is made where its secret is not given. Nobody
    /// signs in as, or by way of, what is so.
    #[serde(default)]
    pub off: Vec<Off>,
}

/// The order of siblings.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Ranked {
    /// The field with the place, a whole number; the lowest is first.
    pub at: Pointer,
    /// Fields that are equal in all that share an order; below another resource all that hang on it do.
    #[serde(default)]
    pub among: Vec<Pointer>,
}

impl Ranked {
    /// The place that stands in a body.
    #[must_use]
    pub fn place(&self, body: &Value) -> Option<i64> {
        self.at.get(body)?.as_i64()
    }
}

/// A value that switches a resource off.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Off {
    /// Which field.
    pub at: Pointer,
    /// Only where this holds.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// What it is set to.
    pub value: Value,
}

impl Restore {
    /// How a resource with this body is switched off; `None` where it cannot be.
    #[must_use]
    pub fn off(&self, body: &Value) -> Option<&Off> {
        self.off.iter().find(|off| off.only.iter().all(|only| only.of.is_some() || only.holds(body)))
    }

    /// Whether it is.
    #[must_use]
    pub fn is_off(&self, body: &Value) -> bool {
        self.off(body).is_some_and(|off| match off.at.get(body) {
            Some(value) => *value == off.value,
            // Vendors leave out what is not set.
            None => off.value == Value::Bool(false),
        })
    }
}

/// A class of restorability.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum RestoreClass {
    /// Every writable field.
    Full,
    /// Some, or under conditions: the reason says which.
    Partial,
    /// Not at all.
    Never,
}

impl RestoreClass {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Never => "never",
        }
    }
}

/// A change that hands out power.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Privileged {
    /// Which field; the empty pattern for the resource itself.
    #[serde(default)]
    pub at: Pattern,
    /// Only where this holds.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Which way the guard grows weaker; `None`: nobody can say, so every change counts.
    pub weaker: Option<Weaker>,
    /// Why it is dangerous.
    pub why: String,
}

/// Which way a value makes what it guards weaker.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(untagged)]
pub enum Weaker {
    /// By being more or less.
    Toward(Toward),
    /// By standing earlier in this list of texts, the weakest first. What is missing or not in the
    /// list is not compared: it counts as weaker.
    Scale(Vec<String>),
}

/// A direction. More: a larger number, another element, a text where there was none, the resource
/// itself where there was none.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Toward {
    /// More is weaker: addresses that are trusted, tries that are allowed.
    More,
    /// Less is weaker: demands, lengths.
    Less,
}

/// One way to write.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// `METHOD /path`.
    pub call: Call,
    /// Only where this holds for the body.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// What is sent.
    #[serde(default)]
    pub body: Body,
    /// What must hold of the resource as it is for the vendor to take the call: a switch that brings it
    /// about goes first.
    #[serde(default)]
    pub state: Vec<Condition>,
    /// Parts that a new one has from the start and that are resources of their own.
    pub gathers: Option<Gather>,
    /// Fields that it must repeat as they are, because it replaces everything and changes them not.
    #[serde(default)]
    pub echo: Vec<Pattern>,
    /// Fields left out, beside the assigned ones.
    #[serde(default)]
    pub omit: Vec<Pattern>,
    /// Fields sent although they are assigned (an id that the vendor keeps).
    #[serde(default)]
    pub send: Vec<Pattern>,
    /// Fields that this call takes without an error and does not apply.
    #[serde(default)]
    pub ignores: Vec<Pattern>,
    /// Maps that are merged: a key is removed only by sending this value for it.
    #[serde(default)]
    pub merges: Vec<Merge>,
    /// Texts that stay where they are left out: an empty text is the nearest to taking one away.
    #[serde(default)]
    pub emptied: Vec<Pointer>,
    /// Fields that must be there: set to this where the body lacks them.
    #[serde(default)]
    pub defaults: BTreeMap<Pointer, Value>,
    /// With `body = "envelope"`: the document. The text `$body` in it stands for the body, and
    /// `{placeholder}` within a text is filled as in a path, but not encoded; `{url}` is the
    /// tenant's URL.
    pub envelope: Option<Value>,
    /// With `body = "field"`: which field is sent.
    pub field: Option<Pointer>,
    /// The content type, where it is not JSON.
    pub content_type: Option<String>,
    /// Where the new id is found.
    #[serde(default)]
    pub new_id: NewId,
}

/// Parts that are sent with what they belong to.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Gather {
    /// Where their list goes.
    pub at: Pointer,
    /// Of which kind they are.
    pub of: Kind,
    /// What is sent of each: the first of these fields that it has.
    pub fields: Vec<Pointer>,
}

/// A call that changes an instance without writing its body.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What it does, in a word or a few: `activate_policy`, `undelete`.
    pub does: String,
    /// `METHOD /path`.
    pub call: Call,
    /// What must hold of the body before.
    #[serde(default)]
    pub from: Vec<Condition>,
    /// What holds of the body afterwards, where that is known. Of several values the first is the one that it
    /// comes to; the others are read until then.
    #[serde(default)]
    pub makes: Vec<Condition>,
    /// What is sent; nothing by default.
    pub body: Option<Value>,
    /// The content type, where it is not JSON.
    pub content_type: Option<String>,
}

/// What a write sends.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The body.
    #[default]
    Whole,
    /// Nothing.
    None,
    /// An array that holds the body.
    List,
    /// One field of it.
    Field,
    /// The body inside another document.
    Envelope,
}

/// A map that an update merges.
#[derive(Deserialize, Clone, Debug)]
#[serde(try_from = "MergeText")]
pub struct Merge {
    /// Which map.
    pub at: Pattern,
    /// What removes a key; `None` where nothing does. A file writes `remove_with_null = true` for
    /// `null`, for which TOML has no word.
    pub remove_with: Option<Value>,
}

/// [`Merge`] as a file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeText {
    at: Pattern,
    remove_with: Option<Value>,
    #[serde(default)]
    remove_with_null: bool,
}

impl TryFrom<MergeText> for Merge {
    type Error = &'static str;

    fn try_from(text: MergeText) -> Result<Self, Self::Error> {
        let remove_with = match (text.remove_with, text.remove_with_null) {
            (Some(_), true) => return Err("a key is removed with a value or with null, not with both"),
            (None, true) => Some(Value::Null),
            (given, false) => given,
        };
        Ok(Self { at: text.at, remove_with })
    }
}

/// Where the id of a created resource is found.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum NewId {
    /// The last part of the `Location` header.
    #[default]
    Location,
    /// The kind's id in the answer's body.
    Answer,
    /// Nowhere: found by reading the list and matching the natural key.
    List,
    /// It is the one that was sent.
    Sent,
}
