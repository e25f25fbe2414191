//! `diff`: two times compared, or a time and the tenant as it is now.

use std::collections::BTreeSet;

use crate::access::Blast;
use crate::base::key::{Kind, ResourceKey};
use crate::base::when::When;
use crate::cli::args::{DiffArgs, Global};
use crate::cli::open::{Opened, Purpose, connect, environment, note_pruned, open, when};
use crate::cli::output::plain;
use crate::cli::{Exit, Failure, access, log};
use crate::history::diff::{Comparison, Past, Present, compare, compare_moments};
use crate::history::{Address, History, Moment};
use crate::restore::observe::LiveTenant;

/// Compares.
///
/// # Errors
/// A time has no snapshot, the address means nothing, or the tenant cannot be read.
pub async fn run(global: &Global, args: &DiffArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let (to, address) = second(&opened, args)?;
    let from = when(&args.from)?;
    if from == When::Live {
        return Err(Failure::usage("`live` is the later side: write `diff TIME live`"));
    }
    let mut found = false;
    let mut gaps = false;
    let accepted = |tenant: &str, kind: &Kind| {
        let configured = opened.config.tenant(tenant);
        configured.is_ok_and(|tenant| tenant.accept.iter().any(|accepted| accepted == kind.as_str()))
    };
    for address in opened.addresses(address.as_deref())? {
        let history = opened.history(&address.tenant)?;
        let base = history.moment(&from)?;
        note_pruned(global.output, &address.tenant, &base);
        let (comparison, blast) = one(&opened, &history, &base, &to, &address, args.access).await?;
        found |= !comparison.changes.is_empty();
        gaps |= comparison.unknown.iter().any(|(kind, _)| !accepted(&address.tenant, kind));
        let mut by_server = 0_usize;
        for change in &comparison.changes {
            // What only the server sets moves with every write, one that puts things back among them.
            if !global.output.json && change.is_the_servers(history.catalog) {
                by_server += 1;
                continue;
            }
            log::print(&global.output, &address.tenant, change, true);
        }
        if by_server > 0 {
            global.output.note(format!(
                "{by_server} more differ only in times that the server sets by itself; `--json` shows them"
            ));
        }
        match blast {
            Some(blast) => access::print(&global.output, &address.tenant, &blast),
            None if args.access => {
                let words = "its catalogue does not say how access works, so nothing is said of it";
                global.output.note(format!("{}: {words}", address.tenant));
            }
            None => {}
        }
        if !comparison.unread.is_empty() {
            global.output.note(format!("not read on either side: {}", several(&comparison.unread)));
        }
        let told: BTreeSet<String> =
            comparison.unknown.iter().map(|(kind, why)| format!("{kind}: {}", plain(why))).collect();
        for line in told {
            global.output.warn(format!("not compared for what is missing: {line}"));
        }
    }
    if !found && !gaps {
        global.output.note("no differences");
    }
    Ok(match (gaps, found && args.exit_code) {
        (true, _) => Exit::Incomplete,
        (false, true) => Exit::Differences,
        (false, false) => Exit::Done,
    })
}

/// The names of some kinds, and how many more there are.
fn several(kinds: &[Kind]) -> String {
    const SHOWN: usize = 6;
    let names: Vec<&str> = kinds.iter().take(SHOWN).map(|kind| kind.as_str()).collect();
    let more = kinds.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(", and {more} kinds more") };
    format!("{}{more}", names.join(", "))
}

/// `diff FROM ADDRESS` and `diff FROM TO ADDRESS` are both meant; a text that begins with a
/// tenant's name and a slash, or is one, is an address.
fn second(opened: &Opened, args: &DiffArgs) -> Result<(When, Option<String>), Failure> {
    let Some(text) = &args.to else { return Ok((When::Latest, args.address.clone())) };
    let tenant = text.split('/').next().unwrap_or_default();
    let known = || -> Result<bool, Failure> {
        Ok(opened.config.tenant(tenant).is_ok()
            || opened.repository.tenants()?.iter().any(|known| known == tenant))
    };
    if args.address.is_none() && (text.contains('/') || known()?) {
        return Ok((When::Latest, Some(text.clone())));
    }
    Ok((when(text)?, args.address.clone()))
}

/// What a moment is compared with.
enum Later {
    Live(Present),
    Past(Box<Moment>),
}

impl Later {
    fn past(&self) -> Option<&Moment> {
        match self {
            Self::Live(_) => None,
            Self::Past(moment) => Some(moment),
        }
    }
}

/// The differences, with the names that either side has for them.
async fn one(
    opened: &Opened,
    history: &History<'_>,
    base: &Moment,
    to: &When,
    address: &Address,
    with_access: bool,
) -> Result<(Comparison, Option<Blast>), Failure> {
    let kinds = history.kinds(address)?;
    let later = match to {
        When::Live => Later::Live(present(opened, history, &kinds).await?),
        past => Later::Past(Box::new(history.moment(past)?)),
    };
    let scope = scope(history, base, later.past(), address)?;
    let keep = |key: &ResourceKey| scope.as_ref().is_none_or(|keys| keys.contains(key));
    // What another kind carries is compared there.
    let read: Vec<_> = kinds
        .into_iter()
        .filter(|kind| history.catalog.kind(kind).is_some_and(|spec| !spec.read.is_empty()))
        .collect();
    let (mut comparison, blast) = match &later {
        Later::Live(live) => {
            let from = Past::new(*history, base)?;
            let blast = if with_access { access::since(opened, history, base, live)? } else { None };
            (compare(history, &from, live, &read, &keep)?, blast)
        }
        Later::Past(later) => {
            let blast = if with_access { access::between(opened, history, base, later)? } else { None };
            (compare_moments(history, base, later, &read, &keep)?, blast)
        }
    };
    let keys: Vec<ResourceKey> = comparison.changes.iter().map(|change| change.key.clone()).collect();
    let mut names = history.names_of(base, &keys)?;
    names.merge(match &later {
        Later::Live(live) => history.names_among(&live.bodies),
        Later::Past(moment) => history.names_of(moment, &keys)?,
    });
    for change in &mut comparison.changes {
        change.name = names.of(&change.key).map(str::to_owned);
    }
    Ok((comparison, blast))
}

/// These kinds of the tenant as it is now.
async fn present(opened: &Opened, history: &History<'_>, kinds: &[Kind]) -> Result<Present, Failure> {
    let tenant = opened.config.tenant(history.tenant)?;
    let connection = connect(&opened.config, tenant, Purpose::Read)?;
    let fingerprints = opened.repository.fingerprints(history.tenant)?;
    let mark = |address: &str, pointer: &str, value: &[u8]| fingerprints.mark(address, pointer, value);
    let at = environment()?.clock.now();
    let (bodies, ledger) = LiveTenant::new(&connection, &mark).kinds(&kinds.iter().cloned().collect()).await;
    Ok(Present { bodies, ledger, at })
}

/// The resources that the address means on either side; `None` for all of its kinds.
fn scope(
    history: &History<'_>,
    base: &Moment,
    later: Option<&Moment>,
    address: &Address,
) -> Result<Option<BTreeSet<ResourceKey>>, Failure> {
    if address.reference.is_none() {
        return Ok(None);
    }
    let mut keys = BTreeSet::new();
    let mut missing = None;
    for moment in [Some(base), later].into_iter().flatten() {
        let names = history.names_for(address, moment)?;
        match history.select(address, moment, &names) {
            Ok(found) => keys.extend(found.keys),
            Err(error) => missing = Some(error),
        }
    }
    match missing {
        Some(error) if keys.is_empty() => Err(error.into()),
        _ => Ok(Some(keys)),
    }
}
