//! The way back from an apply, whole or broken off: what it touched, and what is wished of each.
//!
//! The goal is the snapshot that was taken before it, and only what the journal has an intent for is
//! in scope. What is still as the apply left it goes back whole; of what somebody changed since, only
//! the fields that the apply had changed, and what the apply made and somebody changed is left and
//! named. An ordinary plan comes of it: shown, guarded, applied and undone like any other.

use std::collections::BTreeMap;

use crate::base::ids::PlanId;
use crate::base::key::ResourceKey;
use crate::catalog::{KindSpec, Provider};
use crate::json::{FieldChange, Value};
use crate::restore::form::{Op, Plan, Refusal, Step};
use crate::restore::ids::Ids;
use crate::restore::journal::{Entry, ROTATE, Trace, traces};
use crate::restore::outcome::Expected;
use crate::restore::stored_journal::entries;
use crate::restore::tenant::Tenant;
use crate::restore::{RestoreError, Scope, Wish, state_of};
use crate::store::Repository;

/// An apply, as its journal tells it.
pub struct Past {
    /// What was to be done.
    pub plan: Plan,
    /// The id of the snapshot that was taken before.
    pub before: String,
    /// Whether stored secrets may have been given new values by it.
    renewed: bool,
    traces: Vec<Trace>,
}

/// What an apply did to one resource, over all its steps.
struct Touched<'p> {
    steps: Vec<&'p Step>,
    /// The body before the first of them, without what is not compared.
    before: Option<&'p Value>,
    /// The state that the last one left; outer `None`: it was not brought to its end.
    left: Option<Option<String>>,
}

impl Past {
    /// Reads what is known of an apply of a tenant.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(repository: &Repository, tenant: &str, plan: PlanId) -> Result<Self, RestoreError> {
        let none = || RestoreError::NoApply { prefix: plan.to_string() };
        Self::from_entries(&entries(repository, tenant, plan)?)?.ok_or_else(none)
    }

    /// The same from a journal's entries; `None` where no plan was taken up.
    ///
    /// # Errors
    /// The plan in it is none.
    pub fn from_entries(entries: &[Entry]) -> Result<Option<Self>, RestoreError> {
        let first = entries.iter().find_map(|entry| {
            let text = |name: &str| entry.payload.get(name).and_then(Value::as_str);
            Some((entry.payload.get("plan")?, text("before")?))
        });
        let Some((plan, before)) = first else { return Ok(None) };
        let plan = Plan::from_json(plan)?;
        let traces = traces(entries, plan.steps.len());
        let renewed = |entry: &Entry| entry.payload.get(ROTATE) == Some(&Value::Bool(true));
        let renewed = entries.iter().any(renewed);
        Ok(Some(Self { before: before.to_owned(), renewed, traces, plan }))
    }

    /// What a plan of the way back is about. The tenant is read for it.
    ///
    /// # Errors
    /// The tenant cannot be read, or the plan is of another catalogue.
    pub async fn scope(&self, catalog: &Provider, tenant: &dyn Tenant) -> Result<Scope, RestoreError> {
        let mut scope = Scope::default();
        let ids = self.ids(catalog, tenant).await?;
        for (key, touched) in self.touched(&ids) {
            let now = tenant.read(&key).await?;
            self.add(&mut scope, catalog, &ids, key, &touched, now.as_ref())?;
        }
        Ok(scope)
    }

    /// The ids that it gave. Of a call that made something and whose answer was lost, the id is found
    /// by name.
    async fn ids(&self, catalog: &Provider, tenant: &dyn Tenant) -> Result<Ids, RestoreError> {
        let mut ids = Ids::of(&self.plan);
        for (step, trace) in self.begun() {
            if let Some(id) = &trace.id {
                ids.insert(&step.key, id.clone());
            } else if ids.target(step).is_none() {
                let spec = catalog.kind(&step.key.kind);
                let spec = spec.ok_or_else(|| RestoreError::NoKind(step.key.kind.clone()))?;
                if let Some(found) = ids.by_name(tenant, spec, step).await? {
                    ids.insert(&step.key, found);
                }
            }
        }
        Ok(ids)
    }

    fn begun(&self) -> impl Iterator<Item = (&Step, &Trace)> {
        self.plan.steps.iter().zip(&self.traces).filter(|(_, trace)| trace.begun)
    }

    /// What was touched, by its address in the tenant.
    fn touched(&self, ids: &Ids) -> BTreeMap<ResourceKey, Touched<'_>> {
        let mut touched: BTreeMap<ResourceKey, Touched<'_>> = BTreeMap::new();
        for (step, trace) in self.begun() {
            // Without an id nothing of it is there.
            let Some(key) = ids.target(step) else { continue };
            let before = trace.before.as_ref().filter(|before| !before.is_null());
            let known =
                touched.entry(key).or_insert_with(|| Touched { steps: Vec::new(), before, left: None });
            known.steps.push(step);
            known.left.clone_from(&trace.done);
        }
        touched
    }

    /// What the apply left of a resource, as far as it can be told afterwards.
    fn expected<'e>(&self, step: &'e Step, spec: &'e KindSpec, ids: &'e Ids) -> Expected<'e> {
        let elsewhere = self.plan.from.is_some();
        Expected { step, spec, ids, without_secrets: true, renewed: self.renewed, elsewhere }
    }

    fn add(
        &self,
        scope: &mut Scope,
        catalog: &Provider,
        ids: &Ids,
        key: ResourceKey,
        touched: &Touched<'_>,
        now: Option<&Value>,
    ) -> Result<(), RestoreError> {
        let Some(last) = touched.steps.last() else { return Ok(()) };
        let spec = catalog.kind(&key.kind).ok_or_else(|| RestoreError::NoKind(key.kind.clone()))?;
        // Also what the vendor made along with something else, and a step then changed.
        let made = touched.steps.iter().any(|step| step.is_whole());
        let expected = self.expected(last, spec, ids);
        let as_left = touched.left == Some(now.map(state_of))
            || expected.differences(touched.before, now).is_ok_and(|left| left.is_empty());
        let removed = last.op == Op::Delete;
        if as_left || (touched.left.is_none() && (made || removed)) {
            for along in &last.takes_along {
                scope.add(along.clone(), Wish::Whole);
            }
            scope.add(key, Wish::Whole);
        } else if made || removed {
            let reason = match (made, now) {
                // Nothing of what was made is left to be removed.
                (true, None) => return Ok(()),
                (true, Some(_)) => {
                    "it was made by the apply and changed since; remove it by hand, or leave it"
                }
                (false, _) => "it was removed by the apply and is there again",
            };
            scope.refuse(Refusal { key, name: last.name.clone(), reason: reason.to_owned() });
        } else {
            let changes: Vec<FieldChange> = touched
                .steps
                .iter()
                // The last change first: what it left is what is there.
                .rev()
                .flat_map(|step| self.expected(step, spec, ids).fields())
                .collect();
            scope.add(key, Wish::Revert(changes));
        }
        Ok(())
    }
}
