//! Roles, client scopes, and what ties them together.

use serde_json::{Value, json};

use super::Seed;

/// A realm role with a space, a slash and a letter outside ASCII.
pub(super) const AWKWARD: &str = "Ops / Bereitschaft é";

/// Realm roles and client scopes: they need nothing but the realm.
pub(super) async fn plant(seed: &mut Seed) {
    for (name, attributes) in [
        ("operator", json!({"tier": ["2", "1"], "owner": ["ops"]})),
        ("auditor", json!({})),
        (AWKWARD, json!({"note": ["name with a slash"]})),
        ("lead", json!({})),
    ] {
        let body = json!({"name": name, "description": format!("The role {name}"), "attributes": attributes});
        realm_role(seed, name, &body).await;
    }
    scopes(seed).await;
}

/// A realm role's `Location` holds its name, so the id is read from the list.
async fn realm_role(seed: &mut Seed, name: &str, body: &Value) {
    seed.realm.post("/roles", body).await;
    // Attributes given at creation are taken too; the list is the plain way to the id.
    let role = seed.realm.find("/roles?briefRepresentation=false", "name", name).await;
    seed.note(&format!("role:{name}"), &crate::server::text(&role, "id"));
}

async fn scopes(seed: &mut Seed) {
    let billing = json!({
        "name": "billing", "description": "Billing", "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "true", "consent.screen.text": "Your bills", "gui.order": "7"},
    });
    let billing = seed.make("scope:billing", "/client-scopes", &billing).await;
    let models = format!("/client-scopes/{billing}/protocol-mappers/models");
    let cost_center = json!({
        "name": "cost center", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": {
            "user.attribute": "costCenter", "claim.name": "cost_center", "jsonType.label": "String",
            "access.token.claim": "true", "id.token.claim": "false", "userinfo.token.claim": "true",
        },
    });
    seed.make("scope-mapper:cost center", &models, &cost_center).await;
    let audience = json!({
        "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": "https://billing.seeded.test", "access.token.claim": "true"},
    });
    seed.make("scope-mapper:audience", &models, &audience).await;

    let extra = json!({"name": "extra", "protocol": "openid-connect", "attributes": {}});
    let extra = seed.make("scope:extra", "/client-scopes", &extra).await;
    let saml = json!({"name": "saml-extra", "protocol": "saml", "attributes": {"gui.order": "9"}});
    seed.make("scope:saml-extra", "/client-scopes", &saml).await;
    let badge = json!({"name": "badge", "protocol": "oid4vc", "attributes": {"vc.format": "dc+sd-jwt"}});
    seed.make("scope:badge", "/client-scopes", &badge).await;

    seed.realm.put(&format!("/default-default-client-scopes/{billing}"), &Value::Null).await;
    seed.realm.put(&format!("/default-optional-client-scopes/{extra}"), &Value::Null).await;
}

/// Composites and scope mappings: they need the client roles.
pub(super) async fn join(seed: &mut Seed) {
    let both = json!([seed.role("role:operator"), seed.role("role:backend:read")]);
    composite(seed, "role:lead", &both).await;
    let write = json!([seed.role("role:backend:write")]);
    composite(seed, "role:backend:admin", &write).await;
    let defaults = format!("default-roles-{}", seed.realm.name());
    let defaults = seed.realm.find("/roles", "name", &defaults).await;
    seed.note("role:default-roles", &crate::server::text(&defaults, "id"));
    let auditor = json!([seed.role("role:auditor")]);
    composite(seed, "role:default-roles", &auditor).await;

    let mappings = format!("/client-scopes/{}/scope-mappings", seed.id("scope:billing"));
    let operator = json!([seed.role("role:operator")]);
    seed.realm.post(&format!("{mappings}/realm"), &operator).await;
    let read = json!([seed.role("role:backend:read")]);
    seed.realm.post(&format!("{mappings}/clients/{}", seed.id("client:backend")), &read).await;
}

async fn composite(seed: &Seed, role: &str, parts: &Value) {
    seed.realm.post(&format!("/roles-by-id/{}/composites", seed.id(role)), parts).await;
}
