//! What an organisation does not have, or does not show to this credential, is a state of coverage and
//! neither an error nor a deletion; and what the catalogue does not know is said.

use crate::org::{Org, coverage};

/// Calls, how the organisation refuses them, the kind that is read there, and what its coverage must be.
const ROWS: [(&str, &str, &str, &str); 8] = [
    ("/api/v1/realms", "not_licensed", "realm", "not_entitled"),
    ("/api/v1/behaviors", "no_call", "behavior_rule", "not_entitled"),
    ("/api/v1/captchas", "no_method", "captcha", "not_entitled"),
    ("/governance/api/v1/risk-rules", "no_call", "risk_rule", "not_entitled"),
    ("/api/v1/api-tokens", "forbidden", "api_token", "not_permitted"),
    ("/api/v1/apps/{id}/cwo/connections", "not_licensed", "app_cross_app_access_connection", "not_entitled"),
    ("/api/v1/apps/{id}/group-push/mappings", "forbidden", "app_group_push_mapping", "not_permitted"),
    ("/api/v1/groups/{id}/owners", "no_method", "group_owner", "not_entitled"),
];

fn script() -> String {
    let fault = |(path, what, ..): &(&str, &str, &str, &str)| {
        format!("[[fault]]\nmethod = \"GET\"\npath = \"{path}\"\nwhat = \"{what}\"\n")
    };
    ROWS.iter().map(fault).collect()
}

#[test]
fn what_the_organisation_lacks_is_a_state() {
    let org = Org::with_faults(&script(), &["--users", "2", "--every-kind"]);
    let (snapshot, requests) = org.snapshot(3);
    let found = coverage(&snapshot);
    for (path, what, kind, state) in ROWS {
        let (is, reason, count) = &found[kind];
        assert_eq!((is.as_str(), *count), (state, 0), "{path} {what}: {kind}: {reason}");
        assert!(!reason.is_empty(), "{kind}");
    }
    let others = found.iter().filter(|(kind, _)| ROWS.iter().all(|(_, _, lacking, _)| lacking != kind));
    for (kind, (state, reason, _)) in others {
        let hangs = reason.contains("it hangs on `realm`") || reason.contains("it hangs on `captcha`");
        assert!(hangs || matches!(state.as_str(), "complete" | "no_api"), "{kind}: {state} {reason}");
    }
    // A kind that is refused whole is not asked for below each of many parents.
    let refused = requests.iter().filter(|asked| asked.path().ends_with("/group-push/mappings"));
    assert!(refused.count() < 26);

    org.configure("accept = [\"api_token\", \"app_group_push_mapping\"]");
    let (again, _) = org.snapshot(0);
    assert_eq!(coverage(&again)["api_token"].0, "not_permitted", "accepted is not complete");
}

#[test]
fn a_type_of_policy_that_the_organisation_lacks_is_no_gap() {
    let script = "[[fault]]\nmethod = \"GET\"\npath = \"/api/v1/policies\"\nquery = \"type=ENTITY_RISK\"\nwhat = \"invalid\"\n";
    let org = Org::with_faults(script, &["--users", "2"]);
    let (snapshot, _) = org.snapshot(0);
    let (state, reason, count) = &coverage(&snapshot)["policy"];
    assert_eq!(state, "complete", "{reason}");
    assert!(reason.contains("ENTITY_RISK") && *count > 5, "{reason} {count}");
    assert_eq!(coverage(&snapshot)["policy_rule"].0, "complete");
}

#[test]
fn an_app_without_provisioning_is_no_gap() {
    let org = Org::start(&["--users", "2", "--every-kind"]);
    let (snapshot, requests) = org.snapshot(0);
    let refused = requests.iter().filter(|asked| asked.path().ends_with("/features") && asked.status == 400);
    assert!(refused.count() > 2, "most apps have no provisioning");
    assert_eq!(coverage(&snapshot)["app_feature"].0, "complete");
    assert_eq!(coverage(&snapshot)["app_feature"].2, 1);
}

#[test]
fn a_wrong_token_is_no_missing_feature() {
    let org = Org::start(&["--users", "1"]);
    std::fs::write(org.path().join("sim/token"), "00wrong").unwrap();
    org.run(&["snapshot", "--json"], 1);
}

#[test]
fn what_vanishes_behind_a_refusal_is_kept() {
    let org = Org::with_faults(
        "[[fault]]\nmethod = \"GET\"\npath = \"/api/v1/trustedOrigins\"\nafter = 1\nwhat = \"not_licensed\"\n",
        &["--users", "1", "--every-kind"],
    );
    let (first, _) = org.snapshot(0);
    assert_eq!(
        (coverage(&first)["trusted_origin"].0.as_str(), coverage(&first)["trusted_origin"].2),
        ("complete", 2)
    );
    let (second, _) = org.sweep(3);
    assert_eq!(second["removed"], 0, "nobody said that it was deleted");
    let (state, reason, count) = &coverage(&second)["trusted_origin"];
    assert_eq!((state.as_str(), *count), ("not_entitled", 2), "{reason}");
}

#[test]
fn what_the_catalogue_does_not_know_is_said() {
    let script = "
        fault = [
            { method = 'GET', path = '/api/v1/zones', after = 1, what = 'strange' },
            { method = 'GET', path = '/api/v1/rate-limit-settings/per-client', after = 1, what = 'strange' },
        ]
        [log]
        strange_every = 2
    ";
    let org = Org::with_faults(script, &["--users", "2", "--every-kind"]);
    let (first, _) = org.snapshot(0);
    assert_eq!(first["unknown"].as_array().unwrap().len(), 0, "{}", first["unknown"]);
    for name in ["One", "Two"] {
        org.ask("POST", "/api/v1/groups", &format!("{{\"profile\":{{\"name\":\"{name}\"}}}}"));
    }
    let (second, _) = org.sweep(0);
    let unknown: Vec<&str> =
        second["unknown"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    // And nothing else: the other event is one that the vendor lists.
    let wanted = [
        "audit event `glitter.strewn` of `UserGroup`",
        "network_zone: field `glitter`",
        "network_zone: link `glitter`",
        "rate_limit_per_client: field `_links`",
        "rate_limit_per_client: field `glitter`",
    ];
    assert_eq!(unknown, wanted);
}

fn refused(path: &str, query: &str, what: &str) -> String {
    format!("[[fault]]\nmethod = \"GET\"\npath = \"{path}\"\nquery = \"{query}\"\nwhat = \"{what}\"\n")
}

#[test]
fn what_is_refused_beside_what_is_given_is_not_there() {
    let org =
        Org::with_faults(&refused("/api/v1/policies", "type=ENTITY_RISK", "forbidden"), &["--users", "2"]);
    let (snapshot, _) = org.snapshot(0);
    let (state, reason, count) = &coverage(&snapshot)["policy"];
    assert_eq!(state, "complete", "{reason}");
    assert!(reason.contains("ENTITY_RISK") && *count > 5, "{reason} {count}");
    let text = org.run(&["snapshot"], 0);
    assert!(!text.contains("ENTITY_RISK"), "results only: {text}");
}

#[test]
fn where_all_is_refused_the_right_is_missing() {
    let org = Org::with_faults(&refused("/api/v1/policies", "", "forbidden"), &["--users", "2"]);
    let (snapshot, _) = org.snapshot(3);
    let (state, reason, count) = &coverage(&snapshot)["policy"];
    assert_eq!((state.as_str(), *count), ("not_permitted", 0), "{reason}");
    assert!(reason.contains("okta.policies.read"), "{reason}");
}

#[test]
fn a_policy_that_is_refused_later_is_kept_and_a_gap() {
    let script =
        refused("/api/v1/policies", "type=MFA_ENROLL", "forbidden").replace("what", "after = 1\nwhat");
    let org = Org::with_faults(&script, &["--users", "2"]);
    let (first, _) = org.snapshot(0);
    let (second, _) = org.sweep(3);
    assert_eq!(second["removed"], 0, "a refusal is no deletion");
    let (was, now) = (&coverage(&first)["policy"], &coverage(&second)["policy"]);
    assert_eq!((now.0.as_str(), now.2), ("partial", was.2), "{}", now.1);
}

#[test]
fn roles_are_found_where_nobody_lists_who_has_any() {
    let whole = Org::start(&["--users", "12", "--every-kind"]);
    let (known, _) = whole.snapshot(0);
    let count = coverage(&known)["user_role_assignment"].2;
    assert!(count > 1, "{count}");
    for what in ["no_call", "no_method", "invalid"] {
        let org = Org::with_faults(
            &refused("/api/v1/iam/assignees/users", "", what),
            &["--users", "12", "--every-kind"],
        );
        let (snapshot, requests) = org.snapshot(0);
        let (state, reason, found) = &coverage(&snapshot)["user_role_assignment"];
        assert_eq!((state.as_str(), *found), ("complete", count), "{what}: {reason}");
        let users = coverage(&snapshot)["user"].2;
        let asked = requests.iter().filter(|asked| asked.path().ends_with("/roles"));
        let asked = asked.filter(|asked| asked.path().starts_with("/api/v1/users/")).count();
        assert_eq!(asked as u64, users, "{what}: each user is asked once");
        let (hour, _) = org.snapshot(0);
        assert_eq!((&hour["removed"], &hour["sweep"]), (&0.into(), &"incremental".into()), "{what}");
    }
}

#[test]
fn what_costs_a_request_for_each_user_is_asked_for_or_is_a_gap() {
    let org = Org::with_faults(
        &refused("/api/v1/iam/assignees/users", "", "no_call"),
        &["--users", "12", "--every-kind"],
    );
    org.replace("per_user = true", "per_user = false");
    let (snapshot, requests) = org.snapshot(3);
    let (state, reason, _) = &coverage(&snapshot)["user_role_assignment"];
    assert_eq!(state, "failed", "{reason}");
    assert!(reason.contains("a request for each `user`"), "{reason}");
    assert!(
        !requests.iter().any(|asked| asked.path().ends_with("/roles") && asked.path().contains("/users/"))
    );
}
