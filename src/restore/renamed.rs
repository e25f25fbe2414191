//! The recorded state in the words of the tenant that it is for.
//!
//! Into another tenant every text that names the first must name the second before anything is compared: what a
//! resource is known by can hold such a text, and so can what it refers to. Within one tenant nothing is touched.

use std::collections::BTreeMap;

use crate::base::coverage::Ledger;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::Provider;
use crate::json::Value;
use crate::restore::RestoreError;
use crate::restore::plan::Inputs;
use crate::restore::sides::{Marked, Recorded};

/// A recorded state, renamed where it is for another tenant.
pub(crate) struct Renamed<'a> {
    recorded: &'a dyn Recorded,
    catalog: &'a Provider,
    names: Option<[&'a BTreeMap<String, String>; 2]>,
}

impl<'a> Renamed<'a> {
    pub(crate) fn new(inputs: &Inputs<'a>) -> Self {
        let names = inputs.from.map(|from| [from.names, from.names_here]);
        Self { recorded: inputs.goal, catalog: inputs.catalog, names }
    }

    fn rename(&self, key: &ResourceKey, mut body: Value) -> Value {
        if let (Some(names), Some(spec)) = (self.names, self.catalog.kind(&key.kind)) {
            self.catalog.rename_tenant(spec, names, &mut body);
        }
        body
    }
}

impl Recorded for Renamed<'_> {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        self.recorded.keys(kind)
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, RestoreError> {
        Ok(self.recorded.body(key)?.map(|body| self.rename(key, body)))
    }

    fn bodies(&self, kind: &Kind) -> Result<Vec<(ResourceKey, Value)>, RestoreError> {
        let renamed = |(key, body)| {
            let body = self.rename(&key, body);
            (key, body)
        };
        Ok(self.recorded.bodies(kind)?.into_iter().map(renamed).collect())
    }

    fn each_key(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        self.recorded.each_key(kind, each);
    }

    fn ledger(&self) -> &Ledger {
        self.recorded.ledger()
    }

    fn kept_in(&self, key: &ResourceKey, mark: &str) -> Option<&str> {
        self.recorded.kept_in(key, mark)
    }

    fn mark_at(&self, secret: &Marked<'_>, at: &ResourceKey) -> Result<Option<String>, RestoreError> {
        self.recorded.mark_at(secret, at)
    }
}
