//! What a session was told so far: asked by whoever fills it, so that he need not remember it himself.

use crate::base::key::{Kind, ResourceKey};
use crate::store::session::WriteSession;

impl WriteSession {
    /// Whether it was said of a resource in this session that it is there, or that it is gone.
    #[must_use]
    pub fn has_said(&self, key: &ResourceKey) -> bool {
        self.said.contains_key(&self.tenant.short.of(&key.to_path()))
    }

    /// Of how many resources something was said.
    #[must_use]
    pub fn count_said(&self) -> u64 {
        self.said.len() as u64
    }

    /// How many resources of a kind the parent has, and those of them of which nothing was said yet.
    #[must_use]
    pub fn unsaid(&self, kind: &Kind) -> (usize, Vec<ResourceKey>) {
        let (mut there, mut unsaid) = (0, Vec::new());
        for path in self.parent_state().texts(kind) {
            there += 1;
            if !self.said.contains_key(&self.tenant.short.of(path)) {
                unsaid.extend(ResourceKey::from_path(path));
            }
        }
        (there, unsaid)
    }

    /// Whether a resource is not as it was at the parent: new, changed or gone.
    #[must_use]
    pub fn is_changed(&self, key: &ResourceKey) -> bool {
        self.pending.contains_key(key.to_path().as_str())
    }

    /// Everything that is not as it was at the parent, what is gone included.
    pub fn changed(&self) -> impl Iterator<Item = ResourceKey> + '_ {
        // What was put is a key's own text, so none is left out here.
        self.pending.keys().filter_map(|path| ResourceKey::from_path(path))
    }

    /// The same of a kind, below these ids; no ids: all of it.
    pub fn changed_below(&self, kind: &Kind, ids: &[String]) -> impl Iterator<Item = ResourceKey> + '_ {
        let above = ResourceKey { kind: kind.clone(), ids: ids.to_vec() }.to_path();
        // '0' follows '/', so the range holds exactly the texts that begin with `ABOVE/`.
        let (from, before) = (format!("{above}/").into_boxed_str(), format!("{above}0").into_boxed_str());
        self.pending.range(from..before).filter_map(|(path, _)| ResourceKey::from_path(path))
    }
}
