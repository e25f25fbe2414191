//! Three states in one: what was before some changes, those changes, and everything else since.
//!
//! Of each resource the changes that stay are put, one after the other, on what it was before the first
//! that is undone. Where one of them builds on an undone one, nobody can say what its maker would have
//! done without it: that is a conflict, shown field by field, and a person decides. Pure.

use std::collections::BTreeMap;

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Provider, Shape, settle};
use crate::history::{Actor, Change, Chosen, Course, Deed, Op, Undo};
use crate::json::{FieldChange, Pointer, Value};
use crate::restore::form::{Conflict, Refusal, Resolution, Told};
use crate::restore::sides::gap;
use crate::restore::wish::{differences, put, set_or_remove};
use crate::restore::{RestoreError, Scope, Wish};
use crate::store::Snapshot;

/// What a person decides about conflicts.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// About a resource, or one field of it; the last that fits counts.
    pub of: Vec<(ResourceKey, Option<Pointer>, Resolution)>,
}

/// What undoing some changes comes to.
#[derive(Debug, Default)]
pub struct Rewound {
    /// What is wished of each resource.
    pub scope: Scope,
    /// What each shall be; `None`: not there.
    pub goals: BTreeMap<ResourceKey, Option<Value>>,
}

impl Decisions {
    pub(crate) fn about(&self, key: &ResourceKey, at: &Pointer) -> Option<Resolution> {
        let of = |of: &ResourceKey, pointer: &Option<Pointer>| {
            of == key && pointer.as_ref().is_none_or(|pointer| pointer == at)
        };
        self.of.iter().rfind(|(key, pointer, _)| of(key, pointer)).map(|(_, _, said)| *said)
    }
}

/// What the resources of these changes shall be.
///
/// # Errors
/// A kind that the catalogue does not have.
pub fn rewind(
    catalog: &Provider,
    chosen: &Chosen,
    decisions: &Decisions,
    snapshots: &[Snapshot],
) -> Result<Rewound, RestoreError> {
    let mut all = Rewinding { catalog, chosen, decisions, snapshots, out: Rewound::default() };
    for course in &chosen.courses {
        let spec = catalog.kind(&course.key.kind);
        all.course(spec.ok_or_else(|| RestoreError::NoKind(course.key.kind.clone()))?, course);
    }
    let mut out = all.out;
    out.scope.decide(decisions.clone());
    let deeds = chosen.courses.iter().flat_map(|course| &course.deeds);
    let undone = deeds.filter(|deed: &&Deed| deed.undo != Undo::Nothing);
    out.scope.undoes = undone.map(|deed| told(&deed.change)).collect();
    out.scope.unexplained = chosen.unexplained.iter().map(told).collect();
    Ok(out)
}

fn told(change: &Change) -> Told {
    Told {
        change: change.id.clone(),
        key: change.key.clone(),
        at: change.when(),
        who: change.actor.as_ref().and_then(Actor::called).map(str::to_owned),
    }
}

struct Rewinding<'a> {
    catalog: &'a Provider,
    chosen: &'a Chosen,
    decisions: &'a Decisions,
    /// The tenant's, in order: they say how far it was read before a change.
    snapshots: &'a [Snapshot],
    out: Rewound,
}

impl Rewinding<'_> {
    fn course(&mut self, spec: &KindSpec, course: &Course) {
        let Some((first, last)) = course.deeds.first().zip(course.deeds.last()) else { return };
        let key = &course.key;
        let mut goal = first.before.clone();
        for deed in &course.deeds {
            self.deed(spec, key, &mut goal, deed);
        }
        if let Some(body) = &mut goal {
            settle(spec, body);
        }
        if let (Some(_), None) = (&last.after, &goal)
            && let Some(why) = self.hanging(key)
            && self.conflict(key, &Pointer::root(), why, None, last.after.clone()) != Resolution::Take
        {
            return;
        }
        let wish = match (&last.after, &goal) {
            (None, None) => return,
            (Some(now), Some(goal)) => {
                // The other way round: from what shall be to what is, for that is what is taken back. An
                // element that moved is one that came and one that went: what came is taken out first.
                let mut back = differences(spec, goal, now);
                back.sort_by_key(|field| field.from.is_some());
                Wish::Revert(back)
            }
            (None, Some(body)) => {
                if let Some(reason) = self.forbids(spec, key, body) {
                    return self.refuse(spec, key, Some(body), reason);
                }
                Wish::Whole
            }
            (Some(_), None) => Wish::Whole,
        };
        if let Some(why) = goal.is_none().then(|| self.gap_before(key, first.seq)).flatten() {
            let reason = format!("whether it was there before cannot be said: {why}");
            return self.refuse(spec, key, last.after.as_ref(), reason);
        }
        self.out.goals.insert(key.clone(), goal);
        self.out.scope.add(key.clone(), wish);
    }

    /// Puts one change on what the resource shall be, as far as it stays.
    fn deed(&mut self, spec: &KindSpec, key: &ResourceKey, goal: &mut Option<Value>, deed: &Deed) {
        match (&deed.undo, deed.change.op) {
            (Undo::All, Op::Change) if !deed.shared_with.is_empty() => self.shared(spec, key, goal, deed),
            (Undo::All, Op::Add | Op::Remove) if !deed.shared_with.is_empty() => {
                let (was, now) = (deed.before.clone(), deed.after.clone());
                if self.conflict(key, &Pointer::root(), shared(deed), was, now) != Resolution::Take {
                    goal.clone_from(&deed.after);
                }
            }
            (Undo::All, _) => {}
            (_, Op::Remove) => *goal = None,
            (_, Op::Add) => match (&goal, &deed.after) {
                (Some(was), Some(made)) => {
                    let fields = differences(spec, was, made);
                    self.put_all(spec, key, goal, &fields, deed);
                }
                _ => goal.clone_from(&deed.after),
            },
            (_, Op::Change) if goal.is_none() => {
                let why =
                    format!("it was made by a change that is undone, and changed since{}", by(&deed.change));
                if self.conflict(key, &Pointer::root(), why, None, deed.after.clone()) != Resolution::Take {
                    goal.clone_from(&deed.after);
                }
            }
            (undo, Op::Change) => {
                let gone = |field: &&FieldChange| !matches!(undo, Undo::Fields(mine) if mine.contains(field));
                let stays: Vec<FieldChange> = deed.change.fields.iter().filter(gone).cloned().collect();
                self.put_all(spec, key, goal, &stays, deed);
            }
        }
    }

    /// A change in which somebody had a hand who is not meant: which field is whose, nobody can say.
    fn shared(&mut self, spec: &KindSpec, key: &ResourceKey, goal: &mut Option<Value>, deed: &Deed) {
        let Some(body) = goal else { return };
        for field in deed.change.fields.iter().filter(|field| !spec.is_assigned(&field.pointer)) {
            let (was, now) = (field.from.clone(), field.to.clone());
            if self.conflict(key, &field.pointer, shared(deed), was, now) != Resolution::Take {
                let _ = put(body, field);
            }
        }
    }

    /// Puts the fields of a change that stays where they belong.
    fn put_all(
        &mut self,
        spec: &KindSpec,
        key: &ResourceKey,
        goal: &mut Option<Value>,
        fields: &[FieldChange],
        deed: &Deed,
    ) {
        let Some(body) = goal else { return };
        for field in fields {
            if put(body, field).is_ok() {
                continue;
            }
            if spec.is_assigned(&field.pointer) {
                // Nobody chose that: the server sets it with every write.
                let _ = set_or_remove(body, &field.pointer, field.to.clone());
                continue;
            }
            let why = format!("it was changed again since{}", by(&deed.change));
            let was = field.pointer.get(body).cloned();
            if self.conflict(key, &field.pointer, why, was, field.to.clone()) != Resolution::Take {
                // Where the place is gone, there is nothing to keep.
                let _ = set_or_remove(body, &field.pointer, field.to.clone());
            }
        }
    }

    fn refuse(&mut self, spec: &KindSpec, key: &ResourceKey, body: Option<&Value>, reason: String) {
        let name = body.and_then(|body| spec.shown_name(body)).unwrap_or_else(|| key.id().to_owned());
        self.out.scope.refuse(Refusal { key: key.clone(), name, reason });
    }

    /// Why nobody can say whether a resource was there before a snapshot.
    fn gap_before(&self, key: &ResourceKey, seq: u64) -> Option<String> {
        let before = self.snapshots.iter().rfind(|snapshot| snapshot.seq < seq)?;
        gap(&before.ledger, key)
    }

    /// Tells of a conflict; as long as nobody has decided, what is now stays.
    fn conflict(
        &mut self,
        key: &ResourceKey,
        at: &Pointer,
        reason: String,
        was: Option<Value>,
        now: Option<Value>,
    ) -> Resolution {
        let resolution = self.decisions.about(key, at);
        let (key, pointer) = (key.clone(), at.clone());
        self.out.scope.conflict(Conflict { key, pointer, reason, was, now, resolution });
        resolution.unwrap_or(Resolution::Keep)
    }

    fn hanging(&self, key: &ResourceKey) -> Option<String> {
        let first = self.chosen.hanging.get(key)?.first()?;
        let more = self.chosen.hanging.get(key).map_or(0, |all| all.len() - 1);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!("`{}`{more} hangs on it, made since{}", first.key, by(first)))
    }

    /// Why something that was taken away must not come back: whom it would be given to was dismissed since.
    fn forbids(&self, spec: &KindSpec, key: &ResourceKey, body: &Value) -> Option<String> {
        if spec.shape != Shape::Edge && spec.parent.is_empty() {
            return None;
        }
        let people = |kinds: &[Kind]| -> Vec<Kind> {
            kinds.iter().filter(|kind| self.catalog.signs_in(kind)).cloned().collect()
        };
        let mentioned = spec.mentions(body).flat_map(|mention| {
            let kinds = people(&mention.reference.to).into_iter();
            kinds.map(move |kind| ResourceKey::new(&kind, vec![mention.text.clone()]))
        });
        let above = people(&spec.parent).into_iter();
        let above = above.map(|kind| ResourceKey::new(&kind, key.above().to_vec()));
        mentioned.chain(above).find_map(|person| {
            let left = self.chosen.left.get(&person)?;
            let how = if left.op == Op::Remove { "removed" } else { "switched off" };
            Some(format!("`{person}` was {how} since{}, and is given nothing", by(left)))
        })
    }
}

/// By whom, and when, for people.
fn by(change: &Change) -> String {
    let who = change.actor.as_ref().and_then(Actor::called).map(|name| format!(" by {name}"));
    format!("{} on {:.0}", who.unwrap_or_default(), change.when())
}

/// That somebody had a hand in a change who is not meant: what of it is whose, nobody can say.
fn shared(deed: &Deed) -> String {
    format!("{} had a hand in it between the same two readings", deed.shared_with.join(", "))
}
