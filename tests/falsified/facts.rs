//! The facts that are falsified, one or more of each sort, and where each lie comes out.

use lastgood::catalog::{self, Provider};
use toml::{Table, Value};

use crate::check::Stage;

/// One fact of the embedded catalogue and a lie in its place.
pub(crate) struct Fact {
    /// What sort of fact it is.
    pub(crate) sort: &'static str,
    /// The kind that it is said of; empty: the provider as a whole.
    pub(crate) kind: &'static str,
    /// Where it stands in the file.
    pub(crate) at: &'static str,
    /// What is said instead, as TOML; `None`: nothing.
    pub(crate) lie: Option<&'static str>,
    /// Where it is caught.
    pub(crate) caught: Stage,
}

const fn fact(
    sort: &'static str,
    kind: &'static str,
    at: &'static str,
    lie: Option<&'static str>,
    caught: Stage,
) -> Fact {
    Fact { sort, kind, at, lie, caught }
}

/// All of them.
#[rustfmt::skip]
pub(crate) const FACTS: &[Fact] = &[
    // Reading.
    fact("paging", "user", "/read/0/paging", None, Stage::Reading),
    fact("paging", "", "/paging/rows", Some("{ style = 'page', page = 'first', limit = 'max', size = 500 }"), Stage::Reading),
    fact("paging", "", "/paging/rows/offset", Some("'from'"), Stage::Reading),
    fact("parent", "group_member", "/parent", Some("['realm_role']"), Stage::Validator),
    fact("status", "client_type", "/read/0/statuses", None, Stage::Reading),
    fact("id", "group", "/id", Some("'/name'"), Stage::Planning),
    fact("set", "client", "/set", None, Stage::Again),
    fact("volatile", "client", "/volatile", None, Stage::Again),
    fact("secret", "client", "/secret", None, Stage::Secrets),
    fact("mask", "", "/masked", None, Stage::Planning),
    fact("permission", "user", "/scopes/read", Some("['view-events']"), Stage::Rights),
    fact("permission", "", "/auth/rights", None, Stage::Rights),
    // Restoring.
    fact("write-only", "identity_provider", "/secret/0/mask", Some("'stored'"), Stage::Result),
    fact("order", "user_profile", "/restore/order", Some("1"), Stage::Applying),
    fact("protected", "authentication_flow", "/system", None, Stage::Planning),
    fact("natural key", "realm_role", "/name", Some("['/description']"), Stage::Applying),
    fact("reference", "group_role_mapping", "/refs", None, Stage::Applying),
    fact("reference", "group_role_mapping", "/refs/0/to", Some("['nowhere']"), Stage::Validator),
    fact("reference", "group_member", "/refs/0/to", Some("['group']"), Stage::Planning),
    fact("server-assigned", "realm_role", "/assigned", Some("['/containerId', '/clientRole', '/composite']"), Stage::Applying),
    fact("id in location", "realm_role", "/create/0/new_id", None, Stage::Applying),
    fact("id kept", "organization", "/restore/keeps_id", Some("true"), Stage::Applying),
    fact("id kept", "group", "/restore/keeps_id", None, Stage::Planning),
    fact("cascade", "group", "/restore/cascades", None, Stage::Planning),
    fact("merge", "client", "/update/0/merges", None, Stage::Applying),
    fact("call", "user", "/update/0/call", Some("'PUT /admin/realms/{realm}/user/{user-id}'"), Stage::Applying),
];

/// The embedded catalogue with one lie in it; `Err` where it is found to contradict itself.
pub(crate) fn falsified(fact: &Fact) -> Result<&'static Provider, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalog/keycloak.toml");
    let mut file: Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let is_kind = |row: &&mut Value| row.get("kind").and_then(Value::as_str) == Some(fact.kind);
    let place = if fact.kind.is_empty() {
        &mut file
    } else {
        let kinds = file["kind"].as_array_mut().unwrap();
        kinds.iter_mut().find(is_kind).unwrap().as_table_mut().unwrap()
    };
    lie(place, fact);
    let text = toml::to_string(&file).unwrap();
    let provider = catalog::parse("keycloak", &text).map_err(|error| error.to_string())?;
    Ok(Box::leak(Box::new(provider)))
}

/// Puts the lie where the fact stands, or where none does.
fn lie(place: &mut Table, fact: &Fact) {
    let mut parts = fact.at.split('/').skip(1).peekable();
    let mut here = place;
    let mut inner = parts.next().unwrap();
    while let Some(next) = parts.next() {
        let value = here.get_mut(inner).unwrap_or_else(|| panic!("{} has no {}", fact.kind, fact.at));
        let (table, name) = match next.parse::<usize>() {
            Ok(number) => (&mut value.as_array_mut().unwrap()[number], parts.next().unwrap()),
            Err(_) => (value, next),
        };
        here = table.as_table_mut().unwrap();
        inner = name;
    }
    let told = fact.lie.map(|text| {
        let mut one: Table = toml::from_str(&format!("lie = {text}")).unwrap();
        one.remove("lie").unwrap()
    });
    let is_lie = match told {
        Some(told) => here.insert(inner.to_owned(), told.clone()) != Some(told),
        None => here.remove(inner).is_some(),
    };
    assert!(is_lie, "{} {} is no lie", fact.kind, fact.at);
}
