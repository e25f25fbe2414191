//! What goes over the wire: a request, an answer, and the vendor's form of an error.
//!
//! No socket and no clock here; `serve` turns these into HTTP.

use std::collections::BTreeMap;

use crate::base::key::decode_part;
use crate::json::{Limits, Pointer, Value, parse};

/// A request, as far as an answer depends on it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// The path as sent, percent-encoded, without the query.
    pub path: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The fields of a body that is a form, decoded, in order.
    pub fields: Vec<(String, String)>,
    /// The JSON of the body; `None` where there is none or where it is another format.
    pub body: Option<Value>,
    /// A body came that is no JSON though its header says so.
    pub broken: bool,
}

impl Request {
    /// A request without headers.
    #[must_use]
    pub fn new(method: &str, path: &str, query: &str, body: Option<Value>) -> Self {
        Self { method: method.into(), path: path.into(), query: read_query(query), body, ..Self::default() }
    }

    /// A request as it is written down: path with query, JSON, and the token of who sends it.
    ///
    /// # Errors
    /// The body is no JSON.
    pub fn written(method: &str, target: &str, token: &str, body: &str) -> Result<Self, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = match body {
            "" => None,
            text => Some(parse(text.as_bytes(), &Limits::body()).map_err(|error| error.to_string())?),
        };
        let mut request = Self::new(method, path, query, body);
        request.headers.insert("authorization".into(), format!("SSWS {token}"));
        Ok(request)
    }

    /// The first value of a field of a form.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Splits `a=b&c=d` and decodes it; a part that is badly encoded is kept as it is.
#[must_use]
pub fn read_query(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        decode_part(&spaced).unwrap_or(spaced)
    };
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers, in order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// What is in it.
    pub body: Body,
}

/// What an answer holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// Another format, with its content type.
    Text(&'static str, String),
    /// The connection ends without an answer.
    Dropped,
}

impl Response {
    /// An answer of JSON.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    /// A text in a JSON answer.
    #[must_use]
    pub fn text(&self, at: &str) -> Option<String> {
        let Body::Json(body) = &self.body else { return None };
        Pointer::parse(at).ok()?.get(body)?.as_str().map(str::to_owned)
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::None }
    }
}

/// What a refusal comes of, where every vendor knows the like and each has a code of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Why {
    /// Something of the vendor's own: the code says it.
    #[default]
    Own,
    /// There is no such thing.
    Absent,
    /// The body is one that the kind does not take.
    Invalid,
    /// The body cannot be read.
    Malformed,
    /// The token is no token.
    Unknown,
    /// The token may not.
    Denied,
    /// There is no such call.
    NoCall,
    /// The query asks for what cannot be.
    Query,
    /// The window is used up.
    TooMany,
}

/// A request that the vendor refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it comes of.
    pub why: Why,
    /// The HTTP status.
    pub status: u16,
    /// The vendor's code: `E0000007`.
    pub code: String,
    /// What it says.
    pub summary: String,
    /// The single faults, where it lists them.
    pub causes: Vec<String>,
}

impl Refusal {
    /// A refusal without single faults.
    #[must_use]
    pub fn new(status: u16, code: &str, summary: impl Into<String>) -> Self {
        Self { why: Why::Own, status, code: code.into(), summary: summary.into(), causes: Vec::new() }
    }

    /// The same, of which every vendor knows the like.
    #[must_use]
    pub fn because(self, why: Why) -> Self {
        Self { why, ..self }
    }

    /// There is no such thing.
    #[must_use]
    pub fn absent(id: &str, title: &str) -> Self {
        Self::new(404, "E0000007", format!("Not found: Resource not found: {id} ({title})"))
            .because(Why::Absent)
    }

    /// The body cannot be read.
    #[must_use]
    pub fn malformed() -> Self {
        Self::new(400, "E0000003", "The request body was not well-formed.").because(Why::Malformed)
    }

    /// The token is no token.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new(401, "E0000011", "Invalid token provided").because(Why::Unknown)
    }

    /// The token may not.
    #[must_use]
    pub fn denied() -> Self {
        Self::new(403, "E0000006", "You do not have permission to perform the requested action")
            .because(Why::Denied)
    }

    /// There is no such call, or not with this method.
    #[must_use]
    pub fn no_call(status: u16) -> Self {
        Self::new(status, "E0000022", "The endpoint does not support the provided HTTP method")
            .because(Why::NoCall)
    }

    /// The query asks for what cannot be.
    #[must_use]
    pub fn query(said: &str) -> Self {
        Self::new(400, "E0000031", format!("Invalid search criteria. {said}").trim_end()).because(Why::Query)
    }

    /// The window is used up.
    #[must_use]
    pub fn too_many() -> Self {
        Self::new(429, "E0000047", "API call exceeded rate limit due to too many requests.")
            .because(Why::TooMany)
    }

    /// A body with faults, under the name that the vendor gives the thing.
    #[must_use]
    pub fn invalid(title: &str, causes: Vec<String>) -> Self {
        let summary = format!("Api validation failed: {title}");
        Self { causes, ..Self::new(400, "E0000001", summary).because(Why::Invalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = read_query("filter=id%20eq%20%22a%2Bb%22&q=a+b&flag&=x");
        let expected = [("filter", "id eq \"a+b\""), ("q", "a b"), ("flag", ""), ("", "x")];
        assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
