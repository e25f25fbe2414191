//! What Ctrl-C means: the end, or, where something is under way that is to end well, the wish to stop after
//! it. A second one is always the end. What asks a service to stop is heard here too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::output::Output;

/// What is said to the first Ctrl-C where it is only a wish.
static GENTLE: Mutex<Option<&'static str>> = Mutex::new(None);
static WANTED: AtomicBool = AtomicBool::new(false);

/// As long as it lives, the first Ctrl-C only says that the person wants to stop.
pub struct Gently(());

impl Gently {
    /// From here on; a person who interrupts is told this.
    #[must_use]
    pub fn begin(words: &'static str) -> Self {
        *GENTLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
        Self(())
    }

    /// Whether the person wants to stop.
    #[must_use]
    pub fn wanted() -> bool {
        WANTED.load(Ordering::SeqCst)
    }
}

impl Drop for Gently {
    fn drop(&mut self) {
        *GENTLE.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Hears signals from the moment it is made: between that and the first wait none ends the process.
pub struct Signals(Signal);

impl Signals {
    /// Begins to listen; within a runtime.
    ///
    /// # Errors
    /// The system does not let signals be heard.
    pub fn listen() -> std::io::Result<Self> {
        signal(SignalKind::interrupt()).map(Self)
    }
}

/// Returns when the program is to end.
pub async fn the_end(mut signals: Signals, output: Output) {
    while signals.0.recv().await.is_some() {
        let first = !WANTED.swap(true, Ordering::SeqCst);
        let words = *GENTLE.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(words) = words.filter(|_| first) else { return };
        output.note(words);
    }
    // No signal comes any more.
    std::future::pending().await
}
