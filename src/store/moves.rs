//! Moving what must stay out of segments that die: into the maintenance record's own segment, with a map
//! that says where each body lies now.
//!
//! A body keeps its name, so nothing that names it changes. One that is a delta on a body which stays is
//! taken as it is; else it is coded against the next earlier version that stays, or whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::base::ids::SegmentId;
use crate::base::limits::PIECE_BYTES;
use crate::base::secret::Secret;
use crate::format::body::{Delta, Slot};
use crate::format::builder::SegmentBuilder;
use crate::format::codec;
use crate::format::footer::Role;
use crate::format::limits::DELTA_DEPTH_MAX;
use crate::format::references::Location;
use crate::format::relocations::{Moved, Relocated, Relocations};
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::Target;
use crate::store::segments::broken;
use crate::store::tenant::Tenant;

/// An object over this stays whole as long as anything in it is needed: to empty it would write as much as
/// that frees.
pub(super) const MOVED_BYTES_MAX: u64 = 1 << 20;

/// A delta must be smaller than this share of its body.
const SHARE: usize = 8;

/// Rows of bodies in one frame of the map.
const ROWS_A_FRAME: usize = 100_000;

/// Frame and slot.
pub(super) type At = (u32, u32);

/// One slot of a segment, as it is named or as it lies.
pub(super) type Spot = (Arc<Target>, u32, u32);

/// What moves: out of these segments, whatever of it must stay.
#[derive(Clone, Copy)]
pub(super) struct Moving<'c> {
    pub(super) dying: &'c HashSet<SegmentId>,
    /// Whether what lies there must stay.
    pub(super) stays: &'c dyn Fn(&Spot) -> bool,
    /// How hard what moves is compressed.
    pub(super) level: i32,
}

/// Bodies that move.
pub(super) struct Moves<'c> {
    core: &'c Core,
    tenant: &'c Tenant,
    moving: Moving<'c>,
    builder: SegmentBuilder,
    /// By where they lay: where they lie now, and how deep their deltas go.
    done: HashMap<(SegmentId, u32, u32), (Location, u8)>,
}

/// What moved.
pub(super) struct Done {
    /// The bodies.
    pub(super) builder: SegmentBuilder,
    /// The frames of the map that says where they lie now.
    pub(super) map: Vec<Vec<u8>>,
    /// The segments that they are named after.
    pub(super) segments: Vec<SegmentId>,
}

/// Where bodies of one segment lie now, by frame and slot.
type Rows = Vec<Vec<Moved>>;

impl<'c> Moves<'c> {
    pub(super) fn new(core: &'c Core, tenant: &'c Tenant, moving: Moving<'c>) -> Result<Self, StoreError> {
        let builder = SegmentBuilder::new(moving.level)?;
        Ok(Self { core, tenant, moving, builder, done: HashMap::new() })
    }

    /// Moves each of these bodies that must, as they are named.
    ///
    /// # Errors
    /// One of them cannot be read, and with this key no secret may be.
    pub(super) fn all<'n, P: IntoIterator<Item = At>>(
        mut self,
        names: impl Iterator<Item = (&'n Arc<Target>, P)>,
    ) -> Result<Done, StoreError> {
        let mut map: BTreeMap<SegmentId, Rows> = BTreeMap::new();
        for (target, places) in names {
            for (frame, slot) in places {
                let spot = self.core.segments.resolve(self.tenant, target, frame, slot)?;
                if !self.moving.dying.contains(&spot.0.reference.id) {
                    continue;
                }
                let (now, _) = self.moved(&spot)?;
                let rows = map.entry(target.reference.id).or_default();
                set(rows, (frame, slot), (now.frame, now.slot));
            }
        }
        let segments = map.keys().copied().collect();
        Ok(Done { builder: self.builder, map: frames(map), segments })
    }

    /// Moves a body, unless it was moved already; gives where it lies now, and how deep its deltas go.
    fn moved(&mut self, spot: &Spot) -> Result<(Location, u8), StoreError> {
        let key = (spot.0.reference.id, spot.1, spot.2);
        if let Some(done) = self.done.get(&key) {
            return Ok(*done);
        }
        let open = self.core.segments.open(self.tenant, &spot.0)?;
        let kind = open.segment.kind(spot.1).unwrap_or_default().to_owned();
        let secret = open.segment.frames().get(spot.1 as usize).is_some_and(|row| row.role == Role::Secrets);
        let done = if secret {
            let body = Secret::new(self.core.bodies(self.tenant).raw(spot)?.0);
            (self.builder.add_secret(&kind, &body)?, 0)
        } else {
            match self.as_delta(&kind, spot)? {
                Some(done) => done,
                None => (self.builder.add(&kind, &self.core.bodies(self.tenant).raw(spot)?.0)?, 0),
            }
        };
        self.done.insert(key, done);
        Ok(done)
    }

    /// Moves a body as a delta; `None` where it is better whole.
    fn as_delta(&mut self, kind: &str, spot: &Spot) -> Result<Option<(Location, u8)>, StoreError> {
        let mut next = base(self.core, self.tenant, spot)?;
        let mut links = 0;
        let on = loop {
            let Some(named) = next.filter(|_| links <= DELTA_DEPTH_MAX) else { return Ok(None) };
            let lies = self.core.segments.resolve(self.tenant, &named.0, named.1, named.2)?;
            links += 1;
            if (self.moving.stays)(&lies) {
                break lies;
            }
            next = base(self.core, self.tenant, &lies)?;
        };
        let (at, depth) = self.stays(&on)?;
        if depth >= DELTA_DEPTH_MAX {
            return Ok(None);
        }
        if links == 1 {
            return self.as_it_is(kind, spot, at, depth + 1).map(Some);
        }
        let bodies = self.core.bodies(self.tenant);
        let (body, before) = (bodies.raw(spot)?.0, bodies.raw(&on)?.0);
        if body.len() > PIECE_BYTES || before.len() > PIECE_BYTES {
            return Ok(None);
        }
        let coded = codec::delta(&before, &body)?;
        if coded.len() * SHARE >= body.len() {
            return Ok(None);
        }
        let delta = Delta { length: body.len(), depth: depth + 1, base: at, coded: &coded };
        Ok(Some((self.builder.add_delta(kind, &delta)?, depth + 1)))
    }

    /// Takes a delta over whose base stays what it was, wherever that lies now.
    fn as_it_is(
        &mut self,
        kind: &str,
        spot: &Spot,
        base: Location,
        depth: u8,
    ) -> Result<(Location, u8), StoreError> {
        let open = self.core.segments.open(self.tenant, &spot.0)?;
        let bodies = self.core.segments.bodies(&open, spot.1)?;
        let at = match bodies.slot(spot.2).map_err(|error| broken(&open.path, error))? {
            Slot::Delta(delta) => self.builder.add_delta(kind, &Delta { base, depth, ..delta })?,
            Slot::Whole(_) | Slot::Pieces { .. } => {
                return Ok((self.builder.add(kind, &self.core.bodies(self.tenant).raw(spot)?.0)?, 0));
            }
        };
        Ok((at, depth))
    }

    /// Where a body that stays lies from now on, as the new segment names it.
    fn stays(&mut self, spot: &Spot) -> Result<(Location, u8), StoreError> {
        if self.moving.dying.contains(&spot.0.reference.id) {
            return self.moved(spot);
        }
        let depth = self.core.bodies(self.tenant).raw(spot)?.1;
        let segment = self.builder.refer(&spot.0.reference)?;
        Ok((Location { segment, frame: spot.1, slot: spot.2 }, depth))
    }
}

/// What the body at a spot is a delta on, as it names it; `None` where it lies there whole.
///
/// # Errors
/// It cannot be read.
pub(super) fn base(core: &Core, tenant: &Tenant, spot: &Spot) -> Result<Option<Spot>, StoreError> {
    let (target, frame, slot) = spot;
    let open = core.segments.open(tenant, target)?;
    // Secrets are never deltas.
    if open.segment.frames().get(*frame as usize).is_none_or(|row| row.role != Role::Bodies) {
        return Ok(None);
    }
    let bodies = core.segments.bodies(&open, *frame)?;
    let Slot::Delta(delta) = bodies.slot(*slot).map_err(|error| broken(&open.path, error))? else {
        return Ok(None);
    };
    let on = match core.segments.references(&open)?.get(delta.base.segment) {
        Some(reference) => Arc::new(Target { prefix: tenant.prefix, reference: *reference }),
        None => target.clone(),
    };
    Ok(Some((on, delta.base.frame, delta.base.slot)))
}

fn set(rows: &mut Rows, (frame, slot): (u32, u32), now: (u32, u32)) {
    let (frame, slot) = (frame as usize, slot as usize);
    if rows.len() <= frame {
        rows.resize_with(frame + 1, Vec::new);
    }
    if let Some(slots) = rows.get_mut(frame) {
        slots.resize(slots.len().max(slot + 1), None);
        slots.iter_mut().skip(slot).take(1).for_each(|place| *place = Some(now));
    }
}

/// The map in frames: none has many more rows than its limit.
fn frames(map: BTreeMap<SegmentId, Rows>) -> Vec<Vec<u8>> {
    let (mut frames, mut open, mut count) = (Vec::new(), Vec::new(), 0);
    for (segment, rows) in map {
        count += rows.iter().map(|slots| slots.len() + 1).sum::<usize>();
        open.push(Relocated { segment, frames: rows });
        if count >= ROWS_A_FRAME {
            frames.push(Relocations::new(std::mem::take(&mut open)).encode());
            count = 0;
        }
    }
    if !open.is_empty() {
        frames.push(Relocations::new(open).encode());
    }
    frames
}
