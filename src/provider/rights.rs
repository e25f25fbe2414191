//! What the credential may do, as its own token says. The token is not verified: it came from the
//! tenant's token endpoint, and a lie in it would only cost a coverage state.

use std::collections::BTreeSet;

use crate::json::{self, Pattern, Value};
use crate::provider::error::ProviderError;
use crate::provider::live::Live;

/// Rights by the vendor's names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Sorted, each once; empty where the token says nothing that can be read.
    pub names: Vec<String>,
    /// Those that allow writing.
    pub writing: Vec<String>,
    /// False where the token says nothing about rights: it may then have any.
    pub known: bool,
}

impl Live {
    /// The rights that the token in use carries.
    ///
    /// # Errors
    /// Where no token can be had. A token without readable claims has no names.
    pub async fn rights(&self) -> Result<Rights, ProviderError> {
        let token = self.client.token().await?;
        let auth = &self.catalog.auth;
        let names = claims(token.expose()).map(|claims| names(&claims, &auth.rights)).unwrap_or_default();
        let writing = names.iter().filter(|name| auth.writing_rights.contains(name)).cloned().collect();
        Ok(Rights { known: !names.is_empty(), names: names.into_iter().collect(), writing })
    }
}

/// The claims of a JSON web token; `None` for a token of another form.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.trim_end_matches('=').as_bytes()).ok()?;
    json::parse(&bytes, &json::Limits::body()).ok()
}

/// All texts at the places; one text may hold several rights, with spaces between.
fn names(claims: &Value, places: &[Pattern]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, value) in places.iter().flat_map(|place| place.find(claims)) {
        let texts = match value {
            Value::String(_) => std::slice::from_ref(value),
            Value::Array(elements) => elements.as_slice(),
            _ => &[],
        };
        names.extend(
            texts.iter().filter_map(Value::as_str).flat_map(str::split_whitespace).map(str::to_owned),
        );
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_from_the_claims() {
        let payload = r#"{"scope":"a b","resource_access":{"x":{"roles":["c","a"]}}}"#;
        let token = format!("h.{}.s", data_encoding::BASE64URL_NOPAD.encode(payload.as_bytes()));
        let places = ["/scope", "/resource_access/*/roles"].map(|text| Pattern::parse(text).unwrap());
        let found = names(&claims(&token).unwrap(), &places);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(claims("opaque").is_none());
    }
}
