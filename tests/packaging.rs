//! What is shipped beside the binary says only what the binary knows: units, manifests, rules and the board.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

fn file(path: &str) -> String {
    let whole = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

/// Says that a test could not be made.
fn skipped(tool: &str) {
    std::io::stderr().write_all(format!("skipped: no {tool} on this machine\n").as_bytes()).unwrap();
}

#[test]
fn commands_are_those_of_the_binary() {
    for (path, start) in [
        ("systemd/lastgood.service", "ExecStart=/usr/bin/lastgood "),
        ("systemd/lastgood-snapshot.service", "ExecStart=/usr/bin/lastgood "),
        ("kubernetes/cronjob.yaml", "args: ["),
        ("kubernetes/serve.yaml", "args: ["),
    ] {
        let text = file(path);
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start)).unwrap();
        let arguments = line.replace(['"', ',', ']'], " ");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        // The parser is asked alone: with `--help` at the end nothing is done.
        let ran = Command::new(env!("CARGO_BIN_EXE_lastgood")).args(&arguments).arg("--help").output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{path}: {}", String::from_utf8_lossy(&ran.stderr));
        let one = arguments.iter().find(|word| ["serve", "snapshot"].contains(word)).unwrap();
        assert!(String::from_utf8_lossy(&ran.stdout).contains(&format!("lastgood {one}")), "{path}");
    }
}

#[test]
fn systemd_takes_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "systemd-analyze is required here: install systemd");
        skipped("systemd-analyze");
        return;
    }
    // The binary and the manual are where a package puts them, which is not on this machine.
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for unit in ["lastgood.service", "lastgood-snapshot.service", "lastgood-snapshot.timer"] {
        let text = file(&format!("systemd/{unit}"));
        let text = text.replace("/usr/bin/lastgood", env!("CARGO_BIN_EXE_lastgood"));
        let path = folder.path().join(unit);
        fs::write(&path, text).unwrap();
        units.push(path);
    }
    let ran = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("lastgood")).collect();
    assert!(ran.status.success() && ours.is_empty(), "{said}");
}

fn promtool(arguments: &[&str], input: &str) -> bool {
    if Command::new("promtool").arg("--version").output().is_err() {
        skipped("promtool");
        return false;
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus");
    let mut command = Command::new("promtool");
    command.args(arguments).arg(input).current_dir(folder);
    let ran = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}");
    true
}

#[test]
fn prometheus_takes_the_rules_and_they_do_what_their_tests_say() {
    let _ = promtool(&["check", "rules", "--lint-fatal"], "rules.yml")
        && promtool(&["test", "rules"], "rules_test.yml");
}

/// Whether anything was forgotten is seen without the tool as well.
#[test]
fn every_rule_has_a_case_in_which_it_strikes_and_one_in_which_it_does_not() {
    let (rules, cases) = (file("prometheus/rules.yml"), file("prometheus/rules_test.yml"));
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let of: Vec<&str> = cases
            .split("alertname: ")
            .filter(|case| case.strip_prefix(name).is_some_and(|rest| rest.starts_with([',', '\n'])))
            .collect();
        let empty = |case: &&str| case.lines().next().is_some_and(|line| line.ends_with("exp_alerts: [] }"));
        let (silent, striking): (Vec<&str>, Vec<&str>) = of.iter().partition(|case| empty(case));
        assert!(!silent.is_empty() && striking.iter().any(|case| case.contains("exp_labels")), "{name}");
    }
}
