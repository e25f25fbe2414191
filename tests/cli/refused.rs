//! Bad input: what each gets. The person must learn what is wrong and what to do next, and a
//! program must learn it from the code.

use insta::assert_snapshot as shows;

use crate::configuration::TENANT;
use crate::world::{World, ids_hidden};

#[test]
fn the_repository() {
    let world = World::empty();
    shows!(world.run(&["snapshots"]).story(), @"
    exit 10
    --- stderr
    error: there is no repository at repo
    hint: make one with `lastgood init`, or check --repo
    ");
    shows!(world.shell("unset LASTGOOD_REPO; lastgood snapshots").story(), @"
    exit 2
    --- stderr
    error: no repository is named
    hint: give `--repo PATH`, set LASTGOOD_REPO, or write `[repository] url` in lastgood.toml
    ");
    shows!(world.run(&["--repo", "s3://bucket/x", "snapshots"]).story(), @"
    exit 2
    --- stderr
    error: `s3://` repositories are not built yet; give a path
    ");
    let world = World::bare();
    shows!(world.shell("LASTGOOD_PASSPHRASE=battery lastgood snapshots").story(), @"
    exit 12
    --- stderr
    error: the key does not open the repository at repo
    hint: check the passphrase, or which key file belongs to this repository
    ");
    shows!(world.shell("unset LASTGOOD_PASSPHRASE; lastgood snapshots").story(), @r#"
    exit 12
    --- stderr
    error: nothing says how to open the repository
    hint: set LASTGOOD_PASSPHRASE, LASTGOOD_PASSPHRASE_FILE or LASTGOOD_KEY_FILE, or write `passphrase = "file:…"` under [repository]
    "#);
    shows!(world.shell("unset LASTGOOD_PASSPHRASE; LASTGOOD_PASSPHRASE_FILE=none lastgood snapshots").story(), @"
    exit 2
    --- stderr
    error: `file:none`: ./none: No such file or directory (os error 2)
    ");
    shows!(world.run(&["init"]).story(), @"
    exit 1
    --- stderr
    error: there is a repository at repo already
    hint: choose another place, or use the repository that is there
    ");
    world.write("file", "not a folder");
    shows!(world.run(&["--repo", "file", "snapshots"]).story(), @"
    exit 1
    --- stderr
    error: file is reached through something that is not a plain file or folder
    hint: remove the link or device from the repository's folder; objects are plain files
    ");
    shows!(world.run(&["--repo", "file", "init"]).story(), @"
    exit 1
    --- stderr
    error: file is reached through something that is not a plain file or folder
    hint: remove the link or device from the repository's folder; objects are plain files
    ");
}

#[test]
fn a_history_that_is_not_there() {
    let world = World::bare();
    shows!(world.run(&["snapshots"]).story(), @"
    exit 0
    --- stdout
    snapshot  tenant  finished  resources  added  changed  removed  bytes  coverage
    --- stderr
    the repository holds no snapshot yet; `lastgood snapshot` takes one
    ");
    shows!(world.run(&["ls"]).story(), @"
    exit 0
    --- stdout
    address  name
    --- stderr
    the repository holds no snapshot yet; `lastgood snapshot` takes one
    ");
    shows!(world.run(&["log"]).story(), @"
    exit 0
    --- stderr
    the repository holds no snapshot yet; `lastgood snapshot` takes one
    ");
    shows!(world.run(&["snapshots", "kc"]).story(), @"
    exit 1
    --- stderr
    error: the repository holds nothing of `kc`
    hint: it holds: nothing yet
    ");
    shows!(world.run(&["show", "kc/user/x"]).story(), @"
    exit 1
    --- stderr
    error: the repository holds nothing of `kc`
    hint: it holds: nothing yet
    ");
    world.configure(TENANT);
    shows!(world.run(&["ls", "kc"]).story(), @"
    exit 1
    --- stderr
    error: `kc` has no snapshot yet
    hint: `lastgood snapshot kc` takes the first one
    ");
    shows!(world.run(&["diff", "yesterday", "kc"]).story(), @"
    exit 1
    --- stderr
    error: `kc` has no snapshot yet
    hint: `lastgood snapshot kc` takes the first one
    ");
}

#[test]
fn tenants_and_providers() {
    let world = World::with_history();
    shows!(world.run(&["ls", "nobody"]).story(), @"
    exit 1
    --- stderr
    error: the repository holds nothing of `nobody`
    hint: it holds: kc
    ");
    shows!(world.run(&["kinds", "keyclock"]).story(), @"
    exit 2
    --- stderr
    error: no provider is called `keyclock`; `lastgood kinds` lists them
    ");
    shows!(world.run(&["snapshot", "nobody"]).story(), @"
    exit 2
    --- stderr
    error: no tenant is called `nobody`
    hint: `lastgood tenant list` shows the names; `lastgood tenant add` adds one
    ");
    shows!(world.run(&["snapshot"]).story(), @"
    exit 2
    --- stderr
    error: no tenant is configured
    hint: `lastgood tenant add` adds one
    ");
    shows!(world.run(&["tenant", "remove", "nobody"]).story(), @"
    exit 2
    --- stderr
    error: no tenant is called `nobody`
    hint: `lastgood tenant list` shows the names; `lastgood tenant add` adds one
    ");
    shows!(world.run(&["tenant", "add", "a b", "--provider", "keycloak", "--url", "http://127.0.0.1:1"]).story(), @"
    exit 2
    --- stderr
    error: `a b` is not a name: use letters, digits, `-`, `_` and `.`
    ");
    shows!(world.run(&["tenant", "add", "a", "--provider", "keyclock", "--url", "http://127.0.0.1:1"]).story(), @"
    exit 2
    --- stderr
    error: no provider is called `keyclock`; `lastgood kinds` lists them
    ");
    shows!(world.run(&["tenant", "add", "a", "--provider", "keycloak", "--url", "http://127.0.0.1:1"]).story(), @"
    exit 2
    --- stderr
    error: tenant `a`: needs `realm`
    ");
    shows!(world.run(&["diff", "latest", "live", "kc"]).story(), @"
    exit 2
    --- stderr
    error: no tenant is called `kc`
    hint: `lastgood tenant list` shows the names; `lastgood tenant add` adds one
    ");
}

#[test]
fn addresses() {
    let world = World::with_history();
    ids_hidden(|| {
        shows!(world.run(&["show", "kc/usr/e001"]).story(), @"
        exit 2
        --- stderr
        error: `keycloak` has no kind `usr`
        hint: `lastgood kinds keycloak` lists the kinds
        ");
        shows!(world.run(&["show", "kc/user"]).story(), @"
        exit 2
        --- stderr
        error: `show` shows one resource: write TENANT/KIND/REF
        ");
        shows!(world.run(&["show", "kc//e001"]).story(), @"
        exit 2
        --- stderr
        error: `kc//e001` is not an address: write TENANT, TENANT/KIND or TENANT/KIND/REF
        ");
        shows!(world.run(&["show", ""]).story(), @"
        exit 2
        --- stderr
        error: `` is not an address: write TENANT, TENANT/KIND or TENANT/KIND/REF
        ");
    });
}

#[test]
fn resources_that_are_not_there() {
    let world = World::with_history();
    ids_hidden(|| {
        shows!(world.run(&["show", "kc/user/nobody"]).story(), @"
        exit 1
        --- stderr
        error: nothing at `kc/user/nobody` at that time
        hint: `lastgood log` of the address shows when it was there
        ");
        shows!(world.run(&["show", "kc/user/id:zoë"]).story(), @"
        exit 1
        --- stderr
        error: nothing at `kc/user/id:zoë` at that time
        hint: `lastgood log` of the address shows when it was there
        ");
        shows!(world.run(&["show", "kc/group/[a"]).story(), @"
        exit 2
        --- stderr
        error: `[a` is not an address: write TENANT, TENANT/KIND or TENANT/KIND/REF
        ");
        shows!(world.run(&["show", "kc/group/a00*"]).story(), @"
        exit 2
        --- stderr
        error: `kc/group/a00*` means several resources:
          kc/group/a001  Engineering
          kc/group/a002  Engineering/Back%2Fend
          kc/group/a003  Sales
          kc/group/a004  Sales/Sales
        hint: use one of the addresses above, or `id:` before the id
        ");
        shows!(world.run(&["show", "kc/group/zz*"]).story(), @"
        exit 1
        --- stderr
        error: nothing at `kc/group/zz*` at that time
        hint: `lastgood log` of the address shows when it was there
        ");
        shows!(world.run(&["ls", "kc/user/nobody"]).story(), @"
        exit 1
        --- stderr
        error: nothing at `kc/user/nobody` at that time
        hint: `lastgood log` of the address shows when it was there
        ");
        shows!(world.run(&["log", "kc/user/nobody"]).story(), @"
        exit 1
        --- stderr
        error: nothing at `kc/user/nobody` at that time
        hint: `lastgood log` of the address shows when it was there
        ");
        shows!(world.run(&["show", "kc/group/Engineering/Back/end"]).story(), @"
        exit 1
        --- stderr
        error: nothing at `kc/group/Engineering/Back/end` at that time
        hint: `lastgood log` of the address shows when it was there
        ");
    });
}

#[test]
fn a_name_with_several_meanings_is_not_guessed() {
    let world = World::with_history();
    let repository = world.repository(false);
    let twins = [("user/f001", "twin"), ("user/f002", "twin")];
    let rows = twins.map(|(path, name)| (path, serde_json::json!({"id": &path[5..], "username": name})));
    crate::world::commit(&repository, "kc", 15, &rows.to_vec());
    shows!(world.run(&["show", "kc/user/twin"]).story(), @"
    exit 2
    --- stderr
    error: `kc/user/twin` means several resources:
      kc/user/f001  twin
      kc/user/f002  twin
    hint: use one of the addresses above, or `id:` before the id
    ");
    world.run(&["show", "kc/user/f001"]).ok();
}

#[test]
fn times() {
    let world = World::with_history();
    shows!(world.run(&["ls", "kc", "--at", "soon"]).story(), @"
    exit 2
    --- stderr
    error: `soon` is not a time; write `2026-11-03 14:00`, `2026-11-03T14:00:00Z`, `yesterday 14:00`, `2h ago`, `latest`, `live` or a snapshot's id
    ");
    shows!(world.run(&["ls", "kc", "--at", "2026-13-01"]).story(), @"
    exit 2
    --- stderr
    error: `2026-13-01` is not a time; write `2026-11-03 14:00`, `2026-11-03T14:00:00Z`, `yesterday 14:00`, `2h ago`, `latest`, `live` or a snapshot's id
    ");
    shows!(world.run(&["ls", "kc", "--at", "2026-11-03 12:01"]).story(), @"
    exit 1
    --- stderr
    error: `kc` has no snapshot at or before 2026-11-03T12:01:00Z
    hint: `lastgood snapshots kc` lists what there is
    ");
    shows!(world.run(&["show", "kc/user/e001", "--at", "2020-01-01"]).story(), @"
    exit 1
    --- stderr
    error: `kc` has no snapshot at or before 2020-01-01T00:00:00Z
    hint: `lastgood snapshots kc` lists what there is
    ");
    shows!(world.run(&["show", "kc/user/e001", "--at", "live"]).story(), @"
    exit 2
    --- stderr
    error: `live` is the tenant itself, and this command reads the history
    hint: `lastgood diff latest live` compares the two
    ");
    shows!(world.run(&["ls", "kc", "--at", "000000"]).story(), @"
    exit 2
    --- stderr
    error: no snapshot of `kc` has an id that starts with `000000`
    hint: `lastgood snapshots kc` lists the ids
    ");
    shows!(world.run(&["diff", "live", "latest"]).story(), @"
    exit 2
    --- stderr
    error: `live` is the later side: write `diff TIME live`
    ");
    shows!(world.run(&["log", "kc", "--since", "latest"]).story(), @"
    exit 2
    --- stderr
    error: `latest`: give a point in time
    ");
    shows!(world.run(&["diff", "latest", "2020-01-01"]).story(), @"
    exit 1
    --- stderr
    error: `kc` has no snapshot at or before 2020-01-01T00:00:00Z
    hint: `lastgood snapshots kc` lists what there is
    ");
    shows!(world.shell("LASTGOOD_NOW=noon lastgood ls --at '2h ago'").story(), @"
    exit 2
    --- stderr
    error: LASTGOOD_NOW: `noon` is not RFC 3339
    ");
}

#[test]
fn expressions_and_arguments() {
    let world = World::with_history();
    shows!(world.run(&["find", ".username ==="]).story(), @"
    exit 2
    --- stderr
    error: the expression is not jq: `.username ===` does not parse
    ");
    shows!(world.run(&["find", "nofunction(.)"]).story(), @"
    exit 2
    --- stderr
    error: the expression is not jq: `nofunction` is not defined
    ");
    shows!(world.run(&["find", ".", "--kind", "usr"]).story(), @"
    exit 2
    --- stderr
    error: `keycloak` has no kind `usr`
    hint: `lastgood kinds keycloak` lists the kinds
    ");
    shows!(world.run(&["find", ".", "--tenant", "nobody"]).story(), @"
    exit 1
    --- stderr
    error: the repository holds nothing of `nobody`
    hint: it holds: kc
    ");
    shows!(world.run(&["shwo"]).story(), @"
    exit 2
    --- stderr
    error: unrecognized subcommand 'shwo'

      tip: a similar subcommand exists: 'show'

    Usage: lastgood [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    shows!(world.run(&["show"]).story(), @"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      <ADDRESS>

    Usage: lastgood show --repo <PATH|URL> <ADDRESS>

    For more information, try '--help'.
    ");
    shows!(world.run(&["ls", "--color", "pink"]).story(), @"
    exit 2
    --- stderr
    error: invalid value 'pink' for '--color <WHEN>'
      [possible values: auto, always, never]

    For more information, try '--help'.
    ");
    shows!(world.run(&["ls", "nobody", "--json"]).story(), @r#"
    exit 1
    --- stderr
    {"code":1,"error":"the repository holds nothing of `nobody`","format":"lastgood.error/1","hint":"it holds: kc"}
    "#);
}

#[test]
fn plans() {
    let world = World::with_history();
    world.configure(TENANT);
    shows!(world.run(&["apply", "none.json"]).story(), @"
    exit 2
    --- stderr
    error: none.json: No such file or directory (os error 2)
    ");
    insta::allow_duplicates! {
        for args in [&["apply", "0123abcd", "--resume"][..], &["plan", "--undo", "0123abcd"]] {
            shows!(world.run(args).story(), @"
            exit 2
            --- stderr
            error: no apply of a plan whose id begins with `0123abcd` was begun
            hint: `lastgood snapshots` shows before and after which apply each was taken; or give the plan's file
            ");
        }
    }
    world.write("plan.json", "{}");
    shows!(world.run(&["apply", "plan.json"]).story(), @"
    exit 2
    --- stderr
    error: this is not a plan: its format is ``, not `lastgood/plan/1`
    hint: make the plan again with `lastgood plan`
    ");
    world.write("plan.json", "not json");
    shows!(world.run(&["apply", "plan.json"]).story(), @"
    exit 2
    --- stderr
    error: this is not a plan: not JSON at byte 0: expected a value
    hint: make the plan again with `lastgood plan`
    ");
    let plan = plan_text();
    world.write("plan.json", &plan);
    shows!(world.run(&["apply", "plan.json"]).story(), @"
    exit 2
    --- stderr
    error: tenant `kc`: needs `restore_auth`
    hint: credentials for reading and for restoring are kept apart: see `auth` and `restore_auth`
    ");
    assert!(plan.contains("\"calls\":3"));
    world.write("plan.json", plan.replace("\"calls\":3", "\"calls\":2"));
    ids_hidden(|| {
        shows!(world.run(&["apply", "plan.json"]).story(), @"
    exit 5
    --- stderr
    error: the plan [id] was changed after it was made; nothing was done
    hint: make the plan again with `lastgood plan`
    ")
    });
    world.write("plan.json", plan.replacen('{', "{\"ride_along\":1,", 1));
    ids_hidden(|| {
        shows!(world.run(&["apply", "plan.json"]).story(), @"
    exit 5
    --- stderr
    error: the plan [id] was changed after it was made; nothing was done
    hint: make the plan again with `lastgood plan`
    ")
    });
}

/// A plan without steps, as `plan --out` writes it.
fn plan_text() -> String {
    use lastgood::restore::{Forecast, Mode, Plan};
    let at = "2026-11-03T15:00:00Z".parse().unwrap();
    let mut plan = Plan {
        id: lastgood::base::ids::PlanId([0; 32]),
        tenant: "kc".into(),
        from: None,
        provider: ("keycloak".into(), 1),
        base: "base".into(),
        read: at,
        expires: at,
        mode: Mode::Merge,
        steps: vec![],
        refused: vec![],
        unchanged: 0,
        secrets: vec![],
        id_changes: vec![],
        rewrites: vec![],
        effects: vec![],
        guards: vec![],
        access: None,
        conflicts: vec![],
        undoes: vec![],
        unexplained: vec![],
        inputs: vec![],
        forecast: Forecast { calls: 3, seconds: 0 },
        approvals: vec![],
        signature: None,
    };
    plan.id = plan.content_id();
    plan.to_json().to_line()
}
