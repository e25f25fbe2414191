//! What a request sent.
//!
//! A third of the recordings lost the bodies of their requests. What such a request sent is read
//! off its answer: all that the answer shows, less what the catalogue says that only the server
//! sets. So the replay still judges every member that the server adds.

use lastgood::json::{Object, Pattern, Value};
use lastgood::sim::World;
use lastgood::sim::routes::Op;

use crate::recording::Exchange;

/// The body that a request sent, or must have sent.
pub(crate) fn sent(world: &World, exchange: &Exchange) -> Option<Value> {
    if exchange.request.is_some() || !lost(exchange) {
        return exchange.request.clone();
    }
    let route = world.vendor.routes.find(&exchange.method, &exchange.path)?.route;
    let kind = match route.op {
        Op::Create | Op::Update => route.kind,
        Op::Extra(number) => world.vendor.kind(world.vendor.forms.routes[number].of.as_ref()?)?,
        _ => return None,
    };
    let spec = &world.provider().kinds[kind];
    let mut body = exchange.response.clone();
    let takes = world.vendor.form(kind).map(|form| &form.takes);
    let kept = |pattern: &&Pattern| takes.is_some_and(|takes| takes.contains(pattern));
    for pattern in spec.assigned.iter().filter(|pattern| !kept(pattern)) {
        pattern.remove_all(&mut body);
    }
    // An id that a creation brings is one that names something else.
    let brings_id = spec.fixed.contains(&Pattern::parse("/id").unwrap());
    for member in ["id", "created", "lastUpdated", "_links", "_embedded"] {
        if member == "id" && brings_id {
            continue;
        }
        if let Some(members) = body.as_object_mut() {
            members.remove(member);
        }
    }
    if spec.kind.as_str() == "user"
        && exchange.response.get("credentials").and_then(|c| c.get("password")).is_some()
    {
        let password = Object::from_pairs([("value", Value::from("correct horse"))]);
        let credentials = Object::from_pairs([("password", Value::from(password))]);
        body.as_object_mut()?.insert("credentials", credentials);
    }
    Some(body)
}

/// Whether a request must have had a body that was not recorded.
pub(crate) fn lost(exchange: &Exchange) -> bool {
    let writes = matches!(exchange.method.as_str(), "POST" | "PUT");
    writes
        && exchange.request.is_none()
        && exchange.status < 300
        && exchange.response.as_object().is_some_and(|body| body.len() > 2)
}
