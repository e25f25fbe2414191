//! The plan of the house, held by a test: which rooms there are, which way the arrows go, how
//! large a file may be, and which names are not used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms that it may use. `cli` may use all.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("json", &["base"]),
    ("catalog", &["base", "json"]),
    ("crypto", &["base"]),
    ("format", &["base", "crypto", "json"]),
    ("storage", &["base"]),
    ("store", &["base", "crypto", "format", "storage"]),
    ("http", &["base", "json"]),
    ("provider", &["base", "json", "catalog", "http"]),
    ("sim", &["base", "json", "catalog"]),
    ("collect", &["base", "json", "catalog", "provider", "store"]),
    ("history", &["base", "json", "catalog", "store", "format", "crypto"]),
    ("access", &["base", "json", "catalog"]),
    ("restore", &["base", "json", "catalog", "provider", "store", "history", "access", "crypto"]),
    ("export", &["base", "json", "catalog", "store", "history", "access"]),
    ("demo", &["base", "sim", "collect", "history", "restore", "store"]),
    (
        "daemon",
        &[
            "base", "json", "catalog", "http", "provider", "store", "storage", "collect", "history",
            "restore", "access",
        ],
    ),
    ("web", &["base", "json", "daemon", "history", "restore", "access", "store", "crypto"]),
];

const FILE_LINES_MAX: usize = 600;
const NAMES_REFUSED: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The room of a file below `src`, or `None` for `lib.rs` and `main.rs`.
fn room_of(path: &Path) -> Option<String> {
    let inner = path.strip_prefix(root().join("src")).ok()?;
    let mut parts = inner.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().map(|_| first)
}

/// Rooms named after `crate::` in a line of code; comments do not count.
fn used(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn arrows_go_one_way() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut faults = Vec::new();
    for path in sources("src") {
        let Some(room) = room_of(&path).filter(|room| room != "cli") else { continue };
        let Some(allowed) = arrows.get(room.as_str()) else {
            faults.push(format!("{}: the plan has no room `{room}`", path.display()));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            for target in used(line) {
                if target != room && !allowed.contains(&target.as_str()) {
                    faults.push(format!("{}:{}: {room} → {target}", path.display(), number + 1));
                }
            }
            if line.contains("super::super") {
                faults.push(format!("{}:{}: name the room instead", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "arrows against the plan:\n{}", faults.join("\n"));
}

#[test]
fn the_arrow_reader_sees_arrows() {
    assert_eq!(used("use crate::store::Repository; // crate::cli"), ["store"]);
    assert_eq!(used("let x = crate::a::b(crate::c);"), ["a", "c"]);
}

#[test]
fn the_store_knows_no_provider() {
    let names = lastgood::catalog::names();
    for room in ["src/store", "src/format", "src/storage", "src/crypto"] {
        for path in sources(room) {
            let text = fs::read_to_string(&path).unwrap().to_lowercase();
            for name in &names {
                assert!(!text.contains(name), "{} names the provider {name}", path.display());
            }
        }
    }
}

#[test]
fn files_are_one_idea() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz"] {
        for path in sources(folder) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > FILE_LINES_MAX {
                faults.push(format!("{}: {lines} lines", path.display()));
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if NAMES_REFUSED.contains(&stem) {
                faults.push(format!("{}: a name without a meaning", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_says_what_it_is() {
    for path in sources("src") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} has no head", path.display());
    }
}

/// Every `FILE: TEST` that a page names.
fn named_tests(page: &str) -> Vec<(String, String)> {
    let spans = page.split('`').skip(1).step_by(2);
    spans
        .filter_map(|span| span.split_once(".rs: "))
        .map(|(file, test)| (format!("{file}.rs"), test.to_owned()))
        .collect()
}

#[test]
fn a_threat_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("docs/THREATS.md")).unwrap();
    let named = named_tests(&page);
    assert!(named.len() > 40, "the page names its tests: {}", named.len());
    for (file, test) in named {
        let text = fs::read_to_string(root().join(&file)).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test `{test}`");
    }
}
