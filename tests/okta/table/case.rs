//! What no rule says of a kind: values that are not made by chance, what is not damaged and why, what does not
//! come back as the catalogue's reason says.

use std::collections::BTreeMap;

use lastgood::json::{Limits, Pointer, Value, parse};
use serde::Deserialize;

/// All kinds that something is to be said of.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// By kind.
    #[serde(default)]
    pub(super) kind: BTreeMap<String, KindCase>,
}

/// One kind.
#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct KindCase {
    /// What a place is changed to; null: taken away; `{other:KIND}`: the id of another instance.
    #[serde(default)]
    pub(super) changed: BTreeMap<Pointer, Json>,
    /// Places that name an instance of a kind: another one of it is named.
    #[serde(default)]
    pub(super) another: BTreeMap<Pointer, String>,
    /// Placeholders of a call's path that a field of the instance fills, by what that ends in.
    #[serde(default)]
    pub(super) named_by: BTreeMap<String, Pointer>,
    /// What the administrator sends with a change, where the call takes another form than is shown; `{id}`: its id.
    #[serde(default)]
    pub(super) sent: Option<Json>,
    /// Places that are not sent with a change, because the vendor takes them only whole.
    #[serde(default)]
    pub(super) sent_whole: Vec<Pointer>,
    /// Places that are not changed, and why.
    #[serde(default)]
    pub(super) unchanged: BTreeMap<String, String>,
    /// No instance is changed, and why.
    #[serde(default)]
    pub(super) never_changed: String,
    /// No instance is deleted, and why.
    #[serde(default)]
    pub(super) never_deleted: String,
    /// The vendor's words about an instance that it does not delete while others need it.
    #[serde(default)]
    pub(super) kept: String,
    /// An instance that is refused, and so is not there: the words of the catalogue's reason, or of the plan.
    #[serde(default)]
    pub(super) refused: String,
}

/// JSON in a text.
#[derive(Clone)]
pub(super) struct Json(pub(super) Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(text.as_bytes(), &Limits::default()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Cases {
    pub(super) fn load() -> Self {
        toml::from_str(include_str!("data/kinds.toml")).unwrap()
    }

    pub(super) fn of(&self, kind: &str) -> KindCase {
        self.kind.get(kind).cloned().unwrap_or_default()
    }
}
