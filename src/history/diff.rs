//! Two states compared: two moments of the past, or a moment and the tenant as it is now.
//!
//! A difference over a gap is not a difference: where one side did not read a kind whole, what is
//! missing there is reported as unknown, never as removed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::base::coverage::{Ledger, State};
use crate::base::key::{Kind, ResourceKey};
use crate::history::change::{Change, Op, fields};
use crate::history::{History, HistoryError, Moment};
use crate::json::Value;
use crate::store::{Entry, State as Stored};

/// One side of a comparison.
pub trait Side {
    /// The resources of a kind, in key order.
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey>;
    /// Where the body is stored, if it is: equal entries need no look at the bodies.
    fn entry(&self, key: &ResourceKey) -> Option<Entry>;
    /// The main body.
    ///
    /// # Errors
    /// It could not be read.
    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, HistoryError>;
    /// How far the kinds were read.
    fn ledger(&self) -> &Ledger;
    /// When this side was read.
    fn at(&self, kind: &Kind) -> Timestamp;
}

/// A moment of the past as a side.
pub struct Past<'a> {
    history: History<'a>,
    moment: &'a Moment,
    state: &'a Stored,
}

impl<'a> Past<'a> {
    /// All that the moment saw.
    ///
    /// # Errors
    /// Its state cannot be read.
    pub fn new(history: History<'a>, moment: &'a Moment) -> Result<Self, HistoryError> {
        Ok(Self { history, moment, state: moment.state()? })
    }
}

impl Side for Past<'_> {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        self.state.kind(kind).map(|(key, _)| key).collect()
    }

    fn entry(&self, key: &ResourceKey) -> Option<Entry> {
        self.state.get(key)
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, HistoryError> {
        self.state.get(key).map(|entry| self.history.main(key, &entry)).transpose()
    }

    fn ledger(&self) -> &Ledger {
        &self.moment.snapshot.ledger
    }

    fn at(&self, kind: &Kind) -> Timestamp {
        self.moment.read_at(kind)
    }
}

/// What of a moment may differ from another: all else is the same in both.
struct Touched<'a> {
    history: History<'a>,
    moment: &'a Moment,
    entries: BTreeMap<ResourceKey, Entry>,
}

impl Side for Touched<'_> {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        let first = ResourceKey { kind: kind.clone(), ids: Vec::new() };
        let from = self.entries.range(first..).map(|(key, _)| key);
        from.take_while(|key| key.kind == *kind).cloned().collect()
    }

    fn entry(&self, key: &ResourceKey) -> Option<Entry> {
        self.entries.get(key).cloned()
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, HistoryError> {
        self.entries.get(key).map(|entry| self.history.main(key, entry)).transpose()
    }

    fn ledger(&self) -> &Ledger {
        &self.moment.snapshot.ledger
    }

    fn at(&self, kind: &Kind) -> Timestamp {
        self.moment.read_at(kind)
    }
}

/// The tenant as it was just read.
pub struct Present {
    /// The main bodies.
    pub bodies: BTreeMap<ResourceKey, Value>,
    /// How far it was read.
    pub ledger: Ledger,
    /// When.
    pub at: Timestamp,
}

impl Side for Present {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        let first = ResourceKey { kind: kind.clone(), ids: Vec::new() };
        let from = self.bodies.range(first..).map(|(key, _)| key);
        from.take_while(|key| key.kind == *kind).cloned().collect()
    }

    fn entry(&self, _: &ResourceKey) -> Option<Entry> {
        None
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, HistoryError> {
        Ok(self.bodies.get(key).cloned())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn at(&self, _: &Kind) -> Timestamp {
        self.at
    }
}

/// What a comparison found.
pub struct Comparison {
    /// What differs, in key order.
    pub changes: Vec<Change>,
    /// Kinds over which nothing can be said about additions or removals, and why.
    pub unknown: Vec<(Kind, String)>,
    /// Kinds that neither side could or should read: there is nothing to compare.
    pub unread: Vec<Kind>,
}

/// Compares two moments of the past over these kinds, by what was changed between them where that is less than all.
///
/// # Errors
/// A body could not be read.
pub fn compare_moments(
    history: &History<'_>,
    from: &Moment,
    to: &Moment,
    kinds: &[Kind],
    keep: &dyn Fn(&ResourceKey) -> bool,
) -> Result<Comparison, HistoryError> {
    let Some(changes) = from.differences(to)? else {
        return compare(history, &Past::new(*history, from)?, &Past::new(*history, to)?, kinds, keep);
    };
    let mut before = Touched { history: *history, moment: from, entries: BTreeMap::new() };
    let mut after = Touched { history: *history, moment: to, entries: BTreeMap::new() };
    for change in changes {
        before.entries.extend(change.before.map(|entry| (change.key.clone(), entry)));
        after.entries.extend(change.after.map(|entry| (change.key, entry)));
    }
    compare(history, &before, &after, kinds, keep)
}

/// Compares two sides over these kinds; `keep` says which resources are in scope.
///
/// # Errors
/// A body could not be read.
pub fn compare(
    history: &History<'_>,
    from: &dyn Side,
    to: &dyn Side,
    kinds: &[Kind],
    keep: &dyn Fn(&ResourceKey) -> bool,
) -> Result<Comparison, HistoryError> {
    let mut out = Comparison { changes: Vec::new(), unknown: Vec::new(), unread: Vec::new() };
    for kind in kinds {
        let (gap_from, gap_to) = (gap(from.ledger(), kind), gap(to.ledger(), kind));
        if unread(from.ledger(), kind) && unread(to.ledger(), kind) {
            out.unread.push(kind.clone());
            continue;
        }
        for why in [&gap_from, &gap_to].into_iter().flatten() {
            out.unknown.push((kind.clone(), why.clone()));
        }
        let keys: BTreeSet<ResourceKey> =
            from.keys(kind).into_iter().chain(to.keys(kind)).filter(|key| keep(key)).collect();
        for key in keys {
            out.changes.extend(compare_one(history, from, to, &key, (&gap_from, &gap_to))?);
        }
    }
    Ok(out)
}

fn compare_one(
    history: &History<'_>,
    from: &dyn Side,
    to: &dyn Side,
    key: &ResourceKey,
    gaps: (&Option<String>, &Option<String>),
) -> Result<Option<Change>, HistoryError> {
    let (old, new) = (from.entry(key), to.entry(key));
    if old.is_some() && old == new {
        return Ok(None);
    }
    let (old, new) = (from.body(key)?, to.body(key)?);
    let op = match (&old, &new) {
        (None, None) => return Ok(None),
        (None, Some(_)) if gaps.0.is_some() => return Ok(None),
        (Some(_), None) if gaps.1.is_some() => return Ok(None),
        (None, _) => Op::Add,
        (_, None) => Op::Remove,
        _ => Op::Change,
    };
    let fields = fields(history.catalog.kind(&key.kind), old.as_ref(), new.as_ref());
    if fields.is_empty() {
        return Ok(None);
    }
    let at = to.at(&key.kind);
    Ok(Some(Change {
        id: String::new(),
        op,
        key: key.clone(),
        name: None,
        at,
        actor: None,
        told: None,
        fields,
    }))
}

/// Whether a side has nothing of the kind because it is not readable there or not to be read.
fn unread(ledger: &Ledger, kind: &Kind) -> bool {
    let out_of_reach =
        |state| matches!(state, State::NotPermitted | State::NotEntitled | State::NoApi | State::Excluded);
    ledger.rows.get(kind).is_some_and(|row| out_of_reach(row.state) && row.count == 0)
}

/// Why nothing can be concluded from what is missing on a side.
fn gap(ledger: &Ledger, kind: &Kind) -> Option<String> {
    let row = ledger.rows.get(kind);
    match row {
        Some(row) if row.state == State::Complete => None,
        // What came from files is compared as it came: it went only where a file proved that.
        Some(row) if row.state == State::NoApi && row.read.is_some() => None,
        Some(row) => Some(format!("{}: {}", row.state.as_str(), row.reason)),
        None => Some("was not looked at".into()),
    }
}
