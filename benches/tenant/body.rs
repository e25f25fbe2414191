//! The body of a made-up resource: members in the order of their names, the sizes of the corpus.
//!
//! A change touches one member, the next change another, as an admin's does, and the time of the last
//! one. What it is follows from how often the resource changed, so nothing needs to be kept.

use serde_json::{Value, json};

use super::{Dice, id_of};

/// What one body is made of.
struct Made {
    number: u32,
    version: u32,
    id: String,
    tick: Option<u64>,
}

impl Made {
    /// What an admin last wrote into the n-th of four members: a number that a change of it moves.
    fn of(&self, member: u32) -> u32 {
        let times = (self.version + 3 - member) / 4;
        Dice(u64::from(self.number) << 34 | u64::from(member) << 32 | u64::from(times)).below(90_000) as u32
            + 10_000
    }

    fn drawn<'a>(&self, member: u32, among: &[&'a str]) -> &'a str {
        among[self.of(member) as usize % among.len()]
    }

    /// When it was made, and when it was changed last.
    fn created(&self) -> String {
        time(u64::from(self.number) * 37 % 31_000_000)
    }

    fn updated(&self) -> String {
        time(31_000_000 + u64::from(self.version) * 86_400 + u64::from(self.number) % 86_000)
    }

    /// The address of another resource below the organisation.
    fn link(&self, path: &str) -> String {
        let read = self.tick.map_or_else(String::new, |tick| format!("?read={tick}"));
        format!("https://acme.okta.example/api/v1/{path}{read}")
    }
}

/// Seconds after the start of 2024, as a vendor writes them; every month has 28 days, which is enough
/// for a field that nobody reads.
fn time(seconds: u64) -> String {
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = (2024 + day / 336, day % 336 / 28 + 1, day % 28 + 1);
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z", rest / 3600, rest / 60 % 60, rest % 60)
}

pub(super) fn write(kind: &str, number: u32, version: u32, id: &str, tick: Option<u64>) -> Vec<u8> {
    let made = Made { number, version, id: id.to_owned(), tick };
    let value = match kind {
        "user" => user(&made),
        "user_grant" => grant(&made),
        "app_user_assignment" => app_user(&made),
        "app_group_assignment" => app_group(&made),
        "group" => group(&made),
        "app" => app(&made),
        "policy" => policy(&made),
        "policy_rule" => rule(&made),
        "user_schema" => schema(&made),
        "group_rule" => group_rule(&made),
        "network_zone" => zone(&made),
        "auth_server" => server(&made),
        _ => idp(&made),
    };
    value.to_string().into_bytes()
}

const FIRST: [&str; 16] = [
    "Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Femi", "Greta", "Hiro", "Ines", "Jonas", "Kavita", "Luc",
    "Mona", "Nils", "Olu", "Petra",
];
const LAST: [&str; 16] = [
    "Abel",
    "Brandt",
    "Costa",
    "Duarte",
    "Eriksen",
    "Fontana",
    "Gruber",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Patel",
];
const DEPARTMENTS: [&str; 8] =
    ["Accounting", "Engineering", "Field Service", "Legal", "Logistics", "People", "Research", "Sales"];
const TITLES: [&str; 6] = ["Analyst", "Architect", "Coordinator", "Engineer", "Manager", "Specialist"];

fn user(made: &Made) -> Value {
    let (first, last) = (FIRST[made.number as usize % 16], LAST[made.number as usize / 16 % 16]);
    let login = format!("{}.{}.{}@acme.example", first.to_lowercase(), last.to_lowercase(), made.number);
    let created = made.created();
    let this = made.link(&format!("users/{}", made.id));
    let call = |name: &str| json!({"href": format!("{this}/lifecycle/{name}"), "method": "POST"});
    json!({
        "_links": {
            "deactivate": call("deactivate"), "resetPassword": call("reset_password"),
            "self": {"href": this}, "suspend": call("suspend"),
        },
        "activated": created, "created": created, "id": made.id,
        "credentials": {
            "emails": [{"status": "VERIFIED", "type": "PRIMARY", "value": login}],
            "provider": {"name": "OKTA", "type": "OKTA"},
        },
        "lastLogin": made.tick.map_or_else(|| made.updated(), |tick| time(32_000_000 + tick * 3600)),
        "lastUpdated": made.updated(), "passwordChanged": created, "statusChanged": created,
        "profile": {
            "city": "Graz", "costCenter": made.of(0).to_string(), "countryCode": "AT",
            "department": made.drawn(1, &DEPARTMENTS), "displayName": format!("{first} {last}"),
            "email": login, "employeeNumber": (100_000 + made.number).to_string(),
            "firstName": first, "lastName": last, "locale": "de_AT", "login": login,
            "managerId": id_of("user", made.number / 8), "mobilePhone": format!("+43 664 {}", made.of(2)),
            "organization": "Acme Holding", "timezone": "Europe/Vienna", "title": made.drawn(3, &TITLES),
            "userType": "employee", "zipCode": "8010",
        },
        "status": "ACTIVE", "type": {"id": "oty00000000000000001"},
    })
}

fn grant(made: &Made) -> Value {
    let user = id_of("user", made.number / 2);
    json!({
        "_links": {"self": {"href": made.link(&format!("users/{user}/grants/{}", made.id))}},
        "clientId": id_of("app", made.of(0) % 1_000), "created": made.created(),
        "createdBy": {"id": user, "type": "User"}, "id": made.id, "lastUpdated": made.updated(),
        "scopeId": format!("service.{}", made.of(1)), "source": made.drawn(2, &["ADMIN", "END_USER"]),
        "status": "ACTIVE", "userId": user,
    })
}

fn app_user(made: &Made) -> Value {
    let user = id_of("user", made.number / 2);
    let mail = format!("person.{}@acme.example", made.number / 2);
    json!({
        "_links": {
            "app": {"href": made.link(&format!("apps/{}", id_of("app", made.number % 1_000)))},
            "user": {"href": made.link(&format!("users/{user}"))},
        },
        "created": made.created(), "credentials": {"userName": mail}, "externalId": made.of(0).to_string(),
        "id": made.id, "lastUpdated": made.updated(), "passwordChanged": null,
        "profile": {
            "costCenter": made.of(1).to_string(), "displayName": format!("Person {}", made.number / 2),
            "email": mail, "role": made.drawn(2, &["Admin", "Editor", "Reader"]), "user": user,
        },
        "scope": "USER", "status": "PROVISIONED", "statusChanged": made.created(),
        "syncState": "SYNCHRONIZED",
    })
}

fn app_group(made: &Made) -> Value {
    let app = made.link(&format!("apps/{}", id_of("app", made.number % 1_000)));
    json!({
        "_links": {"app": {"href": app}, "self": {"href": format!("{app}/groups/{}", made.id)}},
        "id": made.id, "lastUpdated": made.updated(), "priority": made.number / 1_000,
        "profile": {
            "licence": made.of(0).to_string(), "role": made.drawn(1, &["Admin", "Editor", "Reader"]),
        },
    })
}

fn group(made: &Made) -> Value {
    let this = made.link(&format!("groups/{}", made.id));
    let logo = |size: &str| {
        let href = format!("https://static.okta.example/assets/img/logos/groups/odyssey/okta-{size}.png");
        json!({"href": href, "name": size, "type": "image/png"})
    };
    json!({
        "_links": {
            "apps": {"href": format!("{this}/apps")}, "logo": [logo("medium"), logo("large")],
            "owners": {"href": format!("{this}/owners")}, "users": {"href": format!("{this}/users")},
        },
        "created": made.created(), "id": made.id, "lastMembershipUpdated": made.updated(),
        "lastUpdated": made.updated(), "objectClass": ["okta:user_group"],
        "profile": {
            "costCenter": made.of(0).to_string(),
            "description": format!(
                "All of {} whose work needs it; asked for by ticket {} and looked at once a quarter.",
                made.drawn(1, &DEPARTMENTS),
                made.of(2)
            ),
            "name": format!("{} {}", DEPARTMENTS[made.number as usize % 8], made.number),
        },
        "type": "OKTA_GROUP",
    })
}

fn app(made: &Made) -> Value {
    let this = made.link(&format!("apps/{}", made.id));
    let of_it = |what: &str| json!({"href": format!("{this}/{what}")});
    let site = format!("https://sp-{}.acme.example", made.number);
    let claim = |name: &&str| {
        json!({
            "name": format!("https://schemas.acme.example/claims/{name}"), "type": "EXPRESSION",
            "namespace": "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified",
            "values": [format!("user.profile.claim{}", made.of(1))],
        })
    };
    let claims: Vec<Value> =
        ["email", "name", "title", "department", "phone", "manager"].iter().map(claim).collect();
    json!({
        "_links": {
            "groups": of_it("groups"), "metadata": of_it("sso/saml/metadata"), "self": {"href": this},
            "users": of_it("users"),
        },
        "accessibility": {"errorRedirectUrl": null, "loginRedirectUrl": null, "selfService": false},
        "created": made.created(), "features": [], "id": made.id,
        "credentials": {
            "signing": {"kid": id_of("idp", made.number)},
            "userNameTemplate": {"template": "${source.login}", "type": "BUILT_IN"},
        },
        "label": format!("Application {} of {}", made.number, made.drawn(0, &DEPARTMENTS)),
        "lastUpdated": made.updated(), "licensing": {"seatCount": made.of(2)},
        "name": format!("saml_{}", made.number), "orn": format!("orn:okta:idp:00o1:apps:saml:{}", made.id),
        "settings": {
            "app": {}, "manualProvisioning": false,
            "notes": {"admin": format!("Owner {}", made.of(3)), "enduser": null},
            "signOn": {
                "allowMultipleAcsEndpoints": false, "assertionSigned": true, "attributeStatements": claims,
                "audience": site, "defaultRelayState": "", "destination": format!("{site}/acs"),
                "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
                "digestAlgorithm": "SHA256", "honorForceAuthn": true,
                "idpIssuer": "http://www.okta.example/${org.externalKey}",
                "recipient": format!("{site}/acs"), "responseSigned": true,
                "signatureAlgorithm": "RSA_SHA256", "ssoAcsUrl": format!("{site}/acs"),
                "subjectNameIdFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            },
        },
        "signOnMode": "SAML_2_0", "status": "ACTIVE",
        "visibility": {
            "appLinks": {"login": true}, "autoLaunch": false, "hide": {"iOS": false, "web": false},
        },
    })
}

/// Ids of groups, each some way after the one before.
fn groups(from: u32, number: u32) -> Vec<String> {
    (0..number).map(|n| id_of("group", (from + n * 7) % 2_500)).collect()
}

fn policy(made: &Made) -> Value {
    let this = made.link(&format!("policies/{}", made.id));
    let enrol = |key: &str, how: &str| json!({"enroll": {"self": how}, "key": key});
    json!({
        "_links": {
            "deactivate": {"href": format!("{this}/lifecycle/deactivate")},
            "rules": {"href": format!("{this}/rules")}, "self": {"href": this},
        },
        "conditions": {"people": {"groups": {"include": groups(made.of(0), 12)}}},
        "created": made.created(), "id": made.id, "lastUpdated": made.updated(),
        "description": format!("Who signs in to what, as agreed in {}.", made.of(1)),
        "name": format!("Policy {}", made.number), "priority": made.number + 1,
        "settings": {
            "authenticators": [
                enrol("okta_password", made.drawn(2, &["REQUIRED", "OPTIONAL", "NOT_ALLOWED"])),
                enrol("okta_verify", "REQUIRED"), enrol("webauthn", "OPTIONAL"),
            ],
            "type": "AUTHENTICATORS",
        },
        "status": "ACTIVE", "system": false, "type": "MFA_ENROLL",
    })
}

fn rule(made: &Made) -> Value {
    let this = made.link(&format!("policies/{}/rules/{}", id_of("policy", made.number % 100), made.id));
    json!({
        "_links": {"deactivate": {"href": format!("{this}/lifecycle/deactivate")}, "self": {"href": this}},
        "actions": {"appSignOn": {
            "access": made.drawn(0, &["ALLOW", "DENY"]),
            "verificationMethod": {
                "constraints": [{
                    "knowledge": {"required": true, "types": ["password"]},
                    "possession": {"deviceBound": "REQUIRED", "required": true},
                }],
                "factorMode": "2FA", "reauthenticateIn": format!("PT{}M", made.of(1) % 600),
                "type": "ASSURANCE",
            },
        }},
        "conditions": {
            "network": {"connection": "ZONE", "include": [id_of("network_zone", made.of(2) % 25)]},
            "people": {
                "groups": {"include": groups(made.of(3), 12)},
                "users": {"exclude": [id_of("user", made.number)]},
            },
            "platform": {"include": [{"os": {"type": "ANY"}, "type": "DESKTOP"}]},
            "riskScore": {"level": "ANY"},
        },
        "created": made.created(), "id": made.id, "lastUpdated": made.updated(),
        "name": format!("Rule {}", made.number), "priority": made.number % 4, "status": "ACTIVE",
        "system": false, "type": "ACCESS_POLICY",
    })
}

fn schema(made: &Made) -> Value {
    let property = |n: u32| {
        let rules = json!({
            "description": format!("Column {} of the directory", made.of(n % 4) + n), "maxLength": 64 + n,
            "minLength": 1, "mutability": "READ_WRITE", "scope": "NONE", "title": format!("Custom {n}"),
            "permissions": [{"action": "READ_ONLY", "principal": "SELF"}], "type": "string",
            "unique": "NOT_UNIQUE",
        });
        (format!("custom{n:02}"), rules)
    };
    let properties: serde_json::Map<String, Value> = (0..14).map(property).collect();
    let this = made.link(&format!("meta/schemas/user/{}", made.id));
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "_links": {"self": {"href": this, "method": "GET", "rel": "self"}},
        "created": made.created(), "id": made.id, "lastUpdated": made.updated(), "name": "user",
        "definitions": {
            "custom": {"id": "#custom", "properties": properties, "required": [], "type": "object"},
        },
        "properties": {"profile": {"allOf": [{"$ref": "#/definitions/custom"}]}},
        "title": format!("Person {}", made.number), "type": "object",
    })
}

fn group_rule(made: &Made) -> Value {
    let when = format!(
        "user.department == \"{}\" and user.costCenter == \"{}\"",
        made.drawn(0, &DEPARTMENTS),
        made.of(1)
    );
    json!({
        "actions": {"assignUserToGroups": {"groupIds": groups(made.of(2), 3)}},
        "conditions": {
            "expression": {"type": "urn:okta:expression:1.0", "value": when},
            "people": {"users": {"exclude": [id_of("user", made.number)]}},
        },
        "created": made.created(), "id": made.id, "lastUpdated": made.updated(),
        "name": format!("Rule {}", made.number), "status": "ACTIVE", "type": "group_rule",
    })
}

fn zone(made: &Made) -> Value {
    let range = |n: u32| {
        let part = |member: u32| made.of(member % 4) % 256;
        json!({"type": "CIDR", "value": format!("{}.{}.{}.0/24", 11 + n, part(n), part(n + 1))})
    };
    json!({
        "_links": {"self": {"href": made.link(&format!("zones/{}", made.id))}},
        "created": made.created(), "gateways": (0..60).map(range).collect::<Vec<_>>(), "id": made.id,
        "lastUpdated": made.updated(), "name": format!("Zone {}", made.number), "proxies": null,
        "status": "ACTIVE", "system": false, "type": "IP", "usage": "POLICY",
    })
}

fn server(made: &Made) -> Value {
    let this = made.link(&format!("authorizationServers/{}", made.id));
    let of_it = |what: &str| json!({"href": format!("{this}/{what}")});
    json!({
        "_links": {
            "claims": of_it("claims"), "keys": of_it("credentials/keys"), "policies": of_it("policies"),
            "rotateKey": of_it("credentials/lifecycle/keyRotate"), "scopes": of_it("scopes"),
            "self": {"href": this},
        },
        "audiences": [format!("api://service-{}.acme.example", made.of(0))], "created": made.created(),
        "credentials": {
            "signing": {"kid": id_of("idp", made.number), "rotationMode": "AUTO", "use": "sig"},
        },
        "description": format!("Tokens for {}, as of ticket {}.", made.drawn(1, &DEPARTMENTS), made.of(2)),
        "id": made.id, "issuer": format!("https://acme.okta.example/oauth2/{}", made.id),
        "issuerMode": "ORG_URL", "lastUpdated": made.updated(), "name": format!("Server {}", made.number),
        "status": "ACTIVE",
    })
}

fn idp(made: &Made) -> Value {
    let site = |member: u32| format!("https://login-{}.partner.example", made.of(member));
    json!({
        "_links": {"self": {"href": made.link(&format!("idps/{}", made.id))}},
        "created": made.created(), "id": made.id, "issuerMode": "ORG_URL", "lastUpdated": made.updated(),
        "name": format!("Partner {}", made.number),
        "policy": {
            "accountLink": {"action": "AUTO", "filter": null}, "maxClockSkew": made.of(0),
            "provisioning": {
                "action": "AUTO",
                "conditions": {"deprovisioned": {"action": "NONE"}, "suspended": {"action": "NONE"}},
                "groups": {"action": "NONE"}, "profileMaster": false,
            },
            "subject": {"matchType": "USERNAME", "userNameTemplate": {"template": "idpuser.email"}},
        },
        "protocol": {
            "endpoints": {
                "authorization": {"binding": "HTTP-REDIRECT", "url": format!("{}/authorize", site(1))},
                "token": {"binding": "HTTP-POST", "url": format!("{}/token", site(2))},
            },
            "scopes": ["email", "openid", "profile"], "type": "OIDC",
        },
        "status": "ACTIVE", "type": "OIDC",
    })
}
