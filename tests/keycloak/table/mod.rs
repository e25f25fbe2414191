//! The table test of DESIGN.md §3: what the catalogue calls restorable is made, kept, damaged and put
//! back on the real server, and the independent reader finds it as it was.
//!
//! One realm holds an instance of every kind with every writable field set to something else than
//! the server's default. After one snapshot come three rounds, each planned and applied by the binary:
//!
//! | round | damage |
//! | --- | --- |
//! | changed | each field of each instance |
//! | leaves | instances deleted one by one, while what they hang on stays |
//! | roots | what others hang on deleted, and everything with it |
//!
//! The instances are data (`data/*.toml`, read by [`case`]); which kinds, calls and fields must be among
//! them says the catalogue. [`stage`] plays them on the server, [`judge`] says what came of each kind.
//! What differs afterwards must be an id that the plan announced, or be listed in the data with the
//! words of the catalogue's reason, which the plan must have printed; and it must really differ.

mod case;
mod judge;
mod stage;

use std::time::Duration;

use lastgood::catalog;
use serde_json::{Value, json};

use case::{Cases, Round};
use judge::{Judge, Played};
use stage::Stage;

use crate::dump::Dump;
use crate::lastgood::{Home, TENANT};
use crate::server::{Realm, notice, on_server};

/// Longer than the time before a snapshot in which changes count as made while it was taken.
const SETTLED: Duration = Duration::from_secs(31);

#[test]
fn what_the_catalogue_calls_restorable_comes_back() {
    on_server(async |server| {
        let mut cases = Cases::load();
        let realm = server.realm_with("table", json!({"displayName": ""})).await;
        let mut stage = Stage::new(realm.clone());
        stage.note("realm", &crate::server::text(&realm.get("").await, "id"));
        let home = home(&realm).await;
        let fresh = Dump::read(&realm).await;
        stage.make(&mut cases).await;
        let goal = Dump::read(&realm).await;
        // What changes while it is read, or just before, counts as not read whole.
        tokio::time::sleep(SETTLED).await;
        let at = home.snapshot()["snapshot"].as_str().unwrap().to_owned();
        let mut judge = Judge::new(catalog::provider("keycloak").unwrap(), &cases, fresh, goal);
        for round in Round::ALL {
            let addresses = stage.damage(&cases, round).await;
            let damaged = Dump::read(&realm).await;
            let played = restore(&home, &at, &addresses);
            let restored = Dump::read(&realm).await;
            judge.round(round, &damaged, &restored, &played);
        }
        stage.refused.iter().for_each(|(kind, what)| judge.fault(kind, what));
        let verdict = judge.verdict();
        notice(&format!("{} of {} restorable kinds restored", verdict.restored.len(), verdict.restorable));
        for fault in &verdict.faults {
            notice(&format!("not restored: {fault}"));
        }
        crate::proof::keep("restored", &verdict.restored);
    });
}

/// The binary, with an account that may read all kinds, also those of which each user is asked.
async fn home(realm: &Realm) -> Home {
    let home = Home::new(realm).await;
    home.configure("client_id = \"lastgood-collector\"", "client_id = \"lastgood-restorer\"");
    home.write("reader", &home.read("restorer"));
    home.configure("[[tenant]]\n", "[[tenant]]\nper_user = true\n");
    home
}

/// Plans these addresses, applies the plan, and plans again.
fn restore(home: &Home, at: &str, addresses: &[String]) -> Played {
    let addresses: Vec<String> = addresses.iter().map(|address| format!("{TENANT}/{address}")).collect();
    let mut args: Vec<&str> = vec!["plan"];
    args.extend(addresses.iter().map(String::as_str));
    args.extend(["--at", at, "--json"]);
    let plan = home.run(&[&args[..], &["--out", "plan.json"]].concat()).ok().json();
    home.write("given", stage::SECRET);
    let asked = plan["secrets"].as_array().unwrap();
    let given: Vec<String> = asked
        .iter()
        .map(|secret| format!("{} = \"file:given\"\n", secret["input"].as_str().unwrap()))
        .collect();
    home.write("secrets.toml", &given.concat());
    let ran = home.run(&[
        "apply",
        "plan.json",
        "--json",
        "--allow-privileged",
        "--allow-lockout",
        "--secrets",
        "secrets.toml",
    ]);
    let lines: Vec<Value> = ran.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let failed = lines.into_iter().filter(|line| {
        line["outcome"].is_string() && !["done", "already"].contains(&line["outcome"].as_str().unwrap())
    });
    let again = home.run(&args).ok().json();
    let mut failed: Vec<Value> = failed.collect();
    if ran.code != 0 && failed.is_empty() {
        failed.push(json!({"outcome": ran.code, "detail": ran.err}));
    }
    Played { plan, failed, again }
}
