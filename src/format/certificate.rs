//! Who may write: a writer's public key, what it may do, and the owner's signature under both.

use crate::base::ids::RepositoryId;
use crate::crypto::hash::Purpose;
use crate::crypto::hierarchy::TenantPrefix;
use crate::crypto::sign::{SignPublic, SignSecret, Signature};
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::{KINDS_MAX, TEXT_BYTES_MAX};

const CERTIFICATE: Purpose = Purpose::new("lastgood/1 certificate");

/// Bytes of a certificate, at most.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 80 << 10;

/// What a writer may write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights(u8);

impl Rights {
    /// Nothing in particular: types that this program does not know.
    pub const NONE: Self = Self(0);
    /// Snapshots and annotations.
    pub const COLLECT: Self = Self(1);
    /// Maintenance records.
    pub const MAINTAIN: Self = Self(2);
    /// Apply records.
    pub const APPLY: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A writer's certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The writer.
    pub writer: SignPublic,
    /// A name for people: the machine.
    pub name: String,
    /// What it may write.
    pub rights: Rights,
    /// For which tenants; empty for all.
    pub tenants: Vec<TenantPrefix>,
    /// When it was issued, in milliseconds.
    pub issued_ms: i64,
    signature: Signature,
}

/// Somebody who can sign records: a key and its certificate.
#[derive(Clone)]
pub struct Signer {
    /// The key.
    pub secret: SignSecret,
    /// What the owner says of it; the owner himself needs none.
    pub certificate: Option<Certificate>,
}

impl Certificate {
    /// Issues a certificate with the owner's key.
    #[must_use]
    pub fn issue(
        owner: &SignSecret,
        repository: &RepositoryId,
        writer: SignPublic,
        name: &str,
        rights: Rights,
        tenants: Vec<TenantPrefix>,
        issued_ms: i64,
    ) -> Self {
        let mut certificate =
            Self { writer, name: name.to_owned(), rights, tenants, issued_ms, signature: [0; 64] };
        certificate.signature = owner.sign(CERTIFICATE, &certificate.signed(repository));
        certificate
    }

    fn fields(&self, w: &mut Writer) {
        w.raw(&self.writer.0).text(&self.name).u8(self.rights.0).size(self.tenants.len());
        for tenant in &self.tenants {
            w.raw(&tenant.0);
        }
        w.vz(self.issued_ms);
    }

    fn signed(&self, repository: &RepositoryId) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(&repository.0);
        self.fields(&mut w);
        w.finish()
    }

    /// Whether the owner issued it for this repository.
    ///
    /// # Errors
    /// He did not.
    pub fn verify(&self, owner: &SignPublic, repository: &RepositoryId) -> Result<(), FormatError> {
        owner.verify(CERTIFICATE, &self.signed(repository), &self.signature).map_err(|_| {
            FormatError::Untrusted {
                what: "certificate of a writer",
                why: "the owner's signature does not fit",
            }
        })
    }

    /// Whether it lets its writer do this for this tenant.
    #[must_use]
    pub fn allows(&self, rights: Rights, tenant: TenantPrefix) -> bool {
        self.rights.contain(rights) && (self.tenants.is_empty() || self.tenants.contains(&tenant))
    }

    /// The certificate's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.fields(&mut w);
        w.raw(&self.signature);
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote; says nothing about the signature.
    ///
    /// # Errors
    /// Not such bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "certificate of a writer");
        let writer = SignPublic(r.array()?);
        let name = r.text(TEXT_BYTES_MAX)?.to_owned();
        let rights = Rights(r.u8()?);
        if !Rights::ALL.contain(rights) {
            return Err(r.damaged("it gives unknown rights"));
        }
        let count = r.count(KINDS_MAX, 16)?;
        let tenants = (0..count).map(|_| r.array().map(TenantPrefix)).collect::<Result<_, _>>()?;
        let (issued_ms, signature) = (r.vz()?, r.array()?);
        r.end()?;
        Ok(Self { writer, name, rights, tenants, issued_ms, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn only_the_owner_certifies_and_every_field_counts() {
        let entropy = SeededEntropy::new(1);
        let owner = SignSecret::random(&entropy).unwrap();
        let writer = SignSecret::random(&entropy).unwrap();
        let here = RepositoryId([1; 32]);
        let tenant = TenantPrefix([2; 16]);
        let rights = Rights::COLLECT.and(Rights::APPLY);
        let certificate = Certificate::issue(&owner, &here, writer.public(), "box", rights, vec![tenant], 5);
        certificate.verify(&owner.public(), &here).unwrap();
        assert!(certificate.verify(&writer.public(), &here).is_err());
        assert!(certificate.verify(&owner.public(), &RepositoryId([2; 32])).is_err());
        assert!(certificate.allows(Rights::APPLY, tenant));
        assert!(!certificate.allows(Rights::MAINTAIN, tenant));
        assert!(!certificate.allows(Rights::APPLY, TenantPrefix([3; 16])));

        let bytes = certificate.encode();
        assert_eq!(Certificate::decode(&bytes).unwrap(), certificate);
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            let accepted =
                Certificate::decode(&broken).is_ok_and(|read| read.verify(&owner.public(), &here).is_ok());
            assert!(!accepted, "byte {at}");
            assert!(Certificate::decode(&bytes[..at]).is_err());
        }
    }
}
