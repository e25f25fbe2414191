//! What a service says of alerts that do not arrive.

use lastgood::base::time::Clock as _;
use lastgood::daemon::alert::{Class, Undelivered};

use crate::alerts::{Telling, begun, hook, trust};
use crate::ears::Ear;

/// Count and time of the oldest, by tenant and receiver.
fn waiting(telling: &Telling) -> Vec<(String, String, u64, Option<String>)> {
    let of = |undelivered: Undelivered| {
        let tenant = undelivered.tenant;
        let receivers = undelivered.receivers.unwrap().into_iter();
        let line = move |waiting: lastgood::daemon::alert::Waiting| {
            let oldest = waiting.oldest.map(|at| at.strftime("%H:%M").to_string());
            (tenant.clone(), waiting.receiver, waiting.count, oldest)
        };
        receivers.map(line)
    };
    let mut lines: Vec<_> = telling.teller.undelivered().into_iter().flat_map(of).collect();
    lines.retain(|(_, _, count, oldest)| *count > 0 || oldest.is_some());
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_did_not_take_is_counted_until_he_does() {
    let (world, process) = begun().await;
    let (ear, deaf, picky) = (Ear::open(), Ear::open(), Ear::open());
    let receivers = || {
        let mut picky = hook("picky", &picky);
        picky.classes = vec![Class::AdminGranted];
        vec![hook("ops", &ear), hook("siem", &deaf), picky]
    };
    let telling = Telling::new(&world, receivers());
    let sorts = telling.teller.undelivered();
    let names: Vec<&str> = sorts.iter().map(|of| of.tenant.as_str()).collect();
    assert_eq!(names, ["org0", ""], "the repository itself has alerts as well");
    telling.round().await;
    assert_eq!(waiting(&telling), []);
    deaf.answers(503);
    picky.answers(503);
    for (hour, host) in [(9, "one"), (10, "two")] {
        trust(&world, host);
        process.work_until(world.at(&format!("02 {hour:02}:00"))).await;
        telling.round().await;
    }
    // Neither who has them all nor who wants none of them is waited for.
    let expected = ("org0".to_owned(), "siem".to_owned(), 2, Some("09:00".to_owned()));
    assert_eq!(waiting(&telling), [expected]);
    // Whichever process is asked.
    let next = Telling::new(&world, receivers());
    assert_eq!(waiting(&next), waiting(&telling));
    deaf.answers(200);
    world.clock.set(world.clock.now() + jiff::SignedDuration::from_hours(2));
    next.round().await;
    assert_eq!(deaf.take().len(), 2);
    assert_eq!(waiting(&next), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_that_cannot_be_read_is_not_an_empty_one() {
    let (world, _) = begun().await;
    let ear = Ear::open();
    let telling = Telling::new(&world, vec![hook("ops", &ear)]);
    telling.round().await;
    let repository = world.repository();
    let mut turn = repository.turn("org0/alerts").unwrap();
    turn.write_book(br#"{"format":"lastgood.outbox/99"}"#).unwrap();
    let undelivered = telling.teller.undelivered();
    let readable: Vec<bool> = undelivered.iter().map(|of| of.receivers.is_some()).collect();
    assert_eq!(readable, [false, true], "{undelivered:?}");
}
