//! A person's day with a directory: is it readable, a snapshot, what changed and by whom, what it looked like.

use serde_json::Value;

use crate::directory::{ADMIN, Directory, TENANT, USERS};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_directory_is_tried_read_and_compared() {
    let directory = Directory::start();
    let (tried, said) = directory.told(&["tenant", "test", TENANT], 0);
    assert!(
        tried.contains("conditional_access_policy") && tried.contains("every snapshot is a full sweep"),
        "{tried}"
    );
    assert!(said.contains("Microsoft Entra ID is not finished"), "{said}");
    assert!(said.contains("0 kinds can be restored"), "{said}");
    assert!(!said.contains("can write"), "the reader holds no right to write: {said}");

    let (first, _) = directory.snapshot();
    assert!(first["added"].as_u64().unwrap() > 20, "{first}");
    let policy = directory.id("conditional_access_policy", "displayName", "A second factor for all");
    let group = directory.id("group", "displayName", "Emergency access");
    let person = directory.id("user", "userPrincipalName", ADMIN);

    // Somebody takes the emergency group out of the policy and switches it off, and takes the owner out of the group.
    let path = format!("/beta/identity/conditionalAccess/policies/{policy}");
    directory.ask("PATCH", &path, r#"{"state":"disabled","conditions":{"users":{"excludeGroups":[]}}}"#);
    directory.ask("DELETE", &format!("/v1.0/groups/{group}/owners/{person}/$ref"), "");
    let (second, _) = directory.snapshot();
    assert_eq!([&second["added"], &second["changed"], &second["removed"]], [0, 1, 1], "{second}");

    let id = first["snapshot"].as_str().unwrap();
    let changes = lines(&directory.run(&["diff", id, "latest", "--json"], 0));
    assert_eq!(changes.len(), 2, "{changes:?}");
    let of = |kind: &str| changes.iter().find(|change| change["kind"] == kind).unwrap();
    let changed = of("conditional_access_policy");
    assert_eq!(changed["name"], "A second factor for all");
    let pointers: Vec<&str> = changed["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["pointer"].as_str().unwrap())
        .collect();
    assert!(pointers.contains(&"/state"), "{pointers:?}");
    assert!(pointers.iter().any(|at| at.starts_with("/conditions/users/excludeGroups")), "{pointers:?}");
    assert!(pointers.iter().all(|at| !at.contains("modifiedDateTime")), "volatile: {pointers:?}");
    assert_eq!(of("group_owner")["op"], "remove");

    let before: Value = serde_json::from_str(
        &directory
            .run(&["show", &format!("{TENANT}/conditional_access_policy/{policy}"), "--at", id, "--json"], 0),
    )
    .unwrap();
    assert_eq!(before["body"]["state"], "enabled");
    assert_eq!(before["body"]["conditions"]["users"]["excludeGroups"], serde_json::json!([group]));
}

#[test]
fn the_log_says_who() {
    let directory = Directory::start();
    directory.snapshot();
    let group = directory.id("group", "displayName", "Emergency access");
    directory.ask("PATCH", &format!("/v1.0/groups/{group}"), r#"{"description":"Mine now"}"#);
    directory.snapshot();
    let log = lines(&directory.run(&["log", &format!("{TENANT}/group/{group}"), "--json"], 0));
    let changed = log.iter().find(|change| change["op"] == "change").unwrap();
    assert_eq!(changed["actor"]["name"], ADMIN, "{changed}");
    assert_eq!(changed["actor"]["address"], "192.0.2.7", "{changed}");
}

#[test]
fn a_list_is_read_to_its_last_page() {
    let directory = Directory::start();
    {
        let mut world = directory.world();
        let kind = world.kind("user").unwrap();
        let model = world.rows(kind, &[], None).next().unwrap().2.into_owned();
        for number in 0..2_100 {
            let mut body = model.clone();
            let (id, name) =
                (format!("00000000-0000-4000-8000-{number:012}"), format!("copy{number}@contoso.example"));
            let members = body.as_object_mut().unwrap();
            members.insert("id", id.as_str());
            members.insert("userPrincipalName", name.as_str());
            world.put(kind, &[], &id, body);
        }
    }
    let (snapshot, asked) = directory.snapshot();
    let row =
        snapshot["coverage"].as_array().unwrap().iter().find(|row| row["kind"] == "user").unwrap().clone();
    // The sample has two people more.
    assert_eq!(
        (row["state"].as_str().unwrap(), row["count"].as_u64().unwrap()),
        ("complete", 2_102 + USERS as u64)
    );
    let pages = asked.iter().filter(|asked| asked.path == "/v1.0/users").count();
    assert_eq!(pages, 3, "999 a page");
}

#[test]
fn nothing_is_written_to_a_directory() {
    let directory = Directory::start();
    directory.snapshot();
    let policy = directory.id("conditional_access_policy", "displayName", "A second factor for all");
    directory.ask("DELETE", &format!("/beta/identity/conditionalAccess/policies/{policy}"), "");
    let address = format!("{TENANT}/conditional_access_policy/{policy}");
    let plan: Value =
        serde_json::from_str(&directory.run(&["plan", &address, "--at", "latest", "--json"], 0)).unwrap();
    assert_eq!(plan["steps"].as_array().unwrap().len(), 0, "{plan}");
    let refused = plan["refused"].as_array().unwrap();
    let reason =
        refused.iter().find(|refusal| refusal["address"] == address).unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("this version does not restore conditional_access_policy"), "{reason}");
    assert!(directory.asked().iter().all(|asked| asked.method == "GET" || asked.path.ends_with("/token")));
}

#[test]
fn a_wrong_secret_and_a_missing_right_are_told_apart() {
    let directory = Directory::start();
    if let Some(app) = &mut directory.world().app {
        app.granted.remove("Policy.Read.All");
    }
    let snapshot: Value = serde_json::from_str(&directory.run(&["snapshot", "--json"], 3)).unwrap();
    let rows = snapshot["coverage"].as_array().unwrap();
    let state = |kind: &str| rows.iter().find(|row| row["kind"] == kind).unwrap()["state"].clone();
    assert_eq!(
        (state("conditional_access_policy"), state("user")),
        ("not_permitted".into(), "complete".into())
    );

    directory.replace("file:secret", "file:lastgood.toml");
    let (_, said) = directory.told(&["snapshot"], 1);
    assert!(said.contains("AADSTS7000215") && !said.contains("correct horse"), "{said}");
}
