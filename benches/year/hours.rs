//! Hours into the repository: a session each, as the collector has one.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lastgood::base::coverage::{Ledger, Row as Covered, State};
use lastgood::base::entropy::SystemEntropy;
use lastgood::base::time::FixedClock;
use lastgood::catalog::{self, KindSpec, Provider};
use lastgood::collect::PROVIDER_NOTE;
use lastgood::collect::intake::Intake;
use lastgood::json::Pattern;
use lastgood::provider::{Body, Given};
use lastgood::storage::Local;
use lastgood::store::{Environment, Meta, Repository, Snapshot, WriteSession};
use rayon::prelude::*;

use super::effort::{Effort, peak_kb};
use super::tenant::{self, Change, Row, Tenant};
use super::{CHURN, Failure, at};

const TENANT: &str = "acme";

/// The note of a snapshot that says which hour it is of.
const HOUR_NOTE: &str = "hour";

/// When hour 0 is.
const BEGINS: &str = "2025-10-01T00:00:00Z";

/// Hours between two full sweeps.
const WEEK: u64 = 168;

/// Bodies that are given together, as a few pages of a vendor are.
const TOGETHER: usize = 2_048;

/// Stores every hour that is not stored yet, up to this one.
pub(crate) fn store(folder: &Path, users: u64, last: u64) -> Result<(), Failure> {
    let mut year = Year::open(folder)?;
    let next = year.next()?;
    let mut tenant = at(users, next.saturating_sub(1));
    for hour in next..=last {
        let changes = if hour == 0 { Vec::new() } else { tenant.hour(CHURN) };
        year.hour(hour, &tenant, changes)?;
    }
    Ok(())
}

struct Year {
    repository: Repository,
    clock: Arc<FixedClock>,
    catalog: &'static Provider,
    kinds: BTreeMap<&'static str, KindSpec>,
    out: File,
}

impl Year {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let clock = Arc::new(FixedClock::new(BEGINS.parse()?));
        let environment = Environment { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let unlock = lastgood::cli::keys::read(&folder.join("key")).map_err(|why| format!("{why:?}"))?;
        let local = Local::open(&folder.join("repository"), Arc::new(SystemEntropy))?;
        let index = Some(folder.join("index"));
        let repository = Repository::open(Arc::new(local), &unlock, environment, index)?;
        let catalog = catalog::provider("okta")?;
        // All of a body is kept, of an edge too, as `benches/peers` does.
        let whole = |spec: &KindSpec| KindSpec { keep: vec![Pattern::default()], ..spec.clone() };
        let kinds = catalog.kinds.iter().map(|spec| (spec.kind.as_str(), whole(spec))).collect();
        let out = OpenOptions::new().create(true).append(true).open(folder.join("hours.csv"))?;
        Ok(Self { repository, clock, catalog, kinds, out })
    }

    /// The first hour that is not stored.
    fn next(&self) -> Result<u64, Failure> {
        let session = self.repository.session(TENANT)?;
        let Some(newest) = session.parent() else { return Ok(0) };
        Ok(newest.notes.get(HOUR_NOTE).ok_or("the newest snapshot names no hour")?.parse::<u64>()? + 1)
    }

    fn hour(&mut self, hour: u64, tenant: &Tenant, changes: Vec<Change>) -> Result<(), Failure> {
        let time = begins(hour)?;
        self.clock.set(time);
        let sweep = hour.is_multiple_of(WEEK);
        let mut effort = Effort::default();
        let mut session = effort.of(|| self.repository.session(TENANT))?;
        let fingerprints = self.repository.fingerprints(TENANT)?;
        let intake = effort.of(|| Intake::new(self.catalog, fingerprints, &mut session, sweep))?;
        if sweep {
            self.give(&mut session, &intake, tenant.rows().to_vec(), &mut effort)?;
            effort.of(|| self.say_what_is_gone(&mut session))?;
        } else {
            let mut there = Vec::with_capacity(changes.len());
            for change in changes {
                match change {
                    Change::Put(row) => there.push(row),
                    Change::Gone(row) => effort.of(|| session.gone(&row.key()))?,
                }
            }
            self.give(&mut session, &intake, there, &mut effort)?;
        }
        let ledger = self.ledger(hour)?;
        let snapshot = effort.of(|| session.commit(meta(hour, time, sweep, ledger)))?;
        self.note(hour, sweep, &snapshot, &effort)
    }

    /// Gives bodies kind by kind in the order of their keys.
    fn give(
        &self,
        session: &mut WriteSession,
        intake: &Intake,
        mut rows: Vec<Row>,
        effort: &mut Effort,
    ) -> Result<(), Failure> {
        rows.sort_by_key(|row| row.kind());
        for of_kind in rows.chunk_by(|a, b| a.kind() == b.kind()) {
            let Some(spec) = of_kind.first().and_then(|row| self.kinds.get(row.kind())) else {
                return Err("the catalogue has no such kind".into());
            };
            let mut keyed: Vec<_> = of_kind.par_iter().map(|row| (row.key().to_path(), *row)).collect();
            keyed.par_sort_unstable_by(|a, b| a.0.cmp(&b.0));
            for some in keyed.chunks(TOGETHER) {
                let given: Vec<Given> = some.par_iter().map(|(_, row)| given(*row)).collect();
                for taken in effort.of(|| intake.take(session, spec, &given))? {
                    taken?;
                }
            }
        }
        Ok(())
    }

    /// A sweep read everything: what did not come is gone.
    fn say_what_is_gone(&self, session: &mut WriteSession) -> Result<(), Failure> {
        for spec in self.kinds.values() {
            for key in session.unsaid(&spec.kind).1 {
                session.gone(&key)?;
            }
        }
        Ok(())
    }

    /// What the log tells of was read whole by the last full sweep; the lists of which it does not are read
    /// each hour, one after the other.
    fn ledger(&self, hour: u64) -> Result<Ledger, Failure> {
        let swept = begins(hour / WEEK * WEEK)?;
        let mut at = begins(hour)?;
        let mut rows = BTreeMap::new();
        for spec in &self.catalog.kinds {
            let read = if tenant::holds(spec.kind.as_str()) {
                (swept, swept + SignedDuration::from_mins(4))
            } else {
                let began = at;
                at += SignedDuration::from_millis(1_234);
                (began, at)
            };
            let row = Covered {
                state: State::Complete,
                reason: String::new(),
                count: 0,
                read: Some(read),
                exceptions: Vec::new(),
            };
            rows.insert(spec.kind.clone(), row);
        }
        Ok(Ledger { rows, unknown: Vec::new() })
    }

    /// A line of `hours.csv`; `run` names its columns.
    fn note(&mut self, hour: u64, sweep: bool, snapshot: &Snapshot, effort: &Effort) -> Result<(), Failure> {
        let changed = snapshot.added + snapshot.changed + snapshot.removed;
        let (sweep, total, bytes) = (u8::from(sweep), snapshot.total, snapshot.bytes);
        let (cpu, wall, peak) = (effort.cpu.as_micros(), effort.wall.as_micros(), peak_kb());
        Ok(writeln!(self.out, "{hour},{sweep},{changed},{total},{bytes},{cpu},{wall},{peak}")?)
    }
}

fn begins(hour: u64) -> Result<Timestamp, Failure> {
    let first: Timestamp = BEGINS.parse()?;
    Ok(first + SignedDuration::from_hours(i64::try_from(hour)?))
}

fn given(row: Row) -> Given {
    let body = row.body(None);
    let raw_len = body.len();
    Given { key: row.key(), body: Body::Sent(body.into()), raw_len }
}

fn meta(hour: u64, time: Timestamp, full_sweep: bool, ledger: Ledger) -> Meta {
    let notes = [(PROVIDER_NOTE, "okta".to_owned()), (HOUR_NOTE, hour.to_string())];
    Meta {
        finished: time + SignedDuration::from_mins(5),
        ledger,
        notes: notes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..tenant::read_at(time, 0, full_sweep)
    }
}
