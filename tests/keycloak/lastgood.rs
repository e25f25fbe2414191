//! The binary as a person uses it: a folder of its own, a configuration, and commands.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::accounts;
use crate::server::{Realm, notice};

/// The name under which the realm stands in the configuration.
pub(crate) const TENANT: &str = "kc";

/// A folder with a repository and a configuration for one realm.
pub(crate) struct Home {
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
    /// What a process left when it ended.
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The command ended with 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.code(0)
    }

    /// The command ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// The only document that was printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// One document a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Home {
    /// A repository that has been made and a tenant that has been added, with accounts of the
    /// least rights: one that reads, one that restores.
    pub(crate) async fn new(realm: &Realm) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        home.run(&["init", "--repo", "repository"]).ok();
        home.add(TENANT, realm, ["reader", "restorer"]).await;
        home
    }

    /// Adds a realm as a tenant, with such accounts; their secrets stand in files of these names.
    pub(crate) async fn add(&self, name: &str, realm: &Realm, files: [&str; 2]) {
        let (reader, read) = accounts::collector(realm).await;
        let (restorer, restore) = accounts::restorer(realm).await;
        self.write(files[0], &read);
        self.write(files[1], &restore);
        let settings = [
            format!("realm={}", realm.name()),
            format!("auth_realm={}", realm.name()),
            "auth.kind=client_secret".into(),
            format!("auth.client_id={reader}"),
            format!("auth.client_secret=file:{}", files[0]),
            "restore_auth.kind=client_secret".into(),
            format!("restore_auth.client_id={restorer}"),
            format!("restore_auth.client_secret=file:{}", files[1]),
        ];
        let mut args = vec!["tenant", "add", name, "--provider", "keycloak", "--url", realm.base()];
        for setting in &settings {
            args.extend(["--set", setting]);
        }
        self.run(&args).ok();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Changes a text of the configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let text = self.read("lastgood.toml");
        assert!(text.contains(from), "{text}");
        self.write("lastgood.toml", &text.replace(from, to));
    }

    /// Runs the binary in the folder, with an environment of its own.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let ran = Ran::of(self.command(args).output().unwrap());
        if std::env::var_os("LASTGOOD_STORY").is_some() {
            notice(&format!("\n$ lastgood {}\n{}", args.join(" "), shortened(&(ran.err.clone() + &ran.out))));
        }
        ran
    }

    /// Starts the binary likewise and leaves it running.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LASTGOOD_PASSPHRASE", "correct horse")
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .env("HOME", self.path())
            .env("TZ", "UTC");
        command
    }

    /// Takes a snapshot and returns its document. Kinds that a reader cannot see do not count as
    /// gaps here: the configuration accepts them.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> Value {
        self.run(&["snapshot", "--json"]).ok().json()
    }
}

/// Text for a reader of the story: a document of thousands of characters tells him nothing.
fn shortened(text: &str) -> String {
    const COLUMNS: usize = 160;
    let short = |line: &str| match line.char_indices().nth(COLUMNS) {
        Some((at, _)) => format!("{} …\n", &line[..at]),
        None => format!("{line}\n"),
    };
    text.lines().map(short).collect()
}

/// The row of a kind in a snapshot's document.
#[track_caller]
pub(crate) fn coverage<'a>(snapshot: &'a Value, kind: &str) -> &'a Value {
    snapshot["coverage"].as_array().unwrap().iter().find(|row| row["kind"] == kind).unwrap()
}
