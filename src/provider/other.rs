//! What of a tenant lies on another host: each such host has a client of its own, which asks nobody else and
//! whose token is good for nothing else.

use std::collections::BTreeMap;

use crate::catalog::{KindSpec, Provider, Template};
use crate::http::{Address, Credential};
use crate::provider::error::ProviderError;
use crate::provider::live::{Live, Target};

/// Where the kinds of a setting's host are asked for.
fn path_at<'c>(catalog: &'c Provider, setting: &str) -> Option<&'c Template> {
    let read = catalog.kinds.iter().filter(|spec| spec.is_asked_for()).flat_map(|spec| &spec.read);
    read.filter(|read| read.at.as_deref() == Some(setting)).find_map(|read| read.path.as_ref())
}

/// Each host beside the tenant's own, by the setting that names it, and how it is reached.
///
/// # Errors
/// A setting that is no such address, or a credential that no token can be had for.
pub(crate) fn targets(
    catalog: &Provider,
    settings: &BTreeMap<String, String>,
    target: &Target,
) -> Result<Vec<(String, Target)>, ProviderError> {
    let mut out = Vec::new();
    for (setting, host) in &catalog.hosts {
        let given = settings.get(setting).filter(|url| !url.is_empty());
        let (Some(url), Some(path)) = (given, path_at(catalog, setting)) else { continue };
        let fault = |why: &str| ProviderError::Config(format!("`{setting}` {why}"));
        let base = url.strip_suffix(path.as_str()).filter(|base| !base.is_empty());
        let base = base.ok_or_else(|| fault(&format!("must end in `{}`", path.as_str())))?;
        let address = Address::parse(base)?;
        if address.is_plaintext() {
            return Err(fault("must be https: a token goes there"));
        }
        if !matches!(target.credential, Credential::PrivateKey { .. }) {
            return Err(fault("needs `auth.kind = \"private_key_jwt\"`: a token of its own is asked for"));
        }
        out.push((
            setting.clone(),
            Target {
                url: base.to_owned(),
                settings: settings.iter().filter(|(name, _)| *name != setting).map(pair).collect(),
                token_url: Some(token_url(catalog, settings, target)?),
                scopes: host.scopes.clone(),
                ..target.clone()
            },
        ));
    }
    Ok(out)
}

fn pair((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// The tenant's own token endpoint, whole.
fn token_url(
    catalog: &Provider,
    settings: &BTreeMap<String, String>,
    target: &Target,
) -> Result<String, ProviderError> {
    if let Some(url) = &target.token_url {
        return Ok(url.clone());
    }
    let path = catalog.auth.token.as_ref().map(|path| path.fill(|name| settings.get(name).cloned()));
    let path = path.transpose()?.unwrap_or_default();
    Ok(format!("{}{path}", target.url.trim_end_matches('/')))
}

impl Live {
    /// The client of the host that a kind is on, where that is not the tenant's.
    pub(crate) fn host_of(&self, spec: &KindSpec) -> Option<&Self> {
        let setting = spec.read.iter().find_map(|read| read.at.as_ref())?;
        self.others.get(setting).map(Box::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::http::SigningKey;

    fn target(credential: Credential) -> Target {
        Target {
            url: "https://acme.okta.com/".into(),
            ca_file: None,
            settings: BTreeMap::new(),
            credential,
            budget_percent: 20,
            token_url: None,
            scopes: vec!["okta.users.read".into()],
            costly: [].into(),
        }
    }

    fn signed() -> Credential {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        Credential::PrivateKey { client_id: "0oa".into(), key: SigningKey::parse(&key, None).unwrap() }
    }

    fn made(url: &str, credential: Credential) -> Result<Vec<(String, Target)>, String> {
        let settings: BTreeMap<String, String> = [("workflows".to_owned(), url.to_owned())].into();
        let catalog = crate::catalog::provider("okta").unwrap().given(&settings);
        targets(catalog, &settings, &target(credential)).map_err(|error| error.to_string())
    }

    #[test]
    fn another_host_gets_a_token_for_itself_alone() {
        let made = made("https://acme.workflows.okta.com/api/flo/1/invoke", signed()).unwrap();
        let [(setting, there)] = made.as_slice() else { panic!("{}", made.len()) };
        assert_eq!(
            (setting.as_str(), there.url.as_str()),
            ("workflows", "https://acme.workflows.okta.com/api/flo/1")
        );
        assert_eq!(there.scopes, ["okta.workflows.invoke.manage"]);
        assert_eq!(there.token_url.as_deref(), Some("https://acme.okta.com/oauth2/v1/token"));
        assert!(!there.settings.contains_key("workflows"), "it leads nowhere else");
    }

    #[test]
    fn what_is_no_such_address_is_refused() {
        let token = || Credential::Token { token: Secret::new("00x".into()) };
        assert!(made("", token()).unwrap().is_empty(), "nothing is asked for");
        for (url, credential, why) in [
            ("https://h/api/flo/1", signed(), "end in `/invoke`"),
            ("http://h/api/flo/1/invoke", signed(), "https"),
            ("https://u:p@h/api/flo/1/invoke", signed(), "password"),
            ("ftp://h/invoke", signed(), "neither http nor https"),
            ("https://h/api/flo/1/invoke", token(), "private_key_jwt"),
        ] {
            let refused = made(url, credential).unwrap_err();
            assert!(refused.contains(why), "{url}: {refused}");
        }
    }
}
