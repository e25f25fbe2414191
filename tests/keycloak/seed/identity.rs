//! Where users can come from: identity providers with mappers, and an LDAP directory that is off.

use serde_json::{Value, json};

use super::{Seed, Shown};

/// Three identity providers with a mapper each, and LDAP.
pub(super) async fn plant(seed: &mut Seed) {
    let secret = seed.canary("idp-oidc-secret", Shown::Masked);
    let oidc = json!({
        "alias": "corp-oidc", "displayName": "Corporate", "providerId": "oidc", "enabled": true, "trustEmail": true,
        "storeToken": false, "firstBrokerLoginFlowAlias": "first broker login", "config": {
            "clientId": "lastgood", "clientSecret": secret, "clientAuthMethod": "client_secret_post",
            "authorizationUrl": "https://idp.corp.test/authorize", "tokenUrl": "https://idp.corp.test/token",
            "issuer": "https://idp.corp.test", "defaultScope": "openid email", "syncMode": "IMPORT",
        },
    });
    let attribute = json!({
        "name": "department", "identityProviderMapper": "oidc-user-attribute-idp-mapper",
        "config": {"claim": "dept", "user.attribute": "department", "syncMode": "FORCE"},
    });
    provider(seed, "corp-oidc", &oidc, attribute).await;

    let saml = json!({
        "alias": "corp-saml", "providerId": "saml", "enabled": false, "config": {
            "singleSignOnServiceUrl": "https://saml.corp.test/sso", "idpEntityId": "https://saml.corp.test",
            "entityId": "https://seeded.test", "nameIDPolicyFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            "postBindingResponse": "true", "syncMode": "LEGACY",
        },
    });
    let role = json!({
        "name": "operators", "identityProviderMapper": "saml-role-idp-mapper",
        "config": {"attribute.name": "role", "attribute.value": "ops", "role": "operator", "syncMode": "INHERIT"},
    });
    provider(seed, "corp-saml", &saml, role).await;

    let secret = seed.canary("idp-github-secret", Shown::Masked);
    let github = json!({
        "alias": "github", "providerId": "github", "enabled": true,
        "config": {"clientId": "seeded-github", "clientSecret": secret, "syncMode": "IMPORT", "guiOrder": "3"},
    });
    let group = json!({
        "name": "username", "identityProviderMapper": "hardcoded-attribute-idp-mapper",
        "config": {"attribute": "via", "attribute.value": "github", "syncMode": "INHERIT"},
    });
    provider(seed, "github", &github, group).await;
    ldap(seed).await;
}

async fn provider(seed: &mut Seed, alias: &str, body: &Value, mut mapper: Value) {
    seed.realm.post("/identity-provider/instances", body).await;
    mapper["identityProviderAlias"] = json!(alias);
    let path = format!("/identity-provider/instances/{alias}/mappers");
    seed.make(&format!("idp-mapper:{alias}"), &path, &mapper).await;
}

/// Disabled and without a schedule, and the address is a port that nothing listens on.
async fn ldap(seed: &mut Seed) {
    let password = seed.canary("ldap-bind-credential", Shown::Masked);
    let component = json!({
        "name": "corp-ldap", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider",
        "parentId": seed.id("realm"), "config": {
            "enabled": ["false"], "vendor": ["other"], "connectionUrl": ["ldap://127.0.0.1:9"],
            "bindDn": ["cn=admin,dc=corp,dc=test"], "bindCredential": [password], "authType": ["simple"],
            "usersDn": ["ou=people,dc=corp,dc=test"], "usernameLDAPAttribute": ["uid"],
            "rdnLDAPAttribute": ["uid"], "uuidLDAPAttribute": ["entryUUID"],
            "userObjectClasses": ["inetOrgPerson, organizationalPerson"], "editMode": ["READ_ONLY"],
            "fullSyncPeriod": ["-1"], "changedSyncPeriod": ["-1"], "importEnabled": ["true"],
            "pagination": ["true"], "priority": ["5"],
        },
    });
    let ldap = seed.make("component:corp-ldap", "/components", &component).await;
    let mapper = json!({
        "name": "phone", "providerId": "user-attribute-ldap-mapper",
        "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper", "parentId": ldap,
        "config": {
            "ldap.attribute": ["telephoneNumber"], "user.model.attribute": ["phone"], "read.only": ["true"],
            "is.mandatory.in.ldap": ["false"], "always.read.value.from.ldap": ["false"],
        },
    });
    seed.make("component:phone", "/components", &mapper).await;
}
