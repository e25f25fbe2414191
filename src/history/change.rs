//! A change: what happened to one resource between two readings, and who did it.

use jiff::Timestamp;

use crate::base::ids::RecordId;
use crate::base::key::ResourceKey;
use crate::catalog::{KindSpec, Provider};
use crate::history::body::parse;
use crate::history::moment::changed_at;
use crate::history::{History, HistoryError};
use crate::json::{ArrayMode, ArrayRules, FieldChange, Object, Pointer, Value, diff_with};
use crate::store::{Entry, Past, Snapshot};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// It was not there before.
    Add,
    /// It is different.
    Change,
    /// It is not there any more.
    Remove,
}

impl Op {
    /// What happened to something that was this before and is that after.
    pub(crate) fn between<T>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, _) => Self::Add,
            (_, None) => Self::Remove,
            _ => Self::Change,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Remove => "remove",
        }
    }
}

/// Who did it, as far as the vendor's log says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Actor {
    /// The actor's id.
    pub id: Option<String>,
    /// The actor's name.
    pub name: Option<String>,
    /// Through which client.
    pub client: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// The event that says so.
    pub event: Option<String>,
    /// `exact` where the event names the resource, `likely` where it names what it hangs on.
    pub confidence: Option<String>,
    /// When, by the event.
    pub at: Option<Timestamp>,
    /// By which token of the vendor's.
    pub token: Option<String>,
    /// Who else had a hand in it between the two readings: what was read is what all of them left.
    pub others: Vec<Actor>,
}

/// One change of one resource.
#[derive(Clone, Debug)]
pub struct Change {
    /// The id that `plan --changes` takes; empty for a comparison that is not of the history.
    pub id: String,
    /// What happened.
    pub op: Op,
    /// To which resource.
    pub key: ResourceKey,
    /// Its name at the time.
    pub name: Option<String>,
    /// When it was first seen so.
    pub at: Timestamp,
    /// Who.
    pub actor: Option<Actor>,
    /// What was done, in the vendor's word, where that is all that is known: no body shows what changed.
    pub told: Option<String>,
    /// Field by field; for an addition or a removal, the whole body at the root.
    pub fields: Vec<FieldChange>,
}

/// The id of a change: the beginning of its snapshot's id, and of the hash of its address.
#[must_use]
pub fn change_id(snapshot: &RecordId, key: &ResourceKey) -> String {
    let hash = blake3::hash(key.to_path().as_bytes()).to_hex();
    format!("{}-{}", snapshot.short(), hash.get(..8).unwrap_or_default())
}

/// How the arrays of a kind are compared: map arrays by their key, all others element by element,
/// so that one element put in front does not change all that follow.
#[must_use]
pub fn array_rules(spec: Option<&KindSpec>) -> ArrayRules {
    let keyed = spec.into_iter().flat_map(|spec| &spec.set);
    keyed
        .filter_map(|set| set.by.as_ref().map(|by| (set.at.clone(), by.clone())))
        .fold(ArrayRules::all(ArrayMode::Elements), |rules, (at, by)| rules.with(at, ArrayMode::Keyed(by)))
}

/// The fields in which two bodies of a kind differ.
#[must_use]
pub fn fields(spec: Option<&KindSpec>, before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    match (before, after) {
        (Some(before), Some(after)) => diff_with(before, after, &array_rules(spec)),
        (None, None) => Vec::new(),
        (from, to) => vec![FieldChange { pointer: Pointer::root(), from: from.cloned(), to: to.cloned() }],
    }
}

impl History<'_> {
    /// One change of the change log, with its fields and its actor.
    ///
    /// # Errors
    /// A body could not be read.
    pub fn change(
        &self,
        snapshot: &Snapshot,
        key: &ResourceKey,
        before: Option<&Entry>,
        after: Option<&Entry>,
    ) -> Result<Change, HistoryError> {
        let body = |entry: Option<&Entry>| entry.map(|entry| self.main(key, entry)).transpose();
        let (old, new) = (body(before)?, body(after)?);
        Ok(self.change_of(snapshot, key, old.as_ref(), new.as_ref()))
    }

    /// The same of bodies that were read already.
    pub(crate) fn change_of(
        &self,
        snapshot: &Snapshot,
        key: &ResourceKey,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Change {
        let op = Op::between(before, after);
        Change {
            id: change_id(&snapshot.id, key),
            op,
            key: key.clone(),
            name: None,
            at: changed_at(snapshot, &key.kind),
            actor: None,
            told: None,
            fields: fields(self.catalog.kind(&key.kind), before, after),
        }
    }

    /// The actor recorded with a change.
    ///
    /// # Errors
    /// The event's body could not be read.
    pub fn actor(
        &self,
        past: &Past,
        snapshot: &Snapshot,
        key: &ResourceKey,
    ) -> Result<Option<Actor>, HistoryError> {
        match past.event(snapshot.seq, key)? {
            Some(bytes) => Ok(parse(key, &bytes)?.as_object().map(actor_of)),
            None => self.late_actor(past, snapshot, key),
        }
    }
}

pub(crate) fn actor_of(record: &Object) -> Actor {
    let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    Actor {
        id: text("id"),
        name: text("name"),
        client: text("client"),
        address: text("address"),
        event: text("event"),
        confidence: text("confidence"),
        at: text("at").and_then(|at| at.parse().ok()),
        token: text("token"),
        others: record
            .get("others")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .map(actor_of)
            .collect(),
    }
}

impl Change {
    /// When it was done, by the event that explains it, else when it was found.
    #[must_use]
    pub fn when(&self) -> Timestamp {
        self.actor.as_ref().and_then(|actor| actor.at).unwrap_or(self.at)
    }

    /// Whether it is of nothing but times that the server alone sets.
    #[must_use]
    pub fn is_the_servers(&self, catalog: &Provider) -> bool {
        let spec = catalog.kind(&self.key.kind);
        let is_time = |value: &Option<Value>| {
            let text = value.as_ref().map(|value| value.as_str().unwrap_or_default());
            text.is_none_or(|text| text.parse::<Timestamp>().is_ok())
        };
        let server = |field: &FieldChange| {
            let is_set = spec.is_some_and(|spec| spec.is_assigned(&field.pointer));
            is_set && is_time(&field.from) && is_time(&field.to)
        };
        self.op == Op::Change && !self.fields.is_empty() && self.fields.iter().all(server)
    }

    /// The form that other programs rely on (INTERFACE: a change).
    #[must_use]
    pub fn to_json(&self, tenant: &str) -> Value {
        let mut out = Object::new();
        // A difference between two times that are not neighbours is no single change.
        let change = if self.id.is_empty() { Value::Null } else { Value::from(self.id.as_str()) };
        out.insert("change", change);
        out.insert("op", Value::from(self.op.as_str()));
        out.insert("address", Value::from(format!("{tenant}/{}", self.key)));
        out.insert("name", Value::from(self.name.clone()));
        out.insert("kind", Value::from(self.key.kind.as_str()));
        out.insert("id", Value::from(self.key.id()));
        out.insert("at", Value::from(self.at.to_string()));
        out.insert("actor", self.actor.as_ref().map_or(Value::Null, Actor::to_json));
        if let Some(told) = &self.told {
            out.insert("told", told.as_str());
        }
        out.insert("fields", Value::Array(self.fields.iter().map(field_json).collect()));
        Value::Object(out)
    }
}

fn field_json(field: &FieldChange) -> Value {
    let mut out = Object::new();
    out.insert("pointer", Value::from(field.pointer.to_string()));
    if let Some(from) = &field.from {
        out.insert("from", from.clone());
    }
    if let Some(to) = &field.to {
        out.insert("to", to.clone());
    }
    Value::Object(out)
}

impl Actor {
    /// This one, and whoever else had a hand in it.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    /// What a person calls him: his name, else his id.
    #[must_use]
    pub fn called(&self) -> Option<&str> {
        self.name.as_deref().or(self.id.as_deref())
    }

    /// Whether this is who is meant by an id, a name, a client, an address or a token.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        let known = [&self.id, &self.name, &self.client, &self.address, &self.token];
        known.into_iter().flatten().any(|known| known == wanted)
    }

    /// The form that other programs rely on.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let pairs = [
            ("id", &self.id),
            ("name", &self.name),
            ("client", &self.client),
            ("address", &self.address),
            ("event", &self.event),
            ("confidence", &self.confidence),
        ];
        let mut out = Object::from_pairs(pairs.map(|(name, value)| (name, Value::from(value.clone()))));
        if let Some(token) = &self.token {
            out.insert("token", token.as_str());
        }
        if !self.others.is_empty() {
            out.insert("others", self.others.iter().map(Self::to_json).collect::<Value>());
        }
        out.into()
    }
}
