//! The sealed table of a segment's frames, and the hash by which the segment is trusted.

use crate::crypto::aead::TAG_BYTES;
use crate::crypto::hash::{self, HalfHash, Hash, Purpose};
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::envelope::{Bound, WrappedKey};
use crate::format::limits::{
    FRAME_PLAIN_MAX, FRAMES_MAX, KINDS_MAX, RECORD_BYTES_MAX, SLOTS_MAX, TEXT_BYTES_MAX,
};

const TABLE: Purpose = Purpose::new("lastgood/1 table");
const FRAME: Purpose = Purpose::new("lastgood/1 frame");
const FOOTER_VERSION: u8 = 1;
const ROW_BYTES: usize = 6 + 16;

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Bodies of one kind.
    Bodies,
    /// Secret bodies of one kind, under the secrets key.
    Secrets,
    /// The names of other segments.
    References,
    /// The head of the log.
    LogHead,
    /// A block of the log.
    LogBlock,
    /// The head of the checkpoint.
    CheckpointHead,
    /// A block of the checkpoint.
    CheckpointBlock,
    /// The coverage ledger.
    Ledger,
    /// The payload of a record that is no snapshot.
    Payload,
    /// A log that maintenance carries as it was.
    Carried,
    /// Where the bodies of replaced segments lie now.
    Relocations,
}

impl Role {
    const ALL: [Self; 11] = [
        Self::Bodies,
        Self::Secrets,
        Self::References,
        Self::LogHead,
        Self::LogBlock,
        Self::CheckpointHead,
        Self::CheckpointBlock,
        Self::Ledger,
        Self::Payload,
        Self::Carried,
        Self::Relocations,
    ];

    /// The role's byte at rest.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8 + 1
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// Whether frames of this role hold bodies.
    #[must_use]
    pub fn holds_bodies(self) -> bool {
        matches!(self, Self::Bodies | Self::Secrets)
    }
}

/// One frame, as the table has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRow {
    /// What it holds.
    pub role: Role,
    /// Whether it is compressed.
    pub packed: bool,
    /// 0, or the number of its kind.
    pub kind: u32,
    /// Bodies or entries.
    pub slots: u32,
    /// Bytes before compression.
    pub plain: u32,
    /// Bytes as stored.
    pub sealed: u32,
    /// The first half of the hash of the stored bytes.
    pub digest: HalfHash,
}

impl FrameRow {
    pub(crate) fn bound(&self, position: u32) -> Bound {
        Bound {
            role: self.role.code(),
            position,
            codec: u8::from(self.packed),
            plain: self.plain,
            sealed: self.sealed,
        }
    }

    fn check(&self, kinds: usize) -> bool {
        let stored = (self.sealed as usize).saturating_sub(TAG_BYTES);
        self.sealed as usize >= TAG_BYTES
            && self.plain as usize <= FRAME_PLAIN_MAX
            && self.slots as usize <= SLOTS_MAX
            && self.kind as usize <= kinds
            && (self.kind != 0) == self.role.holds_bodies()
            && !(self.packed && self.role == Role::Secrets)
            && if self.packed { stored < self.plain as usize } else { stored == self.plain as usize }
    }
}

/// The digest of a frame's stored bytes.
#[must_use]
pub(crate) fn frame_digest(sealed: &[u8]) -> HalfHash {
    hash::half_hash(FRAME, sealed)
}

/// A segment's table of frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Footer {
    pub(crate) kinds: Vec<String>,
    pub(crate) frames: Vec<FrameRow>,
    pub(crate) secrets: Option<WrappedKey>,
    pub(crate) record_sealed: u32,
}

impl Footer {
    fn table(&self) -> Writer {
        let mut w = Writer::new();
        w.u8(FOOTER_VERSION).size(self.kinds.len());
        for kind in &self.kinds {
            w.text(kind);
        }
        w.size(self.frames.len());
        for row in &self.frames {
            w.u8(row.role.code()).u8(u8::from(row.packed)).vu(row.kind.into()).vu(row.slots.into());
            w.vu(row.plain.into()).vu(row.sealed.into()).raw(&row.digest);
        }
        match &self.secrets {
            None => w.u8(0),
            Some(key) => w.u8(1).raw(&key.wrapped).raw(&key.commitment),
        };
        w
    }

    /// The hash that a record signs and a reference carries.
    pub(crate) fn table_hash(&self) -> Hash {
        hash::hash(TABLE, self.table().as_slice())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = self.table();
        w.vu(self.record_sealed.into());
        w.finish()
    }

    pub(crate) fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(plain, "footer");
        let version = r.u8()?;
        if version != FOOTER_VERSION {
            return Err(FormatError::Newer { what: "footer", version, suite: 0 });
        }
        let count = r.count(KINDS_MAX, 1)?;
        let kinds =
            (0..count).map(|_| r.text(TEXT_BYTES_MAX).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        let count = r.count(FRAMES_MAX, ROW_BYTES)?;
        let frames = (0..count).map(|_| read_row(&mut r, kinds.len())).collect::<Result<Vec<_>, _>>()?;
        let secrets = if r.flag()? {
            let wrapped = r.array()?;
            Some(WrappedKey { wrapped, commitment: r.array()? })
        } else {
            None
        };
        let record_sealed = r.vu32()?;
        r.end()?;
        let secret_frames = frames.iter().any(|row| row.role == Role::Secrets);
        if record_sealed as usize > RECORD_BYTES_MAX || secret_frames != secrets.is_some() {
            return Err(r.damaged("its last fields do not fit its frames"));
        }
        Ok(Self { kinds, frames, secrets, record_sealed })
    }
}

fn read_row(r: &mut Reader<'_>, kinds: usize) -> Result<FrameRow, FormatError> {
    let role = Role::from_code(r.u8()?).ok_or(r.damaged("a frame has an unknown role"))?;
    let row = FrameRow {
        role,
        packed: r.flag()?,
        kind: r.vu32()?,
        slots: r.vu32()?,
        plain: r.vu32()?,
        sealed: r.vu32()?,
        digest: r.array()?,
    };
    if row.check(kinds) { Ok(row) } else { Err(r.damaged("a frame's row contradicts itself")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn footers_round_trip(
            lengths in proptest::collection::vec((0u32..5000, 0u32..100), 0..20),
            secret in any::<bool>(),
            record_sealed in 0u32..1000,
        ) {
            let mut frames: Vec<FrameRow> = lengths
                .iter()
                .map(|(plain, slots)| FrameRow {
                    role: Role::Bodies, packed: plain % 2 == 1, kind: 1, slots: *slots, plain: *plain,
                    sealed: plain - plain % 2 + 16, digest: [*slots as u8; 16],
                })
                .collect();
            if secret {
                frames.push(FrameRow {
                    role: Role::Secrets, packed: false, kind: 2, slots: 1, plain: 9, sealed: 25, digest: [0; 16],
                });
            }
            let secrets = secret.then_some(WrappedKey { commitment: [1; 32], wrapped: [2; 80] });
            let kinds = vec!["user".to_owned(), "app".to_owned()];
            let footer = Footer { kinds, frames, secrets, record_sealed };
            let back = Footer::decode(&footer.encode()).unwrap();
            prop_assert_eq!(&back, &footer);
            let other = Footer { record_sealed: record_sealed + 1, ..back };
            prop_assert_eq!(other.table_hash(), footer.table_hash());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(footer) = Footer::decode(&bytes) {
                prop_assert_eq!(footer.encode(), bytes);
            }
        }
    }
}
