//! Key files: a machine opens the repository without a passphrase, and without what a passphrase costs.

use crate::world::World;

#[test]
fn a_key_file_opens_what_the_passphrase_opens() {
    let world = World::with_history();
    world.run(&["keys", "add", "hourly.key", "--label", "the hourly job"]).ok();
    let listed = world.run(&["keys", "list", "--json"]).ok();
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let by: Vec<_> =
        listed["recipients"].as_array().unwrap().iter().map(|row| row["by"].as_str().unwrap()).collect();
    assert_eq!(by, ["passphrase", "key"], "{listed}");
    let with_key = "unset LASTGOOD_PASSPHRASE; LASTGOOD_KEY_FILE=hourly.key lastgood";
    let (old, new) = (world.run(&["ls", "kc"]).ok(), world.shell(&format!("{with_key} ls kc")).ok());
    assert_eq!(old.out, new.out);
    assert!(!new.out.is_empty());
    world.configure("[repository]\nurl = \"repo\"\nkey_file = \"hourly.key\"\n");
    assert_eq!(world.shell("unset LASTGOOD_PASSPHRASE LASTGOOD_REPO; lastgood ls kc").ok().out, old.out);
    // A second machine's key does not shut the first out.
    world.shell(&format!("{with_key} keys add second.key")).ok();
    world.shell("unset LASTGOOD_PASSPHRASE; LASTGOOD_KEY_FILE=second.key lastgood ls kc").ok();
    world.shell(&format!("{with_key} ls kc")).ok();
    world.run(&["ls", "kc"]).ok();
    // Nobody else reads the file.
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(world.path("hourly.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.run(&["keys", "add", "hourly.key"]).code(1);
}

#[test]
fn a_key_that_opens_nothing_is_refused() {
    let world = World::with_history();
    world.write("words", "correct horse\n");
    let words = world.shell("LASTGOOD_KEY_FILE=words lastgood ls kc").code(12);
    assert!(words.err.contains("LASTGOOD_PASSPHRASE_FILE") && !words.err.contains("horse"), "{}", words.err);
    let other = World::empty();
    other.shell("unset LASTGOOD_PASSPHRASE; LASTGOOD_KEY_FILE=own.key lastgood init").ok();
    other.shell("unset LASTGOOD_PASSPHRASE; LASTGOOD_KEY_FILE=own.key lastgood snapshots").ok();
    world.write("strange.key", std::fs::read(other.path("own.key")).unwrap());
    world.shell("LASTGOOD_KEY_FILE=strange.key lastgood ls kc").code(12);
    // A refused `init` leaves no key behind that opens nothing.
    world.shell("LASTGOOD_KEY_FILE=new.key lastgood init").code(1);
    assert!(!world.path("new.key").exists());
}

/// With less memory than stretching a passphrase takes, the key opens and the passphrase does not.
#[test]
fn nothing_is_stretched_for_a_key_file() {
    let world = World::empty();
    world.run(&["init"]).ok();
    world.run(&["keys", "add", "k"]).ok();
    let bounded = "export MALLOC_ARENA_MAX=1; ulimit -v 240000;";
    let stretched = world.shell(&format!("{bounded} lastgood snapshots"));
    assert_ne!(stretched.code, 0, "the bound is too wide to show anything");
    world.shell(&format!("{bounded} unset LASTGOOD_PASSPHRASE; LASTGOOD_KEY_FILE=k lastgood snapshots")).ok();
}
