//! What Lastgood signs in with. Nothing may change it, and no flag overrides that: a restore that
//! takes its own rights away can be neither finished nor undone.
//!
//! Three things are its own: the identities behind its credentials (`own` and `owner` in the catalogue), what
//! hangs on them and leads to them, and the roles and groups through which its rights come to them. Of
//! the last only changes that can take a right away are refused: everybody's default role may gain one.

use std::collections::BTreeSet;

use crate::access;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::mention::last_of;
use crate::catalog::{KindSpec, Provider, Shape};
use crate::json::{Pointer, Value};
use crate::restore::RestoreError;
use crate::restore::atlas::Atlas;
use crate::restore::reach::Case;
use crate::restore::sides::Seen;

/// The identities behind Lastgood's credentials, for reading and for restoring.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Ids of users, clients and tokens, whatever their kind.
    pub ids: BTreeSet<String>,
    /// The same by a field of their bodies, where the id is not known.
    pub marks: BTreeSet<(Kind, Pointer, String)>,
    /// One of them has all the rights that its owner has, by whatever way they come to him.
    pub owned: bool,
}

impl Own {
    /// The identities behind a credential: `field` gives what its `auth` table holds.
    pub fn add(&mut self, catalog: &Provider, field: impl Fn(&str) -> Option<String>) {
        for identity in &catalog.auth.own {
            if let Some(name) = field(&identity.credential) {
                let text = format!("{}{name}", identity.prefix).to_lowercase();
                self.marks.insert((identity.kind.clone(), identity.at.clone(), text));
            }
        }
    }

    /// Whoever stands behind a credential that does not say so itself, and what is his by the catalogue.
    pub fn add_owner(&mut self, catalog: &Provider, id: String) {
        let held = catalog.auth.owner.iter().flat_map(|owner| &owner.holds);
        self.marks.extend(held.map(|held| (held.kind.clone(), held.at.clone(), id.to_lowercase())));
        self.ids.insert(id);
        self.owned = true;
    }

    /// Whether a body is one of these identities. Vendors do not tell names apart by case.
    fn is(&self, kind: &Kind, body: &Value) -> bool {
        self.marks.iter().any(|(of, at, text)| {
            of == kind
                && at.get(body).and_then(Value::as_str).is_some_and(|name| name.to_lowercase() == *text)
        })
    }

    /// Whether a step changes such an identity, or what hangs on it or leads to it.
    #[must_use]
    pub fn is_touched_by(&self, key: &ResourceKey, body: Option<&Value>) -> bool {
        key.ids.iter().any(|id| self.ids.contains(id)) || body.is_some_and(|body| self.is(&key.kind, body))
    }

    /// The same with all that the bodies tell of it.
    pub(crate) fn resolved(&self, atlas: &Atlas<'_>, seen: &Seen) -> Result<Holding, RestoreError> {
        let catalog = atlas.catalog;
        let mut own = self.clone();
        let (mut edges, mut joining) = (Vec::new(), Vec::new());
        let people: BTreeSet<&Kind> = self.marks.iter().map(|(kind, _, _)| kind).collect();
        let giving = access::granting_kinds(catalog);
        // Whoever signs in as a person has what makes that person an administrator.
        let console =
            catalog.access.iter().flat_map(|facts| &facts.console).flat_map(|console| &console.grants);
        let console: Vec<_> = console.filter(|_| self.owned).collect();
        let offices: BTreeSet<&Kind> =
            console.iter().filter(|grant| grant.holder.is_none()).map(|grant| &grant.kind).collect();
        let is_giving = |spec: &KindSpec| giving.contains(&spec.kind) || offices.contains(&spec.kind);
        let holders: BTreeSet<&Kind> =
            catalog.kinds.iter().filter(|spec| is_giving(spec)).flat_map(|spec| &spec.parent).collect();
        let rights = rights(catalog);
        for spec in &catalog.kinds {
            let gives = is_giving(spec);
            let joins = !gives
                && spec.shape == Shape::Edge
                && spec.parent.iter().any(|kind| holders.contains(kind))
                && spec
                    .refs
                    .iter()
                    .flat_map(|reference| &reference.to)
                    .any(|kind| people.contains(kind) || self.owned && holders.contains(kind));
            // A right that says by itself who has it: he has all that it lies in, the role and the set.
            let named = console.iter().filter(|grant| grant.kind == spec.kind);
            let holder = named.filter_map(|grant| grant.holder.as_ref()).next();
            if !people.contains(&spec.kind) && !gives && !joins && holder.is_none() {
                continue;
            }
            if joins && !people.contains(&spec.kind) && holder.is_none() {
                joining.push(spec);
                continue;
            }
            let recorded = atlas.all(&spec.kind)?;
            let recorded = recorded.iter().map(|(key, body)| (key, body));
            for (key, body) in recorded.chain(seen.of_kind(&spec.kind)) {
                if self.is(&spec.kind, body) {
                    own.ids.insert(key.id().to_owned());
                }
                if let Some(url) = holder.and_then(|at| at.get(body)).and_then(Value::as_str) {
                    let near = last_of(url);
                    edges.extend(key.ids.iter().map(|id| Edge::office(near, id)));
                }
                if let Some(near) = key.above().last().filter(|_| gives || joins) {
                    let named = spec.name_of(body);
                    let named = named.is_some_and(|name| rights.contains(name.as_str()));
                    let right = gives && (named || offices.contains(&spec.kind));
                    edges.push(Edge { near: near.clone(), far: key.id().to_owned(), gives, right });
                }
            }
        }
        joining.into_iter().for_each(|spec| join(&own.ids, spec, atlas, seen, &mut edges));
        let through = through(&own.ids, &edges);
        Ok(Holding { own, through })
    }
}

/// The names of rights that the catalogue says a credential needs.
fn rights(catalog: &Provider) -> BTreeSet<&str> {
    let named = catalog.kinds.iter().flat_map(|spec| spec.scopes.read.iter().chain(&spec.scopes.write));
    named.chain(&catalog.auth.writing_rights).map(String::as_str).collect()
}

/// A role that someone has, or someone who is in a group.
struct Edge {
    near: String,
    far: String,
    /// The far end is given to the near one; else the far end belongs to the near one.
    gives: bool,
    /// The far end is a right itself.
    right: bool,
}

/// The groups that identities are in. Of all memberships only theirs count, and their addresses say it: no body
/// is read.
fn join(own: &BTreeSet<String>, spec: &KindSpec, atlas: &Atlas<'_>, seen: &Seen, edges: &mut Vec<Edge>) {
    let mut join = |key: &ResourceKey| {
        if let Some(near) = key.above().last().filter(|_| own.contains(key.id())) {
            edges.push(Edge { near: near.clone(), far: key.id().to_owned(), gives: false, right: false });
        }
    };
    atlas.each_key(&spec.kind, &mut join);
    seen.of_kind(&spec.kind).for_each(|(key, _)| join(key));
}

impl Edge {
    /// A right that somebody has.
    fn office(near: &str, far: &str) -> Self {
        Self { near: near.to_owned(), far: far.to_owned(), gives: true, right: true }
    }
}

/// The roles and groups on a way from an identity to a right.
fn through(own: &BTreeSet<String>, edges: &[Edge]) -> BTreeSet<String> {
    let grow = |mut set: BTreeSet<String>, next: &dyn Fn(&Edge, &BTreeSet<String>) -> Option<String>| loop {
        let more: Vec<String> = edges.iter().filter_map(|edge| next(edge, &set)).collect();
        let before = set.len();
        set.extend(more);
        if set.len() == before {
            return set;
        }
    };
    let held = grow(own.clone(), &|edge, held| match edge.gives {
        true => held.contains(&edge.near).then(|| edge.far.clone()),
        false => own.contains(&edge.far).then(|| edge.near.clone()),
    });
    let rights = edges.iter().filter(|edge| edge.right).map(|edge| edge.far.clone()).collect();
    let leading =
        grow(rights, &|edge, leading| (edge.gives && leading.contains(&edge.far)).then(|| edge.near.clone()));
    held.intersection(&leading).filter(|id| !own.contains(*id)).cloned().collect()
}

/// What of a tenant is Lastgood's own.
pub(crate) struct Holding {
    own: Own,
    /// Ids of the roles and groups through which its rights come.
    through: BTreeSet<String>,
}

impl Holding {
    /// Whether a principal is one of its identities.
    pub(crate) fn is_own(&self, key: &ResourceKey) -> bool {
        self.own.ids.contains(key.id())
    }

    /// Why nothing may be done to a resource; `along` is what goes with it.
    pub(crate) fn forbids<'k>(
        &self,
        spec: &KindSpec,
        case: Case,
        keys: [&ResourceKey; 2],
        body: Option<&Value>,
        along: impl IntoIterator<Item = &'k ResourceKey>,
    ) -> Option<String> {
        if keys.into_iter().any(|key| self.own.is_touched_by(key, body)) {
            return Some("Lastgood itself signs in with it; nothing here may change it".into());
        }
        let bears = |id: &String| self.through.contains(id) || self.own.ids.contains(id);
        let takes = |key: &ResourceKey, edge: bool| {
            let ends = key.ids.iter().rev().take(2);
            if edge {
                key.ids.len() > 1 && ends.clone().all(bears)
            } else {
                key.ids.last().is_some_and(bears)
            }
        };
        let edge = spec.shape == Shape::Edge;
        let changes = match case {
            Case::Create => false,
            Case::Update | Case::Brought => !edge && takes(keys[0], false),
            Case::Delete => keys.into_iter().any(|key| takes(key, edge)),
        };
        let mut along = along.into_iter();
        if changes || along.any(|key| takes(key, true) || self.own.is_touched_by(key, None)) {
            return Some("Lastgood's own rights come through it; nothing here may change it".into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service app of Okta is found by what it signs in with, whatever the id of its app is.
    #[test]
    fn the_app_that_lastgood_signs_in_with_is_its_own() {
        let catalog = crate::catalog::provider("okta").unwrap();
        let mut own = Own::default();
        own.add(catalog, |field| (field == "client_id").then(|| "0oaReader".to_owned()));
        let app = |client: &str| {
            let text = format!(r#"{{"credentials":{{"oauthClient":{{"client_id":"{client}"}}}}}}"#);
            crate::json::parse(text.as_bytes(), &crate::json::Limits::default()).unwrap()
        };
        let key = ResourceKey::from_path("app/0oa1").unwrap();
        assert!(own.is_touched_by(&key, Some(&app("0oaReader"))));
        assert!(!own.is_touched_by(&key, Some(&app("0oaShop"))));
    }

    /// The owner of an API token of Okta: he, what hangs on him, and his tokens.
    #[test]
    fn the_owner_of_a_token_and_his_tokens_are_its_own() {
        let catalog = crate::catalog::provider("okta").unwrap();
        let mut own = Own::default();
        own.add_owner(catalog, "00uOwner".to_owned());
        let token = |owner: &str| {
            let text = format!(r#"{{"id":"00T1","userId":"{owner}"}}"#);
            crate::json::parse(text.as_bytes(), &crate::json::Limits::default()).unwrap()
        };
        let key = |path: &str| ResourceKey::from_path(path).unwrap();
        assert!(own.is_touched_by(&key("user_role_assignment/00uOwner/ra1"), None));
        assert!(own.is_touched_by(&key("api_token/00T1"), Some(&token("00uOwner"))));
        assert!(!own.is_touched_by(&key("api_token/00T1"), Some(&token("00uOther"))));
        assert!(!own.is_touched_by(&key("user/00uOther"), None));
    }
}
