//! How a text becomes resources: `TENANT/KIND/REF`, by id or by name, with globs.
//!
//! A bare REF is tried as an id, then as a name; `id:` and `name:` force a reading. Several
//! matches of a plain name are an error that lists them: this room never guesses.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};

use crate::base::key::{Kind, ResourceKey, decode_part, encode_part};
use crate::base::when::When;
use crate::history::moment::Moment;
use crate::history::names::Names;
use crate::history::{History, HistoryError};
use crate::json::Value;
use crate::store::Snapshot;

/// An address as written, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// The tenant's name in the configuration.
    pub tenant: String,
    /// A kind, or `*`.
    pub kind: Option<String>,
    /// REF, parents first, still encoded; `None` for all.
    pub reference: Option<String>,
}

/// The resources that an address means at a moment.
pub struct Selection {
    /// In key order.
    pub keys: Vec<ResourceKey>,
    /// Whether the address could only mean one.
    pub exact: bool,
}

impl Address {
    /// Takes a text apart. `kc`, `kc/*` and `kc/*/*` all mean the whole tenant.
    ///
    /// # Errors
    /// [`HistoryError::BadAddress`] for an empty part.
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let bad = || HistoryError::BadAddress(text.into());
        let mut parts = text.splitn(3, '/');
        let tenant = parts.next().filter(|part| !part.is_empty()).ok_or_else(bad)?;
        let kind = parts.next();
        let reference = parts.next();
        if kind == Some("") || reference == Some("") {
            return Err(bad());
        }
        Ok(Self {
            tenant: tenant.into(),
            kind: kind.filter(|kind| *kind != "*").map(Into::into),
            reference: reference.filter(|part| *part != "*").map(Into::into),
        })
    }
}

/// How a REF is to be read.
enum Reading<'a> {
    Id(&'a str),
    Name(&'a str),
    Either(&'a str),
}

impl<'a> Reading<'a> {
    fn of(reference: &'a str) -> Self {
        if let Some(id) = reference.strip_prefix("id:") {
            Self::Id(id)
        } else if let Some(name) = reference.strip_prefix("name:") {
            Self::Name(name)
        } else {
            Self::Either(reference)
        }
    }
}

impl History<'_> {
    /// The resources that the address means at the moment.
    ///
    /// # Errors
    /// A kind that the provider does not have, nothing found, or a plain name with several
    /// meanings.
    pub fn select(
        &self,
        address: &Address,
        moment: &Moment,
        names: &Names,
    ) -> Result<Selection, HistoryError> {
        let kinds = self.kinds(address)?;
        if let Some(key) = self.whole(address, &kinds)
            && moment.entry(&key)?.is_some()
        {
            return Ok(Selection { keys: vec![key], exact: true });
        }
        let state = moment.state()?;
        let keys = kinds.iter().flat_map(|kind| state.kind(kind).map(|(key, _)| key)).collect();
        self.choose(address, keys, names)
    }

    /// The resources that the address means among those of the tenant as it is now.
    ///
    /// # Errors
    /// As [`Self::select`].
    pub fn select_among(
        &self,
        address: &Address,
        bodies: &BTreeMap<ResourceKey, Value>,
    ) -> Result<Selection, HistoryError> {
        let kinds = self.kinds(address)?;
        let keys = bodies.keys().filter(|key| kinds.contains(&key.kind)).cloned().collect();
        self.choose(address, keys, &self.names_among(bodies))
    }

    fn choose(
        &self,
        address: &Address,
        keys: Vec<ResourceKey>,
        names: &Names,
    ) -> Result<Selection, HistoryError> {
        let keys = || keys.iter().cloned();
        let Some(reference) = &address.reference else {
            return Ok(Selection { keys: keys().collect(), exact: false });
        };
        if is_glob(reference) {
            let glob = Matcher::new(reference)?;
            let keys = keys().filter(|key| glob.matches(key, names)).collect();
            return Ok(Selection { keys, exact: false });
        }
        let reading = Reading::of(reference);
        let mut found: Vec<ResourceKey> = match reading {
            Reading::Id(id) | Reading::Either(id) => keys().filter(|key| has_id(key, id)).collect(),
            Reading::Name(_) => Vec::new(),
        };
        if found.is_empty()
            && let Reading::Name(name) | Reading::Either(name) = reading
        {
            found = keys().filter(|key| names.of(key).is_some_and(|known| known == name)).collect();
        }
        match found.len() {
            0 => Err(HistoryError::NotFound { address: self.text(address) }),
            1 => Ok(Selection { keys: found, exact: true }),
            _ => {
                let candidate = |key: &ResourceKey| {
                    format!("  {}/{key}  {}", self.tenant, names.of(key).unwrap_or_default())
                };
                let candidates = found.iter().map(candidate).collect();
                Err(HistoryError::Ambiguous { address: self.text(address), candidates })
            }
        }
    }

    /// The names that are needed to understand the address at the moment: those of its kinds, or
    /// of one resource where the REF is its id.
    ///
    /// # Errors
    /// A kind that the provider does not have, or a body that could not be read.
    pub fn names_for(&self, address: &Address, moment: &Moment) -> Result<Names, HistoryError> {
        let kinds = self.kinds(address)?;
        let direct = self.direct(address, &kinds);
        let mut there = Vec::new();
        for key in direct {
            if moment.entry(&key)?.is_some() {
                there.push(key);
            }
        }
        if there.is_empty() { self.names_of_kinds(moment, &kinds) } else { self.names_of(moment, &there) }
    }

    /// The resources that the address ever meant, gone ones too: the newest state that knows one
    /// decides.
    ///
    /// # Errors
    /// As [`Self::select`]; [`HistoryError::NotFound`] only where no state knows one.
    pub fn ever(&self, address: &Address) -> Result<Vec<ResourceKey>, HistoryError> {
        let kinds = self.kinds(address)?;
        for key in self.direct(address, &kinds) {
            if !self.repository.history(self.tenant, &key)?.is_empty() {
                return Ok(vec![key]);
            }
        }
        let snapshots = self.repository.snapshots(self.tenant)?;
        for (position, snapshot) in snapshots.iter().enumerate().rev() {
            let is_latest = position + 1 == snapshots.len();
            let lost = match snapshots.get(position + 1) {
                Some(next) => self.loses(address, next)?,
                None => false,
            };
            if !is_latest && !lost {
                continue;
            }
            let moment = self.moment(&When::Snapshot(snapshot.id.to_string()))?;
            let names = self.names_for(address, &moment)?;
            match self.select(address, &moment, &names) {
                Ok(found) if !found.keys.is_empty() => return Ok(found.keys),
                Ok(_) | Err(HistoryError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(HistoryError::NotFound { address: self.text(address) })
    }

    /// Whether a snapshot changed or removed something that the REF may have meant before, itself or
    /// by a part of its path of names. Only then can an older state know more than a newer one, and
    /// a mistyped name costs no look at every state.
    fn loses(&self, address: &Address, snapshot: &Snapshot) -> Result<bool, HistoryError> {
        let Some(reference) = address.reference.as_deref() else { return Ok(false) };
        let text = reference.strip_prefix("id:").or(reference.strip_prefix("name:")).unwrap_or(reference);
        let parts: Vec<GlobMatcher> = text.split('/').map(glob).collect::<Result<_, _>>()?;
        for change in self.repository.changes(self.tenant, snapshot.seq)? {
            let Some(before) = &change.before else { continue };
            let name = self.own_name(&change.key, &self.main(&change.key, before)?);
            let meant = |part: &GlobMatcher| part.is_match(&name) || part.is_match(encoded(change.key.id()));
            if has_id(&change.key, text) || parts.iter().any(meant) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The keys that the REF names if it is a whole REF by id.
    fn direct(&self, address: &Address, kinds: &[Kind]) -> Vec<ResourceKey> {
        let reference =
            address.reference.as_deref().filter(|text| !is_glob(text) && !text.starts_with("name:"));
        let Some(reference) = reference else { return Vec::new() };
        let ids = reference.strip_prefix("id:").unwrap_or(reference);
        kinds.iter().filter_map(|kind| ResourceKey::from_path(&format!("{kind}/{ids}"))).collect()
    }

    /// The key that the REF is by itself, where no other resource can be meant by it: of one kind, whose resources
    /// have one id or whose ids are all named. If that one is there, no other needs to be looked at.
    fn whole(&self, address: &Address, kinds: &[Kind]) -> Option<ResourceKey> {
        let [kind] = kinds else { return None };
        let one_id = self.catalog.kind(kind).is_some_and(|spec| spec.parent.is_empty());
        let key = self.direct(address, kinds).pop()?;
        let named = address.reference.as_deref().is_some_and(|reference| reference.contains('/'));
        (named || (one_id && key.ids.len() == 1)).then_some(key)
    }

    /// The kinds that an address speaks of, in the catalogue's order.
    ///
    /// # Errors
    /// [`HistoryError::NoKind`].
    pub fn kinds(&self, address: &Address) -> Result<Vec<Kind>, HistoryError> {
        let all = || self.catalog.kinds.iter().map(|spec| spec.kind.clone());
        let Some(wanted) = &address.kind else { return Ok(all().collect()) };
        let found: Vec<Kind> = if is_glob(wanted) {
            let glob = glob(wanted)?;
            all().filter(|kind| glob.is_match(kind.as_str())).collect()
        } else {
            all().filter(|kind| kind.as_str() == wanted).collect()
        };
        if found.is_empty() {
            return Err(HistoryError::NoKind {
                provider: self.catalog.provider.clone(),
                kind: wanted.clone(),
            });
        }
        Ok(found)
    }

    fn text(&self, address: &Address) -> String {
        let kind = address.kind.as_deref().unwrap_or("*");
        format!("{}/{kind}/{}", address.tenant, address.reference.as_deref().unwrap_or("*"))
    }
}

fn encoded(part: &str) -> String {
    let mut out = String::new();
    encode_part(part, &mut out);
    out
}

/// An id is the whole REF, or the resource's own last part where that says enough.
fn has_id(key: &ResourceKey, reference: &str) -> bool {
    let path = key.to_path();
    let whole = path.split_once('/').is_some_and(|(_, ids)| ids == reference);
    whole || (!reference.contains('/') && decode_part(reference).is_some_and(|id| id == key.id()))
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn glob(text: &str) -> Result<GlobMatcher, HistoryError> {
    // `*` matches nested REFs too, so the separator is not special.
    Glob::new(text).map(|glob| glob.compile_matcher()).map_err(|_| HistoryError::BadAddress(text.into()))
}

struct Matcher {
    glob: GlobMatcher,
    ids: bool,
    names: bool,
}

impl Matcher {
    fn new(reference: &str) -> Result<Self, HistoryError> {
        let (text, ids, names) = match Reading::of(reference) {
            Reading::Id(text) => (text, true, false),
            Reading::Name(text) => (text, false, true),
            Reading::Either(text) => (text, true, true),
        };
        Ok(Self { glob: glob(text)?, ids, names })
    }

    fn matches(&self, key: &ResourceKey, names: &Names) -> bool {
        let path = key.to_path();
        let ids = path.split_once('/').map(|(_, ids)| ids).unwrap_or_default();
        (self.ids && self.glob.is_match(ids))
            || (self.names && names.of(key).is_some_and(|name| self.glob.is_match(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_whole_tenant() {
        for text in ["kc", "kc/*", "kc/*/*"] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.kind, address.reference), (None, None), "{text}");
        }
        let nested = Address::parse("kc/group/eng/backend").unwrap();
        assert_eq!(nested.reference.as_deref(), Some("eng/backend"));
        for text in ["", "/a", "kc/", "kc/group/"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_id_with_signs_is_found_by_its_encoding() {
        let key = ResourceKey::new(&Kind::new("realm_role"), vec!["a/b *".into()]);
        assert!(has_id(&key, "a%2Fb %2A"));
        assert!(!has_id(&key, "a"));
    }
}
