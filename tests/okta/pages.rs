//! Lists over more than one page, and a sweep over TLS.

use serde_json::Value;

use crate::org::{Asked, Org, coverage};

/// Lists whose next page is named in the body: kind, path, what one is made with.
const IN_BODY: [(&str, &str, &str); 3] = [
    (
        "custom_role",
        "/api/v1/iam/roles",
        r#"{"label":"Role N","description":"d","permissions":["okta.users.read"]}"#,
    ),
    (
        "resource_set",
        "/api/v1/iam/resource-sets",
        r#"{"label":"Set N","description":"d","resources":["orn:okta:directory:acme:groups:00gSomeN"]}"#,
    ),
    ("collection", "/governance/api/v1/collections", r#"{"name":"Collection N","description":"d"}"#),
];

fn count(requests: &[Asked], path: &str) -> (usize, usize) {
    let pages: Vec<&Asked> = requests.iter().filter(|asked| asked.path() == path).collect();
    (pages.len(), pages.iter().filter(|asked| asked.target.contains("after=")).count())
}

#[test]
fn a_second_page_named_in_the_body_is_read() {
    let org = Org::start(&["--users", "105"]);
    for (_, path, body) in IN_BODY {
        for place in 0..205 {
            org.ask("POST", path, &body.replace('N', &place.to_string()));
        }
    }
    let users: Vec<Value> = org.ask("GET", "/api/v1/users?limit=200", "").as_array().unwrap().clone();
    for user in users.iter().skip(3) {
        let path = format!("/api/v1/users/{}/roles", user["id"].as_str().unwrap());
        org.ask("POST", &path, r#"{"type":"HELP_DESK_ADMIN"}"#);
    }
    let set = org.ask(
        "POST",
        IN_BODY[1].1,
        r#"{"label":"Large","description":"d","resources":["orn:okta:directory:acme:groups:00gOne"]}"#,
    );
    let set = set["id"].as_str().unwrap();
    let groups: Vec<String> =
        (0..150).map(|place| format!("\"orn:okta:directory:acme:groups:00gSome{place}\"")).collect();
    let additions = format!("{{\"additions\":[{}]}}", groups.join(","));
    org.ask("PATCH", &format!("/api/v1/iam/resource-sets/{set}/resources"), &additions);

    // What costs a request a user is left out, and administrators are found all the same.
    org.replace("per_user = true", "per_user = false");
    let (snapshot, requests) = org.snapshot(0);
    let found = coverage(&snapshot);
    for (kind, path, _) in IN_BODY {
        let more = u64::from(kind == "resource_set");
        assert_eq!((found[kind].0.as_str(), found[kind].2), ("complete", 205 + more), "{kind}");
        assert_eq!(count(&requests, path), (2, 1), "{kind}: two pages");
    }
    assert_eq!(found["resource_set_resource"].2, 150 + 206);
    assert_eq!(count(&requests, &format!("/api/v1/iam/resource-sets/{set}/resources")), (2, 1));
    assert_eq!(
        (found["user_role_assignment"].0.as_str(), found["user_role_assignment"].2),
        ("complete", 102)
    );
    assert_eq!(count(&requests, "/api/v1/iam/assignees/users"), (2, 1));
    assert_eq!(found["user_factor"].0, "excluded");
}

#[test]
fn a_sweep_over_tls_trusts_the_named_authority_only() {
    let org = Org::start(&["--users", "2", "--every-kind", "--https"]);
    let (snapshot, requests) = org.snapshot(0);
    assert_eq!(coverage(&snapshot)["user"].0, "complete");
    assert!(requests.len() > 200);
    let text = std::fs::read_to_string(org.path().join("lastgood.toml")).unwrap();
    assert!(text.contains("https://127.0.0.1:") && text.contains("ca_file"), "{text}");
    let line = text.lines().find(|line| line.starts_with("ca_file")).unwrap();
    org.replace(line, "");
    org.run(&["snapshot", "--json"], 1);
}
