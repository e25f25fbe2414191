//! How long requests will take that are not made yet: what the pace will wait for, and how long answers take. Pure.
//!
//! The windows are those of the catalogue, until answers have told of others. A run asks for one thing after
//! the other, so a window that it has used up is waited for, while those of other buckets open again beside it:
//! the windows are gone through as the run will.

use std::collections::HashMap;
use std::time::Duration;

use crate::http::book::USUAL_LENGTH;
use crate::http::lanes::Lanes;
use crate::http::pace::PaceRules;

/// How long an answer is taken to take where none has come yet.
pub const USUAL_LATENCY: Duration = Duration::from_millis(100);

/// Requests of one form that will be made, as many at once as the pace allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ahead {
    /// The path as the catalogue writes it.
    pub path: String,
    /// How many.
    pub requests: u64,
}

impl Ahead {
    /// So many of the same form.
    #[must_use]
    pub fn of(&self, requests: u64) -> Self {
        Self { path: self.path.clone(), requests }
    }
}

/// What is known of how fast the tenant can be asked.
#[derive(Clone, Debug)]
pub struct Outlook {
    rules: PaceRules,
    lanes: Lanes,
    /// Limits by lane, as told; `None` where answers come and tell none.
    told: HashMap<usize, Option<u64>>,
    length: Duration,
    latency: Duration,
}

/// A window that a forecast goes through.
#[derive(Clone, Copy, Default)]
struct Used {
    /// When it ends, from the start of the forecast.
    ends: Duration,
    /// What was taken of it.
    taken: u64,
}

impl Outlook {
    /// By what the rules say alone.
    #[must_use]
    pub fn new(rules: &PaceRules) -> Self {
        Self {
            lanes: Lanes::new(&rules.lanes),
            rules: rules.clone(),
            told: HashMap::new(),
            length: USUAL_LENGTH,
            latency: USUAL_LATENCY,
        }
    }

    pub(super) fn learnt(
        self,
        told: &HashMap<usize, Option<u64>>,
        length: Option<Duration>,
        latency: Option<Duration>,
    ) -> Self {
        Self {
            told: told.clone(),
            length: length.unwrap_or(self.length).max(Duration::from_secs(1)),
            latency: latency.unwrap_or(self.latency),
            ..self
        }
    }

    /// The same with another time for each answer.
    #[must_use]
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// The same where only one request is under way at a time.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        self.rules.concurrent = 1;
        self
    }

    /// How long these take, one group after the other.
    #[must_use]
    pub fn time_of(&self, ahead: &[Ahead]) -> Duration {
        let mut windows: HashMap<(usize, u64), Used> = HashMap::new();
        let mut now = Duration::ZERO;
        for group in ahead {
            let (lane, bucket) = self.lanes.of(&group.path);
            match self.limit((lane, bucket)) {
                None => now += self.answers(group.requests),
                Some(limit) => {
                    let window = windows.entry((bucket, limit)).or_default();
                    now = self.through(window, limit, group.requests, now);
                }
            }
        }
        now
    }

    /// When so many requests are answered that all count in one window and its successors.
    fn through(&self, window: &mut Used, limit: u64, requests: u64, mut now: Duration) -> Duration {
        // Never more than our share, and a tenth is left alone.
        let share = self.rules.share(limit).min((limit - limit / 10).max(1));
        let mut left = requests;
        while left > 0 {
            if now >= window.ends {
                *window = Used { ends: now + self.length, taken: 0 };
            }
            let going = left.min(share - window.taken);
            window.taken += going;
            left -= going;
            now += self.answers(going);
            if left > 0 {
                let whole = left.saturating_sub(1) / share;
                now = now.max(window.ends);
                // Windows that will be used up whole need not be gone through one by one.
                let each = self.length.max(self.answers(share));
                now += each.saturating_mul(u32::try_from(whole).unwrap_or(u32::MAX));
                left -= whole * share;
            }
        }
        now
    }

    /// The time that this many answers take.
    fn answers(&self, requests: u64) -> Duration {
        let rounds = requests.div_ceil(u64::from(self.rules.concurrent.max(1)));
        let times = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let answering = self.latency.saturating_mul(times(rounds));
        match self.rules.per_second {
            0 => answering,
            pace => answering.max(Duration::from_secs(1).saturating_mul(times(requests)) / pace),
        }
    }

    /// The size of the window that a lane is counted in: as told, as told of others in its bucket, as the catalogue
    /// says; `None` where nothing is said, or answers have come that tell none.
    fn limit(&self, (lane, bucket): (usize, usize)) -> Option<u64> {
        if let Some(told) = self.told.get(&lane) {
            return *told;
        }
        let beside = self.told.iter().filter(|(other, _)| self.lanes.bucket(**other) == bucket);
        let beside: Vec<Option<u64>> = beside.map(|(_, told)| *told).collect();
        match beside.iter().flatten().min() {
            Some(least) => Some(*least),
            None if !beside.is_empty() => None,
            None => self.lanes.stated(bucket).map(|stated| stated.saturating_mul(self.times_stated())),
        }
    }

    /// How many times what is stated this tenant is allowed, in the middle of the buckets of which answers told: the
    /// catalogue states the vendor's smallest, and a tenant that has more of one has more of the others.
    fn times_stated(&self) -> u64 {
        let mut least: HashMap<usize, u64> = HashMap::new();
        for (lane, told) in &self.told {
            if let Some(told) = told {
                let of = least.entry(self.lanes.bucket(*lane)).or_insert(*told);
                *of = (*of).min(*told);
            }
        }
        let times = |(bucket, told): (usize, u64)| Some(told / self.lanes.stated(bucket)?);
        let mut times: Vec<u64> = least.into_iter().filter_map(times).collect();
        times.sort_unstable();
        times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Lane;

    fn outlook() -> Outlook {
        let lane = |path: &str, bucket: &str, limit| Lane { path: path.into(), bucket: bucket.into(), limit };
        let rules = PaceRules {
            concurrent: 10,
            lanes: vec![
                lane("/apps", "apps", 100),
                lane("/apps/{id}/users", "apps", 100),
                lane("/groups", "groups", 500),
                lane("/else", "else", 0),
            ],
            ..PaceRules::default()
        };
        Outlook::new(&rules).with_latency(Duration::from_secs(1))
    }

    fn ahead(groups: &[(&str, u64)]) -> Vec<Ahead> {
        groups
            .iter()
            .map(|(path, requests)| Ahead { path: (*path).to_owned(), requests: *requests })
            .collect()
    }

    fn seconds(outlook: &Outlook, groups: &[(&str, u64)]) -> u64 {
        outlook.time_of(&ahead(groups)).as_secs()
    }

    #[test]
    fn a_window_that_is_used_up_is_waited_for() {
        let of = |groups: &[(&str, u64)]| seconds(&outlook(), groups);
        assert_eq!(of(&[("/apps", 20)]), 2, "a fifth of 100, ten at once");
        assert_eq!(of(&[("/apps", 21)]), 61, "the 21st waits for the next");
        assert_eq!(of(&[("/apps", 1), ("/apps/{id}/users", 20)]), 61, "both count in one window");
        assert_eq!(of(&[("/apps", 12_000)]), 599 * 60 + 2);
        assert_eq!(of(&[("/else", 12_000)]), 1200, "of which nothing is said");
    }

    #[test]
    fn windows_of_other_buckets_open_again_meanwhile() {
        let of = |groups: &[(&str, u64)]| seconds(&outlook(), groups);
        let groups = [("/apps", 20), ("/groups", 101), ("/apps", 20)];
        assert_eq!(of(&groups), 2 + 60 + 1 + 2, "the apps' is open again when the groups' was waited for");
    }

    #[test]
    fn what_answers_told_goes_before_what_the_catalogue_says() {
        let plain = outlook();
        let lane = |path: &str| plain.lanes.of(path).0;
        let told = |told: &[(&str, Option<u64>)]| {
            let told = told.iter().map(|(path, limit)| (lane(path), *limit)).collect();
            outlook().learnt(&told, Some(Duration::from_secs(10)), Some(Duration::ZERO))
        };
        let wide = told(&[("/apps", Some(1000))]);
        assert_eq!(seconds(&wide, &[("/apps", 201)]), 10);
        assert_eq!(seconds(&wide, &[("/apps/{id}/users", 201)]), 10, "told of another of the bucket");
        assert_eq!(seconds(&wide, &[("/groups", 1001)]), 10, "ten times the catalogue's, as for the apps");
        assert_eq!(seconds(&wide, &[("/groups", 1000)]), 0);
        assert_eq!(seconds(&told(&[("/apps", None)]), &[("/apps", 9999)]), 0, "the vendor tells none");
    }

    #[test]
    fn requests_a_second_and_one_by_one() {
        let mut spread = outlook().with_latency(Duration::ZERO);
        spread.rules.per_second = 5;
        assert_eq!(seconds(&spread, &[("/else", 50)]), 10);
        assert_eq!(seconds(&outlook().one_by_one(), &[("/else", 50)]), 50);
    }
}
