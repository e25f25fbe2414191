//! Clients and everything below one but its authorization tree.

use serde_json::Value;

use super::{Reader, access, field};

/// Reads every client and returns the list.
pub(super) async fn read(reader: &mut Reader<'_>) -> Vec<Value> {
    let clients = reader.realm.list("/clients").await;
    for listed in &clients {
        client(reader, field(listed, "clientId"), field(listed, "id")).await;
    }
    clients
}

async fn client(reader: &mut Reader<'_>, client: &str, id: &str) {
    let path = format!("/clients/{id}");
    let body = reader.realm.get(&path).await;
    if body["publicClient"] == false && body["bearerOnly"] == false {
        let secret = reader.realm.get(&format!("{path}/client-secret")).await;
        reader.put("client_secret", &[client], secret);
    }
    let models = format!("{path}/protocol-mappers/models");
    // Null and not an empty list where there are none.
    if body["protocolMappers"].is_array() {
        reader.put_list("client_protocol_mapper", &[client], &models, "name").await;
    }
    for (kind, scopes) in [
        ("client_default_scope", "default-client-scopes"),
        ("client_optional_scope", "optional-client-scopes"),
    ] {
        reader.put_list(kind, &[client], &format!("{path}/{scopes}"), "name").await;
    }
    reader.put_mappings("client_scope_mapping", &[client], &format!("{path}/scope-mappings")).await;
    for role in reader.realm.list(&format!("{path}/roles")).await {
        access::role(reader, "client_role", &[client], field(&role, "id")).await;
    }
    // Asking `admin-permissions` for its service account would make one.
    if body["serviceAccountsEnabled"] == true && client != "admin-permissions" {
        let user = reader.realm.get(&format!("{path}/service-account-user")).await;
        let mappings = format!("/users/{}/role-mappings", field(&user, "id"));
        reader.put_mappings("service_account_role", &[client], &mappings).await;
    }
    reader.put("client", &[client], body);
}
