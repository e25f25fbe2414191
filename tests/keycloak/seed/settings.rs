//! The realm's own settings: fields, events, languages, user profile, keys, registration policies.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Seed, Shown};

/// Settings that the server takes when it makes a realm.
pub(super) fn at_creation() -> Value {
    json!({
        "displayName": "Seeded realm",
        "displayNameHtml": "<b>Seeded</b> realm",
        "accessTokenLifespan": 420,
        "ssoSessionIdleTimeout": 2700,
        "rememberMe": true,
        "resetPasswordAllowed": true,
        "editUsernameAllowed": true,
        "loginWithEmailAllowed": true,
        "passwordPolicy": "length(8) and notUsername(undefined)",
        "internationalizationEnabled": true,
        "supportedLocales": ["de", "en", "fr"],
        "defaultLocale": "en",
        "bruteForceProtected": true,
        "failureFactor": 7,
        "otpPolicyDigits": 8,
        "otpPolicyAlgorithm": "HmacSHA256",
        "webAuthnPolicyRpEntityName": "seeded",
        "webAuthnPolicySignatureAlgorithms": ["RS256", "ES256"],
        "browserSecurityHeaders": {"xFrameOptions": "DENY", "referrerPolicy": "same-origin"},
        "attributes": {"frontendUrl": "", "seededBy": "tests"},
        "organizationsEnabled": true,
        "adminPermissionsEnabled": true,
        "verifiableCredentialsEnabled": true,
        "userManagedAccessAllowed": true,
    })
}

/// Everything of this topic that has an endpoint of its own.
pub(super) async fn plant(seed: &mut Seed) {
    let password = seed.canary("smtp-password", Shown::Masked);
    let smtp = json!({
        "host": "mail.seeded.test", "port": "2525", "from": "noreply@seeded.test", "fromDisplayName": "Seeded",
        "auth": "true", "user": "mailer", "password": password, "starttls": "false", "ssl": "false",
    });
    // These are ignored when a realm is made.
    let ciba = json!({"cibaExpiresIn": "240", "cibaInterval": "10", "seededBy": "tests"});
    seed.realm.put("", &json!({"smtpServer": smtp, "attributes": ciba})).await;
    events(seed).await;
    languages(seed).await;
    user_profile(seed).await;
    keys(seed).await;
    registration_policies(seed).await;
    let types = json!([{
        "name": "portal-type", "provider": "default",
        "config": {"standardFlowEnabled": {"applicable": true, "value": true}},
    }]);
    seed.realm.put("/client-types", &json!({"client-types": types})).await;
}

async fn events(seed: &Seed) {
    let config = json!({
        "eventsEnabled": true, "eventsExpiration": 86400, "eventsListeners": ["jboss-logging"],
        "enabledEventTypes": ["LOGIN", "LOGIN_ERROR", "LOGOUT", "UPDATE_PASSWORD", "REGISTER"],
        "adminEventsEnabled": true, "adminEventsDetailsEnabled": true,
    });
    seed.realm.put("/events/config", &config).await;
}

async fn languages(seed: &Seed) {
    for (locale, greeting) in [("de", "Grüß Gott"), ("fr", "Bonjour, ça va ?")] {
        let texts = json!({"loginTitle": greeting, "seeded.footer": format!("{locale}: {{0}}")});
        seed.realm.post(&format!("/localization/{locale}"), &texts).await;
    }
}

async fn user_profile(seed: &Seed) {
    let mut profile = seed.realm.get("/users/profile").await;
    profile["unmanagedAttributePolicy"] = json!("ADMIN_EDIT");
    let groups = profile["groups"].as_array_mut().expect("a profile has groups");
    groups.push(json!({"name": "work", "displayHeader": "Work", "annotations": {"seeded": "yes"}}));
    let attributes = profile["attributes"].as_array_mut().expect("a profile has attributes");
    attributes.push(json!({
        "name": "costCenter", "displayName": "Cost center", "group": "work", "multivalued": false,
        "validations": {"pattern": {"pattern": "^[A-Z]{2}[0-9]+$", "error-message": "no cost center"}},
        "permissions": {"view": ["admin", "user"], "edit": ["admin"]},
        "annotations": {"inputType": "text"},
    }));
    seed.realm.put("/users/profile", &profile).await;
}

/// Two providers whose keys the server makes, and one whose private key is given.
async fn keys(seed: &mut Seed) {
    let realm_id = crate::server::text(&seed.realm.get("").await, "id");
    seed.note("realm", &realm_id);
    let provider = |name: &str, id: &str, config: Value| {
        json!({
            "name": name, "providerId": id, "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm_id, "config": config,
        })
    };
    let rsa = json!({"priority": ["90"], "algorithm": ["RS512"], "keySize": ["2048"]});
    seed.make("component:seeded-rsa", "/components", &provider("seeded-rsa", "rsa-generated", rsa)).await;
    let hmac = json!({"priority": ["80"], "algorithm": ["HS256"], "secretSize": ["32"]});
    seed.make("component:seeded-hmac", "/components", &provider("seeded-hmac", "hmac-generated", hmac)).await;

    // The server is also the only key generator that every machine with a server has.
    let donor = json!({"clientId": "donor", "publicClient": false, "clientAuthenticatorType": "client-jwt"});
    let donor = seed.realm.post("/clients", &donor).await;
    let generate = format!("/clients/{donor}/certificates/jwt.credential/generate");
    let pair = seed.realm.must(Method::POST, &generate, &Value::Null).await;
    seed.realm.delete(&format!("/clients/{donor}")).await;
    let private = crate::server::text(&pair, "privateKey");
    seed.keep("realm-key", Shown::Masked, &private);
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{private}\n-----END RSA PRIVATE KEY-----");
    let own = json!({"priority": ["70"], "algorithm": ["RS256"], "active": ["false"], "privateKey": [pem]});
    seed.make("component:seeded-own", "/components", &provider("seeded-own", "rsa", own)).await;
}

async fn registration_policies(seed: &mut Seed) {
    let policy = json!({
        "name": "Seeded limit", "providerId": "max-clients", "subType": "authenticated",
        "providerType": "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy",
        "parentId": seed.id("realm"), "config": {"max-clients": ["150"]},
    });
    seed.make("component:Seeded limit", "/components", &policy).await;
}
