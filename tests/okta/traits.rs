//! What a recorded organisation does otherwise than a new one, as its own answers show: features
//! that were switched on or off, or that did not exist when it was recorded.

use std::collections::BTreeMap;

use lastgood::json::{Pointer, Value};

use lastgood::sim::faults::Faults;

use crate::recording::Scenario;

/// A trait: its name, the paths whose answers show it, and the member that is there or not.
const TRAITS: [(&str, &[&str], &str); 30] = [
    ("accessPolicy", APPS, "/_links/accessPolicy"),
    ("appLogoUpload", APPS, "/_links/uploadLogo"),
    ("appOrn", APPS, "/orn"),
    ("universalLogout", APPS, "/universalLogout"),
    ("emailOptIn", APPS, "/settings/emOptInStatus"),
    ("groupOwners", &["/api/v1/groups", "/api/v1/groups/{groupId}"], "/_links/owners"),
    ("userRealm", USERS, "/realmId"),
    ("userType", USERS, "/type"),
    ("resetFactors", USERS, "/_links/resetFactors"),
    ("forgotPassword", USERS, "/_links/forgotPassword"),
    ("credentialEmails", USERS, "/credentials/emails"),
    ("realmDomains", &["/api/v1/realms", "/api/v1/realms/{realmId}"], "/profile/domains"),
    ("policyMappings", &["/api/v1/policies", "/api/v1/policies/{policyId}"], "/_links/mappings"),
    ("keepSignedIn", RULES, "/actions/appSignOn/keepMeSignedIn"),
    ("autoLaunch", APPS, "/visibility/autoLaunch"),
    ("manualProvisioning", APPS, "/settings/manualProvisioning"),
    ("implicitAssignment", APPS, "/settings/implicitAssignment"),
    ("appNotes", APPS, "/settings/notes"),
    ("usernameMatching", &["/api/v1/idps"], "/policy/transformedUsernameMatchingEnabled"),
    ("eventFilter", &["/api/v1/eventHooks"], "/events/filter"),
    ("riskScore", RULES, "/conditions/riskScore"),
    ("relayState", APPS, "/settings/signOn/defaultRelayState"),
    ("idpSettings", &["/api/v1/idps"], "/protocol/settings"),
    ("deactivation", &["/api/v1/users/{id}/lifecycle/deactivate"], ""),
    ("remediationMode", &["/api/v1/device-assurances"], "/displayRemediationMode"),
    ("statusChanged", USERS, "/statusChanged"),
    ("idpInitiated", APPS, "/settings/oauthClient/idp_initiated_login"),
    ("policyEmbedded", LISTED_POLICIES, "/_embedded"),
    ("requestDigest", &["/api/v1/idps"], "/protocol/algorithms/request/digest"),
    ("singleLogout", APPS, "/settings/oauthClient/participate_slo"),
];

const APPS: &[&str] = &["/api/v1/apps", "/api/v1/apps/{appId}"];
const LISTED_POLICIES: &[&str] = &["/api/v1/policies"];
const USERS: &[&str] = &["/api/v1/users", "/api/v1/users/{id}"];
const RULES: &[&str] = &["/api/v1/policies/{policyId}/rules", "/api/v1/policies/{policyId}/rules/{ruleId}"];

/// The traits of the organisation that a scenario was recorded in. One that no answer shows is
/// left as a new organisation has it.
pub(crate) fn traits(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (name, paths, member) in TRAITS {
        let member = Pointer::parse(member).unwrap();
        let shown = scenario
            .exchanges
            .iter()
            .filter(|exchange| exchange.status < 300 && paths.contains(&exchange.template.as_str()));
        let rows = shown.flat_map(|exchange| match exchange.response.as_array() {
            Some(rows) if name == "policyEmbedded" => rows.to_vec(),
            Some(_) => Vec::new(),
            None if name == "policyEmbedded" => Vec::new(),
            None => vec![exchange.response.clone()],
        });
        let tells = |body: &Value| name != "forgotPassword" || tells_of_password(body);
        let found: Vec<_> = rows.filter(tells).map(|body| word(member.get(&body))).collect();
        if let Some(first) = found.iter().find(|word| **word != "absent").or(found.first()) {
            out.insert(name.to_owned(), (*first).to_owned());
        }
    }
    out
}

/// Only an active user without a recovery question tells whether a password can be forgotten anyhow.
fn tells_of_password(body: &Value) -> bool {
    let question = Pointer::from_segments(["credentials", "recovery_question"]).get(body).is_some();
    body.get("status") == Some(&"ACTIVE".into()) && !question
}

fn word(found: Option<&Value>) -> &'static str {
    match found {
        None => "absent",
        Some(Value::Null) => "null",
        Some(_) => "present",
    }
}

/// The session tokens that the recorded organisation took.
pub(crate) fn session_tokens(scenario: &Scenario) -> Vec<String> {
    let taken = scenario.exchanges.iter().filter(|exchange| {
        exchange.template == "/api/v1/sessions" && exchange.method == "POST" && exchange.status < 300
    });
    let token = |body: &Value| Some(body.get("sessionToken")?.as_str()?.to_owned());
    let mut tokens: Vec<String> = taken.filter_map(|exchange| token(exchange.request.as_ref()?)).collect();
    tokens.push("none".into());
    tokens
}

/// The paths of features that the recorded organisation did not have.
pub(crate) fn lacking(scenario: &Scenario) -> Vec<String> {
    let refused = |exchange: &&crate::recording::Exchange| {
        exchange.status == 401 && exchange.response.get("errorCode") == Some(&"E0000015".into())
    };
    scenario.exchanges.iter().filter(refused).map(|exchange| exchange.template.clone()).collect()
}

/// A refusal that passes by itself (load, priorities being reconciled, an internal error) is asked
/// of the simulator as a fault, as nothing in the request leads to it.
pub(crate) fn passing(exchange: &crate::recording::Exchange) -> Faults {
    let what = match exchange.status {
        423 => "locked",
        429 => "too_many",
        500 => "error",
        _ => return Faults::default(),
    };
    Faults::parse(&format!("[[fault]]\nwhat = \"{what}\"")).unwrap()
}
