//! The same facts for another tenant than the one that a resource was recorded in.
//!
//! An id is the vendor's: in another tenant it means nothing, or something else, and some servers refuse one that
//! any of their tenants has. So what is made there gets an id of its own and is known by its name; only an id
//! that is a name is kept.

use std::collections::BTreeMap;

use crate::catalog::template::placeholders;
use crate::catalog::{KindSpec, NamesTenant, NewId, Provider, RefBy, Reference, Shape, Write};
use crate::json::{Pointer, Value};

impl Provider {
    /// The catalogue by which resources of one tenant are made in another.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        let mut other = self.clone();
        other.kinds.iter_mut().for_each(KindSpec::forget_ids);
        other
    }

    /// Puts what names one tenant in place of what names the other, wherever a body of this kind names it: `names`
    /// of the tenant that it was recorded of, and of the one that it is for.
    pub fn rename_tenant(&self, spec: &KindSpec, names: [&BTreeMap<String, String>; 2], body: &mut Value) {
        for text in self.names_tenant.iter().chain(&spec.names_tenant) {
            let [Some(from), Some(to)] = names.map(|names| text.of(names)) else { continue };
            text.at.visit_mut(body, |_, value| {
                if let Some(held) = value.as_str().filter(|held| held.contains(&from)) {
                    *value = held.replace(&from, &to).into();
                }
            });
        }
    }
}

impl NamesTenant {
    /// Names of a tenant beside its settings.
    const BESIDE_SETTINGS: [&str; 2] = ["identity", "url"];

    /// What texts can name a tenant by: its settings, what names it for ever, and its address without a slash at the
    /// end.
    #[must_use]
    pub fn names(settings: BTreeMap<String, String>, identity: &str, url: &str) -> BTreeMap<String, String> {
        let beside = Self::BESIDE_SETTINGS.into_iter().zip([identity, url.trim_end_matches('/')]);
        settings.into_iter().chain(beside.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
    }

    /// What names a tenant of these names in such texts; `None` where it has not all of them.
    fn of(&self, names: &BTreeMap<String, String>) -> Option<String> {
        placeholders(&self.by).try_fold(self.by.clone(), |text, name| {
            let value = names.get(name).filter(|value| !value.is_empty())?;
            Some(text.replace(&format!("{{{name}}}"), value))
        })
    }

    /// A placeholder that no tenant of the provider has a value for; or none at all, and every tenant is named alike.
    pub(super) fn fault(&self, provider: &Provider) -> Option<String> {
        let known =
            |name: &&str| Self::BESIDE_SETTINGS.contains(name) || provider.settings.contains_key(*name);
        let unknown = placeholders(&self.by).find(|name| !known(name));
        let none = placeholders(&self.by).next().is_none().then_some("");
        unknown.or(none).map(|name| format!("`{}` names no tenant by `{{{name}}}`", self.by))
    }
}

impl KindSpec {
    /// Whether an instance has the same address in every tenant, as far as its parents and far ends have.
    #[must_use]
    pub fn is_known_by_name(&self) -> bool {
        // An id within a text is of the tenant, and so is the text.
        let within = |id: &Pointer| {
            let mut there = self.refs_at(id);
            there.any(|reference| matches!(reference.by, RefBy::Url | RefBy::Expression))
        };
        let is_name = |id: &Pointer| self.name.contains(id) && !within(id);
        self.shape != Shape::Object || self.id_is_name || self.id.as_ref().is_some_and(is_name)
    }

    /// Whether what stands there is made of what the instance refers to, and follows from that.
    #[must_use]
    pub fn is_made_of_references(&self, at: &Pointer) -> bool {
        self.refs_at(at).next().is_some()
    }

    fn refs_at(&self, at: &Pointer) -> impl Iterator<Item = &Reference> {
        self.refs.iter().filter(move |reference| reference.at.as_pointer().as_ref() == Some(at))
    }

    fn forget_ids(&mut self) {
        let unique = self.restore.unique.clone();
        let mut forget: Vec<_> = unique.iter().map(ToString::to_string).collect();
        if !self.is_known_by_name() {
            self.restore.keeps_id = false;
            if !self.create_elsewhere.is_empty() {
                self.create = std::mem::take(&mut self.create_elsewhere);
            }
            forget.extend(self.id.iter().chain(&self.also_id).map(ToString::to_string));
            // Where no `Location` says it, the name does.
            let sent = |write: &&mut Write| write.new_id == NewId::Sent;
            self.create.iter_mut().filter(sent).for_each(|write| write.new_id = NewId::Location);
        }
        for write in &mut self.create {
            write.send.retain(|pattern| !forget.contains(&pattern.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::base::key::Kind;
    use crate::catalog::{NamesTenant, NewId, provider};
    use crate::json::{Limits, parse};

    fn names(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_names_one_tenant_names_the_other() {
        let okta = provider("okta").unwrap();
        let spec = okta.kind(&Kind::new("app_service_account")).unwrap();
        let renamed = |text: &str, from: &[(&str, &str)], to: &[(&str, &str)]| {
            let mut body = parse(text.as_bytes(), &Limits::body()).unwrap();
            okta.rename_tenant(spec, [&names(from), &names(to)], &mut body);
            String::from_utf8(body.to_canonical()).unwrap()
        };
        let (from, to) = (
            [("identity", "00o1"), ("url", "https://a.test")],
            [("identity", "00o2"), ("url", "https://b.test")],
        );
        assert_eq!(
            renamed(r#"{"containerOrn":"orn:okta:idp:00o1:apps:x:0oa1","name":"00o1"}"#, &from, &to),
            r#"{"containerOrn":"orn:okta:idp:00o2:apps:x:0oa1","name":"00o1"}"#
        );
        let link = r#"{"_links":{"self":{"href":"https://a.test/api/v1/apps/0oa1"}}}"#;
        assert_eq!(renamed(link, &from, &to), link.replace("a.test", "b.test"));
        // A tenant whose name nobody knows, or that is nothing, is not put in the place of another's.
        for unknown in [&[][..], &[("identity", ""), ("url", "")]] {
            assert_eq!(renamed(link, &from, unknown), link);
            assert_eq!(renamed(link, unknown, &to), link);
        }
    }

    #[test]
    fn a_name_says_which_tenant_it_is() {
        let okta = provider("okta").unwrap();
        let fault = |by: &str| {
            let at = crate::json::Pattern::parse("/orn").unwrap();
            NamesTenant { at, by: by.to_owned() }.fault(okta)
        };
        assert!(okta.names_tenant.iter().all(|names| names.fault(okta).is_none()));
        assert!(fault("orn:okta:{realm}").is_some() && fault("orn:okta").is_some());
    }

    #[test]
    fn an_id_is_kept_only_where_it_is_a_name() {
        let catalog = provider("keycloak").unwrap();
        let other = catalog.elsewhere();
        let of = |kind: &str| other.kinds.iter().find(|spec| spec.kind.as_str() == kind).unwrap();
        for kind in ["client", "client_scope", "user", "group", "authz_policy"] {
            let spec = of(kind);
            assert!(!spec.restore.keeps_id, "{kind}");
            for write in &spec.create {
                let ids = [spec.id.as_ref().unwrap().to_string()];
                assert!(!write.send.iter().any(|at| ids.contains(&at.to_string())), "{kind}");
                assert_ne!(write.new_id, NewId::Sent, "{kind}");
            }
        }
        let provider = of("identity_provider");
        assert!(provider.restore.keeps_id && provider.create[0].send.is_empty(), "the alias is a name");
        assert!(of("localization").restore.keeps_id);
        let mapping = of("user_role_mapping");
        assert_eq!(mapping.create[0].send[0].to_string(), "/id", "the far end is named by its id");
    }
}
