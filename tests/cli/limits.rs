//! A full disk and a killed process: what was committed stays, and what was not is absent.

use std::process::{Command, Stdio};

use insta::assert_snapshot as shows;

use crate::world::{World, commit};

/// Where the writer below writes; without it, that test does nothing.
const WRITER: &str = "LASTGOOD_TEST_WRITER";

/// Started by the tests below as a process of its own: commits one snapshot after the other, and
/// prints the number of each one that the library called committed.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(WRITER) else { return };
    let world = World::at(folder.into());
    let repository = world.repository(false);
    for number in 0..40 {
        let body = serde_json::json!({"id": "e001", "username": "zoë", "firstName": name(number)});
        commit(&repository, "kc", 15, &vec![("user/e001", body)]);
        use std::io::Write as _;
        let mut out = std::io::stderr().lock();
        writeln!(out, "committed {}", number + 1).unwrap();
        out.flush().unwrap();
    }
}

/// A text that does not compress, and is another one for every number.
fn name(number: usize) -> String {
    let mut state = number as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 40) as u8 % 64)
    };
    (0..number * 900).map(|_| next()).collect()
}

fn start_writer(world: &World, limit: &str) -> Command {
    let line = format!("{limit} exec \"$0\" --exact limits::writer --nocapture");
    let mut command = Command::new("bash");
    command.arg("-c").arg(line).arg(std::env::current_exe().unwrap());
    world.settle(&mut command);
    command.env(WRITER, world.path("")).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// How many commits the writer was told of.
fn told(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("committed ")).count()
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let mut counts = std::collections::BTreeSet::new();
    for delay_ms in [5, 40, 90, 150, 230, 320, 430, 600] {
        let world = World::bare();
        let mut child = start_writer(&world, "").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay_ms));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let told = told(&String::from_utf8_lossy(&output.stderr));
        let checked = world.run(&["check", "--read-data", "--json"]).ok();
        let kept = checked.lines()[0]["snapshots"].as_u64().unwrap() as usize;
        assert!(kept == told || kept == told + 1, "{told} were told, {kept} are there");
        if kept > 0 {
            let shown = world.run(&["show", "kc/user/e001", "--json"]).ok().lines();
            assert_eq!(shown[0]["body"]["firstName"].as_str().unwrap(), name(kept - 1));
        }
        // The next writer goes on from there, over what the dead one left.
        let body = serde_json::json!({"id": "e001", "username": "after"});
        commit(&world.repository(false), "kc", 16, &vec![("user/e001", body)]);
        let after = world.run(&["snapshots", "--json"]).ok().lines();
        assert_eq!(after.len(), kept + 1);
        counts.insert(kept);
    }
    assert!(counts.len() > 2, "the kills came at different moments: {counts:?}");
}

#[test]
fn a_full_disk_loses_nothing() {
    let world = World::with_history();
    let before = world.run(&["log", "-p", "--json"]).ok().out;
    // Files end at 8 KiB: the writer's bodies outgrow that.
    let output = start_writer(&world, "trap '' XFSZ; ulimit -f 8;").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("Storage(") || text.contains("File too large"), "{text}");
    let kept = world.run(&["snapshots", "--json"]).ok().lines().len();
    assert_eq!(kept, 3 + told(&text));
    world.run(&["check", "--read-data"]).ok();
    let after = world.run(&["log", "-p", "--json", "--until", "2026-11-03T14:30:00Z"]).ok().out;
    assert_eq!(after, before);
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
