//! One snapshot of one tenant: walk the catalogue, bring what comes to canonical form, hand it to
//! a write session, and state for every kind how much of it was seen.
//!
//! This room never decides that something was deleted because it did not come: [`absence`] holds
//! that rule. It knows no vendor; what a vendor does differently stands in its catalogue.
//! Read [`run`] next, then [`absence`].

pub mod absence;
mod agenda;
pub mod due;
pub mod explain;
mod follow;
mod hourly;
pub mod imported;
pub mod intake;
mod late;
pub mod ledger;
pub mod mark;
mod naming;
mod notes;
mod part;
pub mod probe;
pub mod remaining;
pub mod run;
mod sweep;
mod window;

pub use remaining::Left;
pub use run::{Collected, Options, PROVIDER_NOTE, Progress, Run, Silent, identity, same_tenant};

use jiff::Timestamp;

use crate::base::key::{Kind, ResourceKey};
use crate::json::{self, Value};
use crate::provider::ProviderError;
use crate::store::{Part, StoreError, WriteSession};

/// Why no snapshot came of a run. What could not be read is not here: that is coverage.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The URL leads to another tenant than the history is of.
    #[error("the tenant at this URL is `{found}`, the history is of `{expected}`: nothing was recorded")]
    OtherTenant {
        /// Identity recorded at the first snapshot.
        expected: String,
        /// Identity that answered now.
        found: String,
    },
    /// The tenant could not be reached or refused the credential before anything was read.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The snapshot could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Files were to be imported into a history that has not begun.
    #[error("there is no snapshot yet that the files could come after")]
    NothingBefore,
    /// Files were to be imported of what is read from the tenant itself.
    #[error("`{0}` is read from the tenant itself: the next snapshot would undo what files say")]
    ReadItself(Kind),
    /// A file says that it was made later than now.
    #[error("`{file}` is of {at}, which is to come: nothing was imported")]
    ToCome {
        /// Which file.
        file: String,
        /// Of which time it is.
        at: Timestamp,
    },
    /// A file is older than what is known already, and says something else.
    #[error(
        "what the files say of `{key}` is of {at}, and what is known is of {newest}: nothing was imported"
    )]
    Older {
        /// Which resource.
        key: ResourceKey,
        /// Of which time the file is.
        at: Timestamp,
        /// Of which time the newest is that was imported of its kind.
        newest: Timestamp,
    },
    /// What the vendor's log named was to be read, and the newest snapshot has taken account of all of it.
    #[error("another run has read what the vendor's log names")]
    NothingNew,
    /// The catalogue names a kind that it does not hold.
    #[error("the catalogue has no kind `{0}`")]
    NoKind(Kind),
}

impl CollectError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OtherTenant { .. } => Some(
                "correct the tenant's `url` and settings, or add the other tenant under a name of its own"
                    .into(),
            ),
            Self::Provider(error) => error.hint(),
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::NothingBefore => {
                Some("`lastgood snapshot` takes the first one, which says which tenant this is".into())
            }
            Self::ReadItself(_) => Some("take the helper flow's URL out of the tenant's table first".into()),
            Self::ToCome { .. } => Some("say with `--at` of which time the files are".into()),
            Self::Older { .. } => Some(
                "import files in the order in which they were made; `--at TIME` says that they are of another time"
                    .into(),
            ),
            Self::NothingNew | Self::NoKind(_) => None,
        }
    }
}

/// The main body of a resource in the state before the run; `None` where there is none, or none that is JSON.
///
/// # Errors
/// It could not be read.
pub(crate) fn main_of(session: &WriteSession, key: &ResourceKey) -> Result<Option<Value>, CollectError> {
    let entry = session.parent_state().get(key);
    let bytes = entry.map(|entry| session.read(&entry, Part::Main)).transpose()?.flatten();
    Ok(bytes.and_then(|bytes| json::parse(&bytes, &json::Limits::body()).ok()))
}
