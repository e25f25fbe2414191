//! What the server's log tells: who changed it, by name, and that nothing happened in between.

use serde_json::json;

use crate::lastgood::Home;
use crate::server::on_server;

#[test]
fn an_actor_of_the_realm_has_a_name_and_one_from_elsewhere_an_id() {
    on_server(async |server| {
        let realm = server.realm("who").await;
        let client = realm.post("/clients", &json!({ "clientId": "shop", "publicClient": true })).await;
        let home = Home::new(&realm).await;
        home.configure("[[tenant]]\n", "[[tenant]]\naccept = [\"workflow\", \"organization_invitation\"]\n");
        home.snapshot();
        let admin = realm.as_client("lastgood-restorer", &home.read("restorer"));
        admin.put(&format!("/clients/{client}"), &json!({ "description": "a shop" })).await;
        home.snapshot();
        realm.put(&format!("/clients/{client}"), &json!({ "description": "sold" })).await;
        home.snapshot();

        let log = home.run(&["log", "kc/client/shop", "--json"]).ok().lines();
        let [sold, described, ..] = log.as_slice() else { panic!("{log:?}") };
        assert_eq!(described["actor"]["name"], "service-account-lastgood-restorer", "{described}");
        assert_eq!(described["actor"]["client"], "lastgood-restorer", "{described}");
        assert!(
            sold["actor"]["name"].is_null() && sold["actor"]["id"].is_string(),
            "another realm's: {sold}"
        );
        let by = ["log", "kc", "--actor", "service-account-lastgood-restorer", "--json"];
        let his = home.run(&by).ok().lines();
        assert_eq!(his.len(), 1, "{his:?}");
    });
}

#[test]
fn silence_between_two_readings_is_told_from_a_change_that_was_put_back() {
    on_server(async |server| {
        let realm = server.realm("between").await;
        realm
            .post("/clients", &json!({ "clientId": "shop", "publicClient": true, "description": "a" }))
            .await;
        let home = Home::new(&realm).await;
        home.configure("[[tenant]]\n", "[[tenant]]\naccept = [\"workflow\", \"organization_invitation\"]\n");
        let first = home.snapshot();
        let shop = format!("/clients/{}", realm.client("shop").await);
        for description in ["open to all", "a"] {
            realm.put(&shop, &json!({ "description": description })).await;
        }
        let second = home.snapshot();
        assert_eq!(second["changed"], 0, "it was put back: {second}");

        let at = first["snapshot"].as_str().unwrap();
        let between = |address: &str, at: &str| {
            home.run(&["show", address, "--at", at, "--json"]).ok().json()["between"].clone()
        };
        assert_eq!(between("kc/client/account", at), "no_change");
        assert_ne!(between("kc/client/shop", at), "no_change");
        assert_eq!(between("kc/client/account", "latest"), "unknown", "nobody has read it since");
        assert_eq!(between("kc/client_profiles/-", at), "unknown", "the server logs no change of it");
    });
}
