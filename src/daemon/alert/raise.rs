//! What a snapshot gives to tell: the rules that its changes strike, and what differs from the baseline.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::{Kind, ResourceKey};
use crate::base::when::When;
use crate::catalog::Provider;
use crate::daemon::alert::ask::{Answer, Ask, AskError};
use crate::daemon::alert::outbox::Drift;
use crate::daemon::alert::rule::{Rule, Rules, Seen};
use crate::daemon::alert::{Alert, Class, Outbox, Phase, SUBJECTS_MAX, Subject, id_of, states};
use crate::history::{Change, History, HistoryError, Moment, Op};
use crate::json::Value;
use crate::store::{Entry, Past, Repository, Snapshot, StoreError};

/// Whose snapshots are worked through, and by what.
pub struct Raise<'a> {
    /// Where they are.
    pub repository: &'a Repository,
    /// What the bodies mean.
    pub catalog: &'static Provider,
    /// Whose.
    pub tenant: &'a str,
    /// The rules.
    pub rules: &'a Rules,
    /// The kinds of which drift is told; empty for all.
    pub drift: &'a [String],
}

/// Resources of one kind that a rule sees beside a change: a parent has a few roles, not thousands.
const BESIDE_MAX: usize = 100;

/// Why a history could not be worked through.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// It could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Its changes could be shown to no rule.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<StoreError> for RaiseError {
    fn from(error: StoreError) -> Self {
        Self::History(error.into())
    }
}

/// Who is asked what rules say, and which came to no end: those are asked of nothing more while a history is worked
/// through, or each of its snapshots would wait for them.
struct Asking<'a> {
    who: &'a mut dyn Ask,
    given_up: BTreeSet<String>,
}

/// What rules said of the changes of one snapshot, by their number.
#[derive(Default)]
struct Said {
    struck: BTreeMap<usize, Vec<Subject>>,
    ended: BTreeSet<usize>,
    gave_up: BTreeMap<usize, (Subject, String)>,
}

/// A change with the bodies that a rule sees.
struct Struck {
    change: Change,
    before: Option<Value>,
    after: Option<Value>,
}

impl Raise<'_> {
    fn history(&self) -> History<'_> {
        History { repository: self.repository, catalog: self.catalog, tenant: self.tenant }
    }

    /// Works through every snapshot that was not yet. What was there when alerts were first asked for is no
    /// news.
    ///
    /// # Errors
    /// A record or a body could not be read, or rules cannot be asked; the outbox is then to be thrown away.
    pub fn work_through(&self, outbox: &mut Outbox, who: &mut dyn Ask) -> Result<(), RaiseError> {
        let mut asking = Asking { who, given_up: BTreeSet::new() };
        let snapshots = self.repository.snapshots(self.tenant)?;
        let Some(newest) = snapshots.last() else {
            // Nothing was there before: only the first snapshot is no news.
            outbox.through.get_or_insert(0);
            return Ok(());
        };
        let through = *outbox.through.get_or_insert(newest.seq);
        let mut before: Option<&Snapshot> = None;
        for snapshot in &snapshots {
            if let Some(before) = before.filter(|_| snapshot.seq > through) {
                let found = (snapshot.id.to_string(), snapshot.finished);
                let ledgers = (&before.ledger, &snapshot.ledger);
                states::of_ledger(outbox, self.tenant, (&found.0, found.1), ledgers.0, ledgers.1);
                self.events(outbox, snapshot, &mut asking)?;
                outbox.through = Some(snapshot.seq);
            } else if snapshot.seq > through {
                // The first one of a history: everything in it was there before.
                outbox.through = Some(snapshot.seq);
            }
            before = Some(snapshot);
        }
        self.forget_rules(outbox, newest);
        Ok(self.drifted(outbox, &snapshots)?)
    }

    /// The rules that a snapshot's changes strike: one alert a rule, however many there are.
    fn events(
        &self,
        outbox: &mut Outbox,
        snapshot: &Snapshot,
        asking: &mut Asking<'_>,
    ) -> Result<(), RaiseError> {
        let rules: Vec<&Rule> = self.rules.of(&self.catalog.provider).collect();
        let said = self.said(&rules, snapshot, asking)?;
        for (number, rule) in rules.into_iter().enumerate() {
            let struck = said.struck.get(&number).filter(|struck| struck.len() as u64 >= rule.at_least);
            if let Some(subjects) = struck {
                let alert = self.by_rule(snapshot, rule, subjects.clone())?;
                outbox.push(alert);
            }
            let gave_up = said.gave_up.get(&number).cloned();
            if gave_up.is_some() || said.ended.contains(&number) {
                let found = (snapshot.id.to_string(), snapshot.finished);
                states::of_rule(outbox, self.tenant, (&found.0, found.1), &rule.name, gave_up);
            }
        }
        Ok(())
    }

    fn said(
        &self,
        rules: &[&Rule],
        snapshot: &Snapshot,
        asking: &mut Asking<'_>,
    ) -> Result<Said, RaiseError> {
        let mut said = Said::default();
        let mut moment = None;
        let past = self.repository.past(self.tenant)?;
        for stored in past.changes(snapshot.seq)? {
            let op = Op::between(stored.before.as_ref(), stored.after.as_ref()).as_str();
            let is_asked =
                |rule: &Rule| rule.is_about(&stored.key.kind, op) && !asking.given_up.contains(&rule.name);
            let about: Vec<(usize, &&Rule)> =
                rules.iter().enumerate().filter(|(_, rule)| is_asked(rule)).collect();
            if about.is_empty() {
                continue;
            }
            let seen = self.seen(&past, snapshot, &stored)?;
            for (number, rule) in about {
                let beside = self.beside(&mut moment, snapshot, &stored.key, rule)?;
                let input = self.input(&seen, beside);
                match asking.who.ask(&rule.when, &input)? {
                    Answer::GaveUp(why) => {
                        asking.given_up.insert(rule.name.clone());
                        said.gave_up.insert(number, (self.subject(&seen), why));
                        continue;
                    }
                    Answer::Passes => {}
                    // A rule that fails on a body that it did not expect tells of it rather than of nothing.
                    Answer::Strikes | Answer::Fails => {
                        said.struck.entry(number).or_default().push(self.subject(&seen));
                    }
                }
                said.ended.insert(number);
            }
        }
        Ok(said)
    }

    /// A rule that is there no more fails no more.
    fn forget_rules(&self, outbox: &mut Outbox, newest: &Snapshot) {
        let id = newest.id.to_string();
        for name in states::failed_rules(outbox) {
            if self.rules.of(&self.catalog.provider).all(|rule| rule.name != name) {
                states::of_rule(outbox, self.tenant, (&id, newest.finished), &name, None);
            }
        }
    }

    fn seen(
        &self,
        past: &Past,
        snapshot: &Snapshot,
        stored: &crate::store::Change,
    ) -> Result<Struck, HistoryError> {
        let history = self.history();
        let body = |entry: Option<&Entry>| entry.map(|entry| history.main(&stored.key, entry)).transpose();
        let (before, after) = (body(stored.before.as_ref())?, body(stored.after.as_ref())?);
        let mut change = history.change_of(snapshot, &stored.key, before.as_ref(), after.as_ref());
        change.actor = history.actor(past, snapshot, &stored.key)?;
        change.name = after.as_ref().or(before.as_ref()).map(|body| history.own_name(&stored.key, body));
        Ok(Struck { change, before, after })
    }

    /// What there is on the same parent, of the kinds that a rule sees there. The state is read once for a snapshot, and
    /// only where a rule asks for it.
    fn beside(
        &self,
        moment: &mut Option<Moment>,
        snapshot: &Snapshot,
        key: &ResourceKey,
        rule: &Rule,
    ) -> Result<Vec<(Kind, Vec<Value>)>, HistoryError> {
        if rule.beside.is_empty() || key.above().is_empty() {
            return Ok(Vec::new());
        }
        let history = self.history();
        let moment = match moment {
            Some(moment) => moment,
            None => moment.insert(history.moment(&When::Snapshot(snapshot.id.to_string()))?),
        };
        let bodies = |kind: &Kind| {
            let keys = moment.state()?.below(kind, key.above()).take(BESIDE_MAX).collect();
            let found = history.bodies(moment, &keys)?;
            Ok((kind.clone(), found.into_iter().map(|(_, body)| body).collect()))
        };
        rule.beside.iter().map(bodies).collect()
    }

    fn input(&self, seen: &Struck, beside: Vec<(Kind, Vec<Value>)>) -> Vec<u8> {
        let change = seen.change.to_json(self.tenant);
        let part = |name: &str| change.get(name).cloned().unwrap_or(Value::Null);
        Seen {
            op: seen.change.op.as_str(),
            kind: seen.change.key.kind.as_str(),
            address: format!("{}/{}", self.tenant, seen.change.key),
            name: seen.change.name.clone(),
            before: seen.before.as_ref(),
            after: seen.after.as_ref(),
            fields: part("fields"),
            actor: part("actor"),
            beside,
            at: seen.change.at.to_string(),
        }
        .to_json()
    }

    fn subject(&self, seen: &Struck) -> Subject {
        let change = &seen.change;
        Subject {
            address: format!("{}/{}", self.tenant, change.key),
            name: change.name.clone().unwrap_or_default(),
            op: change.op.as_str().to_owned(),
            actor: change.actor.as_ref().and_then(|actor| actor.called().map(str::to_owned)),
            change: change.id.clone(),
            fields: change.fields.iter().take(SUBJECTS_MAX).map(|field| field.pointer.to_string()).collect(),
            why: String::new(),
        }
    }

    fn by_rule(
        &self,
        snapshot: &Snapshot,
        rule: &Rule,
        subjects: Vec<Subject>,
    ) -> Result<Alert, HistoryError> {
        let id = snapshot.id.to_string();
        let count = subjects.len() as u64;
        let mut subjects: Vec<Subject> = subjects.into_iter().take(SUBJECTS_MAX).collect();
        self.name(snapshot, &mut subjects)?;
        Ok(Alert {
            id: id_of(&[self.tenant, &rule.name, &id]),
            state: String::new(),
            number: 0,
            tenant: self.tenant.to_owned(),
            rule: rule.name.clone(),
            classes: rule.classes.clone(),
            severity: rule.severity,
            phase: Phase::Event,
            at: snapshot.finished,
            says: rule.says.clone(),
            subjects,
            count,
            snapshot: Some(id),
        })
    }

    /// Puts whole names, parents first, where the resource is still there.
    fn name(&self, snapshot: &Snapshot, subjects: &mut [Subject]) -> Result<(), HistoryError> {
        let history = self.history();
        let moment = history.moment(&When::Snapshot(snapshot.id.to_string()))?;
        let key = |subject: &Subject| {
            ResourceKey::from_path(subject.address.split_once('/').map(|(_, path)| path).unwrap_or_default())
        };
        let keys: Vec<ResourceKey> = subjects.iter().filter_map(key).collect();
        let names = history.names_of(&moment, &keys)?;
        for subject in subjects {
            if let Some(name) = key(subject).as_ref().and_then(|key| names.of(key)) {
                name.clone_into(&mut subject.name);
            }
        }
        Ok(())
    }

    /// What differs from the pinned baseline since it was looked at last.
    fn drifted(&self, outbox: &mut Outbox, snapshots: &[Snapshot]) -> Result<(), HistoryError> {
        let (baseline, newest) = (snapshots.iter().rfind(|snapshot| snapshot.baseline), snapshots.last());
        let Some(newest) = newest else { return Ok(()) };
        let Some(baseline) = baseline else {
            // Nobody takes a baseline back: one that was known and is not there is gone, and says nothing of drift.
            let known = outbox.drift.baseline.clone();
            let short: String = known.chars().take(8).collect();
            let says = (!known.is_empty()).then(|| {
                format!(
                    "the baseline, snapshot {short}, is gone: what drifts is not told; `lastgood baseline set {}` \
                     pins another",
                    self.tenant
                )
            });
            states::turned(outbox, self.tenant, Class::BaselineLost, &known, newest.finished, says);
            return Ok(());
        };
        states::turned(outbox, self.tenant, Class::BaselineLost, "", newest.finished, None);
        let id = baseline.id.to_string();
        let mut paths = std::mem::take(&mut outbox.drift.paths);
        let mut from = outbox.drift.seen;
        if outbox.drift.baseline != id {
            paths.clear();
            from = baseline.seq;
        }
        let was = paths.clone();
        let mut subjects = Vec::new();
        let past = self.repository.past(self.tenant)?;
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.seq > from) {
            for stored in past.changes(snapshot.seq)? {
                if !self.is_drift(&stored.key) {
                    continue;
                }
                let path = stored.key.to_path();
                let then = past.entry(baseline.seq, &stored.key)?;
                let same = match (&then, &stored.after) {
                    (Some(then), Some(now)) => self.repository.same_body(then, now)?,
                    (then, now) => then.is_none() && now.is_none(),
                };
                if same {
                    paths.remove(&path);
                } else if paths.insert(path) {
                    subjects.push(self.subject(&self.seen(&past, snapshot, &stored)?));
                }
            }
        }
        // What came and went back between two looks is no drift.
        subjects.retain(|subject| {
            let path = subject.address.split_once('/').map(|(_, path)| path).unwrap_or_default();
            paths.contains(path) && !was.contains(path)
        });
        outbox.drift = Drift { baseline: id.clone(), seen: newest.seq, paths };
        self.tell_drift(outbox, newest, &id, subjects)
    }

    fn is_drift(&self, key: &ResourceKey) -> bool {
        self.drift.is_empty() || self.drift.iter().any(|kind| kind == key.kind.as_str())
    }

    fn tell_drift(
        &self,
        outbox: &mut Outbox,
        newest: &Snapshot,
        baseline: &str,
        subjects: Vec<Subject>,
    ) -> Result<(), HistoryError> {
        if outbox.drift.paths.is_empty() {
            states::turned(outbox, self.tenant, Class::Drift, baseline, newest.finished, None);
            return Ok(());
        }
        if subjects.is_empty() {
            return Ok(());
        }
        let key = Class::Drift.as_str();
        let id = newest.id.to_string();
        let begins = !outbox.open.contains_key(key);
        if begins {
            // Not the baseline: what comes back against the same one is another state.
            outbox.open.insert(key.to_owned(), id.clone());
        }
        let count = subjects.len() as u64;
        let mut subjects: Vec<Subject> = subjects.into_iter().take(SUBJECTS_MAX).collect();
        self.name(newest, &mut subjects)?;
        let phase = if begins { Phase::Begun } else { Phase::Event };
        let says = format!("{count} resources differ from the baseline");
        let open = outbox.open.get(key).cloned().unwrap_or_default();
        outbox.push(Alert {
            state: id_of(&[self.tenant, key, &open]),
            subjects,
            count,
            snapshot: Some(id.clone()),
            ..Alert::of(
                Class::Drift,
                self.tenant,
                id_of(&[self.tenant, key, baseline, &id]),
                phase,
                newest.finished,
                says,
            )
        });
        Ok(())
    }
}
