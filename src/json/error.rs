//! What can be wrong with a JSON text, a pointer or a patch. No variant holds content.

use crate::json::Pointer;

/// A fault in a JSON text, in a pointer, or in applying one to the other.
///
/// Offsets count bytes from the start of the input. Content never stands here: it may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text breaks the grammar of RFC 8259.
    #[error("not JSON at byte {at}: {what}")]
    Syntax {
        /// Where the grammar breaks.
        at: usize,
        /// What was expected or found there, in fixed words.
        what: &'static str,
    },
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    Encoding {
        /// The first byte that belongs to no character.
        at: usize,
    },
    /// A `\u` escape names one half of a surrogate pair and the other half is missing.
    #[error("lone surrogate at byte {at}: the escape stands for no character")]
    LoneSurrogate {
        /// Where the escape begins.
        at: usize,
    },
    /// An object has two members of one name; which of them is meant cannot be known.
    #[error("the object that starts at byte {at} has two members with the same name")]
    DuplicateName {
        /// Where the object begins.
        at: usize,
    },
    /// Arrays and objects are nested deeper than allowed.
    #[error("nested deeper than {max} levels at byte {at}")]
    TooDeep {
        /// Where the level begins that is one too many.
        at: usize,
        /// The limit.
        max: usize,
    },
    /// The text is longer than allowed; nothing of it was read.
    #[error("{bytes} bytes of JSON are more than the limit of {max}")]
    TooLong {
        /// Length of the input.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The text holds more values than allowed.
    #[error("more than {max} values in one document, reached at byte {at}")]
    TooManyValues {
        /// Where the value begins that is one too many.
        at: usize,
        /// The limit.
        max: usize,
    },
    /// The exponent of a number is beyond ±999,999,999.
    #[error("the number at byte {at} has an exponent beyond 999,999,999")]
    NumberRange {
        /// Where the number begins.
        at: usize,
    },
    /// The text is no JSON Pointer (RFC 6901) and no pattern.
    #[error("not a pointer at byte {at}: {what}")]
    BadPointer {
        /// Where the text breaks the rules.
        at: usize,
        /// Which rule.
        what: &'static str,
    },
    /// A value cannot be set at this place, because the place above it does not exist, is no array
    /// or object, or the index is beyond the end.
    #[error("`{pointer}` names no place in this document")]
    NoPlace {
        /// The place that was asked for.
        pointer: Pointer,
    },
    /// A change does not fit the document: the value there is not the one that the change starts
    /// from. Compare again with the document as it is now.
    #[error("the value at `{pointer}` is not the one that the change starts from")]
    Conflict {
        /// The place of the change.
        pointer: Pointer,
    },
}
