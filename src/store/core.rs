//! What a repository and its sessions share: storage, keys, caches, index and trust file.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::base::entropy::Entropy;
use crate::base::time::Clock;
use crate::crypto::hierarchy::TenantPrefix;
use crate::format::key_ring::KeyRing;
use crate::format::names::Name;
use crate::storage::Storage;
use crate::store::bodies::Bodies;
use crate::store::carried::{NetLog, NetLogKey};
use crate::store::index::{Fault, Index, IndexStatus};
use crate::store::pruned::Learnt;
use crate::store::replay::Loaded;
use crate::store::segments::Segments;
use crate::store::sequence::Chain;
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;
use crate::store::told::Told;
use crate::store::trust::TrustFile;
use crate::store::{Environment, StoreError};

/// When things are written: numbers that cost and speed hang on, and no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    /// Bodies, as stored, after which a data segment is written.
    pub(super) data_segment_bytes: usize,
    /// Logs since the last whole state before which no checkpoint is written.
    pub(super) logs_min: u64,
    /// Logs since the last whole state after which one is written, whatever it costs.
    pub(super) logs_max: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { data_segment_bytes: 8 << 20, logs_min: 64, logs_max: 1_024 }
    }
}

/// The shared inside of a repository.
pub(super) struct Core {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) segments: Segments,
    pub(super) ring: KeyRing,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) trust: TrustFile,
    pub(super) tuning: Tuning,
    /// Damaged records after the newest readable one.
    pub(super) passed_over: Mutex<BTreeSet<String>>,
    index: RwLock<(Option<Index>, IndexStatus)>,
    folder: Option<PathBuf>,
    tenants: Mutex<HashMap<TenantPrefix, Arc<Tenant>>>,
    chains: Mutex<HashMap<TenantPrefix, Chain>>,
    newest_state: Mutex<Option<(Arc<Rec>, Loaded)>>,
    /// Events that were told late.
    pub(super) late: Mutex<HashMap<TenantPrefix, Told>>,
    /// What was pruned.
    pub(super) learnt: Mutex<HashMap<TenantPrefix, Learnt>>,
    /// The log of a maintenance record that was read last.
    pub(super) net_log: Mutex<Option<(NetLogKey, Arc<NetLog>)>>,
}

impl Core {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        ring: KeyRing,
        env: Environment,
        folder: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let trust = TrustFile::open(folder.as_deref(), ring.repository, ring.owner, &storage.place())?;
        let index = match Index::open(folder.as_deref(), &ring.repository, env.entropy.clone()) {
            Ok((index, status)) => (Some(index), status),
            Err(status) => (None, status),
        };
        Ok(Self {
            segments: Segments::new(storage.clone()),
            storage,
            ring,
            clock: env.clock,
            entropy: env.entropy,
            trust,
            tuning: Tuning::default(),
            passed_over: Mutex::default(),
            index: RwLock::new(index),
            folder,
            tenants: Mutex::default(),
            chains: Mutex::default(),
            newest_state: Mutex::default(),
            late: Mutex::default(),
            learnt: Mutex::default(),
            net_log: Mutex::default(),
        })
    }

    /// The tenant of a configured name.
    ///
    /// # Errors
    /// The holder has no keys for it.
    pub(super) fn tenant(&self, name: &str) -> Result<Arc<Tenant>, StoreError> {
        let prefix = self
            .ring
            .prefix(name)
            .map_err(|_| StoreError::NoKey { what: format!("anything of tenant {name}") })?;
        self.tenant_of(prefix)
    }

    pub(super) fn tenant_of(&self, prefix: TenantPrefix) -> Result<Arc<Tenant>, StoreError> {
        let mut tenants = lock(&self.tenants);
        if let Some(tenant) = tenants.get(&prefix) {
            return Ok(tenant.clone());
        }
        let tenant = Arc::new(Tenant::new(&self.ring, prefix)?);
        tenants.insert(prefix, tenant.clone());
        Ok(tenant)
    }

    pub(super) fn bodies<'c>(&'c self, tenant: &'c Tenant) -> Bodies<'c> {
        Bodies { segments: &self.segments, tenant }
    }

    /// The folder of this machine for index, trust file and marks of the living.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// What is remembered of a tenant's sequence.
    pub(super) fn chain<A>(&self, tenant: &Tenant, use_it: impl FnOnce(&mut Chain) -> A) -> A {
        use_it(lock(&self.chains).entry(tenant.prefix).or_default())
    }

    /// The state that was loaded last, and the record that it holds for.
    pub(super) fn remembered_state(&self) -> Option<(Arc<Rec>, Loaded)> {
        lock(&self.newest_state).clone()
    }

    pub(super) fn remember_state(&self, rec: Arc<Rec>, loaded: Loaded) {
        *lock(&self.newest_state) = Some((rec, loaded));
    }

    pub(super) fn forget_state(&self) {
        *lock(&self.newest_state) = None;
    }

    /// Asks the index. A fault ends its use in this process, and there is no answer then.
    pub(super) fn ask<A>(&self, question: impl FnOnce(&Index) -> Result<A, Fault>) -> Option<A> {
        let answered = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            question(index.0.as_ref()?)
        };
        match answered {
            Ok(answer) => Some(answer),
            Err(fault) => {
                tracing::debug!(why = %fault.0, "the index is not used any more");
                *self.index.write().unwrap_or_else(PoisonError::into_inner) =
                    (None, IndexStatus::Faulty(fault.0));
                None
            }
        }
    }

    pub(super) fn index_status(&self) -> IndexStatus {
        self.index.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Closes the index, deletes its file and begins a new one. What is remembered goes too.
    pub(super) fn renew_index(&self) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if index.1 == IndexStatus::Locked {
            return;
        }
        index.0 = None;
        self.forget_raw();
        if let Some(folder) = &self.folder {
            // A file that stays is opened again below, and found to be what it is.
            let _ = std::fs::remove_file(folder.join(crate::store::index::FILE));
        }
        *index = match Index::open(self.folder.as_deref(), &self.ring.repository, self.entropy.clone()) {
            Ok((fresh, status)) => (Some(fresh), status),
            Err(status) => (None, status),
        };
        drop(index);
        lock(&self.chains).clear();
        *lock(&self.newest_state) = None;
        self.segments.forget();
    }

    /// Whether every page of the index is what redb wrote; one that is not is closed.
    pub(super) fn index_is_whole(&self) -> bool {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = index.0.as_mut() else { return true };
        let whole = open.is_whole();
        if !whole {
            *index = (None, IndexStatus::Faulty("a page is not what was written".to_owned()));
        }
        whole
    }

    /// Every tenant prefix in the repository, by skipping from folder to folder.
    ///
    /// # Errors
    /// As the storage fails.
    pub(super) fn prefixes(&self) -> Result<Vec<TenantPrefix>, StoreError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let Some(next) = self.storage.list(None, after.as_ref(), 1)?.pop() else { return Ok(found) };
            let folder = match Name::parse(next.path.as_str()) {
                Some(Name::Record(prefix, _)) => {
                    found.push(prefix);
                    prefix.to_string()
                }
                Some(Name::Data(prefix, _)) => format!("{prefix}.d"),
                _ => {
                    after = Some(next.path);
                    continue;
                }
            };
            // No record and no data segment has a name after this one.
            after = Some(crate::storage::Path::new(&format!("{folder}/zzzz"))?);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
