//! Rules as real organisations have them: recorded group rules and policy rules, each put to somebody
//! whom it is about.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lastgood::access::report::Change;
use lastgood::access::{Blast, Later, compare};
use lastgood::catalog::provider;
use serde_json::{Value, json};

use crate::bodies::Bodies;

/// The recorded bodies of these kinds, each once; `None` where nobody has the recordings here.
fn recorded(kinds: &[&str]) -> Option<BTreeMap<String, Vec<Value>>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("LASTGOOD_SHARED").map_or(beside, PathBuf::from);
    let file = folder.join("corpora/okta/recorded.ndjson");
    if !file.exists() {
        assert!(std::env::var_os("LASTGOOD_REQUIRE_SHARED").is_none(), "{} is not there", file.display());
        return None;
    }
    let mut out: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let kind = row["type"].as_str().unwrap_or_default();
        if !kinds.contains(&kind) || row["status"].as_u64().is_none_or(|status| status >= 300) {
            continue;
        }
        let rows = out.entry(kind.to_owned()).or_default();
        let answer = &row["response"];
        let found = answer.as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
        for mut body in found.into_iter().filter(|body| body["id"].is_string()) {
            // What it is called and when it was made is not what it says.
            for name in ["id", "name", "created", "lastUpdated", "_links", "priority"] {
                body.as_object_mut().unwrap().remove(name);
            }
            if !rows.contains(&body) {
                rows.push(body);
            }
        }
    }
    Some(out)
}

fn put(bodies: &mut Bodies, path: &str, body: &Value) {
    bodies.put(path, &body.to_string());
}

fn blast(from: &Bodies, to: &Bodies) -> Blast {
    let Ok(found) = compare(provider("okta").unwrap(), from, to, Later::Recorded, &from.differing(to));
    found.unwrap()
}

/// The first thing that is listed of a condition.
fn listed<'v>(rule: &'v Value, at: &str) -> Option<&'v str> {
    rule.pointer(&format!("/conditions/{at}/0"))?.as_str()
}

/// Two people, of whom the rule is about the first, and an application that its groups open.
fn filled(rule: &Value) -> (Bodies, Bodies) {
    let text = rule.pointer("/conditions/expression/value").unwrap().as_str().unwrap();
    let field = text.split("user.").nth(1).unwrap().split(',').next().unwrap();
    let word = text.split('"').nth(1).unwrap();
    let mut from = Bodies::default();
    for (id, value) in [("fits", format!("{word}ern")), ("other", format!("x{word}"))] {
        put(
            &mut from,
            &format!("user/{id}"),
            &json!({"status": "ACTIVE", "profile": {"login": id, field: value}}),
        );
    }
    put(&mut from, "app/a", &json!({"label": "App", "status": "ACTIVE"}));
    for group in rule.pointer("/actions/assignUserToGroups/groupIds").unwrap().as_array().unwrap() {
        let group = group.as_str().unwrap();
        put(&mut from, &format!("group/{group}"), &json!({"type": "OKTA_GROUP", "profile": {"name": "G"}}));
        put(&mut from, &format!("app_group_assignment/a/{group}"), &json!({}));
    }
    let mut to = from.clone();
    put(&mut to, "group_rule/r", rule);
    (from, to)
}

#[test]
fn every_recorded_group_rule_is_understood() {
    let Some(found) = recorded(&["group_rule"]) else { return };
    let rules = &found["group_rule"];
    assert!(rules.len() >= 7, "{}", rules.len());
    for rule in rules {
        let (from, to) = filled(rule);
        let blast = blast(&from, &to);
        let works = rule["status"] == "ACTIVE";
        let expected = if works { BTreeMap::from([(Change::Gains, 1)]) } else { BTreeMap::new() };
        assert_eq!(blast.totals, expected, "{rule}");
        let named = blast.apps.iter().flat_map(|app| app.people.values()).flat_map(|those| &those.named);
        assert!(named.into_iter().all(|known| known.name == "fits"), "{rule}");
    }
}

/// Somebody whom a rule is about, with an application that one policy guards: before with nothing but a
/// rule that shuts everybody out, afterwards with this one before it.
fn guarded(rule: &Value) -> (Bodies, Bodies) {
    let mut from = Bodies::default();
    let person = listed(rule, "people/users/include").unwrap_or("u");
    let sort = listed(rule, "userType/include").unwrap_or("sort");
    let profile = json!({"login": "fits", "department": "Engineering"});
    put(
        &mut from,
        &format!("user/{person}"),
        &json!({"status": "ACTIVE", "type": {"id": sort}, "profile": profile}),
    );
    for group in ["people/groups/include", "people/groups/exclude"]
        .into_iter()
        .filter_map(|at| Some((at, listed(rule, at)?)))
    {
        put(
            &mut from,
            &format!("group/{}", group.1),
            &json!({"type": "OKTA_GROUP", "profile": {"name": "G"}}),
        );
        if group.0.ends_with("include") {
            put(&mut from, &format!("group_membership/{}/{person}", group.1), &json!({}));
        }
    }
    if let Some(zone) = listed(rule, "network/include") {
        put(&mut from, &format!("network_zone/{zone}"), &json!({"status": "ACTIVE", "usage": "POLICY"}));
    }
    let sign_on = rule["type"] == "SIGN_ON";
    let (kind, action) = if sign_on { ("OKTA_SIGN_ON", "signon") } else { ("ACCESS_POLICY", "appSignOn") };
    let links = json!({"accessPolicy": {"href": "https://x/api/v1/policies/p"}});
    put(
        &mut from,
        "app/a",
        &json!({"label": "App", "status": "ACTIVE", "_links": if sign_on { json!({}) } else { links }}),
    );
    put(&mut from, &format!("app_user_assignment/a/{person}"), &json!({"scope": "USER"}));
    put(&mut from, "policy/p", &json!({"type": kind, "status": "ACTIVE", "priority": 1}));
    let last = json!({"status": "ACTIVE", "priority": 99, "actions": {action: {"access": "DENY"}}});
    put(&mut from, "policy_rule/p/last", &last);
    let mut to = from.clone();
    let mut first = rule.clone();
    first["priority"] = 0.into();
    put(&mut to, "policy_rule/p/first", &first);
    (from, to)
}

/// On what a rule depends that no recorded state tells, by reading it.
fn depends(rule: &Value) -> Vec<&'static str> {
    let at = |path: &str| rule.pointer(&format!("/conditions/{path}")).filter(|value| !value.is_null());
    let mut out = Vec::new();
    let platforms = at("platform/include").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if at("device").is_some() || platforms {
        out.push("the device");
    }
    if at("riskScore/level").is_some_and(|level| level != "ANY") {
        out.push("the risk");
    }
    out
}

#[test]
fn every_recorded_rule_of_a_policy_is_understood() {
    let Some(found) = recorded(&["policy_rule"]) else { return };
    let kinds = ["ACCESS_POLICY", "SIGN_ON"];
    let rules: Vec<&Value> = found["policy_rule"]
        .iter()
        .filter(|rule| kinds.contains(&rule["type"].as_str().unwrap_or_default()))
        .collect();
    assert!(rules.len() >= 20, "{}", rules.len());
    let (mut sure, mut unsure) = (0, 0);
    for rule in rules {
        let (from, to) = guarded(rule);
        let blast = blast(&from, &to);
        let depends = depends(rule);
        let allows =
            rule["actions"].to_string().contains(r#""access":"ALLOW""#) && rule["status"] == "ACTIVE";
        let change = if depends.is_empty() { Change::Gains } else { Change::MayGain };
        let expected = if allows { BTreeMap::from([(change, 1)]) } else { BTreeMap::new() };
        assert_eq!(blast.totals, expected, "{rule:#}");
        if allows {
            assert_eq!(blast.apps[0].unknown, depends, "{rule:#}");
            sure += usize::from(depends.is_empty());
            unsure += usize::from(!depends.is_empty());
        }
    }
    assert!(sure >= 10 && unsure >= 5, "{sure} {unsure}");
}
