//! How a tenant is told who we are: tokens, the forms of a credential, and whom that makes of Lastgood.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::template::Template;
use crate::json::{Pattern, Pointer};

/// A host beside the tenant's own, that a reading asks there with a token of its own.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The rights that the token is for.
    pub scopes: Vec<String>,
}

/// How a token is had and what it says about itself.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Path of the token endpoint below the tenant's URL; `None` where a static token is sent.
    pub token: Option<Template>,
    /// The setting that holds the URL below which `token` lies, where that is not the tenant's.
    pub at: Option<String>,
    /// The forms that the configuration may use.
    pub forms: Vec<AuthForm>,
    /// Header scheme before a static token: `SSWS`, `Bearer`.
    #[serde(default = "bearer")]
    pub scheme: String,
    /// Form fields sent with every token request; `{name}` in a value stands for a setting and
    /// `{url}` for the tenant's URL.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// A request for a token names the rights that it is for, as the kinds' `scopes` do.
    #[serde(default)]
    pub names_scopes: bool,
    /// Where the token's own claims list its rights; hashed into the permission fingerprint.
    #[serde(default)]
    pub rights: Vec<Pattern>,
    /// Rights that allow writing; a reading credential that holds one is warned of.
    #[serde(default)]
    pub writing_rights: Vec<String>,
    /// Whom a credential makes of Lastgood in the tenant.
    #[serde(default)]
    pub own: Vec<OwnIdentity>,
    /// Who stands behind a credential that does not say so itself.
    pub owner: Option<OwnerOf>,
    /// Two settings that are equal where those identities lie in the tenant itself.
    pub own_where: Option<[String; 2]>,
}

/// An identity that stands behind a credential.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct OwnIdentity {
    /// The field of the `auth` table that names it.
    pub credential: String,
    /// Its kind.
    pub kind: Kind,
    /// Where its body holds that name.
    pub at: Pointer,
    /// What stands before the name there.
    #[serde(default)]
    pub prefix: String,
}

/// How the tenant says whose a credential is.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct OwnerOf {
    /// Of which form of credential.
    pub form: AuthForm,
    /// What is asked with it.
    pub path: Template,
    /// Where the answer holds the owner's id.
    pub at: Pointer,
    /// What else is the owner's, by the fields that hold that id.
    #[serde(default)]
    pub holds: Vec<HeldBy>,
}

/// A field that says whose something is.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct HeldBy {
    /// Of which kind.
    pub kind: Kind,
    /// Which field.
    pub at: Pointer,
}

fn bearer() -> String {
    "Bearer".into()
}

/// A form of credential, as `kind` in the configuration's `auth` table.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum AuthForm {
    /// User name and password, exchanged for a token.
    Password,
    /// Client credentials.
    ClientSecret,
    /// A signed assertion.
    PrivateKeyJwt,
    /// A certificate.
    Certificate,
    /// A static token.
    Token,
    /// User name and password, sent with every request.
    Basic,
}

impl AuthForm {
    /// As the configuration names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ClientSecret => "client_secret",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Basic => "basic",
        }
    }
}
