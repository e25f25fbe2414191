//! The whole realm goes back to the snapshot before the damage.

use serde_json::Value;

use super::{REFUSED, damage, settled};
use crate::dump::Dump;
use crate::lastgood::{Home, Ran};
use crate::log::Mark;
use crate::seed::Seed;
use crate::server::{Realm, on_server};

#[test]
fn everything_comes_back_but_what_the_plan_says() {
    on_server(async |server| {
        let seed = Seed::plant(server, "incident").await;
        let home = Home::new(&seed.realm).await;
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        let first = home.snapshot();
        let at = first["snapshot"].as_str().unwrap();
        damage::strike(&seed).await;

        let plan = plan_without_a_write(&home, &seed.realm, at).await;
        settled(&seed.realm).bind(|| insta::assert_snapshot!("plan", plan.out));
    });
}

/// A plan of the whole realm, during which the server is asked for nothing but what it holds.
async fn plan_without_a_write(home: &Home, realm: &Realm, at: &str) -> Ran {
    let before = Dump::read(realm).await;
    let events = events(realm).await;
    let mark = Mark::now();
    let plan = home.run(&["plan", "kc", "--at", at, "--out", "plan.json"]).ok();
    if let Some(mark) = mark {
        let requests = mark.requests(realm).await;
        let writes = requests.iter().filter(|request| {
            let token = request.target.ends_with("/protocol/openid-connect/token");
            request.method != "GET" && !token
        });
        assert_eq!(writes.collect::<Vec<_>>(), Vec::<&crate::log::Request>::new());
        assert!(requests.len() > 50, "the log was looked at: {}", requests.len());
    }
    assert_eq!(events, self::events(realm).await, "the server noted a change");
    assert_eq!(before.diff(&Dump::read(realm).await), Vec::<String>::new());
    plan
}

async fn events(realm: &Realm) -> Vec<Value> {
    realm.list("/admin-events?max=10000").await
}
