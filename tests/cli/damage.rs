//! A damaged repository: `check` names what is damaged, and a read gives the right answer or an
//! error, never another answer.

use std::path::{Path, PathBuf};

use insta::assert_snapshot as shows;

use crate::world::{Rows, World, commit, ids_hidden};

/// Reads that touch every body, every change and the list.
const READS: [&[&str]; 5] = [
    &["snapshots", "--json"],
    &["ls", "--json"],
    &["log", "-p", "--json"],
    &["find", ".", "--json", "--at", "5h ago"],
    &["show", "kc/client/shop", "--at", "5h ago", "--reveal-secrets", "--json"],
];

/// Does something to a file and puts it back afterwards.
fn with_changed(path: &Path, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>, then: impl FnOnce()) {
    let before = std::fs::read(path).unwrap();
    match change(before.clone()) {
        Some(after) => std::fs::write(path, after).unwrap(),
        None => std::fs::remove_file(path).unwrap(),
    }
    then();
    std::fs::write(path, before).unwrap();
}

fn forget_index(world: &World) {
    let _ = std::fs::remove_dir_all(world.path("cache"));
}

/// The history of `World::with_history` and one snapshot so large that it needs data segments.
fn large() -> World {
    let world = World::with_history();
    let big = |seed: u8| {
        let mut state = u64::from(seed) + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'0' + (state >> 33) as u8 % 64)
        };
        let text: String = (0..900_000).map(|_| next()).collect();
        serde_json::json!({"id": format!("b{seed}"), "username": format!("big{seed}"), "attributes": {"x": [text]}})
    };
    let paths: [&str; 16] = std::array::from_fn(|n| &*format!("user/b{n}").leak());
    let rows: Rows = paths.iter().enumerate().map(|(n, path)| (*path, big(n as u8))).collect();
    commit(&world.repository(false), "kc", 15, &rows);
    world
}

/// Objects that hold history: not the locks, not the key file.
fn objects(world: &World) -> Vec<PathBuf> {
    let mut files = world.files("");
    files.retain(|path| {
        let text = path.to_string_lossy();
        !text.ends_with(".lock") && !text.contains("/keys/") && !text.contains("/probe/")
    });
    files
}

/// Every read answers as it did, or fails: nothing else.
#[track_caller]
fn right_or_error(world: &World, whole: &[String], what: &str) {
    for (args, right) in READS.iter().zip(whole).filter(|(_, right)| !right.is_empty()) {
        let ran = world.run(args);
        if ran.code == 3 && ran.err.contains("has never seen it whole") {
            // The newest record is damaged: what was before it is told, and said to be that.
        } else if ran.code == 0 {
            assert!(ran.out == *right, "{what}: {args:?} answered otherwise:\n{}", ran.out);
        } else {
            assert!(ran.err.contains("error"), "{what}: {args:?} says nothing: {ran:?}");
        }
    }
}

#[test]
fn a_flipped_or_cut_object_is_named() {
    let world = World::with_history();
    let whole = READS.map(|args| world.run(args).ok().out);
    let objects = objects(&world);
    assert_eq!(objects.len(), 3, "{objects:?}");
    for path in &objects {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let length = std::fs::metadata(path).unwrap().len() as usize;
        for (what, at) in [("head", 3), ("middle", length / 3), ("later", length / 2), ("end", length - 2)] {
            let flip = |mut bytes: Vec<u8>| {
                bytes[at] ^= 0x10;
                Some(bytes)
            };
            with_changed(path, flip, || {
                forget_index(&world);
                let checked = world.run(&["check", "--read-data"]).code(1);
                assert!(checked.story().contains(&name), "{what} of {name}: {checked:?}");
                right_or_error(&world, &whole, &format!("{what} of {name}"));
            });
        }
        with_changed(
            path,
            |bytes| Some(bytes[..length / 2].to_vec()),
            || {
                forget_index(&world);
                let checked = world.run(&["check"]).code(1);
                assert!(checked.story().contains(&name), "cut {name}: {checked:?}");
                right_or_error(&world, &whole, &format!("cut {name}"));
            },
        );
    }
    forget_index(&world);
    world.run(&["check", "--read-data"]).ok();
}

#[test]
fn what_a_person_reads_of_the_damage() {
    let world = World::with_history();
    let path = objects(&world).remove(1);
    let flip = |mut bytes: Vec<u8>| {
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        Some(bytes)
    };
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9a-f]{32}", "[prefix]");
    settings.add_filter(r"\d+(\.\d)? k?B", "[size]");
    with_changed(&path, flip, || {
        settings.bind(|| {
            shows!(world.run(&["check", "--read-data"]).story(), @"
            exit 1
            --- stdout
            4 objects ([size]), 1 snapshots, 10 bodies: every body read and hashed
            damaged: [prefix]/000000000002  the record is damaged: it does not open: changed, or from another place; `check` lists what is affected, `repair` takes it from a second copy
                lost: a whole snapshot of kc  of an unknown time
            damaged: [prefix]/000000000003  the record before it is missing or another one than it names
                lost: a whole snapshot of kc  of 2026-11-03 14:02:00Z
            ");
            shows!(world.run(&["show", "kc/user/mallory"]).story(), @"
            exit 1
            --- stderr
            error: [prefix]/000000000002 is damaged: the record is damaged: it does not open: changed, or from another place; `check` lists what is affected, `repair` takes it from a second copy
            hint: `lastgood check --read-data` names every resource and time that is affected
            ");
            shows!(world.run(&["log"]).story(), @"
            exit 1
            --- stderr
            error: [prefix]/000000000002 is damaged: the record is damaged: it does not open: changed, or from another place; `check` lists what is affected, `repair` takes it from a second copy
            hint: `lastgood check --read-data` names every resource and time that is affected
            ");
        });
    });
}

#[test]
fn a_missing_object_is_noticed() {
    let world = World::with_history();
    let whole = READS.map(|args| world.run(args).ok().out);
    let objects = objects(&world);
    for (position, path) in objects.iter().enumerate() {
        with_changed(
            path,
            |_| None,
            || {
                // This machine has seen the newest record: a history that ends earlier is refused.
                let known = world.run(&["ls"]);
                assert_ne!(known.code, 0, "object {position} is gone and nobody noticed");
                right_or_error(&world, &whole, &format!("object {position} gone, index kept"));
                if position + 1 < objects.len() {
                    forget_index(&world);
                    world.run(&["check"]).code(1);
                    right_or_error(&world, &whole, &format!("object {position} gone"));
                }
            },
        );
        forget_index(&world);
        world.run(&["ls"]).ok();
    }
    with_changed(
        &objects[2],
        |_| None,
        || {
            ids_hidden(|| {
                shows!(world.run(&["ls"]).story(), @"
    exit 5
    --- stderr
    error: the history of tenant [id] was rolled back or replaced: record 3, which was there, is not
    hint: find out who restored or changed the repository; if it was you, and it is right, delete the trust file beside the index
    ")
            })
        },
    );
}

#[test]
fn a_damaged_data_segment_costs_its_bodies_only() {
    let world = large();
    let objects = objects(&world);
    let data: Vec<&PathBuf> =
        objects.iter().filter(|path| path.parent().unwrap().to_string_lossy().ends_with(".d")).collect();
    assert!(!data.is_empty(), "{objects:?}");
    let mut reads = READS.map(|args| world.run(args).ok().out);
    // The bytes of a snapshot are those of the objects that are there.
    reads[0].clear();
    let flip = |mut bytes: Vec<u8>| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        Some(bytes)
    };
    with_changed(data[0], flip, || {
        forget_index(&world);
        let checked = world.run(&["check", "--read-data"]).code(1);
        assert!(checked.out.contains("lost: kc/user/b"), "{}", checked.out);
        right_or_error(&world, &reads, "data segment flipped");
        let shown = world.run(&["show", "kc/client/shop", "--at", "5h ago", "--json"]).ok();
        assert!(shown.out.contains("shop"), "what lies elsewhere is still read");
        let lost =
            (0..16).filter(|n| world.run(&["show", &format!("kc/user/b{n}"), "--json"]).code == 1).count();
        assert!((1..16).contains(&lost), "{lost} bodies lost by one bit");
    });
    for change in [|_| None, |bytes: Vec<u8>| Some(bytes[..1000].to_vec())] {
        with_changed(data[0], change, || {
            forget_index(&world);
            world.run(&["check"]).code(1);
            right_or_error(&world, &reads, "data segment gone or cut");
        });
    }
}

#[test]
fn a_damaged_key_file_is_not_a_wrong_passphrase_in_silence() {
    let world = World::with_history();
    let key = world.files("/keys/").into_iter().find(|path| !path.ends_with(".lock")).unwrap();
    let length = std::fs::metadata(&key).unwrap().len() as usize;
    for at in (0..length).step_by(length / 12) {
        let flip = |mut bytes: Vec<u8>| {
            bytes[at] ^= 1;
            Some(bytes)
        };
        with_changed(&key, flip, || {
            let ran = world.run(&["ls"]);
            assert!([1, 12].contains(&ran.code), "byte {at}: {ran:?}");
        });
    }
    with_changed(&key, |_| None, || assert_eq!(world.run(&["ls"]).code, 10));
}

/// The index is a cache: whatever it holds, the answers are those of the repository.
#[test]
fn garbage_in_the_index_changes_no_answer() {
    let world = World::with_history();
    let whole = READS.map(|args| world.run(args).ok().out);
    let index = || crate::world::files_below(&world.path("cache"));
    let file = index().into_iter().find(|path| path.ends_with("index.redb")).unwrap();
    let length = std::fs::metadata(&file).unwrap().len() as usize;
    let garbage: Vec<Vec<u8>> = vec![vec![], b"garbage".to_vec(), vec![0xa5; length]];
    let answers_as_before = |case: &str| {
        for (args, right) in READS.iter().zip(&whole) {
            let ran = world.run(args).ok();
            assert_eq!(ran.out, *right, "{case}: {args:?}");
            assert!(!ran.err.contains("panicked"), "{case}: {}", ran.err);
        }
    };
    for bytes in garbage {
        std::fs::write(&file, bytes).unwrap();
        answers_as_before("garbage");
    }
    for step in 0..24 {
        let mut bytes = std::fs::read(&file).unwrap();
        let at = (bytes.len() - 1) * step / 24;
        bytes[at] ^= 0xff;
        std::fs::write(&file, bytes).unwrap();
        answers_as_before(&format!("byte {at}"));
    }
}
