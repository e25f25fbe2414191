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
use crate::catalog::{KindSpec, Provider, names};

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
    static ENTRA: OnceLock<Proof> = OnceLock::new();
    static NOTHING: OnceLock<Proof> = OnceLock::new();
    match provider {
        "keycloak" => KEYCLOAK.get_or_init(|| read(include_str!("proof/keycloak.toml"))),
        "okta" => OKTA.get_or_init(|| read(include_str!("proof/okta.toml"))),
        "entra" => ENTRA.get_or_init(|| read(include_str!("proof/entra.toml"))),
        _ => NOTHING.get_or_init(Proof::default),
    }
}

impl Provider {
    /// Why this version does not write a kind, where its catalogue says how and nobody has seen it come back.
    /// A catalogue that is not embedded is its owner's, who answers for it.
    #[must_use]
    pub fn unproven(&self, spec: &KindSpec) -> Option<String> {
        let restored = &proof(&self.provider).restored;
        let proven = [Some(&spec.kind), spec.carried_by.as_ref()]
            .into_iter()
            .flatten()
            .any(|kind| restored.contains(kind));
        (!proven && names().contains(&self.provider.as_str())).then(|| {
            format!(
                "this version does not restore {} of {}: nobody has seen it come back",
                spec.kind, self.title
            )
        })
    }

    /// What a reader of this provider should know before he relies on it; nothing where every kind that is read
    /// was seen to come whole.
    #[must_use]
    pub fn caveat(&self) -> Option<String> {
        let Proof { collected, restored } = proof(&self.provider);
        let read = || self.kinds.iter().filter(|spec| spec.is_asked_for());
        let seen = read().filter(|spec| collected.contains(&spec.kind)).count();
        let later =
            self.kinds.iter().filter(|spec| spec.unread.as_ref().is_some_and(|unread| unread.not_yet));
        let (all, later) = (read().count(), later.count());
        if seen == all && later == 0 || !names().contains(&self.provider.as_str()) {
            return None;
        }
        let mut said = format!(
            "{} is not finished: of {all} kinds that are read {seen} were proven against a server",
            self.title
        );
        if later > 0 {
            said += &format!(", {later} are not read yet");
        }
        said += &match restored.len() {
            0 => ", and nothing can be restored".to_owned(),
            count => format!(", and {count} kinds can be restored"),
        };
        Some(said + &format!("; `lastgood kinds {}` lists them", self.provider))
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

    #[test]
    fn what_is_not_finished_says_so() {
        for name in crate::catalog::names() {
            let catalog = crate::catalog::provider(name).unwrap();
            let finished = ["keycloak", "okta"].contains(&name);
            assert_eq!(catalog.caveat().is_none(), finished, "{name}: {:?}", catalog.caveat());
            let wanting = catalog.kinds.iter().filter(|spec| {
                spec.unread.is_none()
                    && spec.restore.class != crate::catalog::RestoreClass::Never
                    && catalog.unproven(spec).is_some()
            });
            assert_eq!(wanting.count() == 0, finished, "{name}");
        }
    }
}
