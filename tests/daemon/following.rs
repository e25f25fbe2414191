//! What happens between two hours.

use std::time::Duration;

use lastgood::base::key::ResourceKey;
use lastgood::base::time::Clock as _;
use lastgood::json::Value;
use lastgood::store::Part;
use tokio::sync::watch;

use crate::world::World;

/// The names that a group had, by the minute of the snapshot that found it.
fn names(world: &World, group: &str) -> Vec<(String, String)> {
    let repository = world.repository();
    let key = ResourceKey::from_path(&format!("group/{group}")).unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    for snapshot in repository.snapshots("org0").unwrap() {
        let entry = repository.entry("org0", snapshot.seq, &key).unwrap().unwrap();
        let body = repository.read(&entry, Part::Main).unwrap().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let name = body["profile"]["name"].as_str().unwrap().to_owned();
        if found.last().is_none_or(|(_, last)| *last != name) {
            found.push((snapshot.started.strftime("%H:%M").to_string(), name));
        }
    }
    found
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("{what} never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_followers_hear_is_read_once() {
    let world = World::start(1).await;
    let (first, second) = (world.process(2), world.process(3));
    first.scheduler.round().await;
    second.scheduler.round().await;
    assert_eq!(world.taken("org0").len(), 1);
    first.heard.take();
    second.heard.take();
    let group = r#"{"profile":{"name":"Payroll"}}"#;
    for (minute, times) in [("02 08:31", 2), ("02 08:44", 3)] {
        world.clock.set(world.at(minute));
        assert_eq!(world.ask(0, "POST", "/api/v1/groups", group).0, 200);
        // Both have heard of it, the second one half a minute later, when the first has read it.
        first.scheduler.heard_of("org0");
        first.scheduler.round().await;
        assert_eq!(first.heard.take(), ["org0: part, 1 changes"]);
        world.clock.set(world.clock.now() + jiff::SignedDuration::from_secs(30));
        second.scheduler.heard_of("org0");
        second.scheduler.round().await;
        assert_eq!(second.heard.take(), ["org0: another's"]);
        world.clock.set(world.clock.now() + jiff::SignedDuration::from_mins(2));
        second.scheduler.round().await;
        assert_eq!(second.heard.take(), [""; 0], "what another has read is not tried again");
        assert_eq!(world.taken("org0").len(), times);
    }
    let spent = world.book("org0").totals.requests;
    second.scheduler.heard_of("org0");
    second.scheduler.round().await;
    let asked = world.book("org0").totals.requests - spent;
    assert!((1..6).contains(&asked), "who it is, what he may, and the log: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_that_follow_take_what_is_done_once() {
    let mut world = World::start(1).await;
    world.tenants[0].follow = Some(Duration::from_millis(40));
    let group = world.ask(0, "POST", "/api/v1/groups", r#"{"profile":{"name":"Payroll"}}"#).1;
    let id = group.get("id").and_then(Value::as_str).unwrap().to_owned();
    let processes = [world.process(2), world.process(3)];
    let (stop, stopped) = watch::channel(false);
    let serving: Vec<_> = processes
        .iter()
        .map(|process| {
            let (scheduler, stopped) = (process.scheduler.clone(), stopped.clone());
            tokio::spawn(async move { scheduler.serve(stopped).await })
        })
        .collect();
    until("the first run", || world.book("org0").good.is_some()).await;
    // One that has not begun to follow when something is done hears of the next deed.
    let (mut deeds, mut heard) = (0, Vec::new());
    let another = "org0: another's".to_owned();
    while !heard.contains(&another) || deeds < 3 {
        deeds += 1;
        let body = format!(r#"{{"profile":{{"name":"Payroll {deeds}"}}}}"#);
        assert_eq!(world.ask(0, "PUT", &format!("/api/v1/groups/{id}"), &body).0, 200);
        until("the change", || {
            // Who finds the other at it tries again after a minute.
            world.clock.set(world.clock.now() + jiff::SignedDuration::from_secs(1));
            heard.extend(processes.iter().flat_map(|process| process.heard.take()));
            names(&world, &id).len() == deeds + 1
        })
        .await;
        assert!(deeds < 20, "nobody finds that another was there: {heard:?}");
    }
    stop.send(true).unwrap();
    for serving in serving {
        serving.await.unwrap();
    }
    assert_eq!(world.taken("org0").len(), deeds + 1, "each deed once: {heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_and_put_back_within_the_hour_is_seen() {
    let mut world = World::start(1).await;
    world.tenants[0].follow = Some(Duration::from_millis(40));
    let group = world.ask(0, "POST", "/api/v1/groups", r#"{"profile":{"name":"Payroll"}}"#).1;
    let id = group.get("id").and_then(Value::as_str).unwrap().to_owned();
    let process = world.process(2);
    let (stop, stopped) = watch::channel(false);
    let scheduler = process.scheduler.clone();
    let serving = tokio::spawn(async move { scheduler.serve(stopped).await });
    until("the first run", || world.book("org0").good.is_some()).await;
    let rename = |name: &str| {
        let body = format!(r#"{{"profile":{{"name":"{name}"}}}}"#);
        assert_eq!(world.ask(0, "PUT", &format!("/api/v1/groups/{id}"), &body).0, 200);
    };
    world.clock.set(world.at("02 08:31"));
    rename("Everyone and Mallory");
    until("the change", || names(&world, &id).len() == 2).await;
    world.clock.set(world.at("02 08:44"));
    rename("Payroll");
    until("the way back", || names(&world, &id).len() == 3).await;
    let seen = names(&world, &id);
    let (at, what): (Vec<&str>, Vec<&str>) =
        seen.iter().map(|(at, what)| (at.as_str(), what.as_str())).unzip();
    assert_eq!(what, ["Payroll", "Everyone and Mallory", "Payroll"]);
    // A run that is under way while the clock is set has the time at which it began, so each time is that of the
    // deed or of the run before it; none waits for the hour.
    let first = ["08:20", "08:31", "08:44"];
    assert!(at.iter().zip(first).all(|(at, latest)| *at <= latest), "{at:?}");
    assert_eq!(at[0], "08:20");
    stop.send(true).unwrap();
    serving.await.unwrap();
    // The hour comes all the same, and finds what no event tells of from before the snapshots between.
    let book = world.book("org0");
    assert_eq!(book.begun, Some(world.at("02 08:20")), "the schedule goes on as if nothing was");
    let next = world.process(3);
    next.work_until(world.at("02 09:00")).await;
    assert_eq!(next.heard.take(), ["org0: part, 0 changes"]);
    assert_eq!(world.book("org0").totals.good, 2);
}
