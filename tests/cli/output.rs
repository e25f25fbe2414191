//! The form of what is printed: pipes, colour, names that an attacker chose.

use insta::assert_snapshot as shows;

use crate::world::World;

#[test]
fn a_closed_pipe_ends_quietly() {
    let world = World::with_history();
    for line in [
        "lastgood kinds keycloak | head -1",
        "lastgood kinds keycloak --json | head -c 10",
        "lastgood log -p | head -1",
        "lastgood ls | head -1",
        "lastgood completions bash | head -1",
        "lastgood --help | head -1",
        "lastgood ls nobody 2>&1 >/dev/null | head -c 1",
    ] {
        let ran = world.shell(&format!("set -o pipefail; {line}"));
        assert!(!ran.err.contains("panicked") && ran.code != 101, "{line}: {ran:?}");
    }
    let full = world.shell("lastgood ls > /dev/full");
    assert!(!full.err.contains("panicked"), "{full:?}");
    let closed = world.shell("lastgood ls >&-");
    assert!(!closed.err.contains("panicked"), "{closed:?}");
}

/// What could not be written was not done: a full disk behind `>` must not look like success.
#[test]
fn a_result_that_could_not_be_written_is_an_error() {
    let world = World::with_history();
    shows!(world.shell("lastgood ls > /dev/full").story(), @"
    exit 1
    --- stderr
    error: the result could not be written: No space left on device (os error 28)
    ");
}

#[test]
fn colour_is_for_terminals() {
    let world = World::with_history();
    let colours = |line: &str| {
        let ran = world.shell(line);
        (ran.out.contains("\u{1b}["), ran.err.contains("\u{1b}["))
    };
    assert_eq!(colours("lastgood log; lastgood ls nobody"), (false, false));
    assert_eq!(colours("lastgood log --color always; lastgood ls nobody --color always"), (true, true));
    assert_eq!(colours("NO_COLOR=1 lastgood log; NO_COLOR=1 lastgood ls nobody"), (false, false));
    assert_eq!(colours("lastgood log --color never; lastgood ls nobody --color never"), (false, false));
    assert_eq!(colours("lastgood shwo --color never"), (false, false));
}

/// Escapes and direction marks in a name reach no terminal, in no command and no form.
#[test]
fn a_name_cannot_steer_the_terminal() {
    let world = World::with_history();
    let commands: [&[&str]; 9] = [
        &["ls"],
        &["show", "kc/user/e002"],
        &["show", "kc/user/e002", "--json"],
        &["log", "-p"],
        &["diff", "latest", "latest"],
        &["diff", "5h ago", "latest"],
        &["find", ".username"],
        &["find", ".username", "--json"],
        &["show", "kc/user/evil\u{1b}[2J"],
    ];
    for args in commands {
        let ran = world.run(args);
        for steering in ['\u{1b}', '\u{7}', '\u{202e}'] {
            let found = ran.out.contains(steering) || ran.err.contains(steering);
            assert!(!found, "{args:?} lets {steering:?} through: {ran:?}");
        }
    }
    shows!(world.run(&["show", "kc/user/e002", "-q"]).story(), @r#"
    exit 0
    --- stdout
    {
      "enabled": true,
      "id": "e002",
      "username": "evil\u001b[2J\u001b]0;owned\u0007\u202egpj"
    }
    "#);
    shows!(world.run(&["ls", "kc/user"]).story(), @r"
    exit 0
    --- stdout
    address       name
    kc/user/e001  zoë
    kc/user/e002  evil%1B%5B2J%1B]0;owned%07\u{202e}gpj
    kc/user/e003  mallory
    ");
}

#[test]
fn quiet_is_quiet() {
    let world = World::with_history();
    for args in [&["show", "kc/user/e001", "-q"][..], &["diff", "latest", "latest", "-q"], &["log", "-q"]] {
        assert!(world.run(args).ok().err.is_empty(), "{args:?}");
    }
}
