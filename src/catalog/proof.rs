//! What is proven of a catalogue: a line in it proves nothing (DESIGN.md §3).
//!
//! One file beside each catalogue that was tried against a server: Keycloak's the real one, Okta's a
//! simulated one that recorded traffic and the vendor's document judge. Written by the tests that did it
//! (`tests/keycloak/proof.rs`, `tests/keycloak/table`, `tests/okta/proof.rs`) and compared by them from then on.
//! Never written by hand.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::base::key::Kind;

/// The kinds of a provider that are proven.
#[derive(Deserialize, Clone, Debug, Default)]
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
    let read = |text| toml::from_str(text).expect("a test reads every embedded file");
    static KEYCLOAK: OnceLock<Proof> = OnceLock::new();
    static OKTA: OnceLock<Proof> = OnceLock::new();
    static NOTHING: OnceLock<Proof> = OnceLock::new();
    match provider {
        "keycloak" => KEYCLOAK.get_or_init(|| read(include_str!("proof/keycloak.toml"))),
        "okta" => OKTA.get_or_init(|| read(include_str!("proof/okta.toml"))),
        _ => NOTHING.get_or_init(Proof::default),
    }
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
        assert!(!proof("keycloak").collected.is_empty() && !proof("okta").collected.is_empty());
    }
}
