//! The repository, opened when something is due and closed when nothing is: a local index is for one
//! process at a time, and a service that kept it would slow every command of the same machine down. Books need
//! no index: they are read, every few seconds, through a repository that stays open without one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::storage::Storage;
use crate::store::{Environment, Repository, StoreError, Unlock};

/// Where a repository is and what opens it.
pub struct Place {
    storage: Arc<dyn Storage>,
    unlock: Unlock,
    env: Environment,
    index: Option<PathBuf>,
    books: Repository,
    open: Mutex<Weak<Repository>>,
}

impl Place {
    /// The place of a repository that opens with this. A passphrase is stretched here, once.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn new(
        storage: Arc<dyn Storage>,
        unlock: &Unlock,
        env: Environment,
        index: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let first = Repository::open(storage.clone(), unlock, env.clone(), index.clone())?;
        let unlock = Unlock::Ring(Box::new(first.keys().clone()));
        let books = Repository::open(storage.clone(), &unlock, env.clone(), None)?;
        Ok(Self { storage, unlock, env, index, books, open: Mutex::default() })
    }

    /// The repository for reading books and nothing else.
    #[must_use]
    pub fn books(&self) -> &Repository {
        &self.books
    }

    /// The repository: the same for all who hold it at one time.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn repository(&self) -> Result<Arc<Repository>, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repository) = open.upgrade() {
            return Ok(repository);
        }
        let index = self.index.clone();
        let fresh = Repository::open(self.storage.clone(), &self.unlock, self.env.clone(), index)?;
        let fresh = Arc::new(fresh);
        *open = Arc::downgrade(&fresh);
        Ok(fresh)
    }
}
