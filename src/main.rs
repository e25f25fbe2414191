//! The `lastgood` binary: parse, run, print the error with its hint, exit with its code.

fn main() {}
