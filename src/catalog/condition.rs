//! A condition on a resource's body: a pointer and what must stand there. Nothing more, so that a
//! catalogue stays data.

use serde::Deserialize;

use crate::base::key::Kind;
use crate::json::{Pointer, Value};

/// All that is given must hold.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Whose body: a kind in the context. Default: the resource at hand.
    pub of: Option<Kind>,
    /// Where.
    pub at: Pointer,
    /// It must be one of these.
    #[serde(default, rename = "is")]
    pub any_of: Vec<Value>,
    /// It must be none of these.
    #[serde(default)]
    pub not: Vec<Value>,
    /// It must be there, or must not.
    pub present: Option<bool>,
    /// It must be a text that begins with this.
    pub prefix: Option<String>,
}

impl Condition {
    /// Whether the body satisfies it. A member that is missing equals `null`, and for a condition
    /// on `false` counts as false, as vendors leave out what is not set.
    #[must_use]
    pub fn holds(&self, body: &Value) -> bool {
        let found = self.at.get(body).filter(|value| !matches!(value, Value::Null));
        if self.present.is_some_and(|wanted| wanted != found.is_some()) {
            return false;
        }
        let begins =
            |prefix: &str| found.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix));
        if self.prefix.as_deref().is_some_and(|prefix| !begins(prefix)) {
            return false;
        }
        let equals = |constant: &Value| equal(found, constant);
        (self.any_of.is_empty() || self.any_of.iter().any(equals)) && !self.not.iter().any(equals)
    }
}

fn equal(found: Option<&Value>, constant: &Value) -> bool {
    match found {
        Some(found) => found == constant,
        None => matches!(constant, Value::Null | Value::Bool(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn condition(text: &str) -> Condition {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_missing_is_false() {
        let body = parse(br#"{"a":true,"n":3,"s":"x"}"#, &Limits::default()).unwrap();
        assert!(condition("at = '/a'\nis = [true]").holds(&body));
        assert!(!condition("at = '/a'\nnot = [true]").holds(&body));
        assert!(condition("at = '/b'\nis = [false]").holds(&body));
        assert!(!condition("at = '/b'\nis = [true]").holds(&body));
        assert!(condition("at = '/n'\nis = [3, 4]").holds(&body));
        assert!(condition("at = '/s'\npresent = true").holds(&body));
        assert!(!condition("at = '/t'\npresent = true").holds(&body));
    }

    #[test]
    fn a_prefix_is_of_texts_only() {
        let body = parse(br#"{"s":"default-roles-x","n":1}"#, &Limits::default()).unwrap();
        assert!(condition("at = '/s'\nprefix = 'default-roles-'").holds(&body));
        assert!(!condition("at = '/s'\nprefix = 'roles'").holds(&body));
        assert!(!condition("at = '/n'\nprefix = ''").holds(&body));
        assert!(!condition("at = '/t'\nprefix = ''").holds(&body));
    }
}
