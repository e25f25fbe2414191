//! A tenant as a schedule sees it: how it is reached, and when it is read.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::Provider;
use crate::daemon::book::Book;
use crate::daemon::schedule::Schedule;
use crate::provider::Live;

/// Makes a connection for reading. Credentials are fetched anew for each run, so that one that was renewed is
/// used at once.
pub type Connect = Box<dyn Fn() -> Result<Live, CannotConnect> + Send + Sync>;

/// Why there is no connection; nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", words.join(": "))]
pub struct CannotConnect {
    /// In words for people, the outermost first.
    pub words: Vec<String>,
    /// What a person can do next.
    pub hint: Option<String>,
    /// The configuration is to be corrected; otherwise trying again may help.
    pub misconfigured: bool,
}

/// One tenant.
pub struct Watched {
    /// Its name in addresses.
    pub name: String,
    /// The catalogue of its provider.
    pub catalog: &'static Provider,
    /// Kinds known not to be readable here.
    pub accept: Vec<String>,
    /// How it is reached.
    pub connect: Connect,
    /// When it is read.
    pub schedule: Schedule,
    /// How often the vendor's log is asked between runs; never where there is nothing.
    pub follow: Option<Duration>,
    /// When everything is read, where that has a schedule of its own.
    pub full_sweep: Option<Schedule>,
}

impl Watched {
    /// When the next run is due.
    #[must_use]
    pub fn due(&self, book: &Book, now: Timestamp) -> Timestamp {
        book.due(&self.schedule, now)
    }

    /// Whether everything is to be read in a run that begins now.
    #[must_use]
    pub fn is_sweep_due(&self, book: &Book, now: Timestamp) -> bool {
        self.full_sweep.as_ref().is_some_and(|schedule| book.is_sweep_due(schedule, now))
    }
}
