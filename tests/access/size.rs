//! An organisation of ten thousand people and five hundred applications: that it can be compared at all,
//! and that what is said of it is counted and not listed. `LASTGOOD_PEOPLE=250000` makes it so much larger.

use std::time::Instant;

use lastgood::access::report::{APPS_MAX, Change, NAMED_MAX};
use lastgood::access::{Later, compare};
use lastgood::catalog::provider;

use crate::bodies::Bodies;
use crate::report;

/// Policies, whatever the size.
const POLICIES: usize = 50;

/// How much of everything there is.
#[derive(Clone, Copy)]
struct Size {
    people: usize,
    apps: usize,
    groups: usize,
}

impl Size {
    /// Five hundred applications and two thousand groups for ten thousand people; fewer of both, by people, where
    /// there are more, as in large organisations.
    fn asked() -> Self {
        let asked = std::env::var("LASTGOOD_PEOPLE").ok();
        match asked.map_or(10_000, |text| text.parse().expect("LASTGOOD_PEOPLE is a number")) {
            people if people <= 10_000 => Self { people: 10_000, apps: 500, groups: 2_000 },
            people => Self { people, apps: 2_000, groups: 30_000 },
        }
    }
}

/// Each person is in ten groups, each application has three; every second policy has a zone.
fn company(size: Size) -> Bodies {
    let Size { people, apps, groups } = size;
    let mut out = Bodies::default();
    for person in 0..people {
        let department = ["Sales", "IT", "Legal", "People"][person % 4];
        out.put(
            &format!("user/u{person}"),
            &format!(
                r#"{{"status":"ACTIVE","profile":{{"login":"user{person}","department":"{department}"}}}}"#
            ),
        );
        for step in 0..10 {
            out.put(&format!("group_membership/g{}/u{person}", (person * 7 + step * 131) % groups), "{}");
        }
    }
    for group in 0..groups {
        out.put(&format!("group/g{group}"), r#"{"type":"OKTA_GROUP","profile":{"name":"G"}}"#);
    }
    for rule in 0..100 {
        out.put(
            &format!("group_rule/r{rule}"),
            &format!(
                r#"{{"status":"ACTIVE","conditions":{{"expression":{{"value":"user.department==\"Legal\" and String.startsWith(user.login, \"user{rule}\")"}}}},"actions":{{"assignUserToGroups":{{"groupIds":["g{rule}"]}}}}}}"#
            ),
        );
    }
    for policy in 0..POLICIES {
        out.put(&format!("policy/p{policy}"), r#"{"type":"ACCESS_POLICY","status":"ACTIVE","priority":1}"#);
        let zone = if policy % 2 == 0 { r#","network":{"connection":"ZONE","include":["z1"]}"# } else { "" };
        for (place, mode) in [(1, "1FA"), (2, "2FA")] {
            out.put(
                &format!("policy_rule/p{policy}/q{place}"),
                &format!(
                    r#"{{"status":"ACTIVE","priority":{place},"conditions":{{"people":{{"groups":{{"include":["g{policy}"]}}}}{zone}}},"actions":{{"appSignOn":{{"access":"ALLOW","verificationMethod":{{"factorMode":"{mode}"}}}}}}}}"#
                ),
            );
        }
        let last = r#"{"status":"ACTIVE","priority":99,"actions":{"appSignOn":{"access":"ALLOW","verificationMethod":{"factorMode":"2FA"}}}}"#;
        out.put(&format!("policy_rule/p{policy}/last"), last);
    }
    out.put("network_zone/z1", r#"{"status":"ACTIVE","usage":"POLICY"}"#);
    for app in 0..apps {
        let policy = app % POLICIES;
        out.put(
            &format!("app/a{app}"),
            &format!(
                r#"{{"label":"App {app}","status":"ACTIVE","_links":{{"accessPolicy":{{"href":"https://x/api/v1/policies/p{policy}"}}}}}}"#
            ),
        );
        for step in 0..3 {
            out.put(&format!("app_group_assignment/a{app}/g{}", (app * 3 + step) % groups), "{}");
        }
        for person in 0..200 {
            let scope = if person % 4 == 0 { "USER" } else { "GROUP" };
            let place = (app * 37 + person * 41) % people;
            out.put(&format!("app_user_assignment/a{app}/u{place}"), &format!(r#"{{"scope":"{scope}"}}"#));
        }
    }
    out
}

#[test]
fn a_company_is_compared_and_what_changes_is_counted() {
    let size = Size::asked();
    let from = company(size);
    let mut to = from.clone();
    // Every policy asks for less, and one application is closed.
    for policy in 0..POLICIES {
        let weak = r#"{"status":"ACTIVE","priority":99,"actions":{"appSignOn":{"access":"ALLOW","verificationMethod":{"factorMode":"1FA"}}}}"#;
        to.put(&format!("policy_rule/p{policy}/last"), weak);
    }
    to.put("app/a7", r#"{"label":"App 7","status":"INACTIVE"}"#);
    let begun = Instant::now();
    let Ok(found) = compare(provider("okta").unwrap(), &from, &to, Later::Planned, &from.differing(&to));
    let took = begun.elapsed();
    let found = found.unwrap();
    report(&format!(
        "{} people, {} applications, all of them changed: {} ms",
        size.people,
        size.apps,
        took.as_millis()
    ));
    assert_eq!(found.apps_changed, size.apps as u64);
    assert_eq!(found.apps.len(), APPS_MAX);
    assert!(found.totals[&Change::Weaker] > size.people as u64 / 2, "{:?}", found.totals);
    let loses = found.totals[&Change::Loses];
    assert!(loses > 50 && loses < size.people as u64 / 10, "those of one application: {loses}");
    let named = found.apps.iter().flat_map(|app| app.turns.values().flatten());
    assert!(named.into_iter().all(|turn| turn.people.named.len() <= NAMED_MAX));
    let size = found.to_json("acme").to_canonical().len();
    assert!(size < 100_000, "what is written down stays small: {size} bytes");
}
