//! Which records are folded: those of days that are over, in small objects of their own, behind which the
//! chain goes on by their ids.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::store::moves::MOVED_BYTES_MAX;
use crate::store::prune::Objects;
use crate::store::pruned::Pruned;
use crate::store::retention::Now;
use crate::store::snapshot::{Rec, Sort, time};
use crate::store::stored::Stored;

/// A record, and when the storage took it in.
pub(super) struct Folding {
    pub(super) rec: Arc<Rec>,
    pub(super) size: u64,
    pub(super) stored: Timestamp,
}

/// Records of one day that go into one segment, in the order of the sequence.
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) records: Vec<Folding>,
}

impl Day {
    /// The lowest and the highest number among them.
    pub(super) fn span(&self) -> (u64, u64) {
        let number = |folding: Option<&Folding>| folding.map_or(0, |folding| folding.rec.sequence);
        (number(self.records.first()), number(self.records.last()))
    }

    pub(super) fn objects(&self) -> Objects {
        let mut objects = Objects::default();
        self.records.iter().for_each(|folding| objects.add(folding.size));
        objects
    }
}

/// The days that are over and of which more than one record can be folded.
///
/// A day is what the writer says; it is over when it is by this machine's clock, and the storage took the record
/// in before its own today.
pub(super) fn closed(records: &[Arc<Rec>], pruned: &Pruned, stored: &Stored, now: Now) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for (place, rec) in records.iter().enumerate() {
        let after = records.get(place + 1);
        let Some(row) = stored.records.get(&rec.sequence) else { continue };
        let date_stated = date(time(rec.written_ms));
        let over = date_stated < date(now.stated) && date(row.modified) < date(now.stored);
        if !over || row.size >= MOVED_BYTES_MAX || !after.is_some_and(|after| can_go(rec, after, pruned)) {
            continue;
        }
        let folding = Folding { rec: rec.clone(), size: row.size, stored: row.modified };
        match days.last_mut() {
            Some(day) if day.date == date_stated && day.objects().bytes + row.size < MOVED_BYTES_MAX => {
                day.records.push(folding);
            }
            _ => days.push(Day { date: date_stated, records: vec![folding] }),
        }
    }
    days.retain(|day| day.records.len() > 1);
    days
}

/// Whether a record can be read as well from another's segment.
fn can_go(rec: &Rec, after: &Rec, pruned: &Pruned) -> bool {
    let sort = match rec.sort {
        // A whole state is read block by block; data segments are found by their record's own.
        Sort::Snapshot(_) => !rec.is_base() && rec.data_bytes == 0,
        Sort::Annotation | Sort::Apply(_) => true,
        Sort::Prune { .. } | Sort::Compact { .. } | Sort::Other { .. } => false,
    };
    // A writer that opens nothing names the object before its own by its bytes: they must stay.
    let named = after.previous == rec.id
        || pruned.void(after.sequence.saturating_sub(1)).is_some_and(|void| void.before == rec.id);
    sort && named && pruned.carried(rec.sequence).is_none() && !pruned.is_dead(&rec.segment)
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
