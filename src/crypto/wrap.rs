//! Wrapping a key to a public key: HPKE in base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305.
//!
//! A wrapped key does not tell to whom it was wrapped: it holds a fresh point and a ciphertext.
//! Anybody can wrap; who wrapped is said by a signature elsewhere.

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

use crate::base::entropy::{Entropy, draw};
use crate::base::secret::Secret;
use crate::crypto::CryptoError;

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Bytes of a wrapped 32-byte key: the encapsulated point, the key, the tag.
pub const WRAPPED_BYTES: usize = 80;

/// A 32-byte key as it is stored, wrapped.
pub type Wrapped = [u8; WRAPPED_BYTES];

/// To whom a key is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WrapPublic(pub [u8; 32]);

/// Who can unwrap.
#[derive(Clone)]
pub struct WrapSecret(Secret<[u8; 32]>);

impl WrapSecret {
    /// A fresh key pair's secret half.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        Ok(Self::derived(&Secret::new(draw(entropy)?)))
    }

    /// The key pair that belongs to key material.
    #[must_use]
    pub fn derived(material: &Secret<[u8; 32]>) -> Self {
        let (secret, _) = X25519HkdfSha256::derive_keypair(material.expose());
        Self(Secret::new(secret.to_bytes().into()))
    }

    /// Reads a stored secret half.
    #[must_use]
    pub fn from_secret(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The stored form.
    #[must_use]
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.0
    }

    fn key(&self) -> Result<PrivateKey, CryptoError> {
        PrivateKey::from_bytes(self.0.expose()).map_err(|_| CryptoError::WrongKey)
    }

    /// The public half.
    ///
    /// # Errors
    /// The stored bytes are no key.
    pub fn public(&self) -> Result<WrapPublic, CryptoError> {
        Ok(WrapPublic(X25519HkdfSha256::sk_to_pk(&self.key()?).to_bytes().into()))
    }

    /// Unwraps a key that was wrapped to this one with the same `info`.
    ///
    /// # Errors
    /// It was wrapped to another key, for another place, or changed.
    pub fn unwrap(&self, info: &[u8], wrapped: &Wrapped) -> Result<Secret<[u8; 32]>, CryptoError> {
        let (point, sealed) = wrapped.split_at(32);
        let point = Encapped::from_bytes(point).map_err(|_| CryptoError::WrongKey)?;
        let mut opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.key()?,
            &point,
            info,
            sealed,
            b"",
        )
        .map_err(|_| CryptoError::WrongKey)?;
        let key = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| CryptoError::WrongKey)?;
        zeroize::Zeroize::zeroize(&mut opened);
        Ok(Secret::new(key))
    }
}

impl WrapPublic {
    /// Wraps a key; `info` says for which place and must be given again to unwrap.
    ///
    /// # Errors
    /// No randomness, or the public key is not a valid point.
    pub fn wrap(
        &self,
        info: &[u8],
        key: &Secret<[u8; 32]>,
        entropy: &dyn Entropy,
    ) -> Result<Wrapped, CryptoError> {
        let public = PublicKey::from_bytes(&self.0).map_err(|_| CryptoError::PublicKey)?;
        let mut random = Drawn::new(entropy)?;
        let (point, sealed) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &public,
                info,
                key.expose(),
                b"",
                &mut random,
            )
            .map_err(|_| CryptoError::PublicKey)?;
        let mut wrapped = Vec::with_capacity(WRAPPED_BYTES);
        wrapped.extend_from_slice(&point.to_bytes());
        wrapped.extend_from_slice(&sealed);
        Wrapped::try_from(wrapped).map_err(|_| CryptoError::PublicKey)
    }
}

/// [`Entropy`] as the generator that HPKE asks for. The draw may fail, the stream from it cannot.
struct Drawn(blake3::OutputReader);

impl Drawn {
    fn new(entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        let seed = Secret::new(draw::<32>(entropy)?);
        Ok(Self(blake3::Hasher::new_keyed(seed.expose()).finalize_xof()))
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn only_the_recipient_unwraps_and_only_there() {
        let entropy = SeededEntropy::new(1);
        let alice = WrapSecret::random(&entropy).unwrap();
        let eve = WrapSecret::random(&entropy).unwrap();
        let key = Secret::new([9; 32]);
        let wrapped = alice.public().unwrap().wrap(b"here", &key, &entropy).unwrap();
        assert_eq!(alice.unwrap(b"here", &wrapped).unwrap().expose(), key.expose());
        assert!(matches!(eve.unwrap(b"here", &wrapped), Err(CryptoError::WrongKey)));
        assert!(alice.unwrap(b"there", &wrapped).is_err());
        for at in 0..WRAPPED_BYTES {
            let mut broken = wrapped;
            broken[at] ^= 1;
            assert!(alice.unwrap(b"here", &broken).is_err(), "byte {at}");
        }
    }

    #[test]
    fn wrapping_twice_never_repeats() {
        let entropy = SeededEntropy::new(1);
        let public = WrapSecret::random(&entropy).unwrap().public().unwrap();
        let key = Secret::new([9; 32]);
        let first = public.wrap(b"", &key, &entropy).unwrap();
        assert_ne!(first, public.wrap(b"", &key, &entropy).unwrap());
    }

    #[test]
    fn a_stored_secret_is_the_same_key() {
        let pair = WrapSecret::derived(&Secret::new([5; 32]));
        let again = WrapSecret::from_secret(pair.secret().clone());
        assert_eq!(pair.public().unwrap(), again.public().unwrap());
    }
}
