//! The policies and rules of a state, read once: what each asks and how it ends.
//!
//! A rule is kept as questions and an end; [`decide`](crate::access::decide) puts them to people. A
//! question that the catalogue does not name is one that nobody can answer, and never one that is
//! passed over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::access::expression::{self, Term};
use crate::access::filling::texts;
use crate::access::outcome::{DEMANDS_MAX, Outcomes, Way};
use crate::access::people::all;
use crate::access::source::Source;
use crate::catalog::mention::last_of;
use crate::catalog::{AccessFacts, Ask, Demand, Gate, Test};
use crate::json::{Object, Pointer, Value};

/// What an unanswered question depends on: a place in [`Reasons`].
pub(crate) type Reason = u32;

/// The words for what cannot be known, each once.
#[derive(Clone, Default, Debug)]
pub(crate) struct Reasons(Vec<String>);

impl Reasons {
    /// The bit of a reason. The last bit is shared by what comes after the others.
    pub(crate) fn bit(&mut self, why: &str) -> Reason {
        let at = self.0.iter().position(|known| known == why).unwrap_or_else(|| {
            self.0.push(why.to_owned());
            self.0.len() - 1
        });
        1 << at.min(31)
    }

    pub(crate) fn words(&self, reasons: Reason) -> Vec<String> {
        let said = self.0.iter().enumerate().filter(|(at, _)| reasons >> at.min(&31) & 1 == 1);
        said.map(|(_, why)| why.clone()).collect()
    }
}

/// A list of what is asked for and what is asked not to be.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Wanted {
    pub(crate) include: BTreeSet<String>,
    pub(crate) exclude: BTreeSet<String>,
}

impl Wanted {
    /// Whether it fits; without anything that is asked for, everything does that is not excluded.
    pub(crate) fn fits(&self, is: &dyn Fn(&str) -> bool) -> bool {
        (self.include.is_empty() || self.include.iter().any(|one| is(one)))
            && !self.exclude.iter().any(|one| is(one))
    }
}

/// A question.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Question {
    /// Who it is; people, then groups.
    People(Wanted, Wanted),
    /// What sort of person.
    Sort(Wanted),
    /// From where.
    Zone(Wanted),
    /// Into which application; applications, then sorts of them.
    App(Wanted, Wanted),
    /// Whether an expression is true.
    Expression(Term),
    /// Nobody can say.
    Unknown(Reason),
}

/// A rule.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rule {
    place: (u64, String),
    pub(crate) asks: Vec<Question>,
    pub(crate) end: Outcomes,
}

/// A policy.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Policy {
    place: (u64, String),
    gate: usize,
    instead: bool,
    /// No rule of it is recorded, working or not, and the vendor has no policy without.
    pub(crate) is_bare: bool,
    pub(crate) asks: Vec<Question>,
    pub(crate) rules: Vec<Rule>,
}

/// A zone in which there are addresses.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Zone {
    pub(crate) shut: bool,
    holds: Vec<Value>,
}

/// The policies of a state.
#[derive(Default)]
pub(crate) struct Book {
    policies: BTreeMap<String, Policy>,
    /// The policies of each gate, in order.
    order: Vec<Vec<String>>,
    of_app: HashMap<String, String>,
    pub(crate) zones: BTreeMap<String, Zone>,
}

impl Book {
    /// Reads everything that counts.
    pub(crate) fn read<S: Source + ?Sized>(
        facts: &AccessFacts,
        source: &S,
        reasons: &mut Reasons,
    ) -> Result<Self, S::Error> {
        let mut book = Self { order: vec![Vec::new(); facts.gate.len()], ..Self::default() };
        if let Some(zone) = &facts.zone {
            source.bodies(&zone.kind, &mut |key, body| {
                if all(&zone.on, body) {
                    let shut = !zone.shut.is_empty() && all(&zone.shut, body);
                    let holds = zone.holds.iter().map(|at| at.get(body).cloned().unwrap_or_default());
                    book.zones.insert(key.id().to_owned(), Zone { shut, holds: holds.collect() });
                }
            })?;
        }
        let Some(policy) = &facts.policy else { return Ok(book) };
        let mut reader = Reader { facts, asks: &policy.asks, reasons };
        source.bodies(&policy.kind, &mut |key, body| {
            let gate = facts.gate.iter().position(|gate| all(&gate.only, body));
            if let Some(gate) = gate.filter(|_| all(&policy.on, body)) {
                let instead = facts.gate.get(gate).map(|gate| &gate.instead);
                let found = Policy {
                    place: (priority(policy.priority.get(body)), key.id().to_owned()),
                    gate,
                    instead: instead.is_some_and(|instead| !instead.is_empty() && all(instead, body)),
                    is_bare: true,
                    asks: reader.questions(body),
                    rules: Vec::new(),
                };
                book.policies.insert(key.id().to_owned(), found);
            }
        })?;
        source.bodies(&policy.rule, &mut |key, body| {
            let above = key.above().last().and_then(|id| book.policies.get_mut(id));
            let Some(above) = above else { return };
            above.is_bare = false;
            if !all(&policy.on, body) {
                return;
            }
            let Some(gate) = facts.gate.get(above.gate) else { return };
            let place = (priority(policy.priority.get(body)), key.id().to_owned());
            let (end, unclear) = end(gate, body);
            let mut asks = reader.questions(body);
            if unclear {
                asks.push(Question::Unknown(reader.reasons.bit("an action that is not known")));
            }
            above.rules.push(Rule { place, asks, end });
        })?;
        if let Some(mapping) = &policy.mapping {
            source.bodies(&mapping.kind, &mut |key, body| {
                let app = mapping.app.get(body).and_then(Value::as_str).map(last_of);
                let policy = key.above().last().filter(|id| book.policies.contains_key(*id));
                if let (Some(app), Some(policy)) = (app, policy) {
                    book.of_app.insert(app.to_owned(), policy.clone());
                }
            })?;
        }
        book.sort();
        Ok(book)
    }

    fn sort(&mut self) {
        let mut places: Vec<(&(u64, String), usize)> = Vec::new();
        for policy in self.policies.values_mut() {
            policy.rules.sort_by(|one, other| one.place.cmp(&other.place));
            places.push((&policy.place, policy.gate));
        }
        places.sort();
        for ((_, id), gate) in places {
            if let Some(order) = self.order.get_mut(gate) {
                order.push(id.clone());
            }
        }
    }

    /// The fields of people that the rules look at.
    pub(crate) fn fields(&self) -> Vec<Pointer> {
        let mut found = Vec::new();
        for ask in self.policies.values().flat_map(Policy::questions) {
            if let Question::Expression(term) = ask {
                term.fields(&mut found);
            }
        }
        found
    }

    /// The policies of a gate in order.
    pub(crate) fn of_gate(&self, gate: usize) -> Vec<&Policy> {
        let ids = self.order.get(gate).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.policies.get(id)).collect()
    }

    /// The policy of this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Policy> {
        self.policies.get(id)
    }

    /// The policy of an application, by the id that the application names.
    pub(crate) fn policy_of(&self, gate: usize, app: &str, named: Option<&str>) -> Named<'_> {
        let Some(id) = named.or_else(|| self.of_app.get(app).map(String::as_str)) else { return Named::None };
        let found = self.policies.get(id).filter(|policy| policy.gate == gate);
        let mut others = self.of_gate(gate).into_iter().filter(|policy| policy.instead);
        match (found, others.next(), others.next()) {
            (Some(policy), ..) | (None, Some(policy), None) => Named::Is(policy),
            _ => Named::Missing,
        }
    }

    /// The zones whose addresses are not the same in another state.
    pub(crate) fn moved_zones(&self, other: &Self) -> BTreeSet<String> {
        let moved = self
            .zones
            .iter()
            .filter(|(id, zone)| other.zones.get(*id).is_some_and(|other| other.holds != zone.holds));
        moved.map(|(id, _)| id.clone()).collect()
    }
}

/// The policy of an application.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Named<'a> {
    /// It has none.
    None,
    /// It names one that is not there.
    Missing,
    /// This one.
    Is(&'a Policy),
}

impl Policy {
    /// What it and its rules ask.
    fn questions(&self) -> impl Iterator<Item = &Question> {
        self.asks.iter().chain(self.rules.iter().flat_map(|rule| &rule.asks))
    }

    /// Every zone that it or its rules name.
    pub(crate) fn zones(&self) -> impl Iterator<Item = &str> {
        let wanted = self.questions().filter_map(|ask| match ask {
            Question::Zone(wanted) => Some(wanted),
            _ => None,
        });
        wanted.flat_map(|wanted| wanted.include.iter().chain(&wanted.exclude)).map(String::as_str)
    }

    /// Whether it or a rule of it asks which application it is.
    pub(crate) fn asks_app(&self) -> bool {
        self.questions().any(|ask| matches!(ask, Question::App(..)))
    }

    /// Its own id.
    pub(crate) fn id(&self) -> &str {
        &self.place.1
    }
}

fn priority(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or(u64::MAX)
}

/// How a rule ends, and whether nobody can say.
fn end(gate: &Gate, rule: &Value) -> (Outcomes, bool) {
    if !gate.deny.is_empty() && all(&gate.deny, rule) {
        return (Outcomes::SHUT, false);
    }
    if gate.allow.is_empty() || !all(&gate.allow, rule) {
        return (Outcomes::anything(), true);
    }
    let counted = gate.proofs.iter().find(|proofs| all(&proofs.only, rule)).map(|proofs| proofs.count);
    let chained = gate.chains.as_ref().and_then(|chains| {
        let firsts = chains.at.find(rule).into_iter();
        firsts.map(|(_, first)| 1 + u8::from(!chains.next.find(first).is_empty())).min()
    });
    let demands = gate.demands.iter().take(DEMANDS_MAX).enumerate();
    let demands =
        demands.filter(|(_, demand)| demanded(demand, rule)).fold(0, |bits, (at, _)| bits | 1 << at);
    let proofs = chained.or(counted).unwrap_or(0);
    (Outcomes::way(Way { proofs, demands }), false)
}

/// Whether every alternative of a rule demands it.
fn demanded(demand: &Demand, rule: &Value) -> bool {
    let each = demand.each.find(rule);
    !each.is_empty() && each.iter().all(|(_, one)| all(&demand.only, one))
}

struct Reader<'a> {
    facts: &'a AccessFacts,
    asks: &'a Pointer,
    reasons: &'a mut Reasons,
}

impl Reader<'_> {
    /// What a policy or a rule asks.
    fn questions(&mut self, body: &Value) -> Vec<Question> {
        let mut out = Vec::new();
        for ask in &self.facts.ask {
            let Some(found) = ask.at.get(body).filter(|found| !is_empty(found)) else { continue };
            if !ask.nothing.iter().any(|condition| condition.holds(found)) {
                out.push(self.question(ask, found));
            }
        }
        let members = self.asks.get(body).and_then(Value::as_object);
        for (name, _) in members.into_iter().flat_map(Object::iter).filter(|(_, value)| !is_empty(value)) {
            let at = self.asks.join(name);
            if !self.facts.ask.iter().any(|ask| ask.at == at) {
                out.push(Question::Unknown(self.reasons.bit(&format!("the condition `{name}`"))));
            }
        }
        out
    }

    fn question(&mut self, ask: &Ask, found: &Value) -> Question {
        let wanted = |include: Option<&_>, exclude: Option<&_>| Wanted {
            include: texts(include, found).into_iter().collect(),
            exclude: texts(exclude, found).into_iter().collect(),
        };
        let own = wanted(ask.include.as_ref(), ask.exclude.as_ref());
        match ask.test {
            Test::People => {
                Question::People(own, wanted(ask.include_groups.as_ref(), ask.exclude_groups.as_ref()))
            }
            Test::Sort => Question::Sort(own),
            Test::Zone => Question::Zone(own),
            Test::App => Question::App(own, wanted(ask.include_sorts.as_ref(), ask.exclude_sorts.as_ref())),
            Test::Expression => {
                Question::Expression(own.include.first().map_or(Term::Other, |text| expression::parse(text)))
            }
            Test::Unknown => Question::Unknown(self.reasons.bit(&ask.why)),
        }
    }
}

/// Whether nothing stands there: vendors write out empty lists and objects.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.iter().all(|(_, member)| is_empty(member)),
        _ => false,
    }
}
