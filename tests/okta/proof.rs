//! Declared is not collected: a kind counts only when the server's own request log of a full sweep
//! shows each of its GET paths and a stored resource came of it (DESIGN.md §3).
//!
//! The server is a simulated organisation with one of each kind. What is proven is data
//! (`src/catalog/proof/okta.toml`): with `LASTGOOD_WRITE_DOCS=1` the test writes it, otherwise it compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lastgood::catalog::{self, KindSpec};

use crate::org::{Asked, Org, TENANT, coverage};
use crate::sweep::sweep_paths;

const HEAD: &str = "# What is proven of the catalogue of Okta on the simulated organisation, by name of kind. Written by the tests, see tests/okta/proof.rs.\n";

/// Kinds whose list says less than a GET of one, by recorded traffic: each row is read again.
const READ_ONE_BY_ONE: [&str; 2] = ["profile_mapping", "realm"];

/// Whether a request is of the operation that the template names.
pub(crate) fn is_of(path: &str, template: &str) -> bool {
    let (asked, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
    asked.len() == wanted.len()
        && asked.iter().zip(&wanted).all(|(asked, wanted)| wanted.starts_with('{') || asked == wanted)
}

/// The kinds that are read.
fn read() -> impl Iterator<Item = &'static KindSpec> {
    let kinds = &catalog::provider("okta").unwrap().kinds;
    kinds.iter().filter(|spec| spec.unread.is_none() && spec.carried_by.is_none())
}

/// Keeps a part of what is proven of Okta, or compares it with what was kept.
pub(crate) fn keep(part: &str, kinds: &BTreeSet<String>) {
    crate::kept::keep("okta", HEAD, part, kinds);
}

#[test]
fn every_kind_is_collected_and_no_list_is_read_one_by_one() {
    let org = Org::start(&["--users", "3", "--every-kind"]);
    let (snapshot, requests) = org.snapshot(0);
    let coverage = coverage(&snapshot);
    let listed = org.run(&["ls", TENANT, "--json"], 0);
    let stored: BTreeSet<String> = listed
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned()
        })
        .collect();

    let mut collected = BTreeSet::new();
    let mut missing = String::new();
    for spec in read() {
        let kind = spec.kind.as_str();
        let answered =
            |path: &String| requests.iter().any(|asked| asked.status == 200 && is_of(asked.path(), path));
        let unasked: Vec<String> = sweep_paths(spec).into_iter().filter(|path| !answered(path)).collect();
        let (state, reason, count) = &coverage[kind];
        if unasked.is_empty() && stored.contains(kind) && state == "complete" && *count > 0 {
            collected.insert(kind.to_owned());
        } else {
            let _ = writeln!(missing, "{kind}: {state} {reason} {count}, not asked: {unasked:?}");
        }
    }
    assert!(missing.is_empty(), "declared and not proven:\n{missing}");
    assert!(requests.iter().all(|asked| asked.method == "GET"), "a collector only reads");
    one_list_a_collection(&requests);
    let (again, _) = org.snapshot(0);
    assert_eq!([&again["added"], &again["changed"], &again["removed"]], [0, 0, 0], "nothing happened");
    keep("collected", &collected);
}

/// No request is made twice, and none for a row of a list whose rows are whole.
fn one_list_a_collection(requests: &[Asked]) {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for asked in requests {
        *times.entry(&asked.target).or_default() += 1;
    }
    // The organisation is a kind, and names the tenant before anything is read; the log is read to its end.
    let twice = |(target, count): &(&&str, &usize)| {
        **count > 1 && **target != "/api/v1/org" && !target.starts_with("/api/v1/logs")
    };
    let twice: Vec<_> = times.iter().filter(twice).collect();
    assert!(twice.is_empty(), "asked more than once: {twice:?}");

    let lists: Vec<String> = read().flat_map(sweep_paths).collect();
    let single = |asked: &&Asked| {
        let listed = lists.iter().any(|list| is_of(asked.path(), list));
        !listed && !asked.path().starts_with("/api/v1/logs")
    };
    let singles: Vec<&str> = requests.iter().filter(single).map(Asked::path).collect();
    assert!(singles.is_empty(), "rows that were read one by one: {singles:?}");
    let details: Vec<&str> = read()
        .filter(|spec| spec.read.iter().any(|read| read.detail))
        .map(|spec| spec.kind.as_str())
        .collect();
    let details: BTreeSet<&str> = details.into_iter().collect();
    assert_eq!(details, READ_ONE_BY_ONE.into(), "which lists say too little is known from recorded traffic");
}
