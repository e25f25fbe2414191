//! Switches in steps: what must be switched for a call, and what is switched last of all.

use crate::catalog::{Action, Context, KindSpec, Write};
use crate::json::{Pattern, Pointer, Value};
use crate::restore::form::{Op, Request, Step};
use crate::restore::shape::Stand;
use crate::restore::steps::{Calls, Work};
use crate::restore::wish::set_or_remove;

impl Calls {
    /// Calls without switches after them.
    pub(super) fn plain(requests: Vec<Request>, expected: Value, loose: Vec<Pattern>) -> Self {
        Self { requests, switched: expected.clone(), expected, loose, switches: Vec::new() }
    }

    /// The switches as a part of the rest.
    pub(super) fn joined(mut self) -> Self {
        self.requests.append(&mut self.switches);
        self.expected = self.switched.clone();
        self
    }
}

impl Work<'_, '_> {
    /// Parts from the calls the switches that wait for the end of the plan: those of what acts on others.
    pub(super) fn part(&self, mut calls: Calls) -> (Calls, Option<Calls>) {
        if !self.draft.spec.restore.switched_last || calls.switches.is_empty() {
            return (calls.joined(), None);
        }
        let switches = std::mem::take(&mut calls.switches);
        let last = Calls::plain(switches, calls.switched.clone(), calls.loose.clone());
        let before = Calls::plain(calls.requests, calls.expected, calls.loose);
        (before, Some(last))
    }

    /// The step that switches it when everything else is done.
    pub(super) fn switching_last(&self, calls: Calls, from: &Value, alone: bool) -> Step {
        let fields = self.changed(from, &calls);
        let mut step = self.step(Op::Update, calls, fields);
        if !alone {
            step.after.push(self.draft.key.clone());
        }
        step.notes.push("it is switched on after everything else, because it acts on others".into());
        step
    }

    /// What a new one looks like before anything is switched.
    pub(super) fn born(&self, body: &Value) -> Value {
        let mut born = body.clone();
        for (at, value) in &self.draft.spec.restore.born {
            // Where there is no place for the field, it has none.
            let _ = set_or_remove(&mut born, at, Some(value.clone()));
        }
        born
    }

    /// Switches what a call needs switched.
    pub(super) fn bring_about(
        &self,
        write: &Write,
        context: &Context<'_>,
        stand: &Stand,
        body: &mut Value,
        requests: &mut Vec<Request>,
    ) -> Result<(), String> {
        let fits = |body: &Value| write.state.iter().all(|condition| condition.holds(body));
        if fits(body) {
            return Ok(());
        }
        let way = self.draft.spec.way(body, &fits).ok_or_else(|| {
            let states: Vec<String> =
                write.state.iter().map(|condition| format!("`{}`", condition.at)).collect();
            format!("the vendor does not take it as it is in {}, and no call changes that", states.join(", "))
        })?;
        self.go(&way, context, stand, body, requests)
    }

    /// The switches that lead from a body to what is wanted, as far as any do, and the body after them.
    pub(super) fn switches(
        &self,
        context: &Context<'_>,
        stand: &Stand,
        from: &Value,
        wanted: &Value,
    ) -> Result<(Vec<Request>, Value), String> {
        let (mut requests, mut body) = (Vec::new(), from.clone());
        for at in self.draft.spec.switched() {
            let Some(value) = at.get(wanted).filter(|value| !value.is_null()) else { continue };
            if let Some(way) = self.draft.spec.way(&body, &|body| at.get(body) == Some(value)) {
                self.go(&way, context, stand, &mut body, &mut requests)?;
            }
        }
        Ok((requests, body))
    }

    fn go(
        &self,
        way: &[&Action],
        context: &Context<'_>,
        stand: &Stand,
        body: &mut Value,
        requests: &mut Vec<Request>,
    ) -> Result<(), String> {
        for action in way {
            let Some((at, value)) = action.sets() else { continue };
            requests.push(self.shaper(context, stand, Some(body)).switch(action, (at, value))?);
            // The way was found over this place.
            let _ = set_or_remove(body, at, Some(value.clone()));
        }
        Ok(())
    }
}

/// Whether a step does nothing but switch what is switched last.
pub(crate) fn is_last(spec: &KindSpec, step: &Step) -> bool {
    spec.restore.switched_last
        && !step.requests.is_empty()
        && step.requests.iter().all(|request| request.sets.is_some())
}

/// Whether a switch has nothing to do.
pub(crate) fn is_set(sets: &(Pointer, Value), body: &Value) -> bool {
    sets.0.get(body) == Some(&sets.1)
}
