//! Typed 32-byte ids, so that a segment's id can never be passed for a snapshot's.

use std::fmt;

/// Declares a newtype over 32 bytes that prints as lower-case hexadecimal.
macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The id's bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads 64 hexadecimal digits, either case; `None` for anything else.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }

            /// The first eight hexadecimal digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }
    };
}

id32!(
    /// The keyed BLAKE3 of a body's plaintext: equal ids mean equal canonical bytes, within one tenant.
    ObjectId
);
id32!(
    /// Names one segment; random, drawn anew for every attempt at writing it.
    SegmentId
);
id32!(
    /// The hash of a signed record's header; a snapshot is known by it.
    RecordId
);
id32!(
    /// Names a repository; random, drawn at `init`.
    RepositoryId
);
id32!(
    /// The hash of a plan's content, which an approval and an apply are bound to.
    PlanId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip() {
        let id = ObjectId([0xab; 32]);
        assert_eq!(ObjectId::from_hex(&id.to_string()), Some(id));
        assert_eq!(ObjectId::from_hex("ab"), None);
        assert_eq!(id.short(), "abababab");
    }
}
