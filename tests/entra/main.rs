//! Microsoft Entra ID: a simulated directory read by the binary, and what judges the simulator from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]
#![allow(clippy::print_stdout, reason = "how many recorded exchanges were compared is what a run is for")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod directory;
mod document;
mod falsified;
#[path = "../keycloak/kept.rs"]
mod kept;
#[path = "../falsified/lie.rs"]
mod lie;
mod proof;
mod recorded;
mod story;
#[path = "../keycloak/sweep.rs"]
mod sweep;
