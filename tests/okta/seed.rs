//! What a scenario presupposes, put into a fresh world.
//!
//! Known from the scenario's own answers alone: an object that a GET shows before any request
//! of the scenario made or touched it was there before, as shown. An object that a path names and
//! no request made was there too; nothing is known of its body, so it gets the one that the
//! simulator gives to a new instance of its kind.

use std::collections::HashSet;

use lastgood::catalog::Shape;
use lastgood::json::{Object, Pattern, Pointer, Value};
use lastgood::sim::handle::Ask;
use lastgood::sim::routes::{Op, Route};
use lastgood::sim::world::id_in;
use lastgood::sim::{Request, World};

use crate::recording::{Exchange, Scenario};

/// What earlier requests of a scenario did.
#[derive(Default)]
struct Seen {
    made: HashSet<String>,
    touched: HashSet<String>,
    recorded: HashSet<String>,
    ordered: HashSet<(usize, Vec<String>)>,
}

/// A request's call, its parents' ids and its own.
struct Place {
    route: Route,
    parents: Vec<String>,
    own: Option<String>,
}

fn place(world: &World, exchange: &Exchange) -> Option<Place> {
    let found = world.vendor.routes.find(&exchange.method, &exchange.path)?;
    let route = found.route.clone();
    let mut parents = found.values;
    if route.kind == usize::MAX {
        return Some(Place { route, parents, own: None });
    }
    let own = (parents.len() > route.parents).then(|| parents.drain(route.parents..).next()).flatten();
    let single = world.provider().kinds[route.kind].shape == Shape::Singleton;
    let own = own.or_else(|| single.then(|| "-".to_owned()));
    Some(Place { route, parents, own })
}

/// Puts into the world all that the scenario presupposes.
pub(crate) fn presuppose(world: &mut World, scenario: &Scenario) {
    let mut seen = Seen::default();
    for exchange in &scenario.exchanges {
        let Some(at) = place(world, exchange) else { continue };
        if exchange.status < 300 {
            if exchange.method == "GET" {
                shown(world, exchange, &at, &mut seen);
            } else {
                named(world, exchange, &at, &mut seen);
            }
        }
        if exchange.method != "GET" {
            note(world, exchange, &at, &mut seen);
        }
    }
}

fn note(world: &World, exchange: &Exchange, at: &Place, seen: &mut Seen) {
    let mut touched = format!("{} {}", exchange.path, at.route.path);
    if at.route.kind != usize::MAX {
        touched = key(at.route.kind, &at.parents, at.own.as_deref().unwrap_or_default());
    }
    seen.touched.insert(touched);
    if exchange.status >= 300 || at.own.is_some() && at.route.op != Op::Create {
        return;
    }
    for name in ["id", "kid"] {
        if let Some(id) = exchange.response.get(name).and_then(Value::as_str) {
            seen.made.insert(id.to_owned());
        }
    }
    if at.route.op == Op::Create && world.provider().kinds[at.route.kind].shape != Shape::Edge {
        seen.made.extend(at.own.clone());
    }
}

fn key(kind: usize, parents: &[String], own: &str) -> String {
    format!("{kind} {} {own}", parents.join(" "))
}

impl Seen {
    /// Whether a text names something that the scenario made.
    fn names_made(&self, text: &str) -> bool {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
            .any(|word| self.made.contains(word))
    }
}

/// What a GET shows.
fn shown(world: &mut World, exchange: &Exchange, at: &Place, seen: &mut Seen) {
    if at.route.kind == world.kind("profile_mapping").unwrap_or_default() {
        mapped_types(world, &exchange.response);
    }
    if seen.names_made(&exchange.path) || seen.names_made(&exchange.query) {
        return;
    }
    let kind = at.route.kind;
    match at.route.op {
        Op::Get => {
            ensure(world, kind, &at.parents);
            put(world, kind, &at.parents, at.own.as_deref(), &exchange.response, seen);
        }
        Op::List(read) => {
            ensure(world, kind, &at.parents);
            clear(world, exchange, at, seen);
            let spec = &world.provider().kinds[kind];
            let items = &spec.read[read].items;
            let rows: Vec<Value> = match items.first() {
                Some(pattern) => {
                    pattern.find(&exchange.response).into_iter().map(|(_, row)| row.clone()).collect()
                }
                None => exchange.response.as_array().map(<[Value]>::to_vec).unwrap_or_default(),
            };
            let far = world.vendor.form(kind).and_then(|form| form.far.as_ref());
            let far = far.and_then(|name| world.vendor.kind(name));
            for row in &rows {
                if let Some(far) = far {
                    put(world, far, &[], None, row, seen);
                }
                put(world, kind, &at.parents, None, row, seen);
            }
            seen.ordered.insert((kind, at.parents.clone()));
        }
        Op::Extra(_) => {
            if let Some(kind) = extra_kind(world, &at.route) {
                ensure_one(world, kind, &[], at.parents.first());
            }
            if !exchange.response.is_null() {
                world.aside.entry(exchange.path.clone()).or_insert_with(|| exchange.response.clone());
                if let Some(id) = exchange.response.get("id").and_then(Value::as_str) {
                    world.aside.insert(id.to_owned(), exchange.response.clone());
                }
            }
        }
        _ => {}
    }
}

/// A mapping names the user types that the organisation had.
fn mapped_types(world: &mut World, rows: &Value) {
    let kind = world.kind("user_type").unwrap();
    let rows: Vec<Value> = rows.as_array().map(<[Value]>::to_vec).unwrap_or_default();
    let targets = rows.iter().filter_map(|row| row.get("target"));
    let types: Vec<&Value> = targets.filter(|target| target.get("type") == Some(&"user".into())).collect();
    if types.is_empty() {
        return;
    }
    let own: Vec<String> = world.rows(kind, &[], None).map(|(_, id, _)| id.to_owned()).collect();
    own.iter().for_each(|id| {
        world.remove(kind, &[], id);
    });
    for target in types {
        let id = target.get("id").and_then(Value::as_str).unwrap_or_default();
        let default = target.get("name") == Some(&"user".into());
        let mut body = Object::from_pairs([("id", Value::from(id)), ("default", default.into())]);
        body.insert("name", target.get("name").cloned().unwrap_or_default());
        world.put(kind, &[], id, body.into());
    }
}

fn extra_kind(world: &World, route: &Route) -> Option<usize> {
    let Op::Extra(number) = route.op else { return None };
    world.vendor.kind(world.vendor.forms.routes[number].of.as_ref()?)
}

/// What a fresh world has in a list is not what the recorded tenant had.
fn clear(world: &mut World, exchange: &Exchange, at: &Place, seen: &Seen) {
    let kind = at.route.kind;
    let request = Request::new("GET", &exchange.path, &exchange.query, None);
    let answer = lastgood::sim::handle(world, &request);
    let lastgood::sim::Body::Json(body) = answer.body else { return };
    let spec = &world.provider().kinds[kind];
    let own: Vec<String> = world.rows(kind, &at.parents, None).map(|(_, id, _)| id.to_owned()).collect();
    let Op::List(read) = at.route.op else { return };
    let rows: Vec<Value> = match spec.read[read].items.first() {
        Some(pattern) => pattern.find(&body).into_iter().map(|(_, row)| row.clone()).collect(),
        None => body.as_array().map(<[Value]>::to_vec).unwrap_or_default(),
    };
    let shown: HashSet<String> = rows.iter().filter_map(|row| id_in(spec, row)).collect();
    for id in
        own.iter().filter(|id| shown.contains(*id) && !seen.recorded.contains(&key(kind, &at.parents, id)))
    {
        world.remove(kind, &at.parents, id);
    }
}

fn put(world: &mut World, kind: usize, parents: &[String], own: Option<&str>, body: &Value, seen: &mut Seen) {
    let spec = &world.provider().kinds[kind];
    let Some(id) = id_in(spec, body).or_else(|| own.map(str::to_owned)) else { return };
    let fresh = !seen.touched.contains(&key(kind, parents, &id))
        && !seen.touched.contains(&key(kind, parents, own.unwrap_or(&id)))
        && !seen.made.contains(&id)
        && !seen.names_made(&body.to_line());
    if !fresh {
        return;
    }
    let known = !seen.recorded.insert(key(kind, parents, &id));
    let kept =
        world.get(kind, parents, &id).filter(|_| known && own.is_none()).map(std::borrow::Cow::into_owned);
    if own.is_none() && !seen.ordered.contains(&(kind, parents.to_vec())) {
        // The first list tells the order.
        world.remove(kind, parents, &id);
    }
    world.put(kind, parents, &id, kept.unwrap_or_else(|| body.clone()));
}

/// What the path of a write names.
fn named(world: &mut World, exchange: &Exchange, at: &Place, seen: &mut Seen) {
    if let Some(kind) = extra_kind(world, &at.route) {
        if at.parents.first().is_some_and(|id| !seen.made.contains(id)) {
            ensure_one(world, kind, &[], at.parents.first());
        }
        let others: Vec<(String, String)> =
            at.route.params.iter().cloned().zip(at.parents.iter().cloned()).skip(1).collect();
        for (name, id) in others.iter().filter(|(_, id)| !seen.made.contains(id)) {
            let param = world.provider().params.get(name).and_then(|params| params.first());
            if let Some(kind) = param.and_then(|param| world.vendor.kind(&param.of)) {
                ensure_one(world, kind, &[], Some(id));
            }
        }
        return;
    }
    if at.route.kind == usize::MAX {
        return;
    }
    let known_parents = !at.parents.iter().any(|id| seen.made.contains(id));
    if known_parents {
        ensure(world, at.route.kind, &at.parents);
    }
    let form = world.vendor.form(at.route.kind);
    let Some(own) = &at.own else { return };
    let far = form.and_then(|form| form.far.as_ref()).and_then(|name| world.vendor.kind(name));
    if let Some(far) = far.filter(|_| !seen.made.contains(own)) {
        ensure_one(world, far, &[], Some(own));
    }
    if exchange.status != 201 && at.route.op == Op::Update && !seen.made.contains(own) && known_parents {
        before(world, exchange, at, seen);
    }
    let makes =
        at.route.op == Op::Create || at.route.op == Op::Update && form.is_some_and(|form| form.upsert);
    let touched = seen.touched.contains(&key(at.route.kind, &at.parents, own));
    if !makes && !touched && !seen.made.contains(own) && known_parents {
        let parents = at.parents.clone();
        ensure_one(world, at.route.kind, &parents, Some(own));
    }
}

/// An object whose first answer is to a change was there before, with all that the answer shows
/// and the change does not name.
fn before(world: &mut World, exchange: &Exchange, at: &Place, seen: &mut Seen) {
    let mut body = exchange.response.clone();
    if let (Some(sent), true) = (&exchange.request, body.as_object().is_some()) {
        let spec = &world.provider().kinds[at.route.kind];
        less(&mut body, sent, &Pointer::root(), &spec.assigned);
        let id = at.own.clone().unwrap_or_default();
        if !seen.recorded.contains(&key(at.route.kind, &at.parents, &id)) {
            put(world, at.route.kind, &at.parents, at.own.as_deref(), &body, seen);
        }
    }
}

/// Takes out what a change names, but not ids.
fn less(body: &mut Value, sent: &Value, at: &Pointer, assigned: &[Pattern]) {
    let (Some(members), Some(sent)) = (body.as_object_mut(), sent.as_object()) else { return };
    for (name, value) in sent.iter().filter(|(name, _)| *name != "id") {
        let here = at.join(name);
        if assigned.iter().any(|pattern| pattern.matches(&here)) {
            continue;
        }
        match (members.get_mut(name), value) {
            (Some(inner @ Value::Object(_)), Value::Object(_)) => less(inner, value, &here, assigned),
            _ => {
                members.remove(name);
            }
        }
    }
}

/// The parents that a path names.
fn ensure(world: &mut World, kind: usize, parents: &[String]) {
    if let Some((parent, above, id)) = world.parent_of(kind, parents) {
        ensure(world, parent, &above);
        ensure_one(world, parent, &above, Some(&id));
    }
}

fn ensure_one(world: &mut World, kind: usize, parents: &[String], id: Option<&String>) {
    let Some(id) = id else { return };
    if world.resolve(kind, parents, id).is_some() {
        return;
    }
    let request = Request::new("GET", "/", "", None);
    let route = Route { kind, op: Op::Get, path: "/".into(), params: Vec::new(), parents: parents.len() };
    let ask = Ask {
        request: &request,
        route,
        params: Default::default(),
        parents: parents.to_vec(),
        own: Some(id.clone()),
    };
    world.suppose(&ask, id);
}
