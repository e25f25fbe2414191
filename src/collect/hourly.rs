//! An hourly run: only what the vendor's log and filters name, what no event tells of, and what comes
//! in its turn. Everything else is carried forward, with the time at which it was read.
//!
//! Absence means nothing here but where a list was read whole: below one parent, or of a whole kind.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Provider, Template};
use crate::collect::agenda::{self, Reading, Turns};
use crate::collect::explain::OVERLAP;
use crate::collect::ledger;
use crate::collect::mark::{Mark, read_began};
use crate::collect::naming::{Held, Namer};
use crate::collect::part::Part;
use crate::collect::remaining::Left;
use crate::collect::run::{Gathering, Run};
use crate::collect::{CollectError, main_of};
use crate::provider::{self, Ahead, Event, Known, changed, guides};
use crate::store::Snapshot;

/// Rows of one page, about: a list of no more is read whole where an event names one of its rows, as
/// the vendor may have touched the others with it.
const PAGE_ROWS: usize = 200;

/// Requests that a kind may take for its being read whole because an event names nothing that is known.
/// A larger one waits for the full sweep, and the log then says of all of the kind that it may have changed.
const UNPLACED_REQUESTS_MAX: u64 = 500;

/// Bodies that are looked at for the name of something that is gone. Of a larger kind the full sweep finds what went
/// along: reading so many would cost more than the hour.
const LOOKED_AT_MAX: u64 = 10_000;

/// What the first round of an hourly run goes by, beside events.
pub(crate) struct First<'a> {
    previous: &'a Snapshot,
    turns: Turns,
    since: Timestamp,
}

impl First<'_> {
    /// The requests that this takes, as far as that can be said before events are looked up.
    fn ahead(&self, catalog: &Provider, spec: &KindSpec, reading: &Reading) -> Vec<Ahead> {
        let rows = &self.previous.ledger.rows;
        let whole = || provider::ahead(catalog, spec, &|kind| rows.get(kind).map_or(0, |row| row.count));
        let some = |path: Option<&Template>, requests: usize| {
            vec![Ahead { path: path.map(Template::bare).unwrap_or_default(), requests: requests as u64 }]
        };
        match reading {
            Reading::Carry => Vec::new(),
            Reading::Whole => whole(),
            Reading::Changed => some(spec.changes.as_ref().map(|changes| &changes.path), 1),
            Reading::Turn => {
                let part = |group: &Ahead| group.of(group.requests / agenda::PARTS.unsigned_abs());
                whole().iter().map(part).collect()
            }
            Reading::Again(places) => some(spec.get.as_ref(), places.len()),
        }
    }
}

impl Run<'_> {
    /// Reads what the log names, and brings the ledger of the last snapshot up to date.
    pub(crate) async fn hourly(
        &self,
        gathering: &mut Gathering,
        previous: &Snapshot,
        mark: &Mark,
        events: &[Event],
    ) -> Result<(), CollectError> {
        let read = |kind: &_| self.catalog.kind(kind).is_some_and(|spec| spec.is_asked_for());
        let rows = previous.ledger.rows.iter().filter(|(kind, _)| read(kind));
        gathering.ledger.rows = rows.map(|(kind, row)| (kind.clone(), row.clone())).collect();
        let lasting = previous.ledger.unknown.iter().filter(|text| !text.starts_with("audit"));
        gathering.unknown.extend(lasting.cloned());
        let first = First {
            previous,
            turns: Turns::between(read_began(previous), self.clock.now()),
            since: read_began(previous).min(mark.read_to) - OVERLAP,
        };
        self.round(gathering, Some(&first), events).await?;
        ledger::fill_unread(self.catalog, Some(previous.ledger.as_ref()), &mut gathering.ledger);
        Ok(())
    }

    /// Goes over the kinds once, parents before children.
    pub(crate) async fn round(
        &self,
        gathering: &mut Gathering,
        first: Option<&First<'_>>,
        events: &[Event],
    ) -> Result<(), CollectError> {
        gathering.fresh = Some(BTreeSet::new());
        let order = provider::order(self.catalog);
        let read = order.into_iter().flatten().filter(|spec| spec.is_asked_for());
        let read: Vec<(&KindSpec, Reading)> = read
            .map(|spec| {
                (spec, first.map_or(Reading::Carry, |first| self.reading(first, spec, &gathering.known)))
            })
            .collect();
        for (done, (spec, reading)) in read.iter().enumerate() {
            if let Some(first) = first {
                let rest = read
                    .get(done..)
                    .unwrap_or_default()
                    .iter()
                    .map(|(spec, reading)| first.ahead(self.catalog, spec, reading));
                let left = || Some(Left::of(&self.live.outlook(), rest.clone()));
                self.progress.kind(&spec.kind, done, read.len(), &left);
            }
            self.visit(spec, (reading, first), events, gathering).await?;
        }
        Ok(())
    }

    /// How much of a kind the first round reads, whatever the events say.
    fn reading(&self, first: &First<'_>, spec: &KindSpec, known: &Known) -> Reading {
        let rows = &first.previous.ledger.rows;
        let count = |kind: &_| rows.get(kind).map_or(0, |row| row.count);
        let needed = known.keeps_more_than_ids(spec);
        let row = rows.get(&spec.kind);
        let now = self.clock.now();
        if self.options.named_only && !needed {
            return Reading::Carry;
        }
        agenda::reading(&agenda::Case { catalog: self.catalog, spec, needed, row, now, count: &count })
    }

    async fn visit(
        &self,
        spec: &KindSpec,
        (reading, first): (&Reading, Option<&First<'_>>),
        events: &[Event],
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let closed = gathering
            .ledger
            .rows
            .get(&spec.kind)
            .is_some_and(|row| matches!(row.state, State::NotPermitted | State::NoApi | State::Excluded));
        if *reading == Reading::Whole {
            // Nothing was said of it yet.
            self.sweep_kind(spec, gathering).await?;
        } else {
            self.orphaned(spec, gathering)?;
        }
        if *reading != Reading::Whole && !closed {
            let mut part = Part::default();
            linked(spec, gathering, &mut part);
            self.went_along(spec, gathering, &mut part)?;
            let whole = self.agree(spec, (reading, first), events, gathering, &mut part);
            if whole {
                self.sweep_again(spec, gathering).await?;
            } else if !part.is_empty() {
                gathering.part.insert(spec.kind.clone());
                self.read_part(spec, part, gathering).await?;
            }
        }
        if first.is_some() {
            self.keep_ids(spec, gathering);
        }
        Ok(())
    }

    /// What is read of a kind: by its reading, by events, and below parents that are not what they were.
    /// True where that is everything.
    fn agree(
        &self,
        spec: &KindSpec,
        (reading, first): (&Reading, Option<&First<'_>>),
        events: &[Event],
        gathering: &Gathering,
        part: &mut Part,
    ) -> bool {
        let mut places: BTreeSet<ResourceKey> = BTreeSet::new();
        match (reading, first) {
            (Reading::Changed, Some(first)) => part.since = Some(first.since),
            (Reading::Turn, Some(first)) => {
                let all = guides(spec).into_iter().flat_map(|kind| {
                    gathering.known.of_kind(&kind).map(|(key, _)| key.clone()).collect::<Vec<_>>()
                });
                places.extend(all.filter(|key| first.turns.have_come_to(key)));
            }
            (Reading::Again(again), _) => places.extend(again.iter().cloned()),
            _ => {}
        }
        let own = guides(spec);
        // Where every change leaves an event, a parent that is only changed says nothing of its children.
        let told = self.catalog.audit.as_ref().is_some_and(|audit| audit.tells(&spec.kind));
        let is_new = |key: &&ResourceKey| !gathering.session.parent_state().has(key);
        let fresh = gathering.fresh.iter().flatten().filter(|key| own.contains(&key.kind));
        places.extend(fresh.filter(|key| !told || is_new(key)).cloned());
        let touching: Vec<&Event> = events.iter().filter(|event| event.kinds.contains(&spec.kind)).collect();
        let wanted = Namer::new(spec, &gathering.known).wanted(&touching, gathering);
        let count = gathering.ledger.rows.get(&spec.kind).map_or(0, |row| row.count);
        let short = own.is_empty() && changed::filter_of(spec).is_none();
        let calls = provider::forecast(self.catalog, spec, &|kind| {
            gathering.ledger.rows.get(kind).map_or(0, |row| row.count)
        });
        let whole = wanted.whole && changed::filter_of(spec).is_none() && calls <= UNPLACED_REQUESTS_MAX
            || short && !wanted.named.is_empty() && count <= PAGE_ROWS as u64
            || !provider::is_divisible(spec) && !places.is_empty()
            || lost_its_source(spec, gathering) && calls <= agenda::WHOLE_REQUESTS_MAX;
        for key in wanted.named {
            let parent = wanted.guides.iter().find(|guide| is_below(spec, &key, guide));
            match parent {
                Some(parent) if spec.get.is_none() || !self.is_long(spec, parent, gathering) => {}
                _ => drop(part.named.insert(key)),
            }
        }
        for guide in wanted.guides {
            let told = part.named.iter().any(|key| is_below(spec, key, &guide));
            if !told {
                places.insert(guide);
            }
        }
        places.retain(|key| !gathering.gone.holds(key));
        // A place may be a resource of the kind itself: one that could not be read last time.
        for key in places {
            if key.kind == spec.kind {
                part.named.insert(key)
            } else {
                part.guides.insert(key)
            };
        }
        whole
    }

    /// Whether more lies below a parent than a page holds.
    fn is_long(&self, spec: &KindSpec, parent: &ResourceKey, gathering: &Gathering) -> bool {
        gathering.session.parent_state().below(&spec.kind, &parent.ids).nth(PAGE_ROWS).is_some()
    }

    /// What lies below a parent that is gone is gone too.
    fn orphaned(&self, spec: &KindSpec, gathering: &mut Gathering) -> Result<(), CollectError> {
        let parents: Vec<Vec<String>> = gathering.gone.parents(spec).cloned().collect();
        for ids in parents {
            for key in gathering.below(&spec.kind, &ids) {
                gathering.forget(&key)?;
            }
        }
        Ok(())
    }

    /// What the vendor deletes along with something that is gone, because it names that, is read again: no event
    /// names it.
    fn went_along(
        &self,
        spec: &KindSpec,
        gathering: &Gathering,
        part: &mut Part,
    ) -> Result<(), CollectError> {
        let takes = |kind: &&Kind| {
            self.catalog.kind(kind).is_some_and(|gone| gone.restore.cascades.contains(&spec.kind))
        };
        let gone: Vec<ResourceKey> =
            gathering.gone.kinds().filter(takes).flat_map(|kind| gathering.gone.of(kind)).collect();
        let count = gathering.ledger.rows.get(&spec.kind).map_or(0, |row| row.count);
        let held: Vec<ResourceKey> = match gone.is_empty() || count > LOOKED_AT_MAX {
            true => Vec::new(),
            false => gathering.session.parent_state().kind(&spec.kind).map(|(key, _)| key).collect(),
        };
        for key in held.iter().filter(|key| gathering.has(key)) {
            let Some(body) = main_of(&gathering.session, key)? else { continue };
            let names = spec.mentions(&body).any(|mention| {
                let is_it = |gone: &ResourceKey| {
                    mention.reference.to.contains(&gone.kind) && mention.text == gone.id()
                };
                gone.iter().any(is_it)
            });
            if names {
                read_again(spec, key, part);
            }
        }
        Ok(())
    }

    /// Lets other kinds go over what was not read this time.
    fn keep_ids(&self, spec: &KindSpec, gathering: &mut Gathering) {
        if !gathering.known.keeps(&spec.kind) {
            return;
        }
        for key in gathering.session.parent_state().below(&spec.kind, &[]) {
            if !gathering.gone.holds(&key) {
                gathering.known.insert_id(self.catalog, key);
            }
        }
        if let Some(row) = gathering.ledger.rows.get(&spec.kind) {
            gathering.known.note(&spec.kind, row.state, &row.reason);
        }
    }
}

/// What bears the id of something that is gone, as a link to it does, is read again.
fn linked(spec: &KindSpec, gathering: &Gathering, part: &mut Part) {
    if spec.parent.is_empty() || gathering.gone.is_empty() {
        return;
    }
    let ids: BTreeSet<&str> = gathering.gone.ids().collect();
    for key in gathering.ending_in(&spec.kind, &ids).into_iter().filter(|key| gathering.has(key)) {
        read_again(spec, &key, part);
    }
}

/// By itself where the vendor has a call for that, else in the list that it stands in.
fn read_again(spec: &KindSpec, key: &ResourceKey, part: &mut Part) {
    let parent = |kind: &Kind| ResourceKey::new(kind, key.above().to_vec());
    match spec.get {
        Some(_) => drop(part.named.insert(key.clone())),
        None => part.guides.extend(spec.parent.iter().map(parent)),
    }
}

/// Whether something is gone by way of which resources were found that do not lie below it: which they
/// are no key tells. Where a whole reading takes many requests it is left to the full sweep.
fn lost_its_source(spec: &KindSpec, gathering: &Gathering) -> bool {
    guides(spec).into_iter().any(|kind| !spec.parent.contains(&kind) && gathering.gone.any(&kind))
}

fn is_below(spec: &KindSpec, key: &ResourceKey, parent: &ResourceKey) -> bool {
    spec.parent.contains(&parent.kind) && key.above() == parent.ids
}
