//! The seed has every kind, and the dump reads the same thing twice.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;

use crate::dump::Dump;
use crate::seed::Seed;
use crate::server::on_server;

/// The kinds of the catalogue's source, or `None` with a printed notice where it is absent.
fn kinds() -> Option<Vec<Value>> {
    let shared = std::env::var("LASTGOOD_SHARED").map_or_else(|_| PathBuf::from("../shared"), PathBuf::from);
    let file = shared.join("providers/keycloak.json");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            let required = std::env::var("LASTGOOD_REQUIRE_SHARED").is_ok_and(|value| value == "1");
            assert!(!required, "LASTGOOD_REQUIRE_SHARED=1, but {} cannot be read: {error}", file.display());
            crate::server::notice(&format!("not compared with {}: {error}", file.display()));
            None
        }
    }
}

#[test]
fn the_seed_has_every_kind_and_reads_the_same_twice() {
    on_server(async |server| {
        let seed = Seed::plant(server, "complete").await;
        let first = Dump::read(&seed.realm).await;
        for kind in kinds().unwrap_or_default() {
            let kind = kind["type"].as_str().unwrap();
            assert!(first.count(kind) > 0, "the seed has no {kind}");
        }
        // Sets come in another order once they are read from the database again.
        for cache in ["clear-realm-cache", "clear-user-cache", "clear-keys-cache"] {
            seed.realm.call(Method::POST, &format!("/{cache}"), None).await;
        }
        let second = Dump::read(&seed.realm).await;
        // What a credential repeats of its user has no values at all or none, as the server's cache has it.
        let mirrored = |line: &String| line.contains("#userAttributes#") && line.ends_with(": null -> []");
        let changed: Vec<String> = first.diff(&second).into_iter().filter(|line| !mirrored(line)).collect();
        assert_eq!(changed, Vec::<String>::new());
    });
}
