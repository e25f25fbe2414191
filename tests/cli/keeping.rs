//! What is kept and what goes: tags, holds, the baseline, retention and prune, as a person meets them.

use crate::world::{World, commit, first, second, third};

#[test]
fn people_say_what_must_stay_and_prune_heeds_it() {
    let world = World::with_history();
    let ids = world.ids();
    let short: Vec<&str> = ids.iter().map(|id| &id[..8]).collect();

    let tagged = world.run(&["tag", short[0], "before go-live"]).ok();
    assert!(tagged.out.contains("is tagged before go-live"), "{tagged:?}");
    world.run(&["tag", "2026-11-03T13:30:00Z", "--hold", "case 7"]).ok();
    world.run(&["baseline", "show", "kc"]).code(1);
    let pinned = world.run(&["baseline", "set", "kc", "--at", short[0], "--json"]).ok().lines();
    assert_eq!((&pinned[0]["snapshot"], &pinned[0]["baseline"]), (&ids[0].as_str().into(), &true.into()));
    let listed = world.run(&["snapshots"]).ok().out;
    assert!(listed.contains("before go-live, baseline") && listed.contains("hold: case 7"), "{listed}");
    let kept = world.run(&["prune", "--keep-last", "1", "--json"]).ok().lines();
    assert_eq!((&kept[0]["kept"], &kept[0]["dropped"]), (&3.into(), &0.into()), "{kept:?}");

    // Said otherwise, it goes.
    world.run(&["tag", short[1], "--end-hold"]).ok();
    let dry = world.run(&["prune", "--keep-last", "1", "--dry-run"]).ok().out;
    assert!(dry.contains("1 would go") && dry.contains("older than every rule"), "{dry}");
    assert_eq!(world.ids().len(), 3);
    let gone = world.run(&["prune", "kc", "--keep-last", "1", "--json"]).ok().lines();
    assert_eq!((&gone[0]["kept"], &gone[0]["dropped"]), (&2.into(), &1.into()));
    assert!(gone[0]["snapshots"][1]["why"][0] == "older than every rule", "{gone:?}");
    assert_eq!(world.ids(), [ids[0].clone(), ids[2].clone()]);
    world.run(&["check", "--read-data"]).ok();
}

#[test]
fn a_time_in_what_was_pruned_answers_with_what_is_kept_and_says_so() {
    let world = World::with_history();
    let ids = world.ids();
    world.run(&["tag", &ids[0], "stays"]).ok();
    world.run(&["prune", "--keep-last", "1"]).ok();
    let at = ["--at", "2026-11-03T13:30:00Z"];
    for command in [vec!["ls", "kc"], vec!["show", "kc/realm/-"], vec!["find", ".id", "--kind", "realm"]] {
        let ran = world.run(&[command.as_slice(), &at].concat()).ok();
        assert!(ran.err.contains("as kept of 2026-11-03 12:02"), "{command:?}: {ran:?}");
        assert!(ran.err.contains("1 later snapshot up to 2026-11-03 14:02"), "{command:?}: {ran:?}");
    }
    let shown = world.run(&["show", "kc/realm/-", "--at", "2026-11-03T13:30:00Z", "--json"]).ok().lines();
    assert_eq!((&shown[0]["pruned_between"], &shown[0]["between"]), (&1.into(), &"changed".into()));
    let gone = world.run(&["show", "kc/realm/-", "--at", &ids[1]]).code(2);
    assert!(gone.err.contains("no snapshot"), "{gone:?}");
    // What changed in between shows once, at the snapshot that is kept.
    let log = world.run(&["log", "kc/user/e003", "--json"]).ok().lines();
    assert_eq!(log.len(), 1, "{log:?}");
    let latest = world.run(&["ls", "kc"]).ok();
    assert!(!latest.err.contains("pruned"), "{latest:?}");
}

#[test]
fn a_tenant_that_cannot_be_pruned_keeps_no_other_from_it() {
    for held in ["kc", "another"] {
        let world = World::with_history();
        let repository = world.repository(false);
        for hour in [12, 13, 14] {
            commit(&repository, "another", hour, &third());
        }
        let lease = repository.lease(held).unwrap();
        let ran = world.run(&["prune", "--keep-last", "1", "--json"]).code(11);
        assert!(ran.err.contains(held), "{ran:?}");
        let pruned = ran.lines();
        assert_eq!(pruned.len(), 1, "{pruned:?}");
        assert_ne!(pruned[0]["tenant"], held);
        assert_eq!(pruned[0]["dropped"], 2, "{pruned:?}");
        drop(lease);
    }
}

#[test]
fn rules_come_from_the_configuration_and_their_faults_are_named() {
    let world = World::with_history();
    let none = world.run(&["prune"]).code(2);
    assert!(none.err.contains("no rule says what is kept") && none.err.contains("[retention]"), "{none:?}");
    world.configure("[retention]\nhourly = \"1 day\"\n");
    for command in [["prune"].as_slice(), &["config", "check"]] {
        let wrong = world.run(command).code(2);
        assert!(wrong.err.contains("`hourly` under [retention]: `1 day` is no period"), "{wrong:?}");
    }
    world.configure("[retention]\nlast = 1\ndaily = \"1y\"\n");
    let pruned = world.run(&["prune", "--json"]).ok().lines();
    assert_eq!(pruned[0]["dropped"], 2, "{pruned:?}");
    let wrong = world.run(&["prune", "--keep-daily", "soon"]).code(2);
    assert!(wrong.err.contains("is no period"), "{wrong:?}");
    let several = world.run(&["tag", "latest"]).code(2);
    assert!(several.err.contains("NAME"), "{several:?}");
}

#[test]
fn days_that_are_over_are_folded_and_answer_as_before() {
    let world = World::with_history();
    let repository = world.repository(false);
    for (hour, rows) in [(15, first()), (16, second()), (17, third())] {
        commit(&repository, "kc", hour, &rows);
    }
    drop(repository);
    // Two days later by this machine's clock.
    let folding = |args: &[&str]| {
        let mut command = world.command(args);
        world.ended(&command.env("LASTGOOD_NOW", "2026-11-05T18:00:00Z").output().unwrap()).ok()
    };
    let none = folding(&["compact"]).out;
    assert_eq!(none, "kc  no day is over that is not folded\n", "the storage took them in today");
    // The storage's time is that of the files.
    let back = |days: u64| {
        let at = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400 * days);
        for file in world.files("") {
            std::fs::File::open(file).unwrap().set_modified(at).unwrap();
        }
    };
    back(2);
    let questions = [
        ["snapshots", "kc", "--json"].as_slice(),
        &["log", "kc", "--json"],
        &["show", "kc/realm/-", "--at", "2026-11-03T13:30:00Z", "--json"],
        &["diff", "2026-11-03T13:30:00Z", "2026-11-03T14:30:00Z", "kc", "--json"],
        &["find", ".id", "--kind", "user", "--at", "2026-11-03T16:30:00Z", "--json"],
    ];
    let answers = || questions.map(|question| world.run(question).out);
    let before = answers();
    for (question, answer) in questions.iter().zip(&before) {
        assert!(answer.contains('{'), "{question:?}: {answer}");
    }

    let dry = folding(&["compact", "--dry-run"]).out;
    assert!(dry.ends_with("kc  4 objects, 16.4 kB would be folded\n"), "{dry}");
    let done = folding(&["compact", "kc", "--json"]).lines();
    assert_eq!(done[0]["format"], "lastgood.compact/1");
    assert_eq!(
        done[0]["days"][0]["replaced"],
        serde_json::json!({ "objects": 4, "bytes": 16384 }),
        "{done:?}"
    );
    assert_eq!(answers(), before);
    back(5);
    let swept = folding(&["compact"]).out;
    assert!(swept.contains("deleted, replaced or let go earlier: 4 objects, 16.4 kB"), "{swept}");
    assert_eq!(answers(), before);
    world.run(&["rebuild-index"]).ok();
    assert_eq!(answers(), before);
    world.run(&["check", "--read-data"]).ok();
    let wrong = world.run(&["compact", "nobody"]).code(1);
    assert!(wrong.err.contains("nobody"), "{wrong:?}");
}
