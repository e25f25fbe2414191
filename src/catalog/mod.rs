//! What is known about each provider, as data: one file each, embedded, checked by a test.
//!
//! The catalogue drives the collector, the planner, the simulators, the permission check and the
//! documentation. It holds no expressions and does no I/O. A fact that is a calculation is a hook
//! in `provider`, of under 100 lines. Read [`spec`] for the form, then `keycloak.toml`.

pub mod access;
pub mod audit;
pub mod auth;
pub mod canonical;
pub mod condition;
pub mod context;
mod elsewhere;
pub mod files;
mod given;
pub mod mention;
mod near;
pub mod proof;
pub mod reading;
pub mod spec;
mod switch;
pub mod template;
pub mod valid;
pub mod writing;

use std::sync::LazyLock;

pub use access::*;
pub use audit::*;
pub use auth::*;
pub use canonical::{Canonical, canonicalize, secret_place, settle};
pub use condition::Condition;
pub use context::Context;
pub use files::{Exported, Files, InFile, in_file};
pub use mention::Mention;
pub use near::near;
pub use proof::{Proof, proof};
pub use reading::*;
pub use spec::*;
pub use template::{Call, Method, Template};
pub use writing::*;

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It is not of the form.
    #[error("the catalogue of `{provider}` is not readable: {message}")]
    Form {
        /// Which provider.
        provider: String,
        /// What the parser says, with line and column.
        message: String,
    },
    /// It contradicts itself.
    #[error("the catalogue of `{provider}` contradicts itself:\n{}", faults.join("\n"))]
    Faults {
        /// Which provider.
        provider: String,
        /// Each contradiction.
        faults: Vec<String>,
    },
    /// There is none of this name.
    #[error("no provider is called `{0}`; `lastgood kinds` lists them")]
    Unknown(String),
}

/// An embedded file, read when somebody asks for it: a command that talks to one vendor does not
/// pay for the thousand kinds of the others.
struct Embedded {
    name: &'static str,
    provider: LazyLock<Result<Provider, CatalogError>>,
}

/// Names a file beside this one and how to read it.
macro_rules! embedded {
    ($($name:literal),*) => {
        [$(Embedded {
            name: $name,
            provider: LazyLock::new(|| parse($name, include_str!(concat!($name, ".toml")))),
        }),*]
    };
}

static EMBEDDED: [Embedded; 6] = embedded!["keycloak", "okta", "entra", "auth0", "pingone", "pingfederate"];

/// Reads a catalogue and checks it.
///
/// # Errors
/// It must have the form of [`spec`] and pass [`valid::faults`].
pub fn parse(name: &str, text: &str) -> Result<Provider, CatalogError> {
    let form = |message: String| CatalogError::Form { provider: name.into(), message };
    let mut provider: Provider = toml::from_str(text).map_err(|error| form(error.to_string()))?;
    provider.fingerprint = blake3::hash(text.as_bytes()).to_hex().get(..16).unwrap_or_default().to_owned();
    let faults = valid::faults(&provider);
    if faults.is_empty() { Ok(provider) } else { Err(CatalogError::Faults { provider: name.into(), faults }) }
}

/// The provider of this name.
///
/// # Errors
/// [`CatalogError::Unknown`] for any other name; a test proves that every embedded file can be read.
pub fn provider(name: &str) -> Result<&'static Provider, CatalogError> {
    let found = EMBEDDED.iter().find(|embedded| embedded.name == name);
    match found.map(|embedded| &*embedded.provider) {
        Some(Ok(provider)) => Ok(provider),
        Some(Err(error)) => Err(CatalogError::Form { provider: name.into(), message: error.to_string() }),
        None => Err(CatalogError::Unknown(name.into())),
    }
}

/// The names of all embedded providers.
#[must_use]
pub fn names() -> Vec<&'static str> {
    EMBEDDED.iter().map(|embedded| embedded.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_catalogue_is_valid() {
        for name in names() {
            if let Err(error) = provider(name) {
                panic!("{error}");
            }
        }
    }
}
