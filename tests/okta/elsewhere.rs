//! What one organisation had is made in another, and nothing there names the first.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::org::{Org, TENANT};

/// The name of the second organisation in the configuration of the first.
const OTHER: &str = "other";

/// The first organisation with one of each kind and a snapshot, and beside it one that has little.
fn both() -> (Org, Org) {
    let first = Org::start(&["--users", "3", "--every-kind"]);
    let second = Org::start(&["--users", "3", "--seed", "20"]);
    let token = second.path().join("sim/token");
    let token = std::fs::read_to_string(token).unwrap();
    std::fs::write(first.path().join("token-of-the-other"), token).unwrap();
    let url = second.url();
    let auth = ["auth.kind=token", "auth.token=file:token-of-the-other"];
    let set = auth.iter().flat_map(|setting| ["--set", setting]);
    let add = ["tenant", "add", OTHER, "--provider", "okta", "--url", &url];
    first.run(&add.into_iter().chain(set).collect::<Vec<_>>(), 0);
    let at = format!("url = \"{url}\"\n");
    first.replace(&at, &format!("{at}per_user = true\n"));
    first.configure("restore_auth = { kind = \"token\", token = \"file:token-of-the-other\" }");
    (first, second)
}

/// A secret for every one that the plan asks for.
fn secrets(org: &Org, plan: &Value) {
    let asked = plan["secrets"].as_array().unwrap().iter();
    let given = asked.map(|secret| format!("{} = \"file:given\"\n", secret["input"]));
    std::fs::write(org.path().join("secrets.toml"), given.collect::<String>()).unwrap();
    std::fs::write(org.path().join("given"), "a long enough secret").unwrap();
}

/// What an expression finds in an organisation as it was read last: address and results.
fn find(org: &Org, tenant: &str, expression: &str) -> Vec<(String, Vec<Value>)> {
    let out = org.run(&["find", "--tenant", tenant, expression, "--json"], 0);
    let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = |row: Value| Some((row["address"].as_str()?.to_owned(), row["results"].as_array()?.clone()));
    rows.filter_map(row).collect()
}

fn kind(address: &str) -> &str {
    address.split('/').nth(1).unwrap()
}

fn id(org: &Org) -> String {
    org.ask("GET", "/api/v1/org", "")["id"].as_str().unwrap().to_owned()
}

const ORNS: &str = r#".. | strings | select(startswith("orn:"))"#;

/// Kinds with ORNs that are in no plan, each for a reason that the plan gives.
const REFUSED: [&str; 2] = ["governance_resource_label", "privileged_resource"];

#[test]
fn what_names_an_organisation_names_the_other_there() {
    let (first, second) = both();
    first.tried(&["snapshot", TENANT, OTHER]);
    let had = find(&first, TENANT, ORNS);
    let args = ["plan", TENANT, "--at", "latest", "--to", OTHER, "--json", "--out", "plan.json"];
    let plan: Value = serde_json::from_str(&first.run(&args, 0)).unwrap();
    secrets(&first, &plan);
    let allowed = ["--allow-privileged", "--allow-lockout", "--secrets", "secrets.toml"];
    first.run(&[&["apply", "plan.json", "--json"], &allowed[..]].concat(), 0);
    first.tried(&["snapshot", OTHER, "--full"]);

    for text in [id(&first), first.url()] {
        let naming = find(&first, OTHER, &format!(r#"select(tostring | contains("{text}"))"#));
        assert!(naming.is_empty(), "{text} is in {naming:?}");
    }
    let (has, all) = (find(&first, OTHER, ORNS), find(&first, OTHER, "true"));
    let kinds = |rows: &[(String, Vec<Value>)]| -> BTreeSet<String> {
        rows.iter().map(|(address, _)| kind(address).to_owned()).collect()
    };
    let refused: BTreeSet<String> = REFUSED.map(str::to_owned).into();
    assert_eq!(&kinds(&had) - &kinds(&has), refused, "each kind that had an ORN has one there");
    let known: BTreeSet<&str> = all.iter().flat_map(|(address, _)| address.split('/')).collect();
    let there = id(&second);
    for (address, orn) in has.iter().flat_map(|(address, found)| found.iter().map(move |orn| (address, orn)))
    {
        let orn = orn.as_str().unwrap();
        assert_eq!(orn.split(':').nth(3), Some(there.as_str()), "{address}: {orn}");
        assert!(known.contains(orn.rsplit(':').next().unwrap()), "{address}: {orn} leads to nothing");
    }
    // Read again it is what was wished for, so nothing was only said.
    let again: Value = serde_json::from_str(&first.run(&args, 0)).unwrap();
    let left = again["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap());
    let left: Vec<&str> = left.filter(|kind| kinds(&had).contains(*kind)).collect();
    assert_eq!(left, Vec::<&str>::new());
}
