//! The state root of a tenant, kept up with what a session changes.
//!
//! The root is over every resource, but an hour touches few. Leaves lie in 2^16 buckets; a session
//! loads only the buckets it touches, and the hashes of all. Where nobody remembers them (a new
//! machine, a lost index), they are computed from all bodies once.

use std::collections::BTreeMap;

use crate::crypto::hash::Hash;
use crate::crypto::identity::{Leaf, ProofKey};
use crate::format::root::{self, StateTree};

pub(super) use crate::format::root::BUCKETS;

/// A leaf with a short name of its key, so that the leaf of a key can be found and replaced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TaggedLeaf {
    /// The first bytes of the key's hash.
    tag: u64,
    /// The leaf.
    leaf: Leaf,
}

impl TaggedLeaf {
    /// The bytes of an index row.
    pub(super) fn to_bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&self.tag.to_le_bytes());
        bytes[8..].copy_from_slice(&self.leaf.0);
        bytes
    }

    /// Reads what [`Self::to_bytes`] gave; `None` for another length.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, leaf) = bytes.split_first_chunk::<8>()?;
        Some(Self { tag: u64::from_le_bytes(*tag), leaf: Leaf(leaf.try_into().ok()?) })
    }
}

/// The leaves of one bucket.
pub(super) type Bucket = Vec<TaggedLeaf>;

/// A short name of a key within its bucket. Two keys of one bucket that share it would lose a leaf,
/// so it is 64 bits of a hash nobody can choose against without breaking BLAKE3.
fn tag(path: &str) -> u64 {
    let hash = blake3::hash(path.as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("32 bytes hold 8"))
}

/// The buckets of a state: the tree over all of them, and the leaves of those that were touched.
#[derive(Clone)]
pub(super) struct Roots {
    tree: StateTree,
    loaded: BTreeMap<u16, Bucket>,
    whole: bool,
}

impl Roots {
    /// The buckets of the empty state.
    pub(super) fn empty() -> Self {
        Self { tree: StateTree::new(), loaded: BTreeMap::new(), whole: true }
    }

    /// Buckets whose hashes are known and whose leaves are not loaded yet.
    pub(super) fn with_hashes(hashes: Vec<Hash>) -> Self {
        Self { tree: StateTree::from_buckets(hashes), loaded: BTreeMap::new(), whole: false }
    }

    /// Of these buckets, those whose leaves must be given to [`Self::load`] before they are changed.
    pub(super) fn missing(&self, mut wanted: Vec<u16>) -> Vec<u16> {
        if self.whole {
            return Vec::new();
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|bucket| !self.loaded.contains_key(bucket));
        wanted
    }

    /// Takes a bucket's leaves; `false` when they do not give the bucket's hash.
    #[must_use]
    pub(super) fn load(&mut self, bucket: u16, leaves: Bucket) -> bool {
        let right = self.tree.buckets().nth(usize::from(bucket)) == Some(&hash_of(&leaves));
        if right {
            self.loaded.insert(bucket, leaves);
        }
        right
    }

    /// Sets or removes the leaf of a key. Its bucket must be loaded.
    pub(super) fn set(&mut self, proof: &ProofKey, path: &str, leaf: Option<Leaf>) {
        let leaves = self.loaded.entry(proof.bucket(path)).or_default();
        let tag = tag(path);
        leaves.retain(|known| known.tag != tag);
        leaves.extend(leaf.map(|leaf| TaggedLeaf { tag, leaf }));
    }

    /// Brings the tree up to the leaves, and gives the root.
    pub(super) fn finish(&mut self) -> Hash {
        self.tree.update(self.loaded.iter().map(|(bucket, leaves)| (*bucket, hash_of(leaves))));
        self.tree.root()
    }

    /// Whether all leaves are loaded: buckets without any are empty.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The leaves of every bucket that was touched.
    pub(super) fn loaded(&self) -> impl Iterator<Item = (u16, &Bucket)> {
        self.loaded.iter().map(|(bucket, leaves)| (*bucket, leaves))
    }

    /// The hashes of all buckets, as of [`Self::finish`].
    pub(super) fn hashes(&self) -> Vec<Hash> {
        self.tree.buckets().copied().collect()
    }
}

fn hash_of(leaves: &Bucket) -> Hash {
    let leaves: Vec<Leaf> = leaves.iter().map(|known| known.leaf).collect();
    root::bucket_hash(&leaves)
}
