//! How far anybody can still get into the vendor's own console and administer the tenant.
//!
//! A way that nobody can vouch for does not count as one, and neither does one that is open from some
//! networks only where there was one from anywhere: who makes a plan may sit elsewhere.

use crate::access::blast::State;
use crate::access::book::Named;
use crate::access::crowd::{Crowd, Truth};
use crate::access::decide::{AppName, Court};
use crate::access::people::all;
use crate::access::reach::Reach;
use crate::access::report::{Console, Entry};
use crate::access::verdict::Trial;
use crate::catalog::mention::last_of;
use crate::catalog::{AccessFacts, ConsoleFacts, GateOf};
use crate::json::Value;

/// The ways to the console in both states; `None` where the vendor has no console that is known.
pub(crate) fn entries<'a, E>(
    facts: &AccessFacts,
    sources: [&State<'_, E>; 2],
    courts: &'a [Court<'a>; 2],
    reach: &[Reach; 2],
) -> Result<Option<Console>, E> {
    let Some(console) = &facts.console else { return Ok(None) };
    let [one, other] = courts;
    let mut trial = Trial::new(one, other);
    let app = |at: usize| reach[at].apps.iter().find(|(_, app)| app.console && app.on);
    let apps = [app(0), app(1)];
    let gate = facts.gate.iter().position(|gate| gate.of == GateOf::App);
    let named = [0, 1].map(|at| match (gate, apps[at]) {
        (Some(gate), Some((id, app))) => courts[at].book.policy_of(gate, id, app.policy.as_deref()),
        _ => Named::None,
    });
    let mut found = [(Entry::Nobody, Entry::Nobody); 2];
    for at in [0, 1] {
        let (any, full) = administrators(console, sources[at], &courts[at])?;
        // Where the console is not recorded, its own policy is not asked.
        let (id, sort) = apps[at].map_or(("", ""), |(id, app)| (id.as_str(), app.sort.as_str()));
        let ends = trial.by_place(at, named, AppName { id, sort }, &any.possible());
        let entry = |crowd: &Crowd| {
            let mut best = Entry::Nobody;
            for person in crowd.possible().iter().filter(|person| courts[at].standing.people.can.has(*person))
            {
                let sure = crowd.of(person) == Truth::Yes;
                for (place, ends) in ends.iter().enumerate() {
                    let way = ends.of(person);
                    best = best.max(match (way.must_enter() && sure, way.can_enter()) {
                        (true, _) if place == 0 => Entry::Anywhere,
                        (true, _) => Entry::SomeNetworks,
                        (false, true) => Entry::Perhaps,
                        (false, false) => Entry::Nobody,
                    });
                }
            }
            best
        };
        found[at] = (entry(&any), entry(&full));
    }
    let [before, after] = found;
    Ok(Some(Console { any: (before.0, after.0), full: (before.1, after.1) }))
}

/// Everybody who administers, and those of them who may do everything.
fn administrators<E>(
    facts: &ConsoleFacts,
    source: &State<'_, E>,
    court: &Court<'_>,
) -> Result<(Crowd, Crowd), E> {
    let standing = &court.standing;
    let [mut any, mut full] = [0, 1].map(|_| Crowd::none(standing.roster.len()));
    for grant in &facts.grants {
        source.bodies(&grant.kind, &mut |key, body| {
            if !all(&grant.only, body) {
                return;
            }
            let holder = match &grant.holder {
                Some(at) => at.get(body).and_then(Value::as_str).map(last_of),
                None => key.above().last().map(String::as_str),
            };
            let Some(holder) = holder else { return };
            let give =
                |crowd: &mut Crowd| match (standing.roster.number(holder), standing.groups.number(holder)) {
                    (Some(person), _) if standing.people.here.has(person) => crowd.add(person, Truth::Yes),
                    (_, Some(group)) => standing.groups.add_to(&standing.people, group, crowd),
                    _ => {}
                };
            give(&mut any);
            if !grant.everything.is_empty() && all(&grant.everything, body) {
                give(&mut full);
            }
        })?;
    }
    any.settle();
    full.settle();
    Ok((any, full))
}
