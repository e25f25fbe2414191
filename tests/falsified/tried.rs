//! Lastgood in a test, with a catalogue under test: it records, plans and applies without a repository.
//!
//! What the story is, and what is right, the tests that use it know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use jiff::SignedDuration;
use lastgood::base::coverage::Ledger;
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

/// A state of a tenant, as a snapshot would hold it.
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
pub(crate) struct Tenant {
    pub(crate) live: Live,
    values: Values,
    /// The kinds that the story touches.
    kinds: &'static [&'static str],
    /// What is given for each secret that is asked for.
    given: &'static str,
}

impl Tenant {
    /// The tenant at this address, with these settings.
    pub(crate) fn connect(
        catalog: &'static Provider,
        (url, settings): (String, BTreeMap<String, String>),
        credential: Credential,
        kinds: &'static [&'static str],
        given: &'static str,
    ) -> Result<Self, String> {
        let target = Target {
            url,
            ca_file: None,
            settings,
            credential,
            budget_percent: 100,
            token_url: None,
            scopes: Vec::new(),
            costly: BTreeSet::new(),
        };
        let live = Live::connect(catalog, target).map_err(|error| error.to_string())?;
        Ok(Self { live, values: Values::default(), kinds, given })
    }

    /// What it looks like now, as a snapshot would hold it.
    pub(crate) async fn record(&self) -> Recording {
        let kinds: BTreeSet<Kind> = self.kinds.iter().map(|kind| Kind::new(kind)).collect();
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let (bodies, ledger) = LiveTenant::new(&self.live, &mark).kinds(&kinds).await;
        Recording { bodies, ledger }
    }

    /// The plan back to a recorded state, what came later included.
    pub(crate) async fn plan(&self, goal: &Recording, scope: &Scope) -> Result<Plan, RestoreError> {
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let tenant = LiveTenant::new(&self.live, &mark);
        let (now, own, outlook) = (SystemClock.now(), Own::default(), self.live.outlook());
        let inputs = |live| Inputs {
            catalog: self.live.catalog(),
            settings: self.live.settings(),
            tenant: "tried",
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

    /// Does the plan, whatever it needs allowed.
    pub(crate) async fn apply(&self, plan: &Plan) -> Result<(), String> {
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let tenant = LiveTenant::new(&self.live, &mark);
        let before = self.record().await;
        let given = |name: &String| (name.clone(), Secret::new(Body::from(self.given)));
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
