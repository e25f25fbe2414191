//! Rules that never end, take all memory or nest too deep: each costs its own answer and nobody else's.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use lastgood::daemon::alert::Rules;
use lastgood::daemon::alert::apart::{Apart, Program};
use lastgood::daemon::alert::ask::{Answer, Ask as _, AskError};
use lastgood::daemon::status::Status;
use lastgood::json::Value;
use tokio::sync::watch;

use crate::alerts::{Telling, begun, hook, program, trust};
use crate::ears::Ear;

const CHANGE: &[u8] = br#"{"after":{"n":1}}"#;

/// The processes that this thread began and that it has not waited for.
fn children() -> usize {
    std::fs::read_to_string("/proc/thread-self/children").unwrap().split_whitespace().count()
}

fn why(answer: Answer) -> String {
    match answer {
        Answer::GaveUp(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_never_ends_is_ended_and_the_next_question_is_answered() {
    let mut apart = Apart::new(program());
    let mut ask = |when: &str| apart.ask(when, CHANGE).unwrap();
    assert_eq!(ask(".after.n == 1"), Answer::Strikes);
    for endless in ["def f: f; f", "first(range(infinite) | select(. < 0))", "last(repeat(1))"] {
        assert_eq!(why(ask(endless)), "it took more than 2 s of processor time", "{endless}");
        assert_eq!(ask(".after.n == 2"), Answer::Passes);
    }
    let large = "it took more than 256 MiB of memory, or nests too deep";
    for expression in ["def f: 1 + f; f", "[range(1000000000)]", "\"x\" * 1000000000000"] {
        assert_eq!(why(ask(expression)), large, "{expression}");
        assert_eq!(ask(".after.n.m"), Answer::Fails);
    }
    assert_eq!(children(), 1, "those that were ended are gone");
    drop(apart);
    assert_eq!(children(), 0);
}

#[test]
fn a_program_that_does_not_answer_is_no_fault_of_a_rule() {
    let ask = |path: &str, argument: &str| {
        let arguments = vec![argument.to_owned()];
        Apart::new(Program { path: path.into(), arguments }).ask("true", CHANGE)
    };
    assert!(matches!(ask("/nowhere/lastgood", ""), Err(AskError::Begin(_))));
    assert_eq!(ask("/bin/echo", "ready for nothing"), Err(AskError::Unreadable));
    assert!(matches!(ask("/bin/echo", "ready"), Err(AskError::Ended(_))));
}

/// A world's rules: one that never ends on an origin, and those that come with the product.
fn rules(when: &str) -> Rules {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "provider = \"okta\"\n[[rule]]\nname = \"mine\"\nkind = [\"trusted_origin\"]\nop = [\"add\"]\nwhen = '{when}'\n\
         class = [\"trust_added\"]\nseverity = \"low\"\nsays = \"an origin\"\n"
    );
    std::fs::write(folder.path().join("mine.toml"), text).unwrap();
    Rules::load(Some(folder.path())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_never_ends_is_told_once_and_holds_up_no_other() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let telling = Telling::by(&world, vec![hook("ops", &ear)], rules("def f: f; f"));
    telling.round().await;
    for (hour, told) in [(9, &["mine begun"][..]), (10, &[])] {
        trust(&world, &format!("host{hour}"));
        process.work_until(world.at(&format!("02 {hour:02}:00"))).await;
        telling.round().await;
        let posted = ear.take();
        let rules: Vec<&str> = posted.iter().map(|posted| text(posted, "rule")).collect();
        let mut expected = vec!["okta-trusted-origin-added"];
        expected.extend(told.iter().map(|_| "rule_failed"));
        assert_eq!(rules, expected, "{hour}");
        if let Some(failed) = posted.get(1) {
            assert!(
                text(failed, "text").starts_with("the rule `mine` comes to no end: it took"),
                "{}",
                failed.text
            );
            assert!(failed.text.contains("org0/trusted_origin/"), "{}", failed.text);
        }
    }
    assert_eq!(telling.teller.troubles(), ["rule mine comes to no end over org0"]);
    assert!(health(&world, &process, &telling).await.ends_with("ok\nrule mine comes to no end over org0\n"));
    // Mended, by another process.
    let next = Telling::by(&world, vec![hook("ops", &ear)], rules("true"));
    trust(&world, "host11");
    process.work_until(world.at("02 11:00")).await;
    next.round().await;
    assert_eq!(ear.heard(), ["okta-trusted-origin-added event", "mine event", "rule_failed over"]);
    telling.round().await;
    assert!(telling.teller.troubles().is_empty() && next.teller.troubles().is_empty());
    assert!(health(&world, &process, &next).await.ends_with("\r\n\r\nok\n"));
    assert!(telling.complaints().is_empty() && next.complaints().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_failed_and_is_there_no_more_fails_no_more() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    Telling::by(&world, vec![hook("ops", &ear)], rules("def f: 1 + f; f")).round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    Telling::by(&world, vec![hook("ops", &ear)], rules("def f: 1 + f; f")).round().await;
    assert_eq!(ear.heard(), ["okta-trusted-origin-added event", "rule_failed begun"]);
    Telling::new(&world, vec![hook("ops", &ear)]).round().await;
    assert_eq!(ear.heard(), ["rule_failed over"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_member_of_a_group_that_carries_a_role_is_told_of_and_no_other() {
    let (world, process) = begun().await;
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hook("ops", &ear)]);
    let asked = |method: &str, path: &str, body: &str| {
        let (status, answer) = world.ask(0, method, path, body);
        assert!(status < 300, "{path}: {status}");
        answer
    };
    let id = |value: &Value| value.get("id").and_then(Value::as_str).unwrap().to_owned();
    let group =
        |name: &str| id(&asked("POST", "/api/v1/groups", &format!(r#"{{"profile":{{"name":"{name}"}}}}"#)));
    let (plain, desk, root) = (group("Plain"), group("Desk"), group("Root"));
    asked("POST", &format!("/api/v1/groups/{desk}/roles"), r#"{"type":"HELP_DESK_ADMIN"}"#);
    asked("POST", &format!("/api/v1/groups/{root}/roles"), r#"{"type":"SUPER_ADMIN"}"#);
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    let people = asked("GET", "/api/v1/users", "");
    let person = id(people.as_array().unwrap().first().unwrap());
    for group in [&plain, &desk, &root] {
        asked("PUT", &format!("/api/v1/groups/{group}/users/{person}"), "");
    }
    process.work_until(world.at("02 10:00")).await;
    telling.round().await;
    let posted = ear.take();
    let joined: Vec<_> = posted.iter().filter(|posted| text(posted, "rule").contains("-joined-")).collect();
    let told = |number: usize| (text(joined[number], "rule"), text(joined[number], "severity"));
    assert_eq!(joined.len(), 2, "{:?}", posted.iter().map(|posted| posted.what()).collect::<Vec<_>>());
    assert_eq!(told(0), ("okta-joined-super-admin-group", "critical"));
    assert_eq!(told(1), ("okta-joined-admin-group", "high"));
    assert!(joined[0].text.contains(&format!("org0/group_membership/{root}/{person}")), "{}", joined[0].text);
    assert!(joined[1].text.contains(&format!("org0/group_membership/{desk}/{person}")), "{}", joined[1].text);
    assert!(telling.complaints().is_empty());
}

fn text<'a>(posted: &'a crate::ears::Posted, name: &str) -> &'a str {
    posted.body.get(name).and_then(|value| value.as_str()).unwrap_or_default()
}

async fn health(world: &crate::world::World, process: &crate::world::Process, telling: &Telling) -> String {
    let listener = Status::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    process.scheduler.look();
    let (scheduler, teller) = (process.scheduler.clone(), telling.teller.clone());
    let (end, stop) = watch::channel(false);
    let answering = tokio::spawn(Status::new(scheduler, teller, world.clock.clone()).answer(listener, stop));
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = asked.await.unwrap();
    end.send(true).unwrap();
    answering.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}
