//! What kept snapshots are read from: every body that one of them names, and every body that must be read
//! to read those, as deltas lie on earlier versions.
//!
//! A body is named by where it was written, for ever; where it lies now, earlier prunes may have moved it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::base::ids::SegmentId;
use crate::format::limits::DELTA_DEPTH_MAX;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Entry, Place, Target};
use crate::store::moves::{At, Spot, base};
use crate::store::tenant::Tenant;

/// The bodies that must stay.
#[derive(Default)]
pub(super) struct Live {
    names: BTreeMap<SegmentId, (Arc<Target>, BTreeSet<At>)>,
    /// Where they lie.
    spots: HashSet<(SegmentId, At)>,
    held: HashSet<SegmentId>,
}

impl Live {
    /// Whether anything that lies in a segment must stay.
    pub(super) fn holds(&self, segment: &SegmentId) -> bool {
        self.held.contains(segment)
    }

    /// Whether what lies there must stay.
    pub(super) fn needs(&self, spot: &Spot) -> bool {
        self.spots.contains(&(spot.0.reference.id, (spot.1, spot.2)))
    }

    /// Every name, by segment.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Arc<Target>, impl Iterator<Item = At>)> {
        self.names.values().map(|(target, places)| (target, places.iter().copied()))
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        for (_, place) in &entry.places {
            self.place(place);
        }
    }

    pub(super) fn place(&mut self, place: &Place) {
        self.name(&place.target, (place.frame, place.slot));
    }

    /// Takes a name; `false` when it was taken before.
    fn name(&mut self, target: &Arc<Target>, at: At) -> bool {
        let segment = self.names.entry(target.reference.id);
        segment.or_insert_with(|| (target.clone(), BTreeSet::new())).1.insert(at)
    }

    /// Adds what the bodies so far are deltas on, as far as that goes. One that lies in a segment that dies
    /// is coded anew where it needs to be, so what it is a delta on is not needed for it.
    ///
    /// # Errors
    /// One of them cannot be read: then nobody knows what it needs.
    pub(super) fn close(
        &mut self,
        core: &Core,
        tenant: &Tenant,
        dying: &HashSet<SegmentId>,
    ) -> Result<(), StoreError> {
        let mut fresh: Vec<Spot> = Vec::new();
        for (target, places) in self.names.values() {
            fresh.extend(places.iter().map(|(frame, slot)| (target.clone(), *frame, *slot)));
        }
        for _ in 0..=DELTA_DEPTH_MAX {
            let mut by_frame: BTreeMap<(SegmentId, u32), (Arc<Target>, Vec<u32>)> = BTreeMap::new();
            for (target, frame, slot) in fresh.drain(..) {
                let (target, frame, slot) = core.segments.resolve(tenant, &target, frame, slot)?;
                let id = target.reference.id;
                self.held.insert(id);
                if self.spots.insert((id, (frame, slot))) && !dying.contains(&id) {
                    by_frame.entry((id, frame)).or_insert_with(|| (target, Vec::new())).1.push(slot);
                }
            }
            for ((_, frame), (target, slots)) in by_frame {
                for base in bases(core, tenant, &target, frame, &slots)? {
                    if self.name(&base.0, (base.1, base.2)) {
                        fresh.push(base);
                    }
                }
            }
            if fresh.is_empty() {
                return Ok(());
            }
        }
        let object = format!("the history of tenant {}", core.name_of(tenant));
        Err(StoreError::Damaged { object, what: "a chain of deltas in it is too long".to_owned() })
    }
}

/// What the bodies in some slots of a frame are deltas on, as they name it.
fn bases(
    core: &Core,
    tenant: &Tenant,
    target: &Arc<Target>,
    frame: u32,
    slots: &[u32],
) -> Result<Vec<Spot>, StoreError> {
    let mut found = Vec::new();
    for slot in slots {
        found.extend(base(core, tenant, &(target.clone(), frame, *slot))?);
    }
    Ok(found)
}
