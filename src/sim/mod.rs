//! Simulators: a tenant in memory that answers as a vendor's API does.
//!
//! [`handle()`] is a pure function of a [`World`] and a [`Request`]: time and randomness are
//! given, so a run can be repeated. Which calls there are comes from the catalogue; what a server
//! adds (ids, defaults, links, refusals) is data beside the vendor's calculations, see [`form`].
//!
//! This room shares no code with `provider`: only the facts of the catalogue, or a bug would
//! confirm itself. It opens no connection of its own. Read [`form`] next, then `handle.rs`.

pub mod door;
pub mod faults;
pub mod fill;
pub mod filter;
pub mod form;
pub mod handle;
pub mod log;
pub mod people;
pub mod population;
pub mod rate;
pub mod routes;
pub mod sample;
pub mod serve;
pub mod vendor;
pub mod wire;
pub mod workflows;
pub mod world;

pub mod entra;
mod links;
mod okta;
mod operations;
mod page;
mod reading;
mod shelf;
mod tls;
pub mod ways;
mod writing;

pub use handle::handle;
pub use people::Person;
pub use population::{Sizes, populate, populate_to};
pub use sample::sample;
pub use serve::{Listening, ServeError};
pub use tls::Tls;
pub use vendor::{Vendor, vendor};
pub use wire::{Body, Refusal, Request, Response};
pub use world::World;
