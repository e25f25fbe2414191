//! The generic engine: reads any tenant as its provider's catalogue says, and makes the requests
//! that a plan consists of.
//!
//! What must never happen here:
//! - No vendor's name stands here. What a vendor does otherwise than the rest is a field of the
//!   catalogue; a fact that is a calculation would be a hook, and no vendor has needed one yet.
//! - Nothing is dropped. A row, page or parent that could not be read is in [`Swept`]: as a state,
//!   a reason, an exception. An answer of the wrong form is never an empty list.
//! - Nothing is decided: whether what did not come is gone is for `collect` to say, what is
//!   written for `restore`. Nothing is stored.
//!
//! Read [`live`] for the way in, [`sweep`] for the way through, then `pass.rs` and `listing.rs`.

mod below;
mod chain;
pub mod changed;
mod connect;
pub mod error;
pub mod events;
pub mod follow;
pub mod forecast;
pub mod given;
mod ident;
pub mod known;
mod listing;
pub mod live;
mod one;
pub mod order;
mod other;
mod page;
mod pass;
pub mod rights;
mod rows;
pub mod sweep;

#[cfg(test)]
mod tests;

pub use crate::http::outlook::{Ahead, Outlook, USUAL_LATENCY};
pub use crate::http::{Credential, SigningKey};
pub use connect::outlook;
pub use error::ProviderError;
pub use events::Event;
pub use follow::From;
pub use forecast::{ahead, forecast};
pub use given::{Body, Given, kept_of};
pub use ident::found_by;
pub use known::Known;
pub use live::{Live, Target, World, WriteAnswer, WriteRequest};
pub use order::{guides, is_context, is_divisible, order};
pub use rights::Rights;
pub use sweep::{Item, Swept, Unread};
