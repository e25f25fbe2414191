//! A snapshot as callers see it, and a record as the store keeps it in mind.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::base::coverage::Ledger;
use crate::base::ids::{PlanId, RecordId, SegmentId};
use crate::crypto::hash::Hash;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::fields::{self, Fields, Flags, Phase, Task};
use crate::format::limits::{NOTES_MAX, TEXT_BYTES_MAX};
use crate::format::record::Record;
use crate::format::references::{Place, SegmentRef};
use crate::store::held::HeldLedger;

/// One committed snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// What it is known by.
    pub id: RecordId,
    /// Its number in the tenant's sequence; the sequence holds other records too.
    pub seq: u64,
    /// The tenant's configured name.
    pub tenant: String,
    /// When the first request was sent.
    pub started: Timestamp,
    /// When the last answer was read.
    pub finished: Timestamp,
    /// When it was committed, by the writer's clock.
    pub written: Timestamp,
    /// Resources that were not there before.
    pub added: u64,
    /// Resources whose main or secret body changed.
    pub changed: u64,
    /// Resources that are no longer there.
    pub removed: u64,
    /// Resources in the state after it.
    pub total: u64,
    /// Bytes that it added to the repository, padding included.
    pub bytes: u64,
    /// Requests that were made for it.
    pub requests: u64,
    /// What it knows that it does not know.
    pub ledger: HeldLedger,
    /// The hash of the tenant's immutable id at the vendor.
    pub identity: Hash,
    /// The fingerprint of what the collector's credential may do; zeros where unknown.
    pub permission: Hash,
    /// The root of the state after it.
    pub root: Hash,
    /// The version of the canonical rules.
    pub rules: u32,
    /// The key epoch.
    pub epoch: u32,
    /// Its properties.
    pub flags: Flags,
    /// What was noted at the commit and annotated later; a later note replaces one of its name.
    pub notes: BTreeMap<String, String>,
    /// The writer's name.
    pub writer: String,
    /// The plan of the apply during which it was taken, as far as the records after it tell; filled
    /// in by [`Repository::snapshots`](crate::store::Repository::snapshots).
    pub applying: Option<PlanId>,
    /// The names that people gave it; filled in likewise.
    pub tags: BTreeSet<String>,
    /// Why it is under a legal hold, if it is; filled in likewise.
    pub held: Option<String>,
    /// Whether drift is told against it; filled in likewise.
    pub baseline: bool,
}

/// What a session's owner says of a snapshot at the commit.
#[derive(Clone, Debug)]
pub struct Meta {
    /// When the first request was sent.
    pub started: Timestamp,
    /// When the last answer was read.
    pub finished: Timestamp,
    /// What is known and not known.
    pub ledger: Ledger,
    /// The hash of the tenant's immutable id at the vendor.
    pub identity: Hash,
    /// The fingerprint of what the collector's credential may do; zeros where unknown.
    pub permission: Hash,
    /// Requests that were made.
    pub requests: u64,
    /// Whether everything was read anew: only then a checkpoint may be due early.
    pub full_sweep: bool,
    /// [`Flags::REBASE`] and [`Flags::APPLY`], where they hold; the store sets the others.
    pub flags: Flags,
    /// The version of the canonical rules.
    pub rules: u32,
    /// Short texts that go with the snapshot; at most 64.
    pub notes: BTreeMap<String, String>,
}

/// What an apply record says without its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Applying {
    pub(super) plan: PlanId,
    pub(super) phase: Phase,
    pub(super) step: u64,
    pub(super) fencing: u64,
}

/// A record, verified, without its log and ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rec {
    pub(super) sequence: u64,
    pub(super) id: RecordId,
    pub(super) previous: RecordId,
    pub(super) written_ms: i64,
    pub(super) rules: u32,
    pub(super) epoch: u32,
    pub(super) writer: String,
    pub(super) segment: SegmentId,
    pub(super) table: Hash,
    /// Bytes of its object.
    pub(super) size: u64,
    /// Bytes of the data segments that came with it.
    pub(super) data_bytes: u64,
    pub(super) notes: Vec<(String, String)>,
    pub(super) sort: Sort,
}

/// What a record is, as far as the store acts on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Snapshot(Box<fields::Snapshot>),
    Annotation,
    Apply(Applying),
    /// What retention let go.
    Prune {
        fencing: u64,
    },
    /// Records of closed days, folded into its segment.
    Compact {
        fencing: u64,
    },
    /// Other maintenance and what a newer program writes.
    Other {
        critical: bool,
    },
}

impl Rec {
    pub(super) fn new(record: &Record, segment: SegmentId, size: u64, data_bytes: u64) -> Self {
        let header = &record.header;
        Self {
            sequence: header.sequence,
            id: record.id,
            previous: header.previous,
            written_ms: header.written_ms,
            rules: header.rules,
            epoch: header.epoch,
            writer: record.writer_name.clone(),
            segment,
            table: header.table,
            size,
            data_bytes,
            notes: record.notes.clone(),
            sort: match &header.fields {
                Fields::Snapshot(snapshot) => Sort::Snapshot(Box::new(snapshot.clone())),
                Fields::Annotation => Sort::Annotation,
                Fields::Apply { plan, phase, step, fencing } => Sort::Apply(Applying {
                    plan: PlanId(*plan),
                    phase: *phase,
                    step: *step,
                    fencing: *fencing,
                }),
                Fields::Maintenance { task: Task::Prune, fencing, .. } => Sort::Prune { fencing: *fencing },
                Fields::Maintenance { task: Task::Compact, fencing, .. } => {
                    Sort::Compact { fencing: *fencing }
                }
                Fields::Maintenance { .. } => Sort::Other { critical: true },
                Fields::Unknown { critical, .. } => Sort::Other { critical: *critical },
            },
        }
    }

    /// What it says of an apply, if it is about one.
    pub(super) fn applying(&self) -> Option<Applying> {
        match self.sort {
            Sort::Apply(applying) => Some(applying),
            _ => None,
        }
    }

    /// The fencing number of the lease that it was written under, if it was under one.
    pub(super) fn fencing(&self) -> Option<u64> {
        match self.sort {
            Sort::Apply(applying) => Some(applying.fencing),
            Sort::Prune { fencing } | Sort::Compact { fencing } => Some(fencing),
            _ => None,
        }
    }

    /// Whether it says what became of other records.
    pub(super) fn maintains(&self) -> bool {
        matches!(self.sort, Sort::Prune { .. } | Sort::Compact { .. })
    }

    /// The snapshot that it is, if it is one.
    pub(super) fn snapshot(&self) -> Option<&fields::Snapshot> {
        match &self.sort {
            Sort::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        }
    }

    /// Whether a state can be read from here without anything before it.
    pub(super) fn is_base(&self) -> bool {
        self.snapshot()
            .is_some_and(|s| s.flags.contain(Flags::FULL_BASE) || s.flags.contain(Flags::CHECKPOINT))
    }

    /// How its segment is named by others.
    pub(super) fn reference(&self) -> SegmentRef {
        let (table, _) = self.table.split_first_chunk::<16>().expect("32 bytes hold 16");
        SegmentRef { place: Place::Record(self.sequence), id: self.segment, table: *table }
    }

    /// The snapshot for callers; `None` when the record is none.
    pub(super) fn to_snapshot(&self, ledger: HeldLedger) -> Option<Snapshot> {
        let snapshot = self.snapshot()?;
        Some(Snapshot {
            id: self.id,
            seq: self.sequence,
            tenant: snapshot.tenant.clone(),
            started: time(snapshot.started_ms),
            finished: time(snapshot.finished_ms),
            written: time(self.written_ms),
            added: snapshot.added,
            changed: snapshot.changed,
            removed: snapshot.removed,
            total: snapshot.total,
            bytes: self.size + self.data_bytes,
            requests: snapshot.requests,
            ledger,
            identity: snapshot.identity,
            permission: snapshot.permission,
            root: snapshot.root,
            rules: self.rules,
            epoch: self.epoch,
            flags: snapshot.flags,
            notes: self.notes.iter().cloned().collect(),
            writer: self.writer.clone(),
            applying: None,
            tags: BTreeSet::new(),
            held: None,
            baseline: false,
        })
    }

    /// A row for the index.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.vu(self.sequence).raw(&self.id.0).raw(&self.previous.0).vz(self.written_ms);
        w.vu(self.rules.into()).vu(self.epoch.into()).text(&self.writer);
        w.raw(&self.segment.0).raw(&self.table).vu(self.size).vu(self.data_bytes).size(self.notes.len());
        for (name, value) in &self.notes {
            w.text(name).text(value);
        }
        match &self.sort {
            Sort::Annotation => w.u8(1),
            Sort::Apply(apply) => {
                w.u8(5).raw(&apply.plan.0).u8(apply.phase.code()).vu(apply.step).vu(apply.fencing)
            }
            Sort::Prune { fencing } => w.u8(6).vu(*fencing),
            Sort::Compact { fencing } => w.u8(7).vu(*fencing),
            Sort::Other { critical } => w.u8(3).u8(u8::from(*critical)),
            Sort::Snapshot(s) => {
                w.u8(4).text(&s.tenant).vz(s.started_ms).vz(s.finished_ms).raw(&s.identity).raw(&s.root);
                w.vu(s.added).vu(s.changed).vu(s.removed).vu(s.total).raw(&s.log_hash).raw(&s.ledger_hash);
                w.u8(s.ledger_depth).u8(s.flags.0).vu(s.requests).raw(&s.permission)
            }
        };
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "record in the index");
        let (sequence, id, previous) = (r.vu()?, RecordId(r.array()?), RecordId(r.array()?));
        let (written_ms, rules, epoch) = (r.vz()?, r.vu32()?, r.vu32()?);
        let writer = r.text(TEXT_BYTES_MAX)?.to_owned();
        let (segment, table) = (SegmentId(r.array()?), r.array()?);
        let (size, data_bytes) = (r.vu()?, r.vu()?);
        let count = r.count(NOTES_MAX, 2)?;
        let mut notes = Vec::with_capacity(count);
        for _ in 0..count {
            notes.push((r.text(TEXT_BYTES_MAX)?.to_owned(), r.text(TEXT_BYTES_MAX)?.to_owned()));
        }
        let sort = match r.u8()? {
            1 => Sort::Annotation,
            3 => Sort::Other { critical: r.flag()? },
            4 => Sort::Snapshot(Box::new(read_snapshot(&mut r)?)),
            5 => Sort::Apply(Applying {
                plan: PlanId(r.array()?),
                phase: Phase::from_code(r.u8()?).ok_or(r.damaged("its phase is unknown"))?,
                step: r.vu()?,
                fencing: r.vu()?,
            }),
            6 => Sort::Prune { fencing: r.vu()? },
            7 => Sort::Compact { fencing: r.vu()? },
            _ => return Err(r.damaged("its type is unknown")),
        };
        r.end()?;
        Ok(Self {
            sequence,
            id,
            previous,
            written_ms,
            rules,
            epoch,
            writer,
            segment,
            table,
            size,
            data_bytes,
            notes,
            sort,
        })
    }
}

fn read_snapshot(r: &mut Reader<'_>) -> Result<fields::Snapshot, FormatError> {
    Ok(fields::Snapshot {
        tenant: r.text(TEXT_BYTES_MAX)?.to_owned(),
        started_ms: r.vz()?,
        finished_ms: r.vz()?,
        identity: r.array()?,
        root: r.array()?,
        added: r.vu()?,
        changed: r.vu()?,
        removed: r.vu()?,
        total: r.vu()?,
        log_hash: r.array()?,
        ledger_hash: r.array()?,
        ledger_depth: r.u8()?,
        flags: Flags(r.u8()?),
        requests: r.vu()?,
        permission: r.array()?,
    })
}

/// A stored time; one outside of what a calendar holds is its nearest end.
pub(super) fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
