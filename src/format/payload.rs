//! The payloads of records that are no snapshots: annotations and maintenance.

use crate::base::ids::{RecordId, SegmentId};
use crate::crypto::hash::Hash;
use crate::crypto::identity::Leaf;
use crate::crypto::sign::SignPublic;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::{FRAME_PLAIN_MAX, RECORD_BYTES_MAX, STREAM_BYTES_MAX, TEXT_BYTES_MAX};
use crate::format::references::{References, SegmentRef};

/// What an annotation says about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sort {
    /// An audit event that came late.
    LateEvent,
    /// An audit event that explains a change.
    Join,
    /// A name for a snapshot.
    Tag,
    /// A snapshot that must be kept.
    Hold,
    /// It need no longer be kept.
    HoldEnded,
    /// An id that a restore gave to a resource.
    IdMap,
    /// Somebody read a secret.
    SecretRead,
    /// Somebody exported.
    Export,
    /// A snapshot that others are compared with.
    Baseline,
    /// An audit event about something of which no reading holds a body.
    Unseen,
}

impl Sort {
    const ALL: [Self; 10] = [
        Self::LateEvent,
        Self::Join,
        Self::Tag,
        Self::Hold,
        Self::HoldEnded,
        Self::IdMap,
        Self::SecretRead,
        Self::Export,
        Self::Baseline,
        Self::Unseen,
    ];
}

/// One thing that was learnt about an earlier snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Annotation {
    /// The sort's number; [`Annotation::sort`] gives its meaning, unknown ones are kept.
    pub code: u8,
    /// The snapshot's number.
    pub sequence: u64,
    /// The resource's path, or empty.
    pub key: String,
    /// Canonical JSON.
    pub value: Vec<u8>,
}

impl Annotation {
    /// An annotation of a known sort.
    #[must_use]
    pub fn new(sort: Sort, sequence: u64, key: &str, value: Vec<u8>) -> Self {
        Self { code: sort as u8 + 1, sequence, key: key.to_owned(), value }
    }

    /// Its sort, where this program knows it.
    #[must_use]
    pub fn sort(&self) -> Option<Sort> {
        Sort::ALL.get(usize::from(self.code).checked_sub(1)?).copied()
    }
}

/// The payload of an annotation record.
///
/// # Errors
/// A key is over its limit.
pub fn encode_annotations(annotations: &[Annotation]) -> Result<Vec<u8>, FormatError> {
    let mut w = Writer::new();
    w.size(annotations.len());
    for annotation in annotations {
        if annotation.key.len() > TEXT_BYTES_MAX {
            return Err(FormatError::TooLarge { what: "key of an annotation", limit: TEXT_BYTES_MAX as u64 });
        }
        w.u8(annotation.code).vu(annotation.sequence).text(&annotation.key).vb(&annotation.value);
    }
    Ok(w.finish())
}

/// Reads what [`encode_annotations`] wrote.
///
/// # Errors
/// Not such bytes.
pub fn decode_annotations(bytes: &[u8]) -> Result<Vec<Annotation>, FormatError> {
    let mut r = Reader::new(bytes, "annotations");
    let count = r.count(STREAM_BYTES_MAX, 4)?;
    let mut annotations = Vec::new();
    for _ in 0..count {
        annotations.push(Annotation {
            code: r.u8()?,
            sequence: r.vu()?,
            key: r.text(TEXT_BYTES_MAX)?.to_owned(),
            value: r.vb(STREAM_BYTES_MAX)?.to_vec(),
        });
    }
    r.end()?;
    Ok(annotations)
}

/// What maintenance carries of a record: its log and ledger, and the record itself where its object goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarriedRecord {
    /// Its number in the sequence.
    pub sequence: u64,
    /// The segment that it was committed in.
    pub segment: SegmentId,
    /// The record itself; `None` where it stays in its own object.
    pub moved: Option<MovedRecord>,
    /// The first of its frames, counted among the segment's carried frames.
    pub first_frame: u32,
    /// How many frames; 0 for a record of which only the message is carried.
    pub frames: u32,
}

/// A record that stands in another's segment, and what was known of its own object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovedRecord {
    /// The record's message, byte for byte; never empty.
    pub message: Vec<u8>,
    /// Bytes of its object.
    pub size: u64,
    /// When the storage took its object in, in milliseconds.
    pub stored_ms: i64,
}

/// A run of numbers of a tenant's sequence under which no record counts any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Void {
    /// The first.
    pub from: u64,
    /// The last: the record after it is kept.
    pub to: u64,
    /// How many snapshots there were.
    pub snapshots: u64,
    /// The kept record before; zeros where there is none.
    pub before: RecordId,
    /// The record that the one after names as the one before it.
    pub last: RecordId,
}

/// The payload of a maintenance record.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Maintenance {
    /// Records that stood in what is replaced.
    pub carried: Vec<CarriedRecord>,
    /// Segments that nobody may refer to any more and that will be deleted.
    pub dies: Vec<SegmentRef>,
    /// Leaves whose bodies were erased.
    pub erased: Vec<Leaf>,
    /// Logs that erasure replaced: the signed hash and the new one.
    pub replaced_logs: Vec<(Hash, Hash)>,
    /// Writers whose records count only below a number.
    pub revoked: Vec<(SignPublic, u64)>,
    /// Numbers under which nothing counts any more.
    pub voids: Vec<Void>,
}

impl Maintenance {
    /// The payload's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.size(self.carried.len());
        for record in &self.carried {
            w.vu(record.sequence).raw(&record.segment.0);
            match &record.moved {
                Some(moved) => w.vb(&moved.message).vu(moved.size).vz(moved.stored_ms),
                None => w.vb(&[]),
            };
            w.vu(record.first_frame.into()).vu(record.frames.into());
        }
        SegmentRef::write_list(&self.dies, &mut w);
        w.size(self.erased.len());
        for leaf in &self.erased {
            w.raw(&leaf.0);
        }
        w.size(self.replaced_logs.len());
        for (old, new) in &self.replaced_logs {
            w.raw(old).raw(new);
        }
        w.size(self.revoked.len());
        for (writer, from) in &self.revoked {
            w.raw(&writer.0).vu(*from);
        }
        w.size(self.voids.len());
        for void in &self.voids {
            w.vu(void.from).vu(void.to).vu(void.snapshots).raw(&void.before.0).raw(&void.last.0);
        }
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Not such bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "payload of maintenance");
        let count = r.count(STREAM_BYTES_MAX, 36)?;
        let mut carried = Vec::new();
        for _ in 0..count {
            let (sequence, segment) = (r.vu()?, SegmentId(r.array()?));
            let moved = match r.vb(RECORD_BYTES_MAX)? {
                [] => None,
                message => Some(MovedRecord { message: message.to_vec(), size: r.vu()?, stored_ms: r.vz()? }),
            };
            let (first_frame, frames) = (r.vu32()?, r.vu32()?);
            carried.push(CarriedRecord { sequence, segment, moved, first_frame, frames });
        }
        let dies = SegmentRef::read_list(&mut r)?;
        let count = r.count(STREAM_BYTES_MAX, 32)?;
        let erased = (0..count).map(|_| r.array().map(Leaf)).collect::<Result<_, _>>()?;
        let count = r.count(STREAM_BYTES_MAX, 64)?;
        let mut replaced_logs = Vec::new();
        for _ in 0..count {
            replaced_logs.push((r.array()?, r.array()?));
        }
        let count = r.count(STREAM_BYTES_MAX, 33)?;
        let mut revoked = Vec::new();
        for _ in 0..count {
            revoked.push((SignPublic(r.array()?), r.vu()?));
        }
        let count = r.count(STREAM_BYTES_MAX, 67)?;
        let mut voids = Vec::new();
        for _ in 0..count {
            let void = Void {
                from: r.vu()?,
                to: r.vu()?,
                snapshots: r.vu()?,
                before: RecordId(r.array()?),
                last: RecordId(r.array()?),
            };
            if void.from == 0 || void.from > void.to {
                return Err(r.damaged("void numbers are out of order"));
            }
            voids.push(void);
        }
        r.end()?;
        Ok(Self { carried, dies, erased, replaced_logs, revoked, voids })
    }
}

/// What a carried record's segment held beside bodies; cut into frames by [`CarriedLog::encode`].
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CarriedLog {
    /// The plain bytes of its references.
    pub references: Vec<u8>,
    /// The ledger as it was stored: whole, or against the one before.
    pub ledger: Vec<u8>,
    /// The plain bytes of each block of its log; of a record that has a payload and no log, of that.
    pub blocks: Vec<Vec<u8>>,
}

/// Plain bytes at which a carried frame is cut.
const CARRIED_FRAME_BYTES: usize = 1 << 20;

impl CarriedLog {
    /// That of a record with a payload.
    #[must_use]
    pub fn of_payload(references: Vec<u8>, payload: &[u8]) -> Self {
        let blocks = payload.chunks(FRAME_PLAIN_MAX).map(<[u8]>::to_vec).collect();
        Self { references, ledger: Vec::new(), blocks }
    }

    /// The contents of its frames, in order.
    #[must_use]
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let mut w = Writer::new();
        w.vb(&self.references).vb(&self.ledger).size(self.blocks.len());
        for block in &self.blocks {
            w.vb(block);
        }
        w.finish().chunks(CARRIED_FRAME_BYTES).map(<[u8]>::to_vec).collect()
    }

    /// Reads the joined contents of its frames.
    ///
    /// # Errors
    /// Not such bytes.
    pub fn decode(joined: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(joined, "carried log");
        let references = r.vb(FRAME_PLAIN_MAX)?.to_vec();
        References::decode(&references)?;
        let ledger = r.vb(STREAM_BYTES_MAX)?.to_vec();
        let count = r.count(crate::format::limits::BLOCKS_MAX, 1)?;
        let blocks =
            (0..count).map(|_| r.vb(FRAME_PLAIN_MAX).map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        r.end()?;
        Ok(Self { references, ledger, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::references::Place;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn annotations_round_trip(rows in proptest::collection::vec((any::<u8>(), any::<u64>(), ".{0,9}", proptest::collection::vec(any::<u8>(), 0..9)), 0..6)) {
            let annotations: Vec<_> = rows
                .into_iter()
                .map(|(code, sequence, key, value)| Annotation { code, sequence, key, value })
                .collect();
            let bytes = encode_annotations(&annotations).unwrap();
            prop_assert_eq!(decode_annotations(&bytes).unwrap(), annotations);
            prop_assert!(decode_annotations(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn maintenance_round_trips(n in 0usize..4, seed in any::<u8>(), message in proptest::collection::vec(any::<u8>(), 0..20)) {
            let seed = |k: usize| [seed.wrapping_add(k as u8); 32];
            let payload = Maintenance {
                carried: (0..n).map(|k| CarriedRecord {
                    sequence: k as u64, segment: SegmentId(seed(k)), first_frame: 1, frames: 2,
                    moved: (!message.is_empty()).then(|| MovedRecord { message: message.clone(), size: 4096, stored_ms: -3 }),
                }).collect(),
                dies: (0..n).map(|k| SegmentRef { place: Place::Record(k as u64), id: SegmentId(seed(k)), table: [1; 16] }).collect(),
                erased: (0..n).map(|k| Leaf(seed(k))).collect(),
                replaced_logs: (0..n).map(|k| (seed(k), seed(k + 1))).collect(),
                revoked: (0..n).map(|k| (SignPublic(seed(k)), 7)).collect(),
                voids: (0..n as u64).map(|k| Void {
                    from: k + 1, to: 2 * k + 1, snapshots: k, before: RecordId(seed(1)), last: RecordId(seed(2)),
                }).collect(),
            };
            let bytes = payload.encode();
            prop_assert_eq!(Maintenance::decode(&bytes).unwrap(), payload);
            for cut in 0..bytes.len() {
                prop_assert!(Maintenance::decode(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_annotations(&bytes);
            if let Ok(payload) = Maintenance::decode(&bytes) {
                prop_assert_eq!(payload.encode(), bytes.clone());
            }
            let _ = CarriedLog::decode(&bytes);
        }
    }

    #[test]
    fn carried_logs_round_trip_over_frames() {
        let log =
            CarriedLog { references: vec![], ledger: vec![1; 9], blocks: vec![vec![2; 1_500_000], vec![3]] };
        let frames = log.encode();
        assert_eq!(frames.len(), 2);
        assert_eq!(CarriedLog::decode(&frames.concat()).unwrap(), log);
    }

    #[test]
    fn every_sort_has_its_number() {
        for (sort, code) in Sort::ALL.into_iter().zip(1u8..) {
            let annotation = Annotation::new(sort, 1, "", vec![]);
            assert_eq!((annotation.code, annotation.sort()), (code, Some(sort)));
        }
        assert_eq!(Annotation { code: 99, sequence: 1, key: String::new(), value: vec![] }.sort(), None);
    }
}
