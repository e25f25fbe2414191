//! A company of 5,000 people: how many requests, how long, how many bytes. A campaign, not a check:
//! `tests/campaigns/company` runs it and prints the figures for `docs/PERF.md`.

use serde_json::Value;

use crate::lastgood::{Home, TENANT};
use crate::scale::{Size, fill};
use crate::server::{notice, on_server};

#[test]
fn company() {
    if std::env::var_os("LASTGOOD_CAMPAIGN").is_none() {
        return notice("skipped company: it is a campaign, run tests/campaigns/company");
    }
    on_server(async |server| {
        let realm = server.realm("company").await;
        fill(&realm, Size::COMPANY).await;
        let home = Home::new(&realm).await;
        home.configure("[[tenant]]\n", "[[tenant]]\naccept = [\"workflow\", \"organization_invitation\"]\n");
        let first = measured(&home, "first snapshot");
        let second = measured(&home, "second snapshot, untouched");
        assert!(first["added"].as_u64() > Some(5_000), "{first}");
        for count in ["added", "changed", "removed"] {
            assert_eq!(second[count], 0, "{second}");
        }
        let requests = first["requests"].as_u64().unwrap();
        assert!(requests < 2_500, "{requests} requests: some list is read for each user");
        let begun = std::time::Instant::now();
        home.run(&["show", "kc/user/user-0042", "--json"]);
        notice(&format!("show by name: {:?}", begun.elapsed()));
        let begun = std::time::Instant::now();
        home.run(&["check", "--read-data"]).ok();
        notice(&format!("check of all data: {:?}", begun.elapsed()));
    });
}

fn measured(home: &Home, what: &str) -> Value {
    let begun = std::time::Instant::now();
    let snapshot = home.run(&["snapshot", TENANT, "--json"]).ok().json();
    let total = snapshot["added"].as_u64().unwrap() + snapshot["unchanged"].as_u64().unwrap();
    notice(&format!(
        "{what}: {total} resources, {} requests, {:?}, {} bytes",
        snapshot["requests"],
        begun.elapsed(),
        snapshot["bytes_added"]
    ));
    snapshot
}
