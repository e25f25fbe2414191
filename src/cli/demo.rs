//! `demo`: a company, weeks of its history, one bad night, and the way back. What is shown is what the
//! ordinary commands say; each is printed as it would be typed.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use clap::Args;

use crate::base::entropy::SystemEntropy;
use crate::base::secret::Secret;
use crate::base::time::{Clock as _, SystemClock};
use crate::catalog;
use crate::cli::args::Global;
use crate::cli::progress::Counter;
use crate::cli::simulate::{folder, new_token, write_secret};
use crate::cli::{Exit, Failure};
use crate::collect::{Options, Run, Silent};
use crate::demo::{Story, THIEF_ADDRESS, Weeks};
use crate::json::{self, Limits, Object, Value};
use crate::provider::{Credential, Live, Target, World as Bounds};
use crate::sim::Listening;
use crate::storage::Local;
use crate::store::{Environment, KdfCost, Repository, Unlock};

/// The tenant's name in the demo's configuration.
const TENANT: &str = "halden";
/// Version of the JSON form.
const FORMAT: &str = "lastgood.demo/1";

/// `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Whose product the company uses.
    #[arg(long, value_name = "P", default_value = "okta")]
    pub provider: String,
    /// How many people it has.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub users: usize,
    /// How many days of hourly snapshots.
    #[arg(long, value_name = "D", default_value_t = 14, value_parser = clap::value_parser!(u16).range(3..=365))]
    pub days: u16,
    /// Where everything is put [default: a new folder for temporary files].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Afterwards the simulated organisation goes on answering, until interrupted.
    #[arg(long)]
    pub stay: bool,
}

/// Tells the story.
///
/// # Errors
/// The folder cannot be used, or a command of the story does not end as it should.
pub async fn run(global: &Global, args: DemoArgs) -> Result<Exit, Failure> {
    if args.provider != "okta" {
        return Err(Failure::usage(format!("there is no demo of `{}` yet; of okta there is", args.provider)));
    }
    let started = Instant::now();
    let dir = folder(args.dir.clone())?;
    let listening = Listening::on(([127, 0, 0, 1], 0).into()).await?;
    let url = format!("http://{}", listening.address);
    let weeks = Weeks::until(SystemClock.now(), i64::from(args.days));
    let mut story = Story::new(&url, args.users, weeks)?;
    let token = new_token()?;
    story.admit_us(&token);
    let answering = tokio::spawn(listening.answer_from(story.world(), story.clock()));
    let words = new_token()?;
    write_files(&dir, &url, &token, &words)?;
    let scene = Scene { global, dir: &dir, weeks, started };
    scene.opening(&args);
    scene.history(&mut story, &url, token, words).await?;
    scene.commands().await?;
    scene.ending(args.stay);
    if args.stay {
        tokio::signal::ctrl_c().await.map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    }
    answering.abort();
    Ok(Exit::Done)
}

/// The configuration, as a user would write it, and the secrets beside it.
fn write_files(dir: &Path, url: &str, token: &str, words: &str) -> Result<(), Failure> {
    write_secret(&dir.join("passphrase"), words)?;
    write_secret(&dir.join("token"), token)?;
    let text = format!(
        "[repository]\nurl = \"repository\"\npassphrase = \"file:passphrase\"\nindex = \"index\"\n\n[[tenant]]\nname = \"{TENANT}\"\nprovider = \"okta\"\nurl = \"{url}\"\nauth = {{ kind = \"token\", token = \"file:token\" }}\nrestore_auth = {{ kind = \"token\", token = \"file:token\" }}\n",
    );
    let file = dir.join("lastgood.toml");
    std::fs::write(&file, text)
        .map_err(|error| Failure::new(Exit::Error, format!("cannot write `{}`: {error}", file.display())))
}

/// What is shown, and where.
struct Scene<'a> {
    global: &'a Global,
    dir: &'a Path,
    weeks: Weeks,
    started: Instant,
}

impl Scene<'_> {
    /// A remark of the story.
    fn say(&self, text: &str) {
        let output = &self.global.output;
        if output.json {
            return;
        }
        let bold = Style::new().bold();
        output.line(format!("\n{bold}{text}{bold:#}"));
    }

    fn opening(&self, args: &DemoArgs) {
        self.say(&format!(
            "Halden: {} people, one identity provider, a snapshot every hour for {} days.",
            args.users, args.days
        ));
    }

    /// The weeks, hour after hour, with the ordinary collector on the ordinary repository.
    async fn history(
        &self,
        story: &mut Story,
        url: &str,
        token: String,
        words: String,
    ) -> Result<(), Failure> {
        let known = catalog::provider("okta").map_err(Failure::from)?;
        let clock = story.clock();
        let folder = self.dir.join("repository");
        let storage =
            Local::create(&folder, Arc::new(SystemEntropy)).map_err(crate::store::StoreError::from)?;
        let environment = Environment { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let unlock = Unlock::Passphrase(Secret::new(words.into_bytes()));
        let index = Some(self.dir.join("index"));
        let repository = Repository::init(Arc::new(storage), &unlock, KdfCost::STANDARD, environment, index)?;
        let target = Target {
            url: url.to_owned(),
            ca_file: None,
            settings: std::collections::BTreeMap::new(),
            credential: Credential::Token { token: Secret::new(token) },
            budget_percent: 100,
            token_url: None,
            scopes: Vec::new(),
            costly: std::collections::BTreeSet::new(),
        };
        let bounds = Bounds { clock: clock.clone(), ..Bounds::default() };
        let live = Live::connect_in(known, target, bounds)?;
        let shown = Counter::new(self.global.output, "hours");
        let mut hours = 0;
        loop {
            let run = Run {
                catalog: known,
                live: &live,
                fingerprints: repository.fingerprints(TENANT)?,
                clock: clock.clone(),
                options: Options::default(),
                progress: &Silent,
            };
            if story.hour(run, &repository, TENANT).await?.is_none() {
                return Ok(());
            }
            hours += 1;
            shown.show(hours, self.weeks.hours());
        }
    }

    /// The ordinary commands, in order.
    async fn commands(&self) -> Result<(), Failure> {
        let at = |clock: &str| self.weeks.at(clock).to_string();
        let (night, dawn) = (at("02:00"), at("06:00"));
        let rule = format!("{TENANT}/policy_rule/Money/Two factors, none of them phishable");
        self.say("In the night somebody was in. What changed, and who did it?");
        self.command(&["log", TENANT, "--since", &night, "--until", &dawn], &[0]).await?;
        self.say("The payroll policy, as it was on the afternoon before.");
        let afternoon = (self.weeks.at("14:03") - jiff::SignedDuration::from_hours(24)).to_string();
        self.command(&["show", &rule, "--at", &afternoon], &[0]).await?;
        self.say("And what became of it.");
        self.command(&["diff", &afternoon, "latest", &rule], &[0]).await?;
        self.say("Undo all that came from that address, and nothing else. The dry run:");
        let plan = [
            "plan",
            TENANT,
            "--actor",
            THIEF_ADDRESS,
            "--since",
            &night,
            "--until",
            &dawn,
            "--out",
            "plan.json",
        ];
        self.command(&plan, &[0]).await?;
        self.say("Exactly that is done: each write journalled before, read back after.");
        let flags = self.flags()?;
        let mut apply = vec!["apply", "plan.json"];
        apply.extend(flags.iter().flat_map(|flag| flag.split(' ')));
        self.command(&apply, &[0]).await?;
        self.say("The proof: against the evening before, only the morning's work is left.");
        let evening = at("00:30");
        self.command(&["diff", &evening, "latest", TENANT], &[0]).await?;
        self.command(&["check"], &[0]).await?;
        self.say("And what all of that takes on the disk.");
        self.command(&["stats"], &[0]).await
    }

    /// What the plan needs to be allowed, from the plan.
    fn flags(&self) -> Result<Vec<String>, Failure> {
        let file = self.dir.join("plan.json");
        let wrong = |why: String| Failure::new(Exit::Error, format!("`{}`: {why}", file.display()));
        let text = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
        let plan = json::parse(&text, &Limits::default()).map_err(|error| wrong(error.to_string()))?;
        let guards = plan.get("guards").and_then(Value::as_array).unwrap_or_default();
        let mut flags: Vec<String> = Vec::new();
        for guard in guards {
            let allow = guard.get("allow").and_then(Value::as_str).unwrap_or_default().to_owned();
            if !allow.is_empty() && !flags.contains(&allow) {
                flags.push(allow);
            }
        }
        Ok(flags)
    }

    /// Runs this very program as a user would, and shows the command.
    async fn command(&self, args: &[&str], good: &[i32]) -> Result<(), Failure> {
        let output = &self.global.output;
        let typed = typed(args);
        let failed = |why: String| Failure::new(Exit::Error, format!("`{typed}`: {why}"));
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut command = tokio::process::Command::new(program);
        command.args(self.global_args()).args(args).current_dir(self.dir).stdin(Stdio::null());
        for name in [
            "LASTGOOD_CONFIG",
            "LASTGOOD_REPO",
            "LASTGOOD_PASSPHRASE",
            "LASTGOOD_PASSPHRASE_FILE",
            "LASTGOOD_KEY_FILE",
            "LASTGOOD_NOW",
        ] {
            command.env_remove(name);
        }
        let code = if output.json {
            let ended =
                command.stderr(Stdio::inherit()).output().await.map_err(|error| failed(error.to_string()))?;
            let told = told(args, &ended.stdout, ended.status.code());
            output.document(&told.ok_or_else(|| failed("printed what is no JSON".into()))?);
            ended.status.code()
        } else {
            let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
            output.line(format!("\n{cyan}$ {typed}{cyan:#}"));
            command.status().await.map_err(|error| failed(error.to_string()))?.code()
        };
        match code {
            Some(code) if good.contains(&code) => Ok(()),
            Some(code) => Err(failed(format!("ended with {code}"))),
            None => Err(failed("was ended by a signal".into())),
        }
    }

    fn global_args(&self) -> Vec<&'static str> {
        let mut args = Vec::new();
        if self.global.output.json {
            args.push("--json");
        }
        if self.global.output.quiet {
            args.push("--quiet");
        }
        // A command whose output is passed on must colour as this one does.
        args.extend(["--progress", "none", "--color"]);
        args.push(match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => "never",
            _ if std::io::stdout().is_terminal() => "auto",
            _ => "always",
        });
        args
    }

    fn ending(&self, stay: bool) {
        let took = self.started.elapsed().as_secs();
        self.say(&format!(
            "Done in {took} s. The history stays, and can be asked more, in {}",
            self.dir.display()
        ));
        if stay {
            self.global.output.note("The organisation answers until you press Ctrl-C.");
        } else if !self.global.output.json {
            let stay = "The organisation itself is gone with this run; `lastgood demo --stay` keeps it for more plans.";
            self.global.output.line(stay);
        }
    }
}

/// A command as it is typed in a shell.
fn typed(args: &[&str]) -> String {
    let quoted = args.iter().map(|arg| {
        let plain = arg.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:,".contains(c));
        if plain { (*arg).to_owned() } else { format!("'{arg}'") }
    });
    std::iter::once("lastgood".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

/// A command and what it printed, for programs; `None` where a line of it is no document.
fn told(args: &[&str], printed: &[u8], code: Option<i32>) -> Option<Value> {
    let lines = printed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let documents: Option<Vec<Value>> =
        lines.map(|line| json::parse(line, &Limits::default()).ok()).collect();
    Some(Value::from(Object::from_pairs([
        ("format", Value::from(FORMAT)),
        ("command", Value::from(typed(args))),
        ("exit", code.map(i64::from).into()),
        ("output", Value::Array(documents?)),
    ])))
}
