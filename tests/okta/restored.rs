//! One night's damage undone in one plan: a group, the rule that fills it, an application with its assignments
//! and the policy that guards it, all deleted and brought back; and what a plan says of the traps on the way.

use serde_json::{Value, json};

use crate::org::{Org, TENANT};

/// The organisation with one of each kind, and a credential that may write.
fn org() -> Org {
    let org = Org::start(&["--users", "3", "--every-kind"]);
    org.configure("restore_auth = { kind = \"token\", token = \"file:sim/token\" }");
    org
}

/// The row of a list that holds this text at a place.
#[track_caller]
fn row(org: &Org, path: &str, at: &str, text: &str) -> Value {
    let list = org.ask("GET", path, "");
    let rows = list.as_array().cloned().unwrap_or_else(|| panic!("{path}: {list}"));
    let found = rows.into_iter().find(|row| row.pointer(at).and_then(Value::as_str) == Some(text));
    found.unwrap_or_else(|| panic!("{path} has no {text}"))
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// A plan of these addresses, written to a file.
fn plan(org: &Org, at: &str, addresses: &[String]) -> Value {
    let addresses: Vec<String> = addresses.iter().map(|address| format!("{TENANT}/{address}")).collect();
    let mut args = vec!["plan"];
    args.extend(addresses.iter().map(String::as_str));
    args.extend(["--at", at, "--json", "--out", "plan.json"]);
    serde_json::from_str(&org.run(&args, 0)).unwrap()
}

fn apply(org: &Org, more: &[&str]) {
    let args = [&["apply", "plan.json", "--json", "--allow-privileged", "--allow-lockout"], more].concat();
    org.run(&args, 0);
}

/// Where a step of this kind stands among the steps, the last of them.
fn place(plan: &Value, kind: &str, op: &str) -> usize {
    let steps = plan["steps"].as_array().unwrap();
    steps
        .iter()
        .rposition(|step| step["kind"] == kind && step["op"] == op)
        .unwrap_or_else(|| panic!("no {op} of {kind}"))
}

/// What was brought back names what it named, by the ids that those have now.
#[track_caller]
fn is_as_it_was(org: &Org, group: &Value) {
    let made = row(org, "/api/v1/groups", "/profile/name", "Night shift");
    assert_ne!(id(&made), id(group), "a new id");
    let rule = row(org, "/api/v1/groups/rules", "/name", "Night owls");
    assert_eq!(rule["actions"]["assignUserToGroups"]["groupIds"], json!([id(&made)]));
    assert_eq!(rule["status"], "ACTIVE");
    let policy = row(org, "/api/v1/policies?type=ACCESS_POLICY", "/name", "Night apps");
    let rules = org.ask("GET", &format!("/api/v1/policies/{}/rules", id(&policy)), "");
    let named =
        |name: &str| rules.as_array().unwrap().iter().find(|rule| rule["name"] == name).unwrap().clone();
    assert_eq!(named("Night shift only")["conditions"]["people"]["groups"]["include"], json!([id(&made)]));
    let condition = named("Whoever leads it")["conditions"]["elCondition"]["condition"].to_string();
    assert!(
        condition.contains(&id(&made)) && !condition.contains(&id(group)),
        "an id within an expression: {condition}"
    );
    let places = [named("Night shift only"), named("Whoever leads it"), named("Catch-all Rule")];
    assert_eq!(places.map(|rule| rule["priority"].as_i64().unwrap()), [1, 2, 99], "in ascending order");
    let app = row(org, "/api/v1/apps", "/label", "Handbook");
    let href = app["_links"]["accessPolicy"]["href"].as_str().unwrap();
    assert!(href.ends_with(&id(&policy)), "an id within a URL: {href}");
    let assigned = org.ask("GET", &format!("/api/v1/apps/{}/groups", id(&app)), "");
    assert_eq!(assigned[0]["id"].as_str(), Some(id(&made).as_str()));
    let claimed = org.ask("GET", &format!("/api/v1/apps/{}/users", id(&app)), "");
    assert_eq!(claimed.as_array().unwrap().len(), 1);
}

#[test]
fn group_rule_app_and_access_policy_come_back_with_ids_rewritten_and_the_rule_switched_on_last() {
    let org = org();
    let group = row(&org, "/api/v1/groups", "/profile/name", "Night shift");
    let rule = row(&org, "/api/v1/groups/rules", "/name", "Night owls");
    org.ask("POST", &format!("/api/v1/groups/rules/{}/lifecycle/activate", id(&rule)), "");
    let app = row(&org, "/api/v1/apps", "/label", "Handbook");
    let policy = row(&org, "/api/v1/policies?type=ACCESS_POLICY", "/name", "Night apps");
    let of_policy = format!("/api/v1/policies/{}/rules", id(&policy));
    let mut second = row(&org, &of_policy, "/name", "Whoever leads it");
    second["conditions"]["elCondition"]["condition"] =
        format!("isMemberOfAnyGroup(\"{}\")", id(&group)).into();
    org.ask("PUT", &format!("{of_policy}/{}", id(&second)), &second.to_string());
    let user = row(&org, "/api/v1/users", "/profile/login", "noor@example.com");
    let of_app = format!("/api/v1/apps/{}", id(&app));
    org.ask("PUT", &format!("{of_app}/groups/{}", id(&group)), "{}");
    org.ask("POST", &format!("{of_app}/users"), &json!({"id": id(&user), "scope": "USER"}).to_string());
    org.ask("PUT", &format!("{of_app}/policies/{}", id(&policy)), "");
    let (snapshot, _) = org.snapshot(0);
    let at = snapshot["snapshot"].as_str().unwrap();

    org.ask("POST", &format!("/api/v1/groups/rules/{}/lifecycle/deactivate", id(&rule)), "");
    org.ask("DELETE", &format!("/api/v1/groups/rules/{}", id(&rule)), "");
    org.ask("POST", &format!("/api/v1/apps/{}/lifecycle/deactivate", id(&app)), "");
    org.ask("DELETE", &format!("/api/v1/apps/{}", id(&app)), "");
    org.ask("DELETE", &format!("/api/v1/policies/{}", id(&policy)), "");
    org.ask("DELETE", &format!("/api/v1/groups/{}", id(&group)), "");

    let addresses = [
        format!("group/{}", id(&group)),
        format!("group_rule/{}", id(&rule)),
        format!("app/{}", id(&app)),
        format!("policy/{}", id(&policy)),
    ];
    let planned = plan(&org, at, &addresses);
    assert!(place(&planned, "group", "create") < place(&planned, "policy_rule", "create"));
    assert!(
        place(&planned, "policy", "create") < place(&planned, "app", "create"),
        "bound only once it is there"
    );
    let steps = planned["steps"].as_array().unwrap();
    let last = steps.last().unwrap();
    assert_eq!(
        (last["kind"].as_str(), last["op"].as_str()),
        (Some("group_rule"), Some("update")),
        "switched on last"
    );
    let path = last["requests"][0]["path"].as_str().unwrap();
    assert!(path.ends_with("/lifecycle/activate") && last["requests"][0]["body"].is_null(), "{path}");
    // The vendor makes the last rule with its policy: it is matched, and never made.
    place(&planned, "policy_rule", "update");
    assert!(
        steps.iter().any(|step| step["requests"].to_string().contains("/policies/")),
        "by the app's own endpoint"
    );
    let paths = steps
        .iter()
        .flat_map(|step| step["requests"].as_array().unwrap())
        .map(|call| call["path"].to_string());
    let dropped = |path: String| path.contains("/api/v1/policies/") && path.ends_with("/mappings\"");
    assert!(!paths.into_iter().any(dropped), "that call is no more");
    apply(&org, &[]);

    is_as_it_was(&org, &group);
}

#[test]
fn what_nobody_was_shown_is_asked_for_before_a_plan_starts() {
    let org = org();
    let hook = row(&org, "/api/v1/eventHooks", "/name", "Tell us");
    let (snapshot, _) = org.snapshot(0);
    org.ask("POST", &format!("/api/v1/eventHooks/{}/lifecycle/deactivate", id(&hook)), "");
    org.ask("DELETE", &format!("/api/v1/eventHooks/{}", id(&hook)), "");
    let planned = plan(&org, snapshot["snapshot"].as_str().unwrap(), &[format!("event_hook/{}", id(&hook))]);
    let asked = planned["secrets"].as_array().unwrap();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["pointer"], "/channel/config/authScheme/value");
    std::fs::write(org.path().join("given"), "lgcanary-hook").unwrap();
    std::fs::write(
        org.path().join("secrets.toml"),
        format!("{} = \"file:given\"\n", asked[0]["input"].as_str().unwrap()),
    )
    .unwrap();
    apply(&org, &["--secrets", "secrets.toml"]);
    row(&org, "/api/v1/eventHooks", "/name", "Tell us");
    let plan_file = std::fs::read_to_string(org.path().join("plan.json")).unwrap();
    assert!(!plan_file.contains("lgcanary-hook"));
}

#[test]
fn what_the_vendor_made_is_matched_and_never_made_or_removed() {
    let org = org();
    let default = row(&org, "/api/v1/policies?type=OKTA_SIGN_ON", "/name", "Default Policy");
    let (snapshot, _) = org.snapshot(0);
    let mut body = default.clone();
    body["description"] = "loosened".into();
    org.ask("PUT", &format!("/api/v1/policies/{}", id(&default)), &body.to_string());
    let planned = plan(&org, snapshot["snapshot"].as_str().unwrap(), &[format!("policy/{}", id(&default))]);
    let ops: Vec<&str> =
        planned["steps"].as_array().unwrap().iter().map(|step| step["op"].as_str().unwrap()).collect();
    assert_eq!(ops, ["update"]);
    apply(&org, &[]);
    let now = row(&org, "/api/v1/policies?type=OKTA_SIGN_ON", "/name", "Default Policy");
    assert_eq!((id(&now), &now["description"]), (id(&default), &default["description"]));
}

#[test]
fn what_is_locked_for_now_is_asked_again() {
    let script =
        "[[fault]]\nmethod = \"POST\"\npath = \"/api/v1/groups/rules\"\nwhat = \"locked\"\ntimes = 2\n";
    let org = Org::with_faults(script, &["--users", "3", "--every-kind"]);
    org.configure("restore_auth = { kind = \"token\", token = \"file:sim/token\" }");
    let rule = row(&org, "/api/v1/groups/rules", "/name", "Night owls");
    let (snapshot, _) = org.snapshot(0);
    org.ask("DELETE", &format!("/api/v1/groups/rules/{}", id(&rule)), "");
    plan(&org, snapshot["snapshot"].as_str().unwrap(), &[format!("group_rule/{}", id(&rule))]);
    apply(&org, &[]);
    let tried = org
        .requests()
        .into_iter()
        .filter(|asked| asked.method == "POST" && asked.path() == "/api/v1/groups/rules");
    assert_eq!(tried.map(|asked| asked.status).collect::<Vec<_>>(), [423, 423, 200]);
    row(&org, "/api/v1/groups/rules", "/name", "Night owls");
}

#[test]
fn what_came_later_is_switched_off_before_it_is_removed() {
    let org = org();
    let (snapshot, _) = org.snapshot(0);
    let zone = r#"{"type":"IP","name":"Open door","status":"ACTIVE","usage":"POLICY","gateways":[{"type":"CIDR","value":"203.0.113.0/24"}]}"#;
    let zone = org.ask("POST", "/api/v1/zones", zone);
    let address = format!("{TENANT}/network_zone/{}", id(&zone));
    let at = snapshot["snapshot"].as_str().unwrap();
    let planned =
        org.run(&["plan", &address, "--at", at, "--mode", "rollback", "--json", "--out", "plan.json"], 0);
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let calls: Vec<String> = planned["steps"][0]["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap()))
        .collect();
    let path = format!("/api/v1/zones/{}", id(&zone));
    assert_eq!(calls, [format!("POST {path}/lifecycle/deactivate"), format!("DELETE {path}")]);
    apply(&org, &["--allow-delete", "1"]);
    assert_eq!(org.answer("GET", &path, "").0, 404);
}

/// A group that gives a person a custom role for a set of resources, one that does not, and the role.
fn custom_way(org: &Org, person: &Value) -> [Value; 3] {
    let watch =
        org.ask("POST", "/api/v1/groups", r#"{"profile":{"name":"Watch","description":"They look"}}"#);
    let other =
        org.ask("POST", "/api/v1/groups", r#"{"profile":{"name":"Crowd","description":"They look"}}"#);
    org.ask("PUT", &format!("/api/v1/groups/{}/users/{}", id(&watch), id(person)), "");
    let set = org.ask("GET", "/api/v1/iam/resource-sets", "")["resource-sets"][0].clone();
    let custom = org.ask("GET", "/api/v1/iam/roles", "")["roles"][0].clone();
    let members = format!("/api/v1/iam/resource-sets/{}/bindings/{}/members", id(&set), id(&custom));
    let url = |group: &Value| format!("{}/api/v1/groups/{}", org.url(), id(group));
    org.ask("PATCH", &members, &json!({"additions": [url(&watch)]}).to_string());
    [watch, other, custom]
}

/// Changes groups and a role.
fn sleep(org: &Org, groups: &[&Value], custom: &Value) {
    for group in groups {
        let changed = json!({"profile": {"name": group["profile"]["name"], "description": "They sleep"}});
        org.ask("PUT", &format!("/api/v1/groups/{}", id(group)), &changed.to_string());
    }
    let relabelled = json!({"label": "Night reader", "description": "Reads nothing"});
    org.ask("PUT", &format!("/api/v1/iam/roles/{}", id(custom)), &relabelled.to_string());
}

/// A token says nothing of whose it is: the vendor does, and no plan may touch him, his roles or his tokens.
#[test]
fn the_owner_of_the_token_is_left_alone() {
    let org = Org::start(&["--users", "3", "--every-kind", "--owner", "lars@example.com"]);
    org.configure("restore_auth = { kind = \"token\", token = \"file:sim/token\" }");
    let lars = row(&org, "/api/v1/users", "/profile/login", "lars@example.com");
    let noor = row(&org, "/api/v1/users", "/profile/login", "noor@example.com");
    let roles = format!("/api/v1/users/{}/roles", id(&lars));
    let role = org.ask("POST", &roles, r#"{"type":"SUPER_ADMIN"}"#);
    let token = row(&org, "/api/v1/api-tokens", "/name", "Night job");
    let group =
        org.ask("POST", "/api/v1/groups", r#"{"profile":{"name":"Keepers","description":"They keep"}}"#);
    org.ask("PUT", &format!("/api/v1/groups/{}/users/{}", id(&group), id(&lars)), "");
    let offices = format!("/api/v1/groups/{}/roles", id(&group));
    let office = org.ask("POST", &offices, r#"{"type":"ORG_ADMIN"}"#);
    let [watch, other, custom] = custom_way(&org, &lars);
    assert_eq!(org.ask("GET", "/api/v1/users/me", "")["id"], lars["id"]);
    let (snapshot, _) = org.snapshot(0);

    for user in [&lars, &noor] {
        org.ask("POST", &format!("/api/v1/users/{}", id(user)), r#"{"profile":{"firstName":"Somebody"}}"#);
    }
    org.ask("DELETE", &format!("{roles}/{}", id(&role)), "");
    let renamed = r#"{"profile":{"name":"Keepers","description":"They do not"}}"#;
    org.ask("PUT", &format!("/api/v1/groups/{}", id(&group)), renamed);
    sleep(&org, &[&watch, &other], &custom);
    let mut loosened = token.clone();
    loosened["network"] = json!({"connection": "ZONE", "include": [], "exclude": []});
    org.ask("PUT", &format!("/api/v1/api-tokens/{}", id(&token)), &loosened.to_string());
    let addresses = [
        format!("user/{}", id(&lars)),
        format!("user/{}", id(&noor)),
        format!("user_role_assignment/{}/{}", id(&lars), id(&role)),
        format!("api_token/{}", id(&token)),
        format!("group/{}", id(&group)),
        format!("group/{}", id(&watch)),
        format!("custom_role/{}", id(&custom)),
        format!("group/{}", id(&other)),
    ];
    let planned = plan(&org, snapshot["snapshot"].as_str().unwrap(), &addresses);
    let steps: Vec<&str> =
        planned["steps"].as_array().unwrap().iter().map(|step| step["address"].as_str().unwrap()).collect();
    let mut steps = steps;
    steps.sort_unstable();
    let wanted = [format!("{TENANT}/group/{}", id(&other)), format!("{TENANT}/user/{}", id(&noor))];
    assert_eq!(steps, wanted, "everybody else comes back");
    let refused = planned["refused"].as_array().unwrap();
    let own = |row: &&Value| row["reason"].as_str().unwrap().starts_with("Lastgood itself signs in with it");
    let own: Vec<String> =
        refused.iter().filter(own).map(|row| row["address"].as_str().unwrap().to_owned()).collect();
    for address in [&addresses[0], &addresses[2], &addresses[3]] {
        assert!(own.contains(&format!("{TENANT}/{address}")), "{address} is not refused: {refused:?}");
    }
    // What he may do comes to him through groups as well, and through a custom role.
    for address in &addresses[4..7] {
        let address = format!("{TENANT}/{address}");
        let through = |row: &Value| {
            row["address"] == address.as_str()
                && row["reason"].as_str().unwrap().contains("own rights come through it")
        };
        assert!(refused.iter().any(through), "{address} is not refused: {refused:?}");
    }
    assert!(office["id"].is_string());
}

/// Of some types there is one policy: what was changed in it and its rules comes back, and it is never made.
#[test]
fn a_policy_that_there_is_one_of_is_changed_and_not_made() {
    let org = org();
    let list = "/api/v1/policies?type=POST_AUTH_SESSION";
    let policy = row(&org, list, "/name", "Post Auth Policy");
    let rules = format!("/api/v1/policies/{}/rules", id(&policy));
    let catch_all = row(&org, &rules, "/name", "Catch-all Rule");
    let mut own = catch_all.clone();
    own["name"] = "On lost devices".into();
    own["system"] = false.into();
    own["priority"] = 1.into();
    let own = org.ask("POST", &rules, &own.to_string());
    let mut second = policy.clone();
    second["name"] = "Another".into();
    assert_eq!(org.answer("POST", "/api/v1/policies", &second.to_string()).0, 400, "there is one of it");
    let (snapshot, _) = org.snapshot(0);

    let mut changed = policy.clone();
    changed["description"] = "loosened".into();
    org.ask("PUT", &format!("/api/v1/policies/{}", id(&policy)), &changed.to_string());
    let mut changed = catch_all.clone();
    changed["actions"]["postAuthSession"]["failureActions"] = json!([{"action": "TERMINATE_SESSION"}]);
    org.ask("PUT", &format!("{rules}/{}", id(&catch_all)), &changed.to_string());
    org.ask("DELETE", &format!("{rules}/{}", id(&own)), "");
    let addresses = [
        format!("policy/{}", id(&policy)),
        format!("policy_rule/{}/{}", id(&policy), id(&catch_all)),
        format!("policy_rule/{}/{}", id(&policy), id(&own)),
    ];
    let planned = plan(&org, snapshot["snapshot"].as_str().unwrap(), &addresses);
    assert_eq!(planned["refused"], json!([]));
    let made = planned["steps"].as_array().unwrap().iter().filter(|step| step["op"] == "create");
    let made: Vec<&str> = made.map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(made, ["policy_rule"], "only the rule that an administrator made");
    apply(&org, &[]);
    let now = row(&org, list, "/name", "Post Auth Policy");
    assert_eq!((id(&now), &now["description"]), (id(&policy), &policy["description"]));
    let kept = row(&org, &rules, "/name", "Catch-all Rule");
    assert_eq!((id(&kept), &kept["actions"]), (id(&catch_all), &catch_all["actions"]));
    row(&org, &rules, "/name", "On lost devices");
}

/// What the vendor deletes and then stumbles over is asked for before anything is sent again.
#[test]
fn a_delete_that_answers_500_and_was_done_is_read_back() {
    let script =
        "[[fault]]\nmethod = \"DELETE\"\npath = \"/api/v1/zones\"\nwhat = \"late_error\"\ntimes = 1\n";
    let org = Org::with_faults(script, &["--users", "3", "--every-kind"]);
    org.configure("restore_auth = { kind = \"token\", token = \"file:sim/token\" }");
    let (snapshot, _) = org.snapshot(0);
    let zone = r#"{"type":"IP","name":"Open door","status":"ACTIVE","usage":"POLICY","gateways":[{"type":"CIDR","value":"203.0.113.0/24"}]}"#;
    let zone = org.ask("POST", "/api/v1/zones", zone);
    let address = format!("{TENANT}/network_zone/{}", id(&zone));
    let at = snapshot["snapshot"].as_str().unwrap();
    org.run(&["plan", &address, "--at", at, "--mode", "rollback", "--json", "--out", "plan.json"], 0);
    let apply = ["apply", "plan.json", "--json", "--allow-privileged", "--allow-delete", "1"];
    let told = org.run(&apply, 3);
    assert!(told.contains("\"outcome\":\"unknown\""), "{told}");
    let told = org.run(&[&apply[..], &["--resume"]].concat(), 0);
    assert!(told.contains("\"outcome\":\"already\"") || told.contains("\"outcome\":\"done\""), "{told}");
    let sent = org.requests().into_iter().filter(|asked| asked.method == "DELETE").count();
    assert_eq!(sent, 1, "sent once, and then looked for");
}

#[test]
fn rules_come_back_in_their_order_also_those_that_stood_where_they_should() {
    let org = org();
    let policy = row(&org, "/api/v1/policies?type=OKTA_SIGN_ON", "/name", "Default Policy");
    let of_policy = format!("/api/v1/policies/{}/rules", id(&policy));
    // Their order is not that of their names.
    let names = ["Office", "Home", "Travel", "Bots", "Guests", "Auditors"];
    for name in names {
        let rule = json!({"type": "SIGN_ON", "name": name, "conditions": {"network": {"connection": "ANYWHERE"}},
            "actions": {"signon": {"access": "ALLOW", "requireFactor": true}}});
        org.ask("POST", &of_policy, &rule.to_string());
    }
    let order = || {
        let rules = org.ask("GET", &of_policy, "");
        let rules = rules.as_array().unwrap().iter();
        let mut order: Vec<(i64, String)> = rules
            .filter(|rule| rule["system"] == json!(false))
            .map(|rule| (rule["priority"].as_i64().unwrap(), rule["name"].as_str().unwrap().to_owned()))
            .collect();
        order.sort();
        order
    };
    let before = order();
    let (snapshot, _) = org.snapshot(0);
    let at = snapshot["snapshot"].as_str().unwrap();
    // The other way round, but for two in the middle: putting back the others moves these.
    for (place, name) in ["Auditors", "Guests", "Travel", "Bots", "Home", "Office"].into_iter().enumerate() {
        let mut rule = row(&org, &of_policy, "/name", name);
        rule["priority"] = (place + 1).into();
        org.ask("PUT", &format!("{of_policy}/{}", id(&rule)), &rule.to_string());
    }
    let damaged = order();
    let stays =
        |name: &str| before.iter().chain(&damaged).filter(|(_, other)| other == name).collect::<Vec<_>>();
    assert!(["Travel", "Bots"].iter().all(|name| stays(name)[0] == stays(name)[1]), "{damaged:?}");

    // Chosen are those that moved, and nothing else.
    let moved = ["Auditors", "Guests", "Home", "Office"].map(|name| {
        let rule = row(&org, &of_policy, "/name", name);
        format!("policy_rule/{}/{}", id(&policy), id(&rule))
    });
    let planned = plan(&org, at, &moved);
    let steps = planned["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 6, "each rule has a step: {planned:#}");
    apply(&org, &[]);
    assert_eq!(order(), before);
    assert_eq!(plan(&org, at, &moved)["steps"].as_array().unwrap().len(), 0, "and nothing is left to do");
}
