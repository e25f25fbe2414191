//! Microsoft Entra ID: the forms by area, and what in it is a calculation.
//!
//! What is simulated is what the forms name; the other lists of the catalogue are there and empty, and what
//! there is one of and no form tells of is not there. Read a `.toml` beside this file for the facts of an area.

mod audits;
mod bin;
mod born;
mod door;
mod links;
mod odata;
mod people;
mod policies;
mod ways;

pub use door::Registration;

pub(super) use ways::WAYS;

use crate::json::{Object, Pointer, Value};
use crate::sim::vendor::{BodyHook, CallHook};
use crate::sim::world::World;

/// The forms.
pub(super) const FORMS: &[(&str, &str)] = &[
    ("directory.toml", include_str!("directory.toml")),
    ("policies.toml", include_str!("policies.toml")),
    ("tenant.toml", include_str!("tenant.toml")),
    ("settings.toml", include_str!("settings.toml")),
    ("events.toml", include_str!("events.toml")),
];

/// One of each kind that is simulated, in this order.
pub(super) const SAMPLE: &[(&str, &str)] = &[
    ("sample/tenant.toml", include_str!("sample/tenant.toml")),
    ("sample/settings.toml", include_str!("sample/settings.toml")),
];

/// Calculations on a body.
pub(super) const BODY_HOOKS: &[(&str, BodyHook)] = &[
    ("group_born", born::group),
    ("application_born", born::application),
    ("principal_born", born::principal),
    ("scopes_held", born::scopes_held),
    ("binned", bin::binned),
    ("policy_checked", policies::checked),
    ("location_held", policies::location_held),
    ("far_end", links::far_end),
];

/// Calculations of a whole answer.
pub(super) const CALL_HOOKS: &[(&str, CallHook)] = &[
    ("linked", links::linked),
    ("manager", links::manager),
    ("manager_set", links::manager_set),
    ("bin_listed", bin::listed),
    ("restored", bin::restored),
    ("audits", audits::read),
];

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Object::from_pairs(members).into()
}

fn at<'v>(body: &'v Value, pointer: &str) -> Option<&'v Value> {
    Pointer::parse(pointer).ok()?.get(body)
}

fn text<'v>(body: &'v Value, name: &str) -> &'v str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn set(body: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name, value.into());
    }
}

/// The types of the directory that a link can lead to and the recycle bin takes: kind, and the vendor's name.
const TYPES: [(&str, &str); 6] = [
    ("user", "user"),
    ("group", "group"),
    ("application", "application"),
    ("service_principal", "servicePrincipal"),
    ("administrative_unit", "administrativeUnit"),
    ("device", "device"),
];

/// The thing of the directory that has this id: its kind's place, the vendor's name of its type, its body.
fn directory_object(world: &World, id: &str) -> Option<(usize, &'static str, Value)> {
    TYPES.iter().find_map(|(kind, word)| {
        let kind = world.kind(kind)?;
        Some((kind, *word, world.copy(kind, &[], id)?))
    })
}

#[cfg(test)]
mod tests {
    use super::TYPES;
    use crate::sim::vendor;

    #[test]
    fn every_type_is_a_kind_of_the_catalogue() {
        let kinds = &vendor("entra").unwrap().provider.kinds;
        for (kind, _) in TYPES {
            assert!(kinds.iter().any(|spec| spec.kind.as_str() == kind), "{kind}");
        }
    }
}
