//! What Prometheus asks for, out of the books: the same numbers whichever process is asked, and none lost
//! when one is started anew.
//!
//! Times are seconds since the epoch, as is the custom: a rule computes an age by itself, and goes on
//! doing so when nobody answers any more.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::daemon::alert::{Undelivered, Waiting};
use crate::daemon::book::{Book, Budget};
use crate::daemon::care::CareBook;

/// What is known of a tenant when metrics are asked for.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whose.
    pub tenant: String,
    /// Its book.
    pub book: Book,
    /// When its next run is due.
    pub due: Timestamp,
}

/// What one scrape is answered with.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// The tenants.
    pub seen: Vec<Seen>,
    /// The repository's own book.
    pub care: CareBook,
    /// What has not been told yet.
    pub undelivered: Vec<Undelivered>,
}

type Reading = fn(&Seen) -> Option<f64>;
type Count = fn(&Book) -> u64;
type OfRepository = fn(&CareBook) -> Option<f64>;
type OfBudget = fn(&Budget) -> f64;
type OfReceiver = fn(&Waiting) -> Option<f64>;

/// Name, help, what it is of a tenant. Nothing is said of a tenant of which it is not known.
const GAUGES: &[(&str, &str, Reading)] = &[
    ("snapshot_finished_timestamp_seconds", "When the last good snapshot was read to its end", |seen| {
        seen.book.good.as_ref().map(|good| seconds(good.finished))
    }),
    (
        "snapshot_started_timestamp_seconds",
        "When the first request of the last good snapshot was sent",
        |seen| seen.book.good.as_ref().map(|good| seconds(good.started)),
    ),
    ("full_sweep_timestamp_seconds", "When the last sweep over everything began", |seen| {
        seen.book.swept.map(seconds)
    }),
    ("resources", "Resources in the newest state", |seen| {
        seen.book.good.as_ref().map(|good| good.resources as f64)
    }),
    ("coverage_gaps", "Kinds that should have been read and were not", |seen| {
        seen.book.good.as_ref().map(|good| good.gaps.len() as f64)
    }),
    ("suspect_kinds", "Kinds of which so much vanished at once that it is not believed", |seen| {
        seen.book.good.as_ref().map(|good| good.suspect.len() as f64)
    }),
    ("failing", "1 while runs fail, else 0", |seen| {
        Some(f64::from(u8::from(seen.book.failing_since.is_some())))
    }),
    ("next_run_timestamp_seconds", "When the next run is due", |seen| {
        (seen.due < Timestamp::MAX).then(|| seconds(seen.due))
    }),
];

/// The same of the repository as a whole.
const OF_REPOSITORY: &[(&str, &str, OfRepository)] = &[
    ("check_timestamp_seconds", "When the last check that came to an end began", |care| {
        care.check.ended.map(seconds)
    }),
    ("check_faults", "Damaged or missing objects that the last check found", |care| {
        care.checked.as_ref().map(|found| found.faults as f64)
    }),
    ("repository_bytes", "Bytes of all objects, as the last check counted them", |care| {
        care.checked.as_ref().map(|found| found.bytes as f64)
    }),
    ("repository_objects", "Objects, as the last check counted them", |care| {
        care.checked.as_ref().map(|found| found.objects as f64)
    }),
    ("prune_timestamp_seconds", "When the last prune that came to an end began", |care| {
        care.prune.ended.map(seconds)
    }),
    ("check_failures", "Checks in a row that came to no end", |care| {
        care.check.begun.map(|_| f64::from(care.check.failures))
    }),
    ("prune_failures", "Prunes in a row that came to no end", |care| {
        care.prune.begun.map(|_| f64::from(care.prune.failures))
    }),
];

/// The same of what the vendor counts together: of the window of each bucket that we took most of, in the last run
/// and what was read since.
const OF_BUDGETS: &[(&str, &str, OfBudget)] = &[
    ("budget_limit", "Requests that the vendor allows in one window of a bucket", |budget| {
        budget.limit as f64
    }),
    ("budget_share_ratio", "The part of a window that we may take, 0 to 1", |budget| {
        budget.part(budget.share)
    }),
    (
        "budget_used_ratio",
        "The part of a window that we took at the most, in the last run and since, 0 to 1",
        |budget| budget.part(budget.used),
    ),
    (
        "budget_left_ratio",
        "The part of that window that was left to everybody at the least, 0 to 1",
        |budget| budget.part(budget.left),
    ),
];

/// The same of a receiver of alerts and a tenant of which he is told.
const OF_RECEIVERS: &[(&str, &str, OfReceiver)] = &[
    ("alerts_undelivered", "Alerts that wait for a receiver who has not taken them", |waiting| {
        Some(waiting.count as f64)
    }),
    (
        "alerts_oldest_undelivered_timestamp_seconds",
        "When the oldest alert was found that waits for a receiver",
        |waiting| waiting.oldest.map(seconds),
    ),
];

/// The same for what only grows.
const COUNTERS: &[(&str, &str, Count)] = &[
    ("runs_good", "Runs that left a snapshot", |book| book.totals.good),
    ("runs_failed", "Runs that left none", |book| book.totals.failed),
    ("requests", "Requests sent to the tenant", |book| book.totals.requests),
    ("throttled", "Answers that asked to slow down", |book| book.totals.throttled),
    ("changes", "Resources added, changed or removed, as snapshots found them", |book| book.totals.changes),
];

/// What requests are counted in of which the catalogue names no bucket.
const NO_BUCKET: &str = "other";

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The answer to a scrape, in the OpenMetrics text form.
///
/// # Errors
/// None that a text can have.
pub fn text(scrape: Scrape) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("lastgood");
    registry.register_collector(Box::new(scrape));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Scrape {
    fn of_tenants(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        for (name, help, reading) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for tenant in &self.seen {
                let Some(value) = reading(tenant) else { continue };
                let labels = [("tenant", tenant.tenant.as_str())];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, reading) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for tenant in &self.seen {
                let labels = [("tenant", tenant.tenant.as_str())];
                ConstCounter::new(reading(&tenant.book)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn of_budgets(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        for (name, help, reading) in OF_BUDGETS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for tenant in &self.seen {
                for (bucket, budget) in &tenant.book.budget {
                    let bucket = if bucket.is_empty() { NO_BUCKET } else { bucket };
                    let labels = [("tenant", tenant.tenant.as_str()), ("bucket", bucket)];
                    ConstGauge::new(reading(budget)).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn of_repository(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        for (name, help, reading) in OF_REPOSITORY {
            let Some(value) = reading(&self.care) else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }

    fn of_receivers(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        for (name, help, reading) in OF_RECEIVERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for of in &self.undelivered {
                for waiting in of.receivers.iter().flatten() {
                    let Some(value) = reading(waiting) else { continue };
                    let labels = [("tenant", of.tenant.as_str()), ("receiver", waiting.receiver.as_str())];
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let (name, help) = ("alerts_unreadable", "1 while it cannot be seen what is to be told, else 0");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for of in &self.undelivered {
            let unreadable = i64::from(of.receivers.is_none());
            let labels = [("tenant", of.tenant.as_str())];
            ConstGauge::new(unreadable).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        self.of_tenants(&mut encoder)?;
        self.of_budgets(&mut encoder)?;
        self.of_repository(&mut encoder)?;
        self.of_receivers(&mut encoder)?;
        let mut build = encoder.encode_descriptor("build", "The program", None, MetricType::Gauge)?;
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1i64).encode(build.encode_family(&labels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::book::{Good, Spent};
    use crate::daemon::care::Checked;

    #[test]
    fn a_scrape_shows_what_the_books_say() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut good = Book::default();
        good.begin(at(1_800_000_000));
        let found = Good {
            started: at(1_800_000_000),
            finished: at(1_800_000_060),
            resources: 604,
            changes: 3,
            requests: 290,
            gaps: vec!["workflow".into()],
            full: true,
            ..Good::default()
        };
        good.end_well(found, at(1_800_000_061));
        let budget = |used| Budget { limit: 600, share: 120, used, left: 300 };
        let budget = [("/api/v1/apps".to_owned(), budget(90)), (String::new(), budget(120))].into();
        good.spend(Spent { requests: 290, throttled: 2, budget }, true);
        let mut bad = Book::default();
        bad.begin(at(1_800_000_000));
        bad.end_badly("no answer", at(1_800_000_001));
        let seen = vec![
            Seen { tenant: "acme".into(), book: good, due: at(1_800_003_600) },
            Seen { tenant: "a \"b\"\n".into(), book: bad, due: Timestamp::MAX },
        ];
        let mut care = CareBook::default();
        care.check.ended = Some(at(1_800_000_000));
        care.check.begun = Some(at(1_800_000_000));
        care.prune.begun = Some(at(1_800_000_000));
        care.prune.failures = 2;
        care.checked = Some(Checked { objects: 40, bytes: 163_840, faults: 1 });
        let waiting = |receiver: &str, count, oldest| Waiting { receiver: receiver.into(), count, oldest };
        let undelivered = vec![
            Undelivered {
                tenant: "acme".into(),
                receivers: Some(vec![
                    waiting("env:OPS", 3, Some(at(1_800_000_002))),
                    waiting("append:x", 0, None),
                ]),
            },
            Undelivered { tenant: String::new(), receivers: None },
        ];
        insta::assert_snapshot!(text(Scrape { seen, care, undelivered }).unwrap());
    }
}
