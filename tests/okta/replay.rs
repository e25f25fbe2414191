//! A scenario against the simulator: the same requests in the same order.

use lastgood::json::Value;
use lastgood::sim::{Body, Request, World, handle, vendor};

use crate::recording::{Exchange, Scenario};
use crate::seed::presuppose;
use crate::sent::sent;
use crate::shape::{Names, differences};
use crate::traits::{session_tokens, traits};

/// Where an answer differs from the recorded one.
pub(crate) struct Miss {
    pub(crate) call: String,
    pub(crate) what: Vec<String>,
}

/// Replays a scenario in a fresh world; the first miss says what is not as recorded.
pub(crate) fn replay(scenario: &Scenario) -> Vec<Miss> {
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    let mut world = World::new(vendor("okta").unwrap(), "https://acme.okta.example", 7, now);
    if classic(scenario) {
        world.org.pipeline = "v1".into();
    }
    world.org.traits = traits(scenario);
    world.session_tokens = session_tokens(scenario);
    presuppose(&mut world, scenario);
    let mut names = Names::default();
    let mut misses = Vec::new();
    for exchange in &scenario.exchanges {
        let request = Request::new(
            &exchange.method,
            &names.apply(&exchange.path),
            &names.apply(&exchange.query),
            sent(&world, exchange).map(|body| names.apply_to(&body)),
        );
        let answer = handle(&mut world, &request);
        let body = body_of(&answer.body, exchange);
        names.learn(&exchange.response, &body);
        let mut what = Vec::new();
        if answer.status != exchange.status {
            let summary = body.get("errorSummary").and_then(Value::as_str).unwrap_or_default();
            what.push(format!("answers {}, not {} {summary}", answer.status, exchange.status));
        } else {
            what.extend(differences(&exchange.response, &body));
        }
        if !what.is_empty() {
            misses.push(Miss { call: format!("{} {}", exchange.method, exchange.template), what });
        }
    }
    misses
}

/// The body to compare: texts stand for themselves, an answer without a body is `null`.
fn body_of(body: &Body, exchange: &Exchange) -> Value {
    match body {
        Body::Json(value) => value.clone(),
        Body::Text(_, text) => text.as_str().into(),
        Body::None if exchange.response == Value::String(String::new()) => exchange.response.clone(),
        Body::None | Body::Dropped => Value::Null,
    }
}

/// Whether the recorded organisation ran the Classic engine.
fn classic(scenario: &Scenario) -> bool {
    let told = scenario.exchanges.iter().find_map(|exchange| exchange.response.get("pipeline"));
    match told.and_then(Value::as_str) {
        Some(pipeline) => pipeline == "v1",
        None => scenario.name.ends_with("/classic-00"),
    }
}
