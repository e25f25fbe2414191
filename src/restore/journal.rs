//! What an apply has done, written down before and after each call.
//!
//! An intent is durable before its request is sent. The entries are those of the repository's apply
//! records (phase, step, payload); [`stored_journal`](crate::restore::stored_journal) keeps them
//! there. No secret value stands in an entry.

use std::time::Duration;

use crate::json::{Object, Value};
use crate::store::{Phase, StoreError};

/// The member that says, where a run begins, that stored secrets may get new values in it.
pub(crate) const ROTATE: &str = "rotate";

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it says.
    pub phase: Phase,
    /// About which step of the plan, from 0.
    pub step: u64,
    /// The details, as canonical JSON.
    pub payload: Value,
}

/// A journal that cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The repository does not take or give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry that this program did not write so.
    #[error("record {seq} about the apply is not readable: {what}")]
    Damaged {
        /// The record's number.
        seq: u64,
        /// What does not fit.
        what: String,
    },
}

impl JournalError {
    /// Whether somebody else has the right to apply now.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Store(StoreError::LeaseLost { .. }))
    }
}

/// Where entries go. An entry is durable when `append` returns.
pub trait Journal: Send {
    /// Adds an entry.
    ///
    /// # Errors
    /// It is not durable; nothing may be sent.
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError>;

    /// All entries so far, in order.
    ///
    /// # Errors
    /// They cannot be read.
    fn entries(&self) -> Result<Vec<Entry>, JournalError>;

    /// Makes sure that nobody else has taken over, and that nobody will for a while: asked right
    /// before each call, and now and then while an answer is waited for.
    ///
    /// # Errors
    /// Somebody may have; nothing may be sent.
    fn keep(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    /// How often [`Self::keep`] wants to be asked while an answer is waited for.
    fn kept_every(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// What the entries say of one step.
#[derive(Clone, Default, Debug)]
pub(crate) struct Trace {
    /// The body before the first call, without what is not compared.
    pub(crate) before: Option<Value>,
    /// A first intent was written.
    pub(crate) begun: bool,
    /// How many calls had a good answer.
    pub(crate) answered: usize,
    /// A call of which it is not known whether it was done.
    pub(crate) open: bool,
    /// The id that the vendor gave.
    pub(crate) id: Option<String>,
    /// The state after the last good answer, where more calls follow.
    pub(crate) state: Option<Value>,
    /// The step was brought to an end: its state in the tenant then.
    pub(crate) done: Option<Option<String>>,
}

/// Reads the entries of an apply, step by step.
pub(crate) fn traces(entries: &[Entry], steps: usize) -> Vec<Trace> {
    let mut traces = vec![Trace::default(); steps];
    for entry in entries {
        let Some(trace) = usize::try_from(entry.step).ok().and_then(|step| traces.get_mut(step)) else {
            continue;
        };
        let payload = &entry.payload;
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        match entry.phase {
            Phase::Intent => {
                trace.begun = true;
                trace.open = true;
                if let Some(before) = payload.get("before") {
                    trace.before = Some(before.clone());
                }
            }
            Phase::Outcome => {
                trace.id = text("id").or(trace.id.take());
                if payload.get("done").is_some() {
                    trace.done = Some(text("state"));
                } else if payload.get("status").and_then(Value::as_u64).is_some_and(|status| status < 400) {
                    trace.open = false;
                    trace.answered += 1;
                    trace.state = payload.get("state").cloned();
                }
            }
            Phase::Accepted | Phase::Finished | Phase::Stopped => {}
        }
    }
    traces
}

/// An entry of these members.
pub(crate) fn entry<const N: usize>(phase: Phase, step: usize, members: [(&str, Value); N]) -> Entry {
    Entry { phase, step: step as u64, payload: Object::from_pairs(members).into() }
}
