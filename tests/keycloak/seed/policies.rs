//! What acts on others, and so comes last: client policies, workflows, registration tokens.

use reqwest::Method;
use serde_json::json;

use super::{Seed, Shown};
use crate::server::text;

/// A client profile and policy, a workflow, an initial access token.
pub(super) async fn plant(seed: &mut Seed) {
    let profiles = json!({"profiles": [{
        "name": "strict", "description": "Seeded profile", "executors": [
            {"executor": "secure-session", "configuration": {}},
            {"executor": "confidential-client", "configuration": {}},
        ],
    }]});
    seed.realm.put("/client-policies/profiles", &profiles).await;
    let policies = json!({"policies": [{
        "name": "strict for admins", "description": "Seeded policy", "enabled": true, "profiles": ["strict"],
        "conditions": [{"condition": "client-roles", "configuration": {"roles": ["admin", "write"]}}],
    }]});
    seed.realm.put("/client-policies/policies", &policies).await;

    let workflow = json!({
        "name": "Leavers", "enabled": true, "on": "user_created",
        "steps": [{"uses": "disable-user", "after": "30d"}, {"uses": "delete-user", "after": "60d"}],
    });
    seed.make("workflow:Leavers", "/workflows", &workflow).await;

    let token = json!({"count": 3, "expiration": 86400});
    let made = seed.realm.must(Method::POST, "/clients-initial-access", &token).await;
    seed.note("initial-access", &text(&made, "id"));
    seed.keep("initial-access-token", Shown::Never, &text(&made, "token"));
}
