//! A full disk: what was committed stays, what was not is absent, and the next run works.

use insta::assert_snapshot as shows;

use crate::realm::Realm;
use crate::world::World;

/// A limit on the size of files stands in for a full disk: no root is needed for it, and the system
/// refuses the same calls.
#[test]
fn a_snapshot_that_finds_no_room_loses_nothing() {
    let (world, realm) = (World::bare(), Realm::start());
    world.configure(&realm.configuration());
    world.write("secret", "hush");
    world.run(&["snapshot"]).ok();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9a-f]{32}(/[0-9]{12}|\.turn|\.book)", "[object]");
    settings.add_filter("index/[0-9a-f]{16}/holders/[0-9a-f]{32}", "index/[repository]/holders/[holder]");
    let (mut refused, mut committed, mut state) = (0, 1, 0);
    for kib in [0, 1, 2, 3, 4, 6, 8, 12, 64, 1_024, 65_536] {
        state += 1;
        realm.move_to(state);
        let before = world.run(&["log", "-p", "--json"]).ok().out;
        let ran = world.shell(&format!("trap '' XFSZ; ulimit -f {kib}; lastgood snapshot"));
        if ran.code == 0 {
            committed += 1;
        } else {
            refused += 1;
            settings.bind(|| match kib {
                0 => shows!(ran.story(), @"
                exit 1
                --- stderr
                error: could not use [folder]/cache/lastgood/index/[repository]/holders/[holder]
                  caused by: File too large (os error 27)
                hint: make room or correct the permissions there, or keep the index elsewhere: `index = …` under [repository]
                "),
                _ => insta::allow_duplicates! {
                    shows!(ran.story(), @"
                    exit 1
                    --- stderr
                    error: no space left to write [object]
                    hint: free space or raise the quota, then run the command again; nothing is half-written
                    ");
                },
            });
            assert_eq!(world.run(&["log", "-p", "--json"]).ok().out, before, "{kib} KiB: {ran:?}");
        }
        assert_eq!(world.run(&["snapshots", "--json"]).ok().lines().len(), committed, "{kib} KiB: {ran:?}");
        world.run(&["check", "--read-data"]).ok();
    }
    assert!(refused >= 3 && committed >= 3, "{refused} refused, {committed} committed");
    realm.move_to(state + 1);
    world.run(&["snapshot"]).ok();
    world.run(&["check", "--read-data"]).ok();
}

/// Reading needs no room where the machine knows the repository. Where it does not, it cannot keep
/// what it has seen, and says so instead of trusting blindly the next time.
#[test]
fn reading_works_on_a_full_disk() {
    let world = World::with_history();
    let right = world.run(&["log", "-p", "--json"]).ok().out;
    let line = "trap '' XFSZ; ulimit -f 0; set -o pipefail; lastgood log -p --json | cat";
    assert_eq!(world.shell(line).ok().out, right);
    let index = crate::world::files_below(&world.path("cache"));
    std::fs::remove_file(index.iter().find(|path| path.ends_with("index.redb")).unwrap()).unwrap();
    assert_eq!(world.shell(line).ok().out, right, "without an index");
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9a-f]{16}/(trust|\.tmp)\w*", "[index]/$1");
    let line = "trap '' XFSZ; ulimit -f 0; set -o pipefail; lastgood log -p | cat";
    settings.bind(|| shows!(world.shell(line).story(), @r#"
    exit 1
    --- stderr
    error: could not use [folder]/cache/lastgood/index/[index]/trust
      caused by: File too large (os error 27) at path "[folder]/cache/lastgood/index/[index]/.tmp"
    hint: make room or correct the permissions there, or keep the index elsewhere: `index = …` under [repository]
    "#));
}

#[test]
fn what_a_person_reads_when_there_is_no_room() {
    let world = World::bare();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("probe/[0-9a-f]{16}", "probe/[random]");
    settings.bind(|| {
        shows!(world.shell("trap '' XFSZ; ulimit -f 0; lastgood init --repo other").story(), @"
        exit 1
        --- stderr
        error: no space left to write probe/[random]
        hint: free space or raise the quota, then run the command again; nothing is half-written
        ");
    });
    assert_eq!(world.run(&["--repo", "other", "ls"]).code, 10, "half a repository is none");
    world.run(&["--repo", "other", "init"]).ok();
    let old = "[repository]\nurl = \"repo\"\n";
    world.configure(old);
    let add = "lastgood tenant add kc --provider keycloak --url http://127.0.0.1:1 --set realm=demo";
    shows!(world.shell(&format!("trap '' XFSZ; ulimit -f 0; {add}")).story(), @"
    exit 1
    --- stderr
    error: lastgood.toml: File too large (os error 27); it is as it was
    ");
    assert_eq!(std::fs::read_to_string(world.path("lastgood.toml")).unwrap(), old);
}
