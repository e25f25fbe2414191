//! `tag`: names for snapshots, and legal holds.

use crate::base::when::When;
use crate::cli::args::{Global, TagArgs};
use crate::cli::open::{Opened, open, past};
use crate::cli::output::{plain, time};
use crate::cli::{Exit, Failure};
use crate::json::{Object, Value};
use crate::store::Snapshot;

/// Says of a snapshot what the arguments say.
///
/// # Errors
/// They name no snapshot, or several; or nothing could be written.
pub fn run(global: &Global, args: &TagArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let snapshot = named(&opened, &args.snapshot, args.tenant.as_deref())?;
    let (tenant, seq) = (snapshot.tenant.as_str(), snapshot.seq);
    let name = args.name.as_deref().unwrap_or_default();
    if name.is_empty() && !args.end_hold && args.hold.is_none() {
        return Err(Failure::usage("a tag has at least one letter"));
    }
    let done = match &args.hold {
        Some(why) => {
            opened.repository.hold(tenant, seq, why)?;
            format!("is held: {}", plain(why))
        }
        None if args.end_hold => {
            opened.repository.end_hold(tenant, seq)?;
            "is no longer held".to_owned()
        }
        None if args.remove => {
            opened.repository.untag(tenant, seq, name)?;
            format!("is no longer tagged {}", plain(name))
        }
        None => {
            opened.repository.tag(tenant, seq, name)?;
            format!("is tagged {}", plain(name))
        }
    };
    if global.output.json {
        let now = opened.repository.snapshots(tenant)?.into_iter().find(|other| other.seq == seq);
        global.output.document(&document(&now.unwrap_or(snapshot)));
    } else {
        let (id, finished) = (snapshot.id.short(), time(snapshot.finished));
        global.output.line(format!("{tenant}  snapshot {id} of {finished} {done}"));
    }
    Ok(Exit::Done)
}

/// What is said of a snapshot, as JSON.
pub(super) fn document(snapshot: &Snapshot) -> Value {
    Value::Object(Object::from_pairs([
        ("format", Value::from("lastgood.marks/1")),
        ("snapshot", Value::from(snapshot.id.to_string())),
        ("tenant", Value::from(snapshot.tenant.as_str())),
        ("finished", Value::from(snapshot.finished.to_string())),
        ("tags", snapshot.tags.iter().map(String::as_str).collect()),
        ("hold", Value::from(snapshot.held.as_deref())),
        ("baseline", Value::from(snapshot.baseline)),
    ]))
}

/// The snapshot that a text means: by the beginning of its id among all tenants, else the one of a
/// tenant that answers for a time.
///
/// # Errors
/// None or several are meant.
pub(super) fn named(opened: &Opened, text: &str, tenant: Option<&str>) -> Result<Snapshot, Failure> {
    let when = past(text)?;
    let tenants = opened.tenants(tenant)?;
    let mut found = Vec::new();
    for name in &tenants {
        let snapshots = opened.repository.snapshots(name)?;
        match &when {
            When::Snapshot(prefix) => {
                found.extend(snapshots.into_iter().filter(|one| one.id.to_string().starts_with(prefix)));
            }
            When::At(at) => found.extend(snapshots.into_iter().rfind(|one| one.finished <= *at)),
            When::Latest | When::Live => found.extend(snapshots.into_iter().next_back()),
        }
    }
    let several = found.len() > 1;
    match found.pop() {
        Some(snapshot) if !several => Ok(snapshot),
        None => Err(Failure::new(Exit::Error, format!("no snapshot is meant by `{text}`"))
            .hint("`lastgood snapshots` lists what there is")),
        Some(_) => Err(Failure::usage(format!("`{text}` means a snapshot of several tenants"))
            .hint("say whose with `--tenant NAME`, or give more of its id")),
    }
}
