//! The tenant itself, through the provider engine, in the form that the store has it in.
//!
//! Nothing is kept between two questions: an apply compares what is there now.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;

use crate::base::coverage::{Ledger, Row, State};
use crate::base::key::{Kind, ResourceKey, SINGLETON};
use crate::base::secret::Secret;
use crate::catalog::{KindSpec, Method, Shape, canonicalize};
use crate::json::{self, Limits, Value};
use crate::provider::{self, Item, Known, Live, ProviderError, WriteRequest};
use crate::restore::sides::parents_of;
use crate::restore::tenant::{Call, Reply, Tenant, TenantError};

/// Marks a secret: address (`KIND/REF`), place, value → fingerprint. It must be the store's, or
/// nothing compares equal.
pub type Mark<'a> = dyn Fn(&str, &str, &[u8]) -> String + Send + Sync + 'a;

/// A tenant behind the provider engine.
pub struct LiveTenant<'a> {
    live: &'a Live,
    mark: &'a Mark<'a>,
}

/// Longest part of a refusal that is shown.
const SAID_CHARS_MAX: usize = 300;

impl<'a> LiveTenant<'a> {
    /// A tenant that is read and written with the engine's credential.
    #[must_use]
    pub fn new(live: &'a Live, mark: &'a Mark<'a>) -> Self {
        Self { live, mark }
    }

    /// Reads whole kinds, with what they need around them: the live side of a comparison.
    pub async fn kinds(&self, kinds: &BTreeSet<Kind>) -> (BTreeMap<ResourceKey, Value>, Ledger) {
        let catalog = self.live.catalog();
        let mut known = Known::lean(catalog);
        let mut bodies = BTreeMap::new();
        let mut ledger = Ledger::default();
        let needed = self.with_surroundings(kinds);
        for spec in provider::order(catalog).into_iter().flatten().filter(|spec| needed.contains(&spec.kind))
        {
            let mut items = Vec::new();
            let swept = self.live.sweep(spec, &known, &mut |item| items.push(item)).await;
            known.note(&spec.kind, swept.state, &swept.reason);
            let row = Row {
                state: swept.state,
                reason: swept.reason,
                count: items.len() as u64,
                read: swept.read,
                exceptions: swept.exceptions,
            };
            if kinds.contains(&spec.kind) {
                ledger.rows.insert(spec.kind.clone(), row);
                bodies.extend(items.iter().map(|item| (item.key.clone(), self.canonical(spec, item))));
            }
            for item in items {
                known.insert(item);
            }
        }
        (bodies, ledger)
    }

    /// These kinds and all that must be read before them.
    fn with_surroundings(&self, kinds: &BTreeSet<Kind>) -> BTreeSet<Kind> {
        let mut needed = kinds.clone();
        loop {
            let more: BTreeSet<Kind> = needed
                .iter()
                .filter_map(|kind| self.live.catalog().kind(kind))
                .flat_map(|spec| {
                    anchors(spec).into_iter().chain(singletons(spec)).chain(spec.parent.iter().cloned())
                })
                .collect();
            let before = needed.len();
            needed.extend(more);
            if needed.len() == before {
                return needed;
            }
        }
    }

    fn canonical(&self, spec: &KindSpec, item: &Item) -> Value {
        let address = item.key.to_path();
        canonicalize(self.live.catalog(), spec, item.body.clone(), &|place, value| {
            (self.mark)(&address, place, value)
        })
        .main
    }

    fn spec(&self, kind: &Kind) -> Result<&'static KindSpec, TenantError> {
        let unread = || TenantError::Unread {
            what: format!("`{kind}`"),
            why: "the catalogue has no such kind".into(),
        };
        self.live.catalog().kind(kind).ok_or_else(unread)
    }

    fn one<'s>(&'s self, key: &'s ResourceKey) -> BoxFuture<'s, Result<Option<Item>, TenantError>> {
        Box::pin(async move {
            let spec = self.spec(&key.kind)?;
            if spec.get.is_none() && spec.shape != Shape::Singleton {
                let rows = self.rows(&key.kind, key.above()).await?;
                return Ok(rows.into_iter().find(|item| item.key == *key));
            }
            let mut known = Known::default();
            let parents = parents_of(self.live.catalog(), key);
            let mut found = parents.is_empty();
            for parent in parents {
                found |= self.add(&mut known, &parent).await?;
            }
            if !found {
                return Ok(None);
            }
            self.live.read_one(spec, key, &known).await.map_err(|error| unread(&key.to_path(), &error))
        })
    }

    /// Adds a resource and what it hangs on to the surroundings; false where it is not there.
    async fn add(&self, known: &mut Known, key: &ResourceKey) -> Result<bool, TenantError> {
        let Some(item) = self.one(key).await? else { return Ok(false) };
        for parent in parents_of(self.live.catalog(), key) {
            Box::pin(self.add(known, &parent)).await?;
        }
        known.insert(item);
        Ok(true)
    }

    fn rows<'s>(
        &'s self,
        kind: &'s Kind,
        parent: &'s [String],
    ) -> BoxFuture<'s, Result<Vec<Item>, TenantError>> {
        Box::pin(async move {
            let spec = self.spec(kind)?;
            let mut known = Known::default();
            for singleton in singletons(spec) {
                self.add(&mut known, &ResourceKey::new(&singleton, vec![SINGLETON.to_owned()])).await?;
            }
            for anchor in anchors(spec) {
                if spec.parent.contains(&anchor) && !parent.is_empty() {
                    self.add(&mut known, &ResourceKey::new(&anchor, parent.to_vec())).await?;
                } else {
                    for item in self.rows(&anchor, &[]).await? {
                        known.insert(item);
                    }
                }
            }
            let mut items = Vec::new();
            let swept = self.live.sweep(spec, &known, &mut |item| items.push(item)).await;
            // What the tenant's version does not have, it has none of.
            if !matches!(swept.state, State::Complete | State::NotEntitled) {
                let why = format!("{}: {}", swept.state.as_str(), swept.reason);
                return Err(TenantError::Unread { what: format!("all of `{kind}`"), why });
            }
            items.retain(|item| parent.is_empty() || item.key.above() == parent);
            Ok(items)
        })
    }
}

/// The kinds of which each resource is gone through to read this kind, or that hold values of its paths.
fn anchors(spec: &KindSpec) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for read in &spec.read {
        let each = if read.each.is_empty() { &spec.parent } else { &read.each };
        let sources = read.values_of.values().map(|source| &source.of);
        kinds.extend(each.iter().chain(sources).filter(|kind| **kind != spec.kind).cloned());
    }
    kinds.sort();
    kinds.dedup();
    kinds
}

/// The tenant's singletons that decide whether there is anything to read.
fn singletons(spec: &KindSpec) -> Vec<Kind> {
    let conditions = spec.read.iter().flat_map(|read| &read.only);
    let mut kinds: Vec<Kind> = conditions.filter_map(|condition| condition.of.clone()).collect();
    kinds.retain(|kind| !spec.parent.contains(kind) && *kind != spec.kind && !anchors(spec).contains(kind));
    kinds.sort();
    kinds.dedup();
    kinds
}

fn unread(what: &str, error: &ProviderError) -> TenantError {
    TenantError::Unread { what: format!("`{what}`"), why: error.to_string() }
}

impl Tenant for LiveTenant<'_> {
    fn read<'a>(&'a self, key: &'a ResourceKey) -> BoxFuture<'a, Result<Option<Value>, TenantError>> {
        Box::pin(async move {
            let spec = self.spec(&key.kind)?;
            Ok(self.one(key).await?.map(|item| self.canonical(spec, &item)))
        })
    }

    fn list<'a>(
        &'a self,
        kind: &'a Kind,
        parent: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<(ResourceKey, Value)>, TenantError>> {
        Box::pin(async move {
            let spec = self.spec(kind)?;
            let rows = self.rows(kind, parent).await?;
            Ok(rows.iter().map(|item| (item.key.clone(), self.canonical(spec, item))).collect())
        })
    }

    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, TenantError>> {
        Box::pin(async move {
            let path = call.path.split('?').next().unwrap_or_default();
            let name = format!("{} {path}", call.method);
            let methods = [Method::Post, Method::Put, Method::Patch, Method::Delete];
            let Some(method) = methods.into_iter().find(|method| method.as_str() == call.method) else {
                return Err(TenantError::NotSent { call: name, why: "no such method".into() });
            };
            let request = WriteRequest {
                method,
                path: call.path.clone(),
                body: call.body.as_ref().map(|body| body.expose().to_canonical()),
                content_type: Some(call.content_type.clone()),
            };
            let answer = self.live.perform(&request).await.map_err(|error| match error {
                ProviderError::Http(error) if !error.never_sent() => {
                    TenantError::Uncertain { call: name.clone(), why: error.to_string() }
                }
                error => TenantError::NotSent { call: name.clone(), why: error.to_string() },
            })?;
            let body = json::parse(&answer.body, &Limits::default()).ok();
            if answer.status >= 300 {
                let said = said(call.body.as_ref(), &String::from_utf8_lossy(&answer.body));
                if answer.status >= 500 {
                    // It failed somewhere on the way, and may have been done: some vendors delete so.
                    return Err(TenantError::Uncertain {
                        call: name,
                        why: format!("{}: {said}", answer.status),
                    });
                }
                return Err(TenantError::Refused { call: name, status: answer.status, said });
            }
            Ok(Reply { status: answer.status, location: answer.location, body })
        })
    }
}

/// The vendor's words, cut, and without any text of the request: it may repeat a secret.
fn said(sent: Option<&Secret<Value>>, words: &str) -> String {
    fn texts<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
        match value {
            Value::String(text) if text.len() >= 4 => out.push(text),
            Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
            Value::Object(members) => members.iter().for_each(|(_, member)| texts(member, out)),
            _ => {}
        }
    }
    let mut repeated = Vec::new();
    if let Some(sent) = sent {
        texts(sent.expose(), &mut repeated);
    }
    // The longest first: one may be a part of another.
    repeated.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let clean = repeated.iter().fold(words.to_owned(), |words, text| words.replace(text, "…"));
    clean.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_repeats_nothing_that_was_sent() {
        let sent = json::parse(br#"{"secret":"lgcanary-1","name":"bill"}"#, &Limits::default()).unwrap();
        let words = "{\"error\":\"bad value lgcanary-1 for bill\x1b[2J\"}";
        let shown = said(Some(&Secret::new(sent)), words);
        assert_eq!(shown, "{\"error\":\"bad value … for …[2J\"}");
    }
}
