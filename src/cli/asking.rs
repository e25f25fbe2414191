//! `ask-rules`: this program as the process of its own in which rules are asked. Nobody calls it by hand.

use std::io;
use std::path::PathBuf;

use crate::cli::{Exit, Failure};
use crate::daemon::alert::answering::{STACK_BYTES, answer};
use crate::daemon::alert::apart::Program;

/// The command's name.
pub const NAME: &str = "ask-rules";

/// This program, answering.
#[must_use]
pub fn program() -> Program {
    // The file may have been replaced by a newer version since this process began: the link leads to the old one.
    let path = if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        std::env::current_exe().unwrap_or_else(|_| PathBuf::from("lastgood"))
    };
    Program { path, arguments: vec![NAME.to_owned()] }
}

/// Answers on stdin and stdout until nobody asks any more.
///
/// # Errors
/// The limits cannot be set.
pub fn run() -> Result<Exit, Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Error, format!("rules cannot be asked: {error}"));
    let answering = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(|| answer(io::stdin().lock(), io::stdout().lock()))
        .map_err(failed)?;
    match answering.join() {
        Ok(answered) => answered.map(|()| Exit::Done).map_err(failed),
        // An expression that breaks off ends the process as a panic does: whoever asked knows that code.
        Err(panicked) => std::panic::resume_unwind(panicked),
    }
}
