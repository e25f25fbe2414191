//! How the client says who it is: tokens, fetched in time and renewed once when refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use zeroize::Zeroize;

use crate::base::secret::Secret;
use crate::http::error::HttpError;
use crate::http::retry;
use crate::http::tally::{Journal, Made};
use crate::http::transport::{Packet, Transport};
use crate::json;

/// Who we are to the tenant.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A user's name and password. Without a token endpoint they go with each request (Basic).
    Password {
        /// The user.
        username: String,
        /// Their password.
        password: Secret<String>,
    },
    /// A client's id and secret.
    ClientSecret {
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: Secret<String>,
    },
    /// A token that does not change.
    Token {
        /// The token.
        token: Secret<String>,
    },
}

/// How a credential becomes what is sent with a request.
#[derive(Debug, Clone)]
pub struct Login {
    /// Who we are.
    pub credential: Credential,
    /// The token endpoint: a target below the tenant's URL or, with a scheme, a whole URL.
    pub token: Option<String>,
    /// The word before the token in the header.
    pub scheme: String,
    /// Form fields of every token request; what the credential says goes before them.
    pub extra: BTreeMap<String, String>,
}

/// Longest time before its end at which a token is renewed.
const EARLY_MAX: Duration = Duration::from_secs(60);

/// Longest text of a vendor that is shown.
const SAID_CHARS_MAX: usize = 300;

/// A token in use.
#[derive(Clone)]
pub(crate) struct Token {
    /// The header's value, marked as not to be printed.
    pub(crate) header: HeaderValue,
    pub(crate) text: Arc<Secret<String>>,
    /// Tells one token from the next, so that ten refused requests renew it once.
    pub(crate) serial: u64,
    renew_at: Option<Instant>,
}

/// The tokens of one credential.
pub(crate) struct Tokens {
    login: Login,
    endpoint: Option<Url>,
    held: Mutex<(u64, Option<Token>)>,
}

impl Tokens {
    pub(crate) fn new(login: Login, endpoint: Option<Url>) -> Self {
        Self { login, endpoint, held: Mutex::new((0, None)) }
    }

    /// True if another token can be had when one is refused.
    pub(crate) fn can_renew(&self) -> bool {
        self.endpoint.is_some() && !matches!(self.login.credential, Credential::Token { .. })
    }

    /// A token that is good for a while. Only one request at a time fetches a new one.
    pub(crate) async fn current(&self, transport: &Transport, journal: &Journal) -> Result<Token, HttpError> {
        let mut held = self.held.lock().await;
        let (serial, token) = &mut *held;
        if let Some(token) =
            token.as_ref().filter(|token| token.renew_at.is_none_or(|at| Instant::now() < at))
        {
            return Ok(token.clone());
        }
        *serial += 1;
        let fresh = self.obtain(*serial, transport, journal).await?;
        *token = Some(fresh.clone());
        Ok(fresh)
    }

    /// Forgets a token that was refused, unless it has been replaced already.
    pub(crate) async fn forget(&self, serial: u64) {
        let mut held = self.held.lock().await;
        if held.1.as_ref().is_some_and(|token| token.serial == serial) {
            held.1 = None;
        }
    }

    async fn obtain(
        &self,
        serial: u64,
        transport: &Transport,
        journal: &Journal,
    ) -> Result<Token, HttpError> {
        match (&self.login.credential, &self.endpoint) {
            (Credential::Token { token }, _) => self.token(serial, &self.login.scheme, token.clone(), None),
            (Credential::Password { username, password }, None) => {
                let mut pair = format!("{username}:{}", password.expose());
                let basic = data_encoding::BASE64.encode(pair.as_bytes());
                pair.zeroize();
                self.token(serial, "Basic", Secret::new(basic), None)
            }
            (Credential::ClientSecret { .. }, None) => Err(HttpError::NoToken {
                path: String::new(),
                status: 0,
                what: "a client secret is of no use without a token endpoint".into(),
            }),
            (_, Some(endpoint)) => {
                let (text, lifetime) = self.exchange(endpoint, transport, journal).await?;
                self.token(serial, &self.login.scheme, text, lifetime)
            }
        }
    }

    fn token(
        &self,
        serial: u64,
        scheme: &str,
        text: Secret<String>,
        lifetime: Option<Duration>,
    ) -> Result<Token, HttpError> {
        let mut line = format!("{scheme} {}", text.expose());
        let header = HeaderValue::from_str(&line).map_err(|_| HttpError::TokenText);
        line.zeroize();
        let mut header = header?;
        header.set_sensitive(true);
        let renew_at = lifetime.map(|lifetime| Instant::now() + lifetime - (lifetime / 4).min(EARLY_MAX));
        Ok(Token { header, text: Arc::new(text), serial, renew_at })
    }

    /// Asks the token endpoint. A request for a token changes nothing and may be repeated.
    async fn exchange(
        &self,
        endpoint: &Url,
        transport: &Transport,
        journal: &Journal,
    ) -> Result<(Secret<String>, Option<Duration>), HttpError> {
        let path = endpoint.path().to_owned();
        let form = Bytes::from(self.form().into_bytes());
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            let body = Some((form.clone(), "application/x-www-form-urlencoded"));
            let packet = Packet { method: "POST", url: endpoint.clone(), authorization: None, body };
            let answer = transport.exchange(packet).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            journal.made(Made { method: "POST", target: path.clone(), status }, 0);
            journal.add(|tally| tally.tokens += 1);
            let again = match &answer {
                Ok(answer) => retry::passes(answer.status),
                Err(error) => error.passes(),
            };
            if !again || tries >= 3 {
                break answer?;
            }
            tokio::time::sleep(retry::backoff(tries, u32::MAX / 2)).await;
        };
        let parsed = json::parse(&answer.body, &json::Limits::default());
        if matches!(answer.status, 400 | 401 | 403) {
            let said = parsed.ok().map(|value| self.said(&value)).unwrap_or_default();
            let said = if said.is_empty() { "no reason given".into() } else { said };
            return Err(HttpError::CredentialRefused { path, status: answer.status, said });
        }
        let no_token =
            |what: &str| HttpError::NoToken { path: path.clone(), status: answer.status, what: what.into() };
        if !answer.is_success() {
            return Err(no_token("the endpoint answered with an error"));
        }
        let mut value = parsed.map_err(|_| no_token("the answer is not JSON"))?;
        let text = value.get("access_token").and_then(json::Value::as_str).map(str::to_owned);
        let lifetime = value.get("expires_in").and_then(json::Value::as_u64).map(Duration::from_secs);
        value.zeroize();
        let text = text
            .filter(|text| !text.is_empty())
            .ok_or_else(|| no_token("the answer holds no `access_token`"))?;
        Ok((Secret::new(text), lifetime))
    }

    fn form(&self) -> String {
        let mut fields: BTreeMap<&str, &str> =
            self.login.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match &self.login.credential {
            Credential::Password { username, password } => {
                fields.insert("grant_type", "password");
                fields.insert("username", username);
                fields.insert("password", password.expose());
            }
            Credential::ClientSecret { client_id, client_secret } => {
                fields.insert("grant_type", "client_credentials");
                fields.insert("client_id", client_id);
                fields.insert("client_secret", client_secret.expose());
            }
            Credential::Token { .. } => {}
        }
        let mut url = Url::parse("form:").expect("a constant URL");
        url.query_pairs_mut().extend_pairs(fields);
        url.query().unwrap_or_default().to_owned()
    }

    /// The vendor's reason, cut, and without anything of the credential.
    fn said(&self, value: &json::Value) -> String {
        let part = |name: &str| value.get(name).and_then(json::Value::as_str).unwrap_or_default().to_owned();
        let (code, words) = (part("error"), part("error_description"));
        let mut text =
            [code, words].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        let secret = match &self.login.credential {
            Credential::Password { password, .. } => password,
            Credential::ClientSecret { client_secret, .. } => client_secret,
            Credential::Token { token } => token,
        };
        if !secret.expose().is_empty() {
            text = text.replace(secret.expose().as_str(), "…");
        }
        text.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
    }
}
