//! One of everything: an organisation that holds at least one instance of each kind that can be read.
//!
//! A list of steps (`okta/sample/*.toml`, `entra/sample/*.toml`): requests as an administrator sends them, and what no request
//! makes, because people, devices and agents make it, put in as it is. Texts hold the placeholders of
//! [`crate::sim::fill`] and the names under which earlier steps kept a value.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::KindSpec;
use crate::json::{Pointer, Value};
use crate::sim::fill::Scope;
use crate::sim::form::{Json, Stage};
use crate::sim::handle::{Work, handle};
use crate::sim::wire::{Body, Request};
use crate::sim::world::{World, id_in};
use crate::sim::writing::assign;

/// One file of steps.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// In order.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
}

/// A request, or an instance.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `METHOD /path`.
    call: Option<String>,
    /// The kind of the instance.
    put: Option<Kind>,
    /// The ids of its parents, outermost first.
    #[serde(default)]
    below: Vec<String>,
    /// Its id, where its body does not hold one.
    id: Option<String>,
    /// What is sent or put.
    body: Option<Json>,
    /// Names for values of the answer, or of the instance.
    #[serde(default)]
    keep: BTreeMap<String, Pointer>,
}

/// Takes every step.
///
/// # Errors
/// Says which step the simulator refuses, and how.
pub fn sample(world: &mut World) -> Result<(), String> {
    let vendor = world.vendor;
    let (token, windows) = (world.token.take(), std::mem::take(&mut world.windows));
    let mut names = BTreeMap::new();
    for step in &vendor.sample {
        let body = take(world, step, &names)?;
        for (name, at) in &step.keep {
            let found = at.get(&body).and_then(Value::as_str);
            let value = found.ok_or_else(|| format!("{step:?}: nothing at `{at}`"))?;
            names.insert(name.clone(), value.to_owned());
        }
    }
    // What was there before anybody watched is in no log.
    world.log.forget();
    (world.token, world.windows) = (token, windows);
    Ok(())
}

fn take(world: &mut World, step: &Step, names: &BTreeMap<String, String>) -> Result<Value, String> {
    match (&step.call, &step.put) {
        (Some(call), None) => ask(world, step, call, names),
        (None, Some(kind)) => put(world, step, kind, names),
        _ => Err(format!("{step:?} has either a call or a kind to put")),
    }
}

/// What a text or a body of a step says, with everything that it names filled in.
fn filled<R>(world: &World, names: &BTreeMap<String, String>, id: &str, fill: impl FnOnce(&Scope) -> R) -> R {
    let documents = BTreeMap::from([("org", world.org.as_document())]);
    fill(&Scope {
        org: &world.org,
        now: world.now,
        entropy: &world.entropy,
        id,
        params: names,
        documents: &documents,
    })
}

fn ask(
    world: &mut World,
    step: &Step,
    call: &str,
    names: &BTreeMap<String, String>,
) -> Result<Value, String> {
    let (method, target) = call.split_once(' ').ok_or_else(|| format!("`{call}` is no call"))?;
    let (target, body) = filled(world, names, "", |scope| {
        let body = step.body.as_ref().and_then(|body| scope.render(&body.0, &Value::Null));
        (scope.interpolate(target, &Value::Null), body)
    });
    // A link that an earlier answer showed is followed.
    let asked = target.strip_prefix(world.org.url.as_str()).unwrap_or(&target);
    let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
    let answer = handle(world, &Request::new(method, path, query, body));
    let body = match answer.body {
        Body::Json(body) => body,
        _ => Value::Null,
    };
    match answer.status {
        200..300 => Ok(body),
        status => Err(format!("{method} {target} answers {status}: {}", body.to_line())),
    }
}

fn put(
    world: &mut World,
    step: &Step,
    kind: &Kind,
    names: &BTreeMap<String, String>,
) -> Result<Value, String> {
    let number = world.vendor.kind(kind).ok_or_else(|| format!("no kind is called `{kind}`"))?;
    let spec = &world.provider().kinds[number];
    let form = world.vendor.form(number);
    let fresh = world.new_id(form);
    let (parents, id, body) = filled(world, names, &fresh, |scope| {
        let parents: Vec<String> =
            step.below.iter().map(|text| scope.interpolate(text, &Value::Null)).collect();
        let given = step.id.as_ref().map(|text| scope.interpolate(text, &Value::Null));
        let body = step.body.as_ref().and_then(|body| scope.render(&body.0, &Value::Null));
        (parents, given, body.unwrap_or_else(crate::sim::vendor::empty_object))
    });
    let id = id.or_else(|| id_in(spec, &body)).unwrap_or(fresh);
    let body = whole(world, spec, id.clone(), body);
    world.put(number, &parents, &id, body.clone());
    Ok(body)
}

/// With its id and its times, where the kind has them.
fn whole(world: &World, spec: &KindSpec, id: String, body: Value) -> Value {
    let mut work = Work { id, body, old: Value::Null, stage: Stage::Create, made: true, stays: false };
    if let (Some(at), None) = (&spec.id, id_in(spec, &work.body)) {
        let _ = at.set(&mut work.body, work.id.as_str());
    }
    assign(world, spec, &mut work);
    work.body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::vendor::VENDORS;
    use crate::sim::{populate, vendor};

    #[test]
    fn every_step_is_taken() {
        let now = "2026-06-15T12:00:00Z".parse().unwrap();
        for name in VENDORS {
            let mut world = World::new(vendor(name).unwrap(), "https://acme.okta.example", 7, now);
            // As it is served: the sample changes what comes with people and their organisation.
            populate(&mut world, 3, 7);
            sample(&mut world).unwrap();
            assert!(world.log.is_empty(), "{name}: nobody watched");
        }
    }
}
