//! A simulated directory in this process, which a test may change, and the binary that reads it.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use lastgood::base::time::{Clock, SystemClock};
use lastgood::json::{Limits, Value, parse};
use lastgood::sim::entra::Registration;
use lastgood::sim::{Body, Listening, Person, Request, Response, World, handle, populate, sample, vendor};

/// The name of the tenant in the configuration.
pub(crate) const TENANT: &str = "contoso";

/// Who changes things: no application but a person, by a token of her own.
pub(crate) const ADMIN: &str = "grace.alder@contoso.example";

/// How many people live in it.
pub(crate) const USERS: usize = 3;

/// A directory with one of each kind that is simulated, and a repository for it.
pub(crate) struct Directory {
    folder: tempfile::TempDir,
    world: Arc<Mutex<World>>,
    /// What the server wrote down of each request: method, target, status.
    asked: Arc<Mutex<Vec<u8>>>,
    _runtime: tokio::runtime::Runtime,
}

/// Where the server writes its log.
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A request that the server was asked.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    pub(crate) path: String,
    pub(crate) status: u64,
}

impl Directory {
    /// Starts one with three people.
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut listening = runtime.block_on(Listening::on("127.0.0.1:0".parse().unwrap())).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        listening.log = Some(Box::new(Shared(asked.clone())));
        let url = format!("http://{}", listening.address);
        let mut world = World::new(vendor("entra").unwrap(), &url, 7, SystemClock.now());
        populate(&mut world, USERS, 7);
        sample(&mut world).unwrap();
        let granted = world.provider().scopes(false).into_iter().collect();
        world.app = Some(Registration::new("reader", "words of the reader", granted));
        let admin = Person {
            id: "0".into(),
            login: ADMIN.into(),
            name: "Grace Alder".into(),
            address: "192.0.2.7".into(),
            token: "0".into(),
        };
        world.people.insert("admin".into(), admin);
        let id = world.org.id.clone();
        let world = Arc::new(Mutex::new(world));
        runtime.spawn(listening.answer_from(world.clone(), Arc::new(SystemClock)));
        let folder = tempfile::tempdir().unwrap();
        let directory = Self { folder, world, asked, _runtime: runtime };
        directory.configure(&url, &id);
        directory.run(&["init"], 0);
        directory
    }

    fn configure(&self, url: &str, id: &str) {
        std::fs::write(self.path().join("secret"), "words of the reader").unwrap();
        let mut text = "[repository]\nurl = \"repository\"\n\n[[tenant]]\n".to_owned();
        let settings =
            [("name", TENANT), ("provider", "entra"), ("url", url), ("directory", id), ("login_url", url)];
        for (name, value) in settings {
            writeln!(text, "{name} = \"{value}\"").unwrap();
        }
        text += "per_user = true\nauth = { kind = \"client_secret\", client_id = \"reader\", client_secret = \"file:secret\" }\n";
        std::fs::write(self.path().join("lastgood.toml"), text).unwrap();
    }

    /// Changes a text of the configuration.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let file: PathBuf = self.path().join("lastgood.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file, text.replace(from, to)).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The world, to look at or to change.
    pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Runs the binary, which must end with this code: what it printed, and what it said beside.
    #[track_caller]
    pub(crate) fn told(&self, arguments: &[&str], code: i32) -> (String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("LASTGOOD_PASSPHRASE", "correct horse").env("HOME", self.path());
        let output = command.env("XDG_CACHE_HOME", self.path().join("cache")).output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        (out, err)
    }

    /// The same, only what it printed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> String {
        self.told(arguments, code).0
    }

    /// A snapshot's document, and what the server was asked for it.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> (serde_json::Value, Vec<Asked>) {
        let before = self.asked().len();
        let document = serde_json::from_str(&self.run(&["snapshot", "--json"], 0)).unwrap();
        (document, self.asked().split_off(before))
    }

    /// What the server was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let text = String::from_utf8(self.asked.lock().unwrap().clone()).unwrap();
        let asked = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let target = line["target"].as_str().unwrap();
            Asked {
                method: line["method"].as_str().unwrap().to_owned(),
                target: target.to_owned(),
                path: target.split('?').next().unwrap().to_owned(),
                status: line["status"].as_u64().unwrap(),
            }
        };
        text.lines().map(asked).collect()
    }

    /// The answer to a request that the administrator sends.
    pub(crate) fn answer(&self, method: &str, path: &str, body: &str) -> Response {
        let mut world = self.world();
        world.now = SystemClock.now();
        asked_by_admin(&mut world, method, path, body)
    }

    /// The same of a request that must be taken.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.answer(method, path, body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        match answer.body {
            Body::Json(value) => value,
            _ => Value::Null,
        }
    }

    /// The id of the instance of a kind that has this value in a member.
    #[track_caller]
    pub(crate) fn id(&self, kind: &str, member: &str, value: &str) -> String {
        let world = self.world();
        let kind = world.kind(kind).unwrap();
        let mut rows = world.rows(kind, &[], None);
        let found = rows.find(|(_, _, body)| body.get(member).and_then(Value::as_str) == Some(value));
        found.unwrap_or_else(|| panic!("no {kind} has {member} {value}")).1.to_owned()
    }
}

/// The answer to a request that the administrator sends.
pub(crate) fn asked_by_admin(world: &mut World, method: &str, target: &str, body: &str) -> Response {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = (!body.is_empty()).then(|| parse(body.as_bytes(), &Limits::body()).unwrap());
    let mut request = Request::new(method, path, query, body);
    request.headers.insert("authorization".into(), "Bearer admin".into());
    handle(world, &request)
}

/// The vendor's documents and recorded traffic; `None`, and a line, where they are not at hand.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let file = std::env::var_os("LASTGOOD_SHARED").map_or(beside, PathBuf::from).join(path);
    if file.exists() {
        return Some(file);
    }
    let required = std::env::var_os("LASTGOOD_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(!required, "{} is not there", file.display());
    eprintln!("skipped: {} is not there", file.display());
    None
}
