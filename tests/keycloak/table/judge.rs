//! What came of each kind: whether the cases cover it, and whether it is as it was.

use std::collections::{BTreeMap, BTreeSet};

use lastgood::catalog::{KindSpec, Provider, RestoreClass, Shape};
use serde_json::Value;

use super::case::{Cases, Left, Round, Shows};
use crate::dump::Dump;

/// What the binary did in a round.
pub(super) struct Played {
    pub(super) plan: Value,
    /// Steps that did not end well.
    pub(super) failed: Vec<Value>,
    /// The plan that was made afterwards.
    pub(super) again: Value,
}

/// The outcome for all kinds.
pub(super) struct Verdict {
    /// Kinds that the catalogue calls restorable.
    pub(super) restorable: usize,
    /// Those of them that came back.
    pub(super) restored: BTreeSet<String>,
    /// What is wrong, a line each.
    pub(super) faults: Vec<String>,
}

pub(super) struct Judge<'a> {
    catalog: &'static Provider,
    cases: &'a Cases,
    fresh: Dump,
    goal: Dump,
    /// By kind.
    faults: BTreeMap<String, Vec<String>>,
    /// Announced differences that were seen, by kind and place in the list.
    shown: BTreeSet<(String, usize)>,
    /// Members that were changed in the first round, by kind.
    changed: BTreeMap<String, BTreeSet<String>>,
    /// Differences that a plan announced; they stay in later rounds.
    announced: BTreeSet<String>,
    /// Kinds that were damaged, by round.
    damaged: BTreeSet<(String, Round)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(catalog: &'static Provider, cases: &'a Cases, fresh: Dump, goal: Dump) -> Self {
        Self {
            catalog,
            cases,
            fresh,
            goal,
            faults: BTreeMap::new(),
            shown: BTreeSet::new(),
            changed: BTreeMap::new(),
            announced: BTreeSet::new(),
            damaged: BTreeSet::new(),
        }
    }

    pub(super) fn fault(&mut self, kind: &str, what: impl std::fmt::Display) {
        self.faults.entry(kind.to_owned()).or_default().push(format!("{kind}: {what}"));
    }

    /// Takes in one round.
    pub(super) fn round(&mut self, round: Round, damaged: &Dump, restored: &Dump, played: &Played) {
        self.damage(round, damaged);
        let mut restored = restored.clone();
        // Names can hold ids, so what is found under its old name may show more.
        loop {
            let changes = self.new_ids(&restored);
            if changes.is_empty() {
                break;
            }
            for ((key, old), new) in changes {
                let announced = rows(&played.plan, "id_changes").any(|row| row["from"] == old.as_str());
                if !announced && !self.mark(kind_of(&key), round, Shows::NewId, &key, "") {
                    let what = format!("{round:?}: the id {old} of {key} became {new}, which no plan said");
                    self.fault(kind_of(&key), what);
                }
                restored = restored.with_id(&new, &old);
            }
        }
        for row in rows(&played.plan, "id_changes") {
            let at = row["address"].as_str().unwrap_or_default();
            let at = at.split_once('/').map_or(at, |(_, rest)| rest);
            self.mark(kind_of(at), round, Shows::NewId, at, "");
        }
        for secret in rows(&played.plan, "secrets") {
            let at = secret["address"].as_str().unwrap_or_default();
            let kind = kind_of(at.split_once('/').map_or(at, |(_, rest)| rest));
            self.mark(kind, round, Shows::Secret, "", "");
        }
        let mut refused = BTreeSet::new();
        for row in rows(&played.plan, "refused") {
            let at = row["address"].as_str().unwrap_or_default();
            let at = at.split_once('/').map_or(at, |(_, rest)| rest);
            let reason = row["reason"].as_str().unwrap_or_default();
            // What can never come back is refused each time, with the reason of its kind.
            let never = self.spec(kind_of(at)).is_some_and(|spec| spec.restore.class == RestoreClass::Never);
            if never {
                refused.insert(kind_of(at).to_owned());
            } else if !self.mark(kind_of(at), round, Shows::Refusal, at, "") {
                self.fault(kind_of(at), format!("{round:?}: {at} is refused: {reason}"));
            }
        }
        let mut notes: String = rows(&played.plan, "steps").map(|step| step["notes"].to_string()).collect();
        // A refusal announces what the reason of its kind says.
        let refusing = |left: &&Left| left.after == round && left.shows == Shows::Refusal;
        let said = self.cases.kind.values().flat_map(|case| &case.left).filter(refusing);
        notes.extend(said.map(|left| left.says.as_str()));
        for line in self.goal.diff(&restored) {
            let at = line.get(2..).unwrap_or_default();
            let kind = kind_of(at);
            if self.mark(kind, round, Shows::Difference, at, &notes) || refused.contains(kind) {
                self.announced.insert(line);
            } else if !self.announced.contains(&line) {
                self.fault(kind, format!("{round:?}: not as it was: {line}"));
            }
        }
        // What was not tried says nothing beside what stopped it.
        for line in played.failed.iter().filter(|line| line["outcome"] != "not_run") {
            let at = line["address"].as_str().unwrap_or("?/?");
            let kind = kind_of(at.split_once('/').map_or(at, |(_, rest)| rest));
            self.fault(kind, format!("{round:?}: {} {at}: {}", line["outcome"], line["detail"]));
        }
        for step in rows(&played.again, "steps") {
            let at = step["address"].as_str().unwrap_or("?/?");
            let kind = kind_of(at.split_once('/').map_or(at, |(_, rest)| rest));
            self.fault(kind, format!("{round:?}: a second plan has {} {at}: {}", step["op"], step["fields"]));
        }
    }

    /// Notes what the damage changed, and that it did.
    fn damage(&mut self, round: Round, damaged: &Dump) {
        for (key, whole) in self.goal.objects() {
            let kind = kind_of(key);
            let now = damaged.get(key).or_else(|| same(damaged, kind, whole));
            if now != Some(whole) {
                self.damaged.insert((kind.to_owned(), round));
            }
            let Some((whole, now)) = whole.as_object().zip(now.filter(|_| round <= Round::Changed)) else {
                continue;
            };
            let changed = whole.keys().chain(now.as_object().into_iter().flat_map(|now| now.keys()));
            let changed = changed.filter(|field| whole.get(*field) != now.get(*field));
            let changed = changed.map(|field| field.trim_start_matches('$').to_owned());
            self.changed.entry(kind.to_owned()).or_default().extend(changed);
        }
        for thing in &self.cases.things {
            let Some((kind, is)) = thing.kind.as_ref().zip(thing.is.as_ref()) else { continue };
            let whole = self.goal.get(is);
            let now = damaged.get(is);
            let missed = match round {
                _ if whole.is_none() => Some("it was not made"),
                Round::Switched | Round::Changed => {
                    let meant = thing.change.is_some() && thing.changed_in == round;
                    (meant && whole == now).then_some("it was not changed")
                }
                _ => (thing.gone == Some(round) && now.is_some()).then_some("it was not deleted"),
            };
            if let Some(missed) = missed {
                self.faults
                    .entry(kind.clone())
                    .or_default()
                    .push(format!("{kind}: {round:?}: {is}: {missed}"));
            }
        }
    }

    /// Key and old id → new id, of what is there under the same name with another id.
    fn new_ids(&self, restored: &Dump) -> BTreeMap<(String, String), String> {
        let mut found = BTreeMap::new();
        for (key, old) in self.goal.objects() {
            let Some(new) = restored.get(key) else { continue };
            let kind = kind_of(key);
            let edge =
                self.catalog.kinds.iter().any(|spec| spec.kind.as_str() == kind && spec.shape == Shape::Edge);
            for member in ["id", "_id", "internalId"] {
                if let Some((old, new)) = old[member].as_str().zip(new[member].as_str())
                    && old != new
                    && !edge
                {
                    found.insert((key.clone(), old.to_owned()), new.to_owned());
                }
            }
        }
        found
    }

    /// Notes that an announced difference was seen; false where none was announced. A difference can
    /// show at another kind than the one whose reason announces it.
    fn mark(&mut self, kind: &str, round: Round, shows: Shows, at: &str, said: &str) -> bool {
        let mut found = false;
        for (of, case) in &self.cases.kind {
            for (place, left) in case.left.iter().enumerate() {
                let here = if left.at.is_empty() { of == kind } else { at.starts_with(&left.at) };
                let announced = said.is_empty() || said.contains(&left.says);
                if here && announced && left.after == round && left.shows == shows {
                    found = true;
                    self.shown.insert((of.clone(), place));
                }
            }
        }
        found
    }

    fn spec(&self, kind: &str) -> Option<&'static KindSpec> {
        self.catalog.kinds.iter().find(|spec| spec.kind.as_str() == kind)
    }

    /// The outcome of all rounds.
    pub(super) fn verdict(mut self) -> Verdict {
        let specs = self.catalog.kinds.iter().filter(|spec| spec.restore.class != RestoreClass::Never);
        let specs: Vec<&'static KindSpec> = specs.collect();
        for spec in &specs {
            if spec.carried_by.is_none() {
                self.covered(spec);
                self.fields(spec);
            }
            self.reasons(spec);
        }
        let held = specs.iter().filter(|spec| spec.carried_by.is_some()).count();
        let restored = specs
            .iter()
            .filter(|spec| spec.carried_by.is_none())
            .map(|spec| spec.kind.to_string())
            .filter(|kind| !self.faults.contains_key(kind))
            .collect();
        let restorable = specs.len() - held;
        Verdict { restorable, restored, faults: self.faults.into_values().flatten().collect() }
    }

    /// Whether instances were damaged in all the ways that the catalogue has a call for.
    fn covered(&mut self, spec: &KindSpec) {
        let kind = spec.kind.as_str();
        let cases = self.cases;
        let was = |round: Round| self.damaged.contains(&(kind.to_owned(), round));
        let changed = cases.of(kind).any(|thing| thing.change.is_some()) && was(Round::Changed);
        let deleted =
            cases.of(kind).any(|thing| thing.gone.is_some()) && (was(Round::Leaves) || was(Round::Roots));
        if !spec.update.is_empty() && spec.shape != Shape::Edge && !changed {
            self.fault(kind, "no instance is changed");
        }
        if !spec.delete.is_empty() && !deleted {
            self.fault(kind, "no instance is deleted");
        }
    }

    /// Whether each field that can be written is set and changed by some instance.
    fn fields(&mut self, spec: &KindSpec) {
        let kind = spec.kind.as_str();
        if spec.shape == Shape::Edge {
            return;
        }
        let cases = self.cases;
        let empty = BTreeMap::new();
        let unset = cases.kind.get(kind).map_or(&empty, |case| &case.unset);
        let unchanged = cases.kind.get(kind).map_or(&empty, |case| &case.unchanged);
        for field in &spec.fields {
            let whole = |patterns: &[lastgood::json::Pattern]| {
                patterns.iter().any(|pattern| pattern.to_string() == format!("/{field}"))
            };
            if whole(&spec.assigned) || whole(&spec.derived) || whole(&spec.volatile) {
                continue;
            }
            let set = cases.of(kind).any(|thing| {
                let Some(is) = &thing.is else { return false };
                let plain = match &thing.plain {
                    Some(plain) => self.goal.get(plain),
                    None => self.fresh.get(is),
                };
                let of = |body: Option<&Value>| body.map(|body| member(body, field)).unwrap_or_default();
                of(self.goal.get(is)) != of(plain)
            });
            let own = spec.id.as_ref().is_some_and(|id| id.to_string() == format!("/{field}"));
            let changed = whole(&spec.fixed)
                || own
                || unchanged.contains_key(field)
                || spec.update.is_empty()
                || self.changed.get(kind).is_some_and(|fields| fields.contains(field));
            match unset.contains_key(field) {
                true if set => self.fault(kind, format!("`{field}` is set, and listed as unset")),
                false if !set => self.fault(kind, format!("no instance sets `{field}`")),
                false if !changed => self.fault(kind, format!("no instance changes `{field}`")),
                _ => {}
            }
        }
    }

    /// Whether each part of the catalogue's reason was seen to be so.
    fn reasons(&mut self, spec: &KindSpec) {
        let kind = spec.kind.as_str();
        let cases = self.cases;
        let left: &[Left] = cases.kind.get(kind).map_or(&[], |case| case.left.as_slice());
        for (place, left) in left.iter().enumerate() {
            if !spec.restore.reason.contains(&left.says) {
                self.fault(kind, format!("the catalogue's reason does not say `{}`", left.says));
            }
            if !self.shown.contains(&(kind.to_owned(), place)) {
                self.fault(
                    kind,
                    format!("{:?}: not seen: {} ({:?} {})", left.after, left.says, left.shows, left.at),
                );
            }
        }
        for part in spec.restore.reason.split("; ").filter(|part| !part.is_empty()) {
            let unshown = cases.kind.get(kind).is_some_and(|case| case.unshown.contains_key(part));
            if !unshown && !left.iter().any(|left| part.contains(&left.says)) {
                self.fault(kind, format!("nothing shows the reason `{part}`"));
            }
        }
    }
}

/// The object of this id under another name.
fn same<'d>(dump: &'d Dump, kind: &str, whole: &Value) -> Option<&'d Value> {
    let id = |body: &Value| ["id", "_id"].iter().find_map(|at| body[*at].as_str().map(str::to_owned));
    let wanted = id(whole)?;
    let found =
        dump.objects().iter().find(|(key, body)| kind_of(key) == kind && id(body).as_ref() == Some(&wanted));
    found.map(|(_, body)| body)
}

/// A field; the reader keeps what it had to ask apart under `$` and the field's name.
fn member(body: &Value, field: &str) -> Value {
    let apart = &body[format!("${field}")];
    if apart.is_null() { body[field].clone() } else { apart.clone() }
}

fn rows<'v>(document: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    document[member].as_array().into_iter().flatten()
}

fn kind_of(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}
