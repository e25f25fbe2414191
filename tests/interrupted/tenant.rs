//! A tenant in memory that counts its calls: what it is asked twice, it does twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use futures::future::BoxFuture;
use lastgood::base::key::{Kind, ResourceKey, decode_part};
use lastgood::catalog::{self, Provider};
use lastgood::json::{Limits, Pointer, Value, parse};
use lastgood::restore::{Call, Reply, Tenant, TenantError};

/// Teams get a new id each time they are made, and two may have one name; apps keep theirs.
const CATALOG: &str = r#"
format = 1
provider = "test"
title = "Test"
source = "made for these tests"
rules = 1
auth = { forms = ["token"] }
identity = { path = "/", at = "/id" }

[params]
team = ["team:/id"]
app = ["app:/id"]

[[kind]]
kind = "team"
what = "A team, which gets a new id"
id = "/id"
name = ["/name"]
read = [{ path = "/teams" }]
assigned = ["/id"]
create = [{ call = "POST /teams" }]
update = [{ call = "PUT /teams/{team}" }]
delete = [{ call = "DELETE /teams/{team}" }]
restore = { class = "partial", reason = "a team gets a new id", order = 10 }

[[kind]]
kind = "app"
what = "An application of a team"
id = "/id"
name = ["/name"]
read = [{ path = "/apps" }]
assigned = ["/id"]
refs = [{ at = "/team", to = ["team"] }]
create = [{ call = "POST /apps", send = ["/id"], new_id = "sent" }]
update = [{ call = "PUT /apps/{app}" }]
delete = [{ call = "DELETE /apps/{app}" }]
restore = { class = "full", order = 20, keeps_id = true }
"#;

pub(crate) fn catalog() -> &'static Provider {
    static READ: OnceLock<Provider> = OnceLock::new();
    READ.get_or_init(|| catalog::parse("test", CATALOG).unwrap())
}

pub(crate) fn key(path: &str) -> ResourceKey {
    ResourceKey::from_path(path).unwrap()
}

pub(crate) fn value(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

pub(crate) type Bodies = BTreeMap<ResourceKey, Value>;

/// The tenant.
#[derive(Default)]
pub(crate) struct InMemory {
    bodies: Mutex<Bodies>,
    calls: Mutex<Vec<String>>,
}

impl InMemory {
    pub(crate) fn with(rows: &[(&str, &str)]) -> Self {
        let bodies = rows.iter().map(|(path, body)| (key(path), value(body))).collect();
        Self { bodies: Mutex::new(bodies), calls: Mutex::default() }
    }

    pub(crate) fn bodies(&self) -> Bodies {
        self.bodies.lock().unwrap().clone()
    }

    /// Every call so far: method, path and body.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn act(&self, call: &Call) -> Reply {
        let parts: Vec<String> =
            call.path.split('/').skip(1).map(|part| decode_part(part).unwrap()).collect();
        let kind = Kind::new(parts[0].strip_suffix('s').unwrap());
        let body = call.body.as_ref().map(|body| body.expose().clone());
        let text = body.as_ref().map(Value::to_line).unwrap_or_default();
        let mut calls = self.calls.lock().unwrap();
        calls.push(format!("{} {} {text}", call.method, call.path));
        let mut bodies = self.bodies.lock().unwrap();
        let made = format!("made-{}", calls.len());
        let sent = body.as_ref().and_then(|body| body.get("id")).and_then(Value::as_str);
        let id = parts.get(1).cloned().or_else(|| sent.map(str::to_owned)).unwrap_or(made);
        let at = ResourceKey::new(&kind, vec![id.clone()]);
        match body.filter(|_| call.method != "DELETE") {
            None => drop(bodies.remove(&at)),
            Some(mut body) => {
                Pointer::parse("/id").unwrap().set(&mut body, id.as_str()).unwrap();
                bodies.insert(at, body);
            }
        }
        Reply { status: 201, location: Some(format!("/{kind}s/{id}")), body: None }
    }
}

impl Tenant for InMemory {
    fn read<'a>(&'a self, key: &'a ResourceKey) -> BoxFuture<'a, Result<Option<Value>, TenantError>> {
        let body = self.bodies.lock().unwrap().get(key).cloned();
        Box::pin(async move { Ok(body) })
    }

    fn list<'a>(
        &'a self,
        kind: &'a Kind,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<(ResourceKey, Value)>, TenantError>> {
        let rows = self.bodies().into_iter().filter(|(key, _)| key.kind == *kind).collect();
        Box::pin(async move { Ok(rows) })
    }

    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, TenantError>> {
        let reply = self.act(call);
        Box::pin(async move { Ok(reply) })
    }
}
