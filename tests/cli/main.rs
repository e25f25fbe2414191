//! The binary as a person meets it, without any server: the history is made through the library.
//!
//! `world` has the folder, the history and the runner; each other file is one part of the story.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod configuration;
mod damage;
mod limits;
mod output;
mod questions;
mod reference;
mod refused;
mod world;
