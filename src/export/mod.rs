//! What goes out of the history and comes in from elsewhere.
//!
//! This room reads and writes files and nothing else; what a file means is said by the catalogue. It
//! never writes to a repository by itself, and takes nothing from a file that is not whole. Read
//! [`files`] for what comes in.

pub mod files;

use std::path::PathBuf;

use crate::json::JsonError;

/// Why files could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The provider's console exports nothing that is known.
    #[error("no exported files of {title} are known")]
    NoFiles {
        /// The provider.
        title: String,
    },
    /// The disk says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it says.
        source: std::io::Error,
    },
    /// A file of another name.
    #[error("{}: its name ends in none of {}", path.display(), endings.join(", "))]
    Ending {
        /// Which file.
        path: PathBuf,
        /// The endings that are known.
        endings: Vec<String>,
    },
    /// A folder without such files.
    #[error("{}: there is no file in it whose name ends in one of {}", path.display(), endings.join(", "))]
    Empty {
        /// Which folder.
        path: PathBuf,
        /// The endings that are known.
        endings: Vec<String>,
    },
    /// Too much of something.
    #[error("{}: {what} than {limit}", path.display())]
    TooMuch {
        /// Which file or folder.
        path: PathBuf,
        /// What there is more of.
        what: &'static str,
        /// The limit, in words.
        limit: String,
    },
    /// It is not JSON, or not all of it.
    #[error("{}: it is damaged: {source}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What the parser says; never content.
        source: JsonError,
    },
    /// It is something else, or damaged.
    #[error("{}: {why}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl ExportError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Json { .. } | Self::Form { .. } => {
                Some("nothing was imported; export it again, or leave that file out".into())
            }
            Self::TooMuch { .. } => Some("nothing was imported; import less at once".into()),
            Self::NoFiles { .. } | Self::Io { .. } | Self::Ending { .. } | Self::Empty { .. } => None,
        }
    }
}
