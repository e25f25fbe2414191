//! One client for the admin API of one tenant: tokens, pace, retries, bounds, and a tally.
//!
//! What must never happen here:
//! - A write is never repeated unless the server itself said that it did nothing (401).
//! - No host but the tenant's own, and that of its token address, is ever contacted by a client: redirects are
//!   not followed, and a link to a next page counts only for its path and query.
//! - No secret stands in an error, in `Debug`, or in the record of requests: errors carry paths
//!   without their query, and a token endpoint's words are searched for the credential first.
//! - Nothing is known here of a vendor or of what an answer means; that is `provider`.
//!
//! Read [`client`] next.

pub mod address;
pub mod answer;
mod book;
pub mod client;
pub mod error;
pub mod hook;
pub mod lanes;
pub mod login;
pub mod outlook;
pub mod pace;
mod proof;
pub mod retry;
pub mod signing;
pub mod tally;
mod transport;

#[cfg(test)]
pub(crate) mod fake;

#[cfg(test)]
mod tests;

pub use address::{Address, is_loopback, with_query};
pub use answer::{Answer, Outgoing};
pub use client::{Client, Setup};
pub use error::HttpError;
pub use hook::{Hook, HookError};
pub use lanes::Lane;
pub use login::{Credential, Login};
pub use outlook::{Ahead, Outlook};
pub use pace::{PaceRules, Taken};
pub use signing::SigningKey;
pub use tally::{Made, Tally};
pub use transport::{Bounds, install_tls};
