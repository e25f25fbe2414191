//! The coverage ledger of a snapshot, as it lies until somebody looks into it.
//!
//! A year has 8,760 snapshots, each with a row for every kind, and a question looks into the ledgers of a few: read
//! all at once they would take longer than its answer, and a quarter of a gigabyte.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::base::coverage::{Ledger, Row};
use crate::base::key::Kind;
use crate::crypto::hash::{self, Hash};
use crate::format::ledger;

/// A snapshot's ledger; it reads like a [`Ledger`].
#[derive(Clone)]
pub struct HeldLedger(Arc<Held>);

struct Held {
    /// The whole form, whose hash is `signed`; empty where the ledger came as it is.
    bytes: Vec<u8>,
    signed: Hash,
    read: OnceLock<Arc<Ledger>>,
}

impl HeldLedger {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self(Arc::new(Held { bytes: Vec::new(), signed: [0; 32], read: OnceLock::from(ledger) }))
    }

    /// The whole form, if it is the one that was signed.
    pub(super) fn whole(bytes: Vec<u8>, signed: Hash) -> Option<Self> {
        let same = !ledger::needs_previous(&bytes) && hash::same(&ledger::hash_of(&bytes), &signed);
        same.then(|| Self(Arc::new(Held { bytes, signed, read: OnceLock::new() })))
    }

    /// The row of one kind; no other is read for it.
    #[must_use]
    pub fn row(&self, kind: &Kind) -> Option<Row> {
        match self.0.read.get() {
            Some(ledger) => ledger.rows.get(kind).cloned(),
            None => ledger::row(&self.0.bytes, kind).ok().flatten(),
        }
    }
}

impl Deref for HeldLedger {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        // What was signed and cannot be read says nothing of any kind, and every view shows that.
        let Held { bytes, signed, read } = self.0.as_ref();
        read.get_or_init(|| Arc::new(ledger::decode(bytes, None, signed).unwrap_or_default()))
    }
}

impl AsRef<Ledger> for HeldLedger {
    fn as_ref(&self) -> &Ledger {
        self
    }
}

impl From<Ledger> for HeldLedger {
    fn from(ledger: Ledger) -> Self {
        Self::new(Arc::new(ledger))
    }
}

impl PartialEq for HeldLedger {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for HeldLedger {}

impl fmt::Debug for HeldLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
