//! What goes wrong on purpose: a script of faults, each for some requests.

use serde::Deserialize;

use crate::json::{Object, Value};
use crate::sim::log::Habits;
use crate::sim::rate::{Limits, under};
use crate::sim::wire::{Body, Refusal, Request, Response};

/// A script, as a file holds it.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// The faults, in order; the first that fits a request strikes.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Fault>,
    /// How events reach the log.
    #[serde(default)]
    pub log: Habits,
    /// How fast it may be asked, where that is not as the catalogue says.
    #[serde(default)]
    pub rate: Limits,
}

/// One fault.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only requests with this method; empty: any.
    #[serde(default)]
    pub method: String,
    /// Only paths that begin with this; `{id}` in it stands for any one part.
    #[serde(default)]
    pub path: String,
    /// Only requests with a parameter of this name and value, as `name=value`.
    #[serde(default)]
    pub query: String,
    /// The first so many requests that fit are left alone.
    #[serde(default)]
    pub after: u32,
    /// So many requests are struck; 0: all.
    #[serde(default)]
    pub times: u32,
    /// What happens.
    pub what: What,
    #[serde(skip)]
    seen: u32,
}

/// What a fault does.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The connection ends without an answer.
    Drop,
    /// 500 `E0000009`.
    Error,
    /// 429 `E0000047`.
    TooMany,
    /// 423 `E0000239`.
    Locked,
    /// 401 `E0000015`: the organisation has not bought the feature.
    NotLicensed,
    /// 400 `E0000001`: it cannot be asked so.
    Invalid,
    /// 403 `E0000006`: the token's owner may not.
    Forbidden,
    /// 404 `E0000022`: the organisation's engine has no such call.
    NoCall,
    /// 405 `E0000022`: the call has no such method here.
    NoMethod,
    /// A list lacks its last row and says nothing of it.
    ShortList,
    /// Every object has a member and a link of which no document tells.
    Strange,
    /// The change is made, and the answer is 500.
    LateError,
}

impl What {
    fn before(self) -> bool {
        !matches!(self, Self::ShortList | Self::LateError | Self::Strange)
    }

    /// What the vendor says when it refuses so.
    fn refusal(self) -> Refusal {
        let (status, code, summary) = match self {
            Self::TooMany => return Refusal::too_many(),
            Self::Locked => {
                (423, "E0000239", "Policy priorities are being reconciled. Please try again later.")
            }
            Self::NotLicensed => {
                (401, "E0000015", "You do not have permission to access the feature you are requesting")
            }
            Self::Invalid => (400, "E0000001", "Api validation failed: type"),
            Self::Forbidden => return Refusal::denied(),
            Self::NoCall => return Refusal::no_call(404),
            Self::NoMethod => return Refusal::no_call(405),
            _ => (500, "E0000009", "Internal Server Error"),
        };
        Refusal::new(status, code, summary)
    }
}

impl Faults {
    /// Reads a script.
    ///
    /// # Errors
    /// What the parser says, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    fn fitting(&mut self, request: &Request, before: bool) -> Option<What> {
        let fits = |fault: &Fault| {
            fault.what.before() == before
                && (fault.method.is_empty() || fault.method == request.method)
                && (fault.query.is_empty()
                    || request.query.iter().any(|(name, value)| fault.query == format!("{name}={value}")))
                && (request.path.starts_with(&fault.path) || under(&request.path, &fault.path))
        };
        let mut struck = None;
        for fault in self.faults.iter_mut().filter(|fault| fits(fault)) {
            fault.seen += 1;
            let past = fault.seen > fault.after;
            let spent = fault.times > 0 && fault.seen > fault.after + fault.times;
            if past && !spent && struck.is_none() {
                struck = Some(fault.what);
            }
        }
        struck
    }

    /// The refusal of a fault that strikes before anything is done; none in it where the connection ends.
    pub(super) fn strike(&mut self, request: &Request) -> Option<Option<Refusal>> {
        let what = self.fitting(request, true)?;
        Some((what != What::Drop).then(|| what.refusal()))
    }

    /// What a fault makes of an answer.
    ///
    /// # Errors
    /// The change is made, and a refusal is what comes of it.
    pub(super) fn distort(&mut self, request: &Request, mut answer: Response) -> Result<Response, Refusal> {
        if self.faults.is_empty() || answer.status >= 400 {
            return Ok(answer);
        }
        match self.fitting(request, false) {
            Some(What::ShortList) => {
                match &mut answer.body {
                    Body::Json(Value::Array(rows)) => {
                        rows.pop();
                    }
                    Body::Json(body) => {
                        body.get_mut("value").and_then(Value::as_array_mut).and_then(Vec::pop);
                    }
                    _ => {}
                }
                Ok(answer)
            }
            Some(What::Strange) => {
                if let Body::Json(body) = &mut answer.body {
                    strew(body);
                }
                Ok(answer)
            }
            Some(what) => Err(what.refusal()),
            None => Ok(answer),
        }
    }
}

/// Puts a member and a link that no document knows into an object, or into each of a list.
fn strew(body: &mut Value) {
    match body {
        Value::Array(rows) => rows.iter_mut().for_each(strew),
        Value::Object(members) => {
            members.insert("glitter", true);
            let link = Object::from_pairs([("href", Value::from("https://acme.okta.example/glitter"))]);
            match members.get_mut("_links").and_then(Value::as_object_mut) {
                Some(links) => links.insert("glitter", link),
                None => members.insert("_links", Object::from_pairs([("glitter", link.into())])),
            };
        }
        _ => {}
    }
}
