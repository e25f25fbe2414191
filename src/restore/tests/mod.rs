//! The room against a tenant in memory: what a plan holds, and what an apply does with it.

mod applying;
mod elsewhere;
mod keeping;
mod planning;
mod tenant;
mod three_way;
mod together;
mod undoing;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::base::secret::Secret;
use crate::base::time::FixedClock;
use crate::json::Value;
use crate::restore::journal::{Entry, JournalError};
use crate::restore::tests::tenant::{Memory, Snapshot, catalog, key};
use crate::restore::{
    Allow, Apply, Elsewhere, Inputs, Journal, Mode, Own, Plan, Recorded, RestoreError, Scope, Seen, Start,
    Summary, Tenant, plan, secrets, survey,
};

/// A journal in memory.
#[derive(Default)]
pub(super) struct Notes(Vec<Entry>);

impl Journal for Notes {
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.0.push(entry.clone());
        Ok(())
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.0.clone())
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn scope(paths: &[&str]) -> Scope {
    Scope::whole(paths.iter().map(|path| key(path)))
}

fn planned_by(memory: &Memory, goal: &dyn Recorded, scope: &Scope, mode: Mode, own: &Own) -> Plan {
    made(memory, goal, scope, mode, own, None)
}

/// A plan that takes what another tenant had into this one.
fn planned_from(from: &str, memory: &Memory, goal: &Snapshot, paths: &[&str]) -> Plan {
    made(memory, goal, &scope(paths), Mode::Merge, &Own::default(), Some(from))
}

fn made(
    memory: &Memory,
    goal: &dyn Recorded,
    scope: &Scope,
    mode: Mode,
    own: &Own,
    from: Option<&str>,
) -> Plan {
    let settings = BTreeMap::new();
    let elsewhere = from.map(|_| catalog().elsewhere());
    let outlook = crate::provider::outlook(catalog(), 20);
    let inputs = |live| Inputs {
        catalog: elsewhere.as_ref().unwrap_or(catalog()),
        settings: &settings,
        tenant: "t",
        from: from.map(|tenant| Elsewhere { tenant, names: &settings, names_here: &settings }),
        base: "base",
        goal,
        live,
        scope,
        mode,
        own,
        outlook: &outlook,
        now: Timestamp::UNIX_EPOCH,
        valid_for: SignedDuration::from_hours(24),
    };
    let empty = Seen::new(Timestamp::UNIX_EPOCH);
    let seen = runtime().block_on(survey(memory, &inputs(&empty), empty.clone())).unwrap();
    let made = plan(&inputs(&seen)).unwrap();
    assert_eq!(plan(&inputs(&seen)).unwrap(), made, "the same inputs give the same plan");
    let text = made.to_json().to_canonical();
    assert_eq!(Plan::from_text(&text).unwrap(), made);
    made
}

fn planned(memory: &Memory, goal: &Snapshot, paths: &[&str], mode: Mode) -> Plan {
    planned_by(memory, goal, &scope(paths), mode, &Own::default())
}

/// Everything may be done.
const ALL: Allow =
    Allow { deletes: 1000, privileged: true, lockout: true, without_secrets: false, rotate: false };

/// All allowed, and every secret that is asked for given.
fn applied(memory: &Memory, plan: &Plan, notes: &mut Notes, resume: bool) -> Result<Summary, RestoreError> {
    let state = memory.record();
    let start = if resume { Start::Resume } else { Start::Begin { before: "before", state: &state } };
    carried_out(memory, memory, plan, notes, ALL, start)
}

/// The same with the secrets of another tenant.
fn applied_with(memory: &Memory, vault: &Memory, plan: &Plan) -> Result<Summary, RestoreError> {
    let state = memory.record();
    let start = Start::Begin { before: "before", state: &state };
    carried_out(vault, memory, plan, &mut Notes::default(), ALL, start)
}

/// The same with a tenant and a journal of the test's own.
fn carried_out(
    memory: &Memory,
    tenant: &dyn Tenant,
    plan: &Plan,
    journal: &mut dyn Journal,
    allow: Allow,
    start: Start<'_>,
) -> Result<Summary, RestoreError> {
    let stored = if allow.rotate { secrets::stored(plan) } else { BTreeMap::new() };
    let wanted = plan.secrets.iter().chain(stored.values());
    let inputs =
        wanted.map(|secret| (secret.input.clone(), Secret::new(Value::from("lgcanary-given")))).collect();
    let run = Apply {
        catalog: catalog(),
        plan,
        tenant,
        journal,
        vault: memory,
        inputs: &inputs,
        allow,
        own: &Own::default(),
        clock: &FixedClock::new(Timestamp::UNIX_EPOCH),
        start,
        stopped: &|| false,
    };
    runtime().block_on(run.run(&mut |_| {}))
}

/// A tenant with one of everything.
fn full() -> Memory {
    Memory::with(&[
        ("role/r1", r#"{"id":"r1","name":"operator","note":"x"}"#),
        ("role/r2", r#"{"id":"r2","name":"builtin"}"#),
        ("group/g1", r#"{"id":"g1","name":"eng"}"#),
        ("group/g2", r#"{"id":"g2","name":"backend","parentId":"g1"}"#),
        ("group/g3", r#"{"id":"g3","name":"sales"}"#),
        ("grant/g1/r1", r#"{"id":"r1"}"#),
        ("grant/g2/r1", r#"{"id":"r1"}"#),
        ("grant/g3/r2", r#"{"id":"r2"}"#),
        (
            "app/a1",
            r#"{"id":"a1","name":"shop","secret":"lgcanary-a1","urls":["u2","u1"],"attributes":{"x":"1"},"role":"r1","friend":"a2"}"#,
        ),
        (
            "app/a2",
            r#"{"id":"a2","name":"bill","secret":"lgcanary-a2","urls":[],"attributes":{},"friend":"a1"}"#,
        ),
        (
            "idp/i1",
            r#"{"id":"i1","name":"corp","config":{"secret":"lgcanary-i1","url":"u"},"pin":"lgcanary-pin"}"#,
        ),
        ("token/t1", r#"{"id":"t1"}"#),
    ])
}
