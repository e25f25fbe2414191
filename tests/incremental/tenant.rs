//! A simulated tenant on this machine, whose clock stands where it is put, and its repository.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use lastgood::base::coverage::{Ledger, State};
use lastgood::base::entropy::SeededEntropy;
use lastgood::base::secret::Secret;
use lastgood::base::time::{Clock, FixedClock};
use lastgood::catalog;
use lastgood::collect::{CollectError, Collected, Options, Run, Silent};
use lastgood::json::{Limits, Value, parse};
use lastgood::provider::{Credential, Live, Target, World as Bounds};
use lastgood::sim::{Body, Listening, Request, World, handle, populate, sample::sample, vendor};
use lastgood::storage::Memory;
use lastgood::store::{Environment, KdfCost, Part, Repository, Unlock};

/// The name of the tenant in every repository.
pub(crate) const NAME: &str = "acme";

pub(crate) struct Tenant {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) repository: Repository,
    live_at: String,
}

/// A repository of which every one has the same keys, so that what they hold can be compared.
fn repository(clock: &Arc<FixedClock>) -> Repository {
    repository_in(clock, None)
}

/// The same; with a folder it remembers there what the vendor sent.
fn repository_in(clock: &Arc<FixedClock>, folder: Option<PathBuf>) -> Repository {
    let env = Environment { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(1)) };
    let words = Unlock::Passphrase(Secret::new(b"horse".to_vec()));
    Repository::init(Arc::new(Memory::new()), &words, KdfCost::CHEAP_FOR_TESTS, env, folder).unwrap()
}

/// What a repository holds of the tenant: address and body.
pub(crate) type Held = BTreeMap<String, String>;

impl Tenant {
    /// A tenant of so many users; it answers as long as the runtime lives.
    pub(crate) async fn start(users: usize, seed: u64) -> Self {
        let clock = Arc::new(FixedClock::new("2026-06-15T12:00:30Z".parse().unwrap()));
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listening.address);
        let mut world = World::new(vendor("okta").unwrap(), &url, seed, clock.now());
        populate(&mut world, users, seed);
        sample(&mut world).unwrap();
        world.log.forget();
        let world = Arc::new(Mutex::new(world));
        tokio::spawn(listening.answer_from(world.clone(), clock.clone()));
        Self { world, repository: repository(&clock), clock, live_at: url }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.set(self.clock.now() + SignedDuration::from_secs(seconds));
    }

    /// A request as an administrator would send it.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let body = (!body.is_empty()).then(|| parse(body.as_bytes(), &Limits::default()).unwrap());
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut world = self.world();
        world.now = self.clock.now();
        let answer = handle(&mut world, &Request::new(method, path, query, body));
        let value = match answer.body {
            Body::Json(value) => value,
            _ => Value::Null,
        };
        (answer.status, value)
    }

    fn live(&self) -> Live {
        let target = Target {
            url: self.live_at.clone(),
            ca_file: None,
            settings: [("team_name".to_owned(), "sim".to_owned())].into(),
            credential: Credential::Token { token: Secret::new("00any".into()) },
            budget_percent: 100,
            token_url: None,
            scopes: Vec::new(),
            costly: [].into(),
        };
        let bounds = Bounds { clock: self.clock.clone(), ..Bounds::default() };
        Live::connect_in(catalog::provider("okta").unwrap(), target, bounds).unwrap()
    }

    async fn collect(&self, repository: &Repository, options: Options) -> Collected {
        self.tried(repository, options).await.unwrap()
    }

    async fn tried(&self, repository: &Repository, options: Options) -> Result<Collected, CollectError> {
        let live = self.live();
        let run = Run {
            catalog: live.catalog(),
            live: &live,
            fingerprints: repository.fingerprints(NAME).unwrap(),
            clock: self.clock.clone(),
            options,
            progress: &Silent,
        };
        run.snapshot(repository.session(NAME).unwrap()).await
    }

    /// A snapshot as the schedule takes one.
    pub(crate) async fn snapshot(&self) -> Collected {
        self.collect(&self.repository, Options::default()).await
    }

    /// A snapshot of what the log names, between two that the schedule takes; `None` where it names nothing new.
    pub(crate) async fn named(&self) -> Option<Collected> {
        match self.tried(&self.repository, Options { named_only: true, ..Options::default() }).await {
            Err(CollectError::NothingNew) => None,
            collected => Some(collected.unwrap()),
        }
    }

    /// A snapshot of everything, although the log tells what changed.
    pub(crate) async fn sweep(&self) -> Collected {
        self.collect(&self.repository, Options { full: true, ..Options::default() }).await
    }

    /// Another repository of the tenant, of the same keys.
    pub(crate) fn another(&self, folder: Option<PathBuf>) -> Repository {
        repository_in(&self.clock, folder)
    }

    /// A snapshot of everything into such a one.
    pub(crate) async fn sweep_into(&self, repository: &Repository) -> Collected {
        self.collect(repository, Options { full: true, ..Options::default() }).await
    }

    /// What the repository holds now.
    pub(crate) fn held(&self) -> Held {
        held(&self.repository)
    }

    /// What somebody finds who reads everything at this instant and knows nothing from before.
    pub(crate) async fn truth(&self) -> (Held, Ledger) {
        let fresh = repository(&self.clock);
        let collected = self.collect(&fresh, Options { full: true, ..Options::default() }).await;
        assert_eq!(faults(&collected.snapshot.ledger), Vec::<String>::new(), "the truth is read whole");
        (held(&fresh), (*collected.snapshot.ledger).clone())
    }
}

pub(crate) fn held(repository: &Repository) -> Held {
    let session = repository.session(NAME).unwrap();
    let rows = session.parent_state().iter();
    rows.map(|(key, entry)| {
        let main = session.read(&entry, Part::Main).unwrap().unwrap_or_default();
        (key.to_path(), String::from_utf8(main).unwrap())
    })
    .collect()
}

/// Kinds of which something could not be read.
pub(crate) fn faults(ledger: &Ledger) -> Vec<String> {
    let bad = ledger.rows.iter().filter(|(_, row)| {
        matches!(row.state, State::Partial | State::Suspect | State::Failed | State::NotPermitted)
    });
    bad.map(|(kind, row)| format!("{kind}: {}: {} {:?}", row.state.as_str(), row.reason, row.exceptions))
        .collect()
}
