//! The server that the tests of this crate run against, and realms of their own on it.
//!
//! `tests/keycloak/server start DIR PORT` starts one; the environment tells where it is:
//!
//! | variable | meaning |
//! | --- | --- |
//! | `LASTGOOD_KEYCLOAK` | address of a running server; absent: every test here is skipped and says so |
//! | `LASTGOOD_KEYCLOAK_ADMIN`, `LASTGOOD_KEYCLOAK_PASSWORD` | its administrator, `admin` and `admin-pw-1` |
//! | `LASTGOOD_KEYCLOAK_LOG` | the server's access log, for proofs about what was asked |
//! | `LASTGOOD_REQUIRE_KEYCLOAK=1` | a test that would be skipped fails |
//! | `LASTGOOD_KEEP_REALMS=1` | realms stay after a test that passed |
//!
//! Tests never share a realm: each makes one with [`Server::realm`], named after itself and the process.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::{Admin, Answer, Login};

/// A running server, as its administrator.
pub(crate) struct Server {
    admin: Arc<Admin>,
    made: Mutex<Vec<String>>,
}

/// Runs `test` against the server of the environment, or counts it as skipped.
///
/// Realms made by the test are deleted when it passes and stay for a look when it fails.
pub(crate) fn on_server(test: impl AsyncFnOnce(&Server)) {
    let Ok(base) = std::env::var("LASTGOOD_KEYCLOAK") else {
        return skip();
    };
    let user = env_or("LASTGOOD_KEYCLOAK_ADMIN", "admin");
    let password = env_or("LASTGOOD_KEYCLOAK_PASSWORD", "admin-pw-1");
    let admin = Admin::new(base.trim_end_matches('/'), Login::password(&user, &password));
    let server = Server { admin: Arc::new(admin), made: Mutex::new(Vec::new()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        test(&server).await;
        if std::env::var_os("LASTGOOD_KEEP_REALMS").is_none() {
            let made = std::mem::take(&mut *server.made.lock().expect("no test panics inside"));
            for name in made {
                server.admin.call(Method::DELETE, &format!("/{name}"), None).await;
            }
        }
    });
}

fn env_or(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.into())
}

fn skip() {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let required = std::env::var("LASTGOOD_REQUIRE_KEYCLOAK").is_ok_and(|value| value == "1");
    assert!(!required, "LASTGOOD_REQUIRE_KEYCLOAK=1, but LASTGOOD_KEYCLOAK names no server");
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    notice(&format!("skipped {name}: LASTGOOD_KEYCLOAK is not set ({count} skipped so far)"));
}

/// Prints a line also when the test passes.
pub(crate) fn notice(line: &str) {
    // Written to the stream itself: the test harness hides what a passing test prints.
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("stderr is open");
}

impl Server {
    /// A new realm with nothing in it but Keycloak's own objects and admin events switched on.
    pub(crate) async fn realm(&self, name: &str) -> Realm {
        self.realm_with(name, json!({"adminEventsEnabled": true, "adminEventsDetailsEnabled": true})).await
    }

    /// A new realm with these settings.
    pub(crate) async fn realm_with(&self, name: &str, mut settings: Value) -> Realm {
        let name = format!("{name}-{}", std::process::id());
        self.admin.call(Method::DELETE, &format!("/{name}"), None).await;
        settings["realm"] = json!(name);
        settings["enabled"] = json!(true);
        self.admin.post("", &settings).await;
        self.made.lock().expect("no test panics inside").push(name.clone());
        Realm { admin: Arc::clone(&self.admin), name }
    }
}

/// One realm; paths are relative to `/admin/realms/NAME`.
#[derive(Clone)]
pub(crate) struct Realm {
    admin: Arc<Admin>,
    name: String,
}

impl Realm {
    /// Its name, also in paths: it has no character that needs encoding.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        self.admin.base()
    }

    /// The same realm, read and written by a service account of its own.
    pub(crate) fn as_client(&self, client_id: &str, secret: &str) -> Self {
        let admin = self.admin.login(Login::client(&self.name, client_id, secret));
        Self { admin: Arc::new(admin), name: self.name.clone() }
    }

    fn path(&self, path: &str) -> String {
        format!("/{}{path}", self.name)
    }

    /// See [`Admin::get_plain`].
    pub(crate) async fn get_plain(&self, path: &str) -> (String, String) {
        self.admin.get_plain(&self.path(path)).await
    }

    /// See [`Admin::call`].
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.admin.call(method, &self.path(path), body).await
    }

    /// Sends a body that is not JSON; the answer must be a success.
    pub(crate) async fn send(&self, method: Method, path: &str, content_type: &str, body: &str) -> Answer {
        let answer = self.admin.send(method, &self.path(path), Some((content_type, body.into()))).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer
    }

    /// See [`Admin::must`].
    pub(crate) async fn must(&self, method: Method, path: &str, body: &Value) -> Value {
        self.admin.must(method, &self.path(path), Some(body)).await.body
    }

    /// The status of a read.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.call(Method::GET, path, None).await.status
    }

    /// See [`Admin::get`].
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.admin.get(&self.path(path)).await
    }

    /// Reads a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        match self.get(path).await {
            Value::Array(items) => items,
            other => panic!("{path} is no list: {other}"),
        }
    }

    /// The one item of the list at `path` whose `field` is `value`.
    pub(crate) async fn find(&self, path: &str, field: &str, value: &str) -> Value {
        let found: Vec<Value> =
            self.list(path).await.into_iter().filter(|item| item[field] == value).collect();
        assert_eq!(found.len(), 1, "{path} with {field} = {value}: {found:?}");
        found.into_iter().next().expect("one was found")
    }

    /// The id of a client.
    pub(crate) async fn client(&self, client_id: &str) -> String {
        text(&self.find("/clients", "clientId", client_id).await, "id")
    }

    /// See [`Admin::post`].
    pub(crate) async fn post(&self, path: &str, body: &Value) -> String {
        self.admin.post(&self.path(path), body).await
    }

    /// See [`Admin::put`].
    pub(crate) async fn put(&self, path: &str, body: &Value) {
        self.admin.put(&self.path(path), body).await;
    }

    /// See [`Admin::delete`].
    pub(crate) async fn delete(&self, path: &str) {
        self.admin.delete(&self.path(path)).await;
    }
}

/// The string at `field`, which must be there.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no string {field} in {value}")).to_owned()
}
