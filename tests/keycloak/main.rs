//! Tests against a real Keycloak server: what the catalogue says of it, and what the product does to it.
//!
//! Start with `server.rs`: it says how a test finds the server and what happens without one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod absences;
mod accounts;
mod admin;
#[path = "../falsified/bad_day.rs"]
mod bad_day;
#[path = "../falsified/check.rs"]
mod check;
mod company;
mod complete;
mod dump;
mod facts;
mod falsified;
mod incident;
mod kept;
mod lastgood;
#[path = "../falsified/lie.rs"]
mod lie;
mod log;
mod mailbox;
mod proof;
mod relay;
mod restore;
mod rights;
mod scale;
mod seed;
mod server;
mod story;
mod sweep;
mod table;
#[path = "../falsified/tried.rs"]
mod tried;
mod who;
mod window;
