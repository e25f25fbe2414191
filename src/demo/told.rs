//! The weeks go by: hour after hour something happens, or nothing, and a snapshot is taken.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::collect::{Collected, Run};
use crate::demo::clock::StoryClock;
use crate::demo::days::Days;
use crate::demo::script::{Script, Stage, StoryError};
use crate::sim::{Person, Sizes, World, populate_to, vendor};
use crate::store::Repository;

/// The same company each time.
const SEED: u64 = 7;
/// How long ago the night was at least.
const AGO: SignedDuration = SignedDuration::from_hours(14);

/// How long the story is, and when its night was.
#[derive(Clone, Copy, Debug)]
pub struct Weeks {
    /// When the history begins.
    pub begin: Timestamp,
    /// Midnight before the bad night, in UTC.
    pub night: Timestamp,
    /// Until when there is a snapshot every hour.
    pub end: Timestamp,
}

impl Weeks {
    /// So many days that end with the last full hour before now.
    #[must_use]
    pub fn until(now: Timestamp, days: i64) -> Self {
        let hour = SignedDuration::from_hours(1);
        let end = now.round(jiff::Unit::Hour).unwrap_or(now);
        let end = if end > now { end - hour } else { end };
        let night = (end - AGO).to_zoned(TimeZone::UTC).start_of_day();
        let night = night.map_or(end - AGO, |midnight| midnight.timestamp());
        Self { begin: end - SignedDuration::from_hours(24 * days), night, end }
    }

    /// How many snapshots there will be.
    #[must_use]
    pub fn hours(&self) -> u64 {
        u64::try_from(self.end.duration_since(self.begin).as_hours()).unwrap_or_default() + 1
    }

    /// A time of the day of the bad night.
    #[must_use]
    pub fn at(&self, clock: &str) -> Timestamp {
        let (hours, minutes) = clock.split_once(':').unwrap_or((clock, "0"));
        let number = |text: &str| text.parse::<i64>().unwrap_or_default();
        self.night + SignedDuration::from_mins(60 * number(hours) + number(minutes))
    }
}

/// A company, and what happens there.
pub struct Story {
    stage: Stage,
    script: Script,
    days: Days,
    weeks: Weeks,
    next: Timestamp,
}

impl Story {
    /// Founds the company, at an address where its organisation is going to answer.
    ///
    /// # Errors
    /// The simulated organisation refuses a call of the story.
    pub fn new(url: &str, users: usize, weeks: Weeks) -> Result<Self, StoryError> {
        let simulated = vendor("okta").map_err(StoryError::Script)?;
        let founded = weeks.begin - SignedDuration::from_hours(2);
        let mut world = World::new(simulated, url, SEED, founded - SignedDuration::from_hours(24 * 400));
        populate_to(&mut world, &Sizes::of(users), SEED);
        let clock = Arc::new(StoryClock::new(founded));
        let mut stage = Stage::new(Arc::new(Mutex::new(world)), clock);
        let script = Script::read()?;
        stage.admit(&script.person, founded)?;
        for deed in &script.company {
            stage.play(deed, founded + SignedDuration::from_mins(5))?;
        }
        let days = Days::new(&stage, SEED, founded)?;
        Ok(Self { stage, script, days, weeks, next: weeks.begin })
    }

    /// Lets in the account with which the organisation is read and mended.
    pub fn admit_us(&self, token: &str) {
        let mut world = self.stage.world.lock().unwrap_or_else(PoisonError::into_inner);
        let person = Person {
            id: world.org.me.clone(),
            login: "lastgood@halden.example".into(),
            name: "Lastgood".into(),
            address: "198.51.100.2".into(),
            token: "00Tlastgood00000000".into(),
        };
        world.people.insert(token.to_owned(), person);
    }

    /// The organisation.
    #[must_use]
    pub fn world(&self) -> Arc<Mutex<World>> {
        self.stage.world.clone()
    }

    /// The clock by which everything happens.
    #[must_use]
    pub fn clock(&self) -> Arc<StoryClock> {
        self.stage.clock.clone()
    }

    /// Lets the next hour pass and takes a snapshot at its end; `None` when there is none left.
    ///
    /// # Errors
    /// A call is refused, or the snapshot cannot be taken.
    pub async fn hour(
        &mut self,
        run: Run<'_>,
        repository: &Repository,
        tenant: &str,
    ) -> Result<Option<Collected>, StoryError> {
        let at = self.next;
        if at > self.weeks.end {
            self.stage.clock.run();
            return Ok(None);
        }
        if at > self.weeks.begin {
            self.happen(at - SignedDuration::from_hours(1), at)?;
        }
        self.stage.clock.set(at);
        self.next = at + SignedDuration::from_hours(1);
        Ok(Some(run.snapshot(repository.session(tenant)?).await?))
    }

    fn happen(&mut self, from: Timestamp, to: Timestamp) -> Result<(), StoryError> {
        let Self { stage, script, days, weeks, .. } = self;
        // In the bad night and on the day after, only what is written down happens.
        if from < weeks.night {
            days.hour(stage, from)?;
        }
        for deed in script.night.iter().chain(&script.morning) {
            let at = weeks.at(&deed.at);
            if at >= from && at < to {
                stage.play(deed, at)?;
            }
        }
        Ok(())
    }
}
