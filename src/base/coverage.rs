//! What a snapshot knows that it does not know: the coverage ledger.
//!
//! Every kind of the catalogue has a row in every snapshot. A row that is not [`State::Complete`]
//! is shown by every view, and no deletion is ever concluded from it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::key::Kind;

/// How much of a kind a sweep has seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Every row was read.
    Complete,
    /// Some parents or pages could not be read; what was read is right.
    Partial,
    /// The answer was whole but cannot be believed; the old state is carried forward.
    Suspect,
    /// Nothing could be read.
    Failed,
    /// The credential may not read it.
    NotPermitted,
    /// The tenant's licence or version does not have it.
    NotEntitled,
    /// No API gives it.
    NoApi,
    /// Left out on purpose: by the catalogue or by the configuration.
    Excluded,
}

impl State {
    /// The word that stands in JSON and in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Suspect => "suspect",
            Self::Failed => "failed",
            Self::NotPermitted => "not_permitted",
            Self::NotEntitled => "not_entitled",
            Self::NoApi => "no_api",
            Self::Excluded => "excluded",
        }
    }

    /// All states, in the order of their numbers at rest.
    pub const ALL: [Self; 8] = [
        Self::Complete,
        Self::Partial,
        Self::Suspect,
        Self::Failed,
        Self::NotPermitted,
        Self::NotEntitled,
        Self::NoApi,
        Self::Excluded,
    ];
}

/// What is known about one parent of a kind whose children could not all be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exception {
    /// The `KIND/REF` path of the parent (or of the resource itself).
    pub at: String,
    /// How much of it was read.
    pub state: State,
    /// Why, in words for people; never a body, never a secret.
    pub reason: String,
}

/// One kind's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// How much was read.
    pub state: State,
    /// Why it is not complete. Of a complete one: what of it the tenant does not have, or nothing.
    pub reason: String,
    /// Resources of the kind in the state after this snapshot.
    pub count: u64,
    /// When its first request was sent and its last answer read; `None` where none was made.
    pub read: Option<(Timestamp, Timestamp)>,
    /// Parents for which the row's state does not hold.
    pub exceptions: Vec<Exception>,
}

/// The ledger of a snapshot: a row for every kind of the catalogue, and what nobody claimed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// By kind.
    pub rows: BTreeMap<Kind, Row>,
    /// Fields, links and event types that the catalogue does not know, as `kind: what`.
    pub unknown: Vec<String>,
}
