//! The cases played on the server, by its administrator and not by the product.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use super::case::{Cases, Round, Thing};
use crate::admin::Answer;
use crate::server::{Realm, text};

/// What is given where a plan asks for a secret.
pub(super) const SECRET: &str = "lgcanary-given-again";

/// A realm and the ids of what was made in it.
pub(super) struct Stage {
    realm: Realm,
    ids: BTreeMap<String, String>,
    /// Damage that the server did not take, by kind.
    pub(super) refused: Vec<(String, String)>,
}

impl Stage {
    pub(super) fn new(realm: Realm) -> Self {
        Self { realm, ids: BTreeMap::new(), refused: Vec::new() }
    }

    pub(super) fn note(&mut self, name: &str, id: &str) {
        assert!(!id.is_empty(), "no id for {name}");
        self.ids.insert(name.to_owned(), id.to_owned());
    }

    /// Makes everything.
    pub(super) async fn make(&mut self, cases: &mut Cases) {
        let mut refused = Vec::new();
        for thing in &cases.things {
            let mut id = String::new();
            if let Some(call) = &thing.make {
                let (method, path) = self.call(call);
                let body = self.filled(&thing.body);
                let answer = self.realm.call(method, &path, Some(&body)).await;
                if !(200..300).contains(&answer.status) {
                    refused.push(format!("{call}: {answer:?}\n{body}"));
                    continue;
                }
                let member = |name: &str| answer.body[name].as_str().map(str::to_owned);
                id = answer.made.or_else(|| member("id")).or_else(|| member("_id")).unwrap_or_default();
            }
            if let Some([list, by, value, at]) = &thing.find {
                let found = self.realm.find(&self.fill(list), by, &self.fill(value)).await;
                id = text(&found, at);
            }
            if let Some(note) = &thing.note {
                self.note(note, &id);
            }
        }
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        for thing in &mut cases.things {
            thing.is = thing.is.as_ref().map(|is| self.fill(is));
        }
        for left in cases.kind.values_mut().flat_map(|case| &mut case.left) {
            left.at = self.fill(&left.at);
        }
    }

    /// Does the damage of a round; returns the addresses of what was damaged.
    pub(super) async fn damage(&mut self, cases: &Cases, round: Round) -> Vec<String> {
        let mut addresses = Vec::new();
        // What was made last hangs on what was made first.
        for thing in cases.things.iter().rev() {
            let done = match round {
                Round::Switched | Round::Changed if thing.changed_in == round => self.change(thing).await,
                _ if thing.gone == Some(round) => self.delete(thing).await,
                _ => false,
            };
            if done {
                addresses.extend(thing.address.iter().map(|address| self.fill(address)));
            }
        }
        addresses
    }

    async fn change(&mut self, thing: &Thing) -> bool {
        let Some(call) = &thing.change else { return false };
        let (method, path) = self.call(call);
        let mut body = match &thing.over {
            Some(over) => self.realm.get(&self.fill(over)).await,
            None => Value::Null,
        };
        lay(&mut body, self.filled(&thing.changed));
        let answer = self.realm.call(method, &path, Some(&body)).await;
        self.took(thing, call, &answer)
    }

    async fn delete(&mut self, thing: &Thing) -> bool {
        if let Some(call) = &thing.delete {
            let (method, path) = self.call(call);
            let body = self.filled(&thing.deleted);
            let body = Some(&body).filter(|body| !body.is_null());
            let answer = self.realm.call(method, &path, body).await;
            return self.took(thing, call, &answer);
        }
        true
    }

    fn took(&mut self, thing: &Thing, call: &str, answer: &Answer) -> bool {
        let done = (200..300).contains(&answer.status);
        if !done {
            let kind = thing.kind.clone().unwrap_or_default();
            self.refused
                .push((kind, format!("the server refuses {call}: {} {}", answer.status, answer.body)));
        }
        done
    }

    fn call(&self, call: &str) -> (Method, String) {
        let (method, path) = call.split_once(' ').unwrap_or_else(|| panic!("no path in {call:?}"));
        (method.parse().unwrap(), self.fill(path.trim()))
    }

    /// A text with ids in place of their names.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, id) in &self.ids {
            out = out.replace(&format!("{{{name}}}"), id);
        }
        out
    }

    fn filled(&self, body: &Value) -> Value {
        serde_json::from_str(&self.fill(&body.to_string())).unwrap()
    }
}

/// Lays a change over a body: objects member by member, everything else whole; null takes away.
fn lay(body: &mut Value, change: Value) {
    match (body, change) {
        (Value::Object(body), Value::Object(change)) => {
            for (name, value) in change {
                if value.is_null() {
                    body.remove(&name);
                } else {
                    lay(body.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (body, change) => *body = change,
    }
}
