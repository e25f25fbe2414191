//! `snapshot`: collect now, and say what changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::coverage::Row;
use crate::base::ids::PlanId;
use crate::base::key::Kind;
use crate::base::time::{Clock, SystemClock};
use crate::catalog::{self, Provider};
use crate::cli::args::{Global, SnapshotArgs};
use crate::cli::coverage;
use crate::cli::open::{Opened, open, watched};
use crate::cli::output::{bytes, plain};
use crate::cli::progress::Shown;
use crate::cli::{Exit, Failure};
use crate::collect::due::{FULL_SWEEP_EVERY, Full};
use crate::collect::imported::FILES_NOTE;
use crate::collect::mark::Mark;
use crate::collect::{self, Collected, PROVIDER_NOTE, Silent};
use crate::daemon::{Attempt, AttemptError, Tail, Watched, Wish};
use crate::json::{Object, Value};
use crate::provider::Live;
use crate::store::{Flags, Snapshot};

/// Note by which a snapshot says before or after which apply it was taken.
const AROUND_NOTE: &str = "around";

/// Why a snapshot is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// Somebody, or a schedule, asked for it.
    Asked,
    /// An apply of this plan is about to begin: it holds what the plan is to mend.
    Before(PlanId),
    /// An apply of this plan has ended.
    After {
        /// Which plan.
        plan: PlanId,
        /// Whether everything is as planned.
        good: bool,
    },
}

impl Occasion {
    /// A damaged or half-mended state is never taken for a good one; one that was mended is as good as
    /// any other.
    fn flags(self) -> Flags {
        match self {
            Self::Asked | Self::After { good: true, .. } => Flags::default(),
            Self::Before(_) | Self::After { good: false, .. } => Flags::APPLY,
        }
    }

    fn note(self) -> Option<String> {
        match self {
            Self::Asked => None,
            Self::Before(plan) => Some(format!("before {plan}")),
            Self::After { plan, .. } => Some(format!("after {plan}")),
        }
    }
}

/// Before, after or during which apply a snapshot was taken: the word, and the plan's id.
#[must_use]
pub fn around(snapshot: &Snapshot) -> Option<(&'static str, String)> {
    let noted = snapshot.notes.get(AROUND_NOTE).and_then(|note| note.split_once(' '));
    let word = |word: &str| ["before", "after"].into_iter().find(|known| *known == word);
    match noted.and_then(|(when, plan)| Some((word(when)?, plan.to_owned()))) {
        None => snapshot.applying.map(|plan| ("during", plan.to_string())),
        noted => noted,
    }
}

/// Version of the JSON form.
const FORMAT: &str = "lastgood.snapshot/1";

/// Collects the tenants, one after the other.
///
/// # Errors
/// The configuration, or the first tenant that could not be collected at all; the others are tried
/// before that is reported.
pub async fn run(global: &Global, args: SnapshotArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let names: Vec<String> = if args.tenants.is_empty() {
        opened.config.tenants.iter().map(|tenant| tenant.name.clone()).collect()
    } else {
        args.tenants.clone()
    };
    if names.is_empty() {
        return Err(Failure::usage("no tenant is configured").hint("`lastgood tenant add` adds one"));
    }
    let mut exit = Exit::Done;
    let mut first_failure = None;
    for name in &names {
        match collect(global, &opened, name, &args, Occasion::Asked).await {
            Ok(collected) => {
                print(global, name, &collected);
                if !collected.gaps.is_empty() {
                    exit = Exit::Incomplete;
                }
            }
            Err(failure) if names.len() > 1 => {
                global.output.warn(format!("{name}: {}", failure.chain.join(": ")));
                first_failure.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    if args.follow && first_failure.is_none() {
        follow(global, &opened, &names).await?;
    }
    first_failure.map_or(Ok(exit), Err)
}

/// How often the log of a tenant is asked that the configuration does not let `serve` follow.
const FOLLOW_EVERY: Duration = Duration::from_secs(60);

/// Reads what the vendors' logs name, as soon as they name it, until the person interrupts.
async fn follow(global: &Global, opened: &Opened, names: &[String]) -> Result<(), Failure> {
    let mut followed = Vec::new();
    for name in names {
        let watched = watched(&opened.config, opened.config.tenant(name)?)?;
        let live = (watched.connect)().map_err(AttemptError::from)?;
        let tail = Tail::after_newest(&opened.repository, name, live, &SystemClock)?;
        followed.push((watched, tail, false));
    }
    let every = followed.iter().filter_map(|(watched, ..)| watched.follow).min().unwrap_or(FOLLOW_EVERY);
    global.output.note(format!("following the vendor's log, every {} s; Ctrl-C ends it", every.as_secs()));
    loop {
        tokio::time::sleep(every).await;
        for (watched, tail, news) in &mut followed {
            match tail.has_news(SystemClock.now()).await {
                Ok(more) => *news |= more,
                Err(error) => {
                    global.output.warn(format!("{}: the log could not be read: {error}", watched.name));
                }
            }
            if *news {
                *news = !named(global, opened, watched).await;
            }
        }
    }
}

/// One snapshot of what the log names; false where another process has the tenant's turn, whose run may end
/// before it reads that.
async fn named(global: &Global, opened: &Opened, watched: &Watched) -> bool {
    let attempt = Attempt {
        repository: &opened.repository,
        watched,
        clock: Arc::new(SystemClock),
        wish: Wish { named_only: true, ..Wish::default() },
        progress: &Silent,
    };
    match attempt.in_turn().await {
        Ok(collected) => summary(global, &watched.name, &collected.snapshot),
        Err(AttemptError::Done) => tracing::info!(tenant = watched.name, "another process has read it"),
        Err(error) if error.is_anothers() => return false,
        Err(error) => global.output.warn(format!("{}: {error}", watched.name)),
    }
    true
}

/// One snapshot of one tenant.
///
/// # Errors
/// As [`Attempt::in_turn`].
pub async fn collect(
    global: &Global,
    opened: &Opened,
    name: &str,
    args: &SnapshotArgs,
    occasion: Occasion,
) -> Result<Collected, Failure> {
    let watched = watched(&opened.config, opened.config.tenant(name)?)?;
    let shown = Shown::new(global.output);
    let attempt = Attempt {
        repository: &opened.repository,
        watched: &watched,
        clock: Arc::new(SystemClock),
        wish: Wish {
            only_if_due: false,
            named_only: false,
            full: args.full,
            accept_rights: args.accept_rights,
            flags: occasion.flags(),
            notes: occasion.note().map(|note| (AROUND_NOTE.to_owned(), note)).into_iter().collect(),
        },
        progress: &shown,
    };
    match occasion {
        Occasion::Asked => Ok(attempt.in_turn().await?),
        // What an apply goes by, and what it left, is read and not carried, and whoever restores waits for
        // nobody's run.
        Occasion::Before(_) | Occasion::After { .. } => Ok(attempt.out_of_turn(true).await?),
    }
}

/// Refuses a tenant that is not the one of the history.
///
/// # Errors
/// Another identity answers, or none.
pub async fn same_tenant(live: &Live, snapshot: &Snapshot) -> Result<(), Failure> {
    Ok(collect::same_tenant(snapshot, &live.identity().await?)?)
}

fn print(global: &Global, name: &str, collected: &Collected) {
    let snapshot = &collected.snapshot;
    summary(global, name, snapshot);
    if global.output.json {
        return;
    }
    match (collected.full, full_sweep_by(snapshot)) {
        (None, Some(by)) => {
            global.output.note(format!("  what the vendor's log named; everything is read again after {by}"));
        }
        (Some(full), Some(_)) if full != Full::First => {
            global.output.note(format!("  everything: {}", full.reason()));
        }
        _ => {}
    }
    let provider = snapshot.notes.get(PROVIDER_NOTE).and_then(|name| catalog::provider(name).ok());
    if let Some(caveat) = provider.and_then(Provider::caveat) {
        global.output.note(format!("  {caveat}"));
    }
    coverage(global, snapshot, &collected.gaps);
}

/// What a snapshot found, on one line.
pub(super) fn summary(global: &Global, name: &str, snapshot: &Snapshot) {
    if global.output.json {
        global.output.document(&document(snapshot));
        return;
    }
    global.output.line(format!(
        "{name}  snapshot {}  {} resources: {} added, {} changed, {} removed  ({} requests, {} s, {} written)",
        snapshot.id.short(),
        snapshot.total,
        snapshot.added,
        snapshot.changed,
        snapshot.removed,
        snapshot.requests,
        (snapshot.finished.as_millisecond() - snapshot.started.as_millisecond()) / 1000,
        bytes(snapshot.bytes),
    ));
}

/// When everything is read again at the latest: until then a change that no event told of may be unseen.
fn full_sweep_by(snapshot: &Snapshot) -> Option<Timestamp> {
    Mark::from_notes(&snapshot.notes).map(|mark| mark.swept + FULL_SWEEP_EVERY)
}

/// How much of a kind a snapshot read.
fn how_read(snapshot: &Snapshot, kind: &Kind, row: &Row) -> &'static str {
    match row.read {
        Some((begun, _)) if begun >= snapshot.started => "whole",
        None => "none",
        Some(_) if Mark::from_notes(&snapshot.notes).is_some_and(|mark| mark.part.contains(kind)) => "part",
        Some(_) => "carried",
    }
}

/// The files that a snapshot is of, where it is of files and read nothing.
#[must_use]
pub fn imported(snapshot: &Snapshot) -> Option<&str> {
    snapshot.notes.get(FILES_NOTE).map(String::as_str)
}

/// What is not complete, gaps first, and what the catalogue does not know.
pub(super) fn coverage(global: &Global, snapshot: &Snapshot, gaps: &[Kind]) {
    for line in coverage::lines(&snapshot.ledger, gaps) {
        if line.warns { global.output.warn(line.text) } else { global.output.note(line.text) }
    }
    if !gaps.is_empty() {
        let names: Vec<String> = gaps.iter().map(|kind| format!("\"{kind}\"")).collect();
        let accept = names.join(", ");
        global.output.note(format!(
            "if that is as it should be: `accept = [{accept}]` in the tenant's table ends exit 3"
        ));
    }
    for unknown in snapshot.ledger.unknown.iter().take(10) {
        global.output.note(format!("  not in the catalogue: {}", plain(unknown)));
    }
}

/// The JSON form of a snapshot just taken.
#[must_use]
pub fn document(snapshot: &Snapshot) -> Value {
    let sweep = if snapshot.flags.contain(Flags::INCREMENTAL) { "incremental" } else { "full" };
    let coverage = snapshot.ledger.rows.iter().map(|(kind, row)| {
        Value::Object(Object::from_pairs([
            ("kind", Value::from(kind.as_str())),
            ("state", Value::from(row.state.as_str())),
            ("reason", Value::from(row.reason.as_str())),
            ("count", Value::from(row.count)),
            ("read", Value::from(how_read(snapshot, kind, row))),
            ("read_at", Value::from(row.read.map(|(_, end)| end.to_string()))),
        ]))
    });
    let unchanged = snapshot.total.saturating_sub(snapshot.added + snapshot.changed);
    Value::Object(Object::from_pairs([
        ("format", Value::from(FORMAT)),
        ("snapshot", Value::from(snapshot.id.to_string())),
        ("tenant", Value::from(snapshot.tenant.as_str())),
        ("started", Value::from(snapshot.started.to_string())),
        ("finished", Value::from(snapshot.finished.to_string())),
        ("added", Value::from(snapshot.added)),
        ("changed", Value::from(snapshot.changed)),
        ("removed", Value::from(snapshot.removed)),
        ("unchanged", Value::from(unchanged)),
        ("requests", Value::from(snapshot.requests)),
        ("bytes_added", Value::from(snapshot.bytes)),
        ("sweep", Value::from(sweep)),
        ("full_sweep_by", Value::from(full_sweep_by(snapshot).map(|by| by.to_string()))),
        ("coverage", Value::Array(coverage.collect())),
        (
            "around",
            Value::from(around(snapshot).map(|(when, plan)| {
                Object::from_pairs([("when", Value::from(when)), ("plan", Value::from(plan))])
            })),
        ),
        ("imported", Value::from(imported(snapshot))),
        ("tags", snapshot.tags.iter().map(String::as_str).collect()),
        ("hold", Value::from(snapshot.held.as_deref())),
        ("baseline", Value::from(snapshot.baseline)),
        ("unknown", snapshot.ledger.unknown.iter().map(String::as_str).collect()),
    ]))
}
