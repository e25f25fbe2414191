//! Less than everything: one group, one client, one field, and what came later.

use serde_json::{Value, json};

use super::{REFUSED, damage};
use crate::lastgood::Home;
use crate::seed::Seed;
use crate::server::on_server;

/// What a plan does: `create group/eng`.
fn steps(plan: &Value) -> Vec<String> {
    let said = |step: &Value| {
        format!(
            "{} {}/{}",
            step["op"].as_str().unwrap(),
            step["kind"].as_str().unwrap(),
            step["name"].as_str().unwrap()
        )
    };
    let mut steps: Vec<String> = plan["steps"].as_array().unwrap().iter().map(said).collect();
    steps.sort();
    steps
}

#[test]
fn one_group_one_client_one_field() {
    on_server(async |server| {
        let seed = Seed::plant(server, "parts").await;
        let realm = &seed.realm;
        let home = Home::new(realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        realm.delete("/admin-events").await;
        let at = home.snapshot()["snapshot"].as_str().unwrap().to_owned();
        damage::strike(&seed).await;
        let restore = |address: &str, more: &[&str]| {
            let plan = home.run(&[&["plan", address, "--at", &at, "--json"], more].concat()).ok().json();
            home.run(&[&["restore", address, "--at", &at, "--yes", "--allow-privileged"], more].concat())
                .ok();
            plan
        };

        let field = restore("kc/client/backend", &["--field", "/redirectUris"]);
        assert_eq!(steps(&field), ["update client/backend"]);
        let backend = realm.get(&format!("/clients/{}", seed.id("client:backend"))).await;
        assert_eq!(backend["authorizationServicesEnabled"], Value::Null, "one field and no other: {backend}");
        assert!(!backend["redirectUris"].to_string().contains("evil"), "{backend}");

        let role = restore("kc/realm_role/operator", &[]);
        assert!(
            steps(&role).contains(&"update authz_policy/admin-permissions/operators".to_owned()),
            "{:?}",
            steps(&role)
        );
        let group = restore("kc/group/eng", &[]);
        let wanted = [
            "create admin_permission/admin-permissions/manage eng",
            "create group/eng",
            "create group/eng/backend",
            "create group/eng/backend/db",
            "create group_member/eng/backend/carol",
            "create group_member/eng/bob",
            "create group_role_mapping/eng/Ops %2F Bereitschaft é",
            "create group_role_mapping/eng/backend/write",
            "create group_role_mapping/eng/operator",
        ];
        assert_eq!(steps(&group), wanted, "{group}");
        let portal = restore("kc/client/portal", &[]);
        assert!(steps(&portal).iter().all(|step| step.contains("portal")), "{:?}", steps(&portal));
        assert_eq!(realm.get(&format!("/groups/{}", seed.id("group:/eng"))).await["name"], "eng");
        assert_eq!(realm.get(&format!("/clients/{}", seed.id("client:portal"))).await["clientId"], "portal");
    });
}

#[test]
fn a_rollback_removes_what_came_later_and_only_in_scope() {
    on_server(async |server| {
        let realm = server.realm("parts-rollback").await;
        let home = Home::new(&realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        let kept = realm.post("/groups", &json!({"name": "kept", "attributes": {"cost": ["1"]}})).await;
        let at = home.snapshot()["snapshot"].as_str().unwrap().to_owned();
        realm.put(&format!("/groups/{kept}"), &json!({"name": "kept", "attributes": {"cost": ["2"]}})).await;
        realm.post("/groups", &json!({"name": "later"})).await;
        realm.post("/roles", &json!({"name": "later"})).await;
        let merge = home.run(&["plan", "kc/group", "--at", &at, "--json"]).ok().json();
        assert_eq!(steps(&merge), ["update group/kept"], "a merge removes nothing");
        let rollback = ["restore", "kc/group", "--at", &at, "--mode", "rollback", "--yes"];
        home.run(&rollback).code(5);
        home.run(&[&rollback[..], &["--dry-run"]].concat()).ok();
        assert_eq!(realm.list("/groups").await.len(), 2, "nothing was done yet");
        home.run(&[&rollback[..], &["--allow-delete", "1"]].concat()).ok();
        let left = realm.list("/groups?briefRepresentation=false").await;
        assert_eq!((left.len(), &left[0]["attributes"]["cost"]), (1, &json!(["1"])));
        realm.find("/roles", "name", "later").await;
    });
}

/// The server takes an empty text for a name or a URL, and nothing that would unset it.
#[test]
fn a_text_that_was_never_set_is_emptied() {
    on_server(async |server| {
        let realm = server.realm("parts-unset").await;
        let home = Home::new(&realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        let client = realm.post("/clients", &json!({"clientId": "bare"})).await;
        realm.delete("/admin-events").await;
        let at = home.snapshot()["snapshot"].as_str().unwrap().to_owned();
        let before = home.run(&["show", "kc/realm/-", "--at", &at]).ok().out;
        assert!(!before.contains("displayName"), "{before}");
        realm.put("", &json!({"displayName": "Evil", "displayNameHtml": "<b>Evil</b>"})).await;
        let texts = json!({"name": "Evil", "description": "evil", "rootUrl": "https://evil.test"});
        let path = format!("/clients/{client}");
        let mut body = realm.get(&path).await;
        for (name, text) in texts.as_object().unwrap() {
            body[name] = text.clone();
        }
        realm.put(&path, &body).await;

        let args = ["plan", "kc/realm/-", "kc/client/bare", "--at", &at];
        let plan = home.run(&args).ok().out;
        let said = "that was never set can be emptied and not unset";
        assert_eq!(plan.lines().filter(|line| line.contains(said)).count(), 2, "{plan}");
        home.run(&["restore", "kc/realm/-", "kc/client/bare", "--at", &at, "--yes", "--allow-privileged"])
            .ok();
        let (now, bare) = (realm.get("").await, realm.get(&path).await);
        assert_eq!((&now["displayName"], &now["displayNameHtml"]), (&json!(""), &json!("")));
        assert!(texts.as_object().unwrap().keys().all(|name| bare[name] == ""), "{bare}");
        let again = home.run(&[&args[..], &["--json"]].concat()).ok().json();
        assert_eq!(again["steps"], json!([]), "nothing is left to do");
        let left: Vec<&str> =
            again["refused"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap()).collect();
        let differs = |what: &str| format!("it differs in {what}, which no call of the vendor changes");
        let wanted =
            [differs("`/description`, `/name`, `/rootUrl`"), differs("`/displayName`, `/displayNameHtml`")];
        assert_eq!(left, wanted, "what is left is said");
    });
}
