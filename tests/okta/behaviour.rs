//! What a client meets beside single answers: pages, rate windows, tokens, the log, faults.

use lastgood::json::{Limits, Value, parse};
use lastgood::sim::faults::Faults;
use lastgood::sim::log::Habits;
use lastgood::sim::rate::Windows;
use lastgood::sim::{Body, Request, Response, World, handle, populate, vendor};

fn world() -> World {
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    World::new(vendor("okta").unwrap(), "https://acme.okta.example", 7, now)
}

fn ask(world: &mut World, method: &str, path: &str, body: &str) -> Response {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = (!body.is_empty()).then(|| parse(body.as_bytes(), &Limits::default()).unwrap());
    handle(world, &Request::new(method, path, query, body))
}

fn json(answer: &Response) -> &Value {
    match &answer.body {
        Body::Json(value) => value,
        other => panic!("no JSON: {other:?}"),
    }
}

fn rows(answer: &Response) -> Vec<Value> {
    json(answer).as_array().unwrap().to_vec()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The path and query of what follows.
fn next(answer: &Response) -> Option<String> {
    let links = answer.headers.iter().filter(|(name, _)| name == "link");
    let link = links.map(|(_, value)| value).find(|value| value.contains("rel=\"next\""))?;
    let url = link.trim_start_matches('<').split('>').next()?;
    Some(url.trim_start_matches("https://acme.okta.example").to_owned())
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
}

fn advance(world: &mut World, seconds: i64) {
    world.now += jiff::SignedDuration::from_secs(seconds);
}

fn make_group(world: &mut World, name: &str) -> String {
    let answer = ask(world, "POST", "/api/v1/groups", &format!(r#"{{"profile":{{"name":"{name}"}}}}"#));
    text(json(&answer), "id").to_owned()
}

#[test]
fn pages_follow_each_other_and_lose_nothing() {
    let mut world = world();
    let made: Vec<String> = (0..25).map(|place| make_group(&mut world, &format!("g{place}"))).collect();
    let mut path = "/api/v1/groups?limit=10".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let answer = ask(&mut world, "GET", &path, "");
        seen.extend(rows(&answer).iter().map(|row| text(row, "id").to_owned()));
        pages += 1;
        match next(&answer) {
            Some(url) => path = url,
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen.len(), made.len() + 1, "Everyone is there too");
    assert!(made.iter().all(|id| seen.contains(id)));
    let wrong = ask(&mut world, "GET", "/api/v1/groups?after=17", "");
    assert_eq!((wrong.status, text(json(&wrong), "errorCode")), (400, "E0000031"));
}

#[test]
fn a_policy_list_needs_a_type_and_a_filter_is_read() {
    let mut world = world();
    assert_eq!(ask(&mut world, "GET", "/api/v1/policies", "").status, 400);
    let policies = ask(&mut world, "GET", "/api/v1/policies?type=PASSWORD", "");
    assert_eq!(rows(&policies).len(), 1);
    make_group(&mut world, "early");
    advance(&mut world, 60);
    make_group(&mut world, "late");
    let filter = "/api/v1/groups?filter=lastUpdated%20gt%20%222026-06-15T12:00:30.000Z%22";
    let found = rows(&ask(&mut world, "GET", filter, ""));
    assert_eq!(
        found.iter().map(|row| text(row.get("profile").unwrap(), "name")).collect::<Vec<_>>(),
        ["late"]
    );
    assert_eq!(ask(&mut world, "GET", "/api/v1/groups?filter=lastUpdated%20gt", "").status, 400);
}

#[test]
fn a_bucket_runs_empty_and_fills_after_a_minute() {
    let mut world = world();
    world.windows = Windows::of(world.provider(), 1);
    world.windows.limit("/api/v1/groups", 3);
    for left in ["2", "1", "0"] {
        let answer = ask(&mut world, "GET", "/api/v1/groups", "");
        assert_eq!((answer.status, header(&answer, "x-rate-limit-remaining")), (200, left));
        advance(&mut world, 1);
    }
    let refused = ask(&mut world, "GET", "/api/v1/groups", "");
    assert_eq!((refused.status, text(json(&refused), "errorCode")), (429, "E0000047"));
    let reset: i64 = header(&refused, "x-rate-limit-reset").parse().unwrap();
    assert_eq!(reset - world.now.as_second(), 57);
    assert_eq!(ask(&mut world, "GET", "/api/v1/zones", "").status, 200, "another bucket");
    advance(&mut world, 57);
    assert_eq!(ask(&mut world, "GET", "/api/v1/groups", "").status, 200);
}

#[test]
fn a_wrong_token_is_told_from_a_missing_feature() {
    let mut world = world();
    world.token = Some("00abc".into());
    world.lacking = vec!["/api/v1/realms".into()];
    let mut request = Request::new("GET", "/api/v1/groups", "", None);
    assert_eq!(text(json(&handle(&mut world, &request)), "errorCode"), "E0000011");
    request.headers.insert("authorization".into(), "SSWS 00abc".into());
    assert_eq!(handle(&mut world, &request).status, 200);
    request.path = "/api/v1/realms".into();
    let answer = handle(&mut world, &request);
    assert_eq!((answer.status, text(json(&answer), "errorCode")), (401, "E0000015"));
}

fn event_types(world: &mut World, path: &str) -> Vec<String> {
    rows(&ask(world, "GET", path, "")).iter().map(|row| text(row, "eventType").to_owned()).collect()
}

#[test]
fn the_log_tells_what_the_vendor_tells() {
    let mut world = world();
    let group = make_group(&mut world, "watched");
    ask(&mut world, "PUT", &format!("/api/v1/groups/{group}"), r#"{"profile":{"name":"renamed"}}"#);
    // The vendor documents no event for these.
    ask(&mut world, "PUT", "/api/v1/rate-limit-settings/warning-threshold", r#"{"warningThreshold":30}"#);
    ask(&mut world, "POST", "/api/v1/realms", r#"{"profile":{"name":"quiet"}}"#);
    ask(&mut world, "DELETE", &format!("/api/v1/groups/{group}"), "");
    let told = event_types(&mut world, "/api/v1/logs?sortOrder=ASCENDING");
    assert_eq!(told, ["group.lifecycle.create", "group.profile.update", "group.lifecycle.delete"]);
    let log = rows(&ask(&mut world, "GET", "/api/v1/logs", ""));
    let target = log[0].get("target").and_then(Value::as_array).unwrap()[0].clone();
    assert_eq!((text(&target, "id"), text(&target, "type")), (group.as_str(), "UserGroup"));
}

#[test]
fn a_cursor_of_the_log_goes_on_where_it_stopped() {
    let mut world = world();
    let first = ask(&mut world, "GET", "/api/v1/logs?sortOrder=ASCENDING&since=2026-06-15T11:00:00Z", "");
    assert!(rows(&first).is_empty());
    make_group(&mut world, "one");
    let second = ask(&mut world, "GET", &next(&first).unwrap(), "");
    assert_eq!(rows(&second).len(), 1);
    let third = ask(&mut world, "GET", &next(&second).unwrap(), "");
    assert!(rows(&third).is_empty());
    make_group(&mut world, "two");
    assert_eq!(rows(&ask(&mut world, "GET", &next(&third).unwrap(), "")).len(), 1);
}

#[test]
fn events_come_late_out_of_order_and_not_at_all_on_request() {
    let mut world = world();
    world.log.habits = Habits { delay_seconds: 30, jitter_seconds: 60, lose_every: 4, ..Habits::default() };
    for place in 0..40 {
        make_group(&mut world, &format!("g{place}"));
        advance(&mut world, 1);
    }
    assert!(event_types(&mut world, "/api/v1/logs?limit=1000").len() < 30, "some are not there yet");
    advance(&mut world, 600);
    let told = rows(&ask(&mut world, "GET", "/api/v1/logs?limit=1000", ""));
    assert_eq!(told.len(), 30, "every fourth is lost");
    let times: Vec<&str> = told.iter().map(|row| text(row, "published")).collect();
    assert!(!times.is_sorted(), "they overtake each other");
}

#[test]
fn faults_strike_as_the_script_says() {
    let mut world = world();
    let script = r#"
        fault = [
            { path = "/api/v1/groups", after = 1, times = 1, what = "error" },
            { path = "/api/v1/zones", times = 1, what = "drop" },
            { path = "/api/v1/apps", what = "too_many" },
            { method = "GET", path = "/api/v1/policies", what = "short_list" },
            { method = "POST", path = "/api/v1/realms", what = "late_error" },
        ]
        [log]
        delay_seconds = 5
    "#;
    world.faults = Faults::parse(script).unwrap();
    let mut status = |path: &str| ask(&mut world, "GET", path, "").status;
    assert_eq!(
        [status("/api/v1/groups"), status("/api/v1/groups"), status("/api/v1/groups")],
        [200, 500, 200]
    );
    assert_eq!([status("/api/v1/apps"), status("/api/v1/apps")], [429, 429]);
    let dropped = ask(&mut world, "GET", "/api/v1/zones", "");
    assert_eq!(dropped.body, Body::Dropped);
    assert!(rows(&ask(&mut world, "GET", "/api/v1/policies?type=PASSWORD", "")).is_empty());
    assert_eq!(ask(&mut world, "POST", "/api/v1/realms", r#"{"profile":{"name":"r"}}"#).status, 500);
    assert_eq!(rows(&ask(&mut world, "GET", "/api/v1/realms", "")).len(), 2, "it was made all the same");
    assert!(Faults::parse("[[fault]]\nwhat = 'explode'").is_err());
}

#[test]
fn a_user_goes_through_its_states() {
    let mut world = world();
    let user = r#"{"profile":{"login":"ann@example.com","email":"ann@example.com","firstName":"Ann","lastName":"B"}}"#;
    let made = ask(&mut world, "POST", "/api/v1/users?activate=false", user);
    assert_eq!(text(json(&made), "status"), "STAGED");
    let again = ask(&mut world, "POST", "/api/v1/users", user);
    assert_eq!((again.status, text(json(&again), "errorCode")), (400, "E0000001"));
    let mut step = |method: &str, verb: &str| {
        ask(&mut world, method, &format!("/api/v1/users/ann@example.com{verb}"), "").status
    };
    assert_eq!(step("POST", "/lifecycle/unsuspend"), 400);
    assert_eq!(step("POST", "/lifecycle/activate"), 200);
    assert_eq!(step("POST", "/lifecycle/suspend"), 200);
    assert_eq!(step("POST", "/lifecycle/unsuspend"), 200);
    assert_eq!(
        [step("DELETE", ""), step("GET", ""), step("DELETE", ""), step("GET", "")],
        [204, 200, 204, 404]
    );
}

#[test]
fn the_same_seed_makes_the_same_tenant() {
    let state = |seed: u64| {
        let mut world = world();
        populate(&mut world, 60, seed);
        let users = rows(&ask(&mut world, "GET", "/api/v1/users?limit=200", ""));
        let apps = rows(&ask(&mut world, "GET", "/api/v1/apps?limit=200", ""));
        assert!(event_types(&mut world, "/api/v1/logs").is_empty(), "nobody watched");
        (users.iter().map(Value::to_line).collect::<Vec<_>>(), apps.len())
    };
    let (users, apps) = state(3);
    assert_eq!((users.len(), apps), (60, 4));
    assert_eq!(state(3).0, users);
    assert_ne!(state(4).0, users);
}
