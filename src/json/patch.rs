//! Applying changes to a value, with the pointers of [`crate::json::diff()`].
//!
//! Every change is checked against the value it starts from; nothing is guessed. A part of a
//! [`crate::json::diff()`] can be applied too, as long as of every array whose length changes all
//! or none of the additions and removals are in it: indexes count in the whole new array.

use std::collections::BTreeMap;

use crate::base::limits::JSON_DEPTH_MAX;
use crate::json::pointer::index_of;
use crate::json::{FieldChange, JsonError, Object, Pointer, Value};

/// The document after these changes, whose order does not matter.
///
/// # Errors
/// [`JsonError::Conflict`] with the first place where a change does not fit.
pub fn patch(document: &Value, changes: &[FieldChange]) -> Result<Value, JsonError> {
    let mut root = Node::default();
    for change in changes {
        root.file(change).ok_or_else(|| conflict(&change.pointer))?;
    }
    let mut result = document.clone();
    root.apply(&mut result, &mut Pointer::root())?;
    Ok(result)
}

fn conflict(pointer: &Pointer) -> JsonError {
    JsonError::Conflict { pointer: pointer.clone() }
}

/// The changes at one value and below it.
#[derive(Default)]
struct Node<'c> {
    replaced: Option<(&'c Value, &'c Value)>,
    removed: BTreeMap<&'c str, &'c Value>,
    added: BTreeMap<&'c str, &'c Value>,
    below: BTreeMap<&'c str, Node<'c>>,
}

impl<'c> Node<'c> {
    fn at(&mut self, segments: impl Iterator<Item = &'c str>) -> &mut Self {
        segments.fold(self, |node, segment| node.below.entry(segment).or_default())
    }

    /// Files a change under its place; none if it can fit no document or its place is taken.
    fn file(&mut self, change: &'c FieldChange) -> Option<()> {
        let segments = change.pointer.segments();
        let depth = segments.len();
        if depth > JSON_DEPTH_MAX {
            return None;
        }
        let earlier = match (&change.from, &change.to) {
            (Some(from), Some(to)) => self.at(segments).replaced.replace((from, to)).map(|_| ()),
            (from, to) => {
                let last = change.pointer.last()?;
                let node = self.at(segments.take(depth - 1));
                match (from, to) {
                    (Some(from), _) => node.removed.insert(last, from).map(|_| ()),
                    (None, Some(to)) => node.added.insert(last, to).map(|_| ()),
                    (None, None) => return None,
                }
            }
        };
        earlier.is_none().then_some(())
    }

    fn apply(&self, value: &mut Value, at: &mut Pointer) -> Result<(), JsonError> {
        let mixed = !(self.below.is_empty() && self.removed.is_empty() && self.added.is_empty());
        if let Some((from, to)) = self.replaced {
            if value != from || mixed {
                return Err(conflict(at));
            }
            *value = to.clone();
            return Ok(());
        }
        if !mixed {
            return Ok(());
        }
        match value {
            Value::Object(object) => self.apply_to_object(object, at)?,
            Value::Array(elements) => self.apply_to_array(elements, at)?,
            _ => return Err(conflict(at)),
        }
        for (segment, node) in &self.below {
            at.push(*segment);
            let child = match &mut *value {
                Value::Object(object) => object.get_mut(segment),
                Value::Array(elements) => index_of(segment).and_then(|i| elements.get_mut(i)),
                _ => None,
            };
            node.apply(child.ok_or_else(|| conflict(at))?, at)?;
            at.pop();
        }
        Ok(())
    }

    fn apply_to_object(&self, object: &mut Object, at: &Pointer) -> Result<(), JsonError> {
        for (name, from) in &self.removed {
            if object.remove(name).as_ref() != Some(from) {
                return Err(conflict(&at.join(*name)));
            }
        }
        for (name, to) in &self.added {
            if object.insert(*name, (*to).clone()).is_some() {
                return Err(conflict(&at.join(*name)));
            }
        }
        Ok(())
    }

    fn apply_to_array(&self, elements: &mut Vec<Value>, at: &Pointer) -> Result<(), JsonError> {
        let indexes = |changes: &BTreeMap<&'c str, &'c Value>| {
            let by_index = changes.iter().map(|(segment, value)| {
                let index = index_of(segment).ok_or_else(|| conflict(&at.join(*segment)))?;
                Ok((index, *value))
            });
            by_index.collect::<Result<BTreeMap<usize, &'c Value>, JsonError>>()
        };
        let (removed, added) = (indexes(&self.removed)?, indexes(&self.added)?);
        for (index, from) in &removed {
            if elements.get(*index) != Some(from) {
                return Err(conflict(&at.join(index.to_string())));
            }
        }
        let length = elements.len() - removed.len() + added.len();
        let mut kept = std::mem::take(elements)
            .into_iter()
            .enumerate()
            .filter(|(index, _)| !removed.contains_key(index))
            .map(|(_, element)| element);
        elements.reserve_exact(length);
        for index in 0..length {
            let next = match added.get(&index) {
                Some(to) => Some((*to).clone()),
                None => kept.next(),
            };
            // An addition beyond the end leaves a hole before it.
            let last = added.keys().next_back().copied().unwrap_or(index);
            elements.push(next.ok_or_else(|| conflict(&at.join(last.to_string())))?);
        }
        Ok(())
    }
}
