//! The commands and their arguments, as INTERFACE names them, and the way to each.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::cli::output::{Color, Output, ProgressForm};
use crate::cli::{Exit, Failure};
use crate::cli::{
    apply, asking, baseline, care, checked, compact, demo, diff, find, import, init, keys, kinds, log, ls,
    plan, prune, restore, serve, show, simulate, snapshot, snapshots, tag, tenant,
};
use crate::store::Period;

/// Backup, history and restore of identity tenants.
#[derive(Parser, Debug)]
#[command(name = "lastgood", version, propagate_version = true)]
pub struct Cli {
    /// Configuration file [default: ./lastgood.toml, else the one in the XDG folder].
    #[arg(long, global = true, env = "LASTGOOD_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Repository, in place of the one in the configuration.
    #[arg(long, global = true, env = "LASTGOOD_REPO", hide_env_values = true, value_name = "PATH|URL")]
    pub repo: Option<String>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but results and warnings.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// When to colour.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// How to show progress.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub progress: ProgressForm,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command needs.
#[derive(Clone)]
pub struct Global {
    /// Where the configuration is, if given.
    pub config: Option<PathBuf>,
    /// Where the repository is, if given.
    pub repo: Option<String>,
    /// Where to write.
    pub output: Output,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a new repository.
    Init,
    /// Who opens the repository.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Add, list, test and remove tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Collect now.
    Snapshot(SnapshotArgs),
    /// List snapshots with time, coverage, changes and bytes.
    Snapshots {
        /// Only this tenant's.
        tenant: Option<String>,
    },
    /// Give a snapshot a name, or put it under a legal hold: retention keeps it.
    Tag(TagArgs),
    /// Pin the snapshot that drift is told against.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// List what was there.
    Ls {
        /// TENANT, TENANT/KIND or TENANT/KIND/REF [default: all tenants].
        address: Option<String>,
        /// When.
        #[command(flatten)]
        at: AtArg,
    },
    /// Show one resource as it was.
    Show {
        /// TENANT/KIND/REF.
        address: String,
        /// When.
        #[command(flatten)]
        at: AtArg,
        /// Volatile fields too.
        #[arg(long)]
        raw: bool,
        /// Secrets in clear.
        #[arg(long)]
        reveal_secrets: bool,
    },
    /// Show changes with who made them, newest first.
    Log(LogArgs),
    /// Compare two times, or a time with the tenant as it is now.
    Diff(DiffArgs),
    /// Ask a jq expression of every body.
    Find {
        /// The expression; `$address` and `$kind` are set.
        expression: String,
        /// When.
        #[command(flatten)]
        at: AtArg,
        /// Only this kind.
        #[arg(long)]
        kind: Option<String>,
        /// Only this tenant.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Make a plan of a restore; nothing is written to the tenant.
    Plan(PlanArgs),
    /// Do exactly what a plan says.
    Apply(ApplyArgs),
    /// Plan, show the plan, ask, and do it.
    Restore(RestoreArgs),
    /// Take exported files into the history: what no API gives.
    Import(ImportArgs),
    /// Check the repository.
    Check {
        /// Read and hash every body.
        #[arg(long)]
        read_data: bool,
    },
    /// Let go of snapshots that no rule keeps: they are marked, and deleted three days later.
    Prune(PruneArgs),
    /// Fold the records of days that are over into one object a day; no answer changes.
    Compact(CompactArgs),
    /// Make the local index anew from the repository.
    RebuildIndex,
    /// Show what the repository holds and what it costs.
    Stats,
    /// Read every tenant by its schedule, until it is stopped; answers `/metrics` and `/healthz`.
    Serve(serve::ServeArgs),
    /// Serve a made-up tenant on this machine: prints one JSON line with its URL and a tenant table.
    Simulate(simulate::SimulateArgs),
    /// A company, weeks of its history, a bad night, and the way back: all on this machine.
    Demo(demo::DemoArgs),
    /// Show the catalogue: every kind and every excluded endpoint.
    Kinds {
        /// The provider [default: list the providers].
        provider: Option<String>,
    },
    /// Check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say what rules strike of changes, for `serve`.
    #[command(name = asking::NAME, hide = true)]
    AskRules,
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder.
    Man {
        /// The folder.
        dir: PathBuf,
    },
}

/// `--at`.
#[derive(Args, Debug)]
pub struct AtArg {
    /// A time, a snapshot, `latest`.
    #[arg(long, default_value = "latest", value_name = "TIME")]
    pub at: String,
}

/// `keys …`.
#[derive(Subcommand, Debug)]
pub enum KeysCommand {
    /// Make a key that opens the repository at once, without a passphrase, and write it into a file of this machine.
    Add {
        /// The file; it must not be there yet.
        file: PathBuf,
        /// What the list calls it [default: the file's name].
        #[arg(long)]
        label: Option<String>,
    },
    /// List who opens the repository.
    List,
}

/// `tenant …`.
#[derive(Subcommand, Debug)]
pub enum TenantCommand {
    /// Add a tenant to the configuration.
    Add {
        /// Its name in addresses.
        name: String,
        /// Which provider.
        #[arg(long)]
        provider: String,
        /// Where it is.
        #[arg(long)]
        url: String,
        /// A setting: `realm=demo`, `auth.kind=client_secret`, `auth.client_secret=env:NAME`.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// List the tenants.
    List,
    /// Try the credential: what can be read and restored, what is missing, what a sweep costs.
    Test {
        /// The tenant.
        name: String,
    },
    /// Remove a tenant from the configuration; its history stays.
    Remove {
        /// The tenant.
        name: String,
    },
}

/// `tag`.
#[derive(Args, Debug)]
pub struct TagArgs {
    /// A snapshot, `latest`, or a time: the snapshot that answers for it.
    pub snapshot: String,
    /// The tag.
    #[arg(required_unless_present_any = ["hold", "end_hold"])]
    pub name: Option<String>,
    /// Take the tag away.
    #[arg(long, requires = "name")]
    pub remove: bool,
    /// Keep it for a legal reason, which is recorded, until the hold is ended.
    #[arg(long, value_name = "WHY", conflicts_with_all = ["name", "end_hold"])]
    pub hold: Option<String>,
    /// End the hold.
    #[arg(long, conflicts_with = "name")]
    pub end_hold: bool,
    /// Whose snapshot, where several tenants have one of that time.
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `compact`.
#[derive(Args, Debug)]
pub struct CompactArgs {
    /// Which tenants [default: all].
    pub tenants: Vec<String>,
    /// Only say what would be folded.
    #[arg(long)]
    pub dry_run: bool,
}

/// `prune`.
#[derive(Args, Debug)]
pub struct PruneArgs {
    /// Which tenants [default: all].
    pub tenants: Vec<String>,
    /// Only say what would go.
    #[arg(long)]
    pub dry_run: bool,
    /// Keep so many of the newest, however near to each other.
    #[arg(long, value_name = "N")]
    pub keep_last: Option<u64>,
    /// How long the last snapshot of each hour is kept: `30d` [default: `hourly` under `retention`].
    #[arg(long, value_name = "PERIOD")]
    pub keep_hourly: Option<Period>,
    /// How long the last snapshot of each day: `1y` [default: `daily` under `retention`].
    #[arg(long, value_name = "PERIOD")]
    pub keep_daily: Option<Period>,
    /// How long the last snapshot of each month: `7y` [default: `monthly` under `retention`].
    #[arg(long, value_name = "PERIOD")]
    pub keep_monthly: Option<Period>,
    /// How long the last snapshot of each year: `forever` [default: `yearly` under `retention`].
    #[arg(long, value_name = "PERIOD")]
    pub keep_yearly: Option<Period>,
}

/// `baseline …`.
#[derive(Subcommand, Debug)]
pub enum BaselineCommand {
    /// Pin a snapshot.
    Set {
        /// The tenant.
        tenant: String,
        /// When.
        #[command(flatten)]
        at: AtArg,
    },
    /// Show which one is pinned.
    Show {
        /// The tenant.
        tenant: String,
    },
}

/// `config …`.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Read the configuration and follow its references.
    Check,
}

/// `snapshot`.
#[derive(Args, Debug)]
pub struct SnapshotArgs {
    /// Which tenants [default: all].
    pub tenants: Vec<String>,
    /// Read everything, whatever the change feed says.
    #[arg(long)]
    pub full: bool,
    /// Take the credential's rights of today as right, although it had more before.
    #[arg(long)]
    pub accept_rights: bool,
    /// Go on until Ctrl-C: what the vendor's log names is read at once.
    #[arg(long)]
    pub follow: bool,
}

/// `log`.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// TENANT, TENANT/KIND or TENANT/KIND/REF [default: all tenants].
    pub address: Option<String>,
    /// Not before.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not after.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// By this actor: id, name, client or address.
    #[arg(long)]
    pub actor: Option<String>,
    /// Show the fields.
    #[arg(long, short)]
    pub patch: bool,
}

/// `diff`.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// A time or a snapshot.
    pub from: String,
    /// A time, a snapshot, or `live`; an address is taken as ADDRESS.
    pub to: Option<String>,
    /// TENANT, TENANT/KIND or TENANT/KIND/REF [default: all tenants].
    pub address: Option<String>,
    /// Also say who gains and who loses access to which application, over the whole tenant.
    #[arg(long)]
    pub access: bool,
    /// End with 4 where differences were found.
    #[arg(long)]
    pub exit_code: bool,
}

/// `plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// TENANT/KIND/REF, or globs; with `--undo`, `--changes` or `--actor` only these of what was touched.
    #[arg(required_unless_present_any = ["undo", "changes", "actors"])]
    pub addresses: Vec<String>,
    /// The time to go back to.
    #[arg(long, value_name = "TIME", required_unless_present_any = ["undo", "changes", "actors"])]
    pub at: Option<String>,
    /// The way back from an apply: the id of its plan, or the first digits, or the plan's file.
    #[arg(long, value_name = "APPLY", conflicts_with_all = ["at", "fields", "mode"])]
    pub undo: Option<String>,
    /// Undo these changes, by their ids as `log` shows them, and keep everything else since.
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with_all = ["at", "undo", "fields", "mode", "to"])]
    pub changes: Vec<String>,
    /// Undo all that somebody did, by id, name, client, address or token, and keep everything else since.
    #[arg(long = "actor", value_name = "ACTOR", conflicts_with_all = ["at", "undo", "fields", "mode", "to"])]
    pub actors: Vec<String>,
    /// Of what the actor did, nothing before this.
    #[arg(long, value_name = "TIME", requires = "actors")]
    pub since: Option<String>,
    /// Of what the actor did, nothing after this.
    #[arg(long, value_name = "TIME", requires = "actors")]
    pub until: Option<String>,
    /// Where somebody has built on a change that is undone: leave what is there now. A tenant, a kind, a
    /// resource, or a field of it.
    #[arg(long, value_name = "ADDRESS[#POINTER]")]
    pub keep: Vec<String>,
    /// The same: put back what was there before.
    #[arg(long, value_name = "ADDRESS[#POINTER]")]
    pub take: Vec<String>,
    /// Only this field, as a JSON pointer.
    #[arg(long = "field", value_name = "POINTER")]
    pub fields: Vec<String>,
    /// `merge` adds and updates, `rollback` also removes what came later.
    #[arg(long, value_enum, default_value = "merge")]
    pub mode: plan::Mode,
    /// Into another tenant of the same provider, where everything is found by its name.
    #[arg(long, value_name = "TENANT", conflicts_with = "undo")]
    pub to: Option<String>,
    /// Where the plan is written.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// End with 4 where the plan has steps.
    #[arg(long)]
    pub exit_code: bool,
}

/// `apply`.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The plan's file; with `--resume` also the id of a plan that was begun, or its first digits.
    pub plan: PathBuf,
    /// Go on with an apply that was cut off.
    #[arg(long)]
    pub resume: bool,
    /// What is given and allowed.
    #[command(flatten)]
    pub options: ApplyOptions,
}

/// What a person gives and allows.
#[derive(Args, Debug)]
pub struct ApplyOptions {
    /// NAME = reference, for each secret that the plan asks for.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// How many deletes the plan may hold.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub allow_delete: u64,
    /// Allow steps that hand out power.
    #[arg(long)]
    pub allow_privileged: bool,
    /// Allow a plan after which nobody may be able to sign in as administrator.
    #[arg(long)]
    pub allow_lockout: bool,
    /// Create what lacks its secret, disabled.
    #[arg(long)]
    pub without_secrets: bool,
    /// Ask for new values in place of stored secrets.
    #[arg(long)]
    pub rotate: bool,
    /// The credential to write with, a TOML table as `restore_auth` is, in place of the configured one.
    #[arg(long, value_name = "FILE")]
    pub restore_auth: Option<PathBuf>,
}

/// `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// A file that the vendor's console exported, or a folder of them.
    pub path: PathBuf,
    /// Whose they are.
    #[arg(long)]
    pub tenant: String,
    /// Of which time they are [default: what each file says of itself].
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Take for deleted what the files' folders lack, however much it is.
    #[arg(long)]
    pub accept_missing: bool,
}

/// `restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// What, and back to when.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// What is given and allowed.
    #[command(flatten)]
    pub options: ApplyOptions,
    /// Only show the plan.
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Runs the command.
///
/// # Errors
/// Whatever the command says.
pub async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let output = Output::new(cli.json, cli.quiet, cli.color, cli.progress);
    let global = Global { config: cli.config, repo: cli.repo, output };
    match cli.command {
        Command::Init => init::run(&global),
        Command::Keys(command) => keys::run(&global, &command),
        Command::Tenant(command) => tenant::run(&global, command).await,
        Command::Snapshot(args) => snapshot::run(&global, args).await,
        Command::Snapshots { tenant } => snapshots::run(&global, tenant.as_deref()),
        Command::Tag(args) => tag::run(&global, &args),
        Command::Baseline(command) => baseline::run(&global, &command),
        Command::Ls { address, at } => ls::run(&global, address.as_deref(), &at.at),
        Command::Show { address, at, raw, reveal_secrets } => {
            let reveal = crate::history::Reveal { volatile: raw, secrets: reveal_secrets };
            show::run(&global, &address, &at.at, reveal)
        }
        Command::Log(args) => log::run(&global, &args),
        Command::Diff(args) => diff::run(&global, &args).await,
        Command::Find { expression, at, kind, tenant } => {
            find::run(&global, &expression, &at.at, kind.as_deref(), tenant.as_deref())
        }
        Command::Plan(args) => plan::run(&global, args).await,
        Command::Apply(args) => apply::run(&global, args).await,
        Command::Restore(args) => restore::run(&global, args).await,
        Command::Import(args) => import::run(&global, &args),
        Command::Check { read_data } => care::check(&global, read_data),
        Command::Prune(args) => prune::run(&global, &args),
        Command::Compact(args) => compact::run(&global, &args),
        Command::RebuildIndex => care::rebuild_index(&global),
        Command::Stats => care::stats(&global),
        Command::Serve(args) => serve::run(&global, args).await,
        Command::Simulate(args) => simulate::run(&global, args).await,
        Command::Demo(args) => demo::run(&global, args).await,
        Command::Kinds { provider } => kinds::run(&global, provider.as_deref()),
        Command::Config(ConfigCommand::Check) => checked::run(&global),
        Command::AskRules => asking::run(),
        Command::Completions { shell } => {
            completions(&global, shell);
            Ok(Exit::Done)
        }
        Command::Man { dir } => man(&dir),
    }
}

/// Through a buffer: the generator panics where it cannot write.
fn completions(global: &Global, shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lastgood", &mut script);
    global.output.line(String::from_utf8_lossy(&script).trim_end());
}

fn man(dir: &std::path::Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|error| Failure::new(Exit::Error, format!("{}: {error}", dir.display())))?;
    Ok(Exit::Done)
}
