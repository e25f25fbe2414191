//! What people are told of, to whom, and that nobody misses any of it.
//!
//! What there is to tell follows from the repository: events from the changes of its snapshots, by rules that
//! are data ([`rule`], [`raise`]), and states from the book and the coverage ledgers ([`states`]). It is kept
//! in an [`Outbox`] in the repository, with how far each receiver has got, and the two are written as one; so
//! whatever process has the turn goes on where the last one stopped ([`teller`]). A message may come twice,
//! then with the same id, and never not at all.
//!
//! A message says which fields changed and never a value of one: no secret can be in it. This room must never
//! print, read the configuration, or let a receiver that is down hold up a run or another receiver.
//! Read [`teller`] for the order of things, [`form`] and [`receiver`] for what goes out.

pub mod answering;
pub mod apart;
pub mod ask;
pub mod example;
pub mod file;
pub mod form;
pub mod mail;
pub mod outbox;
pub mod raise;
pub mod receiver;
pub mod rule;
pub mod states;
pub mod syslog;
pub mod teller;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use outbox::Outbox;
pub use receiver::{Carrier, Receiver};
pub use rule::{Rule, RuleError, Rules};
pub use states::Stale;
pub use teller::{Complain, Policy, Teller, Undelivered, Waiting};

/// Of which sort it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Runs leave no snapshot.
    RunFailed,
    /// The last good snapshot is too old.
    BackupStale,
    /// The repository is damaged, or could not be checked.
    CheckFailed,
    /// What retention lets go could not be pruned.
    PruneFailed,
    /// A kind was read whole and is not any more.
    CoverageShrank,
    /// So much vanished at once that it is not believed.
    Suspect,
    /// What guards the tenant guards less.
    PolicyWeakened,
    /// Somebody gained power.
    AdminGranted,
    /// Sign-in or data may go to somebody else.
    TrustAdded,
    /// Less is recorded of what happens.
    LogReduced,
    /// So much changed at once that somebody should look.
    BulkChange,
    /// The tenant differs from the pinned baseline.
    Drift,
    /// The pinned baseline is gone.
    BaselineLost,
    /// A rule came to no end.
    RuleFailed,
    /// Alerts were too many to be kept for a receiver.
    AlertsDropped,
    /// Somebody tried whether alerts arrive.
    Test,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::RunFailed,
        Self::BackupStale,
        Self::CheckFailed,
        Self::PruneFailed,
        Self::CoverageShrank,
        Self::Suspect,
        Self::PolicyWeakened,
        Self::AdminGranted,
        Self::TrustAdded,
        Self::LogReduced,
        Self::BulkChange,
        Self::Drift,
        Self::BaselineLost,
        Self::RuleFailed,
        Self::AlertsDropped,
        Self::Test,
    ];

    /// The word in messages and in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunFailed => "run_failed",
            Self::BackupStale => "backup_stale",
            Self::CheckFailed => "check_failed",
            Self::PruneFailed => "prune_failed",
            Self::CoverageShrank => "coverage_shrank",
            Self::Suspect => "suspect",
            Self::PolicyWeakened => "policy_weakened",
            Self::AdminGranted => "admin_granted",
            Self::TrustAdded => "trust_added",
            Self::LogReduced => "log_reduced",
            Self::BulkChange => "bulk_change",
            Self::Drift => "drift",
            Self::BaselineLost => "baseline_lost",
            Self::RuleFailed => "rule_failed",
            Self::AlertsDropped => "alerts_dropped",
            Self::Test => "test",
        }
    }

    /// How bad a state of this sort is while it lasts. Who hears of its beginning hears of its end.
    #[must_use]
    pub fn lasting(self) -> Severity {
        match self {
            Self::Drift | Self::PruneFailed | Self::BaselineLost => Severity::Medium,
            _ => Severity::High,
        }
    }

    /// What it means, in a sentence.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::RunFailed => "runs over the tenant leave no snapshot",
            Self::BackupStale => "the last good snapshot is older than the schedule allows",
            Self::CheckFailed => "the repository is damaged, or its check came to no end; `tenant` is empty",
            Self::PruneFailed => {
                "what retention lets go could not be pruned twice in a row; `tenant` is empty"
            }
            Self::CoverageShrank => "a kind was read whole before and is not any more",
            Self::Suspect => {
                "so much of a kind vanished at once that it is not believed; the old state is kept"
            }
            Self::PolicyWeakened => "what guards the tenant guards less than before",
            Self::AdminGranted => "somebody or something gained the power to change the tenant",
            Self::TrustAdded => "sign-in, tokens or data may go to, or come from, somewhere new",
            Self::LogReduced => "less is recorded of what happens, or it goes nowhere any more",
            Self::BulkChange => "so much changed at once that somebody should look",
            Self::Drift => "the tenant differs from the pinned baseline",
            Self::BaselineLost => "the pinned baseline is gone: of drift nothing can be told",
            Self::RuleFailed => {
                "a rule comes to no end on some change: what it would tell is not known; everybody hears of it"
            }
            Self::AlertsDropped => "a receiver was away for so long that alerts for it were too many to keep",
            Self::Test => "somebody tried whether alerts arrive",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it some day.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in messages and in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Whether it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It happened.
    Event,
    /// A state began.
    Begun,
    /// A state is over.
    Over,
}

impl Phase {
    /// The word in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Begun => "begun",
            Self::Over => "over",
        }
    }
}

/// What it is about: a resource that changed, or a kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// `TENANT/KIND/ID`, or `TENANT/KIND`.
    pub address: String,
    /// Its name for people.
    pub name: String,
    /// What happened to it.
    pub op: String,
    /// Who did it, as far as the vendor's log says.
    pub actor: Option<String>,
    /// The change's id, as `lastgood plan --changes` takes it.
    pub change: String,
    /// The places in its body that differ; never what stands there.
    pub fields: Vec<String>,
    /// Why, of a kind that was not read.
    pub why: String,
}

/// One thing that somebody is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// The same whenever and by whomever it is sent.
    pub id: String,
    /// The same for the beginning and the end of a state; empty where it has none but [`Self::id`].
    #[serde(default)]
    pub state: String,
    /// Its place in the outbox.
    pub number: u64,
    /// Whose; empty for the repository's own.
    pub tenant: String,
    /// The rule that struck, or the word of the state.
    pub rule: String,
    /// Of which sorts.
    pub classes: Vec<Class>,
    /// How bad.
    pub severity: Severity,
    /// Whether it lasts.
    pub phase: Phase,
    /// When it was found.
    pub at: Timestamp,
    /// A sentence for people.
    pub says: String,
    /// What it is about; the first [`SUBJECTS_MAX`] of [`Self::count`].
    pub subjects: Vec<Subject>,
    /// Of how many.
    pub count: u64,
    /// The snapshot that found it, where one did.
    pub snapshot: Option<String>,
}

impl Alert {
    /// An alert of one sort and of no rule, about nothing in particular.
    pub(super) fn of(
        class: Class,
        tenant: &str,
        id: String,
        phase: Phase,
        at: Timestamp,
        says: String,
    ) -> Self {
        Self {
            id,
            state: String::new(),
            number: 0,
            tenant: tenant.to_owned(),
            rule: class.as_str().to_owned(),
            classes: vec![class],
            severity: if phase == Phase::Over { Severity::Info } else { class.lasting() },
            phase,
            at,
            says,
            subjects: Vec::new(),
            count: 0,
            snapshot: None,
        }
    }
}

/// Subjects that one message names.
pub const SUBJECTS_MAX: usize = 20;

/// An id that is the same for the same thing.
#[must_use]
pub fn id_of(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("lastgood/1 id of an alert");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().get(..24).unwrap_or_default().to_owned()
}
