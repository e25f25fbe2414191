//! A message posted to an address that a person configured, where no tenant is: a webhook.
//!
//! The address itself is often the secret, so neither its path nor its query ever stands in an error, and
//! it is no [`crate::http::Address`]. Nothing is tried again here and no redirect is followed.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;

use crate::base::secret::Secret;
use crate::http::{install_tls, is_loopback};

/// Until the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where messages are posted.
pub struct Hook {
    client: reqwest::Client,
    url: Secret<String>,
    host: String,
}

/// Why a message was not taken. Names the host and nothing else of the address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HookError {
    /// The address is none.
    #[error("the address is no http or https URL")]
    Address,
    /// There is no client for it.
    #[error("no client could be made: {0}")]
    Setup(String),
    /// No answer came.
    #[error("{host}: {what}")]
    NoAnswer {
        /// Who was asked.
        host: String,
        /// What went wrong.
        what: &'static str,
    },
    /// The answer says no.
    #[error("{host} answered {status}")]
    Refused {
        /// Who was asked.
        host: String,
        /// The status.
        status: u16,
    },
}

impl Hook {
    /// A hook at an address.
    ///
    /// # Errors
    /// It is no URL of the web.
    pub fn new(url: &Secret<String>) -> Result<Self, HookError> {
        let parsed = Url::parse(url.expose()).map_err(|_| HookError::Address)?;
        let host = parsed.host_str().unwrap_or_default().to_owned();
        if !matches!(parsed.scheme(), "http" | "https") || host.is_empty() {
            return Err(HookError::Address);
        }
        install_tls();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("lastgood/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(PATIENCE);
        if is_loopback(&host) {
            builder = builder.no_proxy();
        }
        if parsed.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| HookError::Setup(error.without_url().to_string()))?;
        Ok(Self { client, url: url.clone(), host })
    }

    /// Posts a message once.
    ///
    /// # Errors
    /// No answer came, or none that says that the message was taken.
    pub async fn post(&self, body: Vec<u8>, headers: &[(&'static str, String)]) -> Result<(), HookError> {
        let mut request = self.client.post(self.url.expose()).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.body(Bytes::from(body)).send().await.map_err(|error| HookError::NoAnswer {
            host: self.host.clone(),
            what: match () {
                () if error.is_timeout() => "no answer in time",
                () if error.is_connect() => "no connection",
                () => "the connection broke",
            },
        })?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(HookError::Refused { host: self.host.clone(), status: answer.status().as_u16() })
    }
}
