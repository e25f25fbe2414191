//! What is shipped beside the binary says only what the binary knows: units, manifests, rules and the board.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use lastgood::daemon::alert::{Undelivered, Waiting};
use lastgood::daemon::book::{Budget, Good, Spent};
use lastgood::daemon::metrics::{self, Scrape, Seen};
use lastgood::daemon::{Book, CareBook};

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

/// A scrape with all that a scrape can hold.
fn scrape() -> String {
    let at = "2026-11-02T08:20:00Z".parse().unwrap();
    let (mut book, mut care) = (Book::default(), CareBook::default());
    (care.check.begun, care.prune.begun) = (Some(at), Some(at));
    (care.check.ended, care.prune.ended) = (Some(at), Some(at));
    care.checked = Some(Default::default());
    book.begin(at);
    book.end_well(Good { full: true, ..Good::default() }, at);
    let budget = [("all".to_owned(), Budget::default())].into();
    book.spend(Spent { requests: 1, throttled: 0, budget }, true);
    let waiting = Waiting { receiver: "ops".into(), count: 1, oldest: Some(at) };
    let undelivered = vec![Undelivered { tenant: "acme".into(), receivers: Some(vec![waiting]) }];
    let seen = vec![Seen { tenant: "acme".into(), book, due: at }];
    metrics::text(Scrape { seen, care, undelivered }).unwrap()
}

#[test]
fn the_page_has_every_metric() {
    const BEGIN: &str = "LASTGOOD_WRITE_DOCS=1 writes them anew -->\n";
    const END: &str = "<!-- end of metrics -->\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (kept, tail) = rest.split_once(END).unwrap();
    let mut printed = String::from("| metric | of each | meaning |\n| --- | --- | --- |\n");
    let text = scrape();
    for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, meaning) = line.split_once(' ').unwrap();
        let counts = text.contains(&format!("# TYPE {name} counter"));
        let sample = text.lines().find_map(|line| line.strip_prefix(name)?.split(['{', '}']).nth(1));
        let labels =
            sample.into_iter().flat_map(|labels| labels.split(',')).map(|label| label.split('=').next());
        let of = labels.flatten().collect::<Vec<_>>().join(", ");
        let ending = if counts { "_total" } else { "" };
        printed.push_str(&format!("| `{name}{ending}` | {of} | {meaning} |\n"));
    }
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{printed}{END}{tail}")).unwrap();
        return;
    }
    assert!(
        kept == printed,
        "docs/OPERATIONS.md is not what a scrape holds; write it with LASTGOOD_WRITE_DOCS=1"
    );
}

#[test]
fn the_board_can_be_drawn() {
    let board: serde_json::Value = serde_json::from_str(&file("grafana/lastgood.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let number = |value: &serde_json::Value, name: &str| value[name].as_u64().unwrap();
    let mut cells = BTreeSet::new();
    for panel in panels {
        let place = &panel["gridPos"];
        let (x, y, w, h) = (number(place, "x"), number(place, "y"), number(place, "w"), number(place, "h"));
        assert!(x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{} lies over another", panel["title"]);
        }
    }
    let ids: BTreeSet<u64> = panels.iter().map(|panel| number(panel, "id")).collect();
    assert_eq!(ids.len(), panels.len());
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
