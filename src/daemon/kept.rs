//! A turn that is kept for as long as the work takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::store::{StoreError, Turn};

/// How often the turn is put off; it ends after 30 s without that.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// A turn that a task of its own puts off, however long the run takes. Given back when this is dropped.
pub(super) struct Kept {
    turn: Arc<Mutex<Option<Turn>>>,
    keeper: tokio::task::JoinHandle<()>,
}

impl Kept {
    /// Keeps a turn; what comes out of the channel is that it was lost.
    pub(super) fn new(turn: Turn) -> (Self, oneshot::Receiver<StoreError>) {
        let (tell, lost) = oneshot::channel();
        let turn = Arc::new(Mutex::new(Some(turn)));
        let kept = turn.clone();
        let keeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(KEEP_EVERY).await;
                let kept = kept.clone();
                // Storage may be slow: nothing else waits for it.
                let keeping = tokio::task::spawn_blocking(move || locked(&kept).as_mut().map(Turn::keep));
                match keeping.await.unwrap_or(None) {
                    None => return,
                    Some(Err(error @ StoreError::TurnLost { .. })) => {
                        // Nobody listens any more where the run has just ended.
                        let _ = tell.send(error);
                        return;
                    }
                    // What the storage refuses now it may take before the turn ends.
                    Some(Ok(()) | Err(_)) => {}
                }
            }
        });
        (Self { turn, keeper }, lost)
    }

    /// Writes the book.
    ///
    /// # Errors
    /// As [`Turn::write_book`].
    pub(super) fn write(&self, book: &[u8]) -> Result<(), StoreError> {
        locked(&self.turn).as_mut().map_or(Ok(()), |turn| turn.write_book(book))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
        drop(locked(&self.turn).take());
    }
}

/// The book as it was left last; none where it is damaged, as nothing in it is history. What the storage refuses
/// for the moment is no reason to begin a new one.
///
/// # Errors
/// The storage failed.
pub(super) fn book_of(turn: &mut Turn) -> Result<Option<Vec<u8>>, StoreError> {
    match turn.book() {
        Err(StoreError::Damaged { .. }) => Ok(None),
        book => book,
    }
}

fn locked(turn: &Mutex<Option<Turn>>) -> MutexGuard<'_, Option<Turn>> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}
