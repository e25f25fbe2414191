//! One run over one tenant, by whoever has its turn, and its lines in the book.
//!
//! The beginning is noted before anything is asked and the end after the snapshot is committed: a process
//! that dies between the two leaves a run of which the next one knows that nobody saw its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::coverage::State;
use crate::base::error::words;
use crate::base::time::Clock;
use crate::collect::{CollectError, Collected, Options, Progress, Run};
use crate::daemon::book::{Book, Good, Spent};
use crate::daemon::kept::{Kept, book_of};
use crate::daemon::watched::{CannotConnect, Watched};
use crate::provider::Live;
use crate::store::{Flags, Repository, Snapshot, StoreError};

/// Why no snapshot came of a run.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The tenant could not be read, or the snapshot not be kept.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The repository could not be opened, or the turn not be taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration gives no connection.
    #[error(transparent)]
    Connect(#[from] CannotConnect),
    /// Another process has made the run that was due.
    #[error("another process has made the run already")]
    Done,
    /// A fault of this program.
    #[error("the run broke off by a fault of lastgood itself")]
    Broke,
}

impl AttemptError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Collect(error) => error.hint(),
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::Connect(error) => error.hint.clone(),
            Self::Done => None,
            Self::Broke => {
                Some("report it with what stands before it in the log; the next run begins anew".into())
            }
        }
    }

    /// Whether another process makes the run, or has made it: nothing is wrong then.
    #[must_use]
    pub fn is_anothers(&self) -> bool {
        matches!(self, Self::Done | Self::Store(StoreError::Locked { .. } | StoreError::TurnLost { .. }))
    }
}

/// How a run is to be made.
#[derive(Clone, Default, Debug)]
pub struct Wish {
    /// Only if the book says, once the turn is had, that a run is due.
    pub only_if_due: bool,
    /// Read what the vendor's log names, between two runs of the schedule, which goes on as if this was none.
    pub named_only: bool,
    /// Read everything, whatever the vendor's log and the schedule say.
    pub full: bool,
    /// Take the rights of today as the new baseline.
    pub accept_rights: bool,
    /// Set by an apply on the snapshots around it.
    pub flags: Flags,
    /// Short texts that go with the snapshot.
    pub notes: BTreeMap<String, String>,
}

/// One run, about to be made.
pub struct Attempt<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The tenant.
    pub watched: &'a Watched,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How it is to be made.
    pub wish: Wish,
    /// Who watches.
    pub progress: &'a dyn Progress,
}

impl Attempt<'_> {
    /// Takes the turn, reads the tenant, commits, and notes all of it in the book.
    ///
    /// # Errors
    /// Another process has the turn, or no snapshot came of the run: that stands in the book then, as far
    /// as the repository takes it.
    pub async fn in_turn(self) -> Result<Collected, AttemptError> {
        let mut turn = self.repository.turn(&self.watched.name)?;
        let mut book = book_of(&mut turn)?.map(|bytes| Book::from_bytes(&bytes)).unwrap_or_default();
        let now = self.clock.now();
        if self.wish.only_if_due && self.watched.due(&book, now) > now {
            return Err(AttemptError::Done);
        }
        let full = self.wish.full || !self.wish.named_only && self.watched.is_sweep_due(&book, now);
        if !self.wish.named_only {
            book.begin(now);
        }
        let (turn, lost) = Kept::new(turn);
        turn.write(&book.to_bytes())?;
        let (ended, spent) = tokio::select! {
            ended = self.made(full) => ended,
            Ok(error) = lost => (Err(error.into()), Spent::default()),
        };
        let now = self.clock.now();
        book.spend(spent, !self.wish.named_only);
        match ended {
            Ok(collected) => {
                if self.wish.named_only {
                    book.between(good(&collected));
                } else {
                    book.end_well(good(&collected), now);
                }
                turn.write(&book.to_bytes())?;
                Ok(collected)
            }
            // The schedule's own run comes, and tells what is wrong.
            Err(error) if self.wish.named_only => {
                let _ = turn.write(&book.to_bytes());
                match error {
                    AttemptError::Collect(CollectError::NothingNew) => Err(AttemptError::Done),
                    error => Err(error),
                }
            }
            Err(error) => {
                book.end_badly(&words(&error).join(": "), now);
                // Where the repository takes nothing, that is the error to tell.
                let _ = turn.write(&book.to_bytes());
                Err(error)
            }
        }
    }

    /// The same without a turn and without a line in the book: a snapshot around an apply, which waits for
    /// nobody.
    ///
    /// # Errors
    /// No snapshot came of it.
    pub async fn out_of_turn(&self, full: bool) -> Result<Collected, AttemptError> {
        self.made(full).await.0
    }

    /// A run, and what it cost: one that fails because the vendor has enough of us did cost something.
    async fn made(&self, full: bool) -> (Result<Collected, AttemptError>, Spent) {
        match (self.watched.connect)() {
            Err(error) => (Err(error.into()), Spent::default()),
            Ok(live) => {
                let collected = self.collect(&live, full).await;
                (collected, Spent::of(&live))
            }
        }
    }

    async fn collect(&self, live: &Live, full: bool) -> Result<Collected, AttemptError> {
        let run = Run {
            catalog: self.watched.catalog,
            live,
            fingerprints: self.repository.fingerprints(&self.watched.name)?,
            clock: self.clock.clone(),
            options: Options {
                accept: self.watched.accept.clone(),
                accept_rights: self.wish.accept_rights,
                full,
                sweeps_apart: self.watched.full_sweep.is_some(),
                named_only: self.wish.named_only,
                flags: self.wish.flags,
                notes: self.wish.notes.clone(),
            },
            progress: self.progress,
        };
        Ok(run.snapshot(self.repository.session(&self.watched.name)?).await?)
    }
}

fn good(collected: &Collected) -> Good {
    let snapshot: &Snapshot = &collected.snapshot;
    let suspect = snapshot.ledger.rows.iter().filter(|(_, row)| row.state == State::Suspect);
    Good {
        snapshot: snapshot.id.to_string(),
        started: snapshot.started,
        finished: snapshot.finished,
        resources: snapshot.total,
        changes: snapshot.added + snapshot.changed + snapshot.removed,
        requests: snapshot.requests,
        bytes: snapshot.bytes,
        gaps: collected.gaps.iter().map(ToString::to_string).collect(),
        suspect: suspect.map(|(kind, _)| kind.to_string()).collect(),
        full: collected.full.is_some(),
    }
}
