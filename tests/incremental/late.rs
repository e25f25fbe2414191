//! Who did it, where the vendor's log says so only after the snapshot that found the change; and what was
//! done to flows, of which there is no body.

use lastgood::base::key::ResourceKey;
use lastgood::catalog;
use lastgood::history::History;
use lastgood::history::log::Filter;
use lastgood::json::Value;

use crate::equal::runtime;
use crate::tenant::{NAME, Tenant};

fn history(tenant: &Tenant) -> History<'_> {
    History { repository: &tenant.repository, catalog: catalog::provider("okta").unwrap(), tenant: NAME }
}

/// Confidence and name of who made each change of a resource, newest first.
fn who(tenant: &Tenant, path: &str) -> Vec<Option<(String, String)>> {
    let key = ResourceKey::from_path(path).unwrap();
    let changes = history(tenant).log_of(&key, &Filter::default()).unwrap();
    let named = changes.into_iter().filter(|change| !change.fields.is_empty());
    named.map(|change| change.actor.map(|actor| (actor.confidence.unwrap(), actor.name.unwrap()))).collect()
}

fn first(tenant: &Tenant, path: &str) -> String {
    let (_, rows) = tenant.ask("GET", path, "");
    rows.as_array().unwrap()[0].get("id").and_then(Value::as_str).unwrap().to_owned()
}

fn admin(sure: &str) -> Option<(String, String)> {
    Some((sure.to_owned(), "admin@example.com".to_owned()))
}

#[test]
fn an_event_that_comes_late_names_who_made_the_change_of_before() {
    runtime().block_on(async {
        let tenant = Tenant::start(20, 3).await;
        tenant.wait(600);
        tenant.snapshot().await;
        let user = first(&tenant, "/api/v1/users?limit=1");
        let path = format!("user/{user}");
        let rename = |name: &str| format!(r#"{{"profile":{{"department":"{name}"}}}}"#);
        // The next events can be read in half an hour.
        tenant.world().log.habits.delay_seconds = 1800;
        tenant.wait(60);
        assert_eq!(tenant.ask("POST", &format!("/api/v1/users/{user}"), &rename("Late")).0, 200);
        tenant.wait(60);
        let found = tenant.snapshot().await;
        assert_eq!(found.snapshot.changed, 1, "the vendor's filter by time finds it");
        assert_eq!(who(&tenant, &path)[0], None, "nobody can say who");
        tenant.wait(1800);
        let heard = tenant.snapshot().await;
        assert_eq!((heard.snapshot.changed, heard.full), (0, None));
        assert_eq!(who(&tenant, &path)[0], admin("exact"));
        let told = || tenant.repository.past(NAME).unwrap().late_events().unwrap().len();
        let once = told();
        tenant.world().log.habits.delay_seconds = 0;
        tenant.wait(60);
        tenant.snapshot().await;
        assert_eq!(told(), once, "it is told once");
        // What nobody heard of stays unexplained, whatever comes after it.
        tenant.world().log.habits.delay_seconds = 0;
        tenant.world().log.habits.lose_every = 1;
        tenant.wait(3600);
        tenant.ask("POST", &format!("/api/v1/users/{user}"), &rename("Lost"));
        tenant.wait(60);
        tenant.snapshot().await;
        tenant.world().log.habits.lose_every = 0;
        tenant.wait(3600);
        tenant.ask("POST", &format!("/api/v1/users/{user}"), &rename("Heard"));
        tenant.wait(60);
        tenant.snapshot().await;
        assert_eq!(who(&tenant, &path)[..3], [admin("exact"), None, admin("exact")]);
    });
}

#[test]
fn a_removal_is_explained_late_too_and_a_change_that_has_its_event_is_left_alone() {
    runtime().block_on(async {
        let tenant = Tenant::start(20, 4).await;
        tenant.wait(600);
        let (_, group) = tenant.ask("POST", "/api/v1/groups", r#"{"profile":{"name":"Passing"}}"#);
        let group = group.get("id").and_then(Value::as_str).unwrap().to_owned();
        let user = first(&tenant, "/api/v1/users?limit=1");
        tenant.wait(60);
        tenant.snapshot().await;
        tenant.wait(60);
        tenant.ask("POST", &format!("/api/v1/users/{user}"), r#"{"profile":{"department":"Soon"}}"#);
        tenant.world().log.habits.delay_seconds = 1800;
        assert_eq!(tenant.ask("DELETE", &format!("/api/v1/groups/{group}"), "").0, 204);
        tenant.wait(60);
        // Everything is read: nothing tells of the group but that it is not there.
        tenant.sweep().await;
        assert_eq!(who(&tenant, &format!("user/{user}"))[0], admin("exact"));
        assert_eq!(who(&tenant, &format!("group/{group}"))[0], None);
        tenant.wait(1800);
        tenant.snapshot().await;
        assert_eq!(who(&tenant, &format!("group/{group}"))[0], admin("exact"));
        let late = tenant.repository.past(NAME).unwrap().late_events().unwrap();
        assert!(late.iter().all(|event| event.path.contains(&group)), "the user's had its event");
    });
}

#[test]
fn the_log_tells_that_and_by_whom_a_flow_was_changed() {
    runtime().block_on(async {
        let tenant = Tenant::start(5, 5).await;
        tenant.world().workflows.url = "http://127.0.0.1:1".into();
        tenant.wait(600);
        tenant.snapshot().await;
        let flow = |name: &str| format!(r#"{{"name":"{name}","data":{{"group":"f1"}}}}"#);
        for body in ["Joiners", "Joiners 2"] {
            tenant.wait(60);
            assert_eq!(tenant.ask("PUT", "/api/flo/console/01FLOW", &flow(body)).0, 200);
        }
        tenant.wait(60);
        let snapshot = tenant.snapshot().await.snapshot;
        assert_eq!((snapshot.added, snapshot.changed), (0, 0), "there is no body");
        let told = history(&tenant).heard_of(&Filter::default(), &|_, _| true).unwrap();
        let shown: Vec<String> = told
            .iter()
            .map(|change| {
                let actor = change.actor.as_ref().unwrap();
                format!("{} {} by {}", change.key, change.told.clone().unwrap(), actor.name.clone().unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "workflow_flow/01FLOW workflows.user.flow.save by admin@example.com",
                "workflow_flow/01FLOW workflows.user.flow.create by admin@example.com"
            ]
        );
        assert_eq!(told[0].name.as_deref(), Some("Joiners 2"));
        let by = |actor: &str| Filter { actor: Some(actor.into()), ..Filter::default() };
        let count = |filter| history(&tenant).heard_of(&filter, &|_, _| true).unwrap().len();
        assert_eq!((count(by("admin@example.com")), count(by("nobody"))), (2, 0));
    });
}
