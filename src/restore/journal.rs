//! What an apply has done, written down before and after each call.
//!
//! An intent is durable before its request is sent. The entries are those of the repository's apply
//! records (phase, step, payload), so that a journal there can take the place of the local file.
//! No secret value stands in an entry.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::entropy::{Entropy, draw};
use crate::base::ids::PlanId;
use crate::crypto::aead::SealKey;
use crate::json::{self, Limits, Object, Value};

/// What an entry says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The plan was taken up.
    Accepted,
    /// A call is about to be sent.
    Intent,
    /// What came of a call or of a whole step.
    Outcome,
    /// All steps were gone through.
    Finished,
    /// It stopped before the end.
    Stopped,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Accepted, Self::Intent, Self::Outcome, Self::Finished, Self::Stopped];

    /// The number of the phase at rest.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Intent => 2,
            Self::Outcome => 3,
            Self::Finished => 4,
            Self::Stopped => 5,
        }
    }
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it says.
    pub phase: Phase,
    /// About which step of the plan, from 0.
    pub step: u64,
    /// The details, as canonical JSON.
    pub payload: Value,
}

/// A journal that cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be read or written.
    #[error("the journal {} cannot be kept: {source}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The entries do not open, or do not belong to this plan.
    #[error("the journal {} is not of this plan and key, or was changed: {what}", file.display())]
    Foreign {
        /// Which file.
        file: PathBuf,
        /// What does not fit.
        what: String,
    },
}

/// Where entries go. An entry is durable when `append` returns.
pub trait Journal: Send {
    /// Adds an entry.
    ///
    /// # Errors
    /// It is not durable; nothing may be sent.
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError>;

    /// All entries so far, in order.
    ///
    /// # Errors
    /// They cannot be read.
    fn entries(&self) -> Result<Vec<Entry>, JournalError>;
}

const NONCE: usize = 24;
const ENTRY_BYTES_MAX: usize = 64 << 20;

/// A journal in a local file, each entry sealed and bound to the plan and to its place.
///
/// Layout of an entry: length (4 bytes, little-endian) of what follows, nonce (24 bytes), sealed
/// phase, step (8 bytes, little-endian) and payload. A last entry that is not whole was never
/// durable and counts as absent.
pub struct FileJournal {
    path: PathBuf,
    file: File,
    key: SealKey,
    plan: PlanId,
    entropy: Arc<dyn Entropy>,
    entries: Vec<Entry>,
}

impl FileJournal {
    /// Opens the journal of a plan, or begins it.
    ///
    /// # Errors
    /// The file cannot be opened, or holds entries of another plan or key.
    pub fn open(
        path: &Path,
        plan: PlanId,
        key: SealKey,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { file: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (entries, whole) = read_all(path, &bytes, &key, plan)?;
        file.set_len(whole as u64).map_err(io)?;
        file.sync_all().map_err(io)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(Self { path: path.to_owned(), file, key, plan, entropy, entries })
    }
}

fn bound(plan: PlanId, place: usize) -> Vec<u8> {
    let mut bound = b"lastgood/1 local journal".to_vec();
    bound.extend_from_slice(plan.as_bytes());
    bound.extend_from_slice(&(place as u64).to_le_bytes());
    bound
}

/// The entries, and how many bytes of the file they take.
fn read_all(
    path: &Path,
    bytes: &[u8],
    key: &SealKey,
    plan: PlanId,
) -> Result<(Vec<Entry>, usize), JournalError> {
    let foreign = |what: &str| JournalError::Foreign { file: path.to_owned(), what: what.to_owned() };
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some((length, rest)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<4>()) {
        let length = u32::from_le_bytes(*length) as usize;
        if !(NONCE..=ENTRY_BYTES_MAX).contains(&length) {
            return Err(foreign("a length is out of range"));
        }
        let Some(sealed) = rest.get(..length) else { break };
        let (nonce, sealed) =
            sealed.split_first_chunk::<NONCE>().ok_or_else(|| foreign("an entry is too short"))?;
        let mut buffer = sealed.to_vec();
        key.open(nonce, &bound(plan, entries.len()), &mut buffer)
            .map_err(|error| foreign(&error.to_string()))?;
        entries.push(read_one(&buffer).ok_or_else(|| foreign("an entry has another form"))?);
        at += 4 + length;
    }
    Ok((entries, at))
}

fn read_one(bytes: &[u8]) -> Option<Entry> {
    let (code, rest) = bytes.split_first()?;
    let (step, payload) = rest.split_first_chunk::<8>()?;
    Some(Entry {
        phase: Phase::ALL.into_iter().find(|phase| phase.code() == *code)?,
        step: u64::from_le_bytes(*step),
        payload: json::parse(payload, &Limits::body()).ok()?,
    })
}

impl Journal for FileJournal {
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { file: self.path.clone(), source };
        let mut buffer = vec![entry.phase.code()];
        buffer.extend_from_slice(&entry.step.to_le_bytes());
        entry.payload.write_canonical(&mut buffer);
        let nonce: [u8; NONCE] = draw(&*self.entropy).map_err(|error| io(std::io::Error::other(error)))?;
        let bound = bound(self.plan, self.entries.len());
        self.key.seal(&nonce, &bound, &mut buffer).map_err(|error| io(std::io::Error::other(error)))?;
        let length = u32::try_from(NONCE + buffer.len()).map_err(|error| io(std::io::Error::other(error)))?;
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&buffer);
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(io)?;
        self.entries.push(entry.clone());
        Ok(())
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.entries.clone())
    }
}

/// What the entries say of one step.
#[derive(Clone, Default, Debug)]
pub(crate) struct Trace {
    /// The body before the first call, without what is not compared.
    pub(crate) before: Option<Value>,
    /// A first intent was written.
    pub(crate) begun: bool,
    /// How many calls had a good answer.
    pub(crate) answered: usize,
    /// A call of which it is not known whether it was done.
    pub(crate) open: bool,
    /// The id that the vendor gave.
    pub(crate) id: Option<String>,
    /// The state after the last good answer, where more calls follow.
    pub(crate) state: Option<Value>,
    /// The step was brought to an end: its state in the tenant then.
    pub(crate) done: Option<Option<String>>,
}

/// Reads the entries of an apply, step by step.
pub(crate) fn traces(entries: &[Entry], steps: usize) -> Vec<Trace> {
    let mut traces = vec![Trace::default(); steps];
    for entry in entries {
        let Some(trace) = usize::try_from(entry.step).ok().and_then(|step| traces.get_mut(step)) else {
            continue;
        };
        let payload = &entry.payload;
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        match entry.phase {
            Phase::Intent => {
                trace.begun = true;
                trace.open = true;
                if let Some(before) = payload.get("before") {
                    trace.before = Some(before.clone());
                }
            }
            Phase::Outcome => {
                trace.id = text("id").or(trace.id.take());
                if payload.get("done").is_some() {
                    trace.done = Some(text("state"));
                } else if payload.get("status").and_then(Value::as_u64).is_some_and(|status| status < 400) {
                    trace.open = false;
                    trace.answered += 1;
                    trace.state = payload.get("state").cloned();
                }
            }
            Phase::Accepted | Phase::Finished | Phase::Stopped => {}
        }
    }
    traces
}

/// An entry of these members.
pub(crate) fn entry<const N: usize>(phase: Phase, step: usize, members: [(&str, Value); N]) -> Entry {
    Entry { phase, step: step as u64, payload: Object::from_pairs(members).into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;
    use crate::base::secret::Secret;

    fn open(path: &Path, plan: u8, key: u8) -> Result<FileJournal, JournalError> {
        let key = SealKey::new(Secret::new([key; 32]));
        FileJournal::open(path, PlanId([plan; 32]), key, Arc::new(SeededEntropy::new(1)))
    }

    #[test]
    fn entries_survive_and_a_torn_end_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let one = entry(Phase::Intent, 3, [("request", Value::from(0u8)), ("before", "lgcanary".into())]);
        let two = entry(Phase::Outcome, 3, [("status", Value::from(201u16)), ("id", "x".into())]);
        let mut journal = open(&path, 1, 1).unwrap();
        journal.append(&one).unwrap();
        let whole = std::fs::read(&path).unwrap().len();
        journal.append(&two).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(8).any(|part| part == b"lgcanary"), "the file is sealed");
        for cut in whole..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(
                open(&path, 1, 1).unwrap().entries().unwrap(),
                std::slice::from_ref(&one),
                "cut at {cut}"
            );
        }
        let mut journal = open(&path, 1, 1).unwrap();
        journal.append(&two).unwrap();
        assert_eq!(open(&path, 1, 1).unwrap().entries().unwrap(), [one, two]);
        assert!(matches!(open(&path, 2, 1), Err(JournalError::Foreign { .. })), "another plan");
        assert!(matches!(open(&path, 1, 2), Err(JournalError::Foreign { .. })), "another key");
    }
}
