//! A large organisation, read by the binary: memory, requests, time and bytes. Campaigns, not checks:
//! `tests/campaigns/large` and `tests/campaigns/budget` run them and print the lines for `docs/PERF.md`. In the
//! suite both run in small, so that they cannot rot.

use std::fs::File;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::org::Org;

/// The most memory that a snapshot may take, in KiB.
const PEAK_KIB_MAX: u64 = 512 << 10;

/// Clock ticks of Linux in a second.
const TICKS: u64 = 100;

/// One minute of the vendor's windows takes a second: a sixth of it long, and ten times as many requests in it.
const FACTOR: u64 = 60;

/// The limits of a Workforce organisation (one minute), in windows of ten seconds.
const WORKFORCE: &str = r#"
    rate.seconds = 10
    rate.bucket = [
        { path = "/api/v1/apps", count = 100 },
        { path = "/api/v1/apps/{id}", exact = true, count = 500 },
        { path = "/api/v1/groups", count = 500 },
        { path = "/api/v1/groups/{id}", exact = true, count = 1000 },
        { path = "/api/v1/users", count = 600 },
        { path = "/api/v1/users/{id}", exact = true, count = 2000 },
        { path = "/api/v1/logs", count = 120 },
        { path = "/api/v1", count = 1200 },
        { path = "/api/v1/devices", count = 100 },
        { path = "/oauth2/v1/clients", count = 100 },
    ]
"#;

/// Users, groups and apps: `LASTGOOD_LARGE="250000 30000 2000"`.
fn size(variable: &str, small: [&str; 3]) -> [String; 3] {
    let given = std::env::var(variable).unwrap_or_default();
    let parts: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
    parts.try_into().unwrap_or_else(|_| small.map(str::to_owned))
}

fn start(script: &str, [users, groups, apps]: &[String; 3], more: &[&str]) -> Org {
    let size = ["--users", users, "--groups", groups, "--apps", apps];
    let org = Org::with_faults(script, &[&size, more].concat());
    // Nothing that costs a request for each user.
    org.replace("per_user = true\n", "");
    org
}

/// What a run of the binary took.
struct Run {
    document: Value,
    peak_kib: u64,
    cpu: Duration,
    wall: Duration,
}

impl Run {
    fn count(&self, name: &str) -> u64 {
        self.document[name].as_u64().unwrap()
    }

    fn print(&self, what: &str) {
        println!(
            "| {what} | {} | {} | {} | {} MiB | {:.1} | {:.0} | {} |",
            self.count("added") + self.count("changed") + self.count("unchanged"),
            self.count("added") + self.count("changed"),
            self.count("requests"),
            self.peak_kib >> 10,
            self.cpu.as_secs_f64(),
            self.wall.as_secs_f64(),
            self.count("bytes_added"),
        );
        assert!(self.peak_kib <= PEAK_KIB_MAX, "{what}: {} KiB at the peak", self.peak_kib);
    }
}

fn snapshot(org: &Org, more: &[&str]) -> Run {
    let out = org.path().join("out");
    let mut command = org.command(&[&["snapshot", "--json"], more].concat());
    let begun = Instant::now();
    let mut child = command.stdout(File::create(&out).unwrap()).spawn().unwrap();
    let (mut peak_kib, mut cpu) = (0, Duration::ZERO);
    let status = loop {
        if let Some((peak, spent)) = looked_at(&child) {
            (peak_kib, cpu) = (peak, spent);
        }
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let wall = begun.elapsed();
    assert!(status.success(), "{status}");
    let document = serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    Run { document, peak_kib, cpu, wall }
}

/// The peak memory of a process so far, and the time that it took of a core; `None` once it has ended.
fn looked_at(child: &Child) -> Option<(u64, Duration)> {
    let of = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).ok();
    let status = of("status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let stat = of("stat")?;
    // After the name, which may hold anything, the times are the 12th and 13th word.
    let ticks: u64 = stat
        .rsplit(')')
        .next()?
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    let peak = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some((peak, Duration::from_millis(ticks * 1000 / TICKS)))
}

/// One in a thousand users gets another department, and every second of them joins a group; sent as an
/// administrator would.
fn change(org: &Org, users: usize, hour: usize) -> u64 {
    const NAMES: [&str; 6] = ["Abara", "Berg", "Costa", "Diaz", "Ekholm", "Farah"];
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let groups = ids(&org.ask("GET", "/api/v1/groups?limit=200", ""));
    let named = |name: &&str| {
        let query = format!("/api/v1/users?limit=200&filter=profile.lastName%20eq%20%22{name}%22");
        ids(&org.ask("GET", &query, ""))
    };
    let people: Vec<String> = NAMES.iter().skip(hour % 2 * 3).flat_map(named).collect();
    let mut made = 0;
    for (number, user) in people.iter().take((users / 1000).max(2)).enumerate() {
        let body = format!(r#"{{"profile":{{"department":"Moved in hour {hour}"}}}}"#);
        org.ask("POST", &format!("/api/v1/users/{user}"), &body);
        made += 1;
        if number % 2 == 0 {
            let group = &groups[number * 7 % groups.len()];
            org.ask("PUT", &format!("/api/v1/groups/{group}/users/{user}"), "");
        }
    }
    made
}

#[test]
fn memory_does_not_grow_with_the_tenant() {
    let size = size("LASTGOOD_LARGE", ["60", "9", "4"]);
    let users = size[0].parse().unwrap();
    let org = start("", &size, &[]);
    println!("{} users, {} groups, {} apps", size[0], size[1], size[2]);
    println!(
        "| snapshot | resources | changed | requests | peak memory | CPU seconds | seconds | bytes written |"
    );
    let first = snapshot(&org, &[]);
    first.print("the first");
    assert!(first.count("added") > users as u64 * 2, "people and memberships");
    for hour in 1..=2 {
        let made = change(&org, users, hour);
        let taken = snapshot(&org, &[]);
        taken.print("an hour");
        assert_eq!(taken.document["sweep"], "incremental");
        assert!(taken.count("changed") >= made, "{made} people were changed");
    }
    let full = snapshot(&org, &["--full"]);
    full.print("a second full sweep");
    assert_eq!((full.count("added"), full.count("changed"), full.count("removed")), (0, 0, 0));
}

#[test]
fn hours_within_a_fifth_of_the_limits() {
    let size = size("LASTGOOD_BUDGET", ["40", "8", "1"]);
    let users = size[0].parse().unwrap();
    let org = start(WORKFORCE, &size, &["--rate", "10"]);
    let forecast: Value = serde_json::from_str(&org.run(&["tenant", "test", "--json", "acme"], 0)).unwrap();
    println!("{} users, {} groups, {} apps; forecast {}", size[0], size[1], size[2], forecast["forecast"]);
    for run in ["full", "hour"] {
        let minutes = forecast["forecast"][run]["seconds"].as_f64().unwrap() * FACTOR as f64 / 60.0;
        println!("{run}: forecast of {minutes:.0} min at the limits of Workforce");
    }
    let told = |what: &str, run: &Run| {
        let minutes = run.wall.as_secs_f64() * FACTOR as f64 / 60.0;
        println!("{what}: {} requests in {minutes:.0} min at the limits of Workforce", run.count("requests"));
    };
    let full = snapshot(&org, &[]);
    told("full sweep", &full);
    let mut hours = Vec::new();
    for hour in 1..=2 {
        change(&org, users, hour);
        let taken = snapshot(&org, &[]);
        assert_eq!(taken.document["sweep"], "incremental");
        told("an hour", &taken);
        hours.push(taken.count("requests"));
    }
    let refused = org.requests().iter().filter(|asked| asked.status == 429).count();
    println!("{refused} of {} requests were refused for their number", org.requests().len());
    assert_eq!(refused, 0);
    assert!(
        hours.iter().all(|hour| *hour < full.count("requests")),
        "{hours:?} of {}",
        full.count("requests")
    );
}
