//! Each trap of restoring Okta is held by a test, by the table, or said to be open: `traps.toml`, printed as
//! `docs/RESTORE-OKTA.md`.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::recording::shared;

#[derive(Deserialize)]
struct Traps {
    trap: Vec<Trap>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trap {
    /// How a bullet of the page begins.
    page: String,
    /// The trap and what is done, in our words.
    trap: String,
    /// A test, a kind of the table, or `open`.
    by: String,
    #[serde(default)]
    why: String,
}

/// Every Rust source below a folder, one after the other.
fn sources(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_trap_of_restoring_okta_is_held_or_said_to_be_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let traps: Traps = toml::from_str(include_str!("traps.toml")).unwrap();
    let mut code = String::new();
    ["src", "tests"].into_iter().for_each(|folder| sources(&root.join(folder), &mut code));
    let mut out = "# Restoring Okta: the traps and what holds them\n\nPrinted by `tests/okta/traps.rs` from `tests/okta/traps.toml`. \
         `table` means the table test over all kinds (`tests/okta/table`), whose outcome is kept in `src/catalog/proof/okta.toml`.\n\n\
         | trap | held by |\n| --- | --- |\n"
        .to_owned();
    for trap in &traps.trap {
        match trap.by.split_once(' ') {
            Some(("table", kind)) => {
                let proof = &lastgood::catalog::proof("okta").restored;
                assert!(proof.iter().any(|proven| proven.as_str() == kind), "{kind} is not proven");
                writeln!(out, "| {} | table: `{kind}` |", trap.trap).unwrap();
            }
            _ if trap.by == "open" => {
                assert!(!trap.why.is_empty(), "{}", trap.trap);
                writeln!(out, "| {} | **open**: {} |", trap.trap, trap.why).unwrap();
            }
            _ => {
                assert!(code.contains(&format!("fn {}(", trap.by)), "there is no test {}", trap.by);
                writeln!(out, "| {} | `{}` |", trap.trap, trap.by).unwrap();
            }
        }
    }
    if let Some(page) = shared("providers/okta.md") {
        let text = std::fs::read_to_string(page).unwrap();
        let (_, traps_of_page) = text.split_once("## Restore traps").unwrap();
        let (traps_of_page, _) = traps_of_page.split_once("\n## ").unwrap();
        for bullet in traps_of_page.lines().filter_map(|line| line.strip_prefix("- ")) {
            let held = traps.trap.iter().any(|trap| bullet.starts_with(&trap.page));
            assert!(held, "no entry for the trap {bullet}");
        }
        for trap in &traps.trap {
            assert!(text.contains(&format!("- {}", trap.page)), "the page has no trap {}", trap.page);
        }
    }
    let path = root.join("docs/RESTORE-OKTA.md");
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        std::fs::write(&path, &out).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), out, "write it with LASTGOOD_WRITE_DOCS=1");
}
