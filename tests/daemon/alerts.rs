//! What people are told of, against receivers that fail at will, over restarts and crashes.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use lastgood::base::entropy::SeededEntropy;
use lastgood::base::secret::Secret;
use lastgood::base::time::Clock as _;
use lastgood::daemon::Place;
use lastgood::daemon::alert::apart::Program;
use lastgood::daemon::alert::file::Lines;
use lastgood::daemon::alert::form::Form;
use lastgood::daemon::alert::mail::{Letterbox, Mail};
use lastgood::daemon::alert::syslog::Syslog;
use lastgood::daemon::alert::{
    Carrier, Class, Complain, Outbox, Policy, Receiver, Rules, Severity, Stale, Teller,
};
use lastgood::http::Hook;
use lastgood::sim::faults::Faults;
use lastgood::store::Environment;
use tokio::sync::watch;

use crate::ears::{Ear, KEY, mail_server, syslog_tcp, syslog_udp};
use crate::world::{Process, World, words};

#[derive(Default)]
struct Complaints(Mutex<Vec<String>>);

impl Complain for Complaints {
    fn undelivered(&self, receiver: &str, why: &str) {
        self.0.lock().unwrap().push(format!("{receiver}: {why}"));
    }

    fn blind(&self, tenant: &str, why: &str) {
        panic!("{tenant}: {why}");
    }
}

/// What answers what rules say.
pub(crate) fn program() -> Program {
    Program { path: env!("CARGO_BIN_EXE_lastgood").into(), arguments: vec!["ask-rules".to_owned()] }
}

/// A process that tells, beside the one that reads.
pub(crate) struct Telling {
    pub(crate) teller: Arc<Teller>,
    complaints: Arc<Complaints>,
}

impl Telling {
    pub(crate) fn new(world: &World, receivers: Vec<Receiver>) -> Self {
        Self::by(world, receivers, Rules::load(None).unwrap())
    }

    /// One that tells what these rules say.
    pub(crate) fn by(world: &World, receivers: Vec<Receiver>, rules: Rules) -> Self {
        let env = Environment { clock: world.clock.clone(), entropy: Arc::new(SeededEntropy::new(77)) };
        let place = Arc::new(Place::new(world.memory.clone(), &words(), env, None).unwrap());
        let watched: Vec<_> = world.tenants.iter().map(|tenant| tenant.watched(&world.clock)).collect();
        let policy = Policy { rules, stale: Stale::default(), drift: Vec::new(), program: program() };
        let complaints = Arc::new(Complaints::default());
        let (clock, heard) = (world.clock.clone(), complaints.clone());
        let teller = Arc::new(Teller::new(place, clock, &watched, policy, receivers, heard));
        Self { teller, complaints }
    }

    pub(crate) async fn round(&self) {
        let (_never, stop) = watch::channel(false);
        self.teller.round(&stop).await;
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut *self.complaints.0.lock().unwrap())
    }
}

pub(crate) fn hook(name: &str, ear: &Ear) -> Receiver {
    let hook = Hook::new(&Secret::new(ear.url.clone())).unwrap();
    let carrier = Carrier::Web { hook, form: Form::Json, secret: Some(Secret::new(KEY.into())) };
    Receiver { name: name.into(), classes: Vec::new(), least: Severity::Info, carrier }
}

/// A world of one organisation that is read whole every hour, and its first snapshot.
pub(crate) async fn begun() -> (World, Process) {
    let mut world = World::start(1).await;
    world.tenants[0].full_sweep = Some("0 * * * *");
    let process = world.process(2);
    process.work_until(world.at("02 08:30")).await;
    (world, process)
}

pub(crate) fn trust(world: &World, host: &str) {
    let body =
        format!(r#"{{"name":"{host}","origin":"https://{host}.example","scopes":[{{"type":"CORS"}}]}}"#);
    let answer = world.ask(0, "POST", "/api/v1/trustedOrigins", &body);
    assert_eq!(answer.0, 200, "{:?}", answer.1.to_canonical());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_strikes_is_told_once_with_a_signature_and_without_secrets() {
    let (world, process) = begun().await;
    let (ear, other) = (Ear::open(), Ear::open());
    let mut picky = hook("picky", &other);
    picky.classes = vec![Class::AdminGranted];
    let telling = Telling::new(&world, vec![hook("ops", &ear), picky]);
    telling.round().await;
    assert!(ear.take().is_empty(), "what was there before is no news");
    let idp = r#"{"type":"OIDC","name":"Partner","status":"ACTIVE","protocol":{"type":"OIDC","algorithms":{},"scopes":["openid"],
        "endpoints":{"authorization":{"url":"https://p.example/a","binding":"HTTP-REDIRECT"},"token":{"url":"https://p.example/t","binding":"HTTP-POST"},"jwks":{"url":"https://p.example/k","binding":"HTTP-REDIRECT"}},
        "issuer":{"url":"https://p.example"},"credentials":{"client":{"client_id":"x","client_secret":"canary-7d1f03"}}},
        "policy":{"provisioning":{"action":"AUTO","groups":{"action":"NONE"}},"accountLink":{"filter":null,"action":"AUTO"},"subject":{"userNameTemplate":{"template":"idpuser.email"},"matchType":"USERNAME"},"maxClockSkew":0}}"#;
    let answer = world.ask(0, "POST", "/api/v1/idps", idp);
    assert_eq!(answer.0, 200, "{:?}", String::from_utf8(answer.1.to_canonical()));
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    telling.round().await;
    let posted = ear.take();
    let what: Vec<String> = posted.iter().map(|posted| posted.what()).collect();
    assert_eq!(what, ["okta-idp-added event"]);
    assert!(posted[0].is_signed && posted[0].id.len() == 24);
    assert!(posted[0].text.contains("Partner"), "{}", posted[0].text);
    assert!(!posted[0].text.contains("canary"), "{}", posted[0].text);
    assert!(other.take().is_empty(), "not of the sorts that this one wants");
    assert!(telling.complaints().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_everything_comes_in_order_and_nobody_else_waits() {
    let (world, process) = begun().await;
    let (ear, other) = (Ear::open(), Ear::open());
    let telling = Telling::new(&world, vec![hook("ops", &ear), hook("siem", &other)]);
    telling.round().await;
    ear.answers(503);
    for (number, host) in ["one", "two", "three"].into_iter().enumerate() {
        trust(&world, host);
        process.work_until(world.at(&format!("02 {:02}:00", 9 + number))).await;
        telling.round().await;
        assert_eq!(other.heard().len(), 1, "{host}");
    }
    let complaints = telling.complaints();
    assert!(!complaints.is_empty() && complaints.iter().all(|line| line == "ops: 127.0.0.1 answered 503"));
    ear.answers(200);
    // Another process goes on where this one stopped; it has not learnt patience yet.
    let next = Telling::new(&world, vec![hook("ops", &ear), hook("siem", &other)]);
    next.round().await;
    let posted = ear.take();
    let hosts = posted
        .iter()
        .map(|posted| ["one", "two", "three"].iter().position(|host| posted.text.contains(host)));
    assert_eq!(hosts.collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    next.round().await;
    assert!(ear.take().is_empty() && other.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_away_is_asked_again_with_growing_patience() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hook("ops", &ear)]);
    telling.round().await;
    ear.answers(500);
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    let mut asked = Vec::new();
    for _ in 0..16 {
        telling.round().await;
        if !telling.complaints().is_empty() {
            asked.push(world.clock.now().strftime("%H:%M").to_string());
        }
        world.clock.set(world.clock.now() + jiff::SignedDuration::from_mins(1));
    }
    assert_eq!(asked, ["09:00", "09:01", "09:03", "09:07", "09:15"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_sending_and_noting_repeats_the_same_id() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    Telling::new(&world, vec![hook("ops", &ear)]).round().await;
    let unnoted = world.repository().book("org0/alerts").unwrap().unwrap();
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    Telling::new(&world, vec![hook("ops", &ear)]).round().await;
    let first = ear.take();
    // What it would have found if nothing of this round had been written.
    world.repository().turn("org0/alerts").unwrap().write_book(&unnoted).unwrap();
    Telling::new(&world, vec![hook("ops", &ear)]).round().await;
    let again = ear.take();
    assert_eq!((first.len(), again.len()), (1, 1));
    assert_eq!((&first[0].id, &first[0].text), (&again[0].id, &again[0].text));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_repository_tell_once() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let one = Telling::new(&world, vec![hook("ops", &ear)]);
    let two = Telling::new(&world, vec![hook("ops", &ear)]);
    one.round().await;
    for (number, host) in ["one", "two"].into_iter().enumerate() {
        trust(&world, host);
        process.work_until(world.at(&format!("02 {:02}:00", 9 + number))).await;
        tokio::join!(one.round(), two.round());
        one.round().await;
        two.round().await;
        assert_eq!(ear.heard(), ["okta-trusted-origin-added event"], "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_runs_are_told_when_they_begin_and_when_they_are_over() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hook("ops", &ear)]);
    telling.round().await;
    world.tenants[0].organisation().faults = Faults::parse("[[fault]]\nwhat = \"forbidden\"").unwrap();
    process.work_until(world.at("02 09:05")).await;
    telling.round().await;
    assert_eq!(ear.heard(), ["run_failed begun"]);
    process.work_until(world.at("02 11:10")).await;
    telling.round().await;
    assert_eq!(ear.heard(), ["backup_stale begun"], "08:20, and three moments of the schedule");
    world.tenants[0].organisation().faults = Faults::default();
    process.work_until(world.at("02 13:00")).await;
    telling.round().await;
    telling.round().await;
    assert_eq!(ear.heard(), ["run_failed over", "backup_stale over"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_from_the_baseline_is_told_until_it_is_gone() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hook("ops", &ear)]);
    let first = world.repository().snapshots("org0").unwrap()[0].seq;
    world.repository().set_baseline("org0", first).unwrap();
    telling.round().await;
    let (_, made) = world.ask(0, "POST", "/api/v1/groups", r#"{"profile":{"name":"Odd"}}"#);
    let id = made.get("id").and_then(|id| id.as_str()).unwrap().to_owned();
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    let posted = ear.take();
    assert_eq!(posted.iter().map(|posted| posted.what()).collect::<Vec<_>>(), ["drift begun"]);
    assert!(posted[0].text.contains(&format!("org0/group/{id}")), "{}", posted[0].text);
    assert_eq!(world.ask(0, "DELETE", &format!("/api/v1/groups/{id}"), "").0, 204);
    process.work_until(world.at("02 10:00")).await;
    telling.round().await;
    assert_eq!(ear.heard(), ["drift over"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_is_gone_is_told_and_is_no_end_of_drift() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hook("ops", &ear)]);
    telling.round().await;
    assert!(ear.take().is_empty() && telling.teller.troubles().is_empty(), "none was ever pinned");
    // What is left where a pinned snapshot is gone: the outbox knows of it, and of what differed.
    let repository = world.repository();
    let mut outbox = Outbox::from_bytes(&repository.book("org0/alerts").unwrap().unwrap()).unwrap();
    outbox.drift.baseline = "0123456789abcdef".into();
    outbox.drift.paths.insert("group/00g1".into());
    outbox.open.insert("drift".into(), "fedcba".into());
    repository.turn("org0/alerts").unwrap().write_book(&outbox.to_bytes()).unwrap();
    for hour in ["09", "10"] {
        process.work_until(world.at(&format!("02 {hour}:00"))).await;
        telling.round().await;
    }
    let posted = ear.take();
    assert_eq!(posted.iter().map(|posted| posted.what()).collect::<Vec<_>>(), ["baseline_lost begun"]);
    assert!(posted[0].text.contains("snapshot 01234567, is gone"), "{}", posted[0].text);
    assert!(posted[0].text.contains("\"severity\":\"medium\""), "{}", posted[0].text);
    assert_eq!(telling.teller.troubles(), ["the baseline of org0 is gone"]);
    let newest = repository.snapshots("org0").unwrap().last().unwrap().seq;
    repository.set_baseline("org0", newest).unwrap();
    process.work_until(world.at("02 11:00")).await;
    telling.round().await;
    telling.round().await;
    assert_eq!(ear.heard(), ["baseline_lost over", "drift over"]);
    assert!(telling.teller.troubles().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_hears_it_over_udp_and_tcp() {
    let (world, process) = begun().await;
    let ((tcp, heard), (udp, socket)) = (syslog_tcp(), syslog_udp());
    let receiver = |url: &str| Receiver {
        name: url.into(),
        classes: Vec::new(),
        least: Severity::Info,
        carrier: Carrier::Syslog(Syslog::parse(url).unwrap()),
    };
    let telling = Telling::new(&world, vec![receiver(&tcp), receiver(&udp)]);
    telling.round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    let text = heard.lock().unwrap().join("\n");
    let (length, message) = text.split_once(' ').unwrap();
    assert_eq!(length.parse(), Ok(message.len()), "{text}");
    assert!(
        message.starts_with("<108>1 2026-11-02T09:00:00.000Z - lastgood - alert - CEF:0|Lastgood|"),
        "{message}"
    );
    assert!(message.contains("|okta-trusted-origin-added|"), "{message}");
    let mut datagram = [0; 9000];
    let count = socket.recv(&mut datagram).unwrap();
    assert_eq!(std::str::from_utf8(&datagram[..count]), Ok(message));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_gets_a_line_an_alert_and_what_it_could_not_take_comes_later() {
    let (world, process) = begun().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs/alerts");
    let lines = Lines::new(&format!("append:{}", file.display()), Form::Ocsf, folder.path()).unwrap();
    let receiver = Receiver {
        name: "file".into(),
        classes: Vec::new(),
        least: Severity::Info,
        carrier: Carrier::File(lines),
    };
    let telling = Telling::new(&world, vec![receiver]);
    telling.round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    assert!(telling.complaints().iter().any(|why| why.contains("alerts")), "{:?}", telling.complaints());
    // The folder is there now, and so is the disk.
    std::fs::create_dir(folder.path().join("logs")).unwrap();
    trust(&world, "two");
    process.work_until(world.at("02 11:00")).await;
    telling.round().await;
    telling.round().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let rules: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["finding_info"]["uid"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(rules.len(), 2, "{text}");
    assert_ne!(rules[0], rules[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_a_disk_that_hangs_holds_up_nobody_and_gets_its_line_later() {
    let (world, process) = begun().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, pipe) = (folder.path().join("alerts"), folder.path().join("hangs"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // As long as nobody reads the pipe, whoever opens it to write waits.
    let waits = pipe.clone();
    let append = move |path: &std::path::Path, line: &[u8]| {
        if waits.exists() {
            drop(std::fs::OpenOptions::new().write(true).open(&waits)?);
        }
        std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line)
    };
    let lines = Lines::new(&format!("append:{}", file.display()), Form::Json, folder.path()).unwrap();
    let carrier = Carrier::File(lines.on(Arc::new(append)));
    let hung = Receiver { name: "file".into(), classes: Vec::new(), least: Severity::Info, carrier };
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hung, hook("ops", &ear)]);
    telling.round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    assert_eq!(ear.heard(), ["okta-trusted-origin-added event"]);
    assert!(telling.complaints().concat().ends_with("alerts: the disk does not answer in 5 s"));
    trust(&world, "two");
    process.work_until(world.at("02 10:00")).await;
    telling.round().await;
    assert_eq!(ear.heard(), ["okta-trusted-origin-added event"]);
    assert!(telling.complaints().concat().ends_with("the disk still does not answer to the line before"));
    assert!(!file.exists());
    // It answers again: what hung is written, and what waited comes after it.
    assert_eq!(std::fs::read(&pipe).unwrap(), b"");
    std::fs::remove_file(&pipe).unwrap();
    while std::fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    process.work_until(world.at("02 11:00")).await;
    telling.round().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let hosts: Vec<usize> =
        ["one", "two"].iter().map(|host| text.matches(&format!("\"name\":\"{host}\"")).count()).collect();
    assert!(hosts[0] >= 1 && hosts[1] == 1, "{text}");
    assert!(ear.take().is_empty() && telling.complaints().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_to_everybody_who_is_named() {
    let (world, process) = begun().await;
    let (url, heard) = mail_server();
    let to = ["ops@example.com".to_owned(), "Ann Lee <ann@example.com>".to_owned()];
    let letterbox =
        Letterbox { url: &url, ca_file: None, from: "lastgood@example.com", to: &to, login: None };
    let carrier = Carrier::Mail(Box::new(Mail::new(letterbox).unwrap()));
    let receiver = Receiver { name: "mail".into(), classes: Vec::new(), least: Severity::Info, carrier };
    let telling = Telling::new(&world, vec![receiver]);
    telling.round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    telling.round().await;
    let heard = heard.lock().unwrap().clone();
    let has = |start: &str| heard.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((has("RCPT TO:<ops@example.com>"), has("RCPT TO:<ann@example.com>"), has("DATA")), (1, 1, 1));
    assert_eq!(
        (has("Subject: [medium] org0: pages of another origin"), has("Message-ID: <")),
        (1, 1),
        "{heard:#?}"
    );
}

#[test]
fn an_outbox_of_another_form_is_none() {
    assert_eq!(Outbox::from_bytes(b"{\"format\":\"lastgood.outbox/2\"}"), None);
    assert_eq!(Outbox::from_bytes(b"\x00"), None);
}
