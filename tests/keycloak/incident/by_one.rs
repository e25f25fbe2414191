//! The same damage, undone by who did it: what the others did since stays, and who was shut out since gets
//! nothing back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{REFUSED, damage};
use crate::lastgood::Home;
use crate::seed::Seed;
use crate::server::on_server;

/// What a restore of the whole realm leaves too, each line of it tied to a line of the plan.
const LEFT: &str = include_str!("snapshots/left.snap");

fn line(change: &Value) -> String {
    format!("{} {} {}", change["op"], change["kind"], change["name"])
}

#[test]
fn what_one_did_is_undone_and_the_mornings_work_stays() {
    on_server(async |server| {
        let seed = Seed::plant(server, "by-one").await;
        let realm = &seed.realm;
        let home = Home::new(realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        realm.delete("/admin-events").await;
        let before = home.snapshot()["snapshot"].as_str().unwrap().to_owned();
        damage::strike(&seed).await;
        home.snapshot();
        // The morning after, by another account.
        let ordinary = realm.as_client("lastgood-restorer", &home.read("restorer"));
        ordinary.post("/users", &json!({ "username": "zoe", "enabled": true })).await;
        let backend = format!("/clients/{}", seed.id("client:backend"));
        let mut body = ordinary.get(&backend).await;
        body["description"] = json!("moved to the new rack");
        ordinary.put(&backend, &body).await;
        // Dismissed: a group of his was deleted in the night.
        let leaver = format!("/users/{}", seed.id("user:carol"));
        let mut body = ordinary.get(&leaver).await;
        body["enabled"] = json!(false);
        ordinary.put(&leaver, &body).await;
        home.snapshot();

        let log = home.run(&["log", "kc", "--json"]).ok().lines();
        let from_elsewhere =
            |change: &&Value| change["actor"]["id"].is_string() && change["actor"]["name"].is_null();
        let intruder = log.iter().find(from_elsewhere).unwrap()["actor"]["id"].as_str().unwrap().to_owned();
        let first = home.run(&["plan", "kc", "--actor", &intruder, "--json"]).ok().json();
        // Of some kinds the server logs nothing: a person looks at what nobody is named for, and takes it.
        let night = first["undoes"][0]["change"].as_str().unwrap().split_once('-').unwrap().0.to_owned();
        let told = first["unexplained"].as_array().unwrap().iter();
        let told = told.map(|told| told["change"].as_str().unwrap());
        let unexplained: Vec<&str> = told.filter(|id| id.starts_with(&night)).collect();
        let ids = unexplained.join(",");
        let mut ask = vec!["plan", "kc", "--actor", &intruder, "--out", "plan.json", "--json"];
        if !ids.is_empty() {
            ask.extend(["--changes", &ids]);
        }
        let plan = home.run(&ask).ok().json();
        assert_eq!(plan["conflicts"], json!([]), "{plan:#}");
        assert!(plan["undoes"].as_array().unwrap().len() > 80, "{}", plan["undoes"]);
        let refused = plan["refused"].to_string();
        assert!(refused.contains("was switched off since by service-account-lastgood-restorer"), "{refused}");
        home.run(&["apply", "plan.json", "--allow-privileged", "--allow-delete", "9", "--without-secrets"]);

        let changes = home.run(&["diff", &before, "latest", "kc", "--json"]).ok().lines();
        let known: BTreeSet<&str> = LEFT.lines().collect();
        let ours = |change: &&Value| {
            let name = change["name"].as_str().unwrap_or_default();
            // Nobody gave its secret, so it was made switched off, as the plan says.
            (change["kind"] == "identity_provider" && name == "corp-oidc")
                || name.contains("zoe")
                || name.contains("carol")
                || (change["kind"] == "client"
                    && name == "backend"
                    && change["fields"].as_array().unwrap().len() == 1)
        };
        let new = |change: &&Value| !ours(change) && !known.contains(line(change).as_str());
        let left: Vec<&Value> = changes.iter().filter(new).collect();
        assert!(left.is_empty(), "{left:#?}, refused: {refused}");
        assert_eq!(realm.get(&backend).await["description"], "moved to the new rack");
        assert_eq!(realm.get(&leaver).await["enabled"], false);
    });
}
