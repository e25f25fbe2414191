//! A realm in memory that answers as a real Keycloak was seen to (`tests/keycloak/facts.rs` and
//! `tests/keycloak/restore.rs` ask it): as much of one as the facts of this test touch.
//!
//! It is written from the server's answers and reads no catalogue: a false fact must not be able to
//! hide on both sides. Read `check.rs` next.

use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// What stands in place of a secret.
pub(crate) const MASK: &str = "**********";

/// The rights of the account that reads everything, and of one that may not see people.
const ALL: [&str; 3] = ["view-realm", "view-clients", "view-users"];
const NARROW: [&str; 2] = ["view-realm", "view-clients"];

/// The server; it ends with the process.
pub(crate) struct Realm {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

/// What the realm holds.
#[derive(Default)]
struct State {
    realm: Value,
    profile: Value,
    roles: Vec<Value>,
    groups: Vec<Value>,
    users: Vec<Value>,
    clients: Vec<Value>,
    providers: Vec<Value>,
    organizations: Vec<Value>,
    flows: Vec<Value>,
    /// Group and role.
    mappings: BTreeSet<(String, String)>,
    /// Group and user.
    members: BTreeSet<(String, String)>,
    made: usize,
}

/// An answer: status, body, `Location`.
type Answer = (u16, Value, Option<String>);

/// What a request says.
struct Asked<'a> {
    path: &'a [&'a str],
    query: &'a str,
    body: Value,
}

impl Realm {
    /// Starts it with what every realm has.
    pub(crate) fn start() -> Self {
        let state = State {
            realm: json!({ "id": "5ea1", "realm": "demo", "enabled": true }),
            profile: json!({ "attributes": [] }),
            roles: vec![
                json!({ "id": "r0", "name": "default-roles-demo", "clientRole": false, "composite": true, "containerId": "5ea1" }),
            ],
            flows: vec![
                json!({ "id": "f0", "alias": "browser", "builtIn": true, "topLevel": true, "providerId": "basic-flow" }),
            ],
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let router =
                    axum::Router::new().fallback(move |request: Request| respond(shared.clone(), request));
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { url: format!("http://{}", receiver.recv().unwrap()), state }
    }

    /// The secrets that the server holds and shows nobody.
    pub(crate) fn hidden(&self) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let providers = state.providers.iter().map(|provider| provider["config"]["clientSecret"].clone());
        providers.chain([state.realm["smtpServer"]["password"].clone()]).collect()
    }
}

async fn respond(state: Arc<Mutex<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 16 << 20).await.unwrap();
    let uri = parts.uri.path().to_owned();
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let narrow = bearer.is_some_and(|bearer| bearer == format!("Bearer {}", token(&NARROW)));
    let (status, value, location) = if uri.ends_with("/token") {
        let rights = if String::from_utf8_lossy(&body).contains("narrow") { &NARROW[..] } else { &ALL };
        (200, json!({ "access_token": token(rights), "expires_in": 600, "token_type": "Bearer" }), None)
    } else if let Some(path) = uri.strip_prefix("/admin/realms/demo") {
        let path: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let asked = Asked { path: &path, query: parts.uri.query().unwrap_or_default(), body };
        if narrow && path.first().is_some_and(|first| *first == "users" || *first == "groups") {
            (403, json!({ "error": "HTTP 403 Forbidden" }), None)
        } else {
            state.lock().unwrap().answer(parts.method.as_str(), &asked)
        }
    } else {
        (404, json!({ "error": "HTTP 404 Not Found" }), None)
    };
    let status = StatusCode::from_u16(status).unwrap();
    let location = location.map(|id| (header::LOCATION, format!("http://demo{uri}/{id}")));
    let text = if value.is_null() { String::new() } else { value.to_string() };
    let content = [(header::CONTENT_TYPE, "application/json".to_owned())];
    match location {
        Some(location) => (status, content, [location], text).into_response(),
        None => (status, content, text).into_response(),
    }
}

/// A token that says what its holder may do; nobody checks its signature.
fn token(rights: &[&str]) -> String {
    let claims = json!({ "resource_access": { "realm-management": { "roles": rights } } }).to_string();
    format!("h.{}.s", data_encoding::BASE64URL_NOPAD.encode(claims.as_bytes()))
}

fn decoded(part: &str) -> String {
    lastgood::base::key::decode_part(part).unwrap()
}

fn found(value: Option<&Value>) -> Answer {
    match value {
        Some(value) => (200, value.clone(), None),
        None => (404, json!({ "error": "Could not find it" }), None),
    }
}

fn refused(status: u16, why: &str) -> Answer {
    (status, json!({ "errorMessage": why }), None)
}

const DONE: Answer = (204, Value::Null, None);

/// The rows that were asked for; `default` where no size was: such a list ends in silence.
fn page(query: &str, rows: Vec<Value>, default: usize) -> Answer {
    let number = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|text| text.parse::<usize>().ok())
    };
    let (first, max) = (number("first").unwrap_or(0), number("max").unwrap_or(default));
    (200, rows.into_iter().skip(first).take(max).collect(), None)
}

/// All rows, where no size is asked for.
const EVERY: usize = usize::MAX;

fn by<'v>(rows: &'v [Value], field: &str, is: &str) -> Option<&'v Value> {
    rows.iter().find(|row| row[field] == is)
}

fn by_mut<'v>(rows: &'v mut [Value], field: &str, is: &str) -> Option<&'v mut Value> {
    rows.iter_mut().find(|row| row[field] == is)
}

/// Members of `new` take the place of those of `old`; what is absent stays.
fn overlay(old: &mut Value, new: &Value) {
    for (name, value) in new.as_object().unwrap() {
        old[name] = value.clone();
    }
}

fn members_of(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Whatever has attributes shows them, also when there are none.
fn with_attributes(body: &Value) -> Value {
    let mut body = body.clone();
    if body["attributes"].is_null() {
        body["attributes"] = json!({});
    }
    body
}

/// A map that an update merges: an empty text removes a key.
fn merged(old: &Value, new: &Value) -> Value {
    let mut all = members_of(old);
    all.extend(members_of(new));
    all.retain(|_, value| value != "");
    all.into()
}

/// The mask keeps what is there; anything else is stored, the mask too where nothing is there.
fn unmasked(old: Option<&Value>, new: &mut Value) {
    if *new == MASK
        && let Some(old) = old.filter(|old| !old.is_null())
    {
        *new = old.clone();
    }
}

fn masked(mut body: Value, at: &str) -> Value {
    if let Some(secret) = body.pointer_mut(at) {
        *secret = MASK.into();
    }
    body
}

impl State {
    fn id(&mut self) -> String {
        self.made += 1;
        format!("made-{:04}", self.made)
    }

    fn answer(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match asked.path.first().copied().unwrap_or_default() {
            "" => self.own(method, &asked.body),
            "roles" | "roles-by-id" => self.role(method, asked),
            "groups" => self.group(method, asked),
            "users" => self.user(method, asked),
            "partialImport" => self.import(&asked.body),
            "clients" => self.client(method, asked),
            "identity-provider" => self.provider(method, asked),
            "organizations" => self.organization(method, asked),
            "authentication" => self.flow(method, asked),
            "client-scopes" | "components" => none_of(method, asked.path),
            _ => refused(404, "HTTP 404 Not Found"),
        }
    }

    fn own(&mut self, method: &str, body: &Value) -> Answer {
        if method == "GET" {
            return (200, masked(self.realm.clone(), "/smtpServer/password"), None);
        }
        let mut body = body.clone();
        let old = self.realm.pointer("/smtpServer/password").cloned();
        if let Some(new) = body.pointer_mut("/smtpServer/password") {
            unmasked(old.as_ref(), new);
        }
        overlay(&mut self.realm, &body);
        DONE
    }

    fn role(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match (method, asked.path) {
            ("GET", ["roles"]) => page(asked.query, self.roles.clone(), EVERY),
            ("GET", ["roles", name, "groups"]) => {
                let id = by(&self.roles, "name", name).map(|role| role["id"].as_str().unwrap().to_owned());
                let holds = |group: &&Value| {
                    let pair = (group["id"].as_str().unwrap().to_owned(), id.clone().unwrap_or_default());
                    self.mappings.contains(&pair)
                };
                page(asked.query, self.groups.iter().filter(holds).cloned().collect(), 100)
            }
            ("POST", ["roles"]) => {
                let mut role = with_attributes(&asked.body);
                if by(&self.roles, "name", role["name"].as_str().unwrap()).is_some() {
                    return refused(409, "Role with that name already exists");
                }
                overlay(
                    &mut role,
                    &json!({ "id": self.id(), "clientRole": false, "composite": false, "containerId": "5ea1" }),
                );
                let name = role["name"].as_str().unwrap().to_owned();
                self.roles.push(role);
                (201, Value::Null, Some(name))
            }
            ("GET", ["roles-by-id", id]) => found(by(&self.roles, "id", id)),
            ("PUT", ["roles-by-id", id]) => match by_mut(&mut self.roles, "id", id) {
                Some(role) => {
                    let mut body = asked.body.clone();
                    body["id"] = role["id"].clone();
                    overlay(role, &body);
                    DONE
                }
                None => found(None),
            },
            ("DELETE", ["roles-by-id", id]) => {
                if by(&self.roles, "id", id).is_some_and(|role| role["name"] == "default-roles-demo") {
                    return refused(400, "The default role cannot be removed");
                }
                self.mappings.retain(|(_, role)| role != id);
                gone(&mut self.roles, "id", id)
            }
            _ => none_of(method, asked.path),
        }
    }

    fn group(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match (method, asked.path) {
            ("GET", ["groups"]) => page(asked.query, self.groups.clone(), EVERY),
            ("POST", ["groups"]) => {
                let mut group = with_attributes(&asked.body);
                group["id"] = self.id().into();
                group["path"] = format!("/{}", group["name"].as_str().unwrap()).into();
                let id = group["id"].as_str().unwrap().to_owned();
                self.groups.push(group);
                (201, Value::Null, Some(id))
            }
            // With the id of a group it moves that group; the name in the body is its name then.
            ("POST", ["groups", parent, "children"]) => {
                let mut group = with_attributes(&asked.body);
                if let Some(id) = group["id"].as_str().map(str::to_owned) {
                    let Some(moved) = by_mut(&mut self.groups, "id", &id) else { return found(None) };
                    moved["parentId"] = (*parent).into();
                    return DONE;
                }
                group["id"] = self.id().into();
                group["parentId"] = (*parent).into();
                let id = group["id"].as_str().unwrap().to_owned();
                self.groups.push(group);
                self.paths();
                (201, Value::Null, Some(id))
            }
            ("GET", ["groups", id]) => found(by(&self.groups, "id", id)),
            ("PUT", ["groups", id]) => {
                let Some(group) = by_mut(&mut self.groups, "id", id) else { return found(None) };
                for name in ["name", "description", "attributes"] {
                    if let Some(value) = asked.body.get(name) {
                        group[name] = value.clone();
                    }
                }
                self.paths();
                DONE
            }
            ("DELETE", ["groups", id]) => {
                let below = self.groups.iter().filter(|group| group["parentId"] == *id);
                let below: Vec<String> =
                    below.map(|group| group["id"].as_str().unwrap().to_owned()).collect();
                for id in &below {
                    self.group("DELETE", &Asked { path: &["groups", id], query: "", body: Value::Null });
                }
                self.mappings.retain(|(group, _)| group != id);
                self.members.retain(|(group, _)| group != id);
                gone(&mut self.groups, "id", id)
            }
            ("GET", ["groups", id, "members"]) => {
                let is_in = |user: &&Value| {
                    self.members.contains(&((*id).to_owned(), user["id"].as_str().unwrap().to_owned()))
                };
                page(asked.query, self.users.iter().filter(is_in).cloned().collect(), 100)
            }
            (_, ["groups", id, "role-mappings", "realm"]) => {
                let role = asked.body[0]["id"].as_str().unwrap_or_default();
                if by(&self.roles, "id", role).is_none() {
                    return refused(404, "Role not found");
                }
                let pair = ((*id).to_owned(), role.to_owned());
                match method {
                    "POST" => drop(self.mappings.insert(pair)),
                    _ => drop(self.mappings.remove(&pair)),
                }
                DONE
            }
            _ => none_of(method, asked.path),
        }
    }

    /// A group's path follows the names above it.
    fn paths(&mut self) {
        let names: Vec<(Value, Value, Value)> = self
            .groups
            .iter()
            .map(|group| (group["id"].clone(), group["name"].clone(), group["parentId"].clone()))
            .collect();
        for group in &mut self.groups {
            let mut path = format!("/{}", group["name"].as_str().unwrap());
            let mut above = group["parentId"].clone();
            while let Some((_, name, next)) = names.iter().find(|(id, ..)| *id == above) {
                path = format!("/{}{path}", name.as_str().unwrap());
                above = next.clone();
            }
            group["path"] = path.into();
        }
    }

    fn user(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match (method, asked.path) {
            ("GET", ["users", "profile"]) => (200, self.profile.clone(), None),
            ("PUT", ["users", "profile"]) => {
                self.profile = asked.body.clone();
                (200, self.profile.clone(), None)
            }
            ("GET", ["users"]) => {
                page(asked.query, self.users.iter().map(|user| self.profiled(user)).collect(), 100)
            }
            ("GET", ["users", id]) => {
                found(by(&self.users, "id", id).map(|user| self.profiled(user)).as_ref())
            }
            ("PUT", ["users", id]) => {
                let body = self.profiled(&asked.body);
                match by_mut(&mut self.users, "id", id) {
                    Some(user) => {
                        overlay(user, &body);
                        DONE
                    }
                    None => found(None),
                }
            }
            ("DELETE", ["users", id]) => {
                self.members.retain(|(_, user)| user != id);
                gone(&mut self.users, "id", id)
            }
            ("PUT", ["users", user, "groups", group]) => {
                self.members.insert(((*group).to_owned(), (*user).to_owned()));
                DONE
            }
            ("DELETE", ["users", user, "groups", group]) => {
                self.members.remove(&((*group).to_owned(), (*user).to_owned()));
                DONE
            }
            _ => none_of(method, asked.path),
        }
    }

    /// A user with the attributes that the profile knows; others are neither shown nor written.
    fn profiled(&self, user: &Value) -> Value {
        let mut user = user.clone();
        let known = |name: &String| {
            self.profile["attributes"].as_array().unwrap().iter().any(|known| known["name"] == name.as_str())
        };
        if let Some(attributes) = user["attributes"].as_object_mut() {
            attributes.retain(|name, _| known(name));
        }
        user
    }

    /// It keeps the ids that are sent.
    fn import(&mut self, body: &Value) -> Answer {
        for (member, name) in [("groups", "name"), ("users", "username")] {
            for row in body[member].as_array().into_iter().flatten() {
                let mut row = with_attributes(row);
                if member == "users" {
                    row = self.profiled(&row);
                }
                if row["id"].is_null() {
                    row["id"] = self.id().into();
                }
                let rows = if member == "groups" { &mut self.groups } else { &mut self.users };
                if by(rows, name, row[name].as_str().unwrap()).is_some() {
                    return refused(409, "it exists");
                }
                rows.push(row);
            }
        }
        (200, json!({ "overwritten": 0 }), None)
    }

    fn client(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match (method, asked.path) {
            ("GET", ["clients"]) => page(asked.query, self.clients.clone(), EVERY),
            ("GET", ["clients", id]) => found(by(&self.clients, "id", id)),
            ("POST", ["clients"]) => {
                let mut client = asked.body.clone();
                if client["id"].is_null() {
                    client["id"] = self.id().into();
                }
                let id = client["id"].as_str().unwrap().to_owned();
                self.clients.push(client);
                (201, Value::Null, Some(id))
            }
            ("PUT", ["clients", id]) => match by_mut(&mut self.clients, "id", id) {
                Some(client) => {
                    let mut body = asked.body.clone();
                    body["attributes"] = merged(&client["attributes"], &body["attributes"]);
                    overlay(client, &body);
                    if client["authorizationServicesEnabled"] == false {
                        client.as_object_mut().unwrap().remove("authorizationServicesEnabled");
                    }
                    DONE
                }
                None => found(None),
            },
            ("DELETE", ["clients", id]) => gone(&mut self.clients, "id", id),
            _ => none_of(method, asked.path),
        }
    }

    fn provider(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        let shown = |provider: &Value| masked(provider.clone(), "/config/clientSecret");
        match (method, asked.path) {
            ("GET", [_, "instances"]) => page(asked.query, self.providers.iter().map(shown).collect(), EVERY),
            ("GET", [_, "instances", alias]) => {
                found(by(&self.providers, "alias", alias).map(shown).as_ref())
            }
            ("POST", [_, "instances"]) => {
                let mut provider = asked.body.clone();
                if provider["internalId"].is_null() {
                    provider["internalId"] = self.id().into();
                }
                let alias = provider["alias"].as_str().unwrap().to_owned();
                self.providers.push(provider);
                (201, Value::Null, Some(alias))
            }
            ("PUT", [_, "instances", alias]) => match by_mut(&mut self.providers, "alias", alias) {
                Some(provider) => {
                    let mut body = asked.body.clone();
                    if let Some(new) = body.pointer_mut("/config/clientSecret") {
                        unmasked(provider.pointer("/config/clientSecret"), new);
                    }
                    *provider = body;
                    DONE
                }
                None => found(None),
            },
            ("DELETE", [_, "instances", alias]) => gone(&mut self.providers, "alias", alias),
            _ => none_of(method, asked.path),
        }
    }

    fn organization(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match (method, asked.path) {
            ("GET", ["organizations"]) => page(asked.query, self.organizations.clone(), 10),
            ("GET", ["organizations", id]) => found(by(&self.organizations, "id", id)),
            ("POST", ["organizations"]) => {
                let mut organization = asked.body.clone();
                organization["id"] = self.id().into();
                let id = organization["id"].as_str().unwrap().to_owned();
                self.organizations.push(organization);
                (201, Value::Null, Some(id))
            }
            ("DELETE", ["organizations", id]) => gone(&mut self.organizations, "id", id),
            _ => none_of(method, asked.path),
        }
    }

    fn flow(&mut self, method: &str, asked: &Asked<'_>) -> Answer {
        match (method, asked.path) {
            ("GET", [_, "flows"]) => (200, self.flows.clone().into(), None),
            ("GET", [_, "flows", _, "executions"]) => (200, json!([]), None),
            ("GET", [_, "flows", id]) => found(by(&self.flows, "id", id)),
            ("POST", [_, "flows"]) => {
                let mut flow = asked.body.clone();
                flow["id"] = self.id().into();
                let id = flow["id"].as_str().unwrap().to_owned();
                self.flows.push(flow);
                (201, Value::Null, Some(id))
            }
            ("DELETE", [_, "flows", id]) => {
                if by(&self.flows, "id", id).is_some_and(|flow| flow["builtIn"] == true) {
                    return refused(400, "Can't delete built in flow");
                }
                gone(&mut self.flows, "id", id)
            }
            _ => none_of(method, asked.path),
        }
    }
}

/// A list of which this realm has nothing, although a real one may.
fn none_of(method: &str, path: &[&str]) -> Answer {
    const LISTS: [&str; 9] = [
        "client-scopes",
        "components",
        "composites",
        "default-client-scopes",
        "executions",
        "models",
        "optional-client-scopes",
        "roles",
        "users",
    ];
    match path.last() {
        Some(&"scope-mappings" | &"role-mappings") if method == "GET" => (200, json!({}), None),
        Some(last) if method == "GET" && LISTS.contains(last) => (200, json!([]), None),
        _ => refused(404, "HTTP 404 Not Found"),
    }
}

fn gone(rows: &mut Vec<Value>, field: &str, is: &str) -> Answer {
    let before = rows.len();
    rows.retain(|row| row[field] != is);
    if rows.len() < before { DONE } else { found(None) }
}
