//! Which key comes from which (`docs/FORMAT.md` §4).
//!
//! A repository has one names key and, for each key epoch, one random master. A tenant's keys of an
//! epoch are its [`Domain`], derived from the master. What a holder lacks is `None`: a put-only
//! writer has a domain without the halves that open.

use std::fmt;

use crate::base::entropy::{Entropy, draw};
use crate::base::secret::Secret;
use crate::crypto::CryptoError;
use crate::crypto::hash::{self, MacKey, Purpose};
use crate::crypto::identity::{FingerprintKey, IdsKey, ProofKey};
use crate::crypto::wrap::{WrapPublic, WrapSecret};

const IDS: Purpose = Purpose::new("lastgood/1 ids key");
const PROOF: Purpose = Purpose::new("lastgood/1 proof key");
const FINGERPRINTS: Purpose = Purpose::new("lastgood/1 fingerprint key");
const DATA: Purpose = Purpose::new("lastgood/1 domain key");
const SECRETS: Purpose = Purpose::new("lastgood/1 secrets key");

/// Stands for a tenant in the names of objects; random to whoever lacks the names key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantPrefix(pub [u8; 16]);

impl TenantPrefix {
    /// Reads 32 lower-case hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Some(Self(data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for TenantPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TenantPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantPrefix({self})")
    }
}

/// Turns tenants' names into prefixes; lives as long as the repository.
#[derive(Clone)]
pub struct NamesKey(MacKey);

impl NamesKey {
    /// A fresh key, at `init`.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        Ok(Self::new(Secret::new(draw(entropy)?)))
    }

    /// Takes the stored key.
    #[must_use]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(MacKey::new(key))
    }

    /// The prefix of the tenant with this configured name.
    #[must_use]
    pub fn prefix(&self, tenant: &str) -> TenantPrefix {
        TenantPrefix(hash::first_half(&self.0.mac(tenant.as_bytes())))
    }

    /// The key's bytes, for the key file.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// The root of all keys of one epoch.
#[derive(Clone)]
pub struct Master {
    /// Which epoch; counted from 1.
    pub epoch: u32,
    key: Secret<[u8; 32]>,
}

impl Master {
    /// A fresh master for an epoch.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn random(epoch: u32, entropy: &dyn Entropy) -> Result<Self, CryptoError> {
        Ok(Self { epoch, key: Secret::new(draw(entropy)?) })
    }

    /// Takes a stored master.
    #[must_use]
    pub fn from_secret(epoch: u32, key: Secret<[u8; 32]>) -> Self {
        Self { epoch, key }
    }

    /// The stored form.
    #[must_use]
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.key
    }

    /// The keys of a tenant in this epoch, with everything that opens.
    ///
    /// # Errors
    /// None that a derived key can give; the type is that of reading a public half.
    pub fn domain(&self, prefix: TenantPrefix) -> Result<Domain, CryptoError> {
        let mut rest = self.epoch.to_le_bytes().to_vec();
        rest.extend_from_slice(&prefix.0);
        let key = |purpose| hash::derive(purpose, &self.key, &rest);
        let data = WrapSecret::derived(&key(DATA));
        let secrets = WrapSecret::derived(&key(SECRETS));
        Ok(Domain {
            prefix,
            epoch: self.epoch,
            ids: IdsKey::new(key(IDS)),
            proof: ProofKey::new(key(PROOF)),
            fingerprints: FingerprintKey::new(key(FINGERPRINTS)),
            data_public: data.public()?,
            secrets_public: secrets.public()?,
            data_secret: Some(data),
            secrets_secret: Some(secrets),
        })
    }
}

/// The keys of one tenant in one epoch, as far as the holder has them.
#[derive(Clone)]
pub struct Domain {
    /// Which tenant.
    pub prefix: TenantPrefix,
    /// Which epoch.
    pub epoch: u32,
    /// Names bodies.
    pub ids: IdsKey,
    /// Makes leaves.
    pub proof: ProofKey,
    /// Marks secret values.
    pub fingerprints: FingerprintKey,
    /// To whom segments are wrapped.
    pub data_public: WrapPublic,
    /// To whom secret bodies are wrapped.
    pub secrets_public: WrapPublic,
    /// Opens segments; a put-only writer has none.
    pub data_secret: Option<WrapSecret>,
    /// Opens secret bodies; many readers have none.
    pub secrets_secret: Option<WrapSecret>,
}

impl Domain {
    /// What a put-only writer gets: names, proves, seals; opens nothing.
    #[must_use]
    pub fn put_only(&self) -> Self {
        Self { data_secret: None, secrets_secret: None, ..self.clone() }
    }

    /// What a reader without secret values gets.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        Self { secrets_secret: None, ..self.clone() }
    }

    /// The mark of a secret value at a place of this tenant.
    #[must_use]
    pub fn fingerprint(
        &self,
        address: &str,
        pointer: &str,
        value: &[u8],
    ) -> crate::crypto::identity::Fingerprint {
        self.fingerprints.fingerprint(&self.prefix.0, address, pointer, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn tenants_and_epochs_share_no_key() {
        let entropy = SeededEntropy::new(1);
        let names = NamesKey::random(&entropy).unwrap();
        let (a, b) = (names.prefix("acme"), names.prefix("beta"));
        assert_ne!(a, b);
        assert_eq!(a, names.prefix("acme"));
        let first = Master::random(1, &entropy).unwrap();
        let same_key_next_epoch = Master::from_secret(2, first.secret().clone());
        let domains =
            [first.domain(a).unwrap(), first.domain(b).unwrap(), same_key_next_epoch.domain(a).unwrap()];
        let mut seen = std::collections::BTreeSet::new();
        for domain in &domains {
            seen.insert(*domain.ids.expose());
            seen.insert(*domain.proof.expose());
            seen.insert(*domain.fingerprints.expose());
            seen.insert(domain.data_public.0);
            seen.insert(domain.secrets_public.0);
        }
        assert_eq!(seen.len(), 15);
    }

    #[test]
    fn a_put_only_domain_names_alike_and_opens_nothing() {
        let master = Master::random(1, &SeededEntropy::new(1)).unwrap();
        let full = master.domain(TenantPrefix([1; 16])).unwrap();
        let put = full.put_only();
        assert_eq!(full.ids.id(b"x"), put.ids.id(b"x"));
        assert!(put.data_secret.is_none() && put.secrets_secret.is_none());
        assert!(full.without_secrets().secrets_secret.is_none());
        assert!(full.without_secrets().data_secret.is_some());
    }

    #[test]
    fn prefixes_read_back() {
        let prefix = TenantPrefix([0xab; 16]);
        assert_eq!(TenantPrefix::from_hex(&prefix.to_string()), Some(prefix));
        assert_eq!(TenantPrefix::from_hex("ab"), None);
        assert_eq!(TenantPrefix::from_hex(&"AB".repeat(16)), None);
    }
}
