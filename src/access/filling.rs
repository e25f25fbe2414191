//! Rules that put people into groups, and what they will have done once a state has come to rest.
//!
//! A recorded state says who is in a group, and the vendor does not say by which way. So:
//!
//! - whom a working rule surely means is in its groups, recorded or not;
//! - where a rule cannot be answered, what is recorded stands, for the vendor has answered it;
//! - in a state that a plan would leave, a rule that cannot be answered and is new to a person makes
//!   "perhaps", and so does one that meant a person before and does not any more: nobody can tell
//!   whether somebody was put into the group by hand as well;
//! - who was put into a group by a rule that goes stays there, as the vendor's documents say.

use std::collections::BTreeMap;

use crate::access::crowd::{Set, Truth};
use crate::access::expression::{self, Asked, Term};
use crate::access::people::{Groups, People, Roster, all};
use crate::access::source::Source;
use crate::catalog::AccessFacts;
use crate::json::{Pattern, Pointer, Value};

/// A rule that works.
#[derive(PartialEq)]
struct Filling {
    term: Term,
    /// The expression asks who is in a group.
    asks_groups: bool,
    text: String,
    groups: Vec<String>,
    except_people: Vec<String>,
    except_groups: Vec<String>,
}

/// The working rules of one state, by id.
#[derive(Default)]
pub(crate) struct Fillings {
    rules: BTreeMap<String, Filling>,
    /// Where the fields stand that the rules name.
    below: Pointer,
}

/// The texts that a pattern finds.
pub(crate) fn texts(pattern: Option<&Pattern>, body: &Value) -> Vec<String> {
    let found = pattern.map(|pattern| pattern.find(body)).unwrap_or_default();
    found.into_iter().filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect()
}

impl Fillings {
    /// Reads the rules that work.
    pub(crate) fn read<S: Source + ?Sized>(facts: &AccessFacts, source: &S) -> Result<Self, S::Error> {
        let mut rules = BTreeMap::new();
        let Some(filling) = &facts.filling else { return Ok(Self::default()) };
        source.bodies(&filling.kind, &mut |key, body| {
            if !all(&filling.on, body) {
                return;
            }
            let text = filling.expression.get(body).and_then(Value::as_str).unwrap_or_default();
            let rule = Filling {
                term: expression::parse(text).placed(&filling.fields),
                asks_groups: text.contains("isMemberOf"),
                text: text.to_owned(),
                groups: texts(Some(&filling.groups), body),
                except_people: texts(filling.except_people.as_ref(), body),
                except_groups: texts(filling.except_groups.as_ref(), body),
            };
            rules.insert(key.id().to_owned(), rule);
        })?;
        Ok(Self { rules, below: filling.fields.clone() })
    }

    /// The fields that the rules look at.
    pub(crate) fn fields(&self) -> Vec<Pointer> {
        let mut found = Vec::new();
        self.rules.values().for_each(|rule| rule.term.fields(&mut found));
        found
    }
}

/// A person to whom an expression is put.
pub(crate) struct Person<'a> {
    pub(crate) people: &'a People,
    pub(crate) groups: &'a Groups,
    /// The numbers of groups to which rules add.
    pub(crate) filled: &'a [u32],
    /// Where the fields stand that the expression names.
    pub(crate) below: &'a Pointer,
    pub(crate) number: u32,
}

impl Asked for Person<'_> {
    fn field(&self, at: &Pointer) -> Option<&Value> {
        let found = self.people.columns.get(at, self.number)?;
        // What is not a field of a profile may be something that no recorded body holds.
        let plain = if self.below.is_empty() {
            at.len() > 1 || !found.is_null()
        } else {
            at.len() == self.below.len() + 1
        };
        plain.then_some(found)
    }

    fn in_group(&self, id: &str, negated: bool) -> Truth {
        let Some(group) = self.groups.number(id) else { return Truth::No };
        match self.groups.of(self.people, group, self.number) {
            Truth::No if negated && self.filled.contains(&group) => Truth::Maybe,
            other => other,
        }
    }

    fn named(&self, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.groups.named(fits)
    }
}

/// One state at work: who is there, who is in what, and what adds to it.
pub(crate) struct Standing<'a> {
    pub(crate) roster: &'a Roster,
    pub(crate) people: People,
    pub(crate) groups: Groups,
    pub(crate) fillings: Fillings,
    pub(crate) filled: Vec<u32>,
}

impl<'a> Standing<'a> {
    /// A state as it is recorded.
    pub(crate) fn recorded(roster: &'a Roster, people: People, groups: Groups, fillings: Fillings) -> Self {
        let ids = fillings.rules.values().flat_map(|rule| &rule.groups);
        let filled = ids.filter_map(|id| groups.number(id)).collect();
        let mut standing = Self { roster, people, groups, fillings, filled };
        standing.fill();
        standing
    }

    /// A person to whom an expression is put whose fields stand below this place.
    pub(crate) fn person<'s>(&'s self, number: u32, below: &'s Pointer) -> Person<'s> {
        Person { people: &self.people, groups: &self.groups, filled: &self.filled, below, number }
    }

    /// Whether a rule means a person.
    fn means(&self, rule: &Filling, person: u32) -> Truth {
        let asked = self.person(person, &self.fillings.below);
        if !self.people.live.has(person) || rule.except_people.iter().any(|id| id == self.roster.id(person)) {
            return Truth::No;
        }
        let out = rule.except_groups.iter().map(|id| asked.in_group(id, true)).max().unwrap_or(Truth::No);
        if out == Truth::Yes { Truth::No } else { out.not().and(expression::answer(&rule.term, &asked)) }
    }

    /// Adds whom the rules surely mean, until nobody is added: rules may ask for groups that rules fill.
    fn fill(&mut self) {
        for round in 0..=self.fillings.rules.len() {
            let mut added: BTreeMap<u32, Vec<(u32, Truth)>> = BTreeMap::new();
            for rule in self.fillings.rules.values().filter(|rule| round == 0 || rule.asks_groups) {
                let groups: Vec<u32> = rule.groups.iter().filter_map(|id| self.groups.number(id)).collect();
                if rule.term == Term::Other || groups.is_empty() {
                    continue;
                }
                for person in self.people.live.iter().filter(|person| self.means(rule, *person) == Truth::Yes)
                {
                    for group in &groups {
                        if self.groups.of(&self.people, *group, person) != Truth::Yes {
                            added.entry(*group).or_default().push((person, Truth::Yes));
                        }
                    }
                }
            }
            if added.is_empty() {
                return;
            }
            added.into_iter().for_each(|(group, changes)| self.groups.set(group, changes));
        }
    }

    /// Makes of it what a plan would leave: what follows from rules is not recorded yet. `touched` are the
    /// people that the plan itself writes.
    pub(crate) fn planned_from(&mut self, before: &Standing<'_>, touched: &Set) {
        // Each person's place in each group changes at most once, and one change can lead to another at
        // most through every rule.
        for _ in 0..=self.fillings.rules.len() + 1 {
            let mut changes: BTreeMap<u32, Vec<(u32, Truth)>> = BTreeMap::new();
            for (id, rule) in &self.fillings.rules {
                self.unsettled(before, (id, rule), touched, &mut changes);
            }
            if changes.is_empty() {
                return;
            }
            changes.into_iter().for_each(|(group, changes)| self.groups.set(group, changes));
        }
    }

    fn unsettled(
        &self,
        before: &Standing<'_>,
        (id, rule): (&String, &Filling),
        touched: &Set,
        changes: &mut BTreeMap<u32, Vec<(u32, Truth)>>,
    ) {
        let old = before.fillings.rules.get(id);
        let same = old == Some(rule);
        // Of whom nothing changed that the rule asks, it says what it said.
        let alike = same && !rule.asks_groups && rule.except_groups.is_empty();
        for person in self.people.live.iter().filter(|person| !alike || touched.has(*person)) {
            let was = old.map_or(Truth::No, |old| before.means(old, person));
            let is = self.means(rule, person);
            let new = is == Truth::Maybe && !(was == Truth::Maybe && same && !touched.has(person));
            for group in rule.groups.iter().filter(|_| new).filter_map(|id| self.groups.number(id)) {
                if self.groups.of(&self.people, group, person) == Truth::No {
                    changes.entry(group).or_default().push((person, Truth::Maybe));
                }
            }
            let left = was == Truth::Yes && is != Truth::Yes;
            for id in old.into_iter().filter(|_| left).flat_map(|old| &old.groups) {
                let Some(group) = self.groups.number(id) else { continue };
                let there = self.groups.of(&self.people, group, person) == Truth::Yes;
                if there && !self.everyone_or_meant(id, group, person) {
                    changes.entry(group).or_default().push((person, Truth::Maybe));
                }
            }
        }
    }

    /// Whether a person is in a group for another reason than that somebody once put him there.
    fn everyone_or_meant(&self, id: &String, group: u32, person: u32) -> bool {
        let fills = |rule: &&Filling| rule.groups.contains(id);
        self.groups.is_everyone(group)
            || self.fillings.rules.values().filter(fills).any(|rule| self.means(rule, person) == Truth::Yes)
    }
}
