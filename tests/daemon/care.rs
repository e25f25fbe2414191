//! What is done for the repository itself, beside the runs.

use jiff::tz::TimeZone;
use lastgood::daemon::{Care, CareBook, Schedule};
use lastgood::store::Retention;

use crate::world::World;

fn care() -> Care {
    let schedule = |text| Schedule::parse(text, &TimeZone::UTC).unwrap();
    let rules = Retention {
        hourly: Some("1d".parse().unwrap()),
        daily: Some("7d".parse().unwrap()),
        ..Retention::default()
    };
    let (check, prune) = (schedule("0 5 * * 0"), Some((schedule("30 4 * * *"), rules)));
    Care { check, read_data: true, prune, compact: Some(schedule("0 6 * * *")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fortnight_of_runs_is_pruned_folded_and_checked_as_it_goes() {
    let mut world = World::start(1).await;
    world.tenants[0].schedule = "0 */4 * * *";
    world.care = Some(care);
    let process = world.process(2);
    process.work_until(world.at("16 05:30")).await;
    let heard = process.heard.take();
    let said = |start: &str| heard.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(said("org0: "), 84, "runs go on beside it: {heard:#?}");
    assert_eq!(said("~check: 0 faults"), 3, "at once, and on two Sundays: {heard:#?}");
    assert_eq!(said("~prune: "), 15, "at once, and on fourteen nights: {heard:#?}");
    assert_eq!(said("~compact: "), 14, "at once, and on thirteen mornings: {heard:#?}");
    let folds = heard.iter().filter(|line| line.starts_with("~compact: ") && !line.contains(" 0 folded"));
    assert!(folds.count() > 10, "{heard:#?}");
    assert!(heard.iter().all(|line| !line.contains("fail") && !line.contains("blind")), "{heard:#?}");
    let kept = world.taken("org0");
    assert!((11..=16).contains(&kept.len()), "six of the last day and one for each of a week: {kept:?}");
    let repository = world.repository();
    assert!(repository.check(true, &|_, _| {}).unwrap().is_clean());
    let book = CareBook::read(&repository).unwrap();
    assert_eq!(book.check.ended, Some(world.at("15 05:00")));
    assert_eq!(book.prune.ended, Some(world.at("16 04:30")));
    assert_eq!(book.compact.ended, Some(world.at("15 06:00")));
    assert_eq!(book.checked.unwrap().faults, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_restores_is_not_pruned_under_and_nobody_else_waits() {
    let mut world = World::start(2).await;
    world.process(2).work_until(world.at("02 09:30")).await;
    world.care = Some(care);
    let repository = world.repository();
    let lease = repository.lease("org0").unwrap();
    let process = world.process(3);
    for _ in 0..3 {
        process.scheduler.round().await;
    }
    let heard = process.heard.take();
    assert!(heard.contains(&"~prune: 0 gone, 1 left".to_owned()), "{heard:?}");
    let folded = |left: &str| heard.iter().any(|line| line.starts_with("~compact: ") && line.ends_with(left));
    assert!(folded(" 1 left"), "{heard:?}");
    drop(lease);
    process.work_until(world.at("02 10:40")).await;
    let heard = process.heard.take();
    assert!(heard.contains(&"~prune: 0 gone, 0 left".to_owned()), "an hour later: {heard:?}");
}
