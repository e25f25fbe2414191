//! One resource at a moment: its body, since when it was so, until when.

use std::collections::BTreeSet;

use jiff::Timestamp;
use zeroize::Zeroize;

use crate::base::heard::Heard;
use crate::base::key::ResourceKey;
use crate::history::moment::{changed_at, read_whole};
use crate::history::{Between, History, HistoryError, Moment};
use crate::json::{self, Limits, Object, Pointer, Value};
use crate::store::{Entry, Part, Snapshot};

/// Stored bodies that are in memory at once where many are asked for.
pub const BODIES_AT_ONCE: usize = 4096;

/// Resources that are looked up one by one; of more, the whole state is had sooner.
const ONE_BY_ONE: usize = 5_000;

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
    /// What is known of the time between.
    pub between: Between,
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
        if keys.len() > ONE_BY_ONE {
            moment.state()?;
        }
        let (mut there, mut entries) = (Vec::new(), Vec::new());
        for key in keys {
            if let Some(entry) = moment.entry(key)? {
                there.push(key);
                entries.push(entry);
            }
        }
        let mut found = Vec::with_capacity(there.len());
        for (there, entries) in there.chunks(BODIES_AT_ONCE).zip(entries.chunks(BODIES_AT_ONCE)) {
            for (key, bytes) in there.iter().zip(self.repository.read_many(entries, Part::Main)?) {
                found.push(((*key).clone(), parse(key, &bytes.unwrap_or_default())?));
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
        let entry = moment.entry(key)?.ok_or_else(|| HistoryError::NotFound { address: address() })?;
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
        let changes: Vec<u64> =
            self.repository.history(self.tenant, key)?.into_iter().map(|(seq, _)| seq).collect();
        let snapshots = self.repository.snapshots(self.tenant)?;
        let span = Span::of(&reads(&snapshots, key, &changes), &changes, moment.snapshot.seq);
        let read_at = span.read_at.unwrap_or_else(|| moment.read_at(&key.kind));
        let valid_from = (span.without, span.with.unwrap_or(read_at));
        let between = match span.next_read_at {
            None => Between::Unknown,
            next if span.until == next => Between::Changed,
            Some(next) => {
                let after = snapshots.iter().skip_while(|snapshot| snapshot.seq <= span.read_seq);
                let after = after.take_while(|snapshot| snapshot.seq <= span.next_seq);
                let heard = after.map(|snapshot| Heard::from_notes(&snapshot.notes)).collect();
                let own = snapshots.iter().find(|snapshot| snapshot.seq == span.read_seq);
                let own = own.and_then(|snapshot| Heard::from_notes(&snapshot.notes));
                Between::by_log(self.catalog, key, (read_at, next), own.as_ref(), heard)
            }
        };
        Ok(Shown {
            key: key.clone(),
            read_at,
            next_read_at: span.next_read_at,
            between,
            valid_from,
            valid_to: span.until,
            body,
        })
    }
}

/// The snapshots that really read a resource, and when. One whose kind was not read whole carries
/// the old state forward: it counts only where it recorded a change of this very resource.
fn reads(snapshots: &[Snapshot], key: &ResourceKey, changes: &[u64]) -> Vec<(u64, Timestamp)> {
    let read = |snapshot: &Snapshot| {
        let changed = || changes.contains(&snapshot.seq).then(|| changed_at(snapshot, &key.kind));
        read_whole(snapshot, &key.kind).or_else(changed).map(|at| (snapshot.seq, at))
    };
    snapshots.iter().filter_map(read).collect()
}

/// When a resource was read around a moment.
#[derive(Default, PartialEq, Eq, Debug)]
struct Span {
    read_at: Option<Timestamp>,
    read_seq: u64,
    next_read_at: Option<Timestamp>,
    next_seq: u64,
    without: Option<Timestamp>,
    with: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Span {
    /// `reads` in ascending order; `changes` are the snapshots that recorded a change; `here` is the
    /// snapshot that answers.
    fn of(reads: &[(u64, Timestamp)], changes: &[u64], here: u64) -> Self {
        let last = |to: &dyn Fn(u64) -> bool| reads.iter().rev().find(|(seq, _)| to(*seq)).map(|(_, at)| *at);
        let first = |to: &dyn Fn(u64) -> bool| reads.iter().find(|(seq, _)| to(*seq)).map(|(_, at)| *at);
        let from = changes.iter().copied().filter(|seq| *seq <= here).max();
        let to = changes.iter().copied().filter(|seq| *seq > here).min();
        let read_seq = reads.iter().map(|(seq, _)| *seq).filter(|seq| *seq <= here).max();
        let next_seq = reads.iter().map(|(seq, _)| *seq).find(|seq| *seq > here);
        Self {
            read_at: last(&|seq| seq <= here),
            read_seq: read_seq.unwrap_or(here),
            next_read_at: first(&|seq| seq > here),
            next_seq: next_seq.unwrap_or(here),
            without: from.and_then(|from| last(&|seq| seq < from)),
            with: from.and_then(|from| last(&|seq| seq == from)),
            until: to.and_then(|to| last(&|seq| seq == to)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_carried_the_state_forward_did_not_read_it() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        // 2 and 4 could not read the kind; the resource came in 3 and changed in 5.
        let reads = [(1, at(1)), (3, at(3)), (5, at(5)), (6, at(6))];
        let span = Span::of(&reads, &[5, 3], 4);
        assert_eq!(span.read_at, Some(at(3)), "not when the snapshot that carried it was taken");
        assert_eq!((span.without, span.with), (Some(at(1)), Some(at(3))));
        assert_eq!((span.until, span.next_read_at), (Some(at(5)), Some(at(5))));
        assert_eq!(Span::of(&reads, &[5, 3], 6).next_read_at, None);
    }
}
