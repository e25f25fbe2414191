//! How the client says who it is: tokens, fetched in time and renewed once when refused.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use zeroize::Zeroize;

use crate::base::entropy::Entropy;
use crate::base::secret::Secret;
use crate::base::time::Clock;
use crate::http::answer::Answer;
use crate::http::error::HttpError;
use crate::http::proof::{Prover, unique};
use crate::http::retry;
use crate::http::signing::SigningKey;
use crate::http::tally::{Journal, Made};
use crate::http::transport::{Packet, Transport};
use crate::json::{self, Object, Value};

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
    /// A client's id and the private key whose public half the vendor has.
    PrivateKey {
        /// The client.
        client_id: String,
        /// Its key.
        key: SigningKey,
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
    /// The word before a token that does not change; one that was fetched goes as `Bearer` or `DPoP`.
    pub scheme: String,
    /// Form fields of every token request; what the credential says goes before them.
    pub extra: BTreeMap<String, String>,
}

/// Longest time before its end at which a token is renewed.
const EARLY_MAX: Duration = Duration::from_secs(60);

/// How long a signed assertion holds, in seconds; vendors allow an hour at the most.
const ASSERTION_SECONDS: i64 = 300;

/// What a client that signs calls its kind of proof (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

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

/// Tries of one token request: failures that pass, and what the endpoint asks for in addition.
const TRIES_MAX: u32 = 4;

/// What a token endpoint gave.
struct Granted {
    text: Secret<String>,
    scheme: &'static str,
    lifetime: Option<Duration>,
}

/// Reads a token endpoint's answer; `None` where it holds no token.
fn granted(mut value: Value) -> Option<Granted> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let token = text("access_token").map(Secret::new);
    let proved = text("token_type").is_some_and(|word| word.eq_ignore_ascii_case("dpop"));
    let lifetime = value.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
    value.zeroize();
    let text = token.filter(|token| !token.expose().is_empty())?;
    Some(Granted { text, scheme: if proved { "DPoP" } else { "Bearer" }, lifetime })
}

/// The tokens of one credential.
pub(crate) struct Tokens {
    login: Login,
    endpoint: Option<Url>,
    held: Mutex<(u64, Option<Token>)>,
    /// Made when the token endpoint asks for proofs.
    prover: OnceLock<Prover>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Tokens {
    pub(crate) fn new(
        login: Login,
        endpoint: Option<Url>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { login, endpoint, held: Mutex::new((0, None)), prover: OnceLock::new(), clock, entropy }
    }

    /// The proof that goes with a request, where proofs are in use.
    pub(crate) fn proof(
        &self,
        method: &str,
        url: &Url,
        token: Option<&Token>,
    ) -> Result<Option<HeaderValue>, HttpError> {
        let Some(prover) = self.prover.get() else { return Ok(None) };
        let token = token.map(|token| token.text.expose().as_str());
        prover.header(method, url, token, self.clock.now(), &*self.entropy).map(Some)
    }

    /// Takes the nonce of an answer; true if the same request may be sent again with it.
    pub(crate) fn has_new_nonce(&self, answer: &Answer) -> bool {
        self.prover.get().is_some_and(|prover| prover.learn(answer.header("dpop-nonce")))
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
            (Credential::ClientSecret { .. } | Credential::PrivateKey { .. }, None) => {
                Err(HttpError::NoToken {
                    path: String::new(),
                    status: 0,
                    what: "a client's secret or key is of no use without a token endpoint".into(),
                })
            }
            (_, Some(endpoint)) => {
                let got = self.exchange(endpoint, transport, journal).await?;
                self.token(serial, got.scheme, got.text, got.lifetime)
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

    /// Asks the token endpoint. A request for a token changes nothing and may be repeated; each
    /// has an assertion and a proof of its own.
    async fn exchange(
        &self,
        endpoint: &Url,
        transport: &Transport,
        journal: &Journal,
    ) -> Result<Granted, HttpError> {
        let path = endpoint.path().to_owned();
        let mut tries = 0;
        let (answer, parsed) = loop {
            tries += 1;
            let form = Bytes::from(self.form(endpoint)?.into_bytes());
            let body = Some((form, "application/x-www-form-urlencoded"));
            let proof = self.proof("POST", endpoint, None)?;
            let packet = Packet { method: "POST", url: endpoint.clone(), authorization: None, proof, body };
            let answer = transport.exchange(packet).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            journal.made(Made { method: "POST", target: path.clone(), status }, 0);
            journal.add(|tally| tally.tokens += 1);
            let passes = match &answer {
                Ok(answer) => retry::passes(answer.status),
                Err(error) => error.passes(),
            };
            if passes && tries < TRIES_MAX {
                tokio::time::sleep(retry::backoff(tries, u32::MAX / 2)).await;
                continue;
            }
            let answer = answer?;
            let parsed = json::parse(&answer.body, &json::Limits::default());
            if !(tries < TRIES_MAX && self.may_prove(&answer, parsed.as_ref().ok())?) {
                break (answer, parsed);
            }
        };
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
        let value = parsed.map_err(|_| no_token("the answer is not JSON"))?;
        granted(value).ok_or_else(|| no_token("the answer holds no `access_token`"))
    }

    /// Whether a refusal asks for a proof, or for another nonce in it, that can now be given.
    fn may_prove(&self, answer: &Answer, said: Option<&Value>) -> Result<bool, HttpError> {
        let error = said.and_then(|said| said.get("error")).and_then(Value::as_str);
        match error.filter(|_| matches!(answer.status, 400 | 401)) {
            Some("use_dpop_nonce") => {
                self.begin_proving()?;
                Ok(self.has_new_nonce(answer))
            }
            Some("invalid_dpop_proof") if self.prover.get().is_none() => {
                self.begin_proving()?;
                self.has_new_nonce(answer);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn begin_proving(&self) -> Result<(), HttpError> {
        if self.prover.get().is_none() {
            // Only one request at a time fetches a token, so nobody else can have set it meanwhile.
            self.prover.set(Prover::new()?).ok();
        }
        Ok(())
    }

    fn form(&self, endpoint: &Url) -> Result<String, HttpError> {
        let mut fields: BTreeMap<&str, &str> =
            self.login.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let assertion;
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
            Credential::PrivateKey { client_id, key } => {
                assertion = self.assertion(client_id, key, endpoint)?;
                fields.insert("grant_type", "client_credentials");
                fields.insert("client_assertion_type", ASSERTION_TYPE);
                fields.insert("client_assertion", &assertion);
            }
            Credential::Token { .. } => {}
        }
        let mut url = Url::parse("form:").expect("a constant URL");
        url.query_pairs_mut().extend_pairs(fields);
        Ok(url.query().unwrap_or_default().to_owned())
    }

    /// Who we are, signed, for this endpoint and a few minutes.
    fn assertion(&self, client_id: &str, key: &SigningKey, endpoint: &Url) -> Result<String, HttpError> {
        let now = self.clock.now().as_second();
        let claims = Object::from_pairs([
            ("iss", Value::from(client_id)),
            ("sub", client_id.into()),
            ("aud", endpoint.as_str().into()),
            ("iat", now.into()),
            ("exp", (now + ASSERTION_SECONDS).into()),
            ("jti", unique(&*self.entropy)?.into()),
        ]);
        key.jwt(Object::from_pairs([("typ", Value::from("JWT"))]), claims)
    }

    /// The vendor's reason, cut, and without anything of the credential.
    fn said(&self, value: &json::Value) -> String {
        let part = |name: &str| value.get(name).and_then(json::Value::as_str).unwrap_or_default().to_owned();
        let (code, words) = (part("error"), part("error_description"));
        let mut text =
            [code, words].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        let secret = match &self.login.credential {
            Credential::Password { password, .. } => Some(password),
            Credential::ClientSecret { client_secret, .. } => Some(client_secret),
            Credential::Token { token } => Some(token),
            Credential::PrivateKey { .. } => None,
        };
        if let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) {
            text = text.replace(secret.expose().as_str(), "…");
        }
        text.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
    }
}
