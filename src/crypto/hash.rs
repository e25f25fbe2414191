//! Hashing with a purpose: BLAKE3 in `derive_key` mode for hashes, in keyed mode for MACs.
//!
//! A hash made for one purpose can never be taken for another, since the purpose is part of it.
//! Inputs of several parts are length-prefixed, so no two lists of parts give the same input.

use std::sync::OnceLock;

use blake3::hazmat::HasherExt;

use crate::base::secret::Secret;

/// 32 bytes of BLAKE3.
pub type Hash = [u8; 32];

/// The first half of a hash where only a second preimage must be hard.
pub type HalfHash = [u8; 16];

/// What a hash is for; its text is the context of `derive_key` and is part of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Purpose(pub(crate) &'static str);

impl Purpose {
    /// A purpose that another room owns. The text must be unique in the product.
    #[must_use]
    pub const fn new(context: &'static str) -> Self {
        Self(context)
    }
}

/// A purpose for which so much is hashed that its context is brought into the hash once, and not each time. The
/// hashes are the same.
pub struct Often {
    purpose: Purpose,
    context: OnceLock<blake3::hazmat::ContextKey>,
}

impl Often {
    /// The same purpose.
    #[must_use]
    pub const fn new(purpose: Purpose) -> Self {
        Self { purpose, context: OnceLock::new() }
    }

    /// A hasher for the purpose, as [`Hasher::new`] gives it.
    #[must_use]
    pub fn hasher(&self) -> Hasher {
        let context = self.context.get_or_init(|| blake3::hazmat::hash_derive_key_context(self.purpose.0));
        Hasher(blake3::Hasher::new_from_context_key(context))
    }

    /// As [`hash`].
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> Hash {
        *self.hasher().0.update(bytes).finalize().as_bytes()
    }

    /// As [`hash_parts`].
    #[must_use]
    pub fn hash_parts(&self, parts: &[&[u8]]) -> Hash {
        let mut hasher = self.hasher();
        parts.iter().for_each(|part| hasher.part(part));
        hasher.finish()
    }
}

/// The hash of one piece of bytes.
#[must_use]
pub fn hash(purpose: Purpose, bytes: &[u8]) -> Hash {
    *blake3::Hasher::new_derive_key(purpose.0).update(bytes).finalize().as_bytes()
}

/// The hash of several parts, each with its length before it.
#[must_use]
pub fn hash_parts(purpose: Purpose, parts: &[&[u8]]) -> Hash {
    let mut hasher = Hasher::new(purpose);
    for part in parts {
        hasher.part(part);
    }
    hasher.finish()
}

/// The first half of [`hash`].
#[must_use]
pub fn half_hash(purpose: Purpose, bytes: &[u8]) -> HalfHash {
    first_half(&hash(purpose, bytes))
}

/// The first 16 bytes.
#[must_use]
pub fn first_half(hash: &Hash) -> HalfHash {
    let (half, _) = hash.split_first_chunk::<16>().expect("32 bytes hold 16");
    *half
}

/// Hashes parts as they come.
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// A hasher for one purpose.
    #[must_use]
    pub fn new(purpose: Purpose) -> Self {
        Self(blake3::Hasher::new_derive_key(purpose.0))
    }

    /// Adds a part and its length.
    pub fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    /// The hash of all parts.
    #[must_use]
    pub fn finish(&self) -> Hash {
        *self.0.finalize().as_bytes()
    }
}

/// A key for MACs of one purpose.
#[derive(Clone)]
pub struct MacKey(Secret<[u8; 32]>);

impl MacKey {
    /// Takes 32 bytes that nobody else has for another purpose.
    #[must_use]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The MAC of one piece of bytes.
    #[must_use]
    pub fn mac(&self, bytes: &[u8]) -> Hash {
        *blake3::keyed_hash(self.0.expose(), bytes).as_bytes()
    }

    /// The MAC of several parts, each with its length before it.
    #[must_use]
    pub fn mac_parts(&self, parts: &[&[u8]]) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(self.0.expose());
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// Whether this is the MAC of the bytes, in constant time.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], mac: &Hash) -> bool {
        blake3::keyed_hash(self.0.expose(), bytes) == blake3::Hash::from_bytes(*mac)
    }

    /// The key itself, for the key file.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// Derives a key from key material and what it is for.
#[must_use]
pub fn derive(purpose: Purpose, material: &Secret<[u8; 32]>, rest: &[u8]) -> Secret<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(purpose.0);
    hasher.update(material.expose()).update(rest);
    Secret::new(*hasher.finalize().as_bytes())
}

/// Fills a buffer with the stream of a key; used for padding.
pub fn stream(purpose: Purpose, key: &Secret<[u8; 32]>, out: &mut [u8]) {
    blake3::Hasher::new_derive_key(purpose.0).update(key.expose()).finalize_xof().fill(out);
}

/// Whether two hashes are equal, in constant time.
#[must_use]
pub fn same(a: &Hash, b: &Hash) -> bool {
    blake3::Hash::from_bytes(*a) == blake3::Hash::from_bytes(*b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let purpose = Purpose::new("lastgood/1 test");
        assert_ne!(hash_parts(purpose, &[b"ab", b"c"]), hash_parts(purpose, &[b"a", b"bc"]));
        let key = MacKey::new(Secret::new([1; 32]));
        assert_ne!(key.mac_parts(&[b"ab", b"c"]), key.mac_parts(&[b"a", b"bc"]));
    }

    #[test]
    fn purposes_differ() {
        assert_ne!(hash(Purpose::new("lastgood/1 a"), b"x"), hash(Purpose::new("lastgood/1 b"), b"x"));
        let mut a = [0; 8];
        let mut b = [0; 8];
        stream(Purpose::new("lastgood/1 a"), &Secret::new([1; 32]), &mut a);
        stream(Purpose::new("lastgood/1 a"), &Secret::new([2; 32]), &mut b);
        assert_ne!(a, b);
    }

    #[test]
    fn what_is_hashed_often_is_hashed_the_same() {
        let purpose = Purpose::new("lastgood/1 test");
        let often = Often::new(purpose);
        for bytes in [b"".as_slice(), b"x", &[7; 3000]] {
            assert_eq!(often.hash(bytes), hash(purpose, bytes));
            assert_eq!(often.hash_parts(&[bytes, b"y"]), hash_parts(purpose, &[bytes, b"y"]));
        }
    }

    #[test]
    fn a_mac_is_of_its_bytes_only() {
        let key = MacKey::new(Secret::new([1; 32]));
        let mac = key.mac(b"x");
        assert!(key.verify(b"x", &mac));
        assert!(!key.verify(b"y", &mac));
    }
}
