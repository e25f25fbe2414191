//! `snapshot` killed at any moment: what it was told to be committed stays, what it was not is there
//! whole or not at all, and the next run goes on from there.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use lastgood::store::{Part, Repository};

use crate::realm::{Realm, notes};
use crate::world::{World, files_below};

/// How many kills; the campaign gives more.
const ROUNDS: &str = "LASTGOOD_KILL_ROUNDS";

/// Snapshots that are read again after every kill; all of them are now and then, and at the end.
const NEWEST: usize = 4;

/// When a run is killed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum When {
    /// So long after its start.
    After(Duration),
    /// When it made so many requests.
    Asked(usize),
    /// So long after the first byte of the new record was written under a temporary name.
    Writing(Duration),
    /// So long after the new record had its name: while index and trust file are written.
    Named(Duration),
}

/// What became of a killed run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Left {
    /// It had ended before.
    Ended,
    /// Killed, and it had said that it committed.
    Told,
    /// Killed; the snapshot is there, and nobody was told.
    Untold,
    /// Killed; the snapshot is not there.
    Nothing,
}

/// A history under fire, and which state of the realm each of its snapshots holds.
struct History {
    world: World,
    realm: Realm,
    states: BTreeMap<u64, usize>,
    coin: u64,
    /// How long a run takes that nobody kills, and how many requests it makes.
    whole: (Duration, usize),
}

impl History {
    fn begin() -> Self {
        let (world, realm) = (World::bare(), Realm::start());
        world.configure(&realm.configuration());
        world.write("secret", "hush");
        let started = Instant::now();
        world.run(&["snapshot", "--json"]).ok();
        let whole = (started.elapsed(), realm.asked());
        let states = BTreeMap::from([(1, 0)]);
        Self { world, realm, states, coin: 7, whole }
    }

    /// A number below `sides`, another one each time and the same ones in each run of the test.
    fn throw(&mut self, sides: u64) -> u64 {
        self.coin = self.coin.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.coin >> 33) % sides.max(1)
    }

    fn when(&mut self, round: usize) -> When {
        let micros = |most: Duration| u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        match round % 4 {
            0 => When::After(Duration::from_micros(self.throw(micros(self.whole.0)))),
            1 => When::Asked(1 + self.throw(self.whole.1 as u64) as usize),
            2 => When::Writing(Duration::from_micros(self.throw(3_000))),
            _ => When::Named(Duration::from_micros(self.throw(60_000))),
        }
    }

    /// One run that is killed, and everything that must hold after it.
    fn round(&mut self, round: usize) -> Left {
        let (state, when) = (round + 1, self.when(round));
        let case = format!("round {round}, killed {when:?}");
        self.realm.move_to(state);
        let mut command = self.world.command(&["snapshot", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        self.wait_for(when, &mut child);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let told = output.stdout.ends_with(b"\n");
        let ended = output.status.code().is_some();
        assert!(!ended || (told && output.status.success()), "{case}: {output:?}");

        let checked = self.world.run(&["check", "--read-data", "--json"]);
        assert_eq!(checked.code, 0, "{case}: {checked:?}");
        let repository = self.world.repository(false);
        let found: Vec<u64> = repository.snapshots("kc").unwrap().iter().map(|s| s.seq).collect();
        let known: Vec<u64> = self.states.keys().copied().collect();
        let new = found
            .strip_prefix(known.as_slice())
            .unwrap_or_else(|| panic!("{case}: {found:?} after {known:?}"));
        assert!(new.len() <= 1 && (!told || new.len() == 1), "{case}: told {told}, new {new:?}");
        self.states.extend(new.iter().map(|seq| (*seq, state)));
        let newest = if round % 20 == 19 { usize::MAX } else { NEWEST };
        self.compare(&repository, newest, &case);
        self.compare_index(&case);
        match (ended, told, new.len()) {
            (true, ..) => Left::Ended,
            (false, true, _) => Left::Told,
            (false, false, 1) => Left::Untold,
            _ => Left::Nothing,
        }
    }

    fn wait_for(&self, when: When, child: &mut Child) {
        let (records, started) = (self.files().1, Instant::now());
        let until = |come: &dyn Fn() -> bool, child: &mut Child| {
            while !come() && child.try_wait().unwrap().is_none() && started.elapsed().as_secs() < 60 {
                std::thread::sleep(Duration::from_micros(100));
            }
        };
        match when {
            When::After(time) => std::thread::sleep(time),
            When::Asked(requests) => until(&|| self.realm.asked() >= requests, child),
            When::Writing(time) => {
                until(&|| self.files() != (0, records), child);
                std::thread::sleep(time);
            }
            When::Named(time) => {
                until(&|| self.files().1 > records, child);
                std::thread::sleep(time);
            }
        }
    }

    /// Temporary files and records of the tenant; the book and the turn lie elsewhere.
    fn files(&self) -> (usize, usize) {
        let mut files = files_below(&self.world.path("repo"));
        let is_tenant = |name: &std::ffi::OsStr| name.len() == 32;
        files.retain(|path| path.parent().and_then(std::path::Path::file_name).is_some_and(is_tenant));
        let temporary = files.iter().filter(|path| path.to_string_lossy().contains("/.tmp-")).count();
        (temporary, files.len() - temporary)
    }

    /// The newest snapshots hold what the realm had, in every body.
    fn compare(&self, repository: &Repository, newest: usize, case: &str) {
        for (seq, state) in self.states.iter().rev().take(newest) {
            let mut found = BTreeMap::new();
            for (key, entry) in repository.state("kc", *seq).unwrap().iter() {
                let body = repository.read(&entry, Part::Main).unwrap().unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                if key.kind.as_str() == "user" {
                    let text = |field: &str| body[field].as_str().unwrap().to_owned();
                    found.insert(text("id"), text("firstName"));
                }
            }
            assert!(found == notes(*state), "{case}: snapshot {seq} is not state {state}");
        }
    }

    /// An index that was killed, too, gives the answers that one made anew gives.
    fn compare_index(&self, case: &str) {
        let log = ["log", "kc/user/u003", "-p", "--json"];
        let kept = self.world.run(&log).ok().out;
        let mut anew = self.world.command(&log);
        anew.env("XDG_CACHE_HOME", self.world.path("cache-made-anew"));
        let output = anew.output().unwrap();
        assert_eq!(kept, String::from_utf8(output.stdout).unwrap(), "{case}");
        std::fs::remove_dir_all(self.world.path("cache-made-anew")).unwrap();
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let rounds = std::env::var(ROUNDS).map_or(12, |rounds| rounds.parse().unwrap());
    let mut history = History::begin();
    let mut left: BTreeMap<Left, usize> = BTreeMap::new();
    for round in 0..rounds {
        *left.entry(history.round(round)).or_default() += 1;
    }
    history.compare(&history.world.repository(false), usize::MAX, "at the end");
    let mut out = std::io::stderr().lock();
    writeln!(out, "kill: {rounds} rounds: {left:?}; {} snapshots, each read again", history.states.len())
        .unwrap();
    let killed: usize = left.iter().filter(|(left, _)| **left != Left::Ended).map(|(_, count)| count).sum();
    assert!(killed * 2 > rounds, "most runs were killed before their end: {left:?}");
    assert!(left.contains_key(&Left::Nothing), "{left:?}");
    let committed = [Left::Untold, Left::Told].iter().any(|one| left.contains_key(one));
    assert!(committed, "some were killed after the commit: {left:?}");
}
