//! Folding a day: its records byte for byte, its bodies anew, and the map of where they lie now.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::base::ids::SegmentId;
use crate::format::body::Slot;
use crate::format::builder::SegmentBuilder;
use crate::format::codec::FOLDED_LEVEL;
use crate::format::footer::Role;
use crate::format::payload::{CarriedRecord, Maintenance, MovedRecord};
use crate::store::StoreError;
use crate::store::compact::days::{Day, Folding};
use crate::store::core::Core;
use crate::store::entry::Target;
use crate::store::moves::{At, Done, Moves, Moving};
use crate::store::segments::broken;
use crate::store::tenant::Tenant;

/// The payload of the record that carries a day, and what its segment holds.
///
/// # Errors
/// Something of the day cannot be read.
pub(super) fn fold(core: &Core, tenant: &Tenant, day: &Day) -> Result<(Vec<u8>, SegmentBuilder), StoreError> {
    let dying: HashSet<SegmentId> = day.records.iter().map(|folding| folding.rec.segment).collect();
    let mut names = Vec::with_capacity(day.records.len());
    for folding in &day.records {
        names.push(bodies(core, tenant, folding)?);
    }
    // Every body stays, whoever names it.
    let moving = Moving { dying: &dying, stays: &|_| true, level: FOLDED_LEVEL };
    let names = names.iter().map(|(target, places)| (target, places.iter().copied()));
    let Done { mut builder, map, .. } = Moves::new(core, tenant, moving)?.all(names)?;
    let (mut carried, mut first) = (Vec::with_capacity(day.records.len()), 0);
    for folding in &day.records {
        let rec = &folding.rec;
        let frames = core.to_carry(tenant, rec)?.encode();
        let count = frames.len() as u32;
        for frame in frames {
            builder.add_extra(Role::Carried, &frame)?;
        }
        let moved = MovedRecord {
            message: core.message(tenant, rec)?,
            size: folding.size,
            stored_ms: folding.stored.as_millisecond(),
        };
        carried.push(CarriedRecord {
            sequence: rec.sequence,
            segment: rec.segment,
            moved: Some(moved),
            first_frame: first,
            frames: count,
        });
        first += count;
    }
    for frame in map {
        builder.add_extra(Role::Relocations, &frame)?;
    }
    let dies = day.records.iter().map(|folding| folding.rec.reference()).collect();
    Ok((Maintenance { carried, dies, ..Maintenance::default() }.encode(), builder))
}

/// Where the bodies of a record's segment lie.
fn bodies(core: &Core, tenant: &Tenant, folding: &Folding) -> Result<(Arc<Target>, Vec<At>), StoreError> {
    let reference = folding.rec.reference();
    let target = Arc::new(Target { prefix: tenant.prefix, reference });
    let open = core.segments.open(tenant, &target)?;
    let (mut places, mut pieces): (Vec<At>, Vec<Range<u32>>) = (Vec::new(), Vec::new());
    for (frame, row) in (0..).zip(open.segment.frames()) {
        if !matches!(row.role, Role::Bodies | Role::Secrets) {
            continue;
        }
        let frames = core.segments.bodies(&open, frame)?;
        for slot in 0..row.slots {
            // The frames of a body in pieces hold no bodies of their own.
            if let Slot::Pieces { first_frame, count, .. } =
                frames.slot(slot).map_err(|error| broken(&open.path, error))?
            {
                pieces.push(first_frame..first_frame.saturating_add(count));
            }
            places.push((frame, slot));
        }
    }
    places.retain(|(frame, _)| !pieces.iter().any(|frames| frames.contains(frame)));
    Ok((target, places))
}
