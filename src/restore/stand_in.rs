//! What stands in for something recorded: made anew under its name, or hanging on what was made so.
//!
//! The recorded state does not know its id, so it looks like something that came later. It is changed
//! to what was recorded; it must never be removed as well. Read `reach.rs` for how it is found.

use std::collections::BTreeSet;

use crate::base::key::ResourceKey;
use crate::restore::reach::{Case, Reach};

impl Reach<'_> {
    /// Takes back the removals of what stands in for something that is restored.
    pub(crate) fn keep_stand_ins(&mut self) {
        let kept: BTreeSet<ResourceKey> = self
            .items
            .iter()
            .filter(|(key, item)| item.case == Case::Update && item.live_key != **key)
            .map(|(_, item)| item.live_key.clone())
            .collect();
        for key in &kept {
            if self.items.get(key).is_some_and(|item| item.case == Case::Delete) {
                self.items.remove(key);
                self.takes_along.remove(key);
            }
        }
    }
}
