//! A tenant in memory with the quirks that vendors have: new ids, merged maps, masks, cascades,
//! defaults that it adds. It can fail at any chosen call.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::future::BoxFuture;

use crate::base::coverage::{Ledger, Row, State};
use crate::base::key::{Kind, ResourceKey};
use crate::base::secret::Secret;
use crate::catalog::{Provider, canonicalize};
use crate::json::{Limits, Object, Pointer, Value, parse};
use crate::restore::{Call, Marked, Recorded, Reply, RestoreError, SecretAt, Tenant, TenantError, Vault};

pub(super) const MASK: &str = "**********";

pub(super) const CATALOG: &str = r#"
format = 1
provider = "test"
title = "Test"
source = "made for these tests"
rules = 1
auth = { forms = ["token"] }
identity = { path = "/", at = "/id" }
masked = ["**********"]

[params]
app = ["app:/id"]
flow = ["flow:/id"]
step = ["step:/id"]
role = ["role:/id"]
group = ["group:/id"]
idp = ["idp:/id"]

[[kind]]
kind = "app"
what = "An application"
id = "/id"
name = ["/name"]
read = [{ path = "/apps" }]
set = [{ at = "/urls" }, { at = "/roles", by = "/id" }]
secret = [{ at = "/secret", returned = "clear" }]
assigned = ["/id"]
refs = [{ at = "/role", to = ["role"] }, { at = "/roles/*/id", to = ["role"] }, { at = "/friend", to = ["app"], second_pass = true }, { at = "/rules/*/group", to = ["group"] }, { at = "/flow", to = ["flow"], binds = true }]
create = [{ call = "POST /apps", send = ["/id"], new_id = "sent" }]
update = [{ call = "PUT /apps/{app}", merges = [{ at = "/attributes", remove_with = "" }] }]
delete = [{ call = "DELETE /apps/{app}" }]
restore = { class = "full", order = 30, keeps_id = true, privileged = [{ at = "/urls", why = "where codes go" }] }

[[kind]]
kind = "role"
what = "A role, which gets a new id"
id = "/id"
name = ["/name"]
read = [{ path = "/roles" }]
assigned = ["/id"]
system = [{ at = "/name", is = ["builtin"] }]
create = [{ call = "POST /roles" }]
update = [{ call = "PUT /roles/{role}" }]
delete = [{ call = "DELETE /roles/{role}" }]
restore = { class = "partial", reason = "a role gets a new id", order = 10, cascades = ["grant"] }

[[kind]]
kind = "group"
what = "A group in a group"
id = "/id"
name = ["/name"]
within = "/parentId"
read = [{ path = "/groups" }]
assigned = ["/id"]
refs = [{ at = "/parentId", to = ["group"] }]
create = [{ call = "POST /groups", send = ["/id"], new_id = "sent" }]
update = [{ call = "PUT /groups/{group}" }]
delete = [{ call = "DELETE /groups/{group}" }]
restore = { class = "full", order = 20, keeps_id = true, cascades = ["group", "grant", "app"] }

[[kind]]
kind = "grant"
what = "A role of a group"
shape = "edge"
parent = ["group"]
id = "/id"
read = [{ path = "/groups/{group}/roles" }]
params = { far = ["grant:/id"] }
refs = [{ at = "/id", to = ["role"] }]
create = [{ call = "PUT /groups/{group}/roles/{far}", body = "none", new_id = "sent" }]
delete = [{ call = "DELETE /groups/{group}/roles/{far}" }]
restore = { class = "full", order = 40, privileged = [{ why = "the group gains the role" }] }

[[kind]]
kind = "idp"
what = "A trusted login, whose secret is masked"
id = "/id"
name = ["/name"]
read = [{ path = "/idps" }]
secret = [{ at = "/config/secret", returned = "masked", mask = "kept" }, { at = "/pin", returned = "masked" }]
assigned = ["/id"]
refs = [{ at = "/audience", to = ["app"], target_at = "/name" }]
create = [{ call = "POST /idps", send = ["/id"], new_id = "sent" }]
update = [{ call = "PUT /idps/{idp}" }]
delete = [{ call = "DELETE /idps/{idp}" }]
restore = { class = "full", order = 5, keeps_id = true }

[[kind]]
kind = "flow"
what = "A way to sign in, which acts on whoever names it"
id = "/id"
name = ["/name"]
read = [{ path = "/flows" }]
assigned = ["/id"]
create = [{ call = "POST /flows", send = ["/id"], new_id = "sent" }]
update = [{ call = "PUT /flows/{flow}" }]
delete = [{ call = "DELETE /flows/{flow}" }]
restore = { class = "full", order = 60, keeps_id = true, cascades = ["step"] }

[[kind]]
kind = "step"
what = "A step of a flow; which setting it has, the server says"
parent = ["flow"]
id = "/id"
read = [{ path = "/flows/{flow}/steps" }]
assigned = ["/id", "/setting"]
refs = [{ at = "/setting", to = ["setting"] }, { at = "/inner", to = ["flow"], binds = true }]
create = [{ call = "POST /flows/{flow}/steps", send = ["/id"], new_id = "sent" }]
delete = [{ call = "DELETE /steps/{step}" }]
restore = { class = "full", order = 70, keeps_id = true }

[[kind]]
kind = "setting"
what = "The setting of a step"
parent = ["step"]
id = "/id"
read = [{ path = "/steps/{step}/settings" }]
assigned = ["/id"]
create = [{ call = "POST /steps/{step}/settings", send = ["/id"], new_id = "sent" }]
restore = { class = "full", order = 80, keeps_id = true }

[[kind]]
kind = "account"
what = "An account elsewhere, known by two fields"
id = "/provider"
also_id = ["/user"]
read = [{ path = "/accounts" }]
create = [{ call = "POST /accounts", new_id = "sent" }]
restore = { class = "full", order = 50, keeps_id = true }

[[kind]]
kind = "token"
what = "What nobody can put back"
id = "/id"
read = [{ path = "/tokens" }]
restore = { class = "never", reason = "a token is shown once" }
"#;

pub(super) fn catalog() -> &'static Provider {
    static CATALOG_READ: std::sync::OnceLock<Provider> = std::sync::OnceLock::new();
    CATALOG_READ.get_or_init(|| crate::catalog::parse("test", CATALOG).unwrap())
}

pub(super) fn value(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

pub(super) fn key(path: &str) -> ResourceKey {
    ResourceKey::from_path(path).unwrap()
}

/// Where and how a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It does not leave.
    NotSent,
    /// It is done, and the answer is lost.
    AnswerLost,
}

#[derive(Default)]
struct Inner {
    /// Raw bodies, as the vendor holds them.
    bodies: BTreeMap<ResourceKey, Value>,
    next_id: u32,
    sent: Vec<(String, String, Option<Value>)>,
    fault: Option<(usize, Fault)>,
    adds_defaults: bool,
    heals: Option<(ResourceKey, Value)>,
    unlisted: Option<ResourceKey>,
}

/// The tenant.
#[derive(Default)]
pub(super) struct Memory {
    inner: Mutex<Inner>,
    values: Mutex<BTreeMap<String, Value>>,
}

impl Memory {
    pub(super) fn with(rows: &[(&str, &str)]) -> Self {
        let memory = Self::default();
        for (path, body) in rows {
            memory.put(path, body);
        }
        memory
    }

    pub(super) fn put(&self, path: &str, body: &str) {
        self.inner.lock().unwrap().bodies.insert(key(path), value(body));
    }

    /// Removes with all that hangs on it.
    pub(super) fn drop(&self, path: &str) {
        remove(&mut self.inner.lock().unwrap(), &key(path));
    }

    pub(super) fn raw(&self, path: &str) -> Option<Value> {
        self.inner.lock().unwrap().bodies.get(&key(path)).cloned()
    }

    pub(super) fn fail_at(&self, call: usize, fault: Fault) {
        self.inner.lock().unwrap().fault = Some((call, fault));
    }

    pub(super) fn add_defaults(&self) {
        self.inner.lock().unwrap().adds_defaults = true;
    }

    /// The first thing that is made brings this about.
    pub(super) fn heal(&self, path: &str, body: &str) {
        self.inner.lock().unwrap().heals = Some((key(path), value(body)));
    }

    /// No list shows this any more, and it is there.
    pub(super) fn unlist(&self, path: &str) {
        self.inner.lock().unwrap().unlisted = Some(key(path));
    }

    /// Method, path and body of each call so far.
    pub(super) fn sent(&self) -> Vec<(String, String, Option<Value>)> {
        self.inner.lock().unwrap().sent.clone()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.inner.lock().unwrap().bodies.keys().map(ResourceKey::to_path).collect()
    }

    fn canonical(&self, key: &ResourceKey, raw: &Value) -> Value {
        let spec = catalog().kind(&key.kind).unwrap();
        let mut shown = raw.clone();
        for field in &spec.secret {
            if field.returned == crate::catalog::Returned::Masked {
                field.at.visit_mut(&mut shown, |_, value| *value = MASK.into());
            }
        }
        let mark = |place: &str, bytes: &[u8]| {
            let mark = mark(key, place, bytes);
            self.values.lock().unwrap().insert(mark.clone(), parse(bytes, &Limits::body()).unwrap());
            mark
        };
        canonicalize(catalog(), spec, shown, &mark).main
    }

    /// The present state as a snapshot holds it.
    pub(super) fn record(&self) -> Snapshot {
        let inner = self.inner.lock().unwrap();
        let bodies = inner.bodies.iter().map(|(key, raw)| (key.clone(), self.canonical(key, raw))).collect();
        let row = Row {
            state: State::Complete,
            reason: String::new(),
            count: 0,
            read: None,
            exceptions: Vec::new(),
        };
        let rows = catalog().kinds.iter().map(|spec| (spec.kind.clone(), row.clone())).collect();
        let secrets = self.values.lock().unwrap().clone();
        Snapshot { bodies, secrets, ledger: Ledger { rows, unknown: Vec::new() } }
    }
}

/// The mark of a secret at its place.
fn mark(key: &ResourceKey, place: &str, bytes: &[u8]) -> String {
    let hash = blake3::hash(&[key.to_path().as_bytes(), place.as_bytes(), bytes].concat());
    hash.to_hex().as_str()[..16].to_owned()
}

impl Vault for Memory {
    fn open(&self, at: &SecretAt) -> Result<Secret<Value>, String> {
        let pointer = Pointer::parse(&at.pointer).map_err(|error| error.to_string())?;
        let values = self.values.lock().unwrap();
        let found = pointer.last().and_then(|mark| values.get(mark));
        found.cloned().map(Secret::new).ok_or_else(|| "no such secret".to_owned())
    }
}

fn remove(inner: &mut Inner, gone: &ResourceKey) {
    inner.bodies.remove(gone);
    let lies_in = |body: &Value| body.get("parentId").and_then(Value::as_str) == Some(gone.id());
    let inside: Vec<ResourceKey> = inner
        .bodies
        .iter()
        .filter(|(key, body)| match gone.kind.as_str() {
            "group" => {
                (key.kind == gone.kind && lies_in(body))
                    || (key.kind.as_str() == "grant" && key.ids[0] == gone.ids[0])
            }
            "role" => key.kind.as_str() == "grant" && key.ids[1] == gone.ids[0],
            "flow" => key.kind.as_str() == "step" && key.ids[0] == gone.ids[0],
            _ => false,
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in inside {
        remove(inner, &key);
    }
}

/// What a write does to the tenant.
fn act(inner: &mut Inner, call: &Call) -> Result<Reply, (u16, String)> {
    let parts: Vec<String> =
        call.path.split('/').skip(1).map(|part| crate::base::key::decode_part(part).unwrap()).collect();
    let kind = Kind::new(parts[0].strip_suffix('s').unwrap());
    let body = call.body.as_ref().map(|body| body.expose().clone());
    if parts.len() == 4 {
        let edge = ResourceKey::new(&Kind::new("grant"), vec![parts[1].clone(), parts[3].clone()]);
        if call.method == "DELETE" {
            inner.bodies.remove(&edge);
            return Ok(Reply { status: 204, ..Reply::default() });
        }
        let ends = [
            ResourceKey::new(&kind, vec![parts[1].clone()]),
            ResourceKey::new(&Kind::new("role"), vec![parts[3].clone()]),
        ];
        if ends.iter().any(|end| !inner.bodies.contains_key(end)) {
            return Err((404, "no such group or role".into()));
        }
        inner.bodies.insert(edge, Object::from_pairs([("id", Value::from(parts[3].as_str()))]).into());
        return Ok(Reply { status: 204, ..Reply::default() });
    }
    if call.method == "POST" {
        return make(inner, &kind, body.unwrap());
    }
    let target = ResourceKey::new(&kind, vec![parts[1].clone()]);
    let Some(before) = inner.bodies.get(&target).cloned() else { return Err((404, "not there".into())) };
    if call.method == "DELETE" {
        remove(inner, &target);
        return Ok(Reply { status: 204, ..Reply::default() });
    }
    let mut after = body.unwrap();
    Pointer::parse("/id").unwrap().set(&mut after, target.id()).unwrap();
    if kind.as_str() == "app" {
        merge(&before, &mut after);
    }
    keep_masked(&before, &mut after);
    inner.bodies.insert(target, after);
    Ok(Reply { status: 204, ..Reply::default() })
}

fn make(inner: &mut Inner, kind: &Kind, mut body: Value) -> Result<Reply, (u16, String)> {
    let name = body.get("name").cloned();
    let same = |body: &Value| body.get("name").cloned() == name && kind.as_str() != "group";
    if inner.bodies.iter().any(|(key, body)| key.kind == *kind && same(body)) {
        return Err((409, "the name is taken".into()));
    }
    let lies_in =
        body.get("parentId").and_then(Value::as_str).map(|id| ResourceKey::new(kind, vec![id.to_owned()]));
    if lies_in.is_some_and(|outer| !inner.bodies.contains_key(&outer)) {
        return Err((404, "no such parent".into()));
    }
    inner.next_id += 1;
    let given = body.get("id").and_then(Value::as_str).map(str::to_owned);
    let id = given.filter(|_| kind.as_str() != "role").unwrap_or_else(|| format!("new-{}", inner.next_id));
    Pointer::parse("/id").unwrap().set(&mut body, id.as_str()).unwrap();
    if inner.adds_defaults
        && kind.as_str() == "app"
        && let Some(attributes) = body.get_mut("attributes").and_then(Value::as_object_mut)
    {
        attributes.insert("by.default", "true");
    }
    inner.bodies.insert(ResourceKey::new(kind, vec![id.clone()]), body);
    inner.bodies.extend(inner.heals.take());
    Ok(Reply { status: 201, location: Some(format!("/{kind}s/{id}")), body: None })
}

fn merge(before: &Value, after: &mut Value) {
    let held = before.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let given = after.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut merged = held;
    for (name, value) in given {
        match value.as_str() {
            Some("") => drop(merged.remove(&name)),
            _ => drop(merged.insert(name, value)),
        }
    }
    after.as_object_mut().unwrap().insert("attributes", merged);
    if after.get("secret").is_none()
        && let Some(secret) = before.get("secret")
    {
        after.as_object_mut().unwrap().insert("secret", secret.clone());
    }
}

/// A mask is kept in `config/secret`, and stored anywhere else.
fn keep_masked(before: &Value, after: &mut Value) {
    let at = Pointer::parse("/config/secret").unwrap();
    if at.get(after).and_then(Value::as_str) == Some(MASK)
        && let Some(held) = at.get(before)
    {
        at.set(after, held.clone()).unwrap();
    }
    if after.get("pin").is_none()
        && let Some(pin) = before.get("pin")
    {
        after.as_object_mut().unwrap().insert("pin", pin.clone());
    }
}

impl Tenant for Memory {
    fn read<'a>(&'a self, key: &'a ResourceKey) -> BoxFuture<'a, Result<Option<Value>, TenantError>> {
        let raw = self.inner.lock().unwrap().bodies.get(key).cloned();
        let body = raw.map(|raw| self.canonical(key, &raw));
        Box::pin(async move { Ok(body) })
    }

    fn list<'a>(
        &'a self,
        kind: &'a Kind,
        parent: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<(ResourceKey, Value)>, TenantError>> {
        let inner = self.inner.lock().unwrap();
        let unlisted = inner.unlisted.clone();
        let rows: Vec<(ResourceKey, Value)> = inner.bodies.clone().into_iter().collect();
        drop(inner);
        let below = |key: &ResourceKey| {
            key.kind == *kind
                && (parent.is_empty() || key.ids.starts_with(parent))
                && Some(key) != unlisted.as_ref()
        };
        let rows = rows
            .into_iter()
            .filter(|(key, _)| below(key))
            .map(|(key, raw)| (key.clone(), self.canonical(&key, &raw)));
        let rows = rows.collect();
        Box::pin(async move { Ok(rows) })
    }

    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, TenantError>> {
        let mut inner = self.inner.lock().unwrap();
        let name = format!("{} {}", call.method, call.path);
        let number = inner.sent.len();
        let body = call.body.as_ref().map(|body| body.expose().clone());
        inner.sent.push((call.method.clone(), call.path.clone(), body));
        let fault = inner.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        let answer = match fault {
            Some(Fault::NotSent) => Err(TenantError::NotSent { call: name, why: "a test".into() }),
            Some(Fault::AnswerLost) => {
                let _ = act(&mut inner, call);
                Err(TenantError::Uncertain { call: name, why: "a test".into() })
            }
            None => act(&mut inner, call).map_err(|(status, said)| TenantError::Refused {
                call: name,
                status,
                said,
            }),
        };
        Box::pin(async move { answer })
    }
}

/// A recorded state.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) bodies: BTreeMap<ResourceKey, Value>,
    pub(super) ledger: Ledger,
    /// By mark.
    secrets: BTreeMap<String, Value>,
}

impl Recorded for Snapshot {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        self.bodies.keys().filter(|key| key.kind == *kind).cloned().collect()
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Value>, RestoreError> {
        Ok(self.bodies.get(key).cloned())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn mark_at(&self, secret: &Marked<'_>, at: &ResourceKey) -> Result<Option<String>, RestoreError> {
        let value = self.secrets.get(secret.mark);
        Ok(value.map(|value| mark(at, secret.place, &value.to_canonical())))
    }
}
