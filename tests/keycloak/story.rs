//! The whole story on a real realm with every kind of configuration: keep it, ask it, break it,
//! see who broke it, put it back.
//!
//! `tests/story` runs this test and shows each command with what it printed.

use serde_json::{Value, json};

use crate::lastgood::{Home, TENANT};
use crate::seed::{CANARY, Seed};
use crate::server::{notice, on_server};

/// Kinds that the reading account is refused (`rights.rs` proves each).
const REFUSED: &str = "accept = [\"workflow\", \"organization_invitation\"]\n";

#[test]
fn keep_ask_break_restore() {
    on_server(async |server| {
        let seed = Seed::plant(server, "story").await;
        let home = Home::new(&seed.realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));

        home.run(&["tenant", "test", TENANT]).ok();
        let first = home.snapshot();
        assert!(first["added"].as_u64() > Some(200), "{first}");
        let second = home.snapshot();
        for count in ["added", "changed", "removed"] {
            assert_eq!(second[count], 0, "an untouched realm: {second}");
        }

        ask(&home);
        let at = second["snapshot"].as_str().unwrap();
        break_it(&seed).await;
        let third = home.snapshot();
        assert!(third["removed"].as_u64() >= Some(1) && third["changed"].as_u64() >= Some(1), "{third}");
        who(&home);
        restore(&home, &seed, at).await;
        care(&home);
        no_secret_was_shown(&home, &seed);
        notice("the story ends well");
    });
}

fn ask(home: &Home) {
    home.run(&["snapshots"]).ok();
    home.run(&["ls", "kc/client"]).ok();
    let shown = home.run(&["show", "kc/client/backend", "--json"]).ok().json();
    assert_eq!(shown["body"]["clientId"], "backend");
    assert!(shown["body"]["secret"]["$secret"].is_string(), "{shown}");
    let group = home.run(&["show", "kc/group/eng/backend", "--json"]).ok().json();
    assert_eq!(group["body"]["name"], "backend", "groups are found by their path of names");
    let found =
        home.run(&["find", ".publicClient == true and .enabled == true", "--kind", "client", "--json"]).ok();
    assert!(!found.lines().is_empty());
    home.run(&["diff", "latest", "live", "kc", "--exit-code"]).ok();
}

async fn break_it(seed: &Seed) {
    seed.realm.delete(&format!("/groups/{}", seed.id("group:/eng"))).await;
    let client = seed.realm.client("backend").await;
    let mut body: Value = seed.realm.get(&format!("/clients/{client}")).await;
    body["redirectUris"] = json!(["https://evil.example/*"]);
    seed.realm.put(&format!("/clients/{client}"), &body).await;
}

fn who(home: &Home) {
    let log = home.run(&["log", "kc/client/backend", "-p", "--json"]).ok();
    let change = log.lines().into_iter().next().unwrap();
    assert_eq!(change["op"], "change");
    assert_eq!(change["actor"]["confidence"], "exact", "{change}");
    assert!(change["fields"].to_string().contains("evil.example"), "{change}");
    let gone = home.run(&["log", "kc/group/eng", "--json"]).ok().lines();
    assert_eq!(gone[0]["op"], "remove", "{gone:?}");
    assert_eq!(gone[0]["actor"]["confidence"], "exact", "who deleted it is known: {gone:?}");
    home.run(&["log", "kc", "--since", "1h ago"]).ok();
    home.run(&["diff", "latest", "live", "kc", "--exit-code"]).ok();
}

async fn restore(home: &Home, seed: &Seed, at: &str) {
    let wanted = ["kc/client/backend", "kc/group/eng"];
    let before = seed.realm.get("/admin-events?max=500").await;
    let plan = ["plan", wanted[0], wanted[1], "--at", at, "--out", "plan.json"];
    home.run(&plan).ok();
    let again = home.run(&[&plan[..], &["--json"]].concat()).ok().json();
    assert_eq!(again["refused"], json!([]), "{again}");
    assert_eq!(seed.realm.get("/admin-events?max=500").await, before, "a plan writes nothing");

    home.run(&["apply", "plan.json"]).code(5);
    home.run(&["apply", "plan.json", "--allow-privileged"]).ok();
    let client = seed.realm.client("backend").await;
    let body = seed.realm.get(&format!("/clients/{client}")).await;
    assert!(!body["redirectUris"].to_string().contains("evil.example"), "{body}");
    let group = seed.realm.get(&format!("/groups/{}", seed.id("group:/eng"))).await;
    assert_eq!(group["name"], "eng", "the group is back under its id");

    let after = home.run(&["plan", wanted[0], wanted[1], "--at", at, "--json"]).ok().json();
    assert_eq!(after["steps"], json!([]), "nothing is left to do: {after}");
}

fn care(home: &Home) {
    home.run(&["check", "--read-data"]).ok();
    let before = home.run(&["log", "kc", "--json"]).ok().out;
    std::fs::remove_dir_all(home.path().join("cache")).unwrap();
    assert_eq!(home.run(&["log", "kc", "--json"]).ok().out, before, "the index is only a cache");
    home.run(&["rebuild-index"]).ok();
    assert_eq!(home.run(&["log", "kc", "--json"]).ok().out, before);
    home.run(&["stats"]).ok();
}

/// Every secret of the seed holds a canary: none may be in anything that was printed or written.
fn no_secret_was_shown(home: &Home, seed: &Seed) {
    let everything = [
        home.run(&["log", "kc", "-p", "--json"]).ok().out,
        home.run(&["find", ".", "--json"]).ok().out,
        home.run(&["diff", "latest", "live", "kc", "--json"]).ok().out,
        home.read("plan.json"),
    ];
    for text in everything {
        for secret in &seed.secrets {
            assert!(!text.contains(&secret.value), "{} is shown", secret.place);
        }
    }
    let revealed = home.run(&["show", "kc/client/backend", "--reveal-secrets"]).ok().out;
    assert!(revealed.contains(CANARY), "who asks for a secret gets it");
}
