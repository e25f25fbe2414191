//! Every writable field (DESIGN.md §3), as a sum: what the vendor's document lets a request set, against what
//! the instances of the table have, what was changed of them, and what is left out with a reason.
//!
//! `data/fields.toml` holds the reasons. A field that nobody set and no reason names makes the test fail, and
//! so does a reason that names nothing any more. The figures are printed into `docs/FIELDS-OKTA.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use lastgood::base::key::ResourceKey;
use lastgood::catalog::KindSpec;
use lastgood::json::{Pattern, Pointer, Value};
use serde::Deserialize;

use super::case::KindCase;
use super::writable::{Documents, Fields, Said};

/// Bodies by address, as the vendor shows them.
pub(super) type Shown = BTreeMap<ResourceKey, Value>;

/// Why fields are not set, or not changed: by place, with all that is below it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasons {
    /// Calls that no document has.
    calls: BTreeMap<String, String>,
    /// Of every kind.
    every: BTreeMap<String, String>,
    /// By kind.
    kind: BTreeMap<String, BTreeMap<String, String>>,
}

/// What became of the fields of a kind.
#[derive(Default)]
pub(super) struct Sum {
    /// How many the document has.
    declared: usize,
    /// Set in an instance, and another value after the damage.
    changed: usize,
    /// Set in an instance, and as it was made: it comes back with an instance that was deleted.
    made: usize,
    /// By reason.
    left_out: BTreeMap<String, usize>,
}

/// The sums of all kinds.
pub(super) struct Ledger {
    documents: Documents,
    reasons: Reasons,
    used: BTreeSet<(String, String)>,
    faults: Vec<String>,
    sums: BTreeMap<String, Sum>,
}

impl Ledger {
    /// `None` where the vendor's documents are not there.
    pub(super) fn open() -> Option<Self> {
        let reasons = toml::from_str(include_str!("data/fields.toml")).unwrap();
        let documents = Documents::read()?;
        Some(Self { documents, reasons, used: BTreeSet::new(), faults: Vec::new(), sums: BTreeMap::new() })
    }

    /// Adds up a kind, from its instances before and after every field was changed.
    pub(super) fn add(&mut self, spec: &KindSpec, case: &KindCase, before: &Shown, after: &Shown) {
        let kind = spec.kind.as_str();
        let bodies = own(spec, before);
        let (fields, unknown) = self.documents.writable(spec, &bodies);
        for call in unknown {
            if self.reasons.calls.contains_key(&call) {
                self.used.insert(("calls".into(), call));
            } else {
                self.faults.push(format!("{kind}: no document has {call}"));
            }
        }
        let changed = changes(spec, before, after);
        let mut sum = Sum { declared: fields.len(), ..Sum::default() };
        for (at, field) in &fields {
            let pattern = Pattern::parse(at).unwrap();
            let set = bodies.iter().any(|body| pattern.find(body).iter().any(|(_, value)| !is_empty(value)));
            let only = field.words.len() == 1;
            let stays = only || !field.changes || field.variant || any_above(&spec.fixed, at);
            let why = self.reason(kind, at);
            if changed.iter().any(|place| pattern.matches(place)) {
                sum.changed += 1;
                if let Some((whose, place, _)) = why.filter(|(_, place, _)| place == at) {
                    self.faults
                        .push(format!("{kind}: {at} is changed, and {whose} {place} says that it is not"));
                }
                continue;
            }
            if set && stays && why.is_none() && !spec.create.is_empty() {
                match case.never_deleted.is_empty() {
                    true => sum.made += 1,
                    false => *sum.left_out.entry(case.never_deleted.clone()).or_default() += 1,
                }
                continue;
            }
            let by_rule = match field.said {
                Said::Deprecated => Some("deprecated".to_owned()),
                Said::WriteOnly => Some("never shown".to_owned()),
                Said::Plain if only && set => Some("has one word only".to_owned()),
                Said::Plain => by_catalogue(spec, at),
            };
            let why = match (by_rule, why) {
                (Some(rule), None) => rule,
                (_, Some((whose, place, why))) => {
                    self.used.insert((whose, place));
                    why
                }
                (None, None) => {
                    let how = if set { "is set and not changed" } else { "is not set" };
                    self.faults.push(format!("{kind}: {at} {how} {:?}", field.words));
                    continue;
                }
            };
            *sum.left_out.entry(why).or_default() += 1;
        }
        self.sums.insert(kind.to_owned(), sum);
    }

    /// The fields of a kind that has these instances.
    pub(super) fn fields(&self, spec: &KindSpec, shown: &Shown) -> Fields {
        let bodies: Vec<Value> = own(spec, shown);
        self.documents.writable(spec, &bodies).0
    }

    /// The reason that names a place or one above it: whose it is, where, and what it says.
    fn reason(&self, kind: &str, at: &str) -> Option<(String, String, String)> {
        let covers =
            |place: &str| at == place || at.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'));
        let of = |whose: &str, reasons: &BTreeMap<String, String>| {
            let longest =
                reasons.iter().filter(|(place, _)| covers(place)).max_by_key(|(place, _)| place.len());
            longest.map(|(place, why)| (whose.to_owned(), place.clone(), why.clone()))
        };
        let own = self.reasons.kind.get(kind).and_then(|reasons| of(kind, reasons));
        own.or_else(|| of("every", &self.reasons.every))
    }

    /// What is not as it should be; the page where all is.
    pub(super) fn close(mut self) -> Vec<String> {
        let of = |whose: &str, places: &BTreeMap<String, String>| -> Vec<(String, String)> {
            places.keys().map(|place| (whose.to_owned(), place.clone())).collect()
        };
        let every = of("every", &self.reasons.every).into_iter().chain(of("calls", &self.reasons.calls));
        let own = self.reasons.kind.iter();
        let own = own.flat_map(|(kind, places)| of(kind, places));
        let idle = every.chain(own).filter(|reason| !self.used.contains(reason));
        self.faults
            .extend(idle.map(|(whose, place)| format!("{whose}: the reason for {place} names nothing")));
        if self.faults.is_empty() {
            keep(&page(&self.sums));
        }
        self.faults
    }
}

/// The instances of a kind.
fn own(spec: &KindSpec, shown: &Shown) -> Vec<Value> {
    shown.iter().filter(|(key, _)| key.kind == spec.kind).map(|(_, body)| body.clone()).collect()
}

/// What the catalogue says of a field that a request would set and the vendor does not take or show.
fn by_catalogue(spec: &KindSpec, at: &str) -> Option<String> {
    let any = |patterns: &[Pattern]| any_above(patterns, at);
    if any(&spec.assigned) || any(&spec.derived) || any(&spec.volatile) {
        return Some("assigned by the server".into());
    }
    let secret: Vec<Pattern> = spec.secret.iter().map(|secret| secret.at.clone()).collect();
    (any(&spec.write_only) || any(&secret)).then(|| "secret or never shown".into())
}

/// Whether one of the patterns covers a place or one above it.
fn any_above(patterns: &[Pattern], at: &str) -> bool {
    let mut place = Pointer::parse(&at.replace("/*", "/0")).unwrap();
    loop {
        if patterns.iter().any(|pattern| pattern.matches(&place)) {
            return true;
        }
        if place.pop().is_none() {
            return false;
        }
    }
}

/// What says no more than a field that is not there.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The places at which an instance is another one after the damage.
fn changes(spec: &KindSpec, before: &Shown, after: &Shown) -> BTreeSet<Pointer> {
    let mut places = BTreeSet::new();
    for (key, body) in before.iter().filter(|(key, _)| key.kind == spec.kind) {
        let Some(now) = after.get(key) else { continue };
        for change in lastgood::json::diff(body, now) {
            let mut at = change.pointer.clone();
            spread(change.from.as_ref(), change.to.as_ref(), &mut at, &mut places);
            // A list is another one with each of its elements.
            while at.pop().is_some() {
                places.insert(at.clone());
            }
        }
    }
    places
}

/// A change of a whole part is one of each value in it.
fn spread(from: Option<&Value>, to: Option<&Value>, at: &mut Pointer, places: &mut BTreeSet<Pointer>) {
    if from == to {
        return;
    }
    places.insert(at.clone());
    let members = |value: Option<&Value>| -> Vec<String> {
        match value {
            Some(Value::Object(members)) => members.iter().map(|(name, _)| name.to_owned()).collect(),
            Some(Value::Array(items)) => (0..items.len()).map(|place| place.to_string()).collect(),
            _ => Vec::new(),
        }
    };
    let names: BTreeSet<String> = members(from).into_iter().chain(members(to)).collect();
    for name in names {
        let at_name = Pointer::from_segments([name.clone()]);
        at.push(name);
        spread(
            from.and_then(|value| at_name.get(value)),
            to.and_then(|value| at_name.get(value)),
            at,
            places,
        );
        at.pop();
    }
}

const HEAD: &str = "# Every writable field of Okta

What a request may set by the vendor's document, for each kind that comes back: every property of the request
schemas of its create and update calls that is not `readOnly`, down to the values, in the variants that the
instances are of. *Put back* are those that an instance had, that an administrator changed, and that a plan and
its apply put back; *made again* those that no call changes, and that are as they were in an instance that was
deleted (`tests/okta/table`). All others have a reason. Written by that test.

";

fn page(sums: &BTreeMap<String, Sum>) -> String {
    let mut out = HEAD.to_owned();
    let total = |of: fn(&Sum) -> usize| sums.values().map(of).sum::<usize>();
    let left = |sum: &Sum| sum.left_out.values().sum::<usize>();
    let (declared, changed, made) =
        (total(|sum| sum.declared), total(|sum| sum.changed), total(|sum| sum.made));
    let kinds = sums.len();
    let rest = declared - changed - made;
    writeln!(
        out,
        "{kinds} kinds: {declared} fields, {changed} changed and put back, {made} made again, {rest} not.\n"
    )
    .unwrap();
    out.push_str(
        "| kind | fields | put back | made again | not | why not |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for (kind, sum) in sums {
        let why: Vec<String> = sum.left_out.iter().map(|(why, count)| format!("{why} ({count})")).collect();
        let not = left(sum);
        writeln!(
            out,
            "| `{kind}` | {} | {} | {} | {not} | {} |",
            sum.declared,
            sum.changed,
            sum.made,
            why.join("; ")
        )
        .unwrap();
    }
    out
}

/// Writes the page with `LASTGOOD_WRITE_DOCS=1`, otherwise compares it.
fn keep(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FIELDS-OKTA.md");
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        return std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept, page,
        "docs/FIELDS-OKTA.md is not what this run proved; write it with LASTGOOD_WRITE_DOCS=1"
    );
}
