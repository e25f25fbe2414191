//! An apply that a person stops after any of its calls: the journal says how far it is, it is gone on
//! with or undone, and nothing guards less on the way than at both of its ends.

use rustix::process::{Pid, Signal, kill_process};

use super::scene::{Guarding, Planned, Scene, outcomes, weaker};
use crate::dump::Dump;
use crate::lastgood::Ran;
use crate::server::{notice, on_server};

/// What is put back: everything that the day took, wherever it lay.
const SCOPE: [&str; 1] = ["kc"];

/// Stops the apply of a plan after its call number `write` by Ctrl-C; `Err` where it ended before.
async fn stopped(scene: &Scene, planned: &Planned, resume: bool, write: usize) -> Result<Ran, Ran> {
    let child = scene.held(&Scene::command(planned, resume), write, true).await?;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    // The signal is noticed while the answer is waited for.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    scene.relay.release();
    let ran = Ran::of(child.wait_with_output().unwrap());
    Ok(ran.code(130))
}

/// Goes through an apply `stride` calls at a time; gives its plan, and how often it was stopped.
async fn step_by_step(scene: &Scene, stride: usize) -> (Planned, usize) {
    let planned = scene.plan_of(&SCOPE, "step.json");
    let before = scene.guarding().await;
    let mut between: Vec<Guarding> = Vec::new();
    let mut done = 0;
    let last = loop {
        let ran = match stopped(scene, &planned, !between.is_empty(), stride).await {
            Ok(ran) => ran,
            Err(ran) => break ran,
        };
        let outcomes = outcomes(&ran);
        assert_eq!(outcomes.len(), planned.steps, "every step has a line");
        assert!(outcomes[..done].iter().all(|outcome| outcome == "already"), "{outcomes:?}");
        let now = outcomes.iter().take_while(|outcome| *outcome == "done" || *outcome == "already").count();
        assert!(now >= done, "{now} {done}");
        assert!(outcomes[now..].iter().all(|outcome| outcome == "not_run"), "{}", ran.out);
        done = now;
        between.push(scene.guarding().await);
    };
    last.ok();
    let after = scene.guarding().await;
    for (at, state) in between.iter().enumerate() {
        assert_eq!(weaker(&before, state, &after), Vec::<String>::new(), "after stop {}", at + 1);
    }
    (planned, between.len())
}

/// Stops an apply after call `write`, and undoes what was done; false where it has fewer calls.
async fn there_and_back(scene: &Scene, write: usize) -> bool {
    let planned = scene.plan_of(&SCOPE, &format!("there-{write}.json"));
    let Ok(_) = stopped(scene, &planned, false, write).await else { return false };
    undo(scene, &planned, &format!("after call {write}")).await;
    true
}

/// Takes an apply back, and holds that nothing of it is left.
async fn undo(scene: &Scene, planned: &Planned, case: &str) {
    let back = scene.plan(&["--undo", &planned.id], &format!("back-{}", planned.file));
    scene.home.run(&Scene::command(&back, false)).ok();
    assert_eq!(scene.since(&scene.damaged).await, Vec::<String>::new(), "undone {case}");
}

/// `tests/campaigns/midpoints` asks for every call; the suite tries a spread of them.
#[test]
fn stopped_anywhere_it_is_undone_or_finished() {
    on_server(async |server| {
        let every = std::env::var_os("LASTGOOD_EVERY_MIDPOINT").is_some();
        let begun = std::time::Instant::now();
        let scene = Scene::set(server, "midpoints").await;
        let whole = scene.plan_of(&SCOPE, "whole.json");
        scene.home.run(&Scene::command(&whole, false)).ok();
        let mended = Dump::read(&scene.seed.realm).await;
        undo(&scene, &whole, "from the end").await;

        let (planned, stops) = step_by_step(&scene, if every { 1 } else { 21 }).await;
        assert_eq!(scene.since(&mended).await, Vec::<String>::new(), "as the unbroken apply left it");
        undo(&scene, &planned, "after many stops").await;

        let mut undone = 0;
        let mut write = if every { 1 } else { 33 };
        while there_and_back(&scene, write).await {
            undone += 1;
            write += if every { 2 } else { 1_000 };
        }
        let took = begun.elapsed().as_secs();
        notice(&format!(
            "{} steps: stopped {stops} times and gone on with, undone from {undone} places, in {took} s",
            whole.steps
        ));
    });
}
