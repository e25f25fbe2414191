//! What a person asks of a history, and the documents that a program gets.

use insta::assert_snapshot as shows;

use crate::world::{CANARY, World, ids_hidden};

#[test]
fn what_is_kept() {
    let world = World::with_history();
    let ids = world.ids();
    assert_eq!(ids.len(), 3);
    let repeated = world.run(&["snapshots"]).ok();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b[0-9a-f]{8,}\b *", "[id]  ");
    settings.add_filter(r"\d+\.\d kB", "[size]");
    settings.bind(|| {
        shows!(repeated.story(), @"
    exit 0
    --- stdout
    snapshot  tenant  finished              resources  added  changed  removed  bytes   coverage
    [id]  kc      2026-11-03 12:02:00Z  8          8      0        0        [size]  complete
    [id]  kc      2026-11-03 13:02:00Z  10         2      2        0        [size]  complete
    [id]  kc      2026-11-03 14:02:00Z  9          0      1        1        [size]  complete
    ")
    });
    let listed = world.run(&["ls", "kc"]).ok();
    shows!(listed.story(), @r"
    exit 0
    --- stdout
    address         name
    kc/realm/-      -
    kc/client/c11e  shop
    kc/group/a001   Engineering
    kc/group/a002   Engineering/Back%2Fend
    kc/group/a003   Sales
    kc/group/a004   Sales/Sales
    kc/user/e001    zoë
    kc/user/e002    evil%1B%5B2J%1B]0;owned%07\u{202e}gpj
    kc/user/e003    mallory
    ");
    shows!(world.run(&["ls", "kc/group"]).story(), @"
    exit 0
    --- stdout
    address        name
    kc/group/a001  Engineering
    kc/group/a002  Engineering/Back%2Fend
    kc/group/a003  Sales
    kc/group/a004  Sales/Sales
    ");
    shows!(world.run(&["ls", "kc/group/Sales*"]).story(), @"
    exit 0
    --- stdout
    address        name
    kc/group/a003  Sales
    kc/group/a004  Sales/Sales
    ");
    for whole in [&["ls"][..], &["ls", "kc/*"], &["ls", "kc/*/*"], &["ls", "--at", &ids[2][..8]]] {
        assert_eq!(world.run(whole).ok().out, listed.out);
    }
    let before = world.run(&["ls", "kc", "--at", "2026-11-03 12:30"]).ok();
    assert!(before.out.contains("operator") && !before.out.contains("mallory"), "{}", before.out);
    assert!(!listed.out.contains("operator"));
}

#[test]
fn one_resource_by_id_and_by_name() {
    let world = World::with_history();
    ids_hidden(|| {
        shows!(world.run(&["show", "kc/client/shop"]).story(), @r#"
        exit 0
        --- stdout
        {
          "clientId": "shop",
          "enabled": true,
          "id": "c11e",
          "redirectUris": [
            "*",
            "https://shop.example/*"
          ],
          "secret": {
            "$secret": "[id]"
          }
        }
        --- stderr
        kc/client/c11e  shop
        read 2026-11-03 14:01:00Z in snapshot [id]
        so since between 2026-11-03 12:01:00Z and 2026-11-03 13:01:00Z
        "#);
        shows!(world.run(&["show", "kc/client/shop", "--at", "5h ago"]).story(), @r#"
        exit 0
        --- stdout
        {
          "clientId": "shop",
          "enabled": true,
          "id": "c11e",
          "redirectUris": [
            "https://shop.example/*"
          ],
          "secret": {
            "$secret": "[id]"
          }
        }
        --- stderr
        kc/client/c11e  shop
        read 2026-11-03 12:01:00Z in snapshot [id]
        so since the first snapshot or before (2026-11-03 12:01:00Z)
        until at most 2026-11-03 13:01:00Z
        "#);
        shows!(world.run(&["show", "kc/group/Engineering/Back%2Fend"]).story(), @r#"
        exit 0
        --- stdout
        {
          "id": "a002",
          "name": "Back/end",
          "parentId": "a001",
          "path": "/Engineering/Back~/end"
        }
        --- stderr
        kc/group/a002  Engineering/Back%2Fend
        read 2026-11-03 14:01:00Z in snapshot [id]
        so since the first snapshot or before (2026-11-03 12:01:00Z)
        "#);
        shows!(world.run(&["show", "kc/realm/-"]).story(), @r#"
        exit 0
        --- stdout
        {
          "id": "5ea1",
          "realm": "demo",
          "sslRequired": "none"
        }
        --- stderr
        kc/realm/-  -
        read 2026-11-03 14:01:00Z in snapshot [id]
        so since between 2026-11-03 13:01:00Z and 2026-11-03 14:01:00Z
        "#);
    });
}

#[test]
fn an_address_is_read_as_id_then_as_name() {
    let world = World::with_history();
    let shop = world.run(&["show", "kc/client/shop", "-q"]).ok();
    for same in ["kc/client/c11e", "kc/client/id:c11e", "kc/client/name:shop"] {
        assert_eq!(world.run(&["show", same, "-q"]).ok().out, shop.out, "{same}");
    }
    assert!(shop.err.is_empty(), "{}", shop.err);
    let nested = world.run(&["show", "kc/group/Sales/Sales", "--json"]).ok().lines();
    assert_eq!(nested[0]["id"], "a004");
    let top = world.run(&["show", "kc/group/name:Sales", "--json"]).ok().lines();
    assert_eq!(top[0]["id"], "a003");
    let ids = world.ids();
    let gone = world.run(&["show", "kc/realm_role/operator", "--at", &ids[1], "--json"]).ok().lines();
    assert_eq!(gone[0]["body"]["description"], "runs it");
    assert_eq!(gone[0]["coverage"]["state"], "complete");
    assert_eq!(gone[0]["valid_to"], "2026-11-03T14:01:00Z");
}

#[test]
fn what_has_another_name_now_is_found_by_its_old_one() {
    let world = World::with_history();
    let repository = world.repository(false);
    let mut rows = crate::world::third();
    for row in &mut rows {
        match row.0 {
            "group/a001" => row.1["name"] = serde_json::json!("Platform"),
            "client/c11e" => row.1["clientId"] = serde_json::json!("store"),
            _ => {}
        }
    }
    crate::world::commit(&repository, "kc", 15, &rows);
    for (address, id) in [
        ("kc/client/shop", "c11e"),
        ("kc/client/name:shop", "c11e"),
        ("kc/client/sh*", "c11e"),
        ("kc/group/Engineering/Back%2Fend", "a002"),
        ("kc/group/Platform/Back%2Fend", "a002"),
        ("kc/realm_role/oper*", "b0b0"),
    ] {
        let log = world.run(&["log", address, "--json"]).ok().lines();
        assert!(!log.is_empty() && log.iter().all(|line| line["id"] == id), "{address}: {log:?}");
    }
    for wrong in ["kc/client/shopp", "kc/group/Engineering/nobody", "kc/realm_role/x*"] {
        world.run(&["log", wrong]).code(1);
    }
}

#[test]
fn a_kind_can_be_a_pattern_everywhere() {
    let world = World::with_history();
    let log = world.run(&["log", "kc/realm*", "--json"]).ok().lines();
    let kinds: Vec<&str> = log.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["realm", "realm_role"]);
    world.run(&["log", "kc/nothing*"]).code(2);
}

#[test]
fn what_changed() {
    let world = World::with_history();
    ids_hidden(|| {
        shows!(world.run(&["log"]).story(), @"
        exit 0
        --- stdout
        ~ kc/realm/-
            2026-11-03 14:01:00Z  by unknown (no audit event)
            change [id]
        - kc/realm_role/operator
            2026-11-03 14:01:00Z  by unknown (no audit event)
            change [id]  id b0b0
        ~ kc/client/shop
            2026-11-03 13:01:00Z  by unknown (no audit event)
            change [id]  id c11e
        + kc/group/Sales/Sales
            2026-11-03 13:01:00Z  by unknown (no audit event)
            change [id]  id a004
        ~ kc/user/zoë
            2026-11-03 13:01:00Z  by unknown (no audit event)
            change [id]  id e001
        + kc/user/mallory
            2026-11-03 13:01:00Z  by unknown (no audit event)
            change [id]  id e003
        ");
        shows!(world.run(&["log", "kc/client/shop", "-p"]).story(), @r#"
        exit 0
        --- stdout
        ~ kc/client/shop
            2026-11-03 13:01:00Z  by unknown (no audit event)
            change [id]  id c11e
            /redirectUris/0: "*" added
        + kc/client/shop
            2026-11-03 12:01:00Z  by unknown (no audit event)
            change [id]  id c11e
            (whole): {"clientId":"shop","enabled":true,"id":"c11e","redirectUris":["https://shop.example/*"],"secret":{"… added
        "#);
        shows!(world.run(&["log", "kc/realm_role/operator"]).story(), @"
        exit 0
        --- stdout
        - kc/realm_role/operator
            2026-11-03 14:01:00Z  by unknown (no audit event)
            change [id]  id b0b0
        + kc/realm_role/operator
            2026-11-03 12:01:00Z  by unknown (no audit event)
            change [id]  id b0b0
        ");
        shows!(world.run(&["log", "--since", "2026-11-03 13:30"]).story(), @"
        exit 0
        --- stdout
        ~ kc/realm/-
            2026-11-03 14:01:00Z  by unknown (no audit event)
            change [id]
        - kc/realm_role/operator
            2026-11-03 14:01:00Z  by unknown (no audit event)
            change [id]  id b0b0
        ");
        shows!(world.run(&["log", "--actor", "nobody"]).story(), @"exit 0");
    });
}

#[test]
fn what_differs() {
    let world = World::with_history();
    let ids = world.ids();
    let diff = world.run(&["diff", &ids[0], &ids[1], "--exit-code"]).code(4);
    ids_hidden(|| {
        shows!(diff.story(), @r#"
        exit 4
        --- stdout
        ~ kc/client/shop
            2026-11-03 13:01:00Z  id c11e
            /redirectUris/0: "*" added
        + kc/group/Sales/Sales
            2026-11-03 13:01:00Z  id a004
            (whole): {"id":"a004","name":"Sales","parentId":"a003","path":"/Sales/Sales"} added
        ~ kc/user/zoë
            2026-11-03 13:01:00Z  id e001
            /enabled: true → false
        + kc/user/mallory
            2026-11-03 13:01:00Z  id e003
            (whole): {"enabled":true,"id":"e003","username":"mallory"} added
        "#)
    });
    assert_eq!(world.run(&["diff", "5h ago", "4h ago"]).ok().out, diff.out);
    shows!(world.run(&["diff", &ids[1], &ids[1], "--exit-code"]).story(), @"
    exit 0
    --- stderr
    no differences
    ");
    shows!(world.run(&["diff", &ids[1], "kc/realm", "--exit-code"]).story(), @r#"
    exit 4
    --- stdout
    ~ kc/realm/-
        2026-11-03 14:01:00Z
        /sslRequired: "external" → "none"
    "#);
}

#[test]
fn questions_to_every_body() {
    let world = World::with_history();
    shows!(world.run(&["find", ".redirectUris[]? | select(. == \"*\")"]).story(), @r#"
    exit 0
    --- stdout
    kc/client/c11e  shop  "*"
    "#);
    shows!(world.run(&["find", ".redirectUris[]? | select(. == \"*\")", "--at", "5h ago"]).story(), @"exit 0");
    shows!(world.run(&["find", "select(.enabled == false) | .username", "--kind", "user", "--json"]).story(), @r#"
    exit 0
    --- stdout
    {"address":"kc/user/e001","id":"e001","kind":"user","name":"zoë","results":["zoë"]}
    "#);
}

#[test]
fn care() {
    let world = World::with_history();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+(\.\d)? k?B", "[size]");
    settings.bind(|| {
        shows!(world.run(&["check"]).story(), @"
        exit 0
        --- stdout
        4 objects ([size]), 3 snapshots, 0 bodies: `--read-data` reads every body too
        no damage found
        ");
        shows!(world.run(&["check", "--read-data"]).story(), @"
        exit 0
        --- stdout
        4 objects ([size]), 3 snapshots, 15 bodies: every body read and hashed
        no damage found
        ");
        shows!(world.run(&["stats"]).story(), @"
        exit 0
        --- stdout
        4 objects, [size]
        tenant  snapshots  applies  resources  bytes
        kc      3          0        9          [size]
        ");
    });
    let before = world.run(&["log", "--json", "-p"]).ok().out;
    shows!(world.run(&["rebuild-index"]).story(), @"
    exit 0
    --- stdout
    index made anew from the repository
    ");
    assert_eq!(world.run(&["log", "--json", "-p"]).ok().out, before);
}

/// Runs a command with `--json`; every line must have these members.
#[track_caller]
fn has(world: &World, args: &[&str], wanted: &[&str]) -> Vec<serde_json::Value> {
    let args = [args, &["--json"]].concat();
    let lines = world.run(&args).ok().lines();
    assert!(!lines.is_empty(), "{args:?}");
    for line in &lines {
        let missing: Vec<_> = wanted.iter().filter(|name| line.get(**name).is_none()).collect();
        assert!(missing.is_empty(), "{args:?} lacks {missing:?}: {line}");
    }
    lines
}

/// The members that INTERFACE promises, in every document.
#[test]
fn documents() {
    let world = World::with_history();
    let change = ["change", "op", "address", "name", "kind", "id", "at", "actor", "fields"];
    has(&world, &["log", "kc"], &change);
    let diff = has(&world, &["diff", "5h ago", "latest"], &change);
    let fields = diff.iter().flat_map(|line| line["fields"].as_array().unwrap());
    assert!(fields.clone().count() > 0);
    for field in fields {
        assert!(field["pointer"].is_string(), "{field}");
        assert!(field.get("from").is_some() || field.get("to").is_some(), "{field}");
    }
    let row = ["address", "name", "kind", "id"];
    has(&world, &["ls"], &row);
    has(&world, &["find", ".id"], &row);
    let snapshots = has(
        &world,
        &["snapshots"],
        &[
            "format",
            "snapshot",
            "tenant",
            "started",
            "finished",
            "added",
            "changed",
            "removed",
            "unchanged",
            "requests",
            "bytes_added",
            "coverage",
        ],
    );
    for row in snapshots[0]["coverage"].as_array().unwrap() {
        for member in ["kind", "state", "reason", "count"] {
            assert!(row.get(member).is_some(), "{row}");
        }
    }
}

#[test]
fn documents_of_one() {
    let world = World::with_history();
    let shown = has(
        &world,
        &["show", "kc/client/shop"],
        &[
            "format",
            "address",
            "kind",
            "id",
            "at",
            "read_at",
            "next_read_at",
            "between",
            "valid_from",
            "valid_to",
            "body",
        ],
    );
    assert_eq!(shown[0]["address"], "kc/client/c11e", "the unique form is by id");
    assert_eq!(shown[0]["valid_from"].as_array().unwrap().len(), 2);
    has(&world, &["check"], &["format", "faults"]);
    has(&world, &["stats"], &["format", "tenants"]);
    let kinds = has(&world, &["kinds", "keycloak"], &["format", "provider", "kinds", "excluded"]);
    for kind in kinds[0]["kinds"].as_array().unwrap() {
        for member in ["kind", "gets", "restorable", "reason", "scopes"] {
            assert!(kind.get(member).is_some(), "{kind}");
        }
        assert!(["full", "partial", "never"].contains(&kind["restorable"].as_str().unwrap()), "{kind}");
    }
    for row in kinds[0]["excluded"].as_array().unwrap() {
        assert!(!row["reason"].as_str().unwrap().is_empty(), "{row}");
    }
}

/// A time that was asked for comes back in UTC.
#[test]
fn the_time_that_was_meant_is_told() {
    let world = World::with_history();
    let shown =
        world.shell("TZ=Europe/Berlin lastgood show kc/user/e001 --at '2026-11-03 14:30' --json").ok();
    assert_eq!(shown.lines()[0]["at"], "2026-11-03T13:30:00Z");
    assert_eq!(shown.lines()[0]["read_at"], "2026-11-03T13:01:00Z");
    assert_eq!(shown.lines()[0]["next_read_at"], "2026-11-03T14:01:00Z");
}

#[test]
fn a_secret_is_shown_on_demand_only() {
    let world = World::with_history();
    let commands: [&[&str]; 9] = [
        &["show", "kc/client/shop"],
        &["show", "kc/client/shop", "--raw"],
        &["show", "kc/client/shop", "--json"],
        &["log", "-p"],
        &["log", "-p", "--json"],
        &["diff", "5h ago", "latest", "--json"],
        &["find", "."],
        &["find", ".", "--json"],
        &["ls", "--json"],
    ];
    for args in commands {
        let ran = world.run(args).ok();
        assert!(!ran.out.contains("lgcanary") && !ran.err.contains("lgcanary"), "{args:?}");
    }
    let shown = world.run(&["show", "kc/client/shop", "--reveal-secrets"]).ok();
    assert!(shown.out.contains(CANARY), "{}", shown.out);
    for path in crate::world::files_below(&world.path("")) {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(8).any(|window| window == b"lgcanary");
        assert!(!found, "{} holds a secret in clear", path.display());
    }
}

#[test]
fn the_configuration_is_checked() {
    let world = World::bare();
    shows!(world.run(&["config", "check"]).story(), @"
    exit 0
    --- stdout
    no file: 0 tenants, all references lead somewhere
    ");
    let url = "http://127.0.0.1:1";
    let set = ["--set", "realm=demo", "--set", "auth.kind=password", "--set", "auth.username=u"];
    let add =
        ["tenant", "add", "kc", "--provider", "keycloak", "--url", url, "--set", "auth.password=env:HOME"];
    shows!(world.run(&[&add[..], &set].concat()).story(), @"
    exit 0
    --- stdout
    tenant `kc` added to lastgood.toml
    --- stderr
    `lastgood tenant test kc` says what the credential can do
    ");
    shows!(world.run(&["config", "check"]).story(), @"
    exit 0
    --- stdout
    lastgood.toml: 1 tenants, all references lead somewhere
    ");
    shows!(world.run(&["tenant", "list"]).story(), @"
    exit 0
    --- stdout
    tenant  provider  url                 can restore
    kc      keycloak  http://127.0.0.1:1  no restore_auth
    ");
    shows!(world.run(&["tenant", "remove", "kc"]).story(), @"
    exit 0
    --- stdout
    tenant `kc` removed from lastgood.toml; its history is kept
    ");
    shows!(world.run(&["snapshot"]).story(), @"
    exit 2
    --- stderr
    error: no tenant is configured
    hint: `lastgood tenant add` adds one
    ");
}
