//! What a credential can read, and what a sweep will cost: asked of a few resources of each kind.
//!
//! Kinds that hang on others are asked for below a handful of parents only, so that a test of a
//! large tenant is quick; the calls of a whole sweep, and of an hour in which nothing changes, are computed
//! from what was counted.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::coverage::{Row, State};
use crate::base::key::Kind;
use crate::catalog::{Provider, RestoreClass};
use crate::collect::agenda::{self, PARTS, Reading};
use crate::provider::{self, Ahead, Item, Known, Live, Outlook};

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
    /// Calls that a whole sweep needs for it, at the most, by the form of their path.
    pub ahead: Vec<Ahead>,
}

impl Probe {
    /// Calls that a whole sweep needs for it, at the most.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.ahead.iter().map(|group| group.requests).sum()
    }
}

/// What is known of the tenant.
pub struct Probed {
    /// By kind, in the order of a sweep.
    pub kinds: Vec<Probe>,
    /// What a full sweep needs.
    pub full: Cost,
    /// What an hourly snapshot needs in which nothing changed, on the average of a day; `None` where every
    /// snapshot reads everything.
    pub hour: Option<Cost>,
}

/// What a run needs.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Calls.
    pub calls: u64,
    /// How long they take, the waiting for the vendor's limits included.
    pub time: Duration,
}

/// Who the tenant is, and its log: from where it was read to, and once more when all has been read.
const HOUR_BESIDE: u64 = 3;

/// What an hourly snapshot needs, by what an hour reads of each kind whatever its events say.
fn hour(
    catalog: &Provider,
    kinds: &[Probe],
    count: &dyn Fn(&Kind) -> u64,
    outlook: &Outlook,
) -> Option<Cost> {
    let audit = catalog.audit.as_ref()?;
    audit.follow?;
    let known = Known::lean(catalog);
    let day = PARTS.unsigned_abs();
    let mut parts = vec![Ahead { path: audit.path.bare(), requests: HOUR_BESIDE * day }];
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
        let times = |requests: u64| probe.ahead.iter().map(move |group| (group, group.requests * requests));
        match agenda::reading(&case) {
            Reading::Carry | Reading::Again(_) => {}
            Reading::Changed => {
                let path = spec.changes.as_ref().map(|changes| changes.path.bare()).unwrap_or_default();
                parts.push(Ahead { path, requests: day });
            }
            Reading::Whole => parts.extend(times(day).map(|(group, requests)| group.of(requests))),
            Reading::Turn => parts.extend(times(1).map(|(group, requests)| group.of(requests))),
        }
    }
    let calls = parts.iter().map(|group| group.requests).sum::<u64>().div_ceil(day);
    parts.iter_mut().for_each(|group| group.requests = group.requests.div_ceil(day));
    Some(Cost { calls, time: outlook.time_of(&parts) })
}

/// Asks for a few resources of every kind.
pub async fn probe(catalog: &'static Provider, live: &Live) -> Probed {
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
            ahead: Vec::new(),
        });
    }
    let count = |kind: &Kind| counts.get(kind).copied().unwrap_or(0);
    for found in &mut kinds {
        let spec = catalog.kind(&found.kind).filter(|_| found.state != State::Excluded);
        found.ahead = spec.map(|spec| provider::ahead(catalog, spec, &count)).unwrap_or_default();
    }
    let outlook = live.outlook();
    let all: Vec<Ahead> = kinds.iter().flat_map(|probe| probe.ahead.iter().cloned()).collect();
    let full = Cost { calls: kinds.iter().map(Probe::calls).sum(), time: outlook.time_of(&all) };
    let hour = hour(catalog, &kinds, &count, &outlook);
    Probed { kinds, full, hour }
}
