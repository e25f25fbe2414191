//! A false fact of Okta's catalogue is told by the recorded traffic: the simulator, which knows its calls
//! and fields from the catalogue alone, no longer answers as the vendor did. What the simulator's own forms
//! hold too, secrets among it, no recording can tell.

use lastgood::base::key::Kind;
use lastgood::sim::{Vendor, vendor};

use crate::lie::Lie;
use crate::recording::{Scenario, scenarios};
use crate::replay::{replay, replay_with};

/// What sort of fact is falsified, and the lie.
#[rustfmt::skip]
const LIES: &[(&str, Lie)] = &[
    ("id", Lie { kind: "group", at: "/id", says: Some("'/type'") }),
    ("call", Lie { kind: "group", at: "/create/0/call", says: Some("'POST /api/v1/group'") }),
    ("call", Lie { kind: "network_zone", at: "/delete/0/call", says: Some("'POST /api/v1/zones/{zoneId}'") }),
    ("path", Lie { kind: "policy", at: "/get", says: Some("'/api/v1/policy/{policyId}'") }),
    ("parent", Lie { kind: "policy_rule", at: "/parent", says: Some("['group']") }),
    ("server-assigned", Lie { kind: "group", at: "/assigned", says: Some("['/id']") }),
    ("server-assigned", Lie { kind: "user", at: "/assigned", says: Some("['/id', '/_links']") }),
];

/// The scenarios that the true catalogue passes and that ask for a kind.
fn about<'s>(kind: &str, scenarios: &'s [Scenario]) -> Vec<&'s Scenario> {
    let vendor = vendor("okta").unwrap();
    let number = vendor.kind(&Kind::new(kind)).unwrap();
    let asks = |scenario: &&Scenario| {
        scenario.exchanges.iter().any(|exchange| {
            let found = vendor.routes.find(&exchange.method, &exchange.path);
            found.is_some_and(|found| found.route.kind == number)
        })
    };
    scenarios.iter().filter(asks).filter(|scenario| replay(scenario).is_empty()).collect()
}

#[test]
fn the_recorded_traffic_tells_every_lie() {
    let Some(scenarios) = scenarios() else { return };
    let mut believed = Vec::new();
    for (sort, lie) in LIES {
        let asked = about(lie.kind, &scenarios);
        if asked.is_empty() {
            believed.push(format!("no scenario that passes asks for `{}`", lie.kind));
            continue;
        }
        let told = lie.told("okta").and_then(Vendor::okta);
        let fails = |vendor: Vendor| {
            let vendor: &'static Vendor = Box::leak(Box::new(vendor));
            asked.iter().any(|scenario| !replay_with(vendor, scenario).is_empty())
        };
        if !told.map_or(true, fails) {
            believed.push(format!("{sort}: {} {} as {:?}", lie.kind, lie.at, lie.says));
        }
    }
    assert!(believed.is_empty(), "no recorded answer contradicts {believed:#?}");
}
