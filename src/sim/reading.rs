//! Reading: one instance, or a list in pages.

use std::borrow::Cow;

use crate::base::key::SINGLETON;
use crate::catalog::{Paging, Read, Shape};
use crate::json::{Object, Pattern, Value};
use crate::sim::filter::Filter;
use crate::sim::form::{Form, Stage};
use crate::sim::handle::Ask;
use crate::sim::page;
use crate::sim::routes::Route;
use crate::sim::vendor::empty_object;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// One instance.
///
/// # Errors
/// It must be there.
pub(super) fn get(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let id = existing(world, ask)?;
    let body = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_default();
    let mut shown = world.shown(ask, &id, &[Stage::Show], body)?;
    (world.vendor.ways.around)(world, ask, &mut shown);
    Ok(Response::json(200, shown))
}

/// The stored id of the instance that the path names.
///
/// # Errors
/// It must be there; a singleton, and an instance that the server makes, always is.
pub(super) fn existing(world: &mut World, ask: &Ask) -> Result<String, Refusal> {
    let kind = ask.route.kind;
    let part = ask.own.clone().unwrap_or_else(|| SINGLETON.into());
    if let Some(id) = world.resolve(kind, &ask.parents, &part) {
        return Ok(id);
    }
    let vendor = world.vendor;
    let form = vendor.form(kind);
    let single = vendor.provider.kinds[kind].shape == Shape::Singleton;
    let born_with = match form {
        Some(form) => form.initial.is_empty() && !form.absent,
        None => vendor.ways.singletons,
    };
    if single && born_with || form.is_some_and(|form| form.always) {
        let body = born(world, ask, &part)?;
        world.put(kind, &ask.parents, &part, body);
        return Ok(part);
    }
    Err(Refusal::absent(&part, &vendor.title(kind)))
}

/// The body of an instance that the server made before anybody asked.
pub(super) fn born(world: &mut World, ask: &Ask, id: &str) -> Result<Value, Refusal> {
    let mut work = crate::sim::handle::Work {
        id: id.to_owned(),
        body: empty_object(),
        old: Value::Null,
        stage: Stage::Create,
        made: true,
        stays: false,
    };
    crate::sim::writing::assign(world, &world.provider().kinds[ask.route.kind], &mut work);
    world.shape(ask, &mut work)?;
    Ok(work.body)
}

/// A list, or a page of it.
///
/// # Errors
/// A query that must be there, a filter that cannot be read, a cursor that is not ours.
pub(super) fn list(world: &mut World, ask: &Ask, read: usize) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let spec = &vendor.provider.kinds[ask.route.kind];
    let form = vendor.form(ask.route.kind);
    let read = &spec.read[read];
    let ways = vendor.ways;
    let filter = query_filter(world, ask, form)?;
    let paging = read.paging.as_ref().and_then(|name| vendor.provider.paging.get(name));
    let size = page::size(ask.request, paging, (ways.limit, form.map_or(0, |form| form.page)))?;
    let after = page::after(ask.request, ways.cursor)?;
    let rows = select(world, ask, form, &filter, after, size);
    let mut rows = rows;
    if let Some(at) = form.and_then(|form| form.sort.as_ref()) {
        let key = |body: &Value| {
            let found = at.get(body);
            (found.and_then(Value::as_i64), found.and_then(Value::as_str).map(str::to_owned))
        };
        rows.sort_by_cached_key(|(_, _, body)| key(body));
    }
    let (rows, next) = page::cut(rows, size);
    let mut bodies = Vec::with_capacity(rows.len());
    let far = far_ask(world, ask, form);
    let ask_row = far.as_ref().unwrap_or(ask);
    for (_, id, body) in rows {
        bodies.push(world.shown(ask_row, &id, &[Stage::Show, Stage::Row], body)?);
    }
    let next = next.map(|place| page::link(&world.org.url, ask.request, ways.cursor, place));
    let mut body = wrapped(world, ask, form, read, bodies)?;
    (ways.around)(world, ask, &mut body);
    let mut answer = Response::json(200, body);
    if let Some(url) = &next {
        match (&mut answer.body, paging) {
            (crate::sim::wire::Body::Json(body), Some(Paging::BodyLink { next, .. })) => {
                page::put_next(body, next, url);
            }
            _ => {
                let own = page::own(&world.org.url, ask.request);
                answer.headers.push(("link".into(), format!("<{own}>; rel=\"self\"")));
                answer.headers.push(("link".into(), format!("<{url}>; rel=\"next\"")));
            }
        }
    }
    Ok(answer)
}

type Row = (u64, String, Value);

/// The request as one for the far ends of the links that it lists.
fn far_ask<'a>(world: &World, ask: &Ask<'a>, form: Option<&Form>) -> Option<Ask<'a>> {
    let kind = form?.far.as_ref().and_then(|name| world.vendor.kind(name))?;
    let route = Route { kind, ..ask.route.clone() };
    Some(Ask { request: ask.request, route, params: ask.params.clone(), parents: Vec::new(), own: None })
}

fn select(
    world: &World,
    ask: &Ask,
    form: Option<&Form>,
    filter: &Filter,
    after: Option<u64>,
    size: usize,
) -> Vec<Row> {
    let far = form.and_then(|form| form.far.as_ref()).and_then(|name| world.vendor.kind(name));
    let body_of = |id: &str, body: Cow<'_, Value>| match far {
        Some(kind) => world.copy(kind, &[], id).unwrap_or_else(|| body.into_owned()),
        None => body.into_owned(),
    };
    let rows = world.rows(ask.route.kind, &ask.parents, after);
    let rows = rows.map(|(place, id, body)| (place, id.to_owned(), body_of(id, body)));
    rows.filter(|(_, _, body)| filter.holds(body)).take(size.saturating_add(1)).collect()
}

/// What the query asks of a row.
fn query_filter(world: &World, ask: &Ask, form: Option<&Form>) -> Result<Filter, Refusal> {
    let asked = (world.vendor.ways.filter)(ask.request);
    let mut filter = asked.map_err(|message| Refusal::query(&message))?;
    let Some(form) = form else { return Ok(filter) };
    for name in &form.needs {
        if ask.request.asked(name).is_none() {
            let cause = format!("The query parameter '{name}' is required.");
            return Err(Refusal::invalid(name, vec![cause]));
        }
    }
    for (name, at) in &form.select {
        if let Some(value) = ask.request.asked(name) {
            filter.and(Filter::equals(at.clone(), value));
        }
    }
    if let Some(text) = ask.request.asked("q").filter(|text| !text.is_empty()) {
        filter.and(Filter::begins(form.quick.clone(), text));
    }
    Ok(filter)
}

/// The rows in what stands round them.
fn wrapped(
    world: &mut World,
    ask: &Ask,
    form: Option<&Form>,
    read: &Read,
    rows: Vec<Value>,
) -> Result<Value, Refusal> {
    let member = read.items.first().and_then(array_member);
    let rows = match read.wrap.as_deref() {
        Some(wrap) => {
            rows.into_iter().map(|mut row| row.get_mut(wrap).map(Value::take).unwrap_or(row)).collect()
        }
        None => rows,
    };
    let body = match member {
        None => return world.shown(ask, "", &[Stage::List], rows.into()),
        Some(name) => {
            let envelope = form.and_then(|form| form.envelope.as_ref());
            let around = envelope.and_then(|json| {
                world.scope(ask, "", &Value::Null, |scope, body| scope.render(&json.0, body))
            });
            let mut body = around.unwrap_or_else(|| Object::new().into());
            if let Some(members) = body.as_object_mut() {
                members.insert(name, Value::from(rows));
            }
            body
        }
    };
    world.shown(ask, "", &[Stage::List], body)
}

/// `/members/*` → `members`.
fn array_member(pattern: &Pattern) -> Option<String> {
    let text = pattern.to_string();
    let inner = text.strip_prefix('/')?.strip_suffix("/*")?;
    (!inner.is_empty() && !inner.contains('/')).then(|| inner.to_owned())
}
