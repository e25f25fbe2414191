//! A realm on loopback for the binary to read: as much of a server as a snapshot asks, in one state
//! after another.
//!
//! It runs on a thread of its own, because the tests wait for the binary on theirs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Users that are always there. One more comes with each state and goes with the next.
const USERS: usize = 40;

/// Kinds that this realm has; what it answers with 404 is accepted as not there.
const KINDS: [&str; 3] = ["realm", "group", "user"];

/// The server; it ends with the process.
pub(crate) struct Realm {
    url: String,
    state: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    left_out: Arc<Mutex<String>>,
}

impl Realm {
    /// Starts it, in state 0.
    pub(crate) fn start() -> Self {
        let (state, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let left_out = Arc::new(Mutex::new(String::new()));
        let (of_server, count, without) = (state.clone(), asked.clone(), left_out.clone());
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let router = axum::Router::new().fallback(move |request: Request| {
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer = answer(&request, of_server.load(Ordering::SeqCst), &without.lock().unwrap());
                    async move { answer }
                });
                axum::serve(listener, router).await.unwrap();
            });
        });
        let url = format!("http://{}", receiver.recv().unwrap());
        Self { url, state, asked, left_out }
    }

    /// Brings it into another state.
    pub(crate) fn move_to(&self, state: usize) {
        self.state.store(state, Ordering::SeqCst);
        self.asked.store(0, Ordering::SeqCst);
    }

    /// Leaves a user out of the list, though he is there.
    pub(crate) fn leave_out(&self, id: &str) {
        *self.left_out.lock().unwrap() = id.to_owned();
    }

    /// Requests since the last move.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A configuration with this realm as tenant `kc`.
    pub(crate) fn configuration(&self) -> String {
        let catalog = lastgood::catalog::provider("keycloak").unwrap();
        let kinds = catalog.kinds.iter().map(|spec| spec.kind.as_str());
        let accept: Vec<&str> = kinds.filter(|kind| !KINDS.contains(kind)).collect();
        format!(
            "[repository]\nurl = \"repo\"\n\n\
             [[tenant]]\nname = \"kc\"\nprovider = \"keycloak\"\nurl = \"{}\"\nrealm = \"demo\"\naccept = {accept:?}\n\n\
             [tenant.auth]\nkind = \"client_secret\"\nclient_id = \"reader\"\nclient_secret = \"file:secret\"\n",
            self.url
        )
    }
}

/// The notes of all users in a state, by id: what tells one state from every other.
pub(crate) fn notes(state: usize) -> BTreeMap<String, String> {
    let mut notes: BTreeMap<String, String> =
        (0..USERS).map(|user| (format!("u{user:03}"), note(user, last_change(user, state)))).collect();
    notes.insert(format!("guest{state:05}"), note(USERS, state));
    notes
}

/// Every tenth user changes in a state.
fn last_change(user: usize, state: usize) -> usize {
    (0..=state).rev().find(|state| state % 10 == user % 10).unwrap_or(0)
}

/// A text that does not compress.
fn note(user: usize, state: usize) -> String {
    let mut number = (user * 1_000_003 + state) as u64;
    let mut next = || {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (number >> 40) as u8 % 64)
    };
    (0..600).map(|_| next()).collect()
}

fn answer(request: &Request, state: usize, left_out: &str) -> Response {
    let path = request.uri().path();
    let json = |value: Value| ([("content-type", "application/json")], value.to_string()).into_response();
    if path.ends_with("/token") {
        // Neither roles nor a signature stand in it.
        return json(json!({ "access_token": "h.e30.s", "expires_in": 600, "token_type": "Bearer" }));
    }
    match path.strip_prefix("/admin/realms/demo") {
        Some("") => json(json!({ "id": "5ea1", "realm": "demo" })),
        Some("/groups") => {
            json(page(request, vec![json!({ "id": "a001", "name": "Engineering", "path": "/Engineering" })]))
        }
        Some("/users") => {
            let listed = notes(state).into_iter().filter(|(id, _)| id != left_out);
            json(page(request, listed.map(|(id, note)| user(&id, &note)).collect()))
        }
        Some(path) => {
            match path.strip_prefix("/users/").and_then(|id| Some((id, notes(state).remove(id)?))) {
                Some((id, note)) => json(user(id, &note)),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn user(id: &str, note: &str) -> Value {
    json!({ "id": id, "username": id, "enabled": true, "firstName": note })
}

/// The rows of a list that were asked for.
fn page(request: &Request, rows: Vec<Value>) -> Value {
    let query = request.uri().query().unwrap_or_default();
    let number = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|text| text.parse::<usize>().ok())
    };
    let (first, max) = (number("first").unwrap_or(0), number("max").unwrap_or(100));
    Value::Array(rows.into_iter().skip(first).take(max).collect())
}
