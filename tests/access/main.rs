//! Who gains and loses which application, against an evaluator that knows nothing of the program: every
//! person and every application by itself, every way that what nobody can say could go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod bodies;
mod brute;
mod model;
mod recorded;
mod size;

use std::collections::BTreeSet;

use lastgood::access::report::{Change, NAMED_MAX, Those};
use lastgood::access::{Blast, Later, compare};
use lastgood::catalog::provider;

use crate::model::{Dice, Org};

/// Pairs of organisations that are compared; `LASTGOOD_CASES` sets another number.
const CASES: u64 = 4_000;

/// Application, change, way before and after, who is named, how many there are.
type Row = (usize, &'static str, String, String, Vec<usize>, usize);

/// What the program said, in the form of the evaluator; only counts where not everybody is named.
fn told(blast: &Blast) -> Vec<Row> {
    let number = |id: &str| id[1..].parse::<usize>().unwrap();
    let who = |those: &Those| {
        let named: BTreeSet<usize> = those.named.iter().map(|known| number(known.key.id())).collect();
        assert_eq!(named.len(), those.named.len());
        assert!(those.named.iter().all(|known| known.name == format!("user{}", number(known.key.id()))));
        (named.into_iter().collect::<Vec<_>>(), usize::try_from(those.count).unwrap())
    };
    let mut out = Vec::new();
    for app in &blast.apps {
        let at = number(app.app.key.id());
        assert_eq!(app.app.name, format!("App {at}"));
        for (change, those) in &app.people {
            let (named, count) = who(those);
            out.push((at, change.as_str(), String::new(), String::new(), named, count));
        }
        for (change, turns) in &app.turns {
            for turn in turns {
                let (named, count) = who(&turn.people);
                out.push((at, change.as_str(), turn.from.clone(), turn.to.clone(), named, count));
            }
        }
        let unsure = app.count(Change::MayGain) + app.count(Change::MayLose) > 0;
        assert_eq!(unsure, !app.unknown.is_empty(), "what it depends on is said, and only where it does");
    }
    out.sort();
    out
}

fn one(seed: u64, counts: &mut [usize; 4]) {
    let mut dice = Dice::new(seed);
    let before = Org::random(&mut dice);
    let mut after = before.clone();
    for _ in 0..=dice.below(9) {
        after.mutate(&mut dice);
    }
    let planned = dice.one_in(2);
    let words = dice.below(1 << 20) as u64;
    let [from, to] = [&before, &after].map(|org| org.bodies(words));
    let later = if planned { Later::Planned } else { Later::Recorded };
    let catalog = provider("okta").unwrap();
    let Ok(found) = compare(catalog, &from, &to, later, &from.differing(&to));
    let found = found.expect("the catalogue says how access works");
    let expected = brute::changes(&before, &after, planned);
    let wanted: Vec<_> = expected
        .iter()
        .map(|((app, change, one, other), who)| {
            (
                *app,
                *change,
                one.clone(),
                other.clone(),
                who.iter().take(NAMED_MAX).copied().collect::<Vec<_>>(),
                who.len(),
            )
        })
        .collect();
    assert_eq!(sorted_by_address(told(&found)), sorted_by_address(wanted), "seed {seed}, planned {planned}");
    let [was, is] = brute::console(&before, &after, planned);
    let console = found.console.expect("the vendor has a console");
    let [any, full] = [console.any, console.full].map(|(from, to)| [from as u8, to as u8]);
    assert_eq!([any, full], [[was[0], is[0]], [was[1], is[1]]], "seed {seed}, planned {planned}");
    counts[3] += usize::from(console.lockout().is_some());
    assert_eq!(console.lockout().is_some(), is[0] < was[0] || is[1] < was[1], "seed {seed}");
    assert_eq!(Blast::from_json(&found.to_json("acme"), "acme").as_ref(), Some(&found), "seed {seed}");
    for (change, count) in &found.totals {
        let who: BTreeSet<usize> = expected
            .iter()
            .filter(|(key, _)| key.1 == change.as_str())
            .flat_map(|(_, who)| who.iter().copied())
            .collect();
        assert_eq!(who.len() as u64, *count, "seed {seed}: {change:?}");
    }
    counts[0] += 1;
    counts[1] += usize::from(!expected.is_empty());
    counts[2] += expected.values().map(BTreeSet::len).sum::<usize>();
}

/// Where not everybody is named it is left to the program whom.
fn sorted_by_address(mut rows: Vec<Row>) -> Vec<Row> {
    for row in &mut rows {
        if row.5 > NAMED_MAX {
            row.4.clear();
        }
    }
    rows.sort();
    rows
}

#[expect(clippy::print_stderr, reason = "the figures of a run")]
pub(crate) fn report(line: &str) {
    eprintln!("{line}");
}

#[test]
fn it_is_what_every_person_and_every_application_by_itself_says() {
    let cases = std::env::var("LASTGOOD_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let mut counts = [0; 4];
    for seed in 1..=cases {
        one(seed, &mut counts);
    }
    let [cases, changed, changes, lockouts] = counts;
    report(&format!(
        "{cases} pairs of organisations, {changed} with changes, {changes} changes of a person, {lockouts} lockouts"
    ));
    assert!(
        changed * 3 > cases && changes > cases && lockouts * 20 > cases,
        "too few differ in who gets in for a test of that"
    );
}
