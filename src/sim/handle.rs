//! One request: from the call to the answer.
//!
//! A pure function of the world and the request. The order is the vendor's: faults on purpose,
//! token, rate, path, body, instance. Reading and writing are in `reading` and `writing`.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Returned, Shape};
use crate::json::Value;
use crate::sim::fill::Scope;
use crate::sim::form::{Extra, Form, Links, Stage};
use crate::sim::routes::{Op, Route};
use crate::sim::vendor::empty_object;
use crate::sim::wire::{Body, Refusal, Request, Response};
use crate::sim::world::World;
use crate::sim::{reading, workflows, writing};

/// A request whose call is known.
pub struct Ask<'a> {
    /// As it came.
    pub request: &'a Request,
    /// The call.
    pub route: Route,
    /// The values of the path's placeholders by name.
    pub params: BTreeMap<String, String>,
    /// The ids of the parents, outermost first, as they are stored.
    pub parents: Vec<String>,
    /// The last part of the path, where it names an instance of the kind.
    pub own: Option<String>,
}

/// A body on its way into the world or out of it.
pub struct Work {
    /// The instance's id.
    pub id: String,
    /// The body as it is now.
    pub body: Value,
    /// The body before the request; null where there was none.
    pub old: Value,
    /// At which point.
    pub stage: Stage,
    /// The request makes it.
    pub made: bool,
    /// A deletion leaves it where it is, in another state.
    pub stays: bool,
}

/// Answers a request and changes the world accordingly.
pub fn handle(world: &mut World, request: &Request) -> Response {
    let ways = world.vendor.ways;
    match world.faults.strike(request) {
        Some(Some(refusal)) => return world.refuse(refusal),
        Some(None) => return Response { status: 0, headers: Vec::new(), body: Body::Dropped },
        None => {}
    }
    if let Some(answer) = (ways.token)(world, request) {
        return answer;
    }
    let answered = match world.workflows.is_asked(request) {
        true => workflows::handle(world, request),
        false => admitted(world, request).and_then(|scopes| dispatch(world, request, scopes.as_ref())),
    };
    let mut answer = answered.unwrap_or_else(|refusal| world.refuse(refusal));
    if ways.tells_windows {
        answer.headers.extend(world.windows.headers());
    }
    world.faults.distort(request, answer).unwrap_or_else(|refusal| world.refuse(refusal))
}

/// The scopes of the token that a request brings; `None` where it has no bounds.
pub(super) fn admitted(world: &mut World, request: &Request) -> Result<Option<BTreeSet<String>>, Refusal> {
    let scopes = (world.vendor.ways.admit)(world, request)?;
    world.windows.count(request, world.now).map(|()| scopes)
}

/// Refuses a call for which the token has no scope.
fn permitted(world: &World, route: &Route, scopes: &BTreeSet<String>) -> Result<(), Refusal> {
    let log = world.provider().audit.as_ref().filter(|audit| audit.path.bare() == route.path);
    let needed = match (log, world.provider().kinds.get(route.kind)) {
        (Some(audit), _) => &audit.scopes,
        (None, None) => return Ok(()),
        (None, Some(spec)) if matches!(route.op, Op::List(_) | Op::Get) => &spec.scopes.read,
        (None, Some(spec)) => &spec.scopes.write,
    };
    if needed.is_empty() || needed.iter().any(|scope| scopes.contains(scope)) {
        return Ok(());
    }
    Err(Refusal::denied())
}

fn dispatch(
    world: &mut World,
    request: &Request,
    scopes: Option<&BTreeSet<String>>,
) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let Some(found) = vendor.routes.find(&request.method, &request.path) else {
        let wrong_method = vendor.routes.knows_path(&request.path);
        return Err(Refusal::no_call(if wrong_method { 405 } else { 404 }));
    };
    if world.lacking.iter().any(|path| found.route.path.starts_with(path)) {
        return Err(Refusal::new(
            401,
            "E0000015",
            "You do not have permission to access the feature you are requesting",
        ));
    }
    if let Some(scopes) = scopes {
        permitted(world, found.route, scopes)?;
    }
    if request.broken {
        return Err(Refusal::malformed());
    }
    let route = found.route.clone();
    let params: BTreeMap<_, _> = route.params.iter().cloned().zip(found.values.iter().cloned()).collect();
    let mut ask = Ask { request, route, params, parents: Vec::new(), own: None };
    if let Op::Extra(number) = ask.route.op {
        return extra(world, &mut ask, number, found.values);
    }
    named_plainly(world, &ask.route, &found.values)?;
    let mut parents = found.values;
    let single = vendor.provider.kinds[ask.route.kind].shape == Shape::Singleton;
    if parents.len() > ask.route.parents {
        ask.own = parents.drain(ask.route.parents..).next();
    } else if single {
        ask.own = Some(crate::base::key::SINGLETON.into());
    }
    ask.parents = world.resolve_parents(ask.route.kind, parents)?;
    match ask.route.op {
        Op::List(read) => reading::list(world, &ask, read),
        Op::Get => reading::get(world, &ask),
        Op::Create => writing::create(world, &ask),
        Op::Update => writing::update(world, &ask),
        Op::Delete => writing::delete(world, &ask),
        Op::Action(number) => writing::act(world, &ask, number),
        Op::Extra(_) => Ok(Response::empty(404)),
    }
}

/// Where only the id itself names an instance, no other name of it does.
fn named_plainly(world: &World, route: &Route, values: &[String]) -> Result<(), Refusal> {
    let kinds = 0..world.provider().kinds.len();
    let plain = kinds.filter(|kind| {
        let form = world.vendor.form(*kind);
        form.and_then(|form| form.plain.as_ref()).is_some_and(|plain| route.path.starts_with(plain.as_str()))
    });
    for kind in plain {
        if let Some(id) = values.first().filter(|id| world.get(kind, &[], id).is_none()) {
            return Err(Refusal::absent(id, &world.vendor.title(kind)));
        }
    }
    Ok(())
}

/// A call outside the catalogue.
fn extra(world: &mut World, ask: &mut Ask, number: usize, values: Vec<String>) -> Result<Response, Refusal> {
    let vendor = world.vendor;
    let route: &Extra = &vendor.forms.routes[number];
    let mut id = String::new();
    if let Some(kind) = route.of.as_ref().and_then(|name| vendor.kind(name)) {
        ask.route.kind = kind;
        ask.parents = world.resolve_parents(kind, Vec::new())?;
        let part = values.first().cloned().unwrap_or_default();
        id = world.resolve(kind, &[], &part).ok_or_else(|| Refusal::absent(&part, &vendor.title(kind)))?;
        ask.own = Some(id.clone());
    }
    if let Some(code) = &route.code {
        return Err(Refusal::new(route.status, code, &route.summary));
    }
    if let Some(hook) = route.hook.as_ref().and_then(|name| vendor.call_hook(name)) {
        let answer = hook(world, ask)?;
        note_extra(world, ask, route, &id);
        return Ok(answer);
    }
    if let (Some(set), Some(_)) = (&route.set, &route.of) {
        let rendered = world.scope(ask, &id, &Value::Null, |scope, body| scope.render(&set.0, body));
        if let (Some(value), Some(body)) = (rendered, world.get_mut(ask.route.kind, &[], &id)) {
            crate::sim::fill::merge(body, value);
        }
    }
    note_extra(world, ask, route, &id);
    let body = match route.of {
        Some(_) => world.copy(ask.route.kind, &[], &id).unwrap_or_default(),
        None => Value::Null,
    };
    let given = route.gives.as_ref();
    let rendered =
        given.and_then(|gives| world.scope(ask, &id, &Value::Null, |scope, _| scope.render(&gives.0, &body)));
    Ok(match rendered {
        Some(value) => Response::json(route.status, value),
        None => Response::empty(route.status),
    })
}

/// The event of a call outside the catalogue, where the vendor writes one.
fn note_extra(world: &mut World, ask: &Ask, route: &Extra, id: &str) {
    if let (Some(deed), Some(_)) = (&route.deed, &route.of) {
        let body = world.copy(ask.route.kind, &[], id).unwrap_or_default();
        let work = Work {
            id: id.to_owned(),
            body,
            old: Value::Null,
            stage: Stage::Update,
            made: false,
            stays: false,
        };
        crate::sim::log::note_verb(world, ask, &work, deed);
    }
}

impl World {
    /// A refusal as an answer.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response {
        (self.vendor.ways.refused)(self, refusal)
    }

    /// The stored ids of the parents that a path names.
    ///
    /// # Errors
    /// Each must be there, but for kinds whose instances the server makes.
    pub fn resolve_parents(&self, kind: usize, mut ids: Vec<String>) -> Result<Vec<String>, Refusal> {
        let chain = self.chain(kind, &ids);
        for (depth, parent) in chain.into_iter().zip(0..).map(|(parent, depth)| (depth, parent)) {
            let Some(number) = parent else { continue };
            let (above, id) = (&ids[..depth], &ids[depth]);
            match self.resolve(number, above, id) {
                Some(found) => ids[depth] = found,
                None if self.vendor.form(number).is_some_and(|form| form.always) => {}
                None => return Err(Refusal::absent(id, &self.vendor.title(number))),
            }
        }
        Ok(ids)
    }

    /// The kinds of the parents, outermost first; `None` where no kind has such an id.
    fn chain(&self, kind: usize, ids: &[String]) -> Vec<Option<usize>> {
        let mut out = vec![None; ids.len()];
        let mut at = kind;
        for depth in (0..ids.len()).rev() {
            let Some((parent, _, _)) = self.parent_of(at, &ids[..=depth]) else { break };
            out[depth] = Some(parent);
            at = parent;
        }
        out
    }

    /// Does something with a scope for this request.
    pub fn scope<R>(&self, ask: &Ask, id: &str, old: &Value, work: impl FnOnce(&Scope, &Value) -> R) -> R {
        let parent = match ask.route.kind {
            usize::MAX => None,
            kind => self
                .parent_of(kind, &ask.parents)
                .and_then(|(number, above, id)| self.copy(number, &above, &id)),
        };
        let query = ask.request.query.iter().map(|(name, value)| (name.as_str(), value.as_str().into()));
        let params = ask.params.iter().map(|(name, value)| (name.as_str(), value.as_str().into()));
        let documents = BTreeMap::from([
            ("query", crate::json::Object::from_pairs(query).into()),
            ("params", crate::json::Object::from_pairs(params).into()),
            ("old", old.clone()),
            ("parent", parent.unwrap_or_default()),
            ("sent", ask.request.body.clone().unwrap_or_default()),
            ("org", self.org.as_document()),
        ]);
        let scope = Scope {
            org: &self.org,
            now: self.now,
            entropy: &self.entropy,
            id,
            params: &ask.params,
            documents: &documents,
        };
        work(&scope, &Value::Null)
    }

    /// Layers, then calculations, of one stage.
    ///
    /// # Errors
    /// A calculation may refuse.
    pub fn shape(&mut self, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
        let vendor = self.vendor;
        let Some(form) = vendor.form(ask.route.kind) else {
            if vendor.ways.links && work.stage == Stage::Show && work.body.get("_links").is_none() {
                crate::sim::links::put(self, ask, work);
            }
            return Ok(());
        };
        let stage = work.stage;
        let stored = work.body.get("_links").filter(|_| stage == Stage::Show).cloned();
        let Work { id, body, old, .. } = work;
        self.scope(ask, id, old, |scope, _| scope.apply(&form.layer, stage, body));
        self.compute(form, ask, work)?;
        if vendor.ways.links && stage == Stage::Show && form.links == Links::Standard {
            crate::sim::links::put(self, ask, work);
        }
        // Links that came with the body are shown as they are.
        if let (Some(stored), Some(members)) = (stored, work.body.as_object_mut()) {
            members.insert("_links", stored);
        }
        Ok(())
    }

    fn compute(&mut self, form: &Form, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
        let vendor = self.vendor;
        for name in form.hook.get(&work.stage).into_iter().flatten() {
            if let Some(hook) = vendor.body_hook(name) {
                hook(self, ask, work)?;
            }
        }
        Ok(())
    }

    /// Puts in an instance of which only the id is known, as the server would have made it.
    pub fn suppose(&mut self, ask: &Ask, id: &str) {
        if let Ok(body) = reading::born(self, ask, id) {
            self.put(ask.route.kind, &ask.parents, id, body);
        }
    }

    /// The body as an answer shows it, stage after stage.
    ///
    /// # Errors
    /// A calculation may refuse.
    pub fn shown(&mut self, ask: &Ask, id: &str, stages: &[Stage], body: Value) -> Result<Value, Refusal> {
        let mut work =
            Work { id: id.to_owned(), body, old: Value::Null, stage: Stage::Show, made: false, stays: false };
        for stage in stages {
            work.stage = *stage;
            self.shape(ask, &mut work)?;
        }
        if let Some(members) = work.body.as_object_mut() {
            members.retain(|name, _| !name.starts_with('_') || matches!(name, "_links" | "_embedded"));
        }
        self.hide(ask.route.kind, &mut work.body);
        if stages.contains(&Stage::Show) {
            (self.vendor.ways.show)(self, ask, &mut work.body);
        }
        Ok(work.body)
    }

    /// Takes out what the vendor takes and never gives.
    fn hide(&self, kind: usize, body: &mut Value) {
        let Some(spec) = self.provider().kinds.get(kind) else { return };
        let never = spec.secret.iter().filter(|secret| secret.returned == Returned::Never);
        for pattern in never.map(|secret| &secret.at).chain(&spec.write_only) {
            let found = pattern.find(body).into_iter();
            // What is no text is what the vendor shows in the secret's place.
            let texts: Vec<_> =
                found.filter(|(_, value)| value.as_str().is_some()).map(|(at, _)| at).collect();
            for at in texts {
                at.remove(body);
            }
        }
    }
}

/// An answer of JSON, or nothing where there is nothing.
#[must_use]
pub fn answer(status: u16, body: Option<Value>) -> Response {
    Response { status, headers: Vec::new(), body: body.map_or(Body::None, Body::Json) }
}

/// The body of a request; an empty object where none came.
///
/// # Errors
/// The vendor takes objects only.
pub fn sent(ask: &Ask) -> Result<Value, Refusal> {
    match &ask.request.body {
        None => Ok(empty_object()),
        Some(body @ Value::Object(_)) => Ok(body.clone()),
        Some(_) => Err(Refusal::malformed()),
    }
}
