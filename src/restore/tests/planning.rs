//! What stands in a plan.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::json::{FieldChange, Pointer, Value};
use crate::restore::form::{Guard, Op, Plan};
use crate::restore::preview::preview;
use crate::restore::tests::tenant::{MASK, Memory, Snapshot, key, value};
use crate::restore::tests::{Notes, applied, full, planned, planned_by, scope};
use crate::restore::{Mode, Own, RestoreError, Scope, Wish};

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", step.op.as_str(), step.key)).collect()
}

fn reason<'p>(plan: &'p Plan, path: &str) -> &'p str {
    &plan
        .refused
        .iter()
        .find(|row| row.key == key(path))
        .unwrap_or_else(|| panic!("{path} is refused"))
        .reason
}

#[test]
fn a_deleted_group_brings_what_hung_on_it() {
    let memory = full();
    let goal = memory.record();
    memory.drop("group/g1");
    let plan = planned(&memory, &goal, &["group/g1"], Mode::Merge);
    assert_eq!(
        steps(&plan),
        ["create group/g1", "create group/g2", "create grant/g2/r1", "create grant/g1/r1"]
    );
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    assert_eq!(memory.sent().len(), 0, "a plan writes nothing");
}

#[test]
fn a_new_id_is_followed_by_every_reference() {
    let memory = full();
    let goal = memory.record();
    memory.drop("role/r1");
    let plan = planned(&memory, &goal, &["role/r1"], Mode::Merge);
    assert_eq!(steps(&plan), ["create role/r1", "update app/a1", "create grant/g2/r1", "create grant/g1/r1"]);
    assert_eq!(plan.id_changes.len(), 1);
    assert_eq!(plan.rewrites.len(), 3);
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    assert_eq!(memory.raw("app/a1").unwrap().get("role").unwrap().as_str(), Some("new-1"));
    assert!(memory.keys().contains(&"grant/g2/new-1".to_owned()), "{:?}", memory.keys());
}

#[test]
fn somebody_made_it_anew_so_it_is_matched() {
    let memory = full();
    let goal = memory.record();
    memory.drop("role/r1");
    memory.put("role/zz", r#"{"id":"zz","name":"operator","note":"other"}"#);
    let plan = planned(&memory, &goal, &["role/r1"], Mode::Merge);
    assert_eq!(plan.count(Op::Create), 2, "{:?}", steps(&plan));
    assert_eq!(plan.id_changes[0].to.as_deref(), Some("zz"));
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    let role = memory.raw("role/zz").unwrap();
    assert_eq!(role.get("note").unwrap().as_str(), Some("x"));
    assert!(memory.keys().contains(&"grant/g1/zz".to_owned()));
}

#[test]
fn what_stands_in_for_something_recorded_is_not_removed_as_what_came_later() {
    let memory = full();
    let goal = memory.record();
    memory.drop("role/r1");
    memory.put("role/zz", r#"{"id":"zz","name":"operator","note":"x"}"#);
    memory.put("grant/g1/zz", r#"{"id":"zz"}"#);
    memory.put("role/yy", r#"{"id":"yy","name":"later"}"#);
    let all = ["role/r1", "role/zz", "role/yy", "grant/g1/r1", "grant/g1/zz"];
    let plan = planned(&memory, &goal, &all, Mode::Rollback);
    assert_eq!(steps(&plan), ["update app/a1", "create grant/g2/r1", "delete role/yy"]);
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    let keys = memory.keys();
    let kept = ["role/zz", "grant/g1/zz", "grant/g2/zz"];
    assert!(kept.iter().all(|path| keys.contains(&(*path).to_owned())), "{keys:?}");
}

#[test]
fn what_leads_to_a_thing_goes_before_the_thing() {
    let memory = full();
    let goal = memory.record();
    for (path, body) in [
        ("flow/f1", r#"{"id":"f1","name":"outer"}"#),
        ("step/f1/s1", r#"{"id":"s1","inner":"f2"}"#),
        ("flow/f2", r#"{"id":"f2","name":"inner"}"#),
        ("idp/i9", r#"{"id":"i9","name":"aud","audience":"door","config":{}}"#),
        ("app/a8", r#"{"id":"a8","name":"door","friend":"a9"}"#),
        ("app/a9", r#"{"id":"a9","name":"wall","friend":"a8"}"#),
    ] {
        memory.put(path, body);
    }
    let all = ["app/a8", "app/a9", "flow/f1", "flow/f2", "idp/i9", "step/f1/s1"];
    let plan = planned(&memory, &goal, &all, Mode::Rollback);
    let steps = steps(&plan);
    let place = |what: &str| steps.iter().position(|step| step == what).unwrap();
    // By the step that the outer flow takes along, and by another field than the id.
    assert!(place("delete flow/f1") < place("delete flow/f2"), "{steps:?}");
    assert!(place("delete idp/i9") < place("delete app/a8"), "{steps:?}");
    // Two that lead to each other hold nothing up.
    assert_eq!(steps.len(), 5, "{steps:?}");
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    assert_eq!(memory.record().bodies, goal.bodies);
}

#[test]
fn what_a_list_leaves_out_is_asked_for_by_itself() {
    let memory = full();
    let goal = memory.record();
    let paths: Vec<String> = (0..12).map(|n| format!("group/later{n:02}")).collect();
    for path in &paths {
        let id = path.strip_prefix("group/").unwrap();
        memory.put(path, &format!(r#"{{"id":"{id}","name":"{id}"}}"#));
    }
    memory.unlist("group/later07");
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let plan = planned(&memory, &goal, &paths, Mode::Rollback);
    assert_eq!(plan.count(Op::Delete), 12, "{:?}", steps(&plan));
}

#[test]
fn an_edge_alone_finds_what_was_made_anew() {
    let memory = full();
    let goal = memory.record();
    memory.drop("role/r1");
    memory.put("role/zz", r#"{"id":"zz","name":"operator"}"#);
    let plan = planned(&memory, &goal, &["grant/g1/r1"], Mode::Merge);
    assert_eq!(steps(&plan), ["create grant/g1/r1"]);
    assert_eq!(plan.steps[0].requests[0].path, "/groups/g1/roles/zz");
    memory.put("grant/g1/zz", r#"{"id":"zz"}"#);
    assert!(planned(&memory, &goal, &["grant/g1/r1"], Mode::Merge).steps.is_empty());
}

#[test]
fn a_reference_to_another_field_than_the_id_follows_that_field() {
    let memory = full();
    memory.put("idp/i2", r#"{"id":"i2","name":"aud","audience":"shop","config":{}}"#);
    let goal = memory.record();
    memory.drop("idp/i2");
    let mut renamed = memory.raw("app/a1").unwrap();
    renamed.as_object_mut().unwrap().insert("name", "store");
    memory.put("app/a1", &renamed.to_line());
    let plan = planned(&memory, &goal, &["idp/i2"], Mode::Merge);
    let body = plan.steps[0].requests[0].body.as_ref().unwrap();
    assert_eq!(body.get("audience").unwrap().as_str(), Some("store"));
    assert_eq!(plan.rewrites[0].means, key("app/a1"));
}

const RULED: &str = r#"{"id":"a3","name":"door","attributes":{},"rules":[{"group":"g3","deep":true}]}"#;

/// An app that named a group which is gone, and the state in which it did.
fn unruled() -> (Memory, Snapshot) {
    let memory = full();
    memory.put("app/a3", RULED);
    let goal = memory.record();
    memory.drop("group/g3");
    memory.put("app/a3", r#"{"id":"a3","name":"door","attributes":{},"rules":[]}"#);
    (memory, goal)
}

#[test]
fn a_lost_reference_comes_back_with_the_element_that_held_it() {
    let (memory, goal) = unruled();
    let plan = planned(&memory, &goal, &["group/g3"], Mode::Merge);
    assert_eq!(steps(&plan), ["create group/g3", "update app/a3", "create grant/g3/r2"]);
    let body = plan.steps[1].requests[0].body.as_ref().unwrap();
    assert_eq!(body.get("rules").unwrap().to_line(), r#"[{"deep":true,"group":"g3"}]"#);
}

#[test]
fn what_an_earlier_step_brought_about_is_not_done_again() {
    let (memory, goal) = unruled();
    let plan = planned(&memory, &goal, &["group/g3"], Mode::Merge);
    memory.heal("app/a3", RULED);
    let summary = applied(&memory, &plan, &mut Notes::default(), false).unwrap();
    let outcomes: Vec<_> = summary.lines.iter().map(|line| line.outcome.as_str()).collect();
    assert_eq!(outcomes, ["done", "already", "done"]);
    assert!(memory.sent().iter().all(|(_, path, _)| path != "/apps/a3"), "{:?}", memory.sent());
}

#[test]
fn what_leads_nowhere_is_refused_by_name() {
    let memory = full();
    let goal = memory.record();
    memory.drop("role/r1");
    memory.drop("app/a1");
    let plan = planned(&memory, &goal, &["app/a1"], Mode::Merge);
    assert!(reason(&plan, "app/a1").contains("`role/r1`"), "{}", reason(&plan, "app/a1"));
    assert!(!steps(&plan).contains(&"create app/a1".to_owned()));
    let plan = planned(&memory, &goal, &["app/a1", "role/r1"], Mode::Merge);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
}

#[test]
fn a_circle_is_cut_at_the_second_pass() {
    let memory = full();
    let goal = memory.record();
    memory.drop("app/a1");
    memory.drop("app/a2");
    let plan = planned(&memory, &goal, &["app/a1", "app/a2"], Mode::Merge);
    assert_eq!(steps(&plan), ["create app/a2", "create app/a1", "update app/a2", "update app/a1"]);
    assert!(plan.steps[1].requests[0].body.as_ref().unwrap().get("friend").is_none());
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    assert_eq!(memory.record().bodies, goal.bodies);
}

#[test]
fn what_is_bound_is_whole_before_it_is_named() {
    let memory = full();
    memory.put("flow/f1", r#"{"id":"f1","name":"browser"}"#);
    memory.put("step/f1/s1", r#"{"id":"s1","setting":"c1"}"#);
    memory.put("setting/f1/s1/c1", r#"{"id":"c1","level":2}"#);
    memory.put("step/f1/s2", r#"{"id":"s2","inner":"f2"}"#);
    memory.put("flow/f2", r#"{"id":"f2","name":"browser forms"}"#);
    memory.put("step/f2/s3", r#"{"id":"s3"}"#);
    memory.put("app/a3", r#"{"id":"a3","name":"door","attributes":{},"flow":"f1"}"#);
    let goal = memory.record();
    let gone = ["flow/f1", "flow/f2", "step/f1/s1", "step/f1/s2", "step/f2/s3", "setting/f1/s1/c1"];
    gone.iter().for_each(|path| memory.drop(path));
    memory.put("app/a3", r#"{"id":"a3","name":"door","attributes":{}}"#);
    let plan = planned(&memory, &goal, &[&gone[..], &["app/a3"]].concat(), Mode::Merge);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    assert_eq!(
        steps(&plan),
        [
            "create flow/f1",
            "create flow/f2",
            "create step/f2/s3",
            "create step/f1/s1",
            "create step/f1/s2",
            "create setting/f1/s1/c1",
            "update app/a3",
        ],
        "a step waits for its inner flow, an app for all of it, and nothing for the server's own fields"
    );
}

#[test]
fn a_new_id_may_stand_elsewhere_in_a_set() {
    let memory = full();
    memory.put("role/a1", r#"{"id":"a1","name":"first"}"#);
    memory.put("app/a3", r#"{"id":"a3","name":"door","attributes":{},"roles":[{"id":"a1"},{"id":"b1"}]}"#);
    memory.put("role/b1", r#"{"id":"b1","name":"second"}"#);
    let goal = memory.record();
    memory.drop("role/a1");
    memory.put("app/a3", r#"{"id":"a3","name":"door","attributes":{},"roles":[{"id":"b1"}]}"#);
    let plan = planned(&memory, &goal, &["role/a1"], Mode::Merge);
    let summary = applied(&memory, &plan, &mut Notes::default(), false).unwrap();
    assert!(summary.is_good(), "{:?}", summary.lines);
    let made = summary.ids[&key("role/a1")].clone();
    assert!(made.as_str() > "b1", "it stood before the other and stands after it now: {made}");
    assert!(memory.raw("app/a3").unwrap().get("roles").unwrap().to_line().contains(&made));
    let again = planned(&memory, &goal, &["role/a1", "app/a3"], Mode::Merge);
    assert!(again.steps.is_empty(), "{:?}", again.steps);
}

#[test]
fn an_id_of_two_fields_stays_two_fields() {
    let memory = full();
    memory.put("account/corp:7", r#"{"provider":"corp","user":"7"}"#);
    let goal = memory.record();
    memory.drop("role/r1");
    let plan = planned(&memory, &goal, &["role/r1", "account/corp:7"], Mode::Merge);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    assert!(plan.steps.iter().all(|step| step.key != key("account/corp:7")), "{:?}", steps(&plan));
    assert_eq!(plan.unchanged, 1);
}

#[test]
fn never_and_by_the_vendor_and_own_are_refused() {
    let memory = full();
    let goal = memory.record();
    memory.drop("token/t1");
    memory.drop("role/r2");
    memory.drop("app/a1");
    let plan = planned(&memory, &goal, &["token/t1", "role/r2"], Mode::Merge);
    assert_eq!(reason(&plan, "token/t1"), "a token is shown once");
    assert!(reason(&plan, "role/r2").contains("the vendor makes it"));
    assert!(reason(&plan, "grant/g3/r2").contains("not restored"), "{}", reason(&plan, "grant/g3/r2"));
    let mark = (Kind::new("app"), Pointer::parse("/name").unwrap(), "shop".to_owned());
    let named = Own { marks: [mark].into(), ..Own::default() };
    let by_id = Own { ids: ["a1".to_owned()].into(), ..Own::default() };
    for own in [named, by_id] {
        let plan = planned_by(&memory, &goal, &scope(&["app/a1"]), Mode::Merge, &own);
        assert!(reason(&plan, "app/a1").contains("signs in"));
        assert!(plan.steps.iter().all(|step| step.key != key("app/a1")));
    }
}

#[test]
fn later_things_go_only_in_a_rollback_and_only_when_both_sides_are_known() {
    let memory = full();
    let mut goal = memory.record();
    memory.put("group/g9", r#"{"id":"g9","name":"later"}"#);
    memory.put("group/g8", r#"{"id":"g8","name":"inner","parentId":"g9"}"#);
    memory.put("grant/g8/r1", r#"{"id":"r1"}"#);
    assert!(planned(&memory, &goal, &["group/g9"], Mode::Merge).steps.is_empty());
    let plan = planned(&memory, &goal, &["group/g9", "group/g8"], Mode::Rollback);
    assert_eq!(steps(&plan), ["delete group/g9"]);
    let along: Vec<_> = plan.steps[0].takes_along.iter().map(ResourceKey::to_path).collect();
    assert_eq!(along, ["grant/g8/r1", "group/g8"], "also what goes with what goes along");
    assert!(plan.guards.contains(&Guard::Delete { count: 3 }), "{:?}", plan.guards);
    goal.ledger.rows.get_mut(&Kind::new("group")).unwrap().state = State::Partial;
    let plan = planned(&memory, &goal, &["group/g9"], Mode::Rollback);
    assert!(plan.steps.is_empty());
    assert!(reason(&plan, "group/g9").contains("partial"), "{}", reason(&plan, "group/g9"));
}

#[test]
fn taking_the_last_grant_away_is_a_lockout() {
    let memory = full();
    for grant in ["grant/g1/r1", "grant/g2/r1", "grant/g3/r2"] {
        memory.drop(grant);
    }
    let goal = memory.record();
    memory.put("grant/g3/r2", r#"{"id":"r2"}"#);
    let locked = |plan: &Plan| plan.guards.iter().any(|guard| matches!(guard, Guard::Lockout { .. }));
    let plan = planned(&memory, &goal, &["grant/g3/r2"], Mode::Rollback);
    assert!(locked(&plan), "{:?}", plan.guards);
    memory.put("grant/g1/r1", r#"{"id":"r1"}"#);
    let plan = planned(&memory, &goal, &["grant/g3/r2"], Mode::Rollback);
    assert!(!locked(&plan), "another group still has a role: {:?}", plan.guards);
}

#[test]
fn masks_are_sent_only_where_they_are_kept() {
    let memory = full();
    let goal = memory.record();
    memory.put(
        "idp/i1",
        r#"{"id":"i1","name":"corp","config":{"secret":"lgcanary-i1","url":"evil"},"pin":"lgcanary-pin"}"#,
    );
    let plan = planned(&memory, &goal, &["idp/i1"], Mode::Merge);
    let body = plan.steps[0].requests[0].body.clone().unwrap();
    assert_eq!(Pointer::parse("/config/secret").unwrap().get(&body).unwrap().as_str(), Some(MASK));
    assert!(body.get("pin").is_none(), "a mask would be stored there");
    assert!(plan.secrets.is_empty());
    assert!(applied(&memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    assert_eq!(memory.raw("idp/i1").unwrap().get("pin").unwrap().as_str(), Some("lgcanary-pin"));

    memory.drop("idp/i1");
    let plan = planned(&memory, &goal, &["idp/i1"], Mode::Merge);
    let inputs: BTreeSet<_> = plan.secrets.iter().map(|secret| secret.input.as_str()).collect();
    assert_eq!(inputs, ["IDP_CORP_CONFIG_SECRET", "IDP_CORP_PIN"].into());
    let text = String::from_utf8(plan.to_json().to_canonical()).unwrap();
    assert!(!text.contains(MASK), "a mask is never sent when something is made");
}

#[test]
fn only_the_chosen_fields_and_only_what_is_still_so() {
    let memory = full();
    let goal = memory.record();
    memory.put("app/a2", r#"{"id":"a2","name":"renamed","secret":"lgcanary-a2","urls":["evil"],"attributes":{"k":"v"},"friend":"a1"}"#);
    let mut fields = Scope::default();
    fields.add(key("app/a2"), Wish::Fields(vec![Pointer::parse("/urls").unwrap()]));
    let plan = planned_by(&memory, &goal, &fields, Mode::Merge, &Own::default());
    let places: Vec<_> = plan.steps[0].fields.iter().map(|field| field.pointer.to_string()).collect();
    assert_eq!(places, ["/urls/0"]);
    let change = |at: &str, from: &str, to: &str| FieldChange {
        pointer: Pointer::parse(at).unwrap(),
        from: Some(value(from)),
        to: Some(value(to)),
    };
    let mut undo = Scope::default();
    undo.add(
        key("app/a2"),
        Wish::Revert(vec![change("/name", "\"bill\"", "\"renamed\""), change("/friend", "\"a0\"", "\"a3\"")]),
    );
    let plan = planned_by(&memory, &goal, &undo, Mode::Merge, &Own::default());
    let places: Vec<_> = plan.steps[0].fields.iter().map(|field| field.pointer.to_string()).collect();
    assert_eq!(places, ["/name"]);
    assert_eq!(plan.conflicts.len(), 1, "{:?}", plan.conflicts);
}

#[test]
fn a_changed_plan_is_no_plan() {
    let memory = full();
    let goal = memory.record();
    memory.drop("group/g1");
    let plan = planned(&memory, &goal, &["group/g1"], Mode::Merge);
    let text = String::from_utf8(plan.to_json().to_canonical()).unwrap();
    let changed = text.replacen("\"name\":\"eng\"", "\"name\":\"EVIL\"", 1);
    assert!(matches!(Plan::from_text(changed.as_bytes()), Err(RestoreError::Tampered { .. })));
    let more = text.replacen('{', "{\"aside\":1,", 1);
    assert!(Plan::from_text(more.as_bytes()).is_err());
    assert!(Plan::from_text(b"{}").is_err());
}

#[test]
fn a_preview_is_for_reading() {
    let memory = full();
    memory.put("group/g3", "{\"id\":\"g3\",\"name\":\"\\u001b[2J\\u202egnp\",\"note\":{\"$input\":\"X\"}}");
    let goal = memory.record();
    memory.drop("group/g3");
    memory.drop("app/a1");
    memory.put("group/g9", r#"{"id":"g9","name":"later"}"#);
    let plan = planned(&memory, &goal, &["group/g3", "app/a1", "group/g9"], Mode::Rollback);
    let text = preview(&plan);
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text}");
    assert!(!text.contains("lgcanary"));
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in\n{text}"));
    assert!(place("--allow-delete 1") < place("- delete group/later (g9)"));
    assert!(place("- delete group/later") < place("(g3)"));
    assert!(place("secret") > 0);
}

/// One way to damage a tenant.
#[derive(Clone, Debug)]
enum Damage {
    Drop(usize),
    Change(usize),
    Add(usize),
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        (0..9usize).prop_map(Damage::Drop),
        (0..9usize).prop_map(Damage::Change),
        (0..3usize).prop_map(Damage::Add),
    ];
    proptest::collection::vec(one, 1..6)
}

const THINGS: [&str; 9] = [
    "role/r1",
    "group/g1",
    "group/g2",
    "group/g3",
    "app/a1",
    "app/a2",
    "idp/i1",
    "grant/g1/r1",
    "grant/g2/r1",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever was damaged: the plan is in order, holds no secret, and once applied nothing is left.
    #[test]
    fn after_an_apply_nothing_is_left(damages in damages(), adds in any::<bool>()) {
        let memory = full();
        let goal = memory.record();
        if adds {
            memory.add_defaults();
        }
        let mut paths: BTreeSet<String> = goal.bodies.keys().map(ResourceKey::to_path).collect();
        for damage in &damages {
            match damage {
                Damage::Drop(index) => memory.drop(THINGS[*index]),
                Damage::Change(index) => {
                    let Some(mut body) = memory.raw(THINGS[*index]).filter(|_| *index < 7) else { continue };
                    body.as_object_mut().unwrap().insert("note", format!("changed {index}"));
                    memory.put(THINGS[*index], &body.to_line());
                }
                Damage::Add(index) => {
                    let path = format!("group/x{index}");
                    memory.put(&path, &format!(r#"{{"id":"x{index}","name":"n{index}"}}"#));
                    paths.insert(path);
                }
            }
        }
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let plan = planned(&memory, &goal, &paths, Mode::Rollback);
        let text = String::from_utf8(plan.to_json().to_canonical()).unwrap();
        prop_assert!(!text.contains("lgcanary"), "{}", text);
        prop_assert!(!preview(&plan).contains("lgcanary"));
        let mut done: BTreeSet<&ResourceKey> = BTreeSet::new();
        let mut removing = false;
        for step in &plan.steps {
            prop_assert!(step.after.iter().all(|key| done.contains(key)), "{} comes too early", step.key);
            prop_assert!(!removing || step.op == Op::Delete, "removals come last");
            removing = step.op == Op::Delete;
            done.insert(&step.key);
        }
        let summary = applied(&memory, &plan, &mut Notes::default(), false).unwrap();
        prop_assert!(summary.is_good(), "{:#?}", summary.lines);
        for (method, path, body) in memory.sent() {
            let pin = body.as_ref().and_then(|body| body.get("pin")).and_then(Value::as_str);
            prop_assert!(pin != Some(MASK), "a mask was sent with {method} {path}");
        }
        let again = planned(&memory, &goal, &paths, Mode::Rollback);
        prop_assert!(again.steps.is_empty(), "{}", again.to_json().to_pretty());
    }
}
