//! The name of an object: relative, plain, the same on every back end.

use std::fmt;
use std::sync::Arc;

use crate::storage::StorageError;

/// Longest name in bytes, folders included; S3 allows 1,024 and a prefix must fit before it.
const PATH_BYTES_MAX: usize = 512;

/// Longest part between two slashes, in bytes; what common file systems allow, less a margin.
const PART_BYTES_MAX: usize = 200;

/// An object's name: parts of `A–Z a–z 0–9 - _ .` between slashes, none empty, none beginning with
/// a dot. So it means one thing on every disk and bucket, and cannot climb out of the repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Arc<str>);

impl Path {
    /// Reads a name.
    ///
    /// # Errors
    /// [`StorageError::BadPath`] for anything that is not a plain relative name.
    pub fn new(text: &str) -> Result<Self, StorageError> {
        let bad = |why| StorageError::BadPath { text: text.escape_debug().to_string(), why };
        if text.len() > PATH_BYTES_MAX {
            return Err(bad("it is longer than 512 bytes"));
        }
        for part in text.split('/') {
            if part.is_empty() {
                return Err(bad("a part between slashes is empty"));
            }
            if !is_part(part) {
                return Err(bad("only letters, digits, '-', '_' and inner dots are allowed"));
            }
        }
        Ok(Self(Arc::from(text)))
    }

    /// The name one level below this one.
    ///
    /// # Errors
    /// [`StorageError::BadPath`] as for [`Self::new`].
    pub fn join(&self, part: &str) -> Result<Self, StorageError> {
        Self::new(&format!("{self}/{part}"))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folders that lead to the object, outermost first, and its last part.
    pub(super) fn split(&self) -> (Vec<&str>, &str) {
        let mut folders: Vec<&str> = self.0.split('/').collect();
        let name = folders.pop().unwrap_or_default();
        (folders, name)
    }

    /// Whether this object lies below that folder.
    #[must_use]
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Whether a text can be one part of a name; whatever else lies in a folder is not ours.
pub(super) fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= PART_BYTES_MAX
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_leave_the_repository_is_no_name() {
        for text in ["", "/", "/a", "a/", "a//b", "..", "a/../b", ".", ".hidden", "a\\b", "a b", "a\0", "é"]
        {
            assert!(Path::new(text).is_err(), "{text:?}");
        }
        assert!(Path::new(&"a".repeat(201)).is_err());
        assert!(Path::new(&"a/".repeat(300)).is_err());
    }

    #[test]
    fn below_is_by_whole_parts() {
        let path = |text| Path::new(text).unwrap();
        assert!(path("a/b").is_below(&path("a")));
        assert!(!path("ab/c").is_below(&path("a")));
        assert!(!path("a").is_below(&path("a")));
        assert_eq!(path("a/b").join("c").unwrap(), path("a/b/c"));
        assert_eq!(path("a/b").name(), "b");
    }

    proptest! {
        #[test]
        fn every_accepted_name_is_relative_and_plain(text in ".*") {
            if let Ok(path) = Path::new(&text) {
                let on_disk = std::path::Path::new(path.as_str());
                prop_assert!(on_disk.components().all(|c| matches!(c, std::path::Component::Normal(_))));
                prop_assert_eq!(path.as_str(), text);
            }
        }
    }
}
