//! The table test of DESIGN.md §3 for Okta: what the catalogue calls restorable is changed, deleted and put
//! back on the simulated organisation, and a reader that is not the product finds it as it was.
//!
//! The kinds, the calls and the fields are the catalogue's; the instances are those of the organisation that
//! has one of each kind. [`damage`] plays the administrator, [`reader`] looks, `data/kinds.toml` says what no
//! rule does. Every kind has two rounds: each field of each instance changed, and each instance deleted.

mod case;
mod damage;
mod fields;
mod others;
mod reader;
mod writable;

use std::collections::{BTreeMap, BTreeSet};

use lastgood::base::key::ResourceKey;
use lastgood::catalog::{self, KindSpec, Provider, RestoreClass, Shape};
use serde_json::Value;

use crate::org::{Org, TENANT};
use case::Cases;
use fields::Ledger;
use reader::{Dump, dump};

/// A round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Round {
    Changed,
    Deleted,
}

struct Table {
    org: Org,
    catalog: &'static Provider,
    cases: Cases,
    faults: BTreeMap<String, Vec<String>>,
    /// The addresses that a snapshot holds, of what does not come back too.
    all: Vec<ResourceKey>,
    /// What a plan refused with the words of its kind's reason.
    refused: BTreeSet<ResourceKey>,
    /// Kinds of which an instance was damaged in this round.
    damaged: BTreeSet<(String, Round)>,
}

impl Table {
    fn spec(&self, kind: &str) -> &'static KindSpec {
        self.catalog.kinds.iter().find(|spec| spec.kind.as_str() == kind).unwrap()
    }

    fn fault(&mut self, kind: &str, what: String) {
        println!("{kind}: {what}");
        self.faults.entry(kind.to_owned()).or_default().push(what);
    }

    /// Whether a kind was damaged in each way in which a call does it, and came back.
    fn is_restored(&mut self, spec: &KindSpec) -> bool {
        let (kind, case) = (spec.kind.to_string(), self.cases.of(spec.kind.as_str()));
        // What has no call of its own is damaged and comes back through what carries it.
        let spec = spec.restore.through.as_ref().map_or(spec, |through| self.spec(through.as_str()));
        let was = |round| self.damaged.contains(&(spec.kind.to_string(), round));
        let changes = !spec.update.is_empty() && spec.shape != Shape::Edge || !spec.switched().is_empty();
        let deletes = !spec.delete.is_empty() && (!spec.create.is_empty() || case.never_deleted.is_empty());
        let damaged = (!changes || was(Round::Changed)) && (!deletes || was(Round::Deleted));
        if !damaged {
            self.fault(&kind, format!("not every way of damage was tried: {changes} {deletes}"));
        }
        damaged && (changes || deletes) && !self.faults.contains_key(&kind)
    }

    /// The addresses that a snapshot holds.
    fn keys(&mut self) -> Vec<ResourceKey> {
        let text = self.org.run(&["ls", TENANT, "--json"], 0);
        let key = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            let address = row["address"].as_str().unwrap().strip_prefix("acme/").unwrap().to_owned();
            ResourceKey::from_path(&address).unwrap()
        };
        self.all = text.lines().map(key).collect();
        let comes_back =
            |key: &&ResourceKey| self.spec(key.kind.as_str()).restore.class != RestoreClass::Never;
        self.all.iter().filter(comes_back).cloned().collect()
    }

    /// Whether the vendor made it.
    fn is_system(&self, key: &ResourceKey) -> bool {
        let spec = self.spec(key.kind.as_str());
        let body = reader::raw(&self.org, spec, key);
        body.is_some_and(|body| {
            spec.system.iter().any(|condition| condition.of.is_none() && condition.holds(&body))
        })
    }

    /// Damages the instances of kinds; the addresses of what was damaged.
    fn damage(
        &mut self,
        round: Round,
        kinds: &[&'static KindSpec],
        keys: &[ResourceKey],
        known: Option<(&Ledger, &fields::Shown)>,
    ) -> Vec<ResourceKey> {
        let mut damaged = Vec::new();
        for spec in kinds {
            let kind = spec.kind.as_str();
            let fields = known.map(|(ledger, shown)| ledger.fields(spec, shown)).unwrap_or_default();
            let case = self.cases.of(kind);
            for key in keys.iter().filter(|key| key.kind == spec.kind) {
                let done = match round {
                    _ if round == Round::Changed && !case.never_changed.is_empty() => Ok(false),
                    _ if round == Round::Deleted && !case.never_deleted.is_empty() => Ok(false),
                    Round::Changed => damage::change(&self.org, spec, &case, key, &self.all, &fields),
                    Round::Deleted if self.is_system(key) => Ok(false),
                    Round::Deleted => damage::delete(&self.org, spec, &case, key),
                };
                match done {
                    Ok(true) => {
                        // What takes its time at the vendor is done when somebody has looked.
                        let _ = reader::raw(&self.org, spec, key);
                        self.damaged.insert((kind.to_owned(), round));
                        damaged.push(key.clone());
                    }
                    Ok(false) => {}
                    // What the vendor made takes less than the rest of its kind.
                    Err(_) if self.is_system(key) => {}
                    Err(why) if !case.kept.is_empty() && why.contains(&case.kept) => {}
                    Err(why) => self.fault(kind, format!("{round:?}: the administrator: {why}")),
                }
            }
        }
        damaged
    }

    /// Plans and applies; new ids by old ones. A kind that fails is left out, and the rest is tried again.
    fn restore(&mut self, at: &str, damaged: &[ResourceKey], round: Round) -> BTreeMap<ResourceKey, String> {
        let mut left: Vec<ResourceKey> = damaged.to_vec();
        let mut ids = BTreeMap::new();
        for _ in 0..8 {
            if left.is_empty() {
                return ids;
            }
            let addresses: Vec<String> = left.iter().map(|key| format!("{TENANT}/{key}")).collect();
            let mut args = vec!["plan"];
            args.extend(addresses.iter().map(String::as_str));
            args.extend(["--at", at, "--json", "--out", "plan.json"]);
            let plan: Value = serde_json::from_str(&self.org.run(&args, 0)).unwrap();
            for row in plan["refused"].as_array().unwrap() {
                let kind = kind_of(&row["address"]);
                if self.spec(&kind).restore.class == RestoreClass::Never {
                    continue;
                }
                let case = self.cases.of(&kind);
                let said = self.spec(&kind).restore.reason.contains(&case.refused)
                    || row["reason"].as_str().unwrap().contains(&case.refused);
                if !case.refused.is_empty() && said {
                    let path = row["address"].as_str().unwrap().split_once('/').unwrap().1;
                    self.refused.insert(ResourceKey::from_path(path).unwrap());
                    continue;
                }
                self.fault(&kind, format!("{round:?}: {} is refused: {}", row["address"], row["reason"]));
            }
            if plan["steps"].as_array().unwrap().is_empty() {
                return ids;
            }
            self.give(&plan);
            let (out, err) = self.org.tried(&[
                "apply",
                "plan.json",
                "--json",
                "--allow-privileged",
                "--allow-lockout",
                "--secrets",
                "secrets.toml",
            ]);
            let mut failed = BTreeSet::new();
            for line in out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
                let Some(outcome) = line["outcome"].as_str() else { continue };
                if let (Some(id), Some(address)) = (line["id"].as_str(), line["address"].as_str()) {
                    let path = address.split_once('/').unwrap().1;
                    ids.insert(ResourceKey::from_path(path).unwrap(), id.to_owned());
                }
                if ["failed", "differs", "unknown", "refused"].contains(&outcome) {
                    let kind = kind_of(&line["address"]);
                    self.fault(
                        &kind,
                        format!("{round:?}: {outcome} {}: {}", line["address"], line["detail"]),
                    );
                    failed.insert(kind);
                }
            }
            if failed.is_empty() {
                if !out.is_empty() {
                    return ids;
                }
                // Nothing was begun: the error names what stands in the way.
                let named = err.split('`').nth(1).and_then(|path| path.split('/').next()).unwrap_or_default();
                assert!(left.iter().any(|key| key.kind.as_str() == named), "{round:?}: {err}");
                self.fault(named, format!("{round:?}: {err}"));
                failed.insert(named.to_owned());
            }
            left.retain(|key| !failed.contains(key.kind.as_str()));
        }
        ids
    }

    /// Writes down a value for each secret that a plan asks for.
    fn give(&self, plan: &Value) {
        let asked = plan["secrets"].as_array().unwrap();
        let lines: String = asked
            .iter()
            .map(|row| format!("{} = \"file:given\"\n", row["input"].as_str().unwrap()))
            .collect();
        std::fs::write(self.org.path().join("given"), "lgcanary-given-again").unwrap();
        std::fs::write(self.org.path().join("secrets.toml"), lines).unwrap();
    }

    /// Compares, and plans again: nothing may be left to do.
    fn judge(
        &mut self,
        round: Round,
        at: &str,
        before: &Dump,
        damaged: &[ResourceKey],
        ids: &BTreeMap<ResourceKey, String>,
    ) {
        let moved = |key: &ResourceKey| {
            let mut out = key.clone();
            for depth in 0..key.ids.len() {
                let above = key.ids[..=depth].to_vec();
                let new = ids
                    .iter()
                    .find(|(old, _)| old.ids == above && (depth + 1 < key.ids.len() || old.kind == key.kind));
                // Of an id of several parts, one may be another's.
                if new.is_none() && key.ids[depth].contains(':') {
                    out.ids[depth] = parts_moved(&key.ids[depth], ids);
                    continue;
                }
                // An edge names its far end.
                let far = ids.iter().find(|(old, _)| old.ids.len() == 1 && old.ids[0] == key.ids[depth]);
                if let Some((_, id)) = new.or(far) {
                    out.ids[depth].clone_from(id);
                }
            }
            out
        };
        let back: BTreeMap<String, String> =
            ids.iter().map(|(key, id)| (id.clone(), key.id().to_owned())).collect();
        let keys: Vec<ResourceKey> = before.keys().map(&moved).collect();
        let now = dump(&self.org, self.catalog, &keys);
        for (key, body) in before {
            let kind = key.kind.as_str();
            if self.refused.contains(key) {
                continue;
            }
            let Some(found) = now.get(&moved(key)) else {
                self.fault(kind, format!("{round:?}: {key} is not there"));
                continue;
            };
            let found = reader::with_ids(found, &back);
            let left: Vec<String> = lastgood::json::diff(body, &found)
                .iter()
                .map(|change| {
                    format!(
                        "{} {:?}→{:?}",
                        change.pointer,
                        change.from.as_ref().map(|v| v.to_line()),
                        change.to.as_ref().map(|v| v.to_line())
                    )
                })
                .collect();
            if !left.is_empty() {
                self.fault(kind, format!("{round:?}: {key} is not as it was: {}", left.join(", ")));
            }
        }
        if damaged.is_empty() {
            return;
        }
        let addresses: Vec<String> = damaged.iter().map(|key| format!("{TENANT}/{key}")).collect();
        let mut args = vec!["plan"];
        args.extend(addresses.iter().map(String::as_str));
        args.extend(["--at", at, "--json"]);
        let again: Value = serde_json::from_str(&self.org.run(&args, 0)).unwrap();
        for step in again["steps"].as_array().unwrap() {
            self.fault(
                &kind_of(&step["address"]),
                format!("{round:?}: a new plan does it again: {} {}", step["address"], step["fields"]),
            );
        }
    }
}

/// An id of several parts with the new ids of those that are resources of their own.
fn parts_moved(id: &str, ids: &BTreeMap<ResourceKey, String>) -> String {
    let moved = |part: &str| ids.iter().find(|(old, _)| old.ids == [part]).map(|(_, new)| new.clone());
    let parts = id.split(':').map(|part| moved(part).unwrap_or_else(|| part.to_owned()));
    parts.collect::<Vec<_>>().join(":")
}

fn kind_of(address: &Value) -> String {
    address.as_str().unwrap_or_default().split('/').nth(1).unwrap_or("?").to_owned()
}

/// Which kinds are deleted together: those of one place in the order of a restore, or each by itself.
fn groups(kinds: &[&'static KindSpec]) -> Vec<Vec<&'static KindSpec>> {
    if std::env::var("LASTGOOD_ROUND").is_ok_and(|round| round == "changed") {
        return Vec::new();
    }
    if std::env::var_os("LASTGOOD_EACH").is_some() {
        return kinds.iter().map(|spec| vec![*spec]).collect();
    }
    let tiers: BTreeSet<u32> = kinds.iter().map(|spec| spec.restore.order).collect();
    let tier = |tier| kinds.iter().filter(|spec| spec.restore.order == tier).copied().collect();
    tiers.into_iter().rev().map(tier).collect()
}

#[test]
fn what_the_catalogue_calls_restorable_comes_back() {
    let catalog = catalog::provider("okta").unwrap();
    let started = || {
        let org = Org::start(&["--users", "3", "--every-kind"]);
        org.configure("restore_auth = { kind = \"token\", token = \"file:sim/token\" }");
        org
    };
    let mut table = Table {
        org: started(),
        catalog,
        cases: Cases::load(),
        faults: BTreeMap::new(),
        all: Vec::new(),
        refused: BTreeSet::new(),
        damaged: BTreeSet::new(),
    };
    let only = std::env::var("LASTGOOD_ONLY").ok();
    let chosen = |spec: &&'static KindSpec| {
        let read =
            spec.unread.is_none() && spec.carried_by.is_none() && spec.restore.class != RestoreClass::Never;
        read && only.as_ref().is_none_or(|only| only.split(',').any(|kind| kind == spec.kind.as_str()))
    };
    let mut kinds: Vec<&'static KindSpec> = catalog.kinds.iter().filter(chosen).collect();
    kinds.sort_by_key(|spec| std::cmp::Reverse(spec.restore.order));
    let groups = groups(&kinds);
    let mut ledger = Ledger::open();
    let changed = std::iter::once((Round::Changed, kinds.clone()));
    for (round, group) in changed.chain(groups.into_iter().map(|group| (Round::Deleted, group))) {
        {
            table.org = started();
            let (snapshot, _) = table.org.snapshot(0);
            let at = snapshot["snapshot"].as_str().unwrap().to_owned();
            let keys = table.keys();
            let before = dump(&table.org, catalog, &keys);
            let mut watched = ledger.as_mut().filter(|_| round == Round::Changed);
            let shown = watched.as_ref().map(|_| reader::shown(&table.org, catalog, &keys));
            let known = watched.as_deref().zip(shown.as_ref());
            let damaged = table.damage(round, &group, &keys, known);
            if let Some((ledger, shown)) = watched.as_mut().zip(shown.as_ref()) {
                let after = reader::shown(&table.org, catalog, &keys);
                for spec in &group {
                    ledger.add(spec, &table.cases.of(spec.kind.as_str()), shown, &after);
                }
            }
            let ids = table.restore(&at, &damaged, round);
            table.judge(round, &at, &before, &damaged, &ids);
        }
    }
    let restored: BTreeSet<String> =
        kinds.iter().filter(|spec| table.is_restored(spec)).map(|spec| spec.kind.to_string()).collect();
    println!("{} of {} kinds restored", restored.len(), kinds.len());
    // A run of some kinds proves nothing of the others.
    if only.is_none() {
        let left = ledger.map(Ledger::close).unwrap_or_default();
        println!("{}", left.join("\n"));
        if std::env::var_os("LASTGOOD_ROUND").is_none() {
            crate::proof::keep("restored", &restored);
        }
        assert!(
            left.is_empty(),
            "{} writable fields without a value or a reason:\n{}",
            left.len(),
            left.join("\n")
        );
    }
}
