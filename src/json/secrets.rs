//! Recognising secrets that no catalogue declared: a safety net, by name and by shape.
//!
//! It errs towards calling a value secret. That costs little (the value is sealed apart and shown
//! as a marker), while a missed one stands in clear in every diff. Names count when their last
//! word is the secret itself: `clientSecret` and `password/hash/value`, not `passwordPolicy` or
//! `tokenLifetime`. Shapes count under any name.

use crate::json::pointer::index_of;
use crate::json::redact::{SECRET, is_marker, is_masked};
use crate::json::walk::{Path, Token, places_where};
use crate::json::{Object, Pointer, Value};

/// Last words that name a secret.
const HEADS: &[&str] = &[
    "secret",
    "secrets",
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "token",
    "tokens",
    "privatekey",
    "apikey",
    "secretkey",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
];

/// Last two words that name a secret; a key without such a word before it is often public.
const PAIRS: &[(&str, &str)] = &[
    ("private", "key"),
    ("api", "key"),
    ("secret", "key"),
    ("access", "key"),
    ("account", "key"),
    ("shared", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("decryption", "key"),
    ("master", "key"),
    ("integration", "key"),
    ("bind", "credential"),
    ("client", "credential"),
];

/// Words behind the name of a secret that leave it the name of a secret.
const TAILS: &[&str] = &[
    "value",
    "values",
    "text",
    "string",
    "data",
    "hash",
    "hashed",
    "pem",
    "jwk",
    "plain",
    "plaintext",
    "base64",
    "encoded",
    "encrypted",
    "raw",
    "current",
    "new",
    "old",
];

/// Values that say how a secret is treated and are none.
const STATES: &[&str] = &[
    "true", "false", "yes", "no", "on", "off", "none", "always", "never", "enabled", "disabled", "required",
    "optional", "active", "inactive",
];

/// Beginnings of tokens that their issuers made recognisable.
const PREFIXES: &[&str] = &[
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "sk_live_",
    "rk_live_",
    "SG.",
    "Bearer ",
    "Basic ",
    "SSWS ",
];

/// Members of a JSON Web Key that are private.
const JWK_PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "k"];

/// True if the value at this place is probably a secret: a text that its name or its shape gives
/// away, or a JSON Web Key with its private part.
pub fn looks_secret(pointer: &Pointer, value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let names = pointer.segments().rev().filter(|s| index_of(s).is_none());
            text_is_secret(names, text, value)
        }
        Value::Object(object) => is_jwk(object) && JWK_PRIVATE.iter().any(|name| holds_text(object, name)),
        _ => false,
    }
}

/// Every place in the document that looks secret, in document order; of a JSON Web Key only its
/// private members.
pub fn recognise(document: &Value) -> Vec<Pointer> {
    let mut found = Vec::new();
    recognise_below(document, Path::ROOT, &mut found);
    found
}

/// Where texts stand below the root that look secret or pass a test of the caller's; what stands in a marker is none.
pub fn texts_where(document: &Value, test: &dyn Fn(&Value) -> bool) -> Vec<Pointer> {
    places_where(document, &mut |path, value| {
        let Value::String(text) = value else { return false };
        let in_marker = matches!(path.upwards().next(), Some(Token::Name(name)) if name == SECRET);
        !in_marker && (test(value) || text_is_secret(names_of(path), text, value))
    })
}

/// The names on the way to a value, the nearest first.
fn names_of<'a>(path: Path<'a>) -> impl Iterator<Item = &'a str> {
    path.upwards().filter_map(|token| match token {
        Token::Name(name) if index_of(name).is_none() => Some(name),
        _ => None,
    })
}

fn recognise_below(value: &Value, path: Path<'_>, found: &mut Vec<Pointer>) {
    match value {
        Value::String(text) if text_is_secret(names_of(path), text, value) => found.push(path.to_pointer()),
        // What stands in a marker's place is known already.
        Value::Object(object) if !is_marker(value) => {
            let jwk = is_jwk(object);
            for (name, child) in object.iter() {
                let path = path.down(Token::Name(name));
                if jwk && JWK_PRIVATE.contains(&name) && holds_text(object, name) {
                    found.push(path.to_pointer());
                } else {
                    recognise_below(child, path, found);
                }
            }
        }
        Value::Array(elements) => {
            for (index, child) in elements.iter().enumerate() {
                recognise_below(child, path.down(Token::Index(index)), found);
            }
        }
        _ => {}
    }
}

fn is_jwk(object: &Object) -> bool {
    object.get("kty").is_some_and(|kty| kty.as_str().is_some())
}

fn holds_text(object: &Object, name: &str) -> bool {
    object.get(name).is_some_and(|v| v.as_str().is_some_and(|text| !text.is_empty()) && !is_masked(v))
}

/// `names` are those of the value and of what it stands in, the nearest first.
fn text_is_secret<'a>(names: impl Iterator<Item = &'a str>, text: &str, value: &Value) -> bool {
    if text.is_empty() || is_masked(value) {
        return false;
    }
    if shape_is_secret(text) {
        return true;
    }
    let harmless = STATES.iter().any(|state| text.eq_ignore_ascii_case(state))
        || text.starts_with("http://")
        || text.starts_with("https://")
        || (text.starts_with("${") && text.ends_with('}'));
    !harmless && name_is_secret(names)
}

fn name_is_secret<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    for name in names {
        let mut words = words_from_the_end(name)
            .skip_while(|word| TAILS.iter().any(|tail| word.eq_ignore_ascii_case(tail)));
        let Some(last) = words.next() else {
            // `value` or `hash` alone: the name above says of what.
            continue;
        };
        if HEADS.iter().any(|head| last.eq_ignore_ascii_case(head)) {
            return true;
        }
        let Some(before) = words.next() else {
            return false;
        };
        return PAIRS.iter().any(|(a, b)| before.eq_ignore_ascii_case(a) && last.eq_ignore_ascii_case(b));
    }
    false
}

/// The words of a name, the last one first: split at punctuation, at digits, and where camel case
/// begins a word (`APIKey` is `API`, `Key`).
fn words_from_the_end(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let is_letter = |c: char| c.is_alphabetic();
        rest = rest.trim_end_matches(|c| !is_letter(c));
        let mut start = rest.len();
        let mut right: Option<char> = None;
        for (i, c) in rest.char_indices().rev() {
            let breaks = match right {
                _ if !is_letter(c) => true,
                Some(r) => c.is_lowercase() && r.is_uppercase(),
                None => false,
            };
            if breaks {
                break;
            }
            start = i;
            // `IKey`: an upper-case letter before a lower-case one begins the word.
            if c.is_uppercase() && right.is_some_and(char::is_lowercase) {
                break;
            }
            right = Some(c);
        }
        let word = &rest[start..];
        rest = &rest[..start];
        (!word.is_empty()).then_some(word)
    })
}

fn shape_is_secret(text: &str) -> bool {
    // Nearly every text is shorter than the two together, and is not searched.
    let pem = || text.len() > 22 && text.contains("-----BEGIN ") && text.contains("PRIVATE KEY");
    let prefixed = || {
        let rest = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
        // A blank tells a label such as `Basic authentication` from a header.
        rest.is_some_and(|rest| rest.len() >= 12 && !rest.contains(' '))
    };
    pem() || prefixed() || is_token(text) || has_password_in_url(text)
}

/// A signed or encrypted JSON Web Token: three or five parts of base64url, a header first.
fn is_token(text: &str) -> bool {
    if !text.starts_with("eyJ") || text.len() < 30 {
        return false;
    }
    let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'=');
    let dots = text.bytes().filter(|b| *b == b'.').count();
    matches!(dots, 2 | 4) && text.bytes().all(in_alphabet)
}

/// `scheme://user:password@host`.
fn has_password_in_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map(|(_, p)| p);
    // `{password}` and `***` are templates and masks.
    password.is_some_and(|p| p.chars().any(char::is_alphanumeric) && !p.starts_with(['{', '$']))
}
