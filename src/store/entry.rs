//! What a state knows of one resource: where each part of it lies, and what it must hash to.

use std::sync::Arc;

use crate::base::ids::{ObjectId, SegmentId};
use crate::base::key::ResourceKey;
use crate::crypto::hierarchy::TenantPrefix;
use crate::crypto::identity::Leaf;
use crate::format::entry::Mark;
use crate::format::references::SegmentRef;

/// Which of a resource's bodies is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The canonical body: what is compared, and what the state root is over.
    Main,
    /// The secret values, sealed under their own key.
    Secret,
    /// What moves without meaning anything, as it was when the main or secret body last changed.
    Volatile,
    /// The vendor's bytes where the canonical body cannot reproduce them.
    Raw,
    /// The audit event that came with the change.
    Event,
}

impl Part {
    /// All parts, in the order of a log entry.
    pub const ALL: [Self; 5] = [Self::Main, Self::Secret, Self::Volatile, Self::Raw, Self::Event];

    /// The part's number in rows of the state and the index.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Main => 0,
            Self::Secret => 1,
            Self::Volatile => 2,
            Self::Raw => 3,
            Self::Event => 4,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// A segment that bodies lie in, with the proof of its content.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Target {
    /// Whose it is.
    pub(super) prefix: TenantPrefix,
    /// Which object it is and what its table must hash to.
    pub(super) reference: SegmentRef,
}

/// Where one body lies. Two places are equal when they are the same slot; the mark follows from that.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) target: Arc<Target>,
    pub(super) frame: u32,
    pub(super) slot: u32,
    pub(super) mark: Mark,
}

impl Place {
    fn slot(&self) -> (&SegmentId, u32, u32) {
        (&self.target.reference.id, self.frame, self.slot)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.slot() == other.slot()
    }
}

impl Eq for Place {}

impl std::hash::Hash for Place {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.slot().hash(state);
    }
}

/// One resource in a state. Equal entries are the same stored bodies; different ones may still hold
/// equal bodies ([`Repository::same_body`](crate::store::Repository::same_body) answers that).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    pub(super) places: Vec<(Part, Place)>,
    pub(super) erased: Option<Leaf>,
}

impl Entry {
    pub(super) fn place(&self, part: Part) -> Option<&Place> {
        self.places.iter().find(|(has, _)| *has == part).map(|(_, place)| place)
    }

    /// Whether the resource has this part.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        self.place(part).is_some()
    }

    /// Whether its bodies were erased for good; nothing of it can be read then.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.erased.is_some()
    }

    /// The whole id of a part's body, where it is known without reading the body.
    #[must_use]
    pub fn known_id(&self, part: Part) -> Option<ObjectId> {
        match self.place(part)?.mark {
            Mark::Id(id) => Some(id),
            Mark::Check(_) => None,
        }
    }
}

/// How one resource differs between a snapshot and the one before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which resource.
    pub key: ResourceKey,
    /// As it was; `None` when it is new.
    pub before: Option<Entry>,
    /// As it is; `None` when it is gone.
    pub after: Option<Entry>,
}

/// The bodies of one resource, as a collector hands them in. Main and secret body decide whether it
/// has changed; the others are kept with a change and never make one.
pub struct Parts {
    /// The canonical body.
    pub main: Vec<u8>,
    /// The secret values; sealed under the secrets key, never compressed.
    pub secret: Option<Vec<u8>>,
    /// What moves without meaning anything.
    pub volatile: Option<Vec<u8>>,
    /// The vendor's bytes, where the canonical body cannot reproduce them.
    pub raw: Option<Vec<u8>>,
}

impl std::fmt::Debug for Parts {
    /// Lengths only: bodies hold what must not be logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = |part: &Option<Vec<u8>>| part.as_ref().map(Vec::len);
        f.debug_struct("Parts")
            .field("main", &self.main.len())
            .field("secret", &length(&self.secret))
            .field("volatile", &length(&self.volatile))
            .field("raw", &length(&self.raw))
            .finish()
    }
}

/// What a put meant for the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// Main and secret body are what they were; nothing is stored.
    Same,
    /// One of them differs from the parent's.
    Changed,
    /// The parent did not have the resource.
    New,
}
