//! What a new thing of the directory is given that no form can say.

use crate::json::Value;
use crate::sim::entra::{links, set, text};
use crate::sim::handle::{Ask, Work};
use crate::sim::wire::Refusal;
use crate::sim::world::World;

/// A group is made with the links that its body brings.
pub(super) fn group(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let (kind, id) = (ask.route.kind, work.id.clone());
    let mut body = work.body.take();
    // Links hang on what is there.
    world.put(kind, &[], &id, body.clone());
    let bound = links::brought(world, (kind, &id), &mut body);
    work.body = body;
    if bound.is_err() {
        world.remove(kind, &[], &id);
    }
    bound
}

/// Secrets are given by calls of their own and never with the body.
pub(super) fn application(_: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let given =
        |name: &str| work.body.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    match given("passwordCredentials") {
        true => {
            Err(Refusal::new(400, "Request_BadRequest", "A password cannot be set with the application."))
        }
        false => Ok(()),
    }
}

/// A service principal is that of an application, here or elsewhere, and of each there is one.
pub(super) fn principal(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let app_id = text(&work.body, "appId").to_owned();
    let others = world.rows(ask.route.kind, &[], None);
    if others.into_iter().any(|(_, id, body)| id != work.id && text(&body, "appId") == app_id) {
        return Err(Refusal::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The application has one already.",
        ));
    }
    let own = world.kind("application").and_then(|kind| {
        let mut rows = world.rows(kind, &[], None);
        rows.find(|(_, _, body)| text(body, "appId") == app_id).map(|(_, _, body)| body.into_owned())
    });
    let Some(own) = own else {
        return Err(Refusal::new(400, "Request_BadRequest", "No application has this appId."));
    };
    for name in ["displayName", "appRoles", "signInAudience"] {
        if let (Some(value), None) = (own.get(name), work.body.get(name)) {
            set(&mut work.body, name, value.clone());
        }
    }
    set(&mut work.body, "appDisplayName", text(&own, "displayName"));
    set(&mut work.body, "appOwnerOrganizationId", world.org.id.as_str());
    set(&mut work.body, "servicePrincipalNames", vec![app_id.as_str()]);
    Ok(())
}

/// A role or scope that is switched on cannot be taken away: it is switched off first.
pub(super) fn scopes_held(_: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    for at in ["/appRoles", "/api/oauth2PermissionScopes"] {
        let list = |body: &Value| {
            let found = super::at(body, at).and_then(Value::as_array);
            found.map(<[Value]>::to_vec).unwrap_or_default()
        };
        let left = list(&work.body);
        let lost = list(&work.old).into_iter().find(|old| {
            let on = old.get("isEnabled").and_then(Value::as_bool) == Some(true);
            on && !left.iter().any(|new| new.get("id") == old.get("id"))
        });
        if lost.is_some() {
            return Err(Refusal::new(
                400,
                "CannotDeleteOrUpdateEnabledEntitlement",
                "It is enabled: disable it first.",
            ));
        }
    }
    Ok(())
}
