//! What people say of a snapshot later: its tags, a legal hold, and which one is the baseline.
//!
//! Each is an annotation in the tenant's sequence, signed, and never taken out again: a tag that is
//! removed or a hold that ends is one more annotation. What holds is what was said last. None of them
//! changes what a snapshot says; retention never drops one that bears any of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::format::payload::{Annotation, Sort as About};
use crate::store::repository::Repository;
use crate::store::snapshot::Snapshot;
use crate::store::{StoreError, annotations};

/// Longest tag, and longest reason of a hold, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// What is said of a snapshot.
enum Said {
    Note(String, String),
    Tag(String, bool),
    Hold(String),
    HoldEnded,
    Baseline,
}

impl Said {
    fn of(annotation: &Annotation) -> Option<Self> {
        let value = || serde_json::from_slice::<Value>(&annotation.value).ok();
        let text = |value: &Value, field: &str| value.get(field)?.as_str().map(str::to_owned);
        Some(match annotation.sort()? {
            About::Tag => {
                if let Some((name, value)) = annotations::read_note(annotation) {
                    return Some(Self::Note(name, value));
                }
                let value = value()?;
                let removed = value.get("removed").and_then(Value::as_bool).unwrap_or(false);
                Self::Tag(text(&value, "tag")?, !removed)
            }
            About::Hold => Self::Hold(value().and_then(|value| text(&value, "why")).unwrap_or_default()),
            About::HoldEnded => Self::HoldEnded,
            About::Baseline => Self::Baseline,
            _ => return None,
        })
    }
}

/// Whether an annotation says something of a snapshot that means nothing once that is gone.
pub(super) fn goes_with_its_snapshot(annotation: &Annotation) -> bool {
    Said::of(annotation).is_some()
}

/// Writes what annotations say onto the snapshots, in the order in which they were said.
pub(super) fn mark(annotations: &[Annotation], snapshots: &mut BTreeMap<u64, Snapshot>) {
    for annotation in annotations {
        let Some(said) = Said::of(annotation) else { continue };
        if matches!(said, Said::Baseline) {
            snapshots.values_mut().for_each(|snapshot| snapshot.baseline = false);
        }
        let Some(snapshot) = snapshots.get_mut(&annotation.sequence) else { continue };
        match said {
            Said::Note(name, value) => drop(snapshot.notes.insert(name, value)),
            Said::Tag(name, true) => drop(snapshot.tags.insert(name)),
            Said::Tag(name, false) => drop(snapshot.tags.remove(&name)),
            Said::Hold(why) => snapshot.held = Some(why),
            Said::HoldEnded => snapshot.held = None,
            Said::Baseline => snapshot.baseline = true,
        }
    }
}

fn short_enough(what: &str, text: &str) -> Result<(), StoreError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(StoreError::TooLarge { what: what.to_owned(), limit: TEXT_BYTES_MAX });
    }
    Ok(())
}

impl Repository {
    /// Gives a snapshot a tag. One that it bears already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::UnknownSnapshot`], [`StoreError::Pruned`], [`StoreError::ReadOnly`],
    /// [`StoreError::TooLarge`], or the storage failed.
    pub fn tag(&self, tenant: &str, seq: u64, name: &str) -> Result<(), StoreError> {
        short_enough("the tag", name)?;
        self.say(tenant, seq, About::Tag, &json!({ "tag": name }))
    }

    /// Takes a tag away from a snapshot.
    ///
    /// # Errors
    /// As [`Self::tag`].
    pub fn untag(&self, tenant: &str, seq: u64, name: &str) -> Result<(), StoreError> {
        self.say(tenant, seq, About::Tag, &json!({ "tag": name, "removed": true }))
    }

    /// Puts a snapshot under a legal hold: nothing drops it until the hold ends.
    ///
    /// # Errors
    /// As [`Self::tag`].
    pub fn hold(&self, tenant: &str, seq: u64, why: &str) -> Result<(), StoreError> {
        short_enough("the reason of a hold", why)?;
        self.say(tenant, seq, About::Hold, &json!({ "why": why }))
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// As [`Self::tag`].
    pub fn end_hold(&self, tenant: &str, seq: u64) -> Result<(), StoreError> {
        self.say(tenant, seq, About::HoldEnded, &json!({}))
    }

    /// Makes a snapshot the tenant's baseline, in place of the one before.
    ///
    /// # Errors
    /// As [`Self::tag`].
    pub fn set_baseline(&self, tenant: &str, seq: u64) -> Result<(), StoreError> {
        self.say(tenant, seq, About::Baseline, &json!({}))
    }

    /// The tenant's baseline, if one was set.
    ///
    /// # Errors
    /// As [`Self::snapshots`].
    pub fn baseline(&self, tenant: &str) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.snapshots(tenant)?.into_iter().find(|snapshot| snapshot.baseline))
    }

    fn say(&self, tenant: &str, seq: u64, about: About, value: &Value) -> Result<(), StoreError> {
        let (tenant, rec) = self.at(tenant, seq)?;
        let value = value.to_string().into_bytes();
        self.core.annotate(&tenant, &[Annotation::new(about, rec.sequence, "", value)])?;
        // A prune may have come in between. What was committed before ours is known now, and a mark that
        // was planned without ours cannot be committed after it.
        match self.core.pruned(&tenant).void(rec.sequence) {
            Some(_) => Err(StoreError::Pruned { tenant: self.core.name_of(&tenant), sequence: rec.sequence }),
            None => Ok(()),
        }
    }
}
