//! What kept snapshots are read from: every place that one of them names, and every place that must be
//! read to read those, as deltas lie on earlier versions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::base::ids::SegmentId;
use crate::format::body::Slot;
use crate::format::limits::DELTA_DEPTH_MAX;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Entry, Place, Target};
use crate::store::segments::broken;
use crate::store::tenant::Tenant;

/// Frame and slot.
type At = (u32, u32);

/// The places that must stay, by segment.
#[derive(Default)]
pub(super) struct Live {
    segments: HashMap<SegmentId, (Arc<Target>, HashSet<At>)>,
}

impl Live {
    /// Whether anything in a segment must stay.
    pub(super) fn holds(&self, segment: &SegmentId) -> bool {
        self.segments.contains_key(segment)
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        for (_, place) in &entry.places {
            self.place(place);
        }
    }

    pub(super) fn place(&mut self, place: &Place) {
        self.at(&place.target, (place.frame, place.slot));
    }

    /// Takes a place; `false` when it was taken before.
    fn at(&mut self, target: &Arc<Target>, at: At) -> bool {
        let segment = self.segments.entry(target.reference.id);
        segment.or_insert_with(|| (target.clone(), HashSet::new())).1.insert(at)
    }

    /// Adds what the places so far are deltas on, as far as that goes.
    ///
    /// # Errors
    /// One of them cannot be read: then nobody knows what it needs.
    pub(super) fn close(&mut self, core: &Core, tenant: &Tenant) -> Result<(), StoreError> {
        let mut fresh: Vec<(Arc<Target>, At)> = Vec::new();
        for (target, places) in self.segments.values() {
            fresh.extend(places.iter().map(|at| (target.clone(), *at)));
        }
        for _ in 0..=DELTA_DEPTH_MAX {
            let mut by_frame: BTreeMap<(SegmentId, u32), (Arc<Target>, Vec<u32>)> = BTreeMap::new();
            for (target, (frame, slot)) in fresh.drain(..) {
                let key = (target.reference.id, frame);
                by_frame.entry(key).or_insert_with(|| (target, Vec::new())).1.push(slot);
            }
            for ((_, frame), (target, slots)) in by_frame {
                for base in bases(core, tenant, &target, frame, &slots)? {
                    if self.at(&base.0, base.1) {
                        fresh.push(base);
                    }
                }
            }
            if fresh.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// What the bodies in some slots of a frame are deltas on.
fn bases(
    core: &Core,
    tenant: &Tenant,
    target: &Arc<Target>,
    frame: u32,
    slots: &[u32],
) -> Result<Vec<(Arc<Target>, At)>, StoreError> {
    let open = core.segments.open(tenant, target)?;
    let references = core.segments.references(&open)?;
    let own = open.segment.frames_of(crate::format::footer::Role::Bodies).any(|own| own == frame);
    // Secrets are never deltas, and neither is a body in a segment that refers to none and has one only.
    if !own {
        return Ok(Vec::new());
    }
    let bodies = core.segments.bodies(&open, frame)?;
    let mut found = Vec::new();
    for slot in slots {
        let Slot::Delta(delta) = bodies.slot(*slot).map_err(|error| broken(&open.path, error))? else {
            continue;
        };
        let base = delta.base;
        let on = match references.get(base.segment) {
            Some(reference) => Arc::new(Target { prefix: tenant.prefix, reference: *reference }),
            None => target.clone(),
        };
        found.push((on, (base.frame, base.slot)));
    }
    Ok(found)
}
