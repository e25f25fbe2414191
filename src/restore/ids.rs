//! The ids that resources have in the tenant, by recorded address: what a plan knows of them, and
//! what an apply learns.

use std::collections::BTreeMap;

use crate::base::key::ResourceKey;
use crate::catalog::KindSpec;
use crate::json::{Pointer, Value};
use crate::restore::form::{Part, Plan, Step};
use crate::restore::placeholder::{Found, escape, fill};
use crate::restore::sides::natural_name;
use crate::restore::tenant::{Tenant, TenantError};

/// Ids by recorded address.
#[derive(Clone, Default)]
pub(crate) struct Ids(BTreeMap<ResourceKey, String>);

impl Ids {
    /// What the plan knows already.
    pub(crate) fn of(plan: &Plan) -> Self {
        let known = plan.id_changes.iter();
        Self(known.filter_map(|change| Some((change.key.clone(), change.to.clone()?))).collect())
    }

    pub(crate) fn get(&self, key: &ResourceKey) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn insert(&mut self, key: &ResourceKey, id: String) {
        self.0.insert(key.clone(), id);
    }

    pub(crate) fn into_map(self) -> BTreeMap<ResourceKey, String> {
        self.0
    }

    fn parts(&self, parts: &[Part]) -> Option<Vec<String>> {
        let id = |part: &Part| match part {
            Part::Known(id) => Some(id.clone()),
            Part::Coming(of) => self.0.get(of).cloned(),
        };
        parts.iter().map(id).collect()
    }

    /// Where the resource of a step is in the tenant, once all its ids are known.
    pub(crate) fn target(&self, step: &Step) -> Option<ResourceKey> {
        Some(ResourceKey::new(&step.key.kind, self.parts(&step.target)?))
    }

    /// A body with the ids in place of what stood for them; escaped, as bodies that are compared are.
    pub(crate) fn fill(&self, body: &Value) -> Value {
        let filled = fill(body, &mut Pointer::root(), &mut |_, found| {
            Ok::<_, std::convert::Infallible>(match found {
                Found::Id(of) => self.0.get(&of).map(|id| Value::from(id.as_str())),
                _ => None,
            })
        });
        match filled {
            Ok(value) => escape(&value),
            Err(never) => match never {},
        }
    }

    /// The id of the resource of a step's name below the same parent, as the tenant has it.
    pub(crate) async fn by_name(
        &self,
        tenant: &dyn Tenant,
        spec: &KindSpec,
        step: &Step,
    ) -> Result<Option<String>, TenantError> {
        let parents = step.target.split_last().map(|(_, parents)| parents).unwrap_or_default();
        let wanted = step.whole().and_then(|change| change.to.as_ref());
        let Some((parents, wanted)) = self.parts(parents).zip(wanted) else { return Ok(None) };
        if spec.restore.lone {
            let rows = tenant.list(&spec.kind, &parents).await?;
            return Ok(rows.first().filter(|_| rows.len() == 1).map(|(key, _)| key.id().to_owned()));
        }
        let Some(name) = natural_name(spec, &self.fill(wanted)) else { return Ok(None) };
        let rows = tenant.list(&spec.kind, &parents).await?;
        let found = rows.iter().find(|(_, body)| natural_name(spec, body).as_ref() == Some(&name));
        Ok(found.map(|(key, _)| key.id().to_owned()))
    }
}
