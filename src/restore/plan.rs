//! Making a plan: pure, from a recorded state, the tenant as read, a scope and a catalogue.
//!
//! [`wants`] says what must be read first; it is asked again until nothing is missing. The same
//! inputs always give the same plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::base::ids::PlanId;
use crate::base::key::ResourceKey;
use crate::catalog::Provider;
use crate::provider::{Ahead, Outlook, USUAL_LATENCY};
use crate::restore::atlas::Atlas;
use crate::restore::form::{
    Effect, Forecast, Guard, IdChange, Input, Mode, Op, Part, Plan, Refusal, Rewrite, Step,
};
use crate::restore::guard;
use crate::restore::links::Link;
use crate::restore::order;
use crate::restore::own::{Holding, Own};
use crate::restore::reach::{Case, Reach};
use crate::restore::renamed::Renamed;
use crate::restore::scope::Scope;
use crate::restore::sides::{Recorded, Seen, Wants};
use crate::restore::steps::{Drafts, Outcome, is_last};
use crate::restore::{RestoreError, drafts, removals};

/// Everything that a plan is made from.
pub struct Inputs<'a> {
    /// The provider's catalogue; with `from`, as it is [`elsewhere`](Provider::elsewhere).
    pub catalog: &'a Provider,
    /// The tenant's settings, which fill paths.
    pub settings: &'a BTreeMap<String, String>,
    /// The tenant's configured name.
    pub tenant: &'a str,
    /// The tenant that the goal was recorded of, where that is another one: then everything is found by its name.
    pub from: Option<Elsewhere<'a>>,
    /// The id of the snapshot that the goal is.
    pub base: &'a str,
    /// The recorded state to go back to.
    pub goal: &'a dyn Recorded,
    /// The tenant as read.
    pub live: &'a Seen,
    /// What was chosen.
    pub scope: &'a Scope,
    /// Whether what came later goes.
    pub mode: Mode,
    /// What Lastgood signs in with.
    pub own: &'a Own,
    /// How fast the tenant can be asked.
    pub outlook: &'a Outlook,
    /// The time of planning.
    pub now: Timestamp,
    /// How long the plan holds.
    pub valid_for: SignedDuration,
}

/// The other tenant that a goal was recorded of.
#[derive(Clone, Copy)]
pub struct Elsewhere<'a> {
    /// Its configured name.
    pub tenant: &'a str,
    /// What texts name it by: its settings, and what stands beside them
    /// ([`NamesTenant`](crate::catalog::NamesTenant)).
    pub names: &'a BTreeMap<String, String>,
    /// What they name the tenant by that the plan is for.
    pub names_here: &'a BTreeMap<String, String>,
}

/// What must be read of the tenant before the plan can be made; empty when it can.
///
/// # Errors
/// A recorded body could not be read.
pub fn wants(inputs: &Inputs<'_>) -> Result<Wants, RestoreError> {
    let goal = Renamed::new(inputs);
    let atlas = Atlas::new(inputs.catalog, &goal);
    let mut reach = Reach::new(&atlas, inputs.live, inputs.mode, inputs.from.is_some());
    reach.walk(inputs.scope)?;
    if reach.wants.is_empty() {
        drafts::all(&mut reach)?;
    }
    Ok(reach.wants)
}

/// Makes the plan.
///
/// # Errors
/// [`RestoreError::NotRead`] where [`wants`] was not followed; a recorded body could not be read.
pub fn plan(inputs: &Inputs<'_>) -> Result<Plan, RestoreError> {
    let goal = Renamed::new(inputs);
    let atlas = Atlas::new(inputs.catalog, &goal);
    let mut reach = Reach::new(&atlas, inputs.live, inputs.mode, inputs.from.is_some());
    reach.walk(inputs.scope)?;
    let drafts = drafts::all(&mut reach)?;
    if !reach.wants.is_empty() {
        let keys = reach.wants.keys.iter().map(ToString::to_string);
        let first = keys.chain(reach.wants.lists.iter().map(|(kind, _)| kind.to_string())).next();
        let count = reach.wants.keys.len() + reach.wants.lists.len() + reach.wants.along.len();
        return Err(RestoreError::NotRead { count, first: first.unwrap_or_default() });
    }
    Maker::new(inputs, reach, drafts).make()
}

struct Maker<'i, 'a> {
    inputs: &'i Inputs<'a>,
    reach: Reach<'i>,
    drafts: Drafts<'i>,
    plan: Plan,
    rests_on: BTreeSet<ResourceKey>,
}

impl<'i, 'a> Maker<'i, 'a> {
    fn new(inputs: &'i Inputs<'a>, mut reach: Reach<'i>, drafts: Drafts<'i>) -> Self {
        let plan = Plan {
            id: PlanId([0; 32]),
            tenant: inputs.tenant.to_owned(),
            from: inputs.from.map(|from| from.tenant.to_owned()),
            provider: (inputs.catalog.provider.clone(), inputs.catalog.rules),
            base: inputs.base.to_owned(),
            read: inputs.live.at,
            expires: inputs.now.saturating_add(inputs.valid_for).unwrap_or(inputs.now),
            mode: inputs.mode,
            steps: Vec::new(),
            refused: std::mem::take(&mut reach.refused),
            unchanged: 0,
            secrets: Vec::new(),
            id_changes: Vec::new(),
            rewrites: Vec::new(),
            effects: Vec::new(),
            guards: Vec::new(),
            access: None,
            conflicts: inputs.scope.conflicts().to_vec(),
            undoes: inputs.scope.undoes.clone(),
            unexplained: inputs.scope.unexplained.clone(),
            inputs: Vec::new(),
            forecast: Forecast::default(),
            approvals: Vec::new(),
            signature: None,
        };
        Self { inputs, reach, drafts, plan, rests_on: BTreeSet::new() }
    }

    fn make(mut self) -> Result<Plan, RestoreError> {
        let own = self.inputs.own.resolved(self.reach.atlas, self.inputs.live)?;
        let mut nodes = Vec::new();
        let keys: Vec<ResourceKey> = self.drafts.by_key.keys().cloned().collect();
        for key in &keys {
            let Some(draft) = self.drafts.by_key.get(key) else { continue };
            self.plan.conflicts.extend(draft.conflicts.iter().cloned());
            let outcome = self.drafts.steps(&self.reach, self.inputs, &own, draft, &mut self.plan.secrets)?;
            match outcome {
                Outcome::Unchanged => self.plan.unchanged += 1,
                Outcome::Refused(reason) => {
                    let body = draft.item.goal.as_ref().or(draft.item.live.as_ref());
                    let named = |body| self.reach.atlas.full_name(&draft.key, body);
                    let name = body.map_or_else(|| draft.key.id().to_owned(), named);
                    self.plan.refused.push(Refusal { key: draft.key.clone(), name, reason });
                }
                Outcome::Steps(steps) => {
                    let rank = |step: &Step| match is_last(draft.spec, step) {
                        true => u32::MAX,
                        false => draft.spec.restore.order,
                    };
                    let among = draft.place().unwrap_or_default();
                    let ranked = steps.into_iter().map(|step| (rank(&step), step));
                    nodes.extend(
                        ranked.map(|(rank, step)| order::Node { among, ..order::Node::new(step, rank) }),
                    );
                }
            }
        }
        removals::lead(&self.reach, &mut nodes);
        let (steps, circle) = order::sort(nodes);
        self.plan.steps = steps;
        if !circle.is_empty() {
            let names: Vec<String> = circle.iter().map(|step| step.key.to_path()).collect();
            let reason = format!("these wait for each other: {}", names.join(", "));
            let refused = circle.into_iter().map(|step| Refusal {
                key: step.key,
                name: step.name,
                reason: reason.clone(),
            });
            self.plan.refused.extend(refused);
        }
        self.drop_dependents();
        // What goes with something that is removed is listed there, whether it could be removed alone or not.
        let along = self.plan.steps.iter().filter(|step| step.op == Op::Delete);
        let along: BTreeSet<ResourceKey> = along.flat_map(|step| step.takes_along.clone()).collect();
        self.plan.refused.retain(|refusal| !along.contains(&refusal.key));
        self.tell();
        self.guards(&own);
        self.witnesses();
        self.forecast();
        self.plan.refused.sort_by(|a, b| {
            let place =
                |row: &Refusal| (row.key.kind.clone(), row.name.clone(), row.key.clone(), row.reason.clone());
            place(a).cmp(&place(b))
        });
        self.plan.refused.dedup();
        self.plan.id = self.plan.content_id();
        Ok(self.plan)
    }

    /// What needs something that is refused is refused too.
    fn drop_dependents(&mut self) {
        loop {
            let kept: BTreeSet<ResourceKey> = self.plan.steps.iter().map(|step| step.key.clone()).collect();
            let lost = |step: &Step| step.after.iter().find(|key| !kept.contains(*key)).cloned();
            let Some(at) = self.plan.steps.iter().position(|step| lost(step).is_some()) else { break };
            let step = self.plan.steps.remove(at);
            let missing = lost(&step).map(|key| key.to_path()).unwrap_or_default();
            // Its other step, if it has one, cannot stand alone.
            self.plan.steps.retain(|other| other.key != step.key);
            let reason = format!("it needs `{missing}`, which is not restored");
            self.plan.refused.push(Refusal { key: step.key, name: step.name, reason });
        }
        let kept: BTreeSet<&ResourceKey> = self.plan.steps.iter().map(|step| &step.key).collect();
        self.plan.secrets.retain(|secret| kept.contains(&secret.key));
    }

    /// Ids, references, effects: everything that follows from the steps that are left.
    fn tell(&mut self) {
        for (from, to) in &self.reach.moved {
            self.plan.id_changes.push(IdChange { key: from.clone(), to: Some(to.id().to_owned()) });
        }
        let mut told = BTreeSet::new();
        for step in &self.plan.steps {
            let coming = matches!(step.target.last(), Some(Part::Coming(of)) if *of == step.key);
            if coming && told.insert(step.key.clone()) {
                self.plan.id_changes.push(IdChange { key: step.key.clone(), to: None });
            }
            let spec = self.inputs.catalog.kind(&step.key.kind);
            for what in spec.into_iter().flat_map(|spec| &spec.restore.effects) {
                self.plan.effects.push(Effect { key: step.key.clone(), what: what.clone() });
            }
        }
        let mut told = BTreeSet::new();
        let touched = self.plan.steps.iter().filter(|step| told.insert(&step.key));
        for draft in touched.filter_map(|step| self.drafts.by_key.get(&step.key)) {
            for found in &draft.links {
                let (from, means) = match &found.link {
                    Link::Rewritten { goal, .. } => (found.was.clone(), goal),
                    Link::Coming { value, goal } => (value.clone(), goal),
                    _ => continue,
                };
                let (key, pointer) = (draft.key.clone(), found.at.clone());
                self.plan.rewrites.push(Rewrite { key, pointer, from, means: means.clone() });
            }
            self.rests_on.extend(draft.rests_on());
        }
    }

    fn guards(&mut self, own: &Holding) {
        let count = self.plan.deletes();
        if count > 0 {
            self.plan.guards.push(Guard::Delete { count });
        }
        for step in &mut self.plan.steps {
            if step.op == Op::Delete {
                step.needs.push("--allow-delete".into());
            }
            if let Some(why) = self.drafts.privileged.borrow().get(&step.key) {
                step.needs.push("--allow-privileged".into());
                let guard = Guard::Privileged { key: step.key.clone(), why: why.clone() };
                if !self.plan.guards.contains(&guard) {
                    self.plan.guards.push(guard);
                }
            }
        }
        let lockout = guard::lockout(self.inputs.catalog, self.inputs.live, own, &self.plan.steps);
        self.plan.guards.extend(lockout);
    }

    /// The states on which the plan rests.
    fn witnesses(&mut self) {
        let mut keys = std::mem::take(&mut self.rests_on);
        for step in &self.plan.steps {
            let made_below = step.after.iter().any(|key| {
                let made = self.reach.items.get(key).is_some_and(|item| item.case == Case::Create);
                made && step.key.ids.starts_with(&key.ids) && step.key != *key
            });
            keys.extend(step.known_target().filter(|_| !made_below));
            for parent in crate::restore::sides::parents_of(self.inputs.catalog, &step.key) {
                if let Some(moved) = self.reach.moved.get(&parent) {
                    keys.insert(moved.clone());
                } else if self.inputs.live.body(&parent).is_some() {
                    keys.insert(parent);
                }
            }
        }
        self.plan.inputs = keys
            .into_iter()
            .map(|key| Input { state: self.inputs.live.body(&key).map(crate::restore::state_of), key })
            .collect();
    }

    /// Each input once before the first write; each target before and after its step.
    fn forecast(&mut self) {
        let catalog = self.inputs.catalog;
        let reading = |key: &ResourceKey| {
            let path = catalog.kind(&key.kind).and_then(|spec| spec.gets().pop()).unwrap_or_default();
            Ahead { path, requests: 1 }
        };
        let mut ahead: Vec<Ahead> = self.plan.inputs.iter().map(|input| reading(&input.key)).collect();
        for step in &self.plan.steps {
            ahead.push(reading(&step.key));
            let requests = step.requests.iter();
            ahead.extend(requests.map(|request| Ahead { path: request.path.to_string(), requests: 1 }));
            ahead.push(reading(&step.key));
        }
        // What a call takes at the vendor is one part; its two records of the journal are another, so the forecast
        // goes by the usual and not by what reads took a moment ago.
        let outlook = self.inputs.outlook.clone().with_latency(USUAL_LATENCY).one_by_one();
        let seconds = outlook.time_of(&ahead).as_millis().div_ceil(1000);
        self.plan.forecast =
            Forecast { calls: ahead.len() as u64, seconds: u64::try_from(seconds).unwrap_or(u64::MAX) };
    }
}
