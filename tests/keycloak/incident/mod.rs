//! A day on which much goes at once, and the way back.
//!
//! [`damage`] is what happens; [`way_back`] holds the whole restore of it: the plan as a person reads
//! it, the apply, and what is different afterwards, line by line. [`midpoints`] stops that apply after
//! each call and goes on or back; [`killed`] kills it.

mod by_one;
mod damage;
mod elsewhere;
mod guards;
mod killed;
mod midpoints;
mod parts;
mod scene;
mod secrets;
mod way_back;

use insta::Settings;

use crate::server::Realm;

/// Kinds that the reading account is refused (`rights.rs` proves each).
const REFUSED: &str = "accept = [\"workflow\", \"organization_invitation\"]\n";

/// Takes out of a text what is different in each run: ids, keys, times, the realm's name.
fn settled(realm: &Realm) -> Settings {
    let mut settings = Settings::clone_current();
    let uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    settings.add_filter(realm.name(), "REALM");
    settings.add_filter(uuid, "[id]");
    // A key's own id is a hash in base64.
    settings.add_filter(r"\b[A-Za-z0-9_-]{43}:", "[kid]:");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "[snapshot]");
    settings.add_filter(r"Plan [0-9a-f]{8} ", "Plan [plan] ");
    settings.add_filter(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[time]");
    settings.add_filter(r"createdTimestamp: \+ \d+", "createdTimestamp: + [time]");
    // Sets are in the order of their bytes, and those hold ids.
    settings.add_filter(r"/roles: \+ \[.*", "/roles: + [roles]");
    settings.add_filter(r"/roles/\d+", "/roles/N");
    settings.set_prepend_module_to_snapshot(false);
    settings
}
