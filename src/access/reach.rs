//! Which applications there are in a state, and who is assigned to each, by whatever way.
//!
//! Links are kept as numbers by application; who is assigned is worked out for one application at a
//! time and not kept.

use std::collections::{BTreeMap, HashMap};

use crate::access::crowd::{Crowd, Set, Truth};
use crate::access::filling::Standing;
use crate::access::people::all;
use crate::access::source::Source;
use crate::base::key::ResourceKey;
use crate::catalog::AccessFacts;
use crate::catalog::mention::last_of;
use crate::json::Value;

/// An application of a state.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct App {
    pub(crate) label: String,
    pub(crate) sort: String,
    pub(crate) on: bool,
    /// It is the vendor's own console.
    pub(crate) console: bool,
    /// The id of the policy that it names.
    pub(crate) policy: Option<String>,
}

/// The applications of a state and what leads to them.
#[derive(Default)]
pub(crate) struct Reach {
    pub(crate) apps: BTreeMap<String, App>,
    people: HashMap<String, Vec<u32>>,
    groups: HashMap<String, Vec<u32>>,
}

/// Who is assigned to an application by way of groups, and who is linked to it for whatever reason.
#[derive(PartialEq)]
pub(crate) struct Linked {
    by_group: Crowd,
    /// Those with a link of their own and not surely in by a group; the link may follow from one.
    own: Set,
}

impl Linked {
    /// Everybody who may be assigned.
    pub(crate) fn possible(&self) -> Set {
        let mut all = self.by_group.possible();
        all.add_all(&self.own);
        all
    }
}

impl Reach {
    /// Reads the applications and their links.
    pub(crate) fn read<S: Source + ?Sized>(
        facts: &AccessFacts,
        source: &S,
        standing: &Standing<'_>,
    ) -> Result<Self, S::Error> {
        let mut reach = Self::default();
        let text = |at: Option<&crate::json::Pointer>, body: &Value| {
            at.and_then(|at| at.get(body)).and_then(Value::as_str).map(str::to_owned)
        };
        source.bodies(&facts.app.kind, &mut |key, body| {
            let app = App {
                label: text(Some(&facts.app.label), body).unwrap_or_else(|| key.id().to_owned()),
                sort: text(facts.app.sort.as_ref(), body).unwrap_or_default(),
                on: all(&facts.app.on, body),
                console: facts.console.as_ref().is_some_and(|console| all(&console.app, body)),
                policy: text(facts.app.policy.as_ref(), body).map(|named| last_of(&named).to_owned()),
            };
            reach.apps.insert(key.id().to_owned(), app);
        })?;
        let link = |into: &mut HashMap<String, Vec<u32>>, key: &ResourceKey, number: Option<u32>| {
            if let (Some(app), Some(number)) = (key.above().last(), number) {
                into.entry(app.clone()).or_default().push(number);
            }
        };
        source.keys(&facts.app.people, &mut |key| {
            link(&mut reach.people, key, standing.roster.number(key.id()));
        });
        source.keys(&facts.app.groups, &mut |key| {
            link(&mut reach.groups, key, standing.groups.number(key.id()));
        });
        Ok(reach)
    }

    /// An application that lets people in.
    pub(crate) fn open(&self, app: &str) -> Option<&App> {
        self.apps.get(app).filter(|app| app.on)
    }

    /// What leads to an application; nobody where it lets nobody in.
    pub(crate) fn linked(&self, standing: &Standing<'_>, app: &str) -> Linked {
        let count = standing.roster.len();
        let mut linked = Linked { by_group: Crowd::none(count), own: Set::none(count) };
        if self.open(app).is_none() {
            return linked;
        }
        for group in self.groups.get(app).into_iter().flatten() {
            standing.groups.add_to(&standing.people, *group, &mut linked.by_group);
        }
        linked.by_group.settle();
        let own = self.people.get(app).into_iter().flatten();
        own.for_each(|person| linked.own.add(*person));
        linked.own.keep(&standing.people.here);
        linked.own.drop_all(&linked.by_group.sure);
        linked
    }

    /// Who is assigned: the links of those who are not in by a group are looked at.
    pub(crate) fn assigned<S: Source + ?Sized>(
        facts: &AccessFacts,
        source: &S,
        standing: &Standing<'_>,
        app: &str,
        linked: Linked,
    ) -> Result<Crowd, S::Error> {
        let Linked { by_group: mut crowd, own } = linked;
        let ids = own.iter().map(|person| vec![app.to_owned(), standing.roster.id(person).to_owned()]);
        let keys: Vec<ResourceKey> = ids.map(|ids| ResourceKey::new(&facts.app.people, ids)).collect();
        if keys.is_empty() {
            return Ok(crowd);
        }
        source.some(&keys, &mut |key, body| {
            if let Some(person) = standing.roster.number(key.id()).filter(|_| all(&facts.app.direct, body)) {
                crowd.add(person, Truth::Yes);
            }
        })?;
        crowd.settle();
        Ok(crowd)
    }
}
