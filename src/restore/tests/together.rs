//! What the vendor deletes or makes along with something else comes back with it.

use crate::restore::Mode;
use crate::restore::form::Plan;
use crate::restore::tests::{Notes, applied, full, planned};

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", step.op.as_str(), step.key)).collect()
}

/// An application with a rule for group `g3`, under these ids.
fn ruled(id: &str, role: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"{id}","urls":[],"attributes":{{}},"role":"{role}","rules":[{{"group":"g3"}}]}}"#
    )
}

#[test]
fn what_was_deleted_along_comes_back_whole_and_what_stayed_only_finds_its_reference() {
    let memory = full();
    memory.put("app/gone", &ruled("gone", "r2"));
    memory.put("app/left", &ruled("left", "r2"));
    let goal = memory.record();
    memory.drop("group/g3");
    memory.drop("app/gone");
    memory.put("app/left", &ruled("left", "r2").replace(r#"{"group":"g3"}"#, ""));
    let plan = planned(&memory, &goal, &["group/g3"], Mode::Merge);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    assert_eq!(steps(&plan), ["create group/g3", "create app/gone", "update app/left", "create grant/g3/r2"]);
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    assert!(planned(&memory, &goal, &["group/g3"], Mode::Merge).steps.is_empty());
}

#[test]
fn what_was_deleted_for_itself_does_not_come_back_unasked() {
    let memory = full();
    memory.put("app/other", &ruled("other", "r1"));
    let goal = memory.record();
    memory.drop("role/r1");
    memory.drop("app/other");
    let plan = planned(&memory, &goal, &["role/r1"], Mode::Merge);
    assert!(plan.refused.iter().any(|row| row.key.to_path() == "app/other"), "{:?}", plan.refused);
    assert!(!steps(&plan).contains(&"create app/other".to_owned()));
}
