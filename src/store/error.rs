//! How reading and writing history can fail, as far as a caller does something about it.

use crate::base::entropy::EntropyError;
use crate::crypto::CryptoError;
use crate::format::FormatError;
use crate::storage::{StorageError, conformance::Breach};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no repository there (exit 10).
    #[error("there is no repository at {place}")]
    NoRepository {
        /// Where was looked.
        place: String,
    },
    /// There is one already, and it is not overwritten.
    #[error("there is a repository at {place} already")]
    Exists {
        /// Where.
        place: String,
    },
    /// The storage overwrites what exists, so two writers would lose a snapshot.
    #[error("{place} lets an existing object be overwritten, so commits would not be safe there")]
    Overwrites {
        /// Where.
        place: String,
    },
    /// No passphrase or key that was given opens the repository (exit 12).
    #[error("the key does not open the repository at {place}")]
    WrongKey {
        /// Where.
        place: String,
    },
    /// The repository is behind, or beside, what this machine has already seen of it (exit 5).
    #[error("the history of tenant {tenant} was rolled back or replaced: {why}")]
    RolledBack {
        /// Whose.
        tenant: String,
        /// What does not fit what was seen.
        why: String,
    },
    /// Another repository than the one that this machine has seen at this place (exit 5).
    #[error("{place} is not the repository that this machine knows")]
    Replaced {
        /// Where.
        place: String,
    },
    /// The repository has no such tenant.
    #[error("the repository has no tenant `{tenant}`")]
    UnknownTenant {
        /// The name that was asked for.
        tenant: String,
    },
    /// The tenant has no snapshot of that number.
    #[error("tenant {tenant} has no snapshot number {sequence}")]
    UnknownSnapshot {
        /// Whose.
        tenant: String,
        /// The number.
        sequence: u64,
    },
    /// The snapshot was there, and retention let it go.
    #[error("snapshot number {sequence} of tenant {tenant} was pruned")]
    Pruned {
        /// Whose.
        tenant: String,
        /// The number.
        sequence: u64,
    },
    /// Stored bytes are not what was written.
    #[error("{object} is damaged: {what}")]
    Damaged {
        /// The object.
        object: String,
        /// What of it, and what is lost.
        what: String,
    },
    /// A newer program wrote something that must be understood to go on.
    #[error("record {sequence} of tenant {tenant} was written by a newer lastgood and must be understood")]
    Newer {
        /// Whose.
        tenant: String,
        /// The record.
        sequence: u64,
    },
    /// An object of a version or suite that this program does not know, or a damaged one that looks so.
    #[error("{object} was written by a newer lastgood, or is damaged: {what}")]
    NewerObject {
        /// The object.
        object: String,
        /// Which version it has.
        what: String,
    },
    /// The key in use cannot open this: a put-only writer, or a reader without secrets.
    #[error("this key cannot open {what}")]
    NoKey {
        /// What.
        what: String,
    },
    /// The key in use may not write.
    #[error("this key cannot write: it holds no signing key")]
    ReadOnly,
    /// Somebody changed who opens the repository since it was opened.
    #[error("the keys of the repository were changed meanwhile; nothing was written")]
    KeysChanged,
    /// One key was put twice with different bodies, or put and gone, in one session.
    #[error("{key} was given twice in one snapshot, and not the same both times")]
    Twice {
        /// The resource.
        key: String,
    },
    /// A body, key or value over its limit.
    #[error("{what} is over the limit of {limit} bytes")]
    TooLarge {
        /// Which.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// The session is so old that what it refers to may have been pruned meanwhile.
    #[error("the session is older than {hours} hours; nothing was written")]
    TooOld {
        /// How old a session may be.
        hours: i64,
    },
    /// A prune let go of what the session builds on while it ran.
    #[error("what this snapshot of tenant {tenant} builds on was pruned meanwhile; nothing was written")]
    Overtaken {
        /// Whose.
        tenant: String,
    },
    /// Other writers took every number that was tried.
    #[error("other writers kept committing to tenant {tenant}; nothing was lost, and nothing was written")]
    Contended {
        /// Whose.
        tenant: String,
    },
    /// Another process applies to the tenant, or makes a run over it (exit 11).
    #[error("tenant {tenant} is held by {holder}, until {until} unless that is put off")]
    Locked {
        /// Whose.
        tenant: String,
        /// What is known of the holder.
        holder: String,
        /// Until when, by the storage's clock.
        until: jiff::Timestamp,
    },
    /// Another process took the lease, or this one waited too long (exit 11).
    #[error("the right to apply to tenant {tenant} was lost to another process; nothing more was sent")]
    LeaseLost {
        /// Whose.
        tenant: String,
    },
    /// Another process took the runs over, or this one waited too long.
    #[error("the runs over tenant {tenant} were taken over by another process")]
    TurnLost {
        /// Whose.
        tenant: String,
    },
    /// Nobody knows whether the snapshot was committed.
    #[error("the storage failed during the commit, so it is not known whether record {sequence} was written")]
    Unknown {
        /// The record.
        sequence: u64,
        /// Why.
        source: StorageError,
    },
    /// A file of this machine beside the index could not be read or written.
    #[error("could not use {path}")]
    Local {
        /// The file.
        path: String,
        /// The system's word for it.
        source: std::io::Error,
    },
    /// The storage broke its contract when it was tried.
    #[error(transparent)]
    Breach(#[from] Breach),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Bytes could not be read or made.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl From<CryptoError> for StoreError {
    fn from(error: CryptoError) -> Self {
        Self::Format(error.into())
    }
}

impl From<EntropyError> for StoreError {
    fn from(error: EntropyError) -> Self {
        Self::Format(error.into())
    }
}

impl StoreError {
    /// Whether stored bytes are gone or not what was written, and nothing else is wrong.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Storage(StorageError::NotFound { .. }))
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRepository { .. } => "make one with `lastgood init`, or check --repo",
            Self::Exists { .. } => "choose another place, or use the repository that is there",
            Self::Overwrites { .. } => {
                "switch on versioning or a policy against overwriting, or use another bucket"
            }
            Self::WrongKey { .. } => "check the passphrase, or which key file belongs to this repository",
            Self::RolledBack { .. } | Self::Replaced { .. } => {
                "find out who restored or changed the repository; if it was you, and it is right, delete the trust file beside the index"
            }
            Self::UnknownTenant { .. } => "`lastgood snapshots` lists what the repository has",
            Self::Pruned { .. } => "`lastgood snapshots TENANT` lists what is kept",
            Self::UnknownSnapshot { .. } => "`lastgood snapshots TENANT` lists what there is",
            Self::Damaged { .. } => {
                "`lastgood check --read-data` names every resource and time that is affected"
            }
            Self::Newer { .. } | Self::NewerObject { .. } => {
                "use a newer lastgood; `lastgood check` tells whether only this object is affected"
            }
            Self::NoKey { .. } => "use a key file that was made for reading this",
            Self::ReadOnly => "use a key file with a writer's key",
            Self::Locked { .. } => "wait until it has ended; a holder that was killed loses it by itself",
            Self::LeaseLost { .. } => {
                "find out who applies; when it has ended, `lastgood apply --resume` goes on"
            }
            Self::TurnLost { .. } => "nothing is lost: the other process goes on with them",
            Self::TooOld { .. }
            | Self::KeysChanged
            | Self::Overtaken { .. }
            | Self::Contended { .. }
            | Self::Unknown { .. } => "run the command again",
            Self::Storage(error) => return error.hint(),
            Self::Local { .. } => {
                "make room or correct the permissions there, or keep the index elsewhere: `index = …` under [repository]"
            }
            Self::Twice { .. } | Self::TooLarge { .. } | Self::Breach(_) | Self::Format(_) => {
                return None;
            }
        })
    }
}
