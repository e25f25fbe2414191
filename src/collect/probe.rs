//! What a credential can read, and what a sweep will cost: asked of a few resources of each kind.
//!
//! Kinds that hang on others are asked for below a handful of parents only, so that a test of a
//! large tenant is quick; the calls of a whole sweep are computed from what was counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::base::coverage::State;
use crate::base::key::Kind;
use crate::catalog::{Provider, RestoreClass};
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
    Probed { kinds, per_call: started.elapsed() / u32::try_from(calls).unwrap_or(u32::MAX) }
}
