//! The two sides that a plan compares: what was recorded, and what has just been read.
//!
//! The recorded side is asked lazily, because a state can hold a million bodies of which a plan
//! needs a few. The live side holds exactly what was read, and tells "is not there" from "was not
//! asked for": nothing is ever concluded from a question that was not put.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::base::coverage::{Ledger, Row, State};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Provider, Shape};
use crate::json::Value;
use crate::restore::RestoreError;

/// A recorded state: the goal of a plan.
pub trait Recorded {
    /// The resources of a kind, in key order.
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey>;
    /// The main body; `None` where the state does not have the resource.
    ///
    /// # Errors
    /// It could not be read.
    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, RestoreError>;
    /// All main bodies of a kind, in key order.
    ///
    /// # Errors
    /// One could not be read.
    fn bodies(&self, kind: &Kind) -> Result<Vec<(ResourceKey, Value)>, RestoreError> {
        let mut found = Vec::new();
        for key in self.keys(kind) {
            found.extend(self.body(&key)?.map(|body| (key, body)));
        }
        Ok(found)
    }
    /// Goes over the resources of a kind, in any order, without having all of them at once.
    fn each_key(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        self.keys(kind).iter().for_each(each);
    }
    /// Goes over the main bodies of a kind, in any order, without having all of them at once.
    ///
    /// # Errors
    /// One could not be read.
    fn each_body(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey, &Value)) -> Result<(), RestoreError> {
        self.bodies(kind)?.iter().for_each(|(key, body)| each(key, body));
        Ok(())
    }
    /// Goes over the main bodies of these resources, of those that are there.
    ///
    /// # Errors
    /// One could not be read.
    fn some_bodies(
        &self,
        keys: &[ResourceKey],
        each: &mut dyn FnMut(&ResourceKey, &Value),
    ) -> Result<(), RestoreError> {
        for key in keys {
            if let Some(body) = self.body(key)? {
                each(key, &body);
            }
        }
        Ok(())
    }
    /// How far the kinds were read.
    fn ledger(&self) -> &Ledger;
    /// The snapshot that holds a secret of a resource by its mark, where it is another than the plan's base.
    fn kept_in(&self, key: &ResourceKey, mark: &str) -> Option<&str> {
        let _ = (key, mark);
        None
    }
    /// The mark that a recorded secret has at another address, or in another tenant: a mark is made for one
    /// place and says nothing at another. `None` where nobody has the value.
    ///
    /// # Errors
    /// The secret could not be read.
    fn mark_at(&self, secret: &Marked<'_>, at: &ResourceKey) -> Result<Option<String>, RestoreError> {
        let _ = (secret, at);
        Ok(None)
    }
}

/// A secret of a recorded resource.
#[derive(Clone, Copy, Debug)]
pub struct Marked<'a> {
    /// Of which resource.
    pub key: &'a ResourceKey,
    /// Its mark in the main body.
    pub mark: &'a str,
    /// The name of its place, as [`secret_place`](crate::catalog::secret_place) gives it.
    pub place: &'a str,
}

/// What is known of one resource of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight<'a> {
    /// It is there and looks so.
    Here(&'a Value),
    /// It was asked for and is not there.
    Absent,
    /// Nobody asked.
    Unread,
}

/// The tenant as far as it has been read for a plan: main bodies in canonical form.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    bodies: BTreeMap<ResourceKey, Option<Value>>,
    rows: BTreeMap<Kind, Row>,
    lists: BTreeSet<(Kind, Vec<String>)>,
    closed: BTreeSet<(Kind, Vec<String>)>,
    /// When the first of it was read.
    pub at: Timestamp,
}

/// What a plan needs to know of the tenant before it can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Single resources.
    pub keys: BTreeSet<ResourceKey>,
    /// Whole lists: a kind below one parent, or all of it where the ids are empty.
    pub lists: BTreeSet<(Kind, Vec<String>)>,
    /// Lists of what goes along with a removal: where one cannot be read, the plan says so.
    pub along: BTreeSet<(Kind, Vec<String>)>,
}

impl Wants {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.lists.is_empty() && self.along.is_empty()
    }
}

impl Seen {
    /// Nothing read yet.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// Takes in one answer; `None` says that the tenant does not have it.
    pub fn insert(&mut self, key: ResourceKey, body: Option<Value>) {
        self.bodies.insert(key, body);
    }

    /// Notes that all of a kind below one parent is in here now.
    pub fn list(&mut self, kind: &Kind, parent: &[String]) {
        self.lists.insert((kind.clone(), parent.to_vec()));
    }

    /// Notes that a list cannot be read.
    pub fn closed(&mut self, kind: &Kind, parent: &[String]) {
        self.closed.insert((kind.clone(), parent.to_vec()));
    }

    /// Whether a list was asked for and could not be read.
    #[must_use]
    pub fn is_closed(&self, kind: &Kind, parent: &[String]) -> bool {
        self.closed.contains(&(kind.clone(), parent.to_vec()))
    }

    /// Notes how far a whole kind was read.
    pub fn row(&mut self, kind: &Kind, row: Row) {
        self.rows.insert(kind.clone(), row);
    }

    /// The body of a resource that is there.
    #[must_use]
    pub fn body(&self, key: &ResourceKey) -> Option<&Value> {
        self.bodies.get(key)?.as_ref()
    }

    /// Whether anything was asked about a kind.
    pub(crate) fn knows(&self, kind: &Kind) -> bool {
        let first = (kind.clone(), Vec::new());
        let body = self.bodies.range(ResourceKey { kind: kind.clone(), ids: Vec::new() }..).next();
        body.is_some_and(|(key, _)| key.kind == *kind)
            || self.lists.range(first..).next().is_some_and(|(listed, _)| listed == kind)
            || self.rows.contains_key(kind)
    }

    /// The body of a resource as far as it was asked for, by itself or with all of its kind; `None`
    /// where nobody asked.
    pub(crate) fn says(&self, key: &ResourceKey) -> Option<Option<&Value>> {
        match self.bodies.get(key) {
            Some(body) => Some(body.as_ref()),
            None => self.is_whole(&key.kind, key.above()).then_some(None),
        }
    }

    /// The resources of a kind that are there, in key order.
    pub fn of_kind(&self, kind: &Kind) -> impl Iterator<Item = (&ResourceKey, &Value)> {
        let first = ResourceKey { kind: kind.clone(), ids: Vec::new() };
        let here = self.bodies.range(first..).take_while(|(key, _)| key.kind == *kind).collect::<Vec<_>>();
        here.into_iter().filter_map(|(key, body)| Some((key, body.as_ref()?)))
    }

    /// Whether all of a kind below one parent was read.
    #[must_use]
    pub fn is_whole(&self, kind: &Kind, parent: &[String]) -> bool {
        let listed = |ids: &[String]| self.lists.contains(&(kind.clone(), ids.to_vec()));
        listed(parent)
            || listed(&[])
            || self.rows.get(kind).is_some_and(|row| row_is_whole(row, kind, parent, None))
    }

    /// What is known of a resource. What hangs on something that is not there is not there either.
    #[must_use]
    pub fn sight(&self, catalog: &Provider, key: &ResourceKey) -> Sight<'_> {
        match self.bodies.get(key) {
            Some(Some(body)) => return Sight::Here(body),
            Some(None) => return Sight::Absent,
            None => {}
        }
        let parents = parents_of(catalog, key);
        let gone = |parent: &ResourceKey| self.sight(catalog, parent) == Sight::Absent;
        if self.is_whole(&key.kind, key.above()) || (!parents.is_empty() && parents.iter().all(gone)) {
            return Sight::Absent;
        }
        Sight::Unread
    }
}

/// The keys that a resource's parent can have: one for each kind that the catalogue allows.
pub(crate) fn parents_of(catalog: &Provider, key: &ResourceKey) -> Vec<ResourceKey> {
    let ids = key.above();
    let kinds = catalog.kind(&key.kind).map(|spec| spec.parent.as_slice()).unwrap_or_default();
    if ids.is_empty() {
        return Vec::new();
    }
    kinds.iter().map(|kind| ResourceKey::new(kind, ids.to_vec())).collect()
}

/// The natural name of a body: its key fields, in order; `None` where the kind has no names or the
/// last of them, which tells one from another, is missing.
pub(crate) fn natural_name(spec: &KindSpec, body: &Value) -> Option<Vec<Value>> {
    if spec.name.is_empty() || spec.shape == Shape::Singleton {
        return None;
    }
    let name: Vec<Value> = spec.name.iter().map(|at| at.get(body).cloned().unwrap_or_default()).collect();
    if name.last().is_none_or(Value::is_null) {
        return None;
    }
    // Two groups of one name in different groups are not each other's counterpart.
    let within = spec.within.as_ref().map(|at| at.get(body).cloned().unwrap_or_default());
    Some(name.into_iter().chain(within).collect())
}

/// Why nothing can be concluded from the absence of this resource in a state; `None` where its
/// kind and its parent were read completely.
pub(crate) fn gap(ledger: &Ledger, key: &ResourceKey) -> Option<String> {
    let Some(row) = ledger.rows.get(&key.kind) else {
        return Some(format!("`{}` was not looked at", key.kind));
    };
    if row_is_whole(row, &key.kind, key.above(), Some(key)) {
        return None;
    }
    let named =
        row.exceptions.iter().find(|exception| names(&exception.at, &key.kind, key.above(), Some(key)));
    let why = match named {
        Some(exception) if row.state == State::Complete => {
            return Some(format!("`{}` of `{}` {}", key.kind, exception.at, exception.reason));
        }
        Some(exception) => exception.reason.as_str(),
        None if row.reason.is_empty() => "not all of it was read",
        None => row.reason.as_str(),
    };
    Some(format!("`{}` is {}: {why}", key.kind, row.state.as_str()))
}

/// Why something of a kind may be missing in a state; `None` where all of it was read, or there is none
/// to be had.
pub(crate) fn gap_of(ledger: &Ledger, kind: &Kind) -> Option<String> {
    let Some(row) = ledger.rows.get(kind) else { return Some("was not looked at".into()) };
    match row.state {
        State::NotEntitled | State::NoApi => None,
        State::Complete if row.exceptions.is_empty() => None,
        State::Complete => Some(format!("{} could not be read", row.exceptions.len())),
        _ if row.reason.is_empty() => Some(row.state.as_str().to_owned()),
        _ => Some(format!("{}: {}", row.state.as_str(), row.reason)),
    }
}

fn row_is_whole(row: &Row, kind: &Kind, parent: &[String], key: Option<&ResourceKey>) -> bool {
    row.state == State::Complete
        && !row.exceptions.iter().any(|exception| names(&exception.at, kind, parent, key))
}

/// Whether an exception is about the resources of a kind below a parent, or about this one.
fn names(at: &str, kind: &Kind, parent: &[String], key: Option<&ResourceKey>) -> bool {
    let Some(at) = ResourceKey::from_path(at) else { return true };
    at.ids.as_slice() == parent || Some(&at) == key || (at.kind == *kind && parent.is_empty())
}
