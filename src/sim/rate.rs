//! Rate windows: so many requests a minute in each bucket, counted from its first request.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::catalog::Provider;
use crate::sim::wire::{Refusal, Request};

/// Requests a minute in a bucket of which the vendor states no number.
const UNSTATED: u32 = 600;

/// How long a window is.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Other limits than the catalogue's, as a file holds them.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How many seconds a window is long; not given: a minute.
    #[serde(default)]
    pub seconds: Option<u32>,
    /// The buckets.
    #[serde(default)]
    pub bucket: Vec<Bucket>,
}

/// What is counted together.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Paths that begin with this; `{id}` in it stands for any one part.
    pub path: String,
    /// Only this path, and nothing below it.
    #[serde(default)]
    pub exact: bool,
    /// Requests in a window.
    pub count: u32,
}

impl Bucket {
    fn holds(&self, path: &str) -> bool {
        let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).count();
        under(path, &self.path) && (!self.exact || parts(path) == parts(&self.path))
    }
}

/// The windows of a tenant. Without limits nothing is counted and no header is sent.
#[derive(Default)]
pub struct Windows {
    limits: Vec<Bucket>,
    length: Option<SignedDuration>,
    /// By bucket, and whether it is an exact one.
    open: HashMap<(String, bool), Window>,
    last: Option<Window>,
}

#[derive(Clone, Copy)]
struct Window {
    limit: u32,
    used: u32,
    ends: Timestamp,
}

impl Windows {
    /// The buckets of a catalogue, each as large as it says, times `factor`.
    #[must_use]
    pub fn of(provider: &Provider, factor: u32) -> Self {
        let size = |count: u32| if count == 0 { UNSTATED } else { count }.saturating_mul(factor);
        let mut windows = Self::default();
        for (name, count) in &provider.bucket {
            windows.limit(name, size(*count));
        }
        windows
    }

    /// Sets the size of one bucket.
    pub fn limit(&mut self, bucket: &str, count: u32) {
        self.set(Bucket { path: bucket.into(), exact: false, count });
    }

    /// Sets limits, each times `factor`.
    pub fn set_all(&mut self, limits: &Limits, factor: u32) {
        self.length = limits.seconds.map(|seconds| SignedDuration::from_secs(seconds.max(1).into()));
        for bucket in &limits.bucket {
            self.set(Bucket { count: bucket.count.saturating_mul(factor), ..bucket.clone() });
        }
    }

    pub(super) fn set(&mut self, bucket: Bucket) {
        self.limits.retain(|known| (&known.path, known.exact) != (&bucket.path, bucket.exact));
        self.limits.push(bucket);
        // An exact path says most, then the longest.
        self.limits.sort_by_key(|bucket| (!bucket.exact, std::cmp::Reverse(bucket.path.len())));
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429 where the window is used up; the refused request is not counted.
    pub(super) fn count(&mut self, request: &Request, now: Timestamp) -> Result<(), Refusal> {
        self.last = None;
        let Some(bucket) = self.limits.iter().find(|bucket| bucket.holds(&request.path)) else {
            return Ok(());
        };
        let fresh = Window { limit: bucket.count, used: 0, ends: now + self.length.unwrap_or(WINDOW) };
        let window = self.open.entry((bucket.path.clone(), bucket.exact)).or_insert(fresh);
        if now >= window.ends {
            *window = fresh;
        }
        let full = window.used >= window.limit;
        window.used += u32::from(!full);
        self.last = Some(*window);
        match full {
            true => Err(Refusal::too_many()),
            false => Ok(()),
        }
    }

    /// What the answer to the request counted last says of its window.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let Some(window) = self.last else { return Vec::new() };
        vec![
            ("x-rate-limit-limit".into(), window.limit.to_string()),
            ("x-rate-limit-remaining".into(), (window.limit - window.used).to_string()),
            ("x-rate-limit-reset".into(), window.ends.as_second().to_string()),
        ]
    }
}

/// Whether a path lies in a bucket named by a path; `{id}` in the name stands for any one part.
pub(super) fn under(path: &str, bucket: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    bucket
        .split('/')
        .filter(|part| !part.is_empty())
        .all(|wanted| parts.next().is_some_and(|part| wanted.starts_with('{') || wanted == part))
}
