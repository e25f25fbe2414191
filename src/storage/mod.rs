//! Where bytes are kept: five verbs over named objects, and nothing about what the bytes mean.
//!
//! Every verb is atomic and durable when it returns: what [`Storage::put_new`] has acknowledged
//! survives a power cut, and no reader ever sees half of it. The trait is synchronous
//! (`docs/adr/0002-synchronous-storage.md`); a back end that speaks to a network drives its own
//! runtime behind it.
//!
//! This room must never look into the bytes, retry on its own, or invent a time. It does not know
//! what a segment is. [`Local`] is the disk (its system calls are in `disk`, and `crash` stands in for
//! them where a test cuts the power), [`Memory`] is for tests, [`Fault`], [`Meter`] and [`Throttle`]
//! wrap any other; [`conformance`] is the contract as a runnable list, and the file to
//! read next.

use bytes::Bytes;
use jiff::Timestamp;

pub mod conformance;
#[cfg(test)]
pub(crate) mod crash;
mod disk;
mod error;
mod fault;
mod local;
mod memory;
mod meter;
mod path;
mod throttle;

pub use error::StorageError;
pub use fault::{Fault, FaultKind};
pub use local::Local;
pub use memory::Memory;
pub use meter::{Count, Counts, Meter};
pub use path::Path;
pub use throttle::{Rates, Throttle};

/// Which state of an object was seen; opaque, compared for equality and handed back, never parsed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version(String);

impl Version {
    /// Takes the text by which a back end tells two states of one object apart.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

/// Which bytes of an object are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Span {
    /// All of them.
    All,
    /// From the first offset to before the second; what lies past the object's end is left out.
    Range(std::ops::Range<u64>),
    /// This many at the end, or all when there are fewer.
    Last(u64),
}

impl Span {
    /// The offsets that this span means in an object of `size` bytes; never outside of it.
    #[must_use]
    pub fn within(&self, size: u64) -> std::ops::Range<u64> {
        match self {
            Self::All => 0..size,
            Self::Range(range) => {
                let start = range.start.min(size);
                start..range.end.clamp(start, size)
            }
            Self::Last(count) => size.saturating_sub(*count)..size,
        }
    }
}

/// What [`Storage::get`] gives.
#[derive(Clone, Debug)]
pub struct Got {
    /// The bytes asked for.
    pub bytes: Bytes,
    /// The size of the whole object in bytes.
    pub size: u64,
    /// The state of the object that the bytes are from.
    pub version: Version,
}

/// One row of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The object's name.
    pub path: Path,
    /// Its size in bytes.
    pub size: u64,
    /// When the storage, by its own clock, took it in.
    pub modified: Timestamp,
}

/// Named, immutable objects; the only door to where a repository lies.
///
/// After some errors nobody knows whether a write took effect ([`StorageError::outcome_unknown`]):
/// the caller reads the name back to learn it.
pub trait Storage: Send + Sync {
    /// Writes a new object under a name that is free.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] when the name is taken; the object there is untouched.
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Version, StorageError>;

    /// Reads an object or a part of it; with `seen`, only that state of it.
    ///
    /// # Errors
    /// [`StorageError::NotFound`]; [`StorageError::Precondition`] when the object's state is not
    /// the one that was seen.
    fn get(&self, path: &Path, span: Span, seen: Option<&Version>) -> Result<Got, StorageError>;

    /// The objects below a folder (`None`: all), after a name, in byte order of their names, at
    /// most `max`. An empty answer means that there are no more.
    ///
    /// # Errors
    /// As the back end fails; a folder that does not exist is an empty listing, not an error.
    fn list(
        &self,
        folder: Option<&Path>,
        after: Option<&Path>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError>;

    /// Replaces an object if it is still in the state that was seen.
    ///
    /// # Errors
    /// [`StorageError::Precondition`] when it is in another; [`StorageError::NotFound`].
    fn replace_if(&self, path: &Path, seen: &Version, bytes: &[u8]) -> Result<Version, StorageError>;

    /// Deletes an object; one that is not there is deleted already.
    ///
    /// # Errors
    /// As the back end fails.
    fn delete(&self, path: &Path) -> Result<(), StorageError>;

    /// The place, in words for messages: a folder or a URL without credentials.
    fn place(&self) -> String;
}

/// All objects below a folder, page by page, in byte order of their names.
///
/// # Errors
/// As [`Storage::list`].
pub fn list_all(
    storage: &dyn Storage,
    folder: Option<&Path>,
    after: Option<&Path>,
) -> Result<Vec<Entry>, StorageError> {
    const PAGE: usize = 10_000;
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let last = all.last().map(|entry| entry.path.clone());
        let page = storage.list(folder, last.as_ref().or(after), PAGE)?;
        let whole = page.len() < PAGE;
        all.extend(page);
        if whole {
            return Ok(all);
        }
    }
}
