//! A false fact about how Okta is written is caught: one night's damage on the simulated organisation is planned
//! back and undone with a catalogue of which one fact is a lie, and the check that the true one passes says where
//! it goes wrong.
//!
//! The organisation answers by the true catalogue. What is right is known from its own answers.

use std::collections::{BTreeMap, BTreeSet};

use lastgood::base::key::ResourceKey;
use lastgood::base::secret::Secret;
use lastgood::catalog::{Provider, provider};
use lastgood::provider::Credential;
use lastgood::restore::{Plan, Scope};
use serde_json::{Value, json};

use crate::lie::Lie;
use crate::org::Org;
use crate::tried::Tenant;

/// Where a lie comes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Validator,
    Planning,
    Applying,
    Result,
}

/// Kinds that the night touches.
const KINDS: [&str; 11] = [
    "user",
    "group",
    "group_membership",
    "group_rule",
    "network_zone",
    "event_hook",
    "policy",
    "policy_rule",
    "trusted_origin",
    "app",
    "idp",
];

/// What sort of fact is falsified, the lie, and where it is caught.
#[rustfmt::skip]
const LIES: &[(&str, Lie, Stage)] = &[
    ("write verb", Lie { kind: "trusted_origin", at: "/update/0/call", says: Some("'PATCH /api/v1/trustedOrigins/{trustedOriginId}'") }, Stage::Applying),
    ("path", Lie { kind: "group", at: "/create/0/call", says: Some("'POST /api/v1/group'") }, Stage::Applying),
    ("server-assigned", Lie { kind: "group", at: "/assigned", says: Some("['/id', '/_links']") }, Stage::Applying),
    ("priority", Lie { kind: "policy_rule", at: "/assigned", says: Some("['/_links', '/created', '/id', '/lastUpdated', '/system', '/priority']") }, Stage::Result),
    ("lifecycle call", Lie { kind: "network_zone", at: "/action/1/call", says: Some("'POST /api/v1/zones/{zoneId}/lifecycle/off'") }, Stage::Applying),
    ("lifecycle state", Lie { kind: "group_rule", at: "/action/0/makes", says: None }, Stage::Result),
    ("default object", Lie { kind: "policy_rule", at: "/comes_with", says: None }, Stage::Planning),
    ("system object", Lie { kind: "policy", at: "/system", says: Some("[{ at = '/name', is = ['Default Policy', 'Night apps'] }]") }, Stage::Planning),
    ("secret field", Lie { kind: "event_hook", at: "/secret", says: Some("[]") }, Stage::Planning),
    ("reference pointer", Lie { kind: "group_rule", at: "/refs", says: Some("[]") }, Stage::Result),
    ("reference", Lie { kind: "policy_rule", at: "/refs/0/to", says: Some("['nowhere']") }, Stage::Validator),
    ("natural key", Lie { kind: "policy_rule", at: "/name", says: Some("['/description']") }, Stage::Applying),
    ("moves others", Lie { kind: "policy_rule", at: "/restore/reshapes", says: None }, Stage::Applying),
    ("once-only", Lie { kind: "policy_rule", at: "/system", says: Some("[{ at = '/name', is = ['Night shift only'] }]") }, Stage::Planning),
];

fn row(org: &Org, path: &str, at: &str, text: &str) -> Option<Value> {
    let list = org.ask("GET", path, "");
    list.as_array()?.iter().find(|row| row.pointer(at).and_then(Value::as_str) == Some(text)).cloned()
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

/// Where the rules of the default policy for sign-on are.
fn default_rules(org: &Org) -> String {
    let policy = row(org, "/api/v1/policies?type=OKTA_SIGN_ON", "/name", "Default Policy").unwrap();
    format!("/api/v1/policies/{}/rules", id(&policy))
}

/// What is there before the night.
fn seed(org: &Org) {
    let rule = row(org, "/api/v1/groups/rules", "/name", "Night owls").unwrap();
    org.ask("POST", &format!("/api/v1/groups/rules/{}/lifecycle/activate", id(&rule)), "");
    for name in ["First", "Second", "Third", "Fourth"] {
        let rule = json!({"type": "SIGN_ON", "name": name, "conditions": {"network": {"connection": "ANYWHERE"}},
            "actions": {"signon": {"access": "ALLOW", "requireFactor": true}}});
        org.ask("POST", &default_rules(org), &rule.to_string());
    }
}

/// One night's damage.
fn damage(org: &Org) {
    let group = row(org, "/api/v1/groups", "/profile/name", "Night shift").unwrap();
    let rule = row(org, "/api/v1/groups/rules", "/name", "Night owls").unwrap();
    let hook = row(org, "/api/v1/eventHooks", "/name", "Tell us").unwrap();
    let policy = row(org, "/api/v1/policies?type=ACCESS_POLICY", "/name", "Night apps").unwrap();
    let mut origin = row(org, "/api/v1/trustedOrigins", "/name", "Roster").unwrap();
    org.ask("POST", &format!("/api/v1/groups/rules/{}/lifecycle/deactivate", id(&rule)), "");
    org.ask("DELETE", &format!("/api/v1/groups/rules/{}", id(&rule)), "");
    org.ask("DELETE", &format!("/api/v1/groups/{}", id(&group)), "");
    org.ask("POST", &format!("/api/v1/eventHooks/{}/lifecycle/deactivate", id(&hook)), "");
    org.ask("DELETE", &format!("/api/v1/eventHooks/{}", id(&hook)), "");
    org.ask("DELETE", &format!("/api/v1/policies/{}", id(&policy)), "");
    origin["origin"] = "https://elsewhere.example.com".into();
    org.ask("PUT", &format!("/api/v1/trustedOrigins/{}", id(&origin)), &origin.to_string());
    let of_default = default_rules(org);
    // The other way round: whichever is put back first moves the others again.
    for (name, place) in [("Fourth", 1), ("Third", 2), ("Second", 3)] {
        let mut rule = row(org, &of_default, "/name", name).unwrap();
        rule["priority"] = place.into();
        org.ask("PUT", &format!("{of_default}/{}", id(&rule)), &rule.to_string());
    }
    let zone = json!({"type": "IP", "name": "Open door", "status": "ACTIVE", "usage": "POLICY",
        "gateways": [{"type": "CIDR", "value": "203.0.113.0/24"}]});
    org.ask("POST", "/api/v1/zones", &zone.to_string());
}

/// What the organisation itself says of all that was damaged, without ids of its own.
fn as_it_says(org: &Org) -> Value {
    let group = row(org, "/api/v1/groups", "/profile/name", "Night shift");
    let rule = row(org, "/api/v1/groups/rules", "/name", "Night owls");
    let policy = row(org, "/api/v1/policies?type=ACCESS_POLICY", "/name", "Night apps");
    let rules =
        policy.as_ref().map(|policy| org.ask("GET", &format!("/api/v1/policies/{}/rules", id(policy)), ""));
    let rules: Vec<Value> = rules
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|rule| {
            json!([
                rule["name"],
                rule["priority"],
                rule["status"],
                rule["conditions"]["people"]["groups"]["include"][0]
                    == group.as_ref().map_or(Value::Null, |group| group["id"].clone())
            ])
        })
        .collect();
    let fills = rule.as_ref().map(|rule| {
        rule["actions"]["assignUserToGroups"]["groupIds"][0]
            == group.as_ref().map_or(Value::Null, |group| group["id"].clone())
    });
    let place =
        |name: &str| row(org, &default_rules(org), "/name", name).map(|rule| rule["priority"].clone());
    let order = ["First", "Second", "Third", "Fourth"].map(place);
    json!({
        "group": group.as_ref().map(|group| group["profile"].clone()),
        "rule": rule.as_ref().map(|rule| json!([rule["status"], fills])),
        "hook": row(org, "/api/v1/eventHooks", "/name", "Tell us").map(|hook| hook["status"].clone()),
        "rules": rules,
        "origin": row(org, "/api/v1/trustedOrigins", "/name", "Roster").map(|origin| origin["origin"].clone()),
        "order": order,
        "zone": row(org, "/api/v1/zones", "/name", "Open door").is_some(),
    })
}

/// The plan asks for one secret, refuses nothing, and makes what is gone.
fn as_asked(plan: &Plan) -> Result<(), String> {
    let asked: Vec<String> =
        plan.secrets.iter().map(|secret| format!("{}{}", secret.key.kind, secret.pointer)).collect();
    if asked != ["event_hook/channel/config/authScheme/value"] {
        return Err(format!("it asks for {asked:?}"));
    }
    match plan.refused.first() {
        Some(row) => Err(format!("{} is refused: {}", row.key, row.reason)),
        None => Ok(()),
    }
}

/// Goes through the night with this catalogue.
fn run(catalog: &'static Provider) -> Result<(), (Stage, String)> {
    let org = Org::start(&["--users", "3", "--every-kind"]);
    seed(&org);
    let token = std::fs::read_to_string(org.path().join("sim/token")).unwrap();
    let credential = Credential::Token { token: Secret::new(token) };
    let at = (org.url(), BTreeMap::new());
    let tenant = Tenant::connect(catalog, at, credential, &KINDS, "lgcanary-given").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let goal = tenant.record().await;
        let before = as_it_says(&org);
        damage(&org);
        let now = tenant.record().await;
        let differs = |key: &&ResourceKey| goal.bodies.get(*key) != now.bodies.get(*key);
        let keys: BTreeSet<ResourceKey> =
            goal.bodies.keys().chain(now.bodies.keys()).filter(differs).cloned().collect();
        let made = tenant.plan(&goal, &Scope::whole(keys)).await;
        let made = made.map_err(|error| (Stage::Planning, error.to_string()))?;
        as_asked(&made).map_err(|what| (Stage::Planning, what))?;
        tenant.apply(&made).await.map_err(|what| (Stage::Applying, what))?;
        let after = as_it_says(&org);
        if after == before { Ok(()) } else { Err((Stage::Result, format!("{after}, not {before}"))) }
    })
}

#[test]
fn a_false_fact_about_writing_is_caught() {
    if let Err((stage, what)) = run(provider("okta").unwrap()) {
        panic!("the true catalogue: {stage:?}: {what}");
    }
    let mut missed = Vec::new();
    for (sort, lie, caught) in LIES {
        let found = match lie.told("okta") {
            Err(what) => Err((Stage::Validator, what)),
            Ok(catalog) => run(catalog),
        };
        let named = format!("{sort}: {} {} as {:?}", lie.kind, lie.at, lie.says);
        match found {
            Ok(()) => missed.push(format!("{named}: nothing noticed it")),
            Err((stage, what)) if stage != *caught => {
                missed.push(format!("{named}: caught by {stage:?}: {what}"))
            }
            Err(_) => {}
        }
    }
    assert!(missed.is_empty(), "{} of {}:\n{}", missed.len(), LIES.len(), missed.join("\n"));
}
