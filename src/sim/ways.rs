//! What a vendor does its own way, whatever is asked: who comes in, how a refusal reads, how a list is
//! cut, what its log says.
//!
//! Everything else is in the catalogue and in the forms. Read `okta/ways.rs` for one of them.

use std::collections::BTreeSet;

use crate::catalog::Provider;
use crate::json::Value;
use crate::sim::filter::Filter;
use crate::sim::handle::{Ask, Work};
use crate::sim::population::Sizes;
use crate::sim::rate::Windows;
use crate::sim::wire::{Refusal, Request, Response};
use crate::sim::world::World;

/// The rights of a token; `None` where it has no bounds.
pub type Rights = Option<BTreeSet<String>>;

/// The ways of one vendor.
pub struct Ways {
    /// The answer to a request for a token; `None` where it is none.
    pub token: fn(&mut World, &Request) -> Option<Response>,
    /// Lets a request in: the rights of its token.
    pub admit: fn(&mut World, &Request) -> Result<Rights, Refusal>,
    /// How a refusal reads.
    pub refused: fn(&World, Refusal) -> Response,
    /// What the query asks of a row.
    pub filter: fn(&Request) -> Result<Filter, String>,
    /// The query parameter of a page's size, where the catalogue names none.
    pub limit: &'static str,
    /// The query parameter that carries a cursor.
    pub cursor: &'static str,
    /// The last hand on an instance that is shown, alone or as a row.
    pub show: fn(&World, &Ask, &mut Value),
    /// The last hand on an answer to a read.
    pub around: fn(&World, &Ask, &mut Value),
    /// The status of an answer that shows what was made.
    pub made: u16,
    /// A change is answered with what became of it.
    pub shows_changed: bool,
    /// Instances show links to themselves and to what can be done with them.
    pub links: bool,
    /// What there is one of is there before anybody made it, also where no form tells of it.
    pub singletons: bool,
    /// Ids are UUIDs.
    pub uuids: bool,
    /// Answers tell how much of a window is left.
    pub tells_windows: bool,
    /// How fast it may be asked, each limit times a factor.
    pub windows: fn(&Provider, u32) -> Windows,
    /// What a deed was done to, as events name it.
    pub targets: fn(&World, &Ask, &Work) -> Vec<Value>,
    /// An event of this name.
    pub event: fn(&World, Vec<Value>, &str) -> Value,
    /// The settings of a configuration for this tenant that are not as the catalogue has them: name, and value.
    pub settings: fn(&World) -> Vec<(&'static str, String)>,
    /// Fills a new tenant with people and what they use, drawn from a seed.
    pub populate: fn(&mut World, &Sizes, u64),
}
