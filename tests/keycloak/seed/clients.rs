//! Four clients: confidential with authorization, public with consent, SAML, and one that signs its own
//! requests. With their roles, mappers, scopes and scope mappings.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Seed, Shown};
use crate::server::text;

/// All four, in the order in which they need each other.
pub(super) async fn plant(seed: &mut Seed) {
    backend(seed).await;
    portal(seed).await;
    saml(seed).await;
    machine(seed).await;
}

async fn backend(seed: &mut Seed) {
    let secret = seed.canary("client-secret", Shown::Clear);
    let rotated = seed.canary("client-rotated-secret", Shown::Clear);
    let body = json!({
        "clientId": "backend", "name": "Backend", "description": "The API", "secret": secret,
        "publicClient": false, "serviceAccountsEnabled": true, "authorizationServicesEnabled": true,
        "redirectUris": ["https://backend.seeded.test/*", "https://alt.seeded.test/cb"],
        "webOrigins": ["https://backend.seeded.test"], "rootUrl": "https://backend.seeded.test",
        "baseUrl": "/", "adminUrl": "https://backend.seeded.test/admin",
        "attributes": {
            "access.token.lifespan": "180", "backchannel.logout.url": "https://backend.seeded.test/logout",
            "client.secret.rotated": rotated, "client.secret.rotated.expiration.time": "4102444800",
        },
    });
    let id = seed.make("client:backend", "/clients", &body).await;
    for name in ["read", "write", "admin"] {
        let role =
            json!({"name": name, "description": format!("May {name}"), "attributes": {"level": [name]}});
        seed.realm.post(&format!("/clients/{id}/roles"), &role).await;
        let role = seed.realm.find(&format!("/clients/{id}/roles"), "name", name).await;
        seed.note(&format!("role:backend:{name}"), &text(&role, "id"));
    }
    let mapper = json!({
        "name": "static claim", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": "plane", "claim.value": "a", "jsonType.label": "String", "access.token.claim": "true"},
    });
    seed.make("mapper:static claim", &format!("/clients/{id}/protocol-mappers/models"), &mapper).await;
    service_account(seed, &id).await;
}

async fn service_account(seed: &mut Seed, client: &str) {
    let user = seed.realm.get(&format!("/clients/{client}/service-account-user")).await;
    let user = text(&user, "id");
    seed.note("user:service-account-backend", &user);
    let mappings = format!("/users/{user}/role-mappings");
    seed.realm.post(&format!("{mappings}/realm"), &json!([seed.role("role:auditor")])).await;
    let read = json!([seed.role("role:backend:read")]);
    seed.realm.post(&format!("{mappings}/clients/{client}"), &read).await;
}

async fn portal(seed: &mut Seed) {
    let body = json!({
        "clientId": "portal", "name": "${client_portal}", "publicClient": true, "consentRequired": true,
        "fullScopeAllowed": false, "redirectUris": ["https://portal.seeded.test/*"], "webOrigins": ["+"],
        "attributes": {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+"},
        "authenticationFlowBindingOverrides": {"browser": seed.id("flow:step up")},
    });
    let id = seed.make("client:portal", "/clients", &body).await;
    // `billing` came with the realm's defaults; here it is taken away and `extra` moves to the defaults.
    let billing = seed.id("scope:billing").to_owned();
    let extra = seed.id("scope:extra").to_owned();
    seed.realm.delete(&format!("/clients/{id}/default-client-scopes/{billing}")).await;
    seed.realm.put(&format!("/clients/{id}/optional-client-scopes/{billing}"), &Value::Null).await;
    seed.realm.delete(&format!("/clients/{id}/optional-client-scopes/{extra}")).await;
    seed.realm.put(&format!("/clients/{id}/default-client-scopes/{extra}"), &Value::Null).await;
    let operator = json!([seed.role("role:operator")]);
    seed.realm.post(&format!("/clients/{id}/scope-mappings/realm"), &operator).await;
    let write = json!([seed.role("role:backend:write")]);
    let backend = seed.id("client:backend").to_owned();
    seed.realm.post(&format!("/clients/{id}/scope-mappings/clients/{backend}"), &write).await;
}

async fn saml(seed: &mut Seed) {
    let body = json!({
        "clientId": "https://saml.seeded.test/metadata", "protocol": "saml", "publicClient": false,
        "redirectUris": ["https://saml.seeded.test/acs"], "frontchannelLogout": true,
        "attributes": {
            "saml.assertion.signature": "true", "saml.force.post.binding": "true", "saml_name_id_format": "email",
            "saml_assertion_consumer_url_post": "https://saml.seeded.test/acs", "saml.encrypt": "false",
        },
        "protocolMappers": [{
            "name": "mail", "protocol": "saml", "protocolMapper": "saml-user-property-mapper",
            "config": {"user.attribute": "email", "attribute.name": "mail", "attribute.nameformat": "Basic"},
        }],
    });
    let id = seed.make("client:saml", "/clients", &body).await;
    for (attribute, place) in
        [("saml.signing", "saml-signing-key"), ("saml.encryption", "saml-encryption-key")]
    {
        generate(seed, &id, attribute, place).await;
    }
}

async fn machine(seed: &mut Seed) {
    let secret = seed.canary("jwt-client-secret", Shown::Clear);
    let body = json!({
        "clientId": "machine", "publicClient": false, "serviceAccountsEnabled": true, "secret": secret,
        "standardFlowEnabled": false, "clientAuthenticatorType": "client-jwt",
        "attributes": {"token.endpoint.auth.signing.alg": "RS256"},
    });
    let id = seed.make("client:machine", "/clients", &body).await;
    generate(seed, &id, "jwt.credential", "jwt-private-key").await;
}

/// Lets the server make a key pair; it shows the private half to every reader of the client.
async fn generate(seed: &mut Seed, client: &str, attribute: &str, place: &'static str) {
    let path = format!("/clients/{client}/certificates/{attribute}/generate");
    let pair = seed.realm.must(Method::POST, &path, &Value::Null).await;
    seed.keep(place, Shown::Clear, &text(&pair, "privateKey"));
}
