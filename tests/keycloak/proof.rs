//! Declared is not collected: a kind counts only when the server's own request log of a full sweep
//! shows each of its GET paths and a stored resource came of it (DESIGN.md §3).
//!
//! `docs/CATALOG.md` is printed from this run. With `LASTGOOD_WRITE_DOCS=1` the test writes the page,
//! otherwise it compares.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use lastgood::catalog::{self, KindSpec, Template};

use crate::lastgood::{Home, TENANT};
use crate::log::{Mark, Request};
use crate::seed::Seed;
use crate::server::{notice, on_server};

/// The paths that a full sweep must ask for; `get` is for looking at one resource.
fn sweep_paths(spec: &KindSpec) -> Vec<String> {
    let mut paths = Vec::new();
    for read in &spec.read {
        paths.extend(read.path.iter().chain(&read.below).map(Template::bare));
        paths.extend(read.tree.iter().map(|tree| tree.path.bare()));
        paths.extend(read.join.values().map(Template::bare));
        if read.detail || read.tree.as_ref().is_some_and(|tree| tree.to.is_some()) {
            paths.extend(spec.get.iter().map(Template::bare));
        }
    }
    paths
}

/// Whether a request is of the operation that the template names.
fn is_of(request: &Request, template: &str) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    let (asked, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
    request.method == "GET"
        && request.status == 200
        && asked.len() == wanted.len()
        && asked.iter().zip(&wanted).all(|(asked, wanted)| wanted.starts_with('{') || asked == wanted)
}

/// Kinds of which a resource lies in the latest snapshot.
fn stored(home: &Home) -> BTreeSet<String> {
    let lines = home.run(&["ls", TENANT, "--json"]).ok().lines();
    lines.iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_is_collected() {
    on_server(async |server| {
        let seed = Seed::plant(server, "proof").await;
        let home = Home::new(&seed.realm).await;
        // The two kinds that a reader is refused are read with the account that may.
        home.configure("client_id = \"lastgood-collector\"", "client_id = \"lastgood-restorer\"");
        home.write("reader", &home.read("restorer"));
        home.configure("[[tenant]]\n", "[[tenant]]\nper_user = true\n");
        let Some(mark) = Mark::now() else { return notice("no request log: nothing is proven") };
        home.snapshot();
        let requests = mark.requests(&seed.realm).await;
        let stored = stored(&home);

        let provider = catalog::provider("keycloak").unwrap();
        let proven = |spec: &KindSpec| {
            let asked =
                sweep_paths(spec).iter().all(|path| requests.iter().any(|request| is_of(request, path)));
            asked && stored.contains(spec.kind.as_str())
        };
        let collected: BTreeSet<&str> = provider
            .kinds
            .iter()
            .filter(|spec| spec.carried_by.is_none() && proven(spec))
            .map(|spec| spec.kind.as_str())
            .collect();
        let missing: Vec<&str> = provider
            .kinds
            .iter()
            .filter(|spec| spec.carried_by.is_none() && !collected.contains(spec.kind.as_str()))
            .map(|spec| spec.kind.as_str())
            .collect();
        assert!(missing.is_empty(), "declared and not proven: {missing:?}");
        let writes =
            requests.iter().filter(|request| request.method != "GET" && !request.target.contains("/token"));
        assert_eq!(writes.count(), 0, "a collector only reads");
        let forbidden = "service-account-user";
        assert!(!requests.iter().any(|request| request.target.contains(forbidden)), "that GET writes");
        compare(&page(&collected));
    });
}

/// The page of all catalogues: what is declared, and what of it is proven.
fn page(collected: &BTreeSet<&str>) -> String {
    let mut out = String::from(
        "# What is declared, collected, restored\n\nPrinted by `tests/keycloak/proof.rs` from a run against the real server: a kind is *collected* when \
         the server's own request log shows each GET path of its sweep and a resource of it was stored.\n*Held by* means that another kind's \
         resources carry the same fact. No kind counts as restored yet: the table test of step 2 proves that.\n\n",
    );
    out.push_str(
        "| provider | declared | collected | held by another | restored |\n| --- | --- | --- | --- | --- |\n",
    );
    for name in catalog::names() {
        let provider = catalog::provider(name).unwrap();
        let held = provider.kinds.iter().filter(|spec| spec.carried_by.is_some()).count();
        let (collected, held) = if name == "keycloak" { (collected.len(), held) } else { (0, 0) };
        writeln!(out, "| {} | {} | {collected} | {held} | 0 |", provider.title, provider.kinds.len())
            .unwrap();
    }
    out.push_str("\n## Keycloak\n\n| kind | collected | restorable, as declared | reason |\n| --- | --- | --- | --- |\n");
    for spec in &catalog::provider("keycloak").unwrap().kinds {
        let state = match &spec.carried_by {
            Some(carrier) if collected.contains(carrier.as_str()) => format!("held by {carrier}"),
            _ if collected.contains(spec.kind.as_str()) => "yes".into(),
            _ => "no".into(),
        };
        writeln!(
            out,
            "| {} | {state} | {} | {} |",
            spec.kind,
            spec.restore.class.as_str(),
            spec.restore.reason
        )
        .unwrap();
    }
    out
}

fn compare(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CATALOG.md");
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept, page,
        "docs/CATALOG.md is not what this run printed; write it with LASTGOOD_WRITE_DOCS=1"
    );
}
