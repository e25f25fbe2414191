//! `serve`: every tenant by its schedule, until the service is stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::base::time::SystemClock;
use crate::cli::args::Global;
use crate::cli::config::Config;
use crate::cli::interrupt::Gently;
use crate::cli::output::{bytes, plain};
use crate::cli::{Exit, Failure, alerts, coverage, open, snapshot};
use crate::daemon::alert::{Complain, Teller};
use crate::daemon::notify::Notify;
use crate::daemon::status::Status;
use crate::daemon::{AttemptError, Came, Done, Listen, Outcome, Report, Scheduler, Watched};

/// Where `/metrics` and `/healthz` are answered where nothing is said.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7420);

/// How long the end waits for what is being told or answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Where `/metrics` and `/healthz` are answered; port 0 takes a free one [default: what the
    /// configuration says, else 127.0.0.1:7420].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Send a test to every receiver of alerts, say what came of it, and end.
    #[arg(long)]
    pub test_alerts: bool,
}

/// Says what came of each run, and has whoever tells of it look.
struct Told {
    global: Global,
    teller: Arc<Teller>,
}

/// Says what became of no alert.
struct Unheard {
    global: Global,
}

impl Complain for Unheard {
    fn undelivered(&self, receiver: &str, why: &str) {
        let (receiver, why) = (plain(receiver), plain(why));
        self.global.output.warn(format!("no alert reaches {receiver}: {why}; it is tried again"));
    }

    fn blind(&self, tenant: &str, why: &str) {
        let (tenant, why) = (plain(tenant), plain(why));
        self.global.output.warn(format!("{tenant}: what there is to tell cannot be seen: {why}"));
    }
}

impl Listen for Told {
    fn begins(&self, tenant: &str) {
        tracing::info!(tenant, "a run begins");
    }

    fn ended(&self, report: &Report) {
        self.teller.wake();
        let name = plain(&report.tenant);
        match &report.outcome {
            Outcome::Kept(collected) => {
                snapshot::summary(&self.global, &name, &collected.snapshot);
                let all = coverage::lines(&collected.snapshot.ledger, &collected.gaps);
                for line in all.into_iter().filter(|line| line.warns) {
                    self.global.output.warn(format!("{name}: {}", line.text.trim_start()));
                }
            }
            Outcome::Failed(error) if error.is_anothers() => {
                tracing::info!(tenant = report.tenant, "another process makes the run");
            }
            Outcome::Failed(error) => self.failed(&name, error),
            Outcome::Stopped => {
                self.global.output.note(format!("{name}  the run was stopped; nothing is left of it"))
            }
        }
    }

    fn cared(&self, done: &Done) {
        let output = self.global.output;
        match &done.came {
            Err(error) => output.warn(format!("the repository: {}", plain(&error.to_string()))),
            Ok(Came::Checked(found)) if found.is_clean() => {
                output.note(format!("the repository: {} objects checked, no damage found", found.objects))
            }
            Ok(Came::Checked(found)) => output.warn(format!(
                "the repository: {} damaged objects; `lastgood check --read-data` names what is lost",
                found.faults.len()
            )),
            Ok(Came::Pruned { dropped, deleted, left }) => {
                output
                    .note(format!("the repository: {dropped} snapshots let go, {} deleted", bytes(*deleted)));
                for (tenant, why) in left {
                    output.warn(format!("{}: not pruned: {}", plain(tenant), plain(&why.to_string())));
                }
            }
            Ok(Came::Compacted { folded, deleted, left }) => {
                output.note(format!("the repository: {folded} objects folded, {} deleted", bytes(*deleted)));
                for (tenant, why) in left {
                    output.warn(format!("{}: not folded: {}", plain(tenant), plain(&why.to_string())));
                }
            }
        }
    }

    fn blind(&self, tenant: &str, why: &AttemptError) {
        self.failed(&plain(tenant), why);
    }
}

impl Told {
    fn failed(&self, name: &str, error: &AttemptError) {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        self.global.output.warn(format!("{name}: {}{hint}", plain(&error.to_string())));
    }
}

/// Serves until it is told to stop.
///
/// # Errors
/// The configuration, the repository, or the address to listen on.
pub async fn run(global: &Global, args: ServeArgs) -> Result<Exit, Failure> {
    let config = Config::load(global.config.as_deref())?;
    if config.tenants.is_empty() {
        return Err(Failure::usage("no tenant is configured").hint("`lastgood tenant add` adds one"));
    }
    let watched: Vec<Watched> =
        config.tenants.iter().map(|tenant| open::watched(&config, tenant)).collect::<Result<_, _>>()?;
    let (policy, receivers) = alerts::configured(&config)?;
    let place = Arc::new(open::place(global, &config)?);
    let clock = Arc::new(SystemClock);
    let teller = {
        let complain = Arc::new(Unheard { global: global.clone() });
        Arc::new(Teller::new(place.clone(), clock.clone(), &watched, policy, receivers, complain))
    };
    if args.test_alerts {
        return alerts::test(global, &teller).await;
    }
    let address = args.listen.or(config.serve.listen).unwrap_or(LISTEN);
    let cannot =
        |error: std::io::Error| Failure::new(Exit::Error, format!("cannot listen on {address}: {error}"));
    let listener = Status::listen(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let listen = Arc::new(Told { global: global.clone(), teller: teller.clone() });
    let scheduler =
        Arc::new(Scheduler::new(place, clock.clone(), watched, Some(open::care(&config)?), listen));
    // Nobody is told that it is ready before it knows what was.
    scheduler.look();
    let status = Status::new(scheduler.clone(), teller.clone(), clock);
    let (stop, stopped) = watch::channel(false);
    let answering = tokio::spawn(status.clone().answer(listener, stopped.clone()));
    let telling = {
        // Reading changes is work: it has a thread of its own.
        let (runtime, stopped) = (Handle::current(), stopped.clone());
        tokio::task::spawn_blocking(move || runtime.block_on(teller.serve(stopped)))
    };
    let notify = Notify::from_environment();
    global.output.note(format!("{} tenants; http://{address}/metrics", config.tenants.len()));
    let gently = Gently::begin("stopping; Ctrl-C once more ends at once");
    let serving = scheduler.serve(stopped);
    tokio::pin!(serving);
    notify.ready();
    let exit = tokio::select! {
        () = &mut serving => Exit::Done,
        exit = asked_to_stop() => exit?,
        () = watchdog(&notify, &status) => Exit::Done,
    };
    notify.stopping();
    // Whoever was told has ended if nobody listens any more.
    let _ = stop.send(true);
    serving.await;
    // Both end with the same word. A rule that is still waited for, or somebody who never finishes a request, does not
    // hold up the end: what was to be told is told by the next process.
    let _ = tokio::time::timeout(PATIENCE, telling).await;
    let _ = tokio::time::timeout(PATIENCE, answering).await;
    drop(gently);
    Ok(exit)
}

/// Returns when the service is to end, and with which code: a supervisor's SIGTERM is the ordinary end.
async fn asked_to_stop() -> Result<Exit, Failure> {
    let deaf = |error: std::io::Error| Failure::new(Exit::Error, format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(deaf)?;
    tokio::select! {
        _ = terminate.recv() => Ok(Exit::Done),
        _ = interrupt.recv() => Ok(Exit::Interrupted),
    }
}

/// Tells the supervisor that all is well for as long as it is; never returns.
async fn watchdog(notify: &Notify, status: &Status) {
    let Some(every) = notify.every() else { return std::future::pending().await };
    loop {
        tokio::time::sleep(every).await;
        if status.is_healthy() {
            notify.alive();
        }
    }
}
