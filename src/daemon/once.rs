//! What was complained of already: a state that lasts is said when it begins, and not each time that somebody
//! looks.
//!
//! It is known to this process alone: a new one says it once more. It must never keep quiet what was not said
//! since it began, nor what came again after it was over. [`alert::teller`](crate::daemon::alert::teller) and
//! [`scheduler`](crate::daemon::scheduler) ask it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Complaints about one thing, by why.
#[derive(Default)]
struct Said {
    /// Of the look before.
    before: BTreeSet<String>,
    /// Of the look under way.
    now: BTreeSet<String>,
}

/// Complaints, by what they are about.
#[derive(Default)]
pub(super) struct Once(Mutex<BTreeMap<String, Said>>);

impl Once {
    fn said(&self) -> MutexGuard<'_, BTreeMap<String, Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this was not complained of in the look before, nor in this one.
    pub(super) fn is_new(&self, about: &str, why: &str) -> bool {
        let mut all = self.said();
        let said = all.entry(about.to_owned()).or_default();
        said.now.insert(why.to_owned()) && !said.before.contains(why)
    }

    /// The look at something has ended: what it did not complain of is over.
    pub(super) fn looked(&self, about: &str) {
        if let Some(said) = self.said().get_mut(about) {
            said.before = std::mem::take(&mut said.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_said_once_and_again_when_it_comes_again() {
        let once = Once::default();
        let look = |whys: &[&str]| {
            let new: Vec<bool> = whys.iter().map(|why| once.is_new("org", why)).collect();
            once.looked("org");
            new
        };
        assert_eq!(look(&["down", "down", "damaged"]), [true, false, true]);
        assert_eq!(look(&["damaged", "down"]), [false, false]);
        assert_eq!(look(&["down", "full"]), [false, true]);
        assert!(once.is_new("other", "down"), "another tenant's is another");
        assert!(look(&[]).is_empty());
        assert_eq!(look(&["down"]), [true], "it was over");
    }
}
