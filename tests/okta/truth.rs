//! Every recorded scenario, and which of them the simulator answers as the vendor did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lastgood::sim::vendor;

use crate::recording::{Scenario, scenarios};
use crate::replay::{Miss, replay};
use crate::sent::lost;

const PAGE: &str = "docs/SIM-OKTA.md";

/// What the official Python SDK made of the simulator; `tests/okta/sdk` writes it.
const SDK: &str = include_str!("sdk.md");

fn page(scenarios: &[Scenario], failed: &BTreeMap<String, Vec<Miss>>) -> String {
    let total = scenarios.len();
    let passed = total - failed.len();
    let lost = scenarios.iter().filter(|scenario| scenario.exchanges.iter().any(lost)).count();
    let mut text = format!(
        "# The Okta simulator against recorded traffic\n\n\
         Written by `LASTGOOD_WRITE_DOCS=1 cargo test --test okta`; the same test compares.\n\n\
         Each scenario is a sequence of real requests with the vendor's real answers. It passes when every answer\n\
         has the recorded status and shape: the same members with the same JSON types, element by element. It is\n\
         replayed in a fresh simulated organisation, into which goes what the scenario presupposes, as its own\n\
         answers show:\n\n\
         - an object that a GET, or the answer to a change, shows before the scenario made or touched it;\n\
         - an object that a path names and no request made, in the form of a new one of its kind;\n\
         - the engine, and features that were on, off or not yet invented when it was recorded (`traits.rs`);\n\
         - a refusal that passes by itself (423, 429, 500), asked of the simulator as a fault.\n\n\
         The recordings of {lost} scenarios lost the body of a request; what was sent is read off the answer, less all that the\n\
         catalogue says only the server sets.\n\n\
         **{passed} of {total} scenarios pass.** Those that do not, with the first answer that differs:\n\n\
         | scenario | call | what the simulator does not do as the vendor |\n| --- | --- | --- |\n"
    );
    for (name, misses) in failed {
        let first = &misses[0];
        let _ = writeln!(text, "| {name} | `{}` | {} |", first.call, brief(&first.what));
    }
    let unproven = unproven(scenarios, failed);
    let _ = write!(
        text,
        "\n## Not proven\n\nThe simulator answers writes to {} more kinds by the catalogue and by the vendor's conventions alone: no scenario that passes writes them.\n\n{}\n",
        unproven.len(),
        unproven.join(", ")
    );
    text + "\n" + SDK
}

/// The kinds that can be written and that no passing scenario writes.
fn unproven(scenarios: &[Scenario], failed: &BTreeMap<String, Vec<Miss>>) -> Vec<String> {
    let vendor = vendor("okta").unwrap();
    let passed = scenarios.iter().filter(|scenario| !failed.contains_key(&scenario.name));
    let writes = passed.flat_map(|scenario| &scenario.exchanges).filter(|exchange| exchange.method != "GET");
    let proven: BTreeSet<usize> = writes
        .filter(|exchange| exchange.status < 300)
        .filter_map(|exchange| vendor.routes.find(&exchange.method, &exchange.path))
        .map(|found| found.route.kind)
        .collect();
    let written = (0..).zip(&vendor.provider.kinds).filter(|(number, spec)| {
        let writable = !(spec.create.is_empty() && spec.update.is_empty() && spec.delete.is_empty());
        writable && spec.unread.is_none() && !proven.contains(number)
    });
    written.map(|(_, spec)| format!("`{}`", spec.kind)).collect()
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
    assert!((scenarios.len() - failed.len()) * 10 >= scenarios.len() * 9, "fewer than nine of ten pass");
    let text = page(&scenarios, &failed);
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
