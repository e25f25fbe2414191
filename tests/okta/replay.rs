//! A scenario against the simulator: the same requests in the same order.

use std::collections::HashMap;

use lastgood::json::Value;
use lastgood::sim::{Body, Request, Vendor, World, handle, vendor};

use crate::recording::{Exchange, Scenario};
use crate::seed::presuppose;
use crate::sent::sent;
use crate::shape::{Names, differences};
use crate::traits::{lacking, passing, session_tokens, traits};

/// Where an answer differs from the recorded one.
pub(crate) struct Miss {
    pub(crate) call: String,
    pub(crate) what: Vec<String>,
}

/// An answer: method, path as the document has it, status, body.
pub(crate) type Answer = (String, String, u16, Value);

/// What the simulator answers to a scenario.
pub(crate) fn answers(scenario: &Scenario) -> Vec<Answer> {
    run(vendor("okta").unwrap(), scenario).1
}

/// Replays a scenario in a fresh world; the first miss says what is not as recorded.
pub(crate) fn replay(scenario: &Scenario) -> Vec<Miss> {
    replay_with(vendor("okta").unwrap(), scenario)
}

/// The same with a vendor of another catalogue.
pub(crate) fn replay_with(vendor: &'static Vendor, scenario: &Scenario) -> Vec<Miss> {
    run(vendor, scenario).0
}

fn run(vendor: &'static Vendor, scenario: &Scenario) -> (Vec<Miss>, Vec<Answer>) {
    let mut given = Vec::new();
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    let mut world = World::new(vendor, "https://acme.okta.example", 7, now);
    if classic(scenario) {
        world.org.pipeline = "v1".into();
    }
    world.org.traits = traits(scenario);
    world.session_tokens = session_tokens(scenario);
    world.lacking = lacking(scenario);
    presuppose(&mut world, scenario);
    let mut names = Names::default();
    let mut cursors = HashMap::new();
    let mut misses = Vec::new();
    for exchange in &scenario.exchanges {
        let request = Request::new(
            &exchange.method,
            &names.apply(&exchange.path),
            &with_cursor(&names.apply(&exchange.query), &exchange.query, &cursors),
            sent(&world, exchange).map(|body| names.apply_to(&body)),
        );
        world.faults = passing(exchange);
        let answer = handle(&mut world, &request);
        let body = body_of(&answer.body, exchange);
        names.learn(&exchange.response, &body);
        given.push((exchange.method.clone(), exchange.template.clone(), answer.status, body.clone()));
        let links: String = answer.headers.iter().map(|(_, value)| value.as_str()).collect();
        if let (Some(recorded), Some(simulated)) = (cursor(&exchange.link), cursor(&links)) {
            cursors.insert(recorded, simulated);
        }
        let mut what = Vec::new();
        if answer.status != exchange.status {
            let summary = body.get("errorSummary").and_then(Value::as_str).unwrap_or_default();
            what.push(format!("answers {}, not {} {summary}", answer.status, exchange.status));
        } else {
            what.extend(differences(&names.apply_to(&exchange.response), &body));
        }
        if !what.is_empty() {
            misses.push(Miss { call: format!("{} {}", exchange.method, exchange.template), what });
        }
    }
    (misses, given)
}

/// The cursor of the page that follows, in a `Link` header.
fn cursor(links: &str) -> Option<String> {
    let next = links.split('<').find(|part| part.contains("next"))?;
    let after = next.split("after=").nth(1)?;
    Some(after.split(['&', '>', '"']).next()?.to_owned())
}

/// The query with the simulator's cursor in place of the recorded one.
fn with_cursor(query: &str, recorded: &str, cursors: &HashMap<String, String>) -> String {
    let Some(old) = recorded.split('&').find_map(|part| part.strip_prefix("after=")) else {
        return query.into();
    };
    let parts = query.split('&').map(|part| match (part.strip_prefix("after="), cursors.get(old)) {
        (Some(_), Some(new)) => format!("after={new}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
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
