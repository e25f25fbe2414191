//! What can go wrong between us and a tenant before an answer is there.
//!
//! An answer with a bad status is not an error here: what it means is for the caller to say.

use std::path::PathBuf;
use std::time::Duration;

/// No answer, or none that can be used. No variant holds a query, a body or a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// The configured URL cannot be a tenant's.
    #[error("the URL of the tenant cannot be used: {what}")]
    Address {
        /// Why.
        what: &'static str,
    },
    /// A path that would lead somewhere else than it says, such as one with `..` in an id.
    #[error("`{path}` is not asked for: written as a URL it would name another resource")]
    Path {
        /// The path without query.
        path: String,
    },
    /// The file of trusted certificates cannot be used.
    #[error("cannot use the certificates in {}: {what}", file.display())]
    CaFile {
        /// The file as configured.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// No certificates or no TLS on this machine.
    #[error("cannot set up TLS: {what}")]
    Setup {
        /// What the TLS library says.
        what: String,
    },
    /// No connection came about, so nothing was sent.
    #[error("cannot reach {host} for `{path}`: {cause}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The path without query.
        path: String,
        /// What the system says.
        cause: String,
    },
    /// The server's certificate is not trusted, or the two sides share no protocol.
    #[error("no trusted connection to {host}: {cause}")]
    Tls {
        /// Host and port.
        host: String,
        /// What the TLS library says.
        cause: String,
    },
    /// The answer did not come in time; a write may have been done.
    #[error("no answer to `{path}` within {} s", after.as_secs())]
    Timeout {
        /// The path without query.
        path: String,
        /// The bound that was passed.
        after: Duration,
    },
    /// The connection ended before the answer did; a write may have been done.
    #[error("the answer to `{path}` broke off: {cause}")]
    Broken {
        /// The path without query.
        path: String,
        /// What the system says.
        cause: String,
    },
    /// The answer is larger than any that is read.
    #[error("the answer to `{path}` is larger than {max} bytes")]
    TooLarge {
        /// The path without query.
        path: String,
        /// The bound.
        max: usize,
    },
    /// The server sends us elsewhere, which is never followed.
    #[error("the answer to `{path}` is a redirect ({status}) to {to}, which is not followed")]
    Redirected {
        /// The path without query.
        path: String,
        /// The status.
        status: u16,
        /// Scheme, host and path of the goal, without query.
        to: String,
    },
    /// The token endpoint does not accept the credential.
    #[error("the credential was refused at `{path}` ({status}): {said}")]
    CredentialRefused {
        /// The path without query.
        path: String,
        /// The status.
        status: u16,
        /// The vendor's words, without the credential.
        said: String,
    },
    /// The token endpoint answered, but not with a token.
    #[error("no token from `{path}` ({status}): {what}")]
    NoToken {
        /// The path without query.
        path: String,
        /// The status.
        status: u16,
        /// What is wrong with the answer.
        what: String,
    },
    /// The private key cannot be used.
    #[error("the private key cannot be used: {what}")]
    Key {
        /// Why; never a part of it.
        what: &'static str,
    },
    /// The credential holds characters that cannot be sent in a header.
    #[error("the configured token holds characters that cannot be sent")]
    TokenText,
    /// Too many calls in a row got no answer; the next are not tried for a while.
    #[error("`{path}` was not asked for: {host} has not answered the last {failures} requests")]
    GivenUp {
        /// Host and port.
        host: String,
        /// The path without query.
        path: String,
        /// How many calls in a row failed.
        failures: u32,
    },
}

impl HttpError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => {
                Some("give `https://HOST`, with a path only if the product is served below one")
            }
            Self::CaFile { .. } => Some("`ca_file` takes certificates in PEM form"),
            Self::Setup { .. } => Some("install the system's certificates, or name a `ca_file`"),
            Self::Unreachable { .. } => {
                Some("check the tenant's `url`, the name service, the network and any proxy")
            }
            Self::Tls { .. } => {
                Some("if the server's certificate comes from a private authority, name it in `ca_file`")
            }
            Self::Timeout { .. } | Self::Broken { .. } | Self::GivenUp { .. } => {
                Some("the server may be overloaded or restarting; run again later")
            }
            Self::TooLarge { .. } => Some("the vendor's paging may have changed; this is worth a report"),
            Self::Redirected { .. } => Some("put the address that the server names into the tenant's `url`"),
            Self::CredentialRefused { .. } => Some(
                "check user and password, or client id and secret; the account may be locked, expired or in another realm",
            ),
            Self::NoToken { status: 404, .. } => {
                Some("there is no token endpoint at this address: check `url`, the realm and `token_url`")
            }
            Self::NoToken { .. } => {
                Some("check `url` and `token_url`: something else answers at this address")
            }
            Self::Key { .. } => Some(
                "`key` takes a private key as PEM (PKCS#8, or RSA in PKCS#1) or as JWK, of RSA, P-256 or P-384",
            ),
            Self::TokenText => Some("check the file or variable that the token comes from, also its end"),
            Self::Path { .. } => None,
        }
    }

    /// True if the server cannot have done anything, because the request never left.
    #[must_use]
    pub fn never_sent(&self) -> bool {
        !matches!(
            self,
            Self::Timeout { .. } | Self::Broken { .. } | Self::TooLarge { .. } | Self::Redirected { .. }
        )
    }

    /// True if the same request may well succeed a moment later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. } | Self::Broken { .. })
    }

    /// True if no other request will fare better in this run.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::Path { .. } | Self::TooLarge { .. } | Self::Timeout { .. } | Self::Broken { .. }
        )
    }
}

/// The path of a target, for errors: a query may hold what nobody should see.
#[must_use]
pub fn path_of(target: &str) -> String {
    target.split(['?', '#']).next().unwrap_or_default().to_owned()
}
