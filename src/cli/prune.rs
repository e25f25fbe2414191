//! `prune`: what retention lets go.

use crate::cli::args::{Global, PruneArgs};
use crate::cli::open::{environment, open};
use crate::cli::output::{bytes, table, time};
use crate::cli::{Exit, Failure};
use crate::json::{Object, Value};
use crate::restore::stored_journal;
use crate::store::{Fate, Objects, PruneAsked, Retention, Snapshot, TenantPruned};

/// Version of the JSON form.
const FORMAT: &str = "lastgood.prune/1";

/// Prunes tenants, or says what would go.
///
/// # Errors
/// No rule keeps anything; or, after all others were pruned, a tenant is held by another process, or something of
/// it that is kept cannot be read.
pub fn run(global: &Global, args: &PruneArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let policy = rules(&opened.config.retention.rules()?, args);
    if policy.is_empty() {
        return Err(Failure::usage("no rule says what is kept, so everything is")
            .hint("write `[retention]` in the configuration, or give `--keep-hourly 30d --keep-daily 1y`"));
    }
    opened.each(&args.tenants, |name| {
        let now = environment()?.clock.now();
        let asked = PruneAsked { policy: &policy, needs: stored_journal::needs, now, dry_run: args.dry_run };
        let pruned = opened.repository.prune_tenant(name, &asked)?;
        if global.output.json {
            global.output.document(&document(name, args.dry_run, &pruned));
        } else {
            text(global, name, args.dry_run, &pruned);
        }
        Ok(())
    })
}

/// The configured rules, each replaced where an argument says otherwise.
fn rules(configured: &Retention, args: &PruneArgs) -> Retention {
    Retention {
        last: args.keep_last.unwrap_or(configured.last),
        hourly: args.keep_hourly.or(configured.hourly),
        daily: args.keep_daily.or(configured.daily),
        monthly: args.keep_monthly.or(configured.monthly),
        yearly: args.keep_yearly.or(configured.yearly),
    }
}

/// Whether a snapshot is kept, and every reason why.
fn why(fate: &Fate) -> (bool, Vec<&'static str>) {
    match fate {
        Fate::Kept(reasons) => (true, reasons.iter().map(|reason| reason.as_str()).collect()),
        Fate::Goes(reason) => (false, vec![reason.as_str()]),
    }
}

fn text(global: &Global, name: &str, dry_run: bool, pruned: &TenantPruned) {
    let row = |(snapshot, fate): &(Snapshot, Fate)| {
        let (kept, reasons) = why(fate);
        let what = match (kept, dry_run) {
            (true, _) => "kept",
            (false, true) => "would go",
            (false, false) => "gone",
        };
        vec![snapshot.id.short(), time(snapshot.finished), what.to_owned(), reasons.join(", ")]
    };
    let rows: Vec<Vec<String>> = pruned.fates.iter().map(row).collect();
    global.output.line(table(&["snapshot", "finished", name, "why"], &rows));
    let (dropped, kept) = (pruned.dropped(), pruned.fates.len() - pruned.dropped());
    let would = if dry_run { "would be " } else { "" };
    global
        .output
        .line(format!("{name}  {kept} kept, {dropped} {}", if dry_run { "would go" } else { "gone" }));
    if pruned.marked.count > 0 {
        global.output.line(format!(
            "  {would}marked: {} ({} written to say so); deleted by the first prune after three days",
            objects(pruned.marked),
            bytes(pruned.written)
        ));
    }
    if pruned.needed.count > 0 {
        let needed = objects(pruned.needed);
        global.output.line(format!("  stays for what kept snapshots still need of it: {needed}"));
    }
    if pruned.deleted.count > 0 {
        global.output.line(format!("  {would}deleted, marked earlier: {}", objects(pruned.deleted)));
    }
    if let Some(due) = pruned.due {
        let waiting = objects(pruned.waiting);
        global
            .output
            .line(format!("  marked earlier, the first of it to be deleted {}: {waiting}", time(due)));
    }
}

/// So many objects and their bytes, in words.
pub(super) fn objects(of: Objects) -> String {
    format!("{} object{}, {}", of.count, if of.count == 1 { "" } else { "s" }, bytes(of.bytes))
}

/// The same for programs.
pub(super) fn count(of: Objects) -> Value {
    Value::Object(Object::from_pairs([("objects", Value::from(of.count)), ("bytes", Value::from(of.bytes))]))
}

fn document(name: &str, dry_run: bool, pruned: &TenantPruned) -> Value {
    let snapshots = pruned.fates.iter().map(|(snapshot, fate)| {
        let (kept, reasons) = why(fate);
        Value::Object(Object::from_pairs([
            ("snapshot", Value::from(snapshot.id.to_string())),
            ("finished", Value::from(snapshot.finished.to_string())),
            ("kept", Value::from(kept)),
            ("why", reasons.into_iter().collect()),
        ]))
    });
    Value::Object(Object::from_pairs([
        ("format", Value::from(FORMAT)),
        ("tenant", Value::from(name)),
        ("dry_run", Value::from(dry_run)),
        ("kept", Value::from((pruned.fates.len() - pruned.dropped()) as u64)),
        ("dropped", Value::from(pruned.dropped() as u64)),
        ("marked", count(pruned.marked)),
        ("written", Value::from(pruned.written)),
        ("needed", count(pruned.needed)),
        ("deleted", count(pruned.deleted)),
        ("waiting", count(pruned.waiting)),
        ("due", Value::from(pruned.due.map(|due| due.to_string()))),
        ("snapshots", Value::Array(snapshots.collect())),
    ]))
}
