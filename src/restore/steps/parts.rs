//! Parts that a new resource is sent with and that are resources of their own.

use crate::base::key::ResourceKey;
use crate::catalog::Gather;
use crate::json::Value;
use crate::restore::steps::{Draft, Work};

impl Work<'_, '_> {
    /// What is made along with this one because it is sent with it.
    pub(super) fn parts<'d>(&'d self, gather: &'d Gather) -> impl Iterator<Item = &'d Draft<'d>> {
        let own = &self.draft.key;
        let drafts = self.drafts.by_key.range(ResourceKey::new(&gather.of, own.ids.clone())..);
        let inside = drafts.take_while(|(key, _)| key.kind == gather.of && key.ids.starts_with(&own.ids));
        inside.map(|(_, draft)| draft).filter(|draft| draft.is_made())
    }

    pub(super) fn gathered(&self, gather: &Gather) -> Value {
        let field = |draft: &Draft<'_>| gather.fields.iter().find_map(|at| at.get(&draft.desired).cloned());
        self.parts(gather).filter_map(field).collect()
    }
}
