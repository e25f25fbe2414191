//! The client against a server in this process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::base::secret::Secret;
use crate::http::fake::{Fake, Seen, answer, broken, json, streamed};
use crate::http::{Client, Credential, HttpError, Login, Outgoing, PaceRules, Setup, SigningKey};
use crate::json::{Limits, Value, parse};

const PLANTED: &str = "hunter2-planted-secret";

fn static_token() -> Login {
    Login {
        credential: Credential::Token { token: Secret::new(PLANTED.into()) },
        token: None,
        scheme: "SSWS".into(),
        extra: [].into(),
    }
}

fn password() -> Login {
    Login {
        credential: Credential::Password { username: "ad min".into(), password: Secret::new(PLANTED.into()) },
        token: Some("/token".into()),
        scheme: "Bearer".into(),
        extra: [("client_id".to_owned(), "admin-cli".to_owned())].into(),
    }
}

fn client(fake: &Fake, login: Login) -> Client {
    Client::new(Setup { tries_max: 3, ..Setup::new(&fake.url, login) }).unwrap()
}

fn token(number: usize, seconds: u64) -> axum::response::Response {
    json(200, format!(r#"{{"access_token":"t{number}","expires_in":{seconds},"token_type":"Bearer"}}"#))
}

#[tokio::test]
async fn a_password_is_exchanged_once_and_never_shown() {
    let fake =
        Fake::start(|n, seen| if seen.path == "/token" { token(n, 60) } else { json(200, "[]") }).await;
    let client = client(&fake, password());
    for _ in 0..3 {
        assert_eq!(client.get("/x").await.unwrap().status, 200);
    }
    let seen = fake.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(
        seen[0].body,
        format!("client_id=admin-cli&grant_type=password&password={PLANTED}&username=ad+min")
    );
    assert_eq!(seen[1].authorization, "Bearer t1");
    assert_eq!(client.tally().tokens, 1);
    let shown = format!("{:?} {:?} {:?}", password(), client.record(), client.tally());
    assert!(!shown.contains(PLANTED));
}

#[tokio::test]
async fn a_short_token_is_renewed_before_its_end() {
    let fake = Fake::start(|n, seen| if seen.path == "/token" { token(n, 1) } else { json(200, "[]") }).await;
    let client = client(&fake, password());
    client.get("/x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    client.get("/x").await.unwrap();
    let used: Vec<_> = fake.seen().iter().map(|seen| seen.authorization.clone()).collect();
    assert_eq!(used, ["", "Bearer t1", "", "Bearer t3"]);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all_that_used_it() {
    let fake = Fake::start(|n, seen| match seen.path.as_str() {
        "/token" => token(n, 60),
        _ if seen.authorization == "Bearer t1" => json(401, "{}"),
        _ => json(200, "[]"),
    })
    .await;
    let client = client(&fake, password());
    let all = futures::future::join_all((0..4).map(|_| client.get("/x"))).await;
    assert!(all.iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert_eq!(client.tally().tokens, 2);
}

#[tokio::test]
async fn a_token_refused_twice_is_an_answer() {
    let fake =
        Fake::start(|n, seen| if seen.path == "/token" { token(n, 60) } else { json(401, "{}") }).await;
    assert_eq!(client(&fake, password()).get("/x").await.unwrap().status, 401);
    assert_eq!(fake.targets().len(), 2);
    let fake = Fake::start(|_, _| json(401, "{}")).await;
    assert_eq!(client(&fake, static_token()).get("/x").await.unwrap().status, 401);
    assert_eq!(fake.targets().len(), 1, "a static token is not sent again");
    assert_eq!(fake.seen()[0].authorization, format!("SSWS {PLANTED}"));
}

#[tokio::test]
async fn a_401_for_another_reason_costs_no_token() {
    let fake = Fake::start(|n, seen| match seen.path.as_str() {
        "/token" => token(n, 60),
        _ => json(401, r#"{"errorCode":"E0000015"}"#),
    })
    .await;
    let setup = Setup { refusals: vec!["E0000015".into()], ..Setup::new(&fake.url, password()) };
    let client = Client::new(setup).unwrap();
    for _ in 0..3 {
        assert_eq!(client.get("/x").await.unwrap().status, 401);
    }
    assert_eq!(client.tally().tokens, 1);
    assert_eq!(fake.targets().len(), 3, "and none is asked twice");
}

#[tokio::test]
async fn a_refused_credential_says_why_without_saying_it() {
    let said = format!(r#"{{"error":"invalid_grant","error_description":"no user with {PLANTED}"}}"#);
    let fake = Fake::start(move |_, _| json(401, said.clone())).await;
    let error = client(&fake, password()).get("/x?q=1").await.unwrap_err();
    insta::assert_snapshot!(error, @"the credential was refused at `/token` (401): invalid_grant: no user with …");
    assert!(error.hint().unwrap().contains("password"));
    assert!(!format!("{error:?}").contains(PLANTED));
}

#[tokio::test]
async fn something_else_at_the_token_address_is_named() {
    let fake = Fake::start(|_, _| answer(200, &[], format!("<html>{PLANTED}</html>"))).await;
    let error = client(&fake, password()).get("/x").await.unwrap_err();
    insta::assert_snapshot!(error, @"no token from `/token` (200): the answer is not JSON");
    let fake = Fake::start(|_, _| json(404, "{}")).await;
    let error = client(&fake, password()).get("/x").await.unwrap_err();
    assert!(error.hint().unwrap().contains("realm"), "{error}");
}

#[tokio::test]
async fn not_now_is_tried_again_for_reads_only() {
    let fake = Fake::start(|n, _| if n <= 2 { json(503, "{}") } else { json(200, "[]") }).await;
    let reader = client(&fake, static_token());
    assert_eq!(reader.get("/x").await.unwrap().status, 200);
    assert_eq!((fake.targets().len(), reader.tally().retries), (3, 2));

    let fake = Fake::start(|_, _| json(503, "{}")).await;
    let request = Outgoing {
        method: "PUT",
        target: "/x".into(),
        body: Some((PLANTED.into(), "application/json".into())),
    };
    assert_eq!(client(&fake, static_token()).send(&request).await.unwrap().status, 503);
    assert_eq!(fake.targets().len(), 1);
    assert!(!format!("{request:?}").contains(PLANTED));
}

#[tokio::test]
async fn a_write_is_repeated_only_where_the_token_was_refused() {
    let fake = Fake::start(|n, seen| match (seen.path.as_str(), n) {
        ("/token", n) => token(n, 60),
        (_, 2) => json(401, "{}"),
        _ => json(204, ""),
    })
    .await;
    let request = Outgoing { method: "DELETE", target: "/x".into(), body: None };
    assert_eq!(client(&fake, password()).send(&request).await.unwrap().status, 204);
    assert_eq!(fake.targets().len(), 2);
}

#[tokio::test]
async fn retry_after_holds_everyone_back() {
    let fake = Fake::start(|n, _| match n {
        1 => answer(429, &[("retry-after", "1")], "{}"),
        _ => json(200, "[]"),
    })
    .await;
    let client = client(&fake, static_token());
    let since = Instant::now();
    assert_eq!(client.get("/x").await.unwrap().status, 200);
    assert!(since.elapsed() >= Duration::from_millis(990), "{:?}", since.elapsed());
    assert_eq!(client.tally().throttled, 1);
}

#[tokio::test]
async fn a_wait_beyond_reason_is_not_waited() {
    let fake = Fake::start(|_, _| answer(429, &[("retry-after", "86400")], "{}")).await;
    assert_eq!(client(&fake, static_token()).get("/x").await.unwrap().status, 429);
    assert_eq!(fake.targets().len(), 1);
}

#[tokio::test]
async fn our_share_is_kept_before_a_429_comes() {
    let fake = Fake::start(|n, _| {
        let left = (100 - n).to_string();
        answer(200, &[("x-limit", "100"), ("x-left", &left), ("x-reset", "1")], "[]")
    })
    .await;
    let pace = PaceRules {
        budget_percent: 5,
        limit_header: Some("x-limit".into()),
        remaining_header: Some("x-left".into()),
        reset_header: Some("x-reset".into()),
        ..PaceRules::default()
    };
    let client = Client::new(Setup { pace, ..Setup::new(&fake.url, static_token()) }).unwrap();
    let since = Instant::now();
    for _ in 0..5 {
        client.get("/x").await.unwrap();
    }
    assert!(since.elapsed() < Duration::from_millis(900));
    client.get("/x").await.unwrap();
    assert!(since.elapsed() >= Duration::from_millis(900), "the sixth waits for the next window");
    assert_eq!(client.tally().throttled, 0);
}

#[tokio::test]
async fn no_more_than_agreed_are_under_way() {
    let fake = Fake::start(|_, _| json(200, "[]")).await;
    let pace = PaceRules { concurrent: 2, per_second: 20, ..PaceRules::default() };
    let client = Client::new(Setup { pace, ..Setup::new(&fake.url, static_token()) }).unwrap();
    let since = Instant::now();
    futures::future::join_all((0..11).map(|_| client.get("/x"))).await;
    assert!(since.elapsed() >= Duration::from_millis(490), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Fake::start(|_, _| json(200, "[]")).await;
    let goal = format!("{}/elsewhere?token={PLANTED}", other.url);
    let fake = Fake::start(move |_, _| answer(302, &[("location", &goal)], "")).await;
    let error = client(&fake, static_token()).get("/x").await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Redirected { status: 302, to, .. } if to.ends_with("/elsewhere")),
        "{error}"
    );
    assert!(other.seen().is_empty());
    assert!(!format!("{error} {error:?}").contains(PLANTED));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_read_again() {
    let calls = AtomicUsize::new(0);
    let fake = Fake::start(move |_, _| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => broken(r#"[{"id":"#),
        _ => json(200, "[]"),
    })
    .await;
    assert_eq!(client(&fake, static_token()).get("/x").await.unwrap().body, "[]");
    let fake = Fake::start(|_, _| broken("[")).await;
    let error = client(&fake, static_token()).get("/x?secret=1").await.unwrap_err();
    assert!(matches!(&error, HttpError::Broken { path, .. } if path == "/x"), "{error:?}");
    assert!(!error.never_sent());
}

#[tokio::test]
async fn a_large_answer_is_not_read() {
    let fake =
        Fake::start(
            |_, seen| {
                if seen.path == "/large" { json(200, "x".repeat(5000)) } else { streamed("xxxxxxxxxx") }
            },
        )
        .await;
    let mut setup = Setup::new(&fake.url, static_token());
    setup.bounds.body_bytes_max = 9;
    let client = Client::new(setup).unwrap();
    for target in ["/large", "/stream"] {
        let error = client.get(target).await.unwrap_err();
        assert!(matches!(error, HttpError::TooLarge { max: 9, .. }), "{target}: {error}");
    }
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut setup = Setup::new(&format!("http://{}", listener.local_addr().unwrap()), static_token());
    setup.bounds.idle = Duration::from_millis(50);
    let client = Client::new(setup).unwrap();
    let request = Outgoing { method: "POST", target: "/x".into(), body: None };
    let error = client.send(&request).await.unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error}");
    assert!(!error.never_sent(), "a write may have been done");
}

#[tokio::test]
async fn a_server_that_is_gone_is_given_up_for_a_while() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(Setup { tries_max: 2, ..Setup::new(&url, static_token()) }).unwrap();
    let all = futures::future::join_all((0..3).map(|_| client.get("/x"))).await;
    for outcome in all {
        let error = outcome.unwrap_err();
        assert!(matches!(error, HttpError::Unreachable { .. }) && error.never_sent(), "{error}");
        assert!(error.hint().is_some());
    }
    let since = Instant::now();
    let error = client.get("/x").await.unwrap_err();
    assert!(matches!(error, HttpError::GivenUp { failures: 3, .. }), "{error}");
    assert!(since.elapsed() < Duration::from_millis(20));
}

#[tokio::test]
async fn a_tls_fault_is_named() {
    let fake = Fake::start(|_, _| json(200, "[]")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "nothing").unwrap();
    let url = fake.url.replace("http://", "https://");
    let mut setup = Setup::new(&url, static_token());
    setup.ca_file = Some(file.clone());
    assert!(matches!(Client::new(setup), Err(HttpError::CaFile { .. })));
    std::fs::remove_file(&file).unwrap();
    let mut setup = Setup::new(&url, static_token());
    setup.ca_file = Some(file);
    assert!(matches!(Client::new(setup), Err(HttpError::CaFile { .. })));
}

#[test]
fn seen_reads_parameters() {
    let seen = Seen {
        method: "GET".into(),
        path: "/a".into(),
        query: "first=10&max=5".into(),
        authorization: String::new(),
        asked_by: String::new(),
        proof: String::new(),
        body: String::new(),
    };
    assert_eq!((seen.number("first"), seen.param("x")), (Some(10), None));
}

/// A private key made for this test: its public half is nowhere.
fn private_key() -> SigningKey {
    let pair = ring::signature::EcdsaKeyPair::generate_pkcs8(
        &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &ring::rand::SystemRandom::new(),
    );
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        data_encoding::BASE64.encode(pair.unwrap().as_ref())
    );
    SigningKey::parse(&pem, Some("k1".into())).unwrap()
}

fn signed() -> Login {
    Login {
        credential: Credential::PrivateKey { client_id: "0oa1".into(), key: private_key() },
        token: Some("/token".into()),
        scheme: "SSWS".into(),
        extra: [("scope".to_owned(), "okta.users.read".to_owned())].into(),
    }
}

/// Header and claims of a JWT, with its signature checked where the key stands in it.
fn opened(jwt: &str) -> (Value, Value) {
    let parts: Vec<&str> = jwt.split('.').collect();
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let read = |text: &str| parse(&decode(text), &Limits::default()).unwrap();
    let (header, claims) = (read(parts[0]), read(parts[1]));
    if let Some(jwk) = header.get("jwk") {
        let part = |name: &str| decode(jwk.get(name).and_then(Value::as_str).unwrap());
        let public = [vec![4], part("x"), part("y")].concat();
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, public);
        let message = format!("{}.{}", parts[0], parts[1]);
        key.verify(message.as_bytes(), &decode(parts[2])).unwrap();
    }
    (header, claims)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

#[tokio::test]
async fn a_client_with_a_key_signs_who_it_is() {
    let fake =
        Fake::start(|n, seen| if seen.path == "/token" { token(n, 60) } else { json(200, "[]") }).await;
    let client = client(&fake, signed());
    client.get("/x").await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].field("grant_type").as_deref(), Some("client_credentials"));
    assert_eq!(seen[0].field("scope").as_deref(), Some("okta.users.read"));
    let (header, claims) = opened(&seen[0].field("client_assertion").unwrap());
    assert_eq!((text(&header, "alg"), text(&header, "kid")), (Some("ES256"), Some("k1")));
    assert_eq!((text(&claims, "iss"), text(&claims, "sub")), (Some("0oa1"), Some("0oa1")));
    assert_eq!(text(&claims, "aud"), Some(format!("{}/token", fake.url).as_str()));
    assert_eq!(seen[1].authorization, "Bearer t1", "what was fetched is no static token");
    assert_eq!(seen[1].proof, "", "no proof where none is asked for");
}

#[tokio::test]
async fn a_server_that_wants_proofs_gets_them_with_its_nonce() {
    let fake = Fake::start(|_, seen| {
        let nonce = (!seen.proof.is_empty())
            .then(|| opened(&seen.proof).1)
            .and_then(|claims| text(&claims, "nonce").map(str::to_owned));
        match (seen.path.as_str(), nonce.as_deref()) {
            ("/token", _) if seen.proof.is_empty() => json(400, r#"{"error":"invalid_dpop_proof"}"#),
            ("/token", None) => answer(400, &[("dpop-nonce", "n1")], r#"{"error":"use_dpop_nonce"}"#),
            ("/token", Some("n1")) => {
                json(200, r#"{"access_token":"bound","expires_in":60,"token_type":"DPoP"}"#)
            }
            (_, Some("n2")) => json(200, "[]"),
            (_, _) => answer(401, &[("dpop-nonce", "n2")], ""),
        }
    })
    .await;
    let client = client(&fake, signed());
    assert_eq!(client.get("/x?q=1").await.unwrap().status, 200);
    assert_eq!(client.get("/y").await.unwrap().status, 200);
    let seen = fake.seen();
    let paths: Vec<_> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(paths, ["/token", "/token", "/token", "/x", "/x", "/y"], "one token, one nonce learnt");
    let (header, claims) = opened(&seen[4].proof);
    assert_eq!(text(&header, "typ"), Some("dpop+jwt"));
    assert_eq!(text(&claims, "htm"), Some("GET"));
    assert_eq!(text(&claims, "htu"), Some(format!("{}/x", fake.url).as_str()), "without the query");
    let digest = ring::digest::digest(&ring::digest::SHA256, b"bound");
    let ath = data_encoding::BASE64URL_NOPAD.encode(digest.as_ref());
    assert_eq!(text(&claims, "ath"), Some(ath.as_str()));
    assert_eq!(seen[4].authorization, "DPoP bound");
    let names: std::collections::BTreeSet<_> =
        seen[1..].iter().map(|seen| text(&opened(&seen.proof).1, "jti").unwrap().to_owned()).collect();
    assert_eq!(names.len(), 5, "no proof is used twice");
}

#[tokio::test]
async fn a_nonce_that_never_fits_ends_the_login() {
    let fake = Fake::start(|n, _| {
        let nonce = format!("n{n}");
        answer(400, &[("dpop-nonce", nonce.as_str())], r#"{"error":"use_dpop_nonce"}"#)
    })
    .await;
    let client = client(&fake, signed());
    let error = client.get("/x").await.unwrap_err();
    assert!(matches!(error, HttpError::CredentialRefused { status: 400, .. }), "{error}");
    assert_eq!(fake.seen().len(), 4);
}

#[test]
fn a_key_is_read_in_the_forms_that_vendors_give() {
    let (_, public) = SigningKey::ephemeral().unwrap();
    assert_eq!(text(&public, "crv"), Some("P-256"));
    for (given, says) in [
        ("", "neither PEM"),
        ("{", "not JSON"),
        (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "lacks a part"),
        (r#"{"kty":"oct","k":"hunter2"}"#, "neither RSA nor EC"),
        ("-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n", "SEC1"),
        ("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "neither RSA of 2048"),
    ] {
        let error = SigningKey::parse(given, None).unwrap_err();
        assert!(error.to_string().contains(says), "{given}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}
