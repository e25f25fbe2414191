//! A history beside a rule, and whether the rule does on it what it says. Pure but for who is asked.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::key::Kind;
use crate::daemon::alert::ask::{Answer, Ask, AskError};
use crate::daemon::alert::rule::{Rule, RuleError, Seen};
use crate::json::{Limits, Object, Value, diff, parse};

/// What was there, what came of it, and to how many resources that happened in one snapshot.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The body before, as JSON; none for an addition.
    pub before: Option<String>,
    /// The body after, as JSON; none for a removal.
    pub after: Option<String>,
    /// By kind, what else there is on the same parent, as JSON.
    #[serde(default)]
    pub beside: BTreeMap<String, Vec<String>>,
    /// To how many resources that happened in one snapshot.
    #[serde(default = "one")]
    pub times: u64,
    /// In which line of the rule's file it begins.
    #[serde(skip)]
    pub line: Option<usize>,
}

fn one() -> u64 {
    1
}

/// Tries a rule on each history beside it.
///
/// # Errors
/// The first that is no history, or on which the rule does not do what it says; or nobody can be asked.
pub fn tried(rule: &Rule, who: &mut dyn Ask) -> Result<(), RuleError> {
    let sides = [(&rule.strikes, true), (&rule.passes, false)];
    for (example, should) in
        sides.into_iter().flat_map(|(all, should)| all.iter().map(move |one| (one, should)))
    {
        let fault = |what: &str| RuleError {
            file: rule.file.clone(),
            line: example.line,
            what: format!("rule `{}`: {what}", rule.name),
        };
        let told = match strikes(rule, example, who) {
            Err(NoAnswer::Example(what)) => return Err(fault(&what)),
            Err(NoAnswer::Asked(error)) => return Err(fault(&error.to_string())),
            Ok(answer) => answer,
        };
        match (told, should) {
            (Answer::Strikes, true) | (Answer::Passes, false) => {}
            (Answer::Passes, true) => return Err(fault("it should strike on this history and does not")),
            (Answer::Strikes, false) => return Err(fault("it should not strike on this history and does")),
            (Answer::Fails, _) => {
                return Err(fault("its expression fails on this history: it meets a value of another type"));
            }
            (Answer::GaveUp(why), _) => {
                return Err(fault(&format!("its expression comes to no end on this history: {why}")));
            }
        }
    }
    Ok(())
}

/// Why a rule cannot be asked of a history.
enum NoAnswer {
    Example(String),
    Asked(AskError),
}

fn strikes(rule: &Rule, example: &Example, who: &mut dyn Ask) -> Result<Answer, NoAnswer> {
    let body = |side: &str, text: &Option<String>| {
        let read = text.as_ref().map(|text| parse(text.as_bytes(), &Limits::body())).transpose();
        read.map_err(|error| NoAnswer::Example(format!("`{side}` of this history is no JSON: {error}")))
    };
    let (before, after) = (body("before", &example.before)?, body("after", &example.after)?);
    let op = match (&before, &after) {
        (None, None) => {
            return Err(NoAnswer::Example("this history has neither `before` nor `after`".into()));
        }
        (None, _) => "add",
        (_, None) => "remove",
        _ => "change",
    };
    let about = rule.kinds.first().filter(|kind| rule.is_about(kind, op));
    let Some(kind) = about.filter(|_| example.times >= rule.at_least) else { return Ok(Answer::Passes) };
    let fields = before.as_ref().zip(after.as_ref()).map(|(from, to)| diff(from, to)).unwrap_or_default();
    let field = |pointer: String| Value::Object(Object::from_pairs([("pointer", Value::from(pointer))]));
    let seen = Seen {
        op,
        kind: kind.as_str(),
        address: format!("tenant/{kind}/x"),
        name: None,
        before: before.as_ref(),
        after: after.as_ref(),
        fields: fields.into_iter().map(|changed| field(changed.pointer.to_string())).collect(),
        actor: Value::Null,
        beside: beside(rule, example)?,
        at: "2026-11-02T08:20:00Z".to_owned(),
    };
    who.ask(&rule.when, &seen.to_json()).map_err(NoAnswer::Asked)
}

/// What a history has beside the change, of each kind that the rule sees there.
fn beside(rule: &Rule, example: &Example) -> Result<Vec<(Kind, Vec<Value>)>, NoAnswer> {
    let sees = |name: &String| rule.beside.iter().any(|kind| kind.as_str() == name);
    if let Some(name) = example.beside.keys().find(|name| !sees(name)) {
        return Err(NoAnswer::Example(format!(
            "this history has `{name}` beside it, which the rule does not see"
        )));
    }
    let bodies = |kind: &Kind| {
        let texts = example.beside.get(kind.as_str()).into_iter().flatten();
        let read = texts.map(|text| parse(text.as_bytes(), &Limits::body()));
        let read = read.collect::<Result<Vec<Value>, _>>();
        let fault = |error| NoAnswer::Example(format!("`beside` of this history is no JSON: {error}"));
        Ok((kind.clone(), read.map_err(fault)?))
    };
    rule.beside.iter().map(bodies).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::alert::Rules;
    use crate::daemon::alert::ask::Here;
    use crate::daemon::alert::rule::read;

    #[test]
    fn each_rule_strikes_where_it_says_and_only_there() {
        let rules = Rules::load(None).unwrap();
        for rule in rules.all() {
            assert!(!rule.strikes.is_empty() && !rule.passes.is_empty(), "{} has both histories", rule.name);
            tried(rule, &mut Here::default()).unwrap();
        }
        assert!(rules.of("okta").count() >= 15, "{}", rules.of("okta").count());
        assert!(rules.of("keycloak").count() >= 10, "{}", rules.of("keycloak").count());
    }

    #[test]
    fn a_rule_that_does_not_do_what_it_says_is_named_with_the_line_of_the_history() {
        let told = |when: &str, histories: &str| {
            let text = format!(
                "provider = \"okta\"\n[[rule]]\nname = \"mine\"\nkind = [\"app\"]\nop = [\"change\"]\nwhen = '{when}'\n\
                 class = [\"drift\"]\nseverity = \"low\"\nsays = \"x\"\nat_least = 2\n{histories}"
            );
            let rules = read(Path::new("mine.toml"), &text).unwrap();
            tried(&rules[0], &mut Here::default()).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let both = "before = '{\"n\": 1}'\nafter = '{\"n\": 2}'\n";
        let strikes = format!("[[rule.strikes]]\ntimes = 2\n{both}");
        let passes = format!("[[rule.passes]]\ntimes = 2\n{both}");
        assert_eq!(told(".after.n == 2", &strikes), "");
        assert_eq!(told(".after.n == 3", &passes), "");
        let start = "mine.toml, line 11: rule `mine`: ";
        assert_eq!(
            told(".after.n == 3", &strikes),
            format!("{start}it should strike on this history and does not")
        );
        assert_eq!(
            told(".after.n == 2", &passes),
            format!("{start}it should not strike on this history and does")
        );
        let few = strikes.replace("times = 2", "times = 1");
        assert!(told(".after.n == 2", &few).contains("should strike"), "one is not two");
        assert!(told(".after.n.m", &passes).contains("fails on this history"));
        assert!(
            told("true", &strikes.replace("{\"n\": 1}", "{")).contains("`before` of this history is no JSON")
        );
        let seen = format!("{strikes}beside = {{ user = ['{{}}'] }}\n");
        assert!(told("true", &seen).contains("has `user` beside it, which the rule does not see"));
        assert!(told("true", "[[rule.passes]]\n").contains("neither `before` nor `after`"));
        assert!(told(".after.n == 2", &strikes.replace("before", "#")).contains("does not"), "an addition");
    }
}
