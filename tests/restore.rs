//! A plan from a real repository: its snapshot is the goal, its sealed bodies give the secrets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

use std::collections::BTreeMap;
use std::sync::Arc;

use lastgood::base::coverage::Ledger;
use lastgood::base::entropy::SeededEntropy;
use lastgood::base::ids::PlanId;
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::base::time::FixedClock;
use lastgood::base::when::When;
use lastgood::catalog;
use lastgood::history::History;
use lastgood::restore::{Composed, Kept, Recorded as _, SecretAt, Stored, Vault as _};
use lastgood::storage::Memory;
use lastgood::store::{Environment, Flags, KdfCost, Meta, Parts, Phase, Repository, Snapshot, Unlock};

fn repository() -> Repository {
    let at = "2026-11-03T14:00:00Z".parse().unwrap();
    let env = Environment { clock: Arc::new(FixedClock::new(at)), entropy: Arc::new(SeededEntropy::new(1)) };
    let words = Unlock::Passphrase(Secret::new(b"horse".to_vec()));
    Repository::init(Arc::new(Memory::new()), &words, KdfCost::CHEAP_FOR_TESTS, env, None).unwrap()
}

fn committed(repository: &Repository, rows: &[(&str, &str, Option<&str>)]) -> Snapshot {
    flagged(repository, rows, Flags::default())
}

fn flagged(repository: &Repository, rows: &[(&str, &str, Option<&str>)], flags: Flags) -> Snapshot {
    let mut session = repository.session("acme").unwrap();
    for (path, main, secret) in rows {
        let parts = Parts {
            main: main.as_bytes().to_vec(),
            secret: secret.map(|secret| secret.as_bytes().to_vec()),
            volatile: None,
            raw: None,
        };
        session.put(&key(path), parts).unwrap();
    }
    let at = "2026-11-03T13:59:00Z".parse().unwrap();
    let meta = Meta {
        started: at,
        finished: at,
        ledger: Ledger::default(),
        identity: [7; 32],
        permission: [8; 32],
        requests: 1,
        full_sweep: true,
        flags,
        rules: 1,
        notes: BTreeMap::new(),
    };
    session.commit(meta).unwrap()
}

fn key(path: &str) -> ResourceKey {
    ResourceKey::from_path(path).unwrap()
}

#[test]
fn a_snapshot_gives_bodies_in_key_order_and_a_plan_opens_the_secrets_of_its_base_only() {
    let repository = repository();
    let first = committed(
        &repository,
        &[
            ("app/b%2Fc", r#"{"id":"b/c","secret":{"$secret":"f1"}}"#, Some(r#"{"f1":"lgcanary-1"}"#)),
            ("app/b0", r#"{"id":"b0"}"#, None),
            ("role/r", r#"{"id":"r"}"#, None),
        ],
    );
    let stored = Stored::new(&repository, first.clone()).unwrap();
    let app = Kind::new("app");
    let keys = stored.keys(&app);
    assert!(keys.is_sorted() && keys.len() == 2, "{keys:?}");
    let bodies: Vec<ResourceKey> = stored.bodies(&app).unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(bodies, keys);
    assert_eq!(stored.body(&key("app/gone")).unwrap(), None);

    let only = Kept::only(&repository, "acme", &first.id.to_string()).unwrap();
    let open = |blob: String, pointer: &str| only.open(&SecretAt { blob, pointer: pointer.into() });
    let blob = format!("{}/app/b%2Fc", first.id);
    assert_eq!(open(blob.clone(), "/f1").unwrap().expose().as_str(), Some("lgcanary-1"));
    for (blob, pointer) in [
        (blob, "/f2"),
        (format!("{}/app/b0", first.id), "/f1"),
        (format!("{}/app/b%2Fc", "0".repeat(64)), "/f1"),
        ("nonsense".into(), "/f1"),
    ] {
        let refused = open(blob, pointer).unwrap_err();
        assert!(!refused.contains("lgcanary"), "{refused}");
    }
    let second = committed(&repository, &[("app/b0", r#"{"id":"b0"}"#, Some(r#"{"f3":"lgcanary-3"}"#))]);
    let late = SecretAt { blob: format!("{}/app/b0", second.id), pointer: "/f3".into() };
    assert!(only.open(&late).is_err(), "a plan that goes back to one snapshot opens no other");
    assert!(Kept::any(&repository, "acme").unwrap().open(&late).is_ok());
}

#[test]
fn a_goal_that_is_composed_goes_over_the_keys_that_it_has() {
    let repository = repository();
    let rows = [("app/a", "{}", None), ("app/b", "{}", None), ("app/c", "{}", None), ("role/r", "{}", None)];
    let stored = Stored::new(&repository, committed(&repository, &rows)).unwrap();
    // One stays, one is otherwise, one goes, one comes, and another kind has nothing to do with it.
    let made = || Some(lastgood::json::Value::from("made"));
    let goals = [("app/b", made()), ("app/c", None), ("app/d", made()), ("role/s", made())];
    let goals = goals.map(|(path, goal)| (key(path), goal)).into();
    let goal = Composed::new(&repository, &stored, goals).unwrap();
    let mut gone_over = Vec::new();
    goal.each_key(&Kind::new("app"), &mut |key| gone_over.push(key.clone()));
    gone_over.sort();
    assert_eq!(gone_over, ["app/a", "app/b", "app/d"].map(key));
    assert_eq!(gone_over, goal.keys(&Kind::new("app")));
}

#[test]
fn no_snapshot_around_an_apply_is_the_latest_to_go_back_to() {
    let repository = repository();
    let row = |name: &'static str| [("app/a", name, None)];
    let good = committed(&repository, &row(r#"{"id":"a","name":"good"}"#));
    let before = flagged(&repository, &row(r#"{"id":"a","name":"damaged"}"#), Flags::APPLY);
    let append = |phase| {
        repository.lease("acme").unwrap().append(PlanId([1; 32]), phase, 0, b"{}".to_vec()).unwrap();
    };
    append(Phase::Accepted);
    // An hourly run knows nothing of the apply that is under way.
    let during = committed(&repository, &row(r#"{"id":"a","name":"half"}"#));
    let history =
        History { repository: &repository, catalog: catalog::provider("keycloak").unwrap(), tenant: "acme" };
    let latest = || history.moment_to_restore(&When::Latest).unwrap().snapshot.id;
    assert_eq!(latest(), good.id);
    append(Phase::Finished);
    assert_eq!(latest(), good.id);
    assert_eq!(
        history.moment(&When::Latest).unwrap().snapshot.id,
        during.id,
        "it is the latest all the same"
    );
    // Whoever names one means it.
    for named in [&before, &during] {
        let moment = history.moment_to_restore(&When::Snapshot(named.id.to_string())).unwrap();
        assert_eq!(moment.snapshot.id, named.id);
    }
}
