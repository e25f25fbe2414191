//! Declared is not collected: a kind counts only when the server's own request log of a full sweep
//! shows each of its GET paths and a stored resource came of it (DESIGN.md §3).
//!
//! The result is kept as data in `src/catalog/proof/keycloak.toml`, beside that of the table test: with
//! `LASTGOOD_WRITE_DOCS=1` the tests write it, otherwise they compare. `docs/CATALOG.md` is printed from
//! it, see `tests/catalogues.rs`.

use std::collections::BTreeSet;

use lastgood::catalog::{self, KindSpec};

use crate::lastgood::{Home, TENANT};
use crate::log::{Mark, Request};
use crate::seed::Seed;
use crate::server::{notice, on_server};
use crate::sweep::sweep_paths;

/// What stands above the proven kinds.
const HEAD: &str = "\
# What is proven of the catalogue of Keycloak on the real server, by name of kind. Written by the tests, see proof.rs.
";

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
        let collected: BTreeSet<String> = provider
            .kinds
            .iter()
            .filter(|spec| spec.carried_by.is_none() && proven(spec))
            .map(|spec| spec.kind.to_string())
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
        keep("collected", &collected);
    });
}

/// Keeps a part of what is proven of Keycloak, or compares it with what was kept.
pub(crate) fn keep(part: &str, kinds: &BTreeSet<String>) {
    crate::kept::keep("keycloak", HEAD, part, kinds);
}
