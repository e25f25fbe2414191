//! The engine against a server in this process, with a small catalogue of every form of read.

mod kinds;
mod links;
mod lists;
mod tenant;

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::response::Response;

use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::base::secret::Secret;
use crate::catalog::{Method, Provider};
use crate::http::fake::{Fake, Seen, answer, json};
use crate::json::{Limits, Value, parse};
use crate::provider::given::Given;
use crate::provider::sweep::Unread;
use crate::provider::{
    Credential, Item, Known, Live, ProviderError, Swept, Target, World, WriteRequest, forecast, is_context,
    order,
};

const PLANTED: &str = "planted-s3cret";

const HEAD: &str = r#"
format = 1
provider = "acme"
title = "Acme"
source = "a test"
rules = 1
settings = { org = "", zone = "eu" }
auth = { forms = ["token"], scheme = "SSWS" }
identity = { path = "/{org}/about", at = "/id" }
params = { client = ["client:/id"], group = ["group:/id"], role = ["role:/id"] }
statuses = [{ status = 404, code = "feature_off", state = "not_entitled", reason = "switched off" }]

[paging]
offset = { style = "offset", offset = "first", limit = "max", size = 3 }
page = { style = "page", page = "p", limit = "n", size = 3, first = 1, rows_max = 6 }
cursor = { style = "cursor", cursor = "c", next = "/next", limit = "n", size = 3 }
link = { style = "link_header", limit = "n", size = 3 }
body = { style = "body_link", next = "/@next" }
all = { style = "whole", query = { max = "-1" } }
"#;

/// The catalogue with these kinds.
fn catalog(kinds: &str) -> &'static Provider {
    let text: String = kinds
        .split("[[kind]]")
        .enumerate()
        .map(|(n, kind)| {
            if n == 0 {
                kind.to_owned()
            } else {
                format!("[[kind]]\nwhat = 'x'\nrestore = {{ class = 'never', reason = 'x' }}{kind}")
            }
        })
        .collect();
    match crate::catalog::parse("acme", &format!("{HEAD}{text}")) {
        Ok(provider) => Box::leak(Box::new(provider)),
        Err(error) => panic!("{error}"),
    }
}

fn target(fake: &Fake) -> Target {
    Target {
        url: fake.url.clone(),
        ca_file: None,
        settings: [("org".to_owned(), "o1".to_owned())].into(),
        credential: Credential::Token { token: Secret::new(PLANTED.into()) },
        budget_percent: 100,
        token_url: None,
        scopes: Vec::new(),
        costly: [].into(),
    }
}

fn live(catalog: &'static Provider, fake: &Fake) -> Live {
    Live::connect_in(catalog, target(fake), World { tries_max: 2, ..World::default() }).unwrap()
}

/// A sweep of the first kind of a catalogue over what is known.
async fn swept(live: &Live, known: &Known) -> (Swept, BTreeMap<String, String>) {
    let spec = &live.catalog().kinds[0];
    let rows = Mutex::new(BTreeMap::new());
    let mut unread = Unread::default();
    let mut take = |given: Given| {
        let item = match given.read(spec) {
            Ok(item) => item,
            Err(error) => return unread.note(error),
        };
        let text = String::from_utf8(item.body.to_canonical()).unwrap();
        let old = rows.lock().unwrap().insert(item.key.to_path(), text);
        assert!(old.is_none(), "`{}` was handed over twice", item.key);
    };
    // Rows as they came, as the collector takes them.
    let mut swept = live.sweep_sent(spec, known, &mut |given| given.into_iter().for_each(&mut take)).await;
    swept.lacks(&unread);
    assert!(!format!("{swept:?}").contains(PLANTED));
    (swept, rows.into_inner().unwrap())
}

async fn sweep_of(
    kinds: &str,
    known: Known,
    handler: impl Fn(usize, &Seen) -> Response + Send + Sync + 'static,
) -> (Swept, Vec<String>, Fake) {
    let fake = Fake::start(handler).await;
    let (swept, rows) = swept(&live(catalog(kinds), &fake), &known).await;
    (swept, rows.into_keys().collect(), fake)
}

fn value(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn key(path: &str) -> ResourceKey {
    ResourceKey::from_path(path).unwrap()
}

fn item(path: &str, body: &str) -> Item {
    Item { key: key(path), body: value(body), raw_len: body.len() }
}

fn known(bodies: &[(&str, &str)]) -> Known {
    let mut known = Known::default();
    for (path, body) in bodies {
        known.insert(item(path, body));
    }
    known
}

/// Rows `a`, `b` … as JSON.
fn letters(range: std::ops::Range<usize>) -> String {
    let rows: Vec<_> =
        range.map(|n| format!(r#"{{"id":"{}"}}"#, char::from(b'a' + u8::try_from(n).unwrap()))).collect();
    format!("[{}]", rows.join(","))
}

const USER: &str =
    "[[kind]]\nkind = 'user'\nid = '/id'\nread = [{ path = '/{org}/users', paging = 'offset' }]\n";

const ROLE: &str = r"
[[kind]]
kind = 'role'
parent = ['client']
id = '/id'
scopes = { read = ['view-clients'] }
read = [{ path = '/clients/{client}/roles', only = [{ at = '/off', not = [true] }] }]
[[kind]]
kind = 'client'
id = '/id'
read = [{ path = '/clients' }]
";

fn clients() -> Known {
    known(&[
        ("client/1", r#"{"id":"1"}"#),
        ("client/2", r#"{"id":"2","off":true}"#),
        ("client/3", r#"{"id":"3"}"#),
    ])
}

const LOCALE: &str = r"
params = { locale = ['locale:', 'row:'] }
";

const GATED: &str = r"
[[kind]]
kind = 'org'
id = '/id'
read = [{ path = '/orgs', only = [{ of = 'realm', at = '/orgs', is = [true] }] }]
[[kind]]
kind = 'realm'
shape = 'singleton'
read = [{ path = '/{org}' }]
";
