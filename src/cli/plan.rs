//! `plan`: the dry run. It reads, decides, shows, and writes nothing to the tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use jiff::SignedDuration;

use crate::base::key::{Kind, ResourceKey};
use crate::base::when::When;
use crate::catalog::{NamesTenant, Provider};
use crate::cli::args::{Global, PlanArgs};
use crate::cli::config::{AuthConfig, Config, TenantConfig};
use crate::cli::open::{Opened, Purpose, connect, note_pruned, open, when};
use crate::cli::{Exit, Failure, changes, undo};
use crate::collect;
use crate::history::{Address, Choice, History, HistoryError, Moment};
use crate::json::{Pointer, Value};
use crate::provider::Live;
use crate::restore::Stored;
use crate::restore::observe::LiveTenant;
use crate::restore::{self, Composed, Elsewhere, Inputs, Own, Past, Plan, Scope, Seen, Wish};
use crate::store::Snapshot;

/// How long a plan holds: long enough to read it, short enough that the tenant has hardly moved.
const VALID: SignedDuration = SignedDuration::from_hours(24);

/// `--mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Add and update.
    Merge,
    /// Also remove what came later.
    Rollback,
}

impl From<Mode> for restore::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Merge => Self::Merge,
            Mode::Rollback => Self::Rollback,
        }
    }
}

/// Makes the plan, shows it, and writes it where it is wanted.
///
/// # Errors
/// The addresses mean nothing at that time, or the tenant cannot be read.
pub async fn run(global: &Global, args: PlanArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let plan = make(global, &opened, &args).await?;
    show(global, &plan, &args)?;
    Ok(ended(&plan, &args))
}

/// Shows a plan, and writes it where it is wanted.
///
/// # Errors
/// The file cannot be written.
pub fn show(global: &Global, plan: &Plan, args: &PlanArgs) -> Result<(), Failure> {
    if global.output.json {
        global.output.document(&plan.to_json());
    } else {
        global.output.line(restore::preview(plan).trim_end());
    }
    if let Some(file) = &args.out {
        write(file, plan)?;
        global.output.note(format!("plan written to {}; `lastgood apply` does exactly this", file.display()));
    }
    Ok(())
}

/// How a plan that was only made ends.
#[must_use]
pub fn ended(plan: &Plan, args: &PlanArgs) -> Exit {
    if args.exit_code && !plan.steps.is_empty() { Exit::Differences } else { Exit::Done }
}

/// Makes a plan; nothing is written.
///
/// # Errors
/// The addresses mean nothing at that time, or the tenant cannot be read.
pub async fn make(global: &Global, opened: &Opened, args: &PlanArgs) -> Result<Plan, Failure> {
    let addresses: Vec<Address> =
        args.addresses.iter().map(|text| Address::parse(text)).collect::<Result<_, _>>()?;
    let back = Back::new(opened, args)?;
    let name = &tenant(opened, &back, &addresses)?;
    opened.tenants(Some(name))?;
    let history = opened.history(name)?;
    let moment = back.moment(&history, args)?;
    note_pruned(global.output, name, &moment);
    let into = args.to.as_deref().filter(|to| to != name);
    let into = into.map(|to| Another::new(opened, &history, args, (to, &moment))).transpose()?;
    let tenant = opened.config.tenant(into.as_ref().map_or(name, |into| into.to))?;
    let live = connect(&opened.config, tenant, Purpose::Read)?;
    let identity = live.identity().await?;
    collect::same_tenant(into.as_ref().map_or(&moment.snapshot, |into| &into.known), &identity)?;
    let names_here = NamesTenant::names(live.settings().clone(), &identity, &tenant.url);
    let fingerprints = opened.repository.fingerprints(&tenant.name)?;
    let mark = |address: &str, pointer: &str, value: &[u8]| fingerprints.mark(address, pointer, value);
    let stored = Stored::new(&opened.repository, moment.snapshot.clone())?.marking(&mark);
    let connected = LiveTenant::new(&live, &mark);
    let Asked { scope, mode, goals } =
        asked(opened, args, &back, &addresses, &history, &moment, &connected).await?;
    let goal = Composed::new(&opened.repository, &stored, goals)?;
    let environment = crate::cli::open::environment()?;
    let now = environment.clock.now();
    let base = moment.snapshot.id.to_string();
    let (nothing, before) = (Seen::new(now), live.outlook());
    let mut inputs = Inputs {
        catalog: into.as_ref().map_or(history.catalog, |into| &into.catalog),
        settings: live.settings(),
        tenant: &tenant.name,
        from: into.as_ref().map(|into| Elsewhere {
            tenant: name,
            names: &into.names,
            names_here: &names_here,
        }),
        base: &base,
        goal: &goal,
        live: &nothing,
        scope: &scope,
        mode,
        own: &own(global, &opened.config, tenant, &live).await?,
        outlook: &before,
        now,
        valid_for: VALID,
    };
    let at = crate::cli::output::time(moment.snapshot.finished);
    global.output.note(match back {
        Back::Changes(_) => {
            format!("what happened since the snapshot of {at} is not looked at; take one first")
        }
        _ => format!("going back to {at}"),
    });
    let seen = restore::survey(&connected, &inputs, nothing.clone()).await?;
    inputs.live = &seen;
    // By now answers have told of the windows.
    let outlook = live.outlook();
    inputs.outlook = &outlook;
    weighed(opened, &tenant.name, &inputs, restore::plan(&inputs)?)
}

/// The plan with what it does to who gets into what.
fn weighed(opened: &Opened, tenant: &str, inputs: &Inputs<'_>, plan: Plan) -> Result<Plan, Failure> {
    if inputs.catalog.access.is_none() {
        return Ok(plan);
    }
    let Some(newest) = opened.repository.snapshots(tenant)?.pop() else { return Ok(plan) };
    let newest = Stored::new(&opened.repository, newest)?;
    let id = newest.snapshot().id.to_string();
    Ok(restore::weigh(plan, inputs.catalog, (&id, &newest), inputs.live)?)
}

/// What is gone back from.
enum Back {
    /// To a time.
    To,
    /// From an apply.
    Apply(Box<Past>),
    /// From some changes.
    Changes(Choice),
}

impl Back {
    fn new(opened: &Opened, args: &PlanArgs) -> Result<Self, Failure> {
        if let Some(apply) = &args.undo {
            return Ok(Self::Apply(Box::new(undo::past(&opened.repository, apply)?)));
        }
        Ok(changes::choice(args)?.map_or(Self::To, Self::Changes))
    }

    /// The snapshot that the goal is, or is made from.
    fn moment(&self, history: &History<'_>, args: &PlanArgs) -> Result<Moment, Failure> {
        let at = match self {
            Self::Apply(past) => When::Snapshot(past.before.clone()),
            // Changes are undone in what is there now, whatever that comes from.
            Self::Changes(_) => return Ok(history.moment(&When::Latest)?),
            Self::To => when(args.at.as_deref().unwrap_or_default())?,
        };
        if at == When::Live {
            return Err(Failure::usage("`live` is what the plan changes; give the time to go back to"));
        }
        Ok(history.moment_to_restore(&at)?)
    }
}

/// The one tenant that a plan is about.
fn tenant(opened: &Opened, back: &Back, addresses: &[Address]) -> Result<String, Failure> {
    let mut names: BTreeSet<String> = addresses.iter().map(|address| address.tenant.clone()).collect();
    match back {
        Back::Apply(past) => drop(names.insert(past.plan.tenant.clone())),
        Back::Changes(choice) if names.is_empty() => {
            names.insert(changes::tenant(&opened.repository, choice)?);
        }
        Back::Changes(_) | Back::To => {}
    }
    let one = names.pop_first().filter(|_| names.is_empty());
    one.ok_or_else(|| Failure::usage("a plan is for one tenant"))
}

/// What is asked of a plan.
struct Asked {
    scope: Scope,
    mode: restore::Mode,
    /// What shall be otherwise than in the snapshot that the plan starts from.
    goals: BTreeMap<ResourceKey, Option<Value>>,
}

async fn asked(
    opened: &Opened,
    args: &PlanArgs,
    back: &Back,
    addresses: &[Address],
    history: &History<'_>,
    moment: &Moment,
    connected: &LiveTenant<'_>,
) -> Result<Asked, Failure> {
    let mut goals = BTreeMap::new();
    let (scope, mode) = match back {
        Back::Changes(choice) => {
            let rewound = changes::rewound(opened, history, choice, addresses, args)?;
            goals = rewound.goals;
            (rewound.scope, restore::Mode::ThreeWay)
        }
        Back::Apply(past) => {
            let mut scope = past.scope(history.catalog, connected).await?;
            undo::choose(&mut scope, history, addresses)?;
            (scope, restore::Mode::Rollback)
        }
        Back::To => {
            let mut scope = Scope::default();
            let lost = add_recorded(&mut scope, history, moment, addresses, &args.fields)?;
            match args.mode {
                Mode::Rollback => add_later(&mut scope, history, connected, addresses, lost).await?,
                Mode::Merge => lost.into_iter().try_for_each(|(_, error)| Err(error))?,
            }
            (scope, args.mode.into())
        }
    };
    Ok(Asked { scope, mode, goals })
}

/// The tenant that `--to` names, and what a plan into it needs.
struct Another<'a> {
    to: &'a str,
    /// The catalogue as it is there.
    catalog: Provider,
    /// What texts name the tenant by that was recorded.
    names: BTreeMap<String, String>,
    /// The newest snapshot of the tenant that is written to.
    known: Snapshot,
}

impl<'a> Another<'a> {
    fn new(
        opened: &Opened,
        history: &History<'_>,
        args: &PlanArgs,
        (to, moment): (&'a str, &Moment),
    ) -> Result<Self, Failure> {
        opened.tenants(Some(to))?;
        let (from, tenant) = (opened.config.tenant(history.tenant)?, opened.config.tenant(to)?);
        let of = &history.catalog.provider;
        if tenant.provider != *of {
            let words = format!("`{to}` is a tenant of {}, and not of {of}", tenant.provider);
            return Err(Failure::usage(words));
        }
        if args.mode == Mode::Rollback {
            return Err(Failure::usage(
                "`--to` only adds and changes: what else is there is the other tenant's own",
            ));
        }
        let known = opened.repository.snapshots(to)?.pop();
        let identity = collect::identity(&moment.snapshot).ok_or_else(|| {
            let words =
                format!("the snapshot does not say which tenant at the vendor `{}` is", history.tenant);
            Failure::usage(format!("{words}; go back to a later one"))
        })?;
        Ok(Self {
            to,
            catalog: history.catalog.elsewhere(),
            names: NamesTenant::names(from.provider_settings(history.catalog)?, identity, &from.url),
            known: known.ok_or_else(|| Failure::usage(format!("`{to}` has no snapshot yet")))?,
        })
    }
}

/// Adds what the addresses mean at that time, or ever meant; gives those that no state knows.
fn add_recorded<'a>(
    scope: &mut Scope,
    history: &History<'_>,
    moment: &Moment,
    addresses: &'a [Address],
    fields: &[String],
) -> Result<Vec<(&'a Address, HistoryError)>, Failure> {
    let pointers: Vec<Pointer> = fields
        .iter()
        .map(|text| {
            Pointer::parse(text).map_err(|error| Failure::usage(format!("`--field {text}`: {error}")))
        })
        .collect::<Result<_, _>>()?;
    let wish = if pointers.is_empty() { Wish::Whole } else { Wish::Fields(pointers) };
    let mut lost = Vec::new();
    for address in addresses {
        let names = history.names_for(address, moment)?;
        let selection = match history.select(address, moment, &names) {
            Ok(selection) => selection.keys,
            // What came later is not there at that time; a rollback may be meant to remove it.
            Err(HistoryError::NotFound { .. }) => match history.ever(address) {
                Ok(keys) => keys,
                Err(error @ HistoryError::NotFound { .. }) => {
                    lost.push((address, error));
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        };
        for key in selection {
            scope.add(key, wish.clone());
        }
    }
    Ok(lost)
}

/// A rollback of a whole kind or tenant is also about what came later: it is in no snapshot, so the
/// tenant is asked. So it is for a single resource that no state knows.
async fn add_later(
    scope: &mut Scope,
    history: &History<'_>,
    live: &LiveTenant<'_>,
    addresses: &[Address],
    lost: Vec<(&Address, HistoryError)>,
) -> Result<(), Failure> {
    for (address, error) in lost {
        let mut kinds: BTreeSet<Kind> = history.kinds(address)?.into_iter().collect();
        // An address has the names of parents in it.
        let above = kinds.iter().filter_map(|kind| history.catalog.kind(kind));
        kinds.extend(above.flat_map(|spec| spec.parent.clone()).collect::<Vec<_>>());
        let (bodies, _) = live.kinds(&kinds).await;
        match history.select_among(address, &bodies) {
            Ok(found) => found.keys.into_iter().for_each(|key| scope.add(key, Wish::Whole)),
            Err(HistoryError::NotFound { .. }) => return Err(error.into()),
            Err(error) => return Err(error.into()),
        }
    }
    for address in addresses {
        match &address.reference {
            None => {
                let kinds: BTreeSet<Kind> = history.kinds(address)?.into_iter().collect();
                let (bodies, _) = live.kinds(&kinds).await;
                for key in bodies.into_keys() {
                    scope.add(key, Wish::Whole);
                }
            }
            Some(reference) if reference.contains(['*', '?', '[']) => {
                return Err(Failure::usage(
                    "`--mode rollback` takes a tenant, a kind or one resource, and no pattern",
                )
                .hint("what came later and fits a pattern would be left out without a word"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What Lastgood signs in with, for reading and for restoring: nothing may change it.
///
/// # Errors
/// The tenant does not say whose a credential is that does not say so itself.
pub async fn own(
    global: &Global,
    config: &Config,
    tenant: &TenantConfig,
    live: &Live,
) -> Result<Own, Failure> {
    let mut own = Own::default();
    let catalog = live.catalog();
    let settings = live.settings();
    // Accounts of another realm or directory are not in this one, whatever they are called.
    let elsewhere =
        catalog.auth.own_where.as_ref().is_some_and(|[one, other]| settings.get(one) != settings.get(other));
    for auth in tenant.auth.iter().chain(&tenant.restore_auth).filter(|_| !elsewhere) {
        own.add(catalog, |field| auth.fields.get(field).cloned());
    }
    let asked =
        |auth: &AuthConfig| catalog.auth.owner.as_ref().is_some_and(|owner| owner.form.as_str() == auth.kind);
    let ways = [(&tenant.auth, Purpose::Read), (&tenant.restore_auth, Purpose::Restore)];
    for (auth, purpose) in ways {
        let Some(auth) = auth.as_ref().filter(|auth| asked(auth)) else { continue };
        let same = |other: &AuthConfig| other.kind == auth.kind && other.fields == auth.fields;
        if purpose == Purpose::Restore && tenant.auth.as_ref().is_some_and(same) {
            continue;
        }
        match connect(config, tenant, purpose) {
            Ok(asking) => {
                if let Some(id) = asking.owner().await? {
                    own.add_owner(catalog, id);
                }
            }
            // A plan can be made where the credential to write with is not at hand; an apply cannot.
            Err(_) => global
                .output
                .note("a credential is not at hand here: whoever owns it is not protected by this plan"),
        }
    }
    Ok(own)
}

fn write(file: &Path, plan: &Plan) -> Result<(), Failure> {
    let fault = |error: std::io::Error| Failure::new(Exit::Error, format!("{}: {error}", file.display()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file).map_err(fault)?;
    out.write_all(plan.to_json().to_pretty().as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(fault)
}
