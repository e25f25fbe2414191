//! The state root: a tree over all leaves of a tenant's state (`docs/FORMAT.md` §7).
//!
//! Leaves lie in 2^16 buckets; the tree stands on the buckets' hashes. An hour re-hashes only the
//! buckets that it touched. The repository stores the root alone; whoever writes keeps the leaves
//! (32 bytes a resource) and, if it likes, the buckets' hashes.

use crate::crypto::hash::{self, Hash, Often, Purpose};
use crate::crypto::identity::Leaf;
use crate::format::FormatError;

/// How many buckets there are.
pub const BUCKETS: usize = 1 << LEVELS;

const LEVELS: usize = 16;
static BUCKET: Often = Often::new(Purpose::new("lastgood/1 bucket"));
static NODE: Often = Often::new(Purpose::new("lastgood/1 node"));
const NOTHING: Hash = [0; 32];

/// The hash of a bucket's leaves, in any order.
#[must_use]
pub fn bucket_hash(leaves: &[Leaf]) -> Hash {
    if leaves.is_empty() {
        return NOTHING;
    }
    let mut sorted = leaves.to_vec();
    sorted.sort_unstable();
    let mut hasher = BUCKET.hasher();
    for leaf in &sorted {
        hasher.part(&leaf.0);
    }
    hasher.finish()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    if *left == NOTHING && *right == NOTHING { NOTHING } else { NODE.hash_parts(&[left, right]) }
}

/// The tree over the buckets' hashes. Node 1 is the root, node n has the children 2n and 2n + 1.
#[derive(Clone)]
pub struct StateTree {
    nodes: Vec<Hash>,
}

impl Default for StateTree {
    fn default() -> Self {
        Self::new()
    }
}

impl StateTree {
    /// The tree of an empty state.
    #[must_use]
    pub fn new() -> Self {
        Self { nodes: vec![NOTHING; 2 * BUCKETS] }
    }

    /// The tree over buckets' hashes that were kept, in order; missing ones are empty.
    #[must_use]
    pub fn from_buckets(hashes: impl IntoIterator<Item = Hash>) -> Self {
        let mut tree = Self::new();
        for (slot, hash) in tree.nodes.iter_mut().skip(BUCKETS).zip(hashes) {
            *slot = hash;
        }
        for parent in (1..BUCKETS).rev() {
            tree.join(parent);
        }
        tree
    }

    fn at(&self, node: usize) -> &Hash {
        self.nodes.get(node).unwrap_or(&NOTHING)
    }

    fn join(&mut self, parent: usize) {
        let joined = node(self.at(2 * parent), self.at(2 * parent + 1));
        if let Some(slot) = self.nodes.get_mut(parent) {
            *slot = joined;
        }
    }

    /// Sets the hashes of touched buckets and re-hashes the paths above them, each node once.
    pub fn update(&mut self, touched: impl IntoIterator<Item = (u16, Hash)>) {
        let mut level: Vec<usize> = Vec::new();
        for (bucket, hash) in touched {
            let at = BUCKETS + usize::from(bucket);
            if let Some(slot) = self.nodes.get_mut(at) {
                *slot = hash;
            }
            level.push(at);
        }
        while !level.is_empty() {
            level = level.into_iter().map(|at| at / 2).filter(|at| *at > 0).collect();
            level.sort_unstable();
            level.dedup();
            for parent in &level {
                self.join(*parent);
            }
        }
    }

    /// The root of the state.
    #[must_use]
    pub fn root(&self) -> Hash {
        *self.at(1)
    }

    /// The buckets' hashes in order, to be kept for [`Self::from_buckets`].
    pub fn buckets(&self) -> impl Iterator<Item = &Hash> {
        self.nodes.iter().skip(BUCKETS)
    }

    /// The neighbours that a proof for a bucket discloses, lowest first.
    #[must_use]
    pub fn path(&self, bucket: u16) -> [Hash; LEVELS] {
        let mut at = BUCKETS + usize::from(bucket);
        std::array::from_fn(|_| {
            let neighbour = *self.at(at ^ 1);
            at /= 2;
            neighbour
        })
    }
}

/// All leaves of a state, and the tree over them: small enough for memory at a million resources.
#[derive(Clone)]
pub struct StateLeaves {
    buckets: Vec<Vec<Leaf>>,
    tree: StateTree,
}

impl Default for StateLeaves {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); BUCKETS], tree: StateTree::new() }
    }
}

/// What became of one key's leaf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeafChange {
    /// The key's bucket.
    pub bucket: u16,
    /// Its leaf before, if it was there.
    pub old: Option<Leaf>,
    /// Its leaf now, if it is there.
    pub new: Option<Leaf>,
}

impl StateLeaves {
    /// Builds a state from all its leaves.
    #[must_use]
    pub fn build(leaves: impl IntoIterator<Item = (u16, Leaf)>) -> Self {
        let mut state = Self::default();
        for (bucket, leaf) in leaves {
            if let Some(bucket) = state.buckets.get_mut(usize::from(bucket)) {
                bucket.push(leaf);
            }
        }
        state.tree = StateTree::from_buckets(state.buckets.iter().map(|leaves| bucket_hash(leaves)));
        state
    }

    /// Applies changes and gives the new root.
    ///
    /// # Errors
    /// An old leaf is not there: the state is another one than the caller believes. What was applied
    /// before it stays; the caller must build the state anew.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = LeafChange>) -> Result<Hash, FormatError> {
        let mut touched = std::collections::BTreeSet::new();
        for change in changes {
            let bucket = self.buckets.get_mut(usize::from(change.bucket));
            let bucket = bucket.expect("a 16-bit number names one of 2^16 buckets");
            if let Some(old) = change.old {
                let at = bucket.iter().position(|leaf| *leaf == old).ok_or(FormatError::Invalid {
                    what: "state root",
                    why: "a leaf that should go is not there; build the state anew",
                })?;
                bucket.swap_remove(at);
            }
            bucket.extend(change.new);
            touched.insert(change.bucket);
        }
        let hashes: Vec<_> =
            touched.into_iter().map(|bucket| (bucket, bucket_hash(self.bucket(bucket)))).collect();
        self.tree.update(hashes);
        Ok(self.tree.root())
    }

    /// The root of the state.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The leaves of a bucket, in no order.
    #[must_use]
    pub fn bucket(&self, bucket: u16) -> &[Leaf] {
        self.buckets.get(usize::from(bucket)).map_or(&[], Vec::as_slice)
    }

    /// The proof that the leaves of a bucket are in the state.
    #[must_use]
    pub fn prove(&self, bucket: u16) -> Inclusion {
        Inclusion { bucket, leaves: self.bucket(bucket).to_vec(), path: self.tree.path(bucket) }
    }
}

/// Shows that a leaf is in the state of a root; needs no key to be verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inclusion {
    /// Which bucket.
    pub bucket: u16,
    /// All leaves of the bucket.
    pub leaves: Vec<Leaf>,
    /// The neighbours on the way up, lowest first.
    pub path: [Hash; LEVELS],
}

impl Inclusion {
    /// Whether it shows that the leaf is in the state of the root.
    #[must_use]
    pub fn shows(&self, leaf: &Leaf, root: &Hash) -> bool {
        let mut at = usize::from(self.bucket);
        let mut here = bucket_hash(&self.leaves);
        for neighbour in &self.path {
            here = if at.is_multiple_of(2) { node(&here, neighbour) } else { node(neighbour, &here) };
            at /= 2;
        }
        self.leaves.contains(leaf) && hash::same(&here, root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn leaf(key: u8, version: u8) -> Leaf {
        Leaf(hash::hash_parts(Purpose::new("lastgood/1 test"), &[&[key], &[version]]))
    }

    fn bucket(key: u8) -> u16 {
        u16::from(key % 7) * 9001
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_root_does_not_depend_on_the_way(
            steps in proptest::collection::vec(proptest::collection::btree_map(any::<u8>(), proptest::option::of(any::<u8>()), 0..20), 1..5),
        ) {
            let mut model: BTreeMap<u8, Leaf> = BTreeMap::new();
            let mut state = StateLeaves::default();
            for step in steps {
                let changes: Vec<_> = step.iter().map(|(key, version)| LeafChange {
                    bucket: bucket(*key),
                    old: model.get(key).copied(),
                    new: version.map(|version| leaf(*key, version)),
                }).collect();
                state.apply(changes).unwrap();
                for (key, version) in step {
                    match version {
                        Some(version) => model.insert(key, leaf(key, version)),
                        None => model.remove(&key),
                    };
                }
                let whole = StateLeaves::build(model.iter().rev().map(|(key, leaf)| (bucket(*key), *leaf)));
                prop_assert_eq!(state.root(), whole.root());
                let kept = StateTree::from_buckets(state.tree.buckets().copied());
                prop_assert_eq!(kept.root(), whole.root());
            }
            for (key, leaf) in &model {
                let proof = state.prove(bucket(*key));
                prop_assert!(proof.shows(leaf, &state.root()));
                prop_assert!(!proof.shows(leaf, &[1; 32]));
                let mut other = proof.clone();
                other.path[3][0] ^= 1;
                prop_assert!(!other.shows(leaf, &state.root()));
                prop_assert!(!proof.shows(&Leaf([9; 32]), &state.root()));
            }
        }
    }

    #[test]
    fn an_empty_state_is_zeros_and_a_missing_leaf_is_refused() {
        let mut state = StateLeaves::default();
        assert_eq!(state.root(), [0; 32]);
        let gone = LeafChange { bucket: 1, old: Some(leaf(1, 1)), new: None };
        assert!(state.apply([gone]).is_err());
    }
}
