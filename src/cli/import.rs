//! `import`: exported files become a snapshot of their own.

use std::sync::Arc;

use crate::base::time::{Clock, SystemClock};
use crate::base::when::When;
use crate::cli::args::{Global, ImportArgs};
use crate::cli::open::{open, when};
use crate::cli::output::{bytes, plain};
use crate::cli::{Exit, Failure, coverage, snapshot};
use crate::collect::imported::Import;
use crate::export::files;

/// Imports a file or a folder of files.
///
/// # Errors
/// A file cannot be taken, or the history does not take it; nothing is recorded then.
pub fn run(global: &Global, args: &ImportArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let at = match args.at.as_deref().map(when).transpose()? {
        None => None,
        Some(When::At(at)) => Some(at),
        Some(_) => return Err(Failure::usage("`--at`: give a point in time")),
    };
    let name = &args.tenant;
    // A folder that is not there, or a name without a history, is said before anything is read.
    opened.tenants(Some(name))?;
    let catalog = opened.catalog(name)?;
    let read = files::read(catalog, &args.path)?;
    let count = read.len();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let import = Import {
        catalog,
        fingerprints: opened.repository.fingerprints(name)?,
        clock,
        files: read,
        at,
        accept_missing: args.accept_missing,
    };
    let brought = import.commit(opened.repository.session(name)?)?;
    let taken = &brought.snapshot;
    if global.output.json {
        global.output.document(&snapshot::document(taken));
    } else {
        global.output.line(format!(
            "{name}  snapshot {}  from {count} files: {} added, {} changed, {} removed  ({} written)",
            taken.id.short(),
            taken.added,
            taken.changed,
            taken.removed,
            bytes(taken.bytes),
        ));
        let kinds = catalog.kinds.iter().filter(|spec| spec.file.is_some()).map(|spec| &spec.kind);
        let mut own = (*taken.ledger).clone();
        own.rows.retain(|kind, _| kinds.clone().any(|known| known == kind));
        for line in coverage::lines(&own, &brought.gaps).into_iter().filter(|line| line.warns) {
            global.output.warn(line.text);
        }
        for unknown in own.unknown.iter().filter(|text| text.starts_with("file:")) {
            global.output.note(format!("  not in the catalogue: {}", plain(unknown)));
        }
        if !brought.gaps.is_empty() {
            global.output.note("  `--accept-missing` takes what the files lack for deleted");
        }
    }
    Ok(if brought.gaps.is_empty() { Exit::Done } else { Exit::Incomplete })
}
