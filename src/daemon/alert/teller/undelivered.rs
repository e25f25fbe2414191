//! How much of what there is to tell has not arrived, for whoever watches from outside.
//!
//! It is read from the outboxes themselves and asks no receiver: a teller that hangs, or another process that has the
//! turn, is seen as well. It must never write, nor take one that cannot be read for an empty one.

use jiff::Timestamp;

use crate::daemon::alert::teller::{Teller, outbox_of};
use crate::daemon::alert::{Outbox, Receiver};
use crate::daemon::care::NAMELESS;

/// What waits in the outbox of one tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undelivered {
    /// Whose; empty for the repository's own.
    pub tenant: String,
    /// What each receiver has not got; `None` where the outbox cannot be read, so that nothing is told of the tenant.
    pub receivers: Option<Vec<Waiting>>,
}

/// What one receiver has not got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// By the name that is configured.
    pub receiver: String,
    /// Alerts that he wants and has not got.
    pub count: u64,
    /// When the oldest of them was found.
    pub oldest: Option<Timestamp>,
}

impl Waiting {
    fn of(receiver: &Receiver, outbox: &Outbox) -> Self {
        let mut waiting = outbox.waiting(&receiver.name);
        waiting.retain(|alert| receiver.wants(alert));
        Self {
            receiver: receiver.name.clone(),
            count: waiting.len() as u64,
            oldest: waiting.iter().map(|alert| alert.at).min(),
        }
    }
}

impl Teller {
    /// What no receiver has got yet, of every tenant and of the repository itself; nothing where nobody is told.
    /// Reads the repository, so it blocks.
    #[must_use]
    pub fn undelivered(&self) -> Vec<Undelivered> {
        if self.receivers.is_empty() {
            return Vec::new();
        }
        let names = self.tenants.iter().map(|tenant| tenant.name.as_str()).chain([NAMELESS]);
        names.map(|name| self.undelivered_of(name)).collect()
    }

    fn undelivered_of(&self, name: &str) -> Undelivered {
        let outbox = match self.place.books().book(&outbox_of(name)) {
            Ok(None) => Some(Outbox::default()),
            Ok(Some(bytes)) => Outbox::from_bytes(&bytes),
            Err(_) => None,
        };
        let waiting = |outbox: Outbox| self.receivers.iter().map(|to| Waiting::of(to, &outbox)).collect();
        Undelivered { tenant: name.to_owned(), receivers: outbox.map(waiting) }
    }
}
