//! What of a configuration becomes a connection: settings, login, and what the vendor counts apart.

use std::collections::BTreeMap;

use crate::catalog::{AuthForm, Provider};
use crate::http::{Credential, Lane, Login, Outlook, PaceRules};
use crate::provider::error::ProviderError;
use crate::provider::live::Target;

/// Checks the settings and adds the defaults.
pub(crate) fn settings(
    catalog: &Provider,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    if let Some(name) = given.keys().find(|name| !catalog.settings.contains_key(*name)) {
        let known = catalog.settings.keys().cloned().collect::<Vec<_>>().join("`, `");
        let text = format!("`{name}` is no setting of {}; it has `{known}`", catalog.title);
        return Err(ProviderError::Config(text));
    }
    let mut settings = catalog.settings.clone();
    settings.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    match settings.iter().find(|(name, value)| value.is_empty() && catalog.needs_setting(name)) {
        Some((name, _)) => {
            Err(ProviderError::Config(format!("{} needs the setting `{name}`", catalog.title)))
        }
        None => Ok(settings),
    }
}

/// How the tenant is told who we are.
///
/// # Errors
/// A credential of a form that the provider does not take, or a setting that a path needs.
pub(crate) fn login(
    catalog: &Provider,
    settings: &BTreeMap<String, String>,
    target: &Target,
) -> Result<Login, ProviderError> {
    let auth = &catalog.auth;
    let forms: &[AuthForm] = match &target.credential {
        Credential::Password { .. } => &[AuthForm::Password, AuthForm::Basic],
        Credential::ClientSecret { .. } => &[AuthForm::ClientSecret],
        Credential::PrivateKey { .. } => &[AuthForm::PrivateKeyJwt],
        Credential::Token { .. } => &[AuthForm::Token],
    };
    if !forms.iter().any(|form| auth.forms.contains(form)) {
        return Err(ProviderError::Config(format!("{} takes no credential of this kind", catalog.title)));
    }
    let value = |name: &str| match name {
        "url" => Some(target.url.trim_end_matches('/').to_owned()),
        _ => settings.get(name).cloned(),
    };
    let token = match (&target.token_url, &auth.token) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(path)) => {
            let below = auth.at.as_ref().and_then(|name| settings.get(name));
            let below = below.map(|url| url.trim_end_matches('/').to_owned()).unwrap_or_default();
            Some(format!("{below}{}", path.fill(value)?))
        }
        (None, None) => None,
    };
    let mut extra: BTreeMap<String, String> =
        auth.extra.iter().map(|(name, text)| (name.clone(), fill_text(text, value))).collect();
    if auth.names_scopes && !target.scopes.is_empty() {
        extra.insert("scope".into(), target.scopes.join(" "));
    }
    Ok(Login { credential: target.credential.clone(), token, scheme: auth.scheme.clone(), extra })
}

/// Puts settings into a text that is no path.
fn fill_text(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').and_then(|(name, rest)| Some((value(name)?, rest))) {
            Some((value, rest)) => {
                out.push_str(&value);
                out.push_str(rest);
            }
            None => {
                out.push('{');
                out.push_str(part);
            }
        }
    }
    out
}

/// How fast a tenant may be asked, with this share of what the vendor allows.
pub(crate) fn pace(catalog: &Provider, budget_percent: u32) -> PaceRules {
    let rate = &catalog.rate;
    PaceRules {
        concurrent: rate.concurrent,
        per_second: rate.per_second,
        budget_percent,
        limit_header: rate.limit_header.clone(),
        remaining_header: rate.remaining_header.clone(),
        reset_header: rate.reset_header.clone(),
        lanes: if rate.limit_header.is_some() { lanes(catalog) } else { Vec::new() },
    }
}

/// How long requests take by the catalogue alone, with this share of what the vendor allows: nothing has been
/// asked yet.
#[must_use]
pub fn outlook(catalog: &Provider, budget_percent: u32) -> Outlook {
    Outlook::new(&pace(catalog, budget_percent))
}

/// Every path of the catalogue with the bucket that it is counted in.
fn lanes(catalog: &Provider) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for spec in &catalog.kinds {
        let writes = spec.create.iter().chain(&spec.update).chain(&spec.delete).map(|write| &write.call);
        let calls = writes.chain(spec.action.iter().map(|action| &action.call));
        let paths = spec.gets().into_iter().chain(calls.map(|call| call.path.bare()));
        let bucket = spec.bucket.clone().unwrap_or_default();
        let limit = catalog.bucket.get(&bucket).copied().unwrap_or(0);
        lanes.extend(paths.map(|path| Lane { path, bucket: bucket.clone(), limit }));
    }
    lanes
}
