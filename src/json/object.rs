//! An object: members with unique names, held in the order of RFC 8785.

use std::cmp::Ordering;
use std::fmt;

use crate::json::Value;

/// Members by name, sorted by the UTF-16 code units of their names.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Object {
    members: Vec<(Box<str>, Value)>,
}

/// Order of two strings by UTF-16 code units.
///
/// UTF-8 bytes sort by code point. The two orders differ only where a character beyond U+FFFF meets
/// one of U+E000 to U+FFFF: its surrogates sort before it.
pub fn utf16_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    match a.iter().zip(b).find(|(x, y)| x != y) {
        None => a.len().cmp(&b.len()),
        Some((x, y)) if *x >= 0xEE && *y >= 0xEE => (*x < 0xF0, x).cmp(&(*y < 0xF0, y)),
        Some((x, y)) => x.cmp(y),
    }
}

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// An object of these members; of two with one name the later stays.
    pub fn from_pairs<N: Into<Box<str>>>(pairs: impl IntoIterator<Item = (N, Value)>) -> Self {
        pairs.into_iter().collect()
    }

    /// The object of freshly parsed members; none if a name occurs twice.
    pub(super) fn from_parsed(mut members: Vec<(Box<str>, Value)>) -> Option<Self> {
        let sorted = |m: &[(Box<str>, Value)]| {
            m.windows(2).all(|pair| utf16_order(&pair[0].0, &pair[1].0) == Ordering::Less)
        };
        if !sorted(&members) {
            members.sort_unstable_by(|a, b| utf16_order(&a.0, &b.0));
            if !sorted(&members) {
                return None;
            }
        }
        Some(Self { members })
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|member| utf16_order(&member.0, name))
    }

    /// The value of this member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).ok().map(|i| &self.members[i].1)
    }

    /// The value of this member, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.place(name).ok().map(|i| &mut self.members[i].1)
    }

    /// True if there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Sets a member and returns the value that it had.
    pub fn insert(&mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        match self.place(&name) {
            Ok(i) => Some(std::mem::replace(&mut self.members[i].1, value)),
            Err(i) => {
                self.members.insert(i, (name, value));
                None
            }
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name).ok()?;
        Some(self.members.remove(place).1)
    }

    /// Keeps the members for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        self.members.retain_mut(|(name, value)| keep(name, value));
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in canonical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> + DoubleEndedIterator {
        self.members.iter().map(|(name, value)| (&**name, value))
    }

    /// The members in canonical order, their values to change.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value)> {
        self.members.iter_mut().map(|(name, value)| (&**name, value))
    }

    /// The names in canonical order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(name, _)| &**name)
    }
}

impl<N: Into<Box<str>>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(pairs: I) -> Self {
        let mut members: Vec<(Box<str>, Value)> = pairs.into_iter().map(|(n, v)| (n.into(), v)).collect();
        members.sort_by(|a, b| utf16_order(&a.0, &b.0));
        members.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self { members }
    }
}

impl IntoIterator for Object {
    type Item = (Box<str>, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} members)", self.len())
    }
}
