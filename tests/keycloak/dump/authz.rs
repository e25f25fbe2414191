//! Authorization trees: of clients, and the one that holds the admin permissions.

use serde_json::{Value, json};

use super::{ALL, Reader, field, name};

pub(super) async fn read(reader: &mut Reader<'_>, clients: &[Value]) {
    for client in clients.iter().filter(|client| client["authorizationServicesEnabled"] == true) {
        let server = format!("/clients/{}/authz/resource-server", field(client, "id"));
        tree(reader, field(client, "clientId"), &server).await;
    }
}

async fn tree(reader: &mut Reader<'_>, client: &str, server: &str) {
    let body = reader.realm.get(server).await;
    reader.put("authz_server", &[client], body);
    reader.put_list("authz_scope", &[client], &format!("{server}/scope?{ALL}"), "name").await;
    for resource in reader.realm.list(&format!("{server}/resource?{ALL}")).await {
        let body = reader.realm.get(&format!("{server}/resource/{}", field(&resource, "_id"))).await;
        reader.put("authz_resource", &[client, name(&resource)], body);
    }
    for policy in reader.realm.list(&format!("{server}/policy?permission=false&{ALL}")).await {
        let (kind, id) = (field(&policy, "type"), field(&policy, "id"));
        let mut body = reader.realm.get(&format!("{server}/policy/{kind}/{id}")).await;
        body["$listed"] = sorted(&policy["config"]);
        body["$policies"] = named(reader, &format!("{server}/policy/{id}/associatedPolicies")).await;
        reader.put("authz_policy", &[client, name(&policy)], body);
    }
    let kind = if client == "admin-permissions" { "admin_permission" } else { "authz_permission" };
    for permission in reader.realm.list(&format!("{server}/permission?{ALL}")).await {
        let (form, id) = (field(&permission, "type"), field(&permission, "id"));
        let mut body = reader.realm.get(&format!("{server}/permission/{form}/{id}")).await;
        body["$resources"] = named(reader, &format!("{server}/permission/{id}/resources")).await;
        body["$scopes"] = named(reader, &format!("{server}/permission/{id}/scopes")).await;
        body["$policies"] = named(reader, &format!("{server}/policy/{id}/associatedPolicies")).await;
        reader.put(kind, &[client, name(&permission)], body);
    }
}

/// The names at `path`, sorted.
async fn named(reader: &Reader<'_>, path: &str) -> Value {
    let mut names: Vec<String> =
        reader.realm.list(path).await.iter().map(|item| name(item).to_owned()).collect();
    names.sort();
    json!(names)
}

/// A configuration as the list gives it: texts, some of which are sets in JSON.
fn sorted(config: &Value) -> Value {
    let mut config = config.clone();
    for text in config.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        let parsed: Option<Vec<Value>> = text.as_str().and_then(|text| serde_json::from_str(text).ok());
        if let Some(mut items) = parsed {
            items.sort_by_key(Value::to_string);
            *text = json!(items);
        }
    }
    config
}
