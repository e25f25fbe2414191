//! How keeping bytes can fail, as far as a caller does something about it.

use std::io;

/// Why a storage verb failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no object of this name.
    #[error("{path} is not there")]
    NotFound {
        /// The object.
        path: String,
    },
    /// The name is taken; nothing was written.
    #[error("{path} exists already")]
    AlreadyExists {
        /// The object.
        path: String,
    },
    /// The object is no longer in the state that the caller saw; nothing was written.
    #[error("{path} has changed since it was read")]
    Precondition {
        /// The object.
        path: String,
    },
    /// The disk, quota or bucket is full; nothing was written under the object's name.
    #[error("no space left to write {path}")]
    NoSpace {
        /// The object.
        path: String,
    },
    /// The storage does not let this user or key do that.
    #[error("not allowed to {doing} {path}")]
    Denied {
        /// What was tried.
        doing: &'static str,
        /// The object.
        path: String,
        /// The system's word for it.
        source: io::Error,
    },
    /// A link, device or folder stands where an object should, or a link or file where a folder should.
    #[error("{path} is reached through something that is not a plain file or folder")]
    Obstructed {
        /// The object.
        path: String,
    },
    /// The text is not an object's name.
    #[error("`{text}` is not an object name: {why}")]
    BadPath {
        /// The text, escaped.
        text: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// A sync failed earlier, so that nobody knows what this handle's writes became.
    #[error("{place}: an earlier write could not be made durable, so this handle is no longer used")]
    Poisoned {
        /// The storage.
        place: String,
    },
    /// The system or the network failed.
    #[error("could not {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The object.
        path: String,
        /// The system's word for it.
        source: io::Error,
    },
}

impl StorageError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotFound { .. } => "check that the repository's address is right and its disk is mounted",
            Self::NoSpace { .. } => {
                "free space or raise the quota, then run the command again; nothing is half-written"
            }
            Self::Denied { .. } => {
                "check the owner and mode of the repository, or the rights of the bucket key"
            }
            Self::Obstructed { .. } => {
                "remove the link or device from the repository's folder; objects are plain files"
            }
            Self::Poisoned { .. } => "check the disk for errors, then run the command again",
            Self::Io { .. } => "check the disk or the network, then run the command again",
            Self::AlreadyExists { .. } | Self::Precondition { .. } | Self::BadPath { .. } => return None,
        })
    }

    /// Whether a write that failed so may have taken effect all the same.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Poisoned { .. })
    }
}
