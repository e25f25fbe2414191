//! A simulated organisation of the binary's own, a folder with a configuration for it, and a repository.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lastgood::json::{Limits, Value, parse};

/// A process that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn code(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A simulated organisation, a configuration for it, and a repository.
pub(crate) struct Organisation {
    folder: tempfile::TempDir,
    address: String,
    token: String,
    _process: Running,
}

impl Organisation {
    pub(crate) fn new(simulate: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lastgood"))
            .args(["simulate", "okta", "--dir", folder.path().to_str().unwrap()])
            .args(simulate)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = parse(line.trim().as_bytes(), &Limits::default()).unwrap();
        let text = |path: &[&str]| {
            let found = path.iter().try_fold(&said, |value, name| value.get(name));
            found.and_then(Value::as_str).unwrap().to_owned()
        };
        let (url, token) = (text(&["tenant", "url"]), text(&["tenant", "auth", "token"]));
        let configuration = format!(
            "[repository]\nurl = \"repo\"\n[[tenant]]\nname = \"acme\"\nprovider = \"okta\"\nurl = \"{url}\"\n\
             schedule = \"0 0 1 1 *\"\nauth = {{ kind = \"token\", token = \"{token}\" }}\n\
             restore_auth = {{ kind = \"token\", token = \"{token}\" }}\n",
        );
        std::fs::write(folder.path().join("lastgood.toml"), configuration).unwrap();
        let token = std::fs::read_to_string(token.strip_prefix("file:").unwrap()).unwrap();
        let address = url.strip_prefix("http://").unwrap().to_owned();
        let world = Self { folder, address, token, _process: Running(child) };
        assert_eq!(world.lastgood(&["init"]).output().unwrap().status.code(), Some(0));
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn lastgood(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command.args(arguments).current_dir(self.path()).env("LASTGOOD_PASSPHRASE", "correct horse");
        command.env("XDG_CACHE_HOME", self.path().join("cache")).stdin(Stdio::null());
        command
    }

    /// A line for the shell, in the folder and with what opens the repository.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.path()).env("LASTGOOD_PASSPHRASE", "correct horse");
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        command
    }

    /// A request as an administrator would send it: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, token) = (&self.address, &self.token);
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: SSWS {token}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}
