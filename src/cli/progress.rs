//! How far a run is, with the time left, as a bar or as a line now and then.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::base::key::Kind;
use crate::cli::output::{Output, ProgressForm, lasting};
use crate::collect::{Left, Progress};

/// Between two lines of the plain form.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows a run.
pub struct Shown {
    output: Output,
    bar: ProgressBar,
    state: Mutex<Counted>,
}

struct Counted {
    started: Instant,
    last_line: Instant,
    kind: String,
    done: usize,
    all: usize,
    rows_before: u64,
    rows: u64,
    /// How long it took from `kind_began` on, as far as that can be told.
    left: Option<Left>,
    kind_began: Instant,
}

impl Shown {
    /// Begins to show a run.
    #[must_use]
    pub fn new(output: Output) -> Self {
        let bar =
            if output.progress == ProgressForm::Bar { ProgressBar::new(1) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} kinds  {msg}") {
            bar.set_style(style);
        }
        let now = Instant::now();
        let counted = Counted {
            started: now,
            last_line: now,
            kind: String::new(),
            done: 0,
            all: 0,
            rows_before: 0,
            rows: 0,
            left: None,
            kind_began: now,
        };
        Self { output, bar, state: Mutex::new(counted) }
    }

    fn show(&self, counted: &mut Counted) {
        let left = time_left(counted).map(|left| format!("  about {left} left")).unwrap_or_default();
        let resources = counted.rows_before + counted.rows;
        let text = format!("{}  {resources} resources{left}", counted.kind);
        self.bar.set_length(counted.all as u64);
        self.bar.set_position(counted.done as u64);
        self.bar.set_message(text.clone());
        if self.output.progress == ProgressForm::Plain && counted.last_line.elapsed() >= LINE_EVERY {
            counted.last_line = Instant::now();
            self.output.note(format!("{}/{} kinds  {text}", counted.done, counted.all));
        }
    }
}

/// Shows how many of how many are done, for work whose amount is known.
pub struct Counter {
    output: Output,
    noun: &'static str,
    bar: ProgressBar,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Counter {
    /// Begins to show so many of these.
    #[must_use]
    pub fn new(output: Output, noun: &'static str) -> Self {
        let bar =
            if output.progress == ProgressForm::Bar { ProgressBar::new(1) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template(&format!("{{bar:24}} {{pos}}/{{len}} {noun}  {{msg}}"))
        {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { output, noun, bar, started: now, last_line: Mutex::new(now) }
    }

    /// Writes lines of the result where a bar stands.
    pub fn above(&self, writing: impl FnOnce()) {
        self.bar.suspend(writing);
    }

    /// So many of so many are done.
    pub fn show(&self, done: u64, all: u64) {
        let share = if all == 0 { 0.0 } else { done as f64 / all as f64 };
        let left = left(share, self.started.elapsed());
        let left = left.map(|left| format!("about {left} left")).unwrap_or_default();
        self.bar.set_length(all);
        self.bar.set_position(done);
        self.bar.set_message(left.clone());
        let Ok(mut last) = self.last_line.lock() else { return };
        if self.output.progress == ProgressForm::Plain && last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            self.output.note(format!("{done}/{all} {}  {left}", self.noun));
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What was forecast when the kind began, less what has gone by; where nothing could be, by the share of kinds.
fn time_left(counted: &Counted) -> Option<String> {
    let Some(Left { all, after }) = counted.left else {
        let share = if counted.all > 0 { counted.done as f64 / counted.all as f64 } else { 0.0 };
        return left(share, counted.started.elapsed());
    };
    let rest = all.saturating_sub(counted.kind_began.elapsed()).max(after);
    (!rest.is_zero()).then(|| lasting(rest))
}

/// The time left in words, once enough is done to tell.
fn left(share: f64, elapsed: Duration) -> Option<String> {
    let elapsed = elapsed.as_secs_f64();
    if share < 0.02 || elapsed < 1.0 {
        return None;
    }
    Some(lasting(Duration::from_secs_f64((elapsed / share - elapsed).max(0.0))))
}

impl Progress for Shown {
    fn kind(&self, kind: &Kind, done: usize, all: usize, left: &dyn Fn() -> Option<Left>) {
        if self.output.progress == ProgressForm::None {
            return;
        }
        let left = left();
        let Ok(mut counted) = self.state.lock() else { return };
        counted.rows_before += std::mem::take(&mut counted.rows);
        counted.kind = kind.to_string();
        (counted.done, counted.all) = (done, all);
        (counted.left, counted.kind_began) = (left, Instant::now());
        self.show(&mut counted);
    }

    fn rows(&self, rows: u64) {
        let Ok(mut counted) = self.state.lock() else { return };
        counted.rows = rows;
        if rows.is_multiple_of(64) {
            self.show(&mut counted);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
