//! What did not come is not what was deleted: DESIGN.md §6 on the real server.

use serde_json::json;

use crate::lastgood::{Home, coverage};
use crate::relay::{Fault, Relay};
use crate::server::{Realm, on_server, text};

/// A small realm with enough of one kind to lose some.
async fn small(realm: &Realm) {
    for n in 0..30 {
        realm.post("/groups", &json!({ "name": format!("group-{n:02}") })).await;
    }
    realm.post("/clients", &json!({ "clientId": "shop", "publicClient": true })).await;
}

async fn home(server: &crate::server::Server, name: &str) -> (Realm, Home) {
    let realm = server.realm(name).await;
    small(&realm).await;
    let home = Home::new(&realm).await;
    home.configure("[[tenant]]\n", "[[tenant]]\naccept = [\"workflow\", \"organization_invitation\"]\n");
    home.snapshot();
    (realm, home)
}

#[test]
fn a_real_deletion_is_one() {
    on_server(async |server| {
        let (realm, home) = home(server, "deleted").await;
        let client = realm.client("shop").await;
        realm.delete(&format!("/clients/{client}")).await;
        let after = home.snapshot();
        assert!(after["removed"].as_u64() >= Some(1), "{after}");
        home.run(&["show", "kc/client/shop"]).code(1);
    });
}

#[test]
fn many_at_once_are_suspect() {
    on_server(async |server| {
        let (realm, home) = home(server, "suspect").await;
        for group in realm.list("/groups?max=15").await {
            realm.delete(&format!("/groups/{}", text(&group, "id"))).await;
        }
        let after = home.run(&["snapshot", "--json"]).code(3).json();
        assert_eq!(coverage(&after, "group")["state"], "suspect", "{after}");
        assert_eq!(coverage(&after, "group")["count"], 30, "the old state is kept");
        assert_eq!(after["removed"], 0, "{after}");
    });
}

#[test]
fn a_lost_right_deletes_nothing() {
    on_server(async |server| {
        let (realm, home) = home(server, "rights").await;
        let reader = realm.client("lastgood-collector").await;
        let user = text(&realm.get(&format!("/clients/{reader}/service-account-user")).await, "id");
        let management = realm.client("realm-management").await;
        let path = format!("/users/{user}/role-mappings/clients/{management}");
        let lost: Vec<_> =
            realm.list(&path).await.into_iter().filter(|role| role["name"] == "view-clients").collect();
        realm.must(reqwest::Method::DELETE, &path, &json!(lost)).await;
        let after = home.run(&["snapshot", "--json"]).code(3).json();
        let client = coverage(&after, "client");
        assert!(client["state"] != "complete", "{client}");
        assert_eq!(after["removed"].as_u64().unwrap(), 0, "{after}");
        home.run(&["show", "kc/client/shop"]).ok();
    });
}

#[test]
fn another_realm_at_the_same_url_is_refused() {
    on_server(async |server| {
        let (realm, home) = home(server, "other").await;
        let other = server.realm("other-two").await;
        small(&other).await;
        let (_, secret) = crate::accounts::collector(&other).await;
        home.write("reader", &secret);
        home.configure(&format!("\"{}\"", realm.name()), &format!("\"{}\"", other.name()));
        home.run(&["snapshot"]).code(5);
        assert_eq!(home.run(&["snapshots", "--json"]).ok().lines().len(), 1, "nothing was recorded");
    });
}

#[test]
fn a_server_that_does_not_answer_records_nothing() {
    on_server(async |server| {
        let (_, home) = home(server, "silent").await;
        home.configure("url = \"http://127.0.0.1:", "url = \"http://127.0.0.1:1");
        let ran = home.run(&["snapshot"]);
        assert!(ran.code == 1 || ran.code == 2, "{ran:?}");
        assert_eq!(home.run(&["snapshots", "--json"]).ok().lines().len(), 1);
    });
}

#[test]
fn a_wrong_secret_is_told_apart() {
    on_server(async |server| {
        let (_, home) = home(server, "secret").await;
        home.write("reader", "not-the-secret");
        let ran = home.run(&["snapshot"]).code(1);
        assert!(!ran.err.contains("not-the-secret"), "{}", ran.err);
        assert!(ran.err.contains("hint:"), "{}", ran.err);
    });
}

/// A realm read through a relay, with one snapshot kept.
pub(crate) async fn behind_relay(server: &crate::server::Server, name: &str) -> (Relay, Realm, Home) {
    let (realm, home) = home(server, name).await;
    let relay = Relay::new(realm.base());
    home.configure(realm.base(), relay.url());
    relay.set(Fault::None);
    let before = home.snapshot();
    assert_eq!(before["removed"], 0, "{before}");
    assert!(relay.asked() > 50, "the relay is asked");
    (relay, realm, home)
}

/// A snapshot with gaps: nothing counts as deleted, and what was kept before is still shown.
fn incomplete(home: &Home) -> serde_json::Value {
    let after = home.run(&["snapshot", "--json"]).code(3).json();
    for count in ["added", "changed", "removed"] {
        assert_eq!(after[count], 0, "{after}");
    }
    home.run(&["show", "kc/client/shop"]).ok();
    assert_eq!(home.run(&["ls", "kc/group", "--json"]).ok().lines().len(), 30);
    after
}

/// How many kinds are in this state.
fn kinds_in(snapshot: &serde_json::Value, state: &str) -> usize {
    snapshot["coverage"].as_array().unwrap().iter().filter(|row| row["state"] == state).count()
}

#[test]
fn a_server_that_stops_in_the_middle_loses_nothing() {
    on_server(async |server| {
        let (relay, _, home) = behind_relay(server, "stops").await;
        let all = relay.asked();
        relay.set(Fault::Stop(all / 2));
        let after = incomplete(&home);
        assert!(kinds_in(&after, "complete") > 5, "what was read before it stopped counts: {after}");
        // Where it stops decides whether a kind is met whole or in its middle.
        let short = kinds_in(&after, "failed") + kinds_in(&after, "partial");
        assert!(short > 5, "what came after did not: {after}");
    });
}

#[test]
fn a_token_that_expires_in_the_middle_loses_nothing() {
    on_server(async |server| {
        let (relay, _, home) = behind_relay(server, "expires").await;
        let all = relay.asked();
        relay.set(Fault::Renew(all / 2));
        assert_eq!(home.snapshot()["removed"], 0, "a new token is asked for and nothing is missing");

        relay.set(Fault::Expire(all / 2));
        let after = incomplete(&home);
        assert!(kinds_in(&after, "failed") + kinds_in(&after, "partial") > 5, "{after}");
        relay.set(Fault::None);
        let whole = home.snapshot();
        assert_eq!((&whole["added"], &whole["removed"]), (&json!(0), &json!(0)), "{whole}");
    });
}

#[test]
fn a_list_that_leaves_one_out_deletes_nothing() {
    on_server(async |server| {
        let (relay, _, home) = behind_relay(server, "fewer").await;
        relay.set(Fault::Fewer("/groups"));
        let after = incomplete(&home);
        let groups = coverage(&after, "group");
        assert_eq!((&groups["state"], &groups["count"]), (&json!("partial"), &json!(30)), "{after}");
        assert!(groups["reason"].as_str().unwrap().contains("left out"), "{groups}");
    });
}
