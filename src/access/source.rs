//! A state of a tenant, as the calculation of access reads it.
//!
//! Bodies come one after the other and are not kept: a tenant has a hundred thousand people.

use crate::base::key::{Kind, ResourceKey};
use crate::json::Value;

/// What is called with each body.
pub type EachBody<'f> = dyn FnMut(&ResourceKey, &Value) + 'f;

/// A state: a snapshot, or what a plan would leave.
pub trait Source {
    /// Why a body cannot be read.
    type Error;

    /// The resources of a kind, in any order.
    fn keys(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey));

    /// The main bodies of a kind, in any order.
    ///
    /// # Errors
    /// One could not be read.
    fn bodies(&self, kind: &Kind, each: &mut EachBody<'_>) -> Result<(), Self::Error>;

    /// The main bodies of these resources, of those that are there.
    ///
    /// # Errors
    /// One could not be read.
    fn some(&self, keys: &[ResourceKey], each: &mut EachBody<'_>) -> Result<(), Self::Error>;

    /// Why nothing can be said of what is missing of a kind; `None` where it was read whole.
    fn gap(&self, kind: &Kind) -> Option<String>;
}
