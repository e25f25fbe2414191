//! An apply that a person stops after any of its calls: the journal says how far it is, it is gone on
//! with or undone, and nothing guards less on the way than at both of its ends.

use rustix::process::{Pid, Signal, kill_process};

use super::scene::{Guarding, Planned, Scene, outcomes, weaker};
use crate::lastgood::Ran;
use crate::server::{notice, on_server};

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

/// Goes through an apply `stride` calls at a time; gives how often it was stopped.
async fn step_by_step(scene: &Scene, stride: usize) -> usize {
    let planned = scene.way_back("step.json");
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
    between.len()
}

/// Stops an apply after call `write`, and undoes what was done.
async fn there_and_back(scene: &Scene, write: usize) -> bool {
    let file = format!("there-{write}.json");
    let planned = scene.way_back(&file);
    let Ok(_) = stopped(scene, &planned, false, write).await else { return false };
    let back = scene.plan(&["--undo", &planned.id], &format!("back-{write}.json"));
    scene.home.run(&Scene::command(&back, false)).ok();
    let left = scene.since(&scene.damaged).await;
    assert_eq!(left, Vec::<String>::new(), "undone after call {write}");
    true
}

#[test]
fn stopped_anywhere_it_is_undone_or_finished() {
    on_server(async |server| {
        let begun = std::time::Instant::now();
        let scene = Scene::set(server, "midpoints").await;
        notice(&format!("set {:?}", begun.elapsed()));
        let undone = there_and_back(&scene, 40).await;
        notice(&format!("undone {undone} {:?}", begun.elapsed()));
        let stops = step_by_step(&scene, 25).await;
        notice(&format!("{stops} stops {:?}", begun.elapsed()));
        let left = scene.since(&scene.good).await;
        assert_eq!(left, Vec::<String>::new());
        assert!(scene.way_back("again.json").steps == 0);
    });
}
