//! A realm as large as a real one, made by imports.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Realm, on_server};

/// How much of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) users: usize,
    pub(crate) groups: usize,
    pub(crate) clients: usize,
}

impl Size {
    /// A middling company: it takes the server about a minute.
    pub(crate) const COMPANY: Self = Self { users: 5_000, groups: 500, clients: 200 };
}

/// More users a call gain nothing and make the request as long as a time-out.
const PER_CALL: usize = 250;

/// Adds groups `g0001`…, clients `c0001`… with a role `use` each, and users `u00001`… to the realm.
///
/// User n is in group n mod groups and has role `member`; every tenth has `use` of a client.
pub(crate) async fn fill(realm: &Realm, size: Size) {
    realm.post("/roles", &json!({"name": "member"})).await;
    let groups: Vec<Value> = (0..size.groups)
        .map(|n| json!({"name": group(n), "path": format!("/{}", group(n)), "attributes": {"cost": [n.to_string()]}}))
        .collect();
    import(realm, "groups", &groups).await;
    let clients: Vec<Value> = (0..size.clients)
        .map(|n| {
            json!({
                "clientId": client(n), "publicClient": n.is_multiple_of(2),
                "redirectUris": [format!("https://{}.scale.test/*", client(n))],
            })
        })
        .collect();
    import(realm, "clients", &clients).await;
    if size.clients > 0 {
        let roles: Vec<(String, Value)> =
            (0..size.clients).map(|n| (client(n), json!([{"name": "use"}]))).collect();
        let body = json!({"ifResourceExists": "FAIL", "roles": {"client": Value::from_iter(roles)}});
        realm.must(Method::POST, "/partialImport", &body).await;
    }
    let users: Vec<Value> = (0..size.users).map(|n| user(n, size)).collect();
    import(realm, "users", &users).await;
}

async fn import(realm: &Realm, what: &str, items: &[Value]) {
    for page in items.chunks(PER_CALL) {
        let mut body = json!({"ifResourceExists": "FAIL"});
        body[what] = json!(page);
        let answer = realm.must(Method::POST, "/partialImport", &body).await;
        assert_eq!(answer["added"], page.len(), "{what}: {answer}");
    }
}

fn user(n: usize, size: Size) -> Value {
    let name = format!("u{n:05}");
    let mut user = json!({
        "username": name, "email": format!("{name}@scale.test"), "enabled": !n.is_multiple_of(50),
        "firstName": format!("First {n}"), "lastName": format!("Last {n}"), "realmRoles": ["member"],
        "createdTimestamp": 1_700_000_000_000_i64 + i64::try_from(n).expect("a small number"),
    });
    if size.groups > 0 {
        user["groups"] = json!([format!("/{}", group(n % size.groups))]);
    }
    if size.clients > 0 && n.is_multiple_of(10) {
        user["clientRoles"] = json!({client(n % size.clients): ["use"]});
    }
    user
}

fn group(n: usize) -> String {
    format!("g{n:04}")
}

fn client(n: usize) -> String {
    format!("c{n:04}")
}

#[test]
fn a_company_is_made() {
    on_server(async |server| {
        let realm = server.realm("scale").await;
        let before = realm.list("/clients").await.len();
        let size = Size::COMPANY;
        fill(&realm, size).await;
        assert_eq!(realm.get("/users/count").await, size.users);
        assert_eq!(realm.get("/groups/count").await["count"], size.groups);
        assert_eq!(realm.list("/clients").await.len(), before + size.clients);
        let group = realm.find("/groups", "name", "g0007").await;
        let members = realm.list(&format!("/groups/{}/members", group["id"].as_str().unwrap())).await;
        assert_eq!(members.len(), size.users / size.groups);
    });
}
