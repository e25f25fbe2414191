//! The `lastgood` binary: parse, run, print the error with its hint, exit with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(lastgood::cli::main())
}
