//! How a command ends: a code, and for an error its chain and what to do next.

use crate::base::error::words;
use crate::catalog::CatalogError;
use crate::cli::config::ConfigError;
use crate::collect::CollectError;
use crate::daemon::{AttemptError, CannotConnect};
use crate::demo::StoryError;
use crate::export::ExportError;
use crate::history::HistoryError;
use crate::provider::ProviderError;
use crate::restore::RestoreError;
use crate::restore::journal::JournalError;
use crate::store::StoreError;

/// The codes of INTERFACE: programs rely on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked for was done.
    Done = 0,
    /// It could not be done.
    Error = 1,
    /// What was asked for makes no sense.
    Usage = 2,
    /// Something that should have been read or done was not.
    Incomplete = 3,
    /// Differences were found, and the caller asked to be told so.
    Differences = 4,
    /// A guard refused.
    Refused = 5,
    /// There is no repository.
    NoRepository = 10,
    /// Another process holds it.
    Locked = 11,
    /// The key does not open it.
    WrongKey = 12,
    /// The person interrupted.
    Interrupted = 130,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// The error and its causes, outermost first.
    pub chain: Vec<String>,
    /// What a person can do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of this program's own words.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, chain: vec![message.into()], hint: None }
    }

    /// What was asked for makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn of(exit: Exit, error: &(dyn std::error::Error + 'static), hint: Option<String>) -> Self {
        Self { exit, chain: words(error), hint }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::NoRepository { .. } => Exit::NoRepository,
            StoreError::WrongKey { .. } => Exit::WrongKey,
            StoreError::Locked { .. } | StoreError::LeaseLost { .. } | StoreError::TurnLost { .. } => {
                Exit::Locked
            }
            StoreError::RolledBack { .. } | StoreError::Replaced { .. } => Exit::Refused,
            _ => Exit::Error,
        };
        Self::of(exit, &error, error.hint().map(str::to_owned))
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        let exit = match error {
            HistoryError::Store(error) => return error.into(),
            HistoryError::BadAddress(_)
            | HistoryError::NoKind { .. }
            | HistoryError::Ambiguous { .. }
            | HistoryError::Prefix { .. }
            | HistoryError::Expression(_) => Exit::Usage,
            _ => Exit::Error,
        };
        Self::of(exit, &error, error.hint())
    }
}

impl From<CollectError> for Failure {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Store(error) => error.into(),
            CollectError::Provider(error) => error.into(),
            CollectError::OtherTenant { .. } | CollectError::Older { .. } => {
                Self::of(Exit::Refused, &error, error.hint())
            }
            CollectError::ReadItself(_) | CollectError::ToCome { .. } => {
                Self::of(Exit::Usage, &error, error.hint())
            }
            CollectError::NoKind(_) | CollectError::NothingBefore | CollectError::NothingNew => {
                Self::of(Exit::Error, &error, error.hint())
            }
        }
    }
}

impl From<AttemptError> for Failure {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Collect(error) => error.into(),
            AttemptError::Store(error) => error.into(),
            AttemptError::Connect(CannotConnect { words, hint, misconfigured }) => {
                Self { exit: if misconfigured { Exit::Usage } else { Exit::Error }, chain: words, hint }
            }
            AttemptError::Done | AttemptError::Broke => Self::of(Exit::Error, &error, error.hint()),
        }
    }
}

impl From<Failure> for CannotConnect {
    fn from(failure: Failure) -> Self {
        let misconfigured = failure.exit == Exit::Usage;
        Self { words: failure.chain, hint: failure.hint, misconfigured }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let exit = match error {
            ExportError::NoFiles { .. } | ExportError::Ending { .. } => Exit::Usage,
            _ => Exit::Error,
        };
        Self::of(exit, &error, error.hint())
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::of(Exit::Error, &error, error.hint())
    }
}

impl From<StoryError> for Failure {
    fn from(error: StoryError) -> Self {
        match error {
            StoryError::Collect(error) => error.into(),
            StoryError::Store(error) => error.into(),
            StoryError::Refused { .. } | StoryError::Script(_) => Self::of(Exit::Error, &error, None),
        }
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let error = match error {
            RestoreError::Journal(JournalError::Store(error)) => return error.into(),
            error => error,
        };
        let exit = match &error {
            RestoreError::Guarded { .. }
            | RestoreError::Undecided { .. }
            | RestoreError::OwnIdentity { .. }
            | RestoreError::Moved { .. }
            | RestoreError::Expired { .. }
            | RestoreError::Tampered { .. } => Exit::Refused,
            RestoreError::PlanFile { .. }
            | RestoreError::NoApply { .. }
            | RestoreError::SeveralApplies { .. } => Exit::Usage,
            _ => Exit::Error,
        };
        Self::of(exit, &error, error.hint())
    }
}

impl From<crate::sim::ServeError> for Failure {
    fn from(error: crate::sim::ServeError) -> Self {
        let exit = match error {
            crate::sim::ServeError::NotLoopback(_) => Exit::Usage,
            crate::sim::ServeError::Listen(..) => Exit::Error,
        };
        Self::of(exit, &error, None)
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self::of(Exit::Usage, &error, None)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::of(Exit::Usage, &error, error.hint())
    }
}

impl From<crate::base::when::NotATime> for Failure {
    fn from(error: crate::base::when::NotATime) -> Self {
        Self::of(Exit::Usage, &error, None)
    }
}
