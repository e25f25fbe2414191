//! `compact`: days that are over, folded.

use crate::cli::args::{CompactArgs, Global};
use crate::cli::open::{environment, open};
use crate::cli::output::{bytes, table, time};
use crate::cli::progress::Counter;
use crate::cli::prune::{count, objects};
use crate::cli::{Exit, Failure};
use crate::json::{Object, Value};
use crate::store::{Objects, TenantCompacted};

/// Version of the JSON form.
const FORMAT: &str = "lastgood.compact/1";

/// Folds the days of tenants, or says which would be.
///
/// # Errors
/// After all others were folded: a tenant is held by another process, or something of it cannot be read.
pub fn run(global: &Global, args: &CompactArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    opened.each(&args.tenants, |name| {
        let now = environment()?.clock.now();
        let shown = Counter::new(global.output, "days");
        let done =
            opened.repository.compact_tenant(name, now, args.dry_run, &|done, all| shown.show(done, all))?;
        drop(shown);
        if global.output.json {
            global.output.document(&document(name, args.dry_run, &done));
        } else {
            text(global, name, args.dry_run, &done);
        }
        Ok(())
    })
}

fn text(global: &Global, name: &str, dry_run: bool, done: &TenantCompacted) {
    if !done.days.is_empty() {
        let rows: Vec<Vec<String>> = done
            .days
            .iter()
            .map(|day| {
                let became = day.record.map(|_| bytes(day.written)).unwrap_or_default();
                vec![day.day.to_string(), objects(day.replaced), became]
            })
            .collect();
        let became = if dry_run { "" } else { "became" };
        global.output.line(table(&["day", name, became], &rows));
    }
    let replaced = replaced(done);
    if replaced.count == 0 {
        global.output.line(format!("{name}  no day is over that is not folded"));
    } else if dry_run {
        global.output.line(format!("{name}  {} would be folded", objects(replaced)));
    } else {
        global.output.line(format!(
            "{name}  {} folded into {}; deleted by the first prune or compact after three days",
            objects(replaced),
            bytes(done.days.iter().map(|day| day.written).sum())
        ));
    }
    if done.deleted.count > 0 {
        let would = if dry_run { "would be " } else { "" };
        global
            .output
            .line(format!("  {would}deleted, replaced or let go earlier: {}", objects(done.deleted)));
    }
    if let Some(due) = done.due {
        let waiting = objects(done.waiting);
        global.output.line(format!("  to be deleted, the first of it {}: {waiting}", time(due)));
    }
}

fn replaced(done: &TenantCompacted) -> Objects {
    done.days.iter().fold(Objects::default(), |sum, day| Objects {
        count: sum.count + day.replaced.count,
        bytes: sum.bytes + day.replaced.bytes,
    })
}

fn document(name: &str, dry_run: bool, done: &TenantCompacted) -> Value {
    let days = done.days.iter().map(|day| {
        Value::Object(Object::from_pairs([
            ("day", Value::from(day.day.to_string())),
            ("record", Value::from(day.record)),
            ("replaced", count(day.replaced)),
            ("written", Value::from(day.written)),
        ]))
    });
    Value::Object(Object::from_pairs([
        ("format", Value::from(FORMAT)),
        ("tenant", Value::from(name)),
        ("dry_run", Value::from(dry_run)),
        ("days", Value::Array(days.collect())),
        ("deleted", count(done.deleted)),
        ("waiting", count(done.waiting)),
        ("due", Value::from(done.due.map(|due| due.to_string()))),
    ]))
}
