//! The check that holds a catalogue's facts: a realm is read twice, damaged, planned back and restored,
//! and each time what comes is held against what the server itself says.
//!
//! The catalogue under test is only ever on Lastgood's side. What is right is known from the server's
//! own answers, never from a catalogue. The first thing that is wrong ends the check and names its stage.

use std::collections::BTreeSet;

use futures::future::LocalBoxFuture;
use lastgood::base::coverage::State as Coverage;
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::catalog::Provider;
use lastgood::json::Value as Body;
use lastgood::provider::Credential;
use lastgood::restore::{Plan, Recorded, RestoreError, Scope};
use serde_json::Value;

use crate::bad_day;
use crate::tried::{Recording, Tenant};

/// Where in the check something is found to be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The catalogue contradicts itself.
    Validator,
    /// What is read is not what the server has.
    Reading,
    /// A secret stands in a body.
    Secrets,
    /// A second reading of an untouched resource differs.
    Again,
    /// What the credential may do is not what its token says, or what it lacks is not named.
    Rights,
    /// The plan is not the one that the damage asks for.
    Planning,
    /// The server refuses a call, or what was written is not read back.
    Applying,
    /// The realm is not as it was.
    Result,
}

/// What is wrong, and where.
pub(crate) type Wrong = (Stage, String);

/// A realm and its administrator, who asks the server without Lastgood.
pub(crate) trait Admin {
    /// Status, body and the last part of `Location`.
    fn call<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        body: Option<Value>,
    ) -> LocalBoxFuture<'a, (u16, Value, Option<String>)>;
    /// The server's address and the realm's name.
    fn place(&self) -> (&str, &str);
    /// An account that reads and writes everything.
    fn account(&self) -> Credential;
    /// An account that may not see people, where the server has one.
    fn narrow(&self) -> Option<Credential>;
    /// Secrets that the server shows nobody, where the test can look into it.
    fn hidden(&self) -> Vec<Value>;
}

/// Kinds that the story touches.
pub(crate) const KINDS: [&str; 13] = [
    "realm",
    "user_profile",
    "realm_role",
    "client",
    "client_role",
    "client_type",
    "group",
    "group_role_mapping",
    "group_member",
    "user",
    "identity_provider",
    "organization",
    "authentication_flow",
];

/// Lastgood with the catalogue under test, in this realm.
fn tenant_of(admin: &dyn Admin, catalog: &'static Provider, credential: Credential) -> Result<Tenant, Wrong> {
    let (url, realm) = admin.place();
    let settings = [("realm", realm), ("auth_realm", realm)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let at = (url.to_owned(), settings);
    let tenant = Tenant::connect(catalog, at, credential, &KINDS, bad_day::SOCIAL);
    tenant.map_err(|what| (Stage::Reading, what))
}

/// Goes through the story with this catalogue. The realm is the story's own, and new.
pub(crate) async fn check(admin: &dyn Admin, catalog: &'static Provider) -> Result<(), Wrong> {
    bad_day::seed(admin).await;
    let tenant = tenant_of(admin, catalog, admin.account())?;
    let first = tenant.record().await;
    read_whole(admin, &first).await?;
    told_nobody(&first)?;
    bad_day::stir(admin).await;
    let second = tenant.record().await;
    let moved = differing(&first, &second);
    expect(Stage::Again, &moved, &[] as &[String], "nothing was changed, and these differ")?;
    rights(admin, catalog).await?;

    let hidden = admin.hidden();
    let before = bad_day::as_the_server_says(admin).await;
    bad_day::damage(admin).await;
    let damaged = tenant.record().await;
    let keys: BTreeSet<ResourceKey> = second.bodies.keys().chain(damaged.bodies.keys()).cloned().collect();
    let planning = |error: RestoreError| (Stage::Planning, error.to_string());
    let made = tenant.plan(&second, &Scope::whole(keys)).await.map_err(planning)?;
    as_asked(&made)?;
    tenant.apply(&made).await.map_err(|what| (Stage::Applying, what))?;
    let after = bad_day::as_the_server_says(admin).await;
    expect(Stage::Result, &after, &before, "the realm is not as it was")?;
    expect(Stage::Result, &admin.hidden(), &hidden, "a secret that nobody can read was not kept")
}

fn expect<T: std::fmt::Debug + PartialEq>(
    stage: Stage,
    is: &[T],
    should: &[T],
    why: &str,
) -> Result<(), Wrong> {
    if is == should {
        return Ok(());
    }
    let new = is.iter().filter(|item| !should.contains(item)).collect::<Vec<_>>();
    let lost = should.iter().filter(|item| !is.contains(item)).collect::<Vec<_>>();
    Err((stage, format!("{why}: {new:?}, not {lost:?}")))
}

/// Each kind is complete, but for what the server does not have, and as many came as there are.
async fn read_whole(admin: &dyn Admin, recording: &Recording) -> Result<(), Wrong> {
    let wrong = |what: String| Err((Stage::Reading, what));
    // Not every server has this feature, and one without it says so.
    let without_types = admin.call("GET", "/client-types", None).await.0 == 404;
    for kind in KINDS {
        let row = &recording.ledger.rows[&Kind::new(kind)];
        let lacks = kind == "client_type" && without_types;
        let should = if lacks { Coverage::NotEntitled } else { Coverage::Complete };
        if row.state != should {
            return wrong(format!("{kind} is {:?}: {}", row.state, row.reason));
        }
    }
    for (kind, count) in bad_day::counts(admin).await {
        let came = recording.keys(&Kind::new(kind)).len();
        if came != count {
            return wrong(format!("{came} of {count} came of {kind}"));
        }
    }
    Ok(())
}

/// No secret stands in a body, nor a mask as if it were a value.
fn told_nobody(recording: &Recording) -> Result<(), Wrong> {
    let tells = |body: &Body| {
        let text = body.to_line();
        text.contains("lgcanary") || text.contains("\"**********\"")
    };
    match recording.bodies.iter().find(|(_, body)| tells(body)) {
        Some((key, _)) => Err((Stage::Secrets, format!("{key} shows a secret or a mask"))),
        None => Ok(()),
    }
}

/// What a narrow account may do is known, and what it may not is named.
async fn rights(admin: &dyn Admin, catalog: &'static Provider) -> Result<(), Wrong> {
    let Some(narrow) = admin.narrow() else { return Ok(()) };
    let tenant = tenant_of(admin, catalog, narrow)?;
    let rights = tenant.live.rights().await.map_err(|error| (Stage::Rights, error.to_string()))?;
    expect(
        Stage::Rights,
        &rights.names,
        &["view-clients".to_owned(), "view-realm".to_owned()],
        "its rights",
    )?;
    let recording = tenant.record().await;
    let row = &recording.ledger.rows[&Kind::new("user")];
    if row.state != Coverage::NotPermitted || !row.reason.contains("view-users") {
        return Err((Stage::Rights, format!("users are {:?}: {}", row.state, row.reason)));
    }
    Ok(())
}

/// The plan asks for nothing that it does not need, and leaves alone what cannot be removed.
fn as_asked(plan: &Plan) -> Result<(), Wrong> {
    let asked: Vec<String> =
        plan.secrets.iter().map(|secret| format!("{}{}", secret.key.to_path(), secret.pointer)).collect();
    let should = ["identity_provider/social/config/clientSecret".to_owned()];
    expect(Stage::Planning, &asked, &should, "it asks for secrets")?;
    let taken = plan.steps.iter().flat_map(|step| &step.takes_along).map(|key| key.kind.to_string());
    expect(Stage::Planning, &taken.collect::<Vec<_>>(), &["group_member".to_owned()], "along go")?;
    let refused: Vec<String> =
        plan.refused.iter().map(|row| format!("{}: {}", row.key.kind, row.name)).collect();
    let vendors = ["authentication_flow: new of the vendor".to_owned()];
    expect(Stage::Planning, &refused, &vendors, "it refuses")
}

/// What differs between two states, as addresses.
fn differing(a: &Recording, b: &Recording) -> Vec<String> {
    let keys: BTreeSet<_> = a.bodies.keys().chain(b.bodies.keys()).collect();
    let differ = |key: &&&ResourceKey| a.bodies.get(**key) != b.bodies.get(**key);
    keys.iter().filter(differ).map(|key| key.to_path()).collect()
}
