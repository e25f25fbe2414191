//! What objects are called (`docs/FORMAT.md` §2). A name carries no id, no time and no type.

use crate::base::ids::SegmentId;
use crate::crypto::hierarchy::TenantPrefix;

/// The highest sequence number that a name can hold.
pub const SEQUENCE_MAX: u64 = 999_999_999_999;

/// The highest number of a key file.
pub const KEY_FILE_MAX: u64 = 9_999_999_999;

/// Under which all key files lie.
pub const KEYS: &str = "keys/";

/// The meaning of an object's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// A key file; the highest number is in force.
    KeyFile(u64),
    /// The segment that holds a tenant's record of that number.
    Record(TenantPrefix, u64),
    /// A segment without a record.
    Data(TenantPrefix, SegmentId),
    /// A tenant's lease.
    Lease(TenantPrefix),
    /// The lease for runs over a tenant.
    Turn(TenantPrefix),
    /// What is known of the runs over a tenant.
    Book(TenantPrefix),
    /// What `init` tests the storage with.
    Probe([u8; 8]),
}

impl Name {
    /// The name as the storage has it.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::KeyFile(number) => format!("{KEYS}{number:010}"),
            Self::Record(prefix, sequence) => format!("{prefix}/{sequence:012}"),
            Self::Data(prefix, id) => format!("{prefix}.d/{id}"),
            Self::Lease(prefix) => format!("{prefix}.lease"),
            Self::Turn(prefix) => format!("{prefix}.turn"),
            Self::Book(prefix) => format!("{prefix}.book"),
            Self::Probe(random) => format!("probe/{}", data_encoding::HEXLOWER.encode(random)),
        }
    }

    /// Reads what [`Self::path`] wrote; `None` for any other name.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let name = if let Some((folder, rest)) = path.split_once('/') {
            if folder == "keys" {
                Self::KeyFile(number(rest, KEY_FILE_MAX)?)
            } else if folder == "probe" {
                Self::Probe(data_encoding::HEXLOWER.decode(rest.as_bytes()).ok()?.try_into().ok()?)
            } else if let Some(prefix) = folder.strip_suffix(".d") {
                Self::Data(TenantPrefix::from_hex(prefix)?, SegmentId::from_hex(rest)?)
            } else {
                Self::Record(TenantPrefix::from_hex(folder)?, number(rest, SEQUENCE_MAX)?)
            }
        } else {
            let (prefix, ending) = path.split_once('.')?;
            let prefix = TenantPrefix::from_hex(prefix)?;
            match ending {
                "lease" => Self::Lease(prefix),
                "turn" => Self::Turn(prefix),
                "book" => Self::Book(prefix),
                _ => return None,
            }
        };
        (name.path() == path).then_some(name)
    }
}

fn number(digits: &str, max: u64) -> Option<u64> {
    digits.parse().ok().filter(|number| (1..=max).contains(number))
}

/// What the names of a tenant's records begin with; the rest sorts by sequence.
#[must_use]
pub fn records_of(prefix: TenantPrefix) -> String {
    format!("{prefix}/")
}

/// What the names of a tenant's data segments begin with.
#[must_use]
pub fn data_of(prefix: TenantPrefix) -> String {
    format!("{prefix}.d/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_read_back() {
        let prefix = TenantPrefix([0xab; 16]);
        for name in [
            Name::KeyFile(1),
            Name::Record(prefix, 1),
            Name::Record(prefix, SEQUENCE_MAX),
            Name::Data(prefix, SegmentId([7; 32])),
            Name::Lease(prefix),
            Name::Turn(prefix),
            Name::Book(prefix),
            Name::Probe([1; 8]),
        ] {
            assert_eq!(Name::parse(&name.path()), Some(name));
        }
        assert!(Name::Record(prefix, 9).path() < Name::Record(prefix, 10).path());
        assert!(Name::Record(prefix, 9).path().starts_with(&records_of(prefix)));
        assert!(!Name::Data(prefix, SegmentId([7; 32])).path().starts_with(&records_of(prefix)));
    }

    proptest! {
        #[test]
        fn no_other_name_is_taken_for_ours(path in "(keys/|[0-9a-fA-F]{32}/|)[0-9+.]{0,14}") {
            if let Some(name) = Name::parse(&path) {
                prop_assert_eq!(name.path(), path);
            }
        }
    }
}
