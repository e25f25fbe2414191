//! What goes along with something by the vendor's doing is gone in the same hour, and looking for it asks for nothing
//! where nothing refers to what went.

use lastgood::json::Value;

use crate::equal::runtime;
use crate::tenant::Tenant;

const KIND: &str = "app_cross_app_access_connection/";

fn texts(list: &Value, name: &str) -> Vec<String> {
    let rows = list.as_array().unwrap();
    rows.iter().map(|row| row.get(name).and_then(Value::as_str).unwrap().to_owned()).collect()
}

fn connections(tenant: &Tenant, app: &str) -> Value {
    tenant.ask("GET", &format!("/api/v1/apps/{app}/cwo/connections"), "").1
}

fn apps(tenant: &Tenant) -> Vec<String> {
    texts(&tenant.ask("GET", "/api/v1/apps?limit=200", "").1, "id")
}

fn delete(tenant: &Tenant, app: &str) -> bool {
    tenant.ask("POST", &format!("/api/v1/apps/{app}/lifecycle/deactivate"), "");
    tenant.ask("DELETE", &format!("/api/v1/apps/{app}"), "").0 == 204
}

/// The two applications of the sample's connection.
fn ends(tenant: &Tenant) -> [String; 2] {
    let found: Vec<Value> = apps(tenant).iter().map(|app| connections(tenant, app)).collect();
    let one = found.iter().find(|list| !list.as_array().unwrap().is_empty()).unwrap();
    ["requestingAppInstanceId", "resourceAppInstanceId"].map(|end| texts(one, end).remove(0))
}

fn held(tenant: &Tenant) -> usize {
    tenant.held().keys().filter(|path| path.starts_with(KIND)).count()
}

/// How often the hour asks in which an application goes that no connection has at an end.
async fn hour_without_an_end(connected: bool) -> u64 {
    let tenant = Tenant::start(4, 3).await;
    let ends = ends(&tenant);
    if !connected {
        let id = texts(&connections(&tenant, &ends[0]), "id").remove(0);
        assert_eq!(
            tenant.ask("DELETE", &format!("/api/v1/apps/{}/cwo/connections/{id}", ends[0]), "").0,
            204
        );
        tenant.world().log.forget();
    }
    tenant.snapshot().await;
    assert_eq!(held(&tenant) > 0, connected);
    tenant.wait(60);
    assert!(apps(&tenant).iter().any(|app| !ends.contains(app) && delete(&tenant, app)));
    tenant.wait(60);
    let hour = tenant.snapshot().await;
    assert_eq!(hour.full, None);
    assert!(hour.snapshot.removed > 0);
    hour.snapshot.requests
}

#[test]
fn a_connection_goes_with_either_of_its_applications() {
    for end in [0, 1] {
        runtime().block_on(async {
            let tenant = Tenant::start(4, 3).await;
            tenant.snapshot().await;
            assert_eq!(held(&tenant), 1);
            let ends = ends(&tenant);
            tenant.wait(60);
            assert!(delete(&tenant, &ends[end]));
            tenant.wait(60);
            assert_eq!(tenant.snapshot().await.full, None);
            assert_eq!(held(&tenant), 0);
            assert!(tenant.truth().await.0.keys().all(|path| !path.starts_with(KIND)));
        });
    }
}

#[test]
fn where_nothing_refers_to_what_went_nothing_is_asked_for() {
    runtime().block_on(async {
        let (with, without) = (hour_without_an_end(true).await, hour_without_an_end(false).await);
        assert_eq!(with, without);
    });
}
