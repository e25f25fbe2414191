//! The instances and their values, as `data/*.toml` has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One file a topic, in the order in which they need each other.
const FILES: [&str; 8] = [
    include_str!("data/settings.toml"),
    include_str!("data/access.toml"),
    include_str!("data/flows.toml"),
    include_str!("data/clients.toml"),
    include_str!("data/providers.toml"),
    include_str!("data/people.toml"),
    include_str!("data/authz.toml"),
    include_str!("data/others.toml"),
];

/// All of it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// Instances, and what they need around them.
    #[serde(default, rename = "thing")]
    pub(super) things: Vec<Thing>,
    /// What is to be known of a kind as a whole.
    #[serde(default)]
    pub(super) kind: BTreeMap<String, KindCase>,
}

/// One object on the server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thing {
    /// The name under which later texts use its id: `{NOTE}`.
    pub(super) note: Option<String>,
    /// The kind that it is an instance of; none: it is only needed by others.
    pub(super) kind: Option<String>,
    /// Where the independent reader has it.
    pub(super) is: Option<String>,
    /// An instance of which nothing was set: where a field is as here, it is as the server makes it.
    pub(super) plain: Option<String>,
    /// How the product calls it.
    pub(super) address: Option<String>,
    /// `METHOD PATH` of the call that makes it; none: the server did.
    pub(super) make: Option<String>,
    /// What is sent.
    #[serde(default, deserialize_with = "json")]
    pub(super) body: Value,
    /// Where the id is, if the answer does not tell: list, member, value, and the id's member.
    pub(super) find: Option<[String; 4]>,
    /// `METHOD PATH` of the call that changes it.
    pub(super) change: Option<String>,
    /// What is read first: the change is laid over it.
    pub(super) over: Option<String>,
    /// The change.
    #[serde(default, deserialize_with = "json")]
    pub(super) changed: Value,
    /// In which round it is changed, if not in the one of all others.
    #[serde(rename = "in", default = "changed")]
    pub(super) changed_in: Round,
    /// `METHOD PATH` of the call that deletes it.
    pub(super) delete: Option<String>,
    /// What is sent with it.
    #[serde(default, deserialize_with = "json")]
    pub(super) deleted: Value,
    /// In which round it is deleted.
    pub(super) gone: Option<Round>,
}

fn changed() -> Round {
    Round::Changed
}

/// What holds for all instances of a kind.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct KindCase {
    /// Fields that no instance sets, and why.
    #[serde(default)]
    pub(super) unset: BTreeMap<String, String>,
    /// Fields that are set and never changed, and why.
    #[serde(default)]
    pub(super) unchanged: BTreeMap<String, String>,
    /// Parts of the catalogue's reason that no test can show, and why.
    #[serde(default)]
    pub(super) unshown: BTreeMap<String, String>,
    /// What is not as it was afterwards.
    #[serde(default)]
    pub(super) left: Vec<Left>,
}

/// A difference that the catalogue's reason announces.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct Left {
    /// After which round.
    pub(super) after: Round,
    /// The words of the reason that announce it.
    pub(super) says: String,
    /// How it shows.
    pub(super) shows: Shows,
    /// Where, for `difference`: the beginning of the reader's line, `client/shop#name`.
    #[serde(default)]
    pub(super) at: String,
}

/// How something that does not come back is seen.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shows {
    /// It has another id, which the plan lists.
    NewId,
    /// The plan asks for a secret.
    Secret,
    /// The reader sees it.
    Difference,
    /// The plan refuses it.
    Refusal,
}

/// A round of damage and restore.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Round {
    /// What whole kinds depend on is switched off.
    Switched,
    /// Every field of every instance is changed.
    Changed,
    /// Instances are deleted, what they hang on stays.
    Leaves,
    /// What others hang on is deleted.
    Roots,
}

impl Round {
    pub(super) const ALL: [Self; 4] = [Self::Switched, Self::Changed, Self::Leaves, Self::Roots];
}

impl Cases {
    pub(super) fn load() -> Self {
        let mut all = Self::default();
        for text in FILES {
            let part: Self = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            all.things.extend(part.things);
            all.kind.extend(part.kind);
        }
        all
    }

    /// The instances of a kind.
    pub(super) fn of<'c>(&'c self, kind: &'c str) -> impl Iterator<Item = &'c Thing> {
        self.things.iter().filter(move |thing| thing.kind.as_deref() == Some(kind))
    }
}

/// JSON in a text: a body can be copied from and into a request.
fn json<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map_err(|error| serde::de::Error::custom(format!("{error} in {text}")))
}
