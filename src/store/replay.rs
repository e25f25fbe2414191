//! States from what is stored: the newest checkpoint or full base, then the logs after it.

use std::sync::Arc;

use crate::base::key::is_path;
use crate::format::entry::{Entry as Line, Op, Part as LinePart};
use crate::format::fields::Flags;
use crate::format::footer::Role;
use crate::format::log::{LogHead, decode_block};
use crate::format::references::{self as segment, SegmentRef};
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Entry, Part, Place, Target};
use crate::store::segments::{OpenSegment, broken, damaged};
use crate::store::snapshot::{Rec, Sort};
use crate::store::state::State;
use crate::store::tenant::Tenant;

/// A state, and how much was laid over the last whole one: what a checkpoint would save.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) state: Arc<State>,
    /// Logs since the last checkpoint or full base.
    pub(super) logs: u64,
    /// Bytes of the record objects of those logs.
    pub(super) log_bytes: u64,
}

/// Which of a segment's two logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Log,
    Checkpoint,
}

impl Which {
    fn roles(self) -> (Role, Role) {
        match self {
            Self::Log => (Role::LogHead, Role::LogBlock),
            Self::Checkpoint => (Role::CheckpointHead, Role::CheckpointBlock),
        }
    }
}

/// One line of a log: the resource's path and what it is from here on; `None`: gone.
pub(super) type Step = (String, Option<Entry>);

/// The segments that a segment's locations mean, by number.
#[derive(Clone)]
pub(super) struct Meaning {
    targets: Vec<Arc<Target>>,
}

impl Meaning {
    /// What the numbers of a log mean whose references are these rows; 0 is the segment that it lies in.
    pub(super) fn new(tenant: &Tenant, own: SegmentRef, rows: &[SegmentRef]) -> Self {
        let target = |reference: SegmentRef| {
            // To every later record it is a data segment like any other.
            let place = match reference.place {
                segment::Place::OwnData => segment::Place::Data,
                place => place,
            };
            Arc::new(Target { prefix: tenant.prefix, reference: SegmentRef { place, ..reference } })
        };
        Self { targets: std::iter::once(own).chain(rows.iter().copied()).map(target).collect() }
    }

    pub(super) fn entry(&self, line: &Line) -> Option<Entry> {
        let put = match &line.op {
            Op::Put(put) => put,
            Op::Gone => return Some(Entry { places: Vec::new(), erased: None }),
            Op::Erased(leaf) => return Some(Entry { places: Vec::new(), erased: Some(*leaf) }),
        };
        let parts = [
            (Part::Main, Some(&put.main)),
            (Part::Secret, put.secret.as_ref()),
            (Part::Volatile, put.volatile.as_ref()),
            (Part::Raw, put.raw.as_ref()),
            (Part::Event, line.event.as_ref()),
        ];
        let mut places = Vec::with_capacity(2);
        for (part, stored) in parts {
            let Some(stored) = stored else { continue };
            places.push((part, self.place(stored)?));
        }
        Some(Entry { places, erased: None })
    }

    fn place(&self, stored: &LinePart) -> Option<Place> {
        let target = self.targets.get(stored.at.segment as usize)?.clone();
        Some(Place { target, frame: stored.at.frame, slot: stored.at.slot, mark: stored.mark })
    }
}

impl Core {
    /// The state at a snapshot.
    ///
    /// # Errors
    /// A record, log or checkpoint that it needs is missing or damaged.
    pub(super) fn state(&self, tenant: &Tenant, rec: &Arc<Rec>) -> Result<Loaded, StoreError> {
        let remembered = self.remembered_state();
        let mut later: Vec<Arc<Rec>> = Vec::new();
        let mut at = Some(rec.clone());
        let mut loaded = Loaded { state: Arc::new(State::default()), logs: 0, log_bytes: 0 };
        while let Some(here) = at {
            if let Some((known, kept)) = &remembered
                && known.id == here.id
            {
                loaded = kept.clone();
                break;
            }
            self.must_understand(tenant, &here)?;
            if here.is_base() {
                loaded = self.whole_state(tenant, &here)?;
                break;
            }
            at = self.before(tenant, &here)?;
            later.push(here);
        }
        if !later.is_empty() {
            let mut state = Arc::unwrap_or_clone(loaded.state);
            for here in later.iter().rev().filter(|here| here.snapshot().is_some()) {
                for (path, entry) in self.log(tenant, here, Which::Log)? {
                    match entry {
                        Some(entry) => state.put(&path, &entry),
                        None => state.gone(&path),
                    }
                }
                loaded.logs += 1;
                loaded.log_bytes += here.size;
            }
            loaded.state = Arc::new(state.settled());
        }
        self.compare_total(rec, &loaded.state)?;
        self.remember_state(rec.clone(), loaded.clone());
        Ok(loaded)
    }

    /// A state that lacks something would look like deletions; the record says how many there are.
    fn compare_total(&self, rec: &Rec, state: &State) -> Result<(), StoreError> {
        match rec.snapshot() {
            Some(snapshot) if snapshot.total != state.len() as u64 => Err(StoreError::Damaged {
                object: format!("the history before record {}", rec.sequence),
                what: format!("it gives {} resources where there were {}", state.len(), snapshot.total),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn must_understand(&self, tenant: &Tenant, rec: &Rec) -> Result<(), StoreError> {
        if rec.sort == (Sort::Other { critical: true }) {
            return Err(StoreError::Newer { tenant: self.name_of(tenant), sequence: rec.sequence });
        }
        Ok(())
    }

    fn whole_state(&self, tenant: &Tenant, rec: &Rec) -> Result<Loaded, StoreError> {
        let full_base = rec.snapshot().is_some_and(|snapshot| snapshot.flags.contain(Flags::FULL_BASE));
        let which = if full_base { Which::Log } else { Which::Checkpoint };
        let open = self.record_segment(tenant, rec)?;
        let meaning = self.meaning(tenant, &open, rec)?;
        let mut builder = State::builder();
        for frame in open.segment.frames_of(which.roles().1) {
            for (path, entry) in self.block(&open, frame, &meaning)? {
                let entry = entry.ok_or_else(|| damaged(&open.path, "a whole state has a deletion in it"))?;
                if !builder.push(&path, &entry) {
                    return Err(damaged(&open.path, "the keys of a log are not in order"));
                }
            }
        }
        Ok(Loaded { state: Arc::new(builder.finish()), logs: 0, log_bytes: 0 })
    }

    /// The segment of a record that was verified before.
    ///
    /// # Errors
    /// It is missing or damaged now.
    pub(super) fn record_segment(&self, tenant: &Tenant, rec: &Rec) -> Result<Arc<OpenSegment>, StoreError> {
        self.segments.open(tenant, &Target { prefix: tenant.prefix, reference: rec.reference() })
    }

    /// What the locations of a record's segment mean.
    pub(super) fn meaning(
        &self,
        tenant: &Tenant,
        open: &OpenSegment,
        rec: &Rec,
    ) -> Result<Meaning, StoreError> {
        let rows = self.segments.references(open)?.rows();
        self.keep_births(tenant, rec, rows.iter());
        Ok(Meaning::new(tenant, rec.reference(), rows))
    }

    /// All lines of a record's log or checkpoint.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn log(&self, tenant: &Tenant, rec: &Rec, which: Which) -> Result<Vec<Step>, StoreError> {
        if which == Which::Log
            && let Some(made) = self.net_log(tenant, rec.sequence)?
        {
            return made.steps();
        }
        let open = self.record_segment(tenant, rec)?;
        let meaning = self.meaning(tenant, &open, rec)?;
        let mut steps = Vec::new();
        for frame in open.segment.frames_of(which.roles().1) {
            steps.extend(self.block(&open, frame, &meaning)?);
        }
        Ok(steps)
    }

    /// The line of one key, if the log or checkpoint has it: reads the head and one block.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn line(
        &self,
        tenant: &Tenant,
        rec: &Rec,
        which: Which,
        path: &str,
    ) -> Result<Option<Option<Entry>>, StoreError> {
        let Some((line, meaning, open)) = self.written_line(tenant, rec, which, path)? else {
            return Ok(None);
        };
        Ok(Some(step(line, &meaning, &open)?.1))
    }

    /// The audit event that a record's log holds with the change or the removal of a key.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn event(&self, tenant: &Tenant, rec: &Rec, path: &str) -> Result<Option<Entry>, StoreError> {
        let Some((line, meaning, open)) = self.written_line(tenant, rec, Which::Log, path)? else {
            return Ok(None);
        };
        let Some(event) = line.event else { return Ok(None) };
        let place = meaning.place(&event).ok_or_else(|| damaged(&open.path, NO_SEGMENT))?;
        Ok(Some(Entry { places: vec![(Part::Event, place)], erased: None }))
    }

    fn written_line(
        &self,
        tenant: &Tenant,
        rec: &Rec,
        which: Which,
        path: &str,
    ) -> Result<Option<(Line, Meaning, Arc<OpenSegment>)>, StoreError> {
        if which == Which::Log
            && let Some(made) = self.net_log(tenant, rec.sequence)?
        {
            let line = made.lines()?.into_iter().find(|line| line.key == path);
            return Ok(line.map(|line| (line, made.meaning.clone(), made.open.clone())));
        }
        let open = self.record_segment(tenant, rec)?;
        let (head_role, block_role) = which.roles();
        let no_head = || damaged(&open.path, "a log has no head");
        let head = open.segment.frames_of(head_role).next().ok_or_else(no_head)?;
        let head =
            LogHead::decode(&self.segments.plain(&open, head)?).map_err(|error| broken(&open.path, error))?;
        let blocks: Vec<u32> = open.segment.frames_of(block_role).collect();
        if blocks.len() != head.blocks() {
            return Err(damaged(&open.path, "a log has not as many blocks as its head says"));
        }
        let meaning = self.meaning(tenant, &open, rec)?;
        for block in blocks.get(head.blocks_for(path)).unwrap_or_default() {
            let lines = self.lines(&open, *block)?;
            if let Some(line) = lines.into_iter().find(|line| line.key == path) {
                return Ok(Some((line, meaning, open)));
            }
        }
        Ok(None)
    }

    /// The paths that a record's log is about, each with the event of its removal where it removes.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn touched(
        &self,
        tenant: &Tenant,
        rec: &Rec,
    ) -> Result<Vec<(String, Option<Place>)>, StoreError> {
        let (lines, meaning) = match self.net_log(tenant, rec.sequence)? {
            Some(made) => (made.lines()?, made.meaning.clone()),
            None => {
                let open = self.record_segment(tenant, rec)?;
                let mut lines = Vec::new();
                for frame in open.segment.frames_of(Role::LogBlock) {
                    lines.extend(self.lines(&open, frame)?);
                }
                (lines, self.meaning(tenant, &open, rec)?)
            }
        };
        let farewell = |line: &Line| match line.op {
            Op::Gone => line.event.as_ref().and_then(|event| meaning.place(event)),
            _ => None,
        };
        Ok(lines
            .into_iter()
            .map(|line| (farewell(&line), line.key))
            .map(|(place, key)| (key, place))
            .collect())
    }

    fn lines(&self, open: &OpenSegment, frame: u32) -> Result<Vec<Line>, StoreError> {
        let plain = self.segments.plain(open, frame)?;
        decode_block(&plain).map_err(|error| broken(&open.path, error))
    }

    fn block(&self, open: &OpenSegment, frame: u32, meaning: &Meaning) -> Result<Vec<Step>, StoreError> {
        self.lines(open, frame)?.into_iter().map(|line| step(line, meaning, open)).collect()
    }
}

const NO_SEGMENT: &str = "a location in its log names no segment";

/// A line as written, with what it means.
pub(super) fn step(line: Line, meaning: &Meaning, open: &OpenSegment) -> Result<Step, StoreError> {
    if !is_path(&line.key) {
        return Err(damaged(&open.path, "a key in its log is no resource's path"));
    }
    let entry = meaning.entry(&line).ok_or_else(|| damaged(&open.path, NO_SEGMENT))?;
    let gone = line.op == Op::Gone;
    Ok((line.key, (!gone).then_some(entry)))
}
