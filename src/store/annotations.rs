//! What is learnt about a snapshot after its commit: records of their own in the sequence.

use crate::base::ids::RecordId;
use crate::format::builder::SegmentBuilder;
use crate::format::codec::LEVEL;
use crate::format::fields::Fields;
use crate::format::footer::Role;
use crate::format::names::Name;
use crate::format::payload::{Annotation, Sort as About, decode_annotations, encode_annotations};
use crate::format::record::Draft;
use crate::storage::StorageError;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::segments::{damaged, object_path};
use crate::store::snapshot::{Rec, Sort};
use crate::store::tenant::Tenant;

/// Numbers that are tried before other writers are called too many.
const ATTEMPTS: usize = 8;

/// A note about a snapshot, as an annotation.
pub(super) fn note(sequence: u64, name: &str, value: &str) -> Annotation {
    let value = serde_json::json!({ "name": name, "value": value }).to_string();
    Annotation::new(About::Tag, sequence, "", value.into_bytes())
}

/// Name and value of a note; `None` for an annotation that is none.
fn read_note(annotation: &Annotation) -> Option<(String, String)> {
    let value: serde_json::Value = serde_json::from_slice(&annotation.value).ok()?;
    let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
    Some((text("name")?, text("value")?))
}

impl Core {
    /// Commits annotations as one record.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Contended`], or the storage failed.
    pub(super) fn annotate(&self, tenant: &Tenant, annotations: Vec<Annotation>) -> Result<(), StoreError> {
        let signer = self.ring.signer.as_ref().ok_or(StoreError::ReadOnly)?;
        let mut builder = SegmentBuilder::new(LEVEL)?;
        builder.set_payload(encode_annotations(&annotations)?);
        for _ in 0..ATTEMPTS {
            let newest = self.newest(tenant)?;
            let sequence = self.highest(tenant) + 1;
            let draft = Draft {
                repository: self.ring.repository,
                sequence,
                previous: newest.as_ref().map_or(RecordId([0; 32]), |rec| rec.id),
                written_ms: self.clock.now().as_millisecond(),
                rules: newest.as_ref().map_or(0, |rec| rec.rules),
                fields: Fields::Annotation,
                notes: Vec::new(),
            };
            let sealed = builder.seal(tenant.newest()?, self.entropy.as_ref(), Some((&draft, signer)))?;
            let path = object_path(Name::Record(tenant.prefix, sequence))?;
            let committed = match self.storage.put_new(&path, &sealed.bytes) {
                Ok(_) => true,
                Err(StorageError::AlreadyExists { .. }) => false,
                Err(source) if source.outcome_unknown() => match self.segments.object(&path) {
                    Ok(found) => found == sealed.bytes,
                    Err(StoreError::Storage(StorageError::NotFound { .. })) => false,
                    Err(_) => return Err(StoreError::Unknown { sequence, source }),
                },
                Err(error) => return Err(error.into()),
            };
            if committed {
                let rec = self.stored_record(tenant, sequence)?;
                return self.trust.see(tenant.prefix, rec.sequence, rec.id);
            }
        }
        Err(StoreError::Contended { tenant: self.name_of(tenant) })
    }

    /// The annotations in a record; none in one that is no annotation record.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn annotations(&self, tenant: &Tenant, rec: &Rec) -> Result<Vec<Annotation>, StoreError> {
        if rec.sort != Sort::Annotation {
            return Ok(Vec::new());
        }
        let open = self.record_segment(tenant, rec)?;
        let payload = self.segments.stream(&open, Role::Payload)?;
        decode_annotations(&payload).map_err(|error| damaged(&open.path, &error.to_string()))
    }

    /// The notes in a record, each with the number of the snapshot that it is about.
    ///
    /// # Errors
    /// As [`Self::annotations`].
    pub(super) fn notes_of(
        &self,
        tenant: &Tenant,
        rec: &Rec,
    ) -> Result<Vec<(u64, String, String)>, StoreError> {
        let tags = self.annotations(tenant, rec)?.into_iter().filter(|a| a.sort() == Some(About::Tag));
        Ok(tags
            .filter_map(|annotation| {
                let (name, value) = read_note(&annotation)?;
                Some((annotation.sequence, name, value))
            })
            .collect())
    }
}
