//! The check that holds a catalogue's facts: a realm is read twice, damaged, planned back and restored,
//! and each time what comes is held against what the server itself says.
//!
//! The catalogue under test is only ever on Lastgood's side. What is right is known from the server's
//! own answers, never from a catalogue. The first thing that is wrong ends the check and names its stage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::future::LocalBoxFuture;
use jiff::SignedDuration;
use lastgood::base::coverage::{Ledger, State as Coverage};
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::base::time::{Clock as _, SystemClock};
use lastgood::catalog::Provider;
use lastgood::json::{Limits, Pointer, Value as Body, parse};
use lastgood::provider::{Credential, Live, Target};
use lastgood::restore::journal::{Entry, JournalError};
use lastgood::restore::{
    Allow, Apply, Inputs, Journal, LiveTenant, Mode, Own, Plan, Recorded, RestoreError, Scope, SecretAt,
    Seen, Start, Vault, plan, survey,
};
use serde_json::Value;

use crate::bad_day;

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

/// A state of a realm, as a snapshot would hold it.
pub(crate) struct Recording {
    pub(crate) bodies: BTreeMap<ResourceKey, Body>,
    pub(crate) ledger: Ledger,
}

impl Recorded for Recording {
    fn keys(&self, kind: &Kind) -> Vec<ResourceKey> {
        self.bodies.keys().filter(|key| key.kind == *kind).cloned().collect()
    }

    fn body(&self, key: &ResourceKey) -> Result<Option<Body>, RestoreError> {
        Ok(self.bodies.get(key).cloned())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// Secrets by their marks, as the store would keep them.
#[derive(Default)]
pub(crate) struct Values(Mutex<BTreeMap<String, Vec<u8>>>);

impl Values {
    pub(crate) fn mark(&self, address: &str, place: &str, value: &[u8]) -> String {
        let mark = blake3::hash(&[address.as_bytes(), b"|", place.as_bytes(), b"|", value].concat()).to_hex();
        let mark = mark.as_str()[..32].to_owned();
        self.0.lock().unwrap().insert(mark.clone(), value.to_vec());
        mark
    }
}

impl Vault for Values {
    fn open(&self, at: &SecretAt) -> Result<Secret<Body>, String> {
        let pointer = Pointer::parse(&at.pointer).map_err(|error| error.to_string())?;
        let known = self.0.lock().unwrap();
        let bytes = pointer.last().and_then(|mark| known.get(mark)).ok_or("no such secret")?;
        parse(bytes, &Limits::body()).map(Secret::new).map_err(|error| error.to_string())
    }
}

/// A journal that nobody breaks off.
#[derive(Default)]
pub(crate) struct Notes(Vec<Entry>);

impl Journal for Notes {
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.0.push(entry.clone());
        Ok(())
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.0.clone())
    }
}

/// Lastgood with the catalogue under test.
struct Tenant {
    live: Live,
    values: Values,
}

impl Tenant {
    fn of(admin: &dyn Admin, catalog: &'static Provider, credential: Credential) -> Result<Self, Wrong> {
        let (url, realm) = admin.place();
        let settings = [("realm", realm), ("auth_realm", realm)];
        let target = Target {
            url: url.to_owned(),
            ca_file: None,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            credential,
            budget_percent: 100,
            token_url: None,
            scopes: Vec::new(),
            costly: BTreeSet::new(),
        };
        let live = Live::connect(catalog, target).map_err(|error| (Stage::Reading, error.to_string()))?;
        Ok(Self { live, values: Values::default() })
    }

    async fn record(&self) -> Recording {
        let kinds: BTreeSet<Kind> = KINDS.iter().map(|kind| Kind::new(kind)).collect();
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let (bodies, ledger) = LiveTenant::new(&self.live, &mark).kinds(&kinds).await;
        Recording { bodies, ledger }
    }

    async fn plan(&self, goal: &Recording, scope: &Scope) -> Result<Plan, RestoreError> {
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let tenant = LiveTenant::new(&self.live, &mark);
        let (now, own, outlook) = (SystemClock.now(), Own::default(), self.live.outlook());
        let inputs = |live| Inputs {
            catalog: self.live.catalog(),
            settings: self.live.settings(),
            tenant: "kc",
            from: None,
            base: "base",
            goal,
            live,
            scope,
            mode: Mode::Rollback,
            own: &own,
            outlook: &outlook,
            now,
            valid_for: SignedDuration::from_hours(1),
        };
        let empty = Seen::new(now);
        let seen = survey(&tenant, &inputs(&empty), empty.clone()).await?;
        plan(&inputs(&seen))
    }

    async fn apply(&self, plan: &Plan) -> Result<(), String> {
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let tenant = LiveTenant::new(&self.live, &mark);
        let before = self.record().await;
        let given = |name: &String| (name.clone(), Secret::new(Body::from(bad_day::SOCIAL)));
        let inputs = plan.secrets.iter().map(|secret| given(&secret.input)).collect();
        let run = Apply {
            catalog: self.live.catalog(),
            plan,
            tenant: &tenant,
            journal: &mut Notes::default(),
            vault: &self.values,
            inputs: &inputs,
            allow: Allow {
                deletes: 100,
                privileged: true,
                lockout: true,
                without_secrets: false,
                rotate: false,
            },
            own: &Own::default(),
            clock: &SystemClock,
            start: Start::Begin { before: "before", state: &before },
            stopped: &|| false,
        };
        let summary = run.run(&mut |_| {}).await.map_err(|error| error.to_string())?;
        let bad = summary.lines.iter().find(|line| !format!("{:?}", line.outcome).contains("Done"));
        match bad {
            Some(line) if !summary.is_good() => Err(format!("{line:?}")),
            _ => Ok(()),
        }
    }
}

/// Goes through the story with this catalogue. The realm is the story's own, and new.
pub(crate) async fn check(admin: &dyn Admin, catalog: &'static Provider) -> Result<(), Wrong> {
    bad_day::seed(admin).await;
    let tenant = Tenant::of(admin, catalog, admin.account())?;
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
    let tenant = Tenant::of(admin, catalog, narrow)?;
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
