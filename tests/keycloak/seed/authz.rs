//! Authorization: the tree of client `backend`, and fine-grained admin permissions.

use serde_json::{Value, json};

use super::Seed;

/// Both trees.
pub(super) async fn plant(seed: &mut Seed) {
    let server = format!("/clients/{}/authz/resource-server", seed.id("client:backend"));
    settings(seed, &server).await;
    resources(seed, &server).await;
    policies(seed, &server).await;
    permissions(seed, &server).await;
    admin_permissions(seed).await;
}

async fn settings(seed: &Seed, server: &str) {
    let mut body = seed.realm.get(server).await;
    body["decisionStrategy"] = json!("AFFIRMATIVE");
    body["allowRemoteResourceManagement"] = json!(false);
    seed.realm.put(server, &body).await;
}

async fn resources(seed: &mut Seed, server: &str) {
    for name in ["doc:view", "doc:edit"] {
        let scope =
            json!({"name": name, "displayName": name, "iconUri": "https://backend.seeded.test/i.svg"});
        seed.make(&format!("authz-scope:{name}"), &format!("{server}/scope"), &scope).await;
    }
    let scopes = json!([{"name": "doc:view"}, {"name": "doc:edit"}]);
    let document = json!({
        "name": "documents", "displayName": "Documents", "type": "urn:seeded:doc", "uris": ["/doc/*", "/docs"],
        "scopes": scopes, "attributes": {"shelf": ["b", "a"]}, "ownerManagedAccess": false,
    });
    let path = format!("{server}/resource");
    let made = seed.realm.must(reqwest::Method::POST, &path, &document).await;
    seed.note("authz-resource:documents", &crate::server::text(&made, "_id"));
    let owned = json!({
        "name": "alice's page", "ownerManagedAccess": true, "owner": {"id": seed.id("user:alice")},
        "scopes": [{"name": "doc:view"}],
    });
    let made = seed.realm.must(reqwest::Method::POST, &path, &owned).await;
    seed.note("authz-resource:alice's page", &crate::server::text(&made, "_id"));
}

async fn policies(seed: &mut Seed, server: &str) {
    let all = [
        (
            "role",
            json!({"roles": [
                {"id": seed.id("role:operator"), "required": true}, {"id": seed.id("role:backend:read"), "required": false},
            ]}),
        ),
        ("user", json!({"users": [seed.id("user:alice"), seed.id("user:bob")]})),
        (
            "group",
            json!({
                "groupsClaim": "groups", "groups": [{"id": seed.id("group:/eng"), "extendChildren": true}],
            }),
        ),
        ("client", json!({"clients": [seed.id("client:portal")]})),
        ("client-scope", json!({"clientScopes": [{"id": seed.id("scope:billing"), "required": true}]})),
        ("time", json!({"notBefore": "2026-01-01 00:00:00", "hour": "8", "hourEnd": "18"})),
        ("regex", json!({"targetClaim": "email", "pattern": ".*@seeded\\.test"})),
    ];
    for (kind, extra) in all {
        policy(seed, server, kind, &format!("by {kind}"), extra).await;
    }
    let parts = json!({"policies": [seed.id("policy:by role"), seed.id("policy:by time")]});
    policy(seed, server, "aggregate", "role in time", parts).await;
}

async fn policy(seed: &mut Seed, server: &str, kind: &str, name: &str, mut body: Value) {
    body["name"] = json!(name);
    body["description"] = json!(format!("A {kind} policy"));
    body["logic"] = json!(if kind == "regex" { "NEGATIVE" } else { "POSITIVE" });
    body["decisionStrategy"] = json!("UNANIMOUS");
    let made = seed.realm.must(reqwest::Method::POST, &format!("{server}/policy/{kind}"), &body).await;
    seed.note(&format!("policy:{name}"), &crate::server::text(&made, "id"));
}

async fn permissions(seed: &mut Seed, server: &str) {
    let documents = seed.id("authz-resource:documents");
    let by_resource = json!({
        "name": "all documents", "description": "Who sees documents", "resources": [documents],
        "policies": [seed.id("policy:role in time"), seed.id("policy:by group")], "decisionStrategy": "AFFIRMATIVE",
    });
    let by_scope = json!({
        "name": "edit documents", "resources": [documents], "scopes": [seed.id("authz-scope:doc:edit")],
        "policies": [seed.id("policy:by user")], "decisionStrategy": "UNANIMOUS",
    });
    for (kind, body) in [("resource", by_resource), ("scope", by_scope)] {
        let path = format!("{server}/permission/{kind}");
        let made = seed.realm.must(reqwest::Method::POST, &path, &body).await;
        seed.note(&format!("permission:{kind}"), &crate::server::text(&made, "id"));
    }
}

/// Who may manage group `/eng`, and who may see user `bob`.
async fn admin_permissions(seed: &mut Seed) {
    let client = seed.realm.client("admin-permissions").await;
    let server = format!("/clients/{client}/authz/resource-server");
    let operators = json!({"roles": [{"id": seed.id("role:operator"), "required": false}]});
    policy(seed, &server, "role", "operators", operators).await;
    for (name, kind, resource, scopes) in [
        ("manage eng", "Groups", "group:/eng", json!(["view", "manage-members"])),
        ("see bob", "Users", "user:bob", json!(["view"])),
    ] {
        let body = json!({
            "name": name, "resourceType": kind, "resources": [seed.id(resource)], "scopes": scopes,
            "policies": [seed.id("policy:operators")],
        });
        let path = format!("{server}/permission/scope");
        let made = seed.realm.must(reqwest::Method::POST, &path, &body).await;
        seed.note(&format!("admin-permission:{name}"), &crate::server::text(&made, "id"));
    }
}
