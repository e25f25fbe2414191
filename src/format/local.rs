//! Files that never leave the machine, and the two objects that are replaced: trust file, sealed state; lease
//! and book.

use std::collections::BTreeMap;

use crate::base::entropy::{Entropy, draw};
use crate::base::ids::{RecordId, RepositoryId};
use crate::base::secret::Secret;
use crate::crypto::Suite;
use crate::crypto::aead::SealKey;
use crate::crypto::hash::{self, MacKey, Purpose};
use crate::crypto::hierarchy::{Domain, TenantPrefix};
use crate::crypto::sign::SignPublic;
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::KINDS_MAX;
use crate::format::{FormatError, MAGIC, VERSION};

const TRUST_CHECK: Purpose = Purpose::new("lastgood/1 trust file check");
const TYPE_TRUST: u8 = 3;
const TYPE_STATE: u8 = 4;
const TYPE_BOOK: u8 = 5;
const TYPE_RAW: u8 = 6;
/// A book is as long as a multiple of this, so that its length tells little.
const BOOK_STEP: usize = 4096;

/// What this machine has seen of a repository; whoever shows it less is not believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// Which repository.
    pub repository: RepositoryId,
    /// The owner, pinned at first sight.
    pub owner: SignPublic,
    /// For each tenant, the highest record seen.
    pub seen: BTreeMap<TenantPrefix, (u64, RecordId)>,
}

impl Trust {
    /// The trust file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(&MAGIC).u8(VERSION).u8(0).u8(TYPE_TRUST).u8(0).raw(&self.repository.0).raw(&self.owner.0);
        w.size(self.seen.len());
        for (prefix, (sequence, record)) in &self.seen {
            w.raw(&prefix.0).vu(*sequence).raw(&record.0);
        }
        let check = hash::half_hash(TRUST_CHECK, w.as_slice());
        w.raw(&check);
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Not such bytes, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "trust file");
        let (checked, check) = bytes.split_last_chunk::<16>().ok_or(r.damaged("it ends too early"))?;
        if hash::half_hash(TRUST_CHECK, checked) != *check {
            return Err(r.damaged("its check does not fit"));
        }
        if r.array::<12>()? != *[&MAGIC[..], &[VERSION, 0, TYPE_TRUST, 0]].concat() {
            return Err(r.damaged("it is no trust file of this version"));
        }
        let (repository, owner) = (RepositoryId(r.array()?), SignPublic(r.array()?));
        let count = r.count(KINDS_MAX, 49)?;
        let mut seen = BTreeMap::new();
        for _ in 0..count {
            let prefix = TenantPrefix(r.array()?);
            if seen.last_key_value().is_some_and(|(last, _)| *last >= prefix) {
                return Err(r.damaged("its tenants are not sorted"));
            }
            seen.insert(prefix, (r.vu()?, RecordId(r.array()?)));
        }
        r.take(16)?;
        r.end()?;
        Ok(Self { repository, owner, seen })
    }
}

/// What is sealed under one long-lived key, and what it is called in errors.
struct Sealed<'a> {
    kind: u8,
    what: &'static str,
    repository: &'a RepositoryId,
    prefix: TenantPrefix,
}

impl Sealed<'_> {
    fn head(&self) -> Writer {
        let mut w = Writer::new();
        w.raw(&MAGIC).u8(VERSION).u8(Suite::One.code()).u8(self.kind).u8(0);
        w.raw(&self.repository.0).raw(&self.prefix.0);
        w
    }

    fn seal(
        &self,
        key: Secret<[u8; 32]>,
        mut plain: Vec<u8>,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FormatError> {
        let mut w = self.head();
        let nonce = draw(entropy)?;
        SealKey::new(key).seal(&nonce, w.as_slice(), &mut plain)?;
        w.raw(&nonce).raw(&plain);
        Ok(w.finish())
    }

    fn open(&self, key: Secret<[u8; 32]>, bytes: &[u8]) -> Result<Vec<u8>, FormatError> {
        let mut r = Reader::new(bytes, self.what);
        let head = self.head();
        if r.take(head.len())? != head.as_slice() {
            return Err(r.damaged("it is another repository's or tenant's"));
        }
        let nonce = r.array()?;
        let mut plain = r.take(r.left())?.to_vec();
        SealKey::new(key)
            .open(&nonce, head.as_slice(), &mut plain)
            .map_err(|_| FormatError::Damaged { what: self.what, why: "it does not open with this key" })?;
        Ok(plain)
    }
}

fn state<'a>(repository: &'a RepositoryId, prefix: TenantPrefix) -> Sealed<'a> {
    Sealed { kind: TYPE_STATE, what: "state of the writer", repository, prefix }
}

/// Seals a writer's state under the machine's key.
///
/// # Errors
/// No randomness.
pub fn seal_state(
    machine: &Secret<[u8; 32]>,
    repository: &RepositoryId,
    prefix: TenantPrefix,
    bytes: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, FormatError> {
    state(repository, prefix).seal(machine.clone(), bytes.to_vec(), entropy)
}

/// Opens a writer's state.
///
/// # Errors
/// Another machine's, repository's or tenant's, or damaged.
pub fn open_state(
    machine: &Secret<[u8; 32]>,
    repository: &RepositoryId,
    prefix: TenantPrefix,
    bytes: &[u8],
) -> Result<Vec<u8>, FormatError> {
    state(repository, prefix).open(machine.clone(), bytes)
}

fn book<'a>(repository: &'a RepositoryId, prefix: TenantPrefix) -> Sealed<'a> {
    Sealed { kind: TYPE_BOOK, what: "book of runs", repository, prefix }
}

/// Seals what is known of the runs over a tenant, under a key of the tenant's that a put-only writer has too.
///
/// # Errors
/// No randomness.
pub fn seal_book(
    domain: &Domain,
    repository: &RepositoryId,
    prefix: TenantPrefix,
    bytes: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, FormatError> {
    let mut w = Writer::new();
    w.vb(bytes);
    let mut plain = w.finish();
    plain.resize(plain.len().next_multiple_of(BOOK_STEP), 0);
    book(repository, prefix).seal(domain.ids.local("book of runs"), plain, entropy)
}

/// Opens what [`seal_book`] sealed.
///
/// # Errors
/// Another repository's or tenant's, or damaged.
pub fn open_book(
    domain: &Domain,
    repository: &RepositoryId,
    prefix: TenantPrefix,
    bytes: &[u8],
) -> Result<Vec<u8>, FormatError> {
    let plain = book(repository, prefix).open(domain.ids.local("book of runs"), bytes)?;
    let mut r = Reader::new(&plain, "book of runs");
    Ok(r.vb(plain.len())?.to_vec())
}

fn raw<'a>(repository: &'a RepositoryId, prefix: TenantPrefix) -> Sealed<'a> {
    Sealed { kind: TYPE_RAW, what: "file of raw hashes", repository, prefix }
}

/// Seals what is remembered of a tenant's raw bytes.
///
/// # Errors
/// No randomness.
pub fn seal_raw(
    domain: &Domain,
    repository: &RepositoryId,
    prefix: TenantPrefix,
    plain: Vec<u8>,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, FormatError> {
    raw(repository, prefix).seal(domain.ids.local("file of raw hashes"), plain, entropy)
}

/// Opens what [`seal_raw`] sealed.
///
/// # Errors
/// Another repository's, tenant's or epoch's, or damaged.
pub fn open_raw(
    domain: &Domain,
    repository: &RepositoryId,
    prefix: TenantPrefix,
    bytes: &[u8],
) -> Result<Vec<u8>, FormatError> {
    raw(repository, prefix).open(domain.ids.local("file of raw hashes"), bytes)
}

/// The right to maintain or apply, for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Grows with every holder; stands in the records that he writes.
    pub fencing: u64,
    /// Who holds it: random for each process.
    pub holder: [u8; 16],
    /// Until when, by the storage's clock, in milliseconds.
    pub expires_ms: u64,
}

impl Lease {
    fn key(domain: &Domain) -> MacKey {
        MacKey::new(domain.ids.local("lease"))
    }

    /// The lease's bytes, for this tenant only.
    #[must_use]
    pub fn encode(&self, domain: &Domain) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(1).u64(self.fencing).raw(&self.holder).u64(self.expires_ms);
        let mac = Self::key(domain).mac(w.as_slice());
        w.raw(&mac);
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Not such bytes, or made without this tenant's key.
    pub fn decode(domain: &Domain, bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "lease");
        let signed = bytes.get(..bytes.len().saturating_sub(32)).unwrap_or_default();
        let version = r.u8()?;
        if version != 1 {
            return Err(FormatError::Newer { what: "lease", version, suite: 0 });
        }
        let lease = Self { fencing: r.u64()?, holder: r.array()?, expires_ms: r.u64()? };
        let mac = r.array()?;
        r.end()?;
        if Self::key(domain).verify(signed, &mac) {
            Ok(lease)
        } else {
            Err(r.damaged("its MAC does not fit"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;
    use crate::crypto::hierarchy::Master;

    fn every_flip_is_refused(bytes: &[u8], reads: impl Fn(&[u8]) -> bool) {
        assert!(reads(bytes));
        for at in 0..bytes.len() {
            let mut broken = bytes.to_vec();
            broken[at] ^= 1;
            assert!(!reads(&broken), "byte {at}");
            assert!(!reads(&bytes[..at]), "cut at {at}");
        }
    }

    #[test]
    fn a_trust_file_reads_back_or_is_refused() {
        let seen = (0..3u8).map(|n| (TenantPrefix([n; 16]), (u64::from(n) + 1, RecordId([n; 32])))).collect();
        let trust = Trust { repository: RepositoryId([1; 32]), owner: SignPublic([2; 32]), seen };
        assert_eq!(Trust::decode(&trust.encode()).unwrap(), trust);
        every_flip_is_refused(&trust.encode(), |bytes| Trust::decode(bytes).is_ok());
    }

    #[test]
    fn state_opens_on_its_machine_for_its_tenant() {
        let (machine, entropy) = (Secret::new([1; 32]), SeededEntropy::new(1));
        let (repository, prefix) = (RepositoryId([1; 32]), TenantPrefix([2; 16]));
        let bytes = seal_state(&machine, &repository, prefix, b"state", &entropy).unwrap();
        assert_eq!(open_state(&machine, &repository, prefix, &bytes).unwrap(), b"state");
        assert!(open_state(&Secret::new([2; 32]), &repository, prefix, &bytes).is_err());
        assert!(open_state(&machine, &repository, TenantPrefix([3; 16]), &bytes).is_err());
        every_flip_is_refused(&bytes, |bytes| open_state(&machine, &repository, prefix, bytes).is_ok());
    }

    #[test]
    fn a_book_opens_for_its_tenant_and_hides_its_length() {
        let (master, entropy) = (Master::random(1, &SeededEntropy::new(1)).unwrap(), SeededEntropy::new(2));
        let (repository, prefix) = (RepositoryId([1; 32]), TenantPrefix([2; 16]));
        let domain = master.domain(prefix).unwrap();
        let bytes = seal_book(&domain, &repository, prefix, b"{}", &entropy).unwrap();
        assert_eq!(open_book(&domain, &repository, prefix, &bytes).unwrap(), b"{}");
        let long = seal_book(&domain, &repository, prefix, &[b'x'; 4000], &entropy).unwrap();
        assert_eq!(bytes.len(), long.len());
        let other = master.domain(TenantPrefix([3; 16])).unwrap();
        assert!(open_book(&other, &repository, prefix, &bytes).is_err());
        assert!(open_book(&domain, &repository, TenantPrefix([3; 16]), &bytes).is_err());
        assert!(open_book(&domain, &RepositoryId([2; 32]), prefix, &bytes).is_err());
        for at in (0..bytes.len()).step_by(7) {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert!(open_book(&domain, &repository, prefix, &broken).is_err(), "byte {at}");
            assert!(open_book(&domain, &repository, prefix, &bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_lease_is_of_its_tenant() {
        let master = Master::random(1, &SeededEntropy::new(1)).unwrap();
        let (domain, other) =
            (master.domain(TenantPrefix([1; 16])).unwrap(), master.domain(TenantPrefix([2; 16])).unwrap());
        let lease = Lease { fencing: 3, holder: [4; 16], expires_ms: 5 };
        let bytes = lease.encode(&domain);
        assert_eq!(Lease::decode(&domain, &bytes).unwrap(), lease);
        assert!(Lease::decode(&other, &bytes).is_err());
        every_flip_is_refused(&bytes, |bytes| Lease::decode(&domain, bytes).is_ok());
    }
}
