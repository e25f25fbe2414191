//! Questions about the past: what was there at a time, what changed, who changed it.
//!
//! A view over the store that knows what resources mean (names, parents, kinds) through the
//! catalogue. It never asks the network and never writes. Read [`moment`] for how a time becomes a
//! snapshot, [`address`] for how a text becomes resources, then [`change`].

pub mod address;
pub mod between;
pub mod body;
pub mod change;
pub mod chosen;
pub mod diff;
pub mod find;
mod late;
pub mod log;
pub mod moment;
pub mod names;

pub use address::{Address, Selection};
pub use between::Between;
pub use body::{Reveal, Shown};
pub use change::{Actor, Change, Op};
pub use chosen::{Choice, Chosen, Course, Deed, Undo};
pub use diff::Side;
pub use moment::Moment;
pub use names::Names;

use crate::base::key::ResourceKey;
use crate::catalog::Provider;
use crate::json::JsonError;
use crate::store::{Repository, StoreError};

/// The history of one tenant.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// Where it is kept.
    pub repository: &'a Repository,
    /// What its resources mean.
    pub catalog: &'static Provider,
    /// Whose it is.
    pub tenant: &'a str,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The repository could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing was recorded at or before the time.
    #[error("`{tenant}` has no snapshot at or before {at}")]
    NothingYet {
        /// Whose history.
        tenant: String,
        /// Which time, in UTC.
        at: String,
    },
    /// A prefix that names no snapshot, or several.
    #[error("{} of `{tenant}` has an id that starts with `{prefix}`", if *count == 0 { "no snapshot".into() } else { format!("not one but {count} snapshots") })]
    Prefix {
        /// Whose history.
        tenant: String,
        /// What was asked for.
        prefix: String,
        /// How many match.
        count: usize,
    },
    /// An address that is not of the form.
    #[error("`{0}` is not an address: write TENANT, TENANT/KIND or TENANT/KIND/REF")]
    BadAddress(String),
    /// A kind that the provider does not have.
    #[error("`{provider}` has no kind `{kind}`")]
    NoKind {
        /// The provider.
        provider: String,
        /// What was asked for.
        kind: String,
    },
    /// Nothing is there.
    #[error("nothing at `{address}` at that time")]
    NotFound {
        /// What was asked for.
        address: String,
    },
    /// Several resources have this name.
    #[error("`{address}` means several resources:\n{}", candidates.join("\n"))]
    Ambiguous {
        /// What was asked for.
        address: String,
        /// The addresses by id, with their names.
        candidates: Vec<String>,
    },
    /// A stored body is not JSON: it was not written by this product.
    #[error("the stored body of `{key}` is not readable: {error}")]
    Body {
        /// Of which resource.
        key: ResourceKey,
        /// What the parser says; never content.
        error: JsonError,
    },
    /// No change has this id.
    #[error("no change has the id `{id}`")]
    NoChange {
        /// What was asked for.
        id: String,
    },
    /// Nobody of this name did anything then.
    #[error("no change of that time is known to be by {who}")]
    NothingDone {
        /// Who was asked for.
        who: String,
    },
    /// A jq expression that is not one.
    #[error("the expression is not jq: {0}")]
    Expression(String),
}

impl HistoryError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::NothingYet { tenant, .. } => {
                Some(format!("`lastgood snapshots {tenant}` lists what there is"))
            }
            Self::Prefix { tenant, .. } => Some(format!("`lastgood snapshots {tenant}` lists the ids")),
            Self::NoKind { provider, .. } => Some(format!("`lastgood kinds {provider}` lists the kinds")),
            Self::NotFound { .. } => Some("`lastgood log` of the address shows when it was there".into()),
            Self::Ambiguous { .. } => Some("use one of the addresses above, or `id:` before the id".into()),
            Self::NoChange { .. } => Some("`lastgood log` shows the id of each change".into()),
            Self::NothingDone { .. } => {
                Some("`lastgood log` shows who changed what, and what nobody is named for".into())
            }
            Self::BadAddress(_) | Self::Body { .. } | Self::Expression(_) => None,
        }
    }
}
