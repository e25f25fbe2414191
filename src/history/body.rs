//! One resource at a moment: its body, since when it was so, until when.

use std::collections::BTreeSet;

use jiff::Timestamp;
use zeroize::Zeroize;

use crate::base::key::ResourceKey;
use crate::history::{History, HistoryError, Moment};
use crate::json::{self, Limits, Object, Pointer, Value};
use crate::store::{Entry, Part};

/// How much of a body is shown.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Reveal {
    /// Volatile fields too.
    pub volatile: bool,
    /// The values of secrets in place of their markers.
    pub secrets: bool,
}

/// A resource at a moment.
pub struct Shown {
    /// Which one.
    pub key: ResourceKey,
    /// When it was read.
    pub read_at: Timestamp,
    /// When it was read next.
    pub next_read_at: Option<Timestamp>,
    /// What is known of the time between: `changed` or `unknown`.
    pub between: &'static str,
    /// Last seen without this body, first seen with it.
    pub valid_from: (Option<Timestamp>, Timestamp),
    /// First seen without it, if ever.
    pub valid_to: Option<Timestamp>,
    /// The body.
    pub body: Value,
}

impl History<'_> {
    /// The main body of an entry.
    ///
    /// # Errors
    /// It could not be read, or is not JSON.
    pub fn main(&self, key: &ResourceKey, entry: &Entry) -> Result<Value, HistoryError> {
        let bytes = self.repository.read(entry, Part::Main)?.unwrap_or_default();
        parse(key, &bytes)
    }

    /// The main bodies of these resources, of those that are there.
    ///
    /// # Errors
    /// As [`Self::main`].
    pub fn bodies(
        &self,
        moment: &Moment,
        keys: &BTreeSet<ResourceKey>,
    ) -> Result<Vec<(ResourceKey, Value)>, HistoryError> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(entry) = moment.state.get(key) {
                found.push((key.clone(), self.main(key, &entry)?));
            }
        }
        Ok(found)
    }

    /// A resource at a moment, with the interval in which it was as it is shown.
    ///
    /// # Errors
    /// It was not there, or could not be read.
    pub fn show(&self, moment: &Moment, key: &ResourceKey, reveal: Reveal) -> Result<Shown, HistoryError> {
        let address = || format!("{}/{key}", self.tenant);
        let entry = moment.state.get(key).ok_or_else(|| HistoryError::NotFound { address: address() })?;
        let mut body = self.main(key, &entry)?;
        if reveal.volatile
            && let Some(bytes) = self.repository.read(&entry, Part::Volatile)?
        {
            put_back(&mut body, &parse(key, &bytes)?);
        }
        if reveal.secrets
            && let Some(mut bytes) = self.repository.read(&entry, Part::Secret)?
        {
            let values = parse(key, &bytes);
            bytes.zeroize();
            unmark(&mut body, values?.as_object().unwrap_or(&Object::new()));
        }
        let read_at = moment.read_at(&key.kind);
        let next_read_at = moment.next_read_at(&key.kind);
        let (valid_from, valid_to) = self.validity(moment, key)?;
        let between = if valid_to.is_some() && valid_to == next_read_at { "changed" } else { "unknown" };
        Ok(Shown { key: key.clone(), read_at, next_read_at, between, valid_from, valid_to, body })
    }

    /// Since when the resource was as it is at the moment, and until when.
    #[allow(clippy::type_complexity)]
    fn validity(
        &self,
        moment: &Moment,
        key: &ResourceKey,
    ) -> Result<((Option<Timestamp>, Timestamp), Option<Timestamp>), HistoryError> {
        let changes = self.repository.history(self.tenant, key)?;
        let snapshots = self.repository.snapshots(self.tenant)?;
        let read_at = |seq: u64| {
            let found = snapshots.iter().find(|snapshot| snapshot.seq == seq);
            found.map(|snapshot| {
                let row = snapshot.ledger.rows.get(&key.kind);
                row.and_then(|row| row.read).map_or(snapshot.finished, |(_, end)| end)
            })
        };
        let here = moment.snapshot.seq;
        let from = changes.iter().map(|(seq, _)| *seq).filter(|seq| *seq <= here).max();
        let to = changes.iter().map(|(seq, _)| *seq).filter(|seq| *seq > here).min();
        let before = from.and_then(|from| {
            let earlier = snapshots.iter().map(|snapshot| snapshot.seq).filter(|seq| *seq < from).max();
            earlier.and_then(read_at)
        });
        let first = from.and_then(read_at).unwrap_or(moment.snapshot.finished);
        Ok(((before, first), to.and_then(read_at)))
    }
}

/// Reads a stored body.
pub(crate) fn parse(key: &ResourceKey, bytes: &[u8]) -> Result<Value, HistoryError> {
    json::parse(bytes, &Limits::body()).map_err(|error| HistoryError::Body { key: key.clone(), error })
}

/// Puts volatile fields, kept as pointer → value, where they were.
fn put_back(body: &mut Value, volatile: &Value) {
    for (at, value) in volatile.as_object().into_iter().flat_map(Object::iter) {
        if let Ok(pointer) = Pointer::parse(at) {
            // A field whose place is gone is not shown: the rules have changed since.
            let _ = pointer.set(body, value.clone());
        }
    }
}

/// Puts the values of secrets in place of their markers.
pub(crate) fn unmark(value: &mut Value, secrets: &Object) {
    if let Some(clear) = json::redact::fingerprint(value).and_then(|fingerprint| secrets.get(fingerprint)) {
        *value = clear.clone();
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| unmark(item, secrets)),
        Value::Object(members) => members.iter_mut().for_each(|(_, member)| unmark(member, secrets)),
        _ => {}
    }
}
