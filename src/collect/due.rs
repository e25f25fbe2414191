//! Whether a run may read only what the vendor's log names, or has to read everything. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Provider;
use crate::collect::mark::Mark;
use crate::store::Snapshot;

/// Everything is read again after this long: what the log did not tell of shows then.
pub const FULL_SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Why everything is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// Somebody asked for it, or an apply begins or has ended.
    Asked,
    /// There is nothing before it.
    First,
    /// The provider has no log that can be followed.
    NoFeed,
    /// The last snapshot notes no place in the log.
    NoPlace,
    /// The last full sweep is a day old.
    Old,
    /// The vendor does not keep its log for as long as it was not read.
    Forgotten,
    /// The credential may do something else than it could.
    Rights,
    /// The catalogue or its canonical rules are others.
    Rules,
    /// The clock says that the last snapshot is still to come.
    Clock,
    /// The log could not be read.
    LogFailed,
}

impl Full {
    /// Why, for people.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Asked => "it was asked for",
            Self::First => "it is the first snapshot",
            Self::NoFeed => "the provider has no log that can be followed",
            Self::NoPlace => "the snapshot before notes no place in the vendor's log",
            Self::Old => "the last full sweep is a day old",
            Self::Forgotten => "the log was not read for longer than the vendor keeps it",
            Self::Rights => "the rights of the credential have changed",
            Self::Rules => "the catalogue has changed",
            Self::Clock => "the clock is behind the last snapshot",
            Self::LogFailed => "the vendor's log could not be read",
        }
    }
}

/// What is known when it is decided.
pub struct Case<'a> {
    /// The provider's catalogue.
    pub catalog: &'a Provider,
    /// The last snapshot.
    pub previous: Option<&'a Snapshot>,
    /// The fingerprint of what the credential may do now.
    pub permission: [u8; 32],
    /// Now.
    pub now: Timestamp,
    /// Somebody asked for everything.
    pub asked: bool,
    /// A full sweep is too old after a day.
    pub ages: bool,
}

/// The mark to go on from, or why everything has to be read.
///
/// # Errors
/// Says why.
pub fn decide(case: &Case<'_>) -> Result<Mark, Full> {
    let Some(previous) = case.previous else { return Err(Full::First) };
    if case.asked {
        return Err(Full::Asked);
    }
    let follow = case.catalog.audit.as_ref().and_then(|audit| audit.follow).ok_or(Full::NoFeed)?;
    let mark = Mark::from_notes(&previous.notes).ok_or(Full::NoPlace)?;
    if mark.catalog != case.catalog.fingerprint || previous.rules != case.catalog.rules {
        return Err(Full::Rules);
    }
    if previous.permission != case.permission {
        return Err(Full::Rights);
    }
    if case.now < previous.started || case.now < mark.read_to {
        return Err(Full::Clock);
    }
    if case.now.duration_since(mark.read_to) >= SignedDuration::from_hours(24 * i64::from(follow.kept_days)) {
        return Err(Full::Forgotten);
    }
    if case.ages && case.now.duration_since(mark.swept) >= FULL_SWEEP_EVERY {
        return Err(Full::Old);
    }
    Ok(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::coverage::Ledger;
    use crate::base::ids::RecordId;
    use crate::store::Flags;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
    }

    /// What is decided in the hour after a snapshot that changed in one way.
    fn decided(
        provider: &str,
        hour: i64,
        change: impl Fn(&mut Snapshot, &mut Mark),
    ) -> Result<Timestamp, Full> {
        decided_where(provider, hour, true, change)
    }

    fn decided_where(
        provider: &str,
        hour: i64,
        ages: bool,
        change: impl Fn(&mut Snapshot, &mut Mark),
    ) -> Result<Timestamp, Full> {
        let catalog = crate::catalog::provider(provider).unwrap();
        let mut mark = Mark {
            place: "/logs?after=7".into(),
            read_to: at(0),
            swept: at(0),
            catalog: catalog.fingerprint.clone(),
            part: [].into(),
        };
        let mut snapshot = Snapshot {
            id: RecordId([1; 32]),
            seq: 1,
            tenant: "acme".into(),
            started: at(0),
            finished: at(0),
            written: at(0),
            added: 0,
            changed: 0,
            removed: 0,
            total: 0,
            bytes: 0,
            requests: 1,
            ledger: Ledger::default().into(),
            identity: [0; 32],
            permission: [8; 32],
            root: [0; 32],
            rules: catalog.rules,
            epoch: 1,
            flags: Flags::default(),
            notes: [].into(),
            writer: String::new(),
            applying: None,
            tags: [].into(),
            held: None,
            baseline: false,
        };
        change(&mut snapshot, &mut mark);
        snapshot.notes.extend(mark.to_notes());
        let now = at(hour);
        decide(&Case { catalog, previous: Some(&snapshot), permission: [8; 32], now, asked: false, ages })
            .map(|mark| mark.swept)
    }

    #[test]
    fn when_everything_is_read() {
        let okta = |hour, change: &dyn Fn(&mut Snapshot, &mut Mark)| decided("okta", hour, change);
        assert_eq!(okta(1, &|_, _| {}), Ok(at(0)));
        assert_eq!(okta(23, &|_, _| {}), Ok(at(0)));
        assert_eq!(okta(24, &|_, _| {}), Err(Full::Old));
        assert_eq!(
            decided_where("okta", 240, false, |_, mark| mark.read_to = at(239)),
            Ok(at(0)),
            "by a schedule"
        );
        assert_eq!(okta(90 * 24, &|_, mark| mark.swept = at(90 * 24)), Err(Full::Forgotten));
        assert_eq!(okta(1, &|was, _| was.permission = [9; 32]), Err(Full::Rights));
        assert_eq!(okta(1, &|was, _| was.rules += 1), Err(Full::Rules));
        assert_eq!(okta(1, &|_, mark| mark.catalog = "other".into()), Err(Full::Rules));
        assert_eq!(okta(1, &|_, mark| mark.place = "x".repeat(5000)), Err(Full::NoPlace));
        assert_eq!(okta(-1, &|_, _| {}), Err(Full::Clock));
        assert_eq!(decided("keycloak", 1, |_, _| {}), Err(Full::NoFeed));
    }
}
