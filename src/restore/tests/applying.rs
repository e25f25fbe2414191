//! What an apply does when the world does not hold still.

use jiff::{SignedDuration, Timestamp};

use crate::base::time::FixedClock;
use crate::restore::tests::tenant::{Fault, Memory, catalog};
use crate::restore::tests::{Notes, applied, full, planned};
use crate::restore::{Allow, Apply, Mode, Outcome, Own, Plan, RestoreError, Start};
use crate::store::Phase;

/// A damage that needs creates, updates, new ids, second passes and a removal.
pub(super) fn damaged() -> (Memory, Plan) {
    let memory = full();
    let goal = memory.record();
    memory.add_defaults();
    for path in ["role/r1", "group/g1", "app/a1", "app/a2", "idp/i1"] {
        memory.drop(path);
    }
    memory.put("group/g9", r#"{"id":"g9","name":"later"}"#);
    let paths = ["role/r1", "group/g1", "app/a1", "app/a2", "idp/i1", "group/g9"];
    let plan = planned(&memory, &goal, &paths, Mode::Rollback);
    (memory, plan)
}

#[test]
fn stopped_at_any_call_it_is_finished_by_a_resume() {
    let (memory, plan) = damaged();
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    let whole = memory.record().bodies;
    let calls = memory.sent().len();
    assert!(calls > 10, "{calls}");
    for fault in [Fault::NotSent, Fault::AnswerLost] {
        for at in 0..calls {
            let (memory, plan) = damaged();
            memory.fail_at(at, fault);
            let mut notes = Notes::default();
            let broken = applied(&memory, &plan, &mut notes, false).unwrap();
            assert!(!broken.is_good(), "call {at} fails");
            let again = applied(&memory, &plan, &mut Notes(notes.0.clone()), false);
            assert!(matches!(again, Err(RestoreError::Begun { .. })), "{again:?}");
            let resumed = applied(&memory, &plan, &mut notes, true).unwrap();
            assert!(resumed.is_good(), "{fault:?} at {at}: {:#?}", resumed.lines);
            assert_eq!(memory.record().bodies, whole, "{fault:?} at {at}");
            let repeated = memory.sent().len() - calls;
            assert_eq!(
                repeated,
                usize::from(fault == Fault::NotSent),
                "{fault:?} at {at}: only what was not done is sent again"
            );
        }
    }
}

#[test]
fn an_intent_stands_before_each_call() {
    let (memory, plan) = damaged();
    let mut notes = Notes::default();
    applied(&memory, &plan, &mut notes, false).unwrap();
    let intents = notes.0.iter().filter(|entry| entry.phase == Phase::Intent).count();
    assert_eq!(intents, memory.sent().len());
    let text: Vec<String> = notes.0.iter().map(|entry| entry.payload.to_line()).collect();
    assert!(!text.join("").contains("lgcanary"), "no secret in the journal");
    assert_eq!(notes.0.last().unwrap().phase, Phase::Finished);
}

#[test]
fn what_moved_since_the_plan_stops_everything() {
    let (memory, plan) = damaged();
    memory.put("group/g9", r#"{"id":"g9","name":"now used"}"#);
    let stopped = applied(&memory, &plan, &mut Notes::default(), false);
    assert!(matches!(stopped, Err(RestoreError::Moved { .. })), "{stopped:?}");
    assert!(memory.sent().is_empty(), "nothing was written");
}

#[test]
fn guards_and_time_are_kept() {
    let (memory, plan) = damaged();
    let clock = |hours| FixedClock::new(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours));
    let try_with = |allow: Allow, own: &Own, hours: i64| {
        let mut notes = Notes::default();
        let inputs = std::collections::BTreeMap::new();
        let state = memory.record();
        let run = Apply {
            catalog: catalog(),
            plan: &plan,
            tenant: &memory,
            journal: &mut notes,
            vault: &memory,
            inputs: &inputs,
            allow,
            own,
            clock: &clock(hours),
            start: Start::Begin { before: "before", state: &state },
            stopped: &|| false,
        };
        super::runtime().block_on(run.run(&mut |_| {}))
    };
    let refused = try_with(Allow::default(), &Own::default(), 0);
    let Err(RestoreError::Guarded { needs }) = refused else { panic!("{refused:?}") };
    assert_eq!(needs, ["--allow-delete 1", "--allow-privileged"]);
    let all = Allow { deletes: 1, privileged: true, lockout: false, without_secrets: false, rotate: false };
    assert!(matches!(try_with(all, &Own::default(), 25), Err(RestoreError::Expired { .. })));
    let own = Own { ids: ["a2".to_owned()].into(), ..Own::default() };
    assert!(matches!(try_with(all, &own, 0), Err(RestoreError::OwnIdentity { .. })));
    assert!(memory.sent().is_empty());
    let summary = try_with(all, &Own::default(), 0).unwrap();
    assert_eq!(
        summary.count(Outcome::Refused),
        1,
        "the inputs of `idp` were not given: {:#?}",
        summary.lines
    );
    assert!(memory.raw("idp/i1").is_none());
    assert!(memory.raw("app/a1").is_some(), "what does not need it goes on");
}
