//! The store as the lanes drive it: bodies given, no HTTP, a key file instead of a passphrase.

use std::collections::BTreeMap;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use lastgood::base::coverage::{Ledger, Row, State as Covered};
use lastgood::base::entropy::SystemEntropy;
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::catalog::{self, KindSpec, canonicalize};
use lastgood::crypto::wrap::WrapSecret;
use lastgood::json::{Limits, Object, Pointer, Value, parse};
use lastgood::restore::stored_journal;
use lastgood::storage::Local;
use lastgood::store::{
    Entry, Environment, Flags, KdfCost, Meta, Part, Parts, PruneAsked, Repository, Retention, Unlock,
    WriteSession,
};

use super::Failure;

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

/// Takes bodies as a vendor's page gives them to the session, by the rules of the catalogue.
struct Intake<'a> {
    provider: &'static catalog::Provider,
    kinds: BTreeMap<&'a str, &'static KindSpec>,
    fingerprints: lastgood::store::Fingerprints,
}

impl Intake<'_> {
    fn new(repository: &Repository) -> Result<Self, Failure> {
        let provider = catalog::provider("okta")?;
        let kinds = provider.kinds.iter().map(|spec| (spec.kind.as_str(), spec)).collect();
        Ok(Self { provider, kinds, fingerprints: repository.fingerprints(TENANT)? })
    }

    fn put(&self, session: &mut WriteSession, key: &ResourceKey, body: &[u8]) -> Result<(), Failure> {
        let spec = self.kinds.get(key.kind.as_str()).ok_or("a kind that the catalogue has not")?;
        let address = key.to_path();
        let mark = |pointer: &str, value: &[u8]| self.fingerprints.mark(&address, pointer, value);
        let canonical = canonicalize(self.provider, spec, parse(body, &Limits::body())?, &mark);
        let parts = Parts {
            main: canonical.main.to_canonical(),
            secret: canonical.secret.map(|value| value.to_canonical()),
            volatile: canonical.volatile.map(|value| value.to_canonical()),
            raw: None,
        };
        session.put(key, parts)?;
        Ok(())
    }
}

fn meta(total: u64, full_sweep: bool) -> Meta {
    let now = Timestamp::now();
    let row = Row {
        state: Covered::Complete,
        reason: String::new(),
        count: total,
        read: Some((now, now)),
        exceptions: vec![],
    };
    Meta {
        started: now,
        finished: now,
        ledger: Ledger { rows: [(Kind::new("user"), row)].into(), unknown: vec![] },
        identity: [7; 32],
        permission: [8; 32],
        requests: 0,
        full_sweep,
        flags: Flags::default(),
        rules: 1,
        notes: BTreeMap::new(),
    }
}

fn commit(session: WriteSession, total: u64, full_sweep: bool) -> Result<(), Failure> {
    let snapshot = session.commit(meta(total, full_sweep))?;
    println!(
        "seq {} total {} added {} changed {} removed {} bytes {}",
        snapshot.seq, snapshot.total, snapshot.added, snapshot.changed, snapshot.removed, snapshot.bytes
    );
    Ok(())
}

/// A full sweep: all bodies are given, and what did not come is gone. With a `tick`, a volatile field of
/// each body is another than at the last sweep.
fn full(repository: &Repository, file: &Path, tick: Option<u64>) -> Result<(), Failure> {
    let intake = Intake::new(repository)?;
    let mut session = repository.session(TENANT)?;
    let mut seen = std::collections::HashSet::new();
    lines(file, |text, body| {
        let (key, body) = (path(text)?, body.ok_or("a state has a body a line")?);
        match tick {
            Some(tick) => intake.put(&mut session, &key, &moved(body, tick))?,
            None => intake.put(&mut session, &key, body)?,
        }
        seen.insert(blake3::hash(text.as_bytes()).as_bytes()[..8].to_vec());
        Ok(())
    })?;
    let gone: Vec<ResourceKey> = session
        .parent_state()
        .iter()
        .map(|(key, _)| key)
        .filter(|key| !seen.contains(&blake3::hash(key.to_path().as_bytes()).as_bytes()[..8]))
        .collect();
    gone.iter().try_for_each(|key| session.gone(key))?;
    commit(session, seen.len() as u64, true)
}

/// The same body with one more link, which says which reading it is of: what a vendor moves though
/// nobody changed anything.
fn moved(body: &[u8], tick: u64) -> Vec<u8> {
    let member = b"\"_links\":{";
    let Some(at) = body.windows(member.len()).position(|window| window == member) else {
        return body.to_vec();
    };
    let (before, after) = body.split_at(at + member.len());
    let comma = if after.starts_with(b"}") { "" } else { "," };
    let link = format!("\"activate\":{{\"href\":\"https://acme.okta.example/{tick}\"}}{comma}");
    [before, link.as_bytes(), after].concat()
}

/// An incremental snapshot: only what changed is given.
fn given(repository: &Repository, file: &Path) -> Result<(), Failure> {
    let intake = Intake::new(repository)?;
    let mut session = repository.session(TENANT)?;
    lines(file, |text, body| match body {
        Some(body) => intake.put(&mut session, &path(text)?, body),
        None => Ok(session.gone(&path(text)?)?),
    })?;
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
