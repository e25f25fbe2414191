//! What lies between two readings of a resource: nobody looked, but the vendor's log may tell.

use jiff::Timestamp;

use crate::base::heard::{Heard, SKEW};
use crate::base::key::ResourceKey;
use crate::catalog::Provider;

/// What is known of the time between a reading and the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Between {
    /// The log is complete for that time and names neither the resource nor what it hangs on.
    NoChange,
    /// The next reading found another state, or the log names the resource.
    Changed,
    /// There is no next reading, no log, or not all of it.
    Unknown,
}

impl Between {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoChange => "no_change",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
        }
    }

    /// What the log says of the time from a reading to the next, when the next found the same state.
    /// `own` is what the snapshot of the first reading heard, `after` what each one after it did, to the
    /// one that read next.
    pub(super) fn by_log(
        catalog: &Provider,
        key: &ResourceKey,
        (from, to): (Timestamp, Timestamp),
        own: Option<&Heard>,
        after: Vec<Option<Heard>>,
    ) -> Self {
        let loud = catalog.audit.as_ref().is_some_and(|audit| audit.tells(&key.kind));
        let heard: Option<Vec<Heard>> = after.into_iter().collect();
        let Some(heard) = heard.filter(|_| loud) else { return Self::Unknown };
        let path = key.to_path();
        let named: Vec<Timestamp> = heard.iter().flat_map(|heard| heard.names(&path)).collect();
        if named.iter().any(|at| *at > from + SKEW && *at < to - SKEW) {
            return Self::Changed;
        }
        // So near to a reading, no two clocks agree on what came first.
        if named.iter().any(|at| *at > from - SKEW && *at < to + SKEW) {
            return Self::Unknown;
        }
        // What the first snapshot heard of after its reading it read again before it ended.
        let quiet = |own: &&Heard| own.since <= from && own.names(&path).all(|at| at < from - SKEW);
        let mut whole_to = own.filter(quiet).map_or(from, |own| from.max(own.until));
        for heard in heard {
            if heard.since > whole_to {
                return Self::Unknown;
            }
            whole_to = whole_to.max(heard.until);
        }
        if whole_to >= to { Self::NoChange } else { Self::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn heard(span: (i64, i64), named: &[(&str, i64)]) -> Option<Heard> {
        let named = named.iter().map(|(path, minute)| ((*path).to_owned(), at(*minute))).collect();
        Some(Heard { since: at(span.0), until: at(span.1), named })
    }

    fn between(path: &str, heard: Vec<Option<Heard>>) -> Between {
        let catalog = catalog::provider("keycloak").unwrap();
        let key = ResourceKey::from_path(path).unwrap();
        Between::by_log(catalog, &key, (at(60), at(180)), None, heard)
    }

    #[test]
    fn a_log_that_is_read_on_has_no_hole() {
        let catalog = catalog::provider("okta").unwrap();
        let of = |path: &str, own: Option<Heard>| {
            let key = ResourceKey::from_path(path).unwrap();
            let after = vec![heard((62, 181), &[])];
            Between::by_log(catalog, &key, (at(60), at(180)), own.as_ref(), after)
        };
        assert_eq!(
            of("user/u", heard((0, 62), &[])),
            Between::NoChange,
            "read to its own end, and on from there"
        );
        assert_eq!(of("user/u", None), Between::Unknown, "two minutes were not heard");
        assert_eq!(
            of("user/u", heard((0, 62), &[("user/u", 61)])),
            Between::Unknown,
            "it moved while it was read"
        );
        assert_eq!(of("sms_template/s", heard((0, 62), &[])), Between::Unknown, "no event would tell");
    }

    #[test]
    fn silence_counts_where_all_of_it_was_heard() {
        let quiet = || vec![heard((50, 121), &[]), heard((110, 181), &[("client/c2", 130)])];
        assert_eq!(between("client/c1", quiet()), Between::NoChange);
        assert_eq!(between("client/c2", quiet()), Between::Changed);
        assert_eq!(between("client_role/c2/r", quiet()), Between::Changed, "its client was touched");
        assert_eq!(between("workflow/w", quiet()), Between::Unknown, "the vendor logs none of it");
        assert_eq!(between("client/c1", vec![heard((50, 121), &[]), None]), Between::Unknown);
        let hole = vec![heard((50, 100), &[]), heard((110, 181), &[])];
        assert_eq!(between("client/c1", hole), Between::Unknown, "ten minutes were not heard");
        let short = vec![heard((50, 170), &[])];
        assert_eq!(between("client/c1", short), Between::Unknown, "not to the next reading");
        assert_eq!(between("client/c1", Vec::new()), Between::Unknown);
    }

    #[test]
    fn what_happened_at_the_reading_itself_is_not_decided() {
        let near = |minute| vec![heard((50, 181), &[("client/c1", minute)])];
        assert_eq!(between("client/c1", near(60)), Between::Unknown);
        assert_eq!(between("client/c1", near(180)), Between::Unknown);
        assert_eq!(between("client/c1", near(55)), Between::NoChange, "seen by the first reading");
        assert_eq!(between("client/c1", near(62)), Between::Changed);
    }
}
