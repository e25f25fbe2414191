//! The binary as a person meets it, without a vendor's server: the history is made through the library, or
//! read from a realm on loopback.
//!
//! `world` has the folder, the history and the runner, `realm` the realm, `living` one that can be
//! written to; each other file is one part of the story.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod absent;
mod alerting;
mod configuration;
mod damage;
mod demo;
mod keeping;
mod keys;
mod kill;
mod limits;
#[path = "../falsified/realm.rs"]
mod living;
mod organisation;
mod output;
mod picture;
#[path = "../daemon/postbox.rs"]
mod postbox;
mod questions;
mod realm;
mod recovery;
mod reference;
mod refused;
mod serve;
mod simulate;
mod terminal;
mod world;
