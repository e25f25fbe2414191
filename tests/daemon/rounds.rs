//! What is read when, whatever goes wrong.

use std::sync::Arc;

use jiff::SignedDuration;
use lastgood::base::time::Clock;
use lastgood::sim::faults::Faults;
use lastgood::storage::{Fault, FaultKind};
use tokio::sync::watch;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_is_read_at_once_and_then_by_its_schedule() {
    let mut world = World::start(2).await;
    world.tenants[1].schedule = "CRON_TZ=Europe/Berlin 30 */6 * * *";
    let process = world.process(2);
    process.work_until(world.at("02 20:00")).await;
    let hourly = ["02 08:20", "02 09:00", "02 10:00", "02 11:00", "02 12:00", "02 13:00", "02 14:00"];
    assert_eq!(world.taken("org0")[..7], hourly);
    assert_eq!(world.taken("org0").len(), 13, "20:00 too");
    assert_eq!(world.taken("org1"), ["02 08:20", "02 11:30", "02 17:30"]);
    let book = world.book("org0");
    assert_eq!((book.totals.good, book.totals.failed, book.tries), (13, 0, 0));
    assert_eq!(book.good.unwrap().started, world.at("02 20:00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_by_a_schedule_of_its_own() {
    let mut world = World::start(1).await;
    world.tenants[0].schedule = "0 */8 * * *";
    world.tenants[0].full_sweep = Some("0 4 * * 5");
    let process = world.process(2);
    process.work_until(world.at("09 01:00")).await;
    let heard = process.heard.take();
    let full = heard.iter().filter(|line| line.starts_with("org0: all")).count();
    // The first, and that of the first run after Friday at four; a day's age alone is no reason.
    assert_eq!((full, heard.len()), (2, 21), "{heard:?}");
    assert_eq!(world.book("org0").swept, Some(world.at("06 08:00")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_does_not_answer_is_tried_again_and_the_others_do_not_wait() {
    let world = World::start(2).await;
    let process = world.process(2);
    process.work_until(world.at("02 08:30")).await;
    process.heard.take();
    world.tenants[0].organisation().faults = Faults::parse("[[fault]]\nwhat = \"forbidden\"").unwrap();
    process.work_until(world.at("02 10:10")).await;
    let heard = process.heard.take();
    let failed = heard.iter().filter(|line| line.starts_with("org0: failed")).count();
    // 9:00 and after 1, 2, 4, 8, 16 minutes; 10:00 by the schedule, which no longer patience puts off.
    assert_eq!(failed, 7, "{heard:#?}");
    assert_eq!(heard.iter().filter(|line| line.starts_with("org1: part")).count(), 2, "{heard:#?}");
    let book = world.book("org0");
    assert_eq!((book.failing_since, book.totals.failed), (Some(world.at("02 09:00")), 7));
    assert!(book.ended.unwrap().failure.unwrap().contains("403"), "the book says what the matter is");
    world.tenants[0].organisation().faults = Faults::default();
    process.work_until(world.at("02 11:10")).await;
    let book = world.book("org0");
    assert_eq!((book.failing_since, book.tries), (None, 0));
    assert_eq!(world.taken("org0").last().unwrap(), "02 11:00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_there_is_a_failed_run_and_no_end() {
    let world = World::start(1).await;
    *world.tenants[0].without_key.lock().unwrap() = true;
    let process = world.process(2);
    process.work_until(world.at("02 08:22")).await;
    let told = process.heard.take();
    assert_eq!(told[0], "org0: failed: `auth.token`: file:token: no such file");
    assert_eq!(told.len(), 2, "at once, and a minute later");
    *world.tenants[0].without_key.lock().unwrap() = false;
    process.work_until(world.at("02 08:30")).await;
    assert_eq!(world.taken("org0").len(), 1, "it is fetched anew each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_slept_makes_up_with_one_run() {
    let world = World::start(1).await;
    let process = world.process(2);
    process.work_until(world.at("02 09:00")).await;
    world.clock.set(world.at("04 13:40"));
    process.work_until(world.at("04 14:00")).await;
    assert_eq!(world.taken("org0"), ["02 08:20", "02 09:00", "04 13:40", "04 14:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_stops_nothing() {
    let world = World::start(1).await;
    let process = world.process(2);
    process.work_until(world.at("02 09:00")).await;
    // Ten days ahead, and right again an hour later.
    world.clock.set(world.at("12 09:30"));
    process.work_until(world.at("12 10:00")).await;
    world.clock.set(world.at("02 10:20"));
    process.work_until(world.at("02 13:00")).await;
    let taken = world.taken("org0");
    assert_eq!(taken[4..], ["02 10:20", "02 11:00", "02 12:00", "02 13:00"], "{taken:?}");
    assert!(process.heard.take().iter().all(|line| !line.contains("failed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_knew_another_one_goes_on_with() {
    let world = World::start(1).await;
    world.process(2).work_until(world.at("02 10:00")).await;
    let process = world.process(3);
    assert_eq!(process.scheduler.round().await, world.at("02 11:00"), "nothing is due after a restart");
    assert!(process.heard.take().is_empty());
    let ann = r#"{"profile":{"firstName":"Ann","lastName":"Lee","email":"ann@example.com","login":"ann@example.com"}}"#;
    assert_eq!(world.ask(0, "POST", "/api/v1/users", ann).0, 200);
    process.work_until(world.at("02 11:00")).await;
    assert_eq!(process.heard.take(), ["org0: part, 1 changes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_repository_share_the_runs() {
    let world = World::start(3).await;
    let (one, two) = (world.process(2), world.process(3));
    for hour in 9..15 {
        tokio::join!(one.scheduler.round(), two.scheduler.round());
        world.clock.set(world.at(&format!("02 {hour:02}:00")));
    }
    for tenant in &world.tenants {
        let taken = world.taken(&tenant.name);
        assert_eq!(taken, ["02 08:20", "02 09:00", "02 10:00", "02 11:00", "02 12:00", "02 13:00"]);
    }
    let heard = [one.heard.take(), two.heard.take()].concat();
    assert!(heard.iter().all(|line| !line.contains("failed")), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_nothing_is_lost() {
    let world = World::start(1).await;
    world.process(2).work_until(world.at("02 10:00")).await;
    let full = Arc::new(Fault::new(world.memory.clone(), 20, FaultKind::NoSpace));
    let process = world.process_on(full, 3);
    process.work_until(world.at("02 12:30")).await;
    let heard = process.heard.take();
    assert!(heard.len() > 3 && heard.iter().all(|line| line.contains("no space")), "{heard:#?}");
    let freed = world.process(4);
    freed.work_until(world.at("02 13:00")).await;
    assert_eq!(world.taken("org0"), ["02 08:20", "02 09:00", "02 10:00", "02 12:30", "02 13:00"]);
    assert!(world.repository().check(true, &|_, _| {}).unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_a_run_off_and_the_next_process_makes_it() {
    let world = World::start(1).await;
    let process = world.process(2);
    process.work_until(world.at("02 08:59")).await;
    process.heard.take();
    world.clock.set(world.at("02 09:00"));
    // Nothing is answered any more, so that the run is under way until it is stopped.
    let release = world.tenants[0].hold();
    let (stop, stopped) = watch::channel(false);
    let scheduler = process.scheduler.clone();
    let serving = tokio::spawn(async move { scheduler.serve(stopped).await });
    while world.book("org0").begun != Some(world.at("02 09:00")) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    serving.await.unwrap();
    drop(release);
    assert_eq!(process.heard.take(), ["org0: stopped"]);
    assert_eq!(world.taken("org0"), ["02 08:20"]);
    world.clock.set(world.clock.now() + SignedDuration::from_secs(1));
    let next = world.process(3);
    next.scheduler.round().await;
    assert_eq!(next.heard.take(), ["org0: part, 0 changes"], "the turn was given back, and the run is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_cost_what_it_asked_for() {
    let world = World::start(1).await;
    world.tenants[0].organisation().faults = Faults::parse("[[fault]]\nwhat = \"forbidden\"").unwrap();
    world.process(2).scheduler.round().await;
    let totals = world.book("org0").totals;
    assert_eq!((totals.failed, totals.good), (1, 0));
    assert!(totals.requests > 0, "{totals:?}");
}
