//! The facts that are falsified, one or more of each sort, and where each lie comes out.

use crate::check::Stage;
use crate::lie::Lie;

/// One fact of the embedded catalogue and a lie in its place.
pub(crate) struct Fact {
    /// What sort of fact it is.
    pub(crate) sort: &'static str,
    /// What is said in its place.
    pub(crate) lie: Lie,
    /// Where it is caught.
    pub(crate) caught: Stage,
}

const fn fact(
    sort: &'static str,
    kind: &'static str,
    at: &'static str,
    says: Option<&'static str>,
    caught: Stage,
) -> Fact {
    Fact { sort, lie: Lie { kind, at, says }, caught }
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
    fact("write-only", "identity_provider", "/secret/0/mask", Some("'stored'"), Stage::Applying),
    fact("order", "user_profile", "/restore/order", Some("900"), Stage::Applying),
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
