//! One resource, asked for by its key.

use crate::base::coverage::State;
use crate::base::key::ResourceKey;
use crate::catalog::{Context, KindSpec, Read, Shape};
use crate::provider::chain::{Chain, parent_of};
use crate::provider::error::{Fault, ProviderError, Sort};
use crate::provider::ident;
use crate::provider::known::Known;
use crate::provider::live::Live;
use crate::provider::order::anchors;
use crate::provider::pass::Pass;
use crate::provider::rows;
use crate::provider::sweep::Item;

impl Live {
    /// Reads one resource; `None` if the tenant says that it is not there. A kind without a call
    /// for one instance is looked for in the list of its parent.
    ///
    /// # Errors
    /// Where the tenant says neither.
    pub async fn read_one(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        known: &Known,
    ) -> Result<Option<Item>, ProviderError> {
        if let Some(unread) = &spec.unread {
            return Err(ProviderError::NoWay { kind: spec.kind.clone(), reason: unread.reason.clone() });
        }
        if let Some(other) = self.host_of(spec) {
            return Box::pin(other.read_one(spec, key, known)).await;
        }
        let mut chain = Chain::tenant(self.catalog, known);
        if spec.shape == Shape::Singleton {
            if let Some(parent) = parent_of(self.catalog, known, spec, &key.ids) {
                chain = chain.to(self.catalog, known, &parent);
            }
        } else {
            chain = chain.to(self.catalog, known, key);
        }
        let values = ident::values(spec, key.id());
        let base =
            values.iter().fold(self.context(), |context, (name, value)| context.with_value(name, value));
        let context = chain.context(base);
        match spec.get.as_ref().and_then(|get| context.fill(spec, get).ok()) {
            Some(target) => self.get_one(spec, key, &context, &target).await,
            None => match spec.read.iter().find_map(|read| Some((read, read.below.as_ref()?))) {
                Some(below) => self.one_below(spec, below, &context, key).await,
                None => self.look_for(spec, key, known).await,
            },
        }
    }

    async fn get_one(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        context: &Context<'_>,
        target: &str,
    ) -> Result<Option<Item>, ProviderError> {
        let Some((body, answer)) = self.json_unless_gone(target, spec).await? else { return Ok(None) };
        // One path can serve two kinds; what the list would leave out is of the other.
        let is_row = |read: &Read| read.rows.iter().all(|condition| condition.holds(&body));
        if !spec.read.is_empty() && !spec.read.iter().any(is_row) {
            return Ok(None);
        }
        if ident::of_row(spec, &body).is_some_and(|id| id != ident::in_row(spec, key.id())) {
            let what = format!("`{key}` was asked for and another resource came");
            return Err(ProviderError::Shape { path: crate::http::error::path_of(target), what });
        }
        let body = match spec.read.first() {
            Some(read) => match self.join(spec, read, context, body, &mut 0).await {
                Err(ProviderError::Status { status: 404 | 410, state: State::Failed, .. }) => {
                    return Ok(None);
                }
                other => other?,
            },
            None => body,
        };
        let body = rows::kept(spec, body);
        Ok(Some(Item { key: key.clone(), body, raw_len: answer.body.len() }))
    }

    /// Reads again every list that can hold the resource.
    async fn look_for(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        known: &Known,
    ) -> Result<Option<Item>, ProviderError> {
        let no_way = |reason: &str| ProviderError::NoWay { kind: spec.kind.clone(), reason: reason.into() };
        let mut passes = self.passes_to(spec, key, known);
        if let Some((parent, read)) = self.holder(spec, key, known) {
            // What lies in its parent's body is what lies there now, not when the parent was listed.
            let holder = self.catalog.kind(&parent.kind).ok_or_else(|| no_way("its parent is of no kind"))?;
            match Box::pin(self.read_one(holder, &parent, known)).await? {
                Some(item) => passes = vec![self.pass_over(read, known, item)],
                None => return Ok(None),
            }
        }
        if passes.is_empty() {
            return Err(no_way("no list is known that could hold it"));
        }
        for pass in passes {
            let (items, report) = self.lone_pass(spec, known, pass).await;
            if let Some(found) = items.into_iter().find(|item| item.key == *key) {
                return Ok(Some(found));
            }
            match report.into_fault() {
                None | Some(Fault { sort: Sort::Vanished, .. }) => {}
                Some(fault) => return Err(no_way(&fault.reason)),
            }
        }
        Ok(None)
    }

    /// The resource in whose body this one lies, and the read that finds it there.
    fn holder<'k>(
        &self,
        spec: &'k KindSpec,
        key: &ResourceKey,
        known: &Known,
    ) -> Option<(ResourceKey, &'k Read)> {
        let read = spec.read.iter().find(|read| read.inside)?;
        Some((parent_of(self.catalog, known, spec, &key.ids)?, read))
    }

    fn passes_to<'k>(&self, spec: &'k KindSpec, key: &ResourceKey, known: &'k Known) -> Vec<Pass<'k>> {
        let mut found = Vec::new();
        for read in &spec.read {
            let before = found.len();
            found.extend(self.passes(spec, read, known).filter(|pass| pass.can_give(spec, &key.ids)));
            let from_parents = read.each.is_empty()
                && read.values.is_empty()
                && read.values_of.is_empty()
                && read.parent_at.is_none()
                && !read.inside;
            if found.len() == before && from_parents && anchors(spec, read).next().is_some() {
                // The parent may be gone; asking for its list says so.
                let parent = parent_of(self.catalog, known, spec, &key.ids);
                found.extend(parent.map(|parent| self.pass_at(read, known, &parent)));
            }
        }
        found
    }
}
