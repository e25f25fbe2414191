//! What a credential can read, and what a sweep will cost: asked of a few resources of each kind.
//!
//! Kinds that hang on others are asked for below a handful of parents only, so that a test of a
//! large tenant is quick; the calls of a whole sweep, and of an hour in which nothing changes, are computed
//! from what was counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::base::coverage::{Row, State};
use crate::base::key::Kind;
use crate::catalog::{Provider, RestoreClass};
use crate::collect::agenda::{self, PARTS, Reading};
use crate::provider::{self, Item, Known, Live};

/// Parents below which children are asked for.
const PARENTS_MAX: usize = 5;

/// What is known of one kind.
pub struct Probe {
    /// Which.
    pub kind: Kind,
    /// Whether it can be read.
    pub state: State,
    /// What is missing, or why it is not read.
    pub missing: String,
    /// Whether it can be put back.
    pub restorable: RestoreClass,
    /// Calls that a whole sweep needs for it, at the most.
    pub calls: u64,
}

/// What is known of the tenant.
pub struct Probed {
    /// By kind, in the order of a sweep.
    pub kinds: Vec<Probe>,
    /// How long one call took, on the average.
    pub per_call: Duration,
    /// Calls of an hourly snapshot in which nothing changed, on the average of a day; `None` where every
    /// snapshot reads everything.
    pub hour: Option<u64>,
}

impl Probed {
    /// Calls of a full sweep.
    #[must_use]
    pub fn full(&self) -> u64 {
        self.kinds.iter().map(|probe| probe.calls).sum()
    }

    /// The time that so many calls take, one after the other.
    #[must_use]
    pub fn time_of(&self, calls: u64) -> Duration {
        self.per_call.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
    }
}

/// Who the tenant is, and its log: from where it was read to, and once more when all has been read.
const HOUR_BESIDE: u64 = 3;

/// Calls of an hourly snapshot, by what an hour reads of each kind whatever its events say.
fn hour(catalog: &Provider, kinds: &[Probe], count: &dyn Fn(&Kind) -> u64) -> Option<u64> {
    catalog.audit.as_ref()?.follow?;
    let known = Known::lean(catalog);
    let mut parts = HOUR_BESIDE * PARTS.unsigned_abs();
    for probe in kinds {
        let Some(spec) = catalog.kind(&probe.kind) else { continue };
        let row = Row {
            state: probe.state,
            reason: String::new(),
            count: count(&probe.kind),
            // The full sweep of the day has read it.
            read: Some((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)),
            exceptions: Vec::new(),
        };
        let case = agenda::Case {
            catalog,
            spec,
            needed: known.keeps_more_than_ids(spec),
            row: Some(&row),
            now: Timestamp::UNIX_EPOCH,
            count,
        };
        parts += match agenda::reading(&case) {
            Reading::Carry | Reading::Again(_) => 0,
            Reading::Changed => PARTS.unsigned_abs(),
            Reading::Whole => probe.calls * PARTS.unsigned_abs(),
            Reading::Turn => probe.calls,
        };
    }
    Some(parts.div_ceil(PARTS.unsigned_abs()))
}

/// Asks for a few resources of every kind.
pub async fn probe(catalog: &'static Provider, live: &Live) -> Probed {
    let started = Instant::now();
    let mut known = Known::lean(catalog);
    let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
    let mut kinds = Vec::new();
    for spec in provider::order(catalog).into_iter().flatten() {
        let mut found: Vec<Item> = Vec::new();
        let mut rows = 0;
        let swept = live
            .sweep(spec, &known, &mut |item: Item| {
                rows += 1;
                if found.len() < PARENTS_MAX {
                    found.push(item);
                }
            })
            .await;
        let probed: u64 = spec.parent.iter().map(|parent| known.of_kind(parent).count() as u64).sum();
        let parents: u64 = spec.parent.iter().filter_map(|parent| counts.get(parent)).sum();
        // Below a handful of parents only a share was seen.
        let all = (rows * parents.max(probed)).checked_div(probed).unwrap_or(rows);
        counts.insert(spec.kind.clone(), all);
        found.into_iter().for_each(|item| known.insert(item));
        kinds.push(Probe {
            kind: spec.kind.clone(),
            state: swept.state,
            missing: swept.reason,
            restorable: spec.restore.class,
            calls: 0,
        });
    }
    let count = |kind: &Kind| counts.get(kind).copied().unwrap_or(0);
    for found in &mut kinds {
        let spec = catalog.kind(&found.kind).filter(|_| found.state != State::Excluded);
        found.calls = spec.map_or(0, |spec| provider::forecast(catalog, spec, &count));
    }
    let calls = live.requests().max(1);
    let hour = hour(catalog, &kinds, &count);
    Probed { kinds, hour, per_call: started.elapsed() / u32::try_from(calls).unwrap_or(u32::MAX) }
}
