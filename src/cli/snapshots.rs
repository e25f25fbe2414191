//! `snapshots`: what has been kept.

use crate::base::coverage::State;
use crate::cli::args::Global;
use crate::cli::open::open;
use crate::cli::output::{bytes, plain, table, time};
use crate::cli::{Exit, Failure, snapshot};
use crate::store::Snapshot;

/// Lists the snapshots, oldest first.
///
/// # Errors
/// The repository cannot be read, or holds nothing of the tenant.
pub fn run(global: &Global, tenant: Option<&str>) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let mut rows = Vec::new();
    for name in opened.tenants(tenant)? {
        for snapshot in opened.repository.snapshots(&name)? {
            if global.output.json {
                global.output.document(&snapshot::document(&snapshot));
            } else {
                rows.push(row(&snapshot));
            }
        }
    }
    if !global.output.json {
        let head = [
            "snapshot",
            "tenant",
            "finished",
            "resources",
            "added",
            "changed",
            "removed",
            "bytes",
            "coverage",
            "",
        ];
        global.output.line(table(&head, &rows));
    }
    Ok(Exit::Done)
}

fn row(snapshot: &Snapshot) -> Vec<String> {
    vec![
        snapshot.id.short(),
        snapshot.tenant.clone(),
        time(snapshot.finished),
        snapshot.total.to_string(),
        snapshot.added.to_string(),
        snapshot.changed.to_string(),
        snapshot.removed.to_string(),
        bytes(snapshot.bytes),
        coverage(snapshot),
        remarks(snapshot),
    ]
}

/// What it was taken for, and what people said of it later.
fn remarks(snapshot: &Snapshot) -> String {
    let around = snapshot::around(snapshot)
        .map(|(when, plan)| format!("{when} apply {}", plan.get(..8).unwrap_or_default()))
        .or_else(|| snapshot::imported(snapshot).map(|_| "imported files".to_owned()));
    let tags = snapshot.tags.iter().map(|tag| plain(tag));
    let held = snapshot.held.as_ref().map(|why| format!("hold: {}", plain(why)));
    let baseline = snapshot.baseline.then(|| "baseline".to_owned());
    around.into_iter().chain(tags).chain(baseline).chain(held).collect::<Vec<_>>().join(", ")
}

/// `complete`, or how many kinds are in each other state that a person must know of.
fn coverage(snapshot: &Snapshot) -> String {
    let told = [State::Partial, State::Suspect, State::Failed, State::NotPermitted];
    let parts: Vec<String> = told
        .into_iter()
        .filter_map(|state| {
            let count = snapshot.ledger.rows.values().filter(|row| row.state == state).count();
            (count > 0).then(|| format!("{count} {}", state.as_str()))
        })
        .collect();
    if parts.is_empty() { "complete".into() } else { parts.join(", ") }
}
