//! `docs/RECOVERY.md`, line by line: the policies of an organisation are deleted, and the page brings them back.

use std::path::Path;
use std::process::Stdio;

use lastgood::json::{Limits, Value, parse};

use crate::organisation::Organisation;

/// The commands below a heading of the page.
fn commands(page: &str, heading: &str) -> Vec<String> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let fenced = section.split("```").skip(1).step_by(2);
    let lines = fenced.flat_map(|block| block.lines().filter(|line| line.starts_with("lastgood ")));
    lines.map(str::to_owned).collect()
}

/// Runs a line as a person would type it.
fn run(world: &Organisation, line: &str) -> (Option<i32>, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_lastgood")).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = world.shell(line);
    let ran = command.env("PATH", format!("{binary}:{path}")).stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    (ran.status.code(), said)
}

/// Names and ids of the policies that somebody made for signing in.
fn policies(world: &Organisation) -> Vec<(String, String)> {
    let (status, body) = world.ask("GET", "/api/v1/policies?type=OKTA_SIGN_ON");
    assert_eq!(status, 200, "{body}");
    let body = parse(body.as_bytes(), &Limits::default()).unwrap();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap().to_owned();
    let own = body.as_array().unwrap().iter().filter(|row| row.get("system") == Some(&Value::from(false)));
    let mut found: Vec<_> = own.map(|row| (text(row, "name"), text(row, "id"))).collect();
    found.sort();
    found
}

fn names(world: &Organisation) -> Vec<String> {
    policies(world).into_iter().map(|(name, _)| name).collect()
}

/// An organisation whose policies were there at a time, and are there no more.
fn damaged() -> (Organisation, Vec<String>, String) {
    let world = Organisation::new(&["--rate", "0", "--users", "12"]);
    assert_eq!(run(&world, "lastgood snapshot acme").0, Some(0));
    let before = names(&world);
    assert!(before.contains(&"Finance sign-on".to_owned()), "{before:?}");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let well = jiff::Timestamp::now().to_string();
    for (_, id) in policies(&world) {
        assert_eq!(world.ask("DELETE", &format!("/api/v1/policies/{id}")).0, 204);
    }
    assert!(names(&world).is_empty());
    (world, before, well)
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RECOVERY.md")).unwrap()
}

#[test]
fn the_page_puts_back_what_is_missing() {
    let (world, before, well) = damaged();
    let lines = commands(&page(), "Put back what is missing");
    assert_eq!(lines.len(), 7, "{lines:?}");
    let mut said = Vec::new();
    for line in lines {
        let (code, words) = run(&world, &line.replace("TIME", &well));
        assert_eq!(code, Some(0), "{line}\n{words}");
        said.push(words);
    }
    assert!(said[1].contains("by admin@example.com"), "the log names who did it: {}", said[1]);
    assert!(said[2].contains("\"name\": \"Finance sign-on\""), "{}", said[2]);
    assert!(said[3].contains("6 to create, 0 to update, 0 to delete"), "{}", said[3]);
    assert!(said[5].contains("0 to create, 0 to update, 0 to delete"), "{}", said[5]);
    assert_eq!(names(&world), before);
}

#[test]
fn the_page_undoes_what_one_person_did() {
    let (world, before, well) = damaged();
    for line in commands(&page(), "Or undo all that one person did") {
        let line = line.replace("TIME", &well).replace("MALLORY", "admin@example.com");
        let (code, words) = run(&world, &line);
        assert_eq!(code, Some(0), "{line}\n{words}");
    }
    assert_eq!(names(&world), before);
}
