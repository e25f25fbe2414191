//! Flows, of which no API tells: from files that the console exported, with the binary. The files are made
//! here; `LASTGOOD_FLOPACKS` names a folder of real ones.

use std::path::PathBuf;

use lastgood::catalog;
use serde_json::{Value, json};

use crate::org::{Org, TENANT, coverage};
use crate::recording::shared;

const FOLDER: &str = "10000000-0000-4000-8000-000000000001";
const BELOW: &str = "10000000-0000-4000-8000-000000000002";
const JOINERS: &str = "20000000-0000-4000-8000-000000000001";
const LEAVERS: &str = "20000000-0000-4000-8000-000000000002";
const NIGHTLY: &str = "20000000-0000-4000-8000-000000000003";
const TABLE: &str = "30000000-0000-4000-8000-000000000001";
const MAIL: &str = "40000000-0000-4000-8000-000000000001";

/// A flow of two cards, of which the second sends to somebody.
fn flow(id: &str, folder: &str, name: &str, to: &str) -> Value {
    let card = |uuid: &str, name: &str, model: Value| json!({ "uuid": uuid, "address": format!("root:kernel:{name}"), "node": { "key": name, "model": model }, "pins": {} });
    json!({ "id": id, "name": name, "description": "", "data": {
        "id": null, "uuid": id, "group": folder, "log": true, "cron": {}, "scheduled": false,
        "display": { "isCallable": false, "preview": [{ "module": "mail", "name": "send" }] },
        "active_version_external_id": format!("01{}", to.len()),
        "methods": [
            card("aaa", "schedule", json!({})),
            card("bbb", "send", json!({ "config": MAIL, "inputs": { "to": to } })),
        ],
        "orderings": { "l1": ["aaa", "bbb"] },
    } })
}

/// An export: its sort, when it was made, folders, flows, whether it has the table.
fn export(sort: &str, made: &str, folders: &[(&str, &str)], flows: &[Value], table: bool) -> Value {
    let by_id = |rows: Vec<Value>| -> Value {
        rows.into_iter()
            .map(|row| (row["id"].as_str().unwrap().to_owned(), row))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let group = |(id, path): &(&str, &str)| json!({ "id": id, "data": { "name": format!("Folder {}", &id[35..]), "description": "", "media_uri": "", "path": path } });
    let tables = json!({ "id": TABLE, "name": "Leavers", "description": "", "data": {
        "class": "simple", "group_id": FOLDER, "structure": [{ "name": "email", "type": "str", "default": null }] } });
    let mail = json!({ "id": MAIL, "name": "Mail", "module": "gmail", "data": null });
    json!({ "type": sort, "version": "1.5.0", "created": made, "flags": { "looseNulls": true }, "data": {
        "flos": by_id(flows.to_vec()), "groups": by_id(folders.iter().map(group).collect()),
        "tables": by_id(if table { vec![tables] } else { vec![] }), "configs": by_id(vec![mail]) } })
}

/// The folder with all that is in it.
fn first() -> Value {
    let flows = [
        flow(JOINERS, FOLDER, "Joiners", "hr@example.com"),
        flow(LEAVERS, FOLDER, "Leavers", "it@example.com"),
        flow(NIGHTLY, BELOW, "Nightly", "ops@example.com"),
    ];
    export("folder", "2026-06-01T10:00:00.000Z", &[(FOLDER, ""), (BELOW, FOLDER)], &flows, true)
}

impl Org {
    fn file(&self, name: &str, document: &Value) -> String {
        std::fs::write(self.path().join(name), document.to_string()).unwrap();
        name.to_owned()
    }

    /// Imports one document.
    #[track_caller]
    fn import(&self, document: &Value, more: &[&str], code: i32) -> Value {
        let name = self.file("a.folder", document);
        let mut arguments = vec!["import", &name, "--tenant", TENANT, "--json"];
        arguments.extend(more);
        let out = self.run(&arguments, code);
        serde_json::from_str(&out).unwrap_or(Value::Null)
    }

    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        self.run(arguments, 0).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn counts(snapshot: &Value) -> [u64; 3] {
    ["added", "changed", "removed"].map(|name| snapshot[name].as_u64().unwrap())
}

fn at(id: &str) -> String {
    format!("{TENANT}/workflow_flow/{id}")
}

#[test]
fn files_become_a_snapshot_with_a_history_of_their_content() {
    let org = Org::start(&["--users", "2"]);
    let (before, _) = org.snapshot(0);
    let (state, reason, count) = &coverage(&before)["workflow_flow"];
    assert_eq!((state.as_str(), *count), ("no_api", 0));
    assert!(reason.contains("lastgood import"), "{reason}");
    let taken = org.import(&first(), &[], 0);
    assert_eq!(counts(&taken), [7, 0, 0], "{taken}");
    assert_eq!(taken["imported"], "a.folder");
    let (state, reason, count) = &coverage(&taken)["workflow_flow"];
    assert_eq!((state.as_str(), *count), ("no_api", 3));
    assert!(reason.contains("2026-06-01T10:00:00Z"), "{reason}");
    let shown: Value = serde_json::from_str(&org.run(&["show", "--json", &at("Joiners")], 0)).unwrap();
    assert_eq!(shown["read_at"], "2026-06-01T10:00:00Z");
    assert!(shown["body"]["data"]["display"].get("preview").is_none(), "what is drawn is split off");

    let mut later = first();
    later["created"] = "2026-06-02T10:00:00.000Z".into();
    later["data"]["flos"][JOINERS]["data"]["methods"][1]["node"]["model"]["inputs"]["to"] =
        "thief@example.org".into();
    // What is drawn, and the order in which cards stand in the file, is noise.
    later["data"]["flos"][LEAVERS]["data"]["display"]["preview"] = json!([]);
    later["data"]["flos"][LEAVERS]["data"]["active_version_external_id"] = "02".into();
    later["data"]["flos"][LEAVERS]["data"]["methods"].as_array_mut().unwrap().reverse();
    assert_eq!(counts(&org.import(&later, &[], 0)), [0, 1, 0]);
    let patch = org.run(&["log", "-p", &at("Joiners")], 0);
    assert!(patch.contains("thief@example.org") && patch.contains("hr@example.com"), "{patch}");
    let changes = org.lines(&["log", "--json", &at("Joiners")]);
    assert_eq!(changes[0]["fields"][0]["pointer"], "/data/methods/1/node/model/inputs/to");
    let found =
        org.run(&["find", "--kind", "workflow_flow", "[.. | strings] | any(. == \"thief@example.org\")"], 0);
    assert!(found.contains(JOINERS) && !found.contains(LEAVERS), "{found}");
    let first_id = org.lines(&["snapshots", "--json"])[1]["snapshot"].as_str().unwrap().to_owned();
    let diff = org.run(&["diff", &first_id, "latest", &format!("{TENANT}/workflow_flow")], 0);
    assert!(diff.contains("Joiners") && !diff.contains("Leavers"), "{diff}");
    assert!(org.run(&["snapshots"], 0).contains("imported files"));
}

#[test]
fn ordinary_snapshots_carry_what_came_from_files_and_an_import_what_they_read() {
    let org = Org::start(&["--users", "4"]);
    let (full, _) = org.snapshot(0);
    let taken = org.import(&first(), &[], 0);
    let users = |snapshot: &Value| coverage(snapshot)["user"].clone();
    assert_eq!(users(&taken), users(&full), "carried with its state");
    let user = org.ask("GET", "/api/v1/users?limit=1", "")[0]["id"].as_str().unwrap().to_owned();
    org.ask("POST", &format!("/api/v1/users/{user}"), r#"{"profile":{"department":"Audit"}}"#);
    let (hour, _) = org.snapshot(0);
    assert_eq!(
        (&hour["sweep"], counts(&hour)),
        (&"incremental".into(), [0, 1, 0]),
        "the log goes on from its place"
    );
    let change = &org.lines(&["log", "--json", &format!("{TENANT}/user/{user}")])[0];
    assert_eq!(change["actor"]["name"], "admin@example.com");
    let (full, _) = org.sweep(0);
    assert_eq!(counts(&full), [0, 0, 0]);
    let (state, reason, count) = &coverage(&full)["workflow_flow"];
    assert_eq!((state.as_str(), *count), ("no_api", 3), "{reason}");
    assert!(reason.contains("2026-06-01T10:00:00Z"), "{reason}");
    org.run(&["check", "--read-data"], 0);
}

#[test]
fn only_what_lay_in_a_folder_of_the_file_can_be_gone() {
    let org = Org::start(&["--users", "1"]);
    org.snapshot(0);
    org.import(&first(), &[], 0);
    let one = |made: &str, sort: &str| {
        export(sort, made, &[(FOLDER, "")], &[flow(JOINERS, FOLDER, "Joiners", "hr@example.com")], true)
    };
    let single = org.import(&one("2026-06-02T10:00:00.000Z", "flow"), &[], 0);
    assert_eq!(counts(&single), [0, 0, 0], "a file of one flow says nothing of others");
    let folder = org.import(&one("2026-06-03T10:00:00.000Z", "folder"), &[], 0);
    assert_eq!(counts(&folder), [0, 0, 1], "the subfolder was not in question");
    assert_eq!(coverage(&folder)["workflow_flow"].2, 2);
    org.run(&["show", &at(LEAVERS)], 1);
    org.run(&["show", &at(NIGHTLY)], 0);
    let below: Value =
        serde_json::from_str(&org.run(&["show", "--json", &format!("{TENANT}/workflow_folder/{BELOW}")], 0))
            .unwrap();
    // A folder that is exported by itself lies nowhere in its file.
    let alone = export(
        "folder",
        "2026-06-04T10:00:00.000Z",
        &[(BELOW, "")],
        &[flow(NIGHTLY, BELOW, "Nightly", "ops@example.com")],
        false,
    );
    assert_eq!(counts(&org.import(&alone, &[], 0)), [0, 0, 0]);
    assert_eq!(below["body"]["data"]["path"], FOLDER);
}

#[test]
fn too_much_that_is_missing_is_kept_and_said() {
    let org = Org::start(&["--users", "1"]);
    org.snapshot(0);
    let id = |number: usize| format!("20000000-0000-4000-8000-{number:012}");
    let flows: Vec<Value> =
        (0..30).map(|number| flow(&id(number), FOLDER, &format!("Flow {number}"), "x")).collect();
    let folder = |made: &str, flows: &[Value]| export("folder", made, &[(FOLDER, "")], flows, false);
    org.import(&folder("2026-06-01T10:00:00.000Z", &flows), &[], 0);
    let kept = org.import(&folder("2026-06-02T10:00:00.000Z", &flows[..5]), &[], 3);
    assert_eq!(counts(&kept), [0, 0, 0]);
    let (state, reason, count) = &coverage(&kept)["workflow_flow"];
    assert_eq!((state.as_str(), *count), ("suspect", 30), "{reason}");
    let gone = org.import(&folder("2026-06-03T10:00:00.000Z", &flows[..5]), &["--accept-missing"], 0);
    assert_eq!((counts(&gone), coverage(&gone)["workflow_flow"].2), ([0, 0, 25], 5));
}

#[test]
fn an_older_file_is_no_change_and_a_bad_one_changes_nothing() {
    let org = Org::start(&["--users", "1"]);
    let name = org.file("early.folder", &first());
    org.run(&["import", &name, "--tenant", TENANT], 1);
    org.snapshot(0);
    let mut newer = first();
    newer["created"] = "2026-06-05T10:00:00.000Z".into();
    newer["data"]["flos"][JOINERS]["name"] = "Joiners 2".into();
    org.import(&newer, &[], 0);
    let before = org.lines(&["snapshots", "--json"]).len();
    org.import(&first(), &[], 5);
    let mut to_come = first();
    to_come["created"] = "2999-01-01T00:00:00.000Z".into();
    org.import(&to_come, &[], 2);
    for bad in ["", "{", "[]", r#"{"type":"flow","version":"9.0.0","data":{"flos":{}}}"#] {
        std::fs::create_dir_all(org.path().join("drop")).unwrap();
        std::fs::write(org.path().join("drop/a.flow"), newer.to_string()).unwrap();
        std::fs::write(org.path().join("drop/b.flow"), bad).unwrap();
        org.run(&["import", "drop", "--tenant", TENANT], 1);
    }
    org.run(&["import", "no-such-file.flow", "--tenant", TENANT], 1);
    assert_eq!(org.lines(&["snapshots", "--json"]).len(), before, "nothing was recorded");
    let back = org.import(&first(), &["--at", "2026-06-06T00:00:00Z"], 0);
    assert_eq!(counts(&back), [0, 1, 0], "somebody says that they are of another time");
}

#[test]
fn of_a_folder_of_files_the_newest_holds() {
    let org = Org::start(&["--users", "1"]);
    org.snapshot(0);
    let mut newer = first();
    newer["created"] = "2026-06-05T10:00:00.000Z".into();
    newer["data"]["flos"][JOINERS]["name"] = "Joiners 2".into();
    std::fs::create_dir_all(org.path().join("drop/more")).unwrap();
    std::fs::write(org.path().join("drop/a.folder"), newer.to_string()).unwrap();
    std::fs::write(org.path().join("drop/more/b.flopack"), first().to_string()).unwrap();
    let out = org.run(&["import", "drop", "--tenant", TENANT], 0);
    assert!(out.contains("from 2 files: 7 added"), "{out}");
    org.run(&["show", &at("Joiners 2")], 0);
}

/// The vendor's public templates, which nobody may copy: read where they lie, if they do.
#[test]
fn every_real_file_is_read_and_comes_back_the_same() {
    let Some(folder) = std::env::var_os("LASTGOOD_FLOPACKS").map(PathBuf::from) else {
        println!("skipped: LASTGOOD_FLOPACKS names no folder of exported files");
        return;
    };
    let org = Org::start(&["--users", "1"]);
    org.snapshot(0);
    let folder = folder.to_str().unwrap().to_owned();
    let import = |code| -> Value {
        serde_json::from_str(&org.run(&["import", &folder, "--tenant", TENANT, "--json"], code)).unwrap()
    };
    let taken = import(0);
    println!("{} resources of {folder}", counts(&taken)[0]);
    assert!(counts(&taken)[0] > 0);
    assert_eq!(taken["unknown"].as_array().unwrap().len(), 0, "{}", taken["unknown"]);
    assert_eq!(counts(&import(0)), [0, 0, 0], "the same files are no change");
}

/// A simulated organisation with a helper flow, and its host.
fn with_helper() -> (Org, String) {
    let org = Org::start(&["--users", "2", "--oauth", "--workflows"]);
    let text = std::fs::read_to_string(org.path().join("lastgood.toml")).unwrap();
    let url = text.split("workflows = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let host = url.split('/').nth(2).unwrap().to_owned();
    (org, host)
}

fn save(org: &Org, host: &str, id: &str, name: &str) {
    let body = flow(id, FOLDER, name, "hr@example.com").to_string();
    org.ask_at(host, "PUT", &format!("/api/flo/console/{id}"), &body);
}

#[test]
fn a_helper_flow_gives_flows_to_ordinary_snapshots() {
    let (org, host) = with_helper();
    let id = |number: usize| format!("20000000-0000-4000-8000-{number:012}");
    for number in 0..5 {
        save(&org, &host, &id(number), &format!("Flow {number}"));
    }
    let (full, asked) = org.snapshot(0);
    let (state, reason, count) = &coverage(&full)["workflow_flow"];
    assert_eq!((state.as_str(), *count), ("complete", 5), "{reason}");
    assert_eq!(coverage(&full)["workflow_folder"].0, "no_api", "the helper flow gives flows only");
    assert!(!asked.iter().any(|asked| asked.path().contains("/api/flo/")), "not at the organisation's host");
    // An hour in which the log is silent asks the helper flow nothing, and a saved flow is read.
    save(&org, &host, &id(1), "Renamed");
    let (hour, _) = org.snapshot(0);
    assert_eq!((&hour["sweep"], counts(&hour)), (&"incremental".into(), [0, 1, 0]));
    let change = &org.lines(&["log", "--json", &at(&id(1))])[0];
    assert_eq!(
        (&change["actor"]["name"], &change["actor"]["confidence"]),
        (&"admin@example.com".into(), &"exact".into())
    );
    org.ask_at(&host, "DELETE", &format!("/api/flo/console/{}", id(2)), "");
    let (gone, _) = org.snapshot(0);
    assert_eq!((counts(&gone), coverage(&gone)["workflow_flow"].2), ([0, 0, 1], 4));
    // Files still bring what the helper flow does not give, and leave to it what it does.
    let taken = org.import(&first(), &[], 0);
    assert_eq!(counts(&taken), [4, 0, 0], "two folders, a table, a connection");
    assert_eq!(coverage(&taken)["workflow_flow"], coverage(&gone)["workflow_flow"]);
    let only = export("flow", "2026-06-01T10:00:00.000Z", &[], &[flow(JOINERS, FOLDER, "x", "y")], false);
    let mut only = only;
    only["data"]["configs"] = json!({});
    org.import(&only, &[], 2);
}

#[test]
fn only_the_named_host_is_asked_and_with_a_token_for_it() {
    let (org, host) = with_helper();
    let text = std::fs::read_to_string(org.path().join("lastgood.toml")).unwrap();
    let wrong = |from: &str, to: &str, code: i32| {
        assert!(text.contains(from), "{from}");
        std::fs::write(org.path().join("lastgood.toml"), text.replace(from, to)).unwrap();
        org.run(&["snapshot", "--json"], code);
    };
    wrong("/invoke\"", "/other\"", 1);
    wrong(&format!("http://{host}"), "http://flows.example.com", 1);
    std::fs::write(org.path().join("lastgood.toml"), &text).unwrap();
    save(&org, &host, JOINERS, "Joiners");
    let (first, _) = org.snapshot(0);
    assert_eq!(coverage(&first)["workflow_flow"].2, 1);
    // The organisation's host has no flows, whoever asks.
    let at_home = text.replace(&format!("http://{host}"), &org.url());
    std::fs::write(org.path().join("lastgood.toml"), at_home).unwrap();
    let (second, _) = org.sweep(3);
    let (state, reason, count) = &coverage(&second)["workflow_flow"];
    assert_eq!((state.as_str(), *count, &second["removed"]), ("failed", 1, &0.into()), "{reason}");
}

#[test]
fn what_the_log_told_of_a_flow_names_who_made_what_a_file_shows() {
    let (org, host) = with_helper();
    org.replace("workflows = ", "schedule = \"0 * * * *\" # ");
    org.snapshot(0);
    save(&org, &host, "01JZFLOWULID", "Joiners");
    org.snapshot(0);
    let told = org.lines(&["log", "--json", &at("Joiners")]);
    assert_eq!((&told[0]["told"], &told[0]["change"]), (&"workflows.user.flow.create".into(), &Value::Null));
    assert_eq!(told, org.lines(&["log", "--json", &at("01JZFLOWULID")]), "by id and by name");
    let text = org.run(&["log", &at("01JZFLOWULID")], 0);
    assert!(text.contains("admin@example.com") && text.contains("no body shows what changed"), "{text}");
    let mut file = first();
    let now: Value =
        serde_json::from_str(org.run(&["snapshots", "--json"], 0).lines().last().unwrap()).unwrap();
    file["created"] = now["finished"].clone();
    org.import(&file, &[], 0);
    let shown = org.lines(&["log", "--json", &at("Joiners")]);
    let added = shown.iter().find(|change| change["op"] == "add").unwrap();
    assert_eq!(
        (&added["actor"]["name"], &added["actor"]["confidence"]),
        (&"admin@example.com".into(), &"likely".into())
    );
    assert!(shown.iter().any(|change| change["told"] == "workflows.user.flow.create"), "and the deed itself");
}

#[test]
fn every_event_of_workflows_leads_to_a_kind_or_says_why_not() {
    let Some(file) = shared("providers/okta-events.json") else { return };
    let listed: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let words = listed.as_array().unwrap().iter().filter_map(|row| row["event_type"].as_str());
    let words: Vec<&str> = words.filter(|word| word.starts_with("workflows.")).collect();
    assert_eq!(words.len(), 48);
    let audit = catalog::provider("okta").unwrap().audit.as_ref().unwrap();
    let mut led = 0;
    for word in words {
        let deeds: Vec<_> =
            audit.deeds.iter().filter(|deed| deed.words.iter().any(|known| known == word)).collect();
        let [deed] = deeds.as_slice() else { panic!("`{word}` stands {} times", deeds.len()) };
        match &deed.why {
            Some(why) => assert!(deed.kinds.is_empty() && why.len() > 20, "{word}: {why}"),
            None => assert!(
                !deed.kinds.is_empty()
                    && deed.kinds.iter().all(|kind| kind.as_str().starts_with("workflow_")),
                "`{word}` leads nowhere, and nothing says why"
            ),
        }
        led += usize::from(deed.why.is_none());
        // What makes, changes or removes a thing that exports hold is about that thing.
        let about = ["flow", "folder", "table", "connection"].into_iter().find(|thing| {
            let deed = word.strip_prefix(&format!("workflows.user.{thing}."));
            deed.is_some_and(|deed| {
                !["export", "view", "execution.cancel", "execution_history.delete"]
                    .iter()
                    .any(|end| deed.ends_with(end))
            })
        });
        let kinds: Vec<&str> = deed.kinds.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(about.is_some(), !kinds.is_empty(), "{word}: {kinds:?}");
        assert!(
            about.is_none_or(|thing| kinds.contains(&format!("workflow_{thing}").as_str())),
            "{word}: {kinds:?}"
        );
    }
    assert_eq!(led, 27, "as docs/WORKFLOWS.md says");
}
