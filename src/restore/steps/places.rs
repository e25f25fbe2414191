//! Places among siblings. Whoever takes a place moves the others, also those that stood where they should: so the
//! first place is taken first, and each sibling has a step that puts it back should it have been moved.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::Ranked;
use crate::json::{FieldChange, Value};
use crate::restore::form::Op;
use crate::restore::own::Holding;
use crate::restore::reach::{Case, Item, Reach};
use crate::restore::scope::Wish;
use crate::restore::steps::{Draft, Outcome, Work, refusal};
use crate::restore::{RestoreError, placeholder};

/// Siblings that share an order: their kind, what they hang on, and what else must be equal.
type Order = (Kind, Vec<String>, Vec<Option<String>>);

fn order(ranked: &Ranked, key: &ResourceKey, body: &Value) -> Order {
    let among = ranked.among.iter().map(|at| at.get(body)?.as_str().map(str::to_owned)).collect();
    (key.kind.clone(), key.above().to_vec(), among)
}

impl Draft<'_> {
    /// The place that it shall have among its siblings.
    pub(crate) fn place(&self) -> Option<i64> {
        self.spec.restore.ranked.as_ref()?.place(&self.desired)
    }

    fn order(&self) -> Option<Order> {
        Some(order(self.spec.restore.ranked.as_ref()?, &self.item.live_key, &self.desired))
    }

    /// Whether it takes a place that it has not.
    fn moves(&self) -> bool {
        let had = self.spec.restore.ranked.as_ref().zip(self.live.as_ref());
        let had = had.and_then(|(ranked, live)| ranked.place(live));
        match self.item.case {
            Case::Create => true,
            Case::Update => self.place() != had,
            Case::Brought | Case::Delete => false,
        }
    }
}

/// Drafts the siblings of all that moves, and tells which shall stand where they stand. Siblings beyond reach are
/// among them where the places that are taken are none of theirs; else they make room, as they must.
///
/// # Errors
/// None but for a kind that the catalogue does not have.
pub(crate) fn held<'a>(
    reach: &mut Reach<'a>,
    by_key: &mut BTreeMap<ResourceKey, Draft<'a>>,
) -> Result<BTreeSet<ResourceKey>, RestoreError> {
    let mut orders: BTreeMap<Order, BTreeSet<i64>> = BTreeMap::new();
    for draft in by_key.values().filter(|draft| draft.moves()) {
        let parent = reach.atlas.parent(&draft.key).and_then(|parent| by_key.get(&parent));
        // Below something new nobody stands yet.
        if !parent.is_some_and(Draft::is_made) {
            orders.extend(draft.order().map(|order| (order, BTreeSet::new())));
        }
    }
    for (order, taken) in &mut orders {
        let own = by_key.values().filter(|draft| draft.item.case != Case::Delete);
        taken.extend(own.filter(|draft| draft.order().as_ref() == Some(order)).filter_map(Draft::place));
    }
    if !reach.elsewhere {
        for (order, taken) in &orders {
            beyond(reach, by_key, order, taken)?;
        }
    }
    let held = by_key.values().filter(|draft| {
        let stays =
            draft.item.case == Case::Update && !draft.moves() && !draft.spec.is_the_vendors(&draft.desired);
        stays && draft.order().is_some_and(|order| orders.contains_key(&order))
    });
    Ok(held.map(|draft| draft.key.clone()).collect())
}

/// Drafts the siblings beyond reach as they are.
fn beyond<'a>(
    reach: &mut Reach<'a>,
    by_key: &mut BTreeMap<ResourceKey, Draft<'a>>,
    order @ (kind, above, _): &Order,
    taken: &BTreeSet<i64>,
) -> Result<(), RestoreError> {
    if !reach.seen.is_whole(kind, above) {
        // What cannot be listed stays beyond.
        if !reach.seen.is_closed(kind, above) {
            reach.wants.lists.insert((kind.clone(), above.clone()));
        }
        return Ok(());
    }
    let known: BTreeSet<ResourceKey> = by_key.values().map(|draft| draft.item.live_key.clone()).collect();
    let spec = reach.atlas.spec(kind)?;
    let Some(ranked) = &spec.restore.ranked else { return Ok(()) };
    let mut found = Vec::new();
    for (key, body) in reach.seen.of_kind(kind).filter(|(key, _)| !known.contains(*key)) {
        let live = placeholder::escape(body);
        let item = Item {
            wish: Wish::Whole,
            case: Case::Update,
            goal: Some(body.clone()),
            live_key: key.clone(),
            live: Some(body.clone()),
        };
        let (links, conflicts) = (Vec::new(), Vec::new());
        let draft =
            Draft { key: key.clone(), spec, item, desired: live.clone(), live: Some(live), links, conflicts };
        if self::order(ranked, key, body) == *order && !spec.is_the_vendors(body) {
            found.push(draft);
        }
    }
    if found.iter().filter_map(Draft::place).all(|place| !taken.contains(&place)) {
        by_key.extend(found.into_iter().map(|draft| (draft.key.clone(), draft)));
    }
    Ok(())
}

impl Work<'_, '_> {
    /// The step that puts it back to its place, should another step have moved it.
    pub(super) fn held(&self, own: &Holding) -> Outcome {
        let draft = self.draft;
        let (Some(ranked), Some(live)) = (&draft.spec.restore.ranked, &draft.live) else {
            return Outcome::Unchanged;
        };
        let keys = [&draft.key, &draft.item.live_key];
        let forbidden =
            own.forbids(draft.spec, Case::Update, keys, draft.item.goal.as_ref(), std::iter::empty());
        if forbidden.or_else(|| refusal(self.inputs, draft)).is_some() {
            return Outcome::Unchanged;
        }
        let (mut moved, mut asked) = (live.clone(), Vec::new());
        ranked.at.remove(&mut moved);
        let Ok(calls) = self.updating(&moved, &draft.desired, &mut asked) else { return Outcome::Unchanged };
        if calls.requests.is_empty() || !asked.is_empty() {
            return Outcome::Unchanged;
        }
        let place = ranked.at.get(live).cloned();
        let fields = vec![FieldChange { pointer: ranked.at.clone(), from: place.clone(), to: place }];
        let mut step = self.step(Op::Update, calls.joined(), fields);
        step.notes.push("it is written again only if another step moved it from its place".into());
        Outcome::Steps(vec![step])
    }
}
