//! Lastgood keeps the history of an identity tenant and puts chosen resources back.
//!
//! The crate is a house of rooms; `docs/ARCHITECTURE.md` is its plan. A room may use the rooms
//! named after its arrow and nothing else (`tests/house.rs` reads the `use crate::` lines):
//!
//! ```text
//! json → base                    catalog → base, json            crypto → base
//! format → base, crypto, json    storage → base                  store → base, crypto, format, storage
//! http → base, json              provider → base, json, catalog, http
//! collect → base, json, catalog, provider, store
//! history → base, json, catalog, store, format, crypto
//! access → base, json, catalog
//! restore → base, json, catalog, provider, store, history, access, crypto
//! export → base, json, catalog, store, history, access
//! daemon → base, json, catalog, http, provider, store, storage, collect, history, restore, access
//! sim → base, json, catalog       demo → base, sim, collect, history, restore, store
//! cli → all
//! ```
//!
//! What is deliberately absent: `format`, `json` and `crypto` do no I/O; `store` never sees a
//! provider's name; `provider` never writes to a store; `restore::plan` never touches the network
//! and `restore::apply` never decides; `sim` shares no code with `provider`; `cli` holds no rules.

pub mod access;
pub mod base;
pub mod catalog;
pub mod cli;
pub mod collect;
pub mod crypto;
pub mod daemon;
pub mod demo;
pub mod export;
pub mod format;
pub mod history;
pub mod http;
pub mod json;
pub mod provider;
pub mod restore;
pub mod sim;
pub mod storage;
pub mod store;
