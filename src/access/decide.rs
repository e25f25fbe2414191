//! Putting the questions of policies to everybody at once: the first rule that fits decides.
//!
//! A rule of which nobody can say whether it fits may end the search or not, so both what it says and
//! what comes after it are possible. From where somebody comes is not known either, but there are only
//! so many places that rules tell apart; each is asked for by itself.

use std::collections::BTreeSet;

use crate::access::book::{Book, Named, Policy, Question, Reason, Reasons, Wanted};
use crate::access::crowd::{Crowd, Set, Truth};
use crate::access::expression;
use crate::access::filling::Standing;
use crate::access::outcome::{Outcomes, Way};
use crate::catalog::AccessFacts;
use crate::json::Pointer;

/// From where somebody comes: a zone, or outside all that are named.
pub(crate) type Place<'a> = Option<&'a str>;

/// What an application is asked by.
#[derive(Clone, Copy)]
pub(crate) struct AppName<'a> {
    pub(crate) id: &'a str,
    pub(crate) sort: &'a str,
}

/// The ends for everybody who was asked for, and why they are not one.
#[derive(Clone)]
pub(crate) struct Ends {
    pub(crate) ends: Vec<Outcomes>,
    pub(crate) why: Vec<Reason>,
}

impl Ends {
    fn all(count: usize, end: Outcomes, why: Reason) -> Self {
        Self { ends: vec![end; count], why: vec![why; count] }
    }

    pub(crate) fn of(&self, person: u32) -> Outcomes {
        self.ends.get(person as usize).copied().unwrap_or_default()
    }

    pub(crate) fn why(&self, person: u32) -> Reason {
        self.why.get(person as usize).copied().unwrap_or_default()
    }

    /// The ends of those who must pass both.
    pub(crate) fn and(mut self, other: &Self, people: &Set) -> Self {
        for person in people.iter() {
            let (end, why) = (self.of(person).and(other.of(person)), self.why(person) | other.why(person));
            if let Some(place) = self.ends.get_mut(person as usize) {
                *place = end;
            }
            if let Some(place) = self.why.get_mut(person as usize) {
                *place = why;
            }
        }
        self
    }

    fn add(&mut self, person: u32, end: Outcomes, why: Reason) {
        if let (Some(place), Some(reasons)) =
            (self.ends.get_mut(person as usize), self.why.get_mut(person as usize))
        {
            *place = place.or(end);
            *reasons |= why;
        }
    }
}

/// A state with its policies.
pub(crate) struct Court<'a> {
    pub(crate) facts: &'a AccessFacts,
    pub(crate) standing: Standing<'a>,
    pub(crate) book: Book,
    /// The reason where an expression cannot be answered.
    pub(crate) expression: Reason,
    /// The reason where a membership is not certain.
    pub(crate) membership: Reason,
    /// The reason where a policy is not there.
    pub(crate) missing: Reason,
    /// The reason where the rules of a policy are not there.
    pub(crate) bare: Reason,
}

/// One rule with the people whom it fits, whatever the place and the application.
struct Fitting<'p> {
    who: Crowd,
    why: Reason,
    asks: Vec<&'p Question>,
    end: Outcomes,
}

/// A row of rules, of which the first that fits decides.
pub(crate) struct Row<'p> {
    rules: Vec<Fitting<'p>>,
    /// Whoever fits none.
    otherwise: (Outcomes, Reason),
    count: usize,
}

impl<'a> Court<'a> {
    pub(crate) fn new(
        facts: &'a AccessFacts,
        standing: Standing<'a>,
        book: Book,
        reasons: &mut Reasons,
    ) -> Self {
        Self {
            facts,
            standing,
            book,
            expression: reasons.bit("an expression that is not understood"),
            membership: reasons.bit("what group rules will do"),
            missing: reasons.bit("a policy that is not recorded"),
            bare: reasons.bit("a policy whose rules are not recorded"),
        }
    }

    /// The row of a gate that is the tenant's.
    pub(crate) fn tenant_row(&self, gate: usize) -> Row<'_> {
        let policies = self.book.of_gate(gate);
        let open = (Outcomes::way(Way::default()), 0);
        self.row(&policies, if policies.is_empty() { open } else { self.beyond(&policies) })
    }

    /// The row of a gate that is the application's.
    pub(crate) fn app_row(&self, policy: Named<'_>) -> Row<'_> {
        let id = match policy {
            Named::None => return self.row(&[], (Outcomes::way(Way::default()), 0)),
            Named::Missing => return self.row(&[], (Outcomes::anything(), self.missing)),
            Named::Is(policy) => policy.id(),
        };
        let policies: Vec<&Policy> = self.book.by_id(id).into_iter().collect();
        self.row(&policies, self.beyond(&policies))
    }

    /// How it ends for somebody whom no rule fits. Of a policy whose rules are not recorded nobody can
    /// say.
    fn beyond(&self, policies: &[&Policy]) -> (Outcomes, Reason) {
        let bare = policies.iter().any(|policy| policy.is_bare);
        if bare { (Outcomes::anything(), self.bare) } else { (Outcomes::SHUT, 0) }
    }

    fn row<'p>(&self, policies: &[&'p Policy], otherwise: (Outcomes, Reason)) -> Row<'p> {
        let mut rules = Vec::new();
        for policy in policies {
            for rule in &policy.rules {
                let asks: Vec<&Question> = policy.asks.iter().chain(&rule.asks).collect();
                let (who, why) = self.who(&asks);
                rules.push(Fitting { who, why, asks, end: rule.end });
            }
        }
        Row { rules, otherwise, count: self.standing.roster.len() }
    }

    /// The people whom questions fit, as far as they are about people; and why that is not certain.
    fn who(&self, asks: &[&Question]) -> (Crowd, Reason) {
        let count = self.standing.roster.len();
        let mut who = Crowd { sure: self.standing.people.here.clone(), maybe: Set::none(count) };
        let mut why = 0;
        for ask in asks {
            let fits = match ask {
                Question::People(people, groups) => {
                    let fits = self.named(people, groups);
                    why |= if fits.maybe.is_empty() { 0 } else { self.membership };
                    fits
                }
                Question::Sort(wanted) => {
                    self.each(|person| wanted.fits(&|sort| sort == self.standing.people.sort(person)).into())
                }
                Question::Expression(term) => {
                    let root = Pointer::root();
                    let fits =
                        self.each(|person| expression::answer(term, &self.standing.person(person, &root)));
                    why |= if fits.maybe.is_empty() { 0 } else { self.expression };
                    fits
                }
                Question::Unknown(reason) => {
                    why |= reason;
                    Crowd { sure: Set::none(count), maybe: self.standing.people.here.clone() }
                }
                Question::Zone(_) | Question::App(..) => continue,
            };
            let mut possible = who.possible();
            possible.keep(&fits.possible());
            who.sure.keep(&fits.sure);
            possible.drop_all(&who.sure);
            who.maybe = possible;
        }
        (who, why)
    }

    fn each(&self, holds: impl Fn(u32) -> Truth) -> Crowd {
        let mut crowd = Crowd::none(self.standing.roster.len());
        self.standing.people.here.iter().for_each(|person| crowd.add(person, holds(person)));
        crowd
    }

    /// The people who are named, or are in groups that are, and are not left out.
    fn named(&self, people: &Wanted, groups: &Wanted) -> Crowd {
        let count = self.standing.roster.len();
        let gathered = |people: &BTreeSet<String>, groups: &BTreeSet<String>| {
            let mut crowd = Crowd::none(count);
            people.iter().filter_map(|id| self.standing.roster.number(id)).for_each(|person| {
                crowd.add(person, Truth::Yes);
            });
            for group in groups.iter().filter_map(|id| self.standing.groups.number(id)) {
                self.standing.groups.add_to(&self.standing.people, group, &mut crowd);
            }
            crowd.settle();
            crowd
        };
        let mut wanted = if people.include.is_empty() && groups.include.is_empty() {
            Crowd { sure: self.standing.people.here.clone(), maybe: Set::none(count) }
        } else {
            gathered(&people.include, &groups.include)
        };
        let out = gathered(&people.exclude, &groups.exclude);
        let mut possible = wanted.possible();
        possible.drop_all(&out.sure);
        wanted.sure.drop_all(&out.sure);
        wanted.sure.drop_all(&out.maybe);
        possible.drop_all(&wanted.sure);
        wanted.maybe = possible;
        wanted
    }

    /// The place that an address is in for this state's rules.
    fn here<'z>(&self, place: Place<'z>) -> Place<'z> {
        place.filter(|zone| self.book.zones.contains_key(*zone))
    }

    /// How it ends for these people, coming from there into that application.
    pub(crate) fn decide(&self, row: &Row<'_>, place: Place<'_>, app: AppName<'_>, asked: &Set) -> Ends {
        let place = self.here(place);
        if place.and_then(|zone| self.book.zones.get(zone)).is_some_and(|zone| zone.shut) {
            return Ends::all(row.count, Outcomes::SHUT, 0);
        }
        let mut ends = Ends::all(row.count, Outcomes::NONE, 0);
        let mut open = asked.clone();
        for rule in row.rules.iter().filter(|rule| self.reaches(rule, place, app)) {
            let [mut sure, mut maybe] = [open.clone(), open.clone()];
            sure.keep(&rule.who.sure);
            maybe.keep(&rule.who.maybe);
            sure.iter().for_each(|person| ends.add(person, rule.end, 0));
            maybe.iter().for_each(|person| ends.add(person, rule.end, rule.why));
            open.drop_all(&sure);
            if open.is_empty() {
                break;
            }
        }
        open.iter().for_each(|person| ends.add(person, row.otherwise.0, row.otherwise.1));
        ends
    }

    /// Whether a rule is about that place and that application.
    fn reaches(&self, rule: &Fitting<'_>, place: Place<'_>, app: AppName<'_>) -> bool {
        let every = self.facts.zone.as_ref().map_or("", |zone| zone.all.as_str());
        rule.asks.iter().all(|ask| match ask {
            Question::Zone(wanted) => {
                wanted.fits(&|zone| place == Some(zone) || (place.is_some() && zone == every))
            }
            Question::App(apps, sorts) => {
                let (named, of_sort) = (apps.include.contains(app.id), sorts.include.contains(app.sort));
                let any = apps.include.is_empty() && sorts.include.is_empty();
                let out = apps.exclude.contains(app.id) || sorts.exclude.contains(app.sort);
                (any || named || of_sort) && !out
            }
            _ => true,
        })
    }
}
