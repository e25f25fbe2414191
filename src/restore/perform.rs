//! One step: read, call, read back. See [`apply`](crate::restore::apply) for the whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::ResourceKey;
use crate::base::secret::Secret;
use crate::catalog::{KindSpec, NewId};
use crate::json::{Pointer, Value};
use crate::restore::apply::{Allow, Apply, Outcome, STOPPED, moved};
use crate::restore::form::{Op, Part, Plan, Request, Step};
use crate::restore::ids::Ids;
use crate::restore::journal::{Trace, entry};
use crate::restore::outcome::Expected;
use crate::restore::placeholder::{Found, escape, fill, fill_path, set_deep};
use crate::restore::secrets::{stored, stored_of};
use crate::restore::tenant::{Call, Reply, TenantError};
use crate::restore::wish::without;
use crate::restore::{RestoreError, SecretAt, state_of};
use crate::store::Phase;

mod needed;

/// What a step left behind.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) id: Option<String>,
    /// The canonical body afterwards.
    pub(crate) body: Option<Value>,
}

/// How a step ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
    pub(crate) done: Done,
}

impl Ended {
    pub(crate) fn of(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), done: Done::default() }
    }
}

/// Carries out steps and remembers what they gave.
pub(crate) struct Performer<'p, 'a> {
    run: &'p mut Apply<'a>,
    plan: &'a Plan,
    ids: Ids,
    /// Names of the new values that are taken in place of stored secrets.
    renewed: BTreeMap<SecretAt, String>,
    /// States that this apply itself left behind, by address in the tenant.
    states: BTreeMap<ResourceKey, Option<String>>,
    /// What reads otherwise than the plan saw it because of an earlier step.
    reshaped: BTreeSet<ResourceKey>,
}

impl<'p, 'a> Performer<'p, 'a> {
    pub(crate) fn new(run: &'p mut Apply<'a>) -> Self {
        let plan = run.plan;
        let states = plan.inputs.iter().map(|input| (input.key.clone(), input.state.clone())).collect();
        let renewed = match run.allow.rotate {
            true => stored(plan).into_iter().map(|(secret, asked)| (secret, asked.input)).collect(),
            false => BTreeMap::new(),
        };
        Self { ids: Ids::of(plan), renewed, states, reshaped: BTreeSet::new(), plan, run }
    }

    pub(crate) fn step(&self, index: usize) -> Option<&'a Step> {
        self.plan.steps.get(index)
    }

    pub(crate) fn into_ids(self) -> BTreeMap<ResourceKey, String> {
        self.ids.into_map()
    }

    /// Why a step cannot be tried.
    pub(crate) fn obstacle(&self, step: &Step, lost: &BTreeSet<ResourceKey>) -> Option<String> {
        if let Some(key) = step.after.iter().find(|key| lost.contains(*key)) {
            return Some(format!("it needs `{key}`, which was not restored"));
        }
        let missing = self.missing(step).into_iter().next()?;
        match (self.run.allow.without_secrets, &step.off) {
            (true, Some(_)) => None,
            (true, None) => Some(format!(
                "`{missing}` was not given, and without it there is no way to make it switched off"
            )),
            (false, _) => Some(format!("`{missing}` was not given")),
        }
    }

    /// The names of the secrets that a step needs and nobody gave.
    fn missing(&self, step: &Step) -> Vec<String> {
        let asked = step.needs.iter().filter_map(|need| need.strip_prefix("input ")).map(str::to_owned);
        let renewed =
            stored_of(step).into_iter().filter_map(|(_, secret)| self.renewed.get(&secret).cloned());
        asked.chain(renewed).filter(|name| !self.run.inputs.contains_key(name)).collect()
    }

    pub(crate) async fn perform(
        &mut self,
        index: usize,
        step: &Step,
        trace: &Trace,
    ) -> Result<Ended, RestoreError> {
        if let Some(id) = &trace.id {
            self.ids.insert(&step.key, id.clone());
        }
        if let Some(state) = &trace.done {
            if let Some(key) = self.target(step) {
                self.states.insert(key, state.clone());
            }
            let done = Done { id: self.new_id(step), body: None };
            return Ok(Ended { outcome: Outcome::Already, detail: "done before".into(), done });
        }
        let ended = match self.attempt(index, step, trace).await {
            Ok(ended) => ended,
            Err(Stop::Tenant(error)) => {
                let outcome = if matches!(error, TenantError::Uncertain { .. }) {
                    Outcome::Unknown
                } else {
                    Outcome::Failed
                };
                Ended::of(outcome, error.to_string())
            }
            Err(Stop::Words(words)) => Ended::of(Outcome::Failed, words),
            Err(Stop::Wanted) => Ended::of(Outcome::NotRun, STOPPED),
            Err(Stop::Restore(error)) => return Err(error),
        };
        if ended.outcome.is_good() {
            self.look_again(step).await?;
            let state = ended.done.body.as_ref().map(state_of);
            if let Some(key) = self.target(step) {
                self.states.insert(key, state.clone());
            }
            self.note(
                Phase::Outcome,
                index,
                [
                    ("done", ended.outcome.as_str().into()),
                    ("id", self.ids.get(&step.key).into()),
                    ("state", state.into()),
                ],
            )?;
        }
        Ok(ended)
    }

    /// Reads again what this step made to look otherwise. That nobody else changed it until now was seen
    /// before the first step, or after the last one that did the same.
    async fn look_again(&mut self, step: &Step) -> Result<(), RestoreError> {
        let kinds = self.run.catalog.kind(&step.key.kind).map(|spec| spec.restore.reshapes.as_slice());
        let kinds = kinds.unwrap_or_default();
        let known = self.states.keys().filter(|key| kinds.contains(&key.kind));
        for key in known.cloned().collect::<Vec<_>>() {
            let now = self.run.tenant.read(&key).await?;
            self.reshaped.insert(key.clone());
            self.states.insert(key, now.as_ref().map(state_of));
        }
        Ok(())
    }

    fn note<const N: usize>(
        &mut self,
        phase: Phase,
        index: usize,
        members: [(&str, Value); N],
    ) -> Result<(), RestoreError> {
        Ok(self.run.journal.append(&entry(phase, index, members))?)
    }

    fn new_id(&self, step: &Step) -> Option<String> {
        self.ids.get(&step.key).filter(|id| *id != step.key.id()).map(str::to_owned)
    }

    async fn attempt(&mut self, index: usize, step: &Step, trace: &Trace) -> Result<Ended, Stop> {
        let spec = self.spec(step)?;
        if step.found_by_name {
            let found = self.by_name(spec, step).await?;
            if found.is_none() && !step.requests.iter().any(|request| request.unless_made) {
                return Err("the vendor did not make it as expected".into());
            }
            if let Some(id) = found {
                self.ids.insert(&step.key, id);
            }
        }
        let mut first = trace.answered;
        if trace.open {
            match self.settle(step, spec, trace).await? {
                Settled::AsPlanned(ended) => return Ok(ended),
                Settled::NotDone => {}
                Settled::Done => first += 1,
            }
        } else if !trace.begun {
            match self.before(step, spec).await? {
                Before::Already(body) => {
                    let done = Done { id: self.new_id(step), body };
                    return Ok(Ended { outcome: Outcome::Already, detail: String::new(), done });
                }
                Before::Ready(before) => {
                    let before = before.map(|body| without(&escape(&body), &step.loose));
                    return self.calls(index, step, spec, 0, before).await;
                }
            }
        }
        first = first.min(step.requests.len());
        self.calls(index, step, spec, first, trace.before.clone().filter(|before| !before.is_null())).await
    }

    /// After an intent without an outcome: read what is there.
    async fn settle(&mut self, step: &Step, spec: &KindSpec, trace: &Trace) -> Result<Settled, Stop> {
        if self.target(step).is_none()
            && let Some(found) = self.by_name(spec, step).await?
        {
            self.ids.insert(&step.key, found);
        }
        let now = match self.target(step) {
            Some(key) => self.run.tenant.read(&key).await?,
            None => None,
        };
        let before = trace.before.clone().filter(|before| !before.is_null());
        if self.compare(step, spec, before.as_ref(), now.as_ref()).is_ok_and(|left| left.is_empty()) {
            let done = Done { id: self.new_id(step), body: now };
            let ended = Ended { outcome: Outcome::Done, detail: "it had been done".into(), done };
            return Ok(Settled::AsPlanned(ended));
        }
        let bare = now.as_ref().map(|body| without(&escape(body), &step.loose));
        if bare == trace.state.clone().or(before) {
            return Ok(Settled::NotDone);
        }
        // Between two calls of a step a resource is neither as before nor as planned; whether it
        // becomes as planned is read after the last of them.
        if trace.answered + 1 < step.requests.len() {
            return Ok(Settled::Done);
        }
        Err("it was under way when the apply broke off, and is now neither as before nor as planned; make a new plan"
            .into())
    }

    /// What is there before the first call.
    async fn before(&self, step: &Step, spec: &KindSpec) -> Result<Before, Stop> {
        let Some(key) = self.target(step) else { return Ok(Before::Ready(None)) };
        let now = self.run.tenant.read(&key).await?;
        let state = now.as_ref().map(state_of);
        let fresh = step.is_whole();
        let as_wanted = match (&now, step.op) {
            (None, Op::Delete) => true,
            (Some(_), Op::Delete) | (None, _) => false,
            (Some(_), _) if fresh => {
                self.compare(step, spec, None, now.as_ref()).is_ok_and(|left| left.is_empty())
            }
            (Some(body), _) => self.holds(step, body),
        };
        if as_wanted {
            return Ok(Before::Already(now));
        }
        let expected = self.states.get(&key);
        let fits = match (expected, step.op) {
            // Made by the vendor along with something else of this apply.
            (None | Some(None), Op::Update) if fresh => now.is_some(),
            (Some(expected), _) => *expected == state,
            (None, Op::Update) => false,
            (None, Op::Create) => now.is_none(),
            (None, Op::Delete) => false,
        };
        if !fits {
            let was = expected.is_some_and(Option::is_some) || step.op == Op::Delete;
            let how = moved(was, now.is_some());
            return Err(format!("`{key}` is not as the plan saw it: {how}; make a new plan").into());
        }
        Ok(Before::Ready(now))
    }

    /// Whether every field already is what the step asks for. An earlier step can have brought that
    /// about: a group that is there again is again in the policy that named it.
    fn holds(&self, step: &Step, now: &Value) -> bool {
        self.unmet(step, now).is_empty()
    }

    /// The fields that are not what the step asks for.
    fn unmet(&self, step: &Step, now: &Value) -> Vec<String> {
        let now = escape(now);
        let met = |change: &&crate::json::FieldChange| {
            let wanted = change.to.as_ref().map(|to| self.ids.fill(to));
            match change.pointer.parent().as_ref().and_then(|at| at.get(&now)) {
                // In an array an element is what it is, wherever it stands.
                Some(Value::Array(items)) => match (&wanted, &change.from) {
                    (Some(wanted), _) => items.contains(wanted),
                    (None, Some(gone)) => !items.contains(gone),
                    (None, None) => true,
                },
                _ => change.pointer.get(&now) == wanted.as_ref(),
            }
        };
        let unmet = step.fields.iter().filter(|change| !met(change));
        unmet.map(|change| format!("`{}`", change.pointer)).collect()
    }

    async fn calls(
        &mut self,
        index: usize,
        step: &Step,
        spec: &KindSpec,
        first: usize,
        before: Option<Value>,
    ) -> Result<Ended, Stop> {
        for (number, request) in step.requests.iter().enumerate().skip(first) {
            if request.unless_made && self.target(step).is_some() {
                continue;
            }
            if request.sets.as_ref().is_some_and(|sets| self.stays_off(step, sets)) {
                self.unsent(index, number)?;
                continue;
            }
            let mut call = self.ready(step, request)?;
            if let Some(sets) = &request.sets
                && self.is_switched(index, number, step, sets).await?
            {
                continue;
            }
            if request.if_differs && !self.settles(index, number, step, spec, request, &mut call).await? {
                continue;
            }
            if (self.run.stopped)() {
                return Err(Stop::Wanted);
            }
            self.note(Phase::Intent, index, [("request", number.into()), ("before", before.clone().into())])?;
            let reply = match self.send(&call).await? {
                Ok(reply) => reply,
                Err(error) => {
                    if let TenantError::Refused { status, .. } = &error {
                        self.note(
                            Phase::Outcome,
                            index,
                            [("request", number.into()), ("status", (*status).into())],
                        )?;
                    }
                    return Err(error.into());
                }
            };
            if let Some(how) = request.new_id {
                self.take_id(step, spec, how, &reply).await?;
            }
            let more = number + 1 < step.requests.len();
            let state = match self.target(step).filter(|_| more) {
                Some(key) => {
                    self.run.tenant.read(&key).await?.map(|body| without(&escape(&body), &step.loose))
                }
                None => None,
            };
            self.note(
                Phase::Outcome,
                index,
                [
                    ("request", number.into()),
                    ("status", reply.status.into()),
                    ("id", self.ids.get(&step.key).into()),
                    ("state", state.into()),
                ],
            )?;
        }
        self.verify(step, spec, before.as_ref()).await
    }

    /// Sends a call whose intent is durable, and keeps the right to apply as long as it takes. A call can
    /// wait long before it leaves: whoever has lost the right lets go of it.
    async fn send(&mut self, call: &Call) -> Result<Result<Reply, TenantError>, RestoreError> {
        self.run.journal.keep()?;
        let every = self.run.journal.kept_every();
        let mut answer = self.run.tenant.send(call);
        loop {
            match tokio::time::timeout(every, &mut answer).await {
                Ok(reply) => return Ok(reply),
                Err(_) => match self.run.journal.keep() {
                    // Whoever has it now reads back what became of the call.
                    Err(error) if error.is_lost() => return Err(error.into()),
                    // The next entry says whether the storage answers again.
                    Err(_) | Ok(()) => {}
                },
            }
        }
    }

    async fn verify(&mut self, step: &Step, spec: &KindSpec, before: Option<&Value>) -> Result<Ended, Stop> {
        let key = self.target(step).ok_or("the vendor gave no id for it, and none was found by its name")?;
        let now = self.run.tenant.read(&key).await?;
        let left = match &now {
            // What the plan saw of the rest of it was only what was shown then.
            Some(now)
                if self.reshaped.contains(&key) && !step.is_whole() && self.unmet(step, now).is_empty() =>
            {
                Vec::new()
            }
            _ => self.compare(step, spec, before, now.as_ref())?,
        };
        let done = Done { id: self.new_id(step), body: now };
        if left.is_empty() {
            return Ok(Ended { outcome: Outcome::Done, detail: String::new(), done });
        }
        let detail = format!("read back, it is not as planned in {}", left.join(", "));
        Ok(Ended { outcome: Outcome::Differs, detail, done })
    }

    /// The places where a resource is not as the step leaves it.
    fn compare(
        &self,
        step: &Step,
        spec: &KindSpec,
        before: Option<&Value>,
        now: Option<&Value>,
    ) -> Result<Vec<String>, Stop> {
        let Allow { without_secrets, rotate, .. } = self.run.allow;
        let elsewhere = self.plan.from.is_some();
        let expected = Expected { step, spec, ids: &self.ids, without_secrets, renewed: rotate, elsewhere };
        expected.differences(before, now).map_err(Stop::Words)
    }

    fn target(&self, step: &Step) -> Option<ResourceKey> {
        self.ids.target(step)
    }

    fn spec(&self, step: &Step) -> Result<&'a KindSpec, Stop> {
        let catalog = self.run.catalog;
        catalog.kind(&step.key.kind).ok_or_else(|| Stop::Restore(RestoreError::NoKind(step.key.kind.clone())))
    }

    async fn take_id(&mut self, step: &Step, spec: &KindSpec, how: NewId, reply: &Reply) -> Result<(), Stop> {
        let given = match how {
            NewId::Sent => None,
            NewId::Location => reply.location.as_deref().and_then(|location| {
                let path = location.split(['?', '#']).next().unwrap_or_default();
                crate::base::key::decode_part(path.trim_end_matches('/').rsplit('/').next()?)
            }),
            NewId::Answer => {
                let at = spec.id.as_ref();
                let found = at.and_then(|at| at.get(reply.body.as_ref()?));
                found.and_then(|id| {
                    id.as_str().map(str::to_owned).or_else(|| id.as_number().map(ToString::to_string))
                })
            }
            NewId::List => self.by_name(spec, step).await?,
        };
        let coming = matches!(step.target.last(), Some(Part::Coming(of)) if *of == step.key);
        match given {
            Some(id) if coming => self.ids.insert(&step.key, id),
            None if coming => {
                let found = self.by_name(spec, step).await?.ok_or("the vendor gave no id for it")?;
                self.ids.insert(&step.key, found);
            }
            _ => {}
        }
        Ok(())
    }

    async fn by_name(&self, spec: &KindSpec, step: &Step) -> Result<Option<String>, Stop> {
        Ok(self.ids.by_name(self.run.tenant, spec, step).await?)
    }

    /// A request with everything in place.
    fn ready(&self, step: &Step, request: &Request) -> Result<Call, Stop> {
        let path = fill_path(&request.path, |of| self.ids.get(of).map(str::to_owned))
            .map_err(|of| Stop::Words(format!("the id of `{of}` is not known")))?;
        let body = request.body.as_ref().map(|body| self.resolve(step, body)).transpose()?;
        Ok(Call { method: request.method.clone(), path, body, content_type: request.content_type.clone() })
    }

    fn resolve(&self, step: &Step, body: &Value) -> Result<Secret<Value>, Stop> {
        let mut missing = Vec::new();
        let filled = fill(body, &mut Pointer::root(), &mut |at, found| match found {
            Found::Id(of) => match self.ids.get(&of) {
                Some(id) => Ok(Some(Value::from(id))),
                None => Err(format!("the id of `{of}` is not known")),
            },
            Found::Secret(secret) => match self.renewed.get(&secret) {
                Some(name) => Ok(self.given(name, at, &mut missing)),
                None => self.run.vault.open(&secret).map(|value| Some(value.expose().clone())),
            },
            Found::Input(name) => Ok(self.given(name, at, &mut missing)),
            Found::Literal(inner) => Ok(Some(inner.clone())),
            Found::Text(_) => Ok(None),
        });
        let mut filled = filled.map_err(Stop::Words)?;
        for at in missing.iter().rev() {
            at.remove(&mut filled);
        }
        self.switch_off(step, &mut filled)?;
        Ok(Secret::new(filled))
    }

    fn given(&self, name: &str, at: &Pointer, missing: &mut Vec<Pointer>) -> Option<Value> {
        let value = self.run.inputs.get(name).map(|value| value.expose().clone());
        if value.is_none() {
            missing.push(at.clone());
        }
        value
    }

    /// What lacks a secret is made, and stays, switched off.
    fn switch_off(&self, step: &Step, body: &mut Value) -> Result<(), Stop> {
        if let Some((at, value)) = step.off.as_ref().filter(|_| !self.missing(step).is_empty()) {
            set_deep(body, at, value.clone()).map_err(|error| Stop::Words(error.to_string()))?;
        }
        Ok(())
    }
}

/// What became of a call whose answer is not known.
enum Settled {
    /// The whole step is as planned.
    AsPlanned(Ended),
    /// The call was not done.
    NotDone,
    /// It was done, and others follow.
    Done,
}

enum Before {
    /// As wanted already.
    Already(Option<Value>),
    /// As the plan saw it.
    Ready(Option<Value>),
}

/// Why a step goes no further.
pub(crate) enum Stop {
    /// A person wants it.
    Wanted,
    Tenant(TenantError),
    Words(String),
    Restore(RestoreError),
}

impl From<TenantError> for Stop {
    fn from(error: TenantError) -> Self {
        Self::Tenant(error)
    }
}

impl From<RestoreError> for Stop {
    fn from(error: RestoreError) -> Self {
        Self::Restore(error)
    }
}

impl From<&str> for Stop {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

impl From<String> for Stop {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}
