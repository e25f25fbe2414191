//! A world behind a socket on this machine.
//!
//! Nothing here decides anything: it turns HTTP into [`Request`] and [`Response`] into HTTP. It
//! listens on loopback only, because the tenant behind it is made up and its token is known.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response as HttpResponse;
use tokio::net::TcpListener;

use crate::base::time::Clock;
use crate::json::{Limits, Object, Value, parse};
use crate::sim::handle::handle;
use crate::sim::tls::{Tls, TlsListener};
use crate::sim::wire::{Body, Request, Response, read_query};
use crate::sim::world::World;

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Why a simulator does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Others could reach it.
    #[error("`{0}` is not an address of this machine alone; a simulator listens on 127.0.0.1 or ::1 only")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}; another program may hold the port")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// A simulator that listens and does not answer yet: its address is known.
pub struct Listening {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where each request is written down: one line of JSON with its method, target and status, and nothing of
    /// its headers or bodies.
    pub log: Option<Box<dyn Write + Send>>,
    /// How it speaks TLS, where it does.
    pub tls: Option<Tls>,
}

impl Listening {
    /// Takes an address; port 0 takes a free one.
    ///
    /// # Errors
    /// It must be a loopback address, and free.
    pub async fn on(address: SocketAddr) -> Result<Self, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let failed = |error| ServeError::Listen(address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, log: None, tls: None })
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// The socket may fail.
    pub async fn answer(self, world: World, clock: Arc<dyn Clock>) -> Result<(), ServeError> {
        self.answer_from(Arc::new(Mutex::new(world)), clock).await
    }

    /// The same for a world that somebody else changes meanwhile.
    ///
    /// # Errors
    /// The socket may fail.
    pub async fn answer_from(
        self,
        world: Arc<Mutex<World>>,
        clock: Arc<dyn Clock>,
    ) -> Result<(), ServeError> {
        let shared = Arc::new(Shared { world, clock, log: Mutex::new(self.log) });
        let app = Router::new().fallback(turn).with_state(shared);
        let failed = |error| ServeError::Listen(self.address, error);
        match &self.tls {
            Some(tls) => axum::serve(TlsListener::new(self.listener, self.address, tls), app).await,
            None => axum::serve(self.listener, app).await,
        }
        .map_err(failed)
    }
}

struct Shared {
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Clock>,
    log: Mutex<Option<Box<dyn Write + Send>>>,
}

impl Shared {
    /// Writes a request down, before its answer is sent: whoever has the answer finds the line.
    fn note(&self, method: &str, target: &str, status: u16) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(out) = log.as_mut() else { return };
        let line = Object::from_pairs([
            ("method", Value::from(method)),
            ("target", target.into()),
            ("status", i64::from(status).into()),
        ]);
        let mut line = Value::from(line).to_canonical();
        line.push(b'\n');
        // A log that cannot be written ends: half of one would look whole.
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            *log = None;
        }
    }
}

async fn turn(State(shared): State<Arc<Shared>>, request: HttpRequest) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_BYTES_MAX).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let asked = read(&parts, &bytes);
    let mut world = shared.world.lock().unwrap_or_else(PoisonError::into_inner);
    world.now = shared.clock.now();
    let answer = handle(&mut world, &asked);
    drop(world);
    let target = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |target| target.as_str());
    shared.note(parts.method.as_str(), target, answer.status);
    write(answer)
}

fn read(parts: &axum::http::request::Parts, bytes: &Bytes) -> Request {
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let form = headers.get("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    let fields = if form { read_query(&String::from_utf8_lossy(bytes)) } else { Vec::new() };
    let json = headers.get("content-type").is_none_or(|kind| kind.contains("json"));
    let body = match bytes.is_empty() || !json {
        true => None,
        false => parse(bytes, &Limits::body()).ok(),
    };
    Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: read_query(parts.uri.query().unwrap_or_default()),
        broken: json && !bytes.is_empty() && body.is_none(),
        headers,
        fields,
        body,
    }
}

fn write(answer: Response) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (kind, body) = match answer.body {
        Body::None => (None, HttpBody::empty()),
        Body::Json(value) => (Some("application/json"), HttpBody::from(value.to_canonical())),
        Body::Text(kind, text) => (Some(kind), HttpBody::from(text)),
        // A body that fails before its first byte ends the connection.
        Body::Dropped => {
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("dropped")) });
            let mut response = HttpResponse::new(HttpBody::from_stream(broken));
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
            return response;
        }
    };
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        let pair = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn plain(status: StatusCode) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::empty());
    *response.status_mut() = status;
    response
}
