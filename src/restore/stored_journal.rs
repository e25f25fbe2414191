//! The journal of an apply in the repository: records in the tenant's own sequence, written under
//! the tenant's lease.
//!
//! The first entry holds the plan, so that an apply can be gone on with from its plan's id alone. Two
//! holders cannot both write here: see [`Lease`].

use std::collections::BTreeSet;

use crate::base::ids::PlanId;
use crate::json::{self, Limits, Value};
use crate::restore::journal::{Entry, Journal, JournalError};
use crate::restore::placeholder::{self, Found};
use crate::restore::{Plan, RestoreError};
use crate::store::{ApplyRecord, Lease, Phase, Repository};

/// The journal of one plan.
pub struct StoredJournal {
    lease: Lease,
    plan: PlanId,
    entries: Vec<Entry>,
}

impl StoredJournal {
    /// Takes the tenant's lease, then reads what there is about the plan; nothing is written yet.
    ///
    /// # Errors
    /// Another process applies to the tenant, or what there is cannot be read.
    pub fn open(repository: &Repository, tenant: &str, plan: PlanId) -> Result<Self, JournalError> {
        let lease = repository.lease(tenant)?;
        Ok(Self { lease, plan, entries: entries(repository, tenant, plan)? })
    }
}

impl Journal for StoredJournal {
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.lease.append(self.plan, entry.phase, entry.step, entry.payload.to_canonical())?;
        self.entries.push(entry.clone());
        Ok(())
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.entries.clone())
    }

    fn keep(&mut self) -> Result<(), JournalError> {
        Ok(self.lease.keep()?)
    }
}

/// What is written about a plan's apply, in order.
///
/// # Errors
/// A record cannot be read.
pub fn entries(repository: &Repository, tenant: &str, plan: PlanId) -> Result<Vec<Entry>, JournalError> {
    let records = repository.apply_records(tenant)?;
    records
        .iter()
        .filter(|record| record.plan == plan)
        .map(|record| {
            let payload = payload(repository, tenant, record)?;
            Ok(Entry { phase: record.phase, step: record.step, payload })
        })
        .collect()
}

/// The plan of an apply by its id or the beginning of it, with the tenant's name; `None` where no
/// apply of these tenants has it.
///
/// # Errors
/// Several applies begin so, or a record cannot be read.
pub fn applied_plan(
    repository: &Repository,
    tenants: &[String],
    prefix: &str,
) -> Result<Option<Plan>, RestoreError> {
    let mut found: Option<(&str, ApplyRecord)> = None;
    for tenant in tenants {
        for record in repository.apply_records(tenant).map_err(JournalError::from)? {
            let first = record.phase == Phase::Accepted && record.plan.to_string().starts_with(prefix);
            match &found {
                _ if !first => {}
                None => found = Some((tenant, record)),
                Some((_, known)) if known.plan == record.plan => {}
                Some(_) => return Err(RestoreError::SeveralApplies { prefix: prefix.to_owned() }),
            }
        }
    }
    let Some((tenant, record)) = found else { return Ok(None) };
    let payload = payload(repository, tenant, &record)?;
    let plan = payload.get("plan").ok_or_else(|| JournalError::Damaged {
        seq: record.seq,
        what: "the first record of an apply has no plan".into(),
    })?;
    Plan::from_json(plan).map(Some)
}

/// The snapshots that a plan goes back to and takes secrets from, each with its tenant, by the payload of the
/// first record of its apply: without them it cannot be taken up again.
///
/// # Errors
/// In words, where it is no such payload.
pub fn needs(payload: &[u8]) -> Result<Vec<(String, String)>, String> {
    let payload = json::parse(payload, &Limits::body()).map_err(|error| error.to_string())?;
    let plan = payload.get("plan").ok_or("the first record of an apply has no plan")?;
    let mut snapshots: BTreeSet<String> = placeholder::all(plan)
        .into_iter()
        .filter_map(|(_, found)| match found {
            Found::Secret(at) => at.within().map(|(snapshot, _)| snapshot.to_owned()),
            _ => None,
        })
        .collect();
    let plan = Plan::from_json(plan).map_err(|error| error.to_string())?;
    snapshots.insert(plan.base.clone());
    Ok(snapshots.into_iter().map(|snapshot| (plan.source().to_owned(), snapshot)).collect())
}

fn payload(repository: &Repository, tenant: &str, record: &ApplyRecord) -> Result<Value, JournalError> {
    let bytes = repository.apply_payload(tenant, record)?;
    json::parse(&bytes, &Limits::body())
        .map_err(|error| JournalError::Damaged { seq: record.seq, what: error.to_string() })
}
