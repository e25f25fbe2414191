//! Ed25519 signatures over a purpose and a message, verified strictly.

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::base::entropy::{Entropy, draw};
use crate::base::secret::Secret;
use crate::crypto::CryptoError;
use crate::crypto::hash::{self, Purpose};

/// A signature's bytes.
pub type Signature = [u8; 64];

/// Who signs, as others know him.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignPublic(pub [u8; 32]);

impl SignPublic {
    /// Verifies a signature over a purpose and a message.
    ///
    /// # Errors
    /// The key is no point or a weak one, or the signature is not of this key, purpose and message.
    pub fn verify(&self, purpose: Purpose, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| CryptoError::PublicKey)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.verify_strict(&hash::hash(purpose, message), &signature).map_err(|_| CryptoError::Signature)
    }
}

/// Who can sign: an owner or a writer.
#[derive(Clone)]
pub struct SignSecret(Secret<[u8; 32]>);

impl SignSecret {
    /// A fresh key.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        Ok(Self(Secret::new(draw(entropy)?)))
    }

    /// Reads a stored key.
    #[must_use]
    pub fn from_secret(seed: Secret<[u8; 32]>) -> Self {
        Self(seed)
    }

    /// The stored form.
    #[must_use]
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.0
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SignPublic {
        SignPublic(SigningKey::from_bytes(self.0.expose()).verifying_key().to_bytes())
    }

    /// Signs a message for a purpose. What is signed is the message's hash in that purpose.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, message: &[u8]) -> Signature {
        SigningKey::from_bytes(self.0.expose()).sign(&hash::hash(purpose, message)).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn a_signature_is_of_one_key_purpose_and_message() {
        let entropy = SeededEntropy::new(1);
        let key = SignSecret::random(&entropy).unwrap();
        let other = SignSecret::random(&entropy).unwrap();
        let (here, there) = (Purpose::new("lastgood/1 here"), Purpose::new("lastgood/1 there"));
        let signature = key.sign(here, b"message");
        key.public().verify(here, b"message", &signature).unwrap();
        assert!(key.public().verify(here, b"massage", &signature).is_err());
        assert!(key.public().verify(there, b"message", &signature).is_err());
        assert!(other.public().verify(here, b"message", &signature).is_err());
        for at in 0..64 {
            let mut broken = signature;
            broken[at] ^= 1;
            assert!(key.public().verify(here, b"message", &broken).is_err(), "byte {at}");
        }
        let again = SignSecret::from_secret(key.secret().clone());
        assert_eq!(again.public(), key.public());
    }

    #[test]
    fn the_weak_point_is_refused() {
        let mut weak = [0; 32];
        weak[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(SignPublic(weak).verify(Purpose::new("lastgood/1 here"), b"", &signature).is_err());
    }
}
