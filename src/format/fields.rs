//! What a record says, by its type: snapshot, annotation, maintenance, apply.

use crate::crypto::hash::Hash;
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::certificate::Rights;
use crate::format::limits::{LEDGER_DEPTH_MAX, TEXT_BYTES_MAX};
use crate::format::names::SEQUENCE_MAX;

const CRITICAL: u8 = 0x80;

/// Properties of a snapshot, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags(pub u8);

impl Flags {
    /// The log is a whole state and refers to nothing before.
    pub const FULL_BASE: Self = Self(1);
    /// Rules or keys changed: ids are not comparable with those before.
    pub const REBASE: Self = Self(2);
    /// Made around an apply; never `latest` for a restore.
    pub const APPLY: Self = Self(4);
    /// The segment also holds a checkpoint; the builder sets it.
    pub const CHECKPOINT: Self = Self(8);
    /// Not everything was read anew; change feeds said what to read.
    pub const INCREMENTAL: Self = Self(16);
    const ALL: u8 = 31;

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These, with `other` set or not.
    #[must_use]
    pub fn with(self, other: Self, set: bool) -> Self {
        Self(if set { self.0 | other.0 } else { self.0 & !other.0 })
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a snapshot says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The tenant's configured name.
    pub tenant: String,
    /// When the first request was sent, in milliseconds.
    pub started_ms: i64,
    /// When the last answer was read; not before `started_ms`.
    pub finished_ms: i64,
    /// The hash of the tenant's immutable id at the vendor.
    pub identity: Hash,
    /// The root of the state after it.
    pub root: Hash,
    /// Keys that were not there before.
    pub added: u64,
    /// Keys whose main body changed.
    pub changed: u64,
    /// Keys that are no longer there.
    pub removed: u64,
    /// Keys in the state after it.
    pub total: u64,
    /// The hash of the log; the builder sets it.
    pub log_hash: Hash,
    /// The hash of the whole ledger; the builder sets it.
    pub ledger_hash: Hash,
    /// How many ledgers back the whole one is; the builder sets it.
    pub ledger_depth: u8,
    /// Its properties.
    pub flags: Flags,
    /// Requests that were made for it.
    pub requests: u64,
    /// The fingerprint of what the collector's credential may do; zeros where unknown.
    pub permission: Hash,
}

/// What maintenance did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Many small segments became one.
    Compact,
    /// Segments will be deleted.
    Prune,
    /// Bodies were erased for good.
    Erase,
    /// Writers were revoked or an epoch began.
    Keys,
}

/// How far an apply has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The plan was taken up, or taken up again.
    Accepted,
    /// A request is about to be sent.
    Intent,
    /// What came of a request, or of a whole step.
    Outcome,
    /// All steps were gone through.
    Finished,
    /// It stopped before the end.
    Stopped,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Accepted, Self::Intent, Self::Outcome, Self::Finished, Self::Stopped];

    /// The number at rest.
    #[must_use]
    pub(crate) fn code(self) -> u8 {
        self as u8 + 1
    }

    /// The phase of a number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

/// The part of a record that depends on its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fields {
    /// The state of the tenant changed, or was found unchanged.
    Snapshot(Snapshot),
    /// Something was learnt about earlier snapshots.
    Annotation,
    /// Old segments were rewritten or condemned.
    Maintenance {
        /// What was done.
        task: Task,
        /// The first number that it covers; 0 for none.
        from: u64,
        /// The last number that it covers; 0 for none.
        to: u64,
        /// The fencing number of the lease.
        fencing: u64,
    },
    /// A step of a restore.
    Apply {
        /// The plan.
        plan: [u8; 32],
        /// How far.
        phase: Phase,
        /// Which step.
        step: u64,
        /// The fencing number of the lease.
        fencing: u64,
    },
    /// A type that this program does not know; kept and reported.
    Unknown {
        /// The type, without the critical bit.
        sort: u8,
        /// Whether states at or after it must not be answered.
        critical: bool,
        /// Its fields.
        bytes: Vec<u8>,
    },
}

impl Fields {
    pub(crate) fn type_byte(&self) -> u8 {
        match self {
            Self::Snapshot(_) => 1,
            Self::Annotation => 2,
            Self::Maintenance { .. } => 3 | CRITICAL,
            Self::Apply { .. } => 4 | CRITICAL,
            Self::Unknown { sort, critical, .. } => sort | if *critical { CRITICAL } else { 0 },
        }
    }

    /// Whether a program that does not know the type must not answer states at or after it.
    #[must_use]
    pub fn critical(&self) -> bool {
        self.type_byte() & CRITICAL != 0
    }

    /// What its writer must be allowed to do.
    #[must_use]
    pub fn rights(&self) -> Rights {
        match self {
            Self::Snapshot(_) | Self::Annotation => Rights::COLLECT,
            Self::Maintenance { .. } => Rights::MAINTAIN,
            Self::Apply { .. } => Rights::APPLY,
            Self::Unknown { .. } => Rights::NONE,
        }
    }
}

pub(crate) fn encode_fields(fields: &Fields) -> Vec<u8> {
    let mut w = Writer::new();
    match fields {
        Fields::Snapshot(s) => {
            w.text(&s.tenant).vz(s.started_ms).vu(s.finished_ms.abs_diff(s.started_ms));
            w.raw(&s.identity).raw(&s.root).vu(s.added).vu(s.changed).vu(s.removed).vu(s.total);
            w.raw(&s.log_hash).raw(&s.ledger_hash).u8(s.ledger_depth).u8(s.flags.0).vu(s.requests);
            w.raw(&s.permission);
        }
        Fields::Annotation => {}
        Fields::Maintenance { task, from, to, fencing } => {
            w.u8(*task as u8 + 1).vu(*from).vu(*to).vu(*fencing);
        }
        Fields::Apply { plan, phase, step, fencing } => {
            w.raw(plan).u8(phase.code()).vu(*step).vu(*fencing);
        }
        Fields::Unknown { bytes, .. } => {
            w.raw(bytes);
        }
    }
    w.finish()
}

pub(crate) fn decode_fields(type_byte: u8, bytes: &[u8]) -> Result<Fields, FormatError> {
    let mut r = Reader::new(bytes, "fields of a record");
    let fields = match type_byte {
        1 => Fields::Snapshot(read_snapshot(&mut r)?),
        2 => Fields::Annotation,
        0x83 => {
            let task = match r.u8()? {
                1 => Task::Compact,
                2 => Task::Prune,
                3 => Task::Erase,
                4 => Task::Keys,
                _ => return Err(r.damaged("the task is unknown")),
            };
            let (from, to, fencing) = (r.vu()?, r.vu()?, r.vu()?);
            if from > to || to > SEQUENCE_MAX {
                return Err(r.damaged("the range is out of order"));
            }
            Fields::Maintenance { task, from, to, fencing }
        }
        0x84 => {
            let plan = r.array()?;
            let phase = Phase::from_code(r.u8()?).ok_or(r.damaged("the phase is unknown"))?;
            Fields::Apply { plan, phase, step: r.vu()?, fencing: r.vu()? }
        }
        3 | 4 | 0x81 | 0x82 => return Err(r.damaged("its critical bit does not fit its type")),
        _ => Fields::Unknown {
            sort: type_byte & !CRITICAL,
            critical: type_byte & CRITICAL != 0,
            bytes: r.take(bytes.len())?.to_vec(),
        },
    };
    r.end()?;
    Ok(fields)
}

fn read_snapshot(r: &mut Reader<'_>) -> Result<Snapshot, FormatError> {
    let (tenant, started_ms) = (r.text(TEXT_BYTES_MAX)?.to_owned(), r.vz()?);
    let finished_ms =
        started_ms.checked_add_unsigned(r.vu()?).ok_or(r.damaged("its time is out of range"))?;
    let snapshot = Snapshot {
        tenant,
        started_ms,
        finished_ms,
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
    };
    if snapshot.ledger_depth > LEDGER_DEPTH_MAX || snapshot.flags.0 & !Flags::ALL != 0 {
        return Err(r.damaged("its flags or its ledger's depth are unknown"));
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unknown_types_are_kept_and_known_ones_have_one_form() {
        let unknown = Fields::Unknown { sort: 9, critical: true, bytes: vec![1, 2, 3] };
        let read = decode_fields(unknown.type_byte(), &encode_fields(&unknown)).unwrap();
        assert_eq!(read, unknown);
        assert!(unknown.critical());
        let annotation = encode_fields(&Fields::Annotation);
        assert!(decode_fields(2, &annotation).is_ok());
        assert!(decode_fields(0x82, &annotation).is_err());
        assert!(!Fields::Annotation.critical());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(sort in any::<u8>(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(fields) = decode_fields(sort, &bytes) {
                prop_assert_eq!(fields.type_byte(), sort);
                prop_assert_eq!(encode_fields(&fields), bytes);
            }
        }
    }
}
