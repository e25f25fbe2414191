//! The binary killed while it applies, at chosen calls and at random moments: the repository is whole,
//! the apply is gone on with or undone, and no call is sent twice.
//!
//! `tests/campaigns/kill-apply ROUNDS` runs many more rounds than the suite, half of them killed at a
//! call that is drawn of all that the plan has; it sets `LASTGOOD_KILL_APPLY_ROUNDS`.

use std::time::Duration;

use lastgood::base::entropy::{SystemEntropy, draw};

use super::scene::{Planned, Scene, outcomes};
use crate::dump::Dump;
use crate::log::Mark;
use crate::relay::Fault;
use crate::server::{notice, on_server};

/// What is put back: creates, updates, new ids, and things that the vendor makes along.
const SCOPE: [&str; 5] =
    ["kc/group/*", "kc/realm_role/operator", "kc/client/backend", "kc/client_scope/billing", "kc/realm/-"];

/// Rounds in the suite: each with its moment.
const CHOSEN: [When; 4] = [
    When::Call { write: 1, answered: false },
    When::Call { write: 3, answered: true },
    When::Call { write: 9, answered: true },
    When::Call { write: 12, answered: false },
];

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
enum When {
    /// While this call is held: before it reached the server, or before its answer came back.
    Call { write: usize, answered: bool },
    /// After so long.
    After(Duration),
}

/// What came of the rounds.
#[derive(Default, Debug)]
struct Rounds {
    /// The apply was over before it could be killed.
    late: usize,
    /// Killed before the plan was taken up.
    unbegun: usize,
    /// Killed while it ran.
    cut_off: usize,
    finished: usize,
    undone: usize,
}

/// Kills the apply of a plan; whether it was still running.
async fn killed(scene: &Scene, planned: &Planned, when: When) -> bool {
    let args = Scene::command(planned, false);
    let mut child = match when {
        When::Call { write, answered } => {
            let Ok(child) = scene.held(&args, write, answered).await else { return false };
            let other = scene.home.run(&args).code(11);
            assert!(other.err.contains(&format!("process {} on this machine", child.id())), "{}", other.err);
            child
        }
        When::After(time) => {
            let child = scene.home.start(&args);
            tokio::time::sleep(time).await;
            child
        }
    };
    let ran = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    scene.relay.forget();
    ran
}

/// One round: plan, apply, kill, check, then go on or undo. It begins and ends in the damaged realm.
async fn round(scene: &Scene, number: usize, when: When, mended: &Dump, rounds: &mut Rounds) {
    let case = format!("round {number}, {when:?}");
    let planned = scene.plan_of(&SCOPE, &format!("plan-{number}.json"));
    let mark = Mark::now();
    let ran = killed(scene, &planned, when).await;
    scene.home.run(&["check"]).ok();
    let begun = scene.home.run(&["plan", "--undo", &planned.id, "--json"]).code == 0;
    match (ran, begun) {
        (false, _) => rounds.late += 1,
        (true, false) => rounds.unbegun += 1,
        (true, true) => rounds.cut_off += 1,
    }
    if !begun || number.is_multiple_of(2) {
        let ended = scene.home.run(&Scene::command(&planned, begun)).ok();
        let good = |outcome: &String| outcome == "done" || outcome == "already";
        assert!(outcomes(&ended).iter().all(good), "{case}: {}", ended.out);
        if let Some(mark) = mark {
            planned.assert_sent_once(&mark.requests(&scene.seed.realm).await, &case);
        }
        assert_eq!(scene.since(mended).await, Vec::<String>::new(), "{case}");
        rounds.finished += 1;
    }
    let back = scene.plan(&["--undo", &planned.id], &format!("back-{number}.json"));
    scene.home.run(&Scene::command(&back, false)).ok();
    assert_eq!(scene.since(&scene.damaged).await, Vec::<String>::new(), "{case}");
    rounds.undone += 1;
    scene.home.run(&["check"]).ok();
}

fn drawn() -> u32 {
    u32::from_le_bytes(draw(&SystemEntropy).unwrap())
}

/// A random moment within the time that an apply takes.
fn some_time(whole: Duration) -> When {
    When::After(whole.mul_f64(f64::from(drawn()) / f64::from(u32::MAX)))
}

/// Any of an apply's calls, before it reaches the server or before its answer comes back.
fn some_call(calls: usize) -> When {
    When::Call { write: drawn() as usize % calls + 1, answered: drawn().is_multiple_of(2) }
}

/// The moments of a campaign: two calls and two times in turns, so that of each half are finished and
/// half undone.
fn moments(count: usize, calls: usize, whole: Duration) -> Vec<When> {
    (0..count).map(|number| if number % 4 < 2 { some_call(calls) } else { some_time(whole) }).collect()
}

#[test]
fn killed_anywhere_it_is_finished_or_undone_and_nothing_is_sent_twice() {
    on_server(async |server| {
        let wanted: Option<usize> =
            std::env::var("LASTGOOD_KILL_APPLY_ROUNDS").ok().and_then(|text| text.parse().ok());
        let scene = Scene::set(server, "killed").await;
        let planned = scene.plan_of(&SCOPE, "whole.json");
        let begun = std::time::Instant::now();
        scene.relay.set(Fault::None);
        scene.home.run(&Scene::command(&planned, false)).ok();
        let (whole, calls) = (begun.elapsed(), scene.relay.wrote());
        let mended = Dump::read(&scene.seed.realm).await;
        let back = scene.plan(&["--undo", &planned.id], "back.json");
        scene.home.run(&Scene::command(&back, false)).ok();
        assert_eq!(scene.since(&scene.damaged).await, Vec::<String>::new(), "the undo of a whole apply");

        let mut rounds = Rounds::default();
        let moments: Vec<When> = match wanted {
            None => CHOSEN.to_vec(),
            Some(count) => moments(count, calls, whole),
        };
        for (number, when) in moments.iter().enumerate() {
            round(&scene, number, *when, &mended, &mut rounds).await;
            if number % 10 == 9 {
                notice(&format!("{} rounds: {rounds:?}", number + 1));
            }
        }
        notice(&format!(
            "{} rounds of SIGKILL while applying {} steps with {calls} calls: {rounds:?}",
            moments.len(),
            planned.steps
        ));
        if wanted.is_none() {
            assert_eq!(rounds.cut_off, CHOSEN.len(), "{rounds:?}");
        }
    });
}
