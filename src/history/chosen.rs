//! Which changes shall be undone, and the course that each of their resources has taken.
//!
//! A person chooses changes by their ids, or all that somebody did in a span. With them goes what the
//! vendor did because of them and names nobody for: a group that is removed takes its members along.
//! What the vendor's log names another for is never chosen, and what nobody is named for is told, so
//! that a person can decide.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Standing};
use crate::history::change::{Change, Op, change_id};
use crate::history::log::Filter;
use crate::history::moment::changed_at;
use crate::history::{Actor, History, HistoryError};
use crate::json::{FieldChange, Value};
use crate::store::{self, Snapshot};

/// What a person chose.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Changes by their ids, as `log` shows them.
    pub ids: Vec<String>,
    /// All that these did: an id, a name, a client, an address or a token.
    pub actors: Vec<String>,
    /// Not before; of what actors did.
    pub since: Option<Timestamp>,
    /// Not after; of what actors did.
    pub until: Option<Timestamp>,
}

/// What of a change is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// Nothing: it stays.
    Nothing,
    /// These fields: the vendor changed them because of another change that is undone.
    Fields(Vec<FieldChange>),
    /// All of it.
    All,
}

/// A change in the course of a resource.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The number of the snapshot that found it.
    pub seq: u64,
    /// What happened, and who did it.
    pub change: Change,
    /// The main body before.
    pub before: Option<Value>,
    /// The main body after.
    pub after: Option<Value>,
    /// What of it is undone.
    pub undo: Undo,
    /// Whoever else had a hand in it and is not chosen.
    pub shared_with: Vec<String>,
}

/// What a resource went through, oldest first, from the first change on that is undone.
#[derive(Clone, Debug)]
pub struct Course {
    /// Which resource.
    pub key: ResourceKey,
    /// Its changes.
    pub deeds: Vec<Deed>,
}

/// What is to be undone, and what must be kept in mind for it.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The resources, in key order.
    pub courses: Vec<Course>,
    /// What was removed or switched off since by a change that stays.
    pub left: BTreeMap<ResourceKey, Change>,
    /// What others made since that hangs on something whose making is undone.
    pub hanging: BTreeMap<ResourceKey, Vec<Change>>,
    /// Changes of the span that nobody is named for, and that stay.
    pub unexplained: Vec<Change>,
}

impl Choice {
    fn has(&self, actor: &Actor) -> bool {
        self.actors.iter().any(|wanted| actor.is(wanted))
    }

    /// The span, and what of it one actor did.
    fn filter(&self, actor: Option<&String>) -> Filter {
        Filter { since: self.since, until: self.until, actor: actor.cloned() }
    }

    /// Whether a change is of what the chosen actors did.
    fn admits(&self, at: Timestamp, actor: Option<&Actor>) -> bool {
        self.actors.iter().any(|wanted| self.filter(Some(wanted)).admits(at, actor))
    }

    /// Whether a snapshot can hold something of what the chosen actors did.
    fn spans(&self, snapshot: &Snapshot) -> bool {
        !self.actors.is_empty() && self.filter(None).admits_snapshot(snapshot)
    }

    /// Who else had a hand in a change of a chosen actor.
    fn shared_with(&self, actor: Option<&Actor>) -> Vec<String> {
        let others = actor.into_iter().flat_map(Actor::all).filter(|actor| !self.has(actor));
        let others = others.filter(|_| !self.actors.is_empty());
        others.map(|actor| actor.called().unwrap_or_default().to_owned()).collect()
    }
}

impl History<'_> {
    /// The changes that are meant, with all that follows from them.
    ///
    /// # Errors
    /// An id names no change, nobody did anything, or a record cannot be read.
    pub fn chosen(
        &self,
        choice: &Choice,
        keep: &dyn Fn(&ResourceKey) -> bool,
    ) -> Result<Chosen, HistoryError> {
        let snapshots = self.repository.snapshots(self.tenant)?;
        let mut unmet: BTreeSet<&str> = choice.ids.iter().map(String::as_str).collect();
        let mut search = Search { history: self, choice, deeds: Vec::new(), made: Vec::new() };
        let past = self.repository.past(self.tenant)?;
        let mut left = BTreeMap::new();
        // What the first snapshot found is not a change.
        for snapshot in snapshots.iter().skip(1) {
            let spanned = choice.spans(snapshot);
            let named = choice.ids.iter().any(|id| id.starts_with(&snapshot.id.short()));
            // What lies before the first change that is meant is of no interest.
            if search.deeds.is_empty() && !named && !spanned {
                continue;
            }
            let mut found = Vec::new();
            for stored in past.changes(snapshot.seq)? {
                let actor = self.actor(&past, snapshot, &stored.key)?;
                let id = change_id(&snapshot.id, &stored.key);
                let by_id = choice.ids.contains(&id);
                unmet.remove(id.as_str());
                let by_actor =
                    spanned && choice.admits(changed_at(snapshot, &stored.key.kind), actor.as_ref());
                let meant = (by_id || by_actor) && keep(&stored.key);
                let shared = meant && !by_id;
                found.push((stored, actor, meant, shared));
            }
            if search.deeds.is_empty() && !found.iter().any(|(_, _, meant, _)| *meant) {
                continue;
            }
            for (stored, actor, meant, shared) in found {
                let shared_with = if shared { choice.shared_with(actor.as_ref()) } else { Vec::new() };
                let undo = if meant { Undo::All } else { Undo::Nothing };
                let deed = search.deed(snapshot, &stored, actor, undo, shared_with)?;
                search.mark_left(&deed, &mut left);
                search.take(deed);
            }
        }
        match unmet.first() {
            Some(id) => Err(HistoryError::NoChange { id: (*id).to_owned() }),
            None if search.deeds.is_empty() => {
                Err(HistoryError::NothingDone { who: choice.actors.join(", ") })
            }
            None => {
                let causes = search.follow();
                Ok(search.end(&causes, left))
            }
        }
    }
}

/// Something that was made or removed, from which other changes follow.
struct Cause {
    seq: u64,
    key: ResourceKey,
    op: Op,
    /// Its id and its name, by which others name it.
    texts: Vec<String>,
    by: Option<String>,
}

/// A resource that was made, and what it hangs on.
struct Made {
    change: Change,
    seq: u64,
    on: BTreeSet<(Kind, String)>,
}

struct Search<'h, 'r> {
    history: &'h History<'r>,
    choice: &'h Choice,
    /// Every change from the first chosen one on.
    deeds: Vec<Deed>,
    /// What was made, of all changes.
    made: Vec<Made>,
}

impl Search<'_, '_> {
    fn spec(&self, key: &ResourceKey) -> Option<&'static KindSpec> {
        self.history.catalog.kind(&key.kind)
    }

    fn deed(
        &self,
        snapshot: &Snapshot,
        stored: &store::Change,
        actor: Option<Actor>,
        undo: Undo,
        shared_with: Vec<String>,
    ) -> Result<Deed, HistoryError> {
        let history = self.history;
        let body =
            |entry: Option<&store::Entry>| entry.map(|entry| history.main(&stored.key, entry)).transpose();
        let (before, after) = (body(stored.before.as_ref())?, body(stored.after.as_ref())?);
        let mut change = history.change_of(snapshot, &stored.key, before.as_ref(), after.as_ref());
        change.actor = actor;
        Ok(Deed { seq: snapshot.seq, change, before, after, undo, shared_with })
    }

    /// Takes a change in; of what was made it is noted what it hangs on.
    fn take(&mut self, deed: Deed) {
        if deed.change.op == Op::Add && deed.undo == Undo::Nothing {
            let on = self.hangs_on(&deed.change.key, deed.after.as_ref());
            let change = Change { fields: Vec::new(), ..deed.change.clone() };
            self.made.push(Made { change, seq: deed.seq, on });
        }
        self.deeds.push(deed);
    }

    /// Notes what a change that stays has removed or switched off, as long as it is so.
    fn mark_left(&self, deed: &Deed, left: &mut BTreeMap<ResourceKey, Change>) {
        let key = &deed.change.key;
        let standing = |body: &Option<Value>, none| {
            body.as_ref().map_or(none, |body| self.history.catalog.standing(&key.kind, body))
        };
        let (before, after) = (standing(&deed.before, Standing::In), standing(&deed.after, Standing::Gone));
        if after == Standing::In {
            left.remove(key);
        } else if after > before && deed.undo == Undo::Nothing {
            left.insert(key.clone(), Change { fields: Vec::new(), ..deed.change.clone() });
        }
    }

    /// The texts by which a resource names others, its parents among them.
    fn named_by(&self, key: &ResourceKey, body: Option<&Value>) -> BTreeSet<String> {
        let above = key.above().iter().cloned();
        let spec = self.spec(key);
        let mentions = spec.zip(body).into_iter().flat_map(|(spec, body)| spec.mentions(body));
        above.chain(mentions.map(|mention| mention.text)).collect()
    }

    /// What a resource hangs on: its parent, and what it names by id.
    fn hangs_on(&self, key: &ResourceKey, body: Option<&Value>) -> BTreeSet<(Kind, String)> {
        let Some(spec) = self.spec(key) else { return BTreeSet::new() };
        let parent = key.above().last();
        let parents =
            parent.into_iter().flat_map(|id| spec.parent.iter().map(|kind| (kind.clone(), id.clone())));
        let mentions = body.into_iter().flat_map(|body| spec.mentions(body));
        let named = mentions.flat_map(|mention| {
            let to = mention.reference.to.iter();
            to.map(|kind| (kind.clone(), mention.text.clone())).collect::<Vec<_>>()
        });
        parents.chain(named).collect()
    }

    fn cause(&self, deed: &Deed) -> Option<Cause> {
        let (Undo::All, Op::Add | Op::Remove) = (&deed.undo, deed.change.op) else { return None };
        let key = &deed.change.key;
        let body = deed.before.as_ref().or(deed.after.as_ref());
        let name = self.spec(key).zip(body).and_then(|(spec, body)| spec.name_of(body));
        Some(Cause {
            seq: deed.seq,
            key: key.clone(),
            op: deed.change.op,
            texts: std::iter::once(key.id().to_owned()).chain(name).collect(),
            by: deed.change.actor.as_ref().and_then(|actor| actor.id.clone()),
        })
    }

    /// Chooses what follows from what is chosen, until nothing more does.
    fn follow(&mut self) -> Vec<Cause> {
        let mut causes: Vec<Cause> = self.deeds.iter().filter_map(|deed| self.cause(deed)).collect();
        let mut new = 0..causes.len();
        while !new.is_empty() {
            let mut by_text: HashMap<&str, Vec<&Cause>> = HashMap::new();
            for cause in &causes[new.clone()] {
                cause.texts.iter().for_each(|text| by_text.entry(text).or_default().push(cause));
            }
            let mut found: Vec<(usize, Undo)> = Vec::new();
            for (place, deed) in self.deeds.iter().enumerate().filter(|(_, deed)| deed.undo != Undo::All) {
                found.extend(self.following(deed, &by_text).map(|undo| (place, undo)));
            }
            let known = causes.len();
            for (place, undo) in found {
                self.deeds[place].undo = undo;
                causes.extend(self.cause(&self.deeds[place]));
            }
            new = known..causes.len();
        }
        causes
    }

    /// What of a change follows from one of these.
    fn following(&self, deed: &Deed, causes: &HashMap<&str, Vec<&Cause>>) -> Option<Undo> {
        let key = &deed.change.key;
        let sure = deed.change.actor.as_ref().filter(|actor| actor.confidence.as_deref() == Some("exact"));
        let independent = |cause: &Cause| sure.is_some_and(|actor| actor.id != cause.by);
        let spec = self.spec(key)?;
        let names = |cause: &&Cause, body: Option<&Value>| {
            let below = key.ids.len() > cause.key.ids.len() && key.ids.starts_with(&cause.key.ids);
            below || body.is_some_and(|body| refers(spec, body, &cause.key, &cause.texts))
        };
        let bodies = [&deed.before, &deed.after].into_iter().flatten();
        let texts: BTreeSet<String> = bodies.flat_map(|body| self.named_by(key, Some(body))).collect();
        let near = texts.iter().filter_map(|text| causes.get(text.as_str())).flatten().copied();
        let near = near.filter(|cause| deed.seq >= cause.seq && cause.key != *key && !independent(cause));
        let mut fields: Vec<FieldChange> = match &deed.undo {
            Undo::Fields(fields) => fields.clone(),
            _ => Vec::new(),
        };
        for cause in near {
            match (cause.op, deed.change.op) {
                (Op::Remove, Op::Remove) if names(&cause, deed.before.as_ref()) => return Some(Undo::All),
                (Op::Add, Op::Add) if names(&cause, deed.after.as_ref()) => return Some(Undo::All),
                (op, Op::Change) => {
                    let moved = deed.change.fields.iter().filter(|field| went_with(field, op, cause));
                    let new: Vec<_> = moved.filter(|field| !fields.contains(field)).cloned().collect();
                    fields.extend(new);
                }
                _ => {}
            }
        }
        (!fields.is_empty() && deed.undo != Undo::Fields(fields.clone())).then_some(Undo::Fields(fields))
    }

    fn end(self, causes: &[Cause], left: BTreeMap<ResourceKey, Change>) -> Chosen {
        let mut chosen = Chosen { hanging: self.hanging(causes), ..Chosen::default() };
        let undone: BTreeSet<&ResourceKey> = self.undone().map(|deed| &deed.change.key).collect();
        chosen.left = left.into_iter().filter(|(key, _)| !undone.contains(key)).collect();
        let span = self.choice.filter(None);
        let in_span = |deed: &&Deed| span.admits(deed.change.at, None);
        let nameless =
            self.deeds.iter().filter(|deed| deed.change.actor.is_none() && deed.undo == Undo::Nothing);
        if !self.choice.actors.is_empty() {
            chosen.unexplained = nameless.filter(in_span).map(|deed| deed.change.clone()).collect();
        }
        let mut courses: BTreeMap<ResourceKey, Vec<Deed>> = BTreeMap::new();
        let begun: BTreeMap<ResourceKey, u64> = self.undone().fold(BTreeMap::new(), |mut first, deed| {
            first.entry(deed.change.key.clone()).or_insert(deed.seq);
            first
        });
        for deed in self.deeds {
            if begun.get(&deed.change.key).is_some_and(|first| deed.seq >= *first) {
                courses.entry(deed.change.key.clone()).or_default().push(deed);
            }
        }
        chosen.courses = courses.into_iter().map(|(key, deeds)| Course { key, deeds }).collect();
        chosen
    }

    fn undone(&self) -> impl Iterator<Item = &Deed> {
        self.deeds.iter().filter(|deed| deed.undo != Undo::Nothing)
    }

    /// What others made since that hangs on something whose making is undone.
    fn hanging(&self, causes: &[Cause]) -> BTreeMap<ResourceKey, Vec<Change>> {
        let undone: BTreeSet<(u64, &ResourceKey)> =
            self.undone().map(|deed| (deed.seq, &deed.change.key)).collect();
        let mut by_id: HashMap<(Kind, String), Vec<&Cause>> = HashMap::new();
        for cause in causes.iter().filter(|cause| cause.op == Op::Add) {
            by_id.entry((cause.key.kind.clone(), cause.key.id().to_owned())).or_default().push(cause);
        }
        let mut hanging: BTreeMap<ResourceKey, Vec<Change>> = BTreeMap::new();
        for made in self.made.iter().filter(|made| !undone.contains(&(made.seq, &made.change.key))) {
            for cause in made.on.iter().filter_map(|on| by_id.get(on)).flatten() {
                if made.seq >= cause.seq && made.change.key != cause.key {
                    hanging.entry(cause.key.clone()).or_default().push(made.change.clone());
                }
            }
        }
        hanging
    }
}

/// Whether a body refers to this resource.
fn refers(spec: &KindSpec, body: &Value, to: &ResourceKey, texts: &[String]) -> bool {
    spec.mentions(body)
        .any(|mention| mention.reference.to.contains(&to.kind) && texts.contains(&mention.text))
}

/// Whether a field lost what was removed, or gained what was made.
fn went_with(field: &FieldChange, op: Op, cause: &Cause) -> bool {
    let holds = |value: &Option<Value>| {
        value.as_ref().is_some_and(|value| cause.texts.first().is_some_and(|id| says(value, id)))
    };
    match op {
        Op::Remove => holds(&field.from) && !holds(&field.to),
        _ => holds(&field.to) && !holds(&field.from),
    }
}

/// Whether an id stands somewhere in a value.
fn says(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text.contains(id),
        Value::Array(items) => items.iter().any(|item| says(item, id)),
        Value::Object(members) => members.iter().any(|(_, member)| says(member, id)),
        _ => false,
    }
}
