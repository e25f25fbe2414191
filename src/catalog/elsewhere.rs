//! The same facts for another tenant than the one that a resource was recorded in.
//!
//! An id is the vendor's: in another tenant it means nothing, or something else, and some servers refuse one that
//! any of their tenants has. So what is made there gets an id of its own and is known by its name; only an id
//! that is a name is kept.

use crate::catalog::{KindSpec, NewId, Provider, Shape, Write};

impl Provider {
    /// The catalogue by which resources of one tenant are made in another.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        let mut other = self.clone();
        other.kinds.iter_mut().for_each(KindSpec::forget_ids);
        other
    }
}

impl KindSpec {
    /// Whether an instance has the same address in every tenant, as far as its parents and far ends have.
    #[must_use]
    pub fn is_known_by_name(&self) -> bool {
        self.shape != Shape::Object || self.id.as_ref().is_some_and(|id| self.name.contains(id))
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
    use crate::catalog::{NewId, provider};

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
