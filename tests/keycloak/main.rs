//! Tests against a real Keycloak server: what the catalogue says of it, and what the product does to it.
//!
//! Start with `server.rs`: it says how a test finds the server and what happens without one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod accounts;
mod admin;
mod complete;
mod dump;
mod facts;
mod log;
mod mailbox;
mod restore;
mod rights;
mod scale;
mod seed;
mod server;
