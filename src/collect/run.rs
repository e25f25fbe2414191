//! A run: everything is read, or what the vendor's log names; then the window is closed, changes are
//! explained, and the snapshot is committed. Read [`due`] for which of the two, `sweep.rs` for the one
//! and `hourly.rs` for the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::coverage::Ledger;
use crate::base::heard::SKEW;
use crate::base::key::{Kind, ResourceKey};
use crate::base::time::Clock;
use crate::catalog::Provider;
use crate::collect::absence::{Gone, lost_rights};
use crate::collect::due::{self, Full};
use crate::collect::explain::Log;
use crate::collect::intake::Intake;
use crate::collect::mark::{AFTER_NOTE, Mark, read_began};
use crate::collect::remaining::Left;
use crate::collect::{CollectError, explain, late, ledger, notes};
use crate::provider::{Event, Known, Live};
use crate::store::{Fingerprints, Flags, Meta, Snapshot, WriteSession};

/// Note by which a snapshot says which provider's catalogue explains it, so that a history can be read on a
/// machine that has no configuration.
pub const PROVIDER_NOTE: &str = "provider";
/// Note under which a snapshot keeps the rights against which absences are judged.
const RIGHTS_NOTE: &str = "rights.";
/// Note under which a snapshot keeps the tenant's identity in the vendor's words.
const IDENTITY_NOTE: &str = "identity";

/// What a person watching sees.
pub trait Progress: Send + Sync {
    /// A kind is about to be read; `done` of `all` kinds are behind. `left` works out how long it takes from
    /// here; nothing where that cannot be said yet.
    fn kind(&self, kind: &Kind, done: usize, all: usize, left: &dyn Fn() -> Option<Left>);
    /// Rows of the current kind so far.
    fn rows(&self, rows: u64);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn kind(&self, _: &Kind, _: usize, _: usize, _: &dyn Fn() -> Option<Left>) {}
    fn rows(&self, _: u64) {}
}

/// What the configuration says about this run.
#[derive(Default, Clone)]
pub struct Options {
    /// Kinds known not to be readable here.
    pub accept: Vec<String>,
    /// Take the rights of today as the new baseline: what is out of sight now may be judged gone.
    pub accept_rights: bool,
    /// Read everything, whatever the vendor's log says.
    pub full: bool,
    /// Full sweeps come by a schedule of their own: that the last one is a day old is no reason for one.
    pub sweeps_apart: bool,
    /// Read what the log names and nothing else: what no event tells of waits for the next ordinary run.
    pub named_only: bool,
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
    /// Why everything was read; `None` where only what the vendor's log names was.
    pub full: Option<Full>,
    /// Resources that were known by their bytes and not read.
    pub repeated: u64,
}

/// What has been gathered while the run goes on.
pub(crate) struct Gathering {
    pub(crate) session: WriteSession,
    pub(crate) intake: Intake,
    pub(crate) repeated: u64,
    pub(crate) known: Known,
    pub(crate) gone: Gone,
    pub(crate) ledger: Ledger,
    pub(crate) unknown: BTreeSet<String>,
    /// What was found changed since the round began; nothing outside of rounds.
    pub(crate) fresh: Option<BTreeSet<ResourceKey>>,
    /// Ids that an event names and that lead to nothing: what they named came and went.
    pub(crate) passed: BTreeSet<String>,
    /// Kinds of which a part was read.
    pub(crate) part: BTreeSet<Kind>,
    pub(crate) lost_rights: Vec<String>,
}

impl Gathering {
    /// Whether there is such a resource, as far as this run knows.
    pub(crate) fn has(&self, key: &ResourceKey) -> bool {
        !self.gone.holds(key) && (self.session.is_changed(key) || self.session.parent_state().has(key))
    }

    /// Takes back what was said of a resource in this run.
    pub(crate) fn unsay(&mut self, key: &ResourceKey) {
        self.session.withdraw(key);
        self.gone.remove(key);
    }
}

/// What a run knows before it reads.
struct Start {
    started: Timestamp,
    identity: String,
    rights: Vec<String>,
    /// The rights that later absences are judged against.
    kept_rights: Vec<String>,
    previous: Option<Snapshot>,
}

impl Run<'_> {
    /// Reads the tenant and commits a snapshot.
    ///
    /// # Errors
    /// Only what leaves nothing to record: the tenant does not answer at all or is another one,
    /// or the repository cannot be written. Everything else is in the ledger.
    pub async fn snapshot(self, mut session: WriteSession) -> Result<Collected, CollectError> {
        let started = self.clock.now();
        let identity = self.live.identity().await?;
        if let Some(parent) = session.parent() {
            same_tenant(parent, &identity)?;
        }
        let rights = self.live.rights().await?.names;
        let baseline = session.parent().map(rights_of).unwrap_or_default();
        let lost = if self.options.accept_rights { Vec::new() } else { lost_rights(&baseline, &rights) };
        let kept_rights = if lost.is_empty() { rights.clone() } else { baseline };
        let previous = session.parent().cloned();
        let intake = Intake::new(self.catalog, self.fingerprints.clone(), &mut session, false)?;
        let start = Start { started, identity, rights, kept_rights, previous };
        let mut gathering = Gathering {
            session,
            intake,
            repeated: 0,
            known: Known::lean_for(self.live),
            gone: Gone::default(),
            ledger: Ledger::default(),
            unknown: BTreeSet::new(),
            fresh: None,
            passed: BTreeSet::new(),
            part: BTreeSet::new(),
            lost_rights: lost,
        };
        let (mut log, full) = self.read(&start, &mut gathering).await?;
        self.finish(start, gathering, &mut log, full)
    }

    /// Reads everything, or what the log names. Says since when the last full sweep is, and why one was
    /// made if this was one.
    async fn read(
        &self,
        start: &Start,
        gathering: &mut Gathering,
    ) -> Result<(Log, Result<Mark, Full>), CollectError> {
        let previous = start.previous.as_ref();
        let decided = due::decide(&due::Case {
            catalog: self.catalog,
            previous,
            permission: permission(&start.rights),
            now: start.started,
            asked: self.options.full,
            ages: !self.options.sweeps_apart && !self.options.named_only,
        });
        if !self.catalog.can_be_followed() {
            if let Some(previous) = previous.filter(|_| self.options.named_only)
                && self.is_silent_since(previous).await
            {
                return Err(CollectError::NothingNew);
            }
            self.sweep_all(gathering, previous).await?;
            let log = self.close_window(gathering, previous, start.started).await?;
            return Ok((log, Err(decided.err().unwrap_or(Full::NoFeed))));
        }
        let mark = previous.and_then(|was| Mark::from_notes(&was.notes));
        let mut log = Log::following(mark.as_ref(), previous, start.started);
        let heard = self.hear(&mut log, gathering).await;
        let decided = if heard { decided } else { Err(decided.err().unwrap_or(Full::LogFailed)) };
        // Whoever heard of it first has read it: the log is asked from where he left it.
        if self.options.named_only && decided.is_ok() && log.events.iter().all(is_idle) {
            return Err(CollectError::NothingNew);
        }
        match (&decided, previous) {
            (Ok(mark), Some(previous)) => self.hourly(gathering, previous, mark, &log.events).await?,
            _ => self.sweep_all(gathering, previous).await?,
        }
        self.follow_up(gathering, &mut log).await?;
        Ok((log, decided))
    }

    /// Whether a log that can only be asked for a span names nothing since the newest snapshot began, which read
    /// everything. Where the log cannot be read that is not known.
    async fn is_silent_since(&self, previous: &Snapshot) -> bool {
        let (since, until) = (read_began(previous) - SKEW, self.clock.now() + SKEW);
        self.live.events(since, until).await.is_ok_and(|events| events.iter().all(is_idle))
    }

    /// Explains the changes and commits.
    fn finish(
        &self,
        start: Start,
        mut gathering: Gathering,
        log: &mut Log,
        full: Result<Mark, Full>,
    ) -> Result<Collected, CollectError> {
        let finished = self.clock.now();
        gathering.unknown.extend(log.unknown());
        self.name_events(&gathering, log);
        let previous = start.previous.as_ref();
        if let Some(previous) = previous {
            explain::join(self, &mut gathering.session, previous, &log.events)?;
            late::tell(self, &mut gathering, previous, log)?;
        }
        gathering.ledger.unknown = gathering.unknown.into_iter().collect();
        let before = previous.map(|was| was.ledger.as_ref());
        let gaps = ledger::gaps(&gathering.ledger, before, &self.options.accept);
        let mut notes = log.heard(self.catalog).map(|heard| heard.to_notes()).unwrap_or_default();
        if let (Some(place), Some(read_to)) = (&log.place, log.whole_to) {
            let (swept, catalog) = match &full {
                Ok(mark) => (mark.swept, mark.catalog.clone()),
                Err(_) => (start.started, self.catalog.fingerprint.clone()),
            };
            let mark = Mark { place: place.clone(), read_to, swept, catalog, part: gathering.part };
            notes.extend(mark.to_notes());
        }
        let mut meta = self.meta(&start, finished, gathering.ledger, full.is_err());
        meta.notes.extend(notes);
        let snapshot = gathering.session.commit(meta)?;
        Ok(Collected { snapshot, gaps, full: full.err(), repeated: gathering.repeated })
    }

    fn meta(&self, start: &Start, finished: Timestamp, ledger: Ledger, full_sweep: bool) -> Meta {
        let mut kept = self.options.notes.clone();
        kept.extend(notes::pack(RIGHTS_NOTE, start.kept_rights.iter().map(String::as_str)));
        // A run that read less than an ordinary one does not count as one: the next goes on from before it.
        if let Some(previous) = start.previous.as_ref().filter(|_| self.options.named_only && !full_sweep) {
            kept.insert(AFTER_NOTE.into(), read_began(previous).to_string());
        }
        kept.insert(PROVIDER_NOTE.into(), self.catalog.provider.clone());
        kept.insert(IDENTITY_NOTE.into(), start.identity.clone());
        Meta {
            started: start.started,
            finished,
            ledger,
            identity: identity_hash(&start.identity),
            permission: permission(&start.kept_rights),
            requests: self.live.requests(),
            full_sweep,
            flags: self.options.flags,
            rules: self.catalog.rules,
            notes: kept,
        }
    }
}

/// Whether an event is about nothing that is read.
fn is_idle(event: &Event) -> bool {
    event.kinds.is_empty()
}

/// The fingerprint of what a credential may do.
fn permission(rights: &[String]) -> [u8; 32] {
    identity_hash(&rights.join("\n"))
}

/// Refuses a tenant that is not the one of the history.
///
/// # Errors
/// [`CollectError::OtherTenant`].
pub fn same_tenant(snapshot: &Snapshot, identity: &str) -> Result<(), CollectError> {
    if snapshot.identity == identity_hash(identity) {
        return Ok(());
    }
    let expected = self::identity(snapshot).unwrap_or("another one").to_owned();
    Err(CollectError::OtherTenant { expected, found: identity.into() })
}

/// What the vendor calls the tenant that a snapshot is of, for ever; `None` where it does not say.
#[must_use]
pub fn identity(snapshot: &Snapshot) -> Option<&str> {
    snapshot.notes.get(IDENTITY_NOTE).map(String::as_str)
}

/// What a record holds of a text that may be long or may not stand in it.
fn identity_hash(text: &str) -> [u8; 32] {
    blake3::derive_key("lastgood/1 identity at the vendor", text.as_bytes())
}

/// What holds for the tenant whatever is read, as the snapshot before noted it.
pub(crate) fn carried_notes(previous: &Snapshot) -> BTreeMap<String, String> {
    let mut kept = notes::pack(RIGHTS_NOTE, rights_of(previous).iter().map(String::as_str));
    kept.extend(identity(previous).map(|identity| (IDENTITY_NOTE.to_owned(), identity.to_owned())));
    kept
}

/// The rights against which the absences of the run after this snapshot are judged.
fn rights_of(snapshot: &Snapshot) -> Vec<String> {
    notes::unpack(&snapshot.notes, RIGHTS_NOTE).map(str::to_owned).collect()
}
