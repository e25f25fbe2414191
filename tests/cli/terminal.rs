//! What is asked at a terminal before and while something is put back, and what can be named in a
//! rollback: the binary against a realm that can be written to.
//!
//! The terminal is made by `script`, of which every Debian has one.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::living::Realm;
use crate::world::{Ran, World};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Kinds that the realm answers for.
const KINDS: [&str; 4] = ["realm", "realm_role", "group", "identity_provider"];

/// A call of the admin API, which must succeed.
fn call(realm: &Realm, method: &str, path: &str, body: &Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("{}/admin/realms/demo{path}", realm.url);
        let request = reqwest::Client::new().request(method.parse().unwrap(), url);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
    });
}

/// A realm with another provider in it, and a repository that has seen it once.
fn scene() -> (World, Realm) {
    let (world, realm) = (World::bare(), Realm::start());
    let config =
        json!({ "clientId": "c", "clientSecret": "lgcanary-corp", "tokenUrl": "https://idp.test/token" });
    let provider = json!({ "alias": "corp", "providerId": "oidc", "enabled": true, "config": config });
    call(&realm, "POST", "/identity-provider/instances", &provider);
    let catalog = lastgood::catalog::provider("keycloak").unwrap();
    let others = catalog.kinds.iter().map(|spec| spec.kind.as_str()).filter(|kind| !KINDS.contains(kind));
    let accept: Vec<&str> = others.collect();
    let auth = "kind = \"client_secret\"\nclient_id = \"all\"\nclient_secret = \"file:secret\"\n";
    world.configure(&format!(
        "[repository]\nurl = \"repo\"\n\n[[tenant]]\nname = \"kc\"\nprovider = \"keycloak\"\nurl = \"{}\"\n\
         realm = \"demo\"\nauth_realm = \"demo\"\naccept = {accept:?}\n\n[tenant.auth]\n{auth}\n[tenant.restore_auth]\n{auth}",
        realm.url
    ));
    world.write("secret", "hush");
    world.run(&["snapshot"]).ok();
    (world, realm)
}

/// Runs the binary at a terminal: each answer is typed when its question is there.
fn at_a_terminal(world: &World, args: &[&str], answers: &[(&str, &str)]) -> Ran {
    let line = format!("\"$LASTGOOD_BIN\" {}", args.join(" "));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    world.settle(&mut command);
    command.env("LASTGOOD_BIN", env!("CARGO_BIN_EXE_lastgood")).env("SHELL", "/bin/sh").env("TERM", "dumb");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut out, shared) = (child.stdout.take().unwrap(), seen.clone());
    let reading = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = out.read(&mut bytes) {
            shared.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    });
    let text = || String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    let mut keys = child.stdin.take().unwrap();
    let script = child.id();
    for (question, answer) in answers {
        let begun = Instant::now();
        let ready = || text().contains(question) && (*question != SECRET || !echoes(script));
        while !ready() {
            assert!(
                begun.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(),
                "{question}: {}",
                text()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    let status = child.wait().unwrap();
    reading.join().unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(), err: String::new() }
}

/// Whether the terminal that `script` made shows what is typed. A question is there a moment before that is
/// switched off, and no person types as soon as a test does.
fn echoes(script: u32) -> bool {
    let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
    let Some(child) = children.split_whitespace().next() else { return true };
    let Ok(terminal) = std::fs::read_link(format!("/proc/{child}/fd/0")) else { return true };
    let said = Command::new("stty").arg("-a").arg("-F").arg(terminal).output().unwrap();
    !String::from_utf8_lossy(&said.stdout).split_whitespace().any(|flag| flag == "-echo")
}

/// How the secret is asked for.
const SECRET: &str = "IDENTITY_PROVIDER_CORP_CONFIG_CLIENTSECRET (";

const RESTORE: [&str; 5] = ["restore", "kc/identity_provider/corp", "--at", "latest", "--allow-privileged"];

#[test]
fn only_the_word_yes_at_a_terminal_begins_and_a_secret_is_asked_for_unseen() {
    let (world, realm) = scene();
    call(&realm, "DELETE", "/identity-provider/instances/corp", &Value::Null);
    let alone = world.run(&RESTORE).code(2);
    assert!(alone.err.contains("no terminal to ask at") && alone.err.contains("--yes"), "{}", alone.err);
    for answer in ["no", "y", ""] {
        let ran = at_a_terminal(&world, &RESTORE, &[("Type yes: ", answer)]).code(130);
        assert!(ran.out.contains("nothing was done"), "{}", ran.out);
    }
    assert_eq!(realm.hidden()[0], Value::Null, "nothing was made");

    let answers = [("Type yes: ", "yes"), (SECRET, "lgcanary-typed")];
    let ran = at_a_terminal(&world, &RESTORE, &answers).ok();
    assert!(!ran.out.contains("lgcanary"), "what is typed is not shown: {}", ran.out);
    assert_eq!(realm.hidden()[0], "lgcanary-typed");
}

#[test]
fn a_secret_that_is_not_typed_leaves_its_step_out() {
    let (world, realm) = scene();
    call(&realm, "DELETE", "/identity-provider/instances/corp", &Value::Null);
    let answers = [("Type yes: ", "yes"), (SECRET, "")];
    let ran = at_a_terminal(&world, &RESTORE, &answers).code(3);
    assert!(ran.out.contains("refused"), "{}", ran.out);
    assert_eq!(realm.hidden()[0], Value::Null);
}

#[test]
fn what_no_snapshot_has_seen_is_named_for_a_rollback_by_name_and_by_id() {
    let (world, realm) = scene();
    call(&realm, "POST", "/roles", &json!({ "name": "later" }));
    call(&realm, "POST", "/groups", &json!({ "name": "new ones" }));
    let rollback =
        |address: &str| world.run(&["plan", address, "--at", "latest", "--mode", "rollback", "--json"]);
    let steps = |ran: Ran| {
        let plan: Value = serde_json::from_str(&ran.ok().out).unwrap();
        let steps = plan["steps"].as_array().unwrap().iter();
        steps
            .map(|step| format!("{} {}", step["op"].as_str().unwrap(), step["kind"].as_str().unwrap()))
            .collect()
    };
    let named: Vec<String> = steps(rollback("kc/realm_role/later"));
    assert_eq!(named, ["delete realm_role"]);
    let named: Vec<String> = steps(rollback("kc/group/new ones"));
    assert_eq!(named, ["delete group"]);
    let by_id: Vec<String> = steps(rollback("kc/realm_role/id:made-0002"));
    assert_eq!(by_id, ["delete realm_role"]);
    // A merge is about what was there, and what nobody knows is not there.
    world.run(&["plan", "kc/realm_role/later", "--at", "latest"]).code(1);
    rollback("kc/realm_role/nobody").code(1);
}
