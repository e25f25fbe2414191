//! Authorization servers: the claims and scopes that a new one begins with.

use crate::json::Value;
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{object, set};
use crate::sim::wire::Refusal;
use crate::sim::world::World;

/// Claims of OpenID Connect: name, the scope that asks for it, whether every token holds it.
const CLAIMS: [(&str, &str, bool); 18] = [
    ("middle_name", "profile", false),
    ("zoneinfo", "profile", false),
    ("website", "profile", false),
    ("updated_at", "profile", false),
    ("profile", "profile", false),
    ("preferred_username", "profile", true),
    ("picture", "profile", false),
    ("phone_number", "phone", false),
    ("nickname", "profile", false),
    ("name", "profile", true),
    ("locale", "profile", false),
    ("given_name", "profile", false),
    ("gender", "profile", false),
    ("family_name", "profile", false),
    ("email_verified", "email", false),
    ("email", "email", true),
    ("birthdate", "profile", false),
    ("address", "address", false),
];

/// Scopes that the vendor defines.
const SCOPES: [&str; 7] = ["openid", "profile", "email", "address", "phone", "offline_access", "device_sso"];

/// System claims and scopes.
pub(super) fn born(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let parents = [work.id.clone()];
    let (claims, scopes) = (world.number("auth_server_claim"), world.number("auth_server_scope"));
    let claim = |id: &str, name: &str, kind: &str, scopes: Vec<&str>, always: bool| {
        object([
            ("id", id.into()),
            ("name", name.into()),
            ("status", "ACTIVE".into()),
            ("claimType", kind.into()),
            ("valueType", if kind == "IDENTITY" { "SYSTEM" } else { "EXPRESSION" }.into()),
            ("conditions", object([("scopes", scopes.into())])),
            ("system", true.into()),
            ("alwaysIncludeInToken", always.into()),
            ("apiResourceId", Value::Null),
        ])
    };
    for (name, scope, always) in CLAIMS {
        let id = world.fresh("ocl");
        world.put(claims, &parents, &id, claim(&id, name, "IDENTITY", vec![scope], always));
        if name == "name" {
            let id = world.fresh("ocl");
            let mut subject = claim(&id, "sub", "RESOURCE", Vec::new(), true);
            set(&mut subject, "/value", "(appuser != null) ? appuser.userName : app.clientId");
            world.put(claims, &parents, &id, subject);
        }
    }
    for name in SCOPES {
        let id = world.fresh("scp");
        let scope = object([
            ("id", id.as_str().into()),
            ("name", name.into()),
            ("system", true.into()),
            ("default", false.into()),
            ("optional", false.into()),
            ("consent", "IMPLICIT".into()),
            ("metadataPublish", "ALL_CLIENTS".into()),
            ("apiResourceId", Value::Null),
        ]);
        world.put(scopes, &parents, &id, scope);
    }
    Ok(())
}
