//! One request on the wire, within bounds on time and size. Knows nothing of tokens or retries.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};

use crate::base::error::chain;
use crate::base::limits;
use crate::http::address::Address;
use crate::http::answer::Answer;
use crate::http::error::HttpError;

/// Bounds on one request.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Until the connection stands.
    pub connect: Duration,
    /// Without a byte of the answer.
    pub idle: Duration,
    /// From first to last byte.
    pub total: Duration,
    /// Bytes of an answer, as unpacked.
    pub body_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            total: Duration::from_secs(600),
            body_bytes_max: limits::JSON_BYTES_MAX,
        }
    }
}

/// What goes out: everything that a request is made of.
pub(crate) struct Packet<'a> {
    pub(crate) method: &'static str,
    pub(crate) url: Url,
    pub(crate) authorization: Option<HeaderValue>,
    /// The proof that the token is ours (DPoP).
    pub(crate) proof: Option<HeaderValue>,
    pub(crate) body: Option<(Bytes, &'a str)>,
}

/// The connection pool.
pub(crate) struct Transport {
    client: reqwest::Client,
    bounds: Bounds,
}

/// Chooses the cryptography of TLS for the whole process.
pub fn install_tls() {
    // A second call finds the provider installed, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
}

impl Transport {
    /// A pool for a tenant. With `ca_file` only the authorities in it are trusted.
    pub(crate) fn new(
        address: &Address,
        tls: bool,
        extra: &BTreeMap<String, String>,
        ca_file: Option<&Path>,
        bounds: Bounds,
    ) -> Result<Self, HttpError> {
        install_tls();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("lastgood/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(extra)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(bounds.connect)
            .read_timeout(bounds.idle)
            .timeout(bounds.total);
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        if let Some(file) = ca_file {
            builder = builder.tls_certs_only(certificates(file)?);
        } else if !tls {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| HttpError::Setup { what: innermost(&error) })?;
        Ok(Self { client, bounds })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(&self, packet: Packet<'_>) -> Result<Answer, HttpError> {
        let place = Place::of(&packet.url);
        let method = packet.method.parse().expect("a method that this crate names");
        let mut request = self.client.request(method, packet.url);
        if let Some(value) = packet.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, value);
        }
        if let Some(value) = packet.proof {
            request = request.header("dpop", value);
        }
        if let Some((body, content_type)) = packet.body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let response = request.send().await.map_err(|error| self.fault(&place, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() && status.as_u16() != 304 {
            let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
            let to = crate::http::error::path_of(to);
            return Err(HttpError::Redirected { path: place.path, status: status.as_u16(), to });
        }
        let body = self.body(response, &place).await?;
        Ok(Answer { status: status.as_u16(), headers, body })
    }

    async fn body(&self, mut response: reqwest::Response, place: &Place) -> Result<Bytes, HttpError> {
        let max = self.bounds.body_bytes_max;
        let too_large = || HttpError::TooLarge { path: place.path.clone(), max };
        if response.content_length().is_some_and(|length| length > max as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.fault(place, error))? {
            if body.len() + chunk.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Sorts the library's error. Its text is not used: it prints the URL with its query.
    fn fault(&self, place: &Place, error: reqwest::Error) -> HttpError {
        let error = error.without_url();
        let (host, path, cause) = (place.host.clone(), place.path.clone(), innermost(&error));
        let tls = chain(&error).any(|link| link.downcast_ref::<rustls::Error>().is_some())
            || cause.contains("certificate");
        if error.is_connect() && tls {
            HttpError::Tls { host, cause }
        } else if error.is_connect() {
            let cause = if error.is_timeout() { "no connection in time".into() } else { cause };
            HttpError::Unreachable { host, path, cause }
        } else if error.is_timeout() {
            HttpError::Timeout { path, after: self.bounds.idle.min(self.bounds.total) }
        } else {
            HttpError::Broken { path, cause }
        }
    }
}

/// Where a request goes, in words that may be shown.
struct Place {
    host: String,
    path: String,
}

impl Place {
    fn of(url: &Url) -> Self {
        let name = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        Self { host, path: url.path().to_owned() }
    }
}

/// What goes with every request. JSON is asked for: some vendors give another form by default.
fn headers(extra: &BTreeMap<String, String>) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in extra {
        let wrong = || HttpError::Setup { what: format!("`{name}` cannot be sent as a header") };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(headers)
}

fn certificates(file: &Path) -> Result<Vec<reqwest::Certificate>, HttpError> {
    let wrong = |what: String| HttpError::CaFile { file: file.to_owned(), what };
    let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let found = reqwest::Certificate::from_pem_bundle(&text).map_err(|error| wrong(innermost(&error)))?;
    if found.is_empty() { Err(wrong("it holds no certificate".into())) } else { Ok(found) }
}

/// The text of the first cause: the only one without our own wrapping, and without a URL.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}
