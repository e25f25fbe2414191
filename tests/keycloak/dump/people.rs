//! Groups and users, each asked for everything it has.

use super::{ALL, Reader, field};

pub(super) async fn read(reader: &mut Reader<'_>) {
    groups(reader).await;
    reader.put_list("default_group", &[], "/default-groups", "path").await;
    for listed in reader.realm.list(&format!("/users?briefRepresentation=false&{ALL}")).await {
        user(reader, field(&listed, "username"), field(&listed, "id")).await;
    }
}

async fn groups(reader: &mut Reader<'_>) {
    let mut waiting = reader.realm.list(&format!("/groups?{ALL}")).await;
    while let Some(listed) = waiting.pop() {
        let (group, id) = (field(&listed, "path"), field(&listed, "id"));
        let path = format!("/groups/{id}");
        let body = reader.realm.get(&path).await;
        reader.put("group", &[group], body);
        reader.put_mappings("group_role_mapping", &[group], &format!("{path}/role-mappings")).await;
        let members = format!("{path}/members?briefRepresentation=true&{ALL}");
        reader.put_list("group_member", &[group], &members, "username").await;
        waiting.extend(reader.realm.list(&format!("{path}/children?{ALL}")).await);
    }
}

async fn user(reader: &mut Reader<'_>, user: &str, id: &str) {
    let path = format!("/users/{id}");
    let body = reader.realm.get(&path).await;
    reader.put("user", &[user], body);
    reader.put_list("user_group", &[user], &format!("{path}/groups?{ALL}"), "path").await;
    reader.put_mappings("user_role_mapping", &[user], &format!("{path}/role-mappings")).await;
    reader.put_list("user_credential", &[user], &format!("{path}/credentials"), "type").await;
    let linked = format!("{path}/federated-identity");
    reader.put_list("user_federated_identity", &[user], &linked, "identityProvider").await;
    reader.put_list("user_consent", &[user], &format!("{path}/consents"), "clientId").await;
    if reader.realm_has("verifiableCredentialsEnabled") {
        let held = format!("{path}/vc/credentials");
        reader.put_list("user_verifiable_credential", &[user], &held, "credentialScopeName").await;
    }
}
