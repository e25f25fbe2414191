//! Short names of keys: 64 bits by which a session finds again what it was told, without holding the key.
//!
//! Two keys with one short name would be taken for one, so the hash is keyed with the tenant's secret: nobody who
//! chooses ids can choose two that meet. They never leave the machine.

use std::hash::{BuildHasher, DefaultHasher, Hasher};

use crate::crypto::hierarchy::Domain;

/// Makes the short names of one tenant's keys.
#[derive(Clone)]
pub(super) struct ShortNames(DefaultHasher);

impl ShortNames {
    /// By the keys of the oldest domain, so that a new epoch changes no name.
    pub(super) fn new(oldest: &Domain) -> Self {
        let mut begun = DefaultHasher::new();
        begun.write(oldest.ids.local("short names").expose());
        Self(begun)
    }

    /// The short name of a key's path.
    pub(super) fn of(&self, path: &str) -> u64 {
        let mut hasher = self.0.clone();
        hasher.write(path.as_bytes());
        hasher.finish()
    }
}

/// Hashes short names by themselves: they are hashes already.
#[derive(Clone, Copy, Default)]
pub(super) struct Quick;

/// The hasher of [`Quick`].
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl BuildHasher for Quick {
    type Hasher = AsItIs;

    fn build_hasher(&self) -> AsItIs {
        AsItIs::default()
    }
}

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, short: u64) {
        self.0 = short;
    }

    /// Never asked for: short names are whole numbers. Any answer would be right, and slow.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte));
    }
}
