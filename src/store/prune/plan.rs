//! What one prune marks: which records go, what stands in their place, and which segments die.
//!
//! A plan is made from the records as they are and reads only; whoever commits it makes sure that nothing
//! was committed meanwhile. What is read here is read as it was before the plan: nothing of it is void yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::coverage::State as Covered;
use crate::base::ids::{RecordId, SegmentId};
use crate::format::builder::SegmentBuilder;
use crate::format::codec::LEVEL;
use crate::format::entry::{Entry as Line, Op, Part as LinePart};
use crate::format::fields::Flags;
use crate::format::footer::Role;
use crate::format::ledger;
use crate::format::log::LogWriter;
use crate::format::payload::{CarriedLog, CarriedRecord, Maintenance, MovedRecord, Void};
use crate::format::references::{Location, Place as SegmentPlace, SegmentRef};
use crate::store::core::Core;
use crate::store::entry::Place;
use crate::store::moves::{Done, MOVED_BYTES_MAX, Moves, Moving, Spot};
use crate::store::prune::around::{Around, around};
use crate::store::prune::live::Live;
use crate::store::prune::{Asked, GRACE, Objects};
use crate::store::pruned::Pruned;
use crate::store::retention::{Candidate, Fate, Now, decide};
use crate::store::snapshot::{Rec, Sort};
use crate::store::state::State;
use crate::store::stored::Stored;
use crate::store::tenant::Tenant;
use crate::store::{Repository, Snapshot, StoreError, marks};

/// So much is taken out of objects in one run; a later run goes on.
const MOVED_FROM_BYTES_MAX: u64 = 64 << 20;

/// What a prune would do.
pub(super) struct Plan {
    pub(super) fates: Vec<(Snapshot, Fate)>,
    /// The record that everything was read up to.
    pub(super) newest: Arc<Rec>,
    pub(super) payload: Maintenance,
    /// The logs, and the bodies that move.
    pub(super) builder: SegmentBuilder,
    /// Bytes of what is in there.
    written: u64,
    pub(super) needed: Objects,
    /// The highest fencing number so far.
    pub(super) fencing: u64,
    marked: Objects,
}

impl Plan {
    /// Makes the plan of one tenant, from what was listed of it.
    ///
    /// # Errors
    /// Something that is kept cannot be read, or the storage failed.
    pub(super) fn make(
        repository: &Repository,
        (name, tenant, newest): (&str, &Tenant, Arc<Rec>),
        objects: Stored,
        asked: &Asked<'_>,
        now: Now,
    ) -> Result<Self, StoreError> {
        let core = repository.core.as_ref();
        let records = core.all_records(tenant, newest.clone())?;
        let snapshots = repository.snapshots_among(tenant, &records)?;
        let around = around(repository, (name, tenant), (&records, &snapshots), &objects, now, asked.needs)?;
        let fates =
            decide(asked.policy, now, &candidates(&snapshots, (&objects, &core.pruned(tenant)), &around));
        let mut survey =
            Survey { core, tenant, pruned: core.pruned(tenant), goes: BTreeSet::new(), records, objects };
        survey.goes = snapshots
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| matches!(fate, Fate::Goes(_)))
            .map(|(snapshot, _)| snapshot.seq)
            .collect();
        survey.annotations_go(&newest)?;
        survey.old_marks_go(&newest)?;
        let (logs, mut live) = survey.logs()?;
        let ends = survey.ends(now.stored)?;
        let small = ends.iter().filter(|end| end.moves).map(|end| end.reference.id).collect();
        live.close(core, tenant, &small)?;
        let stays = |spot: &Spot| live.needs(spot);
        let moving = Moving { dying: &small, stays: &stays, level: LEVEL };
        let Done { mut builder, map, segments: moved } =
            Moves::new(core, tenant, moving)?.all(live.names())?;
        let (dies, marked, needed) = survey.deaths(&live, &ends, &moved);
        let (carried, frames) = survey.carried(logs)?.into_rows();
        let written = builder.stored_bytes() + map.iter().chain(&frames).map(Vec::len).sum::<usize>();
        for (role, frames) in [(Role::Carried, frames), (Role::Relocations, map)] {
            for frame in frames {
                builder.add_extra(role, &frame)?;
            }
        }
        let voids = survey.new_voids();
        let payload = Maintenance { carried, dies, voids, ..Maintenance::default() };
        let fates = snapshots.into_iter().zip(fates).collect();
        let fencing = survey.records.iter().filter_map(|rec| rec.fencing()).max().unwrap_or(0);
        let written = written as u64;
        Ok(Self { fates, newest, payload, builder, written, needed, fencing, marked })
    }

    pub(super) fn marked(&self) -> Objects {
        self.marked
    }

    /// About how many bytes the mark takes; its record says it exactly.
    pub(super) fn written(&self) -> u64 {
        if self.is_nothing() {
            return 0;
        }
        self.written + self.payload.encode().len() as u64
    }

    /// Whether there is nothing to mark.
    pub(super) fn is_nothing(&self) -> bool {
        self.payload.voids.is_empty() && self.payload.dies.is_empty()
    }

    /// The first and the last number that is void from now on; 0 for none.
    pub(super) fn covers(&self) -> (u64, u64) {
        let from = self.payload.voids.iter().map(|void| void.from).min().unwrap_or(0);
        (from, self.payload.voids.iter().map(|void| void.to).max().unwrap_or(0))
    }
}

/// What retention asks of each snapshot.
fn candidates(
    snapshots: &[Snapshot],
    (objects, pruned): (&Stored, &Pruned),
    around: &Around,
) -> Vec<Candidate> {
    let read = |state: Covered| !matches!(state, Covered::Partial | Covered::Suspect | Covered::Failed);
    let candidate = |snapshot: &Snapshot| {
        let during = snapshot.applying.is_some_and(|plan| !around.given_up.contains(&plan));
        let around_apply = snapshot.flags.contain(Flags::APPLY) || during;
        Candidate {
            seq: snapshot.seq,
            stated: snapshot.finished,
            stored: pruned.taken_in(&objects.records, snapshot.seq).unwrap_or(snapshot.finished),
            good: !around_apply && snapshot.ledger.rows.values().all(|row| read(row.state)),
            tagged: !snapshot.tags.is_empty(),
            held: snapshot.held.is_some(),
            baseline: snapshot.baseline,
            applying: around.needed.contains(&snapshot.seq),
        }
    };
    snapshots.iter().map(candidate).collect()
}

/// An object that no record needs any more.
struct End {
    reference: SegmentRef,
    size: u64,
    /// What is needed of it moves.
    moves: bool,
}

/// A plan in the making.
struct Survey<'c> {
    core: &'c Core,
    tenant: &'c Tenant,
    pruned: Arc<Pruned>,
    records: Vec<Arc<Rec>>,
    /// The records that go.
    goes: BTreeSet<u64>,
    objects: Stored,
}

/// New logs, in the order of the snapshots that they are of.
#[derive(Default)]
struct Logs(Vec<(Arc<Rec>, CarriedLog)>);

/// What the mark holds of other records: each with its message where its object goes, and with a log where
/// it holds one.
#[derive(Default)]
struct Holds(Vec<(Arc<Rec>, Option<MovedRecord>, Option<CarriedLog>)>);

impl Holds {
    /// Rows and frames of the payload.
    fn into_rows(self) -> (Vec<CarriedRecord>, Vec<Vec<u8>>) {
        let (mut rows, mut frames) = (Vec::new(), Vec::new());
        for (rec, moved, log) in self.0 {
            let own = log.map(|log| log.encode()).unwrap_or_default();
            rows.push(CarriedRecord {
                sequence: rec.sequence,
                segment: rec.segment,
                moved,
                first_frame: frames.len() as u32,
                frames: own.len() as u32,
            });
            frames.extend(own);
        }
        (rows, frames)
    }
}

impl Survey<'_> {
    fn kept(&self) -> impl Iterator<Item = &Arc<Rec>> {
        self.records.iter().filter(|rec| !self.goes.contains(&rec.sequence))
    }

    /// Annotations about nothing but snapshots that go, go with them. Events stay: they say who did what.
    fn annotations_go(&mut self, newest: &Rec) -> Result<(), StoreError> {
        let mut going = Vec::new();
        for rec in
            self.records.iter().filter(|rec| rec.sort == Sort::Annotation && rec.sequence != newest.sequence)
        {
            let told = self.core.annotations(self.tenant, rec)?;
            let gone = |number: u64| self.goes.contains(&number) || self.pruned.void(number).is_some();
            if told.iter().all(|told| marks::goes_with_its_snapshot(told) && gone(told.sequence)) {
                going.push(rec.sequence);
            }
        }
        self.goes.extend(going);
        Ok(())
    }

    /// Earlier maintenance records go once all that they said is said by later ones, or done. One that
    /// carries records goes when some of these do: the others are carried anew.
    fn old_marks_go(&mut self, newest: &Rec) -> Result<(), StoreError> {
        // That one more number is void is worth a record only where others are.
        if self.goes.is_empty() {
            return Ok(());
        }
        let voids = self.voids();
        let inside =
            |old: &Void| voids.iter().any(|new| new.from <= old.from && old.to <= new.to && new != old);
        let mut going = Vec::new();
        for rec in self.records.iter().filter(|rec| rec.maintains()) {
            let Some(payload) = self.core.maintenance(self.tenant, rec.sequence)? else { continue };
            let stays = |row: &&CarriedRecord| {
                self.pruned.void(row.sequence).is_none() && !self.goes.contains(&row.sequence)
            };
            let whole = payload.carried.iter().filter(stays).count() == payload.carried.len();
            if matches!(rec.sort, Sort::Compact { .. }) && whole {
                continue;
            }
            let restated = payload.voids.iter().all(inside);
            let needed = self.pruned.rewritten_by(rec.sequence).any(|log| !self.is_rewritten_anew(log));
            let waits = payload.dies.iter().any(|reference| self.objects.of(reference).is_some());
            let small = rec.size < MOVED_BYTES_MAX;
            if restated && !needed && !waits && small && rec.sequence != newest.sequence {
                going.push(rec.sequence);
            }
        }
        self.goes.extend(going);
        Ok(())
    }

    /// What the mark holds: the new logs, and what records that go carry of ones that stay.
    fn carried(&self, Logs(logs): Logs) -> Result<Holds, StoreError> {
        let mut held = Vec::new();
        let going = self.records.iter().filter(|rec| rec.maintains() && self.goes.contains(&rec.sequence));
        let carried: BTreeSet<u64> = going.flat_map(|rec| self.pruned.carried_by(rec.sequence)).collect();
        for rec in self.kept().filter(|rec| carried.contains(&rec.sequence)) {
            let moved = self.pruned.carried(rec.sequence).map(|carried| carried.moved.as_ref().clone());
            // Where a log was made for it, its own is read no more.
            let rewritten = self.pruned.rewritten(rec.sequence).is_some();
            let made = rec.snapshot().is_some() && (rewritten || self.is_rewritten_anew(rec.sequence));
            let own = if made { None } else { Some(self.core.to_carry(self.tenant, rec)?) };
            held.push((rec.clone(), moved, own));
        }
        held.extend(logs.into_iter().map(|(rec, log)| (rec, None, Some(log))));
        Ok(Holds(held))
    }

    /// Whether this run makes another log for a snapshot, or drops it.
    fn is_rewritten_anew(&self, sequence: u64) -> bool {
        let before = self.records.iter().take_while(|rec| rec.sequence < sequence);
        let before = before.filter(|rec| rec.snapshot().is_some()).last();
        self.goes.contains(&sequence) || before.is_some_and(|rec| self.goes.contains(&rec.sequence))
    }

    /// The runs of numbers between kept records under which nothing counts.
    fn voids(&self) -> Vec<Void> {
        let mut voids = Vec::new();
        let mut last: Option<&Rec> = None;
        for rec in self.kept() {
            let before = last.map_or(RecordId([0; 32]), |last| last.id);
            let from = last.map_or(0, |last| last.sequence) + 1;
            let void = |number: u64| self.goes.contains(&number) || self.pruned.void(number).is_some();
            if rec.previous != before && (from..rec.sequence).any(void) {
                let (to, last) = (rec.sequence - 1, rec.previous);
                voids.push(Void { from, to, snapshots: self.snapshots_in(from, to), before, last });
            }
            last = Some(rec);
        }
        voids
    }

    fn new_voids(&self) -> Vec<Void> {
        self.voids().into_iter().filter(|void| self.pruned.void(void.to) != Some(void)).collect()
    }

    fn snapshots_in(&self, from: u64, to: u64) -> u64 {
        let going = |rec: &&Arc<Rec>| rec.snapshot().is_some() && (from..=to).contains(&rec.sequence);
        let now = self.records.iter().filter(going).count() as u64;
        let before = self.pruned.voids().filter(|void| from <= void.from && void.to <= to);
        now + before.map(|void| void.snapshots).sum::<u64>()
    }

    /// The new logs, and every place that a kept snapshot is read from.
    fn logs(&self) -> Result<(Logs, Live), StoreError> {
        let (mut logs, mut live) = (Logs::default(), Live::default());
        let mut before: Option<Arc<State>> = None;
        let mut window: Vec<&Arc<Rec>> = Vec::new();
        for rec in self.records.iter().filter(|rec| rec.snapshot().is_some()) {
            window.push(rec);
            if self.goes.contains(&rec.sequence) {
                continue;
            }
            let changed = self.changed(&window, before.is_none())?;
            let state = self.core.state(self.tenant, rec)?.state;
            let dropped = window.len() > 1;
            let full_base = rec.snapshot().is_some_and(|snapshot| snapshot.flags.contain(Flags::FULL_BASE));
            let empty = State::default();
            let old = before.as_deref().unwrap_or(&empty);
            let touched: Box<dyn Iterator<Item = String>> = match &changed {
                Some(changed) => Box::new(changed.keys().cloned()),
                None => {
                    let all = old.paths().chain(state.paths()).map(|(path, _)| path.to_owned());
                    Box::new(all.collect::<BTreeSet<String>>().into_iter())
                }
            };
            let mut lines = Vec::new();
            for path in touched {
                let now = state.get_path(&path);
                let event = changed.as_ref().and_then(|changed| changed.get(&path)?.as_ref());
                if let Some(event) = event {
                    live.place(event);
                }
                now.iter().for_each(|entry| live.entry(entry));
                if dropped && !full_base && now != old.get_path(&path) {
                    lines.push((path, now, event.cloned()));
                }
            }
            if dropped && !full_base {
                logs.0.push((rec.clone(), self.log(rec, lines)?));
            }
            before = Some(state);
            window.clear();
        }
        Ok((logs, live))
    }

    /// The paths that some snapshots changed, each with the event of its removal if the last of them
    /// removed it; `None` where only whole states can tell.
    fn changed(
        &self,
        window: &[&Arc<Rec>],
        first: bool,
    ) -> Result<Option<BTreeMap<String, Option<Place>>>, StoreError> {
        let whole = |rec: &&Arc<Rec>| rec.snapshot().is_some_and(|s| s.flags.contain(Flags::FULL_BASE));
        if first || window.iter().any(whole) {
            return Ok(None);
        }
        let mut changed = BTreeMap::new();
        for rec in window {
            for (path, farewell) in self.core.touched(self.tenant, rec)? {
                changed.insert(path, farewell);
            }
        }
        Ok(Some(changed))
    }

    /// A log of lines, and the snapshot's whole ledger.
    fn log(
        &self,
        rec: &Rec,
        lines: Vec<(String, Option<crate::store::Entry>, Option<Place>)>,
    ) -> Result<CarriedLog, StoreError> {
        // Only its references are used: a log in a prune record has its own.
        let mut numbers = SegmentBuilder::new(LEVEL)?;
        let mut writer = LogWriter::new();
        for (path, entry, event) in lines {
            let line = match (entry, event) {
                (Some(entry), _) => self.core.old_line(self.tenant, &path, &entry, &mut numbers)?,
                (None, None) => Line { key: path, op: Op::Gone, event: None },
                (None, Some(place)) => {
                    let segment = numbers.refer(&place.target.reference)?;
                    let id = self.core.bodies(self.tenant).id(&place)?;
                    let at = Location { segment, frame: place.frame, slot: place.slot };
                    Line { key: path, op: Op::Gone, event: Some(LinePart::new(at, &id)) }
                }
            };
            writer.push(&line)?;
        }
        let ledger = ledger::encode(self.core.ledger(self.tenant, rec)?.as_ref())?;
        let blocks = writer.finish()?.blocks.into_iter().map(|block| block.plain).collect();
        Ok(CarriedLog { references: numbers.references().encode(), ledger, blocks })
    }

    /// The objects that no record needs any more. What an earlier prune marked is not among them.
    fn ends(&self, now: Timestamp) -> Result<Vec<End>, StoreError> {
        let mut ends = Vec::new();
        let mut owned: BTreeMap<SegmentId, SegmentRef> = BTreeMap::new();
        let known: BTreeMap<u64, &Arc<Rec>> = self.records.iter().map(|rec| (rec.sequence, rec)).collect();
        for (number, row) in &self.objects.records {
            let reference = match (known.get(number), self.pruned.void(*number)) {
                (Some(rec), _) => rec.reference(),
                // A record that went before, whose segment stayed for what it holds.
                (None, Some(_)) => match self.core.segments.open_record(self.tenant, *number) {
                    Ok((record, open)) => Rec::new(&record, open.segment.id(), open.size, 0).reference(),
                    Err(StoreError::Storage(error)) => return Err(error.into()),
                    Err(_) => continue,
                },
                (None, None) => continue,
            };
            if self.pruned.is_dead(&reference.id) {
                continue;
            }
            let open = self.core.segments.open(self.tenant, &self.target(reference))?;
            for row in self.core.segments.references(&open)?.rows() {
                if matches!(row.place, SegmentPlace::Data | SegmentPlace::OwnData) {
                    owned.insert(row.id, SegmentRef { place: SegmentPlace::Data, ..*row });
                }
            }
            if !known.contains_key(number) || self.goes.contains(number) {
                ends.push(End { reference, size: row.size, moves: row.size < MOVED_BYTES_MAX });
            }
        }
        // An earlier mark that goes takes the map of what it holds with it: what it holds must move.
        let is_mark = |end: &End| match end.reference.place {
            SegmentPlace::Record(number) => known.get(&number).is_some_and(|rec| rec.maintains()),
            SegmentPlace::Data | SegmentPlace::OwnData => false,
        };
        let mut taken = 0;
        for end in ends.iter_mut().filter(|end| end.moves && !is_mark(end)) {
            taken += end.size;
            end.moves = taken <= MOVED_FROM_BYTES_MAX;
        }
        for (id, row) in &self.objects.data {
            let old = now.duration_since(row.modified) >= GRACE;
            let unnamed = SegmentRef { place: SegmentPlace::Data, id: *id, table: [0; 16] };
            // One that no record names may belong to a session that has not committed yet.
            if !self.pruned.is_dead(id) && (owned.contains_key(id) || old) {
                let reference = owned.get(id).copied().unwrap_or(unnamed);
                ends.push(End { reference, size: row.size, moves: false });
            }
        }
        Ok(ends)
    }

    /// The segments that die, what they take, and what outlasts its snapshot. A segment that died before
    /// is named again where what it held moves again.
    fn deaths(&self, live: &Live, ends: &[End], moved: &[SegmentId]) -> (Vec<SegmentRef>, Objects, Objects) {
        let (mut dies, mut marked, mut needed) = (Vec::new(), Objects::default(), Objects::default());
        for end in ends {
            if end.moves || !live.holds(&end.reference.id) {
                marked.add(end.size);
                dies.push(end.reference);
            } else if matches!(end.reference.place, SegmentPlace::Record(_)) {
                needed.add(end.size);
            }
        }
        let before = self.pruned.dead().filter(|dying| moved.contains(&dying.reference.id));
        dies.extend(before.map(|dying| dying.reference));
        (dies, marked, needed)
    }

    fn target(&self, reference: SegmentRef) -> crate::store::entry::Target {
        crate::store::entry::Target { prefix: self.tenant.prefix, reference }
    }
}
