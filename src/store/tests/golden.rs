//! Repositories of version 1 that stay readable for ever: their bytes lie in `tests/compat/v1`, each beside
//! what was read from it on the day when it was made. A second reader, `tests/compat/reader`, is held to the
//! same texts.
//!
//! They are made once, by `LASTGOOD_WRITE_GOLDEN=1 cargo test golden`, and never again: what a later version
//! writes is a repository of its own, with a name of its own.

use std::path::PathBuf;

use super::pruned::{World, last};
use super::scenario::{noise, small};
use super::writers::put_only;
use super::*;
use crate::base::ids::PlanId;
use crate::storage::{Path, Span, list_all};
use crate::store::Phase;

/// Everything that a writer can put down.
fn written() -> World {
    let (world, repository) = World::new();
    let repository = repository.tuned(small());
    let lines = |count: usize, word: &str| -> Vec<u8> {
        (0..count).flat_map(|line| format!("{{\"line\":{line},\"word\":\"{word}\"}}").into_bytes()).collect()
    };
    let plan = PlanId([7; 32]);
    for round in 0_u8..4 {
        world.pass(1);
        let mut session = repository.session(TENANT).unwrap();
        for user in 0..4_u8 {
            let moved = if user < round { "new" } else { "old" };
            let main = [noise(user, 700), lines(20, moved)].concat();
            let secret = (user == 1).then(|| format!("secret of round {}", round / 2).into_bytes());
            let volatile = Some(format!("{{\"seen\":{round}}}").into_bytes());
            let raw = (user == 2).then(|| [b"raw ".as_slice(), &main].concat());
            session.put(&key(&format!("user/{user}")), Parts { main, secret, volatile, raw }).unwrap();
        }
        // Over 1 MiB, and small where it is compressed: it lies in pieces.
        if round == 1 {
            session.put(&key("report/large"), parts(&lines(40_000, "large"))).unwrap();
        }
        if round == 2 {
            session.gone(&key("report/large")).unwrap();
            session.explain(&key("report/large"), b"{\"id\":\"00u1\"}").unwrap();
        }
        if round == 3 {
            session.explain(&key("user/2"), b"{\"id\":\"00u2\"}").unwrap();
        }
        session.commit(meta(4)).unwrap();
        if round == 1 {
            let mut lease = repository.lease(TENANT).unwrap();
            for phase in [Phase::Accepted, Phase::Intent, Phase::Outcome, Phase::Finished] {
                lease.append(plan, phase, 0, b"{}".to_vec()).unwrap();
            }
            repository.annotate(TENANT, 1, BTreeMap::from([("tag".to_owned(), "good".to_owned())])).unwrap();
        }
    }
    let writer = put_only(world.memory.clone(), &repository, 30).unwrap().tuned(small());
    let mut session = writer.session(TENANT).unwrap();
    session.put(&key("user/0"), parts(b"{\"by\":\"a writer that opens nothing\"}")).unwrap();
    session.commit(meta(1)).unwrap();
    world
}

/// One that was pruned twice, with what moved and what was deleted.
fn pruned() -> World {
    let (world, repository) = World::new();
    for hour in 0..9 {
        world.pass(1);
        world.take(&repository, &super::pruned::hour(hour));
    }
    world.prune(&repository, &last(4));
    world.pass(80);
    world.prune(&repository, &last(2));
    world.pass(80);
    world.prune(&repository, &last(2));
    world
}

/// One whose days were folded, and of which prune took one apart again: carried twice, once with a log made anew,
/// with a note and an apply among what is carried.
fn folded() -> World {
    let (world, repository) = World::new();
    let hour = super::pruned::hour;
    for n in 0..40 {
        if n == 3 {
            repository.annotate(TENANT, 2, BTreeMap::from([("tag".to_owned(), "good".to_owned())])).unwrap();
            repository.tag(TENANT, 2, "good").unwrap();
            let mut lease = repository.lease(TENANT).unwrap();
            for phase in [Phase::Accepted, Phase::Finished] {
                lease.append(PlanId([7; 32]), phase, 0, b"{}".to_vec()).unwrap();
            }
        }
        // Few hours of each of three days.
        world.take(&repository, &hour(n % 14));
        world.pass(if n % 8 == 7 { 17 } else { 1 });
    }
    world.compact(&repository);
    world.pass(80);
    world.compact(&repository);
    world.take(&repository, &hour(3));
    world.prune(&repository, &last(22));
    world.pass(80);
    world.prune(&repository, &last(22));
    world
}

/// What a reader finds in a repository: each snapshot with every part of every resource, then the applies.
fn found(repository: &Repository) -> String {
    let mut out = String::new();
    for snapshot in repository.snapshots(TENANT).unwrap() {
        let (seq, id, total) = (snapshot.seq, snapshot.id, snapshot.total);
        out += &format!("{TENANT} snapshot {seq} {id} {total}\n");
        let state = repository.state(TENANT, seq).unwrap();
        let mut rows: Vec<(String, crate::store::Entry)> =
            state.iter().map(|(key, entry)| (key.to_path(), entry)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, entry) in rows {
            for (part, name) in [
                (Part::Main, "main"),
                (Part::Secret, "secret"),
                (Part::Volatile, "volatile"),
                (Part::Raw, "raw"),
            ] {
                if let Some(body) = repository.read(&entry, part).unwrap() {
                    out += &format!("  {key} {name} {} {}\n", body.len(), blake3::hash(&body).to_hex());
                }
            }
        }
    }
    for record in repository.apply_records(TENANT).unwrap() {
        out += &format!("apply {} {} {}\n", record.plan, record.phase.code(), record.step);
    }
    out
}

fn place(name: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1").join(name)
}

/// Writes a repository and what is found in it to where they stay.
fn keep(name: &str, world: &World) {
    for row in list_all(world.memory.as_ref(), None, None).unwrap() {
        let file = place(name).join("repository").join(row.path.as_str());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, world.memory.get(&row.path, Span::All, None).unwrap().bytes).unwrap();
    }
    std::fs::write(place(name).join("found"), found(&world.open(40, None))).unwrap();
}

/// The repository that lies there, in memory.
fn kept(name: &str) -> Repository {
    let memory = Arc::new(Memory::new());
    let root = place(name).join("repository");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                folders.push(file);
            } else {
                let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
                memory.put_new(&Path::new(path).unwrap(), &std::fs::read(&file).unwrap()).unwrap();
            }
        }
    }
    open(memory, None, 41).unwrap()
}

#[test]
fn what_version_1_wrote_is_read_for_ever() {
    for (name, make) in [("written", written as fn() -> World), ("pruned", pruned), ("folded", folded)] {
        if std::env::var_os("LASTGOOD_WRITE_GOLDEN").is_some() && !place(name).exists() {
            keep(name, &make());
        }
        let repository = kept(name);
        assert_eq!(found(&repository), std::fs::read_to_string(place(name).join("found")).unwrap(), "{name}");
        let report = repository.check(true, &|_, _| {}).unwrap();
        assert!(report.is_clean(), "{name}: {report:?}");
    }
}
