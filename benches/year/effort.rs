//! What this process has taken so far: CPU time of all its threads, and memory at its peak.

use std::time::{Duration, Instant};

/// Adds up what stretches of work take, with pauses between them.
#[derive(Default)]
pub(crate) struct Effort {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Effort {
    /// Runs a stretch of work and counts it.
    pub(crate) fn of<A>(&mut self, work: impl FnOnce() -> A) -> A {
        let (before, began) = (cpu(), Instant::now());
        let done = work();
        self.cpu += cpu().saturating_sub(before);
        self.wall += began.elapsed();
        done
    }
}

/// CPU time of all threads that live: those of the pool live as long as the process does.
fn cpu() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let one = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(threads.flatten().filter_map(one).sum())
}

/// The most memory that the process has had, in kilobytes.
pub(crate) fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
