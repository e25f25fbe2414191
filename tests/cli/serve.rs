//! `serve` as a supervisor sees it: ready, alive, stopped, killed, started anew.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::organisation::{Organisation, Running};

/// Longer than anything here takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Begins to serve; the process and where it answers.
fn serve(world: &Organisation, supervisor: Option<&Path>) -> (Running, String) {
    let mut command = world.lastgood(&["serve", "--listen", "127.0.0.1:0"]);
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
    let world = Organisation::new(&["--users", "5", "--rate", "0"]);
    let path = world.path().join("supervisor");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut bytes = [0; 256];
        let length = supervisor.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let (mut serving, address) = serve(&world, Some(&path));
    assert_eq!(heard(), "READY=1");
    assert_eq!(heard(), "WATCHDOG=1");
    until("a good run", || good_runs(&address) == 1);
    let health = get(&address, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"), "{health}");
    serving.signal("TERM");
    while heard() != "STOPPING=1" {}
    assert_eq!(serving.code(), Some(0));

    let (mut again, address) = serve(&world, None);
    assert_eq!(good_runs(&address), 1, "the repository knows of the run, and the next is a year away");
    let by_hand = world.lastgood(&["snapshot", "acme"]).output().unwrap();
    assert_eq!(by_hand.status.code(), Some(0), "{}", String::from_utf8_lossy(&by_hand.stderr));
    again.signal("INT");
    assert_eq!(again.code(), Some(130));
}

#[test]
fn a_killed_one_blocks_nobody_on_its_machine() {
    // At the vendor's own rates a sweep waits for the next window: the run is still under way.
    let world = Organisation::new(&["--users", "5"]);
    let refused_by = || {
        let ran = world.lastgood(&["snapshot", "acme"]).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.code() == Some(11), "{said}");
        said.split("held by process ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
    };
    let in_a_run =
        |address: &str| get(address, "/metrics").contains("lastgood_runs_good_total{tenant=\"acme\"} 0");
    let (first, address) = serve(&world, None);
    until("the first run", || turn_taken(&world));
    assert!(in_a_run(&address));
    assert_eq!(refused_by(), Some(first.0.id()));
    first.signal("KILL");
    drop(first);
    let (second, address) = serve(&world, None);
    let second_has_it = || {
        let ran = world.lastgood(&["snapshot", "acme", "--progress", "none"]).stdout(Stdio::null()).output();
        String::from_utf8_lossy(&ran.unwrap().stderr).contains(&format!("process {}", second.0.id()))
    };
    std::thread::sleep(Duration::from_secs(1));
    assert!(second_has_it(), "the run that was cut off is made up for at once");
    assert!(in_a_run(&address));
}

/// Whether somebody has begun a run: its book is there.
fn turn_taken(world: &Organisation) -> bool {
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

/// Puts a tenant that does not answer, and more, into the configuration.
fn beside_one_that_is_gone(world: &Organisation, more: &str) {
    let file = world.path().join("lastgood.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let auth = plain.lines().find(|line| line.starts_with("auth")).unwrap();
    let gone =
        format!("[[tenant]]\nname = \"gone\"\nprovider = \"okta\"\nurl = \"http://127.0.0.1:9\"\n{auth}\n");
    std::fs::write(&file, format!("{plain}{gone}{more}")).unwrap();
}

#[test]
fn a_receiver_hears_of_a_tenant_that_does_not_answer() {
    let world = Organisation::new(&["--users", "5", "--rate", "0"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(world.path().join("hook"), format!("http://{}/x", listener.local_addr().unwrap()))
        .unwrap();
    beside_one_that_is_gone(&world, "[[alert]]\nurl = \"file:hook\"\nwhen = [\"run_failed\"]\n");
    let tried = std::thread::scope(|scope| {
        let tried = scope.spawn(|| world.lastgood(&["serve", "--test-alerts"]).output().unwrap());
        assert!(one_message(&listener).contains("\"rule\":\"test\""));
        tried.join().unwrap()
    });
    assert_eq!((tried.status.code(), tried.stdout.as_slice()), (Some(0), b"file:hook  took it\n".as_slice()));
    let (_serving, _) = serve(&world, None);
    let told = one_message(&listener);
    assert!(told.contains("\"rule\":\"run_failed\"") && told.contains("\"tenant\":\"gone\""), "{told}");
}

/// Every metric that a text speaks of.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("lastgood_"));
    words.map(str::to_owned).collect()
}

#[test]
fn rules_and_board_speak_of_what_a_service_answers() {
    let world = Organisation::new(&["--users", "5", "--rate", "1000"]);
    let more =
        "[retention]\nhourly = \"1d\"\n[[alert]]\nname = \"ops\"\nurl = \"syslog+tcp://127.0.0.1:9\"\n";
    beside_one_that_is_gone(&world, more);
    let (_serving, address) = serve(&world, None);
    let scrape = || get(&address, "/metrics").split_once("\r\n\r\n").unwrap().1.to_owned();
    until("a prune, after a check", || scrape().contains("lastgood_prune_timestamp_seconds "));
    until("a good run", || good_runs(&address) == 1);
    until("what was taken of a window", || {
        scrape().contains("lastgood_budget_used_ratio{tenant=\"acme\",bucket=")
    });
    until("an alert that nobody takes", || {
        scrape().contains("lastgood_alerts_undelivered{tenant=\"gone\",receiver=\"ops\"} 1")
    });
    let text = scrape();
    let there: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect();
    for line in text.lines().filter(|line| line.starts_with("# HELP")) {
        assert!(line.split_whitespace().count() > 3, "{line}");
    }
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    for path in ["prometheus/rules.yml", "prometheus/rules_test.yml", "grafana/lastgood.json"] {
        let named = named(&std::fs::read_to_string(packaging.join(path)).unwrap());
        let missing: Vec<_> = named.difference(&there).collect();
        assert!(named.len() > 10 && missing.is_empty(), "{path}: {missing:?} of {text}");
    }
}
