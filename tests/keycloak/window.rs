//! A snapshot is a window: what is changed while it is taken is seen all the same, where the server's
//! log tells it.

use std::sync::Arc;

use serde_json::json;

use crate::absences::behind_relay;
use crate::relay::Fault;
use crate::server::{on_server, text};

#[test]
fn what_changes_while_it_is_read_is_read_again() {
    on_server(async |server| {
        let (relay, realm, home) = behind_relay(server, "window").await;
        let home = Arc::new(home);
        relay.set(Fault::Hold(relay.asked() / 2));
        let taking = {
            let home = Arc::clone(&home);
            std::thread::spawn(move || home.snapshot())
        };
        relay.held().await;
        let shop = realm.client("shop").await;
        realm.put(&format!("/clients/{shop}"), &json!({ "description": "changed meanwhile" })).await;
        realm.post("/clients", &json!({ "clientId": "late", "publicClient": true })).await;
        let group = realm.find("/groups", "name", "group-07").await;
        realm.delete(&format!("/groups/{}", text(&group, "id"))).await;
        relay.release();
        let snapshot = taking.join().unwrap();

        let shown = home.run(&["show", "kc/client/shop", "--json"]).ok().json();
        assert_eq!(shown["body"]["description"], "changed meanwhile", "{snapshot}");
        home.run(&["show", "kc/client/late"]).ok();
        let row = crate::lastgood::coverage(&snapshot, "client");
        assert_eq!(row["count"], realm.list("/clients").await.len(), "{row}");
        let log = home.run(&["log", "kc/client/shop", "--json"]).ok().lines();
        assert_eq!(log[0]["actor"]["confidence"], "exact", "{log:?}");
        home.run(&["show", "kc/group/group-07"]).ok();

        home.snapshot();
        home.run(&["show", "kc/group/group-07"]).code(1);
        let gone = home.run(&["log", "kc/group/group-07", "--json"]).ok().lines();
        assert_eq!((&gone[0]["op"], &gone[0]["actor"]["confidence"]), (&json!("remove"), &json!("exact")));
        let still = home.snapshot();
        assert_eq!((&still["added"], &still["changed"]), (&json!(0), &json!(0)), "{still}");
        home.run(&["check", "--read-data"]).ok();
    });
}
