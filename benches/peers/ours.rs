//! The store as the lanes drive it: bodies given, no HTTP, a key file instead of a passphrase.

use std::collections::BTreeMap;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use lastgood::base::entropy::SystemEntropy;
use lastgood::base::key::ResourceKey;
use lastgood::base::secret::Secret;
use lastgood::catalog::{self, KindSpec};
use lastgood::collect::intake::Intake;
use lastgood::crypto::wrap::WrapSecret;
use lastgood::json::{Limits, Object, Pattern, Pointer, Value, parse};
use lastgood::provider::{Body, Given};
use lastgood::restore::stored_journal;
use lastgood::storage::Local;
use lastgood::store::{
    Entry, Environment, KdfCost, Part, PruneAsked, Repository, Retention, Unlock, WriteSession,
};

use super::Failure;
use super::tenant::read_at;

const TENANT: &str = "acme";

/// Runs one command on the repository in this folder; its index lies beside it, as does the key.
pub(crate) fn run(command: &str, folder: &Path, words: &[&str]) -> Result<(), Failure> {
    if command == "init" {
        std::fs::create_dir_all(folder)?;
        let secret = WrapSecret::random(&SystemEntropy)?;
        std::fs::write(folder.join("key"), secret.secret().expose())?;
        let local = Local::create(&folder.join("repository"), Arc::new(SystemEntropy))?;
        let index = Some(folder.join("index"));
        Repository::init(
            Arc::new(local),
            &Unlock::Key(secret),
            KdfCost::STANDARD,
            Environment::system(),
            index,
        )?;
        return Ok(());
    }
    let repository = open(folder)?;
    match (command, words) {
        ("full", [file]) => full(&repository, Path::new(file), None),
        ("moved", [file, tick]) => full(&repository, Path::new(file), Some(tick.parse()?)),
        ("given", [file]) => given(&repository, Path::new(file)),
        ("state", [seq]) => state(&repository, seq.parse()?),
        ("show", [seq, key]) => show(&repository, seq.parse()?, &path(key)?),
        ("log", [key]) => log(&repository, &path(key)?),
        ("diff", [from, to]) => diff(&repository, from.parse()?, to.parse()?),
        ("find", [seq, text]) => find(&repository, seq.parse()?, text),
        ("check", []) => check(&repository),
        ("prune", [last]) => prune(&repository, last.parse()?),
        ("index", []) => Ok(repository.rebuild_index(&|_, _| {})?),
        _ => Err(format!("{command} {words:?} is not a command").into()),
    }
}

fn open(folder: &Path) -> Result<Repository, Failure> {
    let bytes: [u8; 32] = std::fs::read(folder.join("key"))?.as_slice().try_into()?;
    let unlock = Unlock::Key(WrapSecret::from_secret(Secret::new(bytes)));
    let local = Local::open(&folder.join("repository"), Arc::new(SystemEntropy))?;
    Ok(Repository::open(Arc::new(local), &unlock, Environment::system(), Some(folder.join("index")))?)
}

fn path(text: &str) -> Result<ResourceKey, Failure> {
    ResourceKey::from_path(text).ok_or_else(|| format!("{text} is not KIND/ID").into())
}

/// Gives each line of a stream: its key, and its body if it has one.
pub(crate) fn lines(
    file: &Path,
    mut each: impl FnMut(&str, Option<&[u8]>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(file)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        line.pop();
        match line.iter().position(|byte| *byte == b'\t') {
            Some(at) => each(std::str::from_utf8(&line[..at])?, Some(&line[at + 1..]))?,
            None => each(std::str::from_utf8(&line)?, None)?,
        }
        line.clear();
    }
    Ok(())
}

/// Lines that are taken together, as a few pages of a vendor are.
const TOGETHER: usize = 2_048;

/// Takes bodies as a vendor's pages give them to the session, by the rules of the catalogue. What is no change
/// of the body is known by its bytes, as in the collector.
struct Page<'s> {
    session: &'s mut WriteSession,
    kinds: BTreeMap<&'static str, KindSpec>,
    intake: Intake,
    waiting: Vec<Given>,
    count: u64,
}

impl<'s> Page<'s> {
    /// Of a session that gets everything, or only what changed.
    fn new(repository: &Repository, session: &'s mut WriteSession, all: bool) -> Result<Self, Failure> {
        let provider = catalog::provider("okta")?;
        // The peers keep all that they are given, so of an edge all is kept too.
        let whole = |spec: &KindSpec| KindSpec { keep: vec![Pattern::default()], ..spec.clone() };
        let kinds = provider.kinds.iter().map(|spec| (spec.kind.as_str(), whole(spec))).collect();
        let intake = Intake::new(provider, repository.fingerprints(TENANT)?, session, all)?;
        Ok(Self { session, kinds, intake, waiting: Vec::with_capacity(TOGETHER), count: 0 })
    }

    fn put(&mut self, key: ResourceKey, body: Vec<u8>) -> Result<(), Failure> {
        if self.waiting.len() == TOGETHER || self.waiting.last().is_some_and(|last| last.key.kind != key.kind)
        {
            self.flush()?;
        }
        let raw_len = body.len();
        self.waiting.push(Given { key, body: Body::Sent(body.into()), raw_len });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let Some(first) = self.waiting.first() else { return Ok(()) };
        let spec = self.kinds.get(first.key.kind.as_str()).ok_or("the catalogue has no such kind")?;
        for taken in self.intake.take(self.session, spec, &self.waiting)? {
            taken?;
        }
        self.count += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

fn commit(session: WriteSession, total: u64, full_sweep: bool) -> Result<(), Failure> {
    let snapshot = session.commit(read_at(Timestamp::now(), total, full_sweep))?;
    println!(
        "seq {} total {} added {} changed {} removed {} bytes {}",
        snapshot.seq, snapshot.total, snapshot.added, snapshot.changed, snapshot.removed, snapshot.bytes
    );
    Ok(())
}

/// A full sweep: all bodies are given, and what did not come is gone. With a `tick`, a volatile field of
/// each body is another than at the last sweep.
fn full(repository: &Repository, file: &Path, tick: Option<u64>) -> Result<(), Failure> {
    let mut session = repository.session(TENANT)?;
    let mut given = Page::new(repository, &mut session, true)?;
    lines(file, |text, body| {
        let (key, body) = (path(text)?, body.ok_or("a state has a body a line")?);
        given.put(key, tick.map_or_else(|| body.to_vec(), |tick| moved(body, tick)))
    })?;
    given.flush()?;
    let (kinds, count) = (given.kinds, given.count);
    for spec in kinds.values() {
        for key in session.unsaid(&spec.kind).1 {
            session.gone(&key)?;
        }
    }
    commit(session, count, true)
}

/// The same body with another address in its first link, which says which reading it is of: what a vendor moves
/// though nobody changed anything.
fn moved(body: &[u8], tick: u64) -> Vec<u8> {
    let after = |from: usize, text: &[u8]| {
        let found = body[from..].windows(text.len()).position(|window| window == text);
        found.map(|at| from + at + text.len())
    };
    let Some(at) = after(0, b"\"_links\":{").and_then(|at| after(at, b"\"href\":\"")) else {
        return body.to_vec();
    };
    let (before, after) = body.split_at(at);
    [before, format!("https://{tick}.").as_bytes(), after].concat()
}

/// An incremental snapshot: only what changed is given.
fn given(repository: &Repository, file: &Path) -> Result<(), Failure> {
    let mut session = repository.session(TENANT)?;
    let mut given = Page::new(repository, &mut session, false)?;
    lines(file, |text, body| match body {
        Some(body) => given.put(path(text)?, body.to_vec()),
        None => Ok(given.session.gone(&path(text)?)?),
    })?;
    given.flush()?;
    let total = session.parent_state().len() as u64;
    commit(session, total, false)
}

fn show(repository: &Repository, seq: u64, key: &ResourceKey) -> Result<(), Failure> {
    let entry = repository.entry(TENANT, seq, key)?.ok_or("it was not there then")?;
    let body = repository.read(&entry, Part::Main)?.ok_or("a resource has a main body")?;
    println!("{}", String::from_utf8(body)?);
    Ok(())
}

/// Prints a whole state as the stream that it was made from: each main body with its volatile members
/// put back.
fn state(repository: &Repository, seq: u64) -> Result<(), Failure> {
    let state = repository.state(TENANT, seq)?;
    let rows: Vec<(String, Entry)> = state.iter().map(|(key, entry)| (key.to_path(), entry)).collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for rows in rows.chunks(4096) {
        let entries: Vec<Entry> = rows.iter().map(|(_, entry)| entry.clone()).collect();
        let main = repository.read_many(&entries, Part::Main)?;
        let volatile = repository.read_many(&entries, Part::Volatile)?;
        for ((key, _), (main, volatile)) in rows.iter().zip(main.into_iter().zip(volatile)) {
            let mut body = parse(&main.ok_or("a resource has a main body")?, &Limits::body())?;
            let moved = volatile.map(|bytes| parse(&bytes, &Limits::body())).transpose()?;
            for (at, value) in moved.iter().filter_map(Value::as_object).flat_map(Object::iter) {
                Pointer::parse(at)?.set(&mut body, value.clone())?;
            }
            out.write_all(&[key.as_bytes(), b"\t", &body.to_canonical(), b"\n"].concat())?;
        }
    }
    Ok(out.flush()?)
}

fn log(repository: &Repository, key: &ResourceKey) -> Result<(), Failure> {
    let history = repository.history(TENANT, key)?;
    let after: Vec<Entry> = history.iter().filter_map(|(_, change)| change.after.clone()).collect();
    let bodies = repository.read_many(&after, Part::Main)?;
    let bytes: usize = bodies.iter().flatten().map(Vec::len).sum();
    println!("{} changes, {bytes} bytes", history.len());
    Ok(())
}

/// What differs between two snapshots, with both bodies of each.
fn diff(repository: &Repository, from: u64, to: u64) -> Result<(), Failure> {
    let (from, to) = (repository.state(TENANT, from)?, repository.state(TENANT, to)?);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (key, entry) in from.iter() {
        match to.get(&key) {
            Some(other) if other == entry => {}
            other => {
                before.push(entry);
                after.extend(other);
            }
        }
    }
    after.extend(to.iter().filter(|(key, _)| !from.has(key)).map(|(_, entry)| entry));
    let bytes = |entries: &[Entry]| -> Result<usize, Failure> {
        Ok(repository.read_many(entries, Part::Main)?.iter().flatten().map(Vec::len).sum())
    };
    println!(
        "{} before in {} bytes, {} after in {}",
        before.len(),
        bytes(&before)?,
        after.len(),
        bytes(&after)?
    );
    Ok(())
}

fn find(repository: &Repository, seq: u64, text: &str) -> Result<(), Failure> {
    let state = repository.state(TENANT, seq)?;
    let entries: Vec<Entry> = state.iter().map(|(_, entry)| entry).collect();
    let mut found = 0;
    for some in entries.chunks(4096) {
        let bodies = repository.read_many(some, Part::Main)?;
        found += bodies.iter().flatten().filter(|body| has(body, text.as_bytes())).count();
    }
    println!("{found} of {}", entries.len());
    Ok(())
}

fn has(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window == text)
}

fn check(repository: &Repository) -> Result<(), Failure> {
    let report = repository.check(true, &|_, _| {})?;
    if report.is_clean() { Ok(()) } else { Err(format!("{report:?}").into()) }
}

/// Marks what all but the newest so many snapshots leave behind; it is deleted after the grace.
fn prune(repository: &Repository, last: u64) -> Result<(), Failure> {
    let policy = Retention { last, ..Retention::default() };
    let needs = stored_journal::needs;
    let asked = PruneAsked { policy: &policy, needs, now: Timestamp::now(), dry_run: false };
    let pruned = repository.prune_tenant(TENANT, &asked)?;
    println!("{} gone, {:?} marked, {} written", pruned.dropped(), pruned.marked, pruned.written);
    Ok(())
}
