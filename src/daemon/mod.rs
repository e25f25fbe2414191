//! Unattended: when each tenant is read, what came of it, and who is told.
//!
//! All that has to outlive a process lies in the repository: snapshots are the history, and a book for each
//! tenant says what its runs came to ([`crate::store::Turn`]). So any number of processes on any machines
//! may serve one repository; each run is made by whoever has the tenant's turn. Nothing is decided by how
//! much time passed in this process: what is due follows from the book and from what time it is now.
//!
//! This room must never print, exit, or read the configuration: it is given tenants that can be reached
//! ([`Watched`]), and it tells whoever listens ([`Listen`]). Read [`schedule`] and [`book`] for what is due,
//! [`attempt`] for one run, [`scheduler`] for all of them, [`care`] for the repository itself, [`alert`] for what
//! people are told.

pub mod alert;
pub mod attempt;
pub mod book;
pub mod care;
mod kept;
pub mod metrics;
pub mod notify;
mod once;
pub mod place;
pub mod schedule;
pub mod scheduler;
pub mod status;
pub mod tail;
mod watched;
mod written;

pub use attempt::{Attempt, AttemptError, Wish};
pub use book::Book;
pub use care::{Came, Care, CareBook, Chore, Done};
pub use place::Place;
pub use schedule::{Schedule, ScheduleError};
pub use scheduler::{Listen, Outcome, Report, Scheduler};
pub use tail::Tail;
pub use watched::{CannotConnect, Connect, Watched};
