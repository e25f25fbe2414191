//! Who gains and loses what, person by person and application by application, from the structures of
//! the model. Written from the vendor's rules and not from the program: it shares nothing with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{App, Asks, Expr, GroupRule, Org, Policy, Rule};

/// No, nobody can say, yes.
pub(crate) type Said = u8;
const NO: Said = 0;
const MAYBE: Said = 1;
const YES: Said = 2;

fn said(holds: bool) -> Said {
    if holds { YES } else { NO }
}

/// How a sign-in ends: `None` for shut out.
type End = Option<(u8, u8)>;
/// Application, change, way before, way after; then who.
pub(crate) type Changes = BTreeMap<(usize, &'static str, String, String), BTreeSet<usize>>;

/// Memberships of one person: by group.
type Groups = Vec<Said>;

struct Side<'a> {
    org: &'a Org,
    groups: Vec<Groups>,
}

/// Which groups a working rule fills at all.
fn filled(org: &Org, group: usize) -> bool {
    let working = org.rules.iter().flatten().filter(|rule| rule.status == "ACTIVE");
    working.into_iter().any(|rule| rule.groups.contains(&group))
}

fn in_group(org: &Org, groups: &Groups, group: usize, negated: bool) -> Said {
    let is = if org.groups[group] { groups[group] } else { NO };
    if is == NO && negated && org.groups[group] && filled(org, group) { MAYBE } else { is }
}

fn department(expected: &str, actual: Option<&str>) -> Said {
    match actual {
        None => NO,
        Some(actual) if actual == expected => YES,
        Some(actual) if actual.eq_ignore_ascii_case(expected) => MAYBE,
        Some(_) => NO,
    }
}

fn text(actual: Option<&str>, holds: impl Fn(&str, bool) -> bool) -> Said {
    match actual {
        None => MAYBE,
        Some(actual) if holds(actual, false) => YES,
        Some(actual) if holds(&actual.to_ascii_lowercase(), true) => MAYBE,
        Some(_) => NO,
    }
}

fn evaluate(org: &Org, user: usize, groups: &Groups, expr: &Expr, negated: bool) -> Said {
    let actual = org.users[user].department;
    let cased = |word: &str, small: bool| if small { word.to_ascii_lowercase() } else { word.to_owned() };
    match expr {
        Expr::Is(word) => department(word, actual),
        Expr::IsNot(word) => 2 - department(word, actual),
        Expr::Begins(word) => text(actual, |actual, small| actual.starts_with(&cased(word, small))),
        Expr::Holds(word) => text(actual, |actual, small| actual.contains(&cased(word, small))),
        Expr::In(all) => all.iter().map(|group| in_group(org, groups, *group, negated)).max().unwrap(),
        Expr::Not(inner) => 2 - evaluate(org, user, groups, inner, !negated),
        Expr::And(one, other) => {
            evaluate(org, user, groups, one, negated).min(evaluate(org, user, groups, other, negated))
        }
        Expr::Or(one, other) => {
            evaluate(org, user, groups, one, negated).max(evaluate(org, user, groups, other, negated))
        }
        Expr::Foreign => MAYBE,
    }
}

/// Whether a rule means a person.
fn means(org: &Org, user: usize, groups: &Groups, rule: &GroupRule) -> Said {
    let person = &org.users[user];
    if rule.status != "ACTIVE"
        || !person.here
        || person.status == "DEPROVISIONED"
        || rule.except_people.contains(&user)
    {
        return NO;
    }
    let mut out = NO;
    for group in &rule.except_groups {
        out = out.max(in_group(org, groups, *group, true));
    }
    (2 - out).min(evaluate(org, user, groups, &rule.expr, false))
}

/// Where a person is, once every rule that surely means him has done its work.
fn recorded(org: &Org, user: usize) -> Groups {
    let person = &org.users[user];
    let mut groups: Groups = (0..org.groups.len())
        .map(|group| said(person.here && org.members.contains(&(group, user))))
        .collect();
    if person.here && person.status != "DEPROVISIONED" {
        groups[0] = YES;
    }
    for _ in 0..10 {
        for rule in org.rules.iter().flatten() {
            if means(org, user, &groups, rule) == YES {
                rule.groups.iter().for_each(|group| groups[*group] = YES);
            }
        }
    }
    groups
}

/// Where a person may be in a state that is only planned.
fn planned(before: &Org, after: &Org, user: usize) -> Groups {
    let was = recorded(before, user);
    let mut groups = recorded(after, user);
    let written = before.users[user] != after.users[user];
    for _ in 0..20 {
        let at_first = groups.clone();
        for (number, rule) in after.rules.iter().enumerate() {
            let Some(rule) = rule.as_ref().filter(|rule| rule.status == "ACTIVE") else { continue };
            if !after.users[user].here || after.users[user].status == "DEPROVISIONED" {
                continue;
            }
            let old = before.rules[number].as_ref().filter(|rule| rule.status == "ACTIVE");
            let meant = old.map_or(NO, |old| means(before, user, &was, old));
            let is = means(after, user, &at_first, rule);
            if is == MAYBE && (meant != MAYBE || old != Some(rule) || written) {
                for group in &rule.groups {
                    groups[*group] = groups[*group].max(MAYBE);
                }
            }
            for group in old.iter().filter(|_| meant == YES && is != YES).flat_map(|old| &old.groups) {
                let other = after.rules.iter().flatten().filter(|rule| rule.groups.contains(group));
                let kept = other.into_iter().any(|rule| means(after, user, &at_first, rule) == YES);
                if at_first[*group] == YES && !kept && *group != 0 {
                    groups[*group] = MAYBE;
                }
            }
        }
    }
    groups
}

impl Side<'_> {
    /// Whether questions fit a person, who comes from there into that application.
    fn fits(&self, asks: &Asks, user: usize, place: Option<usize>, app: Option<usize>) -> Said {
        let org = self.org;
        let mut fits = YES;
        if let Some([people, out_people, groups, out_groups]) = &asks.people {
            let inside = |groups: &[usize]| {
                groups
                    .iter()
                    .map(|group| if org.groups[*group] { self.groups[user][*group] } else { NO })
                    .max()
                    .unwrap_or(NO)
            };
            let named = if people.is_empty() && groups.is_empty() {
                YES
            } else {
                said(people.contains(&user)).max(inside(groups))
            };
            let out = said(out_people.contains(&user)).max(inside(out_groups));
            fits = fits.min(named).min(2 - out);
        }
        if asks.every_zone {
            fits = fits.min(said(place.is_some()));
        } else if let Some([include, exclude]) = &asks.zones {
            let within = |zones: &[usize]| place.is_some_and(|place| zones.contains(&place));
            fits = fits.min(said((include.is_empty() || within(include)) && !within(exclude)));
        }
        if let Some([include, exclude]) = &asks.sorts {
            let sort = org.users[user].sort;
            fits =
                fits.min(said((include.is_empty() || include.contains(&sort)) && !exclude.contains(&sort)));
        }
        if let Some([include, exclude]) = &asks.apps {
            fits = fits.min(said(
                (include.is_empty() || app.is_some_and(|app| include.contains(&app)))
                    && !app.is_some_and(|app| exclude.contains(&app)),
            ));
        }
        if let Some(expr) = &asks.expr {
            fits = fits.min(evaluate(org, user, &self.groups[user], expr, false));
        }
        if asks.unknown.is_some() { fits.min(MAYBE) } else { fits }
    }

    /// The first rule that fits decides; every way it can go.
    fn first<'r>(
        &self,
        rules: &[(&'r Policy, &'r Rule)],
        user: usize,
        place: Option<usize>,
        app: Option<usize>,
    ) -> BTreeSet<End> {
        let Some(((policy, rule), rest)) = rules.split_first() else { return BTreeSet::from([None]) };
        let fits = self.fits(&policy.asks, user, place, app).min(self.fits(&rule.asks, user, place, app));
        let mut ends = BTreeSet::new();
        if fits != NO {
            ends.insert(ending(rule));
        }
        if fits != YES {
            ends.extend(self.first(rest, user, place, app));
        }
        ends
    }

    fn rules<'r>(&self, mut policies: Vec<(usize, &'r Policy)>) -> Vec<(&'r Policy, &'r Rule)> {
        policies.sort_by_key(|(id, policy)| (policy.priority, *id));
        let mut out = Vec::new();
        for (_, policy) in policies {
            let mut rules: Vec<(usize, &Rule)> =
                policy.rules.iter().enumerate().filter(|(_, rule)| rule.on).collect();
            rules.sort_by_key(|(id, rule)| (rule.priority.unwrap_or(usize::MAX), *id));
            out.extend(rules.into_iter().map(|(_, rule)| (policy, rule)));
        }
        out
    }

    fn own(&self, app: &App, at: usize, user: usize, place: Option<usize>) -> BTreeSet<End> {
        let there = |policy: &&Policy| policy.here && policy.on && !policy.sign_on;
        let Some(number) = app.policy else { return BTreeSet::from([Some((0, 0))]) };
        let policy = &self.org.policies[number];
        // A link below a policy that is not there leads nowhere.
        if app.mapped && !(policy.here && policy.on) {
            return BTreeSet::from([Some((0, 0))]);
        }
        if there(&policy) {
            return self.first(&self.rules(vec![(number, policy)]), user, place, Some(at));
        }
        let mut instead =
            self.org.policies.iter().enumerate().filter(|(_, policy)| there(policy) && policy.system);
        match (instead.next(), instead.next()) {
            (Some(one), None) => self.first(&self.rules(vec![one]), user, place, Some(at)),
            _ => BTreeSet::from([None, Some((0, 0)), Some((2, 15))]),
        }
    }

    /// Every way a sign-in can end.
    fn ends(&self, user: usize, at: Option<usize>, place: Option<usize>) -> BTreeSet<End> {
        let place = place.filter(|zone| self.org.zones[*zone].on);
        if place.is_some_and(|zone| self.org.zones[zone].shut) {
            return BTreeSet::from([None]);
        }
        let sign_on: Vec<(usize, &Policy)> = self
            .org
            .policies
            .iter()
            .enumerate()
            .filter(|(_, policy)| policy.here && policy.on && policy.sign_on)
            .collect();
        let session = if sign_on.is_empty() {
            BTreeSet::from([Some((0, 0))])
        } else {
            self.first(&self.rules(sign_on), user, place, at)
        };
        let own = match at {
            Some(at) => self.own(&self.org.apps[at], at, user, place),
            None => BTreeSet::from([Some((0, 0))]),
        };
        let mut both = BTreeSet::new();
        for one in &session {
            for other in &own {
                both.insert(one.zip(*other).map(|((p, d), (q, e))| (p.max(q), d | e)));
            }
        }
        both
    }

    fn assigned(&self, user: usize, at: usize) -> Said {
        let app = &self.org.apps[at];
        let person = &self.org.users[user];
        if !(app.here && app.on && person.here) {
            return NO;
        }
        let mut is = said(self.org.direct.get(&(at, user)) == Some(&true));
        for group in 0..self.org.groups.len() {
            if self.org.groups[group] && self.org.by_group.contains(&(at, group)) {
                is = is.max(self.groups[user][group]);
            }
        }
        is
    }
}

fn ending(rule: &Rule) -> End {
    let chained = rule.chains.iter().map(|more| if *more { 2 } else { 1 }).min();
    let demands = rule.alternatives.iter().copied().reduce(|one, other| one & other).unwrap_or(0);
    rule.allow.then(|| (chained.unwrap_or(rule.proofs), demands))
}

fn weakest(ends: &BTreeSet<End>) -> Option<(u8, u8)> {
    ends.iter().flatten().copied().reduce(|(p, d), (q, e)| (p.min(q), d & e))
}

fn strongest(ends: &BTreeSet<End>) -> Option<(u8, u8)> {
    ends.iter().flatten().copied().reduce(|(p, d), (q, e)| (p.max(q), d | e))
}

fn entering(ends: &BTreeSet<End>) -> Said {
    let some = ends.iter().any(Option::is_some);
    if some && !ends.contains(&None) {
        YES
    } else if some {
        MAYBE
    } else {
        NO
    }
}

/// Weaker, stronger.
fn moved(from: &BTreeSet<End>, to: &BTreeSet<End>) -> (bool, bool) {
    if from == to {
        return (false, false);
    }
    let (mut weaker, mut stronger) = (entering(to) > entering(from), entering(to) < entering(from));
    for (from, to) in [(weakest(from), weakest(to)), (strongest(from), strongest(to))] {
        if let (Some((p, d)), Some((q, e))) = (from, to) {
            weaker |= q < p || d & !e != 0;
            stronger |= q > p || e & !d != 0;
        }
    }
    if weaker || stronger { (weaker, stronger) } else { (true, true) }
}

fn words(way: Option<(u8, u8)>) -> String {
    let Some((proofs, demands)) = way else { return "no way in".into() };
    let mut out = match proofs {
        0 => "nothing of its own".to_owned(),
        1 => "1 factor".to_owned(),
        more => format!("{more} factors"),
    };
    let names = ["phishing-resistant", "hardware-protected", "device-bound", "with user verification"];
    for (at, name) in names.iter().enumerate().filter(|(at, _)| demands >> at & 1 == 1) {
        let _ = at;
        out += ", ";
        out += name;
    }
    out
}

/// The places to compare: the same, and where a zone has other addresses, from outside into it and back.
fn places(from: &Org, to: &Org) -> Vec<(Option<usize>, Option<usize>)> {
    let mut out = vec![(None, None)];
    for zone in 0..from.zones.len() {
        let (one, other) = (&from.zones[zone], &to.zones[zone]);
        out.push((Some(zone), Some(zone)));
        if one.on && other.on && one.range != other.range {
            out.extend([(Some(zone), None), (None, Some(zone))]);
        }
    }
    out
}

fn can(org: &Org, user: usize) -> bool {
    let person = &org.users[user];
    person.here && ["ACTIVE", "PASSWORD_EXPIRED", "RECOVERY", "LOCKED_OUT"].contains(&person.status)
}

fn both<'a>(from: &'a Org, to: &'a Org, is_planned: bool) -> [Side<'a>; 2] {
    let of = |org: &Org| (0..org.users.len()).map(|user| recorded(org, user)).collect::<Vec<_>>();
    let later =
        if is_planned { (0..to.users.len()).map(|user| planned(from, to, user)).collect() } else { of(to) };
    [Side { org: from, groups: of(from) }, Side { org: to, groups: later }]
}

/// How far administrators get into the console: 0 not at all, 1 perhaps, 2 from some networks, 3 from
/// anywhere. All of them, then those of everything.
fn entry(side: &Side<'_>) -> [u8; 2] {
    let org = side.org;
    let console = org.console.filter(|app| org.apps[*app].here && org.apps[*app].on);
    let mut best = [0, 0];
    for (of_group, holder, everything) in &org.roles {
        for user in (0..org.users.len()).filter(|user| can(org, *user)) {
            let holds = match of_group {
                true if org.groups[*holder] => side.groups[user][*holder],
                true => NO,
                false => said(user == *holder),
            };
            for place in std::iter::once(None).chain((0..org.zones.len()).map(Some)) {
                let ends = side.ends(user, console, place);
                let level = match entering(&ends).min(holds) {
                    YES if place.is_none() => 3,
                    YES => 2,
                    MAYBE => 1,
                    _ => 0,
                };
                best[0] = best[0].max(level);
                best[1] = best[1].max(if *everything { level } else { 0 });
            }
        }
    }
    best
}

/// How far administrators get, before and after.
pub(crate) fn console(from: &Org, to: &Org, is_planned: bool) -> [[u8; 2]; 2] {
    both(from, to, is_planned).map(|side| entry(&side))
}

/// Everything that changes.
pub(crate) fn changes(from: &Org, to: &Org, is_planned: bool) -> Changes {
    let sides = both(from, to, is_planned);
    let mut out = Changes::new();
    for app in 0..from.apps.len() {
        for user in 0..from.users.len() {
            let mut gate = [NO, NO];
            let mut turned = (false, false);
            let mut ways: [Option<(u8, u8)>; 2] = [None, None];
            for (one, other) in places(from, to) {
                let ends = [sides[0].ends(user, Some(app), one), sides[1].ends(user, Some(app), other)];
                for at in [0, 1] {
                    gate[at] = gate[at].max(entering(&ends[at]));
                    ways[at] = match (ways[at], weakest(&ends[at])) {
                        (Some((p, d)), Some((q, e))) => Some((p.min(q), d & e)),
                        (known, found) => known.or(found),
                    };
                }
                let (weaker, stronger) = moved(&ends[0], &ends[1]);
                turned = (turned.0 || weaker, turned.1 || stronger);
            }
            let held =
                |at: usize, org: &Org| gate[at].min(sides[at].assigned(user, app)).min(said(can(org, user)));
            let change = match (held(0, from), held(1, to)) {
                (NO, NO) => continue,
                (NO, YES) => "gains",
                (YES, NO) => "loses",
                (one, other) if one < other => "may_gain",
                (one, other) if one > other => "may_lose",
                _ => match turned {
                    (false, false) => continue,
                    (true, false) => "weaker",
                    (false, true) => "stronger",
                    (true, true) => "otherwise",
                },
            };
            let turn = ["weaker", "stronger", "otherwise"].contains(&change);
            let way = |at: usize| if turn { words(ways[at]) } else { String::new() };
            out.entry((app, change, way(0), way(1))).or_default().insert(user);
        }
    }
    out
}
