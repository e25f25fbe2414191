//! What Ctrl-C means: the end, or, where a call is under way that changes a tenant, the wish to stop
//! after it. A second one is always the end.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::output::Output;

static GENTLE: AtomicBool = AtomicBool::new(false);
static WANTED: AtomicBool = AtomicBool::new(false);

/// As long as it lives, the first Ctrl-C only says that the person wants to stop.
pub struct Gently(());

impl Gently {
    /// From here on.
    #[must_use]
    pub fn begin() -> Self {
        GENTLE.store(true, Ordering::SeqCst);
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
        GENTLE.store(false, Ordering::SeqCst);
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
        if !(first && GENTLE.load(Ordering::SeqCst)) {
            return;
        }
        output.note("stopping after the call under way; Ctrl-C once more ends at once");
    }
    // No signal comes any more.
    std::future::pending().await
}
