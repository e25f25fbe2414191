//! A sweep as a service app: a signed assertion, a token bound to a key, and scopes that bound what is read.

use crate::org::{Asked, Org, coverage};

fn tokens(requests: &[Asked]) -> Vec<u16> {
    requests.iter().filter(|asked| asked.path() == "/oauth2/v1/token").map(|asked| asked.status).collect()
}

#[test]
fn a_whole_sweep_with_proofs_of_possession() {
    let org = Org::start(&["--users", "3", "--every-kind", "--oauth"]);
    let (snapshot, requests) = org.snapshot(0);
    assert_eq!(tokens(&requests), [400, 400, 200], "no proof, no nonce, a token; and one for all");
    let found = coverage(&snapshot);
    let unread: Vec<_> = found.iter().filter(|(_, row)| row.0 != "complete" && row.0 != "no_api").collect();
    assert!(unread.is_empty(), "{unread:?}");
    assert!(requests.iter().filter(|asked| asked.status == 200).count() > 300);
    assert!(requests.iter().all(|asked| asked.status != 401 && asked.status != 403));
}

#[test]
fn what_no_scope_was_given_for_is_not_permitted() {
    let org = Org::start(&["--users", "3", "--every-kind", "--oauth"]);
    org.replace("kind = \"private_key_jwt\"", "kind = \"private_key_jwt\", scopes = \"okta.orgs.read okta.users.read okta.groups.read okta.logs.read\"");
    let (snapshot, requests) = org.snapshot(3);
    let found = coverage(&snapshot);
    for kind in ["user", "group", "group_membership", "org_settings"] {
        assert_eq!(found[kind].0, "complete", "{kind}: {}", found[kind].1);
    }
    for kind in ["app", "policy", "idp", "network_zone", "trusted_origin"] {
        let (state, reason, _) = &found[kind];
        assert!(state == "not_permitted" && !reason.is_empty(), "{kind}: {state} {reason}");
    }
    assert_eq!(tokens(&requests), [400, 400, 200], "a refusal for want of a scope costs no token");
}

#[test]
fn another_key_is_no_way_in() {
    let org = Org::start(&["--users", "1", "--oauth"]);
    let other = Org::start(&["--users", "1", "--oauth"]);
    std::fs::copy(other.path().join("sim/key.pem"), org.path().join("sim/key.pem")).unwrap();
    org.run(&["snapshot", "--json"], 1);
}
