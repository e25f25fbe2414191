//! `baseline`: the snapshot that drift is told against.

use crate::cli::args::{BaselineCommand, Global};
use crate::cli::open::open;
use crate::cli::output::time;
use crate::cli::{Exit, Failure, tag};

/// Pins a snapshot, or shows which one is pinned.
///
/// # Errors
/// There is no such snapshot, none is pinned, or nothing could be written.
pub fn run(global: &Global, command: &BaselineCommand) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let tenant = match command {
        BaselineCommand::Set { tenant, at } => {
            let snapshot = tag::named(&opened, &at.at, Some(tenant))?;
            opened.repository.set_baseline(tenant, snapshot.seq)?;
            tenant
        }
        BaselineCommand::Show { tenant } => {
            opened.tenants(Some(tenant))?;
            tenant
        }
    };
    let pinned = opened.repository.baseline(tenant)?.ok_or_else(|| {
        Failure::new(Exit::Error, format!("`{tenant}` has no baseline"))
            .hint(format!("`lastgood baseline set {tenant}` pins the newest snapshot"))
    })?;
    if global.output.json {
        global.output.document(&tag::document(&pinned));
    } else {
        let (id, finished) = (pinned.id.short(), time(pinned.finished));
        global.output.line(format!("{tenant}  baseline is snapshot {id} of {finished}"));
    }
    Ok(Exit::Done)
}
