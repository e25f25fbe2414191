//! Why a tenant could not be asked, and what that says about coverage.

use crate::base::coverage::State;
use crate::base::key::Kind;
use crate::catalog::template::Unfilled;
use crate::http::HttpError;

/// A question to the tenant that has no answer. No variant holds a query, a body or a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// The configuration of the tenant does not fit its provider.
    #[error("{0}")]
    Config(String),
    /// No answer came.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The answer is a refusal.
    #[error("`{path}` answers {status}: {reason}")]
    Status {
        /// The path without query.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What it says about coverage.
        state: State,
        /// Why, for people.
        reason: String,
        /// What it says where the tenant answers the same question for another value.
        beside: Option<String>,
    },
    /// The answer is not what the catalogue says it is.
    #[error("the answer to `{path}` cannot be used: {what}")]
    Shape {
        /// The path without query.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// A path could not be written.
    #[error("{0}")]
    Unfilled(String),
    /// No call of the catalogue gives this.
    #[error("`{kind}` cannot be asked for: {reason}")]
    NoWay {
        /// The kind.
        kind: Kind,
        /// Why.
        reason: String,
    },
}

impl From<Unfilled> for ProviderError {
    fn from(error: Unfilled) -> Self {
        Self::Unfilled(error.to_string())
    }
}

impl ProviderError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Http(error) => error.hint().map(str::to_owned),
            Self::Status { status: 401, state: State::Failed, .. } => {
                Some("the token was refused: check that the credential is still valid".into())
            }
            Self::Status { state: State::NotPermitted, .. } => Some(
                "give the credential the right to read it, or list the kind under `accept` if it is not to be read".into(),
            ),
            Self::Status { status: 404, .. } => Some("check the tenant's `url` and its settings".into()),
            Self::Shape { .. } => Some("something between here and the vendor may answer in its place".into()),
            _ => None,
        }
    }
}

/// What a failed read says about the kind, for the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) sort: Sort,
    /// The status of the answer, where it was a refusal.
    pub(crate) status: Option<u16>,
    /// What it says where the tenant answers the same question for another value.
    pub(crate) beside: Option<String>,
}

/// How far a fault reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// To what was asked for.
    Plain,
    /// What was asked for is not there any more.
    Vanished,
    /// No other question will fare better.
    Fatal,
}

impl Fault {
    pub(crate) fn new(state: State, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into(), sort: Sort::Plain, status: None, beside: None }
    }

    /// Says before what it is about.
    pub(crate) fn about(&mut self, what: &str) {
        self.reason = format!("{what}: {}", self.reason);
        if let Some(beside) = &mut self.beside {
            *beside = format!("{what}: {beside}");
        }
    }
}

impl From<ProviderError> for Fault {
    fn from(error: ProviderError) -> Self {
        let reason = match error.hint() {
            Some(hint) if matches!(error, ProviderError::Http(_)) => format!("{error} ({hint})"),
            _ => error.to_string(),
        };
        let (state, sort) = match &error {
            ProviderError::Http(inner) if inner.is_fatal() => (State::Failed, Sort::Fatal),
            ProviderError::Status { status: 401, state: State::Failed, .. } => (State::Failed, Sort::Fatal),
            ProviderError::Status { status: 404 | 410, state: State::Failed, .. } => {
                (State::Failed, Sort::Vanished)
            }
            ProviderError::Status { state, .. } => (*state, Sort::Plain),
            _ => (State::Failed, Sort::Plain),
        };
        let (status, beside) = match error {
            ProviderError::Status { status, beside, .. } => (Some(status), beside),
            _ => (None, None),
        };
        Self { state, reason, sort, status, beside }
    }
}
