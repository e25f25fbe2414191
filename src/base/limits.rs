//! Every bound that input from outside must respect, in one place, with its reason.

/// Deepest nesting of a JSON document. The deepest real resource seen has 14 levels.
pub const JSON_DEPTH_MAX: usize = 128;

/// Largest JSON document read from a vendor, in bytes: one page of a list.
pub const JSON_BYTES_MAX: usize = 256 << 20;

/// Largest body of one resource, in bytes.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// Bodies over this many bytes are stored in pieces of this size.
pub const PIECE_BYTES: usize = 1 << 20;

/// Longest `KIND/REF` text, in bytes.
pub const KEY_BYTES_MAX: usize = 4096;
