//! Proof of possession (DPoP, RFC 9449): a token that is of no use to whoever has only copied it.
//!
//! A client begins without it. Where the token endpoint asks for a proof, one key is made for the
//! life of the client; every token request and every call then carries a JWT of that key over its
//! method and address, with the nonce that the server gave last.

use std::sync::Mutex;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::base::entropy::{Entropy, draw};
use crate::http::error::HttpError;
use crate::http::signing::SigningKey;
use crate::json::{Object, Value};

/// The key of one client and the nonce in force.
pub(crate) struct Prover {
    key: SigningKey,
    jwk: Value,
    nonce: Mutex<Option<String>>,
}

impl Prover {
    /// Makes a key for this process.
    pub(crate) fn new() -> Result<Self, HttpError> {
        let (key, jwk) = SigningKey::ephemeral()?;
        Ok(Self { key, jwk, nonce: Mutex::default() })
    }

    /// Takes the nonce of an answer; true if it is a new one, so that the request may be sent again.
    pub(crate) fn learn(&self, nonce: Option<&str>) -> bool {
        let Some(nonce) = nonce else { return false };
        let mut held = self.nonce.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let new = held.as_deref() != Some(nonce);
        *held = Some(nonce.to_owned());
        new
    }

    /// The header of one request. `token` is the access token that goes with it, where there is one.
    pub(crate) fn header(
        &self,
        method: &str,
        url: &Url,
        token: Option<&str>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<HeaderValue, HttpError> {
        let mut address = url.clone();
        address.set_query(None);
        let mut claims = Object::from_pairs([
            ("htm", Value::from(method)),
            ("htu", address.as_str().into()),
            ("iat", now.as_second().into()),
            ("jti", unique(entropy)?.into()),
        ]);
        if let Some(token) = token {
            let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
            claims.insert("ath", BASE64URL_NOPAD.encode(digest.as_ref()));
        }
        let held = self.nonce.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        if let Some(nonce) = held {
            claims.insert("nonce", nonce);
        }
        let header = Object::from_pairs([("typ", Value::from("dpop+jwt")), ("jwk", self.jwk.clone())]);
        let text = self.key.jwt(header, claims)?;
        let mut value = HeaderValue::from_str(&text).map_err(|_| HttpError::TokenText)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A name that no other JWT bears.
pub(crate) fn unique(entropy: &dyn Entropy) -> Result<String, HttpError> {
    let bytes: [u8; 16] =
        draw(entropy).map_err(|_| HttpError::Key { what: "the system gave no random bytes" })?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}
