//! A private key that signs for us: JWTs that say who we are (RFC 7523) and that a request is ours
//! (RFC 9449, in [`crate::http::proof`]).
//!
//! A key comes as PEM or as JWK, in the forms in which vendors hand it out. It is read once, and
//! neither it nor anything that it signed stands in an error.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::http::error::HttpError;
use crate::json::{self, Object, Value};

/// The signing key of a client, with the name under which the vendor knows its public half.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    /// The key's id at the vendor, where it was given.
    key_id: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.algorithm())
    }
}

fn unusable(what: &'static str) -> HttpError {
    HttpError::Key { what }
}

impl SigningKey {
    /// Reads a key: PEM (`PRIVATE KEY`, `RSA PRIVATE KEY`) or a JWK of type RSA or EC.
    ///
    /// # Errors
    /// [`HttpError::Key`] says what the text is not; it never repeats any of it.
    pub fn parse(text: &str, key_id: Option<String>) -> Result<Self, HttpError> {
        if text.trim_start().starts_with('{') {
            let value = json::parse(text.as_bytes(), &json::Limits::default());
            let jwk = value.map_err(|_| unusable("it begins like a JWK and is not JSON"))?;
            let named = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
            return Ok(Self { pair: Arc::new(from_jwk(&jwk)?), key_id: key_id.or(named) });
        }
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| unusable("it is neither PEM with a private key nor a JWK"))?;
        Ok(Self { pair: Arc::new(from_der(&der)?), key_id })
    }

    /// A new key on P-256, for this process only.
    pub(crate) fn ephemeral() -> Result<(Self, Value), HttpError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random)
            .map_err(|_| unusable("the system gave no random bytes"))?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random)
            .map_err(|_| unusable("a new key cannot be read"))?;
        let jwk = point(ring::signature::KeyPair::public_key(&pair).as_ref())?;
        Ok((Self { pair: Arc::new(Pair::P256(pair)), key_id: None }, jwk))
    }

    /// The name of the signature's algorithm in a JWT.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match &*self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
        }
    }

    /// A signed JWT of these claims; `header` goes beside `alg` and `kid`.
    pub(crate) fn jwt(&self, mut header: Object, claims: Object) -> Result<String, HttpError> {
        header.insert("alg", self.algorithm());
        if let Some(key_id) = &self.key_id {
            header.insert("kid", key_id.as_str());
        }
        let part = |object: Object| BASE64URL_NOPAD.encode(&Value::from(object).to_canonical());
        let mut text = format!("{}.{}", part(header), part(claims));
        let signature = self.sign(text.as_bytes())?;
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(&signature));
        Ok(text)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, HttpError> {
        let failed = |_| unusable("it cannot sign");
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Pair::P256(pair) | Pair::P384(pair) => {
                Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec())
            }
        }
    }
}

fn from_der(der: &PrivateKeyDer<'_>) -> Result<Pair, HttpError> {
    let bytes = der.secret_der();
    let random = SystemRandom::new();
    match der {
        PrivateKeyDer::Pkcs8(_) => RsaKeyPair::from_pkcs8(bytes)
            .map(Pair::Rsa)
            .or_else(|_| {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &random).map(Pair::P256)
            })
            .or_else(|_| {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, bytes, &random).map(Pair::P384)
            })
            .map_err(|_| unusable("it is neither RSA of 2048 bits or more nor EC on P-256 or P-384")),
        PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(bytes)
            .map(Pair::Rsa)
            .map_err(|_| unusable("it is not a whole RSA key of 2048 bits or more")),
        _ => Err(unusable("it is in SEC1 form: convert it with `openssl pkcs8 -topk8 -nodes`")),
    }
}

fn from_jwk(jwk: &Value) -> Result<Pair, HttpError> {
    let part = |name: &str| {
        let text = jwk.get(name).and_then(Value::as_str).unwrap_or_default();
        BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok().filter(|bytes| !bytes.is_empty())
    };
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    match (text("kty"), text("crv")) {
        ("RSA", _) => {
            let whole = || {
                Some(ring::rsa::KeyPairComponents {
                    public_key: ring::rsa::PublicKeyComponents { n: part("n")?, e: part("e")? },
                    d: part("d")?,
                    p: part("p")?,
                    q: part("q")?,
                    dP: part("dp")?,
                    dQ: part("dq")?,
                    qInv: part("qi")?,
                })
            };
            let components = whole().ok_or(unusable("the JWK lacks a part of the private RSA key"))?;
            let pair = RsaKeyPair::from_components(&components);
            pair.map(Pair::Rsa).map_err(|_| unusable("the JWK is not an RSA key of 2048 bits or more"))
        }
        ("EC", "P-256") => curve(&ECDSA_P256_SHA256_FIXED_SIGNING, part).map(Pair::P256),
        ("EC", "P-384") => curve(&ECDSA_P384_SHA384_FIXED_SIGNING, part).map(Pair::P384),
        _ => Err(unusable("the JWK is neither RSA nor EC on P-256 or P-384")),
    }
}

fn curve(
    algorithm: &'static ring::signature::EcdsaSigningAlgorithm,
    part: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<EcdsaKeyPair, HttpError> {
    let whole = || Some((part("d")?, part("x")?, part("y")?));
    let (d, x, y) = whole().ok_or(unusable("the JWK lacks a part of the private EC key"))?;
    let public = [vec![4], x, y].concat();
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &d, &public, &SystemRandom::new())
        .map_err(|_| unusable("the parts of the JWK do not belong together"))
}

/// The public JWK of an uncompressed point on P-256.
fn point(bytes: &[u8]) -> Result<Value, HttpError> {
    let (x, y) = bytes
        .strip_prefix(&[4])
        .filter(|rest| rest.len() == 64)
        .map(|rest| rest.split_at(32))
        .ok_or(unusable("a new key has another form"))?;
    Ok(Object::from_pairs([
        ("kty", Value::from("EC")),
        ("crv", "P-256".into()),
        ("x", BASE64URL_NOPAD.encode(x).into()),
        ("y", BASE64URL_NOPAD.encode(y).into()),
    ])
    .into())
}
