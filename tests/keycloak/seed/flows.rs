//! Authentication flows, sub-flows, executions, their configuration, and required actions.

use serde_json::{Value, json};

use super::Seed;
use crate::admin::segment;
use crate::server::text;

/// The copy of the browser flow that the realm uses.
const BROWSER: &str = "seeded browser";
/// A flow of our own.
const STEP_UP: &str = "step up";

/// Two flows and two changed required actions.
pub(super) async fn plant(seed: &mut Seed) {
    let copy = json!({"newName": BROWSER});
    seed.make("flow:seeded browser", "/authentication/flows/browser/copy", &copy).await;
    seed.realm.put("", &json!({"browserFlow": BROWSER})).await;
    step_up(seed).await;
    required_actions(seed).await;
}

/// `step up`: the cookie, or a conditional sub-flow of a level condition and a one-time code.
async fn step_up(seed: &mut Seed) {
    let flow = json!({
        "alias": STEP_UP, "description": "Asks for more", "providerId": "basic-flow",
        "topLevel": true, "builtIn": false,
    });
    let flow = seed.make("flow:step up", "/authentication/flows", &flow).await;
    let cookie = json!({
        "parentFlow": flow, "authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": 10,
    });
    seed.make("execution:cookie", "/authentication/executions", &cookie).await;

    let executions = format!("/authentication/flows/{}/executions", segment(STEP_UP));
    let sub = json!({
        "alias": "step up forms", "type": "basic-flow", "description": "Forms", "provider": "registration-page-form",
        "priority": 20,
    });
    let sub = seed.make("flow:step up forms", &format!("{executions}/flow"), &sub).await;
    let condition = json!({
        "parentFlow": sub, "authenticator": "conditional-level-of-authentication", "requirement": "REQUIRED",
        "priority": 10,
    });
    let condition = seed.make("execution:condition", "/authentication/executions", &condition).await;
    let otp = json!({
        "parentFlow": sub, "authenticator": "auth-otp-form", "requirement": "REQUIRED", "priority": 20,
    });
    seed.make("execution:otp", "/authentication/executions", &otp).await;
    let level = json!({
        "alias": "level two", "config": {"loa-condition-level": "2", "loa-max-age": "600"},
    });
    let config = format!("/authentication/executions/{condition}/config");
    seed.make("config:level two", &config, &level).await;

    // A sub-flow is born DISABLED, whatever the request said.
    let mut execution = find_execution(seed, &executions, "step up forms").await;
    execution["requirement"] = json!("CONDITIONAL");
    seed.realm.put(&executions, &execution).await;
}

async fn find_execution(seed: &Seed, executions: &str, display_name: &str) -> Value {
    seed.realm.find(executions, "displayName", display_name).await
}

async fn required_actions(seed: &mut Seed) {
    let path = "/authentication/required-actions";
    let password = json!({"config": {"max_auth_age": "120"}});
    seed.realm.put(&format!("{path}/UPDATE_PASSWORD/config"), &password).await;
    let mut terms = seed.realm.get(&format!("{path}/TERMS_AND_CONDITIONS")).await;
    assert_eq!(text(&terms, "alias"), "TERMS_AND_CONDITIONS");
    terms["enabled"] = json!(true);
    terms["priority"] = json!(15);
    terms["name"] = json!("Our terms");
    seed.realm.put(&format!("{path}/TERMS_AND_CONDITIONS"), &terms).await;
}
