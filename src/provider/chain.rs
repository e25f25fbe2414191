//! What surrounds a resource: the bodies of its parents, outermost first, as far as they are
//! known. A body that is not known is stood in for by one that holds only its id.

use std::borrow::Cow;

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{Context, KindSpec, Provider, Shape};
use crate::json::Value;
use crate::provider::ident;
use crate::provider::known::Known;

/// One body on the way to a resource.
#[derive(Clone)]
struct Link<'k> {
    key: ResourceKey,
    body: Cow<'k, Value>,
}

/// The way from the tenant to a resource.
#[derive(Clone, Default)]
pub(crate) struct Chain<'k> {
    links: Vec<Link<'k>>,
}

impl<'k> Chain<'k> {
    /// The tenant's own singletons, which conditions and paths of any kind may ask.
    pub(crate) fn tenant(catalog: &Provider, known: &'k Known) -> Self {
        let singletons =
            catalog.kinds.iter().filter(|spec| spec.shape == Shape::Singleton && spec.parent.is_empty());
        let found = singletons.filter_map(|spec| known.of_kind(&spec.kind).next());
        Self {
            links: found.map(|(key, body)| Link { key: key.clone(), body: Cow::Borrowed(body) }).collect(),
        }
    }

    /// The same with a resource and the parents that its key names.
    pub(crate) fn to(mut self, catalog: &Provider, known: &'k Known, key: &ResourceKey) -> Self {
        for ancestor in ancestors(catalog, known, key) {
            let body = body_of(catalog, known, &ancestor);
            self.links.push(Link { key: ancestor, body });
        }
        self.links.push(Link { key: key.clone(), body: body_of(catalog, known, key) });
        self
    }

    /// The same with another body of the nearest resource: it has just been read.
    pub(crate) fn ending_with(mut self, body: Value) -> Self {
        if let Some(last) = self.links.last_mut() {
            last.body = Cow::Owned(body);
        }
        self
    }

    /// The surroundings for paths and conditions; the last body is the nearest.
    pub(crate) fn context<'c>(&'c self, base: Context<'c>) -> Context<'c> {
        self.links.iter().fold(base, |context, link| context.with(&link.key.kind, &link.body))
    }

    /// The key nearest to the resource whose kind is one of these.
    pub(crate) fn nearest(&self, kinds: &[Kind]) -> Option<&ResourceKey> {
        self.links.iter().rev().map(|link| &link.key).find(|key| kinds.contains(&key.kind))
    }

    /// The nearest body of all.
    pub(crate) fn last(&self) -> Option<&Value> {
        self.links.last().map(|link| link.body.as_ref())
    }
}

fn body_of<'k>(catalog: &Provider, known: &'k Known, key: &ResourceKey) -> Cow<'k, Value> {
    match (known.get(key), catalog.kind(&key.kind)) {
        (Some(body), _) => Cow::Borrowed(body),
        (None, Some(spec)) if spec.shape != Shape::Singleton => Cow::Owned(ident::stub(spec, key.id())),
        _ => Cow::Owned(Value::Null),
    }
}

/// The keys of a resource's parents, outermost first.
fn ancestors(catalog: &Provider, known: &Known, key: &ResourceKey) -> Vec<ResourceKey> {
    let mut out = Vec::new();
    let mut at = key.clone();
    while let Some(parent) = catalog.kind(&at.kind).and_then(|spec| parent_of(catalog, known, spec, &at.ids))
    {
        out.insert(0, parent.clone());
        at = parent;
    }
    out
}

/// The parent that the ids of a resource name. Of several kinds it is the one of which such a
/// resource is known, else the first whose depth fits.
pub(crate) fn parent_of(
    catalog: &Provider,
    known: &Known,
    spec: &KindSpec,
    ids: &[String],
) -> Option<ResourceKey> {
    let above = ids.split_last().map(|(_, above)| above).filter(|above| !above.is_empty())?;
    let keys = spec.parent.iter().map(|kind| ResourceKey::new(kind, above.to_vec()));
    let fits = |key: &&ResourceKey| depths(catalog, &key.kind, 0).contains(&key.ids.len());
    let candidates: Vec<ResourceKey> = keys.collect();
    candidates.iter().find(|key| known.get(key).is_some()).or_else(|| candidates.iter().find(fits)).cloned()
}

/// How many ids a key of a kind can have.
fn depths(catalog: &Provider, kind: &Kind, level: usize) -> Vec<usize> {
    let parents = catalog.kind(kind).map(|spec| spec.parent.as_slice()).unwrap_or_default();
    if parents.is_empty() || level > 8 {
        return vec![1];
    }
    parents.iter().flat_map(|parent| depths(catalog, parent, level + 1)).map(|depth| depth + 1).collect()
}
