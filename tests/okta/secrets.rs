//! What Okta gives in clear is kept and shown on demand only.

use serde_json::Value;

use crate::org::{Org, TENANT};

fn client_secrets(org: &Org) -> Vec<(String, String)> {
    let apps = org.ask("GET", "/api/v1/apps?limit=200", "");
    let apps = apps.as_array().unwrap().iter();
    let clients = apps.filter(|app| app["credentials"]["oauthClient"].is_object());
    clients
        .flat_map(|app| {
            let id = app["id"].as_str().unwrap().to_owned();
            let rows = org.ask("GET", &format!("/api/v1/apps/{id}/credentials/secrets"), "");
            let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
            let row = |row: &Value| (format!("{id}/{}", text(row, "id")), text(row, "client_secret"));
            rows.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_client_secret_is_shown_on_demand_only() {
    let org = Org::start(&["--users", "2", "--every-kind"]);
    let secrets = client_secrets(&org);
    assert!(secrets.len() >= 4, "{}", secrets.len());
    let (first, _) = org.snapshot(0);
    // A rotation: the history shows that there was one.
    let (of, _) = secrets[0].0.split_once('/').unwrap();
    org.ask("POST", &format!("/api/v1/apps/{of}/credentials/secrets"), r#"{"status":"ACTIVE"}"#);
    let (second, _) = org.snapshot(0);
    let secrets = client_secrets(&org);
    let mut printed = first.to_string() + &second.to_string();
    for (address, _) in &secrets {
        let address = format!("{TENANT}/app_client_secret/{address}");
        printed += &org.run(&["show", &address], 0);
        printed += &org.run(&["show", &address, "--json"], 0);
    }
    for command in [&["find", "."][..], &["log", "-p"], &["log", "--json"], &["ls", TENANT, "--json"]] {
        printed += &org.run(command, 0);
    }
    printed += &org.run(&["diff", first["snapshot"].as_str().unwrap(), "latest", TENANT], 0);
    assert!(printed.contains("app_client_secret"));
    for (address, secret) in &secrets {
        assert!(!printed.contains(secret.as_str()), "{address} is printed");
    }
    let (address, secret) = &secrets[0];
    let address = format!("{TENANT}/app_client_secret/{address}");
    assert!(org.run(&["show", &address, "--reveal-secrets"], 0).contains(secret.as_str()));
}
