//! `show`: one resource as it was.

use crate::base::when::When;
use crate::cli::args::Global;
use crate::cli::open::{note_pruned, open, past};
use crate::cli::output::{plain, time};
use crate::cli::{Exit, Failure};
use crate::history::{Address, Between, HistoryError, Moment, Names, Reveal, Shown};
use crate::json::{Object, Value};

/// Version of the JSON form.
const FORMAT: &str = "lastgood.show/1";

/// Shows a resource.
///
/// # Errors
/// The address means nothing at that time, or several resources.
pub fn run(global: &Global, written: &str, at: &str, reveal: Reveal) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let address = Address::parse(written)?;
    if address.kind.is_none() || address.reference.is_none() {
        return Err(Failure::usage("`show` shows one resource: write TENANT/KIND/REF"));
    }
    opened.tenants(Some(&address.tenant))?;
    let history = opened.history(&address.tenant)?;
    let at = past(at)?;
    let moment = history.moment(&at)?;
    note_pruned(global.output, &address.tenant, &moment);
    let names = history.names_for(&address, &moment)?;
    let selection = history.select(&address, &moment, &names)?;
    let key = match selection.keys.as_slice() {
        [key] => key,
        [] => return Err(HistoryError::NotFound { address: written.into() }.into()),
        several => {
            let line = |key| format!("  {}/{key}  {}", address.tenant, names.of(key).unwrap_or_default());
            let candidates = several.iter().map(line).collect();
            return Err(HistoryError::Ambiguous { address: written.into(), candidates }.into());
        }
    };
    let shown = history.show(&moment, key, reveal)?;
    if global.output.json {
        let meant = match at {
            When::At(at) => at,
            _ => moment.snapshot.finished,
        };
        global.output.document(&document(&address.tenant, meant, &shown, &names, &moment));
    } else {
        text(global, &address.tenant, &shown, &names, &moment);
    }
    Ok(Exit::Done)
}

fn document(tenant: &str, at: jiff::Timestamp, shown: &Shown, names: &Names, moment: &Moment) -> Value {
    let time = |at: jiff::Timestamp| Value::from(at.to_string());
    let valid_from = vec![shown.valid_from.0.map_or(Value::Null, time), time(shown.valid_from.1)];
    Value::Object(Object::from_pairs([
        ("format", Value::from(FORMAT)),
        ("address", Value::from(format!("{tenant}/{}", shown.key))),
        ("name", Value::from(names.of(&shown.key))),
        ("kind", Value::from(shown.key.kind.as_str())),
        ("id", Value::from(shown.key.id())),
        ("at", time(at)),
        ("read_at", time(shown.read_at)),
        ("next_read_at", shown.next_read_at.map_or(Value::Null, time)),
        ("between", Value::from(shown.between.as_str())),
        ("pruned_between", Value::from(moment.pruned)),
        ("valid_from", Value::Array(valid_from)),
        ("valid_to", shown.valid_to.map_or(Value::Null, time)),
        ("coverage", coverage(shown, moment)),
        ("body", shown.body.clone()),
    ]))
}

/// How far the kind was read: a body that was carried forward must not look like one just read.
fn coverage(shown: &Shown, moment: &Moment) -> Value {
    let row = moment.coverage(&shown.key.kind);
    Value::Object(Object::from_pairs([
        ("state", Value::from(row.map(|row| row.state.as_str()))),
        ("reason", Value::from(row.map(|row| row.reason.as_str()))),
    ]))
}

fn text(global: &Global, tenant: &str, shown: &Shown, names: &Names, moment: &Moment) {
    let note = |text: String| global.output.note(text);
    note(plain(&format!("{tenant}/{}  {}", shown.key, names.of(&shown.key).unwrap_or_default())));
    note(format!("read {} in snapshot {}", time(shown.read_at), moment.snapshot.id.short()));
    match shown.valid_from.0 {
        Some(before) => note(format!("so since between {} and {}", time(before), time(shown.valid_from.1))),
        None => note(format!("so since the first snapshot or before ({})", time(shown.valid_from.1))),
    }
    if let Some(until) = shown.valid_to {
        note(format!("until at most {}", time(until)));
    }
    match (shown.next_read_at, shown.between) {
        (Some(next), Between::NoChange) => {
            note(format!("the tenant's log names no change of it until {}", time(next)));
        }
        (Some(next), Between::Changed) if shown.valid_to != Some(next) => {
            note(format!("the tenant's log names it before it was read as the same {}", time(next)));
        }
        _ => {}
    }
    if let Some(row) =
        moment.coverage(&shown.key.kind).filter(|row| row.state != crate::base::coverage::State::Complete)
    {
        global.output.warn(format!("{} is {} here: {}", shown.key.kind, row.state.as_str(), row.reason));
    }
    global.output.line(shown.body.to_pretty());
}
