//! From a place to the body that lies there, or to its id, always re-hashed before it is given out.

use std::sync::Arc;

use crate::base::ids::ObjectId;
use crate::format::body::Slot;
use crate::format::limits::DELTA_DEPTH_MAX;
use crate::format::references::Location;
use crate::store::StoreError;
use crate::store::entry::{Entry, Part, Place, Target};
use crate::store::segments::{OpenSegment, Segments, broken, damaged};
use crate::store::tenant::Tenant;

/// Reads bodies of one tenant.
pub(super) struct Bodies<'s> {
    pub(super) segments: &'s Segments,
    pub(super) tenant: &'s Tenant,
}

/// A body and what is known of it.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) id: ObjectId,
    /// How many deltas lie between it and a whole body.
    pub(super) depth: u8,
}

impl Bodies<'_> {
    /// The body of a part; `None` when the entry has no such part.
    ///
    /// # Errors
    /// It is missing or damaged, or is not the one that the entry names.
    pub(super) fn read(&self, entry: &Entry, part: Part) -> Result<Option<Body>, StoreError> {
        entry.place(part).map(|place| self.at(place)).transpose()
    }

    /// The body at a place.
    ///
    /// # Errors
    /// It is missing or damaged, or is not the one that is meant.
    pub(super) fn at(&self, place: &Place) -> Result<Body, StoreError> {
        let (target, frame, slot) =
            self.segments.resolve(self.tenant, &place.target, place.frame, place.slot)?;
        let open = self.segments.open(self.tenant, &target)?;
        let (bytes, depth) = self.slot(&open, frame, slot, DELTA_DEPTH_MAX)?;
        let ids = self.tenant.domains.iter().map(|domain| domain.ids.id(&bytes));
        match ids.into_iter().find(|id| place.mark.fits(id)) {
            Some(id) => Ok(Body { bytes, id, depth }),
            None => Err(not_meant(&open)),
        }
    }

    /// The id that the newest epoch gives to the body at a place. The first question about a frame hashes
    /// all whole bodies in it, so that the next ones need not open it again; nothing but ids is kept, of
    /// secrets too.
    ///
    /// # Errors
    /// It is missing or damaged, or is not the one that is meant.
    pub(super) fn id(&self, place: &Place) -> Result<ObjectId, StoreError> {
        let newest = self.tenant.newest()?;
        // With several epochs, which of them gave the mark is for the body to tell.
        if self.tenant.domains.len() > 1 {
            return self.at(place).map(|body| newest.ids.id(&body.bytes));
        }
        let (target, frame, slot) =
            self.segments.resolve(self.tenant, &place.target, place.frame, place.slot)?;
        let open = self.segments.open(self.tenant, &target)?;
        let ids = self.segments.ids(&open, frame, &|body| newest.ids.id(body))?;
        match usize::try_from(slot).ok().and_then(|slot| ids.get(slot)) {
            Some(Some(id)) if place.mark.fits(id) => Ok(*id),
            Some(Some(_)) => Err(not_meant(&open)),
            _ => self.at(place).map(|body| body.id),
        }
    }

    /// The body at a spot where it lies, and how many deltas lie between it and a whole one. Nothing says
    /// which body is meant: whoever asks takes it as it is to another place.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn raw(&self, spot: &(Arc<Target>, u32, u32)) -> Result<(Vec<u8>, u8), StoreError> {
        let open = self.segments.open(self.tenant, &spot.0)?;
        self.slot(&open, spot.1, spot.2, DELTA_DEPTH_MAX)
    }

    fn slot(
        &self,
        open: &Arc<OpenSegment>,
        frame: u32,
        slot: u32,
        links: u8,
    ) -> Result<(Vec<u8>, u8), StoreError> {
        let bodies = self.segments.bodies(open, frame)?;
        match bodies.slot(slot).map_err(|error| broken(&open.path, error))? {
            Slot::Whole(bytes) => Ok((bytes.to_vec(), 0)),
            Slot::Delta(delta) => {
                let left = links
                    .checked_sub(1)
                    .ok_or_else(|| damaged(&open.path, "a chain of deltas is too long"))?;
                let (segment, base) = self.follow(open, delta.base)?;
                let (base, _) = self.slot(&segment, base.frame, base.slot, left)?;
                let bytes = delta.apply(&base).map_err(|error| broken(&open.path, error))?;
                Ok((bytes, delta.depth))
            }
            Slot::Pieces { length, first_frame, count } => {
                let mut whole = Vec::with_capacity(length);
                for piece in 0..count {
                    let number = first_frame
                        .checked_add(piece)
                        .ok_or_else(|| damaged(&open.path, "a piece is out of range"))?;
                    let frame = self.segments.bodies(open, number)?;
                    match frame.slot(0).map_err(|error| broken(&open.path, error))? {
                        Slot::Whole(bytes) => whole.extend_from_slice(bytes),
                        _ => return Err(damaged(&open.path, "a piece of a body is no piece")),
                    }
                }
                if whole.len() == length {
                    Ok((whole, 0))
                } else {
                    Err(damaged(&open.path, "the pieces of a body do not add up"))
                }
            }
        }
    }

    /// The segment that a location of this one names.
    fn follow(
        &self,
        open: &Arc<OpenSegment>,
        at: Location,
    ) -> Result<(Arc<OpenSegment>, Location), StoreError> {
        if at.segment == 0 {
            return Ok((open.clone(), at));
        }
        let reference = *self
            .segments
            .references(open)?
            .get(at.segment)
            .ok_or_else(|| damaged(&open.path, "a location names no segment"))?;
        let target = Arc::new(Target { prefix: self.tenant.prefix, reference });
        let (target, frame, slot) = self.segments.resolve(self.tenant, &target, at.frame, at.slot)?;
        Ok((self.segments.open(self.tenant, &target)?, Location { frame, slot, ..at }))
    }
}

fn not_meant(open: &OpenSegment) -> StoreError {
    damaged(&open.path, "a body in it is not the one that the log names")
}
