//! Schemas: the profile that a new organisation and a new app begin with, and partial changes.

use crate::json::{Object, Value};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{object, set, text};
use crate::sim::wire::Refusal;
use crate::sim::world::World;

/// The attributes of every user: name, title, who may see it, format.
const USER: [(&str, &str, &str, &str); 31] = [
    ("login", "Username", "READ_ONLY", ""),
    ("firstName", "First name", "READ_WRITE", ""),
    ("lastName", "Last name", "READ_WRITE", ""),
    ("middleName", "Middle name", "READ_ONLY", ""),
    ("honorificPrefix", "Honorific prefix", "READ_ONLY", ""),
    ("honorificSuffix", "Honorific suffix", "READ_ONLY", ""),
    ("email", "Primary email", "READ_WRITE", "email"),
    ("title", "Title", "READ_ONLY", ""),
    ("displayName", "Display name", "READ_ONLY", ""),
    ("nickName", "Nickname", "READ_ONLY", ""),
    ("profileUrl", "Profile Url", "READ_ONLY", "uri"),
    ("secondEmail", "Secondary email", "READ_WRITE", "email"),
    ("mobilePhone", "Mobile phone", "READ_WRITE", ""),
    ("primaryPhone", "Primary phone", "HIDE", ""),
    ("streetAddress", "Street address", "HIDE", ""),
    ("city", "City", "HIDE", ""),
    ("state", "State", "HIDE", ""),
    ("zipCode", "Zip code", "HIDE", ""),
    ("countryCode", "Country code", "HIDE", "country-code"),
    ("postalAddress", "Postal Address", "HIDE", ""),
    ("preferredLanguage", "Preferred language", "READ_ONLY", "language-code"),
    ("locale", "Locale", "READ_ONLY", "locale"),
    ("timezone", "Time zone", "READ_ONLY", "timezone"),
    ("userType", "User type", "READ_ONLY", ""),
    ("employeeNumber", "Employee number", "READ_WRITE", ""),
    ("costCenter", "Cost center", "READ_ONLY", ""),
    ("organization", "Organization", "READ_ONLY", ""),
    ("division", "Division", "READ_ONLY", ""),
    ("department", "Department", "READ_ONLY", ""),
    ("managerId", "ManagerId", "READ_ONLY", ""),
    ("manager", "Manager", "READ_ONLY", ""),
];

/// Attributes with limits of their length: name, least, most; 0 for none.
const LENGTHS: [(&str, u32, u32); 5] = [
    ("login", 5, 100),
    ("firstName", 1, 50),
    ("lastName", 1, 50),
    ("mobilePhone", 0, 100),
    ("primaryPhone", 0, 100),
];

/// Attributes that every user must have.
const REQUIRED: [&str; 4] = ["login", "firstName", "lastName", "email"];

/// The claims of an OpenID Connect app: name, title, whether the vendor describes it, claim where
/// that is another.
const CLAIMS: [(&str, &str, bool, &str); 21] = [
    ("userName", "Username", false, "preferred_username"),
    ("name", "Name", true, ""),
    ("nickname", "Nickname", true, ""),
    ("given_name", "Given Name", true, ""),
    ("middle_name", "Middle Name", true, ""),
    ("family_name", "Family Name", true, ""),
    ("email", "Email", true, ""),
    ("profile", "Profile URL", true, ""),
    ("picture", "Picture URL", true, ""),
    ("website", "Website", true, ""),
    ("gender", "Gender", true, ""),
    ("birthdate", "Birthdate", true, ""),
    ("zoneinfo", "Time Zone", true, ""),
    ("locale", "Locale Name", true, ""),
    ("phone_number", "Phone Number", true, ""),
    ("street_address", "Street Address", true, "address.street_address"),
    ("locality", "Locality", true, "address.locality"),
    ("region", "Region", true, "address.region"),
    ("postal_code", "Postal Code", true, "address.postal_code"),
    ("country", "Country", true, "address.country"),
    ("formatted", "Formatted", true, "address.formatted"),
];

fn whole(id: String, name: &str, title: &str, base: Object, required: &[&str]) -> Value {
    let reference = |name: &str| object([("$ref", format!("#/definitions/{name}").into())]);
    let all: Vec<Value> = ["custom", "base"].map(reference).into();
    let custom =
        object([("id", "#custom".into()), ("type", "object".into()), ("properties", Object::new().into())]);
    let base = object([
        ("id", "#base".into()),
        ("type", "object".into()),
        ("properties", base.into()),
        ("required", required.iter().copied().collect()),
    ]);
    object([
        ("id", id.into()),
        ("$schema", "http://json-schema.org/draft-04/schema#".into()),
        ("name", name.into()),
        ("title", title.into()),
        ("definitions", object([("custom", custom), ("base", base)])),
        ("type", "object".into()),
        ("properties", object([("profile", object([("allOf", all.into())]))])),
    ])
}

fn times(world: &World, body: &mut Value) {
    set(body, "/created", world.time());
    set(body, "/lastUpdated", world.time());
}

/// Where it is kept that a schema went with its type: an id that nobody has used has one.
fn gone_with_type(schema: &str) -> String {
    format!("schema gone {schema}")
}

/// A type takes its schema along.
pub(super) fn user_type_gone(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let schema = text(&work.body, "/_schema").to_owned();
    let kind = world.number("user_schema");
    world.remove(kind, &[], &schema);
    world.aside.insert(gone_with_type(&schema), Value::Null);
    Ok(())
}

/// The schema of a user type.
pub(super) fn user_born(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if world.aside.contains_key(&gone_with_type(&work.id)) {
        return Err(Refusal::absent(&work.id, "Schema"));
    }
    let mut base = Object::new();
    for (name, title, action, format) in USER {
        let permission = object([("principal", "SELF".into()), ("action", action.into())]);
        let mut property = object([
            ("title", title.into()),
            ("type", "string".into()),
            ("mutability", "READ_WRITE".into()),
            ("scope", "NONE".into()),
            ("permissions", vec![permission].into()),
            ("master", object([("type", "PROFILE_MASTER".into())])),
        ]);
        if !format.is_empty() {
            set(&mut property, "/format", format);
        }
        if REQUIRED.contains(&name) {
            set(&mut property, "/required", true);
        }
        for (_, least, most) in LENGTHS.iter().filter(|(limited, _, _)| *limited == name) {
            if *least > 0 {
                set(&mut property, "/minLength", *least);
            }
            set(&mut property, "/maxLength", *most);
        }
        base.insert(name, property);
    }
    let id = format!("{}/meta/schemas/user/{}", world.org.url, work.id);
    work.body = whole(id, "user", "User", base, &REQUIRED);
    times(world, &mut work.body);
    set(&mut work.body, "/description", "Okta user profile template with default permission settings");
    Ok(())
}

/// To itself and to the type.
pub(super) fn user_links(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let link = |rel: &str, path: String| {
        object([
            ("rel", rel.into()),
            ("href", format!("{}/api/v1/meta/{path}", world.org.url).into()),
            ("method", "GET".into()),
        ])
    };
    let links = object([
        ("self", link("self", format!("schemas/user/{}", work.id))),
        ("type", link("type", format!("types/user/{}", work.id.replacen("osc", "oty", 1)))),
    ]);
    set(&mut work.body, "/_links", links);
    Ok(())
}

/// The schema of an app's users.
pub(super) fn app_born(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let app = ask.parents.first().cloned().unwrap_or_default();
    let found = world.copy(world.number("app"), &[], &app).unwrap_or_default();
    let openid = text(&found, "/signOnMode") == "OPENID_CONNECT";
    let mut base = Object::new();
    for (name, title, described, claim) in CLAIMS {
        if !openid && name != "userName" {
            continue;
        }
        let mut property =
            object([("title", title.into()), ("type", "string".into()), ("scope", "SELF".into())]);
        if described {
            set(&mut property, "/description", title);
        }
        if !claim.is_empty() {
            set(&mut property, "/externalName", claim);
        }
        if name == "userName" {
            set(&mut property, "/required", true);
        }
        base.insert(name, property);
    }
    let id = format!("{}/meta/schemas/apps/{app}/default", world.org.url);
    let title = format!("{} User", text(&found, "/label"));
    work.body = whole(id, text(&found, "/name"), &title, base, &["userName"]);
    times(world, &mut work.body);
    Ok(())
}

/// A partial change: `null` removes a property, and the list of required ones follows.
pub(super) fn changed(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let id = text(&work.body, "/id");
    let of_user = id.contains("/schemas/user/") || id.contains("/schemas/group/");
    for part in ["custom", "base"] {
        let Some(definition) =
            crate::json::Pointer::from_segments(["definitions", part]).get_mut(&mut work.body)
        else {
            continue;
        };
        let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        properties.retain(|_, property| !property.is_null());
        for (_, property) in properties.iter_mut() {
            tidy(property, of_user);
        }
        let required: Value = properties
            .iter()
            .filter(|(_, property)| property.get("required").and_then(Value::as_bool) == Some(true))
            .map(|(name, _)| name)
            .collect();
        let empty = properties.is_empty();
        if let Some(members) = definition.as_object_mut() {
            match empty {
                true => members.remove("required"),
                false => members.insert("required", required),
            };
        }
    }
    set(&mut work.body, "/lastUpdated", world.time());
    Ok(())
}

/// What the server keeps of a property.
fn tidy(property: &mut Value, of_user: bool) {
    let Some(members) = property.as_object_mut() else { return };
    if members.get("required").and_then(Value::as_bool) == Some(false) {
        members.remove("required");
    }
    if of_user {
        if !members.contains("mutability") {
            members.insert("mutability", "READ_WRITE");
        }
    } else {
        let array = members.get("type").and_then(Value::as_str) == Some("array");
        for name in ["master", "permissions", "union"] {
            if name != "union" || !array {
                members.remove(name);
            }
        }
    }
}
