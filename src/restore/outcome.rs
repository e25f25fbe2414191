//! Whether a resource is as a step of a plan leaves it.

use crate::catalog::{KindSpec, settle};
use crate::json::redact::{UNKNOWN, fingerprint};
use crate::json::{FieldChange, Pattern, Pointer, Value, patch};
use crate::restore::form::{Op, Step};
use crate::restore::ids::Ids;
use crate::restore::placeholder::{escape, set_deep};
use crate::restore::wish::{differences, without};

/// What a resource is compared with.
pub(crate) struct Expected<'a> {
    /// The step.
    pub(crate) step: &'a Step,
    /// Of which kind the resource is.
    pub(crate) spec: &'a KindSpec,
    /// The ids so far.
    pub(crate) ids: &'a Ids,
    /// Whether secrets that nobody gave may be missing, and what lacks them is switched off.
    pub(crate) without_secrets: bool,
    /// Whether stored secrets may have new values.
    pub(crate) renewed: bool,
    /// Whether the step goes by the addresses of another tenant.
    pub(crate) elsewhere: bool,
}

impl Expected<'_> {
    /// The places where a resource is not as the step leaves it, in words; `before` is its body before
    /// the step, without what is not compared.
    ///
    /// # Errors
    /// It cannot be told, because the state before is not known.
    pub(crate) fn differences(
        &self,
        before: Option<&Value>,
        now: Option<&Value>,
    ) -> Result<Vec<String>, String> {
        let now = match (now, self.step.op == Op::Delete) {
            (None, true) => return Ok(Vec::new()),
            (Some(_), true) => return Ok(vec!["that it is still there".into()]),
            (None, false) => return Ok(vec!["that it is not there".into()]),
            (Some(now), false) => without(&escape(now), &self.step.loose),
        };
        let fields: Vec<FieldChange> = self.fields();
        let whole =
            fields.iter().find(|change| change.pointer.is_empty()).and_then(|change| change.to.clone());
        let mut wanted = match (whole, before) {
            (Some(whole), _) => whole,
            (None, Some(before)) => {
                // An earlier step can have brought a part of it about.
                let left: Vec<FieldChange> = fields
                    .into_iter()
                    .filter(|change| change.pointer.get(before) != change.to.as_ref())
                    .collect();
                patch(before, &left).map_err(|error| error.to_string())?
            }
            (None, None) => return Err("its state before the call is not known".into()),
        };
        // An id that was not known when the plan was made can have another place among its like.
        settle(self.spec, &mut wanted);
        self.forgive(&mut wanted, &now);
        self.wait_for_the_vendor(&mut wanted, &now);
        // What lacks a secret that was never shown is switched off as well, and nothing marks the place.
        if let (true, Some((off, value))) = (self.without_secrets, &self.step.off)
            && off.get(&now) == Some(value)
        {
            // The object around the field is there.
            let _ = set_deep(&mut wanted, off, value.clone());
        }
        let left = differences(self.spec, &wanted, &now);
        Ok(left.iter().map(|change| format!("`{}`", change.pointer)).collect())
    }

    /// What the step changes, with the ids in place.
    pub(crate) fn fields(&self) -> Vec<FieldChange> {
        let filled = |change: &FieldChange| FieldChange {
            to: change.to.as_ref().map(|to| self.ids.fill(to)),
            ..change.clone()
        };
        self.step.fields.iter().map(filled).collect()
    }

    /// A switch that the vendor has taken and is still at: it asks for no more than that.
    fn wait_for_the_vendor(&self, wanted: &mut Value, now: &Value) {
        for action in &self.spec.action {
            let Some((at, value)) = action.sets() else { continue };
            let mut sent = self.step.requests.iter().filter_map(|request| request.sets.as_ref());
            let asked = sent.any(|(place, to)| place == at && to == value);
            if let Some(found) = at.get(now).filter(|found| asked && action.is_under_way(found))
                && at.get(wanted) == Some(value)
            {
                // The field is there.
                let _ = at.set(wanted, found.clone());
            }
        }
    }

    /// Of secrets that nobody has seen, or that are marked for another address, only the presence
    /// can be compared.
    fn forgive(&self, wanted: &mut Value, now: &Value) {
        let everywhere = Pattern::parse("/**/*").expect("a constant pattern");
        let marks: Vec<(Pointer, bool)> = everywhere
            .find(wanted)
            .into_iter()
            .filter_map(|(at, value)| Some((at, fingerprint(value)? == UNKNOWN)))
            .collect();
        let elsewhere = self.elsewhere || self.ids.target(self.step).is_some_and(|key| key != self.step.key);
        for (at, unknown) in marks.into_iter().rev() {
            if !unknown && !elsewhere && !self.renewed {
                continue;
            }
            match at.get(now) {
                Some(found) if fingerprint(found).is_some() => drop(at.set(wanted, found.clone())),
                None if self.without_secrets => {
                    at.remove(wanted);
                    if let Some((off, value)) = &self.step.off {
                        // The object around the field was sent.
                        let _ = set_deep(wanted, off, value.clone());
                    }
                }
                _ => {}
            }
        }
    }
}
