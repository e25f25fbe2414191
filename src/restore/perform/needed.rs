//! Whether a call of a step is needed at all: vendors make some things as they shall be, and others not.

use crate::base::secret::Secret;
use crate::catalog::KindSpec;
use crate::json::{Pointer, Value};
use crate::restore::RestoreError;
use crate::restore::form::{Request, Step};
use crate::restore::perform::{Performer, Stop};
use crate::restore::placeholder::set_deep;
use crate::restore::steps::is_set;
use crate::restore::tenant::Call;
use crate::store::Phase;

impl Performer<'_, '_> {
    /// Whether a switch has nothing to do: what is made is sometimes made as it shall be.
    pub(super) async fn is_switched(
        &mut self,
        index: usize,
        number: usize,
        step: &Step,
        sets: &(Pointer, Value),
    ) -> Result<bool, Stop> {
        let Some(key) = self.target(step) else { return Ok(false) };
        let now = self.run.tenant.read(&key).await?;
        if !now.is_some_and(|now| is_set(sets, &now)) {
            return Ok(false);
        }
        self.unsent(index, number)?;
        Ok(true)
    }

    /// Writes down that a call was not needed.
    pub(super) fn unsent(&mut self, index: usize, number: usize) -> Result<(), RestoreError> {
        let members = [("request", number.into()), ("status", 0u8.into()), ("sent", false.into())];
        self.note(Phase::Outcome, index, members)
    }

    /// Whether a call is needed after those before; what the vendor added is put into its body.
    pub(super) async fn settles(
        &mut self,
        index: usize,
        number: usize,
        step: &Step,
        spec: &KindSpec,
        request: &Request,
        call: &mut Call,
    ) -> Result<bool, Stop> {
        let Some(key) = self.target(step) else { return Ok(false) };
        let now = self.run.tenant.read(&key).await?;
        if self.compare(step, spec, None, now.as_ref())?.is_empty() {
            self.unsent(index, number)?;
            return Ok(false);
        }
        let Some((now, body)) = now.zip(call.body.take()) else { return Ok(true) };
        let mut body = body.expose().clone();
        for (at, with) in &request.unset {
            let added = at.get(&now).and_then(Value::as_object).into_iter().flat_map(|map| map.iter());
            for (name, _) in added {
                let at = at.join(name);
                if at.get(&body).is_none() {
                    set_deep(&mut body, &at, with.clone()).map_err(|error| Stop::Words(error.to_string()))?;
                }
            }
        }
        call.body = Some(Secret::new(body));
        Ok(true)
    }

    /// Whether a switch would switch on what lacks a secret.
    pub(super) fn stays_off(&self, step: &Step, (at, value): &(Pointer, Value)) -> bool {
        step.off.as_ref().is_some_and(|(off, to)| off == at && to != value) && !self.missing(step).is_empty()
    }
}
