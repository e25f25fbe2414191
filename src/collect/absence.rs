//! When is a resource that did not come a deleted resource?
//!
//! A 200 is not proof of completeness. A disappearance counts as a deletion only if its kind was
//! read whole, the credential can still see what it could see, not too many vanished at once, and
//! asking for the resource itself says that it is gone. In every other case the old state is
//! carried forward and the ledger says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::coverage::{Exception, State};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Shape};
use crate::provider::found_by;

/// More than this share of a kind must vanish at once before it is suspect …
const VANISH_PERCENT: usize = 5;
/// … and more than this many.
const VANISH_COUNT: usize = 10;

/// What is to be done about the resources of one kind that did not come.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask for each of `ask`; those of `gone` went with a parent or far end that is gone.
    Confirm {
        /// To be asked for, one by one.
        ask: Vec<ResourceKey>,
        /// Gone with something else that is proven gone.
        gone: Vec<ResourceKey>,
    },
    /// Keep the old state of all of them, for this reason.
    Carry {
        /// What the kind's state becomes.
        state: State,
        /// Why.
        reason: String,
    },
}

/// Resources that are proven gone in this run, for deciding about what hung on them.
#[derive(Default, Debug)]
pub struct Gone {
    by_kind: BTreeMap<Kind, BTreeSet<Vec<String>>>,
}

impl Gone {
    /// Records that this resource is gone.
    pub fn insert(&mut self, key: &ResourceKey) {
        self.by_kind.entry(key.kind.clone()).or_default().insert(key.ids.clone());
    }

    /// Whether this resource is gone.
    pub(crate) fn holds(&self, key: &ResourceKey) -> bool {
        self.by_kind.get(&key.kind).is_some_and(|gone| gone.contains(&key.ids))
    }

    /// What is gone of a kind.
    pub(crate) fn of<'g>(&'g self, kind: &'g Kind) -> impl Iterator<Item = ResourceKey> + 'g {
        let ids = self.by_kind.get(kind).into_iter().flatten();
        ids.map(move |ids| ResourceKey { kind: kind.clone(), ids: ids.clone() })
    }

    /// The kinds of which any is gone.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.by_kind.iter().filter(|(_, gone)| !gone.is_empty()).map(|(kind, _)| kind)
    }

    /// The ids of what is gone and hung on nothing.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_kind.values().flatten().filter(|ids| ids.len() == 1).flatten().map(String::as_str)
    }

    /// The parents of this kind that are gone.
    pub(crate) fn parents<'g>(&'g self, spec: &'g KindSpec) -> impl Iterator<Item = &'g Vec<String>> {
        spec.parent.iter().filter_map(|kind| self.by_kind.get(kind)).flatten()
    }

    /// Takes back what turned out to be there again.
    pub(crate) fn remove(&mut self, key: &ResourceKey) {
        if let Some(gone) = self.by_kind.get_mut(&key.kind) {
            gone.remove(&key.ids);
        }
    }

    /// Whether any of this kind is gone.
    pub(crate) fn any(&self, kind: &Kind) -> bool {
        self.by_kind.get(kind).is_some_and(|gone| !gone.is_empty())
    }

    /// True while nothing is gone.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many are gone.
    pub(crate) fn len(&self) -> usize {
        self.by_kind.values().map(BTreeSet::len).sum()
    }

    /// Whether the resource went with a parent, or for an edge with its far end.
    #[must_use]
    pub fn explains(&self, spec: &KindSpec, key: &ResourceKey) -> bool {
        let parents = key.ids.get(..key.ids.len().saturating_sub(1)).unwrap_or_default();
        let holds =
            |kind: &Kind, ids: &[String]| self.by_kind.get(kind).is_some_and(|gone| gone.contains(ids));
        if spec.parent.iter().any(|parent| holds(parent, parents)) {
            return true;
        }
        // What a list was found by is as good as a parent where its id stands in the key.
        if found_by(spec, key.id()).into_iter().any(|(kind, id)| holds(kind, &[id])) {
            return true;
        }
        let own = key.id();
        let is_own = |ids: &Vec<String>| ids.last().is_some_and(|id| id == own);
        let far_ends = spec.refs.iter().flat_map(|reference| &reference.to);
        spec.shape == Shape::Edge
            && far_ends
                .into_iter()
                .any(|kind| self.by_kind.get(kind).is_some_and(|gone| gone.iter().any(is_own)))
    }
}

/// What is known when the verdict is asked for.
pub struct Case<'a> {
    /// The kind.
    pub spec: &'a KindSpec,
    /// How it was read.
    pub state: State,
    /// Parents that could not be read.
    pub exceptions: &'a [Exception],
    /// Rights that the credential had at the baseline and has no more.
    pub lost_rights: &'a [String],
    /// How many there were before.
    pub before: usize,
    /// Those that did not come, in key order.
    pub missing: Vec<ResourceKey>,
    /// What is proven gone so far.
    pub gone: &'a Gone,
}

/// Decides about the missing resources of one kind.
#[must_use]
pub fn judge(case: Case<'_>) -> Verdict {
    if case.missing.is_empty() {
        return Verdict::Confirm { ask: Vec::new(), gone: Vec::new() };
    }
    if !matches!(case.state, State::Complete | State::Partial) {
        let reason =
            format!("{} known before could not be read; their last state is kept", case.missing.len());
        return Verdict::Carry { state: case.state, reason };
    }
    let readable: Vec<ResourceKey> =
        case.missing.into_iter().filter(|key| !is_excepted(case.spec, key, case.exceptions)).collect();
    // A partial kind without named exceptions says nothing about any one of its resources.
    if case.state == State::Partial && case.exceptions.is_empty() {
        return Verdict::Carry {
            state: State::Partial,
            reason: "not read whole; what did not come is kept".into(),
        };
    }
    let (gone, ask): (Vec<_>, Vec<_>) =
        readable.into_iter().partition(|key| case.gone.explains(case.spec, key));
    if ask.is_empty() {
        return Verdict::Confirm { ask, gone };
    }
    if !case.lost_rights.is_empty() {
        let reason = format!(
            "{} vanished and the credential lost {}: they may only be out of sight",
            ask.len(),
            case.lost_rights.join(", ")
        );
        return Verdict::Carry { state: State::Suspect, reason };
    }
    if ask.len() > VANISH_COUNT && ask.len() * 100 > case.before * VANISH_PERCENT {
        let reason = format!("{} of {} vanished at once; their last state is kept", ask.len(), case.before);
        return Verdict::Carry { state: State::Suspect, reason };
    }
    Verdict::Confirm { ask, gone }
}

/// Whether the resource, a parent of it, or an edge's far end is among what could not be read.
fn is_excepted(spec: &KindSpec, key: &ResourceKey, exceptions: &[Exception]) -> bool {
    let own = key.to_path();
    exceptions.iter().any(|exception| {
        let far_end = || ResourceKey::from_path(&exception.at).is_some_and(|at| at.id() == key.id());
        exception.at == own
            || (spec.shape == Shape::Edge && far_end())
            || spec.parent.iter().any(|parent| {
                (1..key.ids.len()).any(|depth| {
                    let ids = key.ids.get(..depth).unwrap_or_default().to_vec();
                    ResourceKey::new(parent, ids).to_path() == exception.at
                })
            })
    })
}

/// Rights of the baseline that are missing now.
#[must_use]
pub fn lost_rights(baseline: &[String], now: &[String]) -> Vec<String> {
    baseline.iter().filter(|right| !now.contains(right)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn spec(kind: &str) -> &'static KindSpec {
        catalog::provider("keycloak").unwrap().kind(&Kind::new(kind)).unwrap()
    }

    fn key(kind: &str, ids: &[&str]) -> ResourceKey {
        ResourceKey::new(&Kind::new(kind), ids.iter().map(|id| (*id).to_owned()).collect())
    }

    fn many(kind: &str, count: usize) -> Vec<ResourceKey> {
        (0..count).map(|n| key(kind, &[&n.to_string()])).collect()
    }

    fn judged(
        state: State,
        exceptions: &[Exception],
        lost: &[String],
        before: usize,
        missing: usize,
    ) -> Verdict {
        judge(Case {
            spec: spec("client"),
            state,
            exceptions,
            lost_rights: lost,
            before,
            missing: many("client", missing),
            gone: &Gone::default(),
        })
    }

    fn state_of(verdict: &Verdict) -> Option<State> {
        match verdict {
            Verdict::Carry { state, .. } => Some(*state),
            Verdict::Confirm { .. } => None,
        }
    }

    #[test]
    fn nothing_is_concluded_from_what_was_not_read() {
        for state in State::ALL {
            let verdict = judged(state, &[], &[], 100, 1);
            let carried = state_of(&verdict);
            assert_eq!(carried, (state != State::Complete).then_some(state), "{state:?}: {verdict:?}");
        }
    }

    #[test]
    fn how_many_may_vanish() {
        assert_eq!(state_of(&judged(State::Complete, &[], &[], 1000, 50)), None, "5 % is not more than 5 %");
        assert_eq!(state_of(&judged(State::Complete, &[], &[], 1000, 51)), Some(State::Suspect));
        assert_eq!(state_of(&judged(State::Complete, &[], &[], 10, 10)), None, "ten are not more than ten");
        assert_eq!(state_of(&judged(State::Complete, &[], &[], 11, 11)), Some(State::Suspect));
    }

    #[test]
    fn a_lost_right_makes_every_absence_suspect() {
        let lost = ["view-clients".to_owned()];
        assert_eq!(state_of(&judged(State::Complete, &[], &lost, 100, 1)), Some(State::Suspect));
        assert_eq!(state_of(&judged(State::Complete, &[], &lost, 100, 0)), None);
        assert_eq!(lost_rights(&["a".into(), "b".into()], &["b".into(), "c".into()]), ["a"]);
    }

    #[test]
    fn children_of_an_unread_parent_are_left_alone() {
        let exceptions =
            [Exception { at: "client/a".into(), state: State::Failed, reason: "it timed out".into() }];
        let missing = vec![key("client_role", &["a", "1"]), key("client_role", &["b", "2"])];
        let verdict = judge(Case {
            spec: spec("client_role"),
            state: State::Partial,
            exceptions: &exceptions,
            lost_rights: &[],
            before: 100,
            missing,
            gone: &Gone::default(),
        });
        assert_eq!(
            verdict,
            Verdict::Confirm { ask: vec![key("client_role", &["b", "2"])], gone: Vec::new() }
        );
    }

    fn gone_with_role(told: &KindSpec) {
        let mut gone = Gone::default();
        gone.insert(&key("custom_role", &["cr0"]));
        let own = key("role_subscription", &["cr0:OKTA_ISSUE"]);
        assert!(gone.explains(told, &own), "its role is gone");
        assert!(!gone.explains(told, &key("role_subscription", &["ORG_ADMIN:OKTA_ISSUE"])));
    }

    #[test]
    fn what_hung_on_something_gone_is_gone_without_asking() {
        let mut gone = Gone::default();
        gone.insert(&key("client", &["a"]));
        gone.insert(&key("user", &["u"]));
        let roles: Vec<_> = (0..40).map(|n| key("client_role", &["a", &n.to_string()])).collect();
        let case = |spec, missing| Case {
            spec,
            state: State::Complete,
            exceptions: &[],
            lost_rights: &[],
            before: 41,
            missing,
            gone: &gone,
        };
        let verdict = judge(case(spec("client_role"), roles.clone()));
        assert_eq!(verdict, Verdict::Confirm { ask: Vec::new(), gone: roles }, "a whole client went");
        // Nothing of Okta lies below a custom role, but what is read by way of it has its id in the key.
        let told = catalog::provider("okta").unwrap().kind(&Kind::new("role_subscription")).unwrap();
        gone_with_role(told);
        let members = vec![key("group_member", &["g", "u"]), key("group_member", &["g", "other"])];
        let verdict = judge(case(spec("group_member"), members));
        let Verdict::Confirm { ask, gone } = verdict else { panic!("two are not too many") };
        assert_eq!(
            (ask, gone),
            (vec![key("group_member", &["g", "other"])], vec![key("group_member", &["g", "u"])])
        );
    }
}
