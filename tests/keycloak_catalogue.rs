//! The Keycloak catalogue against the notes that it was written from: every kind, every GET path,
//! every call, every secret; and against what the server was seen to do with arrays and pages.
//!
//! `keycloak.toml` is written by hand, so these tests are what a converter is for the others. The
//! notes are not part of the repository: `LASTGOOD_SHARED` says where they lie (default: `shared`
//! beside the checkout). Without them the tests that need them say so and pass, unless
//! `LASTGOOD_REQUIRE_SHARED=1`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says why, and a skipped one says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use lastgood::base::key::Kind;
use lastgood::catalog::{self, Canonical, KindSpec, Provider, Template, canonicalize};
use lastgood::json::{Limits, Pattern, Pointer, Value, parse};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// Calls of the notes that the catalogue does not make.
const NOT_MADE: &[(&str, &str, &str)] = &[
    ("realm", "GET /admin/realms", "a tenant is one realm"),
    ("realm", "POST /admin/realms", "a realm is not made anew"),
    ("realm", "DELETE /admin/realms/{}", "a realm is never deleted"),
    ("localization", "PUT /admin/realms/{}/localization/{}/{}", "the POST takes all keys at once"),
    ("client_secret", "PUT /admin/realms/{}/clients/{}", "the client carries it"),
    ("client_secret", "DELETE /admin/realms/{}/clients/{}/client-secret/rotated", "the client carries it"),
    ("service_account_role", "POST /admin/realms/{}/users/{}/role-mappings/realm", "roles of a user"),
    ("service_account_role", "POST /admin/realms/{}/users/{}/role-mappings/clients/{}", "roles of a user"),
    ("service_account_role", "DELETE /admin/realms/{}/users/{}/role-mappings/realm", "roles of a user"),
    ("service_account_role", "DELETE /admin/realms/{}/users/{}/role-mappings/clients/{}", "roles of a user"),
    ("group", "POST /admin/realms/{}/groups", "keeps no id"),
    ("user", "POST /admin/realms/{}/users", "keeps no id"),
    ("user_group", "PUT /admin/realms/{}/users/{}/groups/{}", "made as `group_member`"),
    ("user_group", "DELETE /admin/realms/{}/users/{}/groups/{}", "made as `group_member`"),
    ("user_credential", "PUT /admin/realms/{}/users/{}", "a credential is never read"),
    ("user_credential", "PUT /admin/realms/{}/users/{}/reset-password", "a credential is never read"),
    (
        "user_credential",
        "PUT /admin/realms/{}/users/{}/credentials/{}/userLabel",
        "a label alone is no credential",
    ),
    ("user_credential", "DELETE /admin/realms/{}/users/{}/credentials/{}", "a credential is never restored"),
    ("user_consent", "DELETE /admin/realms/{}/users/{}/consents/{}", "only the user consents"),
    ("authentication_flow", "POST /admin/realms/{}/authentication/flows/{}/copy", "not a copy but the flow"),
    (
        "authentication_execution",
        "POST /admin/realms/{}/authentication/flows/{}/executions/execution",
        "keeps no id",
    ),
    (
        "authentication_execution",
        "POST /admin/realms/{}/authentication/flows/{}/executions/flow",
        "keeps no id",
    ),
    (
        "required_action_config",
        "PUT /admin/realms/{}/authentication/required-actions/{}/config",
        "the action carries it",
    ),
    (
        "required_action_config",
        "DELETE /admin/realms/{}/authentication/required-actions/{}/config",
        "the action carries it",
    ),
    (
        "organization_invitation",
        "POST /admin/realms/{}/organizations/{}/members/invite-user",
        "would send a mail",
    ),
    ("organization_invitation", "DELETE /admin/realms/{}/organizations/{}/invitations/{}", "never restored"),
    (
        "authz_policy",
        "DELETE /admin/realms/{}/clients/{}/authz/resource-server/policy/{}",
        "by type, as the others",
    ),
    (
        "authz_permission",
        "DELETE /admin/realms/{}/clients/{}/authz/resource-server/permission/{}",
        "by type, as the others",
    ),
    (
        "admin_permission",
        "POST /admin/realms/{}/clients/{}/authz/resource-server/permission/scope",
        "by type, as the others",
    ),
    ("client_initial_access", "POST /admin/realms/{}/clients-initial-access", "would make another token"),
    ("client_initial_access", "DELETE /admin/realms/{}/clients-initial-access/{}", "never restored"),
];

/// Writes of the catalogue that the notes do not list at the kind, all tried on the server.
const OURS: &[(&str, &str)] = &[
    ("group", "POST /admin/realms/{}/partialImport"),
    ("user", "POST /admin/realms/{}/partialImport"),
    ("organization_group_member", "PUT /admin/realms/{}/organizations/{}/groups/{}/members/{}"),
    ("organization_group_member", "DELETE /admin/realms/{}/organizations/{}/groups/{}/members/{}"),
    (
        "organization_group_role_mapping",
        "POST /admin/realms/{}/organizations/{}/groups/{}/role-mappings/realm",
    ),
    (
        "organization_group_role_mapping",
        "DELETE /admin/realms/{}/organizations/{}/groups/{}/role-mappings/realm",
    ),
    (
        "organization_group_role_mapping",
        "POST /admin/realms/{}/organizations/{}/groups/{}/role-mappings/clients/{}",
    ),
    (
        "organization_group_role_mapping",
        "DELETE /admin/realms/{}/organizations/{}/groups/{}/role-mappings/clients/{}",
    ),
    ("user_verifiable_credential", "DELETE /admin/realms/{}/users/{}/vc/credentials/{}"),
    ("authz_policy", "DELETE /admin/realms/{}/clients/{}/authz/resource-server/policy/{}/{}"),
    ("authz_permission", "DELETE /admin/realms/{}/clients/{}/authz/resource-server/permission/{}/{}"),
    ("admin_permission", "POST /admin/realms/{}/clients/{}/authz/resource-server/permission/{}"),
    ("admin_permission", "PUT /admin/realms/{}/clients/{}/authz/resource-server/permission/{}/{}"),
    ("admin_permission", "DELETE /admin/realms/{}/clients/{}/authz/resource-server/permission/{}/{}"),
];

/// Arrays of which the server was seen to lose the order.
const SETS: &[(&str, &str)] = &[
    ("realm", "/supportedLocales"),
    ("events_config", "/eventsListeners"),
    ("events_config", "/enabledEventTypes"),
    ("client", "/redirectUris"),
    ("client", "/webOrigins"),
    ("user", "/requiredActions"),
    ("user", "/attributes/x"),
    ("group", "/attributes/x"),
    ("realm_role", "/attributes/x"),
    ("client_role", "/attributes/x"),
    ("organization", "/attributes/x"),
    ("organization", "/domains"),
    ("component", "/config/x"),
    ("authz_resource", "/uris"),
    ("authz_resource", "/scopes"),
    ("authz_policy", "/roles"),
    ("authz_permission", "/policies"),
    ("organization_group", "/attributes/x"),
];

/// Arrays whose order the server keeps: it is content.
const LISTS: &[(&str, &str)] = &[
    ("realm", "/webAuthnPolicySignatureAlgorithms"),
    ("realm", "/webAuthnPolicyAcceptableAaguids"),
    ("authz_resource", "/attributes/x"),
    ("user_profile", "/attributes"),
    ("user_profile", "/groups"),
    ("client_profiles", "/profiles"),
    ("client_profiles", "/profiles/0/executors"),
    ("client_policies", "/policies"),
    ("workflow", "/steps"),
];

fn keycloak() -> &'static Provider {
    catalog::provider("keycloak").unwrap()
}

fn spec(kind: &str) -> &'static KindSpec {
    keycloak().kind(&Kind::new(kind)).unwrap_or_else(|| panic!("no kind is called {kind}"))
}

fn value(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// A file of the notes; `None`, and a notice, where there are none.
fn notes(name: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = env::var_os("LASTGOOD_SHARED").map_or(beside, PathBuf::from);
    let file = folder.join("providers").join(name);
    if let Ok(text) = fs::read_to_string(&file) {
        return Some(text);
    }
    let required = env::var_os("LASTGOOD_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(!required, "{} is not there", file.display());
    eprintln!("skipped: {} is not there; set LASTGOOD_SHARED", file.display());
    None
}

/// The GET paths of the server's own annotations, and the parameters of each.
fn operations(notes: &str) -> BTreeMap<String, BTreeSet<String>> {
    let table = notes.split("## 10. GET paths").nth(1).unwrap().split("```").nth(1).unwrap();
    let lines = table.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let path = if line.starts_with('/') { line.split_whitespace().next().unwrap() } else { "" };
            let query = line.split('?').nth(1).unwrap_or_default();
            let query = query.trim().split(',').map(str::to_owned).collect();
            (format!("/admin/realms/{{realm}}{path}"), query)
        })
        .collect()
}

#[test]
fn the_213_get_paths_add_up() {
    let Some(notes) = notes("keycloak.md") else { return };
    let document: BTreeSet<String> = operations(&notes).into_keys().collect();
    assert_eq!(document.len(), 213);
    let audit = keycloak().audit.iter().map(|audit| audit.path.bare());
    let read: BTreeSet<String> = keycloak().kinds.iter().flat_map(KindSpec::gets).chain(audit).collect();
    let same: Vec<String> = keycloak().kinds.iter().flat_map(|spec| &spec.same).map(Template::bare).collect();
    let excluded: Vec<String> = keycloak().excluded.iter().flat_map(catalog::Excluded::each).collect();
    let claimed: Vec<&String> = read.iter().chain(&same).chain(&excluded).collect();
    let once: BTreeSet<&String> = claimed.iter().copied().collect();
    assert_eq!(once.len(), claimed.len(), "a path has two places");
    let missing: Vec<_> = document.iter().filter(|path| !once.contains(path)).collect();
    let unknown: Vec<_> = once.iter().filter(|path| !document.contains(**path)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "nobody claims {missing:#?}; unknown {unknown:#?}");
    assert_eq!((read.len(), same.len(), excluded.len()), (73, 56, 84));
}

/// A list that has a size of its own cuts without a word where none is sent.
#[test]
fn every_list_that_can_be_cut_is_asked_with_a_size() {
    let Some(notes) = notes("keycloak.md") else { return };
    let operations = operations(&notes);
    let cut = |path: &Template| operations.get(&path.bare()).is_some_and(|query| query.contains("max"));
    let mut seen = 0;
    for spec in &keycloak().kinds {
        for read in &spec.read {
            let listed = read.path.iter().map(|path| (path, &read.paging));
            let below = read.tree.iter().map(|tree| (&tree.path, &tree.paging));
            for (path, paging) in listed.chain(below).filter(|(path, _)| cut(path)) {
                assert_eq!(paging.as_deref(), Some("rows"), "{}: {}", spec.kind, path.as_str());
                seen += 1;
            }
            for path in read.join.values().chain(&read.below).filter(|path| cut(path)) {
                assert!(path.as_str().contains("max="), "{}: {}", spec.kind, path.as_str());
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 24);
}

/// What the notes say of one kind.
struct Entry {
    kind: String,
    fields: serde_json::Value,
}

fn entries(text: &str) -> Vec<Entry> {
    let all: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    all.into_iter()
        .map(|fields| Entry { kind: fields["type"].as_str().unwrap().to_owned(), fields })
        .collect()
}

impl Entry {
    fn text(&self, field: &str) -> &str {
        self.fields[field].as_str().unwrap_or_default()
    }

    /// The calls in the words of one field: `METHOD /path`, `…/{id}` below the list, `same path` as
    /// the creation's, `| /other` beside the last.
    fn calls(&self, field: &str) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut method = "";
        let mut before = "";
        for word in self.text(field).split_whitespace().map(|word| word.trim_end_matches(',')) {
            let path = match word {
                "GET" | "POST" | "PUT" | "DELETE" => {
                    method = word;
                    None
                }
                "same" => {
                    let base = if self.text("create").is_empty() { "get" } else { "create" };
                    found.extend(self.calls(base).into_iter().map(|(_, path)| (method.to_owned(), path)));
                    None
                }
                _ if word.starts_with("/admin/") => Some(word.to_owned()),
                _ if word.starts_with('/') && before == "|" => {
                    let last = found.last().map(|(_, path)| path.as_str()).unwrap_or_default();
                    Some(format!("{}{word}", last.rsplit_once('/').map_or("", |(start, _)| start)))
                }
                _ => word.strip_prefix('…').map(|rest| {
                    let list = self.calls("list").swap_remove(0).1;
                    let last = list.rsplit('/').next().unwrap_or_default();
                    // The notes repeat the list's last part where it helps the eye.
                    let rest = rest.strip_prefix(&format!("/{last}")).unwrap_or(rest);
                    format!("{list}{rest}")
                }),
            };
            found.extend(path.map(|path| (method.to_owned(), bare(&path))));
            before = word;
        }
        found
    }
}

/// A path without query and without the names of its placeholders.
fn bare(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn writes(spec: &KindSpec) -> BTreeSet<String> {
    let all = spec.create.iter().chain(&spec.update).chain(&spec.delete);
    all.map(|write| format!("{} {}", write.call.method.as_str(), bare(write.call.path.as_str()))).collect()
}

#[test]
fn the_kinds_are_those_of_the_notes_and_two_that_these_hold_inside_another() {
    let Some(text) = notes("keycloak.json") else { return };
    let mut noted: BTreeSet<String> = entries(&text).into_iter().map(|entry| entry.kind).collect();
    assert_eq!(noted.len(), 55);
    // The notes have these as fields of `organization_group`; its calls do not take them.
    noted.extend(["organization_group_member", "organization_group_role_mapping"].map(str::to_owned));
    let ours: BTreeSet<String> = keycloak().kinds.iter().map(|spec| spec.kind.as_str().to_owned()).collect();
    assert_eq!(ours, noted);
}

#[test]
fn every_call_of_the_notes_is_made_or_left_out_for_a_reason() {
    let Some(text) = notes("keycloak.json") else { return };
    let entries = entries(&text);
    let mut noted: BTreeSet<(String, String)> = BTreeSet::new();
    for entry in &entries {
        for field in ["list", "get", "create", "update", "delete"] {
            let calls = entry.calls(field).into_iter();
            noted.extend(calls.map(|(method, path)| (entry.kind.clone(), format!("{method} {path}"))));
        }
    }
    let reads = keycloak().kinds.iter().flat_map(|spec| {
        spec.gets().into_iter().chain(spec.same.iter().map(Template::bare)).collect::<Vec<_>>()
    });
    let excluded = keycloak().excluded.iter().flat_map(catalog::Excluded::each);
    let reads: BTreeSet<String> = reads.chain(excluded).map(|path| format!("GET {}", bare(&path))).collect();
    let pair = |kind: &str, call: &str| (kind.to_owned(), call.to_owned());
    let left: BTreeSet<_> = NOT_MADE.iter().map(|(kind, call, _)| pair(kind, call)).collect();
    let mut not_made = BTreeSet::new();
    for (kind, call) in &noted {
        if !reads.contains(call) && !writes(spec(kind)).contains(call) {
            not_made.insert((kind.clone(), call.clone()));
        }
    }
    assert_eq!(not_made, left, "what is not made, and what is said to be left out");
    let ours: BTreeSet<_> = OURS.iter().map(|(kind, call)| pair(kind, call)).collect();
    let all = keycloak().kinds.iter().flat_map(|spec| {
        writes(spec).into_iter().map(|call| (spec.kind.as_str().to_owned(), call)).collect::<Vec<_>>()
    });
    let added: BTreeSet<_> = all.filter(|call| !noted.contains(call)).collect();
    assert_eq!(added, ours, "what is written and not in the notes");
}

#[test]
fn every_secret_of_the_notes_is_declared() {
    let Some(text) = notes("keycloak.json") else { return };
    let mut found = 0;
    for entry in entries(&text) {
        let kind = spec(&entry.kind);
        let words = entry.fields["secret"].as_array().unwrap().iter().filter_map(serde_json::Value::as_str);
        let names = words.flat_map(|text| text.split('(').next().unwrap().split(", ")).map(str::trim);
        for name in names.map(|name| name.trim_end_matches(" of keys")) {
            // A certificate is public; keys that are never given out have no place in a body.
            let prose = name.contains(' ') || name == "config.certificate";
            if prose || kind.carried_by.is_some() {
                continue;
            }
            let at = match name.split_once('.') {
                Some((map, key)) => Pointer::from_segments([map, key]),
                None => Pointer::from_segments([name]),
            };
            let declared = kind.secret.iter().any(|field| field.at.matches(&at));
            assert!(declared, "{}: `{at}` is a secret", entry.kind);
            found += 1;
        }
    }
    assert_eq!(found, 16);
}

fn canonical(kind: &str, body: Value) -> Canonical {
    let mark = |place: &str, value: &[u8]| format!("{place}:{}", value.len());
    canonicalize(keycloak(), spec(kind), body, &mark)
}

fn main_of(kind: &str, body: Value) -> String {
    String::from_utf8(canonical(kind, body).main.to_canonical()).unwrap()
}

/// A body of a kind with an array at a place.
fn with_array(at: &str, elements: Vec<Value>) -> Value {
    let mut value: Value = elements.into();
    for part in at.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
        value = match part {
            "0" => Value::Array(vec![value]),
            name => {
                let mut object = lastgood::json::Object::new();
                object.insert(name, value);
                object.into()
            }
        };
    }
    value
}

/// Elements that differ: objects where the kind tells them apart by a member, else texts.
fn elements(kind: &str, at: &str, numbers: &[u8]) -> Vec<Value> {
    let at = Pointer::parse(at).unwrap();
    let set = spec(kind).set.iter().find(|set| set.at.matches(&at));
    let by = set.and_then(|set| set.by.as_ref()).and_then(Pointer::last);
    let element = |number: &u8| match by {
        Some(name) => value(&format!(r#"{{"{name}":"e{number}"}}"#)),
        None => Value::from(format!("e{number}")),
    };
    numbers.iter().map(element).collect()
}

proptest! {
    #[test]
    fn the_order_of_a_set_changes_nothing(
        (numbers, shuffled) in subsequence((0..20u8).collect::<Vec<_>>(), 2..12)
            .prop_flat_map(|numbers| (Just(numbers.clone()), Just(numbers).prop_shuffle())),
    ) {
        for (kind, at) in SETS {
            let body = |numbers: &[u8]| with_array(at, elements(kind, at, numbers));
            prop_assert_eq!(main_of(kind, body(&numbers)), main_of(kind, body(&shuffled)), "{} {}", kind, at);
        }
        for (kind, at) in LISTS {
            let body = |numbers: &[u8]| with_array(at, elements(kind, at, numbers));
            let same = main_of(kind, body(&numbers)) == main_of(kind, body(&shuffled));
            prop_assert_eq!(same, numbers == shuffled, "{} {}: its order is content", kind, at);
        }
    }
}

/// A client as the server gives it, in the order of one read.
const CLIENT: &str = r#"{"id":"c463d458","clientId":"backend","name":"Backend","enabled":true,
    "clientAuthenticatorType":"client-secret","secret":"lgcanary-1","redirectUris":["https://b.test/*","https://a.test/*"],
    "webOrigins":["+"],"publicClient":false,"serviceAccountsEnabled":true,"authorizationServicesEnabled":true,
    "attributes":{"client.secret.creation.time":"1795484525","realm_client":"false","pkce.code.challenge.method":"S256",
        "jwt.credential.private.key":"lgcanary-2","client.secret.rotated":"lgcanary-3"},
    "protocolMappers":[{"id":"m1","name":"dep"}],"defaultClientScopes":["web-origins","acr"],"optionalClientScopes":["phone"],
    "access":{"view":true}}"#;

#[test]
fn a_client_is_taken_apart() {
    let taken = canonical("client", value(CLIENT));
    let main = String::from_utf8(taken.main.to_canonical()).unwrap();
    for gone in ["lgcanary", "creation.time", "protocolMappers", "ClientScopes", "access\""] {
        assert!(!main.contains(gone), "{gone}: {main}");
    }
    assert!(main.contains(r#""redirectUris":["https://a.test/*","https://b.test/*"]"#), "{main}");
    assert!(main.contains("authorizationServicesEnabled"), "a PUT without it deletes a tree: {main}");
    let secret = String::from_utf8(taken.secret.unwrap().to_canonical()).unwrap();
    assert!((1..=3).all(|number| secret.contains(&format!("lgcanary-{number}"))), "{secret}");
    let moved = String::from_utf8(taken.volatile.unwrap().to_canonical()).unwrap();
    assert_eq!(moved, r#"{"/attributes/client.secret.creation.time":"1795484525"}"#);
    assert_eq!(taken.unknown, Vec::<String>::new());
    let later = CLIENT
        .replace("1795484525", "1795489999")
        .replace(r#""web-origins","acr""#, r#""acr","web-origins""#);
    assert_eq!(main_of("client", value(&later)), main, "another read of the same client");
    let rotated = CLIENT.replace("lgcanary-1", "lgcanary-11");
    assert_ne!(main_of("client", value(&rotated)), main, "a rotated secret is seen");
}

#[test]
fn a_mask_is_unknown_and_never_a_value() {
    for (kind, body) in [
        ("realm", r#"{"smtpServer":{"host":"h","password":"**********"}}"#),
        ("identity_provider", r#"{"alias":"x","config":{"clientSecret":"**********"}}"#),
        ("component", r#"{"config":{"bindCredential":["**********"]}}"#),
        ("authenticator_config", r#"{"config":{"secret.key":"**********"}}"#),
        ("authenticator_config", r#"{"config":{"of.an.unknown.provider":"**********"}}"#),
    ] {
        let taken = canonical(kind, value(body));
        let main = String::from_utf8(taken.main.to_canonical()).unwrap();
        assert!(main.contains(r#"{"$secret":"unknown"}"#) && !main.contains("***"), "{kind}: {main}");
        assert!(taken.secret.is_none(), "{kind}");
    }
}

/// What is dropped because another kind keeps it must be kept there.
#[test]
fn what_is_derived_is_read_elsewhere() {
    for (kind, member, keeper) in [
        ("realm", "/clientProfiles", "client_profiles"),
        ("realm", "/clientPolicies", "client_policies"),
        ("realm", "/adminEventsEnabled", "events_config"),
        ("realm", "/defaultGroups", "default_group"),
        ("client", "/protocolMappers", "client_protocol_mapper"),
        ("client", "/defaultClientScopes", "client_default_scope"),
        ("client", "/optionalClientScopes", "client_optional_scope"),
        ("client_scope", "/protocolMappers", "client_scope_protocol_mapper"),
        ("group", "/realmRoles", "group_role_mapping"),
        ("user", "/federatedIdentities", "user_federated_identity"),
        ("identity_provider", "/organizationId", "organization_identity_provider"),
    ] {
        let at = Pattern::parse(member).unwrap();
        assert!(spec(kind).derived.contains(&at), "{kind}: {member}");
        assert!(!spec(keeper).read.is_empty(), "{keeper} is read");
    }
}

/// An event must lead to kinds that exist, at the depth of their keys.
#[test]
fn what_an_event_means_can_exist() {
    fn depths(kind: &KindSpec) -> Vec<usize> {
        let above: Vec<usize> = kind.parent.iter().flat_map(|kind| depths(spec(kind.as_str()))).collect();
        if above.is_empty() { vec![1] } else { above.into_iter().map(|depth| depth + 1).collect() }
    }
    for name in &keycloak().audit.as_ref().unwrap().names {
        for means in &name.means {
            let (kind, ids) = means.split_once('/').unwrap();
            let kind = spec(kind);
            assert!(!kind.read.is_empty(), "{means}: the kind is not read");
            let given = ids.split('/').count();
            let fits =
                depths(kind).iter().any(|depth| given == *depth || (given < *depth && ids.ends_with('*')));
            assert!(fits, "`{}` means `{means}`, which no key is", name.path);
        }
    }
}

/// One request for each user is made only where it is asked for, and nothing asks for clients' accounts.
#[test]
fn no_read_grows_with_the_users_unasked() {
    for spec in &keycloak().kinds {
        for read in spec.read.iter().filter(|read| !read.costly && !read.inside) {
            let each = if read.each.is_empty() { &spec.parent } else { &read.each };
            assert!(!each.iter().any(|kind| kind.as_str() == "user"), "{}: a request a user", spec.kind);
            assert!(
                spec.kind.as_str() != "user" || (!read.detail && read.join.is_empty()),
                "a request a user"
            );
        }
        assert!(
            !spec.gets().iter().any(|path| path.contains("service-account-user")),
            "{}: that GET writes",
            spec.kind
        );
    }
}
