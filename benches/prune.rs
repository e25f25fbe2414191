//! What a prune costs at a large tenant: a month of hours, a dry run, the mark, the deletion.
//!
//! `cargo bench --bench prune [-- USERS DAYS CHURN]`; without words 61,140 users (250,000 resources), 30 days and one
//! resource in a thousand an hour. Each step is a process of its own that opens the repository as a command does, with
//! a key file, and says what it took: wall and CPU seconds and its peak memory, as the system counts them. Hours are
//! given as what changed in them; the month ends now, and files get the time of their hour, as a prune asks the
//! storage's clock as well as the writer's.
#![allow(clippy::print_stdout, reason = "whoever calls it reads it")]

// Of the organisation only its hours are needed here.
#[allow(dead_code, reason = "shared with what needs all of it at once")]
mod tenant;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use lastgood::base::entropy::SystemEntropy;
use lastgood::base::secret::Secret;
use lastgood::base::time::FixedClock;
use lastgood::crypto::wrap::WrapSecret;
use lastgood::restore::stored_journal;
use lastgood::storage::Local;
use lastgood::store::{Environment, KdfCost, Parts, PruneAsked, Repository, Retention, Unlock, WriteSession};
use tenant::{Change, Tenant};

type Failure = Box<dyn std::error::Error>;

const NAME: &str = "acme";
/// Longer than a prune waits before it deletes.
const GRACE: Duration = Duration::from_secs(73 * 3600);

fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["step", name, folder, rest @ ..] => step(name, Path::new(folder), rest),
        [] => all(&["61140", "30", "0.001"]),
        [_, _, _] => all(&words),
        _ => Err("usage: prune [USERS DAYS CHURN]".into()),
    }
}

/// Every step in its order, each in a process of its own.
fn all(size: &[&str]) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    println!("{} users, {} days of hours, {} of all resources an hour", size[0], size[1], size[2]);
    for name in ["make", "dry run", "mark", "after the grace", "check"] {
        let mut command = Command::new(std::env::current_exe()?);
        let ran = command.args(["step", name]).arg(folder.path()).args(size).status()?;
        if !ran.success() {
            return Err(format!("`{name}` failed").into());
        }
    }
    Ok(())
}

fn step(name: &str, folder: &Path, size: &[&str]) -> Result<(), Failure> {
    let began = Instant::now();
    let said = match (name, size) {
        ("make", [users, days, churn]) => make(folder, users.parse()?, days.parse()?, churn.parse()?)?,
        ("dry run", _) => prune(folder, true)?,
        ("mark", _) => prune(folder, false)?,
        ("after the grace", _) => {
            for file in files(folder)? {
                let at = file.metadata()?.modified()?;
                File::options().write(true).open(file)?.set_modified(at - GRACE)?;
            }
            prune(folder, false)?
        }
        ("check", _) => check(folder)?,
        _ => return Err(format!("{name} is no step").into()),
    };
    let (cpu, peak) = taken()?;
    let bytes: u64 = files(folder)?.iter().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum();
    println!(
        "{name}: {:.1} s, {cpu:.1} s of CPU, {peak} MiB at the most; {bytes} bytes in {} files; {said}",
        began.elapsed().as_secs_f64(),
        files(folder)?.len()
    );
    Ok(())
}

/// CPU seconds and the greatest memory in MiB of this process so far.
fn taken() -> Result<(f64, u64), Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    Ok((ticks as f64 / 100.0, peak.ok_or("no VmHWM")?.parse::<u64>()? / 1024))
}

/// Every file of the repository.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.join("repository")]);
    while let Some(folder) = folders.pop() {
        for row in std::fs::read_dir(folder)? {
            let path = row?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

fn open(folder: &Path, env: Environment) -> Result<Repository, Failure> {
    let bytes: [u8; 32] = std::fs::read(folder.join("key"))?.as_slice().try_into()?;
    let unlock = Unlock::Key(WrapSecret::from_secret(Secret::new(bytes)));
    let local = Local::open(&folder.join("repository"), Arc::new(SystemEntropy))?;
    Ok(Repository::open(Arc::new(local), &unlock, env, Some(folder.join("index")))?)
}

/// A month that ends now.
fn make(folder: &Path, users: u64, days: u32, churn: f64) -> Result<String, Failure> {
    let hours = days * 24;
    let ends = Timestamp::now();
    let at = |hour: u32| ends - SignedDuration::from_hours(i64::from(hours - 1 - hour));
    let clock = Arc::new(FixedClock::new(at(0)));
    let env = || Environment { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
    let secret = WrapSecret::random(&SystemEntropy)?;
    std::fs::write(folder.join("key"), secret.secret().expose())?;
    let local = Local::create(&folder.join("repository"), Arc::new(SystemEntropy))?;
    let index = Some(folder.join("index"));
    Repository::init(Arc::new(local), &Unlock::Key(secret), KdfCost::STANDARD, env(), index)?;
    let repository = open(folder, env())?;
    let mut organisation = Tenant::new(users, 1);
    let (mut dated, mut written) = (BTreeSet::new(), 0);
    for hour in 0..hours {
        clock.set(at(hour));
        let mut session = repository.session(NAME)?;
        if hour == 0 {
            let mut rows: Vec<_> =
                organisation.rows().iter().map(|row| (row.key().to_path(), *row)).collect();
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            rows.iter().try_for_each(|(_, row)| put(&mut session, *row))?;
        } else {
            for change in organisation.hour(churn) {
                match change {
                    Change::Put(row) => put(&mut session, row)?,
                    Change::Gone(row) => session.gone(&row.key())?,
                }
            }
        }
        let total = organisation.rows().len() as u64;
        written += session.commit(tenant::read_at(at(hour), total, hour == 0))?.bytes;
        for file in files(folder)? {
            if dated.insert(file.clone()) {
                File::options().write(true).open(file)?.set_modified(SystemTime::from(at(hour)))?;
            }
        }
    }
    Ok(format!("{hours} snapshots of {} resources, {written} bytes written", organisation.rows().len()))
}

fn put(session: &mut WriteSession, row: tenant::Row) -> Result<(), Failure> {
    session.put(&row.key(), Parts { main: row.body(None), secret: None, volatile: None, raw: None })?;
    Ok(())
}

/// Keeps the hours of a week and the days of a month.
fn prune(folder: &Path, dry_run: bool) -> Result<String, Failure> {
    let repository = open(folder, Environment::system())?;
    let policy =
        Retention { hourly: Some("7d".parse()?), daily: Some("30d".parse()?), ..Retention::default() };
    let asked = PruneAsked { policy: &policy, needs: stored_journal::needs, now: Timestamp::now(), dry_run };
    let found = repository.prune_tenant(NAME, &asked)?;
    Ok(format!(
        "{} of {} snapshots go, {:?} marked, {} bytes written, {:?} deleted",
        found.dropped(),
        found.fates.len(),
        found.marked,
        found.written,
        found.deleted
    ))
}

fn check(folder: &Path) -> Result<String, Failure> {
    let repository = open(folder, Environment::system())?;
    let found = repository.check(true, &|_, _| {})?;
    if !found.is_clean() {
        return Err(format!("{found:?}").into());
    }
    Ok(format!("{} snapshots, no damage", repository.snapshots(NAME)?.len()))
}
