//! XChaCha20-Poly1305 with associated data, and commitment to the key.
//!
//! The cipher alone does not commit to its key: one message can be made to open under two. So
//! whoever stores a key's messages stores [`SealKey::commitment`] too and compares it first.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::base::entropy::{Entropy, draw};
use crate::base::secret::Secret;
use crate::crypto::CryptoError;
use crate::crypto::hash::{self, Hash, Purpose};

/// Bytes that sealing adds.
pub const TAG_BYTES: usize = 16;

/// A nonce. Never two messages under one key and nonce.
pub type Nonce = [u8; 24];

const COMMITMENT: Purpose = Purpose::new("lastgood/1 commitment");

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealKey(Secret<[u8; 32]>);

impl SealKey {
    /// Takes 32 random or derived bytes.
    #[must_use]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        Ok(Self(Secret::new(draw(entropy)?)))
    }

    /// A key for one purpose, derived from this one.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> Self {
        Self(hash::derive(purpose, &self.0, b""))
    }

    /// The commitment to this key within the object of that id.
    #[must_use]
    pub fn commitment(&self, object: &[u8; 32]) -> Hash {
        hash::hash_parts(COMMITMENT, &[self.0.expose(), object])
    }

    /// Seals the buffer in place and appends the tag.
    ///
    /// # Errors
    /// The buffer is longer than the cipher's 256 GiB.
    pub fn seal(&self, nonce: &Nonce, bound: &[u8], buffer: &mut Vec<u8>) -> Result<(), CryptoError> {
        XChaCha20Poly1305::new(self.0.expose().into())
            .encrypt_in_place(&XNonce::from(*nonce), bound, buffer)
            .map_err(|_| CryptoError::TooLong)
    }

    /// Opens the buffer in place and cuts the tag off.
    ///
    /// # Errors
    /// Other bytes, key, nonce or associated data than at sealing. The buffer's content is then
    /// meaningless.
    pub fn open(&self, nonce: &Nonce, bound: &[u8], buffer: &mut Vec<u8>) -> Result<(), CryptoError> {
        XChaCha20Poly1305::new(self.0.expose().into())
            .decrypt_in_place(&XNonce::from(*nonce), bound, buffer)
            .map_err(|_| CryptoError::Open)
    }

    /// The key's bytes, to be wrapped.
    #[must_use]
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn opens_only_what_was_sealed(
            plain in proptest::collection::vec(any::<u8>(), 0..200),
            bound in proptest::collection::vec(any::<u8>(), 0..20),
            flip in any::<proptest::sample::Index>(),
        ) {
            let key = SealKey::new(Secret::new([7; 32]));
            let nonce = [3; 24];
            let mut sealed = plain.clone();
            key.seal(&nonce, &bound, &mut sealed).unwrap();
            prop_assert_eq!(sealed.len(), plain.len() + TAG_BYTES);

            let mut opened = sealed.clone();
            key.open(&nonce, &bound, &mut opened).unwrap();
            prop_assert_eq!(&opened, &plain);

            let mut broken = sealed.clone();
            let bit = flip.index(broken.len() * 8);
            broken[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(key.open(&nonce, &bound, &mut broken).is_err());
            prop_assert!(key.open(&[4; 24], &bound, &mut sealed.clone()).is_err());
            let other = SealKey::new(Secret::new([8; 32]));
            prop_assert!(other.open(&nonce, &bound, &mut sealed.clone()).is_err());
            let moved = [&bound[..], b"x"].concat();
            prop_assert!(key.open(&nonce, &moved, &mut sealed).is_err());
        }
    }

    #[test]
    fn commitments_bind_key_and_object() {
        let key = SealKey::new(Secret::new([7; 32]));
        assert_ne!(key.commitment(&[1; 32]), key.commitment(&[2; 32]));
        assert_ne!(key.commitment(&[1; 32]), SealKey::new(Secret::new([8; 32])).commitment(&[1; 32]));
    }
}
