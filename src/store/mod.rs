//! The repository: write sessions, states and changes at any time, index, check.
//!
//! The store keeps bodies by key and gives back what was there at any snapshot. It must never know a
//! provider's name, look into a body, or believe stored bytes: every body is re-hashed before it is
//! given out, every record's signature is verified, and the index is only a cache. It has no clock and
//! no randomness of its own ([`Environment`]).
//!
//! [`Repository`] is the door. A [`WriteSession`] makes a snapshot; its create under the next number
//! of the tenant's sequence is the commit. States come from the newest checkpoint and the logs after
//! it (`replay`), single answers from the `index`. What stands in the bytes is `docs/FORMAT.md`. Read
//! `repository` next, then `session` and `commit`.

mod alive;
mod annotations;
mod append;
mod applies;
mod between;
mod bodies;
mod carried;
mod changes;
mod check;
mod commit;
mod compact;
mod core;
mod deltas;
mod entry;
mod error;
mod held;
mod index;
mod indexing;
mod lease;
mod marks;
mod moves;
mod past;
mod prune;
mod pruned;
mod recipients;
mod repeats;
mod replay;
mod repository;
mod retention;
mod rooting;
mod roots;
mod said;
mod segments;
mod sequence;
mod session;
mod short;
mod snapshot;
mod state;
mod stored;
mod tenant;
mod told;
mod trust;
mod turn;

use std::sync::Arc;

use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::time::{Clock, SystemClock};

pub use crate::format::fields::{Flags, Phase};
pub use applies::ApplyRecord;
pub use check::{Affected, CheckFault, CheckReport};
pub use compact::{FoldedDay, TenantCompacted};
pub use entry::{Change, Entry, Part, Parts, Put};
pub use error::StoreError;
pub use held::HeldLedger;
pub use index::IndexStatus;
pub use lease::{Lease, SECONDS as LEASE_SECONDS};
pub use past::Past;
pub use prune::{
    Asked as PruneAsked, GIVEN_UP_AFTER, GRACE as PRUNE_GRACE, Needs as PruneNeeds, Objects, TenantPruned,
};
pub use pruned::Gap;
pub use repeats::{Ready, Repeat, Repeats};
pub use repository::{Fingerprints, KdfCost, Repository, Stats, TenantStats, Unlock};
pub use retention::{Candidate, Fate, Go, Keep, NotAPeriod, Now, Period, Retention, decide};
pub use session::WriteSession;
pub use snapshot::{Meta, Snapshot};
pub use state::State;
pub use told::LateEvent;
pub use turn::Turn;

/// Where a repository takes time and randomness from.
#[derive(Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Keys, nonces and ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// The machine's clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

/// What the fuzz targets see of this room, and nobody else.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// An index row, read and written again; `None` where it was refused.
    #[must_use]
    pub fn index_row(bytes: &[u8]) -> Option<Vec<u8>> {
        super::index::rewritten(bytes)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::in_memory;
