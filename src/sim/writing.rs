//! Writing: one instance made, changed, switched or removed.

use crate::base::key::SINGLETON;
use crate::catalog::{KindSpec, Method, NewId, Shape};
use crate::json::{Pattern, Pointer, Value};
use crate::sim::fill::{merge, time_text};
use crate::sim::form::{Answer, Form, Gives, Refuse, Stage, Update};
use crate::sim::handle::{Ask, Work, answer, sent};
use crate::sim::operations;
use crate::sim::reading::{born, existing};
use crate::sim::vendor::empty_object;
use crate::sim::wire::{Body, Refusal, Request, Response};
use crate::sim::world::{World, id_in};

/// Makes an instance, or each of a list of them.
///
/// # Errors
/// What the form refuses.
pub(super) fn create(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    match world.vendor.form(ask.route.kind) {
        Some(form) if form.several => several(world, ask),
        _ => make(world, ask),
    }
}

fn make(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let spec = &vendor.provider.kinds[ask.route.kind];
    let form = vendor.form(ask.route.kind);
    let body = sent(ask)?;
    refuse(world, ask, form, Stage::Create, &body)?;
    let id = match &ask.own {
        Some(own) if own != SINGLETON => resolved_far(world, form, own)?,
        Some(own) => own.clone(),
        _ => world.new_id(form),
    };
    let old = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_default();
    let mut work = Work { id, body, old, stage: Stage::Create, made: true, stays: false };
    drop_assigned(spec, form, &mut work.body);
    assign(world, spec, &mut work);
    world.shape(ask, &mut work)?;
    let id = id_in(spec, &work.body).unwrap_or_else(|| work.id.clone());
    world.put(ask.route.kind, &ask.parents, &id, work.body.clone());
    work.id = id;
    reply(world, ask, work, Stage::Created)
}

/// Makes an instance of each element of a list.
fn several(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let given = operations::listed(ask)?;
    let mut made = Vec::with_capacity(given.len());
    let mut status = 200;
    for body in given {
        let request = Request { body: Some(body), ..ask.request.clone() };
        let (route, params) = (ask.route.clone(), ask.params.clone());
        let one =
            Ask { request: &request, route, params, parents: ask.parents.clone(), own: ask.own.clone() };
        let answer = make(world, &one)?;
        status = answer.status;
        if let Body::Json(body) = answer.body {
            made.push(body);
        }
    }
    Ok(Response::json(status, made.into()))
}

/// For a link the id in the path is that of the far end, which must be there.
fn resolved_far(world: &World, form: Option<&Form>, own: &str) -> Result<String, Refusal> {
    let far = form.and_then(|form| form.far.as_ref()).and_then(|name| world.vendor.kind(name));
    match far {
        Some(kind) => {
            world.resolve(kind, &[], own).ok_or_else(|| Refusal::absent(own, &world.vendor.title(kind)))
        }
        None => Ok(own.to_owned()),
    }
}

/// Members that only the server sets are no part of what a request brings.
fn drop_assigned(spec: &KindSpec, form: Option<&Form>, body: &mut Value) {
    let takes = |pattern: &Pattern| form.is_some_and(|form| form.takes.contains(pattern));
    for pattern in spec.assigned.iter().filter(|pattern| !takes(pattern)) {
        pattern.remove_all(body);
    }
}

/// The id and the times, where the catalogue says that the kind has them.
pub(super) fn assign(world: &World, spec: &KindSpec, work: &mut Work) {
    let now: Value = time_text(world.now).into();
    let kind = world.vendor.kind(&spec.kind);
    let timed = kind.and_then(|kind| world.vendor.form(kind)).is_none_or(|form| form.timed);
    let known = |name: &str| spec.fields.is_empty() || spec.fields.iter().any(|field| field == name);
    let has = |name: &str| {
        (timed || name == "id") && known(name) && spec.assigned.iter().any(|pattern| is_member(pattern, name))
    };
    for (name, value) in
        [("id", Value::from(work.id.as_str())), ("created", now.clone()), ("lastUpdated", now)]
    {
        let wanted = name != "id" && has(name);
        let own_id = name == "id" && spec.id.as_ref().is_some_and(|at| *at == Pointer::from_segments(["id"]));
        let members = work.body.as_object_mut().filter(|members| !members.contains(name));
        if let Some(members) = members.filter(|_| wanted || own_id) {
            members.insert(name, value);
        }
    }
}

fn is_member(pattern: &Pattern, name: &str) -> bool {
    pattern.as_pointer().is_some_and(|at| at.len() == 1 && at.last() == Some(name))
}

/// Changes an instance.
///
/// # Errors
/// It must be there, unless the kind lets a change make it; what the form refuses.
pub(super) fn update(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let spec = &vendor.provider.kinds[ask.route.kind];
    let form = vendor.form(ask.route.kind);
    let operations = form.is_some_and(|form| form.operations) && ask.request.method == Method::Patch.as_str();
    let body = match operations {
        true => {
            let id = existing(world, ask)?;
            let old = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_default();
            operations::applied(old, &operations::listed(ask)?)?
        }
        false => sent(ask)?,
    };
    let upsert = form.is_some_and(|form| form.upsert);
    let mut new = false;
    let own = ask.own.clone().unwrap_or_else(|| SINGLETON.into());
    let absent = world.resolve(ask.route.kind, &ask.parents, &own).is_none();
    let id = match existing(world, ask) {
        _ if upsert && absent => {
            let made = born(world, ask, &own)?;
            world.put(ask.route.kind, &ask.parents, &own, made);
            new = true;
            own
        }
        found => found?,
    };
    refuse(world, ask, form, Stage::Update, &body)?;
    let old = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_else(empty_object);
    let merging = !operations
        && (ask.request.method == Method::Patch.as_str()
            || form.is_some_and(|form| form.update == Update::Merge));
    let mut work = Work { id: id.clone(), body, old, stage: Stage::Update, made: new, stays: false };
    drop_assigned(spec, form, &mut work.body);
    if merging {
        let mut whole = work.old.clone();
        merge(&mut whole, work.body.take());
        work.body = whole;
    } else {
        keep_assigned(spec, form, &work.old, &mut work.body);
    }
    keep_status(spec, &work.old, &mut work.body);
    touch(world, &mut work.body);
    world.shape(ask, &mut work)?;
    world.put(ask.route.kind, &ask.parents, &id, work.body.clone());
    reply(world, ask, work, Stage::Updated)
}

/// What the server assigned stays, whatever a replacement says.
fn keep_assigned(spec: &KindSpec, form: Option<&Form>, old: &Value, body: &mut Value) {
    let takes = |pattern: &&Pattern| form.is_some_and(|form| form.takes.contains(*pattern));
    let links = Pointer::from_segments(["_links"]);
    let id = spec.id.iter().filter_map(|at| Some((at.clone(), at.get(old)?)));
    let assigned =
        spec.assigned.iter().filter(|pattern| !takes(pattern)).flat_map(|pattern| pattern.find(old));
    let kept: Vec<(Pointer, Value)> =
        assigned.chain(id).filter(|(at, _)| *at != links).map(|(at, value)| (at, value.clone())).collect();
    for (at, value) in kept {
        let inside = at.parent().is_none_or(|parent| parent.get(body).is_some());
        if inside {
            let _ = at.set(body, value);
        }
    }
}

/// What has switches of its own keeps its status where a change does not name one.
fn keep_status(spec: &KindSpec, old: &Value, body: &mut Value) {
    let switched = spec.action.iter().any(|action| action.call.path.bare().contains("/lifecycle/"));
    let sent = body.get("status").is_some();
    if let (true, Some(status), Some(members)) = (switched && !sent, old.get("status"), body.as_object_mut())
    {
        members.insert("status", status.clone());
    }
}

/// A change moves the time of the last one, and links are made anew.
fn touch(world: &World, body: &mut Value) {
    let Some(members) = body.as_object_mut() else { return };
    if members.contains("lastUpdated") {
        members.insert("lastUpdated", time_text(world.now));
    }
    members.remove("_links");
}

/// Removes an instance.
///
/// # Errors
/// It must be there; what the form refuses.
pub(super) fn delete(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let form = vendor.form(ask.route.kind);
    let id = existing(world, ask)?;
    let old = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_default();
    refuse(world, ask, form, Stage::Delete, &old)?;
    let mut work =
        Work { id: id.clone(), body: old, old: Value::Null, stage: Stage::Delete, made: false, stays: false };
    world.shape(ask, &mut work)?;
    if !work.stays {
        world.remove(ask.route.kind, &ask.parents, &id);
    }
    reply(world, ask, work, Stage::Delete)
}

/// Switches an instance by a call of its own.
///
/// # Errors
/// It must be there; what the form refuses.
pub(super) fn act(world: &mut World, ask: &Ask, number: usize) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let spec = &vendor.provider.kinds[ask.route.kind];
    let form = vendor.form(ask.route.kind);
    let below = ask.own.is_none() && spec.shape != Shape::Singleton;
    let id = if below { String::new() } else { existing(world, ask)? };
    let old = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_else(empty_object);
    refuse(world, ask, form, Stage::Action, &old)?;
    let mut work = Work { id, body: old.clone(), old, stage: Stage::Action, made: false, stays: false };
    for condition in &spec.action[number].makes {
        if let [value] = condition.any_of.as_slice() {
            let _ = condition.at.set(&mut work.body, value.clone());
        }
    }
    if special(world, ask, form, &work.body).is_some_and(|answer| answer.takes) {
        work.body = sent(ask)?;
    }
    if let Some(set) = special(world, ask, form, &work.body).and_then(|answer| answer.set.as_ref()) {
        let rendered = world.scope(ask, &work.id, &work.old, |scope, _| scope.render(&set.0, &work.body));
        merge(&mut work.body, rendered.unwrap_or_else(empty_object));
    }
    if work.body != work.old {
        touch(world, &mut work.body);
    }
    world.shape(ask, &mut work)?;
    let id = if below { id_in(spec, &work.body).unwrap_or_default() } else { work.id.clone() };
    if !id.is_empty() {
        world.put(ask.route.kind, &ask.parents, &id, work.body.clone());
        work.id = id;
    }
    reply(world, ask, work, Stage::Action)
}

/// What a form says of the answer to this call.
fn special<'f>(world: &World, ask: &Ask, form: Option<&'f Form>, body: &Value) -> Option<&'f Answer> {
    let fits = |answer: &&Answer| {
        answer.call.method.as_str() == ask.request.method
            && answer.call.path.bare() == ask.route.path
            && world.scope(ask, "", &Value::Null, |scope, _| scope.holds(&answer.when, body))
    };
    form?.answer.iter().find(fits)
}

/// The answer to a write.
fn reply(world: &mut World, ask: &Ask, work: Work, stage: Stage) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let form = vendor.form(ask.route.kind);
    crate::sim::log::note(world, ask, &work, stage);
    let special = special(world, ask, form, &work.body);
    let sent_id = vendor.provider.kinds[ask.route.kind]
        .create
        .iter()
        .any(|call| call.new_id == NewId::Sent && call.call.path.bare() == ask.route.path);
    let (status, gives) = match stage {
        Stage::Created if sent_id => (204, Gives::Nothing),
        Stage::Delete => (204, Gives::Nothing),
        Stage::Action => (200, Gives::Empty),
        Stage::Created => (vendor.ways.made, Gives::Body),
        Stage::Updated if !vendor.ways.shows_changed => (204, Gives::Nothing),
        _ => (200, Gives::Body),
    };
    let made = form.and_then(|form| form.made).filter(|_| stage == Stage::Updated && work.made);
    let status = made.or(special.and_then(|answer| answer.status)).unwrap_or(status);
    let stage = if special.is_some_and(|answer| answer.takes) { Stage::Updated } else { stage };
    let body = match special.and_then(|answer| answer.gives).unwrap_or(gives) {
        Gives::Nothing => None,
        Gives::Empty => Some(empty_object()),
        Gives::Body => {
            let stages: &[Stage] = match stage {
                Stage::Created | Stage::Updated => &[Stage::Show, stage],
                Stage::Action => &[Stage::Show, Stage::Switched],
                _ => &[Stage::Show],
            };
            Some(world.shown(ask, &work.id, stages, work.body)?)
        }
        Gives::This => {
            let this = special.and_then(|answer| answer.this.as_ref());
            this.and_then(|this| {
                world.scope(ask, &work.id, &work.old, |scope, _| scope.render(&this.0, &work.body))
            })
        }
    };
    Ok(answer(status, body))
}

/// Checks a request against what the form refuses.
fn refuse(world: &World, ask: &Ask, form: Option<&Form>, stage: Stage, body: &Value) -> Result<(), Refusal> {
    let Some(form) = form else { return Ok(()) };
    for rule in form.refuse.iter().filter(|rule| rule.on.contains(&stage)) {
        let call = rule.call.as_ref();
        let this = call.is_none_or(|call| {
            call.method.as_str() == ask.request.method && call.path.bare() == ask.route.path
        });
        if this && broken(world, ask, rule, body) {
            let id = ask.own.clone().unwrap_or_default();
            let old = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_default();
            let say = |text: &String| world.scope(ask, &id, &old, |scope, _| scope.interpolate(text, body));
            let causes = rule.causes.iter().map(say).collect();
            return Err(Refusal { causes, ..Refusal::new(rule.status, &rule.code, say(&rule.summary)) });
        }
    }
    Ok(())
}

/// Whether a rule strikes: everything that it states must be so.
fn broken(world: &World, ask: &Ask, rule: &Refuse, body: &Value) -> bool {
    let own = ask.own.as_deref().unwrap_or_default();
    let old = world.copy(ask.route.kind, &ask.parents, own).unwrap_or_default();
    let holds = world.scope(ask, own, &old, |scope, _| scope.holds(&rule.when, body));
    let lacks = rule.lacks.is_empty()
        || rule.lacks.iter().any(|at| match at.get(body) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        });
    let taken = rule.taken.as_ref().is_none_or(|at| {
        let wanted = at.get(body).filter(|value| !value.is_null());
        let mut others = world.rows(ask.route.kind, &ask.parents, None).filter(|(_, id, _)| *id != own);
        wanted.is_some() && others.any(|(_, _, other)| at.get(&other) == wanted)
    });
    let dangling = rule.dangling.is_empty()
        || rule.dangling.iter().any(|(at, kind)| {
            let named = at.get(body).and_then(Value::as_str);
            let kind = world.vendor.kind(kind);
            named.zip(kind).is_some_and(|(id, kind)| world.resolve(kind, &[], id).is_none())
        });
    let full = rule.most.is_none_or(|most| world.rows(ask.route.kind, &ask.parents, None).count() >= most);
    holds && lacks && taken && dangling && full
}
