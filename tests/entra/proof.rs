//! Declared is not collected: a kind counts only when the server's own request log of a full sweep shows each
//! of its GET paths and a stored resource came of it (DESIGN.md §3).
//!
//! What is proven is data (`src/catalog/proof/entra.toml`): with `LASTGOOD_WRITE_DOCS=1` the test writes it,
//! otherwise it compares.

use std::collections::BTreeSet;

use lastgood::catalog;

use crate::directory::{Asked, Directory, TENANT};
use crate::sweep::sweep_paths;

const HEAD: &str = "# What is proven of the catalogue of Entra ID on the simulated directory, by name of kind. Written by the tests, see tests/entra/proof.rs.\n";

/// Whether a request is of the operation that the template names.
fn is_of(path: &str, template: &str) -> bool {
    let (asked, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
    asked.len() == wanted.len()
        && asked.iter().zip(&wanted).all(|(asked, wanted)| wanted.starts_with('{') || asked == wanted)
}

#[test]
fn what_is_collected_is_what_a_sweep_asked_and_stored() {
    let directory = Directory::start();
    let (snapshot, asked) = directory.snapshot();
    let listed = directory.run(&["ls", TENANT, "--json"], 0);
    let kind_of = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["kind"].as_str().unwrap().to_owned()
    };
    let stored: BTreeSet<String> = listed.lines().map(kind_of).collect();
    let whole = |kind: &str| {
        let rows = snapshot["coverage"].as_array().unwrap();
        rows.iter().any(|row| row["kind"] == kind && row["state"] == "complete" && row["reason"] == "")
    };
    let answered = |path: &String| {
        asked
            .iter()
            .any(|asked: &Asked| asked.method == "GET" && asked.status == 200 && is_of(&asked.path, path))
    };
    let read = catalog::provider("entra").unwrap().kinds.iter().filter(|spec| spec.is_asked_for());
    let collected: BTreeSet<String> = read
        .filter(|spec| sweep_paths(spec).iter().all(answered))
        .map(|spec| spec.kind.to_string())
        .filter(|kind| stored.contains(kind) && whole(kind))
        .collect();
    assert!(snapshot["coverage"].as_array().unwrap().iter().all(|row| row["state"] != "failed"));
    assert!(asked.iter().all(|asked| asked.method == "GET" || asked.path.ends_with("/token")));
    crate::kept::keep("entra", HEAD, "collected", &collected);

    let (again, _) = directory.snapshot();
    assert_eq!([&again["added"], &again["changed"], &again["removed"]], [0, 0, 0], "nothing happened");
}
