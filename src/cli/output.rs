//! What reaches a person or a program: results on stdout, all else on stderr.
//!
//! Names and values come from a tenant that an attacker may have written to: every text that is
//! shown has its control characters made visible first, so that none can steer the terminal.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use crate::json::Value;

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Color {
    /// Where the terminal can and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum ProgressForm {
    /// A bar at a terminal, else a line now and then.
    #[default]
    Auto,
    /// A bar.
    Bar,
    /// A line now and then.
    Plain,
    /// Nothing.
    None,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON documents in place of text.
    pub json: bool,
    /// Nothing but results.
    pub quiet: bool,
    /// How progress is shown.
    pub progress: ProgressForm,
}

impl Output {
    /// Settles the colour for the whole process.
    #[must_use]
    pub fn new(json: bool, quiet: bool, color: Color, progress: ProgressForm) -> Self {
        match color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let at_terminal = std::io::stderr().is_terminal();
        let progress = match progress {
            _ if quiet => ProgressForm::None,
            ProgressForm::Auto if at_terminal => ProgressForm::Bar,
            ProgressForm::Auto => ProgressForm::Plain,
            form => form,
        };
        Self { json, quiet, progress }
    }

    /// A line of the result. A closed pipe ends the output without a word, as in `… | head`; any
    /// other failure is kept for [`unwritten`].
    pub fn line(&self, text: impl AsRef<str>) {
        if let Err(error) = writeln!(anstream::stdout().lock(), "{}", text.as_ref())
            && error.kind() != ErrorKind::BrokenPipe
        {
            // Only the first failure is told.
            let _ = UNWRITTEN.set(error.to_string());
        }
    }

    /// A JSON document on one line. What could steer a terminal is written as JSON escapes: the
    /// document is the same.
    pub fn document(&self, value: &Value) {
        let text = value.to_line();
        if !text.contains(steers) {
            return self.line(text);
        }
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if steers(c) {
                escaped += &format!("\\u{:04x}", u32::from(c));
            } else {
                escaped.push(c);
            }
        }
        self.line(escaped);
    }

    /// A remark for the person, on stderr.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// The same for something that should have been read and was not: the command may end with 3 at
    /// best.
    pub fn incomplete(&self, text: impl AsRef<str>) {
        INCOMPLETE.store(true, Ordering::Relaxed);
        self.warn(text);
    }

    /// Something that the person must not miss, on stderr, even with `--quiet`.
    pub fn warn(&self, text: impl AsRef<str>) {
        let style = Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold();
        let _ = writeln!(anstream::stderr().lock(), "{style}warning:{style:#} {}", text.as_ref());
    }
}

static INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Whether [`Output::incomplete`] had to say something.
#[must_use]
pub fn was_incomplete() -> bool {
    INCOMPLETE.load(Ordering::Relaxed)
}

static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Why a part of the result did not reach stdout: the command may not end as if it had.
#[must_use]
pub fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// A text with control characters, direction marks and escapes made visible.
#[must_use]
pub fn plain(text: &str) -> String {
    if !text.contains(steers) {
        return text.to_owned();
    }
    text.chars().map(|c| if steers(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// Whether a terminal may take the character for more than a sign.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A value on one line, cut to a width that fits a screen.
#[must_use]
pub fn brief(value: &Value) -> String {
    const WIDTH: usize = 100;
    let text = plain(&value.to_line());
    if text.chars().count() <= WIDTH {
        return text;
    }
    let cut: String = text.chars().take(WIDTH - 1).collect();
    format!("{cut}…")
}

/// A time for people: UTC, to the second.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How long something takes, in words.
#[must_use]
pub fn lasting(time: std::time::Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes for people.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{count} {name}") } else { format!("{value:.1} {name}") }
}

/// Rows under a head, columns as wide as their widest cell; the last column is not padded.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let last = cells.len().saturating_sub(1);
        let padded = cells.iter().zip(&widths).enumerate().map(|(position, (cell, width))| {
            if position == last { (*cell).to_owned() } else { format!("{cell:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = vec![line(head.to_vec())];
    out.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(plain("Zoë"), "Zoë");
    }

    #[test]
    fn sizes_and_tables() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(22_400), "22.4 kB");
        let rows = vec![
            vec!["a".into(), "long cell".into(), "x".into()],
            vec!["bbb".into(), "c".into(), String::new()],
        ];
        insta::assert_snapshot!(table(&["k", "v", "w"], &rows), @r"
        k    v          w
        a    long cell  x
        bbb  c
        ");
    }
}
