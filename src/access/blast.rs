//! Who gains and who loses what, when one state of a tenant becomes another.
//!
//! A person gets into an application who can sign in, is assigned to it (by name, by a group, by a
//! group that a rule fills) and passes the gates. Everything that nobody can say stays apart and is
//! counted; nothing is guessed. Read [`verdict`](crate::access::verdict) for the gates and
//! [`reach`](crate::access::reach) for assignment.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::book::{Book, Named, Reason, Reasons};
use crate::access::console;
use crate::access::crowd::{Crowd, Set, Truth};
use crate::access::decide::{AppName, Court};
use crate::access::filling::{Fillings, Standing};
use crate::access::outcome::{Moved, Way};
use crate::access::people::{Columns, Groups, People, Roster};
use crate::access::reach::{App, Reach};
use crate::access::report::{APPS_MAX, AppChange, Blast, Change, Known, NAMED_MAX, Those, Turn};
use crate::access::source::Source;
use crate::access::verdict::{Both, Trial, Verdict};
use crate::base::key::ResourceKey;
use crate::catalog::{AccessFacts, GateOf, Provider};
use crate::json::Pointer;

/// What the later state is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Later {
    /// One that was recorded: what rules do is in it.
    Recorded,
    /// One that a plan would leave: what rules do is still to come.
    Planned,
}

/// A state that can be compared.
pub type State<'s, E> = dyn Source<Error = E> + 's;

/// Compares two states; `None` where the catalogue does not say how access works. `touched` are the
/// resources that are not the same in both, more of them doing no harm.
///
/// # Errors
/// A body could not be read.
pub fn compare<E>(
    catalog: &Provider,
    from: &State<'_, E>,
    to: &State<'_, E>,
    later: Later,
    touched: &BTreeSet<ResourceKey>,
) -> Result<Option<Blast>, E> {
    let Some(facts) = &catalog.access else { return Ok(None) };
    let mut roster = Roster::default();
    roster.take(facts, from);
    roster.take(facts, to);
    let mut reasons = Reasons::default();
    let books = [Book::read(facts, from, &mut reasons)?, Book::read(facts, to, &mut reasons)?];
    let fillings = [Fillings::read(facts, from)?, Fillings::read(facts, to)?];
    let fields: BTreeSet<Pointer> =
        fillings.iter().flat_map(Fillings::fields).chain(books.iter().flat_map(Book::fields)).collect();
    let name = catalog.kind(&facts.group.kind).map(|spec| spec.name.as_slice()).unwrap_or_default();
    let standing = |source: &State<'_, E>, fillings| {
        let columns = Columns::new(fields.iter().cloned(), roster.len());
        let people = People::read(facts, source, &roster, columns)?;
        Ok(Standing::recorded(&roster, people, Groups::read(facts, source, &roster, name)?, fillings))
    };
    let [before, after] = fillings;
    let before = standing(from, before)?;
    let mut after = standing(to, after)?;
    if later == Later::Planned {
        let mut written = Set::none(roster.len());
        let people = touched.iter().filter(|key| key.kind == facts.person.kind);
        people.filter_map(|key| roster.number(key.id())).for_each(|person| written.add(person));
        after.planned_from(&before, &written);
    }
    let reach = [Reach::read(facts, from, &before)?, Reach::read(facts, to, &after)?];
    let [book, other] = books;
    let courts =
        [Court::new(facts, before, book, &mut reasons), Court::new(facts, after, other, &mut reasons)];
    let [one, two] = &courts;
    let console = console::entries(facts, [from, to], &courts, &reach)?;
    let comparison = Comparison { facts, sources: [from, to], courts: [one, two], reach: &reach, touched };
    let mut found = Found::new(catalog, &reasons, roster.len());
    comparison.run(&mut found)?;
    let mut blast = found.finish(facts, [from, to], &roster)?;
    blast.gaps = gaps(facts, from, to);
    blast.console = console;
    Ok(Some(blast))
}

/// What was not read whole.
fn gaps<E>(facts: &AccessFacts, from: &State<'_, E>, to: &State<'_, E>) -> Vec<String> {
    let of = |source: &State<'_, E>| {
        let kinds = facts.kinds().into_iter();
        kinds.filter_map(|kind| source.gap(kind).map(|why| format!("{kind}: {why}"))).collect::<Vec<_>>()
    };
    of(from).into_iter().chain(of(to)).collect::<BTreeSet<_>>().into_iter().collect()
}

struct Comparison<'a, E> {
    facts: &'a AccessFacts,
    sources: [&'a State<'a, E>; 2],
    courts: [&'a Court<'a>; 2],
    reach: &'a [Reach; 2],
    touched: &'a BTreeSet<ResourceKey>,
}

/// Who is linked to an application, on both sides.
struct Task<'a> {
    app: &'a str,
    seen: [Option<&'a App>; 2],
    /// A link of a person to it is not the same.
    relinked: bool,
}

impl<'a, E> Comparison<'a, E> {
    fn run(&self, found: &mut Found<'_>) -> Result<(), E> {
        let gate = self.facts.gate.iter().position(|gate| gate.of == GateOf::App);
        let relinked: BTreeSet<&String> = self
            .touched
            .iter()
            .filter(|key| key.kind == self.facts.app.people)
            .filter_map(|key| key.above().last())
            .collect();
        let ids: BTreeSet<&String> = self.reach.iter().flat_map(|reach| reach.apps.keys()).collect();
        let mut tasks: BTreeMap<[Option<&str>; 2], (Both<'_>, Vec<Task<'_>>)> = BTreeMap::new();
        for app in ids {
            let seen = [0, 1].map(|at| self.reach[at].open(app));
            let named = [0, 1].map(|at| {
                let policy = seen[at].and_then(|app| app.policy.as_deref());
                gate.map_or(Named::None, |gate| self.courts[at].book.policy_of(gate, app, policy))
            });
            let task = Task { app, seen, relinked: relinked.contains(app) };
            let by = named.map(|named| match named {
                Named::None => None,
                Named::Missing => Some(""),
                Named::Is(policy) => Some(policy.id()),
            });
            tasks.entry(by).or_insert_with(|| (named, Vec::new())).1.push(task);
        }
        let mut trial = Trial::new(self.courts[0], self.courts[1]);
        for (policies, tasks) in tasks.into_values() {
            self.alike(&mut trial, policies, &tasks, found)?;
        }
        Ok(())
    }

    /// Applications that have the same policies.
    fn alike(
        &self,
        trial: &mut Trial<'_>,
        policies: Both<'_>,
        tasks: &[Task<'_>],
        found: &mut Found<'_>,
    ) -> Result<(), E> {
        let apart = trial.asks_app(policies);
        let shared = if apart {
            None
        } else {
            let mut asked = Set::none(self.courts[0].standing.roster.len());
            for task in tasks {
                for at in [0, 1] {
                    asked.add_all(&self.reach[at].linked(&self.courts[at].standing, task.app).possible());
                }
            }
            Some(trial.verdicts(policies, AppName { id: "", sort: "" }, &asked))
        };
        for task in tasks {
            let linked = [0, 1].map(|at| self.reach[at].linked(&self.courts[at].standing, task.app));
            let mut possible = linked[0].possible();
            possible.add_all(&linked[1].possible());
            let own;
            let verdicts = match &shared {
                Some(verdicts) => verdicts,
                None => {
                    let sort = task.seen[1].or(task.seen[0]).map_or("", |app| app.sort.as_str());
                    own = trial.verdicts(policies, AppName { id: task.app, sort }, &possible);
                    &own
                }
            };
            let still = |person| self.is_still(verdicts, person);
            if linked[0] == linked[1] && !task.relinked && possible.iter().all(still) {
                continue;
            }
            let [before, after] = linked;
            let assigned = [
                Reach::assigned(self.facts, self.sources[0], &self.courts[0].standing, task.app, before)?,
                Reach::assigned(self.facts, self.sources[1], &self.courts[1].standing, task.app, after)?,
            ];
            self.judge(task, &assigned, verdicts, &possible, found);
        }
        Ok(())
    }

    /// Whether nothing changes for a person whose assignment does not.
    fn is_still(&self, verdicts: &[Verdict], person: u32) -> bool {
        let can = [0, 1].map(|at| self.courts[at].standing.people.can.has(person));
        let Some(verdict) = verdicts.get(person as usize) else { return true };
        can[0] == can[1] && verdict.from == verdict.to && verdict.moved == Moved::default()
    }

    fn judge(
        &self,
        task: &Task<'_>,
        assigned: &[Crowd; 2],
        verdicts: &[Verdict],
        possible: &Set,
        found: &mut Found<'_>,
    ) {
        let mut changes = Changes::default();
        for person in possible.iter() {
            let Some(verdict) = verdicts.get(person as usize) else { continue };
            let held = |at: usize, gate: Truth| {
                let can: Truth = self.courts[at].standing.people.can.has(person).into();
                can.and(assigned[at].of(person)).and(gate)
            };
            let ends = (held(0, verdict.from), held(1, verdict.to));
            if let Some(change) = changed(ends, verdict.moved) {
                let unsure = matches!(change, Change::MayGain | Change::MayLose);
                let membership = assigned.iter().any(|crowd| crowd.of(person) == Truth::Maybe);
                let why = if membership { verdict.why | self.courts[0].membership } else { verdict.why };
                changes.add(change, verdict.ways, person, if unsure { why } else { 0 });
            }
        }
        if !changes.is_empty() {
            let label = task.seen[1].or(task.seen[0]).map_or("", |app| app.label.as_str());
            let key = ResourceKey::new(&self.facts.app.kind, vec![task.app.to_owned()]);
            found.take(Known { key, name: label.to_owned() }, changes);
        }
    }
}

/// What happens to somebody who got in so far and gets in so far afterwards.
fn changed(ends: (Truth, Truth), moved: Moved) -> Option<Change> {
    match ends {
        (Truth::No, Truth::No) => None,
        (Truth::No, Truth::Yes) => Some(Change::Gains),
        (Truth::Yes, Truth::No) => Some(Change::Loses),
        (from, to) if from < to => Some(Change::MayGain),
        (from, to) if from > to => Some(Change::MayLose),
        _ => match (moved.weaker, moved.stronger) {
            (false, false) => None,
            (true, false) => Some(Change::Weaker),
            (false, true) => Some(Change::Stronger),
            (true, true) => Some(Change::Otherwise),
        },
    }
}

type Ways = (Option<Way>, Option<Way>);

/// The changes of one application, by number.
#[derive(Default)]
struct Changes {
    people: BTreeMap<(Change, Ways), Vec<u32>>,
    why: Reason,
}

impl Changes {
    fn add(&mut self, change: Change, ways: Ways, person: u32, why: Reason) {
        let ways = if change.is_turn() { ways } else { (None, None) };
        self.people.entry((change, ways)).or_default().push(person);
        self.why |= why;
    }

    fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// How dangerous it is: those who gain and those who get in more easily come first.
    fn weight(&self) -> [usize; Change::ALL.len()] {
        Change::ALL.map(|wanted| {
            let of = self.people.iter().filter(|((change, _), _)| *change == wanted);
            of.map(|(_, people)| people.len()).sum()
        })
    }
}

/// Everything that was found, by number.
struct Found<'a> {
    reasons: &'a Reasons,
    demands: Vec<String>,
    apps: Vec<(Known, Changes)>,
    totals: BTreeMap<Change, Set>,
    count: usize,
}

impl<'a> Found<'a> {
    fn new(catalog: &Provider, reasons: &'a Reasons, count: usize) -> Self {
        let gates = catalog.access.iter().flat_map(|facts| &facts.gate);
        let demands = gates.filter(|gate| !gate.demands.is_empty()).take(1).flat_map(|gate| &gate.demands);
        let demands = demands.map(|demand| demand.what.clone()).collect();
        Self { reasons, demands, apps: Vec::new(), totals: BTreeMap::new(), count }
    }

    fn take(&mut self, app: Known, changes: Changes) {
        for ((change, _), people) in &changes.people {
            let total = self.totals.entry(*change).or_insert_with(|| Set::none(self.count));
            people.iter().for_each(|person| total.add(*person));
        }
        self.apps.push((app, changes));
    }

    /// Puts names to the first of everything.
    fn finish<E>(
        mut self,
        facts: &AccessFacts,
        sources: [&State<'_, E>; 2],
        roster: &Roster,
    ) -> Result<Blast, E> {
        self.apps.sort_by(|(one, changes), (other, others)| {
            others
                .weight()
                .cmp(&changes.weight())
                .then_with(|| one.name.cmp(&other.name))
                .then_with(|| one.key.cmp(&other.key))
        });
        let apps_changed = self.apps.len() as u64;
        self.apps.truncate(APPS_MAX);
        let firsts = self.apps.iter().flat_map(|(_, changes)| changes.people.values());
        let firsts: BTreeSet<u32> =
            firsts.flat_map(|people| people.iter().take(NAMED_MAX).copied()).collect();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let key = |person: u32| ResourceKey::new(&facts.person.kind, vec![roster.id(person).to_owned()]);
        let keys: Vec<ResourceKey> = firsts.into_iter().map(key).collect();
        for source in sources {
            source.some(&keys, &mut |key, body| {
                if let Some(name) = facts.person.label.get(body).and_then(crate::json::Value::as_str) {
                    names.insert(key.id().to_owned(), name.to_owned());
                }
            })?;
        }
        let those = |people: &[u32]| Those {
            count: people.len() as u64,
            named: people
                .iter()
                .take(NAMED_MAX)
                .map(|person| {
                    let key = key(*person);
                    let name = names.get(key.id()).cloned().unwrap_or_else(|| key.id().to_owned());
                    Known { key, name }
                })
                .collect(),
        };
        let apps = self.apps.iter().map(|(app, changes)| self.app(app, changes, &those)).collect();
        let totals = self.totals.iter().map(|(change, set)| (*change, set.iter().count() as u64)).collect();
        Ok(Blast { apps, apps_changed, totals, gaps: Vec::new(), console: None })
    }

    fn app(&self, app: &Known, changes: &Changes, those: &dyn Fn(&[u32]) -> Those) -> AppChange {
        let mut out = AppChange {
            app: app.clone(),
            people: BTreeMap::new(),
            turns: BTreeMap::new(),
            unknown: self.reasons.words(changes.why),
        };
        let words =
            |way: Option<Way>| way.map_or_else(|| "no way in".to_owned(), |way| way.words(&self.demands));
        for ((change, ways), people) in &changes.people {
            if change.is_turn() {
                let turn = Turn { from: words(ways.0), to: words(ways.1), people: those(people) };
                out.turns.entry(*change).or_default().push(turn);
            } else {
                out.people.insert(*change, those(people));
            }
        }
        out
    }
}
