//! What is sent and what comes back.

use bytes::Bytes;
use reqwest::header::HeaderMap;

/// A request that writes.
#[derive(Clone)]
pub struct Outgoing {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Path from the tenant's root, and query.
    pub target: String,
    /// The body with its content type.
    pub body: Option<(Vec<u8>, String)>,
}

/// Bodies may hold secrets: only the size is shown.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.body.as_ref().map_or(0, |(body, _)| body.len());
        write!(f, "Outgoing({} {}, {bytes} bytes)", self.method, crate::http::error::path_of(&self.target))
    }
}

/// A whole answer, of any status.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, within the bound on its size.
    pub body: Bytes,
}

impl Answer {
    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Every header of this name that is text; `Link` may come several times.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// True for 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}
