//! Every key, and everything that is done with one: hashing, sealing, wrapping, signing.
//!
//! This room knows primitives and the key hierarchy; it knows no file and no layout. It must never
//! do I/O, never write bytes at rest by itself (`format` does), never log, and never let a key out
//! of a [`Secret`](crate::base::secret::Secret). Only suite 1 of `docs/FORMAT.md` §3 is here; a
//! second suite is a second set of these modules behind [`Suite`].
//!
//! Read [`hierarchy`] next: it says which key comes from which.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod aead;
pub mod hash;
pub mod hierarchy;
pub mod identity;
pub mod passphrase;
pub mod sign;
pub mod wrap;

use crate::base::entropy::EntropyError;

/// A set of primitives, named by a byte in every object's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suite {
    /// XChaCha20-Poly1305, BLAKE3, Ed25519, HPKE over X25519, Argon2id.
    One,
}

impl Suite {
    /// The suite's byte at rest.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::One => 1,
        }
    }

    /// The suite of a byte; `None` where this program does not have it.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        (code == 1).then_some(Self::One)
    }
}

/// What can go wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// The bytes were not sealed by this key for this place, or were changed since.
    #[error("the sealed bytes do not open: they were changed, moved or sealed by another key")]
    Open,
    /// The key is a wrong one; the bytes around it are whole.
    #[error("the key does not fit; check which passphrase or key file belongs to this repository")]
    WrongKey,
    /// A signature does not belong to the signer and the message.
    #[error("the signature is not valid; do not trust what it stands under")]
    Signature,
    /// A public key is not a point of its curve.
    #[error("the public key is not valid; copy it again from its owner")]
    PublicKey,
    /// The cost of a passphrase is outside what is allowed.
    #[error("the passphrase parameters are out of range: {0}")]
    Cost(&'static str),
    /// The sealed bytes would be longer than the cipher allows.
    #[error("too many bytes for one sealed message")]
    TooLong,
    /// The system gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}
