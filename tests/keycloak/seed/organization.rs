//! One organization with everything that can hang on it.

use reqwest::Method;
use serde_json::{Value, json};

use super::Seed;
use crate::mailbox::Mailbox;

/// Domains, a member, an identity provider, groups and an invitation.
pub(super) async fn plant(seed: &mut Seed) {
    let body = json!({
        "name": "Acme", "alias": "acme", "description": "A customer", "enabled": true,
        "redirectUrl": "https://acme.test/landing", "attributes": {"tier": ["gold"]},
        "domains": [{"name": "acme.test", "verified": true}, {"name": "acme.example", "verified": false}],
    });
    let acme = seed.make("organization:acme", "/organizations", &body).await;
    let path = format!("/organizations/{acme}");
    for user in ["user:alice", "user:carol"] {
        let member = json!(seed.id(user));
        seed.realm.must(Method::POST, &format!("{path}/members"), &member).await;
    }
    seed.realm.must(Method::POST, &format!("{path}/identity-providers"), &json!("corp-oidc")).await;
    groups(seed, &path).await;
    invite(seed, &path).await;
}

async fn groups(seed: &mut Seed, organization: &str) {
    let body = json!({"name": "buyers", "attributes": {"limit": ["1000"]}});
    let buyers = seed.make("organization-group:/buyers", &format!("{organization}/groups"), &body).await;
    let children = format!("{organization}/groups/{buyers}/children");
    seed.make("organization-group:/buyers/small", &children, &json!({"name": "small"})).await;
    let roles = json!([seed.role("role:auditor")]);
    seed.realm.post(&format!("{organization}/groups/{buyers}/role-mappings/realm"), &roles).await;
    let member = format!("{organization}/groups/{buyers}/members/{}", seed.id("user:alice"));
    seed.realm.put(&member, &Value::Null).await;
}

/// An invitation is kept only when its mail was taken, so the realm's mail server is ours for a moment.
async fn invite(seed: &mut Seed, organization: &str) {
    let settings = seed.realm.get("").await["smtpServer"].clone();
    let mut ours = settings.clone();
    ours["host"] = json!("127.0.0.1");
    ours["port"] = json!(Mailbox::open().port().to_string());
    ours["auth"] = json!("false");
    seed.realm.put("", &json!({"smtpServer": ours})).await;
    let form = "email=new%40acme.test&firstName=Nia&lastName=New";
    let path = format!("{organization}/members/invite-user");
    seed.realm.send(Method::POST, &path, "application/x-www-form-urlencoded", form).await;
    seed.realm.put("", &json!({"smtpServer": settings})).await;
    let invitation = seed.realm.find(&format!("{organization}/invitations"), "email", "new@acme.test").await;
    seed.note("invitation:new@acme.test", &crate::server::text(&invitation, "id"));
    // The link in the mail is a credential; the list shows it to whoever may manage the organization.
    if let Some(link) = invitation["inviteLink"].as_str() {
        seed.keep("invitation-link", super::Shown::Clear, link);
    }
}
