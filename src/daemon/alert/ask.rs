//! Asking a rule's expression of a change, whoever computes the answer.

use std::collections::BTreeMap;

use crate::json::expression::Expression;

/// What an expression says of a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It gives something.
    Strikes,
    /// It gives nothing.
    Passes,
    /// It stopped at this change, a number where text is, say: what it would have found is not known.
    Fails,
    /// It came to no end, and why it was not waited for any longer.
    GaveUp(String),
}

/// Why there is no answer, and the expression is not at fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    /// The process that answers could not be begun.
    #[error("the process that asks rules cannot be begun: {0}")]
    Begin(String),
    /// Somebody ended it.
    #[error("the process that asks rules was ended: {0}")]
    Ended(String),
    /// It does not answer as it should: it is of another version, or the system refuses it its limits.
    #[error("the process that asks rules gives no answer")]
    Unreadable,
}

/// Who answers.
pub trait Ask {
    /// What the expression `when` says of `input`, as [`crate::daemon::alert::rule::Seen::to_json`] gives it.
    ///
    /// # Errors
    /// Nobody can be asked.
    fn ask(&mut self, when: &str, input: &[u8]) -> Result<Answer, AskError>;
}

/// Answers here and now, however long it takes: for rules that are known to end, and where that is bounded.
#[derive(Default)]
pub struct Here(BTreeMap<String, Option<Expression>>);

impl Ask for Here {
    fn ask(&mut self, when: &str, input: &[u8]) -> Result<Answer, AskError> {
        if !self.0.contains_key(when) {
            self.0.insert(when.to_owned(), Expression::compile(when, &[]).ok());
        }
        let Some(Some(expression)) = self.0.get(when) else { return Ok(Answer::Fails) };
        let asked = expression.ask(input, &[]);
        Ok(match asked.results.is_empty() {
            _ if asked.failed => Answer::Fails,
            true => Answer::Passes,
            false => Answer::Strikes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_strikes_passes_or_fails() {
        let mut here = Here::default();
        let mut ask = |when: &str| here.ask(when, br#"{"after":{"n":1}}"#).unwrap();
        assert_eq!(ask(".after.n == 1"), Answer::Strikes);
        assert_eq!(ask(".after.n == 2, null"), Answer::Passes);
        assert_eq!(ask(".after.n.m"), Answer::Fails);
        assert_eq!(ask("nonsense("), Answer::Fails);
    }
}
