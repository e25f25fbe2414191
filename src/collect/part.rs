//! Reading a part of a kind: what changed by the vendor's filter, all below some parents, single
//! resources by their keys. What is not asked for stays as it was, and its row says since when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::base::coverage::{Exception, Row, State};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::KindSpec;
use crate::collect::CollectError;
use crate::collect::absence::{Case, Verdict, judge};
use crate::collect::ledger::join_reasons;
use crate::collect::run::{Gathering, Run};
use crate::collect::sweep::forget;
use crate::provider::{Item, Swept, guides};

/// What is read of a kind.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// What changed since then.
    pub(crate) since: Option<Timestamp>,
    /// Everything that is found by way of these.
    pub(crate) guides: BTreeSet<ResourceKey>,
    /// These.
    pub(crate) named: BTreeSet<ResourceKey>,
}

impl Part {
    pub(crate) fn is_empty(&self) -> bool {
        self.since.is_none() && self.guides.is_empty() && self.named.is_empty()
    }
}

impl Gathering {
    /// What there is of a kind below these ids, as far as this run knows.
    pub(crate) fn below(&self, kind: &Kind, ids: &[String]) -> BTreeSet<ResourceKey> {
        let before = self.session.parent_state().below(kind, ids);
        let here = self.session.changed_below(kind, ids);
        before.chain(here).filter(|key| !self.gone.holds(key)).collect()
    }

    /// Records that a resource is gone.
    pub(crate) fn forget(&mut self, key: &ResourceKey) -> Result<(), CollectError> {
        if !self.has(key) {
            return Ok(());
        }
        self.known.remove(key);
        let Some(mut row) = self.ledger.rows.remove(&key.kind) else { return Ok(()) };
        let forgotten = forget(self, key, &mut row);
        self.ledger.rows.insert(key.kind.clone(), row);
        forgotten
    }
}

impl Run<'_> {
    /// Reads a part of a kind and brings its row up to date.
    ///
    /// # Errors
    /// The repository could not be written.
    pub(crate) async fn read_part(
        &self,
        spec: &KindSpec,
        part: Part,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let mut seen = BTreeSet::new();
        if let Some(since) = part.since {
            let swept = self.gather(spec, Way::Since(since), gathering, &mut seen).await?;
            if swept.state != State::Complete {
                degrade(gathering, &spec.kind, swept.state, &swept.reason);
            }
        }
        if !part.guides.is_empty() {
            let swept = self.gather(spec, Way::By(&part.guides), gathering, &mut seen).await?;
            self.settle_part(spec, &part.guides, swept, &seen, gathering).await?;
        }
        for key in part.named.iter().filter(|key| !seen.contains(*key)) {
            self.read_named(spec, key, gathering).await?;
        }
        Ok(())
    }

    /// Reads one way and takes what comes.
    async fn gather(
        &self,
        spec: &KindSpec,
        way: Way<'_>,
        gathering: &mut Gathering,
        seen: &mut BTreeSet<ResourceKey>,
    ) -> Result<Swept, CollectError> {
        let known = match way {
            Way::Since(_) => gathering.known.narrowed(BTreeSet::new(), BTreeSet::new()),
            Way::By(keys) => gathering.known.narrowed(guides(spec), keys.clone()),
        };
        let keeps = known.keeps(&spec.kind);
        let (mut fault, mut fresh) = (None, Vec::new());
        let mut sink = |item: Item| {
            if fault.is_some() {
                return;
            }
            match self.take_again(spec, &item, gathering) {
                Ok(()) => {
                    seen.insert(item.key.clone());
                    self.progress.rows(seen.len() as u64);
                    if keeps {
                        fresh.push(known.trimmed(item));
                    }
                }
                Err(error) => fault = Some(error),
            }
        };
        let swept = match way {
            Way::Since(since) => self.live.changed(spec, since, &known, &mut sink).await,
            Way::By(_) => self.live.sweep(spec, &known, &mut sink).await,
        };
        if let Some(error) = fault {
            return Err(error);
        }
        drop(known);
        fresh.into_iter().for_each(|item| gathering.known.insert(item));
        Ok(swept)
    }

    /// Decides about what did not come below these parents, and brings the row up to date.
    async fn settle_part(
        &self,
        spec: &KindSpec,
        places: &BTreeSet<ResourceKey>,
        swept: Swept,
        seen: &BTreeSet<ResourceKey>,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let unread = match (swept.state, swept.exceptions.is_empty()) {
            (State::Complete, _) | (_, false) => swept.exceptions,
            (state, true) => {
                let reason = &swept.reason;
                let at = places.iter().map(ResourceKey::to_path);
                at.map(|at| Exception { at, state, reason: reason.clone() }).collect()
            }
        };
        let read = |at: &str| places.iter().any(|key| key.to_path() == at);
        if let Some(row) = gathering.ledger.rows.get_mut(&spec.kind) {
            let before = row.exceptions.len();
            if row.state == State::NotEntitled && swept.rows > 0 {
                (row.state, row.reason) = (State::Complete, String::new());
            }
            row.exceptions.retain(|known| !read(&known.at));
            if row.exceptions.len() < before || !unread.is_empty() {
                row.exceptions.extend(unread.iter().cloned());
                restate(row);
            }
        }
        let parents = places.iter().filter(|key| spec.parent.contains(&key.kind));
        let there: BTreeSet<ResourceKey> =
            parents.flat_map(|parent| gathering.below(&spec.kind, &parent.ids)).collect();
        let missing: Vec<ResourceKey> = there.into_iter().filter(|key| !seen.contains(key)).collect();
        self.judge_part(spec, missing, &unread, gathering).await
    }

    async fn judge_part(
        &self,
        spec: &KindSpec,
        missing: Vec<ResourceKey>,
        unread: &[Exception],
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let before = gathering.ledger.rows.get(&spec.kind).map_or(0, |row| row.count);
        let verdict = judge(Case {
            spec,
            state: State::Complete,
            exceptions: unread,
            lost_rights: &gathering.lost_rights,
            before: usize::try_from(before).unwrap_or(usize::MAX),
            missing,
            gone: &gathering.gone,
        });
        match verdict {
            Verdict::Carry { state, reason } => degrade(gathering, &spec.kind, state, &reason),
            Verdict::Confirm { ask, gone } => {
                for key in gone {
                    gathering.forget(&key)?;
                }
                for key in ask {
                    self.read_named(spec, &key, gathering).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads one resource. Only a plain "gone" removes it.
    async fn read_named(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let was = gathering.has(key);
        match self.live.read_one(spec, key, &gathering.known).await {
            Ok(Some(item)) => {
                self.take_again(spec, &item, gathering)?;
                self.except(gathering, key, None);
                if gathering.known.keeps(&spec.kind) {
                    gathering.known.insert(item);
                }
            }
            Ok(None) if was => {
                self.except(gathering, key, None);
                gathering.forget(key)?;
            }
            // An id in an event need not be one of this kind.
            Ok(None) => drop(gathering.passed.insert(key.id().to_owned())),
            Err(_) if !was => drop(gathering.passed.insert(key.id().to_owned())),
            Err(error) => self.except(gathering, key, Some(error.to_string())),
        }
        Ok(())
    }

    /// Notes that a resource could not be read, or that it could be now.
    fn except(&self, gathering: &mut Gathering, key: &ResourceKey, fault: Option<String>) {
        let Some(row) = gathering.ledger.rows.get_mut(&key.kind) else { return };
        let at = key.to_path();
        let before = row.exceptions.len();
        row.exceptions.retain(|known| known.at != at);
        let cleared = row.exceptions.len() < before;
        if let Some(fault) = fault {
            let reason = format!("`{key}` could not be asked for: {fault}");
            row.exceptions.push(Exception { at, state: State::Failed, reason });
        } else if !cleared {
            return;
        }
        restate(row);
    }
}

/// How a part is read.
#[derive(Clone, Copy)]
enum Way<'a> {
    Since(Timestamp),
    By(&'a BTreeSet<ResourceKey>),
}

/// The state of a row by what is excepted from it.
fn restate(row: &mut Row) {
    let degrades = |exception: &&Exception| {
        !matches!(exception.state, State::Complete | State::NotEntitled | State::NoApi | State::Excluded)
    };
    let missing = row.exceptions.iter().filter(degrades).count();
    let first = row.exceptions.iter().find(degrades).map(|exception| exception.reason.clone());
    match (row.state, first) {
        (State::Complete | State::Partial, Some(first)) => {
            row.state = State::Partial;
            row.reason = format!("{missing} could not be read: {first}");
        }
        (State::Partial, None) => {
            row.state = State::Complete;
            row.reason.clear();
        }
        _ => {}
    }
}

/// A part that could not be read makes the kind no better than that.
fn degrade(gathering: &mut Gathering, kind: &Kind, state: State, reason: &str) {
    let Some(row) = gathering.ledger.rows.get_mut(kind) else { return };
    row.state = if state == State::Suspect { State::Suspect } else { State::Partial };
    row.reason = join_reasons(&row.reason, reason);
}
