//! Okta: the forms by area, and what in it is a calculation.
//!
//! Read a `.toml` beside this file for the facts of an area; a `.rs` holds only what no form can
//! say: a state machine, a numbering, an instance that brings others with it.

mod apps;
mod governance;
mod linked;
pub(super) mod log;
mod policies;
mod roles;
mod schemas;
mod servers;
mod sessions;
mod users;
pub(super) mod ways;

pub(super) use policies::first_rules;

use crate::json::{Object, Pointer, Value};
use crate::sim::fill::{fresh_id, random_signs, time_text};
use crate::sim::handle::Ask;
use crate::sim::vendor::{BodyHook, CallHook};
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// The forms.
pub(super) const FORMS: &[(&str, &str)] = &[
    ("directory.toml", include_str!("directory.toml")),
    ("apps.toml", include_str!("apps.toml")),
    ("policies.toml", include_str!("policies.toml")),
    ("security.toml", include_str!("security.toml")),
    ("servers.toml", include_str!("servers.toml")),
    ("org.toml", include_str!("org.toml")),
    ("settings.toml", include_str!("settings.toml")),
    ("brands.toml", include_str!("brands.toml")),
    ("governance.toml", include_str!("governance.toml")),
    ("events.toml", include_str!("events.toml")),
];

/// One of each kind, in this order.
pub(super) const SAMPLE: &[(&str, &str)] = &[
    ("sample/people.toml", include_str!("sample/people.toml")),
    ("sample/apps.toml", include_str!("sample/apps.toml")),
    ("sample/security.toml", include_str!("sample/security.toml")),
    ("sample/governance.toml", include_str!("sample/governance.toml")),
    ("sample/settings.toml", include_str!("sample/settings.toml")),
    ("sample/whole.toml", include_str!("sample/whole.toml")),
];

/// Calculations on a body.
pub(super) const BODY_HOOKS: &[(&str, BodyHook)] = &[
    ("user_born", users::born),
    ("user_changed", users::changed),
    ("user_switched", users::switched),
    ("user_deleted", users::deleted),
    ("user_links", users::links),
    ("user_row", users::row),
    ("group_touched", users::group_touched),
    ("group_gone", users::group_gone),
    ("role_label", roles::label),
    ("role_permissions", roles::permissions),
    ("role_gone", roles::gone),
    ("resource_set_resources", roles::resources),
    ("binding_members", roles::members),
    ("app_born", apps::born),
    ("app_changed", apps::changed),
    ("app_links", apps::links),
    ("mapping_gone", apps::mapping_gone),
    ("app_gone", apps::gone),
    ("entitlement_values", governance::values),
    ("label_held", governance::label_held),
    ("opting", governance::opting),
    ("app_secret", apps::secret),
    ("secret_born", apps::secret_born),
    ("key_made", apps::key_made),
    ("app_schema_born", schemas::app_born),
    ("user_schema_born", schemas::user_born),
    ("user_type_gone", schemas::user_type_gone),
    ("user_schema_links", schemas::user_links),
    ("assignment_priority", apps::assignment_priority),
    ("idp_born", apps::idp_born),
    ("schema_changed", schemas::changed),
    ("policy_born", policies::born),
    ("rule_born", policies::rule_born),
    ("rule_changed", policies::rule_changed),
    ("authenticator_held", policies::authenticator_held),
    ("server_born", servers::born),
    ("apps_expanded", apps::expanded),
    ("zone_sorted", policies::zone_sorted),
];

/// Calculations of a whole answer.
pub(super) const CALL_HOOKS: &[(&str, CallHook)] = &[
    ("user_patched", users::patched),
    ("user_me", users::me),
    ("user_groups", users::groups),
    ("user_recovery_question", users::recovery_question),
    ("user_password", users::password),
    ("role_permission_added", roles::permission_added),
    ("resource_set_added", roles::resources_added),
    ("binding_members_added", roles::members_added),
    ("session_made", sessions::made),
    ("session_shown", sessions::shown),
    ("session_closed", sessions::closed),
    ("import_session_made", sessions::import_made),
    ("import_session_shown", sessions::import_shown),
    ("import_session_closed", sessions::import_closed),
    ("app_user_changed", apps::user_changed),
    ("app_policy", apps::policy),
    ("app_features", apps::features),
    ("linked_named", linked::named),
    ("linked_shown", linked::shown),
    ("linked_taken", linked::taken),
    ("kept", sessions::kept),
    ("import_put", sessions::import_put),
    ("import_started", sessions::import_started),
    ("policy_cloned", policies::cloned),
    ("role_app_target", roles::app_target),
    ("role_assignees", roles::assignees),
    ("saml_metadata", apps::saml_metadata),
    ("email_customizations_gone", policies::customizations_gone),
    ("sign_in_default", policies::sign_in_default),
    ("org_patched", policies::org_patched),
    ("labels_assigned", governance::labels_assigned),
    ("labels_taken", governance::labels_taken),
    ("owners_set", governance::owners_set),
    ("owners_listed", governance::owners_listed),
    ("principal_settings", governance::principal_settings),
    ("collection_filled", governance::collection_filled),
    ("logs", log::read),
];

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Object::from_pairs(members).into()
}

fn at<'v>(body: &'v Value, pointer: &str) -> Option<&'v Value> {
    Pointer::parse(pointer).ok()?.get(body)
}

fn text<'v>(body: &'v Value, pointer: &str) -> &'v str {
    at(body, pointer).and_then(Value::as_str).unwrap_or_default()
}

fn set(body: &mut Value, pointer: &str, value: impl Into<Value>) {
    if let Ok(pointer) = Pointer::parse(pointer) {
        let _ = pointer.set(body, value);
    }
}

fn link(url: String) -> Value {
    object([("href", url.into())])
}

impl World {
    fn time(&self) -> Value {
        time_text(self.now).into()
    }

    fn fresh(&self, prefix: &str) -> String {
        fresh_id(&self.entropy, prefix)
    }

    fn random(&self, count: usize) -> String {
        random_signs(&self.entropy, count)
    }

    fn trait_is(&self, name: &str, value: &str) -> bool {
        self.org.traits.get(name).is_some_and(|found| found == value)
    }

    /// The kind's place; every name in this folder is in the catalogue, which a test proves.
    fn number(&self, kind: &str) -> usize {
        self.kind(kind).unwrap_or(usize::MAX)
    }
}

/// The stored id of the instance that the path of a call outside the catalogue names.
fn own(ask: &Ask) -> String {
    ask.own.clone().unwrap_or_default()
}

/// An answer that shows an instance.
fn show(world: &mut World, ask: &Ask, status: u16) -> Result<Response, Refusal> {
    let id = own(ask);
    let body = world.copy(ask.route.kind, &ask.parents, &id).unwrap_or_default();
    let shown = world.shown(ask, &id, &[crate::sim::form::Stage::Show], body)?;
    Ok(Response::json(status, shown))
}

#[cfg(test)]
mod tests {
    use crate::sim::vendor;

    /// Every kind that a calculation names.
    fn named(text: &str) -> impl Iterator<Item = &str> {
        text.split("number(\"").skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn every_kind_that_is_named_is_in_the_catalogue() {
        let sources = [
            include_str!("apps.rs"),
            include_str!("governance.rs"),
            include_str!("linked.rs"),
            include_str!("policies.rs"),
            include_str!("roles.rs"),
            include_str!("schemas.rs"),
            include_str!("servers.rs"),
            include_str!("sessions.rs"),
            include_str!("users.rs"),
        ];
        let kinds: Vec<&str> =
            vendor("okta").unwrap().provider.kinds.iter().map(|spec| spec.kind.as_str()).collect();
        let names: Vec<&str> = sources.into_iter().flat_map(named).collect();
        assert!(names.len() > 20, "{}", names.len());
        for name in names {
            assert!(kinds.contains(&name), "{name}");
        }
    }
}
