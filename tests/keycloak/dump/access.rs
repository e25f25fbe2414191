//! Realm roles and client scopes.

use super::{Reader, field, name};

pub(super) async fn read(reader: &mut Reader<'_>) {
    for listed in reader.realm.list("/roles").await {
        role(reader, "realm_role", &[], field(&listed, "id")).await;
    }
    for listed in reader.realm.list("/client-scopes").await {
        let path = format!("/client-scopes/{}", field(&listed, "id"));
        let body = reader.realm.get(&path).await;
        let scope = name(&listed);
        reader.put("client_scope", &[scope], body);
        let models = format!("{path}/protocol-mappers/models");
        reader.put_list("client_scope_protocol_mapper", &[scope], &models, "name").await;
        let mappings = format!("{path}/scope-mappings");
        reader.put_mappings("client_scope_scope_mapping", &[scope], &mappings).await;
    }
    reader.put_list("realm_default_scope", &[], "/default-default-client-scopes", "name").await;
    reader.put_list("realm_optional_scope", &[], "/default-optional-client-scopes", "name").await;
}

/// A role by id, with its composites.
pub(super) async fn role(reader: &mut Reader<'_>, kind: &str, parents: &[&str], id: &str) {
    let path = format!("/roles-by-id/{id}");
    let body = reader.realm.get(&path).await;
    let own = name(&body).to_owned();
    let names: Vec<&str> = parents.iter().copied().chain([own.as_str()]).collect();
    for part in reader.realm.list(&format!("{path}/composites")).await {
        let container = if part["clientRole"] == true { field(&part, "containerId") } else { "realm" };
        let names: Vec<&str> = names.iter().copied().chain([container, name(&part)]).collect();
        reader.put("realm_role_composite", &names, part.clone());
    }
    reader.put(kind, &names, body);
}
