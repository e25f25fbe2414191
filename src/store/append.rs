//! Adding a record that is no snapshot to a tenant's sequence.
//!
//! The create under the next number is a compare-and-swap: whoever appends has seen every record
//! before his own, or his create is refused. What must not be added after another's record
//! ([`Entry::unless`]) is therefore never added after it, whatever any clock says.

use std::sync::Arc;

use crate::base::ids::RecordId;
use crate::format::builder::SegmentBuilder;
use crate::format::fields::Fields;
use crate::format::names::Name;
use crate::format::record::Draft;
use crate::storage::StorageError;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::segments::object_path;
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;

/// Numbers that are tried before other writers are called too many.
const ATTEMPTS: usize = 8;

/// What is added.
pub(super) struct Entry<'a> {
    /// The part that depends on the record's type.
    pub(super) fields: Fields,
    /// The payload.
    pub(super) payload: Vec<u8>,
    /// What else its segment holds.
    pub(super) builder: SegmentBuilder,
    /// The record that is taken for the newest, so that nothing is listed where that is so; `None`:
    /// look first.
    pub(super) after: Option<Arc<Rec>>,
    /// Refuses to come after these records: those that were not known before, newest first.
    pub(super) unless: &'a dyn Fn(&Rec) -> Result<(), StoreError>,
}

impl Core {
    /// Commits a record; durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Contended`], what `unless` says, or the storage failed.
    pub(super) fn append(&self, tenant: &Tenant, mut entry: Entry<'_>) -> Result<Arc<Rec>, StoreError> {
        let signer = self.ring.signer.as_ref().ok_or(StoreError::ReadOnly)?;
        let builder = &mut entry.builder;
        builder.set_payload(entry.payload);
        let mut tried: Vec<RecordId> = Vec::new();
        let mut seen = entry.after.as_ref().map_or(0, |rec| rec.sequence);
        let mut newest = match entry.after {
            Some(rec) if self.highest(tenant) == rec.sequence => Some(rec),
            _ => self.news(tenant, &mut seen, entry.unless)?,
        };
        for _ in 0..ATTEMPTS {
            let sequence = self.highest(tenant) + 1;
            let draft = Draft {
                repository: self.ring.repository,
                sequence,
                previous: newest.as_ref().map_or(RecordId([0; 32]), |rec| rec.id),
                written_ms: self.clock.now().as_millisecond(),
                rules: newest.as_ref().map_or(0, |rec| rec.rules),
                fields: entry.fields.clone(),
                notes: Vec::new(),
            };
            let sealed = builder.seal(tenant.newest()?, self.entropy.as_ref(), Some((&draft, signer)))?;
            tried.extend(sealed.record);
            let path = object_path(Name::Record(tenant.prefix, sequence))?;
            let committed = match self.storage.put_new(&path, &sealed.bytes) {
                Ok(_) => true,
                // An earlier try of this very record may have landed late.
                Err(StorageError::AlreadyExists { .. }) => {
                    let there = self.segments.open_record(tenant, sequence);
                    there.is_ok_and(|(record, _)| tried.contains(&record.id))
                }
                Err(source) if source.outcome_unknown() => match self.segments.object(&path) {
                    Ok(found) => found == sealed.bytes,
                    Err(StoreError::Storage(StorageError::NotFound { .. })) => false,
                    Err(_) => return Err(StoreError::Unknown { sequence, source }),
                },
                Err(error) => return Err(error.into()),
            };
            if committed {
                let rec = self.stored_record(tenant, sequence)?;
                self.trust.see(tenant.prefix, rec.sequence, rec.id)?;
                return Ok(rec);
            }
            newest = self.news(tenant, &mut seen, entry.unless)?;
        }
        Err(StoreError::Contended { tenant: self.name_of(tenant) })
    }

    /// The newest record, after each that came since `seen` was asked.
    fn news(
        &self,
        tenant: &Tenant,
        seen: &mut u64,
        unless: &dyn Fn(&Rec) -> Result<(), StoreError>,
    ) -> Result<Option<Arc<Rec>>, StoreError> {
        let newest = self.newest(tenant)?;
        let mut at = newest.clone();
        while let Some(rec) = at.filter(|rec| rec.sequence > *seen) {
            unless(&rec)?;
            at = self.before(tenant, &rec)?;
        }
        *seen = newest.as_ref().map_or(*seen, |rec| rec.sequence);
        Ok(newest)
    }
}
