//! A run: kinds in the catalogue's order, each swept, canonicalised and handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::coverage::{Ledger, Row, State};
use crate::base::key::{Kind, ResourceKey};
use crate::base::time::Clock;
use crate::catalog::{KindSpec, Provider, canonicalize};
use crate::collect::CollectError;
use crate::collect::absence::{Case, Gone, Verdict, judge, lost_rights};
use crate::collect::explain::Log;
use crate::collect::ledger::join_reasons;
use crate::collect::{explain, ledger};
use crate::provider::{self, Item, Known, Live, Swept};
use crate::store::{Fingerprints, Flags, Meta, Parts, Put, Snapshot, WriteSession};

/// Note under which a snapshot keeps the rights against which absences are judged.
const RIGHTS_NOTE: &str = "rights.";
/// Note under which a snapshot keeps the tenant's identity in the vendor's words.
const IDENTITY_NOTE: &str = "identity";
/// Bytes of one note, below the format's limit for a text.
const NOTE_BYTES_MAX: usize = 4000;
/// Readings of the log at the end of a run: changes that come during the last are the next run's.
const WINDOW_ROUNDS_MAX: usize = 3;

/// What a person watching sees.
pub trait Progress: Send + Sync {
    /// A kind is about to be read; `done` of `all` kinds are behind, and about this many requests
    /// of the whole run are still to come, as far as the last run tells.
    fn kind(&self, kind: &Kind, done: usize, all: usize, requests_left: Option<u64>);
    /// Rows of the current kind so far.
    fn rows(&self, rows: u64);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn kind(&self, _: &Kind, _: usize, _: usize, _: Option<u64>) {}
    fn rows(&self, _: u64) {}
}

/// What the configuration says about this run.
#[derive(Default, Clone)]
pub struct Options {
    /// Kinds known not to be readable here.
    pub accept: Vec<String>,
    /// Take the rights of today as the new baseline: what is out of sight now may be judged gone.
    pub accept_rights: bool,
    /// Set by an apply on the snapshots around it.
    pub flags: Flags,
    /// Short texts that go with the snapshot.
    pub notes: BTreeMap<String, String>,
}

/// One run over one tenant.
pub struct Run<'a> {
    /// The provider's catalogue.
    pub catalog: &'static Provider,
    /// The tenant.
    pub live: &'a Live,
    /// Marks secrets without showing them.
    pub fingerprints: Fingerprints,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What the configuration says.
    pub options: Options,
    /// Who watches.
    pub progress: &'a dyn Progress,
}

/// What came of a run.
pub struct Collected {
    /// The snapshot as committed.
    pub snapshot: Snapshot,
    /// Kinds that should have been read and were not: exit 3 when there are any.
    pub gaps: Vec<Kind>,
}

/// What has been gathered while the run goes on.
pub(crate) struct Gathering {
    pub(crate) session: WriteSession,
    pub(crate) known: Known,
    gone: Gone,
    pub(crate) ledger: Ledger,
    pub(crate) unknown: BTreeSet<String>,
    pub(crate) changed: Vec<ResourceKey>,
    lost_rights: Vec<String>,
}

impl Run<'_> {
    /// Reads the tenant and commits a snapshot.
    ///
    /// # Errors
    /// Only what leaves nothing to record: the tenant does not answer at all or is another one,
    /// or the repository cannot be written. Everything else is in the ledger.
    pub async fn snapshot(self, session: WriteSession) -> Result<Collected, CollectError> {
        let started = self.clock.now();
        let identity = self.live.identity().await?;
        if let Some(parent) = session.parent() {
            same_tenant(parent, &identity)?;
        }
        let rights = self.live.rights().await?;
        let baseline = session.parent().map(rights_of).unwrap_or_default();
        let lost =
            if self.options.accept_rights { Vec::new() } else { lost_rights(&baseline, &rights.names) };
        let previous = session.parent().cloned();
        let mut gathering = Gathering {
            session,
            known: Known::lean(self.catalog),
            gone: Gone::default(),
            ledger: Ledger::default(),
            unknown: BTreeSet::new(),
            changed: Vec::new(),
            lost_rights: lost.clone(),
        };
        self.sweep_all(&mut gathering, previous.as_ref()).await?;
        let before = previous.as_ref().map(|was| was.ledger.as_ref());
        ledger::fill_unread(self.catalog, before, &mut gathering.ledger);
        let log = self.close_window(&mut gathering, previous.as_ref(), started).await?;
        let finished = self.clock.now();
        gathering.unknown.extend(log.unknown());
        if let Some(previous) = &previous {
            let changed = std::mem::take(&mut gathering.changed);
            explain::join(&self, &mut gathering.session, &changed, previous, &log.events)?;
        }
        gathering.ledger.unknown = gathering.unknown.into_iter().collect();
        let gaps = ledger::gaps(&gathering.ledger, before, &self.options.accept);
        let kept_rights = if lost.is_empty() { rights.names } else { baseline };
        let mut meta = self.meta(started, finished, identity, &kept_rights, gathering.ledger);
        meta.notes.extend(log.heard(self.catalog).map(|heard| heard.to_notes()).unwrap_or_default());
        let snapshot = gathering.session.commit(meta)?;
        Ok(Collected { snapshot, gaps })
    }

    /// Reads the vendor's log, and again what it says was changed meanwhile, until it is silent.
    async fn close_window(
        &self,
        gathering: &mut Gathering,
        previous: Option<&Snapshot>,
        started: Timestamp,
    ) -> Result<Log, CollectError> {
        let begun = explain::since(previous, started);
        let mut log = Log { begun, whole_to: None, events: Vec::new() };
        for _ in 0..WINDOW_ROUNDS_MAX {
            let since = log.whole_to.unwrap_or(begun);
            let until = self.clock.now();
            let new = match explain::events(self, &gathering.known, since, until).await {
                Ok(None) => break,
                Ok(Some(new)) => new,
                Err(why) => {
                    // A change without an actor is still a change; that nobody can say who is stated.
                    gathering.unknown.insert(format!("audit: {why}"));
                    log.whole_to = None;
                    break;
                }
            };
            let asked = self.read_again(gathering, &new).await?;
            log.events.extend(new);
            log.whole_to = Some(until);
            if !asked {
                break;
            }
        }
        Ok(log)
    }

    fn meta(
        &self,
        started: Timestamp,
        finished: Timestamp,
        identity: String,
        rights: &[String],
        ledger: Ledger,
    ) -> Meta {
        let mut notes = self.options.notes.clone();
        notes.extend(rights_notes(rights));
        let permission = identity_hash(&rights.join("\n"));
        let hash = identity_hash(&identity);
        notes.insert(IDENTITY_NOTE.into(), identity);
        Meta {
            started,
            finished,
            ledger,
            identity: hash,
            permission,
            requests: self.live.requests(),
            full_sweep: true,
            flags: self.options.flags,
            rules: self.catalog.rules,
            notes,
        }
    }

    async fn sweep_all(
        &self,
        gathering: &mut Gathering,
        previous: Option<&Snapshot>,
    ) -> Result<(), CollectError> {
        let levels = provider::order(self.catalog);
        let all = levels.iter().map(Vec::len).sum();
        let read =
            levels.into_iter().flatten().filter(|spec| spec.carried_by.is_none() && spec.unread.is_none());
        for (done, spec) in read.enumerate() {
            let left = previous.map(|was| was.requests.saturating_sub(self.live.requests()));
            self.progress.kind(&spec.kind, done, all, left);
            self.sweep_kind(spec, gathering).await?;
        }
        Ok(())
    }

    async fn sweep_kind(&self, spec: &KindSpec, gathering: &mut Gathering) -> Result<(), CollectError> {
        let mut seen = BTreeSet::new();
        let mut fault = None;
        let known = std::mem::replace(&mut gathering.known, Known::lean(self.catalog));
        let mut fresh = Vec::new();
        let keeps = provider::is_context(self.catalog, &spec.kind);
        let mut sink = |item: Item| {
            if fault.is_some() {
                return;
            }
            match self.take(spec, &item, gathering) {
                Ok(_) => {
                    seen.insert(item.key.clone());
                    self.progress.rows(seen.len() as u64);
                    if keeps {
                        fresh.push(item);
                    }
                }
                Err(error) => fault = Some(error),
            }
        };
        let swept = self.live.sweep(spec, &known, &mut sink).await;
        if let Some(error) = fault {
            return Err(error);
        }
        gathering.known = known;
        fresh.into_iter().for_each(|item| gathering.known.insert(item));
        let row = self.settle(spec, swept, seen, gathering).await?;
        gathering.known.note(&spec.kind, row.state, &row.reason);
        gathering.ledger.rows.insert(spec.kind.clone(), row);
        Ok(())
    }

    /// Brings one resource to canonical form and hands it to the session.
    pub(crate) fn take(
        &self,
        spec: &KindSpec,
        item: &Item,
        gathering: &mut Gathering,
    ) -> Result<Put, CollectError> {
        let address = item.key.to_path();
        let mark = |pointer: &str, value: &[u8]| self.fingerprints.mark(&address, pointer, value);
        let canonical = canonicalize(self.catalog, spec, item.body.clone(), &mark);
        gathering.unknown.extend(canonical.unknown);
        let parts = Parts {
            main: canonical.main.to_canonical(),
            secret: canonical.secret.map(|value| value.to_canonical()),
            volatile: canonical.volatile.map(|value| value.to_canonical()),
            raw: None,
        };
        let put = gathering.session.put(&item.key, parts)?;
        if put != Put::Same {
            gathering.changed.push(item.key.clone());
        }
        Ok(put)
    }

    /// Decides about what did not come, and writes the kind's row.
    async fn settle(
        &self,
        spec: &KindSpec,
        swept: Swept,
        seen: BTreeSet<ResourceKey>,
        gathering: &mut Gathering,
    ) -> Result<Row, CollectError> {
        let before: Vec<ResourceKey> =
            gathering.session.parent_state().kind(&spec.kind).map(|(key, _)| key).collect();
        let missing: Vec<ResourceKey> = before.iter().filter(|key| !seen.contains(*key)).cloned().collect();
        let mut row = Row {
            state: swept.state,
            reason: swept.reason,
            count: (seen.len() + missing.len()) as u64,
            read: swept.read,
            exceptions: swept.exceptions,
        };
        let verdict = judge(Case {
            spec,
            state: row.state,
            exceptions: &row.exceptions,
            lost_rights: &gathering.lost_rights,
            before: before.len(),
            missing,
            gone: &gathering.gone,
        });
        match verdict {
            Verdict::Carry { state, reason } => {
                row.state = state;
                row.reason = join_reasons(&row.reason, &reason);
            }
            Verdict::Confirm { ask, gone } => {
                for key in gone {
                    forget(gathering, &key, &mut row)?;
                }
                for key in ask {
                    self.confirm(spec, &key, &mut row, gathering).await?;
                }
            }
        }
        Ok(row)
    }

    /// Asks for a resource that did not come; only a plain "gone" removes it.
    async fn confirm(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        row: &mut Row,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        match self.live.read_one(spec, key, &gathering.known).await {
            Ok(None) => forget(gathering, key, row)?,
            Ok(Some(item)) => {
                self.take(spec, &item, gathering)?;
                row.state = State::Partial;
                row.reason = join_reasons(&row.reason, &format!("the list left out `{key}`, which exists"));
            }
            Err(error) => {
                row.state = State::Partial;
                let reason = format!("`{key}` did not come and could not be asked for: {error}");
                row.reason = join_reasons(&row.reason, &reason);
            }
        }
        Ok(())
    }
}

fn forget(gathering: &mut Gathering, key: &ResourceKey, row: &mut Row) -> Result<(), CollectError> {
    gathering.session.gone(key)?;
    gathering.gone.insert(key);
    gathering.changed.push(key.clone());
    row.count = row.count.saturating_sub(1);
    Ok(())
}

/// Refuses a tenant that is not the one of the history.
///
/// # Errors
/// [`CollectError::OtherTenant`].
pub fn same_tenant(snapshot: &Snapshot, identity: &str) -> Result<(), CollectError> {
    if snapshot.identity == identity_hash(identity) {
        return Ok(());
    }
    let expected = snapshot.notes.get(IDENTITY_NOTE).cloned().unwrap_or_else(|| "another one".into());
    Err(CollectError::OtherTenant { expected, found: identity.into() })
}

/// What a record holds of a text that may be long or may not stand in it.
fn identity_hash(text: &str) -> [u8; 32] {
    blake3::derive_key("lastgood/1 identity at the vendor", text.as_bytes())
}

/// The rights against which the absences of the run after this snapshot are judged.
fn rights_of(snapshot: &Snapshot) -> Vec<String> {
    let parts = snapshot.notes.iter().filter(|(name, _)| name.starts_with(RIGHTS_NOTE));
    parts.flat_map(|(_, text)| text.lines().map(str::to_owned)).collect()
}

/// Rights as notes: a note holds so many bytes and no more.
fn rights_notes(rights: &[String]) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::new();
    let mut part = String::new();
    for right in rights.iter().filter(|right| right.len() < NOTE_BYTES_MAX) {
        if part.len() + right.len() + 1 > NOTE_BYTES_MAX {
            notes.insert(format!("{RIGHTS_NOTE}{:02}", notes.len()), std::mem::take(&mut part));
        }
        part.push_str(right);
        part.push('\n');
    }
    notes.insert(format!("{RIGHTS_NOTE}{:02}", notes.len()), part);
    notes
}
