//! The way in for an app registration: a token for its secret (RFC 6749, section 4.4).
//!
//! The token names the application permissions that an administrator consented to. Nobody checks its
//! signature: the vendor alone could, and here only tokens that were given out are known.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};

use crate::json::{Object, Value};
use crate::sim::entra::object;
use crate::sim::fill::{random_signs, uuid};
use crate::sim::wire::{Refusal, Request, Response};
use crate::sim::world::World;

/// How long a token is good, in seconds.
const LIFETIME: i64 = 3599;

/// An app registration, and the tokens that it was given.
pub struct Registration {
    /// Its client id.
    pub client_id: String,
    /// Its secret.
    pub secret: String,
    /// The application permissions that it was granted.
    pub granted: BTreeSet<String>,
    tokens: BTreeMap<String, Timestamp>,
}

impl Registration {
    /// A registration to which no token was given yet.
    #[must_use]
    pub fn new(client_id: &str, secret: &str, granted: BTreeSet<String>) -> Self {
        Self { client_id: client_id.into(), secret: secret.into(), granted, tokens: BTreeMap::new() }
    }
}

/// A refusal of the token endpoint: the word of the standard, and the vendor's number.
fn refused(world: &World, status: u16, error: &str, number: i64, said: &str) -> Response {
    let ids = [uuid(&world.entropy), uuid(&world.entropy)];
    let told = format!("AADSTS{number}: {said} Trace ID: {} Correlation ID: {}", ids[0], ids[1]);
    let body = object([
        ("error", error.into()),
        ("error_description", told.into()),
        ("error_codes", vec![number].into()),
        ("timestamp", world.now.strftime("%Y-%m-%d %H:%M:%SZ").to_string().into()),
        ("trace_id", ids[0].as_str().into()),
        ("correlation_id", ids[1].as_str().into()),
    ]);
    Response::json(status, body)
}

/// Answers a request for a token, where it is one.
pub(super) fn token(world: &mut World, request: &Request) -> Option<Response> {
    let directory = request.path.strip_prefix('/')?.strip_suffix("/oauth2/v2.0/token")?;
    let app = world.app.as_ref().filter(|_| request.method == "POST")?;
    if directory != world.org.id {
        return Some(refused(world, 400, "invalid_request", 90002, "The tenant was not found."));
    }
    if request.form("grant_type") != Some("client_credentials") {
        return Some(refused(
            world,
            400,
            "unsupported_grant_type",
            70003,
            "The grant type is not supported.",
        ));
    }
    if request.form("client_id") != Some(app.client_id.as_str()) {
        return Some(refused(
            world,
            400,
            "unauthorized_client",
            700_016,
            "The application was not found in the directory.",
        ));
    }
    if request.form("client_secret") != Some(app.secret.as_str()) {
        return Some(refused(world, 401, "invalid_client", 7_000_215, "The client secret is not valid."));
    }
    if request.form("scope") != Some(format!("{}/.default", world.org.url).as_str()) {
        return Some(refused(world, 400, "invalid_scope", 70011, "The scope is not valid."));
    }
    Some(give(world))
}

fn give(world: &mut World) -> Response {
    let encoded = |value: Value| BASE64URL_NOPAD.encode(&value.to_canonical());
    let header = object([("alg", "RS256".into()), ("typ", "JWT".into())]);
    let now = world.now;
    let sign = random_signs(&world.entropy, 64);
    let (directory, url) = (world.org.id.clone(), world.org.url.clone());
    let Some(app) = &mut world.app else { return Response::empty(404) };
    let claims = object([
        ("aud", url.into()),
        ("appid", app.client_id.as_str().into()),
        ("exp", (now.as_second() + LIFETIME).into()),
        ("iat", now.as_second().into()),
        ("roles", app.granted.iter().map(String::as_str).collect()),
        ("tid", directory.into()),
    ]);
    let token = format!("{}.{}.{sign}", encoded(header), encoded(claims));
    app.tokens.insert(token.clone(), now + SignedDuration::from_secs(LIFETIME));
    let body = Object::from_pairs([
        ("access_token", Value::from(token)),
        ("expires_in", LIFETIME.into()),
        ("ext_expires_in", LIFETIME.into()),
        ("token_type", "Bearer".into()),
    ]);
    Response::json(200, body.into())
}

/// Lets a request in that brings a token, with what the registration was granted.
pub(super) fn admit(world: &mut World, request: &Request) -> Result<Option<BTreeSet<String>>, Refusal> {
    let brought = request.headers.get("authorization").and_then(|text| text.strip_prefix("Bearer "));
    world.acting = brought.and_then(|token| world.people.get(token)).cloned();
    match &world.app {
        _ if world.acting.is_some() => Ok(None),
        None => Ok(None),
        Some(app) => {
            let ends = brought.and_then(|token| app.tokens.get(token));
            match ends.is_some_and(|ends| world.now < *ends) {
                true => Ok(Some(app.granted.clone())),
                false => Err(Refusal::unknown()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{handle, vendor};

    fn world() -> World {
        let now = "2026-06-15T12:00:00Z".parse().unwrap();
        let mut world = World::new(vendor("entra").unwrap(), "http://127.0.0.1:1", 7, now);
        world.app = Some(Registration::new("client", "right", BTreeSet::from(["User.Read.All".to_owned()])));
        world
    }

    fn asked(world: &mut World, over: &[(&str, &str)]) -> Response {
        let path = format!("/{}/oauth2/v2.0/token", world.org.id);
        let mut request = Request::new("POST", &path, "", None);
        let usual = [
            ("grant_type", "client_credentials"),
            ("client_id", "client"),
            ("client_secret", "right"),
            ("scope", "http://127.0.0.1:1/.default"),
        ];
        let said = |name: &str, usual: &str| {
            over.iter().find(|(known, _)| *known == name).map_or(usual, |(_, text)| text).to_owned()
        };
        request.fields = usual.iter().map(|(name, text)| ((*name).to_owned(), said(name, text))).collect();
        handle(world, &request)
    }

    fn users(world: &mut World, path: &str, token: &str) -> Response {
        let mut request = Request::new("GET", path, "", None);
        request.headers.insert("authorization".into(), format!("Bearer {token}"));
        handle(world, &request)
    }

    #[test]
    fn only_the_secret_gives_a_token() {
        let mut world = world();
        for (name, code) in [
            ("client_secret", "AADSTS7000215"),
            ("client_id", "AADSTS700016"),
            ("grant_type", "AADSTS70003"),
            ("scope", "AADSTS70011"),
        ] {
            let answer = asked(&mut world, &[(name, "wrong")]);
            let said = answer.text("/error_description").unwrap();
            assert!(answer.status >= 400 && said.starts_with(code), "{name}: {said}");
        }
        assert_eq!(asked(&mut world, &[]).status, 200);
    }

    #[test]
    fn a_token_is_good_for_what_was_granted_and_for_an_hour() {
        let mut world = world();
        let token = asked(&mut world, &[]).text("/access_token").unwrap();
        assert_eq!(users(&mut world, "/v1.0/users", &token).status, 200);
        assert_eq!(users(&mut world, "/v1.0/users", "another").status, 401);
        let denied = users(&mut world, "/v1.0/groups", &token);
        assert_eq!(denied.text("/error/code").unwrap(), "Authorization_RequestDenied");
        assert_eq!(denied.status, 403);
        world.now += SignedDuration::from_secs(LIFETIME);
        let late = users(&mut world, "/v1.0/users", &token);
        assert_eq!(late.text("/error/code").unwrap(), "InvalidAuthenticationToken");
    }
}
