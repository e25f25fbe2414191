//! What is proven of a catalogue: a line in it proves nothing (DESIGN.md §3).
//!
//! One file beside each catalogue that was tried against the real server, written by the tests that
//! did (`tests/keycloak/proof.rs` and `tests/keycloak/table`) and compared by them from then on. Never
//! written by hand.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::base::key::Kind;

/// The kinds of a provider that are proven.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Proof {
    /// A full sweep asked each GET path of the kind, by the server's own log, and a resource was stored.
    pub collected: BTreeSet<Kind>,
    /// An instance with every writable field set came back after it was changed and after it was deleted.
    pub restored: BTreeSet<Kind>,
}

/// What is proven of a provider; nothing where no server was at hand.
///
/// # Panics
/// Never: a test reads every embedded file.
#[must_use]
pub fn proof(provider: &str) -> &'static Proof {
    static KEYCLOAK: LazyLock<Proof> = LazyLock::new(|| {
        toml::from_str(include_str!("proof/keycloak.toml")).expect("a test reads every embedded file")
    });
    static NOTHING: LazyLock<Proof> = LazyLock::new(Proof::default);
    if provider == "keycloak" { &KEYCLOAK } else { &NOTHING }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proven_is_declared() {
        for name in crate::catalog::names() {
            let catalog = crate::catalog::provider(name).unwrap();
            let Proof { collected, restored } = proof(name);
            for kind in collected.iter().chain(restored) {
                assert!(catalog.kind(kind).is_some(), "{name} has no {kind}");
            }
        }
        assert!(!proof("keycloak").collected.is_empty());
    }
}
