//! The check of false facts on the real server: it passes what the realm in memory passes, and tells
//! lies of which the realm in memory knows only what is asked of it there.

use futures::future::LocalBoxFuture;
use lastgood::base::secret::Secret;
use lastgood::catalog::{self, Provider};
use lastgood::provider::Credential;
use reqwest::Method;
use serde_json::Value;

use crate::accounts::restorer;
use crate::check::{Admin, Stage, Wrong, check};
use crate::lie::Lie;
use crate::server::{Realm, Server, on_server};

/// The administrator of a realm on the server.
struct OnServer {
    realm: Realm,
    account: (String, String),
}

impl Admin for OnServer {
    fn call<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        body: Option<Value>,
    ) -> LocalBoxFuture<'a, (u16, Value, Option<String>)> {
        Box::pin(async move {
            let method: Method = method.parse().unwrap();
            let answer = self.realm.call(method, path, body.as_ref()).await;
            (answer.status, answer.body, answer.made)
        })
    }

    fn place(&self) -> (&str, &str) {
        (self.realm.base(), self.realm.name())
    }

    fn account(&self) -> Credential {
        let (client_id, secret) = self.account.clone();
        Credential::ClientSecret { client_id, client_secret: Secret::new(secret) }
    }

    fn narrow(&self) -> Option<Credential> {
        None
    }

    fn hidden(&self) -> Vec<Value> {
        Vec::new()
    }
}

/// Lies, and where the real server tells each.
#[rustfmt::skip]
const LIES: &[(Lie, Stage)] = &[
    (Lie { kind: "user", at: "/read/0/paging", says: None }, Stage::Reading),
    (Lie { kind: "client", at: "/update/0/merges", says: None }, Stage::Applying),
    (Lie { kind: "realm_role", at: "/create/0/new_id", says: None }, Stage::Applying),
    (Lie { kind: "user_profile", at: "/restore/order", says: Some("900") }, Stage::Applying),
    (Lie { kind: "identity_provider", at: "/secret/0/mask", says: Some("'stored'") }, Stage::Applying),
];

async fn told(server: &Server, name: &str, catalog: &'static Provider) -> Result<(), Wrong> {
    let realm = server.realm(name).await;
    let account = restorer(&realm).await;
    check(&OnServer { realm, account }, catalog).await
}

#[test]
fn the_real_server_passes_the_true_catalogue_and_tells_lies() {
    on_server(async |server| {
        if let Err((stage, what)) = told(server, "true-facts", catalog::provider("keycloak").unwrap()).await {
            panic!("{stage:?}: {what}");
        }
        for (number, (lie, stage)) in LIES.iter().enumerate() {
            let found = match lie.told("keycloak") {
                Ok(catalog) => told(server, &format!("lie-{number}"), catalog).await,
                Err(what) => Err((Stage::Validator, what)),
            };
            let caught = found.as_ref().err().map(|(stage, _)| *stage);
            assert_eq!(caught, Some(*stage), "{} {} as {:?}: {found:?}", lie.kind, lie.at, lie.says);
        }
    });
}
