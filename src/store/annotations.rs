//! What is learnt about a snapshot after its commit: records of their own in the sequence.

use std::sync::Arc;

use crate::format::builder::SegmentBuilder;
use crate::format::codec::LEVEL;
use crate::format::fields::Fields;
use crate::format::names::Name;
use crate::format::payload::{Annotation, Sort as About, decode_annotations, encode_annotations};
use crate::store::StoreError;
use crate::store::append::Entry;
use crate::store::core::Core;
use crate::store::segments::{damaged, object_path};
use crate::store::snapshot::{Rec, Sort};
use crate::store::tenant::Tenant;

/// A note about a snapshot, as an annotation.
pub(super) fn note(sequence: u64, name: &str, value: &str) -> Annotation {
    let value = serde_json::json!({ "name": name, "value": value }).to_string();
    Annotation::new(About::Tag, sequence, "", value.into_bytes())
}

/// Name and value of a note; `None` for an annotation that is none.
pub(super) fn read_note(annotation: &Annotation) -> Option<(String, String)> {
    let value: serde_json::Value = serde_json::from_slice(&annotation.value).ok()?;
    let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
    Some((text("name")?, text("value")?))
}

impl Core {
    /// Commits annotations as one record.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Contended`], or the storage failed.
    pub(super) fn annotate(
        &self,
        tenant: &Tenant,
        annotations: &[Annotation],
    ) -> Result<Arc<Rec>, StoreError> {
        let entry = Entry {
            fields: Fields::Annotation,
            payload: encode_annotations(annotations)?,
            builder: SegmentBuilder::new(LEVEL)?,
            after: None,
            unless: &|_| Ok(()),
        };
        self.append(tenant, entry)
    }

    /// The annotations in a record; none in one that is no annotation record.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn annotations(&self, tenant: &Tenant, rec: &Rec) -> Result<Vec<Annotation>, StoreError> {
        if rec.sort != Sort::Annotation {
            return Ok(Vec::new());
        }
        let payload = self.payload(tenant, rec)?;
        let path = object_path(Name::Record(tenant.prefix, rec.sequence))?;
        decode_annotations(&payload).map_err(|error| damaged(&path, &error.to_string()))
    }
}
