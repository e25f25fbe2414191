//! The people and groups of a state, by number: who can sign in, who is in which group.
//!
//! The numbers are the same for both states that are compared: [`Roster`] gives them. Membership here is
//! what is recorded; what rules add is [`filling`](crate::access::filling).

use std::collections::{BTreeMap, HashMap};

use crate::access::crowd::{Crowd, Set, Truth};
use crate::access::source::Source;
use crate::base::key::ResourceKey;
use crate::catalog::{AccessFacts, Condition};
use crate::json::{Pointer, Value};

/// The numbers of people.
#[derive(Default)]
pub(crate) struct Roster {
    ids: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Roster {
    /// Numbers everybody of a state who has no number yet.
    pub(crate) fn take<S: Source + ?Sized>(&mut self, facts: &AccessFacts, source: &S) {
        source.keys(&facts.person.kind, &mut |key| {
            if !self.numbers.contains_key(key.id()) {
                // There are not 2^32 people.
                let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
                self.ids.push(key.id().into());
                self.numbers.insert(key.id().into(), next);
            }
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn number(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    pub(crate) fn id(&self, person: u32) -> &str {
        self.ids.get(person as usize).map_or("", |id| id)
    }
}

/// The fields of people that expressions look at: one column a field.
#[derive(Default)]
pub(crate) struct Columns(BTreeMap<Pointer, Vec<Value>>);

impl Columns {
    pub(crate) fn new(fields: impl IntoIterator<Item = Pointer>, count: usize) -> Self {
        Self(fields.into_iter().map(|at| (at, vec![Value::Null; count])).collect())
    }

    /// What stands in a field; `None` where the field was not asked for beforehand.
    pub(crate) fn get(&self, at: &Pointer, person: u32) -> Option<&Value> {
        self.0.get(at)?.get(person as usize)
    }

    fn take(&mut self, person: u32, body: &Value) {
        for (at, column) in &mut self.0 {
            if let (Some(place), Some(value)) = (column.get_mut(person as usize), at.get(body)) {
                *place = value.clone();
            }
        }
    }
}

/// The people of one state.
pub(crate) struct People {
    /// Who is there.
    pub(crate) here: Set,
    /// Who can sign in.
    pub(crate) can: Set,
    /// Who is there and belongs to everyone.
    pub(crate) live: Set,
    /// What sort each is of; empty where that is not known.
    sorts: Vec<Box<str>>,
    /// What expressions look at.
    pub(crate) columns: Columns,
}

impl People {
    /// Reads everybody.
    pub(crate) fn read<S: Source + ?Sized>(
        facts: &AccessFacts,
        source: &S,
        roster: &Roster,
        columns: Columns,
    ) -> Result<Self, S::Error> {
        let count = roster.len();
        let mut people = Self {
            here: Set::none(count),
            can: Set::none(count),
            live: Set::none(count),
            sorts: vec![Box::default(); count],
            columns,
        };
        source.bodies(&facts.person.kind, &mut |key, body| {
            let Some(person) = roster.number(key.id()) else { return };
            people.here.add(person);
            if all(&facts.person.can, body) {
                people.can.add(person);
            }
            if facts.person.gone.is_empty() || !all(&facts.person.gone, body) {
                people.live.add(person);
            }
            let sort = facts.person.sort.as_ref().and_then(|at| at.get(body)).and_then(Value::as_str);
            if let (Some(sort), Some(place)) = (sort, people.sorts.get_mut(person as usize)) {
                *place = sort.into();
            }
            people.columns.take(person, body);
        })?;
        Ok(people)
    }

    /// What sort a person is of.
    pub(crate) fn sort(&self, person: u32) -> &str {
        self.sorts.get(person as usize).map_or("", |sort| sort)
    }
}

/// The groups of one state and who is in them.
#[derive(Default)]
pub(crate) struct Groups {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    /// Who is in each, in order; surely and perhaps.
    members: Vec<Vec<(u32, Truth)>>,
    /// Groups that hold everybody there is.
    everyone: Vec<bool>,
}

impl Groups {
    /// Reads the groups and the recorded members.
    pub(crate) fn read<S: Source + ?Sized>(
        facts: &AccessFacts,
        source: &S,
        roster: &Roster,
        name: &[Pointer],
    ) -> Result<Self, S::Error> {
        let mut groups = Self::default();
        source.bodies(&facts.group.kind, &mut |key, body| {
            let next = u32::try_from(groups.names.len()).unwrap_or(u32::MAX);
            groups.numbers.insert(key.id().into(), next);
            let called = name.last().and_then(|at| at.get(body)).and_then(Value::as_str);
            groups.names.push(called.unwrap_or_default().into());
            groups.members.push(Vec::new());
            groups.everyone.push(!facts.group.everyone.is_empty() && all(&facts.group.everyone, body));
        })?;
        source.keys(&facts.group.members, &mut |key: &ResourceKey| {
            let group = key.above().last().and_then(|id| groups.number(id));
            if let (Some(group), Some(person)) = (group, roster.number(key.id())) {
                groups.members[group as usize].push((person, Truth::Yes));
            }
        });
        groups.members.iter_mut().for_each(|members| {
            members.sort_unstable();
            members.dedup();
            members.shrink_to_fit();
        });
        Ok(groups)
    }

    pub(crate) fn number(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// Whether a group holds everybody there is.
    pub(crate) fn is_everyone(&self, group: u32) -> bool {
        self.everyone.get(group as usize) == Some(&true)
    }

    /// The ids of the groups whose names fit.
    pub(crate) fn named(&self, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
        let fitting = self
            .numbers
            .iter()
            .filter(|(_, group)| self.names.get(**group as usize).is_some_and(|name| fits(name)));
        fitting.map(|(id, _)| id.to_string()).collect()
    }

    /// Whether a person is in a group.
    pub(crate) fn of(&self, people: &People, group: u32, person: u32) -> Truth {
        if !people.here.has(person) {
            return Truth::No;
        }
        if self.is_everyone(group) && people.live.has(person) {
            return Truth::Yes;
        }
        let members = self.members.get(group as usize).map(Vec::as_slice).unwrap_or_default();
        let found = members.binary_search_by_key(&person, |(member, _)| *member);
        found.ok().and_then(|at| members.get(at)).map_or(Truth::No, |(_, how)| *how)
    }

    /// Adds who is in a group.
    pub(crate) fn add_to(&self, people: &People, group: u32, crowd: &mut Crowd) {
        if self.is_everyone(group) {
            crowd.sure.add_all(&people.live);
        }
        for (person, how) in self.members.get(group as usize).into_iter().flatten() {
            if people.here.has(*person) {
                crowd.add(*person, *how);
            }
        }
    }

    /// Says of a person how far he belongs to a group, whatever was known.
    pub(crate) fn set(&mut self, group: u32, changes: Vec<(u32, Truth)>) {
        let Some(members) = self.members.get_mut(group as usize) else { return };
        let mut known: BTreeMap<u32, Truth> = members.drain(..).collect();
        known.extend(changes);
        members.extend(known);
    }
}

/// Whether all of it holds.
pub(crate) fn all(conditions: &[Condition], body: &Value) -> bool {
    conditions.iter().all(|condition| condition.holds(body))
}
