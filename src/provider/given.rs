//! What a sweep hands over: a resource whose body was read, or whose bytes are handed on as the vendor sent them.
//!
//! Bytes are handed on where they alone make the body: a plain list, whose rows the catalogue takes as they are.
//! The ids are read out of them, the grammar is checked, and nothing else is made of them. Whoever knows the bytes
//! need not read them.

use bytes::Bytes;

use crate::base::key::ResourceKey;
use crate::catalog::{KindSpec, Read, Shape};
use crate::json::{JsonError, Limits, Value, parse};
use crate::provider::rows;
use crate::provider::sweep::Item;

/// One resource as it came.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its address in the tenant.
    pub key: ResourceKey,
    /// Its body.
    pub body: Body,
    /// Bytes that it took in the answer: where they are not at hand, its page's shared evenly among the page's rows.
    pub raw_len: usize,
}

/// The body of a resource.
#[derive(Clone)]
pub enum Body {
    /// It was read; of an edge only what the catalogue keeps.
    Read(Value),
    /// As the vendor sent it, for [`kept_of`].
    Sent(Bytes),
}

/// Bodies hold secrets: only the form and the length are shown.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(value) => value.fmt(f),
            Self::Sent(bytes) => write!(f, "Sent({} bytes)", bytes.len()),
        }
    }
}

impl From<Item> for Given {
    fn from(item: Item) -> Self {
        Self { key: item.key, body: Body::Read(item.body), raw_len: item.raw_len }
    }
}

impl Given {
    /// The same, read.
    ///
    /// # Errors
    /// A name occurs twice in it, or it holds a number beyond all bounds.
    pub fn read(self, spec: &KindSpec) -> Result<Item, JsonError> {
        let body = match self.body {
            Body::Read(body) => body,
            Body::Sent(sent) => kept_of(spec, &sent)?,
        };
        Ok(Item { key: self.key, body, raw_len: self.raw_len })
    }
}

/// The body of a resource, from what the vendor sent for it: of an edge what the catalogue keeps.
///
/// # Errors
/// As [`parse()`].
pub fn kept_of(spec: &KindSpec, sent: &[u8]) -> Result<Value, JsonError> {
    Ok(rows::kept(spec, parse(sent, &Limits::body())?))
}

/// The members of a row by which its id is known, where a list's rows can be handed on as they come; `None` where
/// something else is made of them, or depends on them.
pub(crate) fn id_members<'s>(spec: &'s KindSpec, read: &Read) -> Option<Vec<&'s str>> {
    let plain = read.items.is_empty() && read.index.is_empty() && read.rows.is_empty() && read.wrap.is_none();
    let alone =
        read.parent_at.is_none() && read.join.is_empty() && read.tree.is_none() && read.below.is_none();
    if !plain || !alone || read.flip || read.detail || read.inside || spec.shape == Shape::Singleton {
        return None;
    }
    let member = |at: &'s crate::json::Pointer| at.segments().next().filter(|_| at.len() == 1);
    spec.id
        .iter()
        .chain(&spec.also_id)
        .map(member)
        .collect::<Option<Vec<_>>>()
        .filter(|names| !names.is_empty())
}
