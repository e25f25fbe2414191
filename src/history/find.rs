//! A jq expression asked of every body of a moment.
//!
//! `.` is the main body, with markers in place of secrets, so that no search can print one;
//! `$address` and `$kind` say whose it is. A result that is neither `null` nor `false` is a find.
//! Expressions see nothing but the resource: no environment, no input, no way to end the program.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut, unwrap_valr};
use jaq_json::Val;

use crate::base::key::ResourceKey;
use crate::history::HistoryError;
use crate::json::{Limits, Value, parse};

/// Functions that reach out of the expression.
const REFUSED: [&str; 6] = ["env", "halt", "halt_error", "input_filename", "debug", "stderr"];
/// Variables that an expression may use, in this order.
const VARIABLES: [&str; 2] = ["$address", "$kind"];
/// Results taken from one body; an endless generator must end somewhere.
const RESULTS_MAX: usize = 1000;

/// A compiled expression.
pub struct Expression {
    filter: Filter<JustLut<Val>>,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`HistoryError::Expression`] says what is wrong with it.
    pub fn compile(code: &str) -> Result<Self, HistoryError> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let loader = Loader::new(definitions.filter(|definition| !REFUSED.contains(&definition.name)));
        let arena = Arena::default();
        let modules = loader
            .load(&arena, File { code, path: () })
            .map_err(|_| HistoryError::Expression(format!("`{code}` does not parse")))?;
        let filter = Compiler::default()
            .with_global_vars(VARIABLES)
            .with_funs(functions.filter(|function| !REFUSED.contains(&function.0)))
            .compile(modules)
            .map_err(|errors| {
                let names: Vec<String> = errors
                    .iter()
                    .flat_map(|(_, undefined)| undefined.iter().map(|(name, _)| format!("`{name}`")))
                    .collect();
                HistoryError::Expression(format!("{} is not defined", names.join(", ")))
            })?;
        Ok(Self { filter })
    }

    /// What the expression gives for a body, without `null` and `false`.
    #[must_use]
    pub fn ask(&self, tenant: &str, key: &ResourceKey, body: &[u8]) -> Asked {
        let mut asked = Asked::default();
        let Ok(input) = jaq_json::read::parse_single(body) else {
            asked.failed = true;
            return asked;
        };
        let address = Val::from(format!("{tenant}/{key}"));
        let kind = Val::from(key.kind.as_str().to_owned());
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([address, kind]));
        for value in self.filter.id.run((context, input)).map(unwrap_valr).take(RESULTS_MAX) {
            match value.map(|value| (parse(value.to_string().as_bytes(), &Limits::body()), value)) {
                Ok((_, Val::Null | Val::Bool(false))) => {}
                Ok((Ok(value), _)) => asked.results.push(value),
                Ok((Err(_), _)) => asked.failed = true,
                Err(_) => {
                    asked.failed = true;
                    break;
                }
            }
        }
        asked
    }
}

/// What came of asking one body.
#[derive(Default)]
pub struct Asked {
    /// The finds.
    pub results: Vec<Value>,
    /// The expression failed on this body (a number where text is, say), so that what it would
    /// have found is not known.
    pub failed: bool,
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
        assert_eq!(ask("repeat(1)", "{}").len(), RESULTS_MAX);
    }
}
