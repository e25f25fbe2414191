//! `serve` as a supervisor sees it: ready, alive, stopped, killed, started anew.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lastgood::json::{Limits, Value, parse};

/// Longer than anything here takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn code(&mut self) -> Option<i32> {
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
struct World {
    folder: tempfile::TempDir,
    _organisation: Running,
}

impl World {
    fn new(simulate: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lastgood"))
            .args(["simulate", "okta", "--users", "5", "--dir", folder.path().to_str().unwrap()])
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
        let configuration = format!(
            "[repository]\nurl = \"repo\"\n[[tenant]]\nname = \"acme\"\nprovider = \"okta\"\nurl = \"{}\"\n\
             schedule = \"0 0 1 1 *\"\nauth = {{ kind = \"token\", token = \"{}\" }}\n",
            text(&["tenant", "url"]),
            text(&["tenant", "auth", "token"]),
        );
        std::fs::write(folder.path().join("lastgood.toml"), configuration).unwrap();
        let world = Self { folder, _organisation: Running(child) };
        assert_eq!(world.lastgood(&["init"]).output().unwrap().status.code(), Some(0));
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn lastgood(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
        command.args(arguments).current_dir(self.path()).env("LASTGOOD_PASSPHRASE", "correct horse");
        command.env("XDG_CACHE_HOME", self.path().join("cache")).stdin(Stdio::null());
        command
    }

    /// Begins to serve; the process and where it answers.
    fn serve(&self, supervisor: Option<&Path>) -> (Running, String) {
        let mut command = self.lastgood(&["serve", "--listen", "127.0.0.1:0"]);
        if let Some(socket) = supervisor {
            command.env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", "200000");
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        // The rest is read, so that nobody is held up by a full pipe.
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(drop));
        let address = line.split("http://").nth(1).and_then(|rest| rest.strip_suffix("/metrics\n"));
        (Running(child), address.expect(&line).to_owned())
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until something holds.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn good_runs(address: &str) -> u32 {
    let scrape = get(address, "/metrics");
    let line = scrape.lines().find(|line| line.starts_with("lastgood_runs_good_total{tenant=\"acme\"}"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{scrape}"))
}

#[test]
fn a_supervisor_sees_it_ready_alive_and_stopped() {
    let world = World::new(&["--rate", "0"]);
    let path = world.path().join("supervisor");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut bytes = [0; 256];
        let length = supervisor.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let (mut serving, address) = world.serve(Some(&path));
    assert_eq!(heard(), "READY=1");
    assert_eq!(heard(), "WATCHDOG=1");
    until("a good run", || good_runs(&address) == 1);
    let health = get(&address, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"), "{health}");
    serving.signal("TERM");
    while heard() != "STOPPING=1" {}
    assert_eq!(serving.code(), Some(0));

    let (mut again, address) = world.serve(None);
    assert_eq!(good_runs(&address), 1, "the repository knows of the run, and the next is a year away");
    let by_hand = world.lastgood(&["snapshot", "acme"]).output().unwrap();
    assert_eq!(by_hand.status.code(), Some(0), "{}", String::from_utf8_lossy(&by_hand.stderr));
    again.signal("INT");
    assert_eq!(again.code(), Some(130));
}

#[test]
fn a_killed_one_blocks_nobody_on_its_machine() {
    // At the vendor's own rates a sweep waits for the next window: the run is still under way.
    let world = World::new(&[]);
    let refused_by = || {
        let ran = world.lastgood(&["snapshot", "acme"]).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.code() == Some(11), "{said}");
        said.split("held by process ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
    };
    let in_a_run =
        |address: &str| get(address, "/metrics").contains("lastgood_runs_good_total{tenant=\"acme\"} 0");
    let (first, address) = world.serve(None);
    until("the first run", || turn_taken(&world));
    assert!(in_a_run(&address));
    assert_eq!(refused_by(), Some(first.0.id()));
    first.signal("KILL");
    drop(first);
    let (second, address) = world.serve(None);
    let second_has_it = || {
        let ran = world.lastgood(&["snapshot", "acme", "--progress", "none"]).stdout(Stdio::null()).output();
        String::from_utf8_lossy(&ran.unwrap().stderr).contains(&format!("process {}", second.0.id()))
    };
    std::thread::sleep(Duration::from_secs(1));
    assert!(second_has_it(), "the run that was cut off is made up for at once");
    assert!(in_a_run(&address));
}

/// Whether somebody has begun a run: its book is there.
fn turn_taken(world: &World) -> bool {
    let rows = std::fs::read_dir(world.path().join("repo")).unwrap();
    rows.flatten().any(|row| row.file_name().to_string_lossy().ends_with(".book"))
}

/// Takes one message as a webhook and says that it was taken.
fn one_message(listener: &TcpListener) -> String {
    let mut reader = BufReader::new(listener.accept().unwrap().0);
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 2 {}
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect(&head)];
    reader.read_exact(&mut body).unwrap();
    reader
        .into_inner()
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn a_receiver_hears_of_a_tenant_that_does_not_answer() {
    let world = World::new(&["--rate", "0"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(world.path().join("hook"), format!("http://{}/x", listener.local_addr().unwrap()))
        .unwrap();
    let file = world.path().join("lastgood.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let auth = plain.lines().find(|line| line.starts_with("auth")).unwrap();
    let alerts = format!(
        "{plain}[[tenant]]\nname = \"gone\"\nprovider = \"okta\"\nurl = \"http://127.0.0.1:9\"\n{auth}\n\
         [[alert]]\nurl = \"file:hook\"\nwhen = [\"run_failed\"]\n"
    );
    std::fs::write(&file, alerts).unwrap();
    let tried = std::thread::scope(|scope| {
        let tried = scope.spawn(|| world.lastgood(&["serve", "--test-alerts"]).output().unwrap());
        assert!(one_message(&listener).contains("\"rule\":\"test\""));
        tried.join().unwrap()
    });
    assert_eq!((tried.status.code(), tried.stdout.as_slice()), (Some(0), b"file:hook  took it\n".as_slice()));
    let (_serving, _) = world.serve(None);
    let told = one_message(&listener);
    assert!(told.contains("\"rule\":\"run_failed\"") && told.contains("\"tenant\":\"gone\""), "{told}");
}
