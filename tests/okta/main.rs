//! The Okta simulator against the vendor's recorded traffic and the vendor's document.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]
#![allow(clippy::print_stdout, reason = "the count of scenarios that pass is what a run is for")]

mod access;
mod behaviour;
mod document;
mod elsewhere;
mod entitled;
mod falsified;
mod forecast;
mod hourly;
#[path = "../keycloak/kept.rs"]
mod kept;
mod large;
#[path = "../falsified/lie.rs"]
mod lie;
mod lies;
mod oauth;
mod org;
mod pages;
mod proof;
mod recording;
mod replay;
mod restored;
mod secrets;
mod seed;
mod sent;
mod shape;
mod single;
#[path = "../keycloak/sweep.rs"]
mod sweep;
mod table;
mod traits;
mod traps;
#[path = "../falsified/tried.rs"]
mod tried;
mod truth;
mod workflows;
