//! Unattended work as a whole: schedules over simulated tenants whose clock stands where it is put, in one
//! repository that everybody shares.
//!
//! `world` has the tenants, the repository and what was told; each other file is one part of the story.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod alerts;
mod asking;
mod care;
mod ears;
mod following;
mod letters;
mod month;
mod page;
mod postbox;
mod rounds;
mod undelivered;
mod world;
