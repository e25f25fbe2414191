//! Who changed it, by name: the server's log holds ids only.

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
