//! Whose turn it is to make a run over a tenant, and the book of its runs.
//!
//! A run holds a lease of its own, apart from the one for apply and maintenance: a sweep may take hours,
//! and a person who restores meanwhile must not wait for it. A run needs no fence, as its commit is a
//! put-if-absent; the turn only keeps two processes from asking the vendor twice.
//!
//! The book holds what is to outlive a process and is no history: when the last run began, what it came
//! to, what was told to whom. It is replaced as a whole, by whoever has the turn. This room does not look
//! into it. Losing it loses no history: the next run starts a new one.
//!
//! The tenant without a name has a turn and a book too: those of work on the repository as a whole.

use std::sync::Arc;

use crate::format::FormatError;
use crate::format::local::{open_book, seal_book};
use crate::format::names::Name;
use crate::storage::{Span, StorageError, Version};
use crate::store::core::Core;
use crate::store::lease::Lease;
use crate::store::segments::{broken, object_path};
use crate::store::tenant::Tenant;
use crate::store::{Repository, StoreError};

/// The right to make runs over a tenant, for as long as it is kept. Given back when it is dropped.
pub struct Turn {
    core: Arc<Core>,
    tenant: Arc<Tenant>,
    name: String,
    lease: Lease,
    /// The state of the book as this holder saw or wrote it last; `None` before it looked.
    seen: Option<Option<Version>>,
}

impl Repository {
    /// Takes the turn of a tenant, which need not have a history yet; of the repository itself where the
    /// name is empty.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another has it; [`StoreError::ReadOnly`]; or the storage failed.
    pub fn turn(&self, tenant: &str) -> Result<Turn, StoreError> {
        if self.core.ring.signer.is_none() {
            return Err(StoreError::ReadOnly);
        }
        let keys = self.core.tenant(tenant)?;
        let lease = Lease::take(self.core.clone(), Name::Turn(keys.prefix), keys.clone(), tenant, 0)?;
        Ok(Turn { core: self.core.clone(), tenant: keys, name: tenant.to_owned(), lease, seen: None })
    }

    /// The book of a tenant's runs as it was left last; `None` where there was no run yet.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or the storage failed.
    pub fn book(&self, tenant: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let tenant = self.core.tenant(tenant)?;
        Ok(self.core.book(&tenant)?.map(|(bytes, _)| bytes))
    }
}

impl Turn {
    /// Makes sure that the turn is still held, and holds for a while.
    ///
    /// # Errors
    /// [`StoreError::TurnLost`], or the storage failed.
    pub fn keep(&mut self) -> Result<(), StoreError> {
        self.lease.keep().map_err(|error| self.lost(error))
    }

    /// The book as it was left last.
    ///
    /// # Errors
    /// As [`Repository::book`].
    pub fn book(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.core.book(&self.tenant) {
            Ok(found) => {
                let (bytes, version) = found.unzip();
                self.seen = Some(version);
                Ok(bytes)
            }
            Err(error) => {
                // A damaged one may be replaced: by who saw that it is this one.
                self.look()?;
                Err(error)
            }
        }
    }

    /// Which state of the book there is now: another one later is somebody else's.
    fn look(&mut self) -> Result<Option<Version>, StoreError> {
        let path = object_path(Name::Book(self.tenant.prefix))?;
        let version = match self.core.storage.get(&path, Span::Last(0), None) {
            Ok(got) => Some(got.version),
            Err(StorageError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        self.seen = Some(version.clone());
        Ok(version)
    }

    /// Puts another book in place of the last one, a damaged one too.
    ///
    /// # Errors
    /// [`StoreError::TurnLost`] where somebody else wrote it meanwhile; or the storage failed.
    pub fn write_book(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.keep()?;
        let path = object_path(Name::Book(self.tenant.prefix))?;
        let seen = match &self.seen {
            Some(seen) => seen.clone(),
            None => self.look()?,
        };
        let Core { ring, entropy, storage, .. } = self.core.as_ref();
        let prefix = self.tenant.prefix;
        let sealed = seal_book(self.tenant.newest()?, &ring.repository, prefix, bytes, entropy.as_ref())?;
        let stored = match seen {
            Some(version) => storage.replace_if(&path, &version, &sealed),
            None => storage.put_new(&path, &sealed),
        };
        match stored {
            Ok(version) => {
                self.seen = Some(Some(version));
                Ok(())
            }
            Err(StorageError::AlreadyExists { .. } | StorageError::Precondition { .. }) => {
                Err(StoreError::TurnLost { tenant: self.name.clone() })
            }
            Err(error) => {
                // It may have been written: who writes next looks again.
                self.seen = None;
                Err(error.into())
            }
        }
    }

    fn lost(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::LeaseLost { .. } => StoreError::TurnLost { tenant: self.name.clone() },
            error => error,
        }
    }
}

impl Core {
    /// The book of a tenant's runs.
    ///
    /// # Errors
    /// It is damaged, or the storage failed.
    pub(super) fn book(&self, tenant: &Tenant) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let path = object_path(Name::Book(tenant.prefix))?;
        let got = match self.storage.get(&path, Span::All, None) {
            Ok(got) => got,
            Err(StorageError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let opened = tenant
            .domains
            .iter()
            .map(|domain| open_book(domain, &self.ring.repository, tenant.prefix, &got.bytes));
        let mut fault = FormatError::NoKey("this tenant");
        for opened in opened {
            match opened {
                Ok(bytes) => return Ok(Some((bytes, got.version))),
                Err(error) => fault = error,
            }
        }
        Err(broken(&path, fault))
    }
}
