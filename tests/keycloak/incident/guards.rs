//! What must be allowed by hand and what is never allowed, on a realm whose snapshot is worse than the
//! realm itself: a restore must not hand an intruder his access back unseen.

use serde_json::{Value, json};

use super::REFUSED;
use crate::lastgood::Home;
use crate::server::{Realm, Server, on_server, text};

async fn home(server: &Server, name: &str) -> (Realm, Home) {
    let realm = server.realm(name).await;
    let home = Home::new(&realm).await;
    home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
    (realm, home)
}

async fn snapshot_of(realm: &Realm, home: &Home) -> String {
    // What was changed a moment before a reading counts as changed during it.
    realm.delete("/admin-events").await;
    snapshot(home)
}

fn snapshot(home: &Home) -> String {
    home.snapshot()["snapshot"].as_str().unwrap().to_owned()
}

/// Plans, and holds that an apply without the flags ends with 5 and writes nothing.
async fn refused(realm: &Realm, home: &Home, plan: &[&str]) -> Value {
    let _ = std::fs::remove_file(home.path().join("plan.json"));
    let plan = home.run(&[&["plan", "--json", "--out", "plan.json"], plan].concat()).ok().json();
    assert_ne!(plan["steps"], json!([]), "there is something to do");
    let before = realm.list("/admin-events?max=10000").await;
    home.run(&["apply", "plan.json"]).code(5);
    assert_eq!(realm.list("/admin-events?max=10000").await, before, "refused before the first write");
    plan
}

/// The guards of a plan, each in one text.
fn guards(plan: &Value) -> Vec<String> {
    let text = |guard: &Value| {
        format!("{}: {}", guard["allow"].as_str().unwrap(), guard["why"].as_str().unwrap_or_default())
    };
    plan["guards"].as_array().unwrap().iter().map(text).collect()
}

async fn role(realm: &Realm, client: &str, name: &str) -> Value {
    let client = realm.client(client).await;
    realm.find(&format!("/clients/{client}/roles"), "name", name).await
}

async fn map(realm: &Realm, user: &str, role: &Value) {
    let client = text(role, "containerId");
    realm.post(&format!("/users/{user}/role-mappings/clients/{client}"), &json!([role])).await;
}

#[test]
fn deletes_need_their_number() {
    on_server(async |server| {
        let (realm, home) = home(server, "guard-delete").await;
        let at = snapshot_of(&realm, &home).await;
        let outer = realm.post("/groups", &json!({"name": "later"})).await;
        realm.post(&format!("/groups/{outer}/children"), &json!({"name": "inner"})).await;
        let plan = refused(&realm, &home, &["kc/group", "--at", &at, "--mode", "rollback"]).await;
        assert_eq!(guards(&plan), ["--allow-delete 2: "]);
        assert_eq!(plan["steps"][0]["takes_along"].as_array().unwrap().len(), 1, "{plan}");
        home.run(&["apply", "plan.json", "--allow-delete", "1"]).code(5);
        home.run(&["apply", "plan.json", "--allow-delete", "2"]).ok();
        assert_eq!(realm.list("/groups").await, Vec::<Value>::new());
    });
}

/// A realm in which an intruder has settled.
async fn poison(realm: &Realm) -> (String, String) {
    let mallory = realm.post("/users", &json!({"username": "mallory", "enabled": true})).await;
    map(realm, &mallory, &role(realm, "realm-management", "manage-users").await).await;
    let client = json!({
        "clientId": "shop", "secret": "lgcanary-known-to-mallory", "publicClient": false,
        "redirectUris": ["https://shop.test/*", "https://evil.test/*"],
    });
    let shop = realm.post("/clients", &client).await;
    let evil = json!({"alias": "evil", "providerId": "oidc", "enabled": true, "config": {
        "clientId": "x", "clientSecret": "lgcanary-evil", "tokenUrl": "https://evil.test/t", "authorizationUrl": "https://evil.test/a",
    }});
    realm.post("/identity-provider/instances", &evil).await;
    realm.put("", &json!({"passwordPolicy": "", "bruteForceProtected": false})).await;
    (mallory, shop)
}

/// What somebody did about it.
async fn heal(realm: &Realm, mallory: &str, shop: &str) {
    let manage = role(realm, "realm-management", "manage-users").await;
    let mappings = format!("/users/{mallory}/role-mappings/clients/{}", text(&manage, "containerId"));
    realm.must(reqwest::Method::DELETE, &mappings, &json!([manage])).await;
    realm.put(&format!("/users/{mallory}"), &json!({"username": "mallory", "enabled": false})).await;
    let mut client = realm.get(&format!("/clients/{shop}")).await;
    client["redirectUris"] = json!(["https://shop.test/*"]);
    client["secret"] = json!("lgcanary-renewed");
    realm.put(&format!("/clients/{shop}"), &client).await;
    realm.delete("/identity-provider/instances/evil").await;
    realm.put("", &json!({"passwordPolicy": "length(12)", "bruteForceProtected": true})).await;
    let path = "/authentication/required-actions/CONFIGURE_TOTP";
    let mut second = realm.get(path).await;
    second["defaultAction"] = json!(true);
    realm.put(path, &second).await;
}

#[test]
fn a_poisoned_snapshot_hands_nothing_back_unseen() {
    on_server(async |server| {
        let (realm, home) = home(server, "guard-poison").await;
        let (mallory, shop) = poison(&realm).await;
        let at = snapshot_of(&realm, &home).await;
        heal(&realm, &mallory, &shop).await;
        let clean = snapshot(&home);
        for (address, whys) in [
            ("kc/user_role_mapping/mallory/*".to_owned(), &["the user becomes an administrator"][..]),
            (format!("kc/user/{mallory}"), &["the account can be used again"]),
            (format!("kc/client/{shop}"), &["where codes and tokens may be sent", "the client's credential"]),
            ("kc/identity_provider/evil".into(), &["whoever runs the other provider can sign users in"]),
            (
                "kc/required_action/CONFIGURE_TOTP".into(),
                &["second factors and new passwords are demanded through required actions"],
            ),
            ("kc/realm/-".into(), &["takes away the guard against guessing", "strength of passwords"]),
        ] {
            let plan = refused(&realm, &home, &[&address, "--at", &at]).await;
            let guards = guards(&plan).join("\n");
            for why in whys {
                assert!(guards.contains(why), "{address}: {why} not in {guards}");
            }
            assert!(guards.lines().all(|guard| guard.starts_with("--allow-privileged: ")), "{guards}");
        }
        // The other way, to more safety, nothing has to be allowed.
        realm.put("", &json!({"passwordPolicy": "", "bruteForceProtected": false})).await;
        let plan = home.run(&["plan", "kc/realm/-", "--at", &clean, "--json"]).ok().json();
        assert_eq!(guards(&plan), Vec::<String>::new());
        home.run(&["restore", "kc/realm/-", "--at", &clean, "--yes"]).ok();
        assert_eq!(realm.get("").await["passwordPolicy"], "length(12)");
    });
}

#[test]
fn the_last_administrator_stays_unless_that_is_allowed() {
    on_server(async |server| {
        let (realm, home) = home(server, "guard-lockout").await;
        let boss = realm.post("/users", &json!({"username": "boss", "enabled": true})).await;
        let at = snapshot_of(&realm, &home).await;
        let admin = role(&realm, "realm-management", "realm-admin").await;
        map(&realm, &boss, &admin).await;
        let rollback = ["kc/user_role_mapping", "--at", &at, "--mode", "rollback"];
        let plan = refused(&realm, &home, &rollback).await;
        assert!(
            guards(&plan).iter().any(|guard| guard.starts_with("--allow-lockout: of the 1 who")),
            "{plan}"
        );
        home.run(&["apply", "plan.json", "--allow-delete", "1"]).code(5);

        let deputy = realm.post("/users", &json!({"username": "deputy", "enabled": false})).await;
        map(&realm, &deputy, &admin).await;
        snapshot(&home);
        let mapping = format!("kc/user_role_mapping/{boss}/{}", text(&admin, "id"));
        let only = [&[mapping.as_str()], &rollback[1..]].concat();
        let plan = refused(&realm, &home, &only).await;
        assert!(
            guards(&plan).join(" ").contains("--allow-lockout"),
            "who is switched off does not count: {plan}"
        );
        realm.put(&format!("/users/{deputy}"), &json!({"username": "deputy", "enabled": true})).await;
        let plan = refused(&realm, &home, &only).await;
        assert_eq!(guards(&plan), ["--allow-delete 1: "], "one administrator is left");
        home.run(&["apply", "plan.json", "--allow-delete", "1"]).ok();
    });
}

#[test]
fn what_lastgood_signs_in_with_is_not_touched() {
    on_server(async |server| {
        let (realm, home) = home(server, "guard-own").await;
        let at = snapshot_of(&realm, &home).await;
        let own = realm.find("/users?exact=false", "username", "service-account-lastgood-restorer").await;
        let own = text(&own, "id");
        // A role of the house gives it a right, and a group too.
        realm.post("/roles", &json!({"name": "keeper"})).await;
        let keeper = realm.find("/roles", "name", "keeper").await;
        let manage = role(&realm, "realm-management", "manage-users").await;
        realm.post(&format!("/roles-by-id/{}/composites", text(&keeper, "id")), &json!([manage])).await;
        realm.post(&format!("/users/{own}/role-mappings/realm"), &json!([keeper])).await;
        realm.post("/roles", &json!({"name": "harmless"})).await;
        for client in ["lastgood-collector", "lastgood-restorer"] {
            let path = format!("/clients/{}", realm.client(client).await);
            realm.put(&path, &json!({"clientId": client, "description": "changed since"})).await;
        }
        let rollback = ["--at", &at, "--mode", "rollback", "--json"];
        let run = |address: &str| home.run(&[&["plan", address], &rollback[..]].concat()).ok().json();
        let plan = run("kc");
        let steps: Vec<&str> =
            plan["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
        assert_eq!(steps, ["harmless"], "all else is Lastgood's own: {plan}");
        let mut refused: Vec<String> = plan["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| format!("{}: {}", row["name"].as_str().unwrap(), row["reason"].as_str().unwrap()))
            .collect();
        refused.sort();
        let itself = "Lastgood itself signs in with it; nothing here may change it";
        let through = "Lastgood's own rights come through it; nothing here may change it";
        let names = [
            ("keeper", through),
            ("lastgood-collector", itself),
            ("lastgood-restorer", itself),
            ("manage-users", through),
            ("service-account-lastgood-restorer/keeper", itself),
        ];
        assert_eq!(refused, names.map(|(name, why)| format!("{name}: {why}")));
    });
}
