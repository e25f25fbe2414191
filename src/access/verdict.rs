//! What becomes of each person at the gates of an application when one state becomes another.
//!
//! Assignment is not asked here: applications with the same policies have the same verdicts.

use std::collections::{BTreeSet, HashMap};

use crate::access::book::{Named, Reason};
use crate::access::crowd::{Set, Truth};
use crate::access::decide::{AppName, Court, Ends, Row};
use crate::access::outcome::{Moved, Outcomes, Way};
use crate::catalog::GateOf;

/// One person at the gates, before and after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) from: Truth,
    pub(crate) to: Truth,
    pub(crate) moved: Moved,
    /// The least that is asked of somebody who gets in, over all places.
    pub(crate) ways: (Option<Way>, Option<Way>),
    pub(crate) why: Reason,
}

impl Verdict {
    const CLOSED: Self = Self {
        from: Truth::No,
        to: Truth::No,
        moved: Moved { weaker: false, stronger: false },
        ways: (None, None),
        why: 0,
    };

    fn take(&mut self, from: Outcomes, to: Outcomes, why: Reason) {
        let enters = |ends: Outcomes| match (ends.must_enter(), ends.can_enter()) {
            (true, _) => Truth::Yes,
            (false, true) => Truth::Maybe,
            (false, false) => Truth::No,
        };
        self.from = self.from.or(enters(from));
        self.to = self.to.or(enters(to));
        self.moved = self.moved.and(from.moved_to(to));
        let least = |known: Option<Way>, ends: Outcomes| match (known, ends.weakest()) {
            (Some(one), Some(other)) => Some(one.weakest(other)),
            (known, found) => known.or(found),
        };
        self.ways = (least(self.ways.0, from), least(self.ways.1, to));
        self.why |= why;
    }
}

/// The gates of both states.
pub(crate) struct Trial<'a> {
    sides: [Side<'a>; 2],
    /// Zones with other addresses than before.
    moved_zones: BTreeSet<String>,
    /// The ends at the tenant's gates that ask for no application, by side and place.
    known: HashMap<(usize, Option<String>), Ends>,
}

struct Side<'a> {
    court: &'a Court<'a>,
    tenant: Vec<Row<'a>>,
    asks_app: bool,
    zones: BTreeSet<String>,
}

impl<'a> Side<'a> {
    fn new(court: &'a Court<'a>) -> Self {
        let gates = court.facts.gate.iter().enumerate().filter(|(_, gate)| gate.of == GateOf::Tenant);
        let gates: Vec<usize> = gates.map(|(at, _)| at).collect();
        let policies = || gates.iter().flat_map(|gate| court.book.of_gate(*gate));
        Self {
            court,
            tenant: gates.iter().map(|gate| court.tenant_row(*gate)).collect(),
            asks_app: policies().any(|policy| policy.asks_app()),
            zones: policies()
                .flat_map(|policy| policy.zones().map(str::to_owned).collect::<Vec<_>>())
                .collect(),
        }
    }
}

/// The policy of an application in both states.
pub(crate) type Both<'a> = [Named<'a>; 2];

impl<'a> Trial<'a> {
    pub(crate) fn new(from: &'a Court<'a>, to: &'a Court<'a>) -> Self {
        Self {
            sides: [Side::new(from), Side::new(to)],
            moved_zones: from.book.moved_zones(&to.book),
            known: HashMap::new(),
        }
    }

    /// Whether the verdict on these policies depends on the application itself.
    pub(crate) fn asks_app(&self, policies: Both<'_>) -> bool {
        let own = policies.iter().any(|named| matches!(named, Named::Is(policy) if policy.asks_app()));
        own || self.sides.iter().any(|side| side.asks_app)
    }

    /// The places that the policies tell apart.
    fn places(&self, policies: Both<'_>) -> Vec<Option<String>> {
        let own = policies.into_iter().flat_map(|named| match named {
            Named::Is(policy) => policy.zones().map(str::to_owned).collect(),
            _ => Vec::new(),
        });
        let mut zones: BTreeSet<String> =
            self.sides.iter().flat_map(|side| side.zones.clone()).chain(own).collect();
        for side in &self.sides {
            let every = side.court.facts.zone.as_ref().is_some_and(|zone| zones.contains(&zone.all));
            let all = side.court.book.zones.iter().filter(|(_, zone)| every || zone.shut);
            zones.extend(all.map(|(id, _)| id.clone()));
        }
        let real = |zone: &String| self.sides.iter().any(|side| side.court.book.zones.contains_key(zone));
        std::iter::once(None).chain(zones.into_iter().filter(real).map(Some)).collect()
    }

    /// How it ends at the tenant's own gates.
    fn tenant(&mut self, at: usize, place: Option<&str>, app: AppName<'_>) -> Option<Ends> {
        let side = self.sides.get(at)?;
        let known = (at, place.map(str::to_owned));
        if let Some(ends) = self.known.get(&known).filter(|_| !side.asks_app) {
            return Some(ends.clone());
        }
        let everybody = &side.court.standing.people.here;
        let mut all: Option<Ends> = None;
        for row in &side.tenant {
            let ends = side.court.decide(row, place, app, everybody);
            all = Some(match all {
                Some(before) => before.and(&ends, everybody),
                None => ends,
            });
        }
        if let (Some(ends), false) = (&all, side.asks_app) {
            self.known.insert(known, ends.clone());
        }
        all
    }

    /// How it ends at all gates.
    fn ends(
        &mut self,
        at: usize,
        row: &Row<'_>,
        place: Option<&str>,
        app: AppName<'_>,
        asked: &Set,
    ) -> Option<Ends> {
        let own = self.sides.get(at)?.court.decide(row, place, app, asked);
        Some(match self.tenant(at, place, app) {
            Some(tenant) => own.and(&tenant, asked),
            None => own,
        })
    }

    /// The verdicts on these people for an application with these policies.
    pub(crate) fn verdicts(&mut self, policies: Both<'_>, app: AppName<'_>, asked: &Set) -> Vec<Verdict> {
        let count = self.sides[0].court.standing.roster.len();
        let mut verdicts = vec![Verdict::CLOSED; count];
        let rows = [0, 1].map(|at| self.sides[at].court.app_row(policies[at]));
        for place in self.places(policies) {
            let place = place.as_deref();
            let both = [0, 1].map(|at| self.ends(at, &rows[at], place, app, asked));
            self.fold(&mut verdicts, &both, asked);
            // Of an address nobody knows whether it was in such a zone before as well.
            if place.is_some_and(|zone| self.moved_zones.contains(zone)) {
                let outside = [0, 1].map(|at| self.ends(at, &rows[at], None, app, asked));
                let [from, to] = both;
                let [from_outside, to_outside] = outside;
                self.fold(&mut verdicts, &[from, to_outside], asked);
                self.fold(&mut verdicts, &[from_outside, to], asked);
            }
        }
        verdicts
    }

    fn fold(&self, verdicts: &mut [Verdict], both: &[Option<Ends>; 2], asked: &Set) {
        let [Some(from), Some(to)] = both else { return };
        for person in asked.iter() {
            if let Some(verdict) = verdicts.get_mut(person as usize) {
                verdict.take(from.of(person), to.of(person), from.why(person) | to.why(person));
            }
        }
    }

    /// The ends in one state, place by place, the first of them outside every zone.
    pub(crate) fn by_place(
        &mut self,
        at: usize,
        policies: Both<'_>,
        app: AppName<'_>,
        asked: &Set,
    ) -> Vec<Ends> {
        let row = self.sides[at].court.app_row(policies[at]);
        let places = self.places(policies);
        places.iter().filter_map(|place| self.ends(at, &row, place.as_deref(), app, asked)).collect()
    }
}
