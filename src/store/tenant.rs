//! One tenant's keys, as far as the holder has them.

use crate::base::ids::RepositoryId;
use crate::crypto::hierarchy::{Domain, TenantPrefix};
use crate::crypto::sign::SignPublic;
use crate::format::FormatError;
use crate::format::key_ring::KeyRing;
use crate::store::index;
use crate::store::short::ShortNames;

/// A tenant that the holder has keys for.
pub(super) struct Tenant {
    pub(super) prefix: TenantPrefix,
    /// Newest epoch first; never empty.
    pub(super) domains: Vec<Domain>,
    pub(super) repository: RepositoryId,
    pub(super) owner: SignPublic,
    pub(super) index_keys: index::Keys,
    pub(super) short: ShortNames,
}

impl Tenant {
    /// The keys of a tenant out of a key ring.
    ///
    /// # Errors
    /// The ring has none for it.
    pub(super) fn new(ring: &KeyRing, prefix: TenantPrefix) -> Result<Self, FormatError> {
        let domains = ring.domains(prefix)?;
        let oldest = domains.last().ok_or(FormatError::NoKey("this tenant"))?;
        Ok(Self {
            prefix,
            index_keys: index::Keys::new(oldest),
            short: ShortNames::new(oldest),
            repository: ring.repository,
            owner: ring.owner,
            domains,
        })
    }

    /// The keys of the newest epoch: those to write with.
    ///
    /// # Errors
    /// None that a tenant can have.
    pub(super) fn newest(&self) -> Result<&Domain, FormatError> {
        self.domains.first().ok_or(FormatError::NoKey("this tenant"))
    }

    /// Whether segments can be opened; a put-only writer cannot.
    pub(super) fn opens(&self) -> bool {
        self.domains.iter().any(|domain| domain.data_secret.is_some())
    }
}
