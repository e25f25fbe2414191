//! What is known of the vendor's windows, and what of them was taken. Without a clock of its own.
//!
//! No request may go uncounted, or many at once use up more than our share before the first is answered.
//! Of a lane that nothing is known of one request goes ahead, alone in its bucket and counted in every
//! window of it; its answer tells which one it belongs to. A window that is over is counted anew at once,
//! though only an answer tells when the next one ends.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::http::pace::PaceRules;

/// Two ends of a window that lie closer than this are the same end.
const SAME_END: Duration = Duration::from_secs(2);

/// How long a window is taken to last of which no answer told.
pub(super) const USUAL_LENGTH: Duration = Duration::from_secs(60);

/// A request's lane and bucket, as [`Lanes`](crate::http::lanes::Lanes) numbers them.
pub(super) type Place = (usize, usize);

/// A window: its bucket and limit.
pub(super) type Name = (usize, u64);

/// What an answer's headers say of its window.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    /// The time until it ends.
    pub(super) left: Duration,
}

/// Whether a request may go.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// It may, and is counted in these windows.
    Go(Vec<Name>),
    /// Not before this time is over.
    Wait(Duration),
    /// Not before one that is under way has been answered.
    Ask,
}

/// One of the vendor's windows as last described.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u64,
    remaining: u64,
    /// `None` until an answer tells it.
    ends: Option<Instant>,
    /// Requests that we made in it.
    ours: u64,
    /// Those of them that are not answered yet.
    under_way: u64,
}

/// The most that was taken of any one window of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// By us.
    pub(super) ours: u64,
    /// What was left of it to everybody then, or in another of them, at the least.
    pub(super) left: u64,
}

/// The state behind the bounds.
#[derive(Debug, Default)]
pub(super) struct Book {
    held_until: Option<Instant>,
    next_slot: Option<Instant>,
    /// The limit that a lane's answers told last; `None` where they told none.
    limits: HashMap<usize, Option<u64>>,
    windows: HashMap<Name, Window>,
    /// Of windows that are over too.
    most: HashMap<Name, Most>,
    /// Buckets in which a lane that nothing is known of is being asked.
    asking: HashSet<usize>,
    /// How long a window lasts, from one that was seen to begin.
    length: Option<Duration>,
}

impl Book {
    /// Takes a place at `now`, or says what to wait for.
    pub(super) fn take(&mut self, rules: &PaceRules, (lane, bucket): Place, now: Instant) -> Turn {
        for until in [self.held_until, self.next_slot].into_iter().flatten() {
            if until > now {
                return Turn::Wait(until - now);
            }
        }
        let names: Vec<Name> = match self.limits.get(&lane) {
            Some(Some(limit)) => vec![(bucket, *limit)],
            Some(None) => Vec::new(),
            None if !rules.tells() => Vec::new(),
            None if self.asking.contains(&bucket) => return Turn::Ask,
            None => self.windows.keys().filter(|(of, _)| *of == bucket).copied().collect(),
        };
        for name in &names {
            self.record(name);
            let Some(window) = self.windows.get_mut(name) else { continue };
            window.roll(now);
            if window.is_spent(rules) {
                return window.ends.map_or(Turn::Ask, |ends| Turn::Wait(ends - now));
            }
        }
        for name in &names {
            self.windows.entry(*name).or_insert_with(|| Window::fresh(name.1)).take();
        }
        if rules.tells() && !self.limits.contains_key(&lane) {
            self.asking.insert(bucket);
        }
        if rules.per_second > 0 {
            self.next_slot = Some(now + Duration::from_secs(1) / rules.per_second);
        }
        Turn::Go(names)
    }

    /// A request that was counted in these windows is over; `answer` is what it told, `None` where it told
    /// nothing, and no answer at all leaves the lane unknown.
    pub(super) fn give_back(
        &mut self,
        (lane, bucket): Place,
        counted: &[Name],
        answer: Option<Option<Told>>,
        now: Instant,
    ) {
        for name in counted {
            if let Some(window) = self.windows.get_mut(name) {
                window.under_way = window.under_way.saturating_sub(1);
            }
        }
        let was_known = self.limits.contains_key(&lane);
        if !was_known {
            self.asking.remove(&bucket);
        }
        match answer {
            None => {}
            // One answer of a known lane without headers is a server's fault on the way, and says nothing.
            Some(None) => drop(self.limits.entry(lane).or_insert(None)),
            Some(Some(told)) => self.learn((lane, bucket), counted, told, now),
        }
        let told = self.limits.get(&lane).copied().flatten().map(|limit| (bucket, limit));
        counted.iter().chain(&told).for_each(|name| self.record(name));
        // Where nobody is left who could tell when a window ends, it is not waited for for ever.
        let length = self.length.unwrap_or(USUAL_LENGTH);
        for name in counted {
            if let Some(window) = self.windows.get_mut(name).filter(|window| window.under_way == 0) {
                window.ends.get_or_insert(now + length);
            }
        }
    }

    fn learn(&mut self, (lane, bucket): Place, counted: &[Name], told: Told, now: Instant) {
        self.limits.insert(lane, Some(told.limit));
        if told.remaining + 1 == told.limit {
            self.length = Some(told.left);
        }
        let name = (bucket, told.limit);
        for other in counted.iter().filter(|other| **other != name) {
            if let Some(window) = self.windows.get_mut(other) {
                window.ours = window.ours.saturating_sub(1);
            }
        }
        let window = self.windows.entry(name).or_insert_with(|| Window::fresh(told.limit));
        if !counted.contains(&name) {
            window.ours += 1;
        }
        window.learn(told, now);
    }

    /// Notes what was taken of a window by now.
    fn record(&mut self, name: &Name) {
        let Some(window) = self.windows.get(name) else { return };
        let most = self.most.entry(*name).or_insert(Most { ours: 0, left: window.remaining });
        most.ours = most.ours.max(window.ours);
        most.left = most.left.min(window.remaining);
    }

    /// What was taken of windows that an answer told of.
    pub(super) fn most(&self) -> impl Iterator<Item = (Name, Most)> {
        self.most.iter().map(|(name, most)| (*name, *most))
    }

    pub(super) fn hold(&mut self, until: Instant) {
        self.held_until = Some(self.held_until.map_or(until, |old| old.max(until)));
    }

    /// The limit that a lane's answers told last.
    pub(super) fn limits(&self) -> &HashMap<usize, Option<u64>> {
        &self.limits
    }

    /// How long a window lasts, where one was seen to begin.
    pub(super) fn length(&self) -> Option<Duration> {
        self.length
    }
}

impl Window {
    fn fresh(limit: u64) -> Self {
        Self { limit, remaining: limit, ends: None, ours: 0, under_way: 0 }
    }

    /// Begins anew where it is over. What is under way may be counted in the new one.
    fn roll(&mut self, now: Instant) {
        if self.ends.is_some_and(|ends| ends <= now) {
            *self = Self { ours: self.under_way, under_way: self.under_way, ..Self::fresh(self.limit) };
        }
    }

    fn take(&mut self) {
        self.ours += 1;
        self.under_way += 1;
        self.remaining = self.remaining.saturating_sub(1);
    }

    fn learn(&mut self, told: Told, now: Instant) {
        let ends = now + told.left;
        match self.ends {
            // A late word of a window that is over.
            None if told.left.is_zero() => {}
            Some(old) if ends + SAME_END <= old => {}
            None => (self.ends, self.remaining) = (Some(ends), self.remaining.min(told.remaining)),
            Some(old) if ends < old + SAME_END => self.remaining = self.remaining.min(told.remaining),
            Some(_) => {
                (self.ends, self.remaining) = (Some(ends), told.remaining);
                self.ours = 1 + self.under_way;
            }
        }
    }

    fn is_spent(&self, rules: &PaceRules) -> bool {
        self.ours >= rules.share(self.limit) || self.remaining <= self.limit / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const ONE: Place = (0, 0);

    fn rules() -> PaceRules {
        let header = |name: &str| Some(name.to_owned());
        PaceRules {
            limit_header: header("limit"),
            remaining_header: header("left"),
            reset_header: header("reset"),
            ..PaceRules::default()
        }
    }

    /// What is sent at once before anything is answered.
    fn burst(book: &mut Book, rules: &PaceRules, place: Place, now: Instant) -> Vec<Vec<Name>> {
        let turn = |book: &mut Book| match book.take(rules, place, now) {
            Turn::Go(counted) => Some(counted),
            Turn::Wait(_) | Turn::Ask => None,
        };
        (0..1000).map_while(|_| turn(book)).collect()
    }

    fn answered(
        book: &mut Book,
        place: Place,
        counted: &[Name],
        (limit, remaining): (u64, u64),
        now: Instant,
    ) {
        let told = Told { limit, remaining, left: MINUTE };
        book.give_back(place, counted, Some(Some(told)), now);
    }

    /// One request and its answer.
    fn one(book: &mut Book, place: Place, told: (u64, u64), now: Instant) {
        let Turn::Go(counted) = book.take(&rules(), place, now) else { panic!("no place for {place:?}") };
        answered(book, place, &counted, told, now);
    }

    #[test]
    fn our_share_of_a_window_is_not_passed() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        one(&mut book, ONE, (100, 99), now);
        let sent = burst(&mut book, &rules, ONE, now);
        assert_eq!(sent.len(), 19, "one of 20 is the request that was answered");
        assert_eq!(book.take(&rules, ONE, now), Turn::Wait(MINUTE));
        answered(&mut book, ONE, &sent[0], (100, 60), now);
        assert_eq!(book.take(&rules, ONE, now), Turn::Wait(MINUTE), "told again it gives no new share");
    }

    #[test]
    fn a_new_window_is_counted_before_anything_is_told_of_it() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        one(&mut book, ONE, (100, 99), now);
        let later = now + MINUTE;
        let sent = burst(&mut book, &rules, ONE, later);
        assert_eq!(sent.len(), 20, "the whole share, and no more, though nobody knows when it ends");
        assert_eq!(book.take(&rules, ONE, later), Turn::Ask);
        answered(&mut book, ONE, &sent[0], (100, 99), later);
        assert_eq!(book.take(&rules, ONE, later), Turn::Wait(MINUTE));
    }

    #[test]
    fn the_most_that_was_taken_of_a_window_is_known_when_it_is_over() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        one(&mut book, ONE, (100, 99), now);
        let sent = burst(&mut book, &rules, ONE, now);
        answered(&mut book, ONE, &sent[0], (100, 40), now);
        let most =
            |book: &Book| book.most().map(|(name, most)| (name, most.ours, most.left)).collect::<Vec<_>>();
        assert_eq!(most(&book), [((0, 100), 20, 40)], "the vendor says what all have taken");
        sent[1..].iter().for_each(|counted| answered(&mut book, ONE, counted, (100, 22), now));
        let later = now + 2 * MINUTE;
        one(&mut book, ONE, (100, 99), later);
        assert_eq!(most(&book), [((0, 100), 20, 22)], "the next one is used less");
    }

    #[test]
    fn what_is_under_way_when_a_window_ends_counts_in_the_next() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        one(&mut book, ONE, (100, 99), now);
        let sent: Vec<_> = (0..8)
            .filter_map(|_| match book.take(&rules, ONE, now) {
                Turn::Go(counted) => Some(counted),
                Turn::Wait(_) | Turn::Ask => None,
            })
            .collect();
        // The vendor's window was over earlier than ours: one of them is told of the next.
        let later = now + MINUTE / 2;
        answered(&mut book, ONE, &sent[0], (100, 99), later);
        assert_eq!(burst(&mut book, &rules, ONE, later).len(), 12, "20 less that one and seven under way");
    }

    #[test]
    fn a_tenth_is_left_to_others() {
        let (rules, now) = (PaceRules { budget_percent: 100, ..rules() }, Instant::now());
        let mut book = Book::default();
        one(&mut book, ONE, (100, 13), now);
        assert_eq!(burst(&mut book, &rules, ONE, now).len(), 3);
    }

    #[test]
    fn one_goes_ahead_where_nothing_is_known() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        let (first, second, elsewhere) = ((1, 0), (2, 0), (3, 1));
        let sent = burst(&mut book, &rules, first, now);
        assert_eq!(sent.len(), 1);
        assert_eq!(book.take(&rules, first, now), Turn::Ask, "the others wait for its answer");
        assert_eq!(book.take(&rules, second, now), Turn::Ask, "and so does the bucket");
        assert_eq!(burst(&mut book, &rules, elsewhere, now).len(), 1, "another bucket does not");
        book.give_back(first, &sent[0], None, now);
        assert_eq!(burst(&mut book, &rules, second, now).len(), 1, "no answer: another may try");
    }

    #[test]
    fn new_lanes_of_a_bucket_stay_within_its_share_together() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        let mut sent = 0;
        for lane in 0..15 {
            if let Turn::Go(counted) = book.take(&rules, (lane, 0), now) {
                sent += 1;
                answered(&mut book, (lane, 0), &counted, (100, 100 - sent), now);
            }
            let more = burst(&mut book, &rules, (lane, 0), now);
            more.iter().take(3).for_each(|counted| {
                answered(&mut book, (lane, 0), counted, (100, 50), now);
            });
            sent += more.len() as u64;
        }
        assert_eq!(sent, 20, "a fifth of 100, by however many lanes");
    }

    #[test]
    fn windows_of_one_bucket_are_told_apart_by_their_limits() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        let (narrow, wide, twin, fresh) = ((1, 0), (2, 0), (3, 0), (4, 0));
        one(&mut book, narrow, (50, 49), now);
        one(&mut book, wide, (1000, 999), now);
        one(&mut book, twin, (50, 48), now);
        assert_eq!(burst(&mut book, &rules, narrow, now).len(), 8, "two of the ten were the first requests");
        assert_eq!(book.take(&rules, twin, now), Turn::Wait(MINUTE), "the twin shares the window");
        assert_eq!(book.take(&rules, fresh, now), Turn::Wait(MINUTE), "and a new one may");
        assert!(matches!(book.take(&rules, wide, now), Turn::Go(_)), "the wide one does not");
    }

    #[test]
    fn a_lane_that_tells_nothing_is_not_held_up() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        let sent = burst(&mut book, &rules, ONE, now);
        book.give_back(ONE, &sent[0], Some(None), now);
        assert_eq!(burst(&mut book, &rules, ONE, now).len(), 1000);
    }

    #[test]
    fn a_window_that_nobody_tells_of_ends_all_the_same() {
        let (rules, now) = (rules(), Instant::now());
        let mut book = Book::default();
        one(&mut book, ONE, (100, 99), now);
        let later = now + MINUTE;
        let sent = burst(&mut book, &rules, ONE, later);
        sent.iter().for_each(|counted| book.give_back(ONE, counted, None, later));
        assert_eq!(book.take(&rules, ONE, later), Turn::Wait(MINUTE), "they may have been counted");
        assert!(matches!(book.take(&rules, ONE, later + MINUTE), Turn::Go(_)));
    }

    #[test]
    fn requests_a_second_are_spread() {
        let (rules, now) = (PaceRules { per_second: 10, ..PaceRules::default() }, Instant::now());
        let mut book = Book::default();
        assert_eq!(book.take(&rules, ONE, now), Turn::Go(vec![]));
        assert_eq!(book.take(&rules, ONE, now), Turn::Wait(Duration::from_millis(100)));
        assert_eq!(book.take(&rules, ONE, now + Duration::from_millis(100)), Turn::Go(vec![]));
    }

    #[test]
    fn the_longest_hold_counts() {
        let (rules, now) = (PaceRules::default(), Instant::now());
        let mut book = Book::default();
        book.hold(now + MINUTE);
        book.hold(now + Duration::from_secs(1));
        assert_eq!(book.take(&rules, ONE, now), Turn::Wait(MINUTE));
        assert_eq!(book.take(&rules, ONE, now + MINUTE), Turn::Go(vec![]));
    }
}
