//! From a draft to its steps: which calls, in which surroundings, and what they will leave behind.

mod brought;
mod parts;
mod places;
mod surroundings;
mod switching;

pub(crate) use places::held;
pub(crate) use switching::{is_last, is_set};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::ResourceKey;
use crate::catalog::{Body, Context, KindSpec, Read, RestoreClass, Shape};
use crate::json::{FieldChange, Pattern, Pointer, Value};
use crate::restore::form::{Conflict, Op, Part, Request, SecretInput, Step};
use crate::restore::guard;
use crate::restore::links::{Found, Link};
use crate::restore::own::Holding;
use crate::restore::plan::Inputs;
use crate::restore::reach::{Case, Item, Reach};
use crate::restore::shape::{Shaper, Stand};
use crate::restore::sides::gap;
use crate::restore::wish::{after, applicable, blocked, differences, needed, same, set_or_remove, without};
use crate::restore::{RestoreError, placeholder};

/// A resource within reach and what it shall look like; bodies are escaped.
pub(crate) struct Draft<'a> {
    pub(crate) key: ResourceKey,
    pub(crate) spec: &'a KindSpec,
    pub(crate) item: Item,
    pub(crate) live: Option<Value>,
    pub(crate) desired: Value,
    pub(crate) links: Vec<Found>,
    pub(crate) conflicts: Vec<Conflict>,
}

/// All drafts of a plan.
pub(crate) struct Drafts<'a> {
    pub(crate) by_key: BTreeMap<ResourceKey, Draft<'a>>,
    /// Those whose siblings move, and which shall stand where they stand.
    pub(crate) held: BTreeSet<ResourceKey>,
    /// Why steps are privileged, by address.
    pub(crate) privileged: RefCell<BTreeMap<ResourceKey, String>>,
}

/// What came of a draft.
pub(crate) enum Outcome {
    Unchanged,
    Refused(String),
    Steps(Vec<Step>),
}

/// The calls that lead from one body to another.
struct Calls {
    requests: Vec<Request>,
    expected: Value,
    loose: Vec<Pattern>,
    /// Switches that come after them, and the body after those.
    switches: Vec<Request>,
    switched: Value,
}

impl Draft<'_> {
    fn is_made(&self) -> bool {
        matches!(self.item.case, Case::Create | Case::Brought)
    }

    /// The resources of the tenant that its references lead to.
    pub(crate) fn rests_on(&self) -> Vec<ResourceKey> {
        let links = self.links.iter();
        links
            .filter_map(|found| match &found.link {
                Link::Same { rests_on } => rests_on.clone(),
                Link::Rewritten { rests_on, .. } => Some(rests_on.clone()),
                _ => None,
            })
            .collect()
    }

    /// The resources of this plan that must be there before.
    fn waits_for(&self, found: &Found) -> Option<ResourceKey> {
        match &found.link {
            Link::Made { goal } | Link::Coming { goal, .. } => {
                Some(goal.clone()).filter(|goal| *goal != self.key)
            }
            _ => None,
        }
    }
}

impl Drafts<'_> {
    /// Everything that is made in this plan and hangs on a resource: what lies below it, and what that
    /// leads to.
    fn whole(&self, of: &ResourceKey, found: &mut BTreeSet<ResourceKey>) {
        let below = self.by_key.iter().filter(|(key, draft)| {
            let inside = draft.spec.parent.contains(&of.kind) && key.ids.starts_with(&of.ids);
            draft.is_made() && inside && *key != of
        });
        for (key, draft) in below {
            if !found.insert(key.clone()) {
                continue;
            }
            for end in draft.links.iter().filter_map(|link| draft.waits_for(link)) {
                if found.insert(end.clone()) {
                    self.whole(&end, found);
                }
            }
            self.whole(key, found);
        }
    }

    /// Why the parent of something that is made cannot have it: a setting of the parent says so, which
    /// this plan does not change.
    fn homeless(&self, reach: &Reach<'_>, draft: &Draft<'_>) -> Option<String> {
        let parent = reach.atlas.parent(&draft.key).filter(|_| draft.item.case == Case::Create)?;
        let spec = reach.catalog().kind(&parent.kind)?;
        let body = match self.by_key.get(&parent) {
            Some(parent) => &parent.desired,
            None => reach.seen.body(reach.moved.get(&parent).unwrap_or(&parent))?,
        };
        // What the server sets there follows from what hangs on it.
        let set = |at: &Pointer| !spec.is_assigned(at);
        let fits = |read: &Read| {
            let own = read.only.iter().filter(|condition| condition.of.is_none() && set(&condition.at));
            own.clone().all(|condition| condition.holds(body))
        };
        let reads = &draft.spec.read;
        (!reads.is_empty() && !reads.iter().any(fits))
            .then(|| format!("`{parent}` is not set up to have it; add that address to the restore"))
    }

    /// The steps of one draft.
    pub(crate) fn steps(
        &self,
        reach: &Reach<'_>,
        inputs: &Inputs<'_>,
        own: &Holding,
        draft: &Draft<'_>,
        secrets: &mut Vec<SecretInput>,
    ) -> Result<Outcome, RestoreError> {
        let spec = draft.spec;
        if let Some(live) = draft.live.as_ref().filter(|_| draft.item.case == Case::Update)
            && (same(spec, live, &draft.desired) || (spec.shape == Shape::Edge && spec.update.is_empty()))
        {
            let work = Work { drafts: self, reach, inputs, draft };
            return Ok(if self.held.contains(&draft.key) { work.held(own) } else { Outcome::Unchanged });
        }
        let along = reach.takes_along.get(&draft.key).into_iter().flatten();
        let body = draft.item.goal.as_ref().or(draft.item.live.as_ref());
        let keys = [&draft.key, &draft.item.live_key];
        if let Some(reason) = own
            .forbids(spec, draft.item.case, keys, body, along)
            .or_else(|| refusal(inputs, draft))
            .or_else(|| self.homeless(reach, draft))
        {
            return Ok(Outcome::Refused(reason));
        }
        let work = Work { drafts: self, reach, inputs, draft };
        let made = match draft.item.case {
            Case::Create => work.create(secrets),
            Case::Brought => work.brought(secrets),
            Case::Update => work.update(secrets),
            Case::Delete => work.delete(secrets),
        };
        Ok(made.map_or_else(Outcome::Refused, Outcome::Steps))
    }
}

fn refusal(inputs: &Inputs<'_>, draft: &Draft<'_>) -> Option<String> {
    let spec = draft.spec;
    let body = draft.item.goal.as_ref().or(draft.item.live.as_ref());
    if spec.restore.class == RestoreClass::Never {
        return Some(spec.restore.reason.clone());
    }
    if let Some(reason) = inputs.catalog.unproven(spec) {
        return Some(reason);
    }
    let by_vendor = body.is_some_and(|body| spec.is_the_vendors(body));
    match draft.item.case {
        Case::Create if by_vendor => return Some("the vendor makes it; it cannot be made by hand".into()),
        Case::Delete if by_vendor => return Some("the vendor made it; it cannot be removed".into()),
        _ => {}
    }
    draft.links.iter().find_map(|found| match &found.link {
        Link::Broken { why } => Some(format!("`{}`: {why}", found.at)),
        _ => None,
    })
}

/// One draft among the others.
struct Work<'w, 'a> {
    drafts: &'w Drafts<'a>,
    reach: &'w Reach<'w>,
    inputs: &'w Inputs<'w>,
    draft: &'w Draft<'a>,
}

impl Work<'_, '_> {
    fn create(&self, secrets: &mut Vec<SecretInput>) -> Result<Vec<Step>, String> {
        let draft = self.draft;
        let spec = draft.spec;
        let later: Vec<&Found> =
            draft.links.iter().filter(|found| found.second_pass && self.is_made_here(found)).collect();
        let mut first = draft.desired.clone();
        for found in later.iter().rev() {
            found.at.remove(&mut first);
        }
        let (calls, last) = self.part(self.creating(&first, secrets)?);
        let fields =
            vec![FieldChange { pointer: Pointer::root(), from: None, to: Some(calls.expected.clone()) }];
        let expected = calls.expected.clone();
        let mut step = self.step(Op::Create, calls, fields);
        let soon = draft.links.iter().filter(|found| !(found.second_pass && self.is_made_here(found)));
        self.wait(&mut step, soon);
        for gather in spec.create.iter().filter_map(|write| write.gathers.as_ref()) {
            let parts = self.parts(gather).flat_map(|part| &part.links);
            self.wait(&mut step, parts);
        }
        let mut steps = vec![step];
        if !later.is_empty() {
            let mut wanted = draft.desired.clone();
            for at in last.iter().flat_map(|_| spec.switched()) {
                // It is switched after everything else.
                let _ = set_or_remove(&mut wanted, &at, at.get(&expected).cloned());
            }
            let calls = self.updating(&expected, &wanted, secrets)?.joined();
            let fields = self.changed(&expected, &calls);
            let mut step = self.step(Op::Update, calls, fields);
            step.after.push(draft.key.clone());
            self.wait(&mut step, later);
            steps.push(step);
        }
        steps.extend(last.map(|last| self.switching_last(last, &expected, false)));
        Ok(steps)
    }

    fn is_made_here(&self, found: &Found) -> bool {
        matches!(&found.link, Link::Made { .. } | Link::Coming { .. })
    }

    fn creating(&self, wanted: &Value, secrets: &mut Vec<SecretInput>) -> Result<Calls, String> {
        let spec = self.draft.spec;
        let mut stand = self.stand();
        let bodies = self.surroundings(&mut stand, wanted);
        let context = self.context(&bodies);
        let creates = applicable(&spec.create, &context);
        if creates.is_empty() {
            return Err("no call of the vendor makes it".into());
        }
        let mut unsent: Vec<Pattern> = Vec::new();
        if let Some((first, others)) = creates.split_first() {
            let also =
                |pattern: &Pattern| others.iter().all(|write| blocked(spec, write, true).contains(pattern));
            unsent.extend(blocked(spec, first, true).into_iter().filter(also));
        }
        let current = without(wanted, &unsent);
        let follow = needed(spec, &applicable(&spec.update, &context), &current, wanted);
        let expected = follow.last().map_or_else(|| current.clone(), |(_, body)| body.clone());
        let mut requests = Vec::new();
        for write in creates {
            let parts = write.gathers.as_ref().map(|gather| (&gather.at, self.gathered(gather)));
            let mut whole = wanted.clone();
            if let Some((at, parts)) = parts {
                set_or_remove(&mut whole, at, Some(parts)).map_err(|error| error.to_string())?;
            }
            requests.push(self.shaper(&context, &stand, None).request(write, &whole, secrets)?);
        }
        for request in requests.iter_mut().skip(1) {
            request.new_id = None;
        }
        let mut before = current;
        for (write, body) in follow {
            let shaper = self.shaper(&context, &stand, Some(&before));
            requests.push(shaper.request(write, wanted, secrets)?);
            before = body;
        }
        if let Some(write) = applicable(&spec.update, &context).first() {
            let shaper = self.shaper(&context, &stand, Some(&expected));
            requests.extend(shaper.settling(write, &expected, secrets)?);
        }
        let born = self.born(&expected);
        let (switches, switched) = self.switches(&context, &stand, &born, wanted)?;
        let loose: Vec<Pattern> =
            unsent.into_iter().filter(|pattern| pattern.find(&switched).is_empty()).collect();
        Ok(Calls { requests, expected: born, loose, switches, switched })
    }

    fn updating(&self, from: &Value, to: &Value, secrets: &mut Vec<SecretInput>) -> Result<Calls, String> {
        let spec = self.draft.spec;
        let mut stand = self.stand();
        let bodies = self.surroundings(&mut stand, to);
        let context = self.context(&bodies);
        let mut requests = Vec::new();
        let mut before = from.clone();
        for write in applicable(&spec.update, &context) {
            let next = after(spec, write, false, &before, to);
            if same(spec, &before, &next) {
                continue;
            }
            self.bring_about(write, &context, &stand, &mut before, &mut requests)?;
            // What was switched for the call is switched back after all calls.
            let next = after(spec, write, false, &before, to);
            requests.push(self.shaper(&context, &stand, Some(&before)).request(write, to, secrets)?);
            before = next;
        }
        let (switches, switched) = self.switches(&context, &stand, &before, to)?;
        Ok(Calls { requests, expected: before, loose: spec.beyond_calls(), switches, switched })
    }

    fn update(&self, secrets: &mut Vec<SecretInput>) -> Result<Vec<Step>, String> {
        let draft = self.draft;
        let spec = draft.spec;
        let live = draft.live.as_ref().ok_or("its state in the tenant is not known")?;
        let (calls, last) = self.part(self.updating(live, &draft.desired, secrets)?);
        let bare = |body: &Value| without(body, &spec.beyond_calls());
        let reached = last.as_ref().map_or(&calls.expected, |last| &last.expected);
        let left = differences(spec, &bare(reached), &bare(&draft.desired));
        let places: Vec<String> = left.iter().map(|change| format!("`{}`", change.pointer)).collect();
        let alone = calls.requests.is_empty();
        let last = last.map(|last| self.switching_last(last, &calls.expected, alone));
        if calls.requests.is_empty() {
            if let Some(last) = last {
                return Ok(vec![last]);
            }
            return Err(format!("it differs in {}, which no call of the vendor changes", places.join(", ")));
        }
        let fields = self.changed(live, &calls);
        let mut step = self.step(Op::Update, calls, fields);
        if !places.is_empty() {
            step.notes.push(format!(
                "not restored, because no call of the vendor changes it: {}",
                places.join(", ")
            ));
        }
        self.wait(&mut step, &draft.links);
        Ok(std::iter::once(step).chain(last).collect())
    }

    fn delete(&self, secrets: &mut Vec<SecretInput>) -> Result<Vec<Step>, String> {
        let draft = self.draft;
        let covered = self.reach.takes_along.iter().find(|(by, gone)| {
            **by != draft.key && gone.contains(&draft.key) && self.drafts.by_key.contains_key(*by)
        });
        if covered.is_some() {
            return Ok(Vec::new());
        }
        let live = draft.live.clone().ok_or("its state in the tenant is not known")?;
        let mut stand = self.stand();
        let bodies = self.surroundings(&mut stand, &live);
        let context = self.context(&bodies);
        let writes = applicable(&draft.spec.delete, &context);
        let write = writes.first().ok_or("no call of the vendor removes it")?;
        let mut requests = Vec::new();
        self.bring_about(write, &context, &stand, &mut live.clone(), &mut requests)?;
        let mut request = self.shaper(&context, &stand, Some(&live)).request(write, &live, secrets)?;
        request.new_id = None;
        requests.push(request);
        let fields = vec![FieldChange { pointer: Pointer::root(), from: Some(live.clone()), to: None }];
        let calls = Calls::plain(requests, Value::Null, Vec::new());
        let mut step = self.step(Op::Delete, calls, fields);
        step.takes_along = self.reach.all_along(&draft.key).into_iter().collect();
        for kind in self.reach.unseen_along(&draft.key) {
            step.notes.push(format!("what of `{kind}` goes with it is not known: it could not be read"));
        }
        Ok(vec![step])
    }

    fn changed(&self, from: &Value, calls: &Calls) -> Vec<FieldChange> {
        let bare = |body: &Value| without(body, &calls.loose);
        differences(self.draft.spec, &bare(from), &bare(&calls.expected))
    }

    fn step(&self, op: Op, calls: Calls, fields: Vec<FieldChange>) -> Step {
        let draft = self.draft;
        let shown = draft.item.goal.as_ref().or(draft.item.live.as_ref());
        let mut notes = Vec::new();
        if draft.spec.restore.class == RestoreClass::Partial && op != Op::Delete {
            notes.push(draft.spec.restore.reason.clone());
        }
        notes.extend(self.unrecorded().filter(|_| op == Op::Create));
        notes.extend(draft.links.iter().filter_map(|found| match &found.link {
            Link::Unchecked { why } => Some(why.clone()),
            _ => None,
        }));
        let mut stand = self.stand();
        let own = if op == Op::Delete { draft.live.as_ref() } else { None };
        let bodies = self.surroundings(&mut stand, own.unwrap_or(&draft.desired));
        let why =
            guard::privileged(draft.spec, &self.context(&bodies), op, draft.live.as_ref(), &calls.expected);
        if !why.is_empty() {
            self.drafts.privileged.borrow_mut().entry(draft.key.clone()).or_insert(why.join("; "));
        }
        let mut after = Vec::new();
        if let Some(parent) = self.reach.atlas.parent(&draft.key) {
            after.extend(
                self.drafts
                    .by_key
                    .get(&parent)
                    .filter(|parent| parent.is_made() || self.renamed(&parent.key).is_some())
                    .map(|parent| parent.key.clone()),
            );
        }
        let needs = inputs_of(&calls.requests);
        Step {
            op,
            key: draft.key.clone(),
            target: self.target(),
            name: shown.map_or_else(String::new, |body| self.reach.atlas.full_name(&draft.key, body)),
            fields,
            loose: calls.loose,
            found_by_name: false,
            off: self.off(op, &needs, &calls.expected),
            requests: calls.requests,
            needs,
            after,
            notes,
            takes_along: Vec::new(),
        }
    }

    /// How it is made without a secret that nobody gives: switched off, where it can be.
    fn off(&self, op: Op, needs: &[String], body: &Value) -> Option<(Pointer, Value)> {
        let off = self.draft.spec.restore.off(body)?;
        let whole = self.draft.spec.create.iter().all(|write| write.body == Body::Whole);
        let asked = op == Op::Create && whole && !needs.is_empty();
        asked.then(|| (off.at.clone(), off.value.clone()))
    }

    /// What went with the resource and cannot come with it, because the recorded state does not have it.
    fn unrecorded(&self) -> Option<String> {
        let ledger = self.reach.atlas.recorded.ledger();
        let lost = self.draft.spec.restore.cascades.iter().filter_map(|kind| {
            let spec = self.inputs.catalog.kind(kind).filter(|spec| spec.carried_by.is_none())?;
            let mut ids = if spec.parent.contains(&self.draft.key.kind) {
                self.draft.key.ids.clone()
            } else {
                Vec::new()
            };
            ids.push(String::new());
            gap(ledger, &ResourceKey::new(kind, ids))
        });
        let lost: Vec<String> = lost.collect();
        (!lost.is_empty()).then(|| format!("not recorded, and so not restored: {}", lost.join("; ")))
    }

    /// What the references of a step lead to must be there before it, but for fields of which nothing
    /// is claimed: the server sets those when the other end comes.
    fn wait<'f>(&self, step: &mut Step, links: impl IntoIterator<Item = &'f Found>) {
        let claimed = |found: &&Found| !step.loose.iter().any(|pattern| pattern.matches(&found.at));
        let mut ends = BTreeSet::new();
        for found in links.into_iter().filter(claimed) {
            let Some(end) = self.draft.waits_for(found) else { continue };
            if found.binds {
                self.drafts.whole(&end, &mut ends);
            }
            ends.insert(end);
        }
        ends.remove(&self.draft.key);
        step.after.extend(ends);
        step.after.sort();
        step.after.dedup();
    }

    /// The ids that the resource has in the tenant, or will have.
    fn target(&self) -> Vec<Part> {
        let draft = self.draft;
        let known = |ids: &[String]| ids.iter().cloned().map(Part::Known).collect::<Vec<_>>();
        if !draft.is_made() {
            return known(&draft.item.live_key.ids);
        }
        let parent = self.reach.atlas.parent(&draft.key).and_then(|parent| self.drafts.by_key.get(&parent));
        let mut parts = match parent.filter(|parent| parent.is_made()) {
            Some(parent) => {
                Work { draft: parent, drafts: self.drafts, reach: self.reach, inputs: self.inputs }.target()
            }
            None => known(draft.item.live_key.above()),
        };
        parts.push(self.own_part());
        parts
    }

    fn own_part(&self) -> Part {
        let draft = self.draft;
        let own = Part::Known(draft.item.live_key.id().to_owned());
        match draft.spec.shape {
            Shape::Singleton => own,
            Shape::Object if !draft.item.gets_new_id(draft.spec) => own,
            Shape::Object => Part::Coming(draft.key.clone()),
            Shape::Edge => {
                let far: Vec<Pointer> =
                    draft.spec.far_ends().filter_map(|reference| reference.at.as_pointer()).collect();
                let link = draft.links.iter().find(|found| far.contains(&found.at)).map(|found| &found.link);
                match link {
                    Some(Link::Coming { goal, .. }) => Part::Coming(goal.clone()),
                    Some(Link::Rewritten { rests_on, .. }) => Part::Known(rests_on.id().to_owned()),
                    _ => own,
                }
            }
        }
    }

    fn shaper<'s>(&'s self, context: &Context<'s>, stand: &'s Stand, live: Option<&'s Value>) -> Shaper<'s> {
        let draft = self.draft;
        let body = draft.item.goal.as_ref();
        let name = body.and_then(|body| draft.spec.shown_name(body)).unwrap_or_default();
        Shaper {
            catalog: self.inputs.catalog,
            spec: draft.spec,
            key: &draft.key,
            name,
            context: context.clone(),
            stand,
            goal: body,
            live,
            fresh: draft.is_made(),
            recorded: self.inputs.goal,
            base: self.inputs.base,
        }
    }
}

/// The names of the inputs that calls wait for.
fn inputs_of(requests: &[Request]) -> Vec<String> {
    let mut names = Vec::new();
    for body in requests.iter().filter_map(|request| request.body.as_ref()) {
        for (_, found) in placeholder::all(body) {
            if let placeholder::Found::Input(name) = found {
                let need = format!("input {name}");
                if !names.contains(&need) {
                    names.push(need);
                }
            }
        }
    }
    names
}
