//! What one realm had is made in another: by names, with ids of the other realm's own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::REFUSED;
use crate::dump::Dump;
use crate::lastgood::Home;
use crate::seed::{CANARY, Seed};
use crate::server::{Realm, on_server};

/// Plans all of `kc` into the other realm.
fn plan(home: &Home, at: &str) -> Value {
    let args = ["plan", "kc", "--at", at, "--to", "other", "--out", "plan.json", "--json"];
    home.run(&args).ok().json()
}

/// Does what the plan says, with everything allowed and every secret given.
fn apply(home: &Home, plan: &Value, key: &str) {
    let asked = plan["secrets"].as_array().unwrap().iter();
    let given: Vec<String> = asked
        .map(|secret| {
            let file =
                if secret["pointer"].as_str().unwrap().contains("privateKey") { "key" } else { "given" };
            format!("{} = \"file:{file}\"\n", secret["input"])
        })
        .collect();
    home.write("given", &format!("{CANARY}-given"));
    home.write("key", key);
    home.write("secrets.toml", &given.concat());
    let allowed = ["--allow-privileged", "--allow-lockout", "--secrets", "secrets.toml"];
    let ran = home.run(&[&["apply", "plan.json"], &allowed[..]].concat());
    let failed: Vec<&str> =
        ran.out.lines().filter(|line| !line.contains(" done ") && !line.contains(" already ")).collect();
    assert_eq!(ran.code, 0, "{}\n{}", failed.join("\n"), ran.err);
}

/// A dump with one text in place of every id and of the realm's name.
fn without_ids(dump: &Dump, realm: &Realm) -> Dump {
    let is_id = |text: &str| {
        let shape = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        text.len() == 36 && text.bytes().enumerate().all(shape)
    };
    let mut ids = BTreeSet::new();
    let text = serde_json::to_string(dump.objects()).unwrap();
    let starts = text.char_indices().map(|(at, _)| at);
    ids.extend(starts.filter_map(|at| text.get(at..at + 36)).filter(|text| is_id(text)).map(str::to_owned));
    ids.insert(realm.name().to_owned());
    let directory = &dump.objects()["component/UserStorageProvider/-/corp-ldap"]["id"];
    ids.insert(directory.as_str().unwrap().to_owned());
    ids.iter().fold(dump.clone(), |dump, id| dump.with_id(id, "[id]"))
}

/// What is different afterwards; what is its own in each realm, as keys are, is left out.
const LEFT: [&str; 22] = [
    // Counts from when it was rotated.
    "~ client/backend#attributes#client.secret.rotated.expiration.time",
    // With these Lastgood signs in.
    "~ client/lastgood-collector#defaultClientScopes",
    "~ client/lastgood-collector#optionalClientScopes",
    "~ client/lastgood-restorer#defaultClientScopes",
    "~ client/lastgood-restorer#optionalClientScopes",
    "- client_default_scope/lastgood-collector/billing",
    "- client_default_scope/lastgood-restorer/billing",
    "- client_initial_access/[id]",
    "- client_optional_scope/lastgood-collector/extra",
    "- client_optional_scope/lastgood-restorer/extra",
    "- group_member/%2Fsales/service-account-lastgood-collector",
    "- group_member/%2Fsales/service-account-lastgood-restorer",
    // Not recorded.
    "- organization_invitation/acme/new%40acme.test",
    // Written a second time, as attributes.
    "~ realm/-#attributes#clientOfflineSessionIdleTimeout",
    "~ realm/-#attributes#clientOfflineSessionMaxLifespan",
    "~ realm/-#attributes#clientSessionIdleTimeout",
    "~ realm/-#attributes#clientSessionMaxLifespan",
    "~ realm/-#attributes#realmReusableOtpCode",
    // Not recorded.
    "- user_consent/carol/portal",
    "- user_credential/alice/password",
    "- user_credential/carol/otp",
    "- user_verifiable_credential/alice/badge",
];

#[test]
fn a_realm_is_made_in_another_by_names() {
    on_server(async |server| {
        let seed = Seed::plant(server, "elsewhere").await;
        // What a realm does not have switched on it refuses to hold.
        let on = json!({
            "verifiableCredentialsEnabled": true, "organizationsEnabled": true, "adminPermissionsEnabled": true,
        });
        let other = server.realm_with("elsewhere-other", on).await;
        let home = Home::new(&seed.realm).await;
        home.add("other", &other, ["other-reader", "other-restorer"]).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        seed.realm.delete("/admin-events").await;
        let at = home.run(&["snapshot", "kc", "--json"]).ok().json()["snapshot"].as_str().unwrap().to_owned();
        home.run(&["plan", "kc", "--at", &at, "--to", "other"]).code(1);
        home.run(&["snapshot", "other"]).ok();
        home.run(&["plan", "kc", "--at", &at, "--to", "other", "--mode", "rollback"]).code(2);
        let before = Dump::read(&seed.realm).await;

        let key = &seed.secrets.iter().find(|secret| secret.place == "realm-key").unwrap().value;
        let first = plan(&home, &at);
        assert_eq!((&first["tenant"], &first["from"]), (&json!("other"), &json!("kc")));
        apply(&home, &first, key);
        let second = plan(&home, &at);
        assert_eq!(second["steps"], json!([]), "nothing is left to do");
        let refused = |plan: &Value| {
            let rows = plan["refused"].as_array().unwrap().iter();
            rows.map(|row| row["address"].to_string()).collect::<BTreeSet<String>>()
        };
        assert!(refused(&second).is_subset(&refused(&first)), "and nothing new is refused");

        assert_eq!(
            before.diff(&Dump::read(&seed.realm).await),
            Vec::<String>::new(),
            "the first is as it was"
        );
        let made = Dump::read(&other).await;
        let left = without_ids(&before, &seed.realm).diff(&without_ids(&made, &other));
        let its_own =
            |line: &&String| !line.contains(" realm_key/") && !line.contains("authz_resource/admin-");
        let place = |line: &String| line.split(": ").next().unwrap().to_owned();
        let left: Vec<String> =
            left.iter().filter(its_own).map(place).filter(|line| line != "- workflow/Leavers").collect();
        assert_eq!(left, LEFT);
        let found = made.objects()["client/backend"]["secret"].as_str().unwrap();
        assert_eq!(
            found,
            before.objects()["client/backend"]["secret"],
            "a stored secret comes from the snapshot"
        );
    });
}

#[test]
fn what_was_made_in_another_realm_is_taken_back() {
    on_server(async |server| {
        let seed = Seed::plant(server, "elsewhere-part").await;
        let other = server.realm("elsewhere-empty").await;
        let home = Home::new(&seed.realm).await;
        home.add("other", &other, ["other-reader", "other-restorer"]).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        seed.realm.delete("/admin-events").await;
        home.run(&["snapshot", "kc"]).ok();
        home.run(&["snapshot", "other"]).ok();
        let before = Dump::read(&other).await;
        let what = [
            "plan",
            "kc/group/eng",
            "kc/realm_role/lead",
            "kc/client/portal",
            "--at",
            "latest",
            "--to",
            "other",
        ];
        let plan = home.run(&[&what[..], &["--out", "plan.json"]].concat()).ok().out;
        assert!(plan.contains("for other: as in snapshot"), "{plan}");
        assert!(!plan.contains("lgcanary"), "{plan}");
        let absent = "which is not there; add that address to the restore";
        assert!(
            plan.lines().any(|line| line.contains("group_member/eng/bob") && line.ends_with(absent)),
            "{plan}"
        );
        home.run(&["apply", "plan.json", "--allow-privileged"]).ok();
        let made = Dump::read(&other).await;
        assert!(made.objects().contains_key("group/%2Feng%2Fbackend"), "{:?}", made.objects().keys());

        let back = ["plan", "--undo", "plan.json", "--out", "back.json", "--json"];
        let back = home.run(&back).ok().json();
        let count =
            back["guards"].as_array().unwrap().iter().find_map(|guard| guard["count"].as_u64()).unwrap();
        home.run(&["apply", "back.json", "--allow-privileged", &format!("--allow-delete={count}")]).ok();
        assert_eq!(before.diff(&Dump::read(&other).await), Vec::<String>::new(), "nothing is left of it");
    });
}
