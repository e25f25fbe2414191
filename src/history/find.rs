//! A jq expression asked of every body of a moment.
//!
//! `.` is the main body, with markers in place of secrets, so that no search can print one;
//! `$address` and `$kind` say whose it is. A result that is neither `null` nor `false` is a find.
//! The expressions themselves are [`crate::json::expression`].

use crate::base::key::ResourceKey;
use crate::history::HistoryError;
use crate::json::expression;

pub use crate::json::expression::Asked;

/// Variables that an expression may use, in this order.
const VARIABLES: [&str; 2] = ["$address", "$kind"];

/// A compiled expression.
pub struct Expression {
    compiled: expression::Expression,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`HistoryError::Expression`] says what is wrong with it.
    pub fn compile(code: &str) -> Result<Self, HistoryError> {
        let compiled = expression::Expression::compile(code, &VARIABLES);
        compiled
            .map(|compiled| Self { compiled })
            .map_err(|error| HistoryError::Expression(error.to_string()))
    }

    /// What the expression gives for a body, without `null` and `false`.
    #[must_use]
    pub fn ask(&self, tenant: &str, key: &ResourceKey, body: &[u8]) -> Asked {
        self.compiled.ask(body, &[format!("{tenant}/{key}"), key.kind.as_str().to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::key::Kind;

    fn ask(code: &str, body: &str) -> Vec<String> {
        let key = ResourceKey::new(&Kind::new("client"), vec!["c1".into()]);
        let found = Expression::compile(code).unwrap().ask("kc", &key, body.as_bytes());
        found.results.iter().map(|value| String::from_utf8(value.to_canonical()).unwrap()).collect()
    }

    #[test]
    fn finds_are_what_is_neither_null_nor_false() {
        assert_eq!(ask(".enabled", r#"{"enabled":true}"#), ["true"]);
        assert!(ask(".enabled", r#"{"enabled":false}"#).is_empty());
        assert!(ask(".missing", "{}").is_empty());
        assert_eq!(ask(".a[] | select(. > 1)", r#"{"a":[1,2,3]}"#), ["2", "3"]);
        assert_eq!(ask("$address, $kind", "{}"), ["\"kc/client/c1\"", "\"client\""]);
        assert!(ask(".a | test(\"x\")", r#"{"a":1}"#).is_empty(), "an error is not a find");
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(ask(".n", r#"{"n":12345678901234567890123}"#), ["12345678901234567890123"]);
    }

    #[test]
    fn nothing_reaches_out() {
        for code in ["env", "halt", "input_filename", "$__prog_args", "nonsense("] {
            assert!(Expression::compile(code).is_err(), "{code}");
        }
    }

    #[test]
    fn an_endless_expression_ends() {
        assert_eq!(ask("repeat(1)", "{}").len(), crate::json::expression::RESULTS_MAX);
    }
}
