//! A false fact is caught: one of each sort that reading and restoring use is falsified in the
//! embedded catalogue, and the check that the true one passes says where it goes wrong.
//!
//! The check (`check.rs`) reads, damages and restores a realm (`realm.rs`) that answers as a real
//! Keycloak was seen to and knows no catalogue. `facts.rs` is the table of what is falsified. What the
//! recorded traffic of another vendor holds of its catalogue is in `tests/okta/falsified.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod bad_day;
mod check;
mod facts;
mod lie;
mod realm;
mod tried;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::LocalBoxFuture;
use lastgood::base::secret::Secret;
use lastgood::catalog::Provider;
use lastgood::provider::Credential;
use serde_json::Value;

use check::{Admin, Stage, Wrong, check};
use facts::{FACTS, Fact};
use realm::Realm;

/// The administrator of the realm in memory.
struct InMemory {
    realm: Realm,
    client: reqwest::Client,
}

impl InMemory {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { realm: Realm::start(), client: reqwest::Client::new() }
    }
}

impl Admin for InMemory {
    fn call<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        body: Option<Value>,
    ) -> LocalBoxFuture<'a, (u16, Value, Option<String>)> {
        Box::pin(async move {
            let url = format!("{}/admin/realms/demo{path}", self.realm.url);
            let mut request = self.client.request(method.parse().unwrap(), url);
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
            let made = location.and_then(|location| location.rsplit('/').next()).map(str::to_owned);
            let body = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null);
            (status, body, made)
        })
    }

    fn place(&self) -> (&str, &str) {
        (&self.realm.url, "demo")
    }

    fn account(&self) -> Credential {
        credential("all")
    }

    fn narrow(&self) -> Option<Credential> {
        Some(credential("narrow"))
    }

    fn hidden(&self) -> Vec<Value> {
        self.realm.hidden()
    }
}

fn credential(client_id: &str) -> Credential {
    Credential::ClientSecret { client_id: client_id.into(), client_secret: Secret::new("s".into()) }
}

fn run(catalog: &'static Provider) -> Result<(), Wrong> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(check(&InMemory::new(), catalog))
}

#[test]
fn the_true_catalogue_passes() {
    if let Err((stage, what)) = run(lastgood::catalog::provider("keycloak").unwrap()) {
        panic!("{stage:?}: {what}");
    }
}

/// What came of a falsified fact: `None` where it was caught where the table says.
fn missed(fact: &Fact) -> Option<String> {
    let found = match fact.lie.told("keycloak") {
        Err(what) => Err((Stage::Validator, what)),
        Ok(catalog) => run(catalog),
    };
    let named = format!("{}: {} {} as {:?}", fact.sort, fact.lie.kind, fact.lie.at, fact.lie.says);
    match found {
        Ok(()) => Some(format!("{named}: nothing noticed it")),
        Err((stage, what)) if stage != fact.caught => {
            Some(format!("{named}: caught by {stage:?}, not by {:?}: {what}", fact.caught))
        }
        Err(_) => None,
    }
}

#[test]
fn every_false_fact_is_caught() {
    let next = AtomicUsize::new(0);
    let misses = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(fact) = FACTS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    misses.lock().unwrap().extend(missed(fact));
                }
            });
        }
    });
    let misses = misses.into_inner().unwrap();
    assert!(misses.is_empty(), "{} of {}:\n{}", misses.len(), FACTS.len(), misses.join("\n"));
}
