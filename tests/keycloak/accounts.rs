//! The accounts that the product uses in tests: the least that can read, and what can write.
//!
//! Both are service accounts in the realm itself. A test of the product never runs as the server's
//! administrator, or a missing right would show at the first customer only.

use serde_json::{Value, json};

use crate::seed::CANARY;
use crate::server::{Realm, text};

/// The `realm-management` roles of an account that reads and cannot write.
///
/// Refused to it, although needed for a complete copy (`rights.rs` proves each): the workflows, which
/// want `realm-admin`; invitations to an organization, which want `manage-organizations`; and
/// `authz/…/settings`, which wants `manage-authorization` and whose parts are all readable one by one.
pub(crate) const READING: [&str; 7] = [
    "view-realm",
    "view-users",
    "view-clients",
    "view-events",
    "view-identity-providers",
    "view-authorization",
    "view-organizations",
];

/// Makes a client that may read; returns its client id and secret.
pub(crate) async fn collector(realm: &Realm) -> (String, String) {
    service(realm, "lastgood-collector", &READING).await
}

/// Makes a client that may do everything in the realm; returns its client id and secret.
pub(crate) async fn restorer(realm: &Realm) -> (String, String) {
    service(realm, "lastgood-restorer", &["realm-admin"]).await
}

async fn service(realm: &Realm, client_id: &str, roles: &[&str]) -> (String, String) {
    let secret = format!("{CANARY}-{client_id}");
    let body = json!({
        "clientId": client_id, "secret": secret, "publicClient": false, "serviceAccountsEnabled": true,
        "standardFlowEnabled": false, "directAccessGrantsEnabled": false,
    });
    let client = realm.post("/clients", &body).await;
    let user = text(&realm.get(&format!("/clients/{client}/service-account-user")).await, "id");
    let management = realm.client("realm-management").await;
    let wanted: Vec<Value> = realm
        .list(&format!("/clients/{management}/roles"))
        .await
        .into_iter()
        .filter(|role| roles.iter().any(|name| role["name"] == *name))
        .collect();
    assert_eq!(wanted.len(), roles.len(), "{client_id}: {wanted:?}");
    realm.post(&format!("/users/{user}/role-mappings/clients/{management}"), &json!(wanted)).await;
    (client_id.to_owned(), secret)
}
