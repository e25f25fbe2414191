//! Resources that no API gives, from files that the vendor's console exported: a snapshot that reads
//! nothing of the tenant.
//!
//! Such a snapshot stands in the tenant's own sequence and is marked. All else is carried in it as the
//! snapshot before had it, and ordinary snapshots carry what came from files. A file is no proof that
//! anything is gone, but for what lies in the folders of which it says that it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::coverage::{Ledger, State};
use crate::base::heard::{Heard, SKEW};
use crate::base::key::{Kind, ResourceKey};
use crate::base::time::Clock;
use crate::catalog::{Exported, InFile, KindSpec, Provider, canonicalize, in_file};
use crate::collect::absence::{Case, Gone, Verdict, judge};
use crate::collect::mark::{AFTER_NOTE, Mark, read_began};
use crate::collect::run::{PROVIDER_NOTE, carried_notes};
use crate::collect::{CollectError, ledger, main_of};
use crate::json::Value;
use crate::store::{Fingerprints, Flags, Meta, Parts, Put, Snapshot, WriteSession};

/// Note with the names of the files.
pub const FILES_NOTE: &str = "imported";
/// Bytes of the first note.
const NAMES_MAX: usize = 1000;

/// Files on their way into a tenant's history.
pub struct Import {
    /// The provider's catalogue.
    pub catalog: &'static Provider,
    /// Marks secrets without showing them.
    pub fingerprints: Fingerprints,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What was read.
    pub files: Vec<Exported>,
    /// The time of which the files are, where that is not what they say.
    pub at: Option<Timestamp>,
    /// Take for deleted what the files' folders lack, however much it is.
    pub accept_missing: bool,
}

/// What came of it.
pub struct Brought {
    /// The snapshot as committed.
    pub snapshot: Snapshot,
    /// Kinds of which too much was missing to be believed: it is kept.
    pub gaps: Vec<Kind>,
}

/// A resource of a file.
struct Row {
    body: Value,
    at: Timestamp,
}

impl Import {
    /// Writes the snapshot.
    ///
    /// # Errors
    /// There is nothing before it, a file is older than what is held, or the repository cannot be written.
    /// Nothing is recorded then.
    pub fn commit(self, mut session: WriteSession) -> Result<Brought, CollectError> {
        let now = self.clock.now();
        let parent = session.parent().cloned().ok_or(CollectError::NothingBefore)?;
        let rows = self.rows(now)?;
        let unread = |kind: &Kind| self.catalog.kind(kind).is_some_and(|spec| spec.unread.is_some());
        if let Some((key, _)) = rows.iter().next().filter(|_| !rows.keys().any(|key| unread(&key.kind))) {
            return Err(CollectError::ReadItself(key.kind.clone()));
        }
        let mut ledger = Ledger::clone(&parent.ledger);
        ledger.unknown.extend(self.files.iter().flat_map(|file| file.unknown.iter().cloned()));
        let mut gaps = Vec::new();
        // What is read from the tenant itself is left to that.
        for (spec, place) in in_file(self.catalog).into_iter().filter(|(spec, _)| spec.unread.is_some()) {
            let of_kind: Vec<(&ResourceKey, &Row)> =
                rows.iter().filter(|(key, _)| key.kind == spec.kind).collect();
            if of_kind.is_empty() && !self.files.iter().any(|file| file.kinds.contains(&spec.kind)) {
                continue;
            }
            let known = parent.ledger.rows.get(&spec.kind).filter(|row| row.count > 0);
            let mut held = Held {
                read: known.and_then(|row| row.read),
                here: None,
                before: known.and_then(|row| row.read).map(|(_, newest)| newest),
                count: known.map_or(0, |row| row.count),
            };
            for (key, row) in of_kind {
                self.put(&mut session, (spec, place), key, row, &mut held, &mut ledger)?;
            }
            let verdict = self.missing(&mut session, (spec, place), &rows, &mut held, now)?;
            let mut row = ledger::kept_row(spec, held.count, held.read);
            if let Some((state, reason)) = verdict {
                (row.state, row.reason) = (state, ledger::join_reasons(&row.reason, &reason));
                gaps.push(spec.kind.clone());
            }
            ledger.rows.insert(spec.kind.clone(), row);
        }
        let snapshot = session.commit(self.meta(&parent, ledger, now))?;
        Ok(Brought { snapshot, gaps })
    }

    /// The time of which a file is.
    fn time_of(&self, file: &Exported, now: Timestamp) -> Timestamp {
        self.at.or(file.made).unwrap_or(now)
    }

    /// The resources of all files; of one that stands in several, what the newest says.
    fn rows(&self, now: Timestamp) -> Result<BTreeMap<ResourceKey, Row>, CollectError> {
        let mut files: Vec<&Exported> = self.files.iter().collect();
        files.sort_by_key(|file| self.time_of(file, now));
        let mut rows: BTreeMap<ResourceKey, Row> = BTreeMap::new();
        for file in files {
            let at = self.time_of(file, now);
            if at > now + SKEW {
                return Err(CollectError::ToCome { file: file.name.clone(), at });
            }
            for (key, body) in &file.rows {
                let mut body = body.clone();
                let place = self.catalog.kind(&key.kind).and_then(|spec| spec.file.as_ref());
                if let (Some(place), Some(before)) = (place, rows.get(key)) {
                    keep_place(place, &mut body, &before.body);
                }
                rows.insert(key.clone(), Row { body, at });
            }
        }
        Ok(rows)
    }

    fn put(
        &self,
        session: &mut WriteSession,
        (spec, place): (&KindSpec, &InFile),
        key: &ResourceKey,
        row: &Row,
        held: &mut Held,
        ledger: &mut Ledger,
    ) -> Result<(), CollectError> {
        let mut body = row.body.clone();
        if let Some(before) = main_of(session, key)? {
            keep_place(place, &mut body, &before);
        }
        let address = key.to_path();
        let mark = |pointer: &str, value: &[u8]| self.fingerprints.mark(&address, pointer, value);
        let canonical = canonicalize(self.catalog, spec, body, &mark);
        ledger.unknown.extend(canonical.unknown);
        let parts = Parts {
            main: canonical.main.to_canonical(),
            secret: canonical.secret.map(|value| value.to_canonical()),
            volatile: canonical.volatile.map(|value| value.to_canonical()),
            raw: None,
        };
        match session.put(key, parts)? {
            Put::Changed => self.not_older(key, row.at, held)?,
            Put::New => held.count += 1,
            Put::Same => {}
        }
        held.saw(row.at);
        Ok(())
    }

    /// Going back to what an older file says is a change that nobody made, unless somebody says so.
    fn not_older(&self, key: &ResourceKey, at: Timestamp, held: &Held) -> Result<(), CollectError> {
        match held.before {
            Some(newest) if at < newest && self.at.is_none() => {
                Err(CollectError::Older { key: key.clone(), at, newest })
            }
            _ => Ok(()),
        }
    }

    /// Forgets what lay in a folder of which a file is whole, and is not in the file. Says what is kept
    /// because it is too much.
    fn missing(
        &self,
        session: &mut WriteSession,
        (spec, place): (&KindSpec, &InFile),
        rows: &BTreeMap<ResourceKey, Row>,
        held: &mut Held,
        now: Timestamp,
    ) -> Result<Option<(State, String)>, CollectError> {
        let whole: Vec<&Exported> =
            self.files.iter().filter(|file| file.kinds.contains(&spec.kind)).collect();
        let folders: BTreeSet<&String> = whole.iter().flat_map(|file| &file.folders).collect();
        let Some(at) = whole.iter().map(|file| self.time_of(file, now)).max() else { return Ok(None) };
        let keys: Vec<ResourceKey> = session.parent_state().kind(&spec.kind).map(|(key, _)| key).collect();
        let (mut before, mut missing) = (0, Vec::new());
        for key in keys {
            let body = main_of(session, &key)?;
            let folder = body.as_ref().and_then(|body| place.folder(body));
            if folder.is_some_and(|folder| folders.contains(&folder.to_owned())) {
                before += 1;
                if !rows.contains_key(&key) {
                    self.not_older(&key, at, held)?;
                    missing.push(key);
                }
            }
        }
        held.saw(at);
        if self.accept_missing {
            return self.forget(session, &missing, held).map(|()| None);
        }
        let case = Case {
            spec,
            state: State::Complete,
            exceptions: &[],
            lost_rights: &[],
            before,
            missing,
            gone: &Gone::default(),
        };
        match judge(case) {
            Verdict::Carry { state, reason } => Ok(Some((state, reason))),
            // There is nobody to ask: the file itself is what says that they are gone.
            Verdict::Confirm { ask, .. } => self.forget(session, &ask, held).map(|()| None),
        }
    }

    fn forget(
        &self,
        session: &mut WriteSession,
        keys: &[ResourceKey],
        held: &mut Held,
    ) -> Result<(), CollectError> {
        for key in keys {
            session.gone(key)?;
            held.count = held.count.saturating_sub(1);
        }
        Ok(())
    }

    fn meta(&self, parent: &Snapshot, ledger: Ledger, now: Timestamp) -> Meta {
        let mut ledger = ledger;
        ledger.unknown.sort();
        ledger.unknown.dedup();
        let mut notes = carried_notes(parent);
        notes.insert(PROVIDER_NOTE.into(), self.catalog.provider.clone());
        if let Some(mark) = Mark::from_notes(&parent.notes) {
            // Nothing was heard here, and nothing was missed: the next run goes on from the same place.
            let silent = Heard { since: mark.read_to, until: mark.read_to, named: BTreeMap::new() };
            notes.extend(silent.to_notes());
            notes.extend(Mark { part: BTreeSet::new(), ..mark }.to_notes());
        }
        notes.insert(FILES_NOTE.into(), self.names());
        notes.insert(AFTER_NOTE.into(), read_began(parent).to_string());
        // The state of a time is what was last known by then: a snapshot cannot be put before another one.
        let when = self.at.filter(|at| *at >= parent.finished).unwrap_or(now);
        Meta {
            started: when,
            finished: when,
            ledger,
            identity: parent.identity,
            permission: parent.permission,
            requests: 0,
            full_sweep: false,
            flags: Flags::default(),
            rules: parent.rules,
            notes,
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let mut text = names.join(", ");
        if text.len() > NAMES_MAX {
            let end = (0..=NAMES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

/// What is known of a kind before and while files are taken.
struct Held {
    /// Of which time what came last is, and what is the newest that ever came.
    read: Option<(Timestamp, Timestamp)>,
    /// Of which time what comes now is.
    here: Option<Timestamp>,
    /// The newest that came before.
    before: Option<Timestamp>,
    count: u64,
}

impl Held {
    fn saw(&mut self, at: Timestamp) {
        let here = self.here.map_or(at, |here| here.max(at));
        self.here = Some(here);
        self.read = Some((here, self.read.map_or(here, |(_, newest)| newest.max(here))));
    }
}

/// What is exported by itself lies nowhere, as far as its file tells: where it lay is kept.
fn keep_place(place: &InFile, body: &mut Value, before: &Value) {
    if let (Some(at), None, Some(_)) = (&place.within, place.folder(body), place.folder(before))
        && let Some(known) = at.get(before)
    {
        at.set(body, known.clone()).ok();
    }
}
