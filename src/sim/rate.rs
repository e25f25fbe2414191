//! Rate windows: so many requests a minute in each bucket, counted from its first request.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Provider;
use crate::sim::wire::{Refusal, Request};

/// Requests a minute in a bucket of which the vendor states no number.
const UNSTATED: u32 = 600;

/// How long a window is.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// The windows of a tenant. Without limits nothing is counted and no header is sent.
#[derive(Default)]
pub struct Windows {
    limits: Vec<(String, u32)>,
    open: HashMap<String, Window>,
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
        let mut limits: Vec<_> =
            provider.bucket.iter().map(|(name, count)| (name.clone(), size(*count))).collect();
        limits.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { limits, ..Self::default() }
    }

    /// Sets the size of one bucket.
    pub fn limit(&mut self, bucket: &str, count: u32) {
        self.limits.retain(|(name, _)| name != bucket);
        self.limits.push((bucket.into(), count));
        self.limits.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429 where the window is used up; the refused request is not counted.
    pub(super) fn count(&mut self, request: &Request, now: Timestamp) -> Result<(), Refusal> {
        self.last = None;
        let bucket = self.limits.iter().find(|(name, _)| under(&request.path, name));
        let Some((name, limit)) = bucket else { return Ok(()) };
        let fresh = Window { limit: *limit, used: 0, ends: now + WINDOW };
        let window = self.open.entry(name.clone()).or_insert(fresh);
        if now >= window.ends {
            *window = fresh;
        }
        let full = window.used >= window.limit;
        window.used += u32::from(!full);
        self.last = Some(*window);
        match full {
            true => {
                Err(Refusal::new(429, "E0000047", "API call exceeded rate limit due to too many requests."))
            }
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
