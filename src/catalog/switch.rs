//! Switches: calls that change one field of an instance and write no body, as `activate` does.
//!
//! What a switch sets, a body does not: the vendor ignores it there, refuses it, or nobody has seen what it
//! does. The way from one state to another is looked for among the switches that the catalogue names.

use std::collections::VecDeque;

use crate::catalog::{Action, Condition, KindSpec};
use crate::json::{Pattern, Pointer, Value};

/// How many switches may lie between two states.
const STEPS_MAX: usize = 3;

impl Action {
    /// Which field it sets, and to what; `None` where it does something else, or nobody knows what.
    #[must_use]
    pub fn sets(&self) -> Option<(&Pointer, &Value)> {
        match self.makes.as_slice() {
            [Condition { of: None, at, any_of, .. }] => match any_of.as_slice() {
                // Those after the first are read while the vendor is at it.
                [value, ..] => Some((at, value)),
                [] => None,
            },
            _ => None,
        }
    }

    /// Whether a field that this switch sets reads as it does while the vendor is still at it.
    #[must_use]
    pub fn is_under_way(&self, value: &Value) -> bool {
        self.makes.iter().any(|makes| makes.any_of.iter().skip(1).any(|between| between == value))
    }

    /// Whether the vendor takes it in this state; what is not known of the state does not speak against it.
    fn fits(&self, body: &Value) -> bool {
        self.from.iter().all(|condition| condition.at.get(body).is_none() || condition.holds(body))
    }
}

impl KindSpec {
    /// The fields that switches set, each once.
    #[must_use]
    pub fn switched(&self) -> Vec<Pointer> {
        let mut found: Vec<Pointer> = Vec::new();
        for (at, _) in self.action.iter().filter_map(Action::sets) {
            if !found.contains(at) {
                found.push(at.clone());
            }
        }
        found
    }

    /// The fields that the server sets and no call changes.
    #[must_use]
    pub fn beyond_calls(&self) -> Vec<Pattern> {
        let switched = self.switched();
        let by_switch = |pattern: &&Pattern| pattern.as_pointer().is_some_and(|at| switched.contains(&at));
        self.assigned.iter().filter(|pattern| !by_switch(pattern)).cloned().collect()
    }

    /// The shortest way of switches from a state to one that is wanted; `None` where there is none.
    #[must_use]
    pub fn way(&self, from: &Value, wanted: &dyn Fn(&Value) -> bool) -> Option<Vec<&Action>> {
        let mut queue = VecDeque::from([(from.clone(), Vec::new())]);
        while let Some((body, way)) = queue.pop_front() {
            if wanted(&body) {
                return Some(way);
            }
            if way.len() == STEPS_MAX {
                continue;
            }
            for action in self.action.iter().filter(|action| action.fits(&body)) {
                let Some((at, value)) = action.sets().filter(|(at, value)| at.get(&body) != Some(*value))
                else {
                    continue;
                };
                let mut next = body.clone();
                // Where there is no place for the field, the switch leads nowhere.
                if at.set(&mut next, value.clone()).is_ok() {
                    queue.push_back((next, [way.as_slice(), &[action]].concat()));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::provider;
    use crate::json::{Limits, parse};

    #[test]
    fn a_way_leads_over_what_the_vendor_takes() {
        let spec = provider("okta").unwrap().kinds.iter().find(|spec| spec.kind.as_str() == "user").unwrap();
        let body = |text: &str| parse(text.as_bytes(), &Limits::default()).unwrap();
        let way = |from: &str, to: &'static str| {
            let found = spec.way(&body(from), &|state| state.get("status") == Some(&to.into()))?;
            Some(found.iter().map(|action| action.does.clone()).collect::<Vec<_>>())
        };
        assert_eq!(way(r#"{"status":"ACTIVE"}"#, "ACTIVE"), Some(vec![]));
        assert_eq!(way(r#"{"status":"STAGED"}"#, "SUSPENDED").unwrap().len(), 2, "it must be active before");
        assert_eq!(way(r#"{"status":"ACTIVE"}"#, "LOCKED_OUT"), None);
    }
}
