//! The step of what the vendor makes by itself: it is found by its name, and changed to what it was.
//!
//! Of some kinds the vendor makes only some instances; the step then holds the call that makes one too,
//! which is sent only where none was found.

use crate::base::key::ResourceKey;
use crate::catalog::Shape;
use crate::json::{FieldChange, Pattern, Pointer, Value};
use crate::restore::form::{Op, SecretInput, Step};
use crate::restore::placeholder;
use crate::restore::steps::{Calls, Work};
use crate::restore::wish::{applicable, blocked, without};

impl Work<'_, '_> {
    /// What the vendor makes by itself is changed where a call can, whatever it looks like then.
    pub(super) fn brought(&self, secrets: &mut Vec<SecretInput>) -> Result<Vec<Step>, String> {
        let draft = self.draft;
        let mut stand = self.stand();
        let mut wanted = draft.desired.clone();
        if draft.item.gets_new_id(draft.spec)
            && let Some(at) = draft.spec.id.as_ref().filter(|at| at.get(&wanted).is_some())
        {
            // The place was found a moment ago. Where the vendor makes none, it is made with the id that it had.
            let _ = at.set(&mut wanted, placeholder::id(&draft.key));
        }
        let bodies = self.surroundings(&mut stand, &draft.desired);
        let context = self.context(&bodies);
        let nothing = Value::Null;
        let writes = applicable(&draft.spec.update, &context);
        let mut requests = Vec::new();
        let always = draft.spec.system.iter().any(|condition| condition.holds(&draft.desired));
        for write in applicable(&draft.spec.create, &context).into_iter().filter(|_| !always) {
            let mut request = self.shaper(&context, &stand, None).request(write, &draft.desired, secrets)?;
            request.unless_made = true;
            requests.push(request);
        }
        for write in &writes {
            requests.push(self.shaper(&context, &stand, Some(&nothing)).request(write, &wanted, secrets)?);
        }
        let mut loose = draft.spec.beyond_calls();
        if let Some((first, others)) = writes.split_first() {
            let also = |pattern: &Pattern| {
                others.iter().all(|write| blocked(draft.spec, write, false).contains(pattern))
            };
            loose.extend(blocked(draft.spec, first, false).into_iter().filter(also));
        }
        // What it is found by stays.
        loose.retain(|pattern| !draft.spec.name.iter().any(|at| pattern.matches(at)));
        let expected = without(&wanted, &loose);
        let fields = vec![FieldChange { pointer: Pointer::root(), from: None, to: Some(expected.clone()) }];
        let mut step = self.step(Op::Update, Calls::plain(requests, expected, loose), fields);
        let makers = self
            .reach
            .atlas
            .makers(draft.spec, &draft.key, &draft.desired)
            .map_err(|error| error.to_string())?;
        let here = |maker: &ResourceKey| self.drafts.by_key.contains_key(maker);
        step.after.extend(makers.into_iter().map(|(maker, _)| maker).filter(here));
        step.found_by_name = draft.spec.shape == Shape::Object;
        step.notes.push(
            "the vendor makes it by itself, or some of its kind: it is found by its name, and then changed"
                .into(),
        );
        self.wait(&mut step, &draft.links);
        Ok(vec![step])
    }
}
