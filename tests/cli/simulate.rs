//! `simulate`: what it prints, who may read the token, and that it answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use lastgood::json::{Limits, Value, parse};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn simulate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
    command.arg("simulate").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    let found = path.iter().try_fold(value, |value, name| value.get(name));
    found.and_then(Value::as_str).unwrap_or_default()
}

/// One request on a connection of its own.
fn get(address: &str, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: SSWS {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_announces_a_tenant_that_is_ready_to_use() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Running(
        simulate(&["okta", "--users", "12", "--seed", "5", "--dir", dir.path().to_str().unwrap()])
            .arg("--log")
            .arg(dir.path().join("requests"))
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said = parse(line.trim().as_bytes(), &Limits::default()).unwrap();
    let url = text(&said, &["url"]).to_owned();
    assert_eq!(text(&said, &["tenant", "url"]), url);
    assert_eq!(text(&said, &["tenant", "provider"]), "okta");
    assert_eq!(text(&said, &["tenant", "auth", "kind"]), "token");
    let names: Vec<&str> =
        said.get("tenant").unwrap().as_object().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["auth", "name", "provider", "restore_auth", "url"], "nothing that no request needs");
    let file = text(&said, &["tenant", "auth", "token"]).strip_prefix("file:").unwrap().to_owned();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    assert!(!line.contains(&token), "the token itself is not printed");
    let address = url.strip_prefix("http://").unwrap();
    let answer = get(address, "/api/v1/users?limit=5", &token);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-rate-limit-limit: 100") && answer.contains("rel=\"next\""), "{answer}");
    let refused = get(address, "/api/v1/users", "00wrong");
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("E0000011"), "{refused}");
    let log = std::fs::read_to_string(dir.path().join("requests")).unwrap();
    let first = r#"{"method":"GET","status":200,"target":"/api/v1/users?limit=5"}"#;
    assert_eq!(log.lines().next(), Some(first));
    assert_eq!(log.lines().count(), 2, "one line a request, and no header: {log}");
}

#[test]
fn it_listens_to_nobody_but_this_machine() {
    for (arguments, words) in [
        (&["okta", "--listen", "0.0.0.0:0"][..], "127.0.0.1"),
        (&["nobody"][..], "no simulator for `nobody`"),
        (&["okta", "--faults", "/nowhere/faults.toml"][..], "/nowhere/faults.toml"),
    ] {
        let output = simulate(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
