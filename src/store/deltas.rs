//! Coding a changed body against its previous version, where that saves enough.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::ids::SegmentId;
use crate::base::limits::PIECE_BYTES;
use crate::format::body::Delta;
use crate::format::codec;
use crate::format::limits::DELTA_DEPTH_MAX;
use crate::format::references::{Location, Place as SegmentPlace, SegmentRef};
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::Place;
use crate::store::session::{Where, WriteSession};
use crate::store::snapshot::Rec;
use crate::store::tenant::Tenant;

/// What a slot adds to a delta's coded bytes.
const SLOT_BYTES: usize = 12;

/// What a segment that was not referred to yet adds.
const REFERENCE_BYTES: usize = 49;

/// A delta must be smaller than this share of the body. Bodies of one kind share a frame and take
/// about a fifth of their bytes there, so this is about half of that; a link costs a read for ever.
const SHARE: usize = 8;

impl WriteSession {
    /// Stores a body as a delta on its previous version; `None` where it is better stored whole, as it
    /// is where the previous version is lost.
    ///
    /// # Errors
    /// The storage failed.
    pub(super) fn delta(
        &mut self,
        kind: &str,
        base: &Place,
        body: &[u8],
    ) -> Result<Option<Where>, StoreError> {
        let (core, tenant) = (self.core.clone(), self.tenant.clone());
        // A generation ends with the year, so that a whole year can be dropped.
        let born = core.born(&tenant, &base.target.reference);
        if body.len() > PIECE_BYTES || born.map(year) != Some(year(self.began.as_millisecond())) {
            return Ok(None);
        }
        let before = match core.bodies(&tenant).at(base) {
            Err(error) if error.is_loss() => return Ok(None),
            other => other?,
        };
        if before.depth >= DELTA_DEPTH_MAX || before.bytes.len() > PIECE_BYTES {
            return Ok(None);
        }
        let coded = codec::delta(&before.bytes, body)?;
        let known = self.referred.contains(&base.target.reference.id);
        let cost = coded.len() + SLOT_BYTES + if known { 0 } else { REFERENCE_BYTES };
        if cost * SHARE >= body.len() {
            return Ok(None);
        }
        let segment = self.builder.refer(&base.target.reference)?;
        self.referred.insert(base.target.reference.id);
        let base = Location { segment, frame: base.frame, slot: base.slot };
        let delta = Delta { length: body.len(), depth: before.depth + 1, base, coded: &coded };
        let at = self.builder.add_delta(kind, &delta)?;
        Ok(Some(self.here(at.frame, at.slot)))
    }
}

impl Core {
    /// When the record was written that brought a segment; `None` where that is not known without
    /// searching.
    fn born(&self, tenant: &Tenant, reference: &SegmentRef) -> Option<i64> {
        match reference.place {
            SegmentPlace::Record(sequence) => self.written(tenant, sequence),
            SegmentPlace::Data | SegmentPlace::OwnData => {
                self.chain(tenant, |chain| chain.born(&reference.id))
            }
        }
    }

    /// When a record was written; of one that was pruned, when the next was, if that was in the same year.
    fn written(&self, tenant: &Tenant, sequence: u64) -> Option<i64> {
        let written = |sequence: u64| Some(self.record(tenant, sequence).ok()?.written_ms);
        let pruned = self.pruned(tenant);
        let Some(void) = pruned.void(sequence) else { return written(sequence) };
        let (before, after) = (written(void.from.checked_sub(1)?)?, written(void.to + 1)?);
        (year(before) == year(after)).then_some(after)
    }

    /// Remembers the data segments that a record brought.
    pub(super) fn keep_births<'r>(
        &self,
        tenant: &Tenant,
        rec: &Rec,
        references: impl Iterator<Item = &'r SegmentRef>,
    ) {
        let own: Vec<SegmentId> =
            references.filter(|row| row.place == SegmentPlace::OwnData).map(|row| row.id).collect();
        if !own.is_empty() {
            self.chain(tenant, |chain| own.into_iter().for_each(|id| chain.keep_birth(id, rec.written_ms)));
        }
    }
}

fn year(ms: i64) -> i16 {
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::UTC).year()
}
