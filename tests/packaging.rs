//! What is shipped beside the binary says only what the binary knows: units, manifests, rules and the board.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use lastgood::daemon::{Book, CareBook, metrics};

fn file(path: &str) -> String {
    let whole = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

/// Every metric that a scrape can hold.
fn metrics_there_are() -> BTreeSet<String> {
    let at = "2026-11-02T08:20:00Z".parse().unwrap();
    let (mut book, mut care) = (Book::default(), CareBook::default());
    book.begin(at);
    book.end_well(lastgood::daemon::book::Good { full: true, ..Default::default() }, 0, at);
    (care.check.begun, care.prune.begun) = (Some(at), Some(at));
    (care.check.ended, care.prune.ended) = (Some(at), Some(at));
    care.checked = Some(Default::default());
    let seen = metrics::Seen { tenant: "acme".into(), book, due: at };
    let text = metrics::text(vec![seen], care).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// Every metric that a text speaks of.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("lastgood_"));
    words.map(str::to_owned).collect()
}

/// Says that a test could not be made.
fn skipped(tool: &str) {
    std::io::stderr().write_all(format!("skipped: no {tool} on this machine\n").as_bytes()).unwrap();
}

#[test]
fn rules_and_board_speak_of_metrics_that_there_are() {
    let there = metrics_there_are();
    for path in ["prometheus/rules.yml", "grafana/lastgood.json"] {
        let named = named(&file(path));
        let missing: Vec<_> = named.difference(&there).collect();
        assert!(named.len() > 5 && missing.is_empty(), "{path}: {missing:?} of {there:?}");
    }
    let board: serde_json::Value = serde_json::from_str(&file("grafana/lastgood.json")).unwrap();
    assert!(board["panels"].as_array().unwrap().len() > 8);
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

#[test]
fn prometheus_takes_the_rules() {
    if Command::new("promtool").arg("--version").output().is_err() {
        skipped("promtool");
        return;
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus/rules.yml");
    let ran = Command::new("promtool").args(["check", "rules"]).arg(path).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
