//! `apply`: exactly what a plan says, between two snapshots, written down in the repository.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::cli::args::{ApplyArgs, ApplyOptions, Global, SnapshotArgs};
use crate::cli::config::{AuthConfig, Config, TenantConfig};
use crate::cli::interrupt::Gently;
use crate::cli::open::{Opened, Purpose, connect, environment, open};
use crate::cli::output::plain;
use crate::cli::progress::Counter;
use crate::cli::snapshot::{self, Occasion};
use crate::cli::{Exit, Failure, plan, reference};
use crate::json::Value;
use crate::provider::Live;
use crate::restore;
use crate::restore::observe::LiveTenant;
use crate::restore::stored_journal::applied_plan;
use crate::restore::{
    Allow, Apply, Journal, Kept, Line, Outcome, Plan, RestoreError, Start, Stored, StoredJournal, Summary,
    admit,
};
use crate::store::{Repository, Snapshot};

/// While the snapshot before is taken, the right to apply is renewed this often.
const KEPT_EVERY: Duration = Duration::from_secs(10);

/// Does what the plan says.
///
/// # Errors
/// The plan does not hold any more, a guard refuses, or the tenant has moved: nothing was done.
pub async fn run(global: &Global, args: ApplyArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let plan = find(&opened.repository, &args)?;
    carry_out(global, &opened, &plan, &args.options, args.resume).await
}

/// The plan in a file, or, to go on with it, the one that an apply of this id holds.
fn find(repository: &Repository, args: &ApplyArgs) -> Result<Plan, Failure> {
    let fault = |error| Failure::usage(format!("{}: {error}", args.plan.display()));
    match std::fs::read(&args.plan) {
        Ok(text) => Ok(Plan::from_text(&text)?),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound || !args.resume => Err(fault(error)),
        Err(_) => applied(repository, &args.plan.to_string_lossy()),
    }
}

/// The plan of an apply, by the plan's id or its first digits.
///
/// # Errors
/// No apply has it, or several have.
pub fn applied(repository: &Repository, prefix: &str) -> Result<Plan, Failure> {
    let found = applied_plan(repository, &repository.tenants()?, prefix)?;
    Ok(found.ok_or_else(|| RestoreError::NoApply { prefix: prefix.to_owned() })?)
}

/// Carries a plan out, or goes on with it.
///
/// # Errors
/// As [`run`].
pub async fn carry_out(
    global: &Global,
    opened: &Opened,
    plan: &Plan,
    options: &ApplyOptions,
    resume: bool,
) -> Result<Exit, Failure> {
    let (tenant, live) = connected(opened, &plan.tenant, options)?;
    let given = inputs(&opened.config, options, plan)?;
    let fingerprints = opened.repository.fingerprints(&plan.tenant)?;
    let mark = |address: &str, pointer: &str, value: &[u8]| fingerprints.mark(address, pointer, value);
    let vault = vault(opened, plan)?;
    let marked = LiveTenant::new(&live, &mark);
    let environment = environment()?;
    let mut journal =
        StoredJournal::open(&opened.repository, &plan.tenant, plan.id).map_err(RestoreError::from)?;
    let begun = !journal.entries().map_err(RestoreError::from)?.is_empty();
    if begun && !resume {
        return Err(RestoreError::Begun { id: plan.id }.into());
    }
    let allow = allowed(options);
    let own = plan::own(global, &opened.config, &tenant, &live).await?;
    admit(live.catalog(), plan, &own, allow, (!begun).then(|| environment.clock.now()))?;
    // The state before is what `plan --undo` comes from, so it is kept before anything is written.
    let before = if begun {
        None
    } else {
        let taking = around(global, opened, plan, Occasion::Before(plan.id));
        Some(Stored::new(&opened.repository, keeping(&mut journal, taking).await?)?)
    };
    let before_id = before.as_ref().map(|before| before.snapshot().id.to_string()).unwrap_or_default();
    let start = match &before {
        Some(state) => Start::Begin { before: &before_id, state },
        None => Start::Resume,
    };
    let gently = Gently::begin("stopping after the call under way; Ctrl-C once more ends at once");
    let apply = Apply {
        catalog: live.catalog(),
        plan,
        tenant: &marked,
        journal: &mut journal,
        vault: &vault,
        inputs: &given,
        allow,
        own: &own,
        clock: environment.clock.as_ref(),
        start,
        stopped: &Gently::wanted,
    };
    let shown = Counter::new(global.output, "steps");
    let all = plan.steps.len() as u64;
    let mut report = |line: &Line| {
        shown.above(|| print(global, plan, line));
        shown.show(line.step as u64 + 1, all);
    };
    let summary = apply.run(&mut report).await.inspect_err(|error| told_how_to_go_on(global, plan, error))?;
    drop((shown, journal, gently));
    ended(global, opened, plan, &summary).await
}

/// The end of a run: what came of it, and the snapshot after it.
async fn ended(global: &Global, opened: &Opened, plan: &Plan, summary: &Summary) -> Result<Exit, Failure> {
    finish(global, plan, summary);
    if Gently::wanted() {
        told_what_next(global, plan);
        return Ok(Exit::Interrupted);
    }
    let after = Occasion::After { plan: plan.id, good: summary.is_good() };
    if let Err(failure) = around(global, opened, plan, after).await {
        let why = failure.chain.join(": ");
        global.output.incomplete(format!("the snapshot after the apply was not taken: {why}"));
    }
    if summary.is_good() {
        return Ok(Exit::Done);
    }
    told_what_next(global, plan);
    Ok(Exit::Incomplete)
}

/// The tenant with the credential that may write, and a connection with it. Without one nothing is
/// begun.
///
/// # Errors
/// No credential for writing is configured or given, or it leads nowhere.
pub(crate) fn connected(
    opened: &Opened,
    name: &str,
    options: &ApplyOptions,
) -> Result<(TenantConfig, Live), Failure> {
    let mut tenant = opened.config.tenant(name)?.clone();
    if let Some(file) = &options.restore_auth {
        tenant.restore_auth = Some(AuthConfig::read(file)?);
    }
    let live = connect(&opened.config, &tenant, Purpose::Restore).map_err(|mut failure| {
        failure.exit = Exit::Usage;
        failure
    })?;
    Ok((tenant, live))
}

/// What a person allows.
pub(crate) fn allowed(options: &ApplyOptions) -> Allow {
    Allow {
        deletes: options.allow_delete,
        privileged: options.allow_privileged,
        lockout: options.allow_lockout,
        without_secrets: options.without_secrets,
        rotate: options.rotate,
    }
}

/// What can be done with an apply that is not whole.
fn told_what_next(global: &Global, plan: &Plan) {
    let id = plan.id.short();
    global.output.note(format!(
        "`lastgood apply {id} --resume` goes on with it; `lastgood plan --undo {id}` plans the way back"
    ));
}

/// An error after the first call leaves something to go on with.
fn told_how_to_go_on(global: &Global, plan: &Plan, error: &RestoreError) {
    if matches!(error, RestoreError::Journal(_)) {
        told_what_next(global, plan);
    }
}

/// Waits for something that takes long, and keeps the right to apply meanwhile.
async fn keeping<T>(
    journal: &mut StoredJournal,
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut doing = std::pin::pin!(doing);
    loop {
        match tokio::time::timeout(KEPT_EVERY, &mut doing).await {
            Ok(done) => return done,
            Err(_) => journal.keep().map_err(RestoreError::from)?,
        }
    }
}

/// Where the secrets come from that the plan names.
fn vault<'a>(opened: &'a Opened, plan: &Plan) -> Result<Kept<'a>, Failure> {
    let kept = Kept::of(&opened.repository, plan)?;
    if kept.snapshot(&plan.base).is_none() {
        let words = format!("the repository has no snapshot {}, which the plan goes back to", plan.base);
        return Err(Failure::new(Exit::Error, words));
    }
    Ok(kept)
}

async fn around(
    global: &Global,
    opened: &Opened,
    plan: &Plan,
    occasion: Occasion,
) -> Result<Snapshot, Failure> {
    let args =
        SnapshotArgs { tenants: vec![plan.tenant.clone()], full: false, accept_rights: false, follow: false };
    let taken = snapshot::collect(global, opened, &plan.tenant, &args, occasion).await?.snapshot;
    global.output.note(format!("snapshot {} kept ({} changes)", taken.id.short(), taken.changed));
    Ok(taken)
}

fn print(global: &Global, plan: &Plan, line: &Line) {
    if global.output.json {
        global.output.document(&line.to_json(plan));
        return;
    }
    let step = plan.steps.get(line.step);
    let what =
        step.map(|step| format!("{} {}/{}", step.op.as_str(), step.key.kind, step.name)).unwrap_or_default();
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
    options: &ApplyOptions,
    plan: &Plan,
) -> Result<BTreeMap<String, Secret<Value>>, Failure> {
    let mut given = BTreeMap::new();
    if let Some(file) = &options.secrets {
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
    let renewed = if options.rotate { restore::secrets::stored(plan) } else { BTreeMap::new() };
    let wanted = plan.secrets.iter().chain(renewed.values());
    let missing: Vec<_> = wanted.filter(|wanted| !given.contains_key(&wanted.input)).collect();
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
