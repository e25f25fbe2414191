//! `apply`: exactly what a plan says, between two snapshots.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use crate::base::secret::Secret;
use crate::cli::args::{ApplyArgs, Global, SnapshotArgs};
use crate::cli::config::Config;
use crate::cli::open::{Opened, Purpose, connect, environment, open};
use crate::cli::output::plain;
use crate::cli::{Exit, Failure, plan, reference, snapshot};
use crate::crypto::aead::SealKey;
use crate::json::Value;
use crate::restore::Stored;
use crate::restore::observe::LiveTenant;
use crate::restore::{Allow, Apply, FileJournal, Line, Outcome, Plan, Summary};
use crate::store::{Flags, Repository, StoreError};

/// Does what the plan says.
///
/// # Errors
/// The plan does not hold any more, a guard refuses, or the tenant has moved: nothing was done.
pub async fn run(global: &Global, args: ApplyArgs) -> Result<Exit, Failure> {
    let text = std::fs::read(&args.file)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.file.display())))?;
    let plan = Plan::from_text(&text)?;
    let opened = open(global)?;
    let tenant = opened.config.tenant(&plan.tenant)?;
    let live = connect(&opened.config, tenant, Purpose::Restore).map_err(|mut failure| {
        failure.exit = Exit::Usage;
        failure
    })?;
    let given = inputs(&opened.config, &args, &plan)?;
    // The state before is what `plan --undo` will come from, so it is kept before anything is written.
    around(global, &opened, &plan.tenant, Flags::APPLY).await?;
    let fingerprints = opened.repository.fingerprints(&plan.tenant)?;
    let mark = |address: &str, pointer: &str, value: &[u8]| fingerprints.mark(address, pointer, value);
    let base = base(&opened, &plan)?;
    let connected = LiveTenant::new(&live, &mark);
    let environment = environment()?;
    let key = journal_key(&opened.repository, &plan.tenant)?;
    let path = args.file.with_extension("journal");
    let mut journal = FileJournal::open(&path, plan.id, key, environment.entropy)
        .map_err(|error| Failure::from(crate::restore::RestoreError::from(error)))?;
    let apply = Apply {
        catalog: live.catalog(),
        plan: &plan,
        tenant: &connected,
        journal: &mut journal,
        vault: &base,
        inputs: &given,
        allow: Allow {
            deletes: args.allow_delete,
            privileged: args.allow_privileged,
            lockout: args.allow_lockout,
            without_secrets: args.without_secrets,
        },
        own: &plan::own(tenant, &live),
        clock: environment.clock.as_ref(),
        resume: args.resume,
    };
    let summary = apply.run(&mut |line| print(global, &plan, line)).await?;
    finish(global, &plan, &summary);
    around(global, &opened, &plan.tenant, Flags::default()).await?;
    Ok(if summary.is_good() { Exit::Done } else { Exit::Incomplete })
}

/// The snapshot that the plan goes back to: the only one whose secrets it may name.
fn base<'a>(opened: &'a Opened, plan: &Plan) -> Result<Stored<'a>, Failure> {
    let snapshots = opened.repository.snapshots(&plan.tenant)?;
    let base = snapshots.into_iter().find(|known| known.id.to_string() == plan.base);
    let base = base.ok_or_else(|| {
        Failure::new(
            Exit::Error,
            format!("the repository has no snapshot {}, which the plan goes back to", plan.base),
        )
    })?;
    Ok(Stored::new(&opened.repository, base)?)
}

/// What seals the journal: a key that only who opens the repository has.
fn journal_key(repository: &Repository, tenant: &str) -> Result<SealKey, Failure> {
    let ring = repository.keys();
    let prefix = ring.prefix(tenant).map_err(StoreError::from)?;
    let domains = ring.domains(prefix).map_err(StoreError::from)?;
    let domain = domains.first().ok_or_else(|| StoreError::UnknownTenant { tenant: tenant.into() })?;
    Ok(SealKey::new(domain.ids.local("journal of an apply")))
}

/// A snapshot before or after. The one before is marked: it holds the damage, and no restore may take
/// it for a good state by itself.
async fn around(global: &Global, opened: &Opened, tenant: &str, flags: Flags) -> Result<(), Failure> {
    let args = SnapshotArgs { tenants: vec![tenant.to_owned()], full: false, accept_rights: false };
    let taken = snapshot::collect(global, opened, tenant, &args, flags).await?;
    let snapshot = &taken.snapshot;
    global.output.note(format!("snapshot {} kept ({} changes)", snapshot.id.short(), snapshot.changed));
    Ok(())
}

fn print(global: &Global, plan: &Plan, line: &Line) {
    if global.output.json {
        global.output.document(&line.to_json(plan));
        return;
    }
    let step = plan.steps.get(line.step);
    let what = step.map(|step| format!("{} {}", step.op.as_str(), step.key)).unwrap_or_default();
    let detail = if line.detail.is_empty() { String::new() } else { format!(": {}", plain(&line.detail)) };
    global.output.line(format!("{:>3}. {}  {}{detail}", line.step + 1, line.outcome.as_str(), plain(&what)));
}

fn finish(global: &Global, plan: &Plan, summary: &Summary) {
    if global.output.json {
        global.output.document(&summary.to_json(plan));
        return;
    }
    let done = summary.count(Outcome::Done) + summary.count(Outcome::Already);
    global.output.line(format!("{done} of {} steps are as planned", plan.steps.len()));
}

/// The secrets that the plan asks for: from the file, else asked for at a terminal.
fn inputs(
    config: &Config,
    args: &ApplyArgs,
    plan: &Plan,
) -> Result<BTreeMap<String, Secret<Value>>, Failure> {
    let mut given = BTreeMap::new();
    if let Some(file) = &args.secrets {
        let base = file.parent().unwrap_or(Path::new(".")).to_owned();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        let table: BTreeMap<String, String> = toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("{}: {}", file.display(), error.message())))?;
        for (name, from) in table {
            let value = reference::resolve(&from, &base)?;
            given.insert(name, Secret::new(Value::from(value.expose().as_str())));
        }
    }
    let missing: Vec<_> = plan.secrets.iter().filter(|wanted| !given.contains_key(&wanted.input)).collect();
    if !missing.is_empty() && std::io::stdin().is_terminal() && config.path.is_some() {
        for wanted in missing {
            let prompt = format!("{} ({}): ", plain(&wanted.input), plain(&wanted.how));
            if let Some(value) = reference::ask(&prompt)? {
                given.insert(wanted.input.clone(), Secret::new(Value::from(value.expose().as_str())));
            }
        }
    }
    Ok(given)
}
