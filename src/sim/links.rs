//! The links that nearly every instance shows: to itself, and to the switch it can be given.

use crate::catalog::{KindSpec, Template};
use crate::json::{Object, Value};
use crate::sim::handle::{Ask, Work};
use crate::sim::world::World;

/// Puts in the links that the body lacks, for kinds that have links at all.
pub(super) fn put(world: &World, ask: &Ask, work: &mut Work) {
    let spec = &world.provider().kinds[ask.route.kind];
    let linked = spec.assigned.iter().filter_map(|pattern| pattern.as_pointer());
    let known = spec.fields.is_empty() || spec.fields.iter().any(|field| field == "_links");
    if !known || !linked.into_iter().any(|at| at.len() == 1 && at.last() == Some("_links")) {
        return;
    }
    let Some(item) = item_path(spec) else { return };
    let mut ids = ask.parents.clone();
    if item.as_str().matches('{').count() > ids.len() {
        ids.push(work.id.clone());
    }
    let place = std::cell::Cell::new(0);
    let path = item.fill(|_| {
        let at = place.replace(place.get() + 1);
        ids.get(at).cloned()
    });
    let Ok(path) = path else { return };
    let url = format!("{}{path}", world.org.url);
    let allow = match world.vendor.form(ask.route.kind) {
        Some(form) if !form.allow.is_empty() => form.allow.clone(),
        _ => methods(spec),
    };
    let status = work.body.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
    let form = world.vendor.form(ask.route.kind);
    let held =
        form.is_some_and(|form| !form.held.is_empty() && form.held.iter().all(|held| held.holds(&work.body)));
    let Some(members) = work.body.as_object_mut() else { return };
    if !members.contains("_links") {
        members.insert("_links", Object::new());
    }
    let Some(links) = members.get_mut("_links").and_then(Value::as_object_mut) else { return };
    if spec.links.is_empty() || spec.links.iter().any(|link| link == "self") {
        add(links, "self", &url, &allow);
    }
    if let Some(switch) = switch(spec, &status).filter(|_| !held) {
        add(links, switch, &format!("{url}/lifecycle/{switch}"), &["POST".to_owned()]);
    }
}

fn add(links: &mut Object, name: &str, url: &str, allow: &[String]) {
    if links.contains(name) {
        return;
    }
    let methods: Value = allow.iter().map(String::as_str).collect();
    let hints = Object::from_pairs([("allow", methods)]);
    links.insert(name, Object::from_pairs([("href", Value::from(url)), ("hints", hints.into())]));
}

fn item_path(spec: &KindSpec) -> Option<&Template> {
    let read = spec.read.first().and_then(|read| read.path.as_ref());
    let update = spec.update.first().map(|write| &write.call.path);
    spec.get.as_ref().or(update).or(read)
}

fn methods(spec: &KindSpec) -> Vec<String> {
    let mut methods = vec!["GET".to_owned()];
    let written = [&spec.update, &spec.delete].into_iter().filter_map(|writes| writes.first());
    methods.extend(written.map(|write| write.call.method.as_str().to_owned()));
    methods
}

/// What would change the status: the other of the two switches.
fn switch(spec: &KindSpec, status: &str) -> Option<&'static str> {
    let ends = |ending: &str| spec.action.iter().any(|action| action.call.path.bare().ends_with(ending));
    match status {
        "ACTIVE" if ends("/lifecycle/deactivate") => Some("deactivate"),
        "INACTIVE" | "DEACTIVATED" if ends("/lifecycle/activate") => Some("activate"),
        _ => None,
    }
}
