//! Who gains and who loses access, as a person sees it: in a comparison, in a plan, and where a plan would
//! lock everybody out.

use serde_json::Value;

use crate::org::{Org, TENANT};

/// The id of the first of a list.
fn first(org: &Org, path: &str) -> String {
    org.ask("GET", path, "")[0]["id"].as_str().unwrap().to_owned()
}

/// The last line of a comparison as JSON.
fn told(org: &Org, arguments: &[&str]) -> Value {
    let text = org.run(arguments, 0);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn snapshot(org: &Org) -> String {
    org.snapshot(0).0["snapshot"].as_str().unwrap().to_owned()
}

/// Changes one field of a rule, as an administrator would: reads it, writes it whole.
fn set_rule(org: &Org, path: &str, pointer: &str, to: &str) {
    let mut rule = org.ask("GET", path, "");
    *rule.pointer_mut(pointer).unwrap() = to.into();
    org.ask("PUT", path, &rule.to_string());
}

#[test]
fn a_comparison_and_a_plan_say_who_gains_and_who_loses() {
    let org = Org::start(&["--users", "120"]);
    let app = first(&org, "/api/v1/apps?limit=1");
    let group = first(&org, &format!("/api/v1/apps/{app}/groups"));
    let members = org.ask("GET", &format!("/api/v1/groups/{group}/users"), "");
    let policy = first(&org, "/api/v1/policies?type=ACCESS_POLICY");
    let rule = first(&org, &format!("/api/v1/policies/{policy}/rules"));
    let rule = format!("/api/v1/policies/{policy}/rules/{rule}");
    let before = snapshot(&org);

    org.ask("DELETE", &format!("/api/v1/apps/{app}/groups/{group}"), "");
    let after = snapshot(&org);
    let line = told(&org, &["diff", "--json", "--access", &before, &after]);
    assert_eq!(line["format"], "lastgood/access/1");
    let change = &line["apps"][0];
    assert_eq!(change["address"], format!("{TENANT}/app/{app}").as_str());
    let loses = change["loses"]["count"].as_u64().unwrap();
    assert!(loses > 0 && loses <= members.as_array().unwrap().len() as u64, "{line}");
    let names: Vec<&Value> =
        members.as_array().unwrap().iter().map(|user| &user["profile"]["login"]).collect();
    let named = change["loses"]["people"].as_array().unwrap();
    assert!(named.iter().all(|person| names.contains(&&person["name"])), "{line}");
    assert_eq!(line["people"]["loses"].as_u64(), Some(loses));
    let text = org.run(&["diff", "--access", &before, &after], 0);
    assert!(text.contains(&format!("{loses} lose access: ")), "{text}");
    assert!(!org.run(&["diff", &before, &after], 0).contains("lose access"), "only where it is asked for");

    set_rule(&org, &rule, "/actions/appSignOn/verificationMethod/factorMode", "1FA");
    let text = org.run(&["diff", "--access", &after, "live", &format!("{TENANT}/policy_rule")], 0);
    assert!(text.contains("(2 factors, device-bound → 1 factor, device-bound): "), "{text}");
    let plan: Value = serde_json::from_str(&org.run(
        &["plan", "--json", "--at", &before, &format!("{TENANT}/policy_rule"), "--out", "plan.json"],
        0,
    ))
    .unwrap();
    assert_eq!(plan["access"]["snapshot"], after.as_str());
    let turn = &plan["access"]["apps"][0]["stronger"][0];
    assert_eq!(
        (&turn["from"], &turn["to"]),
        (&"1 factor, device-bound".into(), &"2 factors, device-bound".into())
    );
    assert_eq!(plan["guards"], Value::Array(Vec::new()), "nobody is locked out: {plan}");
    let text = org.run(&["plan", "--at", &before, &format!("{TENANT}/policy_rule")], 0);
    assert!(
        text.contains("get in less easily (1 factor, device-bound → 2 factors, device-bound): "),
        "{text}"
    );
    let untouched = org.run(&["plan", "--json", "--at", &before, &format!("{TENANT}/org_settings")], 0);
    assert!(!untouched.contains("\"access\""), "a plan that touches nothing of it does not speak of it");
}

#[test]
fn a_plan_that_locks_every_administrator_out_must_be_allowed() {
    let org = Org::start(&["--users", "20"]);
    let admin = first(&org, "/api/v1/users?limit=1&filter=status%20eq%20%22ACTIVE%22");
    org.ask("POST", &format!("/api/v1/users/{admin}/roles"), r#"{"type":"SUPER_ADMIN"}"#);
    let policies = org.ask("GET", "/api/v1/policies?type=OKTA_SIGN_ON", "");
    let mut shut = Vec::new();
    for policy in policies.as_array().unwrap() {
        let policy = policy["id"].as_str().unwrap();
        let rule = first(&org, &format!("/api/v1/policies/{policy}/rules"));
        shut.push(format!("/api/v1/policies/{policy}/rules/{rule}"));
    }
    for rule in &shut {
        set_rule(&org, rule, "/actions/signon/access", "DENY");
    }
    let before = snapshot(&org);
    for rule in &shut {
        set_rule(&org, rule, "/actions/signon/access", "ALLOW");
    }
    snapshot(&org);
    let address = format!("{TENANT}/policy_rule");
    let plan: Value = serde_json::from_str(
        &org.run(&["plan", "--json", "--at", &before, &address, "--out", "plan.json"], 0),
    )
    .unwrap();
    let guard = plan["guards"].as_array().unwrap().iter().find(|guard| guard["guard"] == "lockout");
    let why = guard.unwrap_or_else(|| panic!("{plan}"))["why"].as_str().unwrap();
    assert_eq!(why, "no administrator could sign in to the console afterwards");
    assert_eq!(plan["access"]["console"]["administrators"]["from"], "anywhere");
    assert_eq!(plan["access"]["console"]["of_everything"]["to"], "nobody");
    let text = org.run(&["plan", "--at", &before, &address], 0);
    assert!(text.contains("--allow-lockout  no administrator could sign in"), "{text}");
}
