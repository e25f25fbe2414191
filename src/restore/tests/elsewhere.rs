//! Into another tenant: what is there under the same name is meant, and no id of the first is ever used.

use crate::restore::form::Plan;
use crate::restore::tests::tenant::Memory;
use crate::restore::tests::{applied_with, full, planned_from};

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", step.op.as_str(), step.key)).collect()
}

/// Another tenant, in which everything has other ids.
fn other() -> Memory {
    Memory::with(&[
        ("role/x1", r#"{"id":"x1","name":"builtin"}"#),
        ("group/y3", r#"{"id":"y3","name":"sales"}"#),
        // The first tenant has an id like this for something else.
        ("app/a1", r#"{"id":"a1","name":"other","urls":[],"attributes":{}}"#),
    ])
}

#[test]
fn what_is_not_there_is_made_with_ids_of_its_own() {
    let (first, other) = (full(), other());
    let goal = first.record();
    let paths = ["role/r1", "group/g1", "app/a1", "app/a2"];
    let plan = planned_from("first", &other, &goal, &paths);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    assert_eq!(plan.from.as_deref(), Some("first"));
    assert!(applied_with(&other, &first, &plan).unwrap().is_good());
    let named = |name: &str| {
        let keys = other.keys();
        let named =
            |path: &&String| other.raw(path).unwrap().get("name").is_some_and(|own| *own == name.into());
        keys.iter().find(named).unwrap_or_else(|| panic!("no {name} among {keys:?}")).clone()
    };
    let shop = other.raw(&named("shop")).unwrap();
    let ends_with = |field: &str| shop.get(field).unwrap().as_str().unwrap().to_owned();
    assert_eq!(shop.get("secret").unwrap().as_str(), Some("lgcanary-a1"));
    assert_eq!(named("operator"), format!("role/{}", ends_with("role")));
    assert_eq!(named("bill"), format!("app/{}", ends_with("friend")));
    assert_eq!(other.raw("app/a1").unwrap().get("name").unwrap().as_str(), Some("other"), "not taken for it");
    let inner = other.raw(&named("backend")).unwrap();
    assert_eq!(named("eng"), format!("group/{}", inner.get("parentId").unwrap().as_str().unwrap()));
    let grants = other.keys().iter().filter(|path| path.starts_with("grant/")).count();
    assert_eq!(grants, 2, "{:?}", other.keys());
    let ids = ["r1", "r2", "g1", "g2", "g3", "a2"];
    assert!(other.keys().iter().all(|path| !ids.iter().any(|id| path.split('/').any(|part| part == *id))));
    let again = planned_from("first", &other, &goal, &paths);
    assert!(again.steps.is_empty() && again.refused.is_empty(), "{:?} {:?}", steps(&again), again.refused);
}

#[test]
fn what_is_there_is_changed_and_nobody_is_given_anything_unasked() {
    let (first, other) = (full(), other());
    let goal = first.record();
    other.put("role/x2", r#"{"id":"x2","name":"operator","note":"old"}"#);
    let plan = planned_from("first", &other, &goal, &["role/r1"]);
    assert_eq!(steps(&plan), ["update role/r1"]);
    assert!(applied_with(&other, &first, &plan).unwrap().is_good());
    assert_eq!(other.raw("role/x2").unwrap().get("note").unwrap().as_str(), Some("x"));
}

#[test]
fn a_reference_to_what_is_not_there_stops_its_step() {
    let (first, other) = (full(), other());
    let goal = first.record();
    let plan = planned_from("first", &other, &goal, &["app/a1"]);
    assert_eq!(plan.steps, [], "{:?}", steps(&plan));
    assert!(plan.refused.iter().any(|row| row.reason.contains("role/r1")), "{:?}", plan.refused);
}

#[test]
fn what_has_no_name_is_made_only_with_what_it_hangs_on() {
    let first = full();
    first.put("flow/f1", r#"{"id":"f1","name":"browser"}"#);
    first.put("step/f1/s1", r#"{"id":"s1"}"#);
    let goal = first.record();
    let empty = other();
    let plan = planned_from("first", &empty, &goal, &["flow/f1"]);
    assert_eq!(steps(&plan), ["create flow/f1", "create step/f1/s1"]);
    let there = other();
    there.put("flow/z1", r#"{"id":"z1","name":"browser"}"#);
    let plan = planned_from("first", &there, &goal, &["flow/f1"]);
    assert_eq!(plan.steps, [], "{:?}", steps(&plan));
    assert!(plan.refused[0].reason.contains("it has no name"), "{:?}", plan.refused);
}
