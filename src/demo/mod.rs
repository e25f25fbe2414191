//! The demo: a company's organisation in memory, weeks of its history, one bad night.
//!
//! This room makes what happened: a simulated organisation, the deeds of its people at the hours at which
//! they did them, and a snapshot after each hour. Nothing that a person then sees is made here: that is
//! what the ordinary commands say of the ordinary repository. Read `story.toml` for what happens,
//! [`told`] for how the weeks go by.

mod clock;
mod days;
mod script;
mod told;

pub use clock::StoryClock;
pub use script::{StoryError, THIEF_ADDRESS};
pub use told::{Story, Weeks};
