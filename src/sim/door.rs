//! The way in for a service app: a token for a signed assertion (RFC 7523), bound to a key (RFC 9449).
//!
//! The token endpoint takes `private_key_jwt` only, asks for a proof of possession and for a nonce in it, one
//! refusal each; every call then shows the token and a proof over its method and address. Each signature is
//! checked here by code that `http`, which makes them, does not share.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::base::entropy::SeededEntropy;
use crate::json::{Limits, Object, Value, parse};
use crate::sim::fill::random_signs;
use crate::sim::wire::{Refusal, Request, Response};

/// Where tokens are given out.
pub(super) const TOKEN_PATH: &str = "/oauth2/v1/token";

/// How long a token is good, in seconds.
const LIFETIME: i64 = 3600;

/// How far the clock of a proof may be off, in seconds.
const SKEW: i64 = 300;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A service app, and the tokens that it was given.
pub struct Door {
    /// The app's client id.
    pub client_id: String,
    /// The app's public key: an uncompressed point on P-256.
    pub public_key: Vec<u8>,
    /// The scopes that it was granted.
    pub granted: BTreeSet<String>,
    /// The nonce in force; set by the first answer that asks for one.
    nonce: String,
    tokens: BTreeMap<String, Given>,
    /// Names of assertions and proofs that were seen: each is good once.
    used: BTreeSet<String>,
}

/// A token that was given out.
struct Given {
    scopes: BTreeSet<String>,
    thumbprint: String,
    ends: Timestamp,
}

/// A JWT whose signature holds.
struct Jwt {
    header: Value,
    claims: Value,
}

fn part(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

fn value(text: &str) -> Option<Value> {
    parse(&part(text)?, &Limits::default()).ok()
}

/// Reads a JWT and checks its signature with a key that its own header may name.
fn open(text: &str, key: impl FnOnce(&Value) -> Option<Vec<u8>>) -> Option<Jwt> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header = value(header).filter(|header| header.get("alg") == Some(&"ES256".into()))?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key(&header)?);
    key.verify(signed.as_bytes(), &part(signature)?).ok()?;
    Some(Jwt { header, claims: value(claims)? })
}

impl Jwt {
    fn text(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }

    fn key(header: &Value) -> Option<Vec<u8>> {
        let text = |name: &str| header.get("jwk")?.get(name).and_then(Value::as_str);
        let fits = text("kty") == Some("EC")
            && text("crv") == Some("P-256")
            && header.get("jwk")?.get("d").is_none();
        fits.then_some([vec![4], part(text("x")?)?, part(text("y")?)?].concat())
    }

    /// The thumbprint of the key that its header holds (RFC 7638).
    fn thumbprint(&self) -> String {
        let part =
            |name: &str| self.header.get("jwk").and_then(|key| key.get(name)).cloned().unwrap_or_default();
        let key = Object::from_pairs(["crv", "kty", "x", "y"].map(|name| (name, part(name))));
        BASE64URL_NOPAD.encode(digest(&SHA256, &Value::from(key).to_canonical()).as_ref())
    }
}

impl Door {
    /// A door for an app that nobody has come through yet.
    #[must_use]
    pub fn new(client_id: &str, public_key: Vec<u8>, granted: BTreeSet<String>) -> Self {
        Self {
            client_id: client_id.into(),
            public_key,
            granted,
            nonce: String::new(),
            tokens: BTreeMap::new(),
            used: BTreeSet::new(),
        }
    }

    /// Answers a request for a token.
    pub(super) fn token(
        &mut self,
        request: &Request,
        url: &str,
        now: Timestamp,
        entropy: &SeededEntropy,
    ) -> Response {
        let refused = |status: u16, error: &str, said: &str| {
            let body =
                Object::from_pairs([("error", Value::from(error)), ("error_description", said.into())]);
            Response::json(status, body.into())
        };
        let endpoint = format!("{url}{TOKEN_PATH}");
        if request.form("grant_type") != Some("client_credentials")
            || request.form("client_assertion_type") != Some(ASSERTION)
        {
            return refused(
                400,
                "unsupported_grant_type",
                "Only client_credentials with a signed assertion.",
            );
        }
        if !self.believes(request.form("client_assertion").unwrap_or_default(), &endpoint, now) {
            return refused(401, "invalid_client", "The client_assertion is invalid.");
        }
        let asked: BTreeSet<String> =
            request.form("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        if asked.is_empty() || !asked.is_subset(&self.granted) {
            return refused(400, "invalid_scope", "The app was not granted one of the scopes.");
        }
        let Some(proof) = self.proof(request, &endpoint, None, now) else {
            return refused(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing or invalid.");
        };
        if self.nonce.is_empty() || proof.text("nonce") != self.nonce {
            self.nonce = random_signs(entropy, 24);
            let mut answer =
                refused(400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof.");
            answer.headers.push(("dpop-nonce".into(), self.nonce.clone()));
            return answer;
        }
        self.give(asked, &proof, now, entropy)
    }

    fn give(
        &mut self,
        scopes: BTreeSet<String>,
        proof: &Jwt,
        now: Timestamp,
        entropy: &SeededEntropy,
    ) -> Response {
        let encoded = |value: Value| BASE64URL_NOPAD.encode(&value.to_canonical());
        let header = Object::from_pairs([("alg", Value::from("ES256")), ("typ", "at+jwt".into())]);
        let scp: Value = scopes.iter().map(String::as_str).collect();
        let claims = Object::from_pairs([
            ("cid", Value::from(self.client_id.as_str())),
            ("exp", (now.as_second() + LIFETIME).into()),
            ("scp", scp),
        ]);
        let token =
            format!("{}.{}.{}", encoded(header.into()), encoded(claims.into()), random_signs(entropy, 40));
        let words: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let body = Object::from_pairs([
            ("access_token", Value::from(token.as_str())),
            ("expires_in", LIFETIME.into()),
            ("scope", words.join(" ").into()),
            ("token_type", "DPoP".into()),
        ]);
        let ends = now + jiff::SignedDuration::from_secs(LIFETIME);
        self.tokens.insert(token, Given { thumbprint: proof.thumbprint(), ends, scopes });
        Response::json(200, body.into())
    }

    /// Whether an assertion is of the app, for this endpoint, in time, and new.
    fn believes(&mut self, assertion: &str, endpoint: &str, now: Timestamp) -> bool {
        let key = self.public_key.clone();
        let Some(jwt) = open(assertion, |_| Some(key)) else { return false };
        let own = jwt.text("iss") == self.client_id && jwt.text("sub") == self.client_id;
        let soon = |seconds: i64| seconds > now.as_second() && seconds <= now.as_second() + LIFETIME;
        own && jwt.text("aud") == endpoint
            && jwt.seconds("exp").is_some_and(soon)
            && self.used.insert(format!("assertion {}", jwt.text("jti")))
    }

    /// The proof that a request carries, if it is of this request, in time, and new.
    fn proof(
        &mut self,
        request: &Request,
        address: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Option<Jwt> {
        let jwt = open(request.headers.get("dpop")?, Jwt::key)?;
        let typed = jwt.header.get("typ") == Some(&"dpop+jwt".into());
        let here = jwt.text("htm") == request.method && jwt.text("htu") == address;
        let timely = (jwt.seconds("iat")? - now.as_second()).abs() <= SKEW;
        let bound = token.is_none_or(|token| {
            jwt.text("ath") == BASE64URL_NOPAD.encode(digest(&SHA256, token.as_bytes()).as_ref())
        });
        let new = !jwt.text("jti").is_empty() && self.used.insert(format!("proof {}", jwt.text("jti")));
        (typed && here && timely && bound && new).then_some(jwt)
    }

    /// The scopes of the token that a call shows, with a proof that it is the caller's.
    ///
    /// # Errors
    /// No such token, too old, or shown by somebody who has not its key.
    pub(super) fn admit(
        &mut self,
        request: &Request,
        url: &str,
        now: Timestamp,
    ) -> Result<BTreeSet<String>, Refusal> {
        let invalid = Refusal::unknown;
        let shown = request.headers.get("authorization").and_then(|text| text.strip_prefix("DPoP "));
        let token = shown.map(str::to_owned).ok_or_else(invalid)?;
        let address = format!("{url}{}", request.path);
        let proof = self.proof(request, &address, Some(&token), now).ok_or_else(invalid)?;
        let given = self.tokens.get(&token).filter(|given| given.ends > now).ok_or_else(invalid)?;
        (proof.thumbprint() == given.thumbprint).then(|| given.scopes.clone()).ok_or_else(invalid)
    }
}
