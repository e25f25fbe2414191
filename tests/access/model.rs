//! A small random organisation, as plain structures. Its bodies are in [`bodies`](crate::bodies).

use std::collections::{BTreeMap, BTreeSet};

/// A row of numbers that a seed gives.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn some(&mut self, end: usize, most: usize) -> Vec<usize> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.below(end)).collect()
    }
}

#[derive(Clone, PartialEq)]
pub(crate) struct User {
    pub(crate) here: bool,
    pub(crate) status: &'static str,
    pub(crate) sort: usize,
    pub(crate) department: Option<&'static str>,
}

/// An expression, as it is meant.
#[derive(Clone, PartialEq)]
pub(crate) enum Expr {
    Is(&'static str),
    IsNot(&'static str),
    Begins(&'static str),
    Holds(&'static str),
    In(Vec<usize>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Foreign,
}

#[derive(Clone, PartialEq)]
pub(crate) struct GroupRule {
    pub(crate) status: &'static str,
    pub(crate) expr: Expr,
    pub(crate) groups: Vec<usize>,
    pub(crate) except_people: Vec<usize>,
    pub(crate) except_groups: Vec<usize>,
}

/// What a policy or a rule asks.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Asks {
    pub(crate) people: Option<[Vec<usize>; 4]>,
    pub(crate) zones: Option<[Vec<usize>; 2]>,
    pub(crate) every_zone: bool,
    pub(crate) sorts: Option<[Vec<usize>; 2]>,
    pub(crate) apps: Option<[Vec<usize>; 2]>,
    pub(crate) expr: Option<Expr>,
    /// The name of a condition of which nobody can say whether it holds, and what stands in it.
    pub(crate) unknown: Option<(&'static str, &'static str)>,
    /// A condition that asks nothing.
    pub(crate) idle: bool,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) on: bool,
    pub(crate) priority: Option<usize>,
    pub(crate) asks: Asks,
    pub(crate) allow: bool,
    pub(crate) proofs: u8,
    pub(crate) chains: Vec<bool>,
    /// The demands of each alternative, as bits.
    pub(crate) alternatives: Vec<u8>,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) here: bool,
    pub(crate) on: bool,
    pub(crate) system: bool,
    pub(crate) sign_on: bool,
    pub(crate) priority: usize,
    pub(crate) asks: Asks,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, PartialEq)]
pub(crate) struct App {
    pub(crate) here: bool,
    pub(crate) on: bool,
    pub(crate) policy: Option<usize>,
    /// The policy is named by a mapping below it and not by the application.
    pub(crate) mapped: bool,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Zone {
    pub(crate) on: bool,
    pub(crate) shut: bool,
    pub(crate) range: usize,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Org {
    pub(crate) users: Vec<User>,
    /// Group 0 is everyone.
    pub(crate) groups: Vec<bool>,
    pub(crate) members: BTreeSet<(usize, usize)>,
    pub(crate) rules: Vec<Option<GroupRule>>,
    pub(crate) apps: Vec<App>,
    /// Application and person; whether somebody made it for that person.
    pub(crate) direct: BTreeMap<(usize, usize), bool>,
    pub(crate) by_group: BTreeSet<(usize, usize)>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) policies: Vec<Policy>,
    /// Who administers: a group or a person, which one, and whether everything.
    pub(crate) roles: BTreeSet<(bool, usize, bool)>,
    /// The application that is the console.
    pub(crate) console: Option<usize>,
}

const STATUSES: [&str; 8] =
    ["ACTIVE", "ACTIVE", "ACTIVE", "PASSWORD_EXPIRED", "LOCKED_OUT", "STAGED", "SUSPENDED", "DEPROVISIONED"];
const WORDS: [&str; 4] = ["Sales", "Salesforce", "sales", "IT"];

impl Org {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let mut org = Self {
            users: (0..4 + dice.below(8)).map(|_| user(dice)).collect(),
            groups: vec![true; 2 + dice.below(4)],
            members: BTreeSet::new(),
            rules: Vec::new(),
            apps: Vec::new(),
            direct: BTreeMap::new(),
            by_group: BTreeSet::new(),
            zones: (0..dice.below(4)).map(|_| zone(dice)).collect(),
            policies: Vec::new(),
            roles: BTreeSet::new(),
            console: None,
        };
        for _ in 0..dice.below(14) {
            org.members.insert((1 + dice.below(org.groups.len() - 1), dice.below(org.users.len())));
        }
        for _ in 0..dice.below(4) {
            let rule = group_rule(dice, &org);
            org.rules.push(Some(rule));
        }
        let apps = 1 + dice.below(4);
        for place in 0..1 + dice.below(5) {
            let policy = policy(dice, &org, apps, place);
            org.policies.push(policy);
        }
        for _ in 0..apps {
            let app = app(dice, &org);
            org.apps.push(app);
        }
        for _ in 0..4 + dice.below(12) {
            org.direct.insert((dice.below(apps), dice.below(org.users.len())), !dice.one_in(3));
        }
        for _ in 0..1 + dice.below(7) {
            org.by_group.insert((dice.below(apps), dice.below(org.groups.len())));
        }
        for _ in 0..dice.below(4) {
            let role = role(dice, &org);
            org.roles.insert(role);
        }
        org.console = (!dice.one_in(3)).then(|| dice.below(apps));
        org
    }

    /// Changes something.
    pub(crate) fn mutate(&mut self, dice: &mut Dice) {
        let (users, groups, apps) = (self.users.len(), self.groups.len(), self.apps.len());
        match dice.below(14) {
            0 => self.users[dice.below(users)] = user(dice),
            1 => {
                let at = dice.below(groups - 1) + 1;
                self.groups[at] = !self.groups[at];
            }
            2 => toggle(&mut self.members, (1 + dice.below(groups - 1), dice.below(users))),
            3 | 4 if !self.rules.is_empty() => {
                let at = dice.below(self.rules.len());
                self.rules[at] = (!dice.one_in(4)).then(|| group_rule(dice, self));
            }
            5 => {
                let at = dice.below(apps);
                self.apps[at] = app(dice, self);
            }
            6 => {
                let link = (dice.below(apps), dice.below(users));
                if self.direct.remove(&link).is_none() {
                    self.direct.insert(link, !dice.one_in(3));
                }
            }
            7 => toggle(&mut self.by_group, (dice.below(apps), dice.below(groups))),
            8 if !self.zones.is_empty() => {
                let at = dice.below(self.zones.len());
                self.zones[at] = zone(dice);
            }
            9 => {
                let role = role(dice, self);
                if !self.roles.remove(&role) {
                    self.roles.insert(role);
                }
            }
            10 => {
                let at = dice.below(self.policies.len());
                self.policies[at] = policy(dice, self, apps, at);
            }
            _ => {
                let at = dice.below(self.policies.len());
                let count = self.policies[at].rules.len();
                if count > 0 {
                    let new = rule(dice, self, apps, self.policies[at].sign_on);
                    self.policies[at].rules[dice.below(count)] = new;
                }
            }
        }
    }
}

fn toggle(set: &mut BTreeSet<(usize, usize)>, one: (usize, usize)) {
    if !set.remove(&one) {
        set.insert(one);
    }
}

fn role(dice: &mut Dice, org: &Org) -> (bool, usize, bool) {
    let of_group = dice.one_in(3);
    let holder = dice.below(if of_group { org.groups.len() } else { org.users.len() });
    (of_group, holder, dice.one_in(2))
}

fn user(dice: &mut Dice) -> User {
    User {
        here: !dice.one_in(9),
        status: dice.pick(&STATUSES),
        sort: dice.below(2),
        department: (!dice.one_in(5)).then(|| dice.pick(&WORDS)),
    }
}

fn zone(dice: &mut Dice) -> Zone {
    Zone { on: !dice.one_in(4), shut: dice.one_in(6), range: dice.below(2) }
}

fn expr(dice: &mut Dice, groups: usize, depth: usize) -> Expr {
    let deeper = |dice: &mut Dice| Box::new(expr(dice, groups, depth - 1));
    match dice.below(if depth == 0 { 6 } else { 10 }) {
        0 => Expr::Is(dice.pick(&WORDS)),
        1 => Expr::IsNot(dice.pick(&WORDS)),
        2 => Expr::Begins(dice.pick(&WORDS)),
        3 => Expr::Holds(dice.pick(&["al", "T", "force"])),
        4 => Expr::In(vec![dice.below(groups), dice.below(groups)]),
        5 if dice.one_in(2) => Expr::Foreign,
        5 => Expr::Is(dice.pick(&WORDS)),
        6 => Expr::Not(deeper(dice)),
        7 => Expr::Or(deeper(dice), deeper(dice)),
        _ => Expr::And(deeper(dice), deeper(dice)),
    }
}

fn group_rule(dice: &mut Dice, org: &Org) -> GroupRule {
    let groups = org.groups.len();
    GroupRule {
        status: dice.pick(&["ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE", "INVALID"]),
        expr: expr(dice, groups, 2),
        groups: vec![1 + dice.below(groups - 1), 1 + dice.below(groups - 1)],
        except_people: if dice.one_in(3) { dice.some(org.users.len(), 2) } else { Vec::new() },
        except_groups: if dice.one_in(5) { dice.some(groups, 1) } else { Vec::new() },
    }
}

fn asks(dice: &mut Dice, org: &Org, apps: usize) -> Asks {
    let (users, groups) = (org.users.len(), org.groups.len());
    Asks {
        people: dice
            .one_in(2)
            .then(|| [dice.some(users, 2), dice.some(users, 1), dice.some(groups, 2), dice.some(groups, 1)]),
        zones: (!org.zones.is_empty() && dice.one_in(3))
            .then(|| [dice.some(org.zones.len(), 2), dice.some(org.zones.len(), 1)]),
        every_zone: dice.one_in(12),
        sorts: dice.one_in(8).then(|| [dice.some(2, 1), dice.some(2, 1)]),
        apps: dice.one_in(8).then(|| [dice.some(apps, 1), dice.some(apps, 1)]),
        expr: dice.one_in(6).then(|| expr(dice, groups, 1)),
        unknown: dice.one_in(6).then(|| {
            dice.pick(&[
                ("riskScore", r#"{"level":"HIGH"}"#),
                ("device", r#"{"registered":true}"#),
                ("moonPhase", r#"["FULL"]"#),
            ])
        }),
        idle: dice.one_in(4),
    }
}

fn rule(dice: &mut Dice, org: &Org, apps: usize, sign_on: bool) -> Rule {
    let proofs = dice.pick(&[1, 2, 2]);
    let chains = if !sign_on && dice.one_in(6) { vec![dice.one_in(2), dice.one_in(2)] } else { Vec::new() };
    Rule {
        on: !dice.one_in(6),
        priority: (!dice.one_in(8)).then(|| dice.below(4)),
        asks: asks(dice, org, apps),
        allow: !dice.one_in(3),
        proofs,
        chains,
        alternatives: if sign_on || dice.one_in(2) {
            Vec::new()
        } else {
            (0..1 + dice.below(2)).map(|_| u8::try_from(dice.below(16)).unwrap()).collect()
        },
    }
}

fn policy(dice: &mut Dice, org: &Org, apps: usize, place: usize) -> Policy {
    // A policy does not change its type.
    let sign_on = org.policies.get(place).map_or_else(|| dice.one_in(3), |known| known.sign_on);
    let rules = 1 + dice.below(3);
    Policy {
        here: !dice.one_in(8),
        on: !dice.one_in(8),
        system: dice.one_in(4),
        sign_on,
        priority: dice.below(3),
        asks: if sign_on { asks(dice, org, apps) } else { Asks::default() },
        rules: (0..rules).map(|_| rule(dice, org, apps, sign_on)).collect(),
    }
}

fn app(dice: &mut Dice, org: &Org) -> App {
    let policy = (!dice.one_in(5)).then(|| dice.below(org.policies.len()));
    App { here: !dice.one_in(10), on: !dice.one_in(7), policy, mapped: dice.one_in(6) }
}
