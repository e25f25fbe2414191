//! A server for tests, in this process, on loopback: every request goes to one closure.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: String,
    pub(crate) asked_by: String,
    pub(crate) proof: String,
    pub(crate) body: String,
}

impl Seen {
    /// The value of a query parameter, as sent.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The value of a form field, decoded.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let form = reqwest::Url::parse(&format!("form:?{}", self.body)).ok()?;
        form.query_pairs().find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    }

    /// The same, as a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.param(name)?.parse().ok()
    }

    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

/// The running server; it ends with the test's runtime.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Starts a server that answers as `handler` says; its first argument counts from 1.
    pub(crate) async fn start(handler: impl Fn(usize, &Seen) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, handler) = (seen.clone(), Arc::new(handler));
        let router = axum::Router::new().fallback(move |request: Request| {
            let (log, handler) = (log.clone(), handler.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
                let header = |name: &str| {
                    let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
                    value.unwrap_or_default().to_owned()
                };
                let one = Seen {
                    method: parts.method.to_string(),
                    path: parts.uri.path().into(),
                    query: parts.uri.query().unwrap_or_default().into(),
                    authorization: header("authorization"),
                    asked_by: header("x-asked-by"),
                    proof: header("dpop"),
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(one.clone());
                    log.len()
                };
                handler(number, &one)
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Path and query of each request so far, but for those for tokens.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.seen().iter().filter(|seen| seen.method != "POST").map(Seen::target).collect()
    }
}

/// An answer with this status and JSON text.
pub(crate) fn json(status: u16, text: impl Into<String>) -> Response {
    answer(status, &[("content-type", "application/json")], text)
}

/// An answer with headers.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], text: impl Into<String>) -> Response {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(text.into())).unwrap()
}

/// A 200 of unannounced length.
pub(crate) fn streamed(text: &'static str) -> Response {
    Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(text)])).into_response()
}

/// A 200 whose body breaks off after these bytes.
pub(crate) fn broken(text: &'static str) -> Response {
    let parts = vec![Ok(text), Err(std::io::Error::other("cable cut"))];
    Body::from_stream(futures::stream::iter(parts)).into_response()
}
