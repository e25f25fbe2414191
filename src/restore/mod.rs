//! Putting chosen resources back: what would be done, exactly that, and the proof that it was.
//!
//! The way through: [`observe`] reads of the tenant what a plan needs, [`plan()`] decides, a person
//! reads the [`preview()`], [`apply`] does exactly the plan and reads back.
//!
//! What must never happen here:
//! - [`plan()`] touches no network, no disk and no clock; [`apply`] decides nothing.
//! - A mask, or a value that nobody has seen, is never sent where the vendor would store it.
//! - No secret value stands in a plan, a preview, a journal or an error.
//! - Nothing is deleted because it was not read, and no reference becomes an empty list.
//! - An intent without an outcome is read back, never blindly repeated.
//!
//! Read [`form`] next: what a plan is.

pub mod access;
pub mod apply;
pub mod composed;
pub mod form;
pub mod journal;
pub mod kept;
pub mod observe;
pub mod plan_file;
pub mod preview;
pub mod rewind;
pub mod secrets;
pub mod sides;
pub mod stored;
pub mod stored_journal;
pub mod tenant;
pub mod undo;

mod along;
mod atlas;
mod drafts;
mod elsewhere;
mod guard;
mod ids;
mod left;
mod links;
mod order;
mod outcome;
mod own;
mod perform;
mod placeholder;
mod plan;
mod reach;
mod removals;
mod renamed;
mod scope;
mod shape;
mod stand_in;
mod steps;
mod wish;

pub use access::{AccessChange, weigh};
pub use apply::{Allow, Apply, Line, Outcome, Start, Summary, Vault, admit};
pub use composed::Composed;
pub use form::{Forecast, Mode, Op, Plan, Resolution, Step};
pub use journal::Journal;
pub use kept::Kept;
pub use observe::LiveTenant;
pub use own::Own;
pub use placeholder::SecretAt;

pub use plan::{Elsewhere, Inputs, plan, wants};
pub use preview::preview;
pub use rewind::{Decisions, rewind};
pub use scope::{Scope, Wish};
pub use sides::{Marked, Recorded, Seen, Sight, Wants};
pub use stored::Stored;
pub use stored_journal::StoredJournal;
pub use tenant::{Call, Reply, Tenant, TenantError, survey};
pub use undo::Past;

#[cfg(test)]
mod tests;

use crate::base::ids::PlanId;
use crate::base::key::{Kind, ResourceKey};
use crate::crypto::hash::{Purpose, hash};
use crate::json::Value;

/// Why a plan was not made or not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A recorded body could not be read.
    #[error("the recorded state of `{key}` cannot be read: {why}")]
    Recorded {
        /// Of which resource.
        key: ResourceKey,
        /// What the history says.
        why: String,
    },
    /// A kind that the catalogue does not have.
    #[error("the catalogue has no kind `{0}`")]
    NoKind(Kind),
    /// The tenant was not read as far as the plan needs it.
    #[error("{count} resources or lists were not read; the first is `{first}`")]
    NotRead {
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
    /// A text that is no plan.
    #[error("this is not a plan: {what}")]
    PlanFile {
        /// What is wrong.
        what: String,
    },
    /// A plan that was changed after it was made.
    #[error("the plan {id} was changed after it was made; nothing was done")]
    Tampered {
        /// The id that it claims.
        id: PlanId,
    },
    /// A plan for another catalogue than this program has.
    #[error(
        "the plan was made with version {rules} of the rules for `{provider}`, which this program does not have"
    )]
    OtherRules {
        /// The provider.
        provider: String,
        /// The version of its canonical rules.
        rules: u32,
    },
    /// A plan whose time is over.
    #[error("the plan expired at {at}")]
    Expired {
        /// When.
        at: jiff::Timestamp,
    },
    /// An apply of this plan was begun before.
    #[error("an apply of the plan {id} was begun before")]
    Begun {
        /// Which plan.
        id: PlanId,
    },
    /// No apply has this id.
    #[error("no apply of a plan whose id begins with `{prefix}` was begun")]
    NoApply {
        /// What was asked for.
        prefix: String,
    },
    /// Several have.
    #[error("several applies are of plans whose id begins with `{prefix}`")]
    SeveralApplies {
        /// What was asked for.
        prefix: String,
    },
    /// The snapshot before the apply does not hold what an undo would need.
    #[error("the snapshot before does not hold `{key}` as the plan saw it: {why}; nothing was done")]
    NotKept {
        /// Which resource.
        key: ResourceKey,
        /// Why.
        why: String,
    },
    /// A plan that would change what Lastgood signs in with.
    #[error("the plan changes `{key}`, with which Lastgood itself signs in; nothing was done")]
    OwnIdentity {
        /// Which resource.
        key: ResourceKey,
    },
    /// Conflicts that nobody has decided.
    #[error("{count} conflicts are not decided, the first of them in `{first}`; nothing was done")]
    Undecided {
        /// How many.
        count: usize,
        /// In which resource the first is.
        first: ResourceKey,
    },
    /// Something must be allowed first.
    #[error("the plan needs {}; nothing was done", needs.join(" "))]
    Guarded {
        /// The flags.
        needs: Vec<String>,
    },
    /// The tenant is not as the plan saw it.
    #[error("`{key}` is not as the plan saw it: {how}; nothing was done")]
    Moved {
        /// Which resource.
        key: ResourceKey,
        /// How.
        how: &'static str,
    },
    /// The tenant could not be asked.
    #[error(transparent)]
    Tenant(#[from] tenant::TenantError),
    /// The journal could not be kept, so nothing more was sent.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
}

impl RestoreError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PlanFile { .. } | Self::Tampered { .. } => {
                Some("make the plan again with `lastgood plan`".into())
            }
            Self::Recorded { .. } => Some("`lastgood check` says what of the repository is damaged".into()),
            Self::OtherRules { .. } | Self::Expired { .. } | Self::Moved { .. } => {
                Some("make the plan again with `lastgood plan`, and read it".into())
            }
            Self::Begun { .. } => Some("`lastgood apply --resume` goes on with it".into()),
            Self::Undecided { .. } => {
                Some("make the plan again, with `--keep` or `--take` for each conflict that it shows".into())
            }
            Self::Guarded { needs } => Some(format!("read the plan; then give {}", needs.join(" "))),
            Self::OwnIdentity { .. } => {
                Some("leave that resource out, or restore it by hand with another account".into())
            }
            Self::Journal(journal::JournalError::Store(error)) => error.hint().map(str::to_owned),
            Self::Journal(journal::JournalError::Damaged { .. }) => {
                Some("`lastgood check` says what of the repository is damaged".into())
            }
            Self::NoApply { .. } | Self::SeveralApplies { .. } => {
                Some("`lastgood snapshots` shows before and after which apply each was taken; or give the plan's file".into())
            }
            Self::NotKept { .. } => {
                Some("what `auth` cannot read, nobody could bring back; give it the right to read, or make the plan again".into())
            }
            Self::NoKind(_) | Self::NotRead { .. } | Self::Tenant(_) => None,
        }
    }
}

/// The hash of a canonical body, by which a plan knows that nothing has moved.
#[must_use]
pub(crate) fn state_of(body: &Value) -> String {
    const STATE: Purpose = Purpose::new("lastgood/1 state of a resource");
    data_encoding::HEXLOWER.encode(&hash(STATE, &body.to_canonical()))
}
