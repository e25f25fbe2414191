//! An hourly snapshot holds what a full one of the same instant holds: on a simulated tenant, with
//! changes of many kinds drawn at random, and a log that tells late, out of order, not of everything,
//! and not always.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]
#![allow(clippy::print_stdout, reason = "the figures are what a run is for")]

mod along;
mod changes;
mod each;
mod equal;
mod figures;
mod late;
mod repeats;
mod tenant;
