//! A simulated organisation behind a socket, and the binary that reads it, as a person uses both.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The name of the tenant in the configuration.
pub(crate) const TENANT: &str = "acme";

/// A running simulator and a repository beside it.
pub(crate) struct Org {
    folder: tempfile::TempDir,
    server: Child,
    /// Host and port.
    address: String,
}

/// What the server wrote down of a request.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) status: u16,
}

impl Asked {
    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Drop for Org {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Org {
    /// Starts a simulator with these arguments, makes a repository and adds the tenant to it.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::with_faults("", arguments)
    }

    /// The same, with a script of what goes wrong.
    pub(crate) fn with_faults(script: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("faults.toml"), script).unwrap();
        let base = ["simulate", "okta", "--dir", "sim", "--log", "requests", "--faults", "faults.toml"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command.args(base).args(arguments).current_dir(folder.path());
        if !arguments.contains(&"--rate") {
            command.args(["--rate", "0"]);
        }
        let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap();
        let address = url.split("://").nth(1).unwrap().to_owned();
        let org = Self { folder, server, address };
        org.run(&["init", "--repo", "repository"], 0);
        let auth = said["tenant"]["auth"].as_object().unwrap().iter();
        let mut set: Vec<String> =
            auth.map(|(name, value)| format!("auth.{name}={}", value.as_str().unwrap())).collect();
        set.extend(said["ca_file"].as_str().map(|file| format!("ca_file={file}")));
        let mut add = vec!["tenant", "add", TENANT, "--provider", "okta", "--url", url];
        for setting in &set {
            add.extend(["--set", setting]);
        }
        org.run(&add, 0);
        org.configure("per_user = true");
        if let Some(flows) = said["tenant"]["workflows"].as_str() {
            org.configure(&format!("workflows = \"{flows}\""));
        }
        org
    }

    /// Adds a line to the tenant's table.
    pub(crate) fn configure(&self, line: &str) {
        self.replace("[[tenant]]\n", &format!("[[tenant]]\n{line}\n"));
    }

    /// Changes a text of the configuration.
    #[track_caller]
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let file = self.path().join("lastgood.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file, text.replace(from, to)).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with these arguments, as somebody runs it who has the passphrase.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("LASTGOOD_PASSPHRASE", "correct horse")
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .env("HOME", self.path());
        command
    }

    /// Runs the binary, which must end with this code, and returns what it printed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> String {
        let output = self.command(arguments).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        out
    }

    /// Runs the binary, however it ends: what it printed, and what it said beside.
    pub(crate) fn tried(&self, arguments: &[&str]) -> (String, String) {
        let output = self.command(arguments).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A snapshot that must end with this code: its document, and what the server was asked meanwhile.
    #[track_caller]
    pub(crate) fn snapshot(&self, code: i32) -> (Value, Vec<Asked>) {
        self.taken(&["snapshot", "--json"], code)
    }

    /// The same of everything, although the log tells what changed.
    #[track_caller]
    pub(crate) fn sweep(&self, code: i32) -> (Value, Vec<Asked>) {
        self.taken(&["snapshot", "--json", "--full"], code)
    }

    #[track_caller]
    fn taken(&self, arguments: &[&str], code: i32) -> (Value, Vec<Asked>) {
        let before = self.requests().len();
        let document = serde_json::from_str(&self.run(arguments, code)).unwrap();
        (document, self.requests().split_off(before))
    }

    /// One request, as an administrator would send it, over plain HTTP; what was answered.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        self.ask_at(&self.address, method, path, body)
    }

    /// The same of another host.
    #[track_caller]
    pub(crate) fn ask_at(&self, address: &str, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.answer_at(address, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
    }

    /// The status and the text of the answer to such a request.
    pub(crate) fn answer(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.answer_at(&self.address, method, path, body)
    }

    fn answer_at(&self, address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let token = std::fs::read_to_string(self.path().join("sim/token")).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: SSWS {token}\r\nconnection: close\r\n",
        );
        let text =
            format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// Where it is, over plain HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Asked> {
        let text = std::fs::read_to_string(self.path().join("requests")).unwrap();
        let asked = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            Asked {
                method: line["method"].as_str().unwrap().to_owned(),
                target: line["target"].as_str().unwrap().to_owned(),
                status: u16::try_from(line["status"].as_u64().unwrap()).unwrap(),
            }
        };
        text.lines().map(asked).collect()
    }
}

/// State, reason and count of each kind in a snapshot's document.
pub(crate) fn coverage(snapshot: &Value) -> BTreeMap<String, (String, String, u64)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = snapshot["coverage"].as_array().unwrap().iter();
    rows.map(|row| {
        (text(row, "kind"), (text(row, "state"), text(row, "reason"), row["count"].as_u64().unwrap()))
    })
    .collect()
}
