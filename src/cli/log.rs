//! `log`: what changed and who changed it, newest first. The rendering of a change is shared with
//! `diff`.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};

use crate::base::key::ResourceKey;
use crate::cli::args::{Global, LogArgs};
use crate::cli::open::{Opened, open, when};
use crate::cli::output::{Output, brief, plain, time};
use crate::cli::{Exit, Failure};
use crate::history::log::Filter;
use crate::history::{Actor, Address, Change, History, HistoryError, Op};

/// Shows changes.
///
/// # Errors
/// The address means nothing, or the history cannot be read.
pub fn run(global: &Global, args: &LogArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let filter = Filter {
        since: bound(args.since.as_deref())?,
        until: bound(args.until.as_deref())?,
        actor: args.actor.clone(),
    };
    for address in opened.addresses(args.address.as_deref())? {
        let history = opened.history(&address.tenant)?;
        for change in changes(&opened, &history, &address, &filter)? {
            print(&global.output, &address.tenant, &change, args.patch);
        }
    }
    Ok(Exit::Done)
}

pub(crate) fn bound(text: Option<&str>) -> Result<Option<jiff::Timestamp>, Failure> {
    use crate::base::when::When;
    let Some(text) = text else { return Ok(None) };
    match when(text)? {
        When::At(at) => Ok(Some(at)),
        _ => Err(Failure::usage(format!("`{text}`: give a point in time"))),
    }
}

/// The changes of what the address means: one resource that may be gone by now, or a set.
fn changes(
    opened: &Opened,
    history: &History<'_>,
    address: &Address,
    filter: &Filter,
) -> Result<Vec<Change>, Failure> {
    match &address.reference {
        None => {
            let kinds = address.kind.as_ref().map(|_| history.kinds(address)).transpose()?;
            let in_kind = |key: &ResourceKey| kinds.as_ref().is_none_or(|kinds| kinds.contains(&key.kind));
            let mut found = history.log(filter, false, &in_kind)?;
            name(opened, history, &mut found)?;
            let told = history.heard_of(filter, &|key, _| in_kind(key))?;
            Ok(merged(found, told))
        }
        Some(reference) => {
            let told = |names: &[String]| {
                let kinds = history.kinds(address)?;
                let is_it = |text: &str| names.iter().any(|name| name == text) || is_meant(reference, text);
                let keep = |key: &ResourceKey, name: Option<&str>| {
                    kinds.contains(&key.kind) && (is_it(key.id()) || name.is_some_and(&is_it))
                };
                history.heard_of(filter, &keep)
            };
            let keys = match history.ever(address) {
                Ok(keys) => keys,
                // Of what no body is held the vendor's log may still tell.
                Err(error @ HistoryError::NotFound { .. }) => {
                    let told = told(&[])?;
                    return if told.is_empty() { Err(error.into()) } else { Ok(told) };
                }
                Err(error) => return Err(error.into()),
            };
            let mut found = Vec::new();
            for key in &keys {
                found.extend(history.log_of(key, filter)?);
            }
            found.sort_by_key(|change| std::cmp::Reverse(change.at));
            name(opened, history, &mut found)?;
            let names: Vec<String> = keys.iter().map(|key| key.id().to_owned()).collect();
            let names: Vec<String> =
                found.iter().filter_map(|change| change.name.clone()).chain(names).collect();
            let told = told(&names)?;
            Ok(merged(found, told))
        }
    }
}

/// Whether a REF, however it is to be read, is this text.
fn is_meant(reference: &str, text: &str) -> bool {
    reference.strip_prefix("id:").or(reference.strip_prefix("name:")).unwrap_or(reference) == text
}

/// Changes and what was only told of, by time; changes stay in the order that they have.
fn merged(found: Vec<Change>, told: Vec<Change>) -> Vec<Change> {
    let mut out = Vec::with_capacity(found.len() + told.len());
    let mut told = told.into_iter().peekable();
    for change in found {
        while let Some(first) = told.next_if(|told| told.at > change.at) {
            out.push(first);
        }
        out.push(change);
    }
    out.extend(told);
    out
}

/// Gives changes the names of their resources: of the latest state, else of the one before.
fn name(opened: &Opened, history: &History<'_>, changes: &mut [Change]) -> Result<(), Failure> {
    let mut unnamed: BTreeSet<ResourceKey> = changes.iter().map(|change| change.key.clone()).collect();
    let snapshots = opened.repository.snapshots(history.tenant)?;
    for snapshot in snapshots.iter().rev() {
        if unnamed.is_empty() {
            break;
        }
        // The latest state names most; a resource that is gone is named by a state that had it.
        let gone_here = changes.iter().any(|change| change.op == Op::Remove && unnamed.contains(&change.key));
        if snapshot.seq != snapshots.last().map_or(0, |last| last.seq) && !gone_here {
            break;
        }
        let moment = history.moment(&crate::base::when::When::Snapshot(snapshot.id.to_string()))?;
        let mut here = Vec::new();
        for key in &unnamed {
            if moment.entry(key)?.is_some() {
                here.push(key.clone());
            }
        }
        let names = history.names_of(&moment, &here)?;
        for change in changes.iter_mut().filter(|change| change.name.is_none()) {
            change.name = names.of(&change.key).map(str::to_owned);
        }
        unnamed.retain(|key| names.of(key).is_none());
    }
    Ok(())
}

/// Prints one change: a line, and with `patch` its fields.
pub fn print(output: &Output, tenant: &str, change: &Change, patch: bool) {
    if output.json {
        output.document(&change.to_json(tenant));
        return;
    }
    let (sign, style) = match change.op {
        Op::Add => ('+', AnsiColor::Green),
        Op::Change => ('~', AnsiColor::Yellow),
        Op::Remove => ('-', AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(style.into()));
    // By names it can be read and typed; the ids, which are unique, stand below.
    let ids = change.key.to_path().split_once('/').map(|(_, ids)| plain(ids)).unwrap_or_default();
    let (address, ids) = match &change.name {
        Some(name) if *name != ids => (plain(&format!("{tenant}/{}/{name}", change.key.kind)), Some(ids)),
        _ => (plain(&format!("{tenant}/{}", change.key)), None),
    };
    output.line(format!("{style}{sign}{style:#} {address}"));
    let ids = ids.map(|ids| format!("  id {ids}")).unwrap_or_default();
    if change.id.is_empty() && change.told.is_none() {
        // A comparison of two times: what lies between may be many changes, of many people.
        output.line(format!("    {}{ids}", time(change.at)));
    } else {
        output.line(format!("    {}{}", time(change.at), who(change.actor.as_ref())));
        if !change.id.is_empty() {
            output.line(format!("    change {}{ids}", change.id));
        }
    }
    if let Some(told) = &change.told {
        output.line(format!("    {}: no body shows what changed", plain(told)));
    }
    if patch {
        for field in &change.fields {
            let pointer = plain(&field.pointer.to_string());
            let pointer = if pointer.is_empty() { "(whole)".into() } else { pointer };
            match (&field.from, &field.to) {
                (Some(from), Some(to)) => {
                    output.line(format!("    {pointer}: {} → {}", brief(from), brief(to)))
                }
                (Some(from), None) => output.line(format!("    {pointer}: {} removed", brief(from))),
                (_, Some(to)) => output.line(format!("    {pointer}: {} added", brief(to))),
                (None, None) => {}
            }
        }
    }
}

fn who(actor: Option<&Actor>) -> String {
    let Some(actor) = actor else { return "  by unknown (no audit event)".into() };
    let name = |actor: &Actor| plain(actor.called().unwrap_or("unknown"));
    let client =
        actor.client.as_ref().map(|client| format!(" through {}", plain(client))).unwrap_or_default();
    let address =
        actor.address.as_ref().map(|address| format!(" from {}", plain(address))).unwrap_or_default();
    let sure = actor.confidence.as_deref().map(|word| format!(" ({word})")).unwrap_or_default();
    let others: Vec<String> = actor.others.iter().map(name).collect();
    let others = if others.is_empty() { String::new() } else { format!(", and by {}", others.join(", ")) };
    format!("  by {}{client}{address}{sure}{others}", name(actor))
}
