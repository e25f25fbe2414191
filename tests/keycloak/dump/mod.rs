//! An independent reader of a whole realm: the oracle for "what changed between A and B".
//!
//! It asks in the plainest way (object by object, user by user), shares no code with `src`, and knows of
//! each kind only its path and its name. A dump maps `kind/name/…` to a body; kinds are called as in
//! the catalogue's source, names are natural ones, so that an object made anew shows as a changed `id`
//! and not as one gone and one come. Known noise is taken out and known sets are sorted, see [`tidy`].

mod access;
mod authz;
mod clients;
mod flows;
mod people;
mod settings;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::admin::segment;
use crate::server::Realm;

/// A page that holds everything: leaving `max` out gives 10 or 100 in silence.
pub(crate) const ALL: &str = "first=0&max=100000";

/// A realm at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dump(BTreeMap<String, Value>);

impl Dump {
    /// Reads everything; a refusal panics.
    pub(crate) async fn read(realm: &Realm) -> Self {
        let (dump, refused) = Self::read_allowed(realm).await;
        assert_eq!(refused, Vec::<String>::new(), "this account may not read everything");
        dump
    }

    /// Reads what `realm`'s account may read, and returns the paths that were refused beside it.
    pub(crate) async fn read_allowed(realm: &Realm) -> (Self, Vec<String>) {
        let mut reader = Reader { realm, found: BTreeMap::new(), refused: Vec::new() };
        settings::read(&mut reader).await;
        access::read(&mut reader).await;
        flows::read(&mut reader).await;
        let clients = clients::read(&mut reader).await;
        authz::read(&mut reader, &clients).await;
        people::read(&mut reader).await;
        (Self(reader.found), reader.refused)
    }

    /// How many objects of a kind there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let prefix = format!("{kind}/");
        self.0.keys().filter(|key| key.starts_with(&prefix)).count()
    }

    /// The body at `kind/name/…`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Every object, by key.
    pub(crate) fn objects(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// The same with one id in place of another, wherever it stands.
    pub(crate) fn with_id(&self, from: &str, to: &str) -> Self {
        let text = serde_json::to_string(&self.0).expect("a dump is JSON").replace(from, to);
        let mut found: BTreeMap<String, Value> = serde_json::from_str(&text).expect("it still is");
        found.values_mut().for_each(tidy);
        Self(found)
    }

    /// What is different in `after`, a line for each object come, gone, or field changed.
    pub(crate) fn diff(&self, after: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (key, old) in &self.0 {
            match after.0.get(key) {
                None => lines.push(format!("- {key}")),
                Some(new) => compare(key, old, new, &mut lines),
            }
        }
        let come = after.0.keys().filter(|key| !self.0.contains_key(*key));
        lines.extend(come.map(|key| format!("+ {key}")));
        lines
    }
}

fn compare(place: &str, old: &Value, new: &Value, lines: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => {
            let mut fields: Vec<&String> = old.keys().chain(new.keys()).collect();
            fields.sort();
            fields.dedup();
            for field in fields {
                let side = |map: &serde_json::Map<String, Value>| map.get(field).cloned().unwrap_or_default();
                compare(&format!("{place}#{field}"), &side(old), &side(new), lines);
            }
        }
        _ => lines.push(format!("~ {place}: {old} -> {new}")),
    }
}

/// What a dump is being made of.
struct Reader<'a> {
    realm: &'a Realm,
    found: BTreeMap<String, Value>,
    refused: Vec<String>,
}

impl Reader<'_> {
    /// Keeps a body under `kind/names`; objects with one name are numbered.
    fn put(&mut self, kind: &str, names: &[&str], mut body: Value) {
        tidy(&mut body);
        // Values of attributes are a set, but those of protected things are a list.
        if kind != "authz_resource" {
            let values = body["attributes"].as_object_mut().into_iter().flat_map(|map| map.values_mut());
            values.filter_map(Value::as_array_mut).for_each(|values| values.sort_by_key(Value::to_string));
        }
        // Steps get new ids at each write.
        if kind == "workflow" {
            let steps = body["steps"].as_array_mut().into_iter().flatten();
            steps.filter_map(Value::as_object_mut).for_each(|step| drop(step.remove("id")));
        }
        let names: Vec<String> = names.iter().map(|name| segment(name)).collect();
        let key = format!("{kind}/{}", names.join("/"));
        let taken = (2..).map(|n| format!("{key}+{n}"));
        let free = std::iter::once(key.clone()).chain(taken).find(|key| !self.found.contains_key(key));
        self.found.insert(free.expect("numbers do not end"), body);
    }

    /// A switch of the realm: what it turns off answers 400 or 404 and not an empty list.
    fn realm_has(&self, switch: &str) -> bool {
        self.found["realm/-"][switch] == true
    }

    /// Keeps every item of a list under `kind/parents…/item[field]`.
    async fn put_list(&mut self, kind: &str, parents: &[&str], path: &str, field: &str) -> Vec<Value> {
        if self.realm.status(path).await == 403 {
            self.refused.push(path.to_owned());
            return Vec::new();
        }
        let items = self.realm.list(path).await;
        for item in &items {
            let name = item[field].as_str().unwrap_or_else(|| panic!("{path}: no {field} in {item}"));
            let names: Vec<&str> = parents.iter().copied().chain([name]).collect();
            self.put(kind, &names, item.clone());
        }
        items
    }

    /// Keeps the mappings of roles at `path` under `kind/parents…/[client/]role`.
    async fn put_mappings(&mut self, kind: &str, parents: &[&str], path: &str) {
        let mappings = self.realm.get(path).await;
        for role in mappings["realmMappings"].as_array().into_iter().flatten() {
            let names: Vec<&str> = parents.iter().copied().chain([name(role)]).collect();
            self.put(kind, &names, role.clone());
        }
        for (client, of_client) in mappings["clientMappings"].as_object().into_iter().flatten() {
            for role in of_client["mappings"].as_array().into_iter().flatten() {
                let names: Vec<&str> = parents.iter().copied().chain([client.as_str(), name(role)]).collect();
                self.put(kind, &names, role.clone());
            }
        }
    }
}

fn name(value: &Value) -> &str {
    field(value, "name")
}

fn field<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// Fields that tell of the reader, of a counter or of a moment, and not of the configuration.
const NOISE: [&str; 11] = [
    "access",
    "client.secret.creation.time",
    "createdDate",
    "disableableCredentialTypes",
    "index",
    "lastUpdatedDate",
    "requirementChoices",
    // Written beside the switch itself, which a server without the feature shows as off.
    "scimApiEnabled",
    "subGroupCount",
    "totp",
    "updatedDate",
];

/// Arrays whose order means nothing and changes from read to read.
const SETS: [&str; 19] = [
    "allowed-protocol-mapper-types",
    "clientScopes",
    "clients",
    "defaultClientScopes",
    "domains",
    "enabledEventTypes",
    "eventsListeners",
    "grantedClientScopes",
    "optionalClientScopes",
    "protocolMappers",
    "realmRoles",
    "redirectUris",
    "requiredActions",
    "roles",
    "scopes",
    "supportedLocales",
    "uris",
    "users",
    "webOrigins",
];

/// Takes the noise out of a body and sorts its sets, at any depth.
pub(crate) fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !NOISE.contains(&name.as_str()));
            for (name, inner) in fields.iter_mut() {
                tidy(inner);
                if let Value::Array(items) = inner
                    && SETS.contains(&name.as_str())
                {
                    items.sort_by_key(Value::to_string);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
