//! All tenants, each in its turn: what is due is begun, what has ended is told.
//!
//! Runs of different tenants go on beside each other, as a large one may take hours of waiting for its
//! vendor. Each has a thread of its own, so that one that computes holds up neither the others nor what
//! answers for the health of this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};

use crate::base::time::Clock;
use crate::collect::{Collected, Silent};
use crate::daemon::attempt::{Attempt, AttemptError, Wish};
use crate::daemon::book::Book;
use crate::daemon::care::{Care, CareBook, Done};
use crate::daemon::once::Once;
use crate::daemon::place::Place;
use crate::daemon::schedule::{PATIENCE_MAX, is_left_alone, patience};
use crate::daemon::tail::Tail;
use crate::daemon::watched::Watched;
use crate::store::StoreError;

/// How long nothing is looked at, at the most: a clock that was set, or a book that another process
/// wrote, is noticed after that.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long a tenant is left alone of which another process has the turn.
const ANOTHERS_FOR: SignedDuration = SignedDuration::from_secs(60);

/// Who is told what came of runs.
pub trait Listen: Send + Sync {
    /// A run over a tenant begins.
    fn begins(&self, tenant: &str);
    /// A run has ended.
    fn ended(&self, report: &Report);
    /// The repository does not let it be seen what is due; that is tried again.
    fn blind(&self, tenant: &str, why: &AttemptError);
    /// A piece of work on the repository as a whole has ended.
    fn cared(&self, done: &Done);
}

/// What came of a run.
pub struct Report {
    /// Whose.
    pub tenant: String,
    /// When it ended.
    pub at: Timestamp,
    /// It was of what the vendor's log named, between two runs of the schedule.
    pub named_only: bool,
    /// How.
    pub outcome: Outcome,
}

/// The end of a run.
pub enum Outcome {
    /// A snapshot.
    Kept(Box<Collected>),
    /// None, and why.
    Failed(AttemptError),
    /// This process was told to stop; the next one begins the run anew.
    Stopped,
}

/// What this process knows of a tenant.
#[derive(Clone, Default)]
struct Known {
    book: Book,
    running: bool,
    /// A run came to nothing, or was another's, and the book does not say so.
    not_before: Option<Timestamp>,
    /// The vendor's log named something since the last run began.
    news: bool,
    /// What it named could not be read: it is left alone until then.
    news_not_before: Option<Timestamp>,
    /// Failures that could not be written into the book, one after the other.
    unwritten: u32,
}

/// What this process knows of the care of the repository.
#[derive(Clone, Default)]
struct Cared {
    book: CareBook,
    running: bool,
    not_before: Option<Timestamp>,
}

/// Reads tenants by their schedules.
pub struct Scheduler {
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
    watched: Vec<Arc<Watched>>,
    care: Option<Arc<Care>>,
    listen: Arc<dyn Listen>,
    cared: Mutex<Cared>,
    known: Mutex<BTreeMap<String, Known>>,
    /// When everything was looked at last.
    looked: Mutex<Option<Timestamp>>,
    /// The books that cannot be read, so that it is said once.
    blind: Once,
}

impl Scheduler {
    /// Over these tenants.
    #[must_use]
    pub fn new(
        place: Arc<Place>,
        clock: Arc<dyn Clock>,
        watched: Vec<Watched>,
        care: Option<Care>,
        listen: Arc<dyn Listen>,
    ) -> Self {
        Self {
            place,
            clock,
            watched: watched.into_iter().map(Arc::new).collect(),
            care: care.map(Arc::new),
            listen,
            cared: Mutex::default(),
            known: Mutex::default(),
            looked: Mutex::default(),
            blind: Once::default(),
        }
    }

    /// Reads every tenant when it is due, until `stop` says so; then every run is cut off at once, and
    /// leaves nothing behind.
    pub async fn serve(&self, mut stop: watch::Receiver<bool>) {
        let (mut running, mut caring) = (Running::default(), Caring::new());
        let (tell, mut news) = mpsc::channel(self.watched.len().max(1));
        let mut tails = JoinSet::new();
        for watched in &self.watched {
            if let Some(every) = watched.follow {
                tails.spawn(follow(
                    self.place.clone(),
                    watched.clone(),
                    self.clock.clone(),
                    every,
                    tell.clone(),
                ));
            }
        }
        if self.looked().is_none() {
            self.look();
        }
        let mut looked = Instant::now();
        while !*stop.borrow_and_update() {
            // However often something ends or is named, everything is looked at now and then.
            if looked.elapsed() >= LOOK_EVERY {
                self.look();
                looked = Instant::now();
            }
            let next = self.begin_due((&mut running, &mut caring), &stop);
            let wait = next.duration_since(self.clock.now()).unsigned_abs().min(LOOK_EVERY);
            tokio::select! {
                Some(report) = running.next(self.clock.as_ref()) => self.settle(&report),
                Some(done) = caring.join_next() => self.settle_care(done.ok()),
                Some(tenant) = news.recv() => self.heard_of(&tenant),
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
        tails.abort_all();
        while let Some(report) = running.next(self.clock.as_ref()).await {
            self.settle(&report);
        }
    }

    /// What the vendor's log of a tenant named is read in the next round, whatever the schedule says.
    pub fn heard_of(&self, tenant: &str) {
        self.known().entry(tenant.to_owned()).or_default().news = true;
    }

    /// Makes every run that is due now and waits for their ends; says when the next one is due.
    pub async fn round(&self) -> Timestamp {
        let (_never, stop) = watch::channel(false);
        let (mut running, mut caring) = (Running::default(), Caring::new());
        self.look();
        self.begin_due((&mut running, &mut caring), &stop);
        while let Some(report) = running.next(self.clock.as_ref()).await {
            self.settle(&report);
        }
        while let Some(done) = caring.join_next().await {
            self.settle_care(done.ok());
        }
        self.next()
    }

    /// When the next run is due.
    #[must_use]
    pub fn next(&self) -> Timestamp {
        let (now, known) = (self.clock.now(), self.known());
        let due = self.watched.iter().map(|watched| due(watched, known.get(&watched.name), now));
        due.min().unwrap_or(Timestamp::MAX).min(self.care_due(now))
    }

    /// When the repository itself is due for something.
    fn care_due(&self, now: Timestamp) -> Timestamp {
        let (Some(care), cared) = (&self.care, self.cared()) else { return Timestamp::MAX };
        not_before(care.due(&cared.book, now).1, cared.not_before, ANOTHERS_FOR, now)
    }

    fn cared(&self) -> MutexGuard<'_, Cared> {
        self.cared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The repository's own book as it was seen last.
    #[must_use]
    pub fn care_book(&self) -> CareBook {
        self.cared().book.clone()
    }

    /// When everything was looked at last: long ago means that this process hangs.
    #[must_use]
    pub fn looked(&self) -> Option<Timestamp> {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The books as they were seen last, by tenant, and when each is due.
    #[must_use]
    pub fn books(&self) -> Vec<(String, Book, Timestamp)> {
        let (now, known) = (self.clock.now(), self.known());
        let of = |watched: &Arc<Watched>| {
            let here = known.get(&watched.name);
            let book = here.map(|here| here.book.clone()).unwrap_or_default();
            (watched.name.clone(), book, due(watched, here, now))
        };
        self.watched.iter().map(of).collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads every book: another process may have made a run.
    pub fn look(&self) {
        for watched in &self.watched {
            match Book::read(self.place.books(), &watched.name) {
                Ok(book) => self.known().entry(watched.name.clone()).or_default().book = book,
                Err(error) if self.blind.is_new(&watched.name, &error.to_string()) => {
                    self.listen.blind(&watched.name, &error.into());
                }
                Err(_) => {}
            }
            self.blind.looked(&watched.name);
        }
        self.look_at_care();
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.now());
    }

    /// Reads the repository's own book. What hinders that hinders the tenants' books too, and is told there.
    fn look_at_care(&self) {
        if let Ok(book) = CareBook::read(self.place.books()) {
            self.cared().book = book;
        }
    }

    /// Begins what the repository itself is due for.
    fn begin_care(&self, caring: &mut Caring) -> Timestamp {
        let now = self.clock.now();
        let due = self.care_due(now);
        let Some(care) = self.care.clone().filter(|_| !self.cared().running) else { return Timestamp::MAX };
        if due > now {
            return due;
        }
        self.cared().running = true;
        let (place, clock) = (self.place.clone(), self.clock.clone());
        caring.spawn_blocking(move || care.do_due(&*place.repository()?, &clock));
        Timestamp::MAX
    }

    fn settle_care(&self, ended: Option<Result<Option<Done>, StoreError>>) {
        self.look_at_care();
        {
            let mut cared = self.cared();
            cared.running = false;
            let well = matches!(ended, Some(Ok(_)));
            cared.not_before = if well { None } else { self.clock.now().checked_add(ANOTHERS_FOR).ok() };
        }
        match ended {
            Some(Ok(Some(done))) => self.listen.cared(&done),
            Some(Ok(None) | Err(StoreError::Locked { .. } | StoreError::TurnLost { .. })) => {}
            Some(Err(error)) => self.listen.blind("", &error.into()),
            None => self.listen.blind("", &AttemptError::Broke),
        }
    }

    /// Begins every run that is due; says when the next one is.
    fn begin_due(
        &self,
        (running, caring): (&mut Running, &mut Caring),
        stop: &watch::Receiver<bool>,
    ) -> Timestamp {
        let now = self.clock.now();
        let mut next = self.begin_care(caring);
        for watched in &self.watched {
            let here = self.known().get(&watched.name).cloned();
            if here.as_ref().is_some_and(|here| here.running) {
                continue;
            }
            let due = due(watched, here.as_ref(), now);
            let waits = |until| is_left_alone(until, ANOTHERS_FOR, now);
            let news = here.is_some_and(|here| here.news && !here.news_not_before.is_some_and(waits));
            if due > now && !news {
                next = next.min(due);
                continue;
            }
            {
                let mut known = self.known();
                let here = known.entry(watched.name.clone()).or_default();
                (here.running, here.news) = (true, false);
            }
            self.listen.begins(&watched.name);
            let run = One {
                place: self.place.clone(),
                clock: self.clock.clone(),
                watched: watched.clone(),
                named_only: due > now,
                stop: stop.clone(),
            };
            let runtime = Handle::current();
            let task = running.tasks.spawn_blocking(move || runtime.block_on(run.make()));
            running.names.insert(task.id(), watched.name.clone());
        }
        next
    }

    /// Notes what came of a run.
    fn settle(&self, report: &Report) {
        let book = Book::read(self.place.books(), &report.tenant).ok();
        {
            let mut known = self.known();
            let here = known.entry(report.tenant.clone()).or_default();
            here.running = false;
            let told = book.as_ref().is_some_and(Book::has_failed);
            // What another process has read is no news any more.
            let failed =
                matches!(&report.outcome, Outcome::Failed(error) if !matches!(error, AttemptError::Done));
            (here.news, here.news_not_before) = match (report.named_only && failed, here.news) {
                (true, _) => (true, report.at.checked_add(ANOTHERS_FOR).ok()),
                (false, news) => (news, None),
            };
            (here.not_before, here.unwritten) = match &report.outcome {
                // The schedule goes on as if this run was none.
                _ if report.named_only => (here.not_before, here.unwritten),
                Outcome::Failed(error) if error.is_anothers() => {
                    (report.at.checked_add(ANOTHERS_FOR).ok(), 0)
                }
                Outcome::Failed(_) if !told => {
                    let times = here.unwritten + 1;
                    (report.at.checked_add(patience(times)).ok(), times)
                }
                Outcome::Failed(_) | Outcome::Kept(_) | Outcome::Stopped => (None, 0),
            };
            if let Some(book) = book {
                here.book = book;
            }
        }
        self.listen.ended(report);
    }
}

/// Work on the repository that is under way. Nobody waits for it at the end, as it may stop anywhere.
type Caring = JoinSet<Result<Option<Done>, StoreError>>;

/// The runs under way.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Report>,
    names: HashMap<Id, String>,
}

impl Running {
    /// The next one that ends; `None` where none is under way.
    async fn next(&mut self, clock: &dyn Clock) -> Option<Report> {
        let (id, report) = match self.tasks.join_next_with_id().await? {
            Ok((id, report)) => (id, Some(report)),
            Err(error) => (error.id(), None),
        };
        let tenant = self.names.remove(&id).unwrap_or_default();
        Some(report.unwrap_or_else(|| Report {
            tenant,
            at: clock.now(),
            named_only: false,
            outcome: Outcome::Failed(AttemptError::Broke),
        }))
    }
}

fn due(watched: &Watched, here: Option<&Known>, now: Timestamp) -> Timestamp {
    let Some(here) = here else { return now };
    not_before(watched.due(&here.book, now), here.not_before, PATIENCE_MAX, now)
}

/// When something is due that is left alone until a time.
fn not_before(due: Timestamp, until: Option<Timestamp>, most: SignedDuration, now: Timestamp) -> Timestamp {
    until.filter(|until| is_left_alone(*until, most, now)).map_or(due, |until| due.max(until))
}

/// Asks a tenant's log again and again, and tells when it names something. What hinders it is told by the
/// schedule's own runs, which ask the same vendor.
async fn follow(
    place: Arc<Place>,
    watched: Arc<Watched>,
    clock: Arc<dyn Clock>,
    every: Duration,
    tell: mpsc::Sender<String>,
) {
    let mut tail = None;
    loop {
        tokio::time::sleep(every).await;
        let news = match &mut tail {
            Some(tail) => Tail::has_news(tail, clock.now()).await,
            None => {
                // A command that gives the credential, and the storage, may take their time.
                let (place, watched, clock) = (place.clone(), watched.clone(), clock.clone());
                let beginning = tokio::task::spawn_blocking(move || {
                    let live = (watched.connect)().ok()?;
                    Tail::after_newest(&*place.repository().ok()?, &watched.name, live, clock.as_ref()).ok()
                });
                tail = beginning.await.ok().flatten();
                continue;
            }
        };
        match news {
            Ok(true) if tell.send(watched.name.clone()).await.is_err() => return,
            Ok(_) => {}
            // The credential may have been renewed, or the vendor have forgotten the place.
            Err(_) => tail = None,
        }
    }
}

/// One run, with all that it needs on a thread of its own.
struct One {
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
    watched: Arc<Watched>,
    named_only: bool,
    stop: watch::Receiver<bool>,
}

impl One {
    async fn make(mut self) -> Report {
        let outcome = match self.place.repository() {
            Err(error) => Outcome::Failed(error.into()),
            Ok(repository) => {
                let attempt = Attempt {
                    repository: &repository,
                    watched: &self.watched,
                    clock: self.clock.clone(),
                    wish: Wish {
                        only_if_due: !self.named_only,
                        named_only: self.named_only,
                        ..Wish::default()
                    },
                    progress: &Silent,
                };
                tokio::select! {
                    ended = attempt.in_turn() => match ended {
                        Ok(collected) => Outcome::Kept(Box::new(collected)),
                        Err(error) => Outcome::Failed(error),
                    },
                    _ = self.stop.wait_for(|stop| *stop) => Outcome::Stopped,
                }
            }
        };
        Report {
            tenant: self.watched.name.clone(),
            at: self.clock.now(),
            named_only: self.named_only,
            outcome,
        }
    }
}
