//! Prune: what retention lets go is marked, waits, and is deleted.
//!
//! **Mark**: one signed record, written under the tenant's lease, says which numbers are void from now
//! on and which segments die, and holds a new log for each snapshot that is kept while the one before it
//! is not. **Wait**: a grace, by the storage's own times. **Delete**: the next run deletes what was
//! marked so long ago, once it has read from the storage, past all caches, every body of every state that
//! is kept, and found the root that was signed with each.
//!
//! A segment in which bodies lie that a kept snapshot needs is small, and then they move into the mark, or
//! it stays whole. It must never delete what is not marked, nor mark what is needed and did not move. A
//! crash anywhere leaves the mark whole or absent, and deleting is begun again. Read `plan` for what is
//! decided, `around` for what applies need, `live` for what must stay, `store/moves` for what moves, `sweep` for the deletion.

mod around;
mod live;
mod plan;
mod sweep;

use jiff::{SignedDuration, Timestamp};

pub use around::{GIVEN_UP_AFTER, Needs};

use crate::format::fields::{Fields, Task};
use crate::store::core::Core;
use crate::store::lease::Lease;
use crate::store::retention::{Fate, Now, Retention};
use crate::store::stored::Stored;
use crate::store::tenant::Tenant;
use crate::store::{Repository, Snapshot, StoreError};

/// How long what was marked waits before it is deleted, by the storage's own times.
pub const GRACE: SignedDuration = SignedDuration::from_hours(72);

/// Plans that are made anew because something was committed meanwhile, before others are called too many.
const ATTEMPTS: usize = 8;

/// Objects, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Objects {
    /// How many.
    pub count: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
}

impl Objects {
    pub(super) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What a run did to one tenant, or would do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TenantPruned {
    /// Every snapshot that was there, in the order of the sequence, and what becomes of it.
    pub fates: Vec<(Snapshot, Fate)>,
    /// The record that marks what goes, if anything does and this was no dry run.
    pub record: Option<u64>,
    /// What this run marks: deleted after the grace.
    pub marked: Objects,
    /// What the mark itself takes: bytes that are written.
    pub written: u64,
    /// Large objects of snapshots that go, or went before, which hold what a kept one still needs.
    pub needed: Objects,
    /// What earlier runs marked and this one deleted.
    pub deleted: Objects,
    /// What earlier runs marked and whose grace is not over.
    pub waiting: Objects,
    /// When the first of these may be deleted.
    pub due: Option<Timestamp>,
}

impl TenantPruned {
    /// How many snapshots go.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Goes(_))).count()
    }
}

/// What a prune is to do.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Which snapshots stay.
    pub policy: &'a Retention,
    /// What applies that have not ended need besides: see [`Needs`].
    pub needs: Needs,
    /// This machine's time, to which the times that writers stated are compared; the storage's own time is asked
    /// of it.
    pub now: Timestamp,
    /// Nothing is marked and nothing deleted.
    pub dry_run: bool,
}

impl Repository {
    /// Prunes one tenant.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while an apply or another prune holds the tenant; [`StoreError::ReadOnly`];
    /// [`StoreError::Contended`]; a kept snapshot that cannot be read, and then nothing is deleted; or the
    /// storage failed.
    pub fn prune_tenant(&self, name: &str, asked: &Asked<'_>) -> Result<TenantPruned, StoreError> {
        let core = self.core.as_ref();
        let mut lease = if asked.dry_run { None } else { Some(self.lease(name)?) };
        let mut deleted = Objects::default();
        for _ in 0..ATTEMPTS {
            let (tenant, newest) = self.at_newest(name)?;
            let now = Now { stated: asked.now, stored: core.storage_time()? };
            let mut stored = Stored::list(core, &tenant)?;
            let mut report = core.sweep((&tenant, &newest), &mut stored, now.stored, lease.as_mut())?;
            // What an attempt deleted stays deleted, though its plan did not hold.
            report.deleted.count += deleted.count;
            report.deleted.bytes += deleted.bytes;
            deleted = report.deleted;
            let plan = plan::Plan::make(self, (name, &tenant, newest), stored, asked, now)?;
            report.fates = plan.fates.clone();
            (report.marked, report.needed, report.written) = (plan.marked(), plan.needed, plan.written());
            let Some(lease) = lease.as_mut().filter(|_| !plan.is_nothing()) else { return Ok(report) };
            match mark(core, &tenant, lease, plan) {
                Ok(sequence) => {
                    report.record = Some(sequence.0);
                    report.written = sequence.1;
                    return Ok(report);
                }
                // Something was committed since the plan was made: it counts too.
                Err(StoreError::Contended { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended { tenant: name.to_owned() })
    }
}

/// Commits the mark; gives its number and size.
fn mark(core: &Core, tenant: &Tenant, lease: &mut Lease, plan: plan::Plan) -> Result<(u64, u64), StoreError> {
    let (from, to) = plan.covers();
    let fields = |fencing| Fields::Maintenance { task: Task::Prune, from, to, fencing };
    let rec = lease.mark(&fields, (plan.payload.encode(), plan.builder), (plan.newest, plan.fencing))?;
    // The lists of what is void and dead are in force from here on.
    core.newest(tenant)?;
    Ok((rec.sequence, rec.size))
}
