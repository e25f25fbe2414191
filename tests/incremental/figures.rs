//! How much an hour asks for, of a tenant of a size that is given.
//!
//! `LASTGOOD_USERS=10000` gives the figure of `docs/PERF.md`; otherwise it is a small one.

use lastgood::json::Value;

use crate::equal::runtime;
use crate::tenant::Tenant;

/// One in a thousand changes in an hour: people are renamed, join and leave groups, and some are new.
fn an_hour_of_changes(tenant: &Tenant, users: usize) -> usize {
    let (_, found) = tenant.ask("GET", "/api/v1/users?limit=200", "");
    let (_, groups) = tenant.ask("GET", "/api/v1/groups?limit=200", "");
    let ids = |list: &Value| -> Vec<String> {
        let rows = list.as_array().unwrap();
        rows.iter().map(|row| row.get("id").and_then(Value::as_str).unwrap().to_owned()).collect()
    };
    let (users_there, groups_there) = (ids(&found), ids(&groups));
    let mut made = 0;
    for number in 0..(users / 1000).max(2) {
        let user = &users_there[number * 7 % users_there.len()];
        let group = &groups_there[number * 5 % groups_there.len()];
        let body = format!(r#"{{"profile":{{"department":"Moved {number}"}}}}"#);
        made += usize::from(tenant.ask("POST", &format!("/api/v1/users/{user}"), &body).0 < 300);
        made += usize::from(tenant.ask("PUT", &format!("/api/v1/groups/{group}/users/{user}"), "").0 < 300);
        tenant.wait(30);
    }
    made
}

#[test]
fn an_hour_asks_for_little() {
    let users = std::env::var("LASTGOOD_USERS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    runtime().block_on(async {
        let tenant = Tenant::start(users, 1).await;
        tenant.wait(3600);
        let full = tenant.snapshot().await;
        let mut hours = Vec::new();
        // Twelve hours in which nobody looks lie between.
        for pause in [0, 0, 12 * 3600, 0] {
            tenant.wait(1800 + pause);
            let made = an_hour_of_changes(&tenant, users);
            let before = hours.len();
            tenant.wait(1800);
            let hour = tenant.snapshot().await;
            assert_eq!(hour.full, None);
            assert!(hour.snapshot.changed + hour.snapshot.added >= made as u64 / 2, "in hour {before}");
            hours.push(hour.snapshot.requests);
        }
        let all = full.snapshot.requests;
        println!("{users} users: a full sweep asks {all} times, an hour {hours:?}");
        // The third makes up for them.
        let usual = [hours[0], hours[1], hours[3]];
        assert!(usual.iter().all(|hour| hour * 2 < all), "{hours:?} of {all}");
    });
}
