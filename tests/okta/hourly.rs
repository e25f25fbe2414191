//! An hourly snapshot of a simulated organisation, with the binary: how little it asks for, who did what,
//! and that a machine which has nothing but the repository goes on from it.

use serde_json::Value;

use crate::org::{Org, TENANT};

fn row<'v>(document: &'v Value, kind: &str) -> &'v Value {
    document["coverage"].as_array().unwrap().iter().find(|row| row["kind"] == kind).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first of a list, whose id is asked for.
fn first(org: &Org, path: &str) -> String {
    org.ask("GET", path, "")[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_hour_says_who_did_what_and_reads_little() {
    let org = Org::start(&["--users", "40"]);
    let (full, all) = org.snapshot(0);
    assert_eq!(full["sweep"], "full");
    let user = first(&org, "/api/v1/users?limit=1");
    let group = org.ask("POST", "/api/v1/groups", r#"{"profile":{"name":"Auditors"}}"#);
    let group = group["id"].as_str().unwrap();
    org.ask("PUT", &format!("/api/v1/groups/{group}/users/{user}"), "");
    org.ask("POST", &format!("/api/v1/users/{user}"), r#"{"profile":{"department":"Audit"}}"#);
    let zone = first(&org, "/api/v1/zones?limit=1");
    org.ask("PUT", "/api/v1/org", r#"{"companyName":"Acme and Sons"}"#);
    // A machine that has only the repository.
    std::fs::remove_dir_all(org.path().join("cache")).ok();
    let (hour, asked) = org.snapshot(0);
    assert_eq!(hour["sweep"], "incremental");
    assert!(asked.len() * 2 < all.len(), "{} of {}", asked.len(), all.len());
    let read = |kind: &str| row(&hour, kind)["read"].as_str().unwrap().to_owned();
    let how = ["user", "group_membership", "org_settings", "network_zone"].map(read);
    assert_eq!(how, ["part", "part", "whole", "carried"]);
    assert_eq!(row(&hour, "network_zone")["read_at"], row(&full, "network_zone")["read_at"]);

    let changes = lines(&org.run(&["log", "--json", TENANT], 0));
    let of = |address: &str| {
        let full = format!("{TENANT}/{address}");
        changes.iter().find(|change| change["address"] == full.as_str() && change["op"] != "remove").unwrap()
    };
    for address in
        [format!("user/{user}"), format!("group/{group}"), format!("group_membership/{group}/{user}")]
    {
        let actor = &of(&address)["actor"];
        assert_eq!(actor["name"], "admin@example.com", "{address}: {actor}");
        assert_eq!(actor["address"], "192.0.2.10", "{address}");
        assert_eq!(actor["confidence"], "exact", "{address}");
        assert_eq!(actor["event"].as_str().map(str::len), Some(36), "{address}");
        assert!(actor["id"].as_str().unwrap().starts_with("00u"), "{address}");
    }
    assert_eq!(of("org_settings/-")["actor"], Value::Null, "the vendor logs no change of them");
    let shown: Value =
        serde_json::from_str(&org.run(&["show", "--json", &format!("{TENANT}/network_zone/{zone}")], 0))
            .unwrap();
    assert_eq!(shown["read_at"], row(&full, "network_zone")["read_at"], "carried, and says so");
}

#[test]
fn between_two_full_readings_a_silent_log_says_that_nothing_happened() {
    let org = Org::start(&["--users", "10"]);
    org.snapshot(0);
    let zone = first(&org, "/api/v1/zones?limit=1");
    let first_snapshot =
        lines(&org.run(&["snapshots", "--json"], 0))[0]["snapshot"].as_str().unwrap().to_owned();
    org.snapshot(0);
    let (full, _) = org.sweep(0);
    assert_eq!(full["sweep"], "full");
    let address = format!("{TENANT}/network_zone/{zone}");
    let text = org.run(&["show", "--json", "--at", &first_snapshot, &address], 0);
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["next_read_at"], row(&full, "network_zone")["read_at"], "not when it was carried");
    assert_eq!(shown["between"], "no_change");
    let text = org.run(&["show", "--json", "--at", &first_snapshot, &format!("{TENANT}/org_settings/-")], 0);
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["between"], "unknown", "no event would tell");
}

#[test]
fn what_an_hour_costs_is_told_before_it() {
    let org = Org::start(&["--users", "300"]);
    let test: Value = serde_json::from_str(&org.run(&["tenant", "test", "--json", TENANT], 0)).unwrap();
    let calls = |run: &str| test["forecast"][run]["calls"].as_u64().unwrap();
    assert!(test["forecast"]["hour"]["seconds"].is_u64(), "{test}");
    let (full, _) = org.snapshot(0);
    let (hour, _) = org.snapshot(0);
    let made = |snapshot: &Value| snapshot["requests"].as_u64().unwrap();
    println!("full {} of {}, hour {} of {}", made(&full), calls("full"), made(&hour), calls("hour"));
    assert!(
        made(&full) <= calls("full") && calls("full") < made(&full) * 2,
        "{} {}",
        made(&full),
        calls("full")
    );
    // Nothing has its turn in the half day after a full sweep, and the forecast is of a whole day's mean.
    assert!(
        made(&hour) <= calls("hour") && calls("hour") < made(&hour) * 2,
        "{} {}",
        made(&hour),
        calls("hour")
    );
    let text = org.run(&["tenant", "test", TENANT], 0);
    assert!(text.contains("an hour in which nothing changes needs about"), "{text}");
}
