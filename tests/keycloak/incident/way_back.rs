//! The whole realm goes back to the snapshot before the damage. What is different afterwards is
//! compared with what the plan said, difference by difference, by a reader that is not the product's.

use serde_json::{Value, json};

use super::{REFUSED, damage, settled};
use crate::dump::Dump;
use crate::lastgood::{Home, Ran};
use crate::log::Mark;
use crate::seed::Seed;
use crate::server::{Realm, on_server};

/// Each difference that is left, and the words of the plan that announced it: how a line of it begins
/// and how it ends.
const LEFT: &[(&str, &str, &str)] = &[
    ("~ authz_policy/admin-permissions/operators#$listed#roles", ROLE_IN[0], ROLE),
    ("~ authz_policy/admin-permissions/operators#roles", ROLE_IN[0], ROLE),
    ("~ authz_policy/backend/by%20role#$listed#roles", ROLE_IN[1], ROLE),
    ("~ authz_policy/backend/by%20role#roles", ROLE_IN[1], ROLE),
    (
        "~ authz_resource/admin-permissions/[eng]#_id",
        "note: what the server keeps of the thing that a permission is about is made anew",
        "under another id",
    ),
    ("~ client/lastgood-collector#defaultClientScopes", OWN_SCOPE[0], OWN),
    ("~ client/lastgood-restorer#defaultClientScopes", OWN_SCOPE[1], OWN),
    ("- client_default_scope/lastgood-collector/billing", OWN_SCOPE[0], OWN),
    ("- client_default_scope/lastgood-restorer/billing", OWN_SCOPE[1], OWN),
    ("~ client_scope_mapping/portal/operator#id", "client_scope_mapping/portal/operator (", ROLE),
    (
        "~ client_scope_scope_mapping/billing/operator#id",
        "client_scope_scope_mapping/billing/operator (",
        ROLE,
    ),
    ("~ group_role_mapping/%2Feng/operator#id", "group_role_mapping/eng/operator (", ROLE),
    ("~ identity_provider/corp-oidc#organizationId", "organization/acme (", NEW),
    ("~ organization/acme#id", "organization/acme (", NEW),
    ("~ organization_group/acme/%2Fbuyers#id", BUYERS, NEW),
    ("~ organization_group/acme/%2Fbuyers%2Fsmall#id", "organization_group/acme/buyers/small (", NEW),
    ("~ organization_group/acme/%2Fbuyers%2Fsmall#parentId", BUYERS, NEW),
    ("~ organization_identity_provider/acme/corp-oidc#organizationId", "organization/acme (", NEW),
    (
        "- organization_invitation/acme/new%40acme.test",
        "note: not recorded, and so not restored: `organization_invitation` is not_permitted",
        "manage-organizations",
    ),
    ("~ realm/-#attributes#clientOfflineSessionIdleTimeout", TWICE, AS_ATTRIBUTES),
    ("~ realm/-#attributes#clientOfflineSessionMaxLifespan", TWICE, AS_ATTRIBUTES),
    ("~ realm/-#attributes#clientSessionIdleTimeout", TWICE, AS_ATTRIBUTES),
    ("~ realm/-#attributes#clientSessionMaxLifespan", TWICE, AS_ATTRIBUTES),
    ("~ realm/-#attributes#realmReusableOtpCode", TWICE, AS_ATTRIBUTES),
    (
        "- realm_key/[seeded-rsa]/[kid]",
        "realm_key/RS512:SIG (",
        "every token and pinned certificate stops working",
    ),
    ("~ realm_role/operator#id", "realm_role/operator (", NEW),
    ("~ realm_role_composite/lead/realm/operator#id", "realm_role_composite/lead/operator (", ROLE),
    ("- user_consent/carol/portal", NOT_READ[0], NOT_ASKED),
    ("- user_credential/alice/password", NOT_READ[1], NOT_ASKED),
    ("- user_verifiable_credential/alice/badge", NOT_READ[1], NOT_ASKED),
    (
        "+ realm_key/[seeded-rsa]/[kid]",
        "note: bind passwords",
        "a generated key provider that is made anew makes new keys",
    ),
];
const NEW: &str = " → a new id from the vendor";
const BUYERS: &str = "organization_group/acme/buyers (";
const ROLE: &str = " → realm_role/operator ([role])";
const ROLE_IN: [&str; 2] = ["authz_policy/admin-permissions/operators (", "authz_policy/backend/by role ("];
const OWN: &str = ": Lastgood itself signs in with it; nothing here may change it";
const OWN_SCOPE: [&str; 2] =
    ["client_default_scope/lastgood-collector/billing (", "client_default_scope/lastgood-restorer/billing ("];
const TWICE: &str = "note: a deleted realm is not made anew;";
const AS_ATTRIBUTES: &str =
    "six settings of sessions, codes and SCIM are stored a second time, as attributes";
const NOT_READ: [&str; 2] = [
    "note: not recorded, and so not restored: `user_consent` is excluded:",
    "note: not recorded, and so not restored: `user_credential` is excluded:",
];
const NOT_ASKED: &str = "and the configuration does not ask for it";

#[test]
fn everything_comes_back_but_what_the_plan_says() {
    on_server(async |server| {
        let seed = Seed::plant(server, "incident").await;
        let home = Home::new(&seed.realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        // What was changed a moment before a reading counts as changed during it.
        seed.realm.delete("/admin-events").await;
        let first = home.snapshot();
        let at = first["snapshot"].as_str().unwrap();
        let before = Dump::read(&seed.realm).await;
        damage::strike(&seed).await;

        let plan = plan_without_a_write(&home, &seed.realm, at).await;
        settled(&seed.realm).bind(|| insta::assert_snapshot!("plan", plan.out));
        apply(&home, &seed.realm).await;

        let again = home.run(&["plan", "kc", "--at", at, "--json"]).ok().json();
        assert_eq!(again["steps"], json!([]), "nothing is left to do");
        let planned: Value = serde_json::from_str(&home.read("plan.json")).unwrap();
        assert_eq!(again["refused"], planned["refused"], "what is not restored is what the plan refused");
        every_difference_was_announced(&seed, &before.diff(&Dump::read(&seed.realm).await), &plan.out);
        settled(&seed.realm).bind(|| {
            let left = home.run(&["diff", at, "live", "kc", "--json"]).ok().lines();
            let mut left: Vec<String> = left
                .iter()
                .map(|change| format!("{} {} {}", change["op"], change["kind"], change["name"]))
                .collect();
            left.sort();
            insta::assert_snapshot!("left", left.join("\n"));
        });
    });
}

/// A plan of the whole realm, during which the server is asked for nothing but what it holds.
async fn plan_without_a_write(home: &Home, realm: &Realm, at: &str) -> Ran {
    let before = Dump::read(realm).await;
    let events = events(realm).await;
    let mark = Mark::now();
    let plan = home.run(&["plan", "kc", "--at", at, "--out", "plan.json"]).ok();
    assert_no_write(mark, realm).await;
    assert_eq!(events, self::events(realm).await, "the server noted a change");
    assert_eq!(before.diff(&Dump::read(realm).await), Vec::<String>::new());
    plan
}

/// The server's own log shows no request that can change anything.
async fn assert_no_write(mark: Option<Mark>, realm: &Realm) {
    let Some(mark) = mark else { return };
    let requests = mark.requests(realm).await;
    let writes = requests.iter().filter(|request| {
        let token = request.target.ends_with("/protocol/openid-connect/token");
        request.method != "GET" && !token
    });
    assert_eq!(writes.collect::<Vec<_>>(), Vec::<&crate::log::Request>::new());
    assert!(requests.len() > 1, "the log was looked at: {requests:?}");
}

async fn events(realm: &Realm) -> Vec<Value> {
    realm.list("/admin-events?max=10000").await
}

/// Refused without its flag and without a write; done with the flag and the secret.
async fn apply(home: &Home, realm: &Realm) {
    let mark = Mark::now();
    let refused = home.run(&["apply", "plan.json"]).code(5);
    assert!(refused.err.contains("--allow-privileged"), "{}", refused.err);
    let events = events(realm).await;
    drop(mark);
    home.write("secrets.toml", "IDENTITY_PROVIDER_CORP_OIDC_CONFIG_CLIENTSECRET = \"file:idp-secret\"\n");
    home.write("idp-secret", "lgcanary-idp-secret-again");
    assert_eq!(events, self::events(realm).await, "a refused apply writes nothing");
    home.run(&["apply", "plan.json", "--allow-privileged", "--secrets", "secrets.toml"]).ok();
}

/// The differences are exactly those of the list, and each has its words in the plan.
fn every_difference_was_announced(seed: &Seed, left: &[String], plan: &str) {
    let plan = plan.replace(seed.id("role:operator"), "[role]");
    let place = |line: &String| {
        let place = line.split(": ").next().unwrap_or_default().replace(seed.id("group:/eng"), "[eng]");
        match place.split_once(seed.id("component:seeded-rsa")) {
            Some((kind, _)) => format!("{kind}[seeded-rsa]/[kid]"),
            None => place,
        }
    };
    let left: Vec<String> = left.iter().map(place).collect();
    let listed: Vec<&str> = LEFT.iter().map(|(place, _, _)| *place).collect();
    assert_eq!(left, listed);
    for (place, begins, ends) in LEFT {
        let said = |line: &str| line.trim_start().starts_with(begins) && line.ends_with(ends);
        assert!(plan.lines().any(said), "the plan does not announce {place}: no line {begins}…{ends}");
    }
}
