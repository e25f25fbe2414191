//! Whether a change makes what a resource guards weaker. Pure.
//!
//! What guards, and which way it grows weaker, are facts of the catalogue (`privileged` rules of a
//! kind, each with a `weaker`). Two questions are asked of them:
//!
//! - [`grows_weaker`]: does this step hand out power? A plan asks it of each step and puts those that
//!   do into a group of their own.
//! - [`below_both`]: is a resource weaker between two steps than before *and* after the whole? An
//!   apply that may stop after any step asks it of each state that it can leave behind.
//!
//! Where nobody can say which of two values is weaker, each counts as weaker than the other, so that
//! only a state that equals one of the ends is let pass.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::access::is_root;
use crate::catalog::{KindSpec, Privileged, Toward, Weaker};
use crate::json::Value;

/// The rules by which a state guards less than both others: `None` is a resource that is not there.
///
/// `between` is what a stop leaves behind, `before` and `after` are the ends of the way.
#[must_use]
pub fn below_both<'s>(
    spec: &'s KindSpec,
    before: Option<&Value>,
    between: Option<&Value>,
    after: Option<&Value>,
) -> Vec<&'s Privileged> {
    let weak = |rule: &&Privileged| {
        applies(rule, between) && grows_weaker(rule, before, between) && grows_weaker(rule, after, between)
    };
    spec.restore.privileged.iter().filter(weak).collect()
}

/// Whether a rule is about this state. A condition on another body cannot be asked here: it is taken
/// to hold.
fn applies(rule: &Privileged, state: Option<&Value>) -> bool {
    rule.only.iter().all(|condition| condition.of.is_some() || state.is_none_or(|body| condition.holds(body)))
}

/// Whether `to` guards less than `from` by this rule, whose conditions the caller has asked.
#[must_use]
pub fn grows_weaker(rule: &Privileged, from: Option<&Value>, to: Option<&Value>) -> bool {
    if is_root(&rule.at) {
        return match rule.weaker {
            Some(Weaker::Toward(Toward::More)) => from.is_none() && to.is_some(),
            Some(Weaker::Toward(Toward::Less)) => from.is_some() && to.is_none(),
            Some(Weaker::Scale(_)) | None => from != to,
        };
    }
    // Of what is not there, no field guards anything.
    let Some(to) = to else { return false };
    let held = |body: Option<&Value>| -> BTreeMap<String, Value> {
        let found = body.map(|body| rule.at.find(body)).unwrap_or_default().into_iter();
        let set = found.filter(|(_, value)| !is_unset(value));
        set.map(|(at, value)| (at.to_string(), value.clone())).collect()
    };
    let (from, to) = (held(from), held(Some(to)));
    match &rule.weaker {
        None => from != to,
        Some(Weaker::Toward(Toward::More)) => to.iter().any(|(at, value)| exceeds(Some(value), from.get(at))),
        Some(Weaker::Toward(Toward::Less)) => from.iter().any(|(at, value)| exceeds(Some(value), to.get(at))),
        Some(Weaker::Scale(scale)) => {
            let mut places: Vec<&String> = from.keys().chain(to.keys()).collect();
            places.dedup();
            places.into_iter().any(|at| sinks(scale, from.get(at), to.get(at)))
        }
    }
}

/// Vendors leave out what is not set.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Whether the first holds more than the second. Two texts cannot be compared, so either is more.
fn exceeds(one: Option<&Value>, other: Option<&Value>) -> bool {
    let Some(one) = one.filter(|value| !is_unset(value)) else { return false };
    match (one, other) {
        (Value::Number(one), Some(Value::Number(other))) => {
            one.to_f64().partial_cmp(&other.to_f64()).is_none_or(Ordering::is_gt)
        }
        (Value::Array(one), Some(Value::Array(other))) => one.iter().any(|item| !other.contains(item)),
        (Value::Object(one), Some(Value::Object(other))) => {
            one.iter().any(|(name, value)| exceeds(Some(value), other.get(name)))
        }
        (one, Some(other)) => one != other,
        (_, None) => true,
    }
}

/// Whether the second stands earlier on the scale than the first, or cannot be compared with it.
fn sinks(scale: &[String], from: Option<&Value>, to: Option<&Value>) -> bool {
    let place =
        |value: Option<&Value>| scale.iter().position(|text| value.and_then(Value::as_str) == Some(text));
    match (place(from), place(to)) {
        (Some(from), Some(to)) => to < from,
        _ => from != to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Provider;
    use crate::json::{Limits, parse};

    const CATALOG: &str = r#"
        format = 1
        provider = "test"
        title = "Test"
        source = "made for this test"
        rules = 1
        auth = { forms = ["token"] }
        identity = { path = "/", at = "/id" }

        [[kind]]
        kind = "app"
        what = "An application"
        id = "/id"
        read = [{ path = "/apps" }]
        [kind.restore]
        class = "never"
        reason = "a test"
        privileged = [
          { at = "/urls", weaker = "more", why = "urls" },
          { at = "/tries", weaker = "more", why = "tries" },
          { at = "/policy", weaker = "less", why = "policy" },
          { at = "/mfa", only = [{ at = "/mfa", is = [false] }], why = "mfa" },
          { at = "/ssl", weaker = ["none", "external", "all"], why = "ssl" },
          { at = "/flow", why = "flow" },
        ]

        [[kind]]
        kind = "grant"
        what = "A right"
        shape = "edge"
        parent = ["app"]
        id = "/id"
        params = { app = ["app:/id"] }
        read = [{ path = "/apps/{app}/grants" }]
        restore = { class = "never", reason = "a test", privileged = [{ weaker = "more", why = "grant" }] }

        [[kind]]
        kind = "step"
        what = "A step of a flow"
        parent = ["app"]
        id = "/id"
        params = { app = ["app:/id"] }
        read = [{ path = "/apps/{app}/steps" }]
        restore = { class = "never", reason = "a test", privileged = [{ why = "step" }] }
    "#;

    fn catalog() -> Provider {
        crate::catalog::parse("test", CATALOG).unwrap()
    }

    fn body(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    /// The rules by which `to` is weaker than `from`.
    fn weaker(kind: &str, from: Option<&str>, to: Option<&str>) -> Vec<String> {
        let (from, to) = (from.map(body), to.map(body));
        let catalog = catalog();
        let spec = catalog.kind(&crate::base::key::Kind::new(kind)).unwrap();
        let rules = spec.restore.privileged.iter();
        let weak =
            rules.filter(|rule| applies(rule, to.as_ref()) && grows_weaker(rule, from.as_ref(), to.as_ref()));
        weak.map(|rule| rule.why.clone()).collect()
    }

    fn below(kind: &str, before: Option<&str>, between: Option<&str>, after: Option<&str>) -> Vec<String> {
        let [before, between, after] = [before, between, after].map(|text| text.map(body));
        let catalog = catalog();
        let spec = catalog.kind(&crate::base::key::Kind::new(kind)).unwrap();
        let found = below_both(spec, before.as_ref(), between.as_ref(), after.as_ref());
        found.iter().map(|rule| rule.why.clone()).collect()
    }

    #[test]
    fn a_list_of_trusted_addresses_is_weaker_with_one_more() {
        let (one, two) = (r#"{"urls":["a"]}"#, r#"{"urls":["a","b"]}"#);
        assert_eq!(weaker("app", Some(one), Some(two)), ["urls"]);
        assert_eq!(weaker("app", Some(two), Some(one)), [""; 0]);
        assert_eq!(weaker("app", Some(one), Some(r#"{"urls":["b"]}"#)), ["urls"]);
        assert_eq!(weaker("app", None, Some(one)), ["urls"], "made anew it is weaker than nothing");
    }

    #[test]
    fn numbers_demands_and_scales_have_a_direction() {
        assert_eq!(weaker("app", Some(r#"{"tries":3}"#), Some(r#"{"tries":30}"#)), ["tries"]);
        assert_eq!(weaker("app", Some(r#"{"tries":30}"#), Some(r#"{"tries":3}"#)), [""; 0]);
        assert_eq!(weaker("app", Some(r#"{"policy":""}"#), Some(r#"{"policy":"length(8)"}"#)), [""; 0]);
        assert_eq!(weaker("app", Some(r#"{"policy":"length(8)"}"#), Some(r#"{"policy":"x"}"#)), ["policy"]);
        assert_eq!(weaker("app", Some(r#"{"policy":"length(8)"}"#), Some("{}")), ["policy"]);
        assert_eq!(weaker("app", Some(r#"{"ssl":"none"}"#), Some(r#"{"ssl":"all"}"#)), [""; 0]);
        assert_eq!(weaker("app", Some(r#"{"ssl":"all"}"#), Some(r#"{"ssl":"external"}"#)), ["ssl"]);
        assert_eq!(weaker("app", Some(r#"{"ssl":"all"}"#), Some(r#"{"ssl":"odd"}"#)), ["ssl"]);
        assert_eq!(weaker("app", Some(r#"{"mfa":true}"#), Some("{}")), ["mfa"]);
        assert_eq!(weaker("app", Some("{}"), Some(r#"{"mfa":true}"#)), [""; 0]);
    }

    #[test]
    fn a_state_between_may_be_either_end_and_nothing_weaker() {
        let (before, after) = (r#"{"urls":["evil"],"flow":"x"}"#, r#"{"urls":["good"],"flow":"y"}"#);
        assert_eq!(below("app", Some(before), Some(before), Some(after)), [""; 0]);
        assert_eq!(below("app", Some(before), Some(r#"{"urls":["good"],"flow":"x"}"#), Some(after)), [""; 0]);
        assert_eq!(below("app", Some(before), Some(r#"{"urls":[]}"#), Some(after)), ["flow"]);
        let both = r#"{"urls":["evil","good"],"flow":"y"}"#;
        assert_eq!(below("app", Some(before), Some(both), Some(after)), ["urls"]);
    }

    #[test]
    fn a_grant_may_be_missing_between_and_a_step_may_not() {
        let there = Some(r#"{"id":"1"}"#);
        assert_eq!(below("grant", there, None, there), [""; 0]);
        assert_eq!(below("grant", None, there, None), ["grant"]);
        assert_eq!(below("step", there, None, there), ["step"]);
        assert_eq!(below("step", there, None, None), [""; 0], "it is missing afterwards too");
        assert_eq!(below("step", there, Some(r#"{"id":"1","must":false}"#), there), ["step"]);
    }
}
