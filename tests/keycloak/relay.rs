//! A relay before the real server that can go wrong in the middle of a sweep: what passes through it
//! is the server's own, until the fault begins.
//!
//! It runs on threads of its own, because the tests wait for the binary on theirs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::Notify;

/// Largest request or answer that is passed on.
const BYTES_MAX: usize = 64 << 20;

/// What goes wrong. Requests to the admin API are counted from 1 when the fault is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The server is gone from this request on: connections break, new ones are refused.
    Stop(usize),
    /// No token is good from this request on, and no new one is given.
    Expire(usize),
    /// One token ends at this request; the next one is good.
    Renew(usize),
    /// This request waits until [`Relay::release`]: something can be changed meanwhile.
    Hold(usize),
    /// This call that changes something waits until [`Relay::release`]: before it reaches the server,
    /// or with the server's answer.
    HoldWrite {
        /// Its number among the calls that change something.
        at: usize,
        /// Whether the server has done it.
        answered: bool,
    },
    /// A list whose path ends so lacks its last row, with status 200.
    Fewer(&'static str),
}

/// A relay that runs until it is dropped or stopped by its fault.
pub(crate) struct Relay {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    fault: Mutex<Fault>,
    asked: AtomicUsize,
    wrote: AtomicUsize,
    stop: Notify,
    held: Notify,
    released: Notify,
    forgotten: Notify,
    client: reqwest::Client,
}

impl Relay {
    /// A relay to the server at `server`.
    pub(crate) fn new(server: &str) -> Self {
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            fault: Mutex::new(Fault::None),
            asked: AtomicUsize::new(0),
            wrote: AtomicUsize::new(0),
            stop: Notify::new(),
            held: Notify::new(),
            released: Notify::new(),
            forgotten: Notify::new(),
            client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        });
        let (sender, receiver) = channel();
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
                let of_router = Arc::clone(&of_thread);
                let router =
                    axum::Router::new().fallback(move |request| relay(Arc::clone(&of_router), request));
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    () = of_thread.stop.notified() => {}
                }
            });
            // Dropping the runtime closes every connection, as the end of a process does.
        });
        Self { url: receiver.recv().unwrap(), shared }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on this goes wrong.
    pub(crate) fn set(&self, fault: Fault) {
        self.shared.asked.store(0, Ordering::SeqCst);
        self.shared.wrote.store(0, Ordering::SeqCst);
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Waits until a request is held back.
    pub(crate) async fn held(&self) {
        self.shared.held.notified().await;
    }

    /// Lets the request that is held back go on.
    pub(crate) fn release(&self) {
        self.shared.released.notify_one();
    }

    /// Whoever sent the call that is held is gone: it is never passed on, and nothing more is held.
    pub(crate) fn forget(&self) {
        self.set(Fault::None);
        self.shared.forgotten.notify_waiters();
    }

    /// Requests to the admin API since the fault was set.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Calls that change something since the fault was set.
    pub(crate) fn wrote(&self) -> usize {
        self.shared.wrote.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
    }
}

async fn relay(shared: Arc<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let admin = path.starts_with("/admin/");
    let asked = if admin {
        shared.asked.fetch_add(1, Ordering::SeqCst) + 1
    } else {
        shared.asked.load(Ordering::SeqCst)
    };
    let writes = admin && request.method() != Method::GET;
    let wrote = if writes { shared.wrote.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
    let fault = shared.fault.lock().unwrap().clone();
    match fault {
        Fault::HoldWrite { at, answered: true } if wrote == at => {
            let answer = pass_on(&shared, request).await;
            shared.held.notify_one();
            tokio::select! {
                () = shared.released.notified() => answer,
                () = shared.forgotten.notified() => StatusCode::BAD_GATEWAY.into_response(),
            }
        }
        Fault::HoldWrite { at, answered: false } if wrote == at => {
            shared.held.notify_one();
            tokio::select! {
                () = shared.released.notified() => pass_on(&shared, request).await,
                () = shared.forgotten.notified() => StatusCode::BAD_GATEWAY.into_response(),
            }
        }
        Fault::Stop(from) if asked >= from => {
            shared.stop.notify_one();
            std::future::pending().await
        }
        Fault::Expire(from) if asked >= from => StatusCode::UNAUTHORIZED.into_response(),
        Fault::Renew(at) if admin && asked == at => StatusCode::UNAUTHORIZED.into_response(),
        Fault::Hold(at) if admin && asked == at => {
            shared.held.notify_one();
            shared.released.notified().await;
            pass_on(&shared, request).await
        }
        Fault::Fewer(end) if path.ends_with(end) => fewer(pass_on(&shared, request).await).await,
        _ => pass_on(&shared, request).await,
    }
}

/// Asks the server, with the same host in the request: Keycloak names itself by it in its tokens.
async fn pass_on(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = to_bytes(body, BYTES_MAX).await.unwrap();
    let asked = shared.client.request(parts.method, format!("{}{target}", shared.server));
    let answer = asked.headers(parts.headers).body(body).send().await.unwrap();
    let mut out = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if ![header::TRANSFER_ENCODING, header::CONNECTION, header::CONTENT_LENGTH].contains(name) {
            out = out.header(name, value);
        }
    }
    out.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

/// The same list without its last row.
async fn fewer(answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, BYTES_MAX).await.unwrap();
    let mut rows: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    rows.pop();
    Response::from_parts(parts, Body::from(serde_json::to_vec(&rows).unwrap()))
}
