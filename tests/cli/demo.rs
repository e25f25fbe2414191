//! The demo: told to its end, true in each figure that can be checked, and the picture of the README with it.

use std::process::Command;

use serde_json::Value;

use crate::picture;

/// Short, so that it is told within a test: the night and the morning are the same in any length.
const SHORT: [&str; 4] = ["--days", "3", "--users", "40"];

fn lastgood(dir: &std::path::Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastgood"));
    command.args(args).current_dir(dir).env_remove("NO_COLOR");
    for name in [
        "LASTGOOD_CONFIG",
        "LASTGOOD_REPO",
        "LASTGOOD_PASSPHRASE",
        "LASTGOOD_PASSPHRASE_FILE",
        "LASTGOOD_KEY_FILE",
    ] {
        command.env_remove(name);
    }
    let ran = command.output().unwrap();
    (ran.status.code().unwrap_or(-1), String::from_utf8(ran.stdout).unwrap())
}

fn documents(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_damage_is_undone_the_morning_stays_and_the_picture_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let args = [&["demo", "--dir", dir, "--color", "always", "--progress", "none"], &SHORT[..]].concat();
    let (code, told) = lastgood(folder.path(), &args);
    assert_eq!(code, 0, "{told}");
    let plan: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan["conflicts"], serde_json::json!([]), "{plan}");
    assert_eq!(plan["mode"], "three_way");
    // The repository is an ordinary one, and stays.
    let (code, log) = lastgood(folder.path(), &["--json", "snapshots", "halden"]);
    assert_eq!(code, 0);
    let snapshots = documents(&log);
    assert!(snapshots.len() > 72, "{}", snapshots.len());
    assert!(left(folder.path(), &plan).is_empty(), "{:?}", left(folder.path(), &plan));
    picture::is_true(&told);
}

/// What a program gets: one document for each command, in order, with all that the command itself printed as JSON.
#[test]
fn as_json_it_is_one_document_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let (code, told) = lastgood(folder.path(), &[&["--json", "demo", "--dir", dir], &SHORT[..]].concat());
    assert_eq!(code, 0, "{told}");
    let told = documents(&told);
    let digest: Vec<String> = told.iter().map(digest).collect();
    insta::with_settings!({ filters => vec![
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
    ]}, {
        insta::assert_snapshot!(digest.join("\n"), @r#"
        lastgood.demo/1 lastgood log halden --since [time] --until [time] → 0
          actor,address,at,change,fields,id,kind,name,op
        lastgood.demo/1 lastgood show 'halden/policy_rule/Money/Two factors, none of them phishable' --at [time] → 0
          lastgood.show/1
        lastgood.demo/1 lastgood diff [time] latest 'halden/policy_rule/Money/Two factors, none of them phishable' → 0
          actor,address,at,change,fields,id,kind,name,op
        lastgood.demo/1 lastgood plan halden --actor 203.0.113.66 --since [time] --until [time] --out plan.json → 0
          lastgood/plan/1
        lastgood.demo/1 lastgood apply plan.json --allow-delete 1 → 0
          address,detail,id,name,op,outcome,step
          lastgood/apply/1
        lastgood.demo/1 lastgood diff [time] latest halden → 0
          actor,address,at,change,fields,id,kind,name,op
        lastgood.demo/1 lastgood check → 0
          lastgood.check/1
        lastgood.demo/1 lastgood stats → 0
          lastgood.stats/1
        "#);
    });
    let output = |verb: &str| -> &Vec<Value> {
        let start = format!("lastgood {verb}");
        let one = told.iter().find(|document| document["command"].as_str().unwrap().starts_with(&start));
        one.unwrap()["output"].as_array().unwrap()
    };
    // What stands there is what the commands themselves say when they are asked again.
    let (code, stats) = lastgood(folder.path(), &["--json", "stats"]);
    assert_eq!((code, output("stats")), (0, &documents(&stats)));
    let plan: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("plan.json")).unwrap()).unwrap();
    assert_eq!(output("plan")[0]["id"], plan["id"]);
    let steps = plan["steps"].as_array().unwrap().len();
    assert_eq!(output("apply").len(), steps + 1, "a line a step, and the sum");
}

/// A document less what differs from day to day: the command, how it ended, and the forms of what it printed: a
/// version, or in a list without one the members of a row.
fn digest(document: &Value) -> String {
    let text = |at: &str| document[at].as_str().unwrap().to_owned();
    let rows = document["output"].as_array().unwrap();
    let mut forms: Vec<String> = rows
        .iter()
        .map(|row| match row["format"].as_str() {
            Some(format) => format.to_owned(),
            None => row.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(","),
        })
        .collect();
    forms.sort();
    forms.dedup();
    let members: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members.len(), 4, "{members:?}");
    format!("{} {} → {}\n  {}", text("format"), text("command"), document["exit"], forms.join("\n  "))
}

/// What differs from the evening before and is not the morning's ordinary work.
fn left(dir: &std::path::Path, plan: &Value) -> Vec<String> {
    let night = plan["undoes"][0]["at"].as_str().unwrap()[..10].to_owned();
    let (code, text) = lastgood(dir, &["--json", "diff", &format!("{night}T00:30:00Z"), "latest", "halden"]);
    assert_eq!(code, 0);
    let ordinary = |change: &Value| {
        let (kind, name) = (change["kind"].as_str().unwrap(), change["name"].as_str().unwrap_or_default());
        let fields = change["fields"].as_array().unwrap();
        let only = |at: &[&str]| fields.iter().all(|field| at.contains(&field["pointer"].as_str().unwrap()));
        match kind {
            // Hired and dismissed, and what goes with both.
            _ if name.contains("zoe.lindqvist") || name.contains("karl.petrov") => true,
            "network_zone" => fields
                .iter()
                .all(|field| field["pointer"] == "/lastUpdated" || field["to"]["value"] == "192.0.2.128/25"),
            "group" => only(&["/profile/description", "/lastUpdated", "/lastMembershipUpdated"]),
            // It has a new id, and is the same.
            "group_rule" => true,
            _ => only(&["/lastUpdated"]),
        }
    };
    documents(&text).iter().filter(|change| !ordinary(change)).map(ToString::to_string).collect()
}

#[test]
fn a_demo_of_what_there_is_none_of_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = lastgood(folder.path(), &["demo", "--provider", "entra"]);
    assert_eq!((code, told.as_str()), (2, ""));
}
