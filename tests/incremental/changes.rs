//! Changes drawn at random, of whatever the tenant holds: each is a request that an administrator could
//! send. One that the tenant refuses changes nothing, and is none.

use lastgood::catalog::{KindSpec, Method};
use lastgood::json::{Object, Value};

use crate::tenant::Tenant;

/// What is done to an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    /// Another one like it is made.
    Copy,
    /// It is changed.
    Change,
    /// It is changed and changed back.
    ThereAndBack,
    /// It is removed.
    Remove,
    /// It is removed and one like it is made.
    Replace,
    /// One of its switches is used.
    Switch,
}

impl Deed {
    pub(crate) const ALL: [Self; 6] =
        [Self::Change, Self::Copy, Self::ThereAndBack, Self::Switch, Self::Replace, Self::Remove];
}

/// One change, as numbers that a test can draw and shrink: which kind, which instance, what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Draw {
    pub(crate) kind: u32,
    pub(crate) instance: u32,
    pub(crate) deed: Deed,
    /// Seconds that pass before it.
    pub(crate) after: i64,
}

/// An instance in the world.
struct Instance {
    parents: Vec<String>,
    id: String,
}

/// Makes the change. Says what was done, where the tenant took it.
pub(crate) fn make(tenant: &Tenant, draw: Draw, number: usize) -> Option<String> {
    tenant.wait(draw.after);
    let (spec, instance) = choose(tenant, draw)?;
    let path = |text: &str| fill(text, &instance.parents, Some(&instance.id));
    let below = |text: &str| fill(text, &instance.parents, None);
    let shown = || {
        let world = tenant.world();
        let kind = world.kind(spec.kind.as_str())?;
        world.get(kind, &instance.parents, &instance.id).map(std::borrow::Cow::into_owned)
    };
    let send = |method: Method, path: Option<String>, body: Option<Value>| {
        let path = path?;
        let text = body.map(|body| String::from_utf8(body.to_canonical()).unwrap()).unwrap_or_default();
        let (status, _) = tenant.ask(method.as_str(), &path, &text);
        (status < 300).then(|| format!("{} {path} {text}", method.as_str()))
    };
    let copy = || {
        let create = spec.create.first()?;
        let body = renamed(shown()?, number);
        match fill(create.call.path.as_str(), &instance.parents, None) {
            Some(path) => send(create.call.method, Some(path), Some(without_id(body))),
            None => {
                let far = far_end(tenant, spec, draw)?;
                let to = fill(create.call.path.as_str(), &instance.parents, Some(&far));
                send(create.call.method, to, Some(Value::from(Object::new())))
            }
        }
    };
    let change = |body: Value| {
        let update = spec.update.first()?;
        send(update.call.method, path(update.call.path.as_str()), Some(body))
    };
    let remove = || {
        let delete = spec.delete.first()?;
        send(delete.call.method, path(delete.call.path.as_str()), None)
    };
    match draw.deed {
        Deed::Copy => copy(),
        Deed::Change => change(renamed(shown()?, number)),
        Deed::ThereAndBack => {
            let was = shown()?;
            let there = change(renamed(was.clone(), number))?;
            tenant.wait(3);
            change(was);
            Some(format!("{there} and back"))
        }
        Deed::Remove => remove(),
        Deed::Replace => {
            let create = spec.create.first()?;
            let was = shown().filter(|_| spec.also_id.is_empty())?;
            let removed = remove()?;
            tenant.wait(2);
            let to = below(create.call.path.as_str()).or_else(|| path(create.call.path.as_str()));
            let made = send(create.call.method, to, Some(without_id(was)));
            Some(format!("{removed}, then {made:?}"))
        }
        Deed::Switch => {
            let place = usize::try_from(draw.instance).unwrap() % spec.action.len().max(1);
            let action = spec.action.get(place)?;
            send(action.call.method, path(action.call.path.as_str()), None)
        }
    }
}

/// The kinds that can be changed at all.
fn writable(tenant: &Tenant) -> Vec<(&'static KindSpec, usize)> {
    let world = tenant.world();
    let writes = |spec: &&KindSpec| {
        let calls = spec.create.len() + spec.update.len() + spec.delete.len() + spec.action.len();
        calls > 0 && spec.unread.is_none() && spec.carried_by.is_none() && !is_costly(spec)
    };
    let specs = world.provider().kinds.iter().filter(writes);
    specs.filter_map(|spec| Some((spec, world.kind(spec.kind.as_str())?))).collect()
}

/// How many kinds can be changed.
pub(crate) fn kinds(tenant: &Tenant) -> u32 {
    u32::try_from(writable(tenant).len()).unwrap()
}

/// The name of such a kind.
pub(crate) fn name(tenant: &Tenant, kind: u32) -> String {
    writable(tenant)[usize::try_from(kind).unwrap()].0.kind.to_string()
}

/// An instance of a kind that can be changed, where there is one.
fn choose(tenant: &Tenant, draw: Draw) -> Option<(&'static KindSpec, Instance)> {
    let there = writable(tenant);
    let world = tenant.world();
    let (spec, number) = *there.get(usize::try_from(draw.kind).unwrap() % there.len())?;
    let mut all: Vec<Instance> = world
        .all(number)
        .map(|(parents, id, _)| Instance { parents: parents.to_vec(), id: id.to_owned() })
        .collect();
    all.sort_by(|a, b| (&a.parents, &a.id).cmp(&(&b.parents, &b.id)));
    let place = usize::try_from(draw.instance).unwrap().checked_rem(all.len())?;
    Some((spec, all.swap_remove(place)))
}

/// Something that a link of this kind can lead to.
fn far_end(tenant: &Tenant, spec: &KindSpec, draw: Draw) -> Option<String> {
    let own = |at: &str| spec.id.as_ref().is_some_and(|id| id.to_string() == at) && spec.also_id.is_empty();
    let to = spec.refs.iter().find(|reference| own(&reference.at.to_string()))?.to.first()?;
    let world = tenant.world();
    let mut ids: Vec<&str> = world.all(world.kind(to.as_str())?).map(|(_, id, _)| id).collect();
    ids.sort_unstable();
    let place = usize::try_from(draw.instance.rotate_left(16)).unwrap().checked_rem(ids.len())?;
    Some(ids[place].to_owned())
}

fn is_costly(spec: &KindSpec) -> bool {
    spec.read.iter().any(|read| read.costly)
}

/// A path with the ids of parents, and then its own, in its placeholders; `None` where there are not as
/// many.
fn fill(template: &str, parents: &[String], own: Option<&str>) -> Option<String> {
    let mut ids = parents.iter().map(String::as_str).chain(own.filter(|id| *id != "-"));
    let mut out = String::new();
    for (place, part) in template.split('{').enumerate() {
        match (place, part.split_once('}')) {
            (0, _) => out.push_str(part),
            (_, Some((_, rest))) => {
                out.push_str(ids.next()?);
                out.push_str(rest);
            }
            _ => return None,
        }
    }
    ids.next().is_none().then_some(out)
}

/// The body with another text in a field that is a name, wherever one stands.
fn renamed(mut body: Value, number: usize) -> Value {
    let places = [
        &["profile", "description"][..],
        &["profile", "name"],
        &["profile", "lastName"],
        &["label"],
        &["description"],
        &["name"],
        &["settings", "notes", "admin"],
        &["template"],
        &["endUserSupportHelpURL"],
    ];
    for place in places {
        let at = lastgood::json::Pointer::from_segments(place.iter().copied());
        let is_text = at.get(&body).is_some_and(|found| found.as_str().is_some());
        if is_text {
            let _ = at.set(&mut body, format!("changed {number}"));
        }
    }
    if let Some(login) = lastgood::json::Pointer::from_segments(["profile", "login"]).get(&body).cloned() {
        let login = format!("n{number}.{}", login.as_str().unwrap_or_default());
        for name in ["login", "email"] {
            let _ = lastgood::json::Pointer::from_segments(["profile", name]).set(&mut body, login.as_str());
        }
    }
    body
}

fn without_id(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        for name in ["id", "created", "lastUpdated", "_links"] {
            members.remove(name);
        }
    }
    body
}
