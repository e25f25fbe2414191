//! What a tenant's settings change in its catalogue: a kind that no API gives is read where the
//! configuration says from where.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::catalog::Provider;

/// Catalogues by provider and by the settings that change them. There are as many as a configuration has
/// different tenants, and each lives as long as the program, as the embedded ones do.
static MADE: Mutex<BTreeMap<(String, Vec<String>), &'static Provider>> = Mutex::new(BTreeMap::new());

impl Provider {
    /// The catalogue of a tenant with these settings.
    #[must_use]
    pub fn given(&'static self, settings: &BTreeMap<String, String>) -> &'static Self {
        let is_set = |name: &String| settings.get(name).is_some_and(|value| !value.is_empty());
        let changing = self.kinds.iter().filter_map(|spec| spec.unread.as_ref()?.unless.clone());
        let mut names: Vec<String> = changing.filter(is_set).collect();
        if names.is_empty() {
            return self;
        }
        names.sort();
        names.dedup();
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry((self.provider.clone(), names.clone())).or_insert_with(|| {
            let mut own = self.clone();
            for spec in &mut own.kinds {
                let unless = spec.unread.as_ref().and_then(|unread| unread.unless.clone());
                if unless.is_some_and(|name| names.contains(&name)) {
                    spec.unread = None;
                }
            }
            // What was read by the other one may lack what this one names.
            own.fingerprint = format!("{}+{}", own.fingerprint, names.join("+"));
            Box::leak(Box::new(own))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::key::Kind;

    #[test]
    fn a_setting_makes_a_kind_readable_and_another_catalogue_of_it() {
        let plain = crate::catalog::provider("okta").unwrap();
        let flows = Kind::new("workflow_flow");
        let with = |value: &str| plain.given(&[("workflows".to_owned(), value.to_owned())].into());
        assert!(plain.kind(&flows).unwrap().unread.is_some());
        assert_eq!(with("").fingerprint, plain.fingerprint, "an empty one is none");
        let given = with("https://acme.workflows.okta.com/api/flo/1/invoke");
        assert!(given.kind(&flows).unwrap().is_asked_for());
        assert_ne!(given.fingerprint, plain.fingerprint);
        assert!(
            crate::catalog::valid::faults(given).is_empty(),
            "{:?}",
            crate::catalog::valid::faults(given)
        );
        let unread = |catalog: &Provider| catalog.kinds.iter().filter(|spec| spec.unread.is_some()).count();
        assert_eq!(unread(plain), unread(given) + 1, "and nothing else");
        assert!(std::ptr::eq(given, with("https://other.workflows.okta.com/api/flo/2/invoke")));
    }
}
