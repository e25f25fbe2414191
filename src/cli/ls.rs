//! `ls`: what was there.

use crate::cli::args::Global;
use crate::cli::open::{note_pruned, open, past};
use crate::cli::output::{plain, table};
use crate::cli::{Exit, Failure};
use crate::json::{Object, Value};

/// Lists resources at a time, with their names.
///
/// # Errors
/// No snapshot is old enough, or the address means nothing.
pub fn run(global: &Global, address: Option<&str>, at: &str) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let at = past(at)?;
    let mut rows = Vec::new();
    for address in opened.addresses(address)? {
        let history = opened.history(&address.tenant)?;
        let moment = history.moment(&at)?;
        note_pruned(global.output, &address.tenant, &moment);
        let names = history.names_for(&address, &moment)?;
        for key in history.select(&address, &moment, &names)?.keys {
            let name = names.of(&key);
            if global.output.json {
                global.output.document(&Value::Object(Object::from_pairs([
                    ("address", Value::from(format!("{}/{key}", address.tenant))),
                    ("name", Value::from(name)),
                    ("kind", Value::from(key.kind.as_str())),
                    ("id", Value::from(key.id())),
                ])));
            } else {
                rows.push(vec![
                    format!("{}/{}", address.tenant, plain(&key.to_path())),
                    plain(name.unwrap_or_default()),
                ]);
            }
        }
    }
    if !global.output.json {
        global.output.line(table(&["address", "name"], &rows));
    }
    Ok(Exit::Done)
}
