//! The way back from an apply, whole or broken off anywhere.

use super::*;
use crate::restore::tests::applying::damaged;
use crate::restore::tests::tenant::Fault;
use crate::restore::undo::Past;

/// The plan of the way back.
fn way_back(memory: &Memory, notes: &Notes, before: &Snapshot) -> Plan {
    let past = Past::from_entries(&notes.0).unwrap().unwrap();
    assert_eq!(past.before, "before");
    let scope = runtime().block_on(past.scope(catalog(), memory)).unwrap();
    planned_by(memory, before, &scope, Mode::Rollback, &Own::default())
}

/// What there is, without ids that are new each time.
pub(super) fn named(snapshot: &Snapshot) -> Vec<String> {
    let mut rows: Vec<String> = snapshot
        .bodies
        .iter()
        .map(|(key, body)| {
            let text = body.to_line();
            let name = |id: &str| {
                let role = snapshot.bodies.get(&key_of("role", id));
                role.and_then(|role| role.get("name")).and_then(Value::as_str).map(str::to_owned)
            };
            let ids = key.ids.iter().map(|id| name(id).unwrap_or_else(|| id.clone()));
            let mut text = ids.clone().zip(&key.ids).fold(text, |text, (name, id)| text.replace(id, &name));
            for (role, body) in &snapshot.bodies {
                if role.kind.as_str() == "role" {
                    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
                    text = text.replace(&format!("\"{}\"", role.id()), &format!("\"{name}\""));
                }
            }
            format!("{} {} {text}", key.kind, ids.collect::<Vec<_>>().join("/"))
        })
        .collect();
    rows.sort();
    rows
}

fn key_of(kind: &str, id: &str) -> crate::base::key::ResourceKey {
    crate::base::key::ResourceKey::new(&crate::base::key::Kind::new(kind), vec![id.to_owned()])
}

#[test]
fn a_whole_apply_is_undone_and_the_undo_too() {
    let (memory, plan) = damaged();
    let before = memory.record();
    let mut notes = Notes::default();
    assert!(applied(&memory, &plan, &mut notes, false).unwrap().is_good());
    let mended = memory.record();
    let back = way_back(&memory, &notes, &before);
    assert_eq!(back.refused, [], "{:#?}", back.refused);
    let mut undone = Notes::default();
    let summary = applied(&memory, &back, &mut undone, false).unwrap();
    assert!(summary.is_good(), "{:#?}", summary.lines);
    assert_eq!(named(&memory.record()), named(&before));
    assert!(way_back(&memory, &notes, &before).steps.is_empty(), "there is nothing left to undo");
    let forth = way_back(&memory, &undone, &mended);
    assert!(applied(&memory, &forth, &mut Notes::default(), false).unwrap().is_good());
    assert_eq!(named(&memory.record()), named(&mended));
}

#[test]
fn broken_off_at_any_call_it_is_undone() {
    let (memory, plan) = damaged();
    applied(&memory, &plan, &mut Notes::default(), false).unwrap();
    let calls = memory.sent().len();
    for fault in [Fault::NotSent, Fault::AnswerLost] {
        for at in 0..calls {
            let (memory, plan) = damaged();
            let before = memory.record();
            memory.fail_at(at, fault);
            let mut notes = Notes::default();
            assert!(!applied(&memory, &plan, &mut notes, false).unwrap().is_good());
            let back = way_back(&memory, &notes, &before);
            assert_eq!(back.refused, [], "{fault:?} at {at}: {:#?}", back.refused);
            let summary = applied(&memory, &back, &mut Notes::default(), false).unwrap();
            assert!(summary.is_good(), "{fault:?} at {at}: {:#?}", summary.lines);
            assert_eq!(named(&memory.record()), named(&before), "{fault:?} at {at}");
        }
    }
}

#[test]
fn what_somebody_changed_since_is_kept_and_named() {
    let memory = full();
    let goal = memory.record();
    memory.put("group/g3", r#"{"id":"g3","name":"damaged","note":"x"}"#);
    memory.drop("app/a1");
    let plan = planned(&memory, &goal, &["group/g3", "app/a1"], Mode::Merge);
    let before = memory.record();
    let mut notes = Notes::default();
    assert!(applied(&memory, &plan, &mut notes, false).unwrap().is_good());
    memory.put("group/g3", r#"{"id":"g3","name":"sales","later":"kept"}"#);
    let used = memory.raw("app/a1").unwrap().to_line().replace("shop", "used");
    memory.put("app/a1", &used);
    let back = way_back(&memory, &notes, &before);
    assert_eq!(back.refused.len(), 1, "{:?}", back.refused);
    assert!(back.refused[0].reason.contains("made by the apply and changed since"), "{:?}", back.refused);
    assert!(applied(&memory, &back, &mut Notes::default(), false).unwrap().is_good());
    let group = memory.raw("group/g3").unwrap();
    assert_eq!(group.get("name").and_then(Value::as_str), Some("damaged"));
    assert_eq!(group.get("later").and_then(Value::as_str), Some("kept"));
    assert!(memory.raw("app/a1").is_some());
}

#[test]
fn a_new_value_for_a_stored_secret_is_not_taken_for_somebody_elses_change() {
    let memory = full();
    let goal = memory.record();
    let evil = memory.raw("app/a1").unwrap().to_line().replace("lgcanary-a1", "lgcanary-evil");
    memory.put("app/a1", &evil);
    let plan = planned(&memory, &goal, &["app/a1"], Mode::Merge);
    let before = memory.record();
    memory.fail_at(0, Fault::AnswerLost);
    let mut notes = Notes::default();
    let start = Start::Begin { before: "before", state: &before };
    let allow = Allow { rotate: true, ..ALL };
    let broken = carried_out(&memory, &memory, &plan, &mut notes, allow, start).unwrap();
    assert!(!broken.is_good());
    let secret = memory.raw("app/a1").unwrap().get("secret").cloned();
    assert_eq!(secret, Some("lgcanary-given".into()), "the new value is there");
    let back = way_back(&memory, &notes, &before);
    assert_eq!((back.conflicts.len(), back.steps.len()), (0, 1), "{}", back.to_json().to_pretty());
    assert!(applied(&memory, &back, &mut Notes::default(), false).unwrap().is_good());
    assert_eq!(memory.record().bodies, before.bodies);
}
