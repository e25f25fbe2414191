//! What goes wrong on purpose: a script of faults, each for some requests.

use serde::Deserialize;

use crate::json::Value;
use crate::sim::log::Habits;
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
}

/// One fault.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only requests with this method; empty: any.
    #[serde(default)]
    pub method: String,
    /// Only paths that begin with this.
    #[serde(default)]
    pub path: String,
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
    /// A list lacks its last row and says nothing of it.
    ShortList,
    /// The change is made, and the answer is 500.
    LateError,
}

impl What {
    fn before(self) -> bool {
        matches!(self, Self::Drop | Self::Error | Self::TooMany | Self::Locked)
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
                && request.path.starts_with(&fault.path)
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

    /// The answer of a fault that strikes before anything is done.
    pub(super) fn strike(&mut self, request: &Request) -> Option<Response> {
        let refused = |refusal: Refusal| refusal.into_response("oaeFaultOnRequest0000".into());
        match self.fitting(request, true)? {
            What::Drop => Some(Response { status: 0, headers: Vec::new(), body: Body::Dropped }),
            What::TooMany => Some(refused(Refusal::new(
                429,
                "E0000047",
                "API call exceeded rate limit due to too many requests.",
            ))),
            What::Locked => Some(refused(Refusal::new(
                423,
                "E0000239",
                "Policy priorities are being reconciled. Please try again later.",
            ))),
            _ => Some(refused(Refusal::new(500, "E0000009", "Internal Server Error"))),
        }
    }

    /// What a fault makes of an answer.
    pub(super) fn distort(&mut self, request: &Request, mut answer: Response) -> Response {
        if self.faults.is_empty() || answer.status >= 400 {
            return answer;
        }
        match self.fitting(request, false) {
            Some(What::ShortList) => {
                if let Body::Json(Value::Array(rows)) = &mut answer.body {
                    rows.pop();
                }
                answer
            }
            Some(_) => Refusal::new(500, "E0000009", "Internal Server Error")
                .into_response("oaeFaultOnRequest0000".into()),
            None => answer,
        }
    }
}
