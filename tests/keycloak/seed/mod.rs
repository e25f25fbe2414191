//! A realm with at least one of every kind of configuration that Keycloak has.
//!
//! [`Seed::plant`] makes it and returns what a test needs to know about it: the ids that the server
//! gave, and every secret. Secrets that we choose contain [`CANARY`], so a test can search any output
//! for that one word; secrets that the server makes are kept whole. Nothing in the realm reaches out:
//! addresses are loopback or under `.test`, the LDAP provider is switched off, and mail was taken by a
//! [`Mailbox`](crate::mailbox::Mailbox) of this process.
//!
//! One file per topic, in the order in which objects need each other. `complete.rs` proves that no kind
//! is missing.

mod access;
mod authz;
mod clients;
mod flows;
mod identity;
mod organization;
mod people;
mod policies;
mod settings;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::{Realm, Server};

/// The word in every secret that the seed chooses.
pub(crate) const CANARY: &str = "lgcanary";

/// What the server shows of a secret to an account that may read its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// In clear.
    Clear,
    /// As a row of stars.
    Masked,
    /// Not at all, or only once when it was made.
    Never,
}

/// A secret in the realm.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// Where it was set.
    pub(crate) place: &'static str,
    /// The value itself, which no output may hold.
    pub(crate) value: String,
    /// What a reader gets.
    pub(crate) shown: Shown,
}

/// A planted realm.
pub(crate) struct Seed {
    /// The realm, as the server's administrator.
    pub(crate) realm: Realm,
    /// Every secret in it.
    pub(crate) secrets: Vec<Secret>,
    ids: BTreeMap<String, String>,
}

impl Seed {
    /// Makes the realm; 6 to 20 seconds.
    pub(crate) async fn plant(server: &Server, name: &str) -> Self {
        let realm = server.realm_with(name, settings::at_creation()).await;
        let mut seed = Self { realm, secrets: Vec::new(), ids: BTreeMap::new() };
        settings::plant(&mut seed).await;
        access::plant(&mut seed).await;
        flows::plant(&mut seed).await;
        clients::plant(&mut seed).await;
        access::join(&mut seed).await;
        identity::plant(&mut seed).await;
        people::plant(&mut seed).await;
        authz::plant(&mut seed).await;
        organization::plant(&mut seed).await;
        policies::plant(&mut seed).await;
        seed
    }

    /// The id noted under `key`, such as `group:/eng/backend`.
    pub(crate) fn id(&self, key: &str) -> &str {
        self.ids.get(key).unwrap_or_else(|| panic!("the seed has no {key}: {:?}", self.ids.keys()))
    }

    fn note(&mut self, key: &str, id: &str) {
        let before = self.ids.insert(key.to_owned(), id.to_owned());
        assert!(before.is_none() && !id.is_empty(), "{key}: {before:?}, {id:?}");
    }

    /// Creates an object and notes its id under `key`.
    async fn make(&mut self, key: &str, path: &str, body: &Value) -> String {
        let id = self.realm.post(path, body).await;
        self.note(key, &id);
        id
    }

    /// A new secret of our choice.
    fn canary(&mut self, place: &'static str, shown: Shown) -> String {
        let value = format!("{CANARY}-{place}-{}", self.secrets.len());
        self.keep(place, shown, &value);
        value
    }

    /// Notes a secret that the server made.
    fn keep(&mut self, place: &'static str, shown: Shown, value: &str) {
        assert!(value.len() >= 8, "{place}: too short to be searched for");
        self.secrets.push(Secret { place, value: value.to_owned(), shown });
    }

    /// The object that stands for a role in mappings and composites; `key` is `role:NAME` or
    /// `role:CLIENT:NAME`.
    fn role(&self, key: &str) -> Value {
        let name = key.rsplit(':').next().unwrap_or_default();
        json!({"id": self.id(key), "name": name})
    }
}
