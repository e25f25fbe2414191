//! Every recorded scenario, and which of them the simulator answers as the vendor did.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::recording::scenarios;
use crate::replay::{Miss, replay};

const PAGE: &str = "docs/SIM-OKTA.md";

fn page(total: usize, failed: &BTreeMap<String, Vec<Miss>>) -> String {
    let passed = total - failed.len();
    let mut text = format!(
        "# The Okta simulator against recorded traffic\n\n\
         Written by `LASTGOOD_WRITE_DOCS=1 cargo test --test okta`; the same test compares.\n\n\
         Each scenario is a sequence of real requests with the vendor's real answers. It is replayed in a fresh\n\
         simulated organisation that holds what the scenario presupposes and nothing else of it. It passes when every answer has\n\
         the recorded status and shape: the same members with the same JSON types, element by element.\n\n\
         **{passed} of {total} scenarios pass.** Those that do not, with the first answer that differs:\n\n\
         | scenario | call | what the simulator does not do as the vendor |\n| --- | --- | --- |\n"
    );
    for (name, misses) in failed {
        let first = &misses[0];
        let _ = writeln!(text, "| {name} | `{}` | {} |", first.call, brief(&first.what));
    }
    text
}

/// The first few differences.
fn brief(what: &[String]) -> String {
    let mut text = what.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    if what.len() > 3 {
        let _ = write!(text, "; and {} more", what.len() - 3);
    }
    text.replace('|', "\\|")
}

#[test]
fn recorded_scenarios_replay() {
    let Some(scenarios) = scenarios() else { return };
    let mut failed = BTreeMap::new();
    for scenario in &scenarios {
        let misses = replay(scenario);
        if !misses.is_empty() {
            failed.insert(scenario.name.clone(), misses);
        }
    }
    if let Some(path) = std::env::var_os("LASTGOOD_SIM_MISSES") {
        let mut all = String::new();
        for (name, misses) in &failed {
            for miss in misses {
                let _ = writeln!(all, "{name}\t{}\t{}", miss.call, miss.what.join("\t"));
            }
        }
        fs::write(path, all).unwrap();
    }
    println!("{} of {} scenarios pass", scenarios.len() - failed.len(), scenarios.len());
    let text = page(scenarios.len(), &failed);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{PAGE} is not what the simulator does now; write it with LASTGOOD_WRITE_DOCS=1"
    );
}
