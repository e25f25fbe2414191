//! What every room may name: ids, keys, time, randomness, secrets, coverage and limits.
//!
//! Nothing here does I/O but the two system sources ([`time::SystemClock`],
//! [`entropy::SystemEntropy`]), which stand behind traits so that a test can seed or break them.
//! Read [`key`] next: it says what a resource is called everywhere in the product.

pub mod coverage;
pub mod entropy;
pub mod error;
pub mod heard;
pub mod ids;
pub mod key;
pub mod limits;
pub mod secret;
pub mod time;
pub mod when;
