//! Which snapshots applies need that have not ended.
//!
//! Of each such plan: the one before it, those during it, the first after what it wrote last, and those that
//! the plan itself names, because secrets are taken from them when it is taken up again; a plan of another
//! tenant may name snapshots of this one. A plan that was cut off may be taken up again though others began
//! and ended since, but not for ever: [`GIVEN_UP_AFTER`] its last record it is given up, and keeps nothing.
//!
//! It must never look into a plan: whoever knows what one is says what it names ([`Needs`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::base::ids::PlanId;
use crate::format::fields::Phase;
use crate::format::names::Name;
use crate::storage::Entry as Listed;
use crate::store::pruned::Pruned;
use crate::store::retention::Now;
use crate::store::segments::object_path;
use crate::store::snapshot::{Rec, time};
use crate::store::stored::Stored;
use crate::store::tenant::Tenant;
use crate::store::{Repository, Snapshot, StoreError, applies};

/// How long after its last record a plan that has not ended still keeps what it needs, by the writer's clock
/// and by the storage's.
pub const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a plan names: tenant and snapshot id, out of the payload of the first record of its apply.
pub type Needs = fn(&[u8]) -> Result<Vec<(String, String)>, String>;

/// What applies keep of one tenant.
pub(super) struct Around {
    /// Numbers of snapshots.
    pub(super) needed: BTreeSet<u64>,
    /// Plans that were cut off so long ago that nobody takes them up again.
    pub(super) given_up: BTreeSet<PlanId>,
}

/// A plan that was begun and has not ended.
struct Open {
    first: Arc<Rec>,
    last: Arc<Rec>,
}

/// A tenant's record objects, by their numbers.
type Records = BTreeMap<u64, Listed>;

/// Reads what the applies of all tenants need of one.
///
/// # Errors
/// A record cannot be read, or it cannot be told what a plan needs: then nobody may let go of anything.
pub(super) fn around(
    repository: &Repository,
    (name, tenant): (&str, &Tenant),
    (records, snapshots): (&[Arc<Rec>], &[Snapshot]),
    objects: &Stored,
    now: Now,
    needs: Needs,
) -> Result<Around, StoreError> {
    let core = repository.core.as_ref();
    let mut around = Around { needed: BTreeSet::new(), given_up: BTreeSet::new() };
    let mut named = Vec::new();
    for (plan, open) in open(records) {
        if is_given_up(&open, (&core.pruned(tenant), &objects.records), now) {
            around.given_up.insert(plan);
            continue;
        }
        let (first, last) = (open.first.sequence, open.last.sequence);
        let before = snapshots.iter().rfind(|snapshot| snapshot.seq < first);
        let after = snapshots.iter().find(|snapshot| snapshot.seq > last);
        let during = snapshots.iter().filter(|snapshot| {
            snapshot.seq > first && (snapshot.seq < last || snapshot.applying == Some(plan))
        });
        around.needed.extend(during.chain(before).chain(after).map(|snapshot| snapshot.seq));
        named.extend(names(repository, tenant, &open, needs)?);
    }
    for other in repository.tenants()?.iter().filter(|other| *other != name) {
        named.extend(named_elsewhere(repository, other, now, needs)?);
    }
    for (_, id) in named.into_iter().filter(|(whose, _)| whose == name) {
        let known = snapshots.iter().find(|snapshot| snapshot.id.to_string() == id);
        around.needed.extend(known.map(|snapshot| snapshot.seq));
    }
    Ok(around)
}

/// What the plans of another tenant name. One that this key does not open cannot be asked.
fn named_elsewhere(
    repository: &Repository,
    other: &str,
    now: Now,
    needs: Needs,
) -> Result<Vec<(String, String)>, StoreError> {
    let (tenant, newest) = match repository.at_newest(other) {
        Err(StoreError::NoKey { .. } | StoreError::UnknownTenant { .. }) => return Ok(Vec::new()),
        found => found?,
    };
    let plans = open(&repository.core.all_records(&tenant, newest)?);
    // Most tenants have none, and then nothing is listed.
    let Some(first) = plans.values().map(|open| open.last.sequence).min() else { return Ok(Vec::new()) };
    let (pruned, listed) = (repository.core.pruned(&tenant), repository.core.listed(&tenant, first)?);
    let mut named = Vec::new();
    for open in plans.values().filter(|open| !is_given_up(open, (&pruned, &listed), now)) {
        named.extend(names(repository, &tenant, open, needs)?);
    }
    Ok(named)
}

/// The plans of these records that have not ended.
fn open(records: &[Arc<Rec>]) -> BTreeMap<PlanId, Open> {
    let mut plans: BTreeMap<PlanId, (Open, Phase)> = BTreeMap::new();
    for rec in applies::valid(records) {
        let Some(applying) = rec.applying() else { continue };
        let fresh = || (Open { first: rec.clone(), last: rec.clone() }, applying.phase);
        let (open, phase) = plans.entry(applying.plan).or_insert_with(fresh);
        (open.last, *phase) = (rec.clone(), applying.phase);
    }
    let open = plans.into_iter().filter(|(_, (_, phase))| *phase != Phase::Finished);
    open.map(|(plan, (open, _))| (plan, open)).collect()
}

/// Whether it is as old as that by both clocks.
fn is_given_up(open: &Open, (pruned, listed): (&Pruned, &Records), now: Now) -> bool {
    let stated = time(open.last.written_ms);
    let stored = pruned.taken_in(listed, open.last.sequence).unwrap_or(now.stored);
    let old = |now: Timestamp, then| now.duration_since(then) > GIVEN_UP_AFTER;
    old(now.stated, stated) && old(now.stored, stored)
}

fn names(
    repository: &Repository,
    tenant: &Tenant,
    open: &Open,
    needs: Needs,
) -> Result<Vec<(String, String)>, StoreError> {
    let payload = repository.core.payload(tenant, &open.first)?;
    needs(&payload).map_err(|what| StoreError::Damaged {
        object: object_path(Name::Record(tenant.prefix, open.first.sequence))
            .map_or_else(|_| "the record of an apply".to_owned(), |path| path.to_string()),
        what,
    })
}
