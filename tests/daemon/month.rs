//! A stretch of unattended time, with what goes wrong in a month in it, on a clock that is set from one
//! due moment to the next. A day of two tenants in the suite; a month of six by `tests/campaigns/month`.
//!
//! What a month brings: a crash in the middle of runs, a credential that expires, a disk that is full for a
//! while, a vendor that is down, one that asks to slow down, a clock that jumps ahead and back, a tenant that
//! loses half of its people.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lastgood::base::key::Kind;
use lastgood::base::time::Clock as _;
use lastgood::daemon::{Care, CareBook, Schedule};
use lastgood::json::Value;
use lastgood::sim::faults::Faults;
use lastgood::storage::{Fault, FaultKind, Storage};
use lastgood::store::{Entry, Part, Repository, Retention};

use crate::alerts::{Telling, hook};
use crate::ears::Ear;
use crate::world::{Process, World};

/// Requests that are refused in the storm.
const STORM: usize = 20;

/// Days and tenants.
const SIZE: &str = "LASTGOOD_MONTH";

fn care() -> Care {
    let schedule = |text| Schedule::parse(text, &TimeZone::UTC).unwrap();
    let rules = Retention {
        hourly: Some("2d".parse().unwrap()),
        daily: Some("14d".parse().unwrap()),
        ..Retention::default()
    };
    let (check, prune) = (schedule("0 5 * * 0"), Some((schedule("30 4 * * *"), rules)));
    Care { check, read_data: true, prune, compact: Some(schedule("0 6 * * *")) }
}

/// What came of everything.
struct Month {
    world: World,
    process: Process,
    telling: Telling,
    ear: Ear,
    begun: Timestamp,
    length: SignedDuration,
    seed: u64,
    runs: BTreeMap<String, usize>,
    alerts: BTreeMap<String, usize>,
    /// Ids of what was told, and how often one came again.
    told: BTreeSet<String>,
    again: usize,
    /// Groups that somebody wanted to make, and those that were made, by tenant.
    asked: usize,
    made: BTreeMap<usize, usize>,
    memory: Vec<u64>,
}

/// Kilobytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

impl Month {
    async fn begin(days: i64, tenants: usize) -> Self {
        let mut world = World::start(tenants).await;
        world.care = Some(care);
        let ear = Ear::open();
        Self {
            process: world.process(2),
            telling: Telling::new(&world, vec![hook("ear", &ear)]),
            ear,
            begun: world.clock.now(),
            length: SignedDuration::from_hours(24 * days),
            world,
            seed: 2,
            runs: BTreeMap::new(),
            alerts: BTreeMap::new(),
            told: BTreeSet::new(),
            again: 0,
            asked: 0,
            made: BTreeMap::new(),
            memory: Vec::new(),
        }
    }

    /// Another process takes over, on this storage.
    fn restart(&mut self, storage: Arc<dyn Storage>) {
        self.count();
        self.seed += 1;
        self.process = self.world.process_on(storage, self.seed);
    }

    fn count(&mut self) {
        for line in self.process.heard.take() {
            let (who, what) = line.split_once(": ").unwrap_or(("", &line));
            let what = what.split([',', ':']).next().unwrap_or_default();
            let what = if who.starts_with('~') { what.split(' ').nth(1).unwrap_or(what) } else { what };
            *self.runs.entry(format!("{who} {what}")).or_default() += 1;
        }
        for posted in self.ear.take() {
            *self.alerts.entry(posted.what()).or_default() += 1;
            self.again += usize::from(!self.told.insert(posted.id));
        }
    }

    /// The power is cut: what was not on the disk is gone, and everything begins anew on what is.
    fn power_cut(&mut self) {
        self.world.memory = Arc::new(self.world.memory.after_crash());
        self.telling = Telling::new(&self.world, vec![hook("ear", &self.ear)]);
        self.restart(self.world.memory.clone());
    }

    /// Lets a share of the month pass, people changing a little each day.
    async fn until(&mut self, percent: i32) {
        let end = self.begun + SignedDuration::from_secs(self.length.as_secs() * i64::from(percent) / 100);
        while self.world.clock.now() < end {
            let now = self.world.clock.now();
            let number = self.asked;
            self.asked += 1;
            let group = format!(r#"{{"profile":{{"name":"Project {number}"}}}}"#);
            let tenant = number % self.world.tenants.len();
            // What goes wrong at the vendor goes wrong for people too.
            if self.world.ask(tenant, "POST", "/api/v1/groups", &group).0 == 200 {
                *self.made.entry(tenant).or_default() += 1;
            }
            self.process.work_until(end.min(now + SignedDuration::from_hours(6))).await;
            self.telling.round().await;
        }
        self.memory.push(resident());
    }

    /// Half of the people of a tenant are gone.
    fn halve(&self, tenant: usize) -> usize {
        let (status, users) = self.world.ask(tenant, "GET", "/api/v1/users", "");
        assert_eq!(status, 200);
        let ids = users.as_array().unwrap().iter().filter_map(|user| user.get("id").and_then(Value::as_str));
        let ids: Vec<&str> = ids.collect();
        for id in ids.iter().take(ids.len() / 2) {
            let path = format!("/api/v1/users/{id}");
            // The first call switches off, the second deletes.
            self.world.ask(tenant, "DELETE", &path, "");
            self.world.ask(tenant, "DELETE", &path, "");
        }
        ids.len() / 2
    }

    fn good(&self) -> u64 {
        self.world.tenants.iter().map(|tenant| self.world.book(&tenant.name).totals.good).sum()
    }
}

/// Everything that goes wrong, one after the other; how many requests were refused in the storm, and how many people
/// are gone.
async fn troubles(month: &mut Month) -> (u64, usize) {
    let last = month.world.tenants.len() - 1;
    month.until(10).await;
    // A crash in the middle of a write: it is not on the disk, and nothing that this process does after it reaches the
    // storage.
    let crash = Arc::new(Fault::at_a_write(month.world.memory.clone(), 10, FaultKind::FailedSync));
    month.restart(crash.clone());
    month.until(14).await;
    assert!(crash.has_struck());
    month.power_cut();
    let memory: Arc<dyn Storage> = month.world.memory.clone();
    month.until(25).await;
    *month.world.tenants[0].without_key.lock().unwrap() = true;
    month.until(35).await;
    *month.world.tenants[0].without_key.lock().unwrap() = false;
    month.until(40).await;
    let full = Arc::new(Fault::new(memory.clone(), 10, FaultKind::NoSpace));
    month.restart(full.clone());
    month.until(46).await;
    assert!(full.has_struck());
    month.restart(memory.clone());
    month.until(55).await;
    month.world.tenants[last].organisation().faults =
        Faults::parse("[[fault]]\nwhat = \"forbidden\"").unwrap();
    month.until(62).await;
    // A storm: again and again a request is refused for their number.
    let before = month.world.book(&month.world.tenants[last].name).totals.throttled;
    let refused = |at: usize| format!("[[fault]]\nwhat = \"too_many\"\nafter = {}\ntimes = 1\n", at * 4);
    month.world.tenants[last].organisation().faults =
        Faults::parse(&(0..STORM).map(refused).collect::<String>()).unwrap();
    month.until(72).await;
    let throttled = month.world.book(&month.world.tenants[last].name).totals.throttled - before;
    assert!(throttled as usize * 2 > STORM, "{throttled} of {STORM} refusals were met");
    // The clock is a day ahead for an hour.
    let now = month.world.clock.now();
    month.world.clock.set(now + SignedDuration::from_hours(24));
    month.process.scheduler.round().await;
    month.world.clock.set(now);
    month.until(85).await;
    (throttled, month.halve(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_month() {
    let size = std::env::var(SIZE).unwrap_or_else(|_| "1 2".to_owned());
    let (days, tenants) = size.split_once(' ').unwrap();
    let mut month = Month::begin(days.parse().unwrap(), tenants.parse().unwrap()).await;
    let (throttled, halved) = troubles(&mut month).await;
    month.until(100).await;
    month.count();

    let told: usize = month.runs.iter().filter(|(what, _)| is_good(what)).map(|(_, count)| count).sum();
    let mut out = std::io::stderr().lock();
    writeln!(out, "month: {size}: runs {:?}", month.runs).unwrap();
    writeln!(out, "month: alerts {:?}; half of {} people gone", month.alerts, halved * 2).unwrap();
    writeln!(out, "month: {throttled} requests refused in a storm; groups made by tenant {:?}", month.made)
        .unwrap();
    writeln!(out, "month: memory after each part {:?} kB", month.memory).unwrap();
    drop(out);
    assert_eq!(month.good(), told as u64, "every snapshot that was told of is in the books");
    let repository = month.world.repository();
    let found = repository.check(true, &|_, _| {}).unwrap();
    assert!(found.is_clean(), "{:?}", found.faults);
    for tenant in &month.world.tenants {
        let book = month.world.book(&tenant.name);
        let newest = repository.snapshots(&tenant.name).unwrap().pop().unwrap();
        assert_eq!(newest.id.to_string(), book.good.unwrap().snapshot, "{}", tenant.name);
        assert_eq!((book.failing_since, book.tries), (None, 0), "{} is well again", tenant.name);
        let age = month.world.clock.now().duration_since(newest.finished);
        assert!(age < SignedDuration::from_mins(65), "{}: {age}", tenant.name);
    }
    for (number, made) in &month.made {
        let name = &month.world.tenants[*number].name;
        assert_eq!(
            projects(&repository, name),
            *made,
            "{name}: what was made is found, whatever happened meanwhile"
        );
    }
    assert_eq!(month.again, 0, "nothing is told twice: {:?}", month.alerts);
    assert!(month.runs.contains_key("org0 failed"), "the credential was missed: {:?}", month.runs);
    assert!(CareBook::read(&repository).unwrap().prune.failure.is_none());
    let begins = |rule: &str| month.alerts.iter().any(|(what, _)| what.starts_with(rule));
    assert!(begins("run_failed"), "{:?}", month.alerts);
}

/// Groups of the newest state that the days' people have made.
fn projects(repository: &Repository, tenant: &str) -> usize {
    let newest = repository.snapshots(tenant).unwrap().pop().unwrap();
    let state = repository.state(tenant, newest.seq).unwrap();
    let groups: Vec<Entry> = state.kind(&Kind::new("group")).map(|(_, entry)| entry).collect();
    let bodies = repository.read_many(&groups, Part::Main).unwrap();
    let is_one = |body: &Vec<u8>| String::from_utf8_lossy(body).contains("\"name\":\"Project ");
    bodies.iter().flatten().filter(|body| is_one(body)).count()
}

/// Whether a line counts runs that left a snapshot.
fn is_good(what: &str) -> bool {
    what.ends_with(" all") || what.ends_with(" part")
}
