//! A small client of Keycloak's admin API, for tests only.
//!
//! It shares no code with `src/provider` or `src/http`: what it reads is the oracle that the product
//! is compared with, and a shared bug would confirm itself. Every call that must succeed panics with
//! method, path, status and answer when it does not; `call` returns any answer for tests of refusals.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, header};
use serde_json::Value;

/// How to get a token: the realm of the account and the form of the token request.
#[derive(Clone)]
pub(crate) struct Login {
    realm: String,
    form: Vec<(&'static str, String)>,
}

impl Login {
    /// An administrator of the master realm, by password.
    pub(crate) fn password(username: &str, password: &str) -> Self {
        let form = [("client_id", "admin-cli"), ("grant_type", "password")]
            .into_iter()
            .chain([("username", username), ("password", password)])
            .map(|(key, value)| (key, value.to_owned()))
            .collect();
        Self { realm: "master".into(), form }
    }

    /// A service account of `realm`.
    pub(crate) fn client(realm: &str, client_id: &str, secret: &str) -> Self {
        let form =
            [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", secret)]
                .into_iter()
                .map(|(key, value)| (key, value.to_owned()))
                .collect();
        Self { realm: realm.into(), form }
    }
}

/// What the server said.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body: JSON, or a string where it is not JSON, or null where it is empty.
    pub(crate) body: Value,
    /// The last segment of the `Location` header: the id of what was made.
    pub(crate) made: Option<String>,
}

/// One account on one server.
pub(crate) struct Admin {
    base: String,
    http: Client,
    login: Login,
    token: Mutex<Option<(String, Instant)>>,
}

/// Admin tokens live 60 s; a request in flight must not outlive its token.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(40);

impl Admin {
    /// A client of the server at `base` (no slash at the end).
    pub(crate) fn new(base: &str, login: Login) -> Self {
        // Someone in this process may have installed it already: both are the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http =
            Client::builder().timeout(Duration::from_secs(120)).build().expect("a client without options");
        Self { base: base.into(), http, login, token: Mutex::new(None) }
    }

    /// The same server with another account.
    pub(crate) fn login(&self, login: Login) -> Self {
        Self::new(&self.base, login)
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a token; the answer of the token endpoint as it is.
    pub(crate) async fn ask_token(&self) -> Answer {
        let url = format!("{}/realms/{}/protocol/openid-connect/token", self.base, self.login.realm);
        answer(self.http.post(url).form(&self.login.form).send().await.expect("the token endpoint answers"))
            .await
    }

    async fn bearer(&self) -> String {
        if let Some((token, since)) = &*self.token.lock().expect("no test panics inside")
            && since.elapsed() < TOKEN_AGE_MAX
        {
            return token.clone();
        }
        let asked = Instant::now();
        let answer = self.ask_token().await;
        let token = answer.body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}"));
        *self.token.lock().expect("no test panics inside") = Some((token.to_owned(), asked));
        token.to_owned()
    }

    /// Sends a request below `/admin/realms` with any body and returns any answer.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Answer {
        let url = format!("{}/admin/realms{path}", self.base);
        let mut request = self.http.request(method.clone(), &url).bearer_auth(self.bearer().await);
        // Without it the workflow endpoints answer YAML.
        request = request.header(header::ACCEPT, "application/json");
        if let Some((content_type, bytes)) = body {
            request = request.header(header::CONTENT_TYPE, content_type).body(bytes);
        }
        match request.send().await {
            Ok(response) => answer(response).await,
            Err(error) => panic!("{method} {path}: {error:?}"),
        }
    }

    /// Reads in the form that the server gives when none is asked for: content type and text.
    pub(crate) async fn get_plain(&self, path: &str) -> (String, String) {
        let url = format!("{}/admin/realms{path}", self.base);
        let request = self.http.get(url).bearer_auth(self.bearer().await);
        let response = request.send().await.expect("an answer");
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        (kind, response.text().await.expect("the answer arrives whole"))
    }

    /// Sends JSON and returns any answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|value| ("application/json", value.to_string().into_bytes()));
        self.send(method, path, body).await
    }

    /// Sends JSON; the answer must be a success.
    pub(crate) async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.call(method.clone(), path, body).await;
        let sent = body.map(Value::to_string).unwrap_or_default();
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}\n{sent}",
            answer.status,
            answer.body
        );
        answer
    }

    /// Reads; the answer must be a success.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.must(Method::GET, path, None).await.body
    }

    /// Creates; returns the id from `Location`, or the `id` of the answer's body, or nothing.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> String {
        let answer = self.must(Method::POST, path, Some(body)).await;
        answer.made.or_else(|| answer.body["id"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Updates.
    pub(crate) async fn put(&self, path: &str, body: &Value) {
        self.must(Method::PUT, path, Some(body)).await;
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &str) {
        self.must(Method::DELETE, path, None).await;
    }
}

async fn answer(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let made = response
        .headers()
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| location.rsplit('/').next())
        .map(str::to_owned);
    let text = response.text().await.expect("the answer arrives whole");
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    Answer { status, body, made }
}

/// Percent-encodes one path segment or one value of a query.
pub(crate) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
