//! Governance: what an entitlement brings with it.

use crate::json::{Object, Value};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{set, text};
use crate::sim::wire::Refusal;
use crate::sim::world::World;

/// The values of an entitlement are instances of their own, which only a change of it makes and takes away.
pub(super) fn values(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let (kind, above) = (world.number("entitlement_value"), [work.id.clone()]);
    let given: Vec<Value> =
        work.body.get("values").and_then(Value::as_array).into_iter().flatten().cloned().collect();
    let kept: Vec<&str> = given.iter().map(|value| text(value, "/id")).collect();
    let gone: Vec<String> = world
        .rows(kind, &above, None)
        .map(|(_, id, _)| id.to_owned())
        .filter(|id| !kept.contains(&id.as_str()))
        .collect();
    for id in gone {
        world.remove(kind, &above, &id);
    }
    for mut value in given {
        let id = text(&value, "/id").to_owned();
        set(&mut value, "/entitlementId", work.id.as_str());
        for (from, to) in [("/parent", "/parent"), ("/parentResourceOrn", "/parentResourceOrn")] {
            set(
                &mut value,
                to,
                crate::sim::okta::at(&work.body, from).cloned().unwrap_or_else(|| Object::new().into()),
            );
        }
        world.put(kind, &above, &id, value);
    }
    Ok(())
}
