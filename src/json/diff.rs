//! What differs between two values, field by field.
//!
//! # What a change's pointer means
//! With `from` and `to` both present a value was replaced, with `to` alone it was added, with
//! `from` alone it was removed. Member names mean the same in both documents. **An array index
//! counts in the new document; only the last segment of a removed element counts in the old one.**
//! So `/tags/3` as a removal is the fourth old tag, and `/tags/3` as an addition is the fourth new
//! tag; both can stand in one list. [`crate::json::patch()`] reads changes by the same rule.
//!
//! Changes come in document order; within one array removed elements come first.

use std::collections::HashMap;

use crate::json::object::utf16_order;
use crate::json::{Object, Pattern, Pointer, Value};

/// One difference between two documents. `Debug` shows the shape of the values only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Where; see the module's head for array indexes.
    pub pointer: Pointer,
    /// The old value; none if it was added.
    pub from: Option<Value>,
    /// The new value; none if it was removed.
    pub to: Option<Value>,
}

/// What makes two elements of an old and a new array the same element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ArrayMode {
    /// The same index. An element put in at the front changes all that follow.
    #[default]
    Position,
    /// Equal elements. For sets, and for lists where a shift is not a change of each element.
    /// An element that changed is one removed and one added.
    Elements,
    /// The same value at this pointer inside the element, which names it. Changes inside an element
    /// are reported field by field. Elements without that value are compared as a whole.
    Keyed(Pointer),
}

/// Which arrays are compared in which way; the first pattern that covers an array decides.
#[derive(Debug, Clone, Default)]
pub struct ArrayRules {
    otherwise: ArrayMode,
    rules: Vec<(Pattern, ArrayMode)>,
}

impl ArrayRules {
    /// Rules that compare every array in this way, until [`ArrayRules::with`] says otherwise.
    pub fn all(mode: ArrayMode) -> Self {
        Self { otherwise: mode, rules: Vec::new() }
    }

    /// Adds a rule for the arrays that the pattern covers.
    #[must_use]
    pub fn with(mut self, arrays: Pattern, mode: ArrayMode) -> Self {
        self.rules.push((arrays, mode));
        self
    }

    fn mode_at(&self, array: &Pointer) -> &ArrayMode {
        let rule = self.rules.iter().find(|(arrays, _)| arrays.matches(array));
        rule.map_or(&self.otherwise, |(_, mode)| mode)
    }
}

/// The changes that lead from one document to the other, arrays compared by position.
pub fn diff(from: &Value, to: &Value) -> Vec<FieldChange> {
    diff_with(from, to, &ArrayRules::default())
}

/// The changes that lead from one document to the other, arrays compared by these rules.
///
/// Time grows with the size of the documents, times a logarithm for arrays.
pub fn diff_with(from: &Value, to: &Value, rules: &ArrayRules) -> Vec<FieldChange> {
    let mut diff = Diff { rules, at: Pointer::root(), changes: Vec::new() };
    diff.values(from, to);
    diff.changes
}

struct Diff<'r> {
    rules: &'r ArrayRules,
    at: Pointer,
    changes: Vec<FieldChange>,
}

impl Diff<'_> {
    fn values(&mut self, from: &Value, to: &Value) {
        match (from, to) {
            (Value::Object(from), Value::Object(to)) => self.objects(from, to),
            (Value::Array(from), Value::Array(to)) => self.arrays(from, to),
            _ if from == to => {}
            _ => self.changes.push(FieldChange {
                pointer: self.at.clone(),
                from: Some(from.clone()),
                to: Some(to.clone()),
            }),
        }
    }

    fn below(&mut self, segment: &str, from: Option<&Value>, to: Option<&Value>) {
        if from == to {
            return;
        }
        self.at.push(segment);
        if let (Some(from), Some(to)) = (from, to) {
            self.values(from, to);
        } else {
            self.changes.push(FieldChange { pointer: self.at.clone(), from: from.cloned(), to: to.cloned() });
        }
        self.at.pop();
    }

    fn objects(&mut self, from: &Object, to: &Object) {
        let (mut old, mut new) = (from.iter().peekable(), to.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some((a, _)), Some((b, _))) => utf16_order(a, b),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let from = old.next_if(|_| order.is_le());
            let to = new.next_if(|_| order.is_ge());
            if let Some((name, _)) = from.or(to) {
                self.below(name, from.map(|m| m.1), to.map(|m| m.1));
            }
        }
    }

    fn arrays(&mut self, from: &[Value], to: &[Value]) {
        let rules = self.rules;
        match rules.mode_at(&self.at) {
            ArrayMode::Position => {
                for i in to.len()..from.len() {
                    self.below(&i.to_string(), from.get(i), None);
                }
                for i in 0..to.len() {
                    self.below(&i.to_string(), from.get(i), to.get(i));
                }
            }
            ArrayMode::Elements => self.aligned(from, to, Value::to_canonical),
            ArrayMode::Keyed(key) => {
                self.aligned(from, to, |element| match key.get(element) {
                    // The prefix keeps a key apart from a whole element of the same bytes.
                    Some(key) => [b"k".to_vec(), key.to_canonical()].concat(),
                    None => element.to_canonical(),
                });
            }
        }
    }

    fn aligned(&mut self, from: &[Value], to: &[Value], identity: impl Fn(&Value) -> Vec<u8>) {
        let kept = common(from, to, identity);
        let mut old_of = vec![None; to.len()];
        let mut stays = vec![false; from.len()];
        for (old, new) in kept {
            old_of[new] = Some(&from[old]);
            stays[old] = true;
        }
        for (i, element) in from.iter().enumerate() {
            if !stays[i] {
                self.below(&i.to_string(), Some(element), None);
            }
        }
        for (i, element) in to.iter().enumerate() {
            self.below(&i.to_string(), old_of[i], Some(element));
        }
    }
}

/// Pairs of indexes, rising in both arrays, of elements with the same identity.
///
/// The n-th old element of an identity is matched with the n-th new one; of these matches the
/// longest run that rises on both sides is kept. Without repeated elements, as in a set, no larger
/// common sequence exists.
fn common(from: &[Value], to: &[Value], identity: impl Fn(&Value) -> Vec<u8>) -> Vec<(usize, usize)> {
    let mut places: HashMap<Vec<u8>, std::collections::VecDeque<usize>> = HashMap::new();
    for (i, element) in to.iter().enumerate() {
        places.entry(identity(element)).or_default().push_back(i);
    }
    let matches = from.iter().enumerate().filter_map(|(old, element)| {
        let new = places.get_mut(&identity(element))?.pop_front()?;
        Some((old, new))
    });
    longest_rise(&matches.collect::<Vec<_>>())
}

/// The longest part of these pairs, in their order, whose second numbers rise.
fn longest_rise(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // ends[n] is the pair with the smallest second number at which a rise of n + 1 pairs can end.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; pairs.len()];
    for (i, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < pair.1);
        before[i] = length.checked_sub(1).map(|last| ends[last]);
        match ends.get_mut(length) {
            Some(end) => *end = i,
            None => ends.push(i),
        }
    }
    let mut rise = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(i) = at {
        rise.push(pairs[i]);
        at = before[i];
    }
    rise.reverse();
    rise
}
