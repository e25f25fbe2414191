//! Secrets leave the document and do not come back by another way.

use super::json;
use crate::json::redact::{
    fingerprint, is_marker, is_masked, marker, redact, redact_recognised, unknown_marker,
};
use crate::json::{Pattern, Pointer, Value, looks_secret};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    let parse = |text: &&str| Pattern::parse(text).expect("the test's own pattern");
    texts.iter().map(parse).collect()
}

/// Bodies as the providers give them; everything secret in them contains `CANARY`.
const BODY: &str = r#"{
    "id": "0oa1", "label": "token", "type": "password", "passwordPolicy": "length(8)",
    "clientSecret": "CANARY-1", "client_secret_expires_at": 0, "tokenLifetime": "PT1H",
    "credentials": {"password": {"value": "CANARY-2", "hash": {"salt": "s", "value": "CANARY-3"}},
        "passwordChanged": "2026-01-01T00:00:00Z"},
    "config": {"bindCredential": ["CANARY-4"], "use.refresh.tokens": "true", "clientSecret": "**********",
        "vaulted.password": "${vault.smtp}", "token_endpoint": "https://idp.example/token",
        "APIKey": "CANARY-5", "connectionUrl": "ldaps://cn=admin:CANARY-6@ldap.example:636"},
    "idp": {"cert": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "pem": "-----BEGIN RSA PRIVATE KEY-----\nCANARY-7\n-----END RSA PRIVATE KEY-----"},
    "keys": [{"kty": "RSA", "n": "public", "e": "AQAB", "d": "CANARY-8"}],
    "headers": [{"name": "authorization", "value": "Bearer CANARY-9-0123456789"}],
    "note": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJDQU5BUlkifQ.c2lnbmF0dXJlLUNBTkFSWQ",
    "secrets": {"items": [{"name": "n", "value": "plain"}]}
}"#;

#[test]
fn the_net_finds_secrets_by_name_and_by_shape() {
    let mut body = json(BODY);
    let taken = redact_recognised(&mut body, |_, _| "f1".to_owned());
    let places: Vec<String> = taken.iter().map(|t| t.pointer.to_string()).collect();
    insta::assert_snapshot!(places.join("\n"), @r"
    /clientSecret
    /config/APIKey
    /config/bindCredential/0
    /config/connectionUrl
    /credentials/password/hash/value
    /credentials/password/value
    /headers/0/value
    /idp/pem
    /keys/0/d
    /note
    ");
    assert!(!body.to_line().contains("CANARY"));
    assert!(taken.iter().all(|t| t.pointer.get(&body).is_some_and(is_marker)));
    assert!(!format!("{taken:?}").contains("CANARY"));
    assert!(redact_recognised(&mut body, |_, _| "f2".to_owned()).is_empty());
}

#[test]
fn names_at_word_boundaries() {
    let secret = [
        "password",
        "Password",
        "userPassword",
        "bind_password",
        "smtp.password",
        "PASSWORD",
        "clientSecret",
        "CLIENT_SECRET",
        "client-secret",
        "secret2",
        "apiKey",
        "API_KEY",
        "APIKey",
        "privateKey",
        "private_key_pem",
        "accessToken",
        "refresh_token",
        "passphrase",
        "passwordHash",
        "token",
        "secretValue",
        "signing_key",
    ];
    let open = [
        "passwordPolicy",
        "tokenLifetime",
        "token_type",
        "secretary",
        "tokenize",
        "compass",
        "key",
        "publicKey",
        "keyId",
        "access_key_id",
        "secretRotatedAt",
        "hasPassword2FA",
        "nontokenish",
        "value",
        "hash",
    ];
    let text = Value::from("abc");
    for name in secret {
        assert!(looks_secret(&Pointer::from_segments([name]), &text), "{name}");
    }
    for name in open {
        assert!(!looks_secret(&Pointer::from_segments([name]), &text), "{name}");
    }
    let nested = |text: &str| Pointer::parse(text).expect("a pointer");
    assert!(looks_secret(&nested("/password/hash/value"), &text));
    assert!(looks_secret(&nested("/tokens/0"), &text));
    assert!(!looks_secret(&nested("/password/history/value"), &text));
    assert!(!looks_secret(&nested("/password"), &Value::from(true)));
    assert!(!looks_secret(&nested("/password"), &Value::from("")));
    assert!(looks_secret(&nested("/key"), &json(r#"{"kty":"EC","d":"x"}"#)));
    assert!(!looks_secret(&nested("/key"), &json(r#"{"kty":"EC","x":"x"}"#)));
}

#[test]
fn declared_secrets_become_markers() {
    let mut body =
        json(r#"{"a":"v1","b":null,"c":"","d":"********","e":{"$secret":"old"},"f":[{"s":1},{"s":"v2"}]}"#);
    let mut asked = Vec::new();
    let secrets = patterns(&["/a", "/b", "/c", "/d", "/e", "/f/*/s", "/**/s", "/none"]);
    let taken = redact(&mut body, &secrets, |place, value| {
        asked.push(place.to_string());
        format!("fp-{}", value.to_line().len())
    });
    assert_eq!(asked, ["/a", "/f/0/s", "/f/1/s"]);
    let values: Vec<String> = taken.iter().map(|t| t.value.expose().to_line()).collect();
    assert_eq!(values, [r#""v1""#, "1", r#""v2""#]);
    insta::assert_snapshot!(body.to_line(), @r#"{"a":{"$secret":"fp-4"},"b":null,"c":{"$secret":"unknown"},"d":{"$secret":"unknown"},"e":{"$secret":"old"},"f":[{"s":{"$secret":"fp-1"}},{"s":{"$secret":"fp-4"}}]}"#);
}

#[test]
fn a_marker_is_never_marked_again() {
    let mut body = json(r#"{"a":{"x":"v1","y":{"x":"v2"}},"b":{"$secret":"old"},"c":["v3"]}"#);
    let secrets = patterns(&["/a", "/*/x", "/**/*", "/b/$secret", "/**/*"]);
    let taken = redact(&mut body, &secrets, |_, _| "new".to_owned());
    let places: Vec<String> = taken.iter().map(|t| t.pointer.to_string()).collect();
    assert_eq!(places, ["/a", "/c"]);
    assert_eq!(body.to_line(), r#"{"a":{"$secret":"new"},"b":{"$secret":"old"},"c":{"$secret":"new"}}"#);
    let mut text = Value::from("v");
    assert_eq!(redact(&mut text, &patterns(&[""]), |_, _| "f".to_owned()).len(), 1);
    assert!(is_marker(&text));
}

#[test]
fn labels_and_headers() {
    let place = Pointer::from_segments(["label"]);
    for (text, secret) in [
        ("Basic authentication for staff", false),
        ("Basic dXNlcjpwYXNzd29yZA==", true),
        ("eyJhbGciOiJub25lIn0.notenoughparts-of-it-here", false),
        ("https://user@example.com/a:b@c", false),
        ("https://user:pw1@example.com/", true),
        ("jdbc:postgresql://u:{password}@db/x", false),
        ("-----BEGIN PUBLIC KEY-----", false),
        ("xoxb-1234567890-abcdef", true),
    ] {
        assert_eq!(looks_secret(&place, &text.into()), secret, "{text}");
    }
}

#[test]
fn markers_and_masks() {
    assert_eq!(marker("ab").to_line(), r#"{"$secret":"ab"}"#);
    assert_eq!(fingerprint(&marker("ab")), Some("ab"));
    assert_eq!(fingerprint(&unknown_marker()), Some("unknown"));
    for other in [r#"{"$secret":1}"#, r#"{"$secret":"a","b":1}"#, r#"{"secret":"a"}"#, r#""$secret""#, "{}"] {
        assert!(!is_marker(&json(other)), "{other}");
    }
    for mask in ["***", "********", "••••", "_VALUE_NOT_SHOWN_"] {
        assert!(is_masked(&mask.into()), "{mask}");
    }
    for value in ["", "**", "***a", "a***"] {
        assert!(!is_masked(&value.into()), "{value}");
    }
}
