//! The lease: one apply, or one maintenance, a tenant; and one run a tenant, under a name of its own (`turn`).
//!
//! No answer here rests on a clock of this machine. When a lease ends is said in the storage's time,
//! which both sides read from the date that the storage gives a fresh object; between two such dates
//! a holder counts with a clock that nobody sets, from before it asked, so that it gives up early and
//! never late. And if all of that is wrong, two holders still do not both write: what a holder does
//! under the lease is a record in the tenant's sequence with the lease's fencing number, and a record
//! is never added after one with a higher number (`append`).
//!
//! A holder that was killed blocks others for [`SECONDS`] at most; on its own machine not at all,
//! where the system proves that it is dead (`alive`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::entropy::draw;
use crate::base::ids::PlanId;
use crate::format::builder::SegmentBuilder;
use crate::format::codec::LEVEL;
use crate::format::fields::{Fields, Phase};
use crate::format::local::Lease as Written;
use crate::format::names::Name;
use crate::storage::{Path, Span, StorageError, Version};
use crate::store::alive::{self, Alive, Holder};
use crate::store::append::Entry;
use crate::store::core::Core;
use crate::store::segments::object_path;
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;
use crate::store::{Repository, StoreError};

/// How long a lease holds without being renewed.
pub const SECONDS: u64 = 30;
/// How old it may become before it is renewed.
const RENEWED_AFTER: Duration = Duration::from_secs(10);
/// Lost races before others are called too many.
const ATTEMPTS: usize = 4;

/// The right to apply to a tenant, for as long as it is kept. Given back when it is dropped.
pub struct Lease {
    core: Arc<Core>,
    tenant: Arc<Tenant>,
    name: String,
    path: Path,
    written: Written,
    version: Version,
    /// The storage's time when the lease was asked for, and this machine's count from before that.
    asked: (Timestamp, Duration),
    /// This machine's count from before the last renewal.
    renewed: Duration,
    alive: Option<Alive>,
    /// The newest record, as far as this holder knows.
    newest: Option<Arc<Rec>>,
}

/// Somebody else's lease.
struct Seen {
    lease: Option<Written>,
    version: Version,
}

impl Repository {
    /// Takes the lease of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another holds it; [`StoreError::ReadOnly`]; the tenant is not
    /// there; or the storage failed.
    pub fn lease(&self, tenant: &str) -> Result<Lease, StoreError> {
        if self.core.ring.signer.is_none() {
            return Err(StoreError::ReadOnly);
        }
        let floor = self.core.fencing(self.at_newest(tenant)?)?;
        let keys = self.core.tenant(tenant)?;
        Lease::take(self.core.clone(), Name::Lease(keys.prefix), keys, tenant, floor)
    }
}

impl Lease {
    /// Takes the lease of this name, with a higher number than the last holder's and than `floor`.
    ///
    /// # Errors
    /// As [`Repository::lease`].
    pub(super) fn take(
        core: Arc<Core>,
        object: Name,
        tenant: Arc<Tenant>,
        name: &str,
        floor: u64,
    ) -> Result<Self, StoreError> {
        let path = object_path(object)?;
        let holder: [u8; 16] = draw(core.entropy.as_ref())?;
        let alive = core.folder().map(|folder| Alive::mark(folder, &holder)).transpose()?;
        for _ in 0..ATTEMPTS {
            let count = core.clock.elapsed();
            let now = core.storage_time()?;
            let seen = read(&core, &tenant, &path)?;
            if let Some(seen) = &seen {
                core.must_be_free(name, &path, seen, now)?;
            }
            let before = seen.as_ref().and_then(|seen| seen.lease.as_ref()).map_or(0, |lease| lease.fencing);
            let written = Written { fencing: before.max(floor) + 1, holder, expires_ms: until(now) };
            let bytes = written.encode(tenant.newest()?);
            let stored = match &seen {
                Some(seen) => core.storage.replace_if(&path, &seen.version, &bytes),
                None => core.storage.put_new(&path, &bytes),
            };
            let Some(version) = settled(&core, &path, &bytes, stored)? else { continue };
            let (asked, newest) = ((now, count), None);
            let (name, renewed) = (name.to_owned(), count);
            return Ok(Self { core, tenant, name, path, written, version, asked, renewed, alive, newest });
        }
        Err(StoreError::Contended { tenant: name.to_owned() })
    }

    /// Makes sure that the lease is still held, and holds for a while: called before each write to
    /// the tenant. It costs nothing where it was renewed lately.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the storage failed: nothing may be written to the tenant.
    pub fn keep(&mut self) -> Result<(), StoreError> {
        let count = self.core.clock.elapsed();
        if count.saturating_sub(self.renewed) < RENEWED_AFTER {
            return Ok(());
        }
        let passed = count.saturating_sub(self.asked.1);
        let now = self.asked.0.saturating_add(passed).unwrap_or(Timestamp::MAX);
        let written = Written { expires_ms: until(now), ..self.written };
        let bytes = written.encode(self.tenant.newest()?);
        let stored = self.core.storage.replace_if(&self.path, &self.version, &bytes);
        self.version = settled(&self.core, &self.path, &bytes, stored)?.ok_or_else(|| self.lost())?;
        (self.written, self.renewed) = (written, count);
        Ok(())
    }

    /// Commits a record about an apply: durable when it returns, and not added after a record of
    /// somebody who took the lease since.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the storage failed.
    pub fn append(
        &mut self,
        plan: PlanId,
        phase: Phase,
        step: u64,
        payload: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.keep()?;
        let fencing = self.written.fencing;
        let entry = Entry {
            fields: Fields::Apply { plan: plan.0, phase, step, fencing },
            payload,
            builder: SegmentBuilder::new(LEVEL)?,
            after: self.newest.clone(),
            unless: &|rec| match rec.fencing() {
                Some(other) if other > fencing => Err(self.lost()),
                _ => Ok(()),
            },
        };
        self.newest = Some(self.core.append(&self.tenant, entry)?);
        Ok(())
    }

    /// Commits a maintenance record right after the record that it was made from, and after no other.
    /// `highest` is the highest fencing number up to there.
    ///
    /// # Errors
    /// [`StoreError::Contended`] where something came between; [`StoreError::LeaseLost`]; or the storage
    /// failed.
    pub(super) fn mark(
        &mut self,
        fields: &dyn Fn(u64) -> Fields,
        (payload, builder): (Vec<u8>, SegmentBuilder),
        (after, highest): (Arc<Rec>, u64),
    ) -> Result<Arc<Rec>, StoreError> {
        self.keep()?;
        if highest > self.written.fencing {
            return Err(self.lost());
        }
        let fields = fields(self.written.fencing);
        let unless = |_: &Rec| Err(StoreError::Contended { tenant: self.name.clone() });
        let entry = Entry { fields, payload, builder, after: Some(after), unless: &unless };
        let rec = self.core.append(&self.tenant, entry)?;
        self.newest = Some(rec.clone());
        Ok(rec)
    }

    fn lost(&self) -> StoreError {
        StoreError::LeaseLost { tenant: self.name.clone() }
    }
}

impl Drop for Lease {
    /// Gives the lease back. Where that fails it ends by itself.
    fn drop(&mut self) {
        let Ok(domain) = self.tenant.newest() else { return };
        let free = Written { expires_ms: 0, ..self.written }.encode(domain);
        let given_back = self.core.storage.replace_if(&self.path, &self.version, &free).is_ok();
        if let Some(alive) = self.alive.take().filter(|_| given_back) {
            alive.remove();
        }
    }
}

impl Core {
    /// The time that the storage gives to what is written now.
    pub(super) fn storage_time(&self) -> Result<Timestamp, StoreError> {
        let path = object_path(Name::Probe(draw(self.entropy.as_ref())?))?;
        self.storage.put_new(&path, &[])?;
        let folder = Path::new("probe")?;
        let rows = crate::storage::list_all(self.storage.as_ref(), Some(&folder), None);
        // It is empty and in nobody's way; the next one to look does not see it.
        let _ = self.storage.delete(&path);
        let row = rows?.into_iter().find(|row| row.path == path);
        row.map(|row| row.modified).ok_or_else(|| StorageError::NotFound { path: path.to_string() }.into())
    }

    /// Refuses while another holds the lease and may be alive.
    fn must_be_free(&self, name: &str, path: &Path, seen: &Seen, now: Timestamp) -> Result<(), StoreError> {
        let expires = match &seen.lease {
            Some(lease) => lease.expires_ms,
            // Half of a write, or nobody's: as old as the storage says.
            None => self.written_at(path)?.map_or(0, until),
        };
        let until = Timestamp::from_millisecond(i64::try_from(expires).unwrap_or(i64::MAX));
        let until = until.unwrap_or(Timestamp::MAX);
        if until <= now {
            return Ok(());
        }
        let holder = match &seen.lease {
            None => "a holder that cannot be read".to_owned(),
            Some(lease) => match alive::look(self.folder(), &lease.holder) {
                Holder::Dead => return Ok(()),
                Holder::Runs(process) => format!("process {process} on this machine"),
                Holder::Unknown => {
                    let id = data_encoding::HEXLOWER.encode(&lease.holder);
                    format!("{}, which is not known to this machine", id.get(..8).unwrap_or_default())
                }
            },
        };
        Err(StoreError::Locked { tenant: name.to_owned(), holder, until })
    }

    fn written_at(&self, path: &Path) -> Result<Option<Timestamp>, StoreError> {
        // No name lies between one and itself without its last letter.
        let before = path.as_str().get(..path.as_str().len() - 1).map(Path::new).transpose()?;
        let rows = self.storage.list(None, before.as_ref(), 1)?;
        Ok(rows.into_iter().find(|row| row.path == *path).map(|row| row.modified))
    }
}

/// A lease that begins at this time of the storage ends then, in milliseconds.
fn until(now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond()).unwrap_or(0) + SECONDS * 1000
}

fn read(core: &Core, tenant: &Tenant, path: &Path) -> Result<Option<Seen>, StoreError> {
    let got = match core.storage.get(path, Span::All, None) {
        Ok(got) => got,
        Err(StorageError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let lease = tenant.domains.iter().find_map(|domain| Written::decode(domain, &got.bytes).ok());
    Ok(Some(Seen { lease, version: got.version }))
}

/// The version that was written; `None` where somebody else was faster. Where nobody knows what
/// became of the write it is read back.
fn settled(
    core: &Core,
    path: &Path,
    bytes: &[u8],
    stored: Result<Version, StorageError>,
) -> Result<Option<Version>, StoreError> {
    match stored {
        Ok(version) => Ok(Some(version)),
        Err(
            StorageError::AlreadyExists { .. }
            | StorageError::Precondition { .. }
            | StorageError::NotFound { .. },
        ) => Ok(None),
        Err(error) if error.outcome_unknown() => match core.storage.get(path, Span::All, None) {
            Ok(got) if got.bytes == bytes => Ok(Some(got.version)),
            _ => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}
