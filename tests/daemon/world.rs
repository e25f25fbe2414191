//! Simulated organisations on this machine, a repository in memory, and processes that serve it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lastgood::base::entropy::SeededEntropy;
use lastgood::base::secret::Secret;
use lastgood::base::time::{Clock, FixedClock};
use lastgood::catalog;
use lastgood::daemon::{
    AttemptError, Book, Came, CannotConnect, Care, Done, Listen, Outcome, Place, Report, Schedule, Scheduler,
    Watched,
};
use lastgood::json::{Limits, Value, parse};
use lastgood::provider::{Credential, Live, Target, World as Bounds};
use lastgood::sim::{Body, Listening, Request, World as Organisation, handle, populate, vendor};
use lastgood::storage::{Memory, Storage};
use lastgood::store::{Environment, KdfCost, Repository, Unlock};

/// When every world begins.
const BEGIN: &str = "2026-11-02T08:20:00Z";

/// An organisation that answers as long as the runtime lives.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) schedule: &'static str,
    pub(crate) full_sweep: Option<&'static str>,
    pub(crate) follow: Option<std::time::Duration>,
    organisation: Arc<Mutex<Organisation>>,
    url: String,
    /// What the configuration gives is no use.
    pub(crate) without_key: Arc<Mutex<bool>>,
}

impl Tenant {
    pub(crate) fn organisation(&self) -> MutexGuard<'_, Organisation> {
        self.organisation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nothing be answered until what this gives is dropped.
    pub(crate) fn hold(&self) -> mpsc::Sender<()> {
        let (release, wait) = mpsc::channel();
        let (held, is_held) = mpsc::channel();
        let tenant = self.clone();
        std::thread::spawn(move || {
            let _organisation = tenant.organisation();
            held.send(()).unwrap();
            // The other end is dropped: that is the word.
            let _ = wait.recv();
        });
        is_held.recv().unwrap();
        release
    }

    pub(crate) fn watched(&self, clock: &Arc<FixedClock>) -> Watched {
        let okta = catalog::provider("okta").unwrap();
        let (tenant, clock) = (self.clone(), clock.clone());
        let connect = move || {
            if *tenant.without_key.lock().unwrap() {
                let words = vec!["`auth.token`: file:token: no such file".to_owned()];
                return Err(CannotConnect { words, hint: None, misconfigured: true });
            }
            let target = Target {
                url: tenant.url.clone(),
                ca_file: None,
                settings: [("team_name".to_owned(), "sim".to_owned())].into(),
                credential: Credential::Token { token: Secret::new("00any".into()) },
                budget_percent: 100,
                token_url: None,
                scopes: Vec::new(),
                costly: BTreeSet::new(),
            };
            Ok(Live::connect_in(okta, target, Bounds { clock: clock.clone(), ..Bounds::default() }).unwrap())
        };
        let schedule = |text: &str| Schedule::parse(text, &TimeZone::UTC).unwrap();
        Watched {
            name: self.name.clone(),
            catalog: okta,
            accept: Vec::new(),
            follow: self.follow,
            connect: Box::new(connect),
            schedule: schedule(self.schedule),
            full_sweep: self.full_sweep.map(schedule),
        }
    }
}

/// What was told, in words.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    /// What was told since this was asked last, in the order of names.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut lines = std::mem::take(&mut *self.0.lock().unwrap());
        lines.sort();
        lines
    }
}

impl Listen for Heard {
    fn begins(&self, _: &str) {}

    fn ended(&self, report: &Report) {
        self.add(match &report.outcome {
            Outcome::Kept(collected) => {
                let sweep = if collected.full.is_some() { "all" } else { "part" };
                let snapshot = &collected.snapshot;
                let changes = snapshot.added + snapshot.changed + snapshot.removed;
                format!("{}: {sweep}, {changes} changes", report.tenant)
            }
            Outcome::Failed(error) if error.is_anothers() => format!("{}: another's", report.tenant),
            Outcome::Failed(error) => format!("{}: failed: {error}", report.tenant),
            Outcome::Stopped => format!("{}: stopped", report.tenant),
        });
    }

    fn cared(&self, done: &Done) {
        self.add(match &done.came {
            Ok(Came::Checked(found)) => format!("~check: {} faults", found.faults.len()),
            Ok(Came::Pruned { dropped, left, .. }) => format!("~prune: {dropped} gone, {} left", left.len()),
            Ok(Came::Compacted { folded, left, .. }) => {
                format!("~compact: {folded} folded, {} left", left.len())
            }
            Err(error) => format!("~failed: {error}"),
        });
    }

    fn blind(&self, tenant: &str, why: &AttemptError) {
        self.add(format!("{tenant}: blind: {why}"));
    }
}

/// A process that serves.
pub(crate) struct Process {
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) heard: Arc<Heard>,
    clock: Arc<FixedClock>,
}

impl Process {
    /// Lets time pass to `until` and makes each run when it is due; how many moments there were.
    pub(crate) async fn work_until(&self, until: Timestamp) -> usize {
        let mut moments = 0;
        loop {
            let next = self.scheduler.round().await;
            moments += 1;
            if next > until {
                self.clock.set(until);
                return moments;
            }
            // A run that is overdue is due now.
            self.clock.set(next.max(self.clock.now() + SignedDuration::from_secs(1)));
        }
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) tenants: Vec<Tenant>,
    /// What is done for the repository itself.
    pub(crate) care: Option<fn() -> Care>,
}

pub(crate) fn words() -> Unlock {
    Unlock::Passphrase(Secret::new(b"horse".to_vec()))
}

impl World {
    /// So many organisations of a few people, each read every hour.
    pub(crate) async fn start(tenants: usize) -> Self {
        let clock = Arc::new(FixedClock::new(BEGIN.parse().unwrap()));
        let memory = Arc::new(Memory::with_clock(clock.clone()));
        let env = Environment { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(1)) };
        Repository::init(memory.clone(), &words(), KdfCost::CHEAP_FOR_TESTS, env, None).unwrap();
        let mut world = Self { clock, memory, tenants: Vec::new(), care: None };
        for number in 0..tenants {
            let tenant = world.organisation(number).await;
            world.tenants.push(tenant);
        }
        world
    }

    async fn organisation(&self, number: usize) -> Tenant {
        let seed = number as u64 + 1;
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listening.address);
        let mut organisation = Organisation::new(vendor("okta").unwrap(), &url, seed, self.clock.now());
        populate(&mut organisation, 6, seed);
        organisation.log.forget();
        let organisation = Arc::new(Mutex::new(organisation));
        tokio::spawn(listening.answer_from(organisation.clone(), self.clock.clone()));
        Tenant {
            name: format!("org{number}"),
            schedule: "0 * * * *",
            full_sweep: None,
            follow: None,
            organisation,
            url,
            without_key: Arc::default(),
        }
    }

    /// A process that serves the repository over this storage.
    pub(crate) fn process_on(&self, storage: Arc<dyn Storage>, seed: u64) -> Process {
        let env = Environment { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
        let place = Arc::new(Place::new(storage, &words(), env, None).unwrap());
        let heard = Arc::new(Heard::default());
        let watched = self.tenants.iter().map(|tenant| tenant.watched(&self.clock)).collect();
        let scheduler = Arc::new(Scheduler::new(
            place,
            self.clock.clone(),
            watched,
            self.care.as_ref().map(|care| care()),
            heard.clone(),
        ));
        Process { scheduler, heard, clock: self.clock.clone() }
    }

    pub(crate) fn process(&self, seed: u64) -> Process {
        self.process_on(self.memory.clone(), seed)
    }

    pub(crate) fn repository(&self) -> Repository {
        let env = Environment { clock: self.clock.clone(), entropy: Arc::new(SeededEntropy::new(99)) };
        Repository::open(self.memory.clone(), &words(), env, None).unwrap()
    }

    pub(crate) fn book(&self, tenant: &str) -> Book {
        Book::read(&self.repository(), tenant).unwrap()
    }

    /// When each snapshot of a tenant began.
    pub(crate) fn taken(&self, tenant: &str) -> Vec<String> {
        let snapshots = self.repository().snapshots(tenant).unwrap();
        snapshots.iter().map(|snapshot| snapshot.started.strftime("%d %H:%M").to_string()).collect()
    }

    pub(crate) fn at(&self, text: &str) -> Timestamp {
        format!("2026-11-{}:00Z", text.replace(' ', "T")).parse().unwrap()
    }

    /// A request as an administrator would send it.
    pub(crate) fn ask(&self, tenant: usize, method: &str, path: &str, body: &str) -> (u16, Value) {
        let body = (!body.is_empty()).then(|| parse(body.as_bytes(), &Limits::default()).unwrap());
        let mut organisation = self.tenants[tenant].organisation();
        organisation.now = self.clock.now();
        let answer = handle(&mut organisation, &Request::new(method, path, "", body));
        match answer.body {
            Body::Json(value) => (answer.status, value),
            _ => (answer.status, Value::Null),
        }
    }
}
