//! What a forecast tells against what a sweep really asks for, put through the vendor's windows by counting: a
//! clock that jumps from window to window stands in for the hours that it would take.

use std::collections::HashMap;
use std::time::Duration;

use lastgood::base::key::Kind;
use lastgood::catalog::{self, Provider};
use lastgood::provider;

use crate::org::{Asked, Org, coverage};

/// Our share of each window, in percent.
const SHARE: u32 = 20;

/// How far the forecast may be from the truth, either way.
const FACTOR: f64 = 1.25;

/// Minutes that these requests take in this order, where an answer takes no time and a window begins with its
/// first request. Written without the forecast's code: buckets are found by the paths that were asked.
fn minutes(catalog: &Provider, requests: &[Asked]) -> u64 {
    let parts =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let mut buckets: Vec<(Vec<String>, u32)> =
        catalog.bucket.iter().map(|(name, limit)| (parts(name), *limit)).collect();
    buckets.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut open: HashMap<&[String], (u64, u32)> = HashMap::new();
    let mut now = 0;
    for asked in requests {
        let path = parts(asked.path());
        let holds = |name: &[String]| {
            name.len() <= path.len()
                && name.iter().zip(&path).all(|(of, part)| of.starts_with('{') || of == part)
        };
        let Some((name, limit)) = buckets.iter().find(|(name, _)| holds(name)) else { continue };
        if *limit == 0 {
            continue;
        }
        let share = (limit * SHARE / 100).max(1);
        let (ends, taken) = open.entry(name).or_insert((now + 1, 0));
        if *taken == share {
            now = now.max(*ends);
        }
        if *ends <= now {
            (*ends, *taken) = (now + 1, 0);
        }
        *taken += 1;
    }
    now
}

#[test]
fn what_is_forecast_is_what_the_windows_make_of_a_sweep() {
    let catalog = catalog::provider("okta").unwrap();
    for size in [["40", "9", "3"], ["300", "4", "12"], ["30", "60", "1"]] {
        let org = Org::start(&["--users", size[0], "--groups", size[1], "--apps", size[2]]);
        org.replace("per_user = true\n", "");
        let (snapshot, requests) = org.snapshot(0);
        let rows = coverage(&snapshot);
        let count = |kind: &Kind| rows.get(kind.as_str()).map_or(0, |(_, _, count)| *count);
        let asked_for = |kind: &Kind| rows.get(kind.as_str()).is_some_and(|(state, ..)| state != "excluded");
        let order = provider::order(catalog).into_iter().flatten().filter(|spec| asked_for(&spec.kind));
        let ahead: Vec<_> = order.flat_map(|spec| provider::ahead(catalog, spec, &count)).collect();
        let outlook = provider::outlook(catalog, SHARE).with_latency(Duration::ZERO);
        let told = outlook.time_of(&ahead).as_secs_f64() / 60.0;
        let truth = minutes(catalog, &requests);
        println!("{size:?}: {} requests, told {told:.0} min, true {truth} min", requests.len());
        assert!(truth > 10, "{size:?}: too little to tell anything: {truth} min");
        let ratio = told / truth as f64;
        assert!((1.0 / FACTOR..FACTOR).contains(&ratio), "{size:?}: told {told:.0} min, true {truth} min");
    }
}

#[test]
fn what_a_tenant_test_tells_counts_the_windows_that_headers_told_of() {
    let forecast = |rate: &str| {
        let org = Org::start(&["--users", "10", "--groups", "600", "--apps", "1", "--rate", rate]);
        org.replace("per_user = true\n", "");
        let told: serde_json::Value =
            serde_json::from_str(&org.run(&["tenant", "test", "--json", "acme"], 0)).unwrap();
        let number = |name: &str| told["forecast"]["full"][name].as_u64().unwrap();
        println!("{rate} times the smallest limits: {} calls, {} s", number("calls"), number("seconds"));
        (number("calls"), number("seconds"))
    };
    // 20 times 100 requests a minute for all below groups, a fifth of them ours: five windows for 3 calls a group,
    // the first of which is waited for by nobody. The test itself asks below a handful of groups.
    let (calls, seconds) = forecast("20");
    assert!((1800..2400).contains(&calls), "{calls}");
    assert!((4 * 60..6 * 60).contains(&seconds), "{seconds} s");
    let (_, seconds) = forecast("1000");
    assert!(seconds < 4 * 60, "no window is used up: {seconds} s");
}
