//! `find`: a jq expression asked of every body.

use crate::cli::args::Global;
use crate::cli::open::{note_pruned, open, past};
use crate::cli::output::{brief, plain};
use crate::cli::{Exit, Failure};
use crate::history::Address;
use crate::history::body::BODIES_AT_ONCE;
use crate::history::find::Expression;
use crate::json::{Object, Value};
use crate::store::Part;

/// Asks the expression of every body of a time.
///
/// # Errors
/// The expression is not jq, the kind does not exist, or a body cannot be read.
pub fn run(
    global: &Global,
    expression: &str,
    at: &str,
    kind: Option<&str>,
    tenant: Option<&str>,
) -> Result<Exit, Failure> {
    let expression = Expression::compile(expression)?;
    let opened = open(global)?;
    let at = past(at)?;
    for tenant in opened.tenants(tenant)? {
        let history = opened.history(&tenant)?;
        let moment = history.moment(&at)?;
        note_pruned(global.output, &tenant, &moment);
        let address = Address { tenant: tenant.clone(), kind: kind.map(str::to_owned), reference: None };
        let mut failed = 0;
        let mut found = Vec::new();
        let state = moment.state()?;
        for kind in history.kinds(&address)? {
            let mut all = state.kind(&kind);
            loop {
                let (keys, entries): (Vec<_>, Vec<_>) = all.by_ref().take(BODIES_AT_ONCE).unzip();
                if keys.is_empty() {
                    break;
                }
                let bodies = opened.repository.read_many(&entries, Part::Main)?;
                for (key, body) in keys.into_iter().zip(bodies) {
                    let asked = expression.ask(&tenant, &key, &body.unwrap_or_default());
                    failed += u64::from(asked.failed);
                    if !asked.results.is_empty() {
                        found.push((key, asked.results));
                    }
                }
            }
        }
        if failed > 0 {
            global.output.warn(format!(
                "{tenant}: the expression failed on {failed} bodies; what they hold is not known"
            ));
        }
        let keys: Vec<_> = found.iter().map(|(key, _)| key.clone()).collect();
        let names = history.names_of(&moment, &keys)?;
        for (key, results) in found {
            let name = names.of(&key);
            if global.output.json {
                global.output.document(&Value::Object(Object::from_pairs([
                    ("address", Value::from(format!("{tenant}/{key}"))),
                    ("name", Value::from(name)),
                    ("kind", Value::from(key.kind.as_str())),
                    ("id", Value::from(key.id())),
                    ("results", Value::Array(results)),
                ])));
            } else {
                let name = plain(name.unwrap_or_default());
                let results: Vec<String> = results.iter().map(brief).collect();
                global.output.line(format!(
                    "{tenant}/{}  {name}  {}",
                    plain(&key.to_path()),
                    results.join(", ")
                ));
            }
        }
    }
    Ok(Exit::Done)
}
