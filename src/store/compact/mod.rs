//! Compact: the records of closed days stand together, one segment a day.
//!
//! An hour in which little changed takes the smallest object there is, and every object its keys, table and
//! padding. Once a day is over its records are carried into the segment of one compact record: each with its
//! message, log, ledger and payload byte for byte, its bodies at a level that takes more time, and a map of
//! where these lie now. No answer changes: numbers, ids, chain and roots are what they were.
//!
//! As in `prune` the record that says so is written under the tenant's lease, what it replaces dies after the
//! same grace and is deleted by the same proof. It must never carry what it has not read whole, and never take
//! a record out of the sequence. Read `days` for which records are folded, `fold` for how.

mod days;
mod fold;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::format::fields::{Fields, Task};
use crate::store::lease::Lease;
use crate::store::prune::Objects;
use crate::store::retention::Now;
use crate::store::snapshot::Rec;
use crate::store::stored::Stored;
use crate::store::tenant::Tenant;
use crate::store::{Repository, StoreError};

use days::Day;

/// Plans that are made anew because something was committed meanwhile, before others are called too many.
const ATTEMPTS: usize = 8;

/// One day's records, or as many of them as one segment takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoldedDay {
    /// The day, in UTC.
    pub day: Date,
    /// The record that carries them; `None` in a dry run.
    pub record: Option<u64>,
    /// The objects that it replaces.
    pub replaced: Objects,
    /// Bytes of the new one; 0 in a dry run.
    pub written: u64,
}

/// What a run did to one tenant, or would do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TenantCompacted {
    /// What was folded, oldest first.
    pub days: Vec<FoldedDay>,
    /// What earlier runs of `compact` and `prune` marked and this one deleted.
    pub deleted: Objects,
    /// What earlier runs marked and whose grace is not over.
    pub waiting: Objects,
    /// When the first of these may be deleted.
    pub due: Option<Timestamp>,
}

impl Repository {
    /// Folds the closed days of one tenant; `progress` hears days done and in all. `now` is this machine's
    /// time: a day is over when it is by the storage's time too.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while an apply or other maintenance holds the tenant; [`StoreError::ReadOnly`];
    /// [`StoreError::NoKey`] where secrets must move and this key opens none; [`StoreError::Contended`];
    /// something cannot be read, and then nothing is deleted; or the storage failed. Days that were folded
    /// before stay so.
    pub fn compact_tenant(
        &self,
        name: &str,
        now: Timestamp,
        dry_run: bool,
        progress: &dyn Fn(u64, u64),
    ) -> Result<TenantCompacted, StoreError> {
        let mut lease = if dry_run { None } else { Some(self.lease(name)?) };
        let (tenant, newest) = self.at_newest(name)?;
        let now = Now { stated: now, stored: self.core.storage_time()? };
        let mut stored = Stored::list(&self.core, &tenant)?;
        let swept = self.core.sweep((&tenant, &newest), &mut stored, now.stored, lease.as_mut())?;
        let mut report = TenantCompacted {
            deleted: swept.deleted,
            waiting: swept.waiting,
            due: swept.due,
            ..TenantCompacted::default()
        };
        for _ in 0..ATTEMPTS {
            match self.fold_days((name, &tenant), &stored, now, lease.as_mut(), &mut report, progress) {
                // Something was committed since: what it changes is looked at anew.
                Err(StoreError::Contended { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(report),
            }
        }
        Err(StoreError::Contended { tenant: name.to_owned() })
    }

    fn fold_days(
        &self,
        (name, tenant): (&str, &Arc<Tenant>),
        stored: &Stored,
        now: Now,
        mut lease: Option<&mut Lease>,
        report: &mut TenantCompacted,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), StoreError> {
        let (_, mut newest) = self.at_newest(name)?;
        let records = self.core.all_records(tenant, newest.clone())?;
        let mut fencing = records.iter().filter_map(|rec| rec.fencing()).max().unwrap_or(0);
        let days = days::closed(&records, &self.core.pruned(tenant), stored, now);
        let total = days.len() as u64;
        for (day, done) in days.iter().zip(1..) {
            let mut folded = FoldedDay { day: day.date, record: None, replaced: day.objects(), written: 0 };
            if let Some(lease) = lease.as_deref_mut() {
                newest = self.fold_day(tenant, day, lease, (newest, fencing))?;
                fencing = newest.fencing().unwrap_or(fencing).max(fencing);
                (folded.record, folded.written) = (Some(newest.sequence), newest.size);
            }
            report.days.push(folded);
            progress(done, total);
        }
        Ok(())
    }

    /// Commits the record that carries a day; it is in force when this returns.
    fn fold_day(
        &self,
        tenant: &Tenant,
        day: &Day,
        lease: &mut Lease,
        after: (Arc<Rec>, u64),
    ) -> Result<Arc<Rec>, StoreError> {
        let folded = fold::fold(&self.core, tenant, day)?;
        let (from, to) = day.span();
        let fields = |fencing| Fields::Maintenance { task: Task::Compact, from, to, fencing };
        let rec = lease.mark(&fields, folded, after)?;
        self.core.newest(tenant)?;
        Ok(rec)
    }
}
