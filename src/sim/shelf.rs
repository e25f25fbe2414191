//! Instances of one kind below one parent, in the order in which they were made.
//!
//! Most rows hold their body as it is. Of the many that a made tenant has alike (users, memberships) only
//! what one does not share with the others is held, as canonical bytes, until somebody writes it: a million
//! users fit where a body each would not. Whoever reads sees no difference.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::json::{Limits, Value, parse};
use crate::sim::fill::merge;

/// What a row holds.
#[derive(Clone)]
enum Body {
    /// The body.
    Own(Value),
    /// What many have in common, and the canonical bytes of what this one puts over it.
    Alike(Arc<Value>, Box<[u8]>),
}

impl Body {
    fn read(&self) -> Cow<'_, Value> {
        match self {
            Self::Own(body) => Cow::Borrowed(body),
            Self::Alike(form, over) => {
                let mut body = Value::clone(form);
                merge(&mut body, unpacked(over));
                Cow::Owned(body)
            }
        }
    }
}

fn unpacked(bytes: &[u8]) -> Value {
    parse(bytes, &Limits::default()).expect("the simulator wrote these bytes itself")
}

/// The rows, by their places in the order of the whole tenant.
#[derive(Default, Clone)]
pub(super) struct Shelf {
    rows: BTreeMap<u64, (Arc<str>, Body)>,
    places: HashMap<Arc<str>, u64>,
}

impl Shelf {
    /// Puts an instance in, in the place of one of the same id, else in this place.
    pub(super) fn put(&mut self, place: u64, id: &str, body: Value) {
        self.set(place, id, Body::Own(body));
    }

    /// The same of one that has much in common with others.
    pub(super) fn put_alike(&mut self, place: u64, id: &str, form: &Arc<Value>, over: &Value) {
        let bytes = over.to_canonical().into_boxed_slice();
        self.set(place, id, Body::Alike(form.clone(), bytes));
    }

    fn set(&mut self, place: u64, id: &str, body: Body) {
        if let Some(row) = self.places.get(id).and_then(|known| self.rows.get_mut(known)) {
            row.1 = body;
            return;
        }
        let id: Arc<str> = id.into();
        self.places.insert(id.clone(), place);
        self.rows.insert(place, (id, body));
    }

    pub(super) fn get(&self, id: &str) -> Option<Cow<'_, Value>> {
        self.rows.get(self.places.get(id)?).map(|(_, body)| body.read())
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    /// The body, to change it; it is this row's own from here on.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        let (_, body) = self.rows.get_mut(self.places.get(id)?)?;
        if let Body::Alike(..) = body {
            *body = Body::Own(body.read().into_owned());
        }
        match body {
            Body::Own(body) => Some(body),
            Body::Alike(..) => None,
        }
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Value> {
        let place = self.places.remove(id)?;
        self.rows.remove(&place).map(|(_, body)| body.read().into_owned())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.values().map(|(id, _)| &**id)
    }

    /// Place, id and body of every row from a place on.
    pub(super) fn from(&self, place: u64) -> impl Iterator<Item = (u64, &str, Cow<'_, Value>)> {
        self.rows.range(place..).map(|(place, (id, body))| (*place, &**id, body.read()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Object;

    fn object(members: &[(&str, &str)]) -> Value {
        Object::from_pairs(members.iter().map(|(name, value)| (*name, Value::from(*value)))).into()
    }

    #[test]
    fn a_row_that_is_like_others_reads_as_its_own_and_is_its_own_once_written() {
        let form = Arc::new(object(&[("id", "of the form"), ("status", "ACTIVE"), ("type", "t")]));
        let mut shelf = Shelf::default();
        shelf.put_alike(1, "a", &form, &object(&[("id", "a")]));
        shelf.put_alike(2, "b", &form, &object(&[("id", "b"), ("status", "SUSPENDED")]));
        assert_eq!(*shelf.get("a").unwrap(), object(&[("id", "a"), ("status", "ACTIVE"), ("type", "t")]));
        let status = Value::from("LOCKED_OUT");
        shelf.get_mut("a").unwrap().as_object_mut().unwrap().insert("status", status);
        let of = |shelf: &Shelf, id: &str| shelf.get(id).unwrap().get("status").cloned().unwrap();
        assert_eq!((of(&shelf, "a"), of(&shelf, "b")), ("LOCKED_OUT".into(), "SUSPENDED".into()));
        assert_eq!(form.get("status"), Some(&"ACTIVE".into()), "the others keep what they share");
        shelf.put(9, "b", object(&[("id", "b")]));
        let places: Vec<(u64, String)> = shelf.from(0).map(|(place, id, _)| (place, id.to_owned())).collect();
        assert_eq!(places, [(1, "a".to_owned()), (2, "b".to_owned())], "it keeps its place");
        assert!(shelf.remove("b").is_some() && !shelf.has("b") && shelf.from(2).next().is_none());
    }
}
