//! Same shape: the same members with the same JSON types, at every depth, element by element.

use std::collections::HashMap;

use lastgood::json::Value;

/// Where a simulated answer has another shape than the recorded one, and how.
pub(crate) fn differences(recorded: &Value, simulated: &Value) -> Vec<String> {
    let mut out = Vec::new();
    compare(recorded, simulated, "", &mut out);
    out
}

fn compare(recorded: &Value, simulated: &Value, at: &str, out: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, value) in a.iter() {
                match b.get(name) {
                    Some(other) => compare(value, other, &format!("{at}/{name}"), out),
                    None => out.push(format!("lacks {at}/{name} ({})", word(value))),
                }
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains(name)) {
                out.push(format!("has {at}/{name} ({})", word(value)));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                out.push(format!("{at} has {} elements, not {}", b.len(), a.len()));
            }
            for ((a, b), place) in a.iter().zip(b).zip(0..) {
                compare(a, b, &format!("{at}/{place}"), out);
            }
        }
        (a, b) if word(a) != word(b) => out.push(format!("{at} is {}, not {}", word(b), word(a))),
        _ => {}
    }
}

pub(crate) fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What stood for what: texts of the recording → texts of the simulation.
#[derive(Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// Learns from two answers to the same request: ids at the same place name the same thing.
    pub(crate) fn learn(&mut self, recorded: &Value, simulated: &Value) {
        match (recorded, simulated) {
            (Value::Object(a), Value::Object(b)) => {
                for (name, value) in a.iter() {
                    match (value, b.get(name)) {
                        (Value::String(value), Some(Value::String(other))) if is_id(name) => {
                            self.stands_for(value, other);
                        }
                        (value, Some(other)) => self.learn(value, other),
                        _ => {}
                    }
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (a, b) in a.iter().zip(b) {
                    self.learn(a, b);
                }
            }
            _ => {}
        }
    }

    /// One text of the recording stands for one of the simulation.
    pub(crate) fn stands_for(&mut self, recorded: &str, simulated: &str) {
        if recorded != simulated && is_name(recorded) && is_name(simulated) {
            self.0.entry(recorded.to_owned()).or_insert_with(|| simulated.to_owned());
        }
    }

    /// A text with every known name in it replaced.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars() {
            if in_name(c) {
                word.push(c);
            } else {
                out.push_str(self.0.get(&word).unwrap_or(&word));
                word.clear();
                out.push(c);
            }
        }
        out.push_str(self.0.get(&word).unwrap_or(&word));
        out
    }

    /// A body with every known name in it replaced.
    pub(crate) fn apply_to(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.apply(text).into(),
            Value::Array(elements) => elements.iter().map(|element| self.apply_to(element)).collect(),
            Value::Object(members) => {
                let pairs = members.iter().map(|(name, value)| (self.apply(name), self.apply_to(value)));
                pairs.collect::<lastgood::json::Object>().into()
            }
            other => other.clone(),
        }
    }
}

/// Members that hold ids, and names that the server makes.
fn is_id(member: &str) -> bool {
    member.ends_with("id") || member.ends_with("Id") || member == "name"
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn is_name(text: &str) -> bool {
    text.len() >= 8 && text.chars().all(in_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lastgood::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn every_difference_of_shape_is_seen() {
        let recorded = json(r#"{"a":{"b":1,"c":null},"d":[{"e":"x"},{"e":"y"}]}"#);
        assert!(differences(&recorded, &recorded).is_empty());
        let other = json(r#"{"a":{"b":"1","x":2},"d":[{"e":1}]}"#);
        let expected = [
            "/a/b is string, not number",
            "lacks /a/c (null)",
            "has /a/x (number)",
            "/d has 1 elements, not 2",
            "/d/0/e is number, not string",
        ];
        assert_eq!(differences(&recorded, &other), expected);
    }

    #[test]
    fn names_are_replaced_inside_texts() {
        let mut names = Names::default();
        names.learn(&json(r#"{"id":"00gOLD45678"}"#), &json(r#"{"id":"00gNEW45678"}"#));
        assert_eq!(names.apply("x/00gOLD45678?y=00gOLD456789"), "x/00gNEW45678?y=00gOLD456789");
    }
}
