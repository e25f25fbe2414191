//! What the check's realm has, what moves in it by itself, and what happens to it: calls of the admin
//! API that a real server takes as well.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::check::Admin;

/// More than a page, whoever chooses its size.
const USERS: usize = 505;

/// A call that must succeed; the id of what it made, if it made something.
async fn must(admin: &dyn Admin, method: &str, path: &str, body: Option<Value>) -> String {
    let (status, answer, made) = admin.call(method, path, body).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    made.unwrap_or_default()
}

async fn list(admin: &dyn Admin, path: &str) -> Vec<Value> {
    let (status, answer, _) = admin.call("GET", path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer.as_array().unwrap().clone()
}

async fn find(admin: &dyn Admin, path: &str, field: &str, is: &str) -> Value {
    let rows = list(admin, path).await;
    rows.into_iter().find(|row| row[field] == is).unwrap_or_else(|| panic!("no {is} in {path}"))
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

/// The secret of the provider that is deleted: nobody can read it, so somebody gives it.
pub(crate) const SOCIAL: &str = "lgcanary-social";

const ROLES: &str = "/roles?briefRepresentation=false&max=1000";
const GROUPS: &str = "/groups?briefRepresentation=false&populateHierarchy=false&search=*&max=1000";
const USERS_OF_ALL: &str = "/users?briefRepresentation=false&exact=false&max=1000";
const ORGANIZATIONS: &str = "/organizations?briefRepresentation=false&max=1000";
const PROVIDERS: &str = "/identity-provider/instances?briefRepresentation=false";

/// A profile that knows `desk`, or does not.
fn profile(desk: bool) -> Value {
    let everybody = json!({ "view": ["admin", "user"], "edit": ["admin", "user"] });
    let names: &[&str] = if desk { &["username", "email", "desk"] } else { &["username", "email"] };
    let known = names.iter().map(|name| json!({ "name": name, "permissions": everybody }));
    json!({ "attributes": known.collect::<Vec<_>>() })
}

/// Fills a new realm.
pub(crate) async fn seed(admin: &dyn Admin) {
    let mail = json!({
        "host": "mail.test", "from": "a@b.test", "auth": "true", "user": "mailer", "password": "lgcanary-mail",
    });
    must(admin, "PUT", "", Some(json!({ "smtpServer": mail, "organizationsEnabled": true }))).await;
    must(admin, "PUT", "/users/profile", Some(profile(true))).await;
    let desk = |n: usize| if n < 2 { json!({ "desk": ["12345"] }) } else { json!({}) };
    let users: Vec<Value> = (0..USERS)
        .map(|n| json!({ "username": format!("u{n:03}"), "enabled": true, "attributes": desk(n) }))
        .collect();
    must(admin, "POST", "/partialImport", Some(json!({ "ifResourceExists": "FAIL", "users": users }))).await;
    people(admin).await;
    must(admin, "POST", "/clients", Some(client())).await;
    for (alias, secret) in [("corp", "lgcanary-corp"), ("social", SOCIAL)] {
        let config = json!({
            "clientId": "c", "clientSecret": secret, "tokenUrl": "https://idp.test/token",
            "authorizationUrl": "https://idp.test/auth",
        });
        let provider = json!({ "alias": alias, "providerId": "oidc", "enabled": true, "config": config });
        must(admin, "POST", "/identity-provider/instances", Some(provider)).await;
    }
    let organization = json!({ "name": "acme", "alias": "acme", "enabled": true, "domains": [{ "name": "acme.test", "verified": false }] });
    must(admin, "POST", "/organizations", Some(organization)).await;
}

/// Roles, groups, and who has what.
async fn people(admin: &dyn Admin) {
    for (name, description) in [("operator", "runs it"), ("auditor", "reads its log")] {
        let role = json!({ "name": name, "description": description, "attributes": { "tier": ["b", "a"] } });
        must(admin, "POST", "/roles", Some(role)).await;
    }
    let eng = must(admin, "POST", "/groups", Some(json!({ "name": "eng" }))).await;
    must(admin, "POST", &format!("/groups/{eng}/children"), Some(json!({ "name": "backend" }))).await;
    let sales = must(admin, "POST", "/groups", Some(json!({ "name": "sales" }))).await;
    for (group, role) in [(&eng, "operator"), (&sales, "auditor")] {
        let role = find(admin, ROLES, "name", role).await;
        must(admin, "POST", &format!("/groups/{group}/role-mappings/realm"), Some(json!([role]))).await;
    }
    let user = text(&find(admin, USERS_OF_ALL, "username", "u000").await, "id");
    must(admin, "PUT", &format!("/users/{user}/groups/{eng}"), Some(json!({}))).await;
}

fn client() -> Value {
    json!({
        "clientId": "shop", "secret": "lgcanary-shop", "publicClient": false, "enabled": true,
        "redirectUris": ["https://shop.test/c", "https://shop.test/a", "https://shop.test/b"],
        "attributes": { "note": "x", "client.secret.rotated": "lgcanary-rotated", "client.secret.creation.time": "1" },
    })
}

/// What a server does by itself: another order of a set, another time in a field that says when.
pub(crate) async fn stir(admin: &dyn Admin) {
    let mut client = find(admin, "/clients", "clientId", "shop").await;
    client["redirectUris"].as_array_mut().unwrap().rotate_left(1);
    client["attributes"]["client.secret.creation.time"] = json!("2");
    let path = format!("/clients/{}", text(&client, "id"));
    must(admin, "PUT", &path, Some(client)).await;
}

/// How many there are of some kinds.
pub(crate) async fn counts(admin: &dyn Admin) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (kind, path) in [
        ("user", USERS_OF_ALL),
        ("group", GROUPS),
        ("realm_role", ROLES),
        ("organization", ORGANIZATIONS),
        ("identity_provider", PROVIDERS),
        ("client", "/clients"),
    ] {
        counts.insert(kind, list(admin, path).await.len());
    }
    counts.extend([("group_role_mapping", 2), ("group_member", 1)]);
    counts
}

/// A bad day: one of each sort of thing is deleted, changed, or made anew by somebody.
pub(crate) async fn damage(admin: &dyn Admin) {
    for role in ["operator", "auditor"] {
        let role = text(&find(admin, ROLES, "name", role).await, "id");
        must(admin, "DELETE", &format!("/roles-by-id/{role}"), None).await;
    }
    // Somebody helps himself: the name is taken, under another id.
    must(admin, "POST", "/roles", Some(json!({ "name": "auditor", "description": "made in haste" }))).await;
    let eng = text(&find(admin, GROUPS, "name", "eng").await, "id");
    must(admin, "DELETE", &format!("/groups/{eng}"), None).await;
    let later = must(admin, "POST", "/groups", Some(json!({ "name": "later" }))).await;
    let user = text(&find(admin, USERS_OF_ALL, "username", "u002").await, "id");
    must(admin, "PUT", &format!("/users/{user}/groups/{later}"), Some(json!({}))).await;
    let user = text(&find(admin, USERS_OF_ALL, "username", "u000").await, "id");
    must(admin, "DELETE", &format!("/users/{user}"), None).await;
    let mut user = find(admin, USERS_OF_ALL, "username", "u001").await;
    user["attributes"] = json!({});
    must(admin, "PUT", &format!("/users/{}", text(&user, "id")), Some(user)).await;
    must(admin, "PUT", "/users/profile", Some(profile(false))).await;
    let mut client = find(admin, "/clients", "clientId", "shop").await;
    client["redirectUris"] = json!(["https://evil.test/*"]);
    client["attributes"]["later"] = json!("added");
    must(admin, "PUT", &format!("/clients/{}", text(&client, "id")), Some(client)).await;
    let mut provider = find(admin, PROVIDERS, "alias", "corp").await;
    provider["config"]["tokenUrl"] = json!("https://evil.test/token");
    must(admin, "PUT", "/identity-provider/instances/corp", Some(provider)).await;
    must(admin, "DELETE", "/identity-provider/instances/social", None).await;
    let acme = text(&find(admin, ORGANIZATIONS, "alias", "acme").await, "id");
    must(admin, "DELETE", &format!("/organizations/{acme}"), None).await;
    let flow = json!({ "alias": "new of the vendor", "builtIn": true, "topLevel": true, "providerId": "basic-flow" });
    must(admin, "POST", "/authentication/flows", Some(flow)).await;
}

/// The realm as its own lists show it, with names in place of ids that may change.
pub(crate) async fn as_the_server_says(admin: &dyn Admin) -> Vec<String> {
    let mut rows = Vec::new();
    let mut names = BTreeMap::new();
    for path in [ROLES, GROUPS, USERS_OF_ALL, "/clients", PROVIDERS, ORGANIZATIONS] {
        let kind = path.split('?').next().unwrap();
        for mut row in list(admin, path).await {
            if kind == "/roles" || kind == "/organizations" {
                names.insert(text(&row, "id"), text(&row, "name"));
            }
            tidy(&mut row);
            rows.push(format!("{kind} {row}"));
        }
    }
    for group in list(admin, GROUPS).await {
        for user in list(admin, &format!("/groups/{}/members?max=1000", text(&group, "id"))).await {
            rows.push(format!("{} is in {}", text(&user, "username"), text(&group, "name")));
        }
    }
    for role in list(admin, ROLES).await {
        for group in list(admin, &format!("/roles/{}/groups?max=1000", text(&role, "name"))).await {
            rows.push(format!("{} has {}", text(&group, "name"), text(&role, "name")));
        }
    }
    for path in ["", "/users/profile"] {
        rows.push(admin.call("GET", path, None).await.1.to_string());
    }
    for row in &mut rows {
        for (id, name) in &names {
            *row = row.replace(id.as_str(), name);
        }
    }
    rows.sort();
    rows
}

/// Takes out what means nothing: the order of sets, what is empty, what the server computes.
fn tidy(row: &mut Value) {
    if let Some(uris) = row.get_mut("redirectUris").and_then(Value::as_array_mut) {
        uris.sort_by_key(ToString::to_string);
    }
    for values in
        row.get_mut("attributes").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        if let Some(values) = values.as_array_mut() {
            values.sort_by_key(ToString::to_string);
        }
    }
    let members = row.as_object_mut().unwrap();
    for name in ["access", "subGroupCount", "subGroups"] {
        members.remove(name);
    }
    members.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
}
