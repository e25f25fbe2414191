//! What the intruder does, call by call.

use reqwest::Method;
use serde_json::json;

use crate::admin::segment;
use crate::seed::Seed;

/// Deletes and changes across the whole realm, in an order that the server accepts.
pub(super) async fn strike(seed: &Seed) {
    settings(seed).await;
    clients(seed).await;
    let realm = &seed.realm;
    for path in [
        format!("/groups/{}", seed.id("group:/eng")),
        format!("/roles-by-id/{}", seed.id("role:operator")),
        format!("/client-scopes/{}", seed.id("scope:billing")),
        "/identity-provider/instances/corp-oidc".to_owned(),
        // A flow that is in use cannot be deleted: the settings above have let go of it.
        format!("/authentication/flows/{}", seed.id("flow:seeded browser")),
        format!("/users/{}", seed.id("user:alice")),
        format!("/organizations/{}", seed.id("organization:acme")),
        format!("/components/{}", segment(seed.id("component:seeded-rsa"))),
    ] {
        realm.delete(&path).await;
    }
    for key in ["loginTitle", "seeded.footer"] {
        realm.delete(&format!("/localization/de/{key}")).await;
    }
}

/// The realm asks less of everybody, and signs in with the flow that the server ships.
async fn settings(seed: &Seed) {
    let weaker = json!({
        "browserFlow": "browser", "passwordPolicy": "", "bruteForceProtected": false, "accessTokenLifespan": 36000,
    });
    seed.realm.put("", &weaker).await;
}

/// One client is deleted; another sends its codes elsewhere and has its authorization switched off.
async fn clients(seed: &Seed) {
    let realm = &seed.realm;
    realm.delete(&format!("/clients/{}", seed.id("client:portal"))).await;
    let path = format!("/clients/{}", seed.id("client:backend"));
    let mut backend = realm.get(&path).await;
    backend["redirectUris"] = json!(["https://evil.example/*"]);
    backend["authorizationServicesEnabled"] = json!(false);
    realm.must(Method::PUT, &path, &backend).await;
}
