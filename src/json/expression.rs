//! A jq expression, compiled once and asked of many values.
//!
//! Expressions see nothing but what they are given: no environment, no input, no way to end the program.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut, unwrap_valr};
use jaq_json::Val;

use crate::json::{Limits, Value, parse};

/// Functions that reach out of the expression.
const REFUSED: [&str; 6] = ["env", "halt", "halt_error", "input_filename", "debug", "stderr"];
/// Results taken from one value; an endless generator must end somewhere.
pub const RESULTS_MAX: usize = 1000;

/// A compiled expression.
pub struct Expression {
    filter: Filter<JustLut<Val>>,
}

/// What is wrong with a text that should be jq; shows the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAnExpression(String);

impl Expression {
    /// Compiles an expression that may use these variables, each with its `$`.
    ///
    /// # Errors
    /// It does not parse, or names what is not defined.
    pub fn compile(code: &str, variables: &[&'static str]) -> Result<Self, NotAnExpression> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let loader = Loader::new(definitions.filter(|definition| !REFUSED.contains(&definition.name)));
        let arena = Arena::default();
        let modules = loader
            .load(&arena, File { code, path: () })
            .map_err(|_| NotAnExpression(format!("`{code}` does not parse")))?;
        let filter = Compiler::default()
            .with_global_vars(variables.iter().copied())
            .with_funs(functions.filter(|function| !REFUSED.contains(&function.0)))
            .compile(modules)
            .map_err(|errors| {
                let names: Vec<String> = errors
                    .iter()
                    .flat_map(|(_, undefined)| undefined.iter().map(|(name, _)| format!("`{name}`")))
                    .collect();
                NotAnExpression(format!("{} is not defined", names.join(", ")))
            })?;
        Ok(Self { filter })
    }

    /// What the expression gives for a JSON text, without `null` and `false`; a text for each variable.
    #[must_use]
    pub fn ask(&self, input: &[u8], variables: &[String]) -> Asked {
        let mut asked = Asked::default();
        let Ok(input) = jaq_json::read::parse_single(input) else {
            asked.failed = true;
            return asked;
        };
        let variables = Vars::new(variables.iter().map(|text| Val::from(text.clone())));
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, variables);
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

/// What came of asking one value.
#[derive(Default)]
pub struct Asked {
    /// The finds.
    pub results: Vec<Value>,
    /// The expression failed on this value (a number where text is, say), so that what it would
    /// have found is not known.
    pub failed: bool,
}
