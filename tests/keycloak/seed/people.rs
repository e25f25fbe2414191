//! Groups and users, and who is in what.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Seed, Shown, access};

/// Groups, their roles, the default group; then users.
pub(super) async fn plant(seed: &mut Seed) {
    groups(seed).await;
    alice(seed).await;
    imported(seed).await;
    others(seed).await;
    memberships(seed).await;
}

async fn groups(seed: &mut Seed) {
    let eng = json!({"name": "eng", "description": "Engineering", "attributes": {"cost": ["EN1", "EN2"]}});
    let eng = seed.make("group:/eng", "/groups", &eng).await;
    let backend = json!({"name": "backend", "attributes": {"pager": ["yes"]}});
    let backend = seed.make("group:/eng/backend", &format!("/groups/{eng}/children"), &backend).await;
    let db = json!({"name": "db"});
    seed.make("group:/eng/backend/db", &format!("/groups/{backend}/children"), &db).await;
    let sales = seed.make("group:/sales", "/groups", &json!({"name": "sales"})).await;
    // The same name as a group below another parent.
    let same = json!({"name": "backend"});
    seed.make("group:/sales/backend", &format!("/groups/{sales}/children"), &same).await;
    seed.realm.put(&format!("/default-groups/{sales}"), &Value::Null).await;

    let roles = json!([seed.role("role:operator"), seed.role(&format!("role:{}", access::AWKWARD))]);
    seed.realm.post(&format!("/groups/{eng}/role-mappings/realm"), &roles).await;
    let client = seed.id("client:backend").to_owned();
    let write = json!([seed.role("role:backend:write")]);
    seed.realm.post(&format!("/groups/{backend}/role-mappings/clients/{client}"), &write).await;
}

/// A user made by POST, with a password, roles, a federated identity and a verifiable credential.
async fn alice(seed: &mut Seed) {
    let password = seed.canary("user-password", Shown::Never);
    let body = json!({
        "username": "alice", "email": "alice@seeded.test", "firstName": "Alice", "lastName": "Ångström",
        "enabled": true, "emailVerified": true, "requiredActions": ["UPDATE_PROFILE"],
        "attributes": {"costCenter": ["EN42"], "nickname": ["al", "ally"], "locale": ["de"]},
        "credentials": [{"type": "password", "value": password, "temporary": false}],
    });
    let id = seed.make("user:alice", "/users", &body).await;
    let lead = json!([seed.role("role:lead")]);
    seed.realm.post(&format!("/users/{id}/role-mappings/realm"), &lead).await;
    let client = seed.id("client:backend").to_owned();
    let admin = json!([seed.role("role:backend:admin")]);
    seed.realm.post(&format!("/users/{id}/role-mappings/clients/{client}"), &admin).await;
    let link = json!({"identityProvider": "corp-oidc", "userId": "ext-0001", "userName": "alice@corp.test"});
    seed.realm.post(&format!("/users/{id}/federated-identity/corp-oidc"), &link).await;
    seed.realm.post(&format!("/users/{id}/vc/credentials"), &json!({"credentialScopeName": "badge"})).await;
}

/// A user made by an import, the only way to set an id, a consent or the inside of a credential.
async fn imported(seed: &mut Seed) {
    let otp = seed.canary("otp-seed", Shown::Never);
    let id = "0b0b0b0b-1111-4222-8333-444444444444";
    // Ids are unique on a server, not in a realm: the realm's own id makes this one its own.
    let id = format!("{}{}", &seed.id("realm")[..8], &id[8..]);
    let carol = json!({
        "id": id, "username": "carol", "email": "carol@seeded.test", "firstName": "Carol", "lastName": "Reyes",
        "enabled": true, "createdTimestamp": 1_600_000_000_000_i64,
        "attributes": {"locale": ["fr"]},
        "realmRoles": ["auditor"], "groups": ["/eng/backend"],
        "clientConsents": [{"clientId": "portal", "grantedClientScopes": ["profile", "email"]}],
        "federatedIdentities": [{"identityProvider": "github", "userId": "4711", "userName": "carol-r"}],
        "credentials": [{
            "type": "otp", "userLabel": "phone",
            "secretData": json!({"value": otp}).to_string(),
            "credentialData": json!({
                "subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1",
            }).to_string(),
        }],
    });
    let body = json!({"ifResourceExists": "FAIL", "users": [carol]});
    let answer = seed.realm.must(Method::POST, "/partialImport", &body).await;
    assert_eq!(answer["added"], 1, "{answer}");
    seed.note("user:carol", &id);
}

async fn others(seed: &mut Seed) {
    let bob = json!({
        "username": "bob", "email": "bob@seeded.test", "firstName": "Bob", "lastName": "Off", "enabled": false,
    });
    seed.make("user:bob", "/users", &bob).await;
    let zoe = json!({
        "username": "zoë.müller", "email": "zoe@seeded.test", "firstName": "Zoë 🦉", "lastName": "Müller",
        "enabled": true, "attributes": {"locale": ["de"], "motto": ["„so“, \"quoted\" \\ and\nbroken"]},
    });
    seed.make("user:zoë", "/users", &zoe).await;
}

async fn memberships(seed: &Seed) {
    for (user, group) in [
        ("user:alice", "group:/eng"),
        ("user:alice", "group:/eng/backend/db"),
        ("user:bob", "group:/eng"),
        ("user:zoë", "group:/sales/backend"),
    ] {
        let path = format!("/users/{}/groups/{}", seed.id(user), seed.id(group));
        seed.realm.put(&path, &Value::Null).await;
    }
}
