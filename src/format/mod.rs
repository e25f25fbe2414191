//! Every byte at rest, and nothing else: `docs/FORMAT.md` in code.
//!
//! Pure: bytes in, values out, and back. This room never does I/O, never decides what is kept, and
//! never panics or allocates for a length that it has not checked, whatever bytes it is given.
//! What it gives out was authentic: signature and table hash are checked before a frame is
//! decompressed, which the types enforce ([`reader::SegmentReader`] has no frames,
//! [`reader::Segment`] has).
//!
//! Writing: [`builder::SegmentBuilder`]. Reading: [`reader`]. Then [`record`], [`log`], [`ledger`],
//! [`root`], [`key_file`]. Names of objects: [`names`].
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod body;
pub mod builder;
pub mod bytes;
pub mod certificate;
pub mod codec;
pub mod entry;
pub mod envelope;
pub mod fields;
pub mod footer;
pub mod key_file;
pub mod key_ring;
pub mod ledger;
pub mod limits;
pub mod local;
pub mod log;
pub mod names;
pub mod padding;
pub mod payload;
pub mod reader;
pub mod recipient;
pub mod record;
pub mod references;
pub mod relocations;
pub mod root;
#[cfg(test)]
mod tests;

use crate::crypto::CryptoError;

/// The first bytes of every object.
pub const MAGIC: [u8; 8] = *b"LASTGOOD";

/// The version of the format that this program writes.
pub const VERSION: u8 = 1;

/// Why bytes were not read or not written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The bytes are not what was written.
    #[error(
        "the {what} is damaged: {why}; `check` lists what is affected, `repair` takes it from a second copy"
    )]
    Damaged {
        /// Which structure.
        what: &'static str,
        /// What does not hold.
        why: &'static str,
    },
    /// The bytes are whole but this key does not open them (exit 12).
    #[error("the key does not open the {0}; check which passphrase or key file belongs to this repository")]
    WrongKey(&'static str),
    /// The holder's key file does not go so far: a put-only writer, or a reader without secrets.
    #[error("this key file cannot open {0}; use one that was made for reading it")]
    NoKey(&'static str),
    /// A newer program wrote this.
    #[error("the {what} has version {version}, suite {suite}; use a newer lastgood")]
    Newer {
        /// Which structure.
        what: &'static str,
        /// Its version byte.
        version: u8,
        /// Its suite byte.
        suite: u8,
    },
    /// Whole and readable, but not from somebody who may say this.
    #[error("the {what} is not to be trusted: {why}")]
    Untrusted {
        /// Which structure.
        what: &'static str,
        /// What does not hold.
        why: &'static str,
    },
    /// More than the format allows.
    #[error("the {what} is over its limit of {limit}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// What was asked to be written is not a valid value.
    #[error("cannot write the {what}: {why}")]
    Invalid {
        /// Which structure.
        what: &'static str,
        /// What does not hold.
        why: &'static str,
    },
    /// A key did not work for another reason.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl From<crate::base::entropy::EntropyError> for FormatError {
    fn from(error: crate::base::entropy::EntropyError) -> Self {
        Self::Crypto(error.into())
    }
}
