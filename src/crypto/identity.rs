//! What a thing is known by without being shown: ids of bodies, leaves of the state, marks of secrets.

use crate::base::ids::ObjectId;
use crate::base::secret::Secret;
use crate::crypto::hash::{self, HalfHash, Hash, MacKey, Often, Purpose};

static BODY: Often = Often::new(Purpose::new("lastgood/1 body"));
static LEAF: Often = Often::new(Purpose::new("lastgood/1 leaf"));
const LOCAL: Purpose = Purpose::new("lastgood/1 local");

/// Names bodies: their keyed BLAKE3, so that nobody without the key can test a guess.
#[derive(Clone)]
pub struct IdsKey(MacKey);

impl IdsKey {
    /// Takes the derived key.
    #[must_use]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(MacKey::new(key))
    }

    /// The id of a body.
    #[must_use]
    pub fn id(&self, body: &[u8]) -> ObjectId {
        ObjectId(self.0.mac(body))
    }

    /// A key for something local that every holder of this key may read and make: the check of an
    /// index row, a lease, raw bytes' hashes. One key for each purpose text.
    #[must_use]
    pub fn local(&self, purpose: &str) -> Secret<[u8; 32]> {
        let material = Secret::new(*self.0.expose());
        hash::derive(LOCAL, &material, purpose.as_bytes())
    }

    /// The key's bytes, for the key file.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// A leaf of the state: says that a key has a body, shows neither.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Leaf(pub Hash);

/// Makes leaves and the salts that hide what is in them.
#[derive(Clone)]
pub struct ProofKey(MacKey);

impl ProofKey {
    /// Takes the derived key.
    #[must_use]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(MacKey::new(key))
    }

    /// The salt of a key with a body. To disclose it lets others verify this one leaf.
    #[must_use]
    pub fn salt(&self, key: &str, body_hash: &Hash) -> Hash {
        self.0.mac_parts(&[b"salt", key.as_bytes(), body_hash])
    }

    /// The leaf of a resource: `key` is its path, `body` its main body.
    #[must_use]
    pub fn leaf(&self, key: &str, body: &[u8]) -> Leaf {
        let body_hash = body_hash(body);
        leaf_of(&self.salt(key, &body_hash), key, &body_hash)
    }

    /// In which of the 2^16 buckets a key's leaf lies.
    #[must_use]
    pub fn bucket(&self, key: &str) -> u16 {
        let [high, low, ..] = self.0.mac_parts(&[b"bucket", key.as_bytes()]);
        u16::from_be_bytes([high, low])
    }

    /// The key's bytes, for the key file.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// The hash of a main body inside its leaf; needs no key.
#[must_use]
pub fn body_hash(body: &[u8]) -> Hash {
    BODY.hash(body)
}

/// The leaf from its disclosed parts; needs no key.
#[must_use]
pub fn leaf_of(salt: &Hash, key: &str, body_hash: &Hash) -> Leaf {
    Leaf(LEAF.hash_parts(&[salt, key.as_bytes(), body_hash]))
}

/// Marks secret values, so that a change of one shows and the value does not.
#[derive(Clone)]
pub struct FingerprintKey(MacKey);

/// The mark of a secret value at one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(pub HalfHash);

impl Fingerprint {
    /// 32 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl FingerprintKey {
    /// Takes the derived key.
    #[must_use]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(MacKey::new(key))
    }

    /// The mark of `value` at the JSON `pointer` of the resource at `address` (its path).
    #[must_use]
    pub fn fingerprint(&self, prefix: &[u8; 16], address: &str, pointer: &str, value: &[u8]) -> Fingerprint {
        let mac = self.0.mac_parts(&[prefix, address.as_bytes(), pointer.as_bytes(), value]);
        Fingerprint(hash::first_half(&mac))
    }

    /// The key's bytes, for the key file.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_rebuilt_from_what_is_disclosed() {
        let key = ProofKey::new(Secret::new([1; 32]));
        let leaf = key.leaf("user/1", b"{}");
        let body_hash = body_hash(b"{}");
        assert_eq!(leaf, leaf_of(&key.salt("user/1", &body_hash), "user/1", &body_hash));
        assert_ne!(leaf, key.leaf("user/2", b"{}"));
        assert_ne!(leaf, key.leaf("user/1", b"[]"));
        assert_ne!(leaf, ProofKey::new(Secret::new([2; 32])).leaf("user/1", b"{}"));
    }

    #[test]
    fn one_value_at_two_places_has_two_marks() {
        let key = FingerprintKey::new(Secret::new([1; 32]));
        let mark = key.fingerprint(&[0; 16], "app/1", "/secret", b"s3cret");
        assert_eq!(mark, key.fingerprint(&[0; 16], "app/1", "/secret", b"s3cret"));
        assert_ne!(mark, key.fingerprint(&[1; 16], "app/1", "/secret", b"s3cret"));
        assert_ne!(mark, key.fingerprint(&[0; 16], "app/2", "/secret", b"s3cret"));
        assert_ne!(mark, key.fingerprint(&[0; 16], "app/1", "/secrets", b"3cret"));
        assert_ne!(mark, key.fingerprint(&[0; 16], "app/1", "/secret", b"s3creT"));
        assert_eq!(mark.to_hex().len(), 32);
    }

    #[test]
    fn local_keys_differ_by_purpose() {
        let key = IdsKey::new(Secret::new([1; 32]));
        assert_ne!(key.local("row").expose(), key.local("page").expose());
        assert_ne!(key.id(b"a"), key.id(b"b"));
    }
}
