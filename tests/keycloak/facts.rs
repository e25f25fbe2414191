//! What the collector relies on, asked of the server itself. Each test fails when the fact is false.

use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::segment;
use crate::scale::{Size, fill};
use crate::server::{Realm, on_server, text};

/// Lists that end after 10 or 100 items in silence when `max` is left out.
#[test]
fn a_list_without_max_ends_early_in_silence() {
    on_server(async |server| {
        let realm = server.realm_with("pages", json!({"organizationsEnabled": true})).await;
        fill(&realm, Size { users: 104, groups: 12, clients: 104 }).await;
        let users = realm.list("/users?max=104").await;
        let parent = text(&realm.find("/groups", "name", "g0000").await, "id");
        let organization = many(&realm, &parent, &users).await;
        for (path, default, real) in [
            ("/users".to_owned(), 100, 104),
            (format!("/groups/{parent}/members"), 100, 104),
            ("/roles/member/users".to_owned(), 100, 104),
            (format!("/groups/{parent}/children"), 10, 12),
            ("/organizations".to_owned(), 10, 12),
            (format!("/organizations/{organization}/members"), 10, 12),
            ("/workflows".to_owned(), 10, 12),
        ] {
            assert_eq!(realm.list(&path).await.len(), default, "{path}");
            assert_eq!(realm.list(&format!("{path}?first=0&max=1000")).await.len(), real, "{path}");
            let rest = realm.list(&format!("{path}?first={default}&max=1000")).await;
            assert_eq!(rest.len(), real - default, "{path}: the second page");
        }
        for (path, at_least) in [("/clients", 104), ("/groups", 12), ("/roles", 4)] {
            assert!(realm.list(path).await.len() >= at_least, "{path} gives everything");
        }
        assert_eq!(realm.list("/users?max=-1").await.len(), 104);
        assert_eq!(realm.status("/workflows?max=-1").await, 500);
    });
}

/// 104 members and 12 children of a group, 12 organizations, 12 members of one, 12 workflows.
async fn many(realm: &Realm, group: &str, users: &[Value]) -> String {
    for user in users {
        let id = text(user, "id");
        realm.put(&format!("/users/{id}/groups/{group}"), &Value::Null).await;
    }
    let mut last = String::new();
    for n in 0..12 {
        realm.post(&format!("/groups/{group}/children"), &json!({"name": format!("child {n}")})).await;
        let organization = json!({
            "name": format!("org {n}"), "alias": format!("org{n}"), "domains": [{"name": format!("o{n}.test")}],
        });
        last = realm.post("/organizations", &organization).await;
        let steps = json!([{"uses": "disable-user", "after": "30d"}]);
        realm
            .post("/workflows", &json!({"name": format!("w {n}"), "on": "user_created", "steps": steps}))
            .await;
    }
    for user in &users[..12] {
        realm.must(Method::POST, &format!("/organizations/{last}/members"), &user["id"]).await;
    }
    last
}

/// Asking for a service account makes it where it is missing, and no admin event tells of it.
#[test]
fn reading_a_service_account_can_write() {
    on_server(async |server| {
        let settings = json!({"adminEventsEnabled": true, "adminPermissionsEnabled": true});
        let realm = server.realm_with("writing-get", settings).await;
        let permissions = realm.client("admin-permissions").await;
        let body = json!({"clientId": "bare", "publicClient": false, "serviceAccountsEnabled": true});
        let bare = realm.post("/clients", &body).await;
        let user = format!("/clients/{bare}/service-account-user");
        let first = text(&realm.get(&user).await, "id");
        realm.delete(&format!("/users/{first}")).await;
        realm.delete("/admin-events").await;

        let has_scope = async || {
            let client = realm.get(&format!("/clients/{permissions}")).await;
            client["defaultClientScopes"].as_array().unwrap().contains(&json!("service_account"))
        };
        assert!(!has_scope().await, "a new realm has no such account");
        realm.get(&format!("/clients/{permissions}/service-account-user")).await;
        assert!(has_scope().await, "the read added a scope");
        assert_ne!(text(&realm.get(&user).await, "id"), first, "the read made another account");
        assert_eq!(realm.list("/admin-events").await, Vec::<Value>::new());
    });
}

/// Service accounts are hidden from the list of users and from nothing else.
#[test]
fn service_accounts_are_members_and_holders_but_not_listed() {
    on_server(async |server| {
        let realm = server.realm("service").await;
        let body = json!({"clientId": "robot", "publicClient": false, "serviceAccountsEnabled": true});
        let client = realm.post("/clients", &body).await;
        let user = text(&realm.get(&format!("/clients/{client}/service-account-user")).await, "id");
        realm.post("/roles", &json!({"name": "walker"})).await;
        let role = realm.get("/roles/walker").await;
        realm.post(&format!("/users/{user}/role-mappings/realm"), &json!([role])).await;
        let group = realm.post("/groups", &json!({"name": "robots"})).await;
        realm.put(&format!("/users/{user}/groups/{group}"), &Value::Null).await;

        assert_eq!(realm.list("/users?max=-1").await, Vec::<Value>::new());
        assert_eq!(realm.get("/users/count").await, 0);
        for path in ["/roles/walker/users".to_owned(), format!("/groups/{group}/members")] {
            let names: Vec<Value> =
                realm.list(&path).await.iter().map(|user| user["username"].clone()).collect();
            assert_eq!(names, ["service-account-robot"], "{path}");
        }
    });
}

/// Writes `values` in both orders, read back past the caches: does the server keep the order?
async fn keeps_order(realm: &Realm, path: &str, pointer: &str, values: &[&str]) -> bool {
    let mut kept = true;
    for reversed in [false, true] {
        let mut values: Vec<&str> = values.to_vec();
        if reversed {
            values.reverse();
        }
        let mut body = realm.get(path).await;
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{path} has no {pointer}")) = json!(values);
        realm.put(path, &body).await;
        for cache in ["clear-realm-cache", "clear-user-cache"] {
            realm.call(Method::POST, &format!("/{cache}"), None).await;
        }
        let body = realm.get(path).await;
        let found = body.pointer(pointer).unwrap();
        let mut sorted: Vec<&str> =
            found.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect();
        kept &= sorted == values;
        sorted.sort_unstable();
        values.sort_unstable();
        assert_eq!(sorted, values, "{path} {pointer}: the values themselves");
    }
    kept
}

/// Most arrays are sets for the server; a reader that trusts their order sees changes that are none.
#[test]
fn arrays_that_are_sets_and_arrays_that_are_lists() {
    on_server(async |server| {
        let realm = server.realm_with("orders", json!({"supportedLocales": ["en"]})).await;
        let realm_id = text(&realm.get("").await, "id");
        let client = json!({
            "clientId": "c", "publicClient": false, "serviceAccountsEnabled": true,
            "authorizationServicesEnabled": true, "redirectUris": ["https://a.test/*"], "webOrigins": [],
        });
        let client = realm.post("/clients", &client).await;
        let resource = json!({"name": "r", "uris": [], "attributes": {"x": ["1"]}});
        let server_path = format!("/clients/{client}/authz/resource-server/resource");
        let resource = text(&realm.must(Method::POST, &server_path, &resource).await, "_id");
        let resource = format!("{server_path}/{resource}");
        let user =
            realm.post("/users", &json!({"username": "ann", "requiredActions": ["UPDATE_PROFILE"]})).await;
        let group = realm.post("/groups", &json!({"name": "g", "attributes": {"x": ["1"]}})).await;
        let component = json!({
            "name": "hosts", "providerId": "trusted-hosts", "subType": "anonymous", "parentId": realm_id,
            "providerType": "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy",
            "config": {"trusted-hosts": ["a.test"], "host-sending-registration-request-must-match": ["true"],
                "client-uris-must-match": ["true"]},
        });
        let component = realm.post("/components", &component).await;
        let client = format!("/clients/{client}");
        let urls = ["https://c.test/*", "https://a.test/*", "https://d.test/*", "https://b.test/*"];
        let hosts = ["c.test", "a.test", "e.test", "b.test", "d.test", "f.test"];
        for (path, pointer, values, list) in [
            ("", "/supportedLocales", &["fr", "de", "en", "nl"][..], false),
            ("/events/config", "/enabledEventTypes", &["LOGIN", "LOGOUT", "REGISTER"], false),
            ("", "/webAuthnPolicySignatureAlgorithms", &["RS256", "ES256", "PS256"], true),
            (&client, "/redirectUris", &urls, false),
            (&format!("/users/{user}"), "/requiredActions", &["VERIFY_EMAIL", "CONFIGURE_TOTP"], false),
            (&format!("/groups/{group}"), "/attributes/x", &["c", "a", "d", "b"], false),
            (&format!("/components/{component}"), "/config/trusted-hosts", &hosts, false),
            (&resource, "/uris", &["/c", "/a", "/d", "/b"], false),
            (&resource, "/attributes/x", &["c", "a", "d", "b"], true),
        ] {
            assert_eq!(
                keeps_order(&realm, path, pointer, values).await,
                list,
                "{path} {pointer} keeps its order"
            );
        }
    });
}

/// Not enabled is an answer of its own, and a missing object another.
#[test]
fn what_is_not_enabled_answers_in_its_own_way() {
    on_server(async |server| {
        let realm = server.realm("disabled").await;
        let user = realm.post("/users", &json!({"username": "ann"})).await;
        let account = realm.client("account").await;
        for (path, status, words) in [
            ("/organizations".to_owned(), 404, "Organizations not enabled"),
            (format!("/users/{user}/vc/credentials"), 400, "not enabled"),
            ("/users-management-permissions".to_owned(), 501, "Feature not enabled"),
            (format!("/clients/{account}/authz/resource-server"), 404, "HTTP 404"),
            (format!("/clients/{account}/service-account-user"), 400, "Service account not enabled"),
            ("/authentication/required-actions/delete_account/config".to_owned(), 400, "not configurable"),
            ("/users/none".to_owned(), 404, "User not found"),
            ("/localization/de".to_owned(), 200, "{}"),
        ] {
            let answer = realm.call(Method::GET, &path, None).await;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert!(answer.body.to_string().contains(words), "{path}: {answer:?}");
        }
    });
}

/// The list already is the whole object, but for users.
#[test]
fn a_list_of_configuration_holds_whole_objects() {
    on_server(async |server| {
        let realm = crate::seed::Seed::plant(server, "lists").await.realm;
        for (list, one, key) in [
            ("/roles?briefRepresentation=false", "/roles-by-id", "id"),
            ("/clients", "/clients", "id"),
            ("/client-scopes", "/client-scopes", "id"),
            ("/groups?briefRepresentation=false", "/groups", "id"),
            (
                "/identity-provider/instances?briefRepresentation=false",
                "/identity-provider/instances",
                "alias",
            ),
            ("/authentication/flows", "/authentication/flows", "id"),
            ("/authentication/required-actions", "/authentication/required-actions", "alias"),
            ("/components", "/components", "id"),
            ("/organizations?briefRepresentation=false", "/organizations", "id"),
        ] {
            for mut listed in realm.list(list).await {
                let mut single = realm.get(&format!("{one}/{}", segment(&text(&listed, key)))).await;
                crate::dump::tidy(&mut listed);
                crate::dump::tidy(&mut single);
                assert_eq!(listed, single, "{list}");
            }
        }
        for listed in realm.list("/users?briefRepresentation=false").await {
            let single = realm.get(&format!("/users/{}", text(&listed, "id"))).await;
            assert!(
                listed.get("federatedIdentities").is_none() && single.get("federatedIdentities").is_some()
            );
        }
    });
}

/// Without an Accept header the workflows come as YAML, everything else as JSON.
#[test]
fn workflows_are_yaml_unless_json_is_asked_for() {
    on_server(async |server| {
        let realm = server.realm("yaml").await;
        let steps = json!([{"uses": "disable-user", "after": "30d"}]);
        let body = json!({"name": "w", "on": "user_created", "steps": steps});
        let id = realm.post("/workflows", &body).await;
        for path in ["/workflows".to_owned(), format!("/workflows/{id}?includeId=true")] {
            let (kind, text) = realm.get_plain(&path).await;
            assert!(
                kind.contains("yaml") && serde_json::from_str::<Value>(&text).is_err(),
                "{path}: {kind} {text}"
            );
            assert!(!realm.get(&path).await.is_string(), "{path} is JSON when it is asked for");
        }
        let (kind, _) = realm.get_plain("/roles").await;
        assert!(kind.contains("json"), "{kind}");
    });
}

/// A partial update of a client that leaves one field out deletes its authorization tree.
#[test]
fn a_client_update_without_the_authorization_flag_deletes_the_tree() {
    on_server(async |server| {
        let realm = server.realm("partial-put").await;
        let body = json!({
            "clientId": "c", "publicClient": false, "serviceAccountsEnabled": true,
            "authorizationServicesEnabled": true,
        });
        let path = format!("/clients/{}", realm.post("/clients", &body).await);
        let scopes = format!("{path}/authz/resource-server/scope");
        realm.post(&scopes, &json!({"name": "s"})).await;
        realm.put(&path, &json!({"clientId": "c", "name": "C", "authorizationServicesEnabled": true})).await;
        assert_eq!(realm.list(&scopes).await.len(), 1);
        realm.put(&path, &json!({"clientId": "c", "name": "D"})).await;
        assert_eq!(realm.status(&scopes).await, 404);
    });
}
