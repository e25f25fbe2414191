//! Who gains and who loses access, shown after a comparison.

use crate::access::{Blast, words};
use crate::base::coverage::Ledger;
use crate::cli::Failure;
use crate::cli::open::Opened;
use crate::cli::output::{Output, plain};
use crate::history::diff::Present;
use crate::history::{History, Moment};
use crate::restore::{Seen, Stored, access};

/// The form of the line in JSON.
const FORMAT: &str = "lastgood/access/1";

/// Between two moments of the past.
///
/// # Errors
/// A recorded body could not be read.
pub fn between(
    opened: &Opened,
    history: &History<'_>,
    from: &Moment,
    to: &Moment,
) -> Result<Option<Blast>, Failure> {
    let [from, to] = [from, to].map(|moment| Stored::new(&opened.repository, moment.snapshot.clone()));
    Ok(access::between(history.catalog, &from?, &to?)?)
}

/// Between a moment and the tenant, as far as it was just read.
///
/// # Errors
/// A recorded body could not be read.
pub fn since(
    opened: &Opened,
    history: &History<'_>,
    from: &Moment,
    now: &Present,
) -> Result<Option<Blast>, Failure> {
    let mut seen = Seen::new(now.at);
    let Ledger { rows, .. } = &now.ledger;
    rows.iter().for_each(|(kind, row)| seen.row(kind, row.clone()));
    now.bodies.iter().for_each(|(key, body)| seen.insert(key.clone(), Some(body.clone())));
    let from = Stored::new(&opened.repository, from.snapshot.clone())?;
    Ok(access::since(history.catalog, &from, &seen)?)
}

/// Prints it.
pub fn print(output: &Output, tenant: &str, blast: &Blast) {
    if output.json {
        let mut line = blast.to_json(tenant);
        if let Some(members) = line.as_object_mut() {
            members.insert("format", FORMAT);
            members.insert("tenant", tenant);
        }
        output.document(&line);
        return;
    }
    output.line(format!("\nWho gains and who loses access in {}", plain(tenant)));
    for (indent, text) in words::lines(blast) {
        output.line(format!("{:1$}{2}", "", 2 + indent, plain(&text)));
    }
}
