//! What must be allowed by hand, and what is never allowed.

use std::collections::BTreeSet;

use crate::access::{self, strength};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{Context, KindSpec, Provider};
use crate::json::Value;
use crate::restore::form::{Guard, Op, Plan};
use crate::restore::sides::{Seen, name_text};

/// What Lastgood itself signs in with. Nothing may change it: no flag overrides that, because a
/// restore that takes its own rights away cannot be finished or undone.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Ids of users, clients, roles and tokens, whatever their kind.
    pub ids: BTreeSet<String>,
    /// The same by natural name, where the id is not known.
    pub names: BTreeSet<(Kind, String)>,
}

impl Own {
    /// The same with the ids of all named resources among these.
    #[must_use]
    pub(crate) fn resolved<'a>(
        &self,
        catalog: &Provider,
        bodies: impl Iterator<Item = (&'a ResourceKey, &'a Value)>,
    ) -> Self {
        let mut out = self.clone();
        for (key, body) in bodies {
            let name = catalog.kind(&key.kind).and_then(|spec| name_text(spec, body));
            if name.is_some_and(|name| self.names.contains(&(key.kind.clone(), name))) {
                out.ids.insert(key.id().to_owned());
            }
        }
        out
    }

    /// Whether a change of this resource is a change of what Lastgood signs in with: the resource
    /// itself, what hangs on it, and edges that lead to it.
    #[must_use]
    pub fn is_touched_by(&self, spec: &KindSpec, key: &ResourceKey, body: Option<&Value>) -> bool {
        let named = body.and_then(|body| name_text(spec, body));
        key.ids.iter().any(|id| self.ids.contains(id))
            || named.is_some_and(|name| self.names.contains(&(key.kind.clone(), name)))
    }
}

/// Why a step hands out power; empty where it does not.
pub(crate) fn privileged(
    spec: &KindSpec,
    context: &Context<'_>,
    op: Op,
    before: Option<&Value>,
    after: &Value,
) -> Vec<String> {
    let hits = spec.restore.privileged.iter().filter(|rule| {
        op != Op::Delete && strength::grows_weaker(rule, before, Some(after)) && context.satisfies(&rule.only)
    });
    let mut reasons: Vec<String> = Vec::new();
    for rule in hits {
        if !reasons.contains(&rule.why) {
            reasons.push(rule.why.clone());
        }
    }
    reasons
}

/// Whether nobody might be left who can administer the tenant.
pub(crate) fn lockout(catalog: &Provider, seen: &Seen, plan: &Plan) -> Option<Guard> {
    let mut gone: BTreeSet<&ResourceKey> = BTreeSet::new();
    for step in plan.steps.iter().filter(|step| step.op == Op::Delete) {
        gone.insert(&step.key);
        gone.extend(&step.takes_along);
    }
    let kinds = access::granting_kinds(catalog);
    let holders: BTreeSet<&Kind> = catalog
        .kinds
        .iter()
        .filter(|spec| kinds.contains(&spec.kind))
        .flat_map(|spec| &spec.parent)
        .collect();
    let touched = gone.iter().any(|key| kinds.contains(&key.kind) || holders.contains(&key.kind));
    if !touched {
        return None;
    }
    let all = || catalog.kinds.iter().flat_map(|spec| seen.of_kind(&spec.kind)).collect::<Vec<_>>();
    let left: Vec<_> = all().into_iter().filter(|(key, _)| !gone.contains(key)).collect();
    let before = access::administrators(catalog, all());
    let after: BTreeSet<_> =
        access::administrators(catalog, left).into_iter().filter(|key| !gone.contains(key)).collect();
    let removes_grants = gone.iter().any(|key| kinds.contains(&key.kind)) || before.len() > after.len();
    if !removes_grants || !after.is_empty() {
        return None;
    }
    let why = "it removes administrators, and of those that were read none is left afterwards".to_owned();
    Some(Guard::Lockout { why })
}
