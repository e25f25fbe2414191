//! `check`, `rebuild-index`, `stats`: care of the repository.

use crate::cli::args::Global;
use crate::cli::open::open;
use crate::cli::output::{bytes, plain, table, time};
use crate::cli::progress::Counter;
use crate::cli::{Exit, Failure};
use crate::json::{Object, Value};
use crate::store::{Affected, CheckReport};

/// Checks the repository; with `read_data` every body is read and hashed.
///
/// # Errors
/// The repository cannot be opened. Damage that is found is a result: exit 1, each part by name.
pub fn check(global: &Global, read_data: bool) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let shown = Counter::new(global.output, "objects");
    let report = opened.repository.check(read_data, &|done, all| shown.show(done, all))?;
    drop(shown);
    if global.output.json {
        global.output.document(&document(&report));
    } else {
        text(global, &report, read_data);
    }
    Ok(if report.is_clean() { Exit::Done } else { Exit::Error })
}

fn document(report: &CheckReport) -> Value {
    let faults = report.faults.iter().map(|fault| {
        Value::Object(Object::from_pairs([
            ("object", Value::from(fault.object.as_str())),
            ("what", fault.what.iter().map(String::as_str).collect::<Value>()),
            ("affected", Value::Array(fault.affected.iter().map(affected).collect())),
        ]))
    });
    Value::Object(Object::from_pairs([
        ("format", Value::from("lastgood.check/1")),
        ("objects", Value::from(report.objects)),
        ("snapshots", Value::from(report.snapshots)),
        ("applies", Value::from(report.applies)),
        ("bodies", Value::from(report.bodies)),
        ("dying", Value::from(report.dying)),
        ("faults", Value::Array(faults.collect())),
        ("orphans", report.orphans.iter().map(String::as_str).collect::<Value>()),
        ("strangers", report.strangers.iter().map(String::as_str).collect::<Value>()),
    ]))
}

fn affected(lost: &Affected) -> Value {
    Value::Object(Object::from_pairs([
        ("address", Value::from(lost.key.as_ref().map(|key| format!("{}/{key}", lost.tenant)))),
        ("tenant", Value::from(lost.tenant.as_str())),
        ("at", Value::from(lost.at.map(|at| at.to_string()))),
    ]))
}

fn text(global: &Global, report: &CheckReport, read_data: bool) {
    let what = if read_data { "every body read and hashed" } else { "`--read-data` reads every body too" };
    global.output.line(format!(
        "{} objects ({}), {} snapshots, {} bodies: {what}",
        report.objects,
        bytes(report.bytes),
        report.snapshots,
        report.bodies
    ));
    for fault in &report.faults {
        global.output.line(format!("damaged: {}  {}", fault.object, plain(&fault.what.join("; "))));
        for lost in &fault.affected {
            let at = lost.at.map_or_else(|| "an unknown time".to_owned(), time);
            let what = match &lost.key {
                Some(key) => plain(&format!("{}/{key}", lost.tenant)),
                None => format!("a whole snapshot of {}", plain(&lost.tenant)),
            };
            global.output.line(format!("    lost: {what}  of {at}"));
        }
    }
    if report.dying > 0 {
        global.output.note(format!("{} objects were pruned and wait to be deleted", report.dying));
    }
    for orphan in &report.orphans {
        global.output.note(format!("left behind by a run that did not end, harmless: {orphan}"));
    }
    for stranger in &report.strangers {
        global.output.note(format!("not of this repository: {}", plain(stranger)));
    }
    if report.is_clean() {
        global.output.line("no damage found");
    }
}

/// Makes the local index anew.
///
/// # Errors
/// The repository cannot be read.
pub fn rebuild_index(global: &Global) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let shown = Counter::new(global.output, "objects");
    opened.repository.rebuild_index(&|done, all| shown.show(done, all))?;
    drop(shown);
    global.output.line("index made anew from the repository");
    Ok(Exit::Done)
}

/// Shows what the repository holds.
///
/// # Errors
/// The repository cannot be read.
pub fn stats(global: &Global) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let stats = opened.repository.stats()?;
    let mut rows = Vec::new();
    let mut tenants = Vec::new();
    for name in opened.tenants(None)? {
        let snapshots = opened.repository.snapshots(&name)?;
        let added: u64 = snapshots.iter().map(|snapshot| snapshot.bytes).sum();
        let resources = snapshots.last().map_or(0, |last| last.total);
        let applies = stats.tenants.get(&name).map_or(0, |tenant| tenant.applies);
        rows.push(vec![
            name.clone(),
            snapshots.len().to_string(),
            applies.to_string(),
            resources.to_string(),
            bytes(added),
        ]);
        tenants.push(Value::Object(Object::from_pairs([
            ("tenant", Value::from(name)),
            ("snapshots", Value::from(snapshots.len() as u64)),
            ("applies", Value::from(applies)),
            ("resources", Value::from(resources)),
            ("bytes", Value::from(added)),
        ])));
    }
    if global.output.json {
        global.output.document(&Value::Object(Object::from_pairs([
            ("format", Value::from("lastgood.stats/1")),
            ("objects", Value::from(stats.objects)),
            ("bytes", Value::from(stats.bytes)),
            ("tenants", Value::Array(tenants)),
        ])));
        return Ok(Exit::Done);
    }
    global.output.line(format!("{} objects, {}", stats.objects, bytes(stats.bytes)));
    global.output.line(table(&["tenant", "snapshots", "applies", "resources", "bytes"], &rows));
    Ok(Exit::Done)
}
