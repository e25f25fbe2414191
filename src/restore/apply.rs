//! Doing exactly a plan, and proving it.
//!
//! Nothing is decided here. Every target, reference and guard input must be held by the snapshot
//! before, from which an undo comes, and is read again; the first thing that is not as the plan says
//! stops the apply. Each call has an intent before it and an outcome after it in the journal, and each
//! step is read back and compared. Whoever stops it, and wherever, leaves a journal that says what
//! was done, and of which one call, at most, that is not known.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::base::key::ResourceKey;
use crate::base::secret::Secret;
use crate::base::time::Clock;
use crate::catalog::Provider;
use crate::json::{Object, Value};
use crate::restore::form::{Conflict, Guard, Mode, Plan};
use crate::restore::journal::{Entry, Journal, ROTATE, entry, traces};
use crate::restore::own::Own;
use crate::restore::perform::{Done, Ended, Performer};
use crate::restore::sides::{Recorded, gap};
use crate::restore::tenant::Tenant;
use crate::restore::{RestoreError, SecretAt, state_of};
use crate::store::Phase;

/// What a person allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// This many resources may go.
    pub deletes: u64,
    /// Steps that hand out power.
    pub privileged: bool,
    /// A plan after which nobody might be left to administer the tenant.
    pub lockout: bool,
    /// Make resources without the secrets that nobody gave, switched off.
    pub without_secrets: bool,
    /// Take new values in place of stored secrets.
    pub rotate: bool,
}

/// Opens what is sealed in the repository.
pub trait Vault: Send + Sync {
    /// The value of a secret.
    ///
    /// # Errors
    /// In words for people, never the value.
    fn open(&self, at: &SecretAt) -> Result<Secret<Value>, String>;
}

/// Where an apply starts.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// With the first step.
    Begin {
        /// The snapshot that was taken just before.
        before: &'a str,
        /// What it holds.
        state: &'a dyn Recorded,
    },
    /// Where an earlier run of the same plan broke off.
    Resume,
}

/// An apply under way.
pub struct Apply<'a> {
    /// The provider's catalogue.
    pub catalog: &'a Provider,
    /// What is done.
    pub plan: &'a Plan,
    /// To whom.
    pub tenant: &'a dyn Tenant,
    /// Where it is written down.
    pub journal: &'a mut dyn Journal,
    /// Where stored secrets come from.
    pub vault: &'a dyn Vault,
    /// Secrets that a person gave, by name of input.
    pub inputs: &'a BTreeMap<String, Secret<Value>>,
    /// What a person allows.
    pub allow: Allow,
    /// What Lastgood signs in with.
    pub own: &'a Own,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Where it starts.
    pub start: Start<'a>,
    /// Whether a person wants it to stop: asked before each call and each step.
    pub stopped: &'a (dyn Fn() -> bool + Send + Sync),
}

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done, read back, as planned.
    Done,
    /// It was so already.
    Already,
    /// Not done: an input is missing, or something that it needs was not done.
    Refused,
    /// Done, and the resource is not as planned.
    Differs,
    /// The vendor or the network said no.
    Failed,
    /// The call was sent and no answer came.
    Unknown,
    /// Not tried, because an earlier step stopped the apply.
    NotRun,
}

impl Outcome {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Already => "already",
            Self::Refused => "refused",
            Self::Differs => "differs",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NotRun => "not_run",
        }
    }

    /// Whether the resource is as the plan wants it.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Already)
    }

    fn stops(self) -> bool {
        matches!(self, Self::Differs | Self::Failed | Self::Unknown | Self::NotRun)
    }
}

/// One line of an apply's report.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which step, from 0.
    pub step: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// The id in the tenant, where it is another than recorded.
    pub id: Option<String>,
    /// Why, where it is not as planned; no content of secrets.
    pub detail: String,
}

/// What came of it all.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Each step's line, in order.
    pub lines: Vec<Line>,
    /// The ids that resources have now, by recorded address.
    pub ids: BTreeMap<ResourceKey, String>,
}

impl Line {
    /// The line as JSON.
    #[must_use]
    pub fn to_json(&self, plan: &Plan) -> Value {
        let step = plan.steps.get(self.step);
        let mut out = Object::new();
        out.insert("step", self.step);
        out.insert("op", step.map(|step| step.op.as_str()));
        out.insert("address", step.map(|step| format!("{}/{}", plan.source(), step.key)));
        out.insert("name", step.map(|step| step.name.as_str()));
        out.insert("outcome", self.outcome.as_str());
        out.insert("id", self.id.clone());
        out.insert("detail", self.detail.as_str());
        out.into()
    }
}

impl Summary {
    /// How many steps ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.lines.iter().filter(|line| line.outcome == outcome).count() as u64
    }

    /// Whether everything is as the plan wants it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.outcome.is_good())
    }

    /// The summary line as JSON.
    #[must_use]
    pub fn to_json(&self, plan: &Plan) -> Value {
        let all = [
            Outcome::Done,
            Outcome::Already,
            Outcome::Refused,
            Outcome::Differs,
            Outcome::Failed,
            Outcome::Unknown,
            Outcome::NotRun,
        ];
        let mut out = Object::new();
        out.insert("format", "lastgood/apply/1");
        out.insert("plan", plan.id.to_string());
        out.insert("tenant", plan.tenant.as_str());
        let counts = all.map(|outcome| (outcome.as_str(), Value::from(self.count(outcome))));
        out.insert("summary", Object::from_pairs(counts));
        out.into()
    }
}

impl Apply<'_> {
    /// Carries the plan out. `report` hears of each step as it ends.
    ///
    /// # Errors
    /// What keeps it from beginning: the plan does not hold any more, a guard refuses, something
    /// has moved. Once it has begun, what goes wrong stands in the summary.
    pub async fn run(mut self, report: &mut (dyn FnMut(&Line) + Send)) -> Result<Summary, RestoreError> {
        self.admit()?;
        let entries = self.journal.entries()?;
        match self.start {
            Start::Begin { .. } if !entries.is_empty() => {
                return Err(RestoreError::Begun { id: self.plan.id });
            }
            Start::Resume if entries.is_empty() => {
                return Err(RestoreError::NoApply { prefix: self.plan.id.to_string() });
            }
            Start::Begin { before, state } => self.begin(before, state).await?,
            Start::Resume => {
                let members = [("resumed", true.into()), (ROTATE, self.allow.rotate.into())];
                self.journal.append(&entry(Phase::Accepted, 0, members))?;
            }
        }
        let (summary, stopped) = self.steps(&entries, report).await?;
        let phase = if stopped { Phase::Stopped } else { Phase::Finished };
        let last = self.plan.steps.len().saturating_sub(1);
        let ids = summary.ids.iter().map(|(key, id)| (key.to_path(), Value::from(id.as_str())));
        let ids = Value::from(Object::from_pairs(ids));
        self.journal.append(&entry(phase, last, [("good", summary.is_good().into()), ("ids", ids)]))?;
        Ok(summary)
    }

    /// Writes down that the plan is taken up, once everything that it rests on is as it was.
    async fn begin(&mut self, before: &str, state: &dyn Recorded) -> Result<(), RestoreError> {
        self.is_kept(state)?;
        self.nothing_moved().await?;
        let rotate = (ROTATE, self.allow.rotate.into());
        let members = [("plan", self.plan.to_json()), ("before", before.into()), rotate];
        Ok(self.journal.append(&entry(Phase::Accepted, 0, members))?)
    }

    /// Goes through the steps; the second part is whether it stopped before the end.
    async fn steps(
        &mut self,
        entries: &[Entry],
        report: &mut (dyn FnMut(&Line) + Send),
    ) -> Result<(Summary, bool), RestoreError> {
        let traces = traces(entries, self.plan.steps.len());
        let wanted = self.stopped;
        let mut performer = Performer::new(self);
        let mut summary = Summary::default();
        let mut lost: BTreeSet<ResourceKey> = BTreeSet::new();
        let mut stopped = false;
        for (index, trace) in traces.iter().enumerate() {
            let Some(step) = performer.step(index) else { break };
            let ended = match performer.obstacle(step, &lost) {
                _ if stopped => Ended::of(Outcome::NotRun, "an earlier step stopped the apply"),
                _ if wanted() => Ended::of(Outcome::NotRun, STOPPED),
                Some(why) => Ended::of(Outcome::Refused, why),
                None => performer.perform(index, step, trace).await?,
            };
            if !ended.outcome.is_good() {
                lost.insert(step.key.clone());
            }
            stopped |= ended.outcome.stops();
            let Done { id, .. } = ended.done;
            let line = Line { step: index, outcome: ended.outcome, id, detail: ended.detail };
            report(&line);
            summary.lines.push(line);
        }
        summary.ids = performer.into_ids();
        Ok((summary, stopped))
    }

    /// What can be refused without asking the tenant.
    fn admit(&self) -> Result<(), RestoreError> {
        let begins = matches!(self.start, Start::Begin { .. });
        admit(self.catalog, self.plan, self.own, self.allow, begins.then(|| self.clock.now()))
    }

    /// Holds that the snapshot before has everything on which the plan rests, as the plan saw it.
    fn is_kept(&self, state: &dyn Recorded) -> Result<(), RestoreError> {
        for input in &self.plan.inputs {
            let kept = state.body(&input.key)?.as_ref().map(state_of);
            if kept == input.state {
                continue;
            }
            if let Some(why) = gap(state.ledger(), &input.key) {
                return Err(RestoreError::NotKept { key: input.key.clone(), why });
            }
            let how = moved(input.state.is_some(), kept.is_some());
            return Err(RestoreError::Moved { key: input.key.clone(), how });
        }
        Ok(())
    }

    /// Reads everything again on which the plan rests.
    async fn nothing_moved(&self) -> Result<(), RestoreError> {
        for input in &self.plan.inputs {
            let now = self.tenant.read(&input.key).await?.as_ref().map(state_of);
            if now != input.state {
                return Err(RestoreError::Moved {
                    key: input.key.clone(),
                    how: moved(input.state.is_some(), now.is_some()),
                });
            }
        }
        Ok(())
    }
}

/// What can be refused without asking the tenant; `now` where the plan is about to begin.
///
/// # Errors
/// The plan does not hold any more, or a guard refuses.
pub fn admit(
    catalog: &Provider,
    plan: &Plan,
    own: &Own,
    allow: Allow,
    now: Option<Timestamp>,
) -> Result<(), RestoreError> {
    if plan.content_id() != plan.id {
        return Err(RestoreError::Tampered { id: plan.id });
    }
    if (plan.provider.0.as_str(), plan.provider.1) != (catalog.provider.as_str(), catalog.rules) {
        return Err(RestoreError::OtherRules { provider: plan.provider.0.clone(), rules: plan.provider.1 });
    }
    if now.is_some_and(|now| now > plan.expires) {
        return Err(RestoreError::Expired { at: plan.expires });
    }
    for step in &plan.steps {
        if catalog.kind(&step.key.kind).is_none() {
            return Err(RestoreError::NoKind(step.key.kind.clone()));
        }
        let body = step.whole().and_then(|change| change.to.as_ref().or(change.from.as_ref()));
        if own.is_touched_by(&step.key, body) {
            return Err(RestoreError::OwnIdentity { key: step.key.clone() });
        }
    }
    let open = |conflict: &&Conflict| plan.mode == Mode::ThreeWay && conflict.resolution.is_none();
    if let Some(first) = plan.conflicts.iter().find(open) {
        let count = plan.conflicts.iter().filter(open).count();
        return Err(RestoreError::Undecided { count, first: first.key.clone() });
    }
    let mut needs: Vec<String> = Vec::new();
    for guard in &plan.guards {
        let need = match guard {
            Guard::Delete { count } if *count > allow.deletes => format!("--allow-delete {count}"),
            Guard::Privileged { .. } if !allow.privileged => "--allow-privileged".to_owned(),
            Guard::Lockout { .. } if !allow.lockout => "--allow-lockout".to_owned(),
            _ => continue,
        };
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    if needs.is_empty() { Ok(()) } else { Err(RestoreError::Guarded { needs }) }
}

/// Why a step was not run that a person did not let begin.
pub(crate) const STOPPED: &str = "the apply was stopped before it";

/// How a resource is not as the plan saw it.
pub(crate) fn moved(was: bool, is: bool) -> &'static str {
    match (was, is) {
        (true, false) => "it is gone",
        (false, true) => "it is there again",
        _ => "it was changed",
    }
}
