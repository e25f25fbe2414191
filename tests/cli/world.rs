//! A folder with a repository, three snapshots of a small realm in it, and the binary run there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use lastgood::base::coverage::{Ledger, Row, State};
use lastgood::base::entropy::SystemEntropy;
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::base::time::FixedClock;
use lastgood::catalog::{self, canonicalize};
use lastgood::json::{self, Limits};
use lastgood::storage::Local;
use lastgood::store::{Environment, Flags, KdfCost, Meta, Parts, Repository, Unlock};

/// What opens the repository.
pub(crate) const PASSPHRASE: &str = "correct horse";

/// The value of the client's secret; it may come out with `--reveal-secrets` and never else.
pub(crate) const CANARY: &str = "lgcanary-7f3a";

/// A name that would clear the screen and turn the text around.
pub(crate) const HOSTILE: &str = "evil\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}gpj";

/// A state of the realm: `KIND/ID` and the body as the server gives it.
pub(crate) type Rows = Vec<(&'static str, serde_json::Value)>;

/// A folder of its own.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The command ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// The command ended with 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.code(0)
    }

    /// Code and both outputs, for a snapshot.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("exit {}", self.code);
        for (name, text) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !text.is_empty() {
                story += &format!("\n--- {name}\n{}", text.trim_end());
            }
        }
        story
    }

    /// One document a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl World {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with a repository that holds nothing yet.
    pub(crate) fn bare() -> Self {
        let world = Self::empty();
        world.repository(true);
        world
    }

    /// A folder with a repository of three snapshots of the tenant `kc`, at 12:00, 13:00 and 14:00.
    pub(crate) fn with_history() -> Self {
        let world = Self::empty();
        let repository = world.repository(true);
        for (hour, rows) in [(12, first()), (13, second()), (14, third())] {
            commit(&repository, "kc", hour, &rows);
        }
        world
    }

    /// Opens, or makes, the repository through the library.
    pub(crate) fn repository(&self, make: bool) -> Repository {
        let clock = FixedClock::new("2026-11-03T14:30:00Z".parse().unwrap());
        let env = Environment { clock: Arc::new(clock), entropy: Arc::new(SystemEntropy) };
        let storage = Arc::new(Local::create(&self.path("repo"), Arc::new(SystemEntropy)).unwrap());
        let words = Unlock::Passphrase(Secret::new(PASSPHRASE.as_bytes().to_vec()));
        if make {
            Repository::init(storage, &words, KdfCost::CHEAP_FOR_TESTS, env, None).unwrap()
        } else {
            Repository::open(storage, &words, env, None).unwrap()
        }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, text: &str) {
        self.write("lastgood.toml", text);
    }

    /// The binary, in the folder, with an environment of its own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command.args(args);
        self.settle(&mut command);
        command
    }

    /// The same environment for another program, as a shell that starts the binary.
    pub(crate) fn settle(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("LASTGOOD_REPO", "repo")
            .env("LASTGOOD_PASSPHRASE", PASSPHRASE)
            .env("LASTGOOD_NOW", "2026-11-03T18:00:00Z")
            .env("TZ", "UTC");
    }

    /// Runs the binary.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.ended(&self.command(args).output().unwrap())
    }

    /// Runs a line of shell; `lastgood` in it is the binary.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let mut command = Command::new("bash");
        command.args(["-c", &line.replace("lastgood", "\"$LASTGOOD_BIN\"")]);
        self.settle(&mut command);
        self.ended(&command.env("LASTGOOD_BIN", env!("CARGO_BIN_EXE_lastgood")).output().unwrap())
    }

    /// What came out, without what differs from run to run: the folder.
    pub(crate) fn ended(&self, output: &Output) -> Ran {
        let folder = self.folder.path().display().to_string();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&folder, "[folder]");
        Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The ids of the snapshots of `kc`, oldest first.
    pub(crate) fn ids(&self) -> Vec<String> {
        let snapshots = self.run(&["snapshots", "kc", "--json"]).ok().lines();
        snapshots.iter().map(|line| line["snapshot"].as_str().unwrap().to_owned()).collect()
    }

    /// Files of the repository whose path holds `part`, sorted.
    pub(crate) fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut found = files_below(&self.path("repo"));
        found.retain(|path| path.to_string_lossy().contains(part));
        found
    }
}

/// Every file below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Snapshot ids, change ids and times of day, which differ from run to run or say nothing.
pub(crate) fn ids_hidden<T>(run: impl FnOnce() -> T) -> T {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b[0-9a-f]{64}\b", "[id]");
    settings.add_filter(r"\b[0-9a-f]{32}\b", "[id]");
    settings.add_filter(r"\b[0-9a-f]{8}(-[0-9a-f]{8})?\b", "[id]");
    settings.bind(run)
}

/// Makes the tenant's newest state this one, read at that hour.
pub(crate) fn commit(repository: &Repository, tenant: &str, hour: u8, rows: &Rows) {
    let catalog = catalog::provider("keycloak").unwrap();
    let mut session = repository.session(tenant).unwrap();
    let fingerprints = repository.fingerprints(tenant).unwrap();
    let there: Vec<ResourceKey> = session.parent_state().iter().map(|(key, _)| key).collect();
    let mut kept = Vec::new();
    for (path, body) in rows {
        let key = ResourceKey::from_path(path).unwrap();
        let body = json::parse(body.to_string().as_bytes(), &Limits::default()).unwrap();
        let mark = |pointer: &str, value: &[u8]| fingerprints.mark(path, pointer, value);
        let canonical = canonicalize(catalog, catalog.kind(&key.kind).unwrap(), body, &mark);
        let parts = Parts {
            main: canonical.main.to_canonical(),
            secret: canonical.secret.map(|value| value.to_canonical()),
            volatile: canonical.volatile.map(|value| value.to_canonical()),
            raw: None,
        };
        session.put(&key, parts).unwrap();
        kept.push(key);
    }
    for key in there.iter().filter(|key| !kept.contains(key)) {
        session.gone(key).unwrap();
    }
    session.commit(meta(hour, &kept)).unwrap();
}

fn meta(hour: u8, kept: &[ResourceKey]) -> Meta {
    let at = |minute: u8| format!("2026-11-03T{hour:02}:{minute:02}:00Z").parse().unwrap();
    let row = |kind: &str| {
        let count = kept.iter().filter(|key| key.kind.as_str() == kind).count() as u64;
        let row = Row {
            state: State::Complete,
            reason: String::new(),
            count,
            read: Some((at(0), at(1))),
            exceptions: vec![],
        };
        (Kind::new(kind), row)
    };
    let read = catalog::provider("keycloak").unwrap().kinds.iter().filter(|spec| !spec.read.is_empty());
    let kinds = read.map(|spec| spec.kind.as_str());
    Meta {
        started: at(0),
        finished: at(2),
        ledger: Ledger { rows: kinds.map(row).collect(), unknown: vec![] },
        identity: [7; 32],
        permission: [8; 32],
        requests: 5,
        full_sweep: true,
        flags: Flags::default(),
        rules: 1,
        notes: BTreeMap::from([("provider".to_owned(), "keycloak".to_owned())]),
    }
}

pub(crate) fn first() -> Rows {
    use serde_json::json;
    vec![
        ("realm/-", json!({"id": "5ea1", "realm": "demo", "sslRequired": "external"})),
        ("realm_role/b0b0", json!({"id": "b0b0", "name": "operator", "description": "runs it"})),
        (
            "client/c11e",
            json!({"id": "c11e", "clientId": "shop", "enabled": true, "secret": CANARY, "redirectUris": ["https://shop.example/*"]}),
        ),
        ("group/a001", json!({"id": "a001", "name": "Engineering", "path": "/Engineering"})),
        (
            "group/a002",
            json!({"id": "a002", "name": "Back/end", "parentId": "a001", "path": "/Engineering/Back~/end"}),
        ),
        ("group/a003", json!({"id": "a003", "name": "Sales", "path": "/Sales"})),
        ("user/e001", json!({"id": "e001", "username": "zoë", "email": "zoe@example.org", "enabled": true})),
        ("user/e002", json!({"id": "e002", "username": HOSTILE, "enabled": true})),
    ]
}

/// A redirect URI was widened, a group is called like another, a user was disabled.
pub(crate) fn second() -> Rows {
    use serde_json::json;
    let mut rows = first();
    rows[2].1["redirectUris"] = json!(["*", "https://shop.example/*"]);
    rows[6].1["enabled"] = json!(false);
    rows.push((
        "group/a004",
        json!({"id": "a004", "name": "Sales", "parentId": "a003", "path": "/Sales/Sales"}),
    ));
    rows.push(("user/e003", json!({"id": "e003", "username": "mallory", "enabled": true})));
    rows
}

/// The role is gone and the realm asks for less.
pub(crate) fn third() -> Rows {
    let mut rows = second();
    rows[0].1["sslRequired"] = serde_json::json!("none");
    rows.remove(1);
    rows
}
