//! The command line: one file per command, and rendering. It holds no rules: it parses, calls a
//! room, shows what came, and ends with the code that INTERFACE gives.
//!
//! Read [`args`] for the commands, [`open`] for how a repository and a tenant are had.

pub mod access;
pub mod alerts;
pub mod apply;
pub mod args;
pub mod asking;
pub mod baseline;
pub mod care;
pub mod changes;
pub mod checked;
pub mod compact;
pub mod config;
pub mod coverage;
pub mod demo;
pub mod diff;
pub mod exit;
pub mod find;
pub mod import;
pub mod init;
pub mod interrupt;
pub mod keys;
pub mod kinds;
pub mod log;
pub mod ls;
pub mod open;
pub mod output;
pub mod plan;
pub mod progress;
pub mod prune;
pub mod reference;
pub mod restore;
pub mod serve;
pub mod show;
pub mod simulate;
pub mod snapshot;
pub mod snapshots;
pub mod tag;
pub mod tenant;
pub mod undo;

use std::io::Write;

use anstyle::{AnsiColor, Style};
use clap::Parser;

pub use args::Cli;
pub use exit::{Exit, Failure};

/// Runs the program and returns its exit code.
#[must_use]
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return code as u8;
        }
    };
    let json = cli.json;
    let ended = run(cli).and_then(|exit| match output::unwritten() {
        None if exit == Exit::Done && output::was_incomplete() => Ok(Exit::Incomplete),
        None => Ok(exit),
        Some(why) => Err(Failure::new(Exit::Error, format!("the result could not be written: {why}"))),
    });
    match ended {
        Ok(exit) => exit as u8,
        Err(failure) => {
            print_failure(&failure, json);
            failure.exit as u8
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    if matches!(cli.command, args::Command::AskRules) {
        // Before threads of a runtime take of what it may have.
        return asking::run();
    }
    start_logs();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Error, format!("the runtime did not start: {error}")))?;
    let output = output::Output::new(cli.json, cli.quiet, cli.color, cli.progress);
    let ended = runtime.block_on(async {
        let signals = interrupt::Signals::listen()
            .map_err(|error| Failure::new(Exit::Error, format!("signals cannot be heard: {error}")))?;
        tokio::select! {
            result = args::dispatch(cli) => result,
            // What was begun and not committed is absent; what was committed is whole.
            () = interrupt::the_end(signals, output) => Ok(Exit::Interrupted),
        }
    });
    // Whoever interrupts twice does not wait for what still computes.
    runtime.shutdown_background();
    ended
}

fn start_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LASTGOOD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

fn print_failure(failure: &Failure, json: bool) {
    use crate::json::{Object, Value};
    if json {
        let pairs = [
            ("format", Value::from("lastgood.error/1")),
            ("code", Value::from(failure.exit as u32)),
            ("error", Value::from(failure.chain.join(": "))),
            ("hint", Value::from(failure.hint.clone())),
        ];
        let _ = writeln!(anstream::stderr().lock(), "{}", Value::Object(Object::from_pairs(pairs)).to_line());
        return;
    }
    let mut err = anstream::stderr().lock();
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into())).bold();
    for (depth, message) in failure.chain.iter().enumerate() {
        let message = output::plain(message).replace("\\u{a}", "\n");
        let _ = if depth == 0 {
            writeln!(err, "{red}error:{red:#} {message}")
        } else {
            writeln!(err, "  caused by: {message}")
        };
    }
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "{cyan}hint:{cyan:#} {hint}");
    }
}
