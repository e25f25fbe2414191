//! What a session was told so far: asked by whoever fills it, so that he need not remember it himself.

use crate::base::key::{Kind, ResourceKey};
use crate::store::rooting::short_path;
use crate::store::session::WriteSession;

impl WriteSession {
    /// Whether it was said of a resource in this session that it is there, or that it is gone.
    #[must_use]
    pub fn has_said(&self, key: &ResourceKey) -> bool {
        self.has_said_path(&key.to_path())
    }

    /// The same of a resource by its `KIND/REF` text.
    #[must_use]
    pub fn has_said_path(&self, path: &str) -> bool {
        self.said.contains_key(&short_path(path))
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
