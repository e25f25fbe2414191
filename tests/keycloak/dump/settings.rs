//! The realm itself and what it has once: settings, texts, keys, components, organizations, workflows.

use serde_json::json;

use super::{ALL, Reader, field, name};
use crate::admin::segment;

pub(super) async fn read(reader: &mut Reader<'_>) {
    for (kind, path) in [
        ("realm", ""),
        ("events_config", "/events/config"),
        ("user_profile", "/users/profile"),
        ("client_profiles", "/client-policies/profiles?include-global-profiles=false"),
        ("client_policies", "/client-policies/policies"),
        ("client_type", "/client-types"),
    ] {
        let body = reader.realm.get(path).await;
        reader.put(kind, &["-"], body);
    }
    texts(reader).await;
    components(reader).await;
    providers(reader).await;
    if reader.realm_has("organizationsEnabled") {
        organizations(reader).await;
    }
    reader.put_list("workflow", &[], "/workflows?first=0&max=1000", "name").await;
    reader.put_list("client_initial_access", &[], "/clients-initial-access", "id").await;
}

async fn texts(reader: &mut Reader<'_>) {
    for locale in reader.realm.list("/localization").await {
        let locale = locale.as_str().expect("a locale is a string").to_owned();
        let texts = reader.realm.get(&format!("/localization/{}", segment(&locale))).await;
        reader.put("localization", &[&locale], json!({"locale": locale, "texts": texts}));
    }
}

async fn components(reader: &mut Reader<'_>) {
    for listed in reader.realm.list("/components").await {
        let body = reader.realm.get(&format!("/components/{}", segment(field(&listed, "id")))).await;
        let kind = field(&body, "providerType").rsplit('.').next().expect("a split has a part").to_owned();
        let label = body["name"].as_str().unwrap_or("-").to_owned();
        let sub = body["subType"].as_str().unwrap_or("-").to_owned();
        reader.put("component", &[&kind, &sub, &label], body);
    }
    for key in reader.realm.get("/keys").await["keys"].as_array().expect("keys is a list") {
        reader.put("realm_key", &[field(key, "providerId"), field(key, "kid")], key.clone());
    }
}

async fn providers(reader: &mut Reader<'_>) {
    let path = format!("/identity-provider/instances?briefRepresentation=false&{ALL}");
    for listed in reader.realm.list(&path).await {
        let alias = field(&listed, "alias");
        let path = format!("/identity-provider/instances/{}", segment(alias));
        let body = reader.realm.get(&path).await;
        reader.put("identity_provider", &[alias], body);
        reader.put_list("identity_provider_mapper", &[alias], &format!("{path}/mappers"), "name").await;
    }
}

async fn organizations(reader: &mut Reader<'_>) {
    for listed in reader.realm.list(&format!("/organizations?{ALL}")).await {
        let (alias, id) = (field(&listed, "alias"), field(&listed, "id"));
        let path = format!("/organizations/{id}");
        let body = reader.realm.get(&path).await;
        reader.put("organization", &[alias], body);
        let members = format!("{path}/members?{ALL}");
        reader.put_list("organization_member", &[alias], &members, "username").await;
        let linked = format!("{path}/identity-providers");
        reader.put_list("organization_identity_provider", &[alias], &linked, "alias").await;
        let invitations = format!("{path}/invitations?{ALL}");
        reader.put_list("organization_invitation", &[alias], &invitations, "email").await;
        organization_groups(reader, alias, &path).await;
    }
}

async fn organization_groups(reader: &mut Reader<'_>, alias: &str, organization: &str) {
    let mut waiting = reader.realm.list(&format!("{organization}/groups?{ALL}")).await;
    while let Some(listed) = waiting.pop() {
        let path = format!("{organization}/groups/{}", field(&listed, "id"));
        let mut body = reader.realm.get(&path).await;
        let users = reader.realm.list(&format!("{path}/members?{ALL}")).await;
        let mut members: Vec<_> = users.iter().map(|user| user["username"].clone()).collect();
        members.sort_by_key(ToString::to_string);
        body["members"] = members.into();
        let group = field(&body, "path").to_owned();
        if group.matches('/').count() == 1 {
            // A hidden group of the organization, which is there again when the organization is.
            body.as_object_mut().expect("a group is an object").remove("parentId");
        }
        waiting.extend(reader.realm.list(&format!("{path}/children?{ALL}")).await);
        assert!(!name(&body).is_empty(), "{body}");
        for user in &users {
            reader.put("organization_group_member", &[alias, &group, field(user, "username")], user.clone());
        }
        let mappings = format!("{path}/role-mappings");
        reader.put_mappings("organization_group_role_mapping", &[alias, &group], &mappings).await;
        reader.put("organization_group", &[alias, &group], body);
    }
}
